//! Forecasters: models that say how a series goes on.
//!
//! A forecaster is given a [`EvidenceView`] and a series, and answers with a [`Prediction`]: numbers. Neither leads to a
//! `Journal` or a `Permit`, so that it can write nothing; a test that must not compile shows it.

mod ets;
mod mstl;
mod naive;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use vm_core::view::EvidenceView;

use crate::drift;
use crate::error::ForecastError;
use crate::forecast::{Forecast, Observed};
use crate::limit::{Crossing, Limit};
use crate::number::{differences, mean};
use crate::outlier;
use crate::past::Past;
use crate::series::{Filled, Series};

pub use ets::Ets;
pub use mstl::{Mstl, PERIODS_MAX};
pub use naive::Naive;

/// Most bins ahead: intervals are long meaningless before, and an artifact stays below a megabyte.
pub const HORIZON_MAX: usize = 1_024;
/// Most levels of one forecast: a fan chart has fewer.
pub const LEVELS_MAX: usize = 8;
/// Longest name of a model, in bytes: a word or two.
pub const MODEL_NAME_MAX: usize = 64;

/// What is asked of a forecast.
#[derive(Clone, PartialEq, Debug)]
pub struct Question {
    /// Bins ahead, 1 to [`HORIZON_MAX`].
    pub horizon: usize,
    /// Levels of the intervals: shares of outcomes that each should hold, between 0 and 1, rising, 1 to [`LEVELS_MAX`] of them.
    pub levels: Vec<f64>,
    /// A value whose crossing is looked for.
    pub limit: Option<Limit>,
}

impl Question {
    /// `horizon` bins ahead with intervals at 80 % and 95 %, the levels that forecasts are commonly given with.
    #[must_use]
    pub fn new(horizon: usize) -> Self {
        Self { horizon, levels: vec![0.8, 0.95], limit: None }
    }

    fn check(&self) -> Result<(), ForecastError> {
        if self.horizon == 0 || self.horizon > HORIZON_MAX {
            return Err(ForecastError::Horizon { limit: HORIZON_MAX, found: self.horizon });
        }
        let between = self.levels.iter().all(|level| *level > 0.0 && *level < 1.0);
        let rising = self.levels.is_sorted_by(|one, next| one < next);
        if self.levels.is_empty() || self.levels.len() > LEVELS_MAX || !between || !rising {
            return Err(ForecastError::Levels { limit: LEVELS_MAX });
        }
        self.limit.map_or(Ok(()), |limit| limit.check())
    }
}

/// Name and parameters of a model, as it was fitted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Name: 1 to [`MODEL_NAME_MAX`] bytes.
    pub name: String,
    /// Parameters: what it was told, and what it chose.
    pub parameters: Map<String, Value>,
}

impl Model {
    /// A model of this name with these parameters; what is no JSON object has none.
    #[must_use]
    pub fn new(name: &str, parameters: Value) -> Self {
        let parameters = if let Value::Object(map) = parameters { map } else { Map::new() };
        Self { name: name.to_owned(), parameters }
    }
}

/// Bounds that should hold the outcome in a share `level` of cases.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Share of outcomes inside, between 0 and 1.
    pub level: f64,
    /// Lower bound a bin ahead.
    pub lower: Vec<f64>,
    /// Upper bound a bin ahead.
    pub upper: Vec<f64>,
}

/// What a forecaster answers.
#[derive(Clone, PartialEq, Debug)]
pub struct Prediction {
    /// The model as it was fitted.
    pub model: Model,
    /// Expected value a bin ahead.
    pub points: Vec<f64>,
    /// One interval a level, in their order.
    pub intervals: Vec<Interval>,
}

/// A model that says how a series goes on.
///
/// It must answer the same for the same view, series and question. The view ends where the log that the series was read from ended.
/// It may read more of it than the series; what it reads beside the series is not covered by the hash of the inputs, and belongs
/// into the parameters of its model. Among it may be rows of the bins that are forecast; a score leaves those bins out.
pub trait Forecaster {
    /// Says how `series` goes on for `question.horizon` bins.
    ///
    /// # Errors
    /// [`ForecastError`] where it cannot say; a forecast is never made up.
    fn predict(
        &self,
        view: &dyn EvidenceView,
        series: &Series,
        question: &Question,
    ) -> Result<Prediction, ForecastError>;
}

