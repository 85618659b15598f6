//! Rows of a table in the order they were stored, which is the order of the log: a pass over log and tables side by side
//! then looks nothing up.

use std::collections::VecDeque;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use vm_core::record::{Column, LogEntry, SchemaVersion, Table};
use vm_core::view::RowState;

use crate::rows;

/// Rows read ahead at once: enough to make the query behind them cheap, few enough to stay in the cache of the processor.
const ROWS_AHEAD: usize = 64;
/// Bytes of rows read ahead at once, unless one row alone has more: bounds the memory for long rows.
const BYTES_AHEAD: usize = 1024 * 1024;

/// A table, read from its first row to its last.
pub(crate) struct Feed<'a> {
    conn: &'a Connection,
    table: Table,
    columns: &'static [Column],
    schema: SchemaVersion,
    page: String,
    single: String,
    /// Row number after which to read on.
    after: i64,
    ahead: VecDeque<Numbered>,
    ended: bool,
}

/// A row as stored, its id as bytes, and its number in the table.
struct Numbered {
    number: i64,
    id: Option<[u8; 16]>,
    state: RowState,
}

impl<'a> Feed<'a> {
    /// A feed of `table`, whose rows have the columns of `schema`. None where there is no such table with numbered rows.
    pub(crate) fn new(conn: &'a Connection, table: Table, schema: SchemaVersion) -> Option<Self> {
        let columns = table.columns(schema)?;
        let names = rows::column_list(table, schema)?;
        let page = format!("SELECT rowid, {names} FROM {table} WHERE rowid > ?1 ORDER BY rowid LIMIT {ROWS_AHEAD}");
        let single = format!("SELECT rowid, {names} FROM {table} WHERE id = ?1");
        conn.prepare_cached(&page).ok()?;
        let (after, ahead) = (i64::MIN, VecDeque::new());
        Some(Self { conn, table, columns, schema, page, single, after, ahead, ended: false })
    }

    /// What the table holds for `entry`. The next row, where it is the one named; else it is looked up by its id, and the
    /// feed goes on after it.
    pub(crate) fn take(&mut self, entry: &LogEntry) -> rusqlite::Result<RowState> {
        if entry.schema != self.schema {
            // Rows of other schemas have other columns.
            return self.look_up(entry);
        }
        if self.ahead.is_empty() && !self.ended {
            self.read_on()?;
        }
        if let Some(next) = self.ahead.pop_front_if(|next| next.id.as_ref() == Some(entry.row_id.as_bytes())) {
            return Ok(next.state);
        }
        self.look_up(entry)
    }

    fn read_on(&mut self) -> rusqlite::Result<()> {
        let mut statement = self.conn.prepare_cached(&self.page)?;
        let mut found = statement.query([self.after])?;
        let mut bytes = 0;
        while bytes < BYTES_AHEAD
            && let Some(row) = found.next()?
        {
            let next = numbered(row, self.table, self.schema, self.columns)?;
            self.after = next.number;
            bytes += length(&next.state);
            self.ahead.push_back(next);
        }
        self.ended = self.ahead.is_empty();
        Ok(())
    }

    fn look_up(&mut self, entry: &LogEntry) -> rusqlite::Result<RowState> {
        let Some(columns) = entry.table.columns(entry.schema) else {
            return Ok(rows::malformed("schema"));
        };
        let mut statement = self.conn.prepare_cached(&self.single)?;
        let read = |row: &Row<'_>| numbered(row, self.table, entry.schema, columns);
        let Some(found) = statement.query_row(params![entry.row_id.as_bytes()], read).optional()? else {
            return Ok(RowState::Missing);
        };
        // Rows that stand between are not lost: whoever is named later is looked up in turn.
        (self.after, self.ended) = (found.number, false);
        self.ahead.clear();
        Ok(found.state)
    }
}

fn numbered(row: &Row<'_>, table: Table, schema: SchemaVersion, columns: &[Column]) -> rusqlite::Result<Numbered> {
    let id = row.get_ref(1)?.as_blob().ok().and_then(|id| id.try_into().ok());
    Ok(Numbered { number: row.get(0)?, id, state: rows::read_row(row, 1, table, schema, columns)? })
}

const fn length(state: &RowState) -> usize {
    match state {
        RowState::Present(row) => row.byte_len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use vm_core::digest::LeafHash;
    use vm_core::id::RowId;
    use vm_core::record::SCHEMA;

    use super::*;
    use crate::migration;

    const TABLE: Table = Table::ToolInvocations;

    fn entry(n: u8) -> LogEntry {
        let row_id = RowId::from_slice(&[n; 16]).unwrap();
        LogEntry { seq: u64::from(n), table: TABLE, row_id, schema: SCHEMA, leaf: LeafHash::of(&[n]) }
    }

    /// A table whose rows, in the order they are stored, have these ids.
    fn table(ids: impl IntoIterator<Item = u8>) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        migration::apply(&conn, 0, SCHEMA.number()).unwrap();
        let sql =
            "INSERT INTO tool_invocations (id, ts, trace_id, tool, phase) VALUES (?1, ?2, ?1, 'tool', 'complete')";
        for id in ids {
            conn.execute(sql, params![[id; 16], format!("row {id}")]).unwrap();
        }
        conn
    }

    fn found(feed: &mut Feed<'_>, n: u8) -> Option<String> {
        match feed.take(&entry(n)).unwrap() {
            RowState::Present(row) => Some(row.text("ts").unwrap().to_owned()),
            state => {
                assert_eq!(state, RowState::Missing);
                None
            }
        }
    }

    #[test]
    fn every_row_is_found_whatever_order_it_is_stored_in() {
        let orders: [Vec<u8>; 4] = [
            (1..=200).collect(),
            (1..=200).rev().collect(),
            (1..=200_u16).map(|n| (n * 77 % 201).try_into().unwrap()).collect(),
            (101..=200).chain(1..=100).collect(),
        ];
        for order in orders {
            let conn = table(order);
            let mut feed = Feed::new(&conn, TABLE, SCHEMA).unwrap();
            for n in 1..=200 {
                assert_eq!(found(&mut feed, n), Some(format!("row {n}")));
            }
            assert_eq!(found(&mut feed, 201), None);
        }
    }

    #[test]
    fn a_row_that_is_gone_is_missing_and_one_that_nothing_names_is_passed_over() {
        let conn = table((1..=100).filter(|n| n % 10 != 0).chain([250]).chain(101..=200));
        let mut feed = Feed::new(&conn, TABLE, SCHEMA).unwrap();
        for n in 1..=200 {
            let there = n > 100 || n % 10 != 0;
            assert_eq!(found(&mut feed, n), there.then(|| format!("row {n}")), "{n}");
        }
    }

    #[test]
    fn a_pass_that_begins_late_and_one_that_goes_back_find_the_same() {
        let conn = table(1..=200);
        let mut feed = Feed::new(&conn, TABLE, SCHEMA).unwrap();
        for n in [150, 151, 1, 2, 150, 3, 200, 199] {
            assert_eq!(found(&mut feed, n), Some(format!("row {n}")));
        }
    }

    #[test]
    fn a_table_without_row_numbers_has_no_feed() {
        let conn = Connection::open_in_memory().unwrap();
        let names = rows::column_list(TABLE, SCHEMA).unwrap();
        conn.execute_batch(&format!("CREATE TABLE {TABLE} ({names}, PRIMARY KEY (id)) WITHOUT ROWID")).unwrap();
        assert!(Feed::new(&conn, TABLE, SCHEMA).is_none());
    }
}
