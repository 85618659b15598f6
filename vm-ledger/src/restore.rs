//! Restoring: a ledger rebuilt from exported leaf data, byte for byte, and only if a signed checkpoint covers it.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};
use vm_core::canonical;
use vm_core::capability::PermitUse;
use vm_core::digest::{LeafHash, RootHash};
use vm_core::id::LedgerId;
use vm_core::instant::Instant;
use vm_core::key::{KeyHistory, Note, PublicKey};
use vm_core::record::{SCHEMA, StoredRow, SystemKind};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::error::CheckpointError;
use vm_seal::index::Deck;

use crate::append::Batch;
use crate::error::{Cause, LedgerError};
use crate::files::VaultDir;
use crate::force::keep_use;
use crate::ledger::{begin, sync_vault};
use crate::lock::{Lock, Patience};
use crate::lookup::genesis_of;
use crate::migration;
use crate::tiles::Edge;

/// What was restored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Restored {
    /// The ledger's name: the leaf hash of the first leaf.
    pub ledger: LedgerId,
    /// Number of entries.
    pub size: u64,
    /// Root over them, which a given checkpoint signs.
    pub root: RootHash,
    /// Key that signs its checkpoints: that of the genesis, or the last that it was changed to.
    pub log_key: PublicKey,
}

/// Rebuilds a ledger in the empty folder `path` from leaf data in log order, the genesis first. Every checkpoint given
/// must be signed by the log key in force at its size, by the genesis and the changes among the leaves, and be true of the leaves,
/// and the last must cover them all; they are stored as they are. Openings and idempotency keys are no evidence and are not restored.
/// `beside` is called once all of it holds and puts the files that rows name into the vault. Nothing is committed before, so
/// that a crash never leaves rows without their files. Cost: one pass; memory does not grow with the number of leaves.
///
/// # Errors
/// [`LedgerError::NotEmpty`], [`LedgerError::Leaf`], [`LedgerError::Genesis`], [`LedgerError::Checkpoint`],
/// [`LedgerError::RootMismatch`], [`LedgerError::Uncovered`], [`LedgerError::Source`], [`LedgerError::Store`].
pub fn restore<E: Into<Cause>>(
    path: &Path,
    leaves: impl IntoIterator<Item = Result<Vec<u8>, E>>,
    checkpoints: impl IntoIterator<Item = Note>,
    beside: impl FnOnce(&VaultDir, &Restored) -> Result<(), Cause>,
    patience: &Patience,
    now: Instant,
) -> Result<Restored, LedgerError> {
    let (dir, mut conn) = begin(path, patience, now)?;
    let _lock = Lock::acquire(&dir, patience, now)?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    migration::apply(&tx, 0, SCHEMA.number())?;
    let restored = fill(&tx, leaves, checkpoints)?;
    beside(&dir, &restored).map_err(LedgerError::Source)?;
    tx.commit()?;
    sync_vault(&dir)?;
    Ok(restored)
}

fn fill<E: Into<Cause>>(
    conn: &Connection,
    leaves: impl IntoIterator<Item = Result<Vec<u8>, E>>,
    checkpoints: impl IntoIterator<Item = Note>,
) -> Result<Restored, LedgerError> {
    let mut leaves = leaves.into_iter();
    let first = leaves.next().ok_or(LedgerError::Genesis(None))?;
    let (row, leaf) = read_leaf(0, first)?;
    let ledger = LedgerId::from_genesis(leaf);
    let mut keys = KeyHistory::new(ledger, &genesis_of(&row)?);
    let signed = Signed::read(checkpoints)?;
    let mut batch = Batch::new(conn, Edge::default(), Deck::new(0), None, None);
    signed.check(0, RootHash::empty(), &keys)?;
    batch.insert(&row, leaf)?;
    signed.check(1, batch.root(), &keys)?;
    let mut size = 1;
    for next in leaves {
        let (row, leaf) = read_leaf(size, next)?;
        batch.insert(&row, leaf)?;
        if let Some(spent) = spent_use(&row) {
            keep_use(conn, spent, size.saturating_sub(spent.rows))?;
        }
        // One that does not hold changes nothing, and an audit finds it.
        let _is_change = keys.step(size, &row);
        size += 1;
        if signed.0.contains_key(&size) {
            signed.check(size, batch.root(), &keys)?;
        }
    }
    let last = signed.0.last_key_value().map_or(0, |(size, _)| *size);
    if last != size {
        return Err(LedgerError::Uncovered { leaves: size, last });
    }
    let root = batch.root();
    batch.finish()?;
    store_checkpoints(conn, &signed)?;
    Ok(Restored { ledger, size, root, log_key: keys.current() })
}

/// The use that a row says was spent. One that is malformed spends nothing, and an audit finds it.
fn spent_use(row: &StoredRow) -> Option<PermitUse> {
    SystemKind::of_row(row).filter(|kind| *kind == SystemKind::PermitUse)?;
    let value = canonical::parse(row.text("meta_json")?.as_bytes(), canonical::BYTES_MAX).ok()?;
    PermitUse::from_value(&value).ok()
}

/// The notes that are given, by the size they claim. Each is verified when the leaves have come to that size, since they say which
/// key was in force there.
struct Signed(BTreeMap<u64, Vec<Note>>);

impl Signed {
    fn read(notes: impl IntoIterator<Item = Note>) -> Result<Self, LedgerError> {
        let mut signed: BTreeMap<u64, Vec<Note>> = BTreeMap::new();
        for note in notes {
            let claimed = Checkpoint::parse_text(note.unverified_text()).map_err(LedgerError::Checkpoint)?;
            signed.entry(claimed.size().as_u64()).or_default().push(note);
        }
        Ok(Self(signed))
    }

    /// Holds the notes over `size` leaves to the key in force and the root. Two with different roots are a fork, and one of them
    /// is not true of the leaves.
    fn check(&self, size: u64, root: RootHash, keys: &KeyHistory) -> Result<(), LedgerError> {
        let Some(notes) = self.0.get(&size) else { return Ok(()) };
        let fault = |error| LedgerError::Checkpoint(CheckpointError::Note(vm_core::error::NoteError::Key(error)));
        let key = keys.note_key(keys.key_at(size)).map_err(fault)?;
        for note in notes {
            if Checkpoint::verify(note, &key).map_err(LedgerError::Checkpoint)?.root() != root {
                return Err(LedgerError::RootMismatch { size });
            }
        }
        Ok(())
    }
}

fn read_leaf<E: Into<Cause>>(seq: u64, leaf: Result<Vec<u8>, E>) -> Result<(StoredRow, LeafHash), LedgerError> {
    let bytes = leaf.map_err(|error| LedgerError::Source(error.into()))?;
    let row = StoredRow::parse_leaf_data(&bytes).map_err(|source| LedgerError::Leaf { seq, source })?;
    // Parsing accepts the one canonical form alone, so the row writes back to the same bytes.
    Ok((row, LeafHash::of(&bytes)))
}

fn store_checkpoints(conn: &Connection, signed: &Signed) -> Result<(), LedgerError> {
    let mut insert = conn.prepare("INSERT INTO checkpoints (size, note) VALUES (?1, ?2)")?;
    for (size, notes) in &signed.0 {
        let size = i64::try_from(*size).unwrap_or(i64::MAX);
        if let Some(note) = notes.last() {
            insert.execute(params![size, note.to_string()])?;
        }
    }
    Ok(())
}
