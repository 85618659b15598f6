//! Errors of `config.toml`.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::TomlFault;

/// A configuration that is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// A file is too long.
    #[error("{} is longer than {limit} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
    /// No TOML of the right shape, or unknown keys.
    #[error("config.toml is malformed")]
    Malformed(#[source] TomlFault),
    /// An unknown format.
    #[error("config.toml is of unknown format {found:?}")]
    FormatUnknown {
        /// The format it claims.
        found: String,
    },
    /// A wait that is too long.
    #[error("lock_timeout_seconds is {found}, more than {limit}")]
    LockTimeout {
        /// Seconds allowed.
        limit: u64,
        /// Seconds given.
        found: u64,
    },
    /// Two authorities of one name.
    #[error("two [[tsa]] entries are named {name:?}")]
    DuplicateTsa {
        /// The name.
        name: String,
    },
    /// A name that cannot stand in reports.
    #[error("a [[tsa]] entry's name is not 1 to 64 characters from a-z, 0-9 and hyphen")]
    TsaName,
    /// An address that cannot be asked.
    #[error("url of tsa {name:?} cannot be used: {reason}")]
    TsaUrl {
        /// The entry's name.
        name: String,
        /// What is wrong with it, without its text.
        reason: &'static str,
    },
    /// A path of a root that cannot lie below the vault.
    #[error("root of tsa {name:?} is no path below the vault")]
    TsaRootPath {
        /// The entry's name.
        name: String,
        /// What is wrong with it.
        #[source]
        source: vm_core::error::PathError,
    },
    /// Not exactly one root.
    #[error("tsa {name:?} needs either root, a PEM file below the vault, or root_pem, a PEM certificate")]
    TsaRoot {
        /// The entry's name.
        name: String,
    },
}

impl ConfigError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "config-read",
            Self::TooLong { .. } => "config-too-long",
            Self::Malformed(_) => "config-malformed",
            Self::FormatUnknown { .. } => "format-unknown",
            Self::LockTimeout { .. } => "config-lock-timeout",
            Self::DuplicateTsa { .. } => "config-duplicate-tsa",
            Self::TsaName => "config-tsa-name",
            Self::TsaUrl { .. } => "config-tsa-url",
            Self::TsaRootPath { .. } => "config-tsa-root-path",
            Self::TsaRoot { .. } => "config-tsa-root",
        }
    }
}
