//! Errors of forecasts.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use vm_autogene::error::{ArtifactError, ForecastError, PlotError, SeriesError};
use vm_core::verdict::Verdict;

use crate::error::{EXIT_MACHINE, EXIT_USAGE};

/// A forecast that is not made, or could not be left.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ForecastFault {
    /// The series cannot be read.
    #[error("series")]
    Series(#[from] SeriesError),
    /// There is no forecast.
    #[error("forecast")]
    Forecast(#[from] ForecastError),
    /// An artifact cannot be written as JSON.
    #[error("artifact")]
    Artifact(#[from] ArtifactError),
    /// There is no picture.
    #[error("picture")]
    Plot(#[from] PlotError),
    /// The outbox lies in the vault, which forecasting leaves as it is.
    #[error("{} lies in the vault", path.display())]
    Inside {
        /// The outbox or file.
        path: PathBuf,
    },
    /// The outbox or file is named by a way up from a folder that is not there.
    #[error("{} goes up from a folder that is not there", path.display())]
    Upward {
        /// The outbox or file.
        path: PathBuf,
    },
    /// Something else has the name of an artifact, which tells its content.
    #[error("{} is there and holds something else", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// The outbox, or a file of it, cannot be written.
    #[error("cannot write {}", path.display())]
    Outbox {
        /// The outbox or file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
}

impl ForecastFault {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Series(error) => error.code(),
            Self::Forecast(error) => error.code(),
            Self::Artifact(error) => error.code(),
            Self::Plot(error) => error.code(),
            Self::Inside { .. } => "outbox-in-vault",
            Self::Upward { .. } => "outbox-upward",
            Self::Taken { .. } => "outbox-taken",
            Self::Outbox { .. } => "outbox",
        }
    }

    /// Exit code: that of an undecided check where the evidence is too little or cannot be relied on, since then nothing can be said.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let undecided = Verdict::Undecided.exit_code();
        match self {
            Self::Forecast(ForecastError::Series(error)) | Self::Series(error) => match error {
                SeriesError::View(_) => EXIT_MACHINE,
                SeriesError::Empty
                | SeriesError::NoBins { .. }
                | SeriesError::Unreadable { .. }
                | SeriesError::Altered { .. } => undecided,
                _ => EXIT_USAGE,
            },
            Self::Forecast(
                ForecastError::TooFewBins { .. }
                | ForecastError::TooSparse { .. }
                | ForecastError::Constant
                | ForecastError::Model { .. }
                | ForecastError::Malformed { .. },
            ) => undecided,
            Self::Forecast(_)
            | Self::Artifact(_)
            | Self::Plot(PlotError::Range { .. })
            | Self::Inside { .. }
            | Self::Upward { .. }
            | Self::Taken { .. } => EXIT_USAGE,
            Self::Outbox { .. } | Self::Plot(_) => EXIT_MACHINE,
        }
    }

    /// What to do about it, in one sentence.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Series(SeriesError::Unreadable { .. } | SeriesError::Altered { .. }) => {
                "Verify the vault with `vaultmesh verify`; nothing is forecast from rows that do not hold."
            }
            Self::Series(_) => "Ask for another series, step or window: `vaultmesh forecast --help` lists them.",
            Self::Forecast(_) => "Wait for more evidence, or ask with another step, horizon or model.",
            Self::Plot(PlotError::Range { .. }) => "Give a limit that the series may reach.",
            Self::Artifact(_) | Self::Plot(_) => "Ask for a shorter horizon, and report this.",
            Self::Inside { .. } => "Name a place outside the vault.",
            Self::Upward { .. } => "Name it without `..`, or make the folder first.",
            Self::Taken { .. } => "Move that file away, or name another folder.",
            Self::Outbox { .. } => "Check the name of the folder, the right to write there, and the space on its disk.",
        }
    }
}
