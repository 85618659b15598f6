//! Faults of backups.

use std::path::PathBuf;

use thiserror::Error;
use vm_core::view::ViewError;

use super::{FileError, LedgerError, StoreError};

/// A backup that could not be made. Nothing stands under its name.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Something has the name already.
    #[error("{} exists", path.display())]
    Exists {
        /// Where the backup was to be.
        path: PathBuf,
    },
    /// The ledger could not be read.
    #[error("ledger")]
    Ledger(#[source] LedgerError),
    /// Its rows could not be read.
    #[error("rows")]
    View(#[source] ViewError),
    /// A file could not be read or written.
    #[error("file")]
    File(#[source] FileError),
    /// The copy does not read as what was copied.
    #[error("the copy of the database holds {found} entries, not the {expected} that were copied")]
    Differs {
        /// Entries of the original.
        expected: u64,
        /// Entries of the copy.
        found: u64,
    },
}

impl BackupError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "file-exists",
            Self::Ledger(source) => source.code(),
            Self::View(_) => "evidence-unreadable",
            Self::File(source) => source.code(),
            Self::Differs { .. } => "backup-differs",
        }
    }

    /// Whether the machine failed (exit 4), rather than what was asked for (exit 2).
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        match self {
            Self::Exists { .. } => false,
            Self::Ledger(source) => source.is_machine(),
            Self::File(source) => source.is_machine(),
            Self::View(_) | Self::Differs { .. } => true,
        }
    }
}

impl From<LedgerError> for BackupError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<FileError> for BackupError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<rusqlite::Error> for BackupError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Ledger(LedgerError::Store(StoreError::from(error)))
    }
}
