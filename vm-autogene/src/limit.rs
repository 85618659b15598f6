//! Limits: when a series is expected to cross a value.

use serde::{Deserialize, Serialize};
use vm_core::instant::Instant;

use crate::error::ForecastError;
use crate::forecaster::Prediction;
use crate::series::Series;

/// From which side a limit is crossed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The series grows to the limit.
    Above,
    /// The series falls to the limit.
    Below,
}

/// A value that a series should not reach.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// From which side.
    pub direction: Direction,
    /// The value, in the measure's unit.
    pub value: f64,
}

impl Limit {
    pub(crate) const fn check(&self) -> Result<(), ForecastError> {
        if self.value.is_finite() { Ok(()) } else { Err(ForecastError::Limit) }
    }

    fn reached(&self, value: f64) -> bool {
        match self.direction {
            Direction::Above => value >= self.value,
            Direction::Below => value <= self.value,
        }
    }
}

/// Earliest and latest crossing by one interval.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossingInterval {
    /// Level of the interval.
    pub level: f64,
    /// Begin of the first bin in which its bound on the side of the limit reaches it.
    pub earliest: Option<Instant>,
    /// Begin of the first bin in which its other bound reaches it as well.
    pub latest: Option<Instant>,
}

/// When a limit is expected to be crossed; none stands for "not within the horizon". The intervals are those of each bin by
/// itself, not of the time of a first crossing, which has no closed form.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crossing {
    /// The limit.
    pub limit: Limit,
    /// Whether the last value has reached it already.
    pub already: bool,
    /// Begin of the first bin whose expected value reaches it.
    pub expected: Option<Instant>,
    /// One a level, in their order.
    pub intervals: Vec<CrossingInterval>,
}

impl Crossing {
    pub(crate) fn find(limit: Limit, series: &Series, last: f64, prediction: &Prediction) -> Self {
        let first = |values: &[f64]| {
            let ahead = values.iter().position(|value| limit.reached(*value))?;
            Some(series.at(series.values().len() + ahead))
        };
        let intervals = prediction.intervals.iter().map(|interval| {
            let (near, far) = match limit.direction {
                Direction::Above => (&interval.upper, &interval.lower),
                Direction::Below => (&interval.lower, &interval.upper),
            };
            CrossingInterval { level: interval.level, earliest: first(near), latest: first(far) }
        });
        Self {
            limit,
            already: limit.reached(last),
            expected: first(&prediction.points),
            intervals: intervals.collect(),
        }
    }
}
