//! Appending: rows, their log entries, tiles, openings and idempotency keys, in one transaction.

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};
use vm_core::capability::{Permit, PermitUse, Resource, act};
use vm_core::digest::{Blinded, CapabilityHash, LeafHash};
use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_core::key::{MlDsaKey, PublicKey};
use vm_core::record::{
    Appended, Correction, FormatChange, LogEntry, RowDraft, RowHeader, StoredRow, SystemKind, Table,
};
use vm_core::redact::Opening;
use vm_seal::index::Deck;

use crate::error::{LedgerError, is_constraint};
use crate::force::{Claim, Force, admitted, keep_use};
use crate::ledger::Ledger;
use crate::lookup;
use crate::openings::{self, Encryptor};
use crate::ready::{self, Ready};
use crate::rows;
use crate::system::draft;
use crate::tiles::Edge;

/// Most rows of which a writer keeps the cards for the next index: 24 MB. Whoever seals less often reads the rows again.
const FRESH_MAX: u64 = 1 << 18;

impl Ledger {
    /// Appends `drafts` in order, all or none. When this returns, they are on disk, under a checkpoint signed over
    /// them. A draft whose idempotency key was used before, with the same fingerprint, is answered with the row that
    /// the first use made. Cost: one fsync and one signature a call, so many drafts a call are cheaper than few.
    ///
    /// # Errors
    /// [`LedgerError`]; nothing was written. The permit is checked again: ledger, epoch, time, each table, and that
    /// its use number was not spent.
    pub fn append(
        &mut self,
        permit: &Permit<act::Record>,
        drafts: Vec<RowDraft>,
        now: Instant,
    ) -> Result<Vec<Appended>, LedgerError> {
        self.recheck(permit, now)?;
        check_drafts(permit, &drafts)?;
        let Some(first) = drafts.first() else { return Ok(Vec::new()) };
        let claim = self.claim(permit, first.header().trace_id, now);
        self.write(now, |batch| batch.append_under(drafts, &claim))
    }
}

impl Ledger {
    /// Keeps the openings of something that is no row, a scroll's event, under its id. Without an openings key they are
    /// dropped, as those of rows are. Durable when this returns.
    ///
    /// # Errors
    /// [`LedgerError::Locked`], [`LedgerError::Openings`] or [`LedgerError::Store`]; nothing was written.
    pub fn keep_openings(&mut self, id: RowId, kept: &[Opening], now: Instant) -> Result<(), LedgerError> {
        let _lock = self.lock(now)?;
        let Some(key) = self.access.openings.as_ref().filter(|_| !kept.is_empty()) else { return Ok(()) };
        let mut encryptor = Encryptor::new(key, self.access.entropy.as_mut(), self.id);
        openings::store(&self.conn, &mut encryptor, id, kept)
    }
}

/// Refuses rows of a reserved kind, and those of tables that the permit does not cover.
pub(crate) fn check_drafts(permit: &Permit<act::Record>, drafts: &[RowDraft]) -> Result<(), LedgerError> {
    if drafts.iter().any(RowDraft::is_reserved) {
        return Err(LedgerError::Reserved);
    }
    for table in Table::ALL {
        if drafts.iter().any(|draft| draft.table() == table) {
            permit.covers(&table_resource(table)?).map_err(LedgerError::Permit)?;
        }
    }
    Ok(())
}

/// What a permit must cover for rows of a table.
pub(crate) fn table_resource(table: Table) -> Result<Resource, LedgerError> {
    format!("/{table}").parse().map_err(LedgerError::Permit)
}

/// One transaction's worth of appends.
pub(crate) struct Batch<'a> {
    conn: &'a Connection,
    edge: Edge,
    /// Cards of the last rows up to the edge, for the next index.
    fresh: Deck,
    /// Without one, openings are dropped.
    encryptor: Option<Encryptor<'a>>,
    added: u64,
    /// What is in force; none where a ledger is restored, whose rows were let in before.
    force: Option<&'a mut Force>,
    /// Insert statements by table, the log's and the openings': prepared when first needed, and kept to the end.
    inserts: [Option<CachedStatement<'a>>; 4],
    log: Option<CachedStatement<'a>>,
    openings: Option<CachedStatement<'a>>,
}

