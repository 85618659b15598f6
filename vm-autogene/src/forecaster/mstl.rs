//! Seasons (MSTL).

use augurs_core::Fit as _;
use augurs_ets::AutoETS;
use augurs_mstl::MSTLModel;
use serde_json::json;
use vm_core::view::EvidenceView;

use super::ets::{NEEDED, SPEC};
use super::{Forecaster, Model, Prediction, Question, no_fit, predicted, training};
use crate::error::ForecastError;
use crate::series::Series;

const NAME: &str = "mstl-ets";
/// Most periods at once: a day, a week and a year.
pub const PERIODS_MAX: usize = 3;
/// Whole periods that are needed: with two, a season cannot be told from a trend.
const REPEATS: usize = 3;

/// Seasons of given periods, taken out by LOESS one after the other, and [`Ets`](super::Ets) for what is left.
///
/// Bandara, Hyndman, Bergmeir: MSTL, arXiv:2107.13462; the implementation is `augurs-mstl`, which decomposes in single
/// precision. Intervals are those of what is left: that the seasons themselves are uncertain is not in them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mstl {
    periods: Vec<usize>,
}

impl Mstl {
    /// A model with seasons of these many bins.
    ///
    /// # Errors
    /// [`ForecastError::Periods`] unless they are 1 to [`PERIODS_MAX`], different, and each at least 2.
    pub fn new(periods: &[usize]) -> Result<Self, ForecastError> {
        let mut sorted = periods.to_vec();
        sorted.sort_unstable();
        let different = sorted.is_sorted_by(|one, next| one < next);
        if sorted.is_empty() || sorted.len() > PERIODS_MAX || !different || sorted.iter().any(|period| *period < 2) {
            return Err(ForecastError::Periods { limit: PERIODS_MAX });
        }
        Ok(Self { periods: sorted })
    }
}

impl Forecaster for Mstl {
    fn predict(&self, _: &dyn EvidenceView, series: &Series, question: &Question) -> Result<Prediction, ForecastError> {
        let longest = self.periods.last().copied().unwrap_or_default();
        let values = training(series, NAME, NEEDED.max(longest.saturating_mul(REPEATS)))?;
        let trend = AutoETS::new(1, SPEC).map_err(|error| no_fit(NAME, error))?.into_trend_model();
        let fitted = MSTLModel::new(self.periods.clone(), trend).fit(&values).map_err(|error| no_fit(NAME, error))?;
        let parameters = json!({ "periods": self.periods, "search": SPEC });
        predicted(Model::new(NAME, parameters), &fitted, question)
    }
}
