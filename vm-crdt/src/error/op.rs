//! Bytes that are no op.

use thiserror::Error;
use vm_core::error::KeyError;

use super::EditError;

/// Bytes that end too early, or are not in their one form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum BytesError {
    /// Fewer bytes than are needed.
    #[error("{wanted} bytes are needed at byte {at} and {left} are left")]
    Short {
        /// Place in the input.
        at: usize,
        /// Bytes that are needed.
        wanted: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// A length above what is left.
    #[error("a length of {wanted} at byte {at} is more than the {left} bytes that are left")]
    Length {
        /// Place in the input.
        at: usize,
        /// The length as it is claimed.
        wanted: u64,
        /// Bytes that are there.
        left: usize,
    },
    /// A variable-length integer that is not in its shortest form or has more than 64 bits.
    #[error("no variable-length integer at byte {at}")]
    Varint {
        /// Place in the input.
        at: usize,
    },
    /// Bytes after the end.
    #[error("{left} bytes are left at byte {at}, after the end")]
    Trailing {
        /// Place in the input.
        at: usize,
        /// Bytes that are left.
        left: usize,
    },
}

impl BytesError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Short { .. } => "crdt-bytes-short",
            Self::Length { .. } => "crdt-bytes-length",
            Self::Varint { .. } => "crdt-bytes-varint",
            Self::Trailing { .. } => "crdt-bytes-trailing",
        }
    }
}

/// A payload that is not in its one form.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The bytes end too early or late, or hold a number in a second form.
    #[error("payload is malformed")]
    Bytes(#[from] BytesError),
    /// A payload without even its kind.
    #[error("payload is empty")]
    Empty,
    /// A payload of edits or evidence without any.
    #[error("payload holds nothing")]
    Nothing,
    /// An edit that cannot be read.
    #[error("edit {edit} is refused")]
    Edit {
        /// Index of the edit.
        edit: usize,
        /// What is wrong with it.
        source: EditError,
    },
    /// More edits than the limit.
    #[error("payload has more than {limit} edits")]
    TooManyEdits {
        /// Edits allowed.
        limit: usize,
    },
    /// An item of evidence that is not above the one before it.
    #[error("item {item} is not above the one before it")]
    EvidenceOrder {
        /// Index of the item.
        item: usize,
    },
    /// Longer than the limit.
    #[error("payload of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes found.
        found: usize,
    },
    /// A kind that this version does not know.
    #[error("payload is of unknown kind {found}")]
    Kind {
        /// First byte of the payload.
        found: u8,
    },
}

impl PayloadError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Bytes(error) => error.code(),
            Self::Empty => "crdt-payload-empty",
            Self::Nothing => "crdt-payload-nothing",
            Self::Edit { source, .. } => source.code(),
            Self::TooManyEdits { .. } => "crdt-payload-edits",
            Self::EvidenceOrder { .. } => "crdt-payload-evidence-order",
            Self::TooLong { .. } => "crdt-payload-long",
            Self::Kind { .. } => "crdt-payload-kind",
        }
    }
}

/// Bytes that are no op, or an op that nobody may have made.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum OpError {
    /// The bytes end too early or late.
    #[error("op is malformed")]
    Bytes(#[from] BytesError),
    /// The format is not `vm-op-v0`.
    #[error("op is of an unknown format")]
    Format,
    /// The author is no key that anybody can have signed with alone.
    #[error("author is no usable key")]
    Author(#[source] KeyError),
    /// More predecessors than an op may name.
    #[error("{found} predecessors are more than {limit}")]
    TooManyPredecessors {
        /// Predecessors allowed beside the parent.
        limit: usize,
        /// Predecessors claimed.
        found: usize,
    },
    /// Predecessors out of order, one twice, or the parent among the others.
    #[error("predecessor {at} is not above the one before it, or is the parent")]
    PredecessorOrder {
        /// Index among the other predecessors.
        at: usize,
    },
    /// A payload longer than the limit.
    #[error("payload of {found} bytes is longer than {limit}")]
    PayloadTooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes claimed.
        found: u64,
    },
    /// The payload is another than the head names.
    #[error("payload is not the one that the head names")]
    PayloadMismatch,
    /// The payload does not decode.
    #[error("payload cannot be read")]
    Payload(#[from] PayloadError),
    /// The signature is not the author's, or not over this op.
    #[error("signature does not hold")]
    Signature(#[source] KeyError),
}

impl OpError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Bytes(error) => error.code(),
            Self::Format => "crdt-op-format",
            Self::Author(_) => "crdt-op-author",
            Self::TooManyPredecessors { .. } => "crdt-op-predecessors",
            Self::PredecessorOrder { .. } => "crdt-op-order",
            Self::PayloadTooLong { .. } => "crdt-op-payload-long",
            Self::PayloadMismatch => "crdt-op-payload-other",
            Self::Payload(error) => error.code(),
            Self::Signature(_) => "crdt-op-signature",
        }
    }
}
