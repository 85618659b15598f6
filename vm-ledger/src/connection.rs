//! Connections: how the database file is opened, for writing and for reading.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};
use vm_core::record::LEAF_MAX;

use crate::error::{LedgerError, StoreError};
use crate::files::{DATABASE_FILE, VaultDir};
use crate::lock::Patience;

/// Statements kept prepared: five a table and some thirty others.
const STATEMENTS: usize = 64;
/// Pages kept in memory by a writer, in KiB: the right edges of all B-trees of a ledger of millions of rows.
const WRITER_CACHE_KIB: i64 = 32 * 1024;
/// Bytes of a page of a new database. Half of the rows of recorded traffic are longer than a page of SQLite's usual 4,096
/// bytes has room for, and spill over into pages of their own; 16,384 would double what one small append writes.
const PAGE_BYTES: i64 = 8_192;
/// Pages that the write-ahead log may hold before they are moved into the database, 32 MiB: each move writes every page
/// once, however often it was changed, so moving seldom is what bulk appends gain from.
const WAL_PAGES: i64 = 4_096;
/// Longest value read or written: the longest row, and its openings beside it, as base for encryption.
const VALUE_MAX: usize = 2 * LEAF_MAX;

/// Opens the database of `dir` for writing, creating the file where `create` says so. Nothing is written yet: the file
/// may turn out not to be ours.
pub(crate) fn open_writer(dir: &VaultDir, patience: &Patience, create: bool) -> Result<Connection, LedgerError> {
    let mut flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NOFOLLOW | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let conn = Connection::open_with_flags(dir.path().join(DATABASE_FILE), flags)?;
    conn.busy_timeout(patience.timeout)?;
    harden(&conn)?;
    Ok(conn)
}

/// Sets what every writing connection needs. WAL with FULL: a commit that returned is on disk.
pub(crate) fn make_durable(conn: &mut Connection) -> Result<(), LedgerError> {
    // Has its say in an empty file alone.
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    hold_to_appending(conn)?;
    if mode.eq_ignore_ascii_case("wal") {
        Ok(())
    } else {
        let cause = format!("journal mode is {mode}, not WAL");
        Err(LedgerError::Store(StoreError::Other(cause.into())))
    }
}

/// Lets this connection add rows and nothing else, whatever statement it is asked to prepare. The triggers of the file, which
/// are there for everybody else's connections, would say the same again for each row, at the price of a copy of every page that
/// the statement touches: SQLite then keeps them to be able to take the statement back.
fn hold_to_appending(conn: &mut Connection) -> Result<(), LedgerError> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    conn.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Update { table_name, .. } | AuthAction::Delete { table_name } if !may_change(table_name) => {
            Authorization::Deny
        }
        _ => Authorization::Allow,
    }))?;
    Ok(())
}

/// Whether rows of a table may go: SQLite's own books, which the defensive mode guards, and openings, which are no evidence.
fn may_change(table: &str) -> bool {
    table.starts_with("sqlite_") || table == "openings"
}

/// Opens the database of `dir` for reading. On a medium that cannot be written, SQLite cannot make the files that
/// coordinate with writers; there being none, the file is then read as immutable.
pub(crate) fn open_reader(dir: &VaultDir) -> Result<Connection, LedgerError> {
    let path = dir.path().join(DATABASE_FILE);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NOFOLLOW | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(&path, flags).map_err(LedgerError::from);
    match opened.and_then(prepare_reader) {
        Err(LedgerError::Store(StoreError::Io(_) | StoreError::ReadOnly(_))) if !has_wal(&path) => {
            let uri = format!("file:{}?immutable=1", percent(&path));
            prepare_reader(Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?)
        }
        other => other,
    }
}

fn prepare_reader(conn: Connection) -> Result<Connection, LedgerError> {
    conn.busy_timeout(Patience::default().timeout)?;
    harden(&conn)?;
    conn.pragma_update(None, "query_only", true)?;
    // One look at the file, so that one that cannot be read is known here.
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(conn)
}

