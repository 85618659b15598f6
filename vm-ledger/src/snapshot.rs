//! The ledger read-only: one consistent state, however much is written meanwhile.

use std::path::Path;

use rusqlite::ffi::{SQLITE_CANTOPEN, SQLITE_IOERR, SQLITE_NOMEM};
use rusqlite::{Connection, OptionalExtension as _};
use vm_core::capability::InForce;
use vm_core::id::{LedgerId, RowId};
use vm_core::instant::Instant;
use vm_core::key::Note;
use vm_core::record::{Genesis, LogEntry, SCHEMA, SchemaVersion, SystemKind, Table};
use vm_core::redact::Opening;
use vm_core::view::{EvidenceView, LoggedRow, RowFilter, RowState, StoredEntry, StoredTile, ViewError, Visit};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::index::Statement;
use vm_seal::merkle::LeafIndex;

use crate::connection;
use crate::error::{LedgerError, OpeningsError, ProofFault, StoreError};
use crate::feed::Feed;
use crate::force::Force;
use crate::lookup;
use crate::matching;
use crate::migration;
use crate::openings::{self, OpeningsKeys};
use crate::rows::{self, LOG_COLUMNS};
use crate::schema;
use crate::still::StillFiles;
use crate::tiles;
use crate::unlogged;

/// Most complaints taken over from SQLite's own check of the file.
const COMPLAINTS_MAX: u32 = 100;

/// A consistent state of a ledger, open for reading and for nothing else. It stays as it was while writers go on, and
/// it opens also where triggers, indexes or tables were tampered with: what differs is listed as schema faults.
#[derive(Debug)]
pub struct Snapshot {
    conn: Connection,
    files: StillFiles,
    schema: SchemaVersion,
    faults: Vec<String>,
    size: u64,
    tables: [Readable; 4],
}

/// Whether the rows of a table can be read.
#[derive(Clone, Debug)]
pub(crate) enum Readable {
    /// By this statement, which selects one by its id.
    Yes(String),
    /// There is no such table, and its schema says so.
    NotYet,
    /// The table is gone.
    Gone,
    /// A column is gone.
    Lacks(&'static str),
}

impl Snapshot {
    /// Opens the ledger in the vault at `path` for reading.
    ///
    /// # Errors
    /// [`LedgerError::NoVault`], [`LedgerError::NotALedger`], [`LedgerError::NewerSchema`],
    /// [`LedgerError::SchemaAltered`] where there is no log left to read, [`LedgerError::Store`].
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let dir = lookup::open_vault(path)?;
        let conn = connection::open_reader(&dir)?;
        // The transaction pins the state with its first read and ends with the connection.
        conn.execute_batch("BEGIN")?;
        let version = schema::version(&conn)?;
        let faults = schema::faults(&conn, version)?;
        let size = match tiles::log_size(&conn) {
            Ok(size) => size,
            Err(_) if !faults.is_empty() => return Err(LedgerError::SchemaAltered { faults }),
            Err(error) => return Err(error.into()),
        };
        let mut tables = [const { Readable::NotYet }; 4];
        for (slot, table) in tables.iter_mut().zip(Table::ALL) {
            *slot = readable(&conn, table, version)?;
        }
        let files = StillFiles::new(dir);
        Ok(Self { conn, files, schema: version, faults, size, tables })
    }

    /// Differences between the file's tables, triggers, indexes and views and those that its migrations make, each by
    /// name. Empty where there are none.
    #[must_use]
    pub fn schema_faults(&self) -> &[String] {
        &self.faults
    }

    /// Files of the same vault. Scrolls are as they stood when the first of them was read, never half written.
    #[must_use]
    pub const fn files(&self) -> &StillFiles {
        &self.files
    }

