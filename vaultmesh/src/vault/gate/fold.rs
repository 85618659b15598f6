//! The gate folded over a log: what is in force, and what an audit says of it.

use std::sync::{Mutex, PoisonError};

use vm_core::digest::{CapabilityHash, Sha256Digest};
use vm_core::key::Note;
use vm_core::record::{LogEntry, RowDraft, SCHEMA, StoredRow, SystemKind};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{EvidenceView as _, LoggedRow, RowState, ViewError, Visit};
use vm_dee::error::{ContentError, Violation};
use vm_dee::{Gate, Intent, Outcome};
use vm_ledger::Snapshot;
use vm_seal::audit::AuditedSeal;

use crate::error::{GateError, VaultError};

/// Kinds of rows that the gate folds.
const KINDS: [SystemKind; 7] = [
    SystemKind::GatePolicy,
    SystemKind::Proposal,
    SystemKind::Replay,
    SystemKind::Approval,
    SystemKind::Intent,
    SystemKind::Outcome,
    SystemKind::EpochChange,
];

/// The gate after all that the log holds. Cost: one hash and one signature check for each row of the gate.
pub(crate) fn fold(snapshot: &Snapshot) -> Result<Gate, GateError> {
    let mut gate = Gate::new(snapshot.ledger()?, &snapshot.genesis()?);
    advance(&mut gate, snapshot, 0)?;
    Ok(gate)
}

/// Folds the rows of the gate from place `from` on.
fn advance(gate: &mut Gate, snapshot: &Snapshot, from: u64) -> Result<(), GateError> {
    let mut fault = None;
    snapshot.visit_kinds(&KINDS, from, &mut |entry, state| {
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

/// Lets drafts through, one after the other, as they would stand from place `seq` on. Formats that must be announced first
/// only push them further back, which no rule of the gate minds.
pub(super) fn admit(
    gate: &mut Gate,
    drafts: &[RowDraft],
    capability: CapabilityHash,
    mut seq: u64,
) -> Result<(), Violation> {
    let record = |error| Violation::Content(ContentError::Record(error));
    for draft in drafts {
        let row = draft.complete(Some(capability)).map_err(record)?;
        let (row_id, leaf) = (row.id().map_err(record)?, row.leaf_hash().map_err(record)?);
        gate.apply(&LogEntry { seq, table: row.table(), row_id, schema: SCHEMA, leaf }, &row)?;
        seq = seq.saturating_add(1);
    }
    Ok(())
}

/// Folds the gate over a log that is audited: each row that it refuses is contradicted, each intent without an outcome is
/// undecided. `seals` are those that the log recorded. Of a vault without rows of the gate nothing is said.
pub(crate) fn audit(snapshot: &Snapshot, seals: &[AuditedSeal]) -> Result<Report, VaultError> {
    let (mut rows, mut report, mut auditor) = (0_u64, Report::new(), None);
    snapshot
        .visit_kinds(&KINDS, 0, &mut |entry, state| {
            rows += 1;
            if auditor.is_none() {
                match (snapshot.ledger(), snapshot.genesis()) {
                    (Ok(ledger), Ok(genesis)) => auditor = Some(Gate::new(ledger, &genesis)),
                    _ => {
                        report.find(Finding::new(Code::EvidenceUnreadable, "gate").found("the ledger has no genesis"));
                        return Ok(Visit::Stop);
                    }
                }
            }
            if let Some(gate) = &mut auditor {
                audit_row(gate, snapshot, seals, (&entry, &state), &mut report)?;
            }
            Ok(Visit::Continue)
        })
        .map_err(VaultError::View)?;
    for unfinished in auditor.iter().flat_map(Gate::unfinished) {
        report.find(Finding::new(Code::OutcomeUnknown, format!("intent {}", unfinished.intent())));
    }
    if let Some(gate) = &auditor {
        let open = gate.open().count();
        report.checked(format!("gate: {rows} rows, {open} proposals open, in {}", gate.epoch()));
    }
    Ok(report)
}

fn audit_row(
    gate: &mut Gate,
    snapshot: &Snapshot,
    seals: &[AuditedSeal],
    (entry, state): (&LogEntry, &RowState),
    report: &mut Report,
) -> Result<(), ViewError> {
    let subject = format!("row {}/{}", entry.table, entry.row_id);
    let RowState::Present(row) = state else {
        report.find(Finding::new(Code::EvidenceUnreadable, subject).found("a row of the gate"));
        return Ok(());
    };
    if let Err(violation) = gate.apply(entry, row) {
        report.find(Finding::new(Code::GateViolated, subject).found(format!("{}: {violation}", violation.code())));
        return Ok(());
    }
    if let Some(found) = lacks(snapshot, seals, entry, row)? {
        report.find(Finding::new(Code::GateViolated, subject).found(found));
    }
    Ok(())
}

/// What a row rests on and the log does not have: an intent's seal, a withheld proposal's receipt.
fn lacks(
    snapshot: &Snapshot,
    seals: &[AuditedSeal],
    entry: &LogEntry,
    row: &StoredRow,
) -> Result<Option<&'static str>, ViewError> {
    match SystemKind::of_row(row) {
        Some(SystemKind::Intent) => {
            let Ok(intent) = Intent::of_row(row) else { return Ok(None) };
            let is_named = |seal: &AuditedSeal| {
                let recorded: Option<Sha256Digest> = seal.row.sha256;
                recorded == Some(intent.seal.file) && seal.row.entry.seq < entry.seq
            };
            Ok(if seals.iter().any(is_named) { None } else { Some("its seal was not recorded before it") })
        }
        Some(SystemKind::Outcome) => {
            let receipt = Outcome::of_row(row).ok().and_then(|outcome| outcome.receipt());
            let Some(receipt) = receipt else { return Ok(None) };
            let is_it = |logged: LoggedRow| logged.entry.leaf == receipt.leaf;
            Ok(if snapshot.row(receipt.row)?.is_some_and(is_it) { None } else { Some("its receipt is not recorded") })
        }
        _ => Ok(None),
    }
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
