//! Errors of proofs.

use thiserror::Error;

use crate::error::stable_codes;

/// A proof that could not be read, or not be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum OtsError {
    /// More bytes than are read.
    #[error("expected at most {limit} bytes of proof, found {found}")]
    TooLong {
        /// Most bytes read.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not a proof at all.
    #[error("not an OpenTimestamps proof")]
    Magic,
    /// A version of the format that this release does not know.
    #[error("expected version 1 of the format, found {found}")]
    Version {
        /// The version found.
        found: u64,
    },
    /// A file hash that is none.
    #[error("unknown hash of the file, tag {tag:#04x}")]
    FileHash {
        /// Its tag.
        tag: u8,
    },
    /// The proof ends before it is whole.
    #[error("the proof ends in the middle")]
    Truncated,
    /// Bytes after the proof's end.
    #[error("bytes after the end of the proof")]
    TrailingBytes,
    /// A number that is not in its shortest form, or too large.
    #[error("a number is too large or not in its shortest form")]
    Number,
    /// A tag of no operation.
    #[error("unknown operation, tag {tag:#04x}")]
    Op {
        /// The tag.
        tag: u8,
    },
    /// An operation whose operand or result is too long, or empty.
    #[error("operand or result is empty or longer than {limit} bytes")]
    Length {
        /// Most bytes of an operand and of a result.
        limit: usize,
    },
    /// More operations one after the other than are followed.
    #[error("more than {limit} operations one after the other")]
    TooDeep {
        /// Most of them.
        limit: usize,
    },
    /// More steps than are followed.
    #[error("more than {limit} operations and attestations")]
    TooMany {
        /// Most of them.
        limit: usize,
    },
    /// An attestation that is too long, or not of its kind's form.
    #[error("an attestation is too long or malformed")]
    Attestation,
    /// No attestation of this kind and place to be completed.
    #[error("the proof holds no such pending attestation")]
    NotPending,
}
stable_codes!(OtsError {
    Self::TooLong { .. } => "ots-too-long",
    Self::Magic => "ots-magic",
    Self::Version { .. } => "ots-version",
    Self::FileHash { .. } => "ots-file-hash",
    Self::Truncated => "ots-truncated",
    Self::TrailingBytes => "ots-trailing-bytes",
    Self::Number => "ots-number",
    Self::Op { .. } => "ots-op",
    Self::Length { .. } => "ots-length",
    Self::TooDeep { .. } => "ots-too-deep",
    Self::TooMany { .. } => "ots-too-many",
    Self::Attestation => "ots-attestation",
    Self::NotPending => "ots-not-pending",
});
