//! Errors of COSE receipts.

use thiserror::Error;
use vm_core::error::KeyError;

use super::{ProofError, TlogProofError};
use crate::merkle::TreeSize;

/// A receipt that could not be made or read, or does not hold.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Longer than the limit.
    #[error("receipt of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// No CBOR.
    #[error("receipt is no sound CBOR")]
    Cbor,
    /// CBOR that can be written shorter, or that something follows.
    #[error("receipt is not in the one shortest form of its CBOR")]
    NotCanonical,
    /// CBOR of another shape.
    #[error("receipt has {part} that is missing, foreign or malformed")]
    Shape {
        /// The part of it.
        part: &'static str,
    },
    /// An algorithm, a data structure or a header that must be understood and is not.
    #[error("receipt is of unknown {part}")]
    Unknown {
        /// What is unknown.
        part: &'static str,
    },
    /// The signed size of the log is not that of the proof.
    #[error("receipt signs a log of {expected}, its proof is for one of {found}")]
    Size {
        /// Size signed.
        expected: TreeSize,
        /// Size of the proof.
        found: TreeSize,
    },
    /// The proof leads nowhere.
    #[error("inclusion proof")]
    Proof(#[from] ProofError),
    /// Of a log with one entry, whose proof has no hash; RFC 9942 demands one.
    #[error("a log of one entry has no path, which a receipt must have")]
    SingleEntry,
    /// Of another log than the key's.
    #[error("expected a receipt of {expected}, found one of {found}")]
    OtherLog {
        /// Name of the key.
        expected: String,
        /// Issuer named.
        found: String,
    },
    /// Not signed over the root that entry and proof lead to, by this key.
    #[error("signature over the root that entry and proof lead to")]
    Signature(#[source] KeyError),
    /// What a receipt is asked for is not in a checkpoint by this key.
    #[error("checkpoint behind the receipt")]
    Checkpoint(#[source] TlogProofError),
}
stable_codes!(ReceiptError {
    Self::TooLong { .. } => "receipt-too-long",
    Self::Cbor => "receipt-cbor",
    Self::NotCanonical => "receipt-not-canonical",
    Self::Shape { .. } => "receipt-shape",
    Self::Unknown { .. } => "format-unknown",
    Self::Size { .. } => "receipt-size",
    Self::Proof(_) => "receipt-inclusion",
    Self::SingleEntry => "receipt-single-entry",
    Self::OtherLog { .. } => "receipt-other-log",
    Self::Signature(_) => "receipt-signature",
    Self::Checkpoint(_) => "receipt-checkpoint",
});
