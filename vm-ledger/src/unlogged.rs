//! Rows of a table that no entry of the log names.

use core::mem;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Rows};
use vm_core::record::Table;
use vm_core::view::{ViewError, Visit};

use crate::snapshot::store;

type Visitor<'a> = dyn FnMut(Vec<u8>) -> Result<Visit, ViewError> + 'a;

/// Visits the ids of rows of `table` that the log does not name, and of those that stand twice, since an id is logged once
/// only; that takes a table without its unique key. Cost: one pass over the ids of the table and over those of the log, side
/// by side, both in the order of the index that holds them.
pub(crate) fn visit_table(conn: &Connection, table: Table, visit: &mut Visitor<'_>) -> Result<Visit, ViewError> {
    let mut rows = conn.prepare(&format!("SELECT id FROM {table} ORDER BY id")).map_err(store)?;
    let mut entries =
        conn.prepare("SELECT row_id FROM log WHERE tbl = ?1 AND seq >= 0 ORDER BY row_id").map_err(store)?;
    let mut rows = Ids::new(rows.query([]).map_err(store)?)?;
    if rows.next().is_none() {
        return Ok(Visit::Continue);
    }
    let mut entries = Ids::new(entries.query([table.number()]).map_err(store)?)?;
    let mut last = Id::default();
    while let Some(id) = rows.next() {
        while entries.next().is_some_and(|entry| entry < id) {
            entries.advance()?;
        }
        // No id is as the default, of no bytes and no blob: what is no blob is told by its value.
        let (named, twice) = (id.is_blob && entries.next() == Some(id), last == *id);
        if (!named || twice) && visit(id.bytes.clone())? == Visit::Stop {
            return Ok(Visit::Stop);
        }
        rows.pass_to(&mut last)?;
    }
    Ok(Visit::Continue)
}

/// Ids in the order in which SQLite sorts them.
struct Ids<'a> {
    rows: Rows<'a>,
    next: Id,
    ended: bool,
}

impl<'a> Ids<'a> {
    fn new(rows: Rows<'a>) -> Result<Self, ViewError> {
        let mut ids = Self { rows, next: Id::default(), ended: false };
        ids.advance()?;
        Ok(ids)
    }

    /// The id that comes next, if one does.
    fn next(&self) -> Option<&Id> {
        (!self.ended).then_some(&self.next)
    }

    fn advance(&mut self) -> Result<(), ViewError> {
        match self.rows.next().map_err(store)? {
            Some(row) => self.next.set(row.get_ref(0).map_err(store)?),
            None => self.ended = true,
        }
        Ok(())
    }

    /// Goes on, and keeps the id that came next in `last`. Both memories are used again.
    fn pass_to(&mut self, last: &mut Id) -> Result<(), ViewError> {
        mem::swap(&mut self.next, last);
        self.advance()
    }
}

/// An id as stored. What is no blob is no id, stands before all blobs in SQLite's order, and is never named.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
struct Id {
    is_blob: bool,
    bytes: Vec<u8>,
}

impl Id {
    fn set(&mut self, value: ValueRef<'_>) {
        self.bytes.clear();
        self.is_blob = matches!(value, ValueRef::Blob(_));
        match value {
            ValueRef::Blob(bytes) => self.bytes.extend_from_slice(bytes),
            other => self.bytes.extend_from_slice(format!("{other:?}").as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::params;

    use super::*;

    const TABLE: Table = Table::McpCalls;

    /// Tables without any key or type, as a tamperer may make them.
    fn store_of(rows: &str, entries: &str) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        let ddl = format!("CREATE TABLE {TABLE} (id); CREATE TABLE log (seq INTEGER PRIMARY KEY, tbl, row_id);");
        conn.execute_batch(&ddl).unwrap();
        for row in rows.split_whitespace() {
            conn.execute(&format!("INSERT INTO {TABLE} VALUES ({row})"), []).unwrap();
        }
        for (at, entry) in (0..).zip(entries.split_whitespace()) {
            let (table, id) = entry.split_once(':').unwrap();
            let sql = format!("INSERT INTO log VALUES (?1, ?2, {id})");
            conn.execute(&sql, params![at, table.parse::<u8>().unwrap()]).unwrap();
        }
        conn
    }

    fn unlogged(conn: &Connection) -> Vec<String> {
        let mut found = Vec::new();
        let visit = visit_table(conn, TABLE, &mut |id| {
            found.push(String::from_utf8(id).unwrap());
            Ok(Visit::Continue)
        });
        assert_eq!(visit.unwrap(), Visit::Continue);
        found
    }

    #[test]
    fn what_the_log_does_not_name_is_found_and_nothing_else() {
        let conn = store_of("x'63' x'61' x'62' x'64'", "2:x'62' 1:x'63' 2:x'61' 2:x'7a' 2:x'00'");
        assert_eq!(unlogged(&conn), ["c", "d"]);
        assert!(unlogged(&store_of("", "2:x'61'")).is_empty());
        assert_eq!(unlogged(&store_of("x'61' x'62'", "")), ["a", "b"]);
        assert!(unlogged(&store_of("x'61' x'62'", "2:x'61' 2:x'62'")).is_empty());
    }

    #[test]
    fn what_stands_twice_and_what_is_no_blob_is_found() {
        assert_eq!(unlogged(&store_of("x'61' x'61' x'62'", "2:x'61' 2:x'62'")), ["a"]);
        let found = unlogged(&store_of("'a' 7 NULL x'61'", "2:'a' 2:7 2:NULL 2:x'61'"));
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn entries_at_places_below_the_first_name_nothing() {
        let conn = store_of("x'61'", "");
        conn.execute("INSERT INTO log VALUES (-1, 2, x'61')", []).unwrap();
        assert_eq!(unlogged(&conn), ["a"]);
    }

    #[test]
    fn a_visitor_that_has_enough_is_asked_no_more() {
        let conn = store_of("x'61' x'62'", "");
        let mut calls = 0;
        let visit = visit_table(&conn, TABLE, &mut |_| {
            calls += 1;
            Ok(Visit::Stop)
        });
        assert_eq!((visit.unwrap(), calls), (Visit::Stop, 1));
    }
}
