//! The ledger's one writer: how a vault is begun and opened, and the transaction that every append runs in.

use std::fmt;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};
use vm_core::capability::{Act, Permit};
use vm_core::epoch::Epoch;
use vm_core::id::LedgerId;
use vm_core::instant::Instant;
use vm_core::key::{KeyHistory, PublicKey, SigningIdentity};
use vm_core::record::{ArtifactKind, Genesis, ProofArtifact, RowHeader, SCHEMA, SystemKind};
use vm_core::redact::Redacted;
use vm_core::source::Entropy;
use vm_seal::checkpoint::Checkpoint;
use vm_seal::index::Deck;

use crate::append::Batch;
use crate::connection;
use crate::error::{FileError, LedgerError, ProofFault};
use crate::files::{DATABASE_FILE, VaultDir, make_private_folders};
use crate::force::Force;
use crate::keys::Keyring;
use crate::lock::{LOCK_FILE, Lock, Patience};
use crate::lookup;
use crate::migration;
use crate::openings::{Encryptor, OpeningsKey};
use crate::schema;
use crate::snapshot::Snapshot;
use crate::tiles::{self, Edge};

/// What a writer brings along: keys, which live outside the vault, and its manners.
pub struct Access {
    /// Signs checkpoints: the log key in force, by the genesis and the changes behind it.
    pub log_key: SigningIdentity,
    /// Encrypts openings; without it, openings are dropped.
    pub openings: Option<OpeningsKey>,
    /// Where nonces come from.
    pub entropy: Box<dyn Entropy + Send>,
    /// What it says of itself, and how long it waits for other writers.
    pub patience: Patience,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("log_key", &self.log_key)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// A ledger open for writing. Many may be open at once, in any number of processes; appends take turns.
#[derive(Debug)]
pub struct Ledger {
    pub(crate) conn: Connection,
    pub(crate) dir: VaultDir,
    pub(crate) id: LedgerId,
    pub(crate) genesis: Genesis,
    pub(crate) access: Access,
    tail: Option<Tail>,
    schema_cookie: i64,
    pub(crate) force: Force,
    /// The log key that is being changed to.
    pub(crate) next: Option<SigningIdentity>,
    pub(crate) keyring: Option<Keyring>,
}

/// The right edge as this writer last left it, good as long as nobody else has written.
#[derive(Debug)]
struct Tail {
    edge: Edge,
    /// Cards of the last rows up to the edge.
    fresh: Deck,
    data_version: i64,
}

impl Ledger {
    /// Begins a ledger in the empty folder `path`, made if it is missing: schema, then the genesis row, then the first
    /// checkpoint, all in one transaction.
    ///
    /// # Errors
    /// [`LedgerError::NotEmpty`] where anything is there but what an unfinished `init` left;
    /// [`LedgerError::WrongKey`] where `access` holds another key than `genesis` names; [`LedgerError::Store`].
    pub fn init(path: &Path, genesis: Genesis, header: RowHeader, access: Access) -> Result<Self, LedgerError> {
        check_key(genesis.log_key(), &access)?;
        let meta = Redacted::system(&genesis.to_value()).map_err(LedgerError::Canonical)?;
        let row = ProofArtifact {
            header,
            kind: ArtifactKind::system(SystemKind::Genesis),
            file: None,
            subject: None,
            meta: Some(meta),
        };
        let draft = row.into_draft(None).map_err(LedgerError::Record)?;
        // The genesis alone is recorded under no capability: there is none yet.
        let leaf = draft.complete(None).and_then(|row| row.leaf_hash()).map_err(LedgerError::Record)?;
        let (dir, conn) = begin(path, &access.patience, header.ts)?;
        let id = LedgerId::from_genesis(leaf);
        let force = Force::new(id, genesis.clone());
        let mut ledger =
            Self { conn, dir, id, genesis, access, tail: None, schema_cookie: 0, force, next: None, keyring: None };
        ledger.write(header.ts, |batch| {
            migration::apply(batch.conn(), 0, SCHEMA.number())?;
            batch.record(draft, None)
        })?;
        ledger.finish_begin()?;
        Ok(ledger)
    }

    /// Opens the ledger in the vault at `path` for writing.
    ///
    /// # Errors
    /// [`LedgerError::NoVault`], [`LedgerError::NotALedger`], [`LedgerError::NewerSchema`],
    /// [`LedgerError::SchemaAltered`] naming each difference, [`LedgerError::Genesis`],
    /// [`LedgerError::WrongKey`] where `access` does not hold the ledger's log key, [`LedgerError::Store`].
    pub fn open(path: &Path, access: Access) -> Result<Self, LedgerError> {
        let ledger = Self::open_without_log_key(path, access)?;
        check_key(ledger.force.keys().current(), &ledger.access)?;
        Ok(ledger)
    }

