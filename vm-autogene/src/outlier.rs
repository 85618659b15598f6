//! Outliers: bins whose value lies far from the others.
//!
//! Double median absolute deviation (`augurs-outlier`): the distance from the median, measured on each side by the median distance on
//! that side, so that a skewed series is judged by its own shape.

use augurs_outlier::{MADDetector, OutlierDetector as _};
use serde::{Deserialize, Serialize};
use vm_core::instant::Instant;

use crate::error::ForecastError;
use crate::series::Series;

/// Distance from which a value counts as far: the cut that Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993) give.
pub const THRESHOLD: f64 = 3.5;

/// A bin that lies far off. For a measure that is a level, by what it adds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outlier {
    /// Begin of the bin.
    pub at: Instant,
    /// Its value.
    pub value: f64,
}

/// Bins that lie far off.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outliers {
    /// In their order; none at all where half of the values on one side of the median are equal to it, so that there is no
    /// measure of distance. That is not the same as an empty list.
    pub found: Option<Vec<Outlier>>,
}

/// Bins of `series` farther than [`THRESHOLD`].
///
/// # Errors
/// [`ForecastError::TooSparse`].
pub fn find(series: &Series) -> Result<Outliers, ForecastError> {
    let (values, offset) = series.changes()?;
    let detector = MADDetector::with_threshold(THRESHOLD);
    let Ok(distances) = detector.preprocess(&[&values]) else {
        return Ok(Outliers { found: None });
    };
    let Some(judged) = detector.detect(&distances).ok().and_then(|output| output.series_results.into_iter().next())
    else {
        return Ok(Outliers { found: None });
    };
    let far = values.iter().zip(&judged.scores).enumerate().filter(|(_, (_, score))| **score > THRESHOLD);
    let found = far.map(|(index, (value, _))| Outlier { at: series.at(index + offset), value: *value });
    Ok(Outliers { found: Some(found.collect()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::BINS_MAX;

    /// The library weighs the middle values by a search for a root that depends on their number alone, and gives up where it does not
    /// end; that must not pass for a series without a measure of distance.
    #[test]
    fn series_of_every_length_have_a_measure_of_distance() {
        for bins in (2..400).chain((400..BINS_MAX).step_by(997)).chain([BINS_MAX]) {
            let values: Vec<f64> = (0..bins).map(|at| crate::number::real_len((at * 7_919) % 1_009)).collect();
            assert!(MADDetector::with_threshold(THRESHOLD).preprocess(&[&values]).is_ok(), "{bins}");
        }
    }
}
