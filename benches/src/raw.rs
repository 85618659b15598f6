//! The peers of the ledger: plain SQLite tables with the same pragmas, scans with bare hashing, a file with fdatasync.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use vm_core::record::{CellRef, SCHEMA, StoredRow, Table};

use crate::error::Fault;

/// One table without keys, indexes, triggers or a log.
#[derive(Debug)]
pub struct RawTable {
    conn: Connection,
    insert: String,
    table: Table,
    _folder: TempDir,
}

impl RawTable {
    /// A new one with the columns of `table`, written as durably as the ledger's (WAL, FULL).
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub fn new(table: Table) -> Result<Self, Fault> {
        let folder = tempfile::tempdir()?;
        let conn = Connection::open(folder.path().join("raw.db"))?;
        conn.pragma_update(None, "page_size", 8_192)?;
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        conn.pragma_update(None, "wal_autocheckpoint", 4_096)?;
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "cache_size", -32 * 1024)?;
        for name in ["foreign_keys", "cell_size_check", "recursive_triggers", "secure_delete"] {
            conn.pragma_update(None, name, true)?;
        }
        let columns: Vec<&str> = table.columns(SCHEMA).unwrap_or_default().iter().map(|column| column.name).collect();
        conn.execute_batch(&format!("CREATE TABLE {table} ({})", columns.join(", ")))?;
        let insert = format!("INSERT INTO {table} VALUES ({})", vec!["?"; columns.len()].join(", "));
        Ok(Self { conn, insert, table, _folder: folder })
    }

    /// Inserts the cells of `rows` in one transaction, durably.
    ///
    /// # Errors
    /// Whatever keeps them from being written.
    pub fn insert(&mut self, rows: &[StoredRow]) -> Result<(), Fault> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut statement = tx.prepare_cached(&self.insert)?;
        for row in rows {
            statement.execute(rusqlite::params_from_iter(row.cells().map(|(_, cell)| RawCell(cell))))?;
        }
        drop(statement);
        Ok(tx.commit()?)
    }

    /// Rows in it.
    ///
    /// # Errors
    /// Whatever keeps them from being counted.
    pub fn count(&self) -> Result<u64, Fault> {
        let count: i64 = self.conn.query_row(&format!("SELECT count(*) FROM {}", self.table), [], |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }
}

/// A cell as SQLite takes it.
struct RawCell<'a>(CellRef<'a>);

impl ToSql for RawCell<'_> {
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

/// A file that is appended to.
#[derive(Debug)]
pub struct RawFile {
    file: File,
    _folder: TempDir,
}

impl RawFile {
    /// A new file.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub fn new() -> Result<Self, Fault> {
        let folder = tempfile::tempdir()?;
        Ok(Self { file: File::create(folder.path().join("raw"))?, _folder: folder })
    }

    /// Writes `bytes` at the end, durably (fdatasync).
    ///
    /// # Errors
    /// Whatever keeps them from being written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.file.write_all(bytes)?;
        Ok(self.file.sync_data()?)
    }
}

fn open(database: &Path) -> Result<Connection, Fault> {
    Ok(Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?)
}

/// Root over the stored leaf hashes of all rows, by table and id: the same index scan as a seal's, and no row hashed.
///
/// # Errors
/// Whatever keeps the ledger's file from being read.
pub fn root_of_stored(database: &Path) -> Result<[u8; 32], Fault> {
    let conn = open(database)?;
    let mut hashes: Vec<[u8; 32]> = Vec::new();
    for table in Table::ALL {
        let sql = format!(
            "SELECT l.leaf FROM {table} AS t CROSS JOIN log AS l ON l.row_id = t.id AND l.tbl = {} ORDER BY t.id",
            table.number()
        );
        let mut statement = conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            hashes.push(row.get_ref(0)?.as_blob()?.try_into()?);
        }
    }
    Ok(bare_root(hashes))
}

/// Node hashing and nothing else, level by level in place; an odd node goes up as it is (RFC 6962, section 2.1).
fn bare_root(mut hashes: Vec<[u8; 32]>) -> [u8; 32] {
    while hashes.len() > 1 {
        let mut above = Vec::with_capacity(hashes.len().div_ceil(2));
        for pair in hashes.chunks(2) {
            above.push(match pair {
                [left, right] => {
                    let mut node = [0x01; 65];
                    node[1..33].copy_from_slice(left);
                    node[33..].copy_from_slice(right);
                    Sha256::digest(node).into()
                }
                _ => pair[0],
            });
        }
        hashes = above;
    }
    hashes.first().copied().unwrap_or_else(|| Sha256::digest([]).into())
}

/// Reads every row of every table and hashes its cells with sha2; gives how many there were.
///
/// # Errors
/// Whatever keeps the ledger's file from being read.
pub fn scan_and_hash(database: &Path) -> Result<u64, Fault> {
    let conn = open(database)?;
    let (mut count, mut sum) = (0, 0_u8);
    for table in Table::ALL {
        let mut statement = conn.prepare(&format!("SELECT * FROM {table}"))?;
        let width = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut hasher = Sha256::new();
            for column in 0..width {
                match row.get_ref(column)? {
                    ValueRef::Null => {}
                    ValueRef::Integer(integer) => hasher.update(integer.to_be_bytes()),
                    ValueRef::Real(real) => hasher.update(real.to_be_bytes()),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => hasher.update(bytes),
                }
            }
            sum ^= hasher.finalize()[0];
            count += 1;
        }
    }
    std::hint::black_box(sum);
    Ok(count)
}

#[cfg(test)]
mod tests {
    use vm_core::digest::LeafHash;
    use vm_seal::merkle;

    use super::*;

    #[test]
    fn bare_hashing_gives_the_root_of_the_log() {
        for count in 0_u8..70 {
            let leaves: Vec<[u8; 32]> = (0..count).map(|leaf| [leaf; 32]).collect();
            let wanted = merkle::root_of(leaves.iter().copied().map(LeafHash::from_bytes));
            assert_eq!(&bare_root(leaves), wanted.as_bytes(), "{count}");
        }
    }
}
