//! Errors of decisions.

use thiserror::Error;

use crate::error::LedgerError;

/// Why a decision recorded nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Decided<E: std::error::Error + 'static> {
    /// The rules of whoever decides refused it.
    #[error("refused")]
    Refused(#[source] E),
    /// The ledger could not, or would not, record it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl<E: std::error::Error + 'static> Decided<E> {
    /// Stable code, where it is the ledger's.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Refused(_) => None,
            Self::Ledger(error) => Some(error.code()),
        }
    }
}
