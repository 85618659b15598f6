//! Pictures of a series and its forecast: SVG, and text for a terminal. Pure functions.

mod svg;
mod text;

use crate::error::PlotError;
use crate::forecast::Forecast;
use crate::number::real_len;
use crate::series::Series;

pub use svg::svg;
pub use text::{HEIGHT_MAX, WIDTH_MAX, text};

/// Farthest that values and limit may lie apart: a million times less than doubles reach, since the drawing library adds to a range and
/// multiplies it, and does not end where that leaves doubles.
pub const RANGE_MAX: f64 = 1e302;

/// Values by index of the bin, counted from the begin of the series, and how far they reach.
struct Picture<'a> {
    series: &'a Series,
    forecast: Option<(&'a Forecast, usize)>,
    low: f64,
    high: f64,
    bins: usize,
}

impl<'a> Picture<'a> {
    /// Places `forecast` in the grid of `series`, which may reach into the bins that were forecast, or beyond.
    fn new(series: &'a Series, forecast: Option<&'a Forecast>) -> Result<Self, PlotError> {
        let placed = forecast.map(|forecast| {
            let same = forecast.ledger == series.ledger()
                && forecast.series == *series.measure()
                && forecast.step == series.step();
            let index = series.step().index(series.since(), forecast.until);
            index.filter(|_| same).map(|index| (forecast, index)).ok_or(PlotError::Other)
        });
        let forecast = placed.transpose()?;
        let bins = forecast.map_or(0, |(forecast, begin)| begin + forecast.points.len()).max(series.values().len());
        if bins > 2 * crate::series::BINS_MAX {
            return Err(PlotError::Other);
        }
        let mut picture = Self { series, forecast, low: f64::INFINITY, high: f64::NEG_INFINITY, bins };
        for value in picture.all() {
            picture.low = picture.low.min(value);
            picture.high = picture.high.max(value);
        }
        picture.widen();
        let fits = picture.high - picture.low <= RANGE_MAX;
        if fits { Ok(picture) } else { Err(PlotError::Range { limit: RANGE_MAX }) }
    }

    fn all(&self) -> Vec<f64> {
        let mut all: Vec<f64> = self.series.values().iter().flatten().copied().collect();
        if let Some((forecast, _)) = self.forecast {
            all.extend(&forecast.points);
            all.extend(forecast.intervals.iter().flat_map(|interval| interval.lower.iter().chain(&interval.upper)));
            all.extend(forecast.limit.iter().map(|crossing| crossing.limit.value));
        }
        all
    }

    /// Leaves room above and below, also where there is but one value, or none.
    fn widen(&mut self) {
        if self.low > self.high {
            (self.low, self.high) = (0.0, 1.0);
        }
        let room = (self.high - self.low) / 20.0;
        let room = if room > 0.0 { room } else { self.high.abs().max(1.0) / 20.0 };
        // No measure is below 0.
        self.low = (self.low - room).max(0.0_f64.min(self.low));
        self.high += room;
    }

    /// One line that says what is shown.
    fn title(&self) -> String {
        let series = self.series;
        let unit = series.measure().unit();
        let model =
            self.forecast.map(|(forecast, _)| format!("; {} for {} bins", forecast.model.name, forecast.horizon));
        format!("{} ({unit}), step {}{}", series.measure(), series.step(), model.unwrap_or_default())
    }

    fn height(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// Mean of the values in each of `columns` groups of bins side by side; none in a group without a value.
fn grouped(values: &[Option<f64>], width: usize) -> Vec<Option<f64>> {
    let group = |part: &[Option<f64>]| {
        let there: Vec<f64> = part.iter().flatten().copied().collect();
        (!there.is_empty()).then(|| there.iter().sum::<f64>() / real_len(there.len()))
    };
    values.chunks(width.max(1)).map(group).collect()
}

#[cfg(test)]
mod tests {
    use vm_core::digest::{LeafHash, Sha256Digest};
    use vm_core::id::LedgerId;
    use vm_core::instant::Instant;

    use super::*;
    use crate::series::Inputs;
    use crate::{Measure, Step};

    fn series(values: &[f64]) -> Series {
        let inputs = Inputs { as_of: 1, count: 1, first: Some(0), last: Some(0), sha256: Sha256Digest::of(b"") };
        Series {
            ledger: LedgerId::from_genesis(LeafHash::of(b"")),
            measure: Measure::LedgerBytes,
            step: Step::HOUR,
            since: Instant::from_micros(0).unwrap(),
            values: values.iter().copied().map(Some).collect(),
            begun: vec![None; values.len()],
            backward: 0,
            open: 0,
            inputs,
        }
    }

    /// The drawing library must come back, whatever the size of values and their distance.
    #[test]
    fn a_picture_ends_for_values_of_every_size() {
        for exponent in (-320..=300).step_by(20) {
            let size = 10.0_f64.powi(exponent);
            for apart in [0.0, f64::EPSILON, 1e-12, 1e-6, 0.3, 1.0, 7.0] {
                let series = series(&[size, size * (1.0 + apart)]);
                assert!(svg(&series, None).unwrap().contains("</svg>"), "{size:e} {apart:e}");
                assert!(text(&series, None, 20, 5).unwrap().contains('*'), "{size:e} {apart:e}");
            }
        }
        for high in [1e303, f64::MAX / 2.0, f64::MAX] {
            assert_eq!(text(&series(&[0.0, high]), None, 20, 5).unwrap_err().code(), "plot-range", "{high:e}");
            assert_eq!(svg(&series(&[0.0, high]), None).unwrap_err().code(), "plot-range", "{high:e}");
        }
    }
}
