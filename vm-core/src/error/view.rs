//! Why a view, its files or a journal did not do what was asked.

use std::error::Error;

use thiserror::Error;

/// Why a file of a vault could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileFault {
    /// Nothing is there.
    #[error("no such file: {path}")]
    Missing {
        /// Path below the vault.
        path: String,
    },
    /// Something is there that is no regular file, or the way leads through a link.
    #[error("not a regular file below the vault: {path}")]
    NotRegular {
        /// Path below the vault.
        path: String,
    },
    /// The machine would not read it.
    #[error("cannot read {path}")]
    Unreadable {
        /// Path below the vault.
        path: String,
        /// What the machine said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A view that could not answer. Never a pass: whoever gets one is undecided.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The ledger holds nothing, not even a genesis.
    #[error("the ledger is empty")]
    Empty,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] Box<dyn Error + Send + Sync>),
}

impl ViewError {
    /// Wraps a failure of the store.
    pub fn store(source: impl Error + Send + Sync + 'static) -> Self {
        Self::Store(Box::new(source))
    }
}

/// A journal that refused or failed.
#[derive(Debug, Error)]
#[error("the journal did not record: {code}")]
pub struct JournalError {
    code: &'static str,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl JournalError {
    /// Wraps the journal's own error under its stable code.
    pub fn new(code: &'static str, source: impl Error + Send + Sync + 'static) -> Self {
        Self { code, source: Box::new(source) }
    }

    /// Stable code of the cause.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }
}
