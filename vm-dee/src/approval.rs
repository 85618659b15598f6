//! Approvals: an enrolled identity's word for one proposal. `docs/spec/dee-approval.md` is the format.

use serde::{Deserialize, Serialize};
use vm_core::epoch::Epoch;
use vm_core::id::{LedgerId, RowId};
use vm_core::instant::Instant;
use vm_core::key::PublicKey;
use vm_core::record::SystemKind;

use crate::content::{Content, Signable};
use crate::error::ContentError;
use crate::proposal::ProposalRef;

/// Content of a row that approves a proposal, signed by its approver. It counts for the proposal's hash, the ledger and the
/// epoch, and until it expires.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The ledger it is for.
    pub ledger: LedgerId,
    /// The row it is for.
    pub row: RowId,
    /// What is approved.
    pub proposal: ProposalRef,
    /// The epoch it is given in.
    pub epoch: Epoch,
    /// A key of the identity that approves.
    pub approver: PublicKey,
    /// When it was given; it does not count before.
    pub given: Instant,
    /// From then on it does not count.
    pub expires: Instant,
}

impl Content for Approval {
    const KIND: SystemKind = SystemKind::Approval;

    fn subject(&self) -> Option<RowId> {
        Some(self.proposal.row)
    }

    fn check(&self) -> Result<(), ContentError> {
        if self.given < self.expires { Ok(()) } else { Err(ContentError::Window) }
    }
}

impl Signable for Approval {
    fn ledger(&self) -> LedgerId {
        self.ledger
    }

    fn row(&self) -> RowId {
        self.row
    }
}
