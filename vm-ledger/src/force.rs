//! What is in force, as a writer last saw it, and the rows of the gate, which are appended only if what is in force lets
//! them.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};
use vm_core::capability::{Act, Action, InForce, Permit, PermitUse, Revocation, Standing, act};
use vm_core::error::CapabilityError;
use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{KeyHistory, OpeningsKeyId};
use vm_core::record::{
    Appended, ErasureReceipt, FormatChange, Genesis, RowDraft, RowHeader, StoredRow, SystemKind, Table,
};
use vm_core::source::{Clock, Entropy};

use crate::append::table_resource;
use crate::error::{Decided, LedgerError};
use crate::ledger::Ledger;
use crate::lookup;
use crate::snapshot::Snapshot;
use crate::system::draft;

/// What a permit to execute, or to change the epoch, must cover to record that it is done.
const GATE: &str = "/gate";

/// What is in force, and how far the log was read for it.
#[derive(Debug)]
pub(crate) struct Force {
    ledger: LedgerId,
    genesis: Genesis,
    state: InForce,
    keys: KeyHistory,
    announced: BTreeSet<String>,
    /// Keys of openings that were erased on record, each with the receipt.
    erased: BTreeMap<OpeningsKeyId, RowId>,
    /// Row number in `proof_artifacts`, up to which it was read.
    read: i64,
    taken: u64,
    /// Set while a transaction runs whose rows may yet be taken back.
    is_doubtful: bool,
}

impl Force {
    pub(crate) fn new(ledger: LedgerId, genesis: Genesis) -> Self {
        Self {
            ledger,
            state: InForce::new(ledger, genesis.root_key()),
            keys: KeyHistory::new(ledger, &genesis),
            genesis,
            announced: BTreeSet::new(),
            erased: BTreeMap::new(),
            read: 0,
            taken: 0,
            is_doubtful: false,
        }
    }

    /// The keys that the ledger had.
    pub(crate) const fn keys(&self) -> &KeyHistory {
        &self.keys
    }

    pub(crate) const fn state(&self) -> &InForce {
        &self.state
    }

    pub(crate) fn into_state(self) -> InForce {
        self.state
    }

    pub(crate) fn is_announced(&self, format: &str) -> bool {
        self.announced.contains(format)
    }

    pub(crate) const fn erased(&self) -> &BTreeMap<OpeningsKeyId, RowId> {
        &self.erased
    }

    /// Begins a transaction. Whether what was taken in before was forgotten, since a transaction failed.
    pub(crate) fn begin(&mut self) -> bool {
        let was_doubtful = self.is_doubtful;
        if was_doubtful {
            self.forget();
        }
        self.is_doubtful = true;
        was_doubtful
    }

    /// Forgets all, to be read again.
    fn forget(&mut self) {
        *self = Self::new(self.ledger, self.genesis.clone());
    }

    /// Reads all again after rows were taken back, if any of those was heeded.
    pub(crate) fn take_back(&mut self, (taken, read): (u64, i64), conn: &Connection) -> Result<(), LedgerError> {
        if self.taken == taken {
            self.read = read;
            return Ok(());
        }
        self.forget();
        self.is_doubtful = true;
        self.catch_up(conn)
    }

    /// How many rows were taken in, and up to which.
    pub(crate) const fn mark(&self) -> (u64, i64) {
        (self.taken, self.read)
    }

    /// The transaction is durable, or wrote nothing.
    pub(crate) const fn settle(&mut self) {
        self.is_doubtful = false;
    }

    /// Takes in what was recorded since it last looked, each row as the log has it. Cost: one look into an index for each
    /// kind, a hash of each new row, and a signature check a token of each new chain.
    pub(crate) fn catch_up(&mut self, conn: &Connection) -> Result<(), LedgerError> {
        let heeded = SystemKind::ALL.iter().filter(|kind| heeds(**kind)).map(|kind| format!("'{kind}'"));
        let kinds: Vec<String> = heeded.collect();
        let sql = format!(
            "SELECT rowid, id FROM proof_artifacts WHERE kind IN ({}) AND rowid > ?1 ORDER BY rowid",
            kinds.join(", ")
        );
        let mut statement = conn.prepare_cached(&sql)?;
        let mut found = statement.query([self.read])?;
        while let Some(row) = found.next()? {
            let (read, id) = (row.get(0)?, row.get::<_, Vec<u8>>(1)?);
            let entry = RowId::from_slice(&id).ok().map(|id| lookup::entry_of(conn, id)).transpose()?.flatten();
            let row = entry.as_ref().map(|entry| lookup::logged_row(conn, entry)).transpose()?;
            let row = row.transpose().map_err(LedgerError::Record)?.flatten();
            let altered = LedgerError::LogAltered { reason: "a row about capabilities is not the one that was logged" };
            let (entry, row) = entry.zip(row).ok_or(altered)?;
            self.take(entry.seq, &row)?;
            self.read = read;
        }
        Ok(())
    }

