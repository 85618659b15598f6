//! Single things looked up in the store: the vault, the genesis, an entry, the last checkpoint.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};
use vm_core::error::RecordError;
use vm_core::id::{LedgerId, RowId};
use vm_core::key::Note;
use vm_core::record::{Column, Genesis, LogEntry, SchemaVersion, StoredRow, Table};
use vm_core::view::{RowState, StoredEntry};

use crate::error::LedgerError;
use crate::files::VaultDir;
use crate::rows::{self, LOG_COLUMNS};

/// Opens the folder of a vault.
pub(crate) fn open_vault(path: &Path) -> Result<VaultDir, LedgerError> {
    let absent = || LedgerError::NoVault { path: path.to_owned() };
    let dir = VaultDir::open(path).map_err(|error| match error {
        crate::error::FileError::Missing { .. } => absent(),
        other => other.into(),
    })?;
    match dir.names()?.iter().any(|name| name == crate::files::DATABASE_FILE) {
        true => Ok(dir),
        false => Err(absent()),
    }
}

/// The ledger's name: the leaf hash at place 0.
pub(crate) fn ledger_id(conn: &Connection) -> Result<LedgerId, LedgerError> {
    let entry = entry_at(conn, 0)?.ok_or(LedgerError::Genesis(None))?;
    Ok(LedgerId::from_genesis(entry.leaf))
}

/// The ledger's name and its genesis, whose row must hash to that name.
pub(crate) fn genesis(conn: &Connection) -> Result<(LedgerId, Genesis), LedgerError> {
    let fault = |error| LedgerError::Genesis(Some(error));
    let entry = entry_at(conn, 0)?.ok_or(LedgerError::Genesis(None))?;
    let row = logged_row(conn, &entry)?.map_err(fault)?.ok_or(LedgerError::Genesis(None))?;
    Ok((LedgerId::from_genesis(entry.leaf), genesis_of(&row)?))
}

/// The row of an entry; none where it is not as it was logged.
pub(crate) fn logged_row(
    conn: &Connection,
    entry: &LogEntry,
) -> rusqlite::Result<Result<Option<StoredRow>, RecordError>> {
    let read = entry.table.columns(entry.schema).zip(select_sql(entry.table, entry.schema));
    let Some((columns, sql)) = read else { return Ok(Ok(None)) };
    let Some(RowState::Present(row)) = row_by_id(conn, &sql, entry, columns)? else { return Ok(Ok(None)) };
    Ok(row.leaf_hash().map(|leaf| (leaf == entry.leaf).then_some(row)))
}

/// The row of an entry that was visited, if it is what the log has of it; else the fault says `reason`.
pub(crate) fn as_logged(entry: &LogEntry, state: RowState, reason: &'static str) -> Result<StoredRow, LedgerError> {
    let RowState::Present(row) = state else { return Err(LedgerError::LogAltered { reason }) };
    match row.leaf_hash().map_err(LedgerError::Record)? == entry.leaf {
        true => Ok(row),
        false => Err(LedgerError::LogAltered { reason }),
    }
}

/// The genesis that a row holds.
pub(crate) fn genesis_of(row: &StoredRow) -> Result<Genesis, LedgerError> {
    let fault = |error| LedgerError::Genesis(Some(error));
    let kind = vm_core::record::SystemKind::Genesis.as_str();
    let json = row.text("meta_json").filter(|_| row.text("kind") == Some(kind));
    let json = json.ok_or(LedgerError::Genesis(None))?;
    let value = vm_core::canonical::parse(json.as_bytes(), vm_core::canonical::BYTES_MAX);
    let value = value.map_err(|error| fault(vm_core::error::RecordError::Canonical(error)))?;
    Genesis::from_value(&value).map_err(fault)
}

/// The entry that names a row.
pub(crate) fn entry_of(conn: &Connection, id: RowId) -> rusqlite::Result<Option<LogEntry>> {
    let sql = format!("SELECT {LOG_COLUMNS} FROM log WHERE row_id = ?1");
    let mut statement = conn.prepare_cached(&sql)?;
    let entry = statement.query_row([id.as_bytes()], |row| rows::read_entry(row, 0)).optional()?;
    Ok(entry.and_then(well_formed))
}

fn entry_at(conn: &Connection, seq: i64) -> rusqlite::Result<Option<LogEntry>> {
    let sql = format!("SELECT {LOG_COLUMNS} FROM log WHERE seq = ?1");
    let mut statement = conn.prepare_cached(&sql)?;
    let entry = statement.query_row([seq], |row| rows::read_entry(row, 0)).optional()?;
    Ok(entry.and_then(well_formed))
}

const fn well_formed(entry: StoredEntry) -> Option<LogEntry> {
    match entry {
        StoredEntry::Entry(entry) => Some(entry),
        StoredEntry::Malformed { .. } => None,
    }
}

/// The latest checkpoint: size it is filed under, and note.
pub(crate) fn last_checkpoint(conn: &Connection) -> Result<Option<(u64, Note)>, LedgerError> {
    let sql = "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
    let Some((size, text)) = conn.prepare_cached(sql)?.query_row([], read).optional()? else {
        return Ok(None);
    };
    Ok(Some((u64::try_from(size).unwrap_or(u64::MAX), parse_note(&text)?)))
}

/// A note as it is stored.
pub(crate) fn parse_note(text: &str) -> Result<Note, LedgerError> {
    let fault = |error| LedgerError::Checkpoint(vm_seal::error::CheckpointError::Note(error));
    Note::parse(text.as_bytes()).map_err(fault)
}

/// What the row with an entry's id holds; none where there is none.
pub(crate) fn row_by_id(
    conn: &Connection,
    sql: &str,
    entry: &LogEntry,
    columns: &[Column],
) -> rusqlite::Result<Option<RowState>> {
    conn.prepare_cached(sql)?
        .query_row([entry.row_id.as_bytes()], |row| rows::read_row(row, 0, entry.table, entry.schema, columns))
        .optional()
}

/// The statement that selects a row by its id.
pub(crate) fn select_sql(table: Table, schema: SchemaVersion) -> Option<String> {
    let columns = rows::column_list(table, schema)?;
    Some(format!("SELECT {columns} FROM {table} WHERE id = ?1"))
}
