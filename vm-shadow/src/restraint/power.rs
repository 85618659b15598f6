//! The power to act: that the observer held a token which would have allowed the options. Refusal without power is no
//! restraint.

use vm_core::capability::{Action, Chain, Engines, Grant, Resource};
use vm_core::digest::CapabilityHash;
use vm_core::error::CapabilityError;
use vm_core::id::{EngineName, LedgerId};
use vm_core::key::PublicKey;
use vm_core::record::{StoredRow, SystemKind, Table};

use crate::opening::VerifiedOpening;

/// The chain that a row issues; none where the row is of another kind, or issues none.
pub(super) fn issued(row: &StoredRow) -> Option<Chain> {
    let is_token = row.table() == Table::ProofArtifacts && row.text("kind") == Some(SystemKind::Capability.as_str());
    let json = row.text("meta_json").filter(|_| is_token)?;
    Chain::parse(json.as_bytes()).ok()
}

/// Whether a chain, believed or not, has a token of this hash.
pub(super) fn names(chain: &Chain, capability: &CapabilityHash) -> bool {
    chain.tokens().iter().any(|token| token.hash().as_ref() == Ok(capability))
}

/// The lineage of `capability` in a chain that holds: hashes from the root's token down to it.
pub(super) fn lineage(
    chain: &Chain,
    capability: &CapabilityHash,
    root: PublicKey,
    ledger: LedgerId,
) -> Result<Vec<CapabilityHash>, CapabilityError> {
    let mut hashes = chain.check(root, ledger)?;
    let at = hashes.iter().position(|hash| hash == capability).ok_or(CapabilityError::WrongToken)?;
    hashes.truncate(at + 1);
    Ok(hashes)
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
    let lineage = lineage(chain, &power.capability, root, ledger)?;
    let token = chain.tokens().get(lineage.len().saturating_sub(1)).ok_or(CapabilityError::Shape)?;
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
    let text = resource.to_string();
    if !grant.resource.covers(resource) {
        return Err(CapabilityError::ResourceNotGranted { resource: text });
    }
    // A scroll is covered by its resource and by its engine.
    let below = text.strip_prefix("/receipts");
    let engine = below.and_then(|name| name.strip_prefix('/')).and_then(|name| name.parse::<EngineName>().ok());
    let covered = match (&grant.engines, below, &engine) {
        (Engines::All, _, _) | (_, None, _) => true,
        (engines, Some(_), Some(engine)) => engines.covers(engine),
        // All scrolls take all engines, and a resource below one scroll is none.
        (Engines::Only(_), Some(below), None) => !(below.is_empty() || below.starts_with('/')),
    };
    if covered { Ok(()) } else { Err(CapabilityError::EngineNotGranted { engine: text }) }
}
