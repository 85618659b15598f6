//! One ledger that grows to millions of rows: what sealing, verifying, looking up and appending cost there.

use std::time::Duration;

use vm_core::id::TraceId;
use vm_core::record::Table;
use vm_core::view::{EvidenceView as _, RowFilter, RowScope, Visit};
use vm_ledger::Snapshot;
use vm_seal::checkpoint::Checkpoint;

use crate::error::{BenchError, Fault};
use crate::event::Draw;
use crate::harness::{Effort, Reach, Row, Times, in_turns, timed};
use crate::store::{BATCH, Store};
use crate::{seal, verify};

/// The name by which these rows are asked for, all at once: they share one ledger.
pub const NAME: &str = "scale";

const SEAL: &str = "seal of a 1,000,000-row selection, every row hashed again";
const SEAL_STORED: &str = "the same, trusting the stored leaf hashes";
const SEAL_PEER: &str = "the same index scan + bare node hashing of the stored leaf hashes";
const VERIFY: &str = "full verify of 1,000,000 rows";
const VERIFY_PEER: &str = "scan + SHA-256 (sha2) of the same rows";
const VERIFY_GROWTH: &str = "full verify, time a row at 1,000,000 rows";
const VERIFY_BEFORE: &str = "the same at 100,000 rows";
const APPEND: &str = "durable append, 1,000 a batch, at 3,000,000 rows";
const APPEND_BEFORE: &str = "the same at 300,000 rows";
const TRACE: &str = "rows of one trace among 1,000,000, p99";
const OPEN: &str = "open and health check: schema, genesis, head signed, its root out of the tiles";
const NO_PEER: &str = "a bound, no peer";
/// Batches whose median is the cost of one.
const BATCHES: usize = 40;
/// Look-ups of which the slowest hundredth is told.
const LOOKUPS: usize = 2_000;

/// Rows at which something is measured: hundredth parts of them where it is only to be seen that all works.
struct Sizes {
    part: usize,
}

impl Sizes {
    const fn of(effort: &Effort) -> Self {
        Self { part: if effort.rounds < Effort::FULL.rounds { 100 } else { 1 } }
    }

    const fn rows(&self, count: usize) -> usize {
        count / self.part
    }
}

/// All rows of the table that need a large ledger. Needs 8 GiB below the folder for temporary files.
///
/// # Errors
/// [`BenchError`] where a side fails, or the sides come to different results.
pub fn rows(effort: &Effort) -> Result<Vec<Row>, BenchError> {
    let sizes = Sizes::of(effort);
    measure(&sizes, effort.rounds.min(5)).map_err(BenchError::side(NAME))
}

fn measure(sizes: &Sizes, rounds: usize) -> Result<Vec<Row>, Fault> {
    let mut store = Store::new(false)?;
    let mut traces = Vec::new();
    grow(&mut store, sizes.rows(100_000), &mut traces)?;
    let small = in_turns(rounds, || timed(|| verify::ours(&store)), || timed(|| verify::theirs(&store)))?;
    let small = small.ours / f64::from(u32::try_from(store.rows()?)?);
    grow(&mut store, sizes.rows(300_000), &mut traces)?;
    let before = batch(&mut store, sizes)?;
    grow(&mut store, sizes.rows(1_000_000), &mut traces)?;
    if seal::ours(&store)?.digest() != seal::ours_stored(&store)?.digest() {
        return Err("the seals differ".into());
    }
    let sealed = in_turns(rounds, || timed(|| seal::ours(&store)), || timed(|| seal::theirs(&store)))?;
    let stored = in_turns(rounds, || timed(|| seal::ours_stored(&store)), || timed(|| seal::theirs(&store)))?;
    let verified = in_turns(rounds, || timed(|| verify::ours(&store)), || timed(|| verify::theirs(&store)))?;
    let growth = Times { ours: verified.ours / f64::from(u32::try_from(store.rows()?)?), other: small };
    let (trace, open) = (look_ups(&store, &traces)?, openings(&store)?);
    grow(&mut store, sizes.rows(3_000_000), &mut traces)?;
    let after = batch(&mut store, sizes)?;
    Ok(vec![
        Row::new(APPEND, APPEND_BEFORE, Times { ours: after, other: before }, Reach::AtLeast(0.8)),
        Row::new(VERIFY, VERIFY_PEER, verified, Reach::AtLeast(0.7)),
        Row::new(VERIFY_GROWTH, VERIFY_BEFORE, growth, Reach::AtLeast(0.9)),
        Row::new(SEAL, SEAL_PEER, sealed, Reach::AtMost(1.5)),
        Row::new(SEAL_STORED, SEAL_PEER, stored, Reach::AtMost(1.5)),
        Row::new(TRACE, NO_PEER, Times { ours: trace, other: 1e6 }, Reach::AtMost(1.0)),
        Row::new(OPEN, NO_PEER, Times { ours: open, other: 1e8 }, Reach::AtMost(1.0)),
    ])
}

