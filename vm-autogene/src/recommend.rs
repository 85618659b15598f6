//! Recommendations: what a forecast gives reason to look at. `docs/spec/autogene-recommendation.md` is the format.
//!
//! A recommendation is a word with its ground. Nothing follows from it by itself: whoever acts on it needs a proposal and its
//! gate, as for any other.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use vm_core::digest::Sha256Digest;
use vm_core::id::LedgerId;
use vm_core::instant::Instant;

use crate::artifact::{Artifact, Check};
use crate::drift::Drift;
use crate::error::ArtifactError;
use crate::forecast::Forecast;
use crate::limit::Limit;
use crate::measure::Measure;
use crate::outlier::Outlier;

/// A change counts as recent in this last part of the bins: the last quarter.
const RECENT: usize = 4;

/// What to look at, and why.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "look_at", rename_all = "snake_case", deny_unknown_fields)]
pub enum Advice {
    /// The limit is reached already, or may be within the horizon.
    Limit {
        /// The limit.
        limit: Limit,
        /// Whether the last value has reached it.
        already: bool,
        /// Level of the widest interval.
        level: f64,
        /// Begin of the first bin in which that interval touches it.
        earliest: Option<Instant>,
        /// Begin of the first bin whose expected value reaches it.
        expected: Option<Instant>,
    },
    /// The mean changed in the last quarter of the bins, so the past before is a weak guide.
    Drift(Drift),
    /// The last bin lies far off, so it may be the begin of something, or an error.
    Outlier(Outlier),
}

/// What a forecast gives reason to look at.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recommendation {
    /// The ledger.
    pub ledger: LedgerId,
    /// SHA-256 of the forecast's canonical bytes.
    pub forecast: Sha256Digest,
    /// What was forecast.
    pub series: Measure,
    /// At least one.
    pub advice: Vec<Advice>,
}

impl Recommendation {
    /// What `forecast` gives reason to look at; none where it gives none.
    ///
    /// # Errors
    /// [`ArtifactError`] where the forecast breaks a rule of its format.
    pub fn from_forecast(forecast: &Forecast) -> Result<Option<Self>, ArtifactError> {
        let advice: Vec<Advice> = limit(forecast).into_iter().chain(drift(forecast)).chain(outlier(forecast)).collect();
        if advice.is_empty() {
            return Ok(None);
        }
        let (ledger, series) = (forecast.ledger, forecast.series.clone());
        Ok(Some(Self { ledger, forecast: forecast.hash()?, series, advice }))
    }
}

fn limit(forecast: &Forecast) -> Option<Advice> {
    let crossing = forecast.limit.as_ref()?;
    let widest = crossing.intervals.last()?;
    let near = crossing.already || widest.earliest.is_some() || crossing.expected.is_some();
    near.then_some(Advice::Limit {
        limit: crossing.limit,
        already: crossing.already,
        level: widest.level,
        earliest: widest.earliest,
        expected: crossing.expected,
    })
}

fn drift(forecast: &Forecast) -> Option<Advice> {
    let bins = forecast.observed.bins;
    let recent = forecast.step.after(forecast.since, bins - bins / RECENT);
    forecast.drift.last().filter(|drift| drift.at >= recent).map(|drift| Advice::Drift(*drift))
}

fn outlier(forecast: &Forecast) -> Option<Advice> {
    let last = forecast.step.after(forecast.since, forecast.observed.bins.checked_sub(1)?);
    let found = forecast.outliers.found.as_ref()?;
    found.last().filter(|outlier| outlier.at == last).map(|outlier| Advice::Outlier(*outlier))
}

impl Artifact for Recommendation {
    const FORMAT: &'static str = "vm-autogene-recommendation-v0";
    const KIND: &'static str = "autogene_recommendation";
}

impl Check for Recommendation {
    fn check(&self) -> Result<(), &'static str> {
        let finite = |advice: &Advice| match advice {
            Advice::Limit { limit, level, .. } => limit.value.is_finite() && *level > 0.0 && *level < 1.0,
            Advice::Drift(drift) => drift.before.is_finite() && drift.after.is_finite(),
            Advice::Outlier(outlier) => outlier.value.is_finite(),
        };
        let kinds: HashSet<_> = self.advice.iter().map(core::mem::discriminant).collect();
        // One of each kind at most.
        if self.advice.is_empty() || self.advice.len() > kinds.len() {
            Err("no advice, or more than one of a kind")
        } else if !self.advice.iter().all(finite) {
            Err("a number is not finite, or a level not between 0 and 1")
        } else {
            Ok(())
        }
    }
}
