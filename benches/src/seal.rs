//! Sealing everything in a ledger of 100,000 rows.

use vm_core::capability::act;
use vm_core::digest::to_hex;
use vm_core::source::hazmat::FixedClock;
use vm_seal::bundle::SealBundle;
use vm_seal::seal::{SealRequest, seal};
use vm_seal::selection::Selection;

use crate::error::{BenchError, Fault};
use crate::event::Draw;
use crate::harness::{Effort, Reach, Row, in_turns, timed};
use crate::raw;
use crate::store::{ROWS, Store};

const PATH: &str = "seal of a 100,000-row selection: every row read and hashed again, bundle signed";
const AGAINST: &str = "the same index scan + bare node hashing of the stored leaf hashes";

/// Ours.
///
/// # Errors
/// Whatever keeps the ledger from being sealed.
pub fn ours(store: &Store) -> Result<SealBundle, Fault> {
    let snapshot = store.snapshot()?;
    let checkpoint = snapshot.checkpoint()?.ok_or("no checkpoint")?;
    let request = SealRequest::over(Selection::everything(), &checkpoint);
    let (permit, clock) = (store.permit::<act::Seal>()?, FixedClock(store.now()));
    Ok(seal(&snapshot, request, store.log_key(), &permit, &clock, &mut Draw(5))?)
}

/// The peer: it believes the leaf hashes that the log holds.
///
/// # Errors
/// Whatever keeps the database from being read.
pub fn theirs(store: &Store) -> Result<[u8; 32], Fault> {
    raw::root_of_stored(&store.database())
}

/// The row of the table.
///
/// # Errors
/// [`BenchError`] where a side fails, or the roots differ.
pub fn row(effort: &Effort) -> Result<Row, BenchError> {
    let store = Store::filled(ROWS).map_err(BenchError::side(PATH))?;
    let bundle = ours(&store).map_err(BenchError::side(PATH))?;
    let root = theirs(&store).map_err(BenchError::side(PATH))?;
    if bundle.digest().set_root().as_bytes() != &root {
        return Err(BenchError::differ(PATH, bundle.digest().set_root(), to_hex(&root)));
    }
    let times = in_turns(effort.rounds.min(9), || timed(|| ours(&store)), || timed(|| theirs(&store)));
    Ok(Row::new(PATH, AGAINST, times.map_err(BenchError::side(PATH))?, Reach::AtMost(1.5)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_come_to_one_root() {
        let store = Store::filled(300).unwrap();
        assert_eq!(ours(&store).unwrap().digest().set_root().as_bytes(), &theirs(&store).unwrap());
    }
}
