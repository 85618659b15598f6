//! Two sets of a million ids that differ in few: what it takes to tell in which.

use std::collections::BTreeSet;

use negentropy::{Id, Negentropy, NegentropyStorageVector};
use sha2::{Digest as _, Sha256};
use vm_crdt::OpId;
use vm_crdt::sketch::{Decoder, Progress, SYMBOL_LEN, Sketch, SketchKey};

use crate::error::{BenchError, Fault};
use crate::event::Draw;
use crate::harness::{Effort, Reach, Row, Times, compare, in_turns, timed};

/// The name by which these rows are asked for, all at once: they share their sets.
pub const NAME: &str = "reconcile";

const BYTES: &str = "reconcile 1,000,000 ids, 100 differences anywhere: bytes";
const TIME: &str = "reconcile 1,000,000 ids, 100 differences: sketch made of ids, theirs decoded";
const PEER: &str = "negentropy, all rounds";
const APPEND: &str = "append to a sketch kept up for 1,000 differences";
const BOUND: &str = "a bound, no peer";
/// Differences of which the bytes are counted, and how often. The first is there to show a loss.
const COUNTED: [(&str, usize, usize); 5] = [
    ("bytes to decode 10 differences", 10, 400),
    ("bytes to decode 30 differences", 30, 400),
    ("bytes to decode 100 differences", 100, 200),
    ("bytes to decode 1,000 differences", 1_000, 40),
    ("bytes to decode 10,000 differences", 10_000, 4),
];
const LEAST: &str = "13 bytes a difference";
/// Symbols that come with the first message: 2 kB. Nobody knows beforehand how much differs.
const FIRST: usize = 160;
/// Symbols of a sketch: as many as 1,000 differences need with a chance of 99 in 100.
const SYMBOLS: usize = 1_450;
/// Ids that only one side has, for each side.
const APART: usize = 50;

/// An id, and the time at which it came to be, by which the peer sorts.
type Stamped = (u64, OpId);

/// Two sets, as lists of ids in the order in which they came to be.
struct Sets {
    ours: Vec<Stamped>,
    theirs: Vec<Stamped>,
}

impl Sets {
    /// About `count` ids each; on each side [`APART`] are missing, from anywhere.
    fn of(count: usize) -> Result<Self, Fault> {
        let mut draw = Draw(17);
        let mut missing = BTreeSet::new();
        while missing.len() < 2 * APART {
            missing.insert(usize::try_from(draw.below(u64::try_from(count)?))?);
        }
        let from_us: BTreeSet<usize> = missing.iter().copied().step_by(2).collect();
        let (mut ours, mut theirs) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut draw = Draw(23);
        for (at, stamp) in (0..count).zip(0..) {
            let id = id(&mut draw);
            if !from_us.contains(&at) {
                ours.push((stamp, id));
            }
            if from_us.contains(&at) || !missing.contains(&at) {
                theirs.push((stamp, id));
            }
        }
        Ok(Self { ours, theirs })
    }
}

fn id(draw: &mut Draw) -> OpId {
    let mut bytes = [0; 32];
    bytes.chunks_exact_mut(8).for_each(|part| part.copy_from_slice(&draw.bits().to_be_bytes()));
    OpId::from_bytes(bytes)
}

fn key(number: u8) -> SketchKey {
    SketchKey::from_bytes([number; 16])
}

fn sketch(key: SketchKey, symbols: usize, ids: &[Stamped]) -> Sketch {
    let mut sketch = Sketch::new(key, symbols);
    ids.iter().for_each(|(_, id)| sketch.insert(id));
    sketch
}

/// Decodes with `first` symbols, and with as many more as the decoder asks for. Bytes, and ids found on each side.
fn decode(own: &Sketch, theirs: &Sketch, first: usize) -> Result<(usize, usize, usize), Fault> {
    let mut decoder = Decoder::new(own);
    let (mut bytes, mut wanted) = (0, first);
    loop {
        let from = decoder.received();
        let run = theirs.symbols(from..from + wanted);
        bytes += run.len();
        match decoder.add(&run)? {
            Progress::Complete => {
                let found = decoder.difference();
                return Ok((bytes, found.ours.len(), found.theirs.len()));
            }
            Progress::More { symbols } => wanted = symbols.min(own.count() - decoder.received()),
        }
    }
}

fn storage(ids: &[Stamped]) -> Result<NegentropyStorageVector, Fault> {
    let mut storage = NegentropyStorageVector::with_capacity(ids.len());
    for (stamp, id) in ids {
        storage.insert(*stamp, Id::from_byte_array(*id.as_bytes()))?;
    }
    storage.seal()?;
    Ok(storage)
}

