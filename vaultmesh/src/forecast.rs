//! Forecasts over a vault: read through a connection that refuses to write, and left in a folder outside.
//!
//! What comes of it is recorded, if at all, as any other artifact: by whoever holds a permit, from the file in the outbox.

use std::io;
use std::path::{Path, PathBuf};

use vm_autogene::{Artifact, Forecast, Forecaster, Question, Recommendation, Series, SeriesQuery};
use vm_core::digest::Sha256Digest;

use crate::error::ForecastFault;
use crate::outside::write_new;
use crate::read::Reader;

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
