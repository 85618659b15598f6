//! Packs that do not hold.

use thiserror::Error;

use super::{BytesError, OpError};

/// No pack of ops.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum PackError {
    /// The bytes end too early or late, or a count is above what is there.
    #[error("pack is malformed")]
    Bytes(#[from] BytesError),
    /// Another format.
    #[error("pack is of an unknown format")]
    Format,
    /// More authors than a graph has.
    #[error("{found} authors are more than {limit}")]
    Authors {
        /// Authors allowed.
        limit: usize,
        /// Authors given.
        found: usize,
    },
    /// A list that is out of order or names something twice.
    #[error("entry {at} of a list is not above the one before it")]
    Order {
        /// Index in the list.
        at: usize,
    },
    /// A reference to nothing, or ahead.
    #[error("op {at} refers to what is not there before it")]
    Reference {
        /// Index of the op.
        at: usize,
    },
    /// An op that is none.
    #[error("op {at} does not hold")]
    Op {
        /// Index of the op.
        at: usize,
        /// What is wrong with it.
        source: OpError,
    },
    /// Authors or names that no op needs, or an op twice: a second form of the same pack.
    #[error("pack holds what no op in it needs")]
    Spare,
}

impl PackError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Bytes(error) => error.code(),
            Self::Format => "crdt-pack-format",
            Self::Authors { .. } => "crdt-pack-authors",
            Self::Order { .. } => "crdt-pack-order",
            Self::Reference { .. } => "crdt-pack-reference",
            Self::Op { source, .. } => source.code(),
            Self::Spare => "crdt-pack-spare",
        }
    }
}
