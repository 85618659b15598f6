//! Errors of witnessing.

use thiserror::Error;
use vm_seal::error::{AddCheckpointError, CosignatureError, ForkError, Refusal};
use vm_seal::merkle::TreeSize;

/// A checkpoint that is not cosigned, or a cosignature or proof of a fork that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WitnessFault {
    /// A request that does not read, or cannot be made.
    #[error("request for a cosignature")]
    Request(#[source] AddCheckpointError),
    /// The old size lies beyond the log.
    #[error("old size {old} lies beyond the log of {size}")]
    OldBeyond {
        /// Old size asked for.
        old: TreeSize,
        /// Size of the log.
        size: TreeSize,
    },
    /// A log that was never witnessed, without its key.
    #[error("no checkpoint of {origin} was cosigned before, and no key of it is given")]
    NoKey {
        /// The log.
        origin: String,
    },
    /// By the rules.
    #[error("checkpoint is not cosigned")]
    Refused(#[source] Refusal),
    /// A cosignature that does not hold.
    #[error("cosignature")]
    Cosignature(#[from] CosignatureError),
    /// No line by a witness that was named.
    #[error("no line of the cosignatures is by a witness that was named")]
    NoWitness,
    /// A head that is no checkpoint of this ledger.
    #[error("head")]
    Head(#[source] vm_seal::error::CheckpointError),
    /// A proof of a fork that does not read, or cannot be made.
    #[error("proof of a fork")]
    Fork(#[from] ForkError),
}

impl WitnessFault {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Request(error) => error.code(),
            Self::OldBeyond { .. } => "witness-old-beyond",
            Self::NoKey { .. } => "witness-no-key",
            Self::Refused(refusal) => refusal.code(),
            Self::Cosignature(error) => error.code(),
            Self::NoWitness => "witness-none-named",
            Self::Head(error) => error.code(),
            Self::Fork(error) => error.code(),
        }
    }

    /// What to do about it.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::Request(_) | Self::OldBeyond { .. } => {
                "Make the request with `vaultmesh witness request --old SIZE`, or as C2SP tlog-witness has it."
            }
            Self::NoKey { .. } | Self::Refused(Refusal::UnknownLog { .. } | Refusal::NotSigned(_)) => {
                "Give the log's key, which you have from elsewhere, with --key."
            }
            Self::Refused(Refusal::Conflict { .. }) => {
                "Ask for a request from that size on: `witness request --old SIZE`."
            }
            Self::Refused(Refusal::ClockBehind { .. }) => "Set the clock right, and try again.",
            Self::Refused(_) => {
                "Keep the request, and do not trust the log until its owner shows how it grew; nothing was cosigned."
            }
            Self::Cosignature(_) | Self::NoWitness => {
                "Get the lines again from the witness, and name it with --witness by the key that it publishes."
            }
            Self::Head(_) => "Give a head or a request of this vault, as it was cosigned.",
            Self::Fork(_) => "Check that this is the file you meant, and whole.",
        }
    }
}
