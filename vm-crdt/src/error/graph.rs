//! Ops that a graph does not take.

use thiserror::Error;

use crate::id::OpId;

/// Why an op is not taken.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Another graph's op: of another ledger, or under another charter.
    #[error("op is of another graph")]
    Graph,
    /// Nobody who may write in the epoch that it names.
    #[error("author may not write in epoch {epoch}")]
    Stranger {
        /// The epoch that the op names.
        epoch: u64,
    },
    /// Nobody who is enrolled so far, in an epoch whose event is not here: it may be enrolled by then.
    #[error("author is not enrolled and epoch {epoch} is still to come")]
    NotYet {
        /// The epoch that the op names.
        epoch: u64,
    },
    /// The parent is another author's op, or has not the number before.
    #[error("parent is not the author's op before")]
    Parent,
    /// An epoch below that of a predecessor.
    #[error("epoch {epoch} is below that of predecessor {predecessor}")]
    EpochBack {
        /// The epoch that the op names.
        epoch: u64,
        /// Who names a later one.
        predecessor: OpId,
    },
    /// In its past is an op of its author that is no ancestor: it has merged its own fork.
    #[error("an op of its author lies in its past and is no ancestor")]
    OwnFork,
    /// It names an op of somebody whose fork lies in its own past, and which no sealed frontier names.
    #[error("predecessor {predecessor} is by an author whose fork lies in the op's past")]
    Whitewash {
        /// The op that it names.
        predecessor: OpId,
    },
    /// Its author is proven to have forked, and nobody else's op needs it.
    #[error("author is proven to have forked and no sound op needs this one")]
    Proven,
    /// It names an epoch that two events claim.
    #[error("epoch {epoch} lies beyond a fork of the chain of sealed events")]
    Halted {
        /// The epoch that the op names.
        epoch: u64,
    },
    /// A limit of the graph.
    #[error("the graph is full: {found} {what} and {limit} are allowed")]
    Full {
        /// What is full.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
        /// How many there would be.
        found: usize,
    },
}

impl Refusal {
    /// Whether the op is invalid, for ever and everywhere. Otherwise it may be taken later, or elsewhere.
    #[must_use]
    pub const fn is_invalid(&self) -> bool {
        !matches!(self, Self::NotYet { .. } | Self::Proven | Self::Halted { .. } | Self::Full { .. })
    }

    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Graph => "crdt-op-foreign",
            Self::Stranger { .. } => "crdt-op-stranger",
            Self::NotYet { .. } => "crdt-op-not-yet",
            Self::Parent => "crdt-op-parent",
            Self::EpochBack { .. } => "crdt-op-epoch-back",
            Self::OwnFork => "crdt-op-own-fork",
            Self::Whitewash { .. } => "crdt-op-whitewash",
            Self::Proven => "crdt-op-proven",
            Self::Halted { .. } => "crdt-op-halted",
            Self::Full { .. } => "crdt-graph-full",
        }
    }
}

/// Why an author cannot make an op here.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum AuthorError {
    /// It was never enrolled, or is revoked.
    #[error("author may not write in epoch {epoch}")]
    Stranger {
        /// The last epoch.
        epoch: u64,
    },
    /// Two of its ops contradict each other.
    #[error("author has forked and writes no more under this key")]
    Forked,
    /// The chain of sealed events is forked.
    #[error("the chain of sealed events is forked")]
    Halted,
    /// The op cannot be made.
    #[error("op cannot be made")]
    Op(#[from] super::OpError),
    /// The op was made and the graph does not take it.
    #[error("op is not taken")]
    Refused(#[from] Refusal),
}

impl AuthorError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Stranger { .. } => "crdt-author-stranger",
            Self::Forked => "crdt-author-forked",
            Self::Halted => "crdt-author-halted",
            Self::Op(error) => error.code(),
            Self::Refused(refusal) => refusal.code(),
        }
    }
}
