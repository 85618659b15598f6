//! Faults of scrolls.

use thiserror::Error;
use vm_core::error::{CanonicalError, CapabilityError};
use vm_seal::error::CheckpointError;

use super::FileError;
use crate::lock::LockHolder;

/// A scroll that could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScrollError {
    /// The permit does not allow this here and now.
    #[error("not permitted")]
    Permit(#[source] CapabilityError),
    /// The permit's uses are numbered, and only the database can tell whether one was spent.
    #[error("a permit with numbered uses cannot write scrolls")]
    NumberedPermit,
    /// Another process writes.
    #[error("the vault is locked by {holder}")]
    Locked {
        /// Who holds it.
        holder: LockHolder,
    },
    /// Fewer lines than were signed: nothing is written to such a scroll.
    #[error("scroll of {engine} has {found} lines, {signed} were signed")]
    TailCut {
        /// The engine.
        engine: String,
        /// Lines that were signed.
        signed: u64,
        /// Lines found.
        found: u64,
    },
    /// The lines are not those that were signed.
    #[error("scroll of {engine} does not hash to its signed root")]
    Altered {
        /// The engine.
        engine: String,
    },
    /// A line is not one canonical JSON object.
    #[error("line {line} of the scroll of {engine} is no canonical JSON object")]
    Line {
        /// The engine.
        engine: String,
        /// The line, from 0.
        line: u64,
    },
    /// Lines beyond the root, which are signed only by an explicit adoption.
    #[error("scroll of {engine} has {found} lines, of which {signed} are signed")]
    UnsignedTail {
        /// The engine.
        engine: String,
        /// Lines that were signed.
        signed: u64,
        /// Lines found.
        found: u64,
    },
    /// The signed root could not be believed.
    #[error("root of the scroll of {engine}")]
    Root {
        /// The engine.
        engine: String,
        /// Why not.
        #[source]
        source: CheckpointError,
    },
    /// An event longer than a line may be.
    #[error("line of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes found.
        found: usize,
    },
    /// An event has no canonical form.
    #[error("event has no canonical form")]
    Canonical(#[source] CanonicalError),
    /// A file.
    #[error("file")]
    File(#[source] FileError),
}

impl ScrollError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Permit(source) => source.code(),
            Self::NumberedPermit => "scroll-numbered-permit",
            Self::Locked { .. } => "ledger-locked",
            Self::TailCut { .. } => "scroll-tail-cut",
            Self::Altered { .. } => "scroll-altered",
            Self::Line { .. } => "scroll-line",
            Self::UnsignedTail { .. } => "scroll-unsigned-tail",
            Self::Root { source, .. } => source.code(),
            Self::TooLong { .. } => "scroll-too-long",
            Self::Canonical(source) => source.code(),
            Self::File(source) => source.code(),
        }
    }

    /// Whether the machine failed (exit 4), rather than what was asked for or found (exit 2).
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        match self {
            Self::Locked { .. } => true,
            Self::File(source) => source.is_machine(),
            _ => false,
        }
    }
}

impl From<FileError> for ScrollError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}
