//! The policy of the gate: who may approve, and how many must. `docs/spec/gate-policy.md` is the format.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vm_core::epoch::Epoch;
use vm_core::id::{LedgerId, RowId};
use vm_core::key::PublicKey;
use vm_core::record::SystemKind;

use crate::change::Risk;
use crate::content::{Content, Signable, at_most, rises};
use crate::error::ContentError;
use crate::name::Name;

/// Most enrolled identities. A board of 64 is larger than any quorum that is asked one by one.
pub const IDENTITIES_MAX: usize = 64;
/// Most keys of one identity: a few machines and their successors.
pub const KEYS_MAX: usize = 8;
/// Most roles of one identity, and of one rule.
pub const ROLES_MAX: usize = 16;
/// Longest life of an approval in seconds: ten years of 365.25 days. What should last longer is approved again.
pub const LASTS_SECONDS_MAX: u64 = 315_576_000;

/// Somebody who may approve. However many keys it has, it counts once.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Its name, unique in the policy.
    pub name: Name,
    /// Its keys, rising; no two identities share one.
    pub keys: Vec<PublicKey>,
    /// Its roles.
    pub roles: BTreeSet<Name>,
    /// Whether it is a person, by the word of the root key.
    pub human: bool,
}

/// What proposals of one risk need in one epoch.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The epoch.
    pub epoch: Epoch,
    /// The risk.
    pub risk: Risk,
    /// How many identities must approve, the proposer not counted: 1 or more.
    pub quorum: u32,
    /// Roles that must be among them.
    pub roles: BTreeSet<Name>,
    /// Whether a person must be among them.
    pub human: bool,
    /// Whether the proposal must have been replayed before they approve.
    pub replay: bool,
    /// How long an approval lasts, in seconds: 1 to [`LASTS_SECONDS_MAX`].
    pub lasts_seconds: u64,
}

/// Content of a row that sets the policy, signed by the ledger's root key. What has no rule is not allowed.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatePolicy {
    /// The ledger it is for.
    pub ledger: LedgerId,
    /// The row it is for.
    pub row: RowId,
    /// Counts up, so that an older policy that was signed cannot come after a newer one.
    pub number: u64,
    /// Who is enrolled, by rising name.
    pub identities: Vec<Identity>,
    /// Rules by epoch and risk, at most one for each.
    pub rules: Vec<Rule>,
}

impl Content for GatePolicy {
    const KIND: SystemKind = SystemKind::GatePolicy;

    fn subject(&self) -> Option<RowId> {
        None
    }

    fn check(&self) -> Result<(), ContentError> {
        at_most("identities", IDENTITIES_MAX, self.identities.len())?;
        at_most("rules", Epoch::ALL.len() * Risk::ALL.len(), self.rules.len())?;
        for identity in &self.identities {
            at_most("keys", KEYS_MAX, identity.keys.len())?;
            at_most("roles", ROLES_MAX, identity.roles.len())?;
            if !rises(&identity.keys) {
                return Err(ContentError::Order { name: "keys" });
            }
        }
        let names: Vec<&Name> = self.identities.iter().map(|identity| &identity.name).collect();
        if !rises(&names) {
            return Err(ContentError::Order { name: "identities" });
        }
        let keys: Vec<&PublicKey> = self.identities.iter().flat_map(|identity| &identity.keys).collect();
        if keys.iter().collect::<BTreeSet<_>>().len() != keys.len() {
            return Err(ContentError::SharedKey);
        }
        let cells: Vec<(Epoch, Risk)> = self.rules.iter().map(|rule| (rule.epoch, rule.risk)).collect();
        if !rises(&cells) {
            return Err(ContentError::Order { name: "rules" });
        }
        for rule in &self.rules {
            at_most("roles", ROLES_MAX, rule.roles.len())?;
            if rule.quorum == 0 || !(1..=LASTS_SECONDS_MAX).contains(&rule.lasts_seconds) {
                return Err(ContentError::Rule);
            }
        }
        Ok(())
    }
}

impl Signable for GatePolicy {
    fn ledger(&self) -> LedgerId {
        self.ledger
    }

    fn row(&self) -> RowId {
        self.row
    }
}

impl GatePolicy {
    /// The identity that holds `key`.
    #[must_use]
    pub fn identity(&self, key: &PublicKey) -> Option<&Identity> {
        self.identities.iter().find(|identity| identity.keys.contains(key))
    }

    /// The rule for a risk in an epoch.
    #[must_use]
    pub fn rule(&self, epoch: Epoch, risk: Risk) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.epoch == epoch && rule.risk == risk)
    }
}
