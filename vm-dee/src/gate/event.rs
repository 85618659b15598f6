//! Rows as events: parsed, of the right ledger, signed by whom they must be.

use vm_core::epoch::EpochChange;
use vm_core::record::{LogEntry, StoredRow, SystemKind};

use super::{Gate, RowPlace};
use crate::approval::Approval;
use crate::content::{Signed, read as read_content, value_of};
use crate::error::{ContentError, Violation};
use crate::intent::Intent;
use crate::outcome::Outcome;
use crate::policy::GatePolicy;
use crate::proposal::{Proposal, ProposalHash};
use crate::replay::Replay;

/// What a row of the gate says.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A policy, signed by the root key.
    Policy(GatePolicy),
    /// A proposal, signed by its proposer, with its hash.
    Proposal(Proposal, ProposalHash),
    /// A replay.
    Replay(Replay),
    /// An approval, signed by its approver.
    Approval(Approval),
    /// An intent.
    Intent(Intent),
    /// An outcome.
    Outcome(Outcome),
    /// A change of epoch.
    EpochChange(EpochChange),
}

impl Gate {
    /// Kinds of the rows that it is folded over; a row of any other kind changes nothing.
    pub const KINDS: [SystemKind; 8] = [
        SystemKind::GatePolicy,
        SystemKind::Proposal,
        SystemKind::Replay,
        SystemKind::Approval,
        SystemKind::Intent,
        SystemKind::Outcome,
        SystemKind::EpochChange,
        // No row of the gate: it says which key signs the seals that others rest on.
        SystemKind::KeyChange,
    ];
}

/// Reads a row and checks all that needs no state but the keys; none where it is of no kind of the gate.
pub(super) fn read(gate: &Gate, entry: &LogEntry, row: &StoredRow) -> Result<Option<(RowPlace, Event)>, Violation> {
    let Some(kind) = SystemKind::of_row(row).filter(|kind| Gate::KINDS.contains(kind)) else {
        return Ok(None);
    };
    let at = place(entry, row)?;
    let event = match kind {
        SystemKind::GatePolicy => {
            let policy = Signed::<GatePolicy>::of_row(row)?;
            policy.verify(gate.ledger, gate.root_key)?;
            Event::Policy(policy.content().clone())
        }
        SystemKind::Proposal => {
            let proposal = Signed::<Proposal>::of_row(row)?;
            proposal.verify(gate.ledger, proposal.content().proposer)?;
            let hash = proposal.hash()?;
            Event::Proposal(proposal.content().clone(), hash)
        }
        SystemKind::Replay => Event::Replay(read_content(row)?),
        SystemKind::Approval => {
            let approval = Signed::<Approval>::of_row(row)?;
            approval.verify(gate.ledger, approval.content().approver)?;
            Event::Approval(approval.content().clone())
        }
        SystemKind::Intent => Event::Intent(Intent::of_row(row)?),
        SystemKind::Outcome => Event::Outcome(Outcome::of_row(row)?),
        SystemKind::EpochChange => Event::EpochChange(epoch_change(row)?),
        _ => return Ok(None),
    };
    Ok(Some((at, event)))
}

fn epoch_change(row: &StoredRow) -> Result<EpochChange, ContentError> {
    EpochChange::from_value(&value_of(row, SystemKind::EpochChange)?).map_err(ContentError::Record)
}

fn place(entry: &LogEntry, row: &StoredRow) -> Result<RowPlace, Violation> {
    let record = |error| Violation::Content(ContentError::Record(error));
    let id = row.id().map_err(record)?;
    let is_its_entry = entry.table == row.table() && entry.row_id == id && entry.schema == row.schema();
    if !is_its_entry || row.leaf_hash().map_err(record)? != entry.leaf {
        return Err(Violation::OtherEntry);
    }
    if row.blob("capability_hash").is_none() {
        return Err(Violation::NoCapability);
    }
    let ts = row.ts().map_err(record)?;
    let trace = row.trace_id().map_err(record)?;
    let subject = row.row_ref("subject_id").map_err(record)?;
    Ok(RowPlace { seq: entry.seq, row: id, ts, trace, subject })
}
