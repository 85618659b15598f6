//! Restoring: a ledger rebuilt from exported leaf data, byte for byte, and only if a signed checkpoint covers it.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};
use vm_core::canonical;
use vm_core::capability::PermitUse;
use vm_core::digest::{LeafHash, RootHash};
use vm_core::id::LedgerId;
use vm_core::instant::Instant;
use vm_core::key::{Note, NoteKey, PublicKey};
use vm_core::record::{SCHEMA, StoredRow, SystemKind};
use vm_seal::checkpoint::{Checkpoint, VerifiedCheckpoint};
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
    /// Key that signs its checkpoints, as the genesis names it.
    pub log_key: PublicKey,
}

/// Rebuilds a ledger in the empty folder `path` from leaf data in log order, the genesis first. Every checkpoint given
/// must be signed by the log key that the genesis names and be true of the leaves, and the last must cover them all;
/// they are stored as they are. Openings and idempotency keys are no evidence and are not restored.
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
    let log_key = genesis_of(&row)?.log_key();
    let signed = verify_all(checkpoints, ledger, log_key)?;
    let mut batch = Batch::new(conn, Edge::default(), Deck::new(0), None, None);
    batch.insert(&row, leaf)?;
    check_root(&signed, 1, batch.root())?;
    let mut size = 1;
    for next in leaves {
        let (row, leaf) = read_leaf(size, next)?;
        batch.insert(&row, leaf)?;
        if let Some(spent) = spent_use(&row) {
            keep_use(conn, spent, size.saturating_sub(spent.rows))?;
        }
        size += 1;
        if signed.contains_key(&size) {
            check_root(&signed, size, batch.root())?;
        }
    }
    let last = signed.last_key_value().map_or(0, |(size, _)| *size);
    if last != size {
        return Err(LedgerError::Uncovered { leaves: size, last });
    }
    let root = batch.root();
    batch.finish()?;
    store_checkpoints(conn, &signed)?;
    Ok(Restored { ledger, size, root, log_key })
}

/// The use that a row says was spent. One that is malformed spends nothing, and an audit finds it.
fn spent_use(row: &StoredRow) -> Option<PermitUse> {
    SystemKind::of_row(row).filter(|kind| *kind == SystemKind::PermitUse)?;
    let value = canonical::parse(row.text("meta_json")?.as_bytes(), canonical::BYTES_MAX).ok()?;
    PermitUse::from_value(&value).ok()
}

/// A checkpoint with the note it came in.
type Signed = BTreeMap<u64, (VerifiedCheckpoint, String)>;

fn verify_all(
    checkpoints: impl IntoIterator<Item = Note>,
    ledger: LedgerId,
    log_key: PublicKey,
) -> Result<Signed, LedgerError> {
    let fault = |error| LedgerError::Checkpoint(CheckpointError::Note(error));
    let key = NoteKey::new(ledger.origin(), log_key);
    let key = key.map_err(|error| fault(vm_core::error::NoteError::Key(error)))?;
    let mut signed = Signed::new();
    for note in checkpoints {
        let checkpoint = Checkpoint::verify(&note, &key).map_err(LedgerError::Checkpoint)?;
        let (size, text) = (checkpoint.size().as_u64(), note.to_string());
        // Two of one size with different roots are a fork, and one of them is not true of the leaves.
        if let Some((other, _)) = signed.insert(size, (checkpoint.clone(), text))
            && other.root() != checkpoint.root()
        {
            return Err(LedgerError::RootMismatch { size });
        }
    }
    Ok(signed)
}

fn check_root(signed: &Signed, size: u64, root: RootHash) -> Result<(), LedgerError> {
    match signed.get(&size) {
        Some((checkpoint, _)) if checkpoint.root() != root => Err(LedgerError::RootMismatch { size }),
        _ => Ok(()),
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
    for (size, (_, note)) in signed {
        let size = i64::try_from(*size).unwrap_or(i64::MAX);
        insert.execute(params![size, note])?;
    }
    Ok(())
}
