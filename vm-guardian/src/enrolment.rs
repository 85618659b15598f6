//! Enrolments: which actor speaks for whom. Weight goes by identity, never by key.

use std::collections::{BTreeMap, BTreeSet};

/// Who is enrolled. An identity may have any number of actors (keys, hosts, agents); together they weigh one. An actor
/// that is not here weighs nothing.
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

    /// Enrols `actor` under `identity`. An actor belongs to one identity, the last it was enrolled under.
    #[must_use]
    pub fn with(mut self, actor: impl Into<String>, identity: impl Into<String>) -> Self {
        self.enrol(actor, identity);
        self
    }

    /// As [`Enrolments::with`].
    pub fn enrol(&mut self, actor: impl Into<String>, identity: impl Into<String>) {
        self.identity_of.insert(actor.into(), identity.into());
    }

    /// The identity that `actor` speaks for.
    #[must_use]
    pub fn identity(&self, actor: &str) -> Option<&str> {
        self.identity_of.get(actor).map(String::as_str)
    }

    /// Number of identities.
    #[must_use]
    pub fn identities(&self) -> usize {
        self.identity_of.values().collect::<BTreeSet<_>>().len()
    }
}
