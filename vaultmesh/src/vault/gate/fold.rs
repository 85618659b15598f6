//! The gate folded over a log: what is in force, and what it lets through.

use std::sync::{Mutex, PoisonError};

use vm_core::digest::CapabilityHash;
use vm_core::key::Note;
use vm_core::record::{LogEntry, RowDraft, SCHEMA, StoredRow, SystemKind};
use vm_core::view::{EvidenceView as _, LoggedRow, RowState, Visit};
use vm_dee::error::{ContentError, Violation};
use vm_dee::{Gate, Outcome};
use vm_ledger::Snapshot;

use crate::error::GateError;
use crate::vault::gate::receipt::receipt_fault;

/// The gate after all that the log holds. Cost: one hash and one signature check for each row of the gate.
pub(crate) fn fold(snapshot: &Snapshot) -> Result<Gate, GateError> {
    let mut gate = Gate::new(snapshot.ledger()?, &snapshot.genesis()?);
    advance(&mut gate, snapshot, 0)?;
    Ok(gate)
}

/// Folds the rows of the gate from place `from` on.
fn advance(gate: &mut Gate, snapshot: &Snapshot, from: u64) -> Result<(), GateError> {
    let mut fault = None;
    snapshot.visit_kinds(&Gate::KINDS, from, &mut |entry, state| {
        let RowState::Present(row) = state else {
            fault = Some(GateError::Unreadable { row: entry.row_id });
            return Ok(Visit::Stop);
        };
        if let Err(source) = gate.apply(&entry, &row) {
            fault = Some(GateError::Violated { row: entry.row_id, source });
            return Ok(Visit::Stop);
        }
        Ok(Visit::Continue)
    })?;
    fault.map_or(Ok(()), Err)
}

/// What an open vault has folded, so that it goes on from there.
#[derive(Debug, Default)]
pub(in crate::vault) struct Folds(Mutex<Option<Folded>>);

#[derive(Debug)]
struct Folded {
    gate: Gate,
    /// Size of the log that was folded.
    size: u64,
    /// The checkpoint that the log has of that size.
    head: Note,
}

impl Folds {
    /// As [`fold`]. Cost: as that, for the rows since the last call; a log that is no longer the one that was folded, since a
    /// backup was put in its place, is folded anew.
    pub(super) fn fold(&self, snapshot: &Snapshot) -> Result<Gate, GateError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let size = snapshot.size()?;
        let gate = match kept.take() {
            Some(Folded { mut gate, size: from, head }) if snapshot.checkpoint_at(from)?.as_ref() == Some(&head) => {
                advance(&mut gate, snapshot, from)?;
                gate
            }
            _ => fold(snapshot)?,
        };
        // What is committed stays, and a snapshot sees nothing else.
        let head = snapshot.checkpoint_at(size)?;
        *kept = head.map(|head| Folded { gate: gate.clone(), size, head });
        Ok(gate)
    }
}

/// Lets drafts through, one after the other, as they would stand behind all that `snapshot` holds. Formats that must be
/// announced first only push them further back, which no rule of the gate minds.
pub(super) fn admit(
    snapshot: &Snapshot,
    gate: &mut Gate,
    drafts: &[RowDraft],
    capability: CapabilityHash,
) -> Result<(), GateError> {
    let record = |error| Violation::Content(ContentError::Record(error));
    let mut ahead: Vec<LoggedRow> = Vec::with_capacity(drafts.len());
    for (seq, draft) in (snapshot.size()?..).zip(drafts) {
        let row = draft.complete(Some(capability)).map_err(record)?;
        let (row_id, leaf) = (row.id().map_err(record)?, row.leaf_hash().map_err(record)?);
        let entry = LogEntry { seq, table: row.table(), row_id, schema: SCHEMA, leaf };
        gate.apply(&entry, &row)?;
        check_receipt(snapshot, &ahead, &entry, &row)?;
        ahead.push(LoggedRow { entry, row });
    }
    Ok(())
}

