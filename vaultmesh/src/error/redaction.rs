//! Errors of redaction policies in files.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use vm_core::error::PolicyError;

use super::{TomlFault, VaultError};

/// A redaction policy that is not used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RedactionFault {
    /// The file cannot be read or written.
    #[error("cannot use redaction policy {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// The file is too long.
    #[error("redaction policy {} is longer than {limit} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
    /// Not the TOML of a policy, or with unknown keys.
    #[error("redaction policy is malformed")]
    Malformed(#[source] TomlFault),
    /// Another format.
    #[error("redaction policy of unknown format {found:?}")]
    FormatUnknown {
        /// The format it claims.
        found: String,
    },
    /// What it says cannot be meant.
    #[error("redaction policy, line {line}")]
    Refused {
        /// Line of the rule, or 1 where no rule is at fault.
        line: usize,
        /// What is wrong.
        #[source]
        source: PolicyError,
    },
    /// No policy of this name ships, and none of this hash is recorded.
    #[error("there is no redaction policy {name:?}")]
    Unknown {
        /// The name, cut short.
        name: String,
    },
    /// It cannot be written as TOML.
    #[error("policy cannot be written")]
    Write(#[source] Box<toml::ser::Error>),
}

impl From<RedactionFault> for VaultError {
    fn from(fault: RedactionFault) -> Self {
        Self::Redaction(Box::new(fault))
    }
}

impl RedactionFault {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "redaction-file",
            Self::TooLong { .. } => "redaction-too-long",
            Self::Malformed(_) => "redaction-malformed",
            Self::FormatUnknown { .. } => "format-unknown",
            Self::Refused { source, .. } => source.code(),
            Self::Unknown { .. } => "redaction-unknown",
            Self::Write(_) => "redaction-write",
        }
    }

    /// Whether the machine failed.
    pub(crate) fn is_machine(&self) -> bool {
        match self {
            Self::File { source, .. } => crate::exit::is_machine(source),
            Self::Write(_) => true,
            _ => false,
        }
    }

    /// What to do about it.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::File { .. } => "Check the name of the file and the right to use it; nothing was recorded.",
            Self::Unknown { .. } => {
                "`vaultmesh redact list` names the policies that ship; a file is named by its path."
            }
            Self::Write(_) => "Write the policy by hand.",
            _ => "Correct the policy, and try it with `vaultmesh redact test`; nothing was recorded.",
        }
    }
}
