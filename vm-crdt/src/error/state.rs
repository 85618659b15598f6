//! States that are not taken up, and receipts that do not hold.

use thiserror::Error;
use vm_core::digest::Sha256Digest;
use vm_core::error::{CanonicalError, KeyError};

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

/// No receipt of a merge.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum MergeError {
    /// Longer than the limit.
    #[error("receipt of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not canonical JSON.
    #[error("receipt is no canonical JSON")]
    Canonical(#[source] CanonicalError),
    /// Fields that are missing, unknown, of another type or out of order.
    #[error("receipt has not the members of its format, in order")]
    Malformed,
    /// Another format.
    #[error("receipt is of an unknown format")]
    Format,
    /// The signature is not the operator's, or not over this merge.
    #[error("signature does not hold")]
    Signature(#[source] KeyError),
}

impl MergeError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "crdt-merge-long",
            Self::Canonical(_) => "crdt-merge-canonical",
            Self::Malformed => "crdt-merge-malformed",
            Self::Format => "crdt-merge-format",
            Self::Signature(_) => "crdt-merge-signature",
        }
    }
}