    /// What SQLite's own check of the file complains about: pages, indexes, constraints; and entries of the log at places
    /// below 0. Cost: reads the whole file.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn integrity(&self) -> Result<Vec<String>, LedgerError> {
        let mut statement = self.conn.prepare(&format!("PRAGMA integrity_check({COMPLAINTS_MAX})"))?;
        let lines: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        if let Some(error) = lines.iter().find_map(|line| unread(line)) {
            return Err(error.into());
        }
        let mut complaints: Vec<String> = lines.into_iter().filter(|line| line != "ok").collect();
        complaints.extend(connection::torn_end(&self.conn, self.files.dir())?);
        // No pass over the log comes across these, and SQLite's check was seen not to name them.
        let sql = "SELECT count(*) FROM log WHERE seq < 0";
        let before: i64 = self.conn.query_row(sql, [], |row| row.get(0))?;
        if before > 0 {
            complaints.push(format!("{before} entries of the log stand before the first"));
        }
        Ok(complaints)
    }

    /// Content of the genesis row, which must hash to the ledger's name.
    ///
    /// # Errors
    /// [`LedgerError::Genesis`] where it is missing, malformed or altered.
    pub fn genesis(&self) -> Result<Genesis, LedgerError> {
        lookup::genesis(&self.conn).map(|(_, genesis)| genesis)
    }

    /// The latest signed checkpoint as stored; none in an empty ledger. Its signature is not checked here.
    ///
    /// # Errors
    /// [`LedgerError::Checkpoint`] where it is no note.
    pub fn checkpoint(&self) -> Result<Option<Note>, LedgerError> {
        Ok(lookup::last_checkpoint(&self.conn)?.map(|(_, note)| note))
    }

    /// Openings kept for a row; none where there are none. `keys` is one key, or gives the one that they are under.
    ///
    /// # Errors
    /// [`OpeningsError`].
    pub fn openings(&self, keys: &dyn OpeningsKeys, row: RowId) -> Result<Vec<Opening>, OpeningsError> {
        let ledger = lookup::ledger_id(&self.conn).map_err(OpeningsError::Ledger)?;
        openings::load(&self.conn, keys, ledger, row)
    }

    /// What is in force: tokens, revocations, uses and epoch. Cost: as [`crate::Ledger::refresh`] of a writer that saw nothing yet.
    ///
    /// # Errors
    /// [`LedgerError::Genesis`], [`LedgerError::Permit`], [`LedgerError::LogAltered`], [`LedgerError::Store`].
    pub fn in_force(&self) -> Result<InForce, LedgerError> {
        let (ledger, genesis) = lookup::genesis(&self.conn)?;
        let mut force = Force::new(ledger, genesis);
        force.catch_up(&self.conn)?;
        Ok(force.into_state())
    }

    /// Artifact rows of one kind, in log order.
    ///
    /// # Errors
    /// [`ViewError`], or the visitor's own.
    pub fn visit_kind(
        &self,
        kind: &str,
        visit: &mut dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.visit_words(&[kind], 0, visit)
    }

    /// Artifact rows of any of these kinds, in log order, from place `from` on. Cost: a look into an index for each of them
    /// where `from` is 0, else for each artifact from there on.
    ///
    /// # Errors
    /// [`ViewError`], or the visitor's own.
    pub fn visit_kinds(
        &self,
        kinds: &[SystemKind],
        from: u64,
        visit: &mut dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        let words: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        self.visit_words(&words, from, visit)
    }

    /// As [`Snapshot::visit_kinds`], for kinds that need not be the system's own.
    ///
    /// # Errors
    /// As [`Snapshot::visit_kinds`].
    pub fn visit_words(
        &self,
        kinds: &[&str],
        from: u64,
        visit: &mut dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        let marks = vec!["?"; kinds.len()].join(", ");
        // Few of a kind among many rows are found by their kind. What was added since is found by its place, and a cross join
        // keeps SQLite from going through all of the kind again.
        let tables = match from {
            0 => "proof_artifacts AS t JOIN log AS l",
            _ => "log AS l CROSS JOIN proof_artifacts AS t",
        };
        let sql = format!(
            "SELECT l.seq, l.tbl, l.row_id, l.schema, l.leaf FROM {tables} ON l.row_id = t.id AND l.tbl = ?1 \
             WHERE l.seq >= ?2 AND t.kind IN ({marks}) ORDER BY l.seq"
        );
        let (number, from) = (Table::ProofArtifacts.number(), i64::try_from(from).unwrap_or(i64::MAX));
        let mut values: Vec<&dyn rusqlite::ToSql> = vec![&number, &from];
        values.extend(kinds.iter().map(|kind| -> &dyn rusqlite::ToSql { kind }));
        let mut statement = self.conn.prepare_cached(&sql).map_err(store)?;
        let mut found = statement.query(&*values).map_err(store)?;
        while let Some(row) = found.next().map_err(store)? {
            if let StoredEntry::Entry(entry) = rows::read_entry(row, 0).map_err(store)?
                && visit(entry, self.state(&entry)?)? == Visit::Stop
            {
                break;
            }
        }
        Ok(())
    }

    /// What the last index states; none where no row is one. Its row must be the one that was logged, since the next index
    /// takes over what it states. Cost: the artifacts recorded since are looked at, and one proof's hashes.
    ///
    /// # Errors
    /// [`LedgerError::LastIndex`] where the row is altered, not in the log, or no index of all before it;
    /// [`LedgerError::View`], [`LedgerError::Store`].
    pub fn last_index(&self) -> Result<Option<Statement>, LedgerError> {
        let sql = "SELECT id FROM proof_artifacts WHERE kind = ?1 ORDER BY rowid DESC LIMIT 1";
        let mut statement = self.conn.prepare_cached(sql)?;
        let kind = SystemKind::Index.as_str();
        let id = statement.query_row([kind], |row| row.get::<_, Vec<u8>>(0)).optional()?;
        let Some(row) = id.and_then(|id| RowId::from_slice(&id).ok()) else { return Ok(None) };
        let unusable = |source| LedgerError::LastIndex { row, source };
        let entry = lookup::entry_of(&self.conn, row)?.ok_or(unusable(None))?;
        let RowState::Present(row) = self.state(&entry)? else { return Err(unusable(None)) };
        if row.leaf_hash().ok() != Some(entry.leaf) || !self.is_signed(&entry)? {
            return Err(unusable(None));
        }
        Statement::of_row(&row, entry.seq).map_err(|error| unusable(Some(error)))
    }

    /// Whether the tree of the last checkpoint has this entry's leaf at its place.
    fn is_signed(&self, entry: &LogEntry) -> Result<bool, LedgerError> {
        let Some(note) = self.checkpoint()? else { return Ok(false) };
        let checkpoint = Checkpoint::parse_text(note.unverified_text()).map_err(LedgerError::Checkpoint)?;
        match self.inclusion_proof(entry.seq, checkpoint.size().as_u64()) {
            Ok(proof) => {
                let (place, size) = (LeafIndex::new(entry.seq), checkpoint.size());
                Ok(proof.verify(entry.leaf, place, size, checkpoint.root()).is_ok())
            }
            Err(ProofFault::Store(error)) => Err(LedgerError::Store(error)),
            Err(_) => Ok(false),
        }
    }

    pub(crate) const fn conn(&self) -> &Connection {
        &self.conn
    }

    pub(crate) fn readable(&self, table: Table) -> &Readable {
        let at = usize::from(table.number()).saturating_sub(1);
        self.tables.get(at).unwrap_or(&Readable::NotYet)
    }

    /// The rows of a table in the order they were stored, where it can be read so.
    pub(crate) fn feed(&self, table: Table) -> Option<Feed<'_>> {
        match self.readable(table) {
            Readable::Yes(_) => Feed::new(&self.conn, table, SCHEMA),
            _ => None,
        }
    }

    /// What its table holds for an entry.
    fn state(&self, entry: &LogEntry) -> Result<RowState, ViewError> {
        let sql = match self.readable(entry.table) {
            Readable::Yes(sql) => sql,
            Readable::Gone | Readable::NotYet => return Ok(RowState::Missing),
            Readable::Lacks(column) => return Ok(rows::malformed(column)),
        };
        let Some(columns) = entry.table.columns(entry.schema) else {
            return Ok(rows::malformed("schema"));
        };
        let state = lookup::row_by_id(&self.conn, sql, entry, columns).map_err(store)?;
        Ok(state.unwrap_or(RowState::Missing))
    }
}

