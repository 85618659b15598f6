//! Failures of SQLite, by what they mean to a caller.

use std::error::Error;

use rusqlite::ErrorCode;
use thiserror::Error;

/// What SQLite said, kept as a cause without its type.
pub type Cause = Box<dyn Error + Send + Sync>;

/// A failure of the store itself.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No space is left (SQLITE_FULL).
    #[error("the disk is full")]
    Full(#[source] Cause),
    /// The disk or the file system failed (SQLITE_IOERR, SQLITE_CANTOPEN).
    #[error("the store could not read or write its file")]
    Io(#[source] Cause),
    /// Another connection kept the file locked for too long (SQLITE_BUSY, SQLITE_LOCKED).
    #[error("the store is busy")]
    Busy(#[source] Cause),
    /// The file may not be written (SQLITE_READONLY, SQLITE_PERM).
    #[error("the store is read-only")]
    ReadOnly(#[source] Cause),
    /// The file's own structure is damaged (SQLITE_CORRUPT).
    #[error("the store's file is damaged")]
    Corrupt(#[source] Cause),
    /// The file is not an SQLite database (SQLITE_NOTADB).
    #[error("the file is not a database")]
    NotADatabase(#[source] Cause),
    /// Anything else.
    #[error("the store failed")]
    Other(#[source] Cause),
}

impl StoreError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Full(_) => "store-full",
            Self::Io(_) => "store-io",
            Self::Busy(_) => "store-busy",
            Self::ReadOnly(_) => "store-read-only",
            Self::Corrupt(_) => "store-corrupt",
            Self::NotADatabase(_) => "store-not-a-database",
            Self::Other(_) => "store-failed",
        }
    }

    /// Whether the machine failed, rather than what was asked for.
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        !matches!(self, Self::NotADatabase(_))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        let cause: Cause = Box::new(error);
        match code {
            Some(ErrorCode::DiskFull) => Self::Full(cause),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => Self::Io(cause),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(cause),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly(cause),
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt(cause),
            Some(ErrorCode::NotADatabase) => Self::NotADatabase(cause),
            _ => Self::Other(cause),
        }
    }
}

/// A row that a trigger or constraint refused, where a caller can be at fault.
pub(crate) fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn failures_are_told_apart() {
        for (result, code, machine) in [
            (ffi::SQLITE_FULL, "store-full", true),
            (ffi::SQLITE_IOERR, "store-io", true),
            (ffi::SQLITE_IOERR_FSYNC, "store-io", true),
            (ffi::SQLITE_CANTOPEN, "store-io", true),
            (ffi::SQLITE_BUSY, "store-busy", true),
            (ffi::SQLITE_BUSY_SNAPSHOT, "store-busy", true),
            (ffi::SQLITE_LOCKED, "store-busy", true),
            (ffi::SQLITE_READONLY, "store-read-only", true),
            (ffi::SQLITE_CORRUPT, "store-corrupt", true),
            (ffi::SQLITE_NOTADB, "store-not-a-database", false),
            (ffi::SQLITE_NOMEM, "store-failed", true),
        ] {
            let error = StoreError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(result), None));
            assert_eq!((error.code(), error.is_machine()), (code, machine), "{result}");
        }
    }
}
