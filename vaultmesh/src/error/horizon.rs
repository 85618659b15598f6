//! Errors of horizons and of proofs of restraint.

use thiserror::Error;

/// A decision that cannot be opened, closed or read, or a proof about one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HorizonFault {
    /// A horizon that cannot be opened or closed.
    #[error("horizon cannot be opened or closed")]
    Decide(#[from] vm_shadow::error::DecideError),
    /// The rules of horizons refuse it.
    #[error(transparent)]
    Rule(#[from] vm_shadow::error::Violation),
    /// A row that is no horizon.
    #[error("horizon")]
    Row(#[from] vm_shadow::error::HorizonError),
    /// A decision of which no proof of restraint is made, and why.
    #[error("no proof of restraint is made of this decision")]
    Unproven(#[source] Box<vm_shadow::error::RestraintFault>),
    /// A proof of restraint that cannot be read or written.
    #[error("proof of restraint")]
    Restraint(#[from] vm_shadow::error::RestraintError),
}

impl HorizonFault {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Decide(error) => error.code(),
            Self::Rule(violation) => violation.code(),
            Self::Row(error) => error.code(),
            Self::Unproven(fault) => fault.code(),
            Self::Restraint(error) => error.code(),
        }
    }

    /// What to do about it.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::Decide(_) | Self::Rule(_) | Self::Row(_) => {
                "See `vaultmesh horizon list` for what is open, until when and by whom; nothing was recorded."
            }
            Self::Unproven(_) => {
                "Open horizons to record on /tool_invocations or /mcp_calls, or to execute a proposal on /gate: acts of no other are looked for."
            }
            Self::Restraint(_) => "Get the proof again from where it was made, and verify the vault there.",
        }
    }
}
