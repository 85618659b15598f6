//! The gate folded over a log: what is in force, and what an audit says of it.

use vm_anchor::VerifiedAnchor;
use vm_core::digest::{CapabilityHash, Sha256Digest};
use vm_core::record::{LogEntry, RowDraft, SCHEMA, StoredRow, SystemKind};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{EvidenceView as _, LoggedRow, RowState, ViewError, Visit};
use vm_dee::error::{ContentError, Violation};
use vm_dee::{Gate, Intent, Outcome};
use vm_ledger::Snapshot;
use vm_seal::audit::AuditedSeal;

use crate::error::{GateError, VaultError};

/// The gate after all that the log holds. Cost: one hash and one signature check for each row of the gate.
pub(crate) fn fold(snapshot: &Snapshot) -> Result<Gate, GateError> {
    let ledger = snapshot.ledger()?;
    let mut gate = Gate::new(ledger, &snapshot.genesis()?);
    let mut fault = None;
    snapshot.visit_kinds(&Gate::KINDS, 0, &mut |entry, state| {
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
    fault.map_or(Ok(gate), Err)
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
        .visit_kinds(&Gate::KINDS, 0, &mut |entry, state| {
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

/// Undecided is each intent that names an anchor which does not count, by what verification says of the seal it rests on.
/// `counted` are the anchors that do, of each of `seals`. An anchor's identity cannot be named before there is the anchor.
pub(crate) fn audit_anchored(
    snapshot: &Snapshot,
    seals: &[AuditedSeal],
    counted: &[Vec<VerifiedAnchor>],
) -> Result<Report, VaultError> {
    let mut report = Report::new();
    snapshot
        .visit_kinds(&[SystemKind::Intent], 0, &mut |entry, state| {
            // What cannot be read is found where the gate is folded.
            let RowState::Present(row) = state else { return Ok(Visit::Continue) };
            let Ok(intent) = Intent::of_row(&row) else { return Ok(Visit::Continue) };
            let mut all =
                seals.iter().zip(counted).filter_map(|(seal, anchors)| Some((seal.verified.as_ref()?, anchors)));
            let rests =
                |(seal, anchors): (_, &Vec<_>)| anchors.iter().any(|anchor| intent.rests_on(seal, Some(anchor)));
            if intent.anchor.is_some() && !all.any(rests) {
                let finding = Finding::new(Code::SealUnanchored, format!("intent {}", entry.row_id));
                report.find(finding.found("the anchor that it rests on does not count"));
            }
            Ok(Visit::Continue)
        })
        .map_err(VaultError::View)?;
    Ok(report)
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
