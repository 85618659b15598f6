//! SVG, drawn with `plotters` and its SVG backend alone: no fonts are read, no bitmap, no clock.

use plotters::prelude::*;

use super::Picture;
use crate::error::PlotError;
use crate::forecast::Forecast;
use crate::series::Series;

/// Size in pixels: fits a page and a screen.
const SIZE: (u32, u32) = (960, 420);
const OBSERVED: RGBColor = RGBColor(0x22, 0x22, 0x22);
const EXPECTED: RGBColor = RGBColor(0x00, 0x5f, 0xa3);
const NOTABLE: RGBColor = RGBColor(0xb3, 0x26, 0x1e);
/// The share of paint in each band; where bands lie over each other it adds up.
const BAND: f64 = 0.15;

/// Draws `series`, and `forecast` where it belongs in time: the bands of its intervals, the changes of the mean as lines, the bins that
/// lie far off as dots, and the limit. The same input gives the same text.
///
/// # Errors
/// [`PlotError`] where the forecast is of another series, or begins before it.
pub fn svg(series: &Series, forecast: Option<&Forecast>) -> Result<String, PlotError> {
    let picture = Picture::new(series, forecast)?;
    let mut out = String::new();
    // The backend writes into the text, which cannot fail; its error type says no more than that it did.
    draw(&picture, &mut out).map_err(|_| PlotError::Backend)?;
    Ok(out)
}

fn index(at: usize) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}

fn draw(picture: &Picture<'_>, out: &mut String) -> Result<(), Box<dyn core::error::Error>> {
    let area = SVGBackend::with_string(out, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (series, last) = (picture.series, index(picture.bins.max(1)));
    let mut chart = ChartBuilder::on(&area)
        .caption(picture.title(), ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(80)
        .build_cartesian_2d(0..last, picture.low..picture.high)?;
    let instant = |at: &i64| series.at(usize::try_from(*at).unwrap_or_default()).to_string();
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(5)
        .x_label_formatter(&|at: &i64| instant(at).chars().take("2026-01-02T03:04".len()).collect())
        .draw()?;
    if let Some((forecast, begin)) = picture.forecast {
        for interval in forecast.intervals.iter().rev() {
            let up = interval.upper.iter().enumerate().map(|(at, value)| (index(begin + at), *value));
            let down = interval.lower.iter().enumerate().rev().map(|(at, value)| (index(begin + at), *value));
            chart.draw_series([Polygon::new(up.chain(down).collect::<Vec<_>>(), EXPECTED.mix(BAND))])?;
        }
        let points = forecast.points.iter().enumerate().map(|(at, value)| (index(begin + at), *value));
        chart.draw_series(LineSeries::new(points, EXPECTED.stroke_width(2)))?;
        if let Some(crossing) = &forecast.limit {
            let line = [(0, crossing.limit.value), (last, crossing.limit.value)];
            chart.draw_series(LineSeries::new(line, NOTABLE.stroke_width(1)))?;
        }
        for drift in &forecast.drift {
            if let Some(at) = series.step().index(series.since(), drift.at).map(index) {
                let line = [(at, picture.low), (at, picture.high)];
                chart.draw_series(LineSeries::new(line, NOTABLE.mix(0.5)))?;
            }
        }
        let far = forecast.outliers.found.iter().flatten();
        let bins = far.filter_map(|outlier| series.step().index(series.since(), outlier.at));
        let dots: Vec<(i64, f64)> =
            bins.filter_map(|at| Some((index(at), series.values().get(at).copied().flatten()?))).collect();
        chart.draw_series(dots.into_iter().map(|dot| Circle::new(dot, 4, NOTABLE.stroke_width(2))))?;
    }
    for run in runs(series.values()) {
        // A bin between two gaps has no line to be on.
        match run.as_slice() {
            [alone] => chart.draw_series([Circle::new(*alone, 1, OBSERVED.filled())]).map(|_| ())?,
            _ => chart.draw_series(LineSeries::new(run, OBSERVED.stroke_width(1))).map(|_| ())?,
        }
    }
    drop(chart);
    area.present()?;
    Ok(())
}

/// Points of the values, a list for each stretch without a gap.
fn runs(values: &[Option<f64>]) -> Vec<Vec<(i64, f64)>> {
    let numbered: Vec<(i64, Option<f64>)> = values.iter().enumerate().map(|(at, value)| (index(at), *value)).collect();
    let stretches = numbered.chunk_by(|one, next| one.1.is_some() == next.1.is_some());
    let runs = stretches.map(|run| run.iter().filter_map(|(at, value)| Some((*at, (*value)?))).collect::<Vec<_>>());
    runs.filter(|run| !run.is_empty()).collect()
}
