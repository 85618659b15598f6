//! Errors: one enum an operation, each variant with a stable code. A refusal says what would lift it.

use std::error::Error;

use thiserror::Error;
use vm_core::error::{CanonicalError, RecordError};
use vm_core::instant::Instant;
use vm_core::view::ViewError;

/// A series that cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SeriesError {
    /// No step.
    #[error("not a step of 1 second to {limit} seconds, as 90s, 5m, 1h or 7d")]
    Step {
        /// Seconds allowed.
        limit: u32,
    },
    /// No measure of that name.
    #[error(
        "no such series; there are tool-calls, mcp-requests, error-share, mcp-error-share, refusal-share, anchoring-lag, ledger-rows, ledger-bytes, count/TABLE or count/TABLE/KIND"
    )]
    UnknownMeasure {
        /// The first 64 characters of what was given.
        found: String,
    },
    /// No row counts.
    #[error("no row counts for this series; nothing can be said of it")]
    Empty,
    /// No whole bin.
    #[error("no whole bin from {since} to {until}; take a shorter step, or a later end")]
    NoBins {
        /// Begin of the first bin.
        since: Instant,
        /// End of the last whole bin.
        until: Instant,
    },
    /// More bins than the limit: a step too short, or a row whose time is far from the others'.
    #[error("more than {limit} bins from {since} to {until}; take a longer step, or give the window")]
    TooManyBins {
        /// Bins allowed.
        limit: usize,
        /// Begin of the first bin.
        since: Instant,
        /// End of the last whole bin.
        until: Instant,
    },
    /// More seals without an anchor than are kept in memory.
    #[error("more than {limit} seals without an anchor; give a later begin of the window")]
    TooManySeals {
        /// Seals kept.
        limit: usize,
    },
    /// A row that the log names is missing or malformed.
    #[error("the row at place {seq} of the log cannot be read; verify the ledger first")]
    Unreadable {
        /// Place in the log.
        seq: u64,
    },
    /// A row is not what the log holds.
    #[error("the row at place {seq} of the log is not what was logged; verify the ledger first")]
    Altered {
        /// Place in the log.
        seq: u64,
    },
    /// A place beyond the end of the log.
    #[error("the log holds {found} entries, not {expected}")]
    AsOf {
        /// Size asked for.
        expected: u64,
        /// Size found.
        found: u64,
    },
    /// The view could not answer.
    #[error("the ledger cannot be read")]
    View(#[source] ViewError),
}

impl SeriesError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Step { .. } => "series-step",
            Self::UnknownMeasure { .. } => "series-unknown",
            Self::Empty => "series-empty",
            Self::NoBins { .. } => "series-no-bins",
            Self::TooManyBins { .. } => "series-too-many-bins",
            Self::TooManySeals { .. } => "series-too-many-seals",
            Self::Unreadable { .. } => "series-row-unreadable",
            Self::Altered { .. } => "series-row-altered",
            Self::AsOf { .. } => "series-as-of",
            Self::View(_) => "series-view",
        }
    }
}

/// A forecast that is not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ForecastError {
    /// Fewer bins with a value than the model needs; what is filled in is not observed.
    #[error("{model} needs {needed} bins with a value and has {found}; wait, or take another step")]
    TooFewBins {
        /// Name of the model.
        model: &'static str,
        /// Bins needed.
        needed: usize,
        /// Bins that hold a value.
        found: usize,
    },
    /// More than half of the bins hold no value.
    #[error("{missing} of {bins} bins hold no value, more than half; take a longer step")]
    TooSparse {
        /// Bins without a value.
        missing: usize,
        /// All bins.
        bins: usize,
    },
    /// All bins hold one value: nothing shows how it may vary, so there is no interval.
    #[error("all bins hold the same value; how it varies cannot be told")]
    Constant,
    /// A horizon of no bins, or of too many.
    #[error("horizon of {found} bins is not 1 to {limit}")]
    Horizon {
        /// Bins allowed.
        limit: usize,
        /// Bins asked for.
        found: usize,
    },
    /// Levels that are none, too many, not between 0 and 1, or not rising.
    #[error("levels are not 1 to {limit} rising numbers between 0 and 1")]
    Levels {
        /// Levels allowed.
        limit: usize,
    },
    /// A period that is none or does not fit.
    #[error("periods are not 1 to {limit} different numbers of bins, each at least 2")]
    Periods {
        /// Periods allowed.
        limit: usize,
    },
    /// A limit that is NaN or infinite.
    #[error("the limit is not finite")]
    Limit,
    /// The model found no fit.
    #[error("{model} found no fit")]
    Model {
        /// Name of the model.
        model: String,
        /// What it said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The model answered, but not with a forecast.
    #[error("{model} answered with no forecast: {reason}")]
    Malformed {
        /// Name of the model.
        model: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A forecaster needed more of the ledger and could not have it.
    #[error("series")]
    Series(#[source] SeriesError),
}

impl ForecastError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooFewBins { .. } => "forecast-too-few-bins",
            Self::TooSparse { .. } => "forecast-too-sparse",
            Self::Constant => "forecast-constant",
            Self::Horizon { .. } => "forecast-horizon",
            Self::Levels { .. } => "forecast-levels",
            Self::Periods { .. } => "forecast-periods",
            Self::Limit => "forecast-limit",
            Self::Model { .. } => "forecast-no-fit",
            Self::Malformed { .. } => "forecast-malformed",
            Self::Series(error) => error.code(),
        }
    }
}

