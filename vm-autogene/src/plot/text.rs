//! Text for a terminal, without colours. No crate that was looked at draws a band around a line: `textplots`, the lightest, does not.

use super::{Picture, grouped};
use crate::error::PlotError;
use crate::forecast::Forecast;
use crate::series::Series;

/// Widest picture in columns: a wide screen.
pub const WIDTH_MAX: usize = 400;
/// Highest picture in lines: a tall screen.
pub const HEIGHT_MAX: usize = 100;
/// Least of both that shows anything.
const LEAST: usize = 4;

/// Draws `series`, and `forecast` where it belongs in time: `*` what was observed, `o` what is expected, `:` the widest interval, `-` the
/// limit. Where there are more bins than columns, a column is the mean of several. `width` and `height` are those of the
/// field, held within 4 and [`WIDTH_MAX`] or [`HEIGHT_MAX`]; numbers and title come in addition.
///
/// # Errors
/// [`PlotError`] where the forecast is of another series, or begins before it.
pub fn text(series: &Series, forecast: Option<&Forecast>, width: usize, height: usize) -> Result<String, PlotError> {
    let picture = Picture::new(series, forecast)?;
    let (width, height) = (width.clamp(LEAST, WIDTH_MAX), height.clamp(LEAST, HEIGHT_MAX));
    let group = picture.bins.div_ceil(width).max(1);
    let columns = columns(&picture, group);
    let limit = forecast.and_then(|forecast| forecast.limit.as_ref()).map(|crossing| crossing.limit.value);
    let row_of = |value: f64| row(&picture, height, value);
    let labels = [format!("{:.6}", picture.high), format!("{:.6}", picture.low)].map(|label| shorten(&label));
    let margin = labels.iter().map(String::len).max().unwrap_or_default();
    let mut out = format!("{}\n", picture.title());
    for line in (0..height).rev() {
        let label = match line {
            0 => labels.get(1),
            _ if line + 1 == height => labels.first(),
            _ => None,
        };
        let drawn: String = columns
            .iter()
            .map(|column| {
                let at = |value: Option<f64>| value.map(row_of) == Some(line);
                let inside = column.band.is_some_and(|(low, high)| row_of(low) <= line && line <= row_of(high));
                if at(column.observed) {
                    '*'
                } else if at(column.expected) {
                    'o'
                } else if inside {
                    ':'
                } else if at(limit) {
                    '-'
                } else {
                    ' '
                }
            })
            .collect();
        out.push_str(&format!("{:>margin$} |{}\n", label.map_or("", String::as_str), drawn.trim_end()));
    }
    let (from, to) = (series.since(), series.at(picture.bins));
    out.push_str(&format!("{:>margin$} +{}\n{:>margin$}  {from} to {to}", "", "-".repeat(columns.len()), ""));
    if group > 1 {
        out.push_str(&format!(", {group} bins a column"));
    }
    out.push('\n');
    Ok(out)
}

struct Column {
    observed: Option<f64>,
    expected: Option<f64>,
    band: Option<(f64, f64)>,
}

fn columns(picture: &Picture<'_>, group: usize) -> Vec<Column> {
    let spread = |values: &[f64], begin: usize| {
        let mut all = vec![None; begin];
        all.extend(values.iter().copied().map(Some));
        grouped(&all, group)
    };
    let observed = grouped(picture.series.values(), group);
    let (mut expected, mut lower, mut upper) = (Vec::new(), Vec::new(), Vec::new());
    if let Some((forecast, begin)) = picture.forecast {
        expected = spread(&forecast.points, begin);
        if let Some(widest) = forecast.intervals.last() {
            (lower, upper) = (spread(&widest.lower, begin), spread(&widest.upper, begin));
        }
    }
    let value = |values: &[Option<f64>], at: usize| values.get(at).copied().flatten();
    let column = |at: usize| Column {
        observed: value(&observed, at),
        expected: value(&expected, at),
        band: value(&lower, at).zip(value(&upper, at)),
    };
    (0..picture.bins.div_ceil(group)).map(column).collect()
}

/// Line of a value, counted from the bottom.
fn row(picture: &Picture<'_>, height: usize, value: f64) -> usize {
    let share = picture.height(value);
    let reached = |line: &usize| share >= crate::number::real_len(*line) / crate::number::real_len(height);
    (1..height).take_while(reached).count()
}

/// A decimal without zeros at its end.
fn shorten(decimal: &str) -> String {
    decimal.trim_end_matches('0').trim_end_matches('.').to_owned()
}
