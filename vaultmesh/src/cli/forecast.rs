//! `forecast`: how a series of the ledger goes on.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use vaultmesh::error::ForecastFault;
use vaultmesh::error::VaultError;
use vaultmesh::forecast::{Foreseen, check_outside};
use vm_autogene::{Direction, Ets, Forecaster, Limit, Measure, Mstl, Naive, Question, SeriesQuery, Step, plot};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;

use super::context::Context;
use super::error::CliError;
use super::input::parse_time;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page};

/// Size of the picture for a terminal: fits the usual 80 columns with its numbers.
const FIELD: (usize, usize) = (64, 14);

const EXAMPLES: &str = "\
Examples:
  vaultmesh forecast tool-calls --step 1h --horizon 24
  vaultmesh forecast error-share --step 1h --season 24 --svg errors.svg
  vaultmesh forecast ledger-rows --step 1d --horizon 90 --above 10000000 --outbox outbox
  vaultmesh record artifact autogene_recommendation --file outbox/autogene_recommendation-HASH.json

Series: tool-calls, mcp-requests, error-share, mcp-error-share, refusal-share, anchoring-lag, ledger-rows, ledger-bytes,
count/TABLE, count/TABLE/KIND (a tool, a kind of MCP frame or of artifact).

The vault is only read; nothing of it is changed. Too little evidence is exit code 3, never a forecast.";

/// Say how a series of the ledger goes on, with intervals
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Forecast {
    /// What to forecast
    series: Measure,
    /// Width of a bin: 90s, 5m, 1h, 7d
    #[arg(long, value_name = "STEP", default_value = "1h")]
    step: Step,
    /// Bins ahead
    #[arg(long, value_name = "BINS", default_value_t = 24)]
    horizon: u32,
    /// Only rows from this time on, RFC 3339; not before the first that the ledger holds [default: all]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Instant>,
    /// Only rows before this time, RFC 3339; not behind the bin of the last that the ledger holds [default: up to the bin of the latest]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Instant>,
    /// Model
    #[arg(long, value_enum, value_name = "MODEL", default_value_t = ModelName::Ets)]
    model: ModelName,
    /// Bins after which the series repeats itself; may be given several times, and chooses the model for it
    #[arg(long, value_name = "BINS", conflicts_with = "model")]
    season: Vec<u32>,
    /// Levels of the intervals, rising
    #[arg(long, value_name = "SHARE", num_args = 1.., default_values_t = [0.8, 0.95])]
    levels: Vec<f64>,
    /// Say when the series grows to this value
    #[arg(long, value_name = "VALUE", conflicts_with = "below", allow_negative_numbers = true)]
    above: Option<f64>,
    /// Say when the series falls to this value
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    below: Option<f64>,
    /// Draw it to this new file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Leave the artifacts as JSON in this folder
    #[arg(long, value_name = "DIR")]
    outbox: Option<PathBuf>,
}

/// Models that need no more than a name. What each is stands in the crate's documentation, since clap would put it into every help.
#[derive(Clone, Copy, ValueEnum)]
enum ModelName {
    Ets,
    Naive,
}

#[derive(Serialize)]
struct Shown {
    forecast: Value,
    recommendation: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left: Vec<LeftFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    svg: Option<String>,
    #[serde(skip)]
    foreseen: Foreseen,
    #[serde(skip)]
    picture: String,
}

#[derive(Serialize)]
struct LeftFile {
    kind: &'static str,
    file: String,
    sha256: Sha256Digest,
}

