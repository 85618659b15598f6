//! Rows of the four tables, to and from SQL. The statements are made from the columns of the record types, so that a
//! column cannot be forgotten.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Row, ToSql, params_from_iter};
use vm_core::digest::LeafHash;
use vm_core::error::RecordError;
use vm_core::id::RowId;
use vm_core::record::{CellRef, Column, LogEntry, SchemaVersion, StoredRow, Table};
use vm_core::view::{RowState, StoredEntry};

/// Columns of the log, in the order that [`read_entry`] reads.
pub(crate) const LOG_COLUMNS: &str = "seq, tbl, row_id, schema, leaf";

/// Most columns of a table; with fewer than it has, no row would be read.
const COLUMNS_MAX: usize = 32;

/// Columns of `table` that a file of this connection really has; a table that was dropped has none.
pub(crate) fn present_columns(conn: &Connection, table: Table) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([table.as_str()], |row| row.get(0))?.collect()
}

/// `"a", "b"` for the columns of `table` under `schema`; none where that schema has no such table.
pub(crate) fn column_list(table: Table, schema: SchemaVersion) -> Option<String> {
    let columns = table.columns(schema)?;
    let names: Vec<String> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    Some(names.join(", "))
}

/// The statement that inserts rows like `row`.
pub(crate) fn insert_statement<'a>(conn: &'a Connection, row: &StoredRow) -> rusqlite::Result<CachedStatement<'a>> {
    let names = column_list(row.table(), row.schema()).unwrap_or_default();
    let marks = vec!["?"; row.cells().count()].join(", ");
    conn.prepare_cached(&format!("INSERT INTO {} ({names}) VALUES ({marks})", row.table()))
}

/// Inserts a row.
pub(crate) fn insert(statement: &mut CachedStatement<'_>, row: &StoredRow) -> rusqlite::Result<()> {
    statement.execute(params_from_iter(row.cells().map(|(_, cell)| SqlCell(cell)))).map(drop)
}

/// A cell as a parameter of a statement.
pub(crate) struct SqlCell<'a>(pub(crate) CellRef<'a>);

impl ToSql for SqlCell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            CellRef::Null => ValueRef::Null,
            CellRef::Integer(integer) => ValueRef::Integer(integer),
            CellRef::Real(real) => ValueRef::Real(real),
            CellRef::Text(text) => ValueRef::Text(text.as_bytes()),
            CellRef::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Reads a row of `table` whose columns begin at `from` of the result, whatever stands in them.
pub(crate) fn read_row(
    row: &Row<'_>,
    from: usize,
    table: Table,
    schema: SchemaVersion,
    columns: &[Column],
) -> rusqlite::Result<RowState> {
    let mut cells = [CellRef::Null; COLUMNS_MAX];
    for (at, (cell, column)) in cells.iter_mut().zip(columns).enumerate() {
        match read_cell(row.get_ref(from + at)?) {
            Some(found) => *cell = found,
            None => return Ok(malformed(column.name)),
        }
    }
    Ok(match StoredRow::from_cells(table, schema, cells.get(..columns.len()).unwrap_or_default()) {
        Ok(row) => RowState::Present(row),
        Err(RecordError::Cell { column, .. }) => malformed(column),
        Err(_) => malformed("id"),
    })
}

/// A row state that names a column.
pub(crate) fn malformed(column: &str) -> RowState {
    RowState::Malformed { column: column.to_owned() }
}

fn read_cell(value: ValueRef<'_>) -> Option<CellRef<'_>> {
    Some(match value {
        ValueRef::Null => CellRef::Null,
        ValueRef::Integer(integer) => CellRef::Integer(integer),
        ValueRef::Real(real) => CellRef::Real(real),
        ValueRef::Text(bytes) => CellRef::Text(core::str::from_utf8(bytes).ok()?),
        ValueRef::Blob(bytes) => CellRef::Blob(bytes),
    })
}

/// Reads an entry of the log from [`LOG_COLUMNS`], which begin at `from` of the result.
pub(crate) fn read_entry(row: &Row<'_>, from: usize) -> rusqlite::Result<StoredEntry> {
    let seq = u64::try_from(row.get_ref(from)?.as_i64().unwrap_or(-1)).unwrap_or(u64::MAX);
    let table = row.get_ref(from + 1)?.as_i64().ok().and_then(|number| u8::try_from(number).ok());
    let row_id = row.get_ref(from + 2)?.as_blob().ok();
    let schema = row.get_ref(from + 3)?.as_i64().ok().and_then(|number| u32::try_from(number).ok());
    let leaf = row.get_ref(from + 4)?.as_blob().ok();
    let entry = || {
        Some(LogEntry {
            seq,
            table: Table::from_number(table?)?,
            row_id: RowId::from_slice(row_id?).ok()?,
            schema: SchemaVersion::new(schema?),
            leaf: LeafHash::from_slice(leaf?).ok()?,
        })
    };
    Ok(entry().map_or(StoredEntry::Malformed { seq }, StoredEntry::Entry))
}
