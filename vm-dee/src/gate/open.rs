//! What the gate remembers of a proposal that has not ended.

use std::collections::BTreeSet;

use vm_core::digest::Sha256Digest;
use vm_core::epoch::EpochChange;
use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_core::key::PublicKey;

use super::{Requirement, RowPlace};
use crate::change::{Change, ChangeKind, Risk};
use crate::name::Name;
use crate::policy::Identity;
use crate::proposal::{Proposal, ProposalRef, ReplayPlan};

/// An open proposal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Open {
    pub(crate) proposal: ProposalRef,
    pub(crate) at: RowPlace,
    pub(crate) proposer: PublicKey,
    /// Names of the identities that the proposer's key belongs to or has belonged to since.
    pub(crate) proposer_names: BTreeSet<Name>,
    pub(crate) kind: ChangeKind,
    pub(crate) epoch_change: Option<EpochChange>,
    pub(crate) risk: Risk,
    pub(crate) expires: Instant,
    pub(crate) plan: Option<ReplayPlan>,
    pub(crate) policy: Option<Sha256Digest>,
    pub(crate) replay: Option<Replayed>,
    pub(crate) approvals: Vec<Given>,
    /// The epoch changed before it was authorised.
    pub(crate) voided: bool,
    pub(crate) intent: Option<RowId>,
    /// Its epoch change was recorded.
    pub(crate) changed: bool,
}

/// The replay of a proposal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Replayed {
    pub(crate) at: RowPlace,
    pub(crate) benign_blocked: u64,
}

/// An approval.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Given {
    pub(crate) at: RowPlace,
    pub(crate) approver: PublicKey,
    /// Name of the identity that gave it.
    pub(crate) name: Name,
    pub(crate) given: Instant,
    pub(crate) expires: Instant,
}

impl Given {
    /// From then on it does not count under this requirement; none beyond all time.
    pub(crate) fn until(&self, requirement: &Requirement) -> Option<Instant> {
        let lasts = i64::try_from(requirement.lasts_seconds).ok()?.checked_mul(1_000_000)?;
        Some(self.expires.min(self.given.saturating_add_micros(lasts)))
    }
}

impl Open {
    pub(crate) fn new(at: RowPlace, proposal: ProposalRef, content: &Proposal) -> Self {
        let epoch_change = match content.change {
            Change::Epoch { from, to } => Some(EpochChange { from, to }),
            _ => None,
        };
        Self {
            proposal,
            at,
            proposer: content.proposer,
            proposer_names: BTreeSet::new(),
            kind: content.change.kind(),
            epoch_change,
            risk: content.risk,
            expires: content.expires,
            plan: content.replay,
            policy: content.change.policy(),
            replay: None,
            approvals: Vec::new(),
            voided: false,
            intent: None,
            changed: false,
        }
    }

    /// Whether `identity` is the one that proposed, by any of its keys, now or before.
    pub(crate) fn is_proposer(&self, identity: &Identity) -> bool {
        identity.keys.contains(&self.proposer) || self.proposer_names.contains(&identity.name)
    }
}

impl core::hash::Hash for Open {
    /// The hash of the proposal stands for its content; `EpochChange` has none of its own.
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (
            self.proposal,
            self.at,
            &self.proposer_names,
            self.replay,
            &self.approvals,
            self.voided,
            self.intent,
            self.changed,
        )
            .hash(state);
    }
}
