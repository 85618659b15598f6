//! The audit of a ledger of 100,000 rows.

use vm_core::verdict::Verdict;
use vm_seal::audit::{Trust, audit};

use crate::error::{BenchError, Fault};
use crate::harness::{Effort, Reach, Row, in_turns, timed};
use crate::raw;
use crate::store::{ROWS, Store};

const PATH: &str = "full verify of 100,000 rows: leaves, log, tiles, all checkpoints, references, head and key pinned";
const AGAINST: &str = "scan + SHA-256 (sha2) of the same rows";

/// Ours: how many rows were found good.
///
/// # Errors
/// Where the ledger cannot be read, or does not verify.
pub fn ours(store: &Store) -> Result<u64, Fault> {
    let snapshot = store.snapshot()?;
    let (key, head) = (store.note_key()?, snapshot.checkpoint()?);
    let trust = Trust { key: Some(&key), head: head.as_ref() };
    let audit = audit(&snapshot, Some(snapshot.files()), &trust);
    match audit.ledger {
        Some(ledger) if audit.report.verdict() == Verdict::Verified => Ok(ledger.size().as_u64()),
        _ => Err(format!("the audit says {}: {:?}", audit.report.verdict(), audit.report.findings().first()).into()),
    }
}

/// The peer: how many rows it hashed. It compares them with nothing.
///
/// # Errors
/// Whatever keeps the database from being read.
pub fn theirs(store: &Store) -> Result<u64, Fault> {
    raw::scan_and_hash(&store.database())
}

/// The row of the table.
///
/// # Errors
/// [`BenchError`] where a side fails, or the numbers of rows differ.
pub fn row(effort: &Effort) -> Result<Row, BenchError> {
    let store = Store::filled(ROWS).map_err(BenchError::side(PATH))?;
    let (verified, scanned) =
        (ours(&store).map_err(BenchError::side(PATH))?, theirs(&store).map_err(BenchError::side(PATH))?);
    if verified != scanned {
        return Err(BenchError::differ(PATH, verified, scanned));
    }
    let times = in_turns(effort.rounds.min(9), || timed(|| ours(&store)), || timed(|| theirs(&store)));
    Ok(Row::new(PATH, AGAINST, times.map_err(BenchError::side(PATH))?, Reach::AtLeast(0.7)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_every_row() {
        let store = Store::filled(300).unwrap();
        assert_eq!((ours(&store).unwrap(), theirs(&store).unwrap()), (302, 302));
    }
}
