//! What is written: random keys and values, the same on every machine.

use std::collections::BTreeMap;

/// A key and its value, 16 hexadecimal digits each.
pub(crate) type Edit = (String, String);

/// Actors that write at the same time.
pub(crate) const ACTORS: u8 = 3;
/// Keys of the large map: each actor writes a third.
pub(crate) const KEYS: u64 = 100_000;
/// Edits of one transaction.
pub(crate) const TRANSACTION: usize = 1_000;
/// Of so many keys one is written by all actors.
const SHARED: u64 = 100;

/// What each actor wrote, transaction by transaction.
pub(crate) struct Written(Vec<Vec<Vec<Edit>>>);

impl Written {
    /// `keys` writes, shared out among the actors, in transactions of `size` edits.
    pub(crate) fn new(keys: u64, size: usize) -> Self {
        let each = keys.div_ceil(u64::from(ACTORS));
        let actor = |actor: u8| {
            let edits: Vec<Edit> = (0..each).map(|at| edit(actor, at)).collect();
            edits.chunks(size).map(<[Edit]>::to_vec).collect()
        };
        Self((0..ACTORS).map(actor).collect())
    }

    /// The transactions of each actor.
    pub(crate) fn actors(&self) -> impl Iterator<Item = &Vec<Vec<Edit>>> {
        self.0.iter()
    }

    /// All transactions.
    pub(crate) fn transactions(&self) -> impl Iterator<Item = &Vec<Edit>> {
        self.0.iter().flatten()
    }

    /// Bytes of all keys and values.
    pub(crate) fn bytes(&self) -> usize {
        self.transactions().flatten().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// Whether a map has exactly the keys that were written, each with a value that somebody wrote there.
    pub(crate) fn check(&self, read: &BTreeMap<String, String>) -> Result<(), String> {
        let mut expected: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
        for (key, value) in self.transactions().flatten() {
            expected.entry(key).or_default().push(value);
        }
        if expected.len() != read.len() {
            return Err(format!("{} keys were written and {} are there", expected.len(), read.len()));
        }
        let is_written = |(key, value): (&String, &String)| expected.get(key).is_some_and(|all| all.contains(&value));
        if read.iter().all(is_written) { Ok(()) } else { Err("a key has a value that nobody wrote".to_owned()) }
    }
}

/// Edits of keys that [`Written`] does not have.
pub(crate) fn more(count: u64) -> Vec<Edit> {
    (0..count).map(|at| edit(ACTORS, SHARED * at + 1)).collect()
}

/// The edit of an actor at a place.
pub(crate) fn edit(actor: u8, at: u64) -> Edit {
    let writer = u64::from(actor) << 32;
    let place = if at.is_multiple_of(SHARED) { at } else { writer | at };
    (digits(place), digits(1 << 40 | writer | at))
}

/// 64 bits that look random (the finaliser of SplitMix64), as text.
fn digits(number: u64) -> String {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    format!("{:016x}", mixed ^ (mixed >> 31))
}
