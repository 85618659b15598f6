//! Rows of one table that a filter selects, ordered by id.

use rusqlite::{Connection, Params, Row, Statement, params};
use vm_core::digest::to_hex;
use vm_core::error::RecordError;
use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_core::record::{LogEntry, SCHEMA, Table};
use vm_core::view::{EvidenceView as _, RowFilter, RowScope, RowState, StoredEntry, ViewError, Visit};

use crate::error::LedgerError;
use crate::feed::Feed;
use crate::rows::{self, LOG_COLUMNS};
use crate::snapshot::{Readable, Snapshot, store};

/// Number of log columns that stand before those of the row.
const LOG_WIDTH: usize = 5;

/// Picks out one row by its id.
const BY_ID: &str = "l.seq < ?1 AND t.id = ?2";
/// Neither bound.
const EVERYTHING: RowScope = RowScope::Window { since: None, until: None };

type RowVisitor<'a> = dyn FnMut(&Row<'_>) -> Result<Visit, ViewError> + 'a;
type Visitor<'a> = dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError> + 'a;

/// Visits the rows of `table` that `filter` selects.
pub(crate) fn visit_table(
    snapshot: &Snapshot,
    table: Table,
    filter: &RowFilter,
    visit: &mut Visitor<'_>,
) -> Result<Visit, ViewError> {
    if !is_readable(snapshot, table)? {
        return Ok(Visit::Continue);
    }
    let (conn, as_of) = (snapshot.conn(), bound(filter));
    if filter.scope == EVERYTHING
        && let Some(feed) = snapshot.feed(table)
        && is_logged_by_id(conn, table, as_of).map_err(store)?
    {
        return visit_logged(conn, table, as_of, feed, visit);
    }
    let columns = table.columns(SCHEMA).unwrap_or_default();
    let columns: Vec<String> = columns.iter().map(|column| format!("t.\"{}\"", column.name)).collect();
    visit_joined(conn, &columns.join(", "), table, filter, &mut |row| {
        let entry = well_formed(rows::read_entry(row, 0).map_err(store)?)?;
        let state = match table.columns(entry.schema) {
            Some(columns) => rows::read_row(row, LOG_WIDTH, table, entry.schema, columns).map_err(store)?,
            None => rows::malformed("schema"),
        };
        visit(entry, state)
    })
}

/// Visits the entries of the rows of `table` that `filter` selects, and tells the earliest and latest time of them.
pub(crate) fn visit_leaves(
    snapshot: &Snapshot,
    table: Table,
    filter: &RowFilter,
    visit: &mut dyn FnMut(LogEntry) -> Result<Visit, ViewError>,
) -> Result<(Visit, Option<(Instant, Instant)>), ViewError> {
    if !is_readable(snapshot, table)? {
        return Ok((Visit::Continue, None));
    }
    let (conn, as_of) = (snapshot.conn(), bound(filter));
    // The index knows the times of a whole table, but not which of its rows came later than asked for.
    let whole = filter.scope == EVERYTHING && snapshot.size().is_ok_and(|size| size <= filter.as_of);
    if whole && is_logged_by_id(conn, table, as_of).map_err(store)? {
        let sql = format!("SELECT min(ts), max(ts) FROM {table}");
        let ends = |row: &Row<'_>| Ok((instant(row, 0), instant(row, 1)));
        let (min, max) = conn.query_row(&sql, [], ends).map_err(store)?;
        let visited = visit_entries(conn, table, as_of, visit)?;
        return Ok((visited, min.zip(max)));
    }
    let mut times: Option<(Instant, Instant)> = None;
    let visited = visit_joined(conn, "t.ts", table, filter, &mut |row| {
        let entry = well_formed(rows::read_entry(row, 0).map_err(store)?)?;
        let ts = instant(row, LOG_WIDTH).ok_or_else(|| ViewError::store(RecordError::Cell { table, column: "ts" }))?;
        times = Some(times.map_or((ts, ts), |(min, max)| (min.min(ts), max.max(ts))));
        visit(entry)
    })?;
    Ok((visited, times))
}

fn instant(row: &Row<'_>, at: usize) -> Option<Instant> {
    row.get_ref(at).ok()?.as_str().ok()?.parse().ok()
}

/// Whether there is such a table; an error where it cannot be read.
fn is_readable(snapshot: &Snapshot, table: Table) -> Result<bool, ViewError> {
    match snapshot.readable(table) {
        Readable::NotYet => Ok(false),
        Readable::Yes(_) => Ok(true),
        Readable::Gone | Readable::Lacks(_) => {
            let faults = snapshot.schema_faults().to_vec();
            Err(ViewError::store(LedgerError::SchemaAltered { faults }))
        }
    }
}

fn bound(filter: &RowFilter) -> i64 {
    i64::try_from(filter.as_of).unwrap_or(i64::MAX)
}

