//! Rebuilding a vault from its own export.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use serde::Deserialize;
use vm_core::canonical;
use vm_core::id::{EngineName, LedgerId};
use vm_core::key::{Note, NoteKey};
use vm_core::record::StoredRow;
use vm_core::source::Clock as _;
use vm_ledger::files::{DATABASE_FILE, EXECUTION_FILE};
use vm_ledger::{LOCK_FILE, LedgerError, Patience, Restored, VaultDir, restore};
use vm_seal::checkpoint::Checkpoint;

use crate::error::VaultError;
use crate::export::archive::Unpacked;
use crate::export::lines::{LINE_MAX, PROOF_LINE_MAX, lines};
use crate::export::{CHECKPOINTS, MANIFEST, Manifest, ROWS, SUMS, Scope, VERIFY};
use crate::system::SystemClock;
use crate::vault::{Place, check_vacant};

/// A vault that was rebuilt.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Imported {
    /// Its ledger.
    pub ledger: LedgerId,
    /// Rows in it.
    pub rows: u64,
    /// Files beside the database.
    pub files: u64,
    /// Whether this machine holds the keys to go on recording.
    pub has_keys: bool,
}

/// Rebuilds a vault from its own export in an absent or empty folder: the same genesis, rows, checkpoints, scrolls and
/// files. Rows whose hashes do not lead to the signed checkpoint are refused.
///
/// # Errors
/// [`VaultError`]; nothing is left behind that could pass for a vault.
pub fn import(place: &Place, archive: &Path) -> Result<Imported, VaultError> {
    check_vacant(&place.vault)?;
    let unpacked = Unpacked::open(archive)?;
    let manifest = Manifest::parse(&unpacked.read(MANIFEST)?)?;
    if manifest.scope != Scope::Vault {
        return Err(VaultError::Archive { reason: "it holds one seal, not a vault".to_owned() });
    }
    let rebuilt = rebuild(&unpacked, &manifest, &place.vault);
    let (restored, files) = rebuilt.inspect_err(|error| clear_away(&place.vault, error))?;
    let keys = crate::keys::KeyStore::new(&place.keys, restored.ledger);
    Ok(Imported { ledger: restored.ledger, rows: restored.size, files, has_keys: keys.has("log.key") })
}

/// Takes away what an import that failed had written to a folder that was vacant before; never what another writer is
/// at work on there.
fn clear_away(vault: &Path, error: &VaultError) {
    if matches!(error, VaultError::Ledger(LedgerError::NotEmpty { .. } | LedgerError::Locked { .. })) {
        return;
    }
    let entries = std::fs::read_dir(vault).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let is_folder = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        // What cannot be taken away is no vault either: the next import refuses the folder by name.
        let _ = if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
    }
    // The folder itself stays where others put something into it.
    let _ = std::fs::remove_dir(vault);
}

pub(super) fn rebuild(unpacked: &Unpacked, manifest: &Manifest, vault: &Path) -> Result<(Restored, u64), VaultError> {
    let files = named_files(unpacked)?;
    let rows = lines(unpacked, ROWS, LINE_MAX)?;
    let notes = lines(unpacked, CHECKPOINTS, PROOF_LINE_MAX)?.map(|line| CheckpointLine::parse(&line?));
    let notes = notes.collect::<Result<Vec<(u64, Note)>, VaultError>>()?;
    if !notes.is_sorted_by(|(one, _), (next, _)| one < next) {
        return Err(VaultError::Archive { reason: "its checkpoints are not sorted by size".to_owned() });
    }
    let notes = notes.into_iter().map(|(_, note)| note);
    let patience = Patience { command: "import".to_owned(), ..Patience::default() };
    let mut fault = None;
    let beside = |dir: &VaultDir, restored: &Restored| {
        let done = check_manifest(manifest, restored).and_then(|()| copy_files(unpacked, &files, dir));
        // What failed is told by the import itself.
        done.map_err(|error| fault.insert(error).to_string().into())
    };
    let restored = restore(vault, rows, notes, beside, &patience, SystemClock.now());
    let restored = match fault {
        Some(fault) => return Err(fault),
        None => restored?,
    };
    Ok((restored, u64::try_from(files.len()).unwrap_or(u64::MAX)))
}