impl EvidenceView for Snapshot {
    fn ledger(&self) -> Result<LedgerId, ViewError> {
        if self.size == 0 {
            return Err(ViewError::Empty);
        }
        lookup::ledger_id(&self.conn).map_err(|error| match error {
            // Without an entry at place 0 nothing says which ledger it is: as good as empty, and as wrong.
            LedgerError::Genesis(None) => ViewError::Empty,
            other => ViewError::store(other),
        })
    }

    fn schema(&self) -> Result<(SchemaVersion, String), ViewError> {
        let file = migration::of_schema(self.schema).map_or("", |migration| migration.file);
        Ok((self.schema, file.to_owned()))
    }

    fn size(&self) -> Result<u64, ViewError> {
        Ok(self.size)
    }

    fn visit_log(
        &self,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(StoredEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        let sql = format!("SELECT {LOG_COLUMNS} FROM log WHERE seq >= ?1 AND seq < ?2 ORDER BY seq");
        let bound = |place: u64| i64::try_from(place).unwrap_or(i64::MAX);
        let mut feeds = Table::ALL.map(|table| self.feed(table));
        let mut statement = self.conn.prepare_cached(&sql).map_err(store)?;
        let mut found = statement.query([bound(from), bound(to)]).map_err(store)?;
        while let Some(row) = found.next().map_err(store)? {
            let entry = rows::read_entry(row, 0).map_err(store)?;
            let state = match &entry {
                StoredEntry::Entry(entry) => {
                    let at = usize::from(entry.table.number()).saturating_sub(1);
                    match feeds.get_mut(at) {
                        Some(Some(feed)) => feed.take(entry).map_err(store)?,
                        _ => self.state(entry)?,
                    }
                }
                StoredEntry::Malformed { .. } => RowState::Missing,
            };
            if visit(entry, state)? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }

    fn visit_unlogged(
        &self,
        visit: &mut dyn FnMut(Table, Vec<u8>) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        for table in Table::ALL {
            match self.readable(table) {
                Readable::Gone | Readable::NotYet => continue,
                Readable::Yes(_) | Readable::Lacks(_) => {}
            }
            if unlogged::visit_table(&self.conn, table, &mut |id| visit(table, id))? == Visit::Stop {
                return Ok(());
            }
        }
        Ok(())
    }

    fn visit_matching(
        &self,
        filter: &RowFilter,
        visit: &mut dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        for table in &filter.tables {
            if matching::visit_table(self, *table, filter, visit)? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }

    fn visit_leaves(
        &self,
        filter: &RowFilter,
        visit: &mut dyn FnMut(LogEntry) -> Result<Visit, ViewError>,
    ) -> Result<Option<(Instant, Instant)>, ViewError> {
        let mut times: Option<(Instant, Instant)> = None;
        for table in &filter.tables {
            let (visited, of_table) = matching::visit_leaves(self, *table, filter, visit)?;
            times = match (times, of_table) {
                (Some(times), Some(other)) => Some((times.0.min(other.0), times.1.max(other.1))),
                (times, other) => times.or(other),
            };
            if visited == Visit::Stop {
                break;
            }
        }
        Ok(times)
    }

    fn row(&self, id: RowId) -> Result<Option<LoggedRow>, ViewError> {
        let Some(entry) = lookup::entry_of(&self.conn, id).map_err(store)? else {
            return Ok(None);
        };
        match self.state(&entry)? {
            RowState::Present(row) => Ok(Some(LoggedRow { entry, row })),
            RowState::Malformed { column } => {
                let fault = format!("row {id} of {}: {column} is malformed", entry.table);
                Err(ViewError::store(LedgerError::SchemaAltered { faults: vec![fault] }))
            }
            _ => Ok(None),
        }
    }

    fn visit_system(
        &self,
        kind: SystemKind,
        visit: &mut dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.visit_kind(kind.as_str(), visit)
    }

    fn visit_checkpoints(
        &self,
        visit: &mut dyn FnMut(u64, String) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        let sql = "SELECT size, note FROM checkpoints ORDER BY size";
        let mut statement = self.conn.prepare(sql).map_err(store)?;
        let mut found = statement.query([]).map_err(store)?;
        while let Some(row) = found.next().map_err(store)? {
            let size = row.get_ref(0).map_err(store)?.as_i64().unwrap_or(-1);
            let note = row.get_ref(1).map_err(store)?;
            let note = String::from_utf8_lossy(note.as_bytes().unwrap_or_default()).into_owned();
            if visit(u64::try_from(size).unwrap_or(u64::MAX), note)? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }

    fn visit_tiles(&self, visit: &mut dyn FnMut(StoredTile) -> Result<Visit, ViewError>) -> Result<(), ViewError> {
        let sql = "SELECT level, idx, hashes, root FROM tiles ORDER BY level, idx";
        let mut statement = self.conn.prepare(sql).map_err(store)?;
        let mut found = statement.query([]).map_err(store)?;
        while let Some(row) = found.next().map_err(store)? {
            let number = |at| row.get_ref(at).map(|value| value.as_i64().unwrap_or(-1)).map_err(store);
            let bytes = |at| {
                let value = row.get_ref(at).map_err(store)?;
                Ok(value.as_bytes().unwrap_or_default().to_vec())
            };
            let tile = StoredTile {
                level: u8::try_from(number(0)?).unwrap_or(u8::MAX),
                index: u64::try_from(number(1)?).unwrap_or(u64::MAX),
                hashes: bytes(2)?,
                root: bytes(3)?,
            };
            if visit(tile)? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }
}

/// How a table of a file of `version` can be read. Every schema so far has the same columns in each table.
fn readable(conn: &Connection, table: Table, version: SchemaVersion) -> Result<Readable, LedgerError> {
    let Some(columns) = table.columns(version) else {
        return Ok(Readable::NotYet);
    };
    let present = rows::present_columns(conn, table)?;
    if present.is_empty() {
        return Ok(Readable::Gone);
    }
    let lacking = columns.iter().find(|column| !present.iter().any(|name| name == column.name));
    match (lacking, lookup::select_sql(table, SCHEMA)) {
        (Some(column), _) => Ok(Readable::Lacks(column.name)),
        (None, Some(sql)) => Ok(Readable::Yes(sql)),
        (None, None) => Ok(Readable::NotYet),
    }
}

/// A failure of SQLite as a view tells it.
pub(crate) fn store(error: rusqlite::Error) -> ViewError {
    ViewError::store(StoreError::from(error))
}

/// The failure behind a complaint that is about the machine: SQLite's check lists a page that could not be read like one that
/// is damaged, and what it then finds missing is no fault of the file.
fn unread(complaint: &str) -> Option<rusqlite::Error> {
    const UNREAD: &str = "unable to get the page. error code=";
    let mut codes = complaint.split(UNREAD).skip(1).filter_map(|rest| rest.lines().next()?.trim().parse().ok());
    let code = codes.find(|code| matches!(code & 0xff, SQLITE_NOMEM | SQLITE_IOERR | SQLITE_CANTOPEN))?;
    Some(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_could_not_be_read_is_no_damage() {
        let failed = unread(
            "*** in database main ***\nTree 21 page 21: unable to get the page. error code=8458\nPage 34: never used",
        );
        assert!(matches!(StoreError::from(failed.unwrap()), StoreError::Io(_)));
        for damage in ["Tree 21 page 21: unable to get the page. error code=11", "Page 34: never used", ""] {
            assert!(unread(damage).is_none(), "{damage}");
        }
    }
}
