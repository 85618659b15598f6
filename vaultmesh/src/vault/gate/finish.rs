//! Whether what an execution comes to can be recorded once it is over, and recording it.

use vm_core::capability::{Action, InForce, Resource, act};
use vm_core::digest::CapabilityHash;
use vm_core::epoch::Epoch;
use vm_core::record::Table;
use vm_dee::Outcome;

use crate::error::{GateError, TokenError, VaultError};
use crate::vault::Vault;
use crate::vault::gate::execute::Executed;

/// Uses of a token that an execution takes: its intent and its outcome.
const USES: u64 = 2;
/// Uses that a change of epoch takes: its intent, the change, its outcome, an index and a seal.
const USES_CHANGE: u64 = 5;

impl Vault {
    /// Checks, before an intent is recorded, that the token can also record the outcome: in the present epoch, or in `to` where
    /// that is what it will be.
    pub(super) fn check_can_finish(&mut self, to: Option<Epoch>) -> Result<(), VaultError> {
        let last = self.holder.chain().last().map_err(TokenError::Refused)?;
        let (grant, hash) = (last.grant().clone(), last.hash().map_err(TokenError::Refused)?);
        let refused = |reason| -> Result<(), VaultError> { Err(GateError::NoOutcome { reason }.into()) };
        let table: Resource = format!("/{}", Table::ProofArtifacts).parse().map_err(TokenError::Refused)?;
        if !grant.actions.contains(&Action::Record) || !grant.resource.covers(&table) {
            return refused("the token may not record it");
        }
        if to.is_some() && !grant.actions.contains(&Action::Seal) {
            return refused("the token may not seal the change");
        }
        let in_force = self.ledger.refresh()?;
        if !grant.epochs.contains(&to.unwrap_or_else(|| in_force.epoch())) {
            return refused("the token is not good in the epoch that is changed to");
        }
        let needed = if to.is_some() { USES_CHANGE } else { USES };
        if in_force.lineage(&hash).iter().any(|above| is_short(in_force, above, needed)) {
            return refused("the token has too few uses left, or may not be used again at once");
        }
        Ok(())
    }

    /// Records the outcome of an execution, or of none, under leave to record in whatever epoch it is now.
    pub(super) fn record_outcome(&mut self, outcome: &Outcome) -> Result<Executed, VaultError> {
        let (_, trace) = self.proposal(outcome.proposal().row)?;
        let permit = self.permit::<act::Record>()?;
        let header = self.header_of(trace);
        let draft = outcome.draft(header).map_err(GateError::Content)?;
        Ok(Executed::of(outcome, self.record_one(&permit, trace, draft)?))
    }
}

/// Whether a token cannot be used `needed` times, one directly after the other.
fn is_short(in_force: &InForce, token: &CapabilityHash, needed: u64) -> bool {
    in_force.grant(token).is_none_or(|grant| {
        let is_slow = grant.min_interval_seconds.is_some_and(|seconds| seconds > 0);
        is_slow || grant.uses.is_some_and(|uses| uses.saturating_sub(in_force.spent(token)) < needed)
    })
}
