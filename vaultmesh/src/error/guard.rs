//! Errors of guardians, and of the logs that become their signals.

use thiserror::Error;

/// What a guardian answered, or a log that was to become signals, cannot be taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GuardFault {
    /// A guardian's answer that cannot be recorded.
    #[error("guardian")]
    Guardian(#[from] vm_guardian::GuardError),
    /// A log of security events that is too long, or cannot be read.
    #[error("log of events")]
    Log(#[from] vm_guardian::error::LogError),
}

impl GuardFault {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Guardian(error) => error.code(),
            Self::Log(error) => error.code(),
        }
    }

    /// What to do about it.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::Guardian(_) => "Correct the guardian; nothing of what it answered was recorded.",
            Self::Log(_) => "Split the log and record it in parts.",
        }
    }
}