/// An artifact that cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// Another format.
    #[error("unknown format {found:?}, expected {expected}")]
    UnknownFormat {
        /// The format that is read here.
        expected: &'static str,
        /// The first 64 characters of what was found.
        found: String,
    },
    /// Members missing, unknown, or of another type.
    #[error("not an object of format {format}")]
    Shape {
        /// The format it claims.
        format: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Members that contradict each other, or pass a limit.
    #[error("{format}: {reason}")]
    Rule {
        /// The format it claims.
        format: &'static str,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// Not canonical JSON.
    #[error("no canonical form")]
    Canonical(#[source] CanonicalError),
    /// The row cannot be made.
    #[error("row cannot be made")]
    Record(#[source] RecordError),
}

impl ArtifactError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownFormat { .. } => "artifact-unknown-format",
            Self::Shape { .. } => "artifact-shape",
            Self::Rule { .. } => "artifact-rule",
            Self::Canonical(_) => "artifact-canonical",
            Self::Record(_) => "artifact-record",
        }
    }
}

/// A forecast that cannot be scored, or scores that cannot be taken together.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// The later series is of another ledger, measure or step.
    #[error("the later series is of another {what}")]
    Other {
        /// What differs.
        what: &'static str,
    },
    /// The later series was read from a log no longer than the one that the forecast was made from.
    #[error("the log held {found} entries, no more than when the forecast was made; wait for what comes")]
    NotLater {
        /// Entries the later series was read from.
        found: u64,
    },
    /// All bins that came had begun in the log that the forecast was made from.
    #[error(
        "the log that the forecast was made from had begun to tell of all {found} bins that came; wait for later ones"
    )]
    Begun {
        /// Bins that came and hold a value.
        found: usize,
    },
    /// None of the bins that were forecast holds a value yet.
    #[error("none of the bins that were forecast holds a value yet; wait for what comes")]
    NothingToCompare,
    /// No scores, too many, one twice, or scores of different series.
    #[error("not 1 to {limit} scores of different forecasts of one series of one ledger, at the same levels")]
    Together {
        /// Scores allowed.
        limit: usize,
    },
    /// A forecast that breaks a rule of its format, or numbers too large for a score.
    #[error("artifact")]
    Artifact(#[source] ArtifactError),
}

impl ScoreError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Other { .. } => "score-other-series",
            Self::NotLater { .. } => "score-not-later",
            Self::Begun { .. } => "score-begun",
            Self::NothingToCompare => "score-nothing-to-compare",
            Self::Together { .. } => "score-not-together",
            Self::Artifact(error) => error.code(),
        }
    }
}

/// A picture that cannot be drawn.
#[derive(Clone, Copy, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The forecast is of another series, begins before it, or lies far behind it.
    #[error("the forecast is not of this series, or not in its time")]
    Other,
    /// Values, or a limit, so large that no axis holds them.
    #[error("values or limit lie farther apart than {limit:e}; no axis holds them")]
    Range {
        /// Distance allowed.
        limit: f64,
    },
    /// The drawing library failed.
    #[error("the picture could not be drawn")]
    Backend,
}

impl PlotError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Other => "plot-other-series",
            Self::Range { .. } => "plot-range",
            Self::Backend => "plot-backend",
        }
    }
}
