//! Rows of one table that a filter selects, ordered by id.

use rusqlite::{Connection, Params, Statement, params};
use vm_core::digest::to_hex;
use vm_core::record::{LogEntry, SCHEMA, Table};
use vm_core::view::{RowFilter, RowScope, RowState, StoredEntry, ViewError, Visit};

use crate::error::LedgerError;
use crate::rows;
use crate::snapshot::{Readable, Snapshot, store};

/// Number of log columns that stand before those of the row.
const LOG_WIDTH: usize = 5;

type Visitor<'a> = dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError> + 'a;

/// Visits the rows of `table` that `filter` selects.
pub(crate) fn visit_table(
    snapshot: &Snapshot,
    table: Table,
    filter: &RowFilter,
    visit: &mut Visitor<'_>,
) -> Result<Visit, ViewError> {
    match snapshot.readable(table) {
        Readable::NotYet => return Ok(Visit::Continue),
        Readable::Yes(_) => {}
        Readable::Gone | Readable::Lacks(_) => {
            let faults = snapshot.schema_faults().to_vec();
            return Err(ViewError::store(LedgerError::SchemaAltered { faults }));
        }
    }
    let conn = snapshot.conn();
    let as_of = i64::try_from(filter.as_of).unwrap_or(i64::MAX);
    match &filter.scope {
        RowScope::Window { since: None, until: None } => {
            let sql = joined(table, "l.seq < ?1 ORDER BY t.id");
            let mut statement = conn.prepare_cached(&sql).map_err(store)?;
            visit_rows(&mut statement, [as_of], table, visit)
        }
        RowScope::Window { since, until } => {
            // Stored times have one length and form, so they sort as text.
            let from = if since.is_some() { "ts >= ?1" } else { "?1 IS NULL" };
            let to = if until.is_some() { "ts < ?2" } else { "?2 IS NULL" };
            let sql = format!("SELECT id FROM {table} WHERE {from} AND {to} ORDER BY id");
            let bounds = params![since.map(|at| at.to_string()), until.map(|at| at.to_string())];
            visit_ids(conn, &sql, bounds, table, as_of, visit)
        }
        RowScope::Traces(traces) => {
            let sql = format!(
                "SELECT id FROM {table} WHERE trace_id IN (SELECT unhex(value) FROM json_each(?1)) ORDER BY id"
            );
            let list: Vec<String> = traces.iter().map(|trace| to_hex(trace.as_bytes())).collect();
            let list = serde_json::Value::from(list).to_string();
            visit_ids(conn, &sql, [list], table, as_of, visit)
        }
    }
}

/// Columns of the log and of the row, joined by id; the row's table leads.
fn joined(table: Table, condition: &str) -> String {
    let columns = table.columns(SCHEMA).unwrap_or_default();
    let columns: Vec<String> = columns.iter().map(|column| format!("t.\"{}\"", column.name)).collect();
    format!(
        "SELECT l.seq, l.tbl, l.row_id, l.schema, l.leaf, {} FROM {table} AS t \
         CROSS JOIN log AS l ON l.row_id = t.id AND l.tbl = {} AND l.seq >= 0 WHERE {condition}",
        columns.join(", "),
        table.number()
    )
}

/// Sorts the ids first and reads each row after, so that the sort never holds whole rows.
fn visit_ids(
    conn: &Connection,
    ids: &str,
    bounds: impl Params,
    table: Table,
    as_of: i64,
    visit: &mut Visitor<'_>,
) -> Result<Visit, ViewError> {
    let mut ids = conn.prepare_cached(ids).map_err(store)?;
    let mut one = conn.prepare_cached(&joined(table, "l.seq < ?1 AND t.id = ?2")).map_err(store)?;
    let mut found = ids.query(bounds).map_err(store)?;
    while let Some(row) = found.next().map_err(store)? {
        let id = row.get_ref(0).map_err(store)?.as_bytes().unwrap_or_default();
        if visit_rows(&mut one, params![as_of, id], table, visit)? == Visit::Stop {
            return Ok(Visit::Stop);
        }
    }
    Ok(Visit::Continue)
}

fn visit_rows(
    statement: &mut Statement<'_>,
    bounds: impl Params,
    table: Table,
    visit: &mut Visitor<'_>,
) -> Result<Visit, ViewError> {
    let mut found = statement.query(bounds).map_err(store)?;
    while let Some(row) = found.next().map_err(store)? {
        let entry = match rows::read_entry(row, 0).map_err(store)? {
            StoredEntry::Entry(entry) => entry,
            // Which rows the log names is then unknown, so no answer is right.
            StoredEntry::Malformed { seq } => {
                let faults = vec![format!("log entry {seq} is malformed")];
                return Err(ViewError::store(LedgerError::SchemaAltered { faults }));
            }
        };
        let state = match table.columns(entry.schema) {
            Some(columns) => rows::read_row(row, LOG_WIDTH, table, entry.schema, columns).map_err(store)?,
            None => rows::malformed("schema"),
        };
        if visit(entry, state)? == Visit::Stop {
            return Ok(Visit::Stop);
        }
    }
    Ok(Visit::Continue)
}