/// Checks the receipt that an outcome names, which may be about to be recorded with it.
fn check_receipt(snapshot: &Snapshot, ahead: &[LoggedRow], entry: &LogEntry, row: &StoredRow) -> Result<(), GateError> {
    if SystemKind::of_row(row) != Some(SystemKind::Outcome) {
        return Ok(());
    }
    let outcome = Outcome::of_row(row)?;
    let Some(receipt) = outcome.receipt() else { return Ok(()) };
    let logged = match ahead.iter().find(|logged| logged.entry.row_id == receipt.row) {
        Some(logged) => Some(logged.clone()),
        None => snapshot.row(receipt.row)?,
    };
    receipt_fault(&outcome, receipt, entry.seq, logged.as_ref())
        .map_or(Ok(()), |fault| Err(GateError::Receipt { fault }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::path::Path;

    use vm_dee::Change;
    use vm_ledger::Ledger;

    use super::*;
    use crate::vault::{LOCK_TIMEOUT, Place, PolicyInput, ProposalInput, Sources, Vault};

    const POLICY: &str = "format = \"vm-gate-policy-file-v0\"\n[[rule]]\nepoch = \"nigredo\"\nrisk = \"medium\"\n\
        quorum = 1\nroles = []\nhuman = false\nreplay = false\nlasts_seconds = 60\n";

    fn open(dir: &Path, vault: &str) -> Vault {
        let place = Place { vault: dir.join(vault), keys: dir.join("keys") };
        Vault::open(&place, Sources::system().unwrap(), LOCK_TIMEOUT).unwrap()
    }

    fn propose(vault: &mut Vault) -> vm_core::id::RowId {
        let change = Change::Threshold { name: "risk.max".parse().unwrap(), from: 0.5, to: 0.4 };
        vault.propose(ProposalInput::of(change)).unwrap().recorded.id
    }

    /// What a vault that stays open folds from a snapshot is what one folds who sees it for the first time.
    #[track_caller]
    fn is_sound(folds: &Folds, snapshot: &Snapshot) {
        let (kept, anew) = (folds.fold(snapshot).unwrap(), fold(snapshot).unwrap());
        assert_eq!(kept.fingerprint(), anew.fingerprint());
    }

    #[test]
    fn rows_of_other_writers_are_folded_and_another_log_is_folded_anew() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let place = Place { vault: dir.join("vault"), keys: dir.join("keys") };
        let mut one = Vault::init(&place, Sources::system().unwrap()).unwrap().vault;
        one.gate_policy(PolicyInput::parse(POLICY).unwrap()).unwrap();
        let mut other = open(dir, "vault");
        for _ in 0..4 {
            let row = propose(&mut other);
            is_sound(&one.folds, &one.ledger.snapshot().unwrap());
            one.withhold(row, "not now").unwrap();
            assert_eq!(other.withhold(row, "again").unwrap_err().code(), "gate-proposal-unknown");
            is_sound(&other.folds, &other.ledger.snapshot().unwrap());
        }
        // A refused row leaves nothing behind, and evidence in between changes nothing.
        let capability = one.holder.chain().last().unwrap().hash().unwrap();
        let refused = one.propose(ProposalInput::of(Change::Revoke { capability }));
        assert_eq!(refused.unwrap_err().code(), "gate-no-rule");
        one.put_rune(&serde_json::json!({ "a": 1 }), false, &crate::vault::Common::default()).unwrap();
        is_sound(&one.folds, &one.ledger.snapshot().unwrap());

        // A backup in its place, and one that went on by itself until it is longer.
        std::fs::create_dir(dir.join("backup")).unwrap();
        for name in ["ledger.db", "ledger.db-wal"] {
            std::fs::copy(dir.join("vault").join(name), dir.join("backup").join(name)).unwrap();
        }
        let kept = propose(&mut one);
        let backup = || Ledger::open_read(&dir.join("backup")).unwrap();
        is_sound(&one.folds, &backup());
        let mut fork = open(dir, "backup");
        is_sound(&one.folds, &one.ledger.snapshot().unwrap());
        for _ in 0..3 {
            propose(&mut fork);
        }
        is_sound(&one.folds, &backup());
        let gate = one.folds.fold(&backup()).unwrap();
        assert!(gate.open().all(|open| open.row != kept));
        is_sound(&one.folds, &one.ledger.snapshot().unwrap());
    }
}
