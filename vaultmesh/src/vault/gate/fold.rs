//! The gate folded over a log: what is in force, and what it lets through.

use vm_core::digest::CapabilityHash;
use vm_core::record::{LogEntry, RowDraft, SCHEMA, StoredRow, SystemKind};
use vm_core::view::{EvidenceView as _, LoggedRow, RowState, Visit};
use vm_dee::error::{ContentError, Violation};
use vm_dee::{Gate, Outcome};
use vm_ledger::Snapshot;

use crate::error::GateError;
use crate::vault::gate::receipt::receipt_fault;

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
