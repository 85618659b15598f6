//! The gate: proposals, approvals, executions and epochs of a vault. What is in force is folded from the log, on from where it
//! was folded before, and asked under the writers' lock before a row of it is appended (`docs/adr/0016`).

mod anchored;
mod audit;
mod execute;
mod finish;
mod fold;
mod line;
mod policy;
mod propose;
mod receipt;
mod recover;
mod replay;
mod state;
mod suggest;
mod trail;
mod withhold;

use vm_core::capability::{Act, Permit};
use vm_core::id::{RowId, TraceId};
use vm_core::record::{Appended, RowDraft, RowHeader, SystemKind};
use vm_core::view::EvidenceView as _;
use vm_dee::{Proposal, Signed};
use vm_ledger::{Decided, LedgerError, Snapshot};

use crate::error::{GateError, VaultError};
use crate::vault::{Recorded, Vault};

pub(crate) use audit::{audit, audit_anchored};
pub use execute::{Executed, ExecutionLock};
pub(super) use fold::Folds;
pub(crate) use fold::fold;
pub use policy::{IdentityInput, PolicyInput};
pub use propose::{PROPOSAL_LASTS_MICROS, ProposalInput, Proposed};
pub use recover::Recovered;
pub use replay::Thresholds;
pub use state::{ProposalState, word};
pub use suggest::SuggestedIn;
pub use withhold::Withheld;

impl Vault {
    /// The proposal in `row`, and the chain of work it belongs to.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`VaultError::Gate`] where the row is no proposal.
    pub fn proposal(&self, row: RowId) -> Result<(Signed<Proposal>, TraceId), VaultError> {
        proposal_in(&self.ledger.snapshot()?, row)
    }

    fn header_of(&mut self, trace: TraceId) -> RowHeader {
        RowHeader::mint(&*self.sources.clock, &mut *self.sources.entropy, trace)
    }

    /// Appends rows of the gate, all or none, if it lets them through as the log stands under the writers' lock.
    fn decide<A: Act>(
        &mut self,
        permit: &Permit<A>,
        trace: TraceId,
        drafts: Vec<RowDraft>,
    ) -> Result<Vec<Appended>, VaultError> {
        let (announcement, now, capability) = (self.header_of(trace), self.now(), permit.capability());
        let folds = &self.folds;
        let decided = self.ledger.decide(permit, announcement, now, |snapshot| {
            let mut gate = folds.fold(snapshot)?;
            fold::admit(snapshot, &mut gate, &drafts, capability)?;
            Ok(drafts)
        });
        decided.map_err(|error| match error {
            Decided::Refused(refused) => VaultError::Gate(refused),
            Decided::Ledger(error) => error.into(),
            _ => LedgerError::OutcomeUnknown.into(),
        })
    }

    fn decide_one<A: Act>(
        &mut self,
        permit: &Permit<A>,
        trace: TraceId,
        draft: RowDraft,
    ) -> Result<Appended, VaultError> {
        let appended = self.decide(permit, trace, vec![draft])?;
        appended.into_iter().next().ok_or_else(|| LedgerError::OutcomeUnknown.into())
    }

    fn record_one(
        &mut self,
        permit: &Permit<vm_core::capability::act::Record>,
        trace: TraceId,
        draft: RowDraft,
    ) -> Result<Recorded, VaultError> {
        self.decide_one(permit, trace, draft).map(Recorded::of_system)
    }
}

fn proposal_in(snapshot: &Snapshot, row: RowId) -> Result<(Signed<Proposal>, TraceId), VaultError> {
    let logged = snapshot.row(row).map_err(VaultError::View)?;
    let logged = logged.filter(|logged| SystemKind::of_row(&logged.row) == Some(SystemKind::Proposal));
    let logged = logged.ok_or_else(|| VaultError::NotFound { what: "proposal", name: row.to_string() })?;
    let trace = logged.row.trace_id().map_err(VaultError::Record)?;
    Ok((Signed::of_row(&logged.row).map_err(GateError::Content)?, trace))
}
