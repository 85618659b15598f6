//! Scores: a forecast against what came. `docs/spec/autogene-score.md` is the format.
//!
//! Absolute error by itself (MAE) and in units of the mean step of the past (MASE: Hyndman and Koehler, International Journal of
//! Forecasting 22, 2006); for intervals, how many held the outcome, and the interval score (Winkler, 1972; Gneiting and Raftery,
//! Journal of the American Statistical Association 102, 2007, equation 43). Less is better for each but coverage.

use serde::{Deserialize, Serialize};
use vm_core::digest::Sha256Digest;
use vm_core::id::LedgerId;

use crate::artifact::{Artifact, Check, sound};
use crate::error::ScoreError;
use crate::forecast::Forecast;
use crate::forecaster::{HORIZON_MAX, Interval, LEVELS_MAX};
use crate::measure::Measure;
use crate::number::{mean, real_len};
use crate::series::{Inputs, Series};
use crate::span::Step;

/// How an interval did.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntervalScore {
    /// Its level.
    pub level: f64,
    /// How many outcomes it held.
    pub covered: usize,
    /// Mean interval score, in the measure's unit: its width, and for each outcome outside 2 / (1 - level) times the distance.
    pub winkler: f64,
}

/// A forecast against what came.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// The ledger.
    pub ledger: LedgerId,
    /// SHA-256 of the forecast's canonical bytes.
    pub forecast: Sha256Digest,
    /// What was forecast.
    pub series: Measure,
    /// Width of a bin, in seconds.
    pub step: Step,
    /// The rows that the later series was read from.
    pub inputs: Inputs,
    /// Bins that were forecast.
    pub horizon: usize,
    /// How many of them came and hold a value.
    pub compared: usize,
    /// Mean absolute error of the points, in the measure's unit.
    pub mae: f64,
    /// Mean absolute error in units of the past's mean step; none where the past did not move.
    pub mase: Option<f64>,
    /// One a level.
    pub intervals: Vec<IntervalScore>,
}

impl Score {
    /// Scores `forecast` against `later`, a series of the same measure and step read from a longer log. Left out are bins that have
    /// not come or hold no value, and those that the log of the forecast had begun to tell of: a row of their time or a later one
    /// stood in it, in a table that the measure reads. The first bin after a series that ends with its log is one of them.
    ///
    /// What the log of the forecast held is what the forecast says; whoever made it may have held more. When it was made is shown by the
    /// place of the row that it was recorded in.
    ///
    /// # Errors
    /// [`ScoreError`].
    pub fn of(forecast: &Forecast, later: &Series) -> Result<Self, ScoreError> {
        let same = [
            ("ledger", forecast.ledger == later.ledger()),
            ("measure", forecast.series == *later.measure()),
            ("step", forecast.step == later.step()),
        ];
        if let Some((what, _)) = same.into_iter().find(|(_, same)| !same) {
            return Err(ScoreError::Other { what });
        }
        if later.inputs().as_of <= forecast.inputs.as_of {
            return Err(ScoreError::NotLater { found: later.inputs().as_of });
        }
        let hash = forecast.hash().map_err(ScoreError::Artifact)?;
        let came = came(forecast, later)?;
        let error = |(ahead, value): &(usize, f64)| Some((forecast.points.get(*ahead)? - value).abs());
        let errors: Vec<f64> = came.iter().filter_map(error).collect();
        let mae = mean(&errors).ok_or(ScoreError::NothingToCompare)?;
        let scale = forecast.observed.scale;
        let score = Self {
            ledger: forecast.ledger,
            forecast: hash,
            series: forecast.series.clone(),
            step: forecast.step,
            inputs: later.inputs(),
            horizon: forecast.horizon,
            compared: came.len(),
            mae,
            mase: (scale > 0.0).then(|| mae / scale),
            intervals: forecast.intervals.iter().map(|interval| judge(interval, &came)).collect(),
        };
        sound(score).map_err(ScoreError::Artifact)
    }
}

/// Bins ahead that came after the log that the forecast was made from, and their values.
fn came(forecast: &Forecast, later: &Series) -> Result<Vec<(usize, f64)>, ScoreError> {
    let (mut came, mut begun) = (Vec::new(), 0);
    for ahead in 0..forecast.horizon {
        let Some(index) = later.step().index(later.since(), forecast.at(ahead)) else {
            continue;
        };
        match later.values().get(index) {
            Some(Some(_)) if later.begun(index).is_some_and(|place| place < forecast.inputs.as_of) => begun += 1,
            Some(Some(value)) => came.push((ahead, *value)),
            _ => {}
        }
    }
    if came.is_empty() && begun > 0 { Err(ScoreError::Begun { found: begun }) } else { Ok(came) }
}

fn judge(interval: &Interval, came: &[(usize, f64)]) -> IntervalScore {
    let (mut covered, mut scores) = (0, Vec::with_capacity(came.len()));
    for (ahead, value) in came {
        let Some((lower, upper)) = interval.lower.get(*ahead).zip(interval.upper.get(*ahead)) else {
            continue;
        };
        covered += usize::from(lower <= value && value <= upper);
        scores.push(interval_score(interval.level, *lower, *upper, *value));
    }
    IntervalScore { level: interval.level, covered, winkler: mean(&scores).unwrap_or_default() }
}

/// Interval score of one outcome: less is better, and nothing is gained by stating another interval than one believes.
#[must_use]
pub fn interval_score(level: f64, lower: f64, upper: f64, value: f64) -> f64 {
    let outside = (lower - value).max(value - upper).max(0.0);
    2.0 / (1.0 - level) * outside + (upper - lower)
}

impl Artifact for Score {
    const FORMAT: &'static str = "vm-autogene-score-v0";
    const KIND: &'static str = "autogene_score";
}

impl Check for Score {
    fn check(&self) -> Result<(), &'static str> {
        let compared = self.compared;
        let sound = |interval: &IntervalScore| {
            let between = interval.level > 0.0 && interval.level < 1.0;
            between && interval.covered <= compared && interval.winkler.is_finite() && interval.winkler >= 0.0
        };
        if compared == 0 || compared > self.horizon || self.horizon > HORIZON_MAX {
            Err("compared bins are none, or more than were forecast")
        } else if ![self.mae, self.mase.unwrap_or_default()].iter().all(|error| error.is_finite() && *error >= 0.0) {
            Err("an error is negative or not finite")
        } else if self.intervals.is_empty() || self.intervals.len() > LEVELS_MAX || !self.intervals.iter().all(sound) {
            Err("intervals are none, too many, or not sound")
        } else if !self.intervals.is_sorted_by(|one, next| one.level < next.level) {
            Err("levels do not rise")
        } else {
            Ok(())
        }
    }
}

impl IntervalScore {
    /// Share of `compared` outcomes that it held.
    #[must_use]
    pub fn coverage(&self, compared: usize) -> f64 {
        real_len(self.covered) / real_len(compared.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_scores_by_hand() {
        // Width 4; outside by 1 at level 0.8 costs 2 / 0.2 = 10 more.
        for (value, score) in [(5.0, 4.0), (3.0, 4.0), (7.0, 4.0), (8.0, 14.0), (2.0, 14.0), (0.0, 34.0)] {
            assert!((interval_score(0.8, 3.0, 7.0, value) - score).abs() < 1e-9, "{value}");
        }
    }
}