impl Forecast {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let reader = context.reader()?;
        for path in self.svg.iter().chain(&self.outbox) {
            check_outside(reader.folder(), path).map_err(VaultError::Forecast)?;
        }
        if let Some(svg) = self.svg.as_ref().filter(|svg| svg.symlink_metadata().is_ok()) {
            return Err(CliError::Exists { path: svg.clone() });
        }
        let foreseen = reader.forecast(&self.query(), &self.question(), &*self.forecaster()?);
        let foreseen = foreseen.map_err(VaultError::Forecast)?;
        let (series, forecast) = (&foreseen.series, &foreseen.forecast);
        let fault = |error| CliError::Vault(VaultError::Forecast(ForecastFault::Plot(error)));
        let picture = plot::text(series, Some(forecast), FIELD.0, FIELD.1).map_err(fault)?;
        if let Some(path) = &self.svg {
            write_new(path, plot::svg(series, Some(forecast)).map_err(fault)?.as_bytes())?;
        }
        let left = match &self.outbox {
            None => Vec::new(),
            Some(outbox) => foreseen.leave(outbox).map_err(VaultError::Forecast)?,
        };
        let left = left.into_iter();
        let left =
            left.map(|left| LeftFile { kind: left.kind, file: shown(&left.path), sha256: left.sha256 }).collect();
        let json = |value: serde_json::Result<Value>| value.map_err(|error| CliError::Output(error.into()));
        Ok(Output::done(Shown {
            forecast: json(serde_json::to_value(forecast))?,
            recommendation: foreseen.recommendation.as_ref().map(serde_json::to_value).map(json).transpose()?,
            left,
            svg: self.svg.as_ref().map(shown),
            foreseen,
            picture,
        }))
    }

    fn query(&self) -> SeriesQuery {
        let (since, until) = (self.since, self.until);
        SeriesQuery { since, until, ..SeriesQuery::new(self.series.clone(), self.step) }
    }

    fn question(&self) -> Question {
        let limit = match (self.above, self.below) {
            (Some(value), _) => Some(Limit { direction: Direction::Above, value }),
            (None, Some(value)) => Some(Limit { direction: Direction::Below, value }),
            (None, None) => None,
        };
        let horizon = usize::try_from(self.horizon).unwrap_or(usize::MAX);
        Question { levels: self.levels.clone(), limit, ..Question::new(horizon) }
    }

    fn forecaster(&self) -> Result<Box<dyn Forecaster>, CliError> {
        let periods: Vec<usize> = self.season.iter().filter_map(|bins| usize::try_from(*bins).ok()).collect();
        if !periods.is_empty() {
            let model = Mstl::new(&periods).map_err(ForecastFault::Forecast).map_err(VaultError::Forecast)?;
            return Ok(Box::new(model));
        }
        Ok(match self.model {
            ModelName::Ets => Box::new(Ets),
            ModelName::Naive => Box::new(Naive),
        })
    }
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        let forecast = &self.foreseen.forecast;
        for line in self.picture.lines() {
            page.line(line);
        }
        page.field("observed", format!("{} bins, {} filled in", forecast.observed.bins, forecast.observed.missing));
        page.field("inputs", format!("{} rows, sha256 {}", forecast.inputs.count, forecast.inputs.sha256));
        if let (Some(first), Some(last)) = (forecast.points.first(), forecast.points.last()) {
            page.field("expected", format!("{first:.3} in the next bin, {last:.3} in the last"));
        }
        for interval in &forecast.intervals {
            if let (Some(lower), Some(upper)) = (interval.lower.last(), interval.upper.last()) {
                page.field("interval", format!("{lower:.3} to {upper:.3} in the last bin, level {}", interval.level));
            }
        }
        for drift in &forecast.drift {
            page.field("drift", format!("{} from {:.3} to {:.3}", drift.at, drift.before, drift.after));
        }
        if let Some(crossing) = &forecast.limit {
            let time =
                |at: Option<Instant>| at.map_or_else(|| "not within the horizon".to_owned(), |at| at.to_string());
            let expected = if crossing.already { "reached already".to_owned() } else { time(crossing.expected) };
            page.field("limit", format!("{}: {expected}", crossing.limit.value));
            for interval in &crossing.intervals {
                let (earliest, latest) = (time(interval.earliest), time(interval.latest));
                page.field("", format!("earliest {earliest}, latest {latest}, level {}", interval.level));
            }
        }
        for left in &self.left {
            page.field("left", format!("{} sha256 {}", left.file, left.sha256));
        }
        page.field_if("drawn", self.svg.as_ref());
    }
}
