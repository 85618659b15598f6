//! Forecasts over a vault: read through a connection that refuses to write, and left in a folder outside.
//!
//! What comes of it is recorded, if at all, as any other artifact: by whoever holds a permit, from the file in the outbox.

use std::fs;
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
    /// The vault that it is of, where nothing is left.
    vault: PathBuf,
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
        Ok(Foreseen { series, forecast, recommendation, vault: self.folder().to_owned() })
    }
}

impl Foreseen {
    /// Leaves the forecast, and the recommendation if there is one, in the folder `outbox`, named after their kind and hash. The folder is
    /// made where it is missing, outside the vault. A file that is there already and holds the same stays.
    ///
    /// # Errors
    /// [`ForecastFault`].
    pub fn leave(&self, outbox: &Path) -> Result<Vec<Left>, ForecastFault> {
        let fault = |source| ForecastFault::Outbox { path: outbox.to_owned(), source };
        check_outside(&self.vault, outbox)?;
        fs::create_dir_all(outbox).map_err(fault)?;
        // What is there now is what counts: another process may have put a link in its place.
        check_outside(&self.vault, outbox)?;
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
        Ok(()) => Ok(Left { kind: A::KIND, path, sha256 }),
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(ForecastFault::Outbox { path, source }),
        Err(_) => match holds(&path, &bytes) {
            Ok(true) => Ok(Left { kind: A::KIND, path, sha256 }),
            Ok(false) => Err(ForecastFault::Taken { path }),
            Err(source) => Err(ForecastFault::Outbox { path, source }),
        },
    }
}

/// Whether a regular file of this name, not a link to one, holds these very bytes.
fn holds(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let found = path.symlink_metadata()?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok(found.is_file() && found.len() == length && fs::read(path)? == bytes)
}

/// Whether `path` lies outside `vault`, links followed. What of it does not exist yet may only lead down: to go up from a folder that is
/// not there leads nobody knows where once it is.
///
/// # Errors
/// [`ForecastFault::Inside`] and [`ForecastFault::Upward`]; [`ForecastFault::Outbox`] where it cannot be told.
pub fn check_outside(vault: &Path, path: &Path) -> Result<(), ForecastFault> {
    let fault = |path: &Path, source| ForecastFault::Outbox { path: path.to_owned(), source };
    let vault = vault.canonicalize().map_err(|source| fault(vault, source))?;
    for above in path.ancestors() {
        let named = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        match named.canonicalize() {
            Ok(real) if real.starts_with(&vault) => return Err(ForecastFault::Inside { path: path.to_owned() }),
            Ok(_) => return Ok(()),
            // Of a path that ends so there is no last name.
            Err(_) if named.file_name().is_none() => return Err(ForecastFault::Upward { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(fault(path, error)),
        }
    }
    Err(fault(path, io::ErrorKind::NotFound.into()))
}
