//! Disclosures on record, and the erasure of openings: a receipt and the deletion in one transaction, then pages and write-ahead log
//! written anew.

use std::collections::BTreeSet;

use rusqlite::limits::Limit;
use rusqlite::{Connection, params};
use vm_core::capability::{Permit, act};
use vm_core::digest::LeafHash;
use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_core::key::OpeningsKeyId;
use vm_core::record::{Appended, DisclosureRecord, ErasureReason, ErasureReceipt, RowHeader, SystemKind};
use vm_core::view::{RowState, ViewError, Visit};

use crate::connection;
use crate::error::LedgerError;
use crate::force::Force;
use crate::ledger::Ledger;
use crate::snapshot::Snapshot;
use crate::system::draft;

/// What a permit to disclose or to erase must cover.
const OPENINGS: &str = "/openings";

/// An erasure on record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErasureOnRecord {
    /// Row of the first part of the receipt; the erasure goes by it.
    pub receipt: RowId,
    /// Its leaf hash.
    pub leaf: LeafHash,
    /// Key that was to be destroyed.
    pub key: OpeningsKeyId,
    /// Rows whose openings were erased.
    pub count: u64,
}

/// What an erasure did to the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpeningsErased {
    /// The receipt: one made now, or where nothing was left to be erased, the last that stands of this key.
    pub on_record: ErasureOnRecord,
    /// Rows whose openings went now.
    pub rows: Vec<RowId>,
}

impl Ledger {
    /// Records that openings were given out. The first record of a ledger is announced by a row with the header `announcement`.
    ///
    /// # Errors
    /// [`LedgerError::Permit`], [`LedgerError::Store`], [`LedgerError::Reference`] where there is no such row. Nothing was recorded.
    pub fn record_disclosure(
        &mut self,
        permit: &Permit<act::Disclose>,
        [announcement, header]: [RowHeader; 2],
        record: &DisclosureRecord,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_act(permit, OPENINGS, now)?;
        let row = draft(header, SystemKind::Disclosure, None, Some(record.row()), &record.to_value())?;
        let _lock = self.lock(now)?;
        let rows = self.record_all(permit, announcement, now, vec![row])?;
        rows.into_iter().next().ok_or(LedgerError::OutcomeUnknown)
    }

    /// Erases all openings under `key`: in one transaction their receipt is recorded and they are deleted, so that no crash leaves
    /// one without the other. From then on no openings are taken in under that key. Called again, it deletes what came back, with a
    /// receipt of its own, and else answers with the receipt that stands. Afterwards old pages and the write-ahead log may still
    /// hold what was deleted: [`Ledger::scrub`]. `header` gives the headers of the parts, `announcement` that of the row that
    /// announces the first receipt of a ledger.
    ///
    /// # Errors
    /// [`LedgerError::Permit`], [`LedgerError::Store`], [`LedgerError::LogAltered`]. Nothing was recorded and nothing deleted.
    pub fn erase_openings(
        &mut self,
        permit: &Permit<act::Erase>,
        announcement: RowHeader,
        header: &mut dyn FnMut() -> RowHeader,
        (key, reason): (OpeningsKeyId, Option<ErasureReason>),
        now: Instant,
    ) -> Result<OpeningsErased, LedgerError> {
        self.check_act(permit, OPENINGS, now)?;
        let _lock = self.lock(now)?;
        let rows = rows_under(&self.conn, key)?;
        let stands = self.snapshot()?.erasures()?.into_iter().rfind(|erasure| erasure.key == key);
        if let Some(on_record) = stands.filter(|_| rows.is_empty()) {
            return Ok(OpeningsErased { on_record, rows });
        }
        let mut headers = Vec::new();
        let parts = ErasureReceipt::parts(key, reason, &rows, || {
            let header = header();
            headers.push(header);
            header.id
        });
        let mut drafts = Vec::with_capacity(parts.len());
        for (header, (_, receipt)) in headers.into_iter().zip(&parts) {
            drafts.push(draft(header, SystemKind::Erasure, None, receipt.first(), &receipt.to_value())?);
        }
        let claim = self.claim(permit, announcement.trace_id, now);
        let appended = self.write_locked(|batch| {
            batch.admit(&claim)?;
            batch.announce(&claim, announcement, &[ErasureReceipt::FORMAT])?;
            let mut first = None;
            for draft in drafts {
                let appended = batch.record(draft, Some(claim.standing.capability()))?;
                first.get_or_insert(appended);
            }
            batch.spend(&claim, 0)?;
            batch.conn().execute("DELETE FROM openings WHERE key_id = ?1", [key.as_bytes()])?;
            first.ok_or(LedgerError::OutcomeUnknown)
        })?;
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        Ok(OpeningsErased {
            on_record: ErasureOnRecord { receipt: appended.row_id, leaf: appended.leaf, key, count },
            rows,
        })
    }

