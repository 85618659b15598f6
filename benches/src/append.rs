//! Durable appends: batches of seeded events, batches of recorded traffic, and one row alone.

use std::time::Duration;

use vm_core::record::{RowDraft, StoredRow, Table};
use vm_core::view::EvidenceView as _;

use crate::draft::{Frame, stored, traffic};
use crate::error::{BenchError, Fault};
use crate::harness::{Effort, Reach, Row, in_turns, timed};
use crate::raw::{RawFile, RawTable};
use crate::store::{BATCH, Store};

const PATH: &str = "durable append, 1,000 tool rows a batch: leaves, indexes, log, tiles, signed checkpoint";
const TRAFFIC_PATH: &str = "the same from 1,000 recorded MCP frames: parse, redact, append, keep encrypted openings";
const ONE_PATH: &str = "one durable append, p50";
const RAW: &str = "raw rusqlite insert of the same cells, no index, same pragmas and batch";
/// Appends of one row for each round of the others: a median of few would be one of the disk's moods.
const SINGLES: usize = 8;

/// Our side: appends to a ledger.
#[derive(Debug)]
pub struct Ours {
    store: Store,
    traffic: Vec<Frame>,
}

impl Ours {
    /// A new ledger; with `openings` it keeps those too.
    ///
    /// # Errors
    /// As [`Store::new`].
    pub fn new(openings: bool) -> Result<Self, Fault> {
        Ok(Self { store: Store::new(openings)?, traffic: traffic()? })
    }

    /// Time to append `count` rows of seeded events, made before.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn tools(&mut self, count: usize) -> Result<Duration, Fault> {
        let drafts = self.store.maker.tools(count)?;
        timed(|| self.store.append(drafts))
    }

    /// Time to record `count` frames, from their text.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn frames(&mut self, count: usize) -> Result<Duration, Fault> {
        let Self { store, traffic } = self;
        timed(|| {
            let drafts = store.maker.frames(traffic, count)?;
            store.append(drafts)
        })
    }

    /// Rows as the peer stores them.
    ///
    /// # Errors
    /// As [`stored`].
    pub fn rows(&mut self, table: Table, count: usize) -> Result<Vec<StoredRow>, Fault> {
        let drafts: Vec<RowDraft> = match table {
            Table::McpCalls => self.store.maker.frames(&self.traffic, count)?,
            _ => self.store.maker.tools(count)?,
        };
        stored(&drafts)
    }

    fn count(&self) -> Result<u64, Fault> {
        Ok(self.store.snapshot()?.size()? - crate::store::SYSTEM_ROWS)
    }
}

/// Batches of seeded events; openings are dropped.
///
/// # Errors
/// [`BenchError`] where a side fails, or the sides hold different numbers of rows.
pub fn row(effort: &Effort) -> Result<Row, BenchError> {
    batches(PATH, Table::ToolInvocations, effort)
}

/// Batches of recorded frames, from their text, with openings.
///
/// # Errors
/// As [`row`].
pub fn row_of_traffic(effort: &Effort) -> Result<Row, BenchError> {
    batches(TRAFFIC_PATH, Table::McpCalls, effort)
}

fn batches(path: &'static str, table: Table, effort: &Effort) -> Result<Row, BenchError> {
    let run = || -> Result<_, Fault> {
        let frames = table == Table::McpCalls;
        let (mut ours, mut other) = (Ours::new(frames)?, RawTable::new(table)?);
        let rows = ours.rows(table, BATCH)?;
        let times = in_turns(
            effort.rounds,
            || if frames { ours.frames(BATCH) } else { ours.tools(BATCH) },
            || timed(|| other.insert(&rows)),
        )?;
        Ok((times, ours.count()?, other.count()?))
    };
    let (times, ours, theirs) = run().map_err(BenchError::side(path))?;
    if ours != theirs {
        return Err(BenchError::differ(path, ours, theirs));
    }
    Ok(Row::new(path, RAW, times, Reach::AtLeast(0.5)))
}

/// One row at a time.
///
/// # Errors
/// [`BenchError`] where a side fails.
pub fn row_of_one(effort: &Effort) -> Result<Row, BenchError> {
    let run = || -> Result<_, Fault> {
        let (mut ours, mut other) = (Ours::new(false)?, RawFile::new()?);
        let rows = ours.rows(Table::ToolInvocations, 1)?;
        let bytes = rows.first().ok_or("no row")?.leaf_data()?;
        in_turns(effort.rounds * SINGLES, || ours.tools(1), || timed(|| other.append(&bytes)))
    };
    let times = run().map_err(BenchError::side(ONE_PATH))?;
    Ok(Row::new(ONE_PATH, "one write and fdatasync of the same bytes to a file", times, Reach::AtMost(2.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_hold_what_was_appended() {
        let (mut ours, mut raw) = (Ours::new(true).unwrap(), RawTable::new(Table::McpCalls).unwrap());
        let rows = ours.rows(Table::McpCalls, 30).unwrap();
        ours.frames(30).unwrap();
        raw.insert(&rows).unwrap();
        assert_eq!((ours.count().unwrap(), raw.count().unwrap()), (30, 30));
    }
}
