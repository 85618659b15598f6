//! Forecasts as data. `docs/spec/autogene-forecast.md` is the format.

use serde::{Deserialize, Serialize};
use vm_core::id::LedgerId;
use vm_core::instant::Instant;

use crate::artifact::{Artifact, Check};
use crate::drift::Drift;
use crate::forecaster::{HORIZON_MAX, Interval, LEVELS_MAX, MODEL_NAME_MAX, Model, nested};
use crate::limit::Crossing;
use crate::measure::Measure;
use crate::outlier::Outliers;
use crate::series::{BINS_MAX, Inputs};
use crate::span::Step;

/// What a forecast saw of its series.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// Number of bins.
    pub bins: usize,
    /// How many of them held no value and were filled in.
    pub missing: usize,
    /// How many rows have a time before that of a row at an earlier place.
    pub backward: u64,
    /// Seals without an anchor, where the lag is measured.
    pub open: u64,
    /// The last value.
    pub last: f64,
    /// Mean absolute difference between neighbours: what the error of the forecast is measured by later.
    pub scale: f64,
}

/// A forecast of a series.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forecast {
    /// The ledger.
    pub ledger: LedgerId,
    /// What is forecast.
    pub series: Measure,
    /// Width of a bin, in seconds.
    pub step: Step,
    /// Begin of the first bin observed.
    pub since: Instant,
    /// End of the last bin observed, and begin of the first that is forecast.
    pub until: Instant,
    /// The rows it rests on.
    pub inputs: Inputs,
    /// What was seen of the series.
    pub observed: Observed,
    /// The model.
    pub model: Model,
    /// Bins ahead.
    pub horizon: usize,
    /// Expected value a bin ahead.
    pub points: Vec<f64>,
    /// One interval a level.
    pub intervals: Vec<Interval>,
    /// Changes of the mean that were seen.
    pub drift: Vec<Drift>,
    /// Bins that lie far off.
    pub outliers: Outliers,
    /// When the limit is crossed, if one was given.
    pub limit: Option<Crossing>,
}

impl Forecast {
    /// Begin of the bin `ahead` bins after the first that is forecast.
    #[must_use]
    pub fn at(&self, ahead: usize) -> Instant {
        self.step.after(self.until, ahead)
    }
}

impl Artifact for Forecast {
    const FORMAT: &'static str = "vm-autogene-forecast-v0";
    const KIND: &'static str = "autogene_forecast";
}

impl Check for Forecast {
    fn check(&self) -> Result<(), &'static str> {
        let levels = &self.intervals;
        let name = self.model.name.len();
        let finite = [self.observed.last, self.observed.scale];
        let drift = self.drift.iter().flat_map(|drift| [drift.before, drift.after]);
        let far = self.outliers.found.iter().flatten().map(|outlier| outlier.value);
        let limit = self.limit.iter().map(|crossing| crossing.limit.value);
        let crossed = |crossing: &Crossing| crossing.intervals.iter().map(|one| one.level).collect::<Vec<_>>();
        let held: Vec<f64> = levels.iter().map(|interval| interval.level).collect();
        let rising = levels.is_sorted_by(|one, next| one.level < next.level);
        if self.horizon == 0 || self.horizon > HORIZON_MAX || self.points.len() != self.horizon {
            Err("points are not as many as the horizon, or too many")
        } else if levels.is_empty() || levels.len() > LEVELS_MAX || !rising {
            Err("intervals are none, too many, or not of rising levels")
        } else if levels.iter().any(|interval| !(interval.level > 0.0 && interval.level < 1.0)) {
            Err("a level is not between 0 and 1")
        } else if self.observed.bins == 0 || self.observed.bins > BINS_MAX || name == 0 || name > MODEL_NAME_MAX {
            Err("bins or the name of the model are none or too many")
        } else if self.step.floor(self.since) != self.since {
            Err("bins do not begin at multiples of the step")
        } else if self.step.after(self.since, self.observed.bins) != self.until {
            Err("the window is not as long as its bins")
        } else if !finite.into_iter().chain(drift).chain(far).chain(limit).all(f64::is_finite) {
            Err("a number is not finite")
        } else if self.limit.iter().any(|crossing| crossed(crossing) != held) {
            Err("the levels of the limit are not those of the intervals")
        } else {
            nested(&self.points, &self.intervals)
        }
    }
}
