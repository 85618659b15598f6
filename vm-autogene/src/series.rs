//! Series: values of a measure in bins of one width, with the hash of the rows that they were read from.
//!
//! - A row falls into the bin of its own time, whatever its place in the log. How many rows have a time before that of an
//!   earlier row is told ([`Series::backward`]); nothing is moved or dropped for it.
//! - A bin without rows is 0 where rows are counted, missing where a share or a mean is taken, and as the bin before where
//!   the ledger's size is told.
//! - Only whole bins are read. Without an end, the bin of the latest row is left out: it may still be filling.
//! - No bin lies before the first or behind the last row that was read, whatever window is asked for: of a time that the log
//!   does not reach, it does not say that nothing happened.

mod read;

use serde::{Deserialize, Serialize};
use vm_core::digest::Sha256Digest;
use vm_core::id::LedgerId;
use vm_core::instant::Instant;

use crate::error::ForecastError;
use crate::measure::{Measure, Rule};
use crate::number::differences;
use crate::span::Step;

/// Most bins of a series: a week of minutes, or nearly two years of hours. Fitting takes seconds at this size.
pub const BINS_MAX: usize = 16_384;
/// Most seals without an anchor that are kept in memory while reading: about 3 MB.
pub const OPEN_SEALS_MAX: usize = 65_536;
/// What the hash over a series' inputs begins with.
pub const INPUTS_FORMAT: &str = "vm-autogene-inputs-v0";

/// Which series to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeriesQuery {
    /// What is measured.
    pub measure: Measure,
    /// Width of a bin.
    pub step: Step,
    /// Begin of the window, moved up to that of a bin, and not before the bin of the earliest row of the tables that are read;
    /// where it is none, that of the bin of the earliest row that counts.
    pub since: Option<Instant>,
    /// End of the window, moved down to the begin of a bin, and not behind that of the bin of the latest row of the tables that are
    /// read; where it is none, the begin of the bin of the latest row that counts.
    pub until: Option<Instant>,
    /// Entries of the log to read; all that there are where it is none.
    pub as_of: Option<u64>,
}

impl SeriesQuery {
    /// The whole of a measure.
    #[must_use]
    pub const fn new(measure: Measure, step: Step) -> Self {
        Self { measure, step, since: None, until: None, as_of: None }
    }
}

/// The rows that a series was read from.
///
/// `sha256` is SHA-256 over `vm-autogene-inputs-v0`, a line feed, and the 32-byte leaf hashes of the rows in order of place,
/// so that whoever holds the rows or the log can compute it again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// Entries that the log held.
    pub as_of: u64,
    /// Number of rows.
    pub count: u64,
    /// Place of the first.
    pub first: Option<u64>,
    /// Place of the last.
    pub last: Option<u64>,
    /// Hash over their leaves.
    pub sha256: Sha256Digest,
}

/// Values of a measure, a bin after another.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    pub(crate) ledger: LedgerId,
    pub(crate) measure: Measure,
    pub(crate) step: Step,
    pub(crate) since: Instant,
    pub(crate) values: Vec<Option<f64>>,
    pub(crate) begun: Vec<Option<u64>>,
    pub(crate) backward: u64,
    pub(crate) open: u64,
    pub(crate) inputs: Inputs,
}

/// Values without gaps.
#[derive(Clone, PartialEq, Debug)]
pub struct Filled {
    /// One value a bin.
    pub values: Vec<f64>,
    /// How many of them are filled in.
    pub missing: usize,
}

impl Series {
    /// The ledger it was read from.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// What it measures.
    #[must_use]
    pub const fn measure(&self) -> &Measure {
        &self.measure
    }

    /// Width of its bins.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    /// Begin of the first bin.
    #[must_use]
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// End of the last bin.
    #[must_use]
    pub fn until(&self) -> Instant {
        self.at(self.values.len())
    }

    /// Begin of the bin with this index, which may lie behind the last.
    #[must_use]
    pub fn at(&self, index: usize) -> Instant {
        self.step.after(self.since, index)
    }

    /// One value a bin, none where it is missing.
    #[must_use]
    pub fn values(&self) -> &[Option<f64>] {
        &self.values
    }

    /// Place of the first row of the tables that are read whose time is not before the begin of this bin: a log that holds it has begun
    /// to tell of the bin, also where it tells that nothing came. None where there is no such row, or no such bin.
    #[must_use]
    pub fn begun(&self, index: usize) -> Option<u64> {
        self.begun.get(index).copied().flatten()
    }

    /// How many of its rows have a time before that of a row at an earlier place.
    #[must_use]
    pub const fn backward(&self) -> u64 {
        self.backward
    }

    /// Seals in the window that no anchor names yet; they have no lag, so the mean is of those that ended. 0 for other measures.
    #[must_use]
    pub const fn open(&self) -> u64 {
        self.open
    }

    /// The rows it was read from.
    #[must_use]
    pub const fn inputs(&self) -> Inputs {
        self.inputs
    }

    /// The values with gaps filled: on a straight line between the neighbours, at the ends as the nearest.
    ///
    /// # Errors
    /// [`ForecastError::TooSparse`] where more than half are missing.
    pub fn filled(&self) -> Result<Filled, ForecastError> {
        let bins = self.values.len();
        let missing = self.values.iter().filter(|value| value.is_none()).count();
        if missing * 2 > bins || missing == bins {
            return Err(ForecastError::TooSparse { missing, bins });
        }
        Ok(Filled { values: interpolate(&self.values), missing })
    }

    /// What drift and outliers are looked for in: the filled values, or what each adds to the one before where they are levels.
    /// The second is the index of the bin that the first value belongs to.
    pub(crate) fn changes(&self) -> Result<(Vec<f64>, usize), ForecastError> {
        let values = self.filled()?.values;
        Ok(if self.measure.rule() == Rule::Level { (differences(&values), 1) } else { (values, 0) })
    }
}

fn interpolate(values: &[Option<f64>]) -> Vec<f64> {
    let mut filled: Vec<f64> = Vec::with_capacity(values.len());
    let mut before: Option<f64> = None;
    let mut gap = 0_u32;
    for value in values {
        let Some(value) = *value else {
            gap += 1;
            continue;
        };
        let from = before.unwrap_or(value);
        let slope = (value - from) / f64::from(gap + 1);
        filled.extend((1..=gap).map(|step| slope.mul_add(f64::from(step), from)));
        filled.push(value);
        (before, gap) = (Some(value), 0);
    }
    let last = before.unwrap_or_default();
    filled.resize(values.len(), last);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_lie_on_a_line_and_ends_stay() {
        let filled = interpolate(&[None, Some(2.0), None, None, Some(8.0), Some(7.0), None]);
        assert_eq!(filled, [2.0, 2.0, 4.0, 6.0, 8.0, 7.0, 7.0]);
        assert_eq!(interpolate(&[Some(1.0)]), [1.0]);
    }
}
