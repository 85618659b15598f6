//! Charters, sealed events and proofs that do not hold.

use thiserror::Error;
use vm_core::error::CanonicalError;
use vm_core::key::PublicKey;

use super::OpError;

/// No charter, or one under which nothing could be final.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CharterError {
    /// Longer than the limit.
    #[error("charter of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not canonical JSON.
    #[error("charter is no canonical JSON")]
    Canonical(#[source] CanonicalError),
    /// Fields that are missing, unknown, of another type or out of order.
    #[error("charter has not the members of its format, in order")]
    Malformed,
    /// Another format.
    #[error("charter is of an unknown format")]
    Format,
    /// Nobody may write, or too many.
    #[error("{found} members where 1 to {limit} are allowed")]
    Members {
        /// Members allowed.
        limit: usize,
        /// Members given.
        found: usize,
    },
    /// Nobody may seal, or too many.
    #[error("{found} sealers where 1 to {limit} are allowed")]
    Sealers {
        /// Sealers allowed.
        limit: usize,
        /// Sealers given.
        found: usize,
    },
    /// More than there are, or not more than half of them.
    #[error("a threshold of {found} is not more than half of {sealers} sealers, or more than there are")]
    Threshold {
        /// Sealers of the charter.
        sealers: usize,
        /// Threshold given.
        found: usize,
    },
}

impl CharterError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "crdt-charter-long",
            Self::Canonical(_) => "crdt-charter-canonical",
            Self::Malformed => "crdt-charter-malformed",
            Self::Format => "crdt-charter-format",
            Self::Members { .. } => "crdt-charter-members",
            Self::Sealers { .. } => "crdt-charter-sealers",
            Self::Threshold { .. } => "crdt-charter-threshold",
        }
    }
}

/// No sealed event, or one that does not follow.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum EventError {
    /// Longer than the limit.
    #[error("event of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not canonical JSON.
    #[error("event is no canonical JSON")]
    Canonical(#[source] CanonicalError),
    /// Fields that are missing, unknown, of another type or out of order.
    #[error("event has not the members of its format, in order")]
    Malformed,
    /// Another format.
    #[error("event is of an unknown format")]
    Format,
    /// Another graph's event.
    #[error("event is of another graph")]
    Graph,
    /// A number that no event has.
    #[error("event number {found} is not between 1 and {limit}")]
    Number {
        /// Highest number.
        limit: u32,
        /// Number given.
        found: u32,
    },
    /// A frontier out of order, with an op twice, or too long.
    #[error("a frontier of {found} heads is out of order or longer than {limit}")]
    Frontier {
        /// Heads allowed.
        limit: usize,
        /// Heads given.
        found: usize,
    },
    /// Heads of a frontier that are not held yet.
    #[error("{missing} heads of the frontier are not held")]
    FrontierMissing {
        /// How many.
        missing: usize,
    },
    /// A frontier that does not reach as far as an earlier one.
    #[error("frontier does not cover that of an earlier event")]
    FrontierBack,
    /// A signature of somebody who may not seal, or the same one twice.
    #[error("{key} seals twice or is no sealer")]
    Sealer {
        /// Whose.
        key: PublicKey,
    },
    /// A sealer's signature that does not hold.
    #[error("signature of {key} does not hold")]
    Signature {
        /// Whose.
        key: PublicKey,
    },
    /// Fewer sealers than the charter asks for.
    #[error("{found} sealers signed and {expected} are needed")]
    Quorum {
        /// Sealers needed.
        expected: usize,
        /// Sealers that signed.
        found: usize,
    },
    /// An acknowledgement that does not hold.
    #[error("acknowledgement of {member} does not hold")]
    Ack {
        /// Whose.
        member: PublicKey,
    },
    /// Acknowledgements out of order, or one member's twice.
    #[error("acknowledgements are out of order")]
    AckOrder,
    /// Events between are missing.
    #[error("event {found} comes where event {expected} is next")]
    Gap {
        /// Number that is next.
        expected: u32,
        /// Number given.
        found: u32,
    },
    /// It follows another event than the last.
    #[error("event follows another than the last")]
    Previous,
    /// It changes what is so already or never can be, or lacks a member's acknowledgement.
    #[error("event changes nothing, what it cannot change, or lacks an acknowledgement")]
    Change,
    /// The chain is forked and goes no further.
    #[error("the chain of events is forked and goes no further")]
    Halted,
    /// Two events that do not contradict each other.
    #[error("the two events do not contradict each other")]
    NoFork,
}

impl EventError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "crdt-event-long",
            Self::Canonical(_) => "crdt-event-canonical",
            Self::Malformed => "crdt-event-malformed",
            Self::Format => "crdt-event-format",
            Self::Graph => "crdt-event-graph",
            Self::Number { .. } => "crdt-event-number",
            Self::Frontier { .. } => "crdt-event-frontier",
            Self::FrontierMissing { .. } => "crdt-event-frontier-missing",
            Self::FrontierBack => "crdt-event-frontier-back",
            Self::Sealer { .. } => "crdt-event-sealer",
            Self::Signature { .. } => "crdt-event-signature",
            Self::Quorum { .. } => "crdt-event-quorum",
            Self::Ack { .. } => "crdt-event-ack",
            Self::AckOrder => "crdt-event-ack-order",
            Self::Gap { .. } => "crdt-event-gap",
            Self::Previous => "crdt-event-previous",
            Self::Change => "crdt-event-change",
            Self::Halted => "crdt-event-halted",
            Self::NoFork => "crdt-event-no-fork",
        }
    }
}

/// No proof that an author said two things.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum EquivocationError {
    /// Longer than the limit.
    #[error("proof of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not canonical JSON.
    #[error("proof is no canonical JSON")]
    Canonical(#[source] CanonicalError),
    /// Fields that are missing, unknown, of another type or out of order.
    #[error("proof has not the members of its format, in order")]
    Malformed,
    /// Another format.
    #[error("proof is of an unknown format")]
    Format,
    /// One of the heads is no signed head.
    #[error("head does not hold")]
    Head(#[source] OpError),
    /// Two heads that do not contradict each other.
    #[error("the two heads are not different ops of one author with one number")]
    NoFork,
    /// A proof of another graph, or of nobody who may write.
    #[error("proof is of another graph or of a stranger")]
    Foreign,
}

impl EquivocationError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "crdt-proof-long",
            Self::Canonical(_) => "crdt-proof-canonical",
            Self::Malformed => "crdt-proof-malformed",
            Self::Format => "crdt-proof-format",
            Self::Head(error) => error.code(),
            Self::NoFork => "crdt-proof-no-fork",
            Self::Foreign => "crdt-proof-foreign",
        }
    }
}
