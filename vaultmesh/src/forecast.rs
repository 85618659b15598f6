//! Forecasts over a vault: read through a connection that refuses to write, and left in a folder outside.
//!
//! What comes of it is recorded, if at all, as any other artifact: by whoever holds a permit, from the file in the outbox.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use vm_autogene::error::{ArtifactError, ForecastError, PlotError, SeriesError};
use vm_autogene::{Artifact, Forecast, Forecaster, Question, Recommendation, Series, SeriesQuery};
use vm_core::digest::Sha256Digest;
use vm_core::verdict::Verdict;

use crate::error::{EXIT_MACHINE, EXIT_USAGE};
use crate::outside::write_new;
use crate::read::Reader;

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
    /// A file of the outbox cannot be written.
    #[error("cannot write {}", path.display())]
    Outbox {
        /// The file.
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
            Self::Outbox { .. } | Self::Plot(_) => EXIT_MACHINE,
            Self::Forecast(_) | Self::Artifact(_) | Self::Inside { .. } => EXIT_USAGE,
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
            Self::Artifact(_) | Self::Plot(_) => "Ask for a shorter horizon, and report this.",
            Self::Inside { .. } => "Name a place outside the vault.",
            Self::Outbox { .. } => "Check the name of the folder, the right to write there, and the space on its disk.",
        }
    }
}

/// A forecast with what it was made from and what it gives reason to look at.
#[derive(Clone, PartialEq, Debug)]
pub struct Foreseen {
    /// The series.
    pub series: Series,
    /// The forecast.
    pub forecast: Forecast,
    /// The recommendation, if there is reason for one.
    pub recommendation: Option<Recommendation>,
}

/// An artifact in the outbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    /// Kind it is to be recorded under.
    pub kind: &'static str,
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of the file.
    pub sha256: Sha256Digest,
}

impl Reader {
    /// Forecasts a series of this vault.
    ///
    /// # Errors
    /// [`ForecastFault`].
    pub fn forecast(
        &self,
        query: &SeriesQuery,
        question: &Question,
        forecaster: &dyn Forecaster,
    ) -> Result<Foreseen, ForecastFault> {
        let series = Series::read(self.view(), query)?;
        let forecast = vm_autogene::forecast(self.view(), &series, question, forecaster)?;
        let recommendation = Recommendation::from_forecast(&forecast)?;
        Ok(Foreseen { series, forecast, recommendation })
    }
}

impl Foreseen {
    /// Leaves the forecast, and the recommendation if there is one, in the folder `outbox`, named after their kind and hash. A file that is
    /// there already holds the same and stays.
    ///
    /// # Errors
    /// [`ForecastFault`].
    pub fn leave(&self, outbox: &Path) -> Result<Vec<Left>, ForecastFault> {
        let mut left = vec![leave(outbox, &self.forecast)?];
        if let Some(recommendation) = &self.recommendation {
            left.push(leave(outbox, recommendation)?);
        }
        Ok(left)
    }
}

fn leave<A: Artifact>(outbox: &Path, artifact: &A) -> Result<Left, ForecastFault> {
    let bytes = artifact.to_bytes()?;
    let sha256 = Sha256Digest::of(&bytes);
    let path = outbox.join(format!("{}-{sha256}.json", A::KIND));
    match write_new(&path, &bytes) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(ForecastFault::Outbox { path, source }),
        _ => Ok(Left { kind: A::KIND, path, sha256 }),
    }
}

/// Whether `path`, or the nearest folder above it that exists, lies in `vault`, links followed.
///
/// # Errors
/// [`ForecastFault::Inside`].
pub fn check_outside(vault: &Path, path: &Path) -> Result<(), ForecastFault> {
    let real = |path: &Path| {
        path.ancestors().find_map(|above| {
            let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
            above.canonicalize().ok()
        })
    };
    match (real(vault), real(path)) {
        (Some(vault), Some(path)) if !path.starts_with(&vault) => Ok(()),
        _ => Err(ForecastFault::Inside { path: path.to_owned() }),
    }
}
