//! Pictures of a series and its forecast: SVG, and text for a terminal. Pure functions.

mod svg;
mod text;

use crate::error::PlotError;
use crate::forecast::Forecast;
use crate::number::real_len;
use crate::series::Series;

pub use svg::svg;
pub use text::{HEIGHT_MAX, WIDTH_MAX, text};

/// How far a picture reaches up and down: what lies between is finite then, with room beyond.
const REACH: f64 = f64::MAX / 8.0;
/// Least room above and below, as a share of the greatest value: a million times what a double tells apart.
const ROOM_MIN: f64 = 1e-9;

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
        Ok(picture)
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

    /// Leaves room above and below, also where there is but one value, or none. Both are bounded, since the drawing library
    /// divides what lies between and does not end where that is infinite, or lost in rounding.
    fn widen(&mut self) {
        if self.low > self.high {
            (self.low, self.high) = (0.0, 1.0);
        }
        (self.low, self.high) = (self.low.clamp(-REACH, REACH), self.high.clamp(-REACH, REACH));
        let room = (self.high - self.low) / 20.0;
        let least = self.low.abs().max(self.high.abs()) * ROOM_MIN;
        let room = if room > least { room } else { self.high.abs().max(1.0) / 20.0 };
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
