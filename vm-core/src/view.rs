//! The read-only view of a ledger that audits, seals and forecasts work on, and the journal that rows go into.
//!
//! A view hands over what is stored, unjudged: rules live in `vm-seal`. Visits stream, so that a ledger of any size is
//! read in bounded memory; a visitor ends a visit early with [`Visit::Stop`].

use crate::capability::{Permit, act};
use crate::error::RecordError;
use crate::id::{EngineName, LedgerId, RowId, TraceId};
use crate::instant::Instant;
use crate::path::VaultPath;
use crate::record::{Appended, LogEntry, RowDraft, SchemaVersion, StoredRow, SystemKind, Table};

pub use crate::error::{FileFault, JournalError, ViewError};

/// Whether a visit goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Visit {
    /// Hand over the next.
    Continue,
    /// Enough.
    Stop,
}

/// Rows to visit, as they stood when the log held `as_of` entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowFilter {
    /// Tables, in table order.
    pub tables: Vec<Table>,
    /// Which of their rows.
    pub scope: RowScope,
    /// Only rows whose place in the log is below this.
    pub as_of: u64,
}

impl RowFilter {
    /// Whether `row` stands in one of the tables and within the scope. That its place is below [`RowFilter::as_of`] is for the
    /// caller to see, since a row does not know its place.
    ///
    /// # Errors
    /// [`RecordError`] where it stands in one of the tables and its time or trace cannot be read.
    pub fn matches(&self, row: &StoredRow) -> Result<bool, RecordError> {
        if !self.tables.contains(&row.table()) {
            return Ok(false);
        }
        match &self.scope {
            RowScope::Window { since, until } => {
                let ts = row.ts()?;
                Ok(since.is_none_or(|since| since <= ts) && until.is_none_or(|until| ts < until))
            }
            RowScope::Traces(traces) => Ok(traces.contains(&row.trace_id()?)),
        }
    }
}

/// Which rows of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RowScope {
    /// Time not before `since` and before `until`; no bound where there is none.
    Window {
        /// Inclusive.
        since: Option<Instant>,
        /// Exclusive.
        until: Option<Instant>,
    },
    /// Trace among these.
    Traces(Vec<TraceId>),
}

/// A row together with its entry in the log.
#[derive(Clone, PartialEq, Debug)]
pub struct LoggedRow {
    /// Its entry.
    pub entry: LogEntry,
    /// Its columns as stored.
    pub row: StoredRow,
}

/// What a table holds for an entry of the log.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum RowState {
    /// A row.
    Present(StoredRow),
    /// No row.
    Missing,
    /// A row that is no row of its schema: a value of a foreign type, say.
    Malformed {
        /// The first column at fault.
        column: String,
    },
}

/// A full Merkle tile as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredTile {
    /// Level, from 0 at the leaves; each level is eight levels of the tree.
    pub level: u8,
    /// Index along the level.
    pub index: u64,
    /// 256 hashes of 32 bytes, if it is whole.
    pub hashes: Vec<u8>,
    /// Root of the tile, as stored beside it.
    pub root: Vec<u8>,
}

/// A log entry as stored, before it is known to be well-formed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoredEntry {
    /// Well-formed.
    Entry(LogEntry),
    /// Present, but no entry: an unknown table, an id of the wrong length.
    Malformed {
        /// Its place in the log.
        seq: u64,
    },
}

/// A ledger, read-only.
pub trait EvidenceView {
    /// Name of the ledger: the leaf hash that the log holds at place 0.
    ///
    /// # Errors
    /// [`ViewError`].
    fn ledger(&self) -> Result<LedgerId, ViewError>;

    /// Schema version and file name of the last migration.
    ///
    /// # Errors
    /// [`ViewError`].
    fn schema(&self) -> Result<(SchemaVersion, String), ViewError>;

    /// Number of entries in the log: one more than the last place, 0 where it is empty.
    ///
    /// # Errors
    /// [`ViewError`].
    fn size(&self) -> Result<u64, ViewError>;

