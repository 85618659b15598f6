//! Why statistics cannot be asked for, given away or read.

use thiserror::Error;

use crate::error::RecordError;
use crate::statistics::decimal;

/// Statistics that cannot be asked for, given away or read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum StatisticsError {
    /// No loss of privacy that can be asked for.
    #[error("epsilon is not a decimal number of at most six places from 0.000001 to 1000")]
    Epsilon,
    /// Nothing that can be counted.
    #[error("not a table, nor a table and the name of a tool, a method or a kind of artifact")]
    Count,
    /// None, too many, or some that a row could fit two of.
    #[error("counts are not 1 to 256 of which no row fits two")]
    Counts,
    /// No bound on what one trace adds.
    #[error("rows that count of a trace are not 1 to 1000000")]
    PerTrace,
    /// A window that holds no time.
    #[error("the window ends before it begins")]
    Window,
    /// The content of a row is not of its format.
    #[error("not of its format's shape")]
    Shape,
    /// The content of a row is of another format.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Nobody has said how much may be given away.
    #[error("the ledger has no privacy budget")]
    NoBudget,
    /// More than is left.
    #[error("epsilon {} asked for, {} left of the budget", decimal(*asked), decimal(*left))]
    Overspent {
        /// Millionths asked for.
        asked: u64,
        /// Millionths left.
        left: u64,
    },
}
stable_codes!(StatisticsError {
    Self::Epsilon => "statistics-epsilon",
    Self::Count => "statistics-count",
    Self::Counts => "statistics-counts",
    Self::PerTrace => "statistics-per-trace",
    Self::Window => "statistics-window",
    Self::Shape => "statistics-shape",
    Self::Record(_) => "statistics-record",
    Self::NoBudget => "privacy-budget-missing",
    Self::Overspent { .. } => "privacy-budget-spent",
});
