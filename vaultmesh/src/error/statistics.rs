//! Errors of statistics that leave a vault.

use thiserror::Error;
use vm_core::error::StatisticsError;
use vm_core::id::RowId;

/// Statistics that cannot be given away.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StatisticsFault {
    /// The question cannot be asked, or the budget does not let it be answered.
    #[error("statistics were not released")]
    Refused(#[from] StatisticsError),
    /// A row that would count is not the one that was logged.
    #[error("row {row} is not as it was logged")]
    RowAltered {
        /// The row.
        row: RowId,
    },
}

impl StatisticsFault {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.code(),
            Self::RowAltered { .. } => "row-altered",
        }
    }

    /// What to do about it.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::Refused(error) => remedy(error),
            Self::RowAltered { .. } => {
                "Run `vaultmesh verify` to see what was changed, and restore the vault from a backup."
            }
        }
    }
}

/// What to do about statistics that are refused, by whichever layer.
pub(crate) const fn remedy(error: &StatisticsError) -> &'static str {
    match error {
        StatisticsError::NoBudget => "Set one with `vaultmesh stats --set-budget EPSILON`.",
        StatisticsError::Overspent { .. } => {
            "Ask for less, or not at all: what was given away cannot be taken back. `vaultmesh stats` shows what was."
        }
        _ => "Correct what is asked; `vaultmesh stats --help` says how. Nothing was given away.",
    }
}
