//! States that are not taken up.

use thiserror::Error;
use vm_core::digest::Sha256Digest;

use super::{BytesError, DocumentError, EvidenceError};

/// Why a state is not taken, or nothing forgotten.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// Longer than the limit.
    #[error("state of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// The bytes end too early or late.
    #[error("state is malformed")]
    Bytes(#[from] BytesError),
    /// Another format.
    #[error("state is of an unknown format")]
    Format,
    /// No document.
    #[error("the state's document cannot be read")]
    Document(#[from] DocumentError),
    /// No evidence.
    #[error("the state's evidence cannot be read")]
    Evidence(#[from] EvidenceError),
    /// No compaction is sealed.
    #[error("no compaction is sealed")]
    NotSealed,
    /// Another state than the one that was sealed.
    #[error("state {found} is not {expected}, which was sealed")]
    Other {
        /// SHA-256 of the sealed state.
        expected: Sha256Digest,
        /// SHA-256 of this one.
        found: Sha256Digest,
    },
}

impl StateError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "crdt-state-long",
            Self::Bytes(error) => error.code(),
            Self::Format => "crdt-state-format",
            Self::Document(error) => error.code(),
            Self::Evidence(error) => error.code(),
            Self::NotSealed => "crdt-state-not-sealed",
            Self::Other { .. } => "crdt-state-other",
        }
    }
}
