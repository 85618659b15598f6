//! Errors of granting and revoking tokens.

use thiserror::Error;
use vm_core::digest::CapabilityHash;
use vm_core::error::CapabilityError;

/// A token that is not granted, not revoked, or does not permit what is asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not a name that somebody who holds a token may have.
    #[error("not a holder's name")]
    HolderName,
    /// A holder of this name is kept already.
    #[error("there is a holder {name}")]
    HolderExists {
        /// The name.
        name: String,
    },
    /// No key at hand may revoke the token.
    #[error("no key at hand issued capability {capability}, or one it descends from")]
    NoIssuer {
        /// The token.
        capability: CapabilityHash,
    },
    /// A capability that does not permit it.
    #[error("not permitted")]
    Refused(#[from] CapabilityError),
}

impl TokenError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::HolderName => "holder-name",
            Self::HolderExists { .. } => "holder-exists",
            Self::NoIssuer { .. } => "capability-no-issuer",
            Self::Refused(error) => error.code(),
        }
    }

    /// What to do about it.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::HolderName => "Use 1 to 64 characters from a-z, 0-9 and hyphen.",
            Self::HolderExists { .. } => "Choose another name; `vaultmesh tokens` lists what was granted.",
            Self::NoIssuer { .. } => "Open the vault as the token's issuer with --holder, or where the root key is.",
            Self::Refused(CapabilityError::Escapes { .. }) => {
                "Grant no more than the token that it is narrowed from, or issue it with --from-root."
            }
            Self::Refused(CapabilityError::TooSoon { .. }) => "Wait until the token may be used again.",
            Self::Refused(_) => "Use a capability that grants it; `vaultmesh tokens` lists what was granted.",
        }
    }
}