impl<'a> Batch<'a> {
    pub(crate) const fn new(
        conn: &'a Connection,
        edge: Edge,
        fresh: Deck,
        encryptor: Option<Encryptor<'a>>,
        force: Option<&'a mut Force>,
    ) -> Self {
        Self { conn, edge, fresh, encryptor, added: 0, force, inserts: [const { None }; 4], log: None, openings: None }
    }

    pub(crate) const fn conn(&self) -> &'a Connection {
        self.conn
    }

    /// Place of the next row, and the log key in force before it.
    pub(crate) fn place_and_key(&self) -> Option<(u64, PublicKey)> {
        self.force.as_ref().map(|force| (self.edge.size(), force.keys().current()))
    }

    /// Place of the next row, and the ML-DSA key in force before it.
    pub(crate) fn place_and_ml_dsa(&self) -> Option<(u64, Option<MlDsaKey>)> {
        self.force.as_ref().map(|force| (self.edge.size(), force.keys().ml_dsa().cloned()))
    }

    /// Whether what is in force lets rows in under this claim.
    pub(crate) fn admit(&self, claim: &Claim) -> Result<(), LedgerError> {
        self.force.as_ref().map_or(Ok(()), |force| admitted(force.state(), &claim.standing))
    }

    /// Says that rows from here on may be of these formats, of those that no row said it of.
    pub(crate) fn announce(
        &mut self,
        claim: &Claim,
        header: RowHeader,
        formats: &[impl AsRef<str>],
    ) -> Result<(), LedgerError> {
        let is_new = |format: &&str| self.force.as_ref().is_none_or(|force| !force.is_announced(format));
        let added: Vec<String> = formats.iter().map(AsRef::as_ref).filter(is_new).map(str::to_owned).collect();
        if added.is_empty() {
            return Ok(());
        }
        let change = FormatChange::adding_all(added).to_value();
        let row = draft(header, SystemKind::FormatChange, None, None, &change)?;
        self.record(row, Some(claim.standing.capability())).map(drop)
    }

    /// Appends drafts under a claim, which is judged first and whose use is spent.
    pub(crate) fn append_under(&mut self, drafts: Vec<RowDraft>, claim: &Claim) -> Result<Vec<Appended>, LedgerError> {
        self.admit(claim)?;
        let before = self.added;
        let appended = self.append(drafts, Some(claim.standing.capability()))?;
        self.spend(claim, before)?;
        Ok(appended)
    }

    /// Appends drafts in order; for one whose idempotency key was used before, finds the row that the first use made.
    pub(crate) fn append(
        &mut self,
        drafts: Vec<RowDraft>,
        capability: Option<CapabilityHash>,
    ) -> Result<Vec<Appended>, LedgerError> {
        let mut appended = Vec::with_capacity(drafts.len());
        // It works between inserts, which need the rest of this.
        let mut encryptor = self.encryptor.take();
        let done = ready::each(drafts, capability, encryptor.as_mut(), |ready| {
            appended.push(self.append_one(ready?)?);
            Ok(())
        });
        self.encryptor = encryptor;
        done.map(|()| appended)
    }

    /// Appends one row of the system's own.
    pub(crate) fn record(
        &mut self,
        draft: RowDraft,
        capability: Option<CapabilityHash>,
    ) -> Result<Appended, LedgerError> {
        let ready = ready::one(draft, capability, self.encryptor.as_mut())?;
        self.append_one(ready)
    }

    fn append_one(&mut self, ready: Ready) -> Result<Appended, LedgerError> {
        let Ready { row, leaf, corrects, idempotency, openings } = ready;
        if let Some((key, fingerprint)) = idempotency
            && let Some(earlier) = self.replay(key, fingerprint)?
        {
            return Ok(earlier);
        }
        self.check_references(corrects, &row)?;
        let appended = self.insert(&row, leaf)?;
        if let Some(encrypted) = openings? {
            if let Some(force) = &self.force {
                force.admit_key(encrypted.key_id())?;
            }
            let insert = match &mut self.openings {
                Some(statement) => statement,
                empty => empty.insert(openings::insert_statement(self.conn)?),
            };
            openings::insert(insert, appended.row_id, &encrypted)?;
        }
        if let Some((key, fingerprint)) = idempotency {
            self.conn
                .prepare_cached("INSERT INTO idempotency (key, fingerprint, row_id) VALUES (?1, ?2, ?3)")?
                .execute(params![key.as_bytes(), fingerprint.as_bytes(), appended.row_id.as_bytes()])?;
        }
        Ok(appended)
    }

    /// Runs `work` so that its failure takes back its own rows alone. A failure of the store or of the log is no failure
    /// of its own: it is the outer error, and ends the transaction.
    pub(crate) fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, LedgerError>,
    ) -> Result<Result<T, LedgerError>, LedgerError> {
        let (edge, before) = (self.edge.clone(), core::mem::take(&mut self.added));
        let mark = self.force.as_ref().map(|force| force.mark());
        self.conn.prepare_cached("SAVEPOINT request")?.execute([])?;
        match work(self) {
            Ok(done) => {
                self.conn.prepare_cached("RELEASE request")?.execute([])?;
                self.added += before;
                Ok(Ok(done))
            }
            Err(error) if error.is_of_request() => {
                self.conn.prepare_cached("ROLLBACK TO request")?.execute([])?;
                self.conn.prepare_cached("RELEASE request")?.execute([])?;
                (self.edge, self.added) = (edge, before);
                self.fresh.truncate(self.edge.size());
                if let (Some(force), Some(mark)) = (&mut self.force, mark) {
                    force.take_back(mark, self.conn)?;
                }
                Ok(Err(error))
            }
            Err(error) => Err(error),
        }
    }

    /// Inserts a row and its log entry.
    pub(crate) fn insert(&mut self, row: &StoredRow, leaf: LeafHash) -> Result<Appended, LedgerError> {
        let row_id = row.id().map_err(LedgerError::Record)?;
        let taken = |error| match is_constraint(&error) {
            true => LedgerError::IdTaken { id: row_id },
            false => LedgerError::from(error),
        };
        let slot = usize::from(row.table().number()).saturating_sub(1);
        let (seq, conn) = (self.edge.size(), self.conn);
        let insert = match self.inserts.get_mut(slot) {
            Some(Some(statement)) => statement,
            Some(empty) => empty.insert(rows::insert_statement(conn, row)?),
            None => return Err(LedgerError::Reserved),
        };
        rows::insert(insert, row).map_err(taken)?;
        if let Some(force) = &mut self.force {
            force.let_in(seq, row, conn)?;
        }
        let log = match &mut self.log {
            Some(statement) => statement,
            empty => empty.insert(conn.prepare_cached(INSERT_ENTRY)?),
        };
        let place = i64::try_from(seq).unwrap_or(i64::MAX);
        log.execute(params![place, row.table().number(), row_id.as_bytes(), row.schema().number(), leaf.as_bytes()])
            .map_err(taken)?;
        self.edge.append(leaf);
        self.added += 1;
        let entry = LogEntry { seq, table: row.table(), row_id, schema: row.schema(), leaf };
        if self.fresh.run().count() >= FRESH_MAX {
            self.fresh = Deck::new(seq);
        }
        self.fresh.push(&entry, row).map_err(LedgerError::Record)?;
        Ok(Appended { seq, table: row.table(), row_id, leaf, replayed: false })
    }

    /// Root over all entries so far.
    pub(crate) fn root(&self) -> vm_core::digest::RootHash {
        self.edge.root()
    }

    /// Spends the claim's numbered use, where anything was appended since `before` rows were: a mere replay costs no use.
    pub(crate) fn spend(&mut self, claim: &Claim, before: u64) -> Result<(), LedgerError> {
        let numbered = claim.standing.use_number().zip(claim.headers).filter(|_| self.added > before);
        let Some((number, [announcement, header])) = numbered else { return Ok(()) };
        let capability = claim.standing.capability();
        self.announce(claim, announcement, &[PermitUse::FORMAT])?;
        // The row of the use is judged as it is taken in: another may have spent it, or it may come too soon.
        let rows = self.added - before;
        let first = self.edge.size().saturating_sub(rows);
        let spent = PermitUse { capability, number, rows };
        keep_use(self.conn, spent, first)?;
        self.record(draft(header, SystemKind::PermitUse, None, None, &spent.to_value())?, Some(capability)).map(drop)
    }

    /// Writes the tiles that filled, and hands back the edge, the cards up to it and the number of rows appended.
    pub(crate) fn finish(mut self) -> Result<(Edge, Deck, u64), LedgerError> {
        if self.added > 0 {
            self.edge.write_full(self.conn)?;
        }
        Ok((self.edge, self.fresh, self.added))
    }

    fn replay(&self, key: Blinded, fingerprint: Blinded) -> Result<Option<Appended>, LedgerError> {
        let sql = "SELECT fingerprint, row_id FROM idempotency WHERE key = ?1";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
        let earlier = self.conn.prepare_cached(sql)?.query_row([key.as_bytes()], read).optional()?;
        let Some((first, row_id)) = earlier else {
            return Ok(None);
        };
        let lost = LedgerError::LogAltered { reason: "an idempotency key names a row that it does not hold" };
        let Ok(row_id) = RowId::from_slice(&row_id) else {
            return Err(lost);
        };
        if first != fingerprint.as_bytes() {
            return Err(LedgerError::IdempotencyConflict { row_id });
        }
        let entry = lookup::entry_of(self.conn, row_id)?.ok_or(lost)?;
        Ok(Some(replayed(&entry)))
    }

    /// Whatever a row names must be recorded, and of the kind that the column is for: what an audit would contradict
    /// is not let in.
    fn check_references(&self, corrects: Option<Correction>, row: &StoredRow) -> Result<(), LedgerError> {
        if let Some(corrects) = corrects {
            let entry = self.referred("corrects_id", corrects.id, Some(row.table()))?;
            if entry.leaf != corrects.leaf {
                return Err(LedgerError::CorrectionLeaf {
                    id: corrects.id,
                    expected: corrects.leaf,
                    found: entry.leaf,
                });
            }
        }
        let named = |column| row.row_ref(column).map_err(LedgerError::Record);
        if let Some(id) = named("answers_id")? {
            self.referred("answers_id", id, Some(Table::McpCalls))?;
            self.refuse_unless(row, "answers_id", id, ANSWERED)?;
        }
        if let Some(id) = named("intent_id")? {
            self.referred("intent_id", id, Some(Table::ToolInvocations))?;
            self.refuse_unless(row, "intent_id", id, INTENDED)?;
        }
        match named("subject_id")? {
            Some(id) => self.referred("subject_id", id, None).map(drop),
            None => Ok(()),
        }
    }

    fn referred(&self, column: &'static str, id: RowId, table: Option<Table>) -> Result<LogEntry, LedgerError> {
        let entry = lookup::entry_of(self.conn, id)?;
        entry
            .filter(|entry| table.is_none_or(|table| table == entry.table))
            .ok_or(LedgerError::Reference { column, id })
    }

    /// Runs a query that finds the named row only if it fits the row that names it.
    fn refuse_unless(
        &self,
        row: &StoredRow,
        column: &'static str,
        id: RowId,
        (sql, columns): (&str, [&str; 2]),
    ) -> Result<(), LedgerError> {
        let [first, second] = columns.map(|name| row.cell(name).map(rows::SqlCell));
        let fits = self.conn.prepare_cached(sql)?.exists(params![id.as_bytes(), first, second])?;
        if fits { Ok(()) } else { Err(LedgerError::Reference { column, id }) }
    }
}

const INSERT_ENTRY: &str = "INSERT INTO log (seq, tbl, row_id, schema, leaf) VALUES (?1, ?2, ?3, ?4, ?5)";

/// What an answer may answer: a request, or a batch that may hold one, of the other side of its connection.
const ANSWERED: (&str, [&str; 2]) = (
    "SELECT 1 FROM mcp_calls WHERE id = ?1 AND kind IN ('request', 'batch') AND connection = ?2 AND direction <> ?3",
    ["connection", "direction"],
);
/// What an outcome may complete: an intent of a tool.
const INTENDED: (&str, [&str; 2]) = (
    "SELECT 1 FROM tool_invocations WHERE id = ?1 AND phase = 'intent' AND ?2 = 'outcome' AND ?3 IS NOT NULL",
    ["phase", "tool"],
);

/// The answer for a row that stands already.
pub(crate) const fn replayed(entry: &LogEntry) -> Appended {
    Appended { seq: entry.seq, table: entry.table, row_id: entry.row_id, leaf: entry.leaf, replayed: true }
}