/// Visits the log's columns and `columns` of each row that `filter` selects, ordered by id.
fn visit_joined(
    conn: &Connection,
    columns: &str,
    table: Table,
    filter: &RowFilter,
    visit: &mut RowVisitor<'_>,
) -> Result<Visit, ViewError> {
    match &filter.scope {
        RowScope::Window { since: None, until: None } => {
            let mut statement =
                conn.prepare_cached(&joined(table, columns, "l.seq < ?1 ORDER BY t.id")).map_err(store)?;
            visit_rows(&mut statement, [bound(filter)], visit)
        }
        RowScope::Window { since, until } => {
            // Stored times have one length and form, so they sort as text.
            let from = if since.is_some() { "ts >= ?1" } else { "?1 IS NULL" };
            let to = if until.is_some() { "ts < ?2" } else { "?2 IS NULL" };
            let ids = format!("SELECT id FROM {table} WHERE {from} AND {to} ORDER BY id");
            let bounds = params![since.map(|at| at.to_string()), until.map(|at| at.to_string())];
            visit_ids(conn, &ids, bounds, &joined(table, columns, BY_ID), filter, visit)
        }
        RowScope::Traces(traces) => {
            let ids = format!(
                "SELECT id FROM {table} WHERE trace_id IN (SELECT unhex(value) FROM json_each(?1)) ORDER BY id"
            );
            let list: Vec<String> = traces.iter().map(|trace| to_hex(trace.as_bytes())).collect();
            let list = serde_json::Value::from(list).to_string();
            visit_ids(conn, &ids, [list], &joined(table, columns, BY_ID), filter, visit)
        }
    }
}

/// Whether the log names the rows of `table` in the order of their ids, as it does where one writer after the other mints
/// them. Cost: one pass over the log.
fn is_logged_by_id(conn: &Connection, table: Table, as_of: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT row_id FROM log WHERE tbl = ?1 AND seq >= 0 AND seq < ?2 ORDER BY seq";
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = statement.query(params![table.number(), as_of])?;
    let mut last: Option<RowId> = None;
    while let Some(row) = found.next()? {
        match row.get_ref(0)?.as_blob().ok().and_then(|id| RowId::from_slice(id).ok()) {
            Some(id) if last.is_none_or(|last| last < id) => last = Some(id),
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Visits every row of `table` that the log names, in the log's order. A row that is gone is told as missing.
fn visit_logged(
    conn: &Connection,
    table: Table,
    as_of: i64,
    mut feed: Feed<'_>,
    visit: &mut Visitor<'_>,
) -> Result<Visit, ViewError> {
    visit_entries(conn, table, as_of, &mut |entry| {
        let state = feed.take(&entry).map_err(store)?;
        visit(entry, state)
    })
}

/// Visits the entries that name rows of `table`, in the log's order.
fn visit_entries(
    conn: &Connection,
    table: Table,
    as_of: i64,
    visit: &mut dyn FnMut(LogEntry) -> Result<Visit, ViewError>,
) -> Result<Visit, ViewError> {
    let sql = format!("SELECT {LOG_COLUMNS} FROM log WHERE tbl = ?1 AND seq >= 0 AND seq < ?2 ORDER BY seq");
    let mut statement = conn.prepare_cached(&sql).map_err(store)?;
    visit_rows(&mut statement, params![table.number(), as_of], &mut |row| {
        visit(well_formed(rows::read_entry(row, 0).map_err(store)?)?)
    })
}

/// The entry, where it is one. Which rows the log names is unknown otherwise, so no answer is right.
fn well_formed(stored: StoredEntry) -> Result<LogEntry, ViewError> {
    match stored {
        StoredEntry::Entry(entry) => Ok(entry),
        StoredEntry::Malformed { seq } => {
            let faults = vec![format!("log entry {seq} is malformed")];
            Err(ViewError::store(LedgerError::SchemaAltered { faults }))
        }
    }
}

/// The statement that reads the log's columns and `columns` of the rows of `table`, joined by id; the row's table leads.
fn joined(table: Table, columns: &str, condition: &str) -> String {
    format!(
        "SELECT l.seq, l.tbl, l.row_id, l.schema, l.leaf, {columns} FROM {table} AS t \
         CROSS JOIN log AS l ON l.row_id = t.id AND l.tbl = {} AND l.seq >= 0 WHERE {condition}",
        table.number()
    )
}

/// Sorts the ids first and reads each row after, so that the sort never holds whole rows.
fn visit_ids(
    conn: &Connection,
    ids: &str,
    bounds: impl Params,
    one: &str,
    filter: &RowFilter,
    visit: &mut RowVisitor<'_>,
) -> Result<Visit, ViewError> {
    let mut ids = conn.prepare_cached(ids).map_err(store)?;
    let mut one = conn.prepare_cached(one).map_err(store)?;
    let mut found = ids.query(bounds).map_err(store)?;
    while let Some(row) = found.next().map_err(store)? {
        let id = row.get_ref(0).map_err(store)?.as_bytes().unwrap_or_default();
        if visit_rows(&mut one, params![bound(filter), id], visit)? == Visit::Stop {
            return Ok(Visit::Stop);
        }
    }
    Ok(Visit::Continue)
}

fn visit_rows(
    statement: &mut Statement<'_>,
    bounds: impl Params,
    visit: &mut RowVisitor<'_>,
) -> Result<Visit, ViewError> {
    let mut found = statement.query(bounds).map_err(store)?;
    while let Some(row) = found.next().map_err(store)? {
        if visit(row)? == Visit::Stop {
            return Ok(Visit::Stop);
        }
    }
    Ok(Visit::Continue)
}
