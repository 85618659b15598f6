//! Faults of files below a vault.

use std::io;

use thiserror::Error;
use vm_core::error::PathError;
use vm_core::view::FileFault;

/// A file below a vault, or on its way into one, that could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The name is no path below a vault.
    #[error("not a path below the vault")]
    Path(#[source] PathError),
    /// Nothing is there.
    #[error("no such file: {path}")]
    Missing {
        /// What was asked for.
        path: String,
    },
    /// Something else than a regular file is there, or on the way to it.
    #[error("{path} is {found}, not a regular file")]
    NotRegular {
        /// What was asked for.
        path: String,
        /// What it is.
        found: &'static str,
    },
    /// More bytes than are ever read.
    #[error("{path} has {found} bytes, more than {limit}")]
    TooLarge {
        /// What was asked for.
        path: String,
        /// Bytes allowed.
        limit: u64,
        /// Bytes found.
        found: u64,
    },
    /// The file changed while it was hashed.
    #[error("{path} changed while it was read")]
    Changing {
        /// What was asked for.
        path: String,
    },
    /// A file that the ledger itself goes on writing.
    #[error("{path} belongs to the ledger itself")]
    Reserved {
        /// What was asked for.
        path: String,
    },
    /// Another file of that name is there, with other content.
    #[error("{path} exists with other content")]
    Exists {
        /// What was to be written.
        path: String,
    },
    /// No space is left.
    #[error("no space is left for {path}")]
    Full {
        /// What was to be written.
        path: String,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// The machine would not read or write it.
    #[error("cannot read or write {path}")]
    Io {
        /// What was asked for.
        path: String,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
}

impl FileError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Path(source) => source.code(),
            Self::Missing { .. } => "file-missing",
            Self::NotRegular { .. } => "file-not-regular",
            Self::TooLarge { .. } => "file-too-large",
            Self::Changing { .. } => "file-changing",
            Self::Reserved { .. } => "file-reserved",
            Self::Exists { .. } => "file-exists",
            Self::Full { .. } => "file-disk-full",
            Self::Io { .. } => "file-io",
        }
    }

    /// Whether the machine failed, rather than what was asked for.
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Io { .. })
    }

    pub(crate) fn io(path: &str, source: impl Into<io::Error>) -> Self {
        let (path, source) = (path.to_owned(), source.into());
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path, source },
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Io { path, source },
        }
    }
}

impl From<FileError> for FileFault {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Missing { path } => Self::Missing { path },
            FileError::NotRegular { path, .. } => Self::NotRegular { path },
            other => Self::Unreadable { path: other.to_string(), source: Box::new(other) },
        }
    }
}
