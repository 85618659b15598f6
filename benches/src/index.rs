//! What indexes cost whoever appends: a ledger that grows with one recorded every so often.

use std::time::Duration;

use crate::error::{BenchError, Fault};
use crate::harness::{Effort, Reach, Row, Times, timed};
use crate::store::{BATCH, Store};

/// The name by which these rows are asked for, all at once: they share one ledger.
pub const NAME: &str = "index";

/// Rows between one index and the next: some ten seconds of appending.
const EVERY: usize = 100_000;
/// Sizes at which it is told what all indexes so far cost.
const TOLD: [(usize, &str, &str); 3] = [
    (300_000, "append of 300,000 rows with an index every 100,000", "the same without"),
    (1_000_000, "append of 1,000,000 rows with an index every 100,000", "the same without"),
    (3_000_000, "append of 3,000,000 rows with an index every 100,000", "the same without"),
];

/// All rows of the table that need indexes. Needs 6 GiB below the folder for temporary files.
///
/// # Errors
/// [`BenchError`] where appending or indexing fails.
pub fn rows(effort: &Effort) -> Result<Vec<Row>, BenchError> {
    let part = if effort.rounds < Effort::FULL.rounds { 100 } else { 1 };
    measure(part).map_err(BenchError::side(NAME))
}

fn measure(part: usize) -> Result<Vec<Row>, Fault> {
    let mut store = Store::new(false)?;
    let (mut appended, mut indexed, mut rows) = (Duration::ZERO, Duration::ZERO, 0);
    let mut told = Vec::new();
    for (size, path, against) in TOLD {
        while rows < size / part {
            for _ in 0..(EVERY / part).div_ceil(BATCH) {
                let drafts = store.maker.tools(BATCH.min(EVERY / part))?;
                rows += drafts.len();
                appended += timed(|| store.append(drafts))?;
            }
            indexed += timed(|| store.index())?;
        }
        let nanoseconds = |time: Duration| time.as_secs_f64() * 1e9;
        let times = Times { ours: nanoseconds(appended + indexed), other: nanoseconds(appended) };
        told.push(Row::new(path, against, times, Reach::AtMost(1.25)).per(rows));
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_measured() {
        let rows = measure(1_000).unwrap();
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| row.ratio().is_finite() && row.ratio() > 1.0));
    }
}