/// The manifest is signed by nobody: whatever it says must be what the vault says.
fn check_manifest(manifest: &Manifest, restored: &Restored) -> Result<(), VaultError> {
    let key = NoteKey::new(restored.ledger.origin(), restored.log_key).map_err(VaultError::Key)?;
    let found = match manifest {
        Manifest { ledger, .. } if *ledger != restored.ledger => "names another ledger",
        Manifest { key: claimed, .. } if *claimed != key => "names another key",
        Manifest { size, .. } if *size != restored.size => "names another size",
        Manifest { seal_id: Some(_), .. } => "names a seal",
        Manifest { .. } => return Ok(()),
    };
    Err(VaultError::Archive { reason: format!("its manifest {found}") })
}

/// The files beside the evidence: scrolls, and what rows name. Anything else is refused, and so is what the ledger itself
/// writes: a file that nobody vouches for has no business in a vault.
fn named_files(unpacked: &Unpacked) -> Result<Vec<String>, VaultError> {
    const OWN: [&str; 5] = [MANIFEST, VERIFY, ROWS, CHECKPOINTS, SUMS];
    let mut files: BTreeSet<String> = unpacked.names().filter(|name| !OWN.contains(name)).map(str::to_owned).collect();
    if files
        .iter()
        .any(|name| name.starts_with(LOCK_FILE) || name.starts_with(EXECUTION_FILE) || name.starts_with(DATABASE_FILE))
    {
        return Err(VaultError::Archive { reason: "it holds a file that only the ledger itself writes".to_owned() });
    }
    let all = files.iter().cloned().collect();
    files.retain(|name| !is_scroll(name));
    for line in lines(unpacked, ROWS, LINE_MAX)? {
        // A line that is no row is refused by name where it is restored.
        if let Ok(row) = StoredRow::parse_leaf_data(&line?)
            && let Some(path) = row.text("path")
        {
            files.remove(path);
        }
    }
    match files.into_iter().next() {
        None => Ok(all),
        Some(_) => Err(VaultError::Archive { reason: "it holds a file that no row names".to_owned() }),
    }
}

/// Whether a path is that of an engine's scroll or its root.
fn is_scroll(name: &str) -> bool {
    let Some((engine, _)) = name.strip_prefix("receipts/").and_then(|rest| rest.split_once('/')) else { return false };
    let Ok(engine) = engine.parse::<EngineName>() else { return false };
    let paths = [vm_seal::scroll::events_path(&engine), vm_seal::scroll::root_path(&engine)];
    paths.into_iter().flatten().any(|path| path.as_str() == name)
}

/// Copies files into the vault, each durable before the rows that name it are.
fn copy_files(unpacked: &Unpacked, names: &[String], vault: &VaultDir) -> Result<(), VaultError> {
    for name in names {
        let path = unpacked.path(name);
        let mut file = File::open(&path).map_err(|source| VaultError::File { path, source })?;
        vault.place(&name.parse().map_err(VaultError::Path)?, &mut file).map_err(VaultError::VaultFile)?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointLine {
    note: String,
    /// For people: the note says it itself.
    size: u64,
}

impl CheckpointLine {
    fn parse(line: &[u8]) -> Result<(u64, Note), VaultError> {
        let value = canonical::parse_exact(line, PROOF_LINE_MAX).map_err(VaultError::Canonical)?;
        let malformed = |_| VaultError::Archive { reason: "a checkpoint line is malformed".to_owned() };
        let line = Self::deserialize(value).map_err(malformed)?;
        let note = Note::parse(line.note.as_bytes()).map_err(VaultError::Note)?;
        match Checkpoint::parse_text(note.unverified_text()) {
            Ok(checkpoint) if checkpoint.size().as_u64() != line.size => {
                Err(VaultError::Archive { reason: "a checkpoint line names another size than its note".to_owned() })
            }
            _ => Ok((line.size, note)),
        }
    }
}