    /// As [`Ledger::open`], by whoever does not hold the log key in force: nothing can be recorded but that another one takes its
    /// place ([`Ledger::record_key_change`]).
    ///
    /// # Errors
    /// As [`Ledger::open`], but for the key.
    pub fn open_without_log_key(path: &Path, access: Access) -> Result<Self, LedgerError> {
        let dir = lookup::open_vault(path)?;
        let mut conn = connection::open_writer(&dir, &access.patience, false)?;
        let version = schema::version(&conn)?;
        refuse_faults(&conn)?;
        if version != SCHEMA {
            // Every schema of a release before this one would be migrated here; there is none.
            return Err(LedgerError::NotALedger { reason: "its schema was never released" });
        }
        connection::make_durable(&mut conn)?;
        let (id, genesis) = lookup::genesis(&conn)?;
        let schema_cookie = cookie(&conn)?;
        let force = Force::new(id, genesis.clone());
        let (next, keyring) = (None, None);
        let mut ledger = Self { conn, dir, id, genesis, access, tail: None, schema_cookie, force, next, keyring };
        ledger.refresh()?;
        Ok(ledger)
    }

    /// Opens the ledger in the vault at `path` for reading alone.
    ///
    /// # Errors
    /// As [`Snapshot::open`].
    pub fn open_read(path: &Path) -> Result<Snapshot, LedgerError> {
        Snapshot::open(path)
    }

    /// A consistent state of this ledger as it is now.
    ///
    /// # Errors
    /// As [`Snapshot::open`].
    pub fn snapshot(&self) -> Result<Snapshot, LedgerError> {
        Snapshot::open(self.dir.path())
    }

    /// The ledger's name.
    #[must_use]
    pub const fn id(&self) -> LedgerId {
        self.id
    }

    /// The keys that the ledger began with.
    #[must_use]
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The epoch, which permits must be for, as this writer last saw it.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.force.state().epoch()
    }

    /// Files of the vault.
    #[must_use]
    pub const fn files(&self) -> &VaultDir {
        &self.dir
    }

    /// Checks a permit against ledger and time. Epoch, revocations and uses are judged when rows are recorded, in the transaction
    /// that does.
    pub(crate) fn recheck<A: Act>(&self, permit: &Permit<A>, now: Instant) -> Result<(), LedgerError> {
        permit.recheck(self.id, permit.epoch(), now).map_err(LedgerError::Permit)
    }

    /// Takes the writers' lock.
    pub(crate) fn lock(&self, now: Instant) -> Result<Lock, LedgerError> {
        Ok(Lock::acquire(&self.dir, &self.access.patience, now)?)
    }