    /// Leaves nothing of what was deleted in the vault's files: the write-ahead log is moved into the database and cut to nothing, the
    /// database is written anew, and the log cut again. Rows, log, digests and roots are as before, so it needs no permit. Cost: reads and writes the whole
    /// database, and as much again in SQLite's folder for temporary files.
    ///
    /// # Errors
    /// [`LedgerError::Readers`] where another connection still reads an older state, after the time this ledger waits for others;
    /// [`LedgerError::Store`]. It can be asked for again.
    pub fn scrub(&mut self, now: Instant) -> Result<(), LedgerError> {
        let _lock = self.lock(now)?;
        let mut conn = connection::open_writer(&self.dir, &self.access.patience, false)?;
        connection::make_durable(&mut conn)?;
        cut_log(&conn)?;
        // Writing anew works through a second, attached database. On a disk: a ledger may be longer than memory.
        conn.pragma_update(None, "temp_store", "FILE")?;
        conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 1)?;
        conn.execute_batch("VACUUM")?;
        conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        cut_log(&conn)
    }
}

/// Moves the write-ahead log into the database and cuts it to nothing.
fn cut_log(conn: &Connection) -> Result<(), LedgerError> {
    let busy: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(LedgerError::Readers) }
}

/// Ids of what has openings under a key, ascending.
fn rows_under(conn: &Connection, key: OpeningsKeyId) -> Result<Vec<RowId>, LedgerError> {
    let mut statement = conn.prepare_cached("SELECT row_id FROM openings WHERE key_id = ?1 ORDER BY row_id")?;
    let found = statement.query_map(params![key.as_bytes()], |row| row.get::<_, Vec<u8>>(0))?;
    found
        .map(|id| {
            let altered = LedgerError::LogAltered { reason: "openings of something that is no row" };
            RowId::from_slice(&id?).map_err(|_| altered)
        })
        .collect()
}

impl Force {
    /// Refuses openings under a key that was erased on record.
    pub(crate) fn admit_key(&self, key: OpeningsKeyId) -> Result<(), LedgerError> {
        match self.erased().get(&key) {
            Some(receipt) => Err(LedgerError::KeyErased { receipt: *receipt }),
            None => Ok(()),
        }
    }
}

impl Snapshot {
    /// Erasures on record, in log order. A row that says so and does not read is left to the audit. Cost: reads every receipt.
    ///
    /// # Errors
    /// [`LedgerError::View`].
    pub fn erasures(&self) -> Result<Vec<ErasureOnRecord>, LedgerError> {
        let mut found = Vec::new();
        self.visit_receipts(&mut |receipt, row, leaf| {
            if receipt.part() == 1 {
                found.push(ErasureOnRecord { receipt: row, leaf, key: receipt.key(), count: receipt.count() });
            }
            Visit::Continue
        })?;
        Ok(found)
    }

    /// The receipt under which the openings of a row were erased; none where none names it. The last, where several do.
    /// Cost: reads every receipt.
    ///
    /// # Errors
    /// [`LedgerError::View`].
    pub fn erased_under(&self, row: RowId) -> Result<Option<RowId>, LedgerError> {
        let mut found = None;
        self.visit_receipts(&mut |receipt, id, _| {
            if receipt.rows().binary_search(&row).is_ok() {
                found = Some(receipt.first().unwrap_or(id));
            }
            Visit::Continue
        })?;
        Ok(found)
    }

    /// Openings that are still there under keys that were erased on record: the receipt of each such key, and how many.
    ///
    /// # Errors
    /// [`LedgerError::View`], [`LedgerError::Store`].
    pub fn unfinished_erasures(&self) -> Result<Vec<(RowId, u64)>, LedgerError> {
        let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
        for erasure in self.erasures()?.into_iter().rev().filter(|erasure| seen.insert(erasure.key)) {
            let left: u64 = u64::try_from(rows_under(self.conn(), erasure.key)?.len()).unwrap_or(u64::MAX);
            if left > 0 {
                found.push((erasure.receipt, left));
            }
        }
        Ok(found)
    }

    /// Name of the key that the openings of a row are under; none where it has none.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn openings_key_id(&self, row: RowId) -> Result<Option<OpeningsKeyId>, LedgerError> {
        let mut statement = self.conn().prepare_cached("SELECT key_id FROM openings WHERE row_id = ?1")?;
        let mut found = statement.query([row.as_bytes()])?;
        let Some(row) = found.next()? else { return Ok(None) };
        let id: Vec<u8> = row.get(0)?;
        Ok(id.try_into().ok().map(OpeningsKeyId::from_bytes))
    }

    /// Ids of what has openings under a key, ascending.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn rows_under(&self, key: OpeningsKeyId) -> Result<Vec<RowId>, LedgerError> {
        rows_under(self.conn(), key)
    }

    fn visit_receipts(&self, visit: &mut dyn FnMut(ErasureReceipt, RowId, LeafHash) -> Visit) -> Result<(), ViewError> {
        self.visit_kind(SystemKind::Erasure.as_str(), &mut |entry, state| {
            Ok(match state {
                RowState::Present(row) => match ErasureReceipt::of_row(&row) {
                    Ok(Some(receipt)) => visit(receipt, entry.row_id, entry.leaf),
                    _ => Visit::Continue,
                },
                _ => Visit::Continue,
            })
        })
    }
}