/// What a file may not make us do: run functions named in its schema, alter itself, loop through foreign databases,
/// or hand over pages whose cells do not fit.
fn harden(conn: &Connection) -> Result<(), LedgerError> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    let longest = i32::try_from(VALUE_MAX).unwrap_or(i32::MAX);
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, longest)?;
    for (name, value) in
        [("foreign_keys", true), ("cell_size_check", true), ("recursive_triggers", true), ("secure_delete", true)]
    {
        conn.pragma_update(None, name, value)?;
    }
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Says that the file of `dir` ends within a page, which SQLite would read as zeros from there on. While a write-ahead log
/// stands beside it, the end may be one that a checkpoint is about to write.
pub(crate) fn torn_end(conn: &Connection, dir: &VaultDir) -> Result<Option<String>, LedgerError> {
    let path = dir.path().join(DATABASE_FILE);
    let page: i64 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let page = u64::try_from(page).unwrap_or(1).max(1);
    let length = || std::fs::metadata(&path).map_or(0, |file| file.len());
    // Asked again after the log was looked for: it may have been written back and removed between.
    let torn = length() % page != 0 && !has_wal(&path) && length() % page != 0;
    Ok(torn.then(|| format!("{DATABASE_FILE} ends within a page: {} bytes, {page} a page", length())))
}

fn has_wal(path: &Path) -> bool {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    std::fs::symlink_metadata(wal).is_ok_and(|wal| wal.len() > 0)
}

/// A path as it may stand in a file URI (RFC 3986, section 2.1).
fn percent(path: &Path) -> String {
    let mut out = String::new();
    for byte in std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()) {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_are_escaped() {
        assert_eq!(percent(Path::new("/a b/?x#y%z")), "/a%20b/%3Fx%23y%25z");
    }

    #[test]
    fn the_pragmas_hold() {
        let dir = tempfile::tempdir().unwrap();
        let vault = VaultDir::open(dir.path()).unwrap();
        let mut conn = open_writer(&vault, &Patience::default(), true).unwrap();
        make_durable(&mut conn).unwrap();
        for (pragma, wanted) in [
            ("synchronous", "2"),
            ("trusted_schema", "0"),
            ("foreign_keys", "1"),
            ("cell_size_check", "1"),
            ("recursive_triggers", "1"),
            ("secure_delete", "1"),
        ] {
            let found: i64 = conn.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
            assert_eq!(found.to_string(), wanted, "{pragma}");
        }
        assert!(conn.db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE).unwrap());
        assert!(conn.execute_batch("PRAGMA writable_schema=ON; DELETE FROM sqlite_schema").is_err());
        assert!(conn.execute_batch("ATTACH ':memory:' AS other").is_err());
    }

    #[test]
    fn a_writer_adds_rows_and_changes_none() {
        let dir = tempfile::tempdir().unwrap();
        let vault = VaultDir::open(dir.path()).unwrap();
        let mut conn = open_writer(&vault, &Patience::default(), true).unwrap();
        make_durable(&mut conn).unwrap();
        crate::migration::apply(&conn, 0, vm_core::record::SCHEMA.number()).unwrap();
        let tables: Vec<String> = {
            let mut names = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
            names.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(tables.len(), 11, "{tables:?}");
        for table in tables.iter().filter(|table| *table != "openings") {
            let column: String =
                conn.query_row("SELECT name FROM pragma_table_info(?1)", [table], |row| row.get(0)).unwrap();
            for sql in [format!("DELETE FROM {table}"), format!("UPDATE {table} SET {column} = {column}")] {
                let error = conn.prepare(&sql).unwrap_err();
                assert!(error.to_string().contains("not authorized"), "{sql}: {error}");
            }
        }
        conn.execute("INSERT INTO checkpoints VALUES (1, 'note')", []).unwrap();
        assert!(conn.execute("INSERT INTO checkpoints VALUES (1, 'other')", []).is_err());
        conn.prepare("DELETE FROM openings").unwrap();
    }
}
