//! Faults of openings.

use thiserror::Error;
use vm_core::id::RowId;

use super::LedgerError;

/// Openings that could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpeningsError {
    /// A format or suite that this build does not know.
    #[error("unknown format {found:?}")]
    FormatUnknown {
        /// What was found.
        found: String,
    },
    /// They are encrypted under another key.
    #[error("openings are encrypted under key {expected}, the key given is {found}")]
    OtherKey {
        /// Key id stored.
        expected: String,
        /// Key id given.
        found: String,
    },
    /// Their key was erased on record.
    #[error("openings were erased under receipt {receipt}")]
    Erased {
        /// Row of the receipt.
        receipt: RowId,
    },
    /// Their key could not be read.
    #[error("key of openings")]
    Key(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// They do not decrypt: changed, or moved from another row or ledger.
    #[error("openings do not decrypt")]
    Unauthentic,
    /// They decrypt to something else than openings.
    #[error("openings are malformed")]
    Malformed,
    /// The ledger could not be read.
    #[error("ledger")]
    Ledger(#[source] LedgerError),
}

impl OpeningsError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FormatUnknown { .. } => "format-unknown",
            Self::OtherKey { .. } => "openings-other-key",
            Self::Erased { .. } => "openings-erased",
            Self::Key(_) => "openings-key",
            Self::Unauthentic => "openings-unauthentic",
            Self::Malformed => "openings-malformed",
            Self::Ledger(source) => source.code(),
        }
    }
}
