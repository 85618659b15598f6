//! What must not happen.

use thiserror::Error;
use vm_crdt::OpId;

/// A promise that a run broke.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Violation {
    /// Honest replicas that are in touch do not come to the same.
    #[error("replicas {one} and {other} differ in {what}")]
    Differ {
        /// A replica.
        one: usize,
        /// Another.
        other: usize,
        /// In what.
        what: &'static str,
    },
    /// Honest replicas did not come to rest within the bound.
    #[error("honest replicas had not come together after {sessions} sessions")]
    Restless {
        /// Sessions that were held.
        sessions: usize,
    },
    /// An honest author's op is gone.
    #[error("op {id} of honest author {author} reached disk and does not count")]
    Lost {
        /// The replica that wrote it.
        author: usize,
        /// The op.
        id: OpId,
    },
    /// An honest author is proven to have forked.
    #[error("honest author {author} is proven to have forked")]
    Slandered {
        /// The replica that writes under the key.
        author: usize,
    },
    /// Two ops of one author contradict each other and no proof says so.
    #[error("ops {first} and {second} of one author contradict each other and nothing is proven")]
    Unproven {
        /// An op.
        first: OpId,
        /// Another.
        second: OpId,
    },
    /// What counts is not what the rules say.
    #[error("op {id}: {what}")]
    Rule {
        /// The op.
        id: OpId,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Memory beyond its bound.
    #[error("{found} {what} and {limit} are allowed")]
    Bound {
        /// What is held.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
        /// How many there were.
        found: usize,
    },
    /// Two honest replicas broke off although the network had done nothing to their session.
    #[error("a session of honest replicas {one} and {other} over a clean link ended: {why}")]
    Session {
        /// Who began.
        one: usize,
        /// With whom.
        other: usize,
        /// Why.
        why: String,
    },
    /// An honest author could not write where it may.
    #[error("honest author {author} cannot write: {code}")]
    Write {
        /// The replica.
        author: usize,
        /// Why.
        code: &'static str,
    },
    /// A replica does not take what it had written itself.
    #[error("replica {peer} does not take its own disk: {what}")]
    Disk {
        /// The replica.
        peer: usize,
        /// What.
        what: String,
    },
    /// The harness could not do what it has to, such as sealing an event.
    #[error("the harness failed: {0}")]
    Harness(&'static str),
    /// A panic.
    #[error("panic: {0}")]
    Panic(String),
}

impl Violation {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Differ { .. } => "simulate-differ",
            Self::Restless { .. } => "simulate-restless",
            Self::Lost { .. } => "simulate-lost",
            Self::Slandered { .. } => "simulate-slandered",
            Self::Unproven { .. } => "simulate-unproven",
            Self::Rule { .. } => "simulate-rule",
            Self::Bound { .. } => "simulate-bound",
            Self::Session { .. } => "simulate-session",
            Self::Write { .. } => "simulate-write",
            Self::Disk { .. } => "simulate-disk",
            Self::Harness(_) => "simulate-harness",
            Self::Panic(_) => "simulate-panic",
        }
    }
}

/// Why the program cannot run.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum UsageError {
    /// An argument that it does not know, or a number that is none.
    #[error("`{0}` is not understood")]
    Argument(String),
}

impl UsageError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "simulate-usage"
    }
}