/// Appends until the ledger holds `rows`, and takes down one trace of every batch.
fn grow(store: &mut Store, rows: usize, traces: &mut Vec<TraceId>) -> Result<(), Fault> {
    let mut left = rows.saturating_sub(store.rows()?);
    while left > 0 {
        let drafts = store.maker.tools(BATCH.min(left))?;
        left -= drafts.len();
        traces.extend(drafts.first().map(|draft| draft.header().trace_id));
        store.append(drafts)?;
    }
    Ok(())
}

/// Median time of appending one batch, in nanoseconds.
fn batch(store: &mut Store, sizes: &Sizes) -> Result<f64, Fault> {
    let mut times = Vec::new();
    for _ in 0..sizes.rows(BATCHES).max(3) {
        let drafts = store.maker.tools(BATCH)?;
        times.push(timed(|| store.append(drafts))?);
    }
    Ok(place(times, 0.5))
}

fn look_ups(store: &Store, traces: &[TraceId]) -> Result<f64, Fault> {
    let snapshot = store.snapshot()?;
    let mut draw = Draw(3);
    let mut times = Vec::new();
    for _ in 0..LOOKUPS {
        let at = usize::try_from(draw.below(u64::try_from(traces.len())?))?;
        let trace = *traces.get(at).ok_or("no trace")?;
        times.push(timed(|| count_of(&snapshot, trace))?);
    }
    Ok(place(times, 0.99))
}

/// Reads the rows of a trace; an error where there is none.
fn count_of(snapshot: &Snapshot, trace: TraceId) -> Result<u64, Fault> {
    let scope = RowScope::Traces(vec![trace]);
    let filter = RowFilter { tables: Table::ALL.to_vec(), scope, as_of: snapshot.size()? };
    let mut count = 0;
    snapshot.visit_matching(&filter, &mut |_, _| {
        count += 1;
        Ok(Visit::Continue)
    })?;
    if count > 0 { Ok(count) } else { Err("a trace has no rows".into()) }
}

/// Median time of opening the ledger and looking whether its head is right, in nanoseconds.
fn openings(store: &Store) -> Result<f64, Fault> {
    let key = store.note_key()?;
    let mut times = Vec::new();
    for _ in 0..BATCHES {
        times.push(timed(|| -> Result<(), Fault> {
            let snapshot = store.snapshot()?;
            snapshot.genesis()?;
            let head = Checkpoint::verify(&snapshot.checkpoint()?.ok_or("no checkpoint")?, &key)?;
            let whole = snapshot.schema_faults().is_empty() && snapshot.root_at(snapshot.size()?)? == head.root();
            if whole { Ok(()) } else { Err("the ledger is not whole".into()) }
        })?);
    }
    Ok(place(times, 0.5))
}

/// The time at which this part of the times is reached, in nanoseconds.
fn place(mut times: Vec<Duration>, part: f64) -> f64 {
    times.sort_unstable();
    let at = (0..times.len()).find(|at| fraction(*at + 1, times.len()) >= part).unwrap_or_default();
    times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e9)
}

fn fraction(count: usize, of: usize) -> f64 {
    let number = |count| u32::try_from(count).map_or(f64::NAN, f64::from);
    number(count) / number(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_measured() {
        let rows = measure(&Sizes { part: 1_000 }, 1).unwrap();
        assert_eq!(rows.len(), 7);
        assert!(rows.iter().all(|row| row.ratio().is_finite()));
    }

    #[test]
    fn places_among_times() {
        let times: Vec<Duration> = (1..=100).map(Duration::from_nanos).collect();
        assert_eq!((place(times.clone(), 0.5), place(times, 0.99)), (50.0, 99.0));
        assert!(place(Vec::new(), 0.5).is_nan());
    }
}