    /// Runs `work` in a transaction under the writers' lock.
    pub(crate) fn write<T>(
        &mut self,
        now: Instant,
        work: impl FnOnce(&mut Batch<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let _lock = self.lock(now)?;
        self.write_locked(work)
    }

    /// Runs `work` in a transaction; the caller holds the lock. What it appended is signed and durable when this
    /// returns; where it fails or appends nothing, nothing is written.
    pub(crate) fn write_locked<T>(
        &mut self,
        work: impl FnOnce(&mut Batch<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let Self { conn, id, access, tail, schema_cookie, force, next, keyring, .. } = self;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let data_version: i64 = tx.pragma_query_value(None, "data_version", |row| row.get(0))?;
        let forgotten = force.begin();
        let (edge, fresh) = match tail.take() {
            Some(tail) if tail.data_version == data_version && !forgotten => (tail.edge, tail.fresh),
            _ => {
                refuse_changed(&tx, schema_cookie)?;
                // First of all which key must have signed the last checkpoint.
                if migration::user_version(&tx)? > 0 {
                    force.catch_up(&tx)?;
                }
                let edge = trusted_edge(&tx, force.keys())?;
                let fresh = Deck::new(edge.size());
                (edge, fresh)
            }
        };
        let encryptor = access.openings.as_ref().map(|key| Encryptor::new(key, access.entropy.as_mut(), *id));
        let mut batch = Batch::new(&tx, edge, fresh, encryptor, Some(&mut *force));
        let answer = work(&mut batch)?;
        let (edge, fresh, added) = batch.finish()?;
        if added > 0 {
            let checkpoint = Checkpoint::of_ledger(id, vm_seal::merkle::TreeSize::new(edge.size()), edge.root());
            let signer = Self::signer(&access.log_key, next.as_ref(), keyring.as_ref(), force.keys().current())?;
            let note = checkpoint.and_then(|checkpoint| checkpoint.sign(&signer));
            let note = note.map_err(LedgerError::Checkpoint)?.to_string();
            let size = i64::try_from(edge.size()).unwrap_or(i64::MAX);
            tx.prepare_cached("INSERT INTO checkpoints (size, note) VALUES (?1, ?2)")?
                .execute(rusqlite::params![size, note])?;
            tx.commit()?;
            access.log_key = signer;
        } else {
            tx.rollback()?;
        }
        force.settle();
        *tail = Some(Tail { edge, fresh, data_version });
        Ok(answer)
    }

    /// Cards of the last rows of the log, where nobody else has written since this ledger did.
    pub(crate) fn fresh(&self) -> Result<Option<&Deck>, LedgerError> {
        let data_version: i64 = self.conn.pragma_query_value(None, "data_version", |row| row.get(0))?;
        Ok(self.tail.as_ref().filter(|tail| tail.data_version == data_version).map(|tail| &tail.fresh))
    }

    /// After the first commit: what was skipped while the file was still empty.
    pub(crate) fn finish_begin(&mut self) -> Result<(), LedgerError> {
        self.schema_cookie = cookie(&self.conn)?;
        sync_vault(&self.dir)
    }
}

/// Makes the folder of a new vault and an empty database in it.
pub(crate) fn begin(path: &Path, patience: &Patience, now: Instant) -> Result<(VaultDir, Connection), LedgerError> {
    make_private_folders(path).map_err(|source| FileError::io(&path.to_string_lossy(), source))?;
    let dir = VaultDir::open(path)?;
    let _lock = Lock::acquire(&dir, patience, now)?;
    let leftover = |name: &str| name == LOCK_FILE || name.starts_with(DATABASE_FILE);
    if let Some(found) = dir.names()?.into_iter().find(|name| !leftover(name)) {
        let path = path.to_owned();
        return Err(LedgerError::NotEmpty { path, found });
    }
    let mut conn = connection::open_writer(&dir, patience, true)?;
    let objects: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if objects > 0 {
        let (path, found) = (path.to_owned(), DATABASE_FILE.to_owned());
        return Err(LedgerError::NotEmpty { path, found });
    }
    connection::make_durable(&mut conn)?;
    Ok((dir, conn))
}

/// Makes the vault's folder and its entry in the folder above durable.
pub(crate) fn sync_vault(dir: &VaultDir) -> Result<(), LedgerError> {
    dir.sync()?;
    match dir.path().parent() {
        Some(parent) => Ok(VaultDir::open(parent)?.sync()?),
        None => Ok(()),
    }
}

fn check_key(expected: PublicKey, access: &Access) -> Result<(), LedgerError> {
    let found = access.log_key.public();
    if expected == found { Ok(()) } else { Err(LedgerError::WrongKey { expected, found }) }
}

/// Number that SQLite counts up with every change of the schema.
fn cookie(conn: &Connection) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, "schema_version", |row| row.get(0))
}

fn refuse_faults(conn: &Connection) -> Result<(), LedgerError> {
    let version = schema::version(conn)?;
    let faults = schema::faults(conn, version)?;
    if faults.is_empty() { Ok(()) } else { Err(LedgerError::SchemaAltered { faults }) }
}

/// Where others have written, their change of schema is as unwelcome now as it would have been when we opened.
fn refuse_changed(conn: &Connection, known: &mut i64) -> Result<(), LedgerError> {
    let found = cookie(conn)?;
    if found != *known {
        refuse_faults(conn)?;
        *known = found;
    }
    Ok(())
}

/// The right edge as stored, if it is the one that was last signed. Nothing is signed over any other: a log that was
/// changed behind our back must not get a signature of ours.
fn trusted_edge(conn: &Connection, keys: &KeyHistory) -> Result<Edge, LedgerError> {
    if migration::user_version(conn)? == 0 {
        return Ok(Edge::default());
    }
    let altered = |reason| LedgerError::LogAltered { reason };
    let size = tiles::log_size(conn)?;
    let edge = Edge::read(conn, size).map_err(|fault| match fault {
        ProofFault::Store(error) => LedgerError::Store(error),
        _ => altered("an entry or a tile is missing or malformed"),
    })?;
    let Some((filed, note)) = lookup::last_checkpoint(conn)? else {
        return Err(altered("there is no checkpoint"));
    };
    let key = keys.note_key(keys.key_at(size)).map_err(LedgerError::Key)?;
    let signed = Checkpoint::verify(&note, &key).map_err(LedgerError::Checkpoint)?;
    if signed.size().as_u64() != size || filed != size {
        return Err(altered("it has another size"));
    }
    if signed.root() != edge.root() {
        return Err(altered("it has another root"));
    }
    Ok(edge)
}
