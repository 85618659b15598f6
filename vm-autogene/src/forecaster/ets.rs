//! Exponential smoothing (ETS).

use augurs_core::Fit as _;
use augurs_ets::AutoETS;
use serde_json::json;
use vm_core::view::EvidenceView;

use super::{Forecaster, Model, Prediction, Question, no_fit, predicted, training};
use crate::error::ForecastError;
use crate::series::Series;

pub(super) const NAME: &str = "ets";
/// Bins that a fit needs: the largest of the models has six parameters, and the corrected Akaike criterion that
/// chooses between them needs clearly more observations than that.
pub(super) const NEEDED: usize = 16;
/// The models tried: additive error; no trend, a trend, or a damped one; no season. Their intervals have a closed form, while those of
/// multiplicative trends are simulated by the library with random numbers, which no one could repeat; and they stand zeros.
pub(super) const SPEC: &str = "AZN";

/// Exponential smoothing with additive error, with or without (damped) trend, chosen by the corrected Akaike criterion. No season.
///
/// Hyndman, Koehler, Ord, Snyder: Forecasting with Exponential Smoothing (2008), chapters 2 and 6; the implementation is
/// `augurs-ets`. Intervals are normal, and hold what may come if the model is right.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Ets;

impl Forecaster for Ets {
    fn predict(&self, _: &dyn EvidenceView, series: &Series, question: &Question) -> Result<Prediction, ForecastError> {
        let values = training(series, NAME, NEEDED)?;
        let search = AutoETS::new(1, SPEC).map_err(|error| no_fit(NAME, error))?;
        let fitted = search.fit(&values).map_err(|error| no_fit(NAME, error))?;
        let chosen = fitted.model();
        let parameters = json!({
            "aicc": chosen.aicc(), "chosen": chosen.model_type().to_string(), "damped": chosen.damped(), "search": SPEC,
        });
        predicted(Model::new(NAME, parameters), &fitted, question)
    }
}
