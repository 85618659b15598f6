//! The power to act: that the observer held a token which would have allowed the options. Refusal without power is no
//! restraint.

use std::collections::BTreeMap;

use vm_core::capability::{Action, Chain, Grant, InForce, Resource};
use vm_core::digest::CapabilityHash;
use vm_core::error::CapabilityError;
use vm_core::id::LedgerId;
use vm_core::key::PublicKey;
use vm_core::record::{StoredRow, SystemKind};

use crate::opening::VerifiedOpening;

/// The chain that a row issues; none where the row is of another kind, or issues none.
pub(super) fn issued(row: &StoredRow) -> Option<Chain> {
    let json = row.text("meta_json").filter(|_| SystemKind::of_row(row) == Some(SystemKind::Capability))?;
    Chain::parse(json.as_bytes()).ok()
}

/// Whether a chain, believed or not, has a token of this hash.
pub(super) fn names(chain: &Chain, capability: &CapabilityHash) -> bool {
    chain.tokens().iter().any(|token| token.hash().as_ref() == Ok(capability))
}

/// Tokens of chains that hold, each with its lineage: hashes from the root's token down to it. Cost: a strict signature check a
/// token of each chain, once.
pub(super) fn lineages<'a>(
    chains: impl Iterator<Item = &'a Chain>,
    root: PublicKey,
    ledger: LedgerId,
) -> BTreeMap<CapabilityHash, Vec<CapabilityHash>> {
    let mut lineages = BTreeMap::new();
    for hashes in chains.filter_map(|chain| chain.check(root, ledger).ok()) {
        for (at, hash) in hashes.iter().enumerate() {
            lineages.entry(*hash).or_insert_with(|| hashes.iter().take(at + 1).copied().collect());
        }
    }
    lineages
}

/// Checks that the token which the opening names was the observer's and granted what the options need, at the time of the
/// opening. That it was not revoked, and that uses were left, is not part of the answer.
pub(super) fn check(
    chain: &Chain,
    opening: &VerifiedOpening,
    root: PublicKey,
    ledger: LedgerId,
) -> Result<(), CapabilityError> {
    let power = opening.power();
    let hashes = chain.check(root, ledger)?;
    let at = hashes.iter().position(|hash| *hash == power.capability).ok_or(CapabilityError::WrongToken)?;
    let token = chain.tokens().get(at).ok_or(CapabilityError::Shape)?;
    let grant = token.grant();
    if grant.holder != opening.observer() {
        return Err(CapabilityError::NotHolder);
    }
    grants(grant, power.action, &power.resource)?;
    if !grant.epochs.contains(&power.epoch) {
        return Err(CapabilityError::EpochNotGranted { epoch: power.epoch });
    }
    if opening.ts() < grant.not_before {
        return Err(CapabilityError::NotYet { not_before: grant.not_before });
    }
    if opening.ts() >= grant.expires {
        return Err(CapabilityError::Expired { expires: grant.expires });
    }
    if grant.uses == Some(0) {
        return Err(CapabilityError::UseNumber);
    }
    Ok(())
}

fn grants(grant: &Grant, action: Action, resource: &Resource) -> Result<(), CapabilityError> {
    if !grant.actions.contains(&action) {
        return Err(CapabilityError::ActionNotGranted { action });
    }
    if !grant.resource.covers(resource) {
        return Err(CapabilityError::ResourceNotGranted { resource: resource.to_string() });
    }
    Ok(())
}

/// Why the token could not be used at the opening, as far as the rows before it say; nothing where it could. This is for whoever
/// makes a proof: a verifier does not see all rows.
pub(super) fn powerless(in_force: &InForce, opening: &VerifiedOpening) -> Option<CapabilityError> {
    let power = opening.power();
    let lineage = in_force.lineage(&power.capability);
    if let Some(hash) = lineage.iter().find(|hash| in_force.is_revoked(hash)) {
        return Some(CapabilityError::Revoked { capability: *hash });
    }
    (in_force.epoch() != power.epoch).then_some(CapabilityError::EpochNotGranted { epoch: power.epoch })
}

/// Why no use is left of the token, or of one that it descends from; nothing where uses are left or nobody counts them.
pub(super) fn used_up(in_force: &InForce, capability: &CapabilityHash) -> Option<CapabilityError> {
    let is_spent = |hash: &&CapabilityHash| {
        let uses = in_force.grant(hash).and_then(|grant| grant.uses);
        uses.is_some_and(|uses| in_force.spent(hash) >= uses)
    };
    in_force.lineage(capability).iter().find(is_spent).map(|hash| CapabilityError::UsedUp { capability: *hash })
}
