//! The random walk: what any other model has to beat.

use serde_json::json;
use vm_core::view::EvidenceView;

use super::{Forecaster, Interval, Model, Prediction, Question, training};
use crate::error::ForecastError;
use crate::number::{differences, mean, real_len};
use crate::quantile::normal_quantile;
use crate::series::Series;

const NAME: &str = "naive";
/// Bins that are needed: seven steps, from which a deviation can be told at all.
const NEEDED: usize = 8;

/// The last value, again and again. Intervals are normal and widen with the root of the distance.
///
/// Hyndman, Athanasopoulos: Forecasting: Principles and Practice (3rd edition), sections 5.2 and 5.5.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Naive;

impl Forecaster for Naive {
    fn predict(&self, _: &dyn EvidenceView, series: &Series, question: &Question) -> Result<Prediction, ForecastError> {
        let values = training(series, NAME, NEEDED)?;
        let last = values.last().copied().unwrap_or_default();
        let squares: Vec<f64> = differences(&values).iter().map(|step| step * step).collect();
        let sigma = mean(&squares).unwrap_or_default().sqrt();
        let interval = |level: &f64| {
            let width = |ahead: usize| normal_quantile(f64::midpoint(1.0, *level)) * sigma * real_len(ahead).sqrt();
            let bound = |sign: f64| (1..=question.horizon).map(|ahead| sign.mul_add(width(ahead), last)).collect();
            Interval { level: *level, lower: bound(-1.0), upper: bound(1.0) }
        };
        Ok(Prediction {
            model: Model::new(NAME, json!({ "sigma": sigma })),
            points: vec![last; question.horizon],
            intervals: question.levels.iter().map(interval).collect(),
        })
    }
}