    /// Entries from place `from` up to and without `to`, in order of place, each with what its table holds.
    ///
    /// # Errors
    /// [`ViewError`], or the visitor's own.
    fn visit_log(
        &self,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(StoredEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError>;

    /// Rows that stand in a table and that no log entry names.
    ///
    /// # Errors
    /// [`ViewError`], or the visitor's own.
    fn visit_unlogged(
        &self,
        visit: &mut dyn FnMut(Table, Vec<u8>) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError>;

    /// Rows that match, ordered by table, then row id.
    ///
    /// # Errors
    /// [`ViewError`], or the visitor's own.
    fn visit_matching(
        &self,
        filter: &RowFilter,
        visit: &mut dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError>;

    /// Entries of the rows that match, ordered by table, then row id, and the earliest and latest time among the rows, if
    /// there are any: what can be told without reading them whole. Whether each is still there is not part of the answer.
    ///
    /// # Errors
    /// [`ViewError`], or the visitor's own.
    fn visit_leaves(
        &self,
        filter: &RowFilter,
        visit: &mut dyn FnMut(LogEntry) -> Result<Visit, ViewError>,
    ) -> Result<Option<(Instant, Instant)>, ViewError> {
        let mut times: Option<(Instant, Instant)> = None;
        self.visit_matching(filter, &mut |entry, state| {
            let RowState::Present(row) = state else {
                return Err(ViewError::store(RecordError::Cell { table: entry.table, column: "ts" }));
            };
            let ts = row.ts().map_err(ViewError::store)?;
            times = Some(times.map_or((ts, ts), |(min, max)| (min.min(ts), max.max(ts))));
            visit(entry)
        })?;
        Ok(times)
    }

    /// The row with this id.
    ///
    /// # Errors
    /// [`ViewError`].
    fn row(&self, id: RowId) -> Result<Option<LoggedRow>, ViewError>;

    /// Artifact rows of a reserved kind, in the order of the log, each with its entry. Cost: here one pass over the log; a store
    /// that finds rows by their kind does less.
    ///
    /// # Errors
    /// [`ViewError`], or the visitor's own.
    fn visit_system(
        &self,
        kind: SystemKind,
        visit: &mut dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.visit_log(0, u64::MAX, &mut |stored, state| match (stored, &state) {
            (StoredEntry::Entry(entry), RowState::Present(row)) if SystemKind::of_row(row) == Some(kind) => {
                visit(entry, state)
            }
            _ => Ok(Visit::Continue),
        })
    }

    /// Signed checkpoints as stored: size they are filed under, and note text; by size.
    ///
    /// # Errors
    /// [`ViewError`], or the visitor's own.
    fn visit_checkpoints(
        &self,
        visit: &mut dyn FnMut(u64, String) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError>;

    /// Full tiles as stored, by level and index.
    ///
    /// # Errors
    /// [`ViewError`], or the visitor's own.
    fn visit_tiles(&self, visit: &mut dyn FnMut(StoredTile) -> Result<Visit, ViewError>) -> Result<(), ViewError>;
}

/// Files below a vault, read-only, never through a link.
pub trait VaultFiles {
    /// Hands the content of a regular file to `visit`, piece by piece, all read through one handle.
    ///
    /// # Errors
    /// [`FileFault`] says why it could not be read; [`FileFault::Missing`] and [`FileFault::NotRegular`] are facts about
    /// the vault, [`FileFault::Unreadable`] is not.
    fn read(&self, path: &VaultPath, visit: &mut dyn FnMut(&[u8])) -> Result<(), FileFault>;

    /// Engines that have a folder below `receipts`.
    ///
    /// # Errors
    /// [`FileFault`].
    fn engines(&self) -> Result<Vec<EngineName>, FileFault>;
}

/// Where rows are recorded. The one way in, and it demands a permit.
pub trait Journal {
    /// Appends `drafts` in order, all or none, and returns when they are durable.
    ///
    /// # Errors
    /// [`JournalError`]; nothing was recorded.
    fn append(&mut self, permit: &Permit<act::Record>, drafts: Vec<RowDraft>) -> Result<Vec<Appended>, JournalError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Cell, CellKind, SCHEMA};

    fn row(table: Table, ts: &str, trace: u8) -> StoredRow {
        let cells = table.columns(SCHEMA).unwrap().iter().map(|column| match column.kind {
            _ if column.name == "ts" => Cell::Text(ts.into()),
            _ if column.nullable => Cell::Null,
            CellKind::Integer => Cell::Integer(7),
            CellKind::Real => Cell::Real(0.5),
            CellKind::Text => Cell::Text("x".into()),
            CellKind::Blob => Cell::Blob(vec![trace; 16]),
        });
        StoredRow::new(table, SCHEMA, cells.collect()).unwrap()
    }

    #[test]
    fn windows_hold_their_beginning_and_not_their_end() {
        let [before, from, to] =
            ["2026-01-02T00:00:00.000000Z", "2026-01-03T00:00:00.000000Z", "2026-01-04T00:00:00.000000Z"];
        let at = |ts: &str| ts.parse::<Instant>().ok();
        let matches = |since: Option<&str>, until: Option<&str>, ts: &str| {
            let scope = RowScope::Window { since: since.and_then(at), until: until.and_then(at) };
            let filter = RowFilter { tables: vec![Table::McpCalls], scope, as_of: 0 };
            assert_eq!(filter.matches(&row(Table::ToolInvocations, ts, 1)), Ok(false));
            filter.matches(&row(Table::McpCalls, ts, 1)).unwrap()
        };
        assert!(!matches(Some(from), Some(to), before));
        assert!(matches(Some(from), Some(to), from));
        assert!(!matches(Some(from), Some(to), to));
        assert!(matches(None, Some(to), before) && matches(Some(from), None, to) && matches(None, None, before));
    }

    #[test]
    fn traces_are_matched_and_what_has_no_time_is_an_error_in_its_table_alone() {
        let traces = RowScope::Traces(vec![TraceId::from_bytes([1; 16]), TraceId::from_bytes([3; 16])]);
        let filter = RowFilter { tables: vec![Table::McpCalls], scope: traces, as_of: 0 };
        for (trace, hit) in [(1, true), (2, false), (3, true)] {
            assert_eq!(filter.matches(&row(Table::McpCalls, "no time", trace)), Ok(hit));
        }
        let filter = RowFilter { scope: RowScope::Window { since: None, until: None }, ..filter };
        assert!(filter.matches(&row(Table::McpCalls, "no time", 1)).is_err());
        assert_eq!(filter.matches(&row(Table::ProofArtifacts, "no time", 1)), Ok(false));
    }
}