    /// Takes in a row that was just inserted at place `seq`.
    pub(crate) fn take(&mut self, seq: u64, row: &StoredRow) -> Result<(), LedgerError> {
        let Some(kind) = SystemKind::of_row(row).filter(|kind| heeds(*kind)) else { return Ok(()) };
        self.taken += 1;
        match kind {
            SystemKind::FormatChange => {
                let change = FormatChange::of_row(row).map_err(LedgerError::Record)?;
                self.announced.extend(change.iter().flat_map(FormatChange::added).cloned());
                Ok(())
            }
            SystemKind::Erasure => {
                // One that does not read erased nothing; the audit tells of it.
                if let (Ok(Some(receipt)), Ok(id)) = (ErasureReceipt::of_row(row), row.id()) {
                    self.erased.insert(receipt.key(), receipt.first().unwrap_or(id));
                }
                Ok(())
            }
            SystemKind::KeyChange => self.keys.step(seq, row).map(drop).map_err(LedgerError::KeyChange),
            _ => self.state.apply(row).map_err(LedgerError::Permit),
        }
    }

    /// Judges a row that was just inserted as an audit will, and takes it in. A token may stand behind its own row, and
    /// nothing stands behind the genesis.
    pub(crate) fn let_in(&mut self, seq: u64, row: &StoredRow, conn: &Connection) -> Result<(), LedgerError> {
        let kind = SystemKind::of_row(row);
        if !matches!(kind, Some(SystemKind::Capability | SystemKind::Genesis)) {
            self.state.check(row).map_err(refused)?;
        }
        if row.table() == Table::ProofArtifacts {
            self.read = conn.last_insert_rowid();
            self.take(seq, row)?;
        }
        if kind == Some(SystemKind::Capability) { self.state.check(row).map_err(refused) } else { Ok(()) }
    }
}

const fn heeds(kind: SystemKind) -> bool {
    matches!(kind, SystemKind::FormatChange | SystemKind::Erasure | SystemKind::KeyChange) || InForce::heeds(kind)
}

/// The present instant of a call, as a clock.
struct At(Instant);

impl Clock for At {
    fn now(&self) -> Instant {
        self.0
    }
}

/// What an append is recorded under, and the headers of the rows that a numbered use adds.
pub(crate) struct Claim {
    pub(crate) standing: Standing,
    /// Header of the row that announces the format, where none has yet, and of the row that says it was used.
    pub(crate) headers: Option<[RowHeader; 2]>,
}

impl Claim {
    /// A claim of `standing`, for rows of the chain of work `trace`.
    pub(crate) fn new(standing: Standing, trace: TraceId, now: Instant, entropy: &mut dyn Entropy) -> Self {
        let mut header = || RowHeader::mint(&At(now), entropy, trace);
        let headers = standing.use_number().map(|_| [header(), header()]);
        Self { standing, headers }
    }
}

impl Ledger {
    /// What is in force, as this writer last saw it. Another writer may have changed it since, which an append notices.
    #[must_use]
    pub const fn in_force(&self) -> &InForce {
        self.force.state()
    }

    /// Takes in what others have recorded, and gives what is in force now.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::LogAltered`].
    pub fn refresh(&mut self) -> Result<&InForce, LedgerError> {
        self.force.begin();
        self.force.catch_up(&self.conn)?;
        self.force.settle();
        Ok(self.force.state())
    }