/// Forecasts `series`, which was read from `view`; of that, `forecaster` is shown what the log held then. Values outside the range of the measure are moved to its ends, since no share is
/// above 1 and no count below 0. The same input gives the same forecast, on the same build.
///
/// # Errors
/// [`ForecastError`]: too little to go by, or an answer of the forecaster that is no forecast.
pub fn forecast(
    view: &dyn EvidenceView,
    series: &Series,
    question: &Question,
    forecaster: &dyn Forecaster,
) -> Result<Forecast, ForecastError> {
    question.check()?;
    let filled = series.filled()?;
    let last = *filled.values.last().ok_or(ForecastError::TooSparse { missing: 0, bins: 0 })?;
    let mut prediction = forecaster.predict(&Past::new(view, series.inputs().as_of), series, question)?;
    check(&prediction, question)?;
    confine(&mut prediction, series.measure().range());
    let steps: Vec<f64> = differences(&filled.values).iter().map(|step| step.abs()).collect();
    let observed = Observed {
        bins: filled.values.len(),
        missing: filled.missing,
        backward: series.backward(),
        open: series.open(),
        last,
        scale: mean(&steps).unwrap_or_default(),
    };
    let limit = question.limit.map(|limit| Crossing::find(limit, series, last, &prediction));
    Ok(Forecast {
        ledger: series.ledger(),
        series: series.measure().clone(),
        step: series.step(),
        since: series.since(),
        until: series.until(),
        inputs: series.inputs(),
        observed,
        model: prediction.model,
        horizon: question.horizon,
        points: prediction.points,
        intervals: prediction.intervals,
        drift: drift::find(series)?,
        outliers: outlier::find(series)?,
        limit,
    })
}

/// Whether an answer has the shape that was asked for, and each interval holds the point and the narrower ones.
fn check(prediction: &Prediction, question: &Question) -> Result<(), ForecastError> {
    let fault = |reason| Err(ForecastError::Malformed { model: prediction.model.name.clone(), reason });
    if prediction.model.name.is_empty() || prediction.model.name.len() > MODEL_NAME_MAX {
        return fault("the name of the model is empty or too long");
    }
    if prediction.points.len() != question.horizon {
        return fault("not one point for each bin of the horizon");
    }
    let levels: Vec<f64> = prediction.intervals.iter().map(|interval| interval.level).collect();
    if levels != question.levels {
        return fault("not one interval for each level");
    }
    nested(&prediction.points, &prediction.intervals).or_else(fault)
}

/// Whether all values are finite, and each interval holds the points and the interval before.
pub(crate) fn nested(points: &[f64], intervals: &[Interval]) -> Result<(), &'static str> {
    let (mut lower, mut upper) = (points, points);
    if !points.iter().all(|point| point.is_finite()) {
        return Err("a point is not finite");
    }
    for interval in intervals {
        if interval.lower.len() != points.len() || interval.upper.len() != points.len() {
            return Err("an interval is not as long as the horizon");
        }
        let below = interval.lower.iter().zip(lower).all(|(bound, inner)| bound.is_finite() && bound <= inner);
        let above = interval.upper.iter().zip(upper).all(|(bound, inner)| bound.is_finite() && bound >= inner);
        if !below || !above {
            return Err("an interval does not hold the points and the narrower intervals");
        }
        (lower, upper) = (&interval.lower, &interval.upper);
    }
    Ok(())
}

/// Moves what lies outside `range` to its ends; what held still holds, since the order stays.
fn confine(prediction: &mut Prediction, (least, greatest): (f64, f64)) {
    let bounds = prediction.intervals.iter_mut().flat_map(|interval| [&mut interval.lower, &mut interval.upper]);
    for values in bounds.chain([&mut prediction.points]) {
        for value in values {
            // Adding zero turns -0 into 0: the canonical form knows but one zero.
            *value = value.clamp(least, greatest) + 0.0;
        }
    }
}

/// The filled values, if `needed` of them were observed, not filled in, and they vary.
fn training(series: &Series, model: &'static str, needed: usize) -> Result<Vec<f64>, ForecastError> {
    let Filled { values, missing } = series.filled()?;
    let found = values.len().saturating_sub(missing);
    if found < needed {
        return Err(ForecastError::TooFewBins { model, needed, found });
    }
    let first = values.first();
    if values.iter().all(|value| Some(value) == first) {
        return Err(ForecastError::Constant);
    }
    Ok(values)
}

/// Wraps what a library's model said.
fn no_fit(model: &str, source: impl core::error::Error + Send + Sync + 'static) -> ForecastError {
    ForecastError::Model { model: model.to_owned(), source: Box::new(source) }
}

/// Point forecast and intervals of a fitted model of the library.
fn predicted<M>(model: Model, fitted: &M, question: &Question) -> Result<Prediction, ForecastError>
where
    M: augurs_core::Predict,
    M::Error: Send + Sync + 'static,
{
    let mut points = Vec::new();
    let mut intervals = Vec::with_capacity(question.levels.len());
    for level in &question.levels {
        let answer = fitted.predict(question.horizon, *level).map_err(|error| no_fit(&model.name, error))?;
        points = answer.point;
        let bounds = answer.intervals.map(|bounds| (bounds.lower, bounds.upper)).unwrap_or_default();
        intervals.push(Interval { level: *level, lower: bounds.0, upper: bounds.1 });
    }
    Ok(Prediction { model, points, intervals })
}