/// The peer's whole exchange: bytes both ways, and ids found on each side.
fn exchange(ours: &NegentropyStorageVector, theirs: &NegentropyStorageVector) -> Result<(usize, usize, usize), Fault> {
    let (mut one, mut other) = (Negentropy::borrowed(ours, 0)?, Negentropy::borrowed(theirs, 0)?);
    let (mut have, mut need) = (Vec::new(), Vec::new());
    let mut next = Some(one.initiate()?);
    let mut bytes = 0;
    while let Some(message) = next {
        let answer = other.reconcile(&message)?;
        bytes += message.len() + answer.len();
        next = one.reconcile_with_ids(&answer, &mut have, &mut need)?;
    }
    Ok((bytes, have.len(), need.len()))
}

/// All rows about reconciliation.
///
/// # Errors
/// [`BenchError`] where a side fails, or does not find the difference.
pub fn rows(effort: &Effort) -> Result<Vec<Row>, BenchError> {
    let part = if effort.rounds < Effort::FULL.rounds { 100 } else { 1 };
    measure(effort, part).map_err(BenchError::side(NAME))
}

fn measure(effort: &Effort, part: usize) -> Result<Vec<Row>, Fault> {
    let sets = Sets::of(1_000_000 / part)?;
    let theirs = sketch(key(1), SYMBOLS, &sets.theirs);
    let their_storage = storage(&sets.theirs)?;
    let ours = decode(&sketch(key(1), SYMBOLS, &sets.ours), &theirs, FIRST)?;
    let peer = exchange(&storage(&sets.ours)?, &their_storage)?;
    if (ours.1, ours.2) != (APART, APART) || (peer.1, peer.2) != (APART, APART) {
        return Err(format!("not the difference of the sets: {ours:?}, {peer:?}").into());
    }
    let bytes = Times { ours: float(ours.0), other: float(peer.0) };
    let mut rows = vec![Row::new(BYTES, PEER, bytes, Reach::AtMost(0.02)).in_bytes()];
    for (path, differences, times) in COUNTED {
        let times = (times / part).max(1);
        let mean = float(bytes_for(differences, times)?) / float(times);
        let bytes = Times { ours: mean, other: float(differences * SYMBOL_LEN) };
        rows.push(Row::new(path, LEAST, bytes, Reach::AtMost(1.6)).in_bytes());
    }
    rows.extend(appends(effort, &sets.ours));
    let times = in_turns(
        effort.rounds.min(5),
        || timed(|| decode(&sketch(key(1), SYMBOLS, &sets.ours), &theirs, FIRST)),
        || timed(|| exchange(&storage(&sets.ours)?, &their_storage)),
    )?;
    // Three hundred nanoseconds an id, as for one append.
    let bound = Times { ours: times.ours, other: 300.0 * float(sets.ours.len()) };
    rows.push(Row::new(TIME, BOUND, bound, Reach::AtMost(1.0)));
    rows.push(Row::new(TIME, PEER, times, Reach::AtMost(1.0)));
    Ok(rows)
}

/// Bytes of runs up to the first symbol with which so many differences decode, in all of `times` pairs of sets.
fn bytes_for(differences: usize, times: usize) -> Result<usize, Fault> {
    let mut bytes = 0;
    let mut draw = Draw(5);
    // Single symbols where it matters; hundredths of all where there are many.
    let step = differences / 100 + 1;
    for number in 0..times {
        let key = key(u8::try_from(number % 256)?);
        let symbols = differences * 2 + 200;
        let (mut own, mut other) = (Sketch::new(key, symbols), Sketch::new(key, symbols));
        for place in 0..differences {
            if place % 2 == 0 { own.insert(&id(&mut draw)) } else { other.insert(&id(&mut draw)) }
        }
        let mut decoder = Decoder::new(&own);
        while decoder.add(&other.symbols(decoder.received()..decoder.received() + step))? != Progress::Complete {}
        // As one run: that is how they travel where the number of differences is known.
        bytes += other.symbols(0..decoder.received()).len();
    }
    Ok(bytes)
}

/// One append, against a bound and against a hash that everybody knows the cost of.
fn appends(effort: &Effort, ids: &[Stamped]) -> [Row; 2] {
    let mut kept = Sketch::new(key(2), SYMBOLS);
    let (mut ours, mut other) = (ids.iter().cycle(), ids.iter().cycle());
    let append = || {
        if let Some((_, id)) = ours.next() {
            kept.insert(id);
        }
    };
    let hash = || other.next().map(|(_, id)| Sha256::digest(id.as_bytes()));
    let times = compare(effort, append, hash);
    [
        Row::new(APPEND, BOUND, Times { ours: times.ours, other: 300.0 }, Reach::AtMost(1.0)),
        Row::new(APPEND, "SHA-256 (sha2) of 32 bytes", times, Reach::AtMost(4.0)),
    ]
}

fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::NAN, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_measured() {
        let rows = measure(&Effort::QUICK, 1_000).unwrap();
        assert_eq!(rows.len(), 10);
        assert!(rows.iter().all(|row| row.ratio().is_finite()));
    }
}