    /// Records what `decide` makes of the present state, with nobody recording in between: it is called under the writers' lock
    /// and gives rows of the gate ([`SystemKind::gate_action`]), each of which must need the act `A`; where that is recording,
    /// also rows of other tables, such as shadow receipts. All are appended or none. Formats of the gate that no
    /// row announced yet are announced first, by a row with the header `announcement`.
    ///
    /// # Errors
    /// [`Decided::Refused`] with what `decide` says; else [`LedgerError::Permit`], [`LedgerError::Reserved`] and whatever keeps
    /// rows from being written. Nothing was recorded.
    pub fn decide<A: Act, E: std::error::Error + 'static>(
        &mut self,
        permit: &Permit<A>,
        announcement: RowHeader,
        now: Instant,
        decide: impl FnOnce(&Snapshot) -> Result<Vec<RowDraft>, E>,
    ) -> Result<Vec<Appended>, Decided<E>> {
        self.recheck(permit, now)?;
        let _lock = self.lock(now)?;
        let drafts = decide(&self.snapshot()?).map_err(Decided::Refused)?;
        check_gate_drafts(permit, &drafts)?;
        Ok(self.record_all(permit, announcement, now, drafts)?)
    }

    /// Appends rows and the announcements that they need; the caller holds the lock.
    pub(crate) fn record_all<A: Act>(
        &mut self,
        permit: &Permit<A>,
        announcement: RowHeader,
        now: Instant,
        drafts: Vec<RowDraft>,
    ) -> Result<Vec<Appended>, LedgerError> {
        let claim = self.claim(permit, drafts.first().map_or(announcement.trace_id, |row| row.header().trace_id), now);
        let kinds = drafts.iter().filter_map(RowDraft::system_kind);
        let formats: BTreeSet<String> = kinds.filter_map(SystemKind::later_format).collect();
        let formats: Vec<String> = formats.into_iter().collect();
        self.write_locked(|batch| {
            batch.admit(&claim)?;
            batch.announce(&claim, announcement, &formats)?;
            let appended = batch.append(drafts, Some(claim.standing.capability()))?;
            batch.spend(&claim, 0)?;
            Ok(appended)
        })
    }

    /// Records that a token, and with it all that descend from it, holds no longer. Whoever holds a token may bring a revocation;
    /// what counts is who signed it.
    ///
    /// # Errors
    /// [`LedgerError::Permit`]: among others where the token is not issued here, or its revocation is by a key that issued
    /// neither it nor one it descends from; [`LedgerError::Revoked`] where it was revoked before.
    pub fn record_revocation(
        &mut self,
        permit: &Permit<act::Record>,
        [announcement, header]: [RowHeader; 2],
        revocation: &Revocation,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_record(permit, now)?;
        let _lock = self.lock(now)?;
        let in_force = self.refresh()?;
        let capability = revocation.capability();
        if in_force.is_revoked(&capability) {
            return Err(LedgerError::Revoked { capability });
        }
        in_force.check_revocation(revocation).map_err(LedgerError::Permit)?;
        let row = draft(header, SystemKind::Revocation, None, None, &revocation.to_value())?;
        let rows = self.record_all(permit, announcement, now, vec![row])?;
        rows.into_iter().next().ok_or(LedgerError::OutcomeUnknown)
    }

    pub(crate) fn claim<A: Act>(&mut self, permit: &Permit<A>, trace: TraceId, now: Instant) -> Claim {
        Claim::new(permit.standing(), trace, now, self.access.entropy.as_mut())
    }
}

/// Refuses rows that a permit for this act is not for.
fn check_gate_drafts<A: Act>(permit: &Permit<A>, drafts: &[RowDraft]) -> Result<(), LedgerError> {
    let is_record = A::ACTION == Action::Record;
    for row in drafts {
        let fits = match row.system_kind() {
            Some(kind) => kind.gate_action() == Some(A::ACTION),
            None => is_record && !row.is_reserved(),
        };
        if !fits {
            return Err(LedgerError::Reserved);
        }
        let resource = if is_record { table_resource(row.table()) } else { GATE.parse().map_err(LedgerError::Permit) };
        permit.covers(&resource?).map_err(LedgerError::Permit)?;
    }
    Ok(())
}

/// Whether what is in force lets rows in.
pub(crate) fn admitted(in_force: &InForce, standing: &Standing) -> Result<(), LedgerError> {
    in_force.admit(standing).map_err(refused)
}

fn refused(error: CapabilityError) -> LedgerError {
    match error {
        CapabilityError::Unissued { capability } => LedgerError::CapabilityUnrecorded { capability },
        other => LedgerError::Permit(other),
    }
}

/// Writes a spent use into the book that keeps two processes from spending it both.
pub(crate) fn keep_use(
    conn: &Connection,
    PermitUse { capability, number, .. }: PermitUse,
    first: u64,
) -> Result<(), LedgerError> {
    let number_sql = i64::try_from(number).unwrap_or(i64::MAX);
    let first = i64::try_from(first).unwrap_or(i64::MAX);
    conn.prepare_cached("INSERT INTO permit_uses (capability_hash, use_number, seq) VALUES (?1, ?2, ?3)")?
        .execute(params![capability.as_bytes(), number_sql, first])
        .map_err(|error| match crate::error::is_constraint(&error) {
            true => LedgerError::Permit(CapabilityError::Spent { capability, number }),
            false => error.into(),
        })?;
    Ok(())
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("standing", &self.standing).finish_non_exhaustive()
    }
}
