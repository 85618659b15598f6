//! Connections: how the database file is opened, for writing and for reading.

use std::path::Path;

use rusqlite::config::DbConfig;
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
pub(crate) fn make_durable(conn: &Connection) -> Result<(), LedgerError> {
    let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    if mode.eq_ignore_ascii_case("wal") {
        Ok(())
    } else {
        let cause = format!("journal mode is {mode}, not WAL");
        Err(LedgerError::Store(StoreError::Other(cause.into())))
    }
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
        let conn = open_writer(&vault, &Patience::default(), true).unwrap();
        make_durable(&conn).unwrap();
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
}
