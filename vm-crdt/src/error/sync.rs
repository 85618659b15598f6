//! Messages that cannot be read, and peers with whom a session ends.

use thiserror::Error;
use vm_core::error::KeyError;

use super::{BytesError, EquivocationError, EventError, PackError, Refusal, StateError};
use crate::id::OpId;

/// Bytes that are no message.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Longer than the limit.
    #[error("message of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// The bytes end too early or late.
    #[error("message is malformed")]
    Bytes(#[from] BytesError),
    /// Another format.
    #[error("peer speaks an unknown format")]
    Format,
    /// A message or mark that this version does not know.
    #[error("message or mark {found} is unknown")]
    Unknown {
        /// The byte.
        found: u8,
    },
    /// A list longer than is allowed, or than what is there.
    #[error("a list of {found} is longer than {limit}")]
    TooMany {
        /// Entries allowed, or that fit what is left.
        limit: usize,
        /// Entries claimed.
        found: u64,
    },
    /// An author that is no usable key.
    #[error("an author is no usable key")]
    Author(#[source] KeyError),
}

impl MessageError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "crdt-message-long",
            Self::Bytes(error) => error.code(),
            Self::Format => "crdt-message-format",
            Self::Unknown { .. } => "crdt-message-unknown",
            Self::TooMany { .. } => "crdt-message-list",
            Self::Author(_) => "crdt-message-author",
        }
    }
}

/// Why a session with a peer ended. What it sent before that is valid is kept.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SyncError {
    /// A message that cannot be read.
    #[error("peer sent what is no message")]
    Message(#[from] MessageError),
    /// The peer replicates another graph.
    #[error("peer replicates another graph")]
    Graph,
    /// A message that nobody asked for, or that comes out of turn.
    #[error("peer sent what was not asked for")]
    OutOfTurn,
    /// A pack that does not hold.
    #[error("peer sent ops that do not hold")]
    Pack(#[from] PackError),
    /// An op that is invalid, everywhere and for ever. Whoever holds to the rules has none.
    #[error("peer sent op {id}, which is invalid")]
    Invalid {
        /// The op.
        id: OpId,
        /// Why it is.
        source: Refusal,
    },
    /// A sealed event that does not hold or does not follow.
    #[error("peer sent an event that does not hold")]
    Event(#[from] EventError),
    /// A proof that does not hold.
    #[error("peer sent a proof that does not hold")]
    Proof(#[from] EquivocationError),
    /// A sealed state that is not the one that was sealed.
    #[error("peer sent a state that was not sealed")]
    State(#[from] StateError),
    /// More of what was known already than a session bears.
    #[error("peer sent {found} bytes of what was known and {limit} are allowed")]
    Wasteful {
        /// Bytes allowed.
        limit: usize,
        /// Bytes sent.
        found: usize,
    },
    /// Asked more often than anybody needs to.
    #[error("peer asked {found} times and {limit} are allowed")]
    Insistent {
        /// Times allowed.
        limit: u32,
        /// Times asked.
        found: u32,
    },
    /// More messages wait to be sent than a session keeps: whoever drives it gives it messages and fetches none.
    #[error("{limit} messages wait to be sent")]
    Backlog {
        /// Messages that may wait.
        limit: usize,
    },
    /// More asked for than there is.
    #[error("peer asked for {found} ops and {limit} are allowed")]
    Greedy {
        /// Ops allowed.
        limit: usize,
        /// Ops asked for.
        found: usize,
    },
}

impl SyncError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Message(error) => error.code(),
            Self::Graph => "crdt-sync-graph",
            Self::OutOfTurn => "crdt-sync-turn",
            Self::Pack(error) => error.code(),
            Self::Invalid { source, .. } => source.code(),
            Self::Event(error) => error.code(),
            Self::Proof(error) => error.code(),
            Self::State(error) => error.code(),
            Self::Wasteful { .. } => "crdt-sync-wasteful",
            Self::Insistent { .. } => "crdt-sync-insistent",
            Self::Backlog { .. } => "crdt-sync-backlog",
            Self::Greedy { .. } => "crdt-sync-greedy",
        }
    }
}
