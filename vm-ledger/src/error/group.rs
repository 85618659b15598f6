//! One failure, told to every call that shared the transaction.

use core::fmt;
use std::error::Error;
use std::sync::Arc;

use crate::error::LedgerError;

/// Why the transaction that several calls shared failed. It reads and is coded as its cause.
#[derive(Clone, Debug)]
pub struct GroupFailure {
    cause: Arc<LedgerError>,
    code: &'static str,
    machine: bool,
}

impl GroupFailure {
    pub(crate) fn new(cause: LedgerError) -> Self {
        let (code, machine) = (cause.code(), cause.is_machine());
        Self { cause: Arc::new(cause), code, machine }
    }

    /// The failure itself.
    #[must_use]
    pub fn cause(&self) -> &LedgerError {
        &self.cause
    }

    /// The cause's stable, machine-readable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Whether the machine failed.
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        self.machine
    }
}

impl fmt::Display for GroupFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for GroupFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}
