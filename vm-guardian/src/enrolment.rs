//! Enrolments: which actor speaks for whom, and by whose key it must be said. Weight goes by identity, never by key.

use std::collections::{BTreeMap, BTreeSet};

use vm_core::canonical;
use vm_core::capability::InForce;
use vm_core::digest::CapabilityHash;
use vm_core::id::LedgerId;
use vm_core::key::PublicKey;
use vm_core::record::{Genesis, StoredRow, SystemKind};

/// The identity of keys that record what any actor says: those of collectors. It is nobody's own.
pub const ANYBODY: &str = "*";

/// Who is enrolled. An identity may have any number of actors (keys, hosts, agents); together they weigh one. An actor
/// that is not here weighs nothing.
///
/// An actor is a name that whoever records can write. So what it says counts only where the key that recorded it is enrolled as
/// well, under the same identity, or as that of a [collector](Enrolments::enrol_collector).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Enrolments {
    identity_of: BTreeMap<String, String>,
}

impl Enrolments {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Enrols `actor` under `identity`. An actor belongs to one identity, the last it was enrolled under. A key is an actor
    /// by its 64 hexadecimal digits.
    #[must_use]
    pub fn with(mut self, actor: impl Into<String>, identity: impl Into<String>) -> Self {
        self.enrol(actor, identity);
        self
    }

    /// As [`Enrolments::with`].
    pub fn enrol(&mut self, actor: impl Into<String>, identity: impl Into<String>) {
        self.identity_of.insert(actor.into(), identity.into());
    }

    /// Enrols a key that records for others, and is believed when it says for whom: one that asks each of them itself.
    /// Whoever has it can speak as every enrolled actor.
    pub fn enrol_collector(&mut self, key: PublicKey) {
        self.enrol(key.to_string(), ANYBODY);
    }

    /// The identity that `actor` speaks for.
    #[must_use]
    pub fn identity(&self, actor: &str) -> Option<&str> {
        self.identity_of.get(actor).map(String::as_str).filter(|identity| *identity != ANYBODY)
    }

    /// The identity that speaks where `holder` recorded that `actor` said something; none where the key is not known, or not
    /// enrolled to say so.
    #[must_use]
    pub fn speaker(&self, actor: &str, holder: Option<PublicKey>) -> Option<&str> {
        let identity = self.identity(actor)?;
        let by = self.identity_of.get(&holder?.to_string())?;
        (by == identity || by == ANYBODY).then_some(identity)
    }

    /// Number of identities.
    #[must_use]
    pub fn identities(&self) -> usize {
        self.identity_of.values().filter(|identity| *identity != ANYBODY).collect::<BTreeSet<_>>().len()
    }
}

/// Who holds the tokens that rows are recorded under, as far as the log was walked.
#[derive(Debug)]
pub(crate) struct Holders {
    ledger: LedgerId,
    in_force: Option<InForce>,
}

impl Holders {
    /// Nobody yet, at the beginning of the log of `ledger`.
    pub(crate) const fn new(ledger: LedgerId) -> Self {
        Self { ledger, in_force: None }
    }

    /// Takes in the next row of the log. Cost: a strict signature check a token issued.
    pub(crate) fn take(&mut self, row: &StoredRow) {
        match SystemKind::of_row(row) {
            // The first row alone: what the ledger is, the verification says.
            Some(SystemKind::Genesis) if self.in_force.is_none() => {
                let content = row.text("meta_json");
                let content = content.and_then(|json| canonical::parse(json.as_bytes(), canonical::BYTES_MAX).ok());
                let genesis = content.and_then(|content| Genesis::from_value(&content).ok());
                self.in_force = genesis.map(|genesis| InForce::new(self.ledger, genesis.root_key()));
            }
            Some(SystemKind::Capability) => {
                // A chain that does not hold issues nothing; the verification finds it.
                let _ = self.in_force.as_mut().map(|in_force| in_force.apply(row));
            }
            _ => {}
        }
    }

    /// Holder of the token that a row is recorded under; none where no row before it issues that token.
    pub(crate) fn of(&self, row: &StoredRow) -> Option<PublicKey> {
        let capability = CapabilityHash::from_slice(row.blob("capability_hash")?).ok()?;
        Some(self.in_force.as_ref()?.grant(&capability)?.holder)
    }
}

#[cfg(test)]
mod tests {
    use vm_core::key::SigningIdentity;

    use super::*;

    #[test]
    fn what_an_actor_says_takes_a_key_that_may_say_it() {
        let [own, other, collector] = [1, 2, 3].map(|seed| SigningIdentity::from_seed(&[seed; 32]).public());
        let mut enrolments = Enrolments::new().with("agent-7", "alice").with("agent-8", "bob");
        enrolments.enrol(own.to_string(), "alice");
        enrolments.enrol(other.to_string(), "bob");
        assert_eq!(enrolments.speaker("agent-7", Some(own)), Some("alice"));
        assert_eq!(enrolments.speaker("agent-8", Some(own)), None, "one's own key speaks for nobody else");
        assert_eq!(enrolments.speaker("agent-7", Some(collector)), None);
        assert_eq!(enrolments.speaker("agent-7", None), None);
        assert_eq!(enrolments.speaker("agent-9", Some(own)), None);
        enrolments.enrol_collector(collector);
        assert_eq!(enrolments.speaker("agent-7", Some(collector)), Some("alice"));
        assert_eq!(enrolments.speaker("agent-8", Some(collector)), Some("bob"));
        assert_eq!(enrolments.speaker(&collector.to_string(), Some(collector)), None, "a collector is nobody itself");
        assert_eq!(enrolments.identities(), 2);
    }
}
