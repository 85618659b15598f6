//! Errors of witnesses, their cosignatures, and proofs of forks.

use thiserror::Error;
use vm_core::error::{CanonicalError, KeyError, NoteError};

use super::{CheckpointError, ProofError, ShapeError};
use crate::fork::CheckpointFork;
use crate::merkle::TreeSize;
use crate::witness::UnixSeconds;

/// A cosignature that cannot be believed, or made.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CosignatureError {
    /// No line is by the wanted key.
    #[error("{name} did not cosign")]
    NotCosigned {
        /// Name of the witness.
        name: String,
    },
    /// Two lines by one key.
    #[error("{name} cosigned twice in one note")]
    Twice {
        /// Name of the witness.
        name: String,
    },
    /// Not a time and a signature.
    #[error("cosignature of {name} is not of {expected} bytes")]
    Length {
        /// Name of the witness.
        name: String,
        /// Bytes that its type has.
        expected: usize,
    },
    /// A time that no cosignature may bear.
    #[error("time of a cosignature lies before 1970 or from 2^63 seconds on")]
    Time,
    /// The signature does not hold.
    #[error("cosignature of {name} does not hold")]
    Signature {
        /// Name of the witness.
        name: String,
        /// Why.
        source: KeyError,
    },
    /// An origin that a message by ML-DSA-44 cannot hold.
    #[error("origin of the log is longer than 255 bytes")]
    Origin,
    /// What was cosigned is no checkpoint, or none by the log.
    #[error("cosigned checkpoint")]
    Checkpoint(#[source] CheckpointError),
    /// A line or note that cannot be made.
    #[error("cosigned note")]
    Note(#[source] NoteError),
}
stable_codes!(CosignatureError {
    Self::NotCosigned { .. } => "cosignature-absent",
    Self::Twice { .. } => "cosignature-twice",
    Self::Length { .. } => "cosignature-length",
    Self::Time => "cosignature-time",
    Self::Signature { .. } => "cosignature-signature",
    Self::Origin => "cosignature-origin",
    Self::Checkpoint(_) => "cosignature-checkpoint",
    Self::Note(_) => "cosignature-note",
});

/// A request for a cosignature that does not read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum AddCheckpointError {
    /// Longer than the limit.
    #[error("request of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not UTF-8.
    #[error("request is not UTF-8")]
    NotText,
    /// No line `old` with a decimal number without leading zeros.
    #[error("no old size that is a decimal number without leading zeros")]
    Old,
    /// A hash is not the base64 of 32 bytes.
    #[error("hash {at} is not the base64 of 32 bytes")]
    Hash {
        /// Number of the hash, from 0.
        at: usize,
    },
    /// More hashes than a proof needs.
    #[error("request has more than {limit} hashes")]
    TooManyHashes {
        /// Hashes allowed.
        limit: usize,
    },
    /// No empty line before the checkpoint.
    #[error("no empty line before the checkpoint")]
    NoCheckpoint,
    /// The signed note around the checkpoint is malformed.
    #[error("signed note around the checkpoint")]
    Note(#[source] NoteError),
    /// The checkpoint is malformed.
    #[error("checkpoint of the request")]
    Checkpoint(#[source] CheckpointError),
}
stable_codes!(AddCheckpointError {
    Self::TooLong { .. } => "add-checkpoint-too-long",
    Self::NotText => "add-checkpoint-not-text",
    Self::Old => "add-checkpoint-old",
    Self::Hash { .. } => "add-checkpoint-hash",
    Self::TooManyHashes { .. } => "add-checkpoint-too-many-hashes",
    Self::NoCheckpoint => "add-checkpoint-no-checkpoint",
    Self::Note(_) => "add-checkpoint-note",
    Self::Checkpoint(_) => "add-checkpoint-checkpoint",
});

/// Why a witness does not cosign a checkpoint.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A log that is not witnessed.
    #[error("log {origin} is not witnessed here")]
    UnknownLog {
        /// Its origin.
        origin: String,
    },
    /// The log's key did not sign.
    #[error("checkpoint is not signed by the log")]
    NotSigned(#[source] CheckpointError),
    /// The old size lies beyond the checkpoint.
    #[error("old size {old} lies beyond the checkpoint of {size}")]
    OldBeyond {
        /// Old size of the request.
        old: TreeSize,
        /// Size of the checkpoint.
        size: TreeSize,
    },
    /// Not the size that was cosigned last.
    #[error("the size cosigned last is {recorded}, not {old}")]
    Conflict {
        /// Size that was cosigned last, 0 where there was none.
        recorded: TreeSize,
        /// Old size of the request.
        old: TreeSize,
    },
    /// The log signed another history before; the proof of it.
    #[error("log was forked: it signed another history before")]
    Forked(Box<CheckpointFork>),
    /// The consistency proof does not hold.
    #[error("log is not shown to begin with what was cosigned last")]
    Inconsistent(#[source] ProofError),
    /// The clock stands before the last cosignature.
    #[error("clock stands at {now}, before the last cosignature of {last}")]
    ClockBehind {
        /// Time of the last cosignature.
        last: UnixSeconds,
        /// Time of the clock.
        now: UnixSeconds,
    },
    /// A cosignature that cannot be made.
    #[error("cosignature cannot be made")]
    Unsignable(#[source] CosignatureError),
}
stable_codes!(Refusal {
    Self::UnknownLog { .. } => "witness-unknown-log",
    Self::NotSigned(_) => "witness-not-signed",
    Self::OldBeyond { .. } => "witness-old-beyond",
    Self::Conflict { .. } => "witness-conflict",
    Self::Forked(_) => "witness-forked",
    Self::Inconsistent(_) => "witness-inconsistent",
    Self::ClockBehind { .. } => "witness-clock-behind",
    Self::Unsignable(_) => "witness-unsignable",
});

impl Refusal {
    /// Status code of HTTP with which a witness answers (C2SP tlog-witness).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::OldBeyond { .. } | Self::Unsignable(_) => 400,
            Self::NotSigned(_) => 403,
            Self::UnknownLog { .. } => 404,
            Self::Conflict { .. } => 409,
            Self::Forked(fork) if fork.is_of_one_size() => 409,
            Self::Forked(_) | Self::Inconsistent(_) => 422,
            Self::ClockBehind { .. } => 503,
        }
    }
}

/// A witness that gave no cosignature.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum WitnessError<E> {
    /// By the rules.
    #[error("checkpoint is not cosigned")]
    Refused(#[source] Refusal),
    /// What was to be cosigned could not be stored.
    #[error("store of the witness")]
    Store(#[source] E),
}
stable_codes!(WitnessError<E> {
    Self::Refused(_) => "witness-refused",
    Self::Store(_) => "witness-store",
});

/// A policy about witnesses that cannot be, or is not met.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum WitnessPolicyError {
    /// More witnesses than a note holds lines.
    #[error("{found} witnesses are more than {limit}")]
    TooMany {
        /// Witnesses allowed.
        limit: usize,
        /// Witnesses given.
        found: usize,
    },
    /// A quorum that says nothing, or cannot be met.
    #[error("quorum of {quorum} among {witnesses} witnesses")]
    Quorum {
        /// Witnesses demanded.
        quorum: u32,
        /// Witnesses named.
        witnesses: usize,
    },
    /// A name or a key that stands twice.
    #[error("witness {name} has a name or a key that stands twice")]
    Twice {
        /// Name of the later one.
        name: String,
    },
    /// The log's key did not sign.
    #[error("checkpoint is not signed by the log")]
    Checkpoint(#[source] CheckpointError),
    /// A line by a witness is wrong.
    #[error("cosignature of the checkpoint")]
    Cosignature(#[source] CosignatureError),
    /// Too few cosigned.
    #[error("{found} witnesses cosigned, {quorum} must have")]
    Unmet {
        /// Witnesses demanded.
        quorum: u32,
        /// Witnesses that cosigned.
        found: usize,
    },
}
stable_codes!(WitnessPolicyError {
    Self::TooMany { .. } => "witness-policy-too-many",
    Self::Quorum { .. } => "witness-policy-quorum",
    Self::Twice { .. } => "witness-policy-twice",
    Self::Checkpoint(_) => "witness-policy-checkpoint",
    Self::Cosignature(_) => "witness-policy-cosignature",
    Self::Unmet { .. } => "witness-policy-unmet",
});

/// A row about a cosigned checkpoint that does not read, or does not hold.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum WitnessRowError {
    /// Not canonical JSON.
    #[error("row of a cosigned checkpoint")]
    Json(#[source] CanonicalError),
    /// Of another format.
    #[error("unknown format {found:?}")]
    FormatUnknown {
        /// The format.
        found: String,
    },
    /// Members missing, foreign or malformed.
    #[error("row of a cosigned checkpoint")]
    Shape(#[from] ShapeError),
    /// The request does not read.
    #[error("request for the cosignature")]
    Request(#[source] AddCheckpointError),
    /// The log did not sign, or the note is too long.
    #[error("cosigned note")]
    Note(#[source] NoteError),
    /// The log did not sign, or the cosignature does not hold.
    #[error("cosignature of the row")]
    Cosignature(#[source] CosignatureError),
}
stable_codes!(WitnessRowError {
    Self::Json(_) => "witness-row-json",
    Self::FormatUnknown { .. } => "format-unknown",
    Self::Shape(_) => "witness-row-shape",
    Self::Request(_) => "witness-row-request",
    Self::Note(_) => "witness-row-note",
    Self::Cosignature(_) => "witness-row-cosignature",
});

/// A proof of a fork that does not read, or does not hold.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ForkError {
    /// Not canonical JSON, or too long.
    #[error("proof of a fork")]
    Json(#[source] CanonicalError),
    /// Of another format.
    #[error("unknown format {found:?}")]
    FormatUnknown {
        /// The format.
        found: String,
    },
    /// Members missing, foreign or malformed.
    #[error("proof of a fork")]
    Shape(#[from] ShapeError),
    /// A note is malformed.
    #[error("signed note of a fork")]
    Note(#[source] NoteError),
    /// Not one signature line.
    #[error("a note of a fork has one signature, found {found}")]
    Signatures {
        /// Lines found.
        found: usize,
    },
    /// A checkpoint is malformed, or not signed by the key.
    #[error("checkpoint of a fork")]
    Checkpoint(#[source] CheckpointError),
    /// Checkpoints of two logs.
    #[error("expected a checkpoint of {expected}, found one of {found}")]
    OtherOrigin {
        /// Origin of the first.
        expected: String,
        /// Origin of the second.
        found: String,
    },
    /// The larger checkpoint stands first, or of one size that with the larger root.
    #[error("checkpoints of a fork are not in order")]
    Order,
    /// A root before the fork where there is none, or none where there must be one.
    #[error("root and proof belong to checkpoints of different sizes, and only to those")]
    Prefix,
    /// Nothing excludes anything.
    #[error("both checkpoints have the same root, so nothing forked")]
    SameRoot,
    /// The larger log is not shown to have the root.
    #[error("consistency proof of a fork")]
    Proof(#[source] ProofError),
}
stable_codes!(ForkError {
    Self::Json(_) => "fork-json",
    Self::FormatUnknown { .. } => "format-unknown",
    Self::Shape(_) => "fork-shape",
    Self::Note(_) => "fork-note",
    Self::Signatures { .. } => "fork-signatures",
    Self::Checkpoint(_) => "fork-checkpoint",
    Self::OtherOrigin { .. } => "fork-other-origin",
    Self::Order => "fork-order",
    Self::Prefix => "fork-prefix",
    Self::SameRoot => "fork-same-root",
    Self::Proof(_) => "fork-proof",
});
