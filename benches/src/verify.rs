//! The audit of a ledger.

use vm_core::verdict::Verdict;
use vm_seal::audit::{Trust, audit};

use crate::error::Fault;
use crate::raw;
use crate::store::Store;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_every_row() {
        let store = Store::filled(300).unwrap();
        assert_eq!((ours(&store).unwrap(), theirs(&store).unwrap()), (302, 302));
    }
}
