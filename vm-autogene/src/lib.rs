//! Autogene: a system that looks ahead and starts of itself, but can only look. It forecasts over a read-only
//! [`EvidenceView`](vm_core::view::EvidenceView) of a ledger and can do nothing else.
//!
//! A [`Series`] is read from the view in bins of one width, with the hash of the rows it rests on ([`series`]). A [`Forecaster`], shown
//! the ledger no further than that, says how it goes on ([`forecaster`]); the [`Forecast`] adds changes of the mean ([`drift`]), bins that lie far off ([`outlier`]) and when a limit is
//! crossed ([`limit`]). A [`Recommendation`] says what that gives reason to look at, a [`Score`] how it compares with what came, and a
//! [`Calibration`] whether the intervals of many forecasts held as often as they said. All are data ([`artifact`]) or pictures ([`plot`]).
//!
//! In scope: reading series, forecasting, scoring, drawing. Everything is a pure function of its arguments.
//!
//! Out of scope: recording what comes of it (`vm-ledger`, under a permit), proposals and their gate (`vm-dee`), detectors of
//! failures (`vm-guardian`), and that the ledger is sound (the audit of `vm-seal`). The library for statistics links a generator of random numbers;
//! the models chosen here never call it.

pub mod artifact;
pub mod calibration;
pub mod drift;
pub mod error;
pub mod forecast;
pub mod forecaster;
pub mod hazmat;
pub mod limit;
pub mod measure;
mod number;
pub mod outlier;
mod past;
pub mod plot;
mod quantile;
pub mod recommend;
pub mod score;
pub mod series;
pub mod span;

pub use artifact::Artifact;
pub use calibration::Calibration;
pub use forecast::Forecast;
pub use forecaster::{Ets, Forecaster, Mstl, Naive, Prediction, Question, forecast};
pub use limit::{Direction, Limit};
pub use measure::Measure;
pub use recommend::Recommendation;
pub use score::Score;
pub use series::{Series, SeriesQuery};
pub use span::Step;

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
