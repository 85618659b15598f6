//! Writing exports.

use std::path::Path;

use serde_json::json;
use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::id::SealId;
use vm_core::key::{Note, NoteKey};
use vm_core::path::VaultPath;
use vm_core::record::Table;
use vm_core::view::{EvidenceView, FileFault, RowState, StoredEntry, VaultFiles, ViewError, Visit};
use vm_ledger::error::ProofFault;
use vm_seal::bundle::SealBundle;
use vm_seal::checkpoint::Checkpoint;
use vm_seal::complete::CompletenessProof;
use vm_seal::coverage::{Claims, Coverage};
use vm_seal::error::ProveError;
use vm_seal::index::{Card, Order, Query};
use vm_seal::key_history::KeyHistoryFile;
use vm_seal::merkle::{LeafIndex, TreeSize, prove_inclusion};

use crate::error::{KeysError, VaultError};
use crate::export::archive::Packer;
use crate::export::{
    CHECKPOINTS, COVERAGE, KEYS, MANIFEST, Manifest, PROOFS, ROWS, SCRIPT, Scope, TRUST, VERIFY, completeness_name,
};
use crate::read::Reader;
use crate::trust::TrustFile;

/// An export that was written.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Exported {
    /// What it holds.
    pub scope: Scope,
    /// Number of rows in it.
    pub rows: u64,
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 of the file: the same for the same evidence.
    pub sha256: Sha256Digest,
    /// Of a seal: whether it holds the proof that no other row belongs to it.
    pub is_complete: bool,
    /// Files that rows name and that are not there; a verifier will miss them too.
    pub missing: Vec<String>,
}

/// How the export of a seal is written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SealExport {
    /// The rows are left out, and their cards shown instead: table, time, ids and leaf hash.
    pub is_blind: bool,
    /// What its exporter believes, enclosed for whoever reads it; else the ledger's own key alone.
    pub trust: Option<TrustFile>,
}

/// The page of a vault's export, which golden bytes pin, and that of a seal's.
const VERIFY_VAULT: &str = include_str!("VERIFY.txt");
const VERIFY_SEAL: &str = include_str!("VERIFY.seal.txt");
/// The second verifier, which goes along with each seal.
const SCRIPT_TEXT: &str = include_str!("verify.py");

/// Exports the whole vault to the new file `out`, durably. The openings of commitments stay behind: they are secret.
///
/// # Errors
/// [`VaultError`]; a row that cannot be read is not left out silently, and a file that is there stays.
pub fn export_vault(reader: &Reader, out: &Path) -> Result<Exported, VaultError> {
    let view = reader.view();
    let size = view.size().map_err(VaultError::View)?;
    let mut pack = begin(reader, out, Scope::Vault, None, reader.claimed_key()?)?;
    let (mut rows, mut paths) = (0, Vec::new());
    pack.add(ROWS, &mut |write| {
        let mut fault = None;
        let visit = &mut |entry: StoredEntry, state: RowState| {
            let line = leaf_line(&entry, &state).and_then(|line| write(&line));
            if let RowState::Present(row) = &state {
                paths.extend(row.text("path").map(str::to_owned));
            }
            rows += 1;
            Ok::<_, ViewError>(stop_on(line, &mut fault))
        };
        view.visit_log(0, size, visit).map_err(VaultError::View)?;
        fault.map_or(Ok(()), Err)
    })?;
    pack.add(CHECKPOINTS, &mut |write| {
        let mut fault = None;
        let visit = &mut |size: u64, note: String| {
            let line = json_line(&json!({ "note": note, "size": size })).and_then(|line| write(&line));
            Ok::<_, ViewError>(stop_on(line, &mut fault))
        };
        view.visit_checkpoints(visit).map_err(VaultError::View)?;
        fault.map_or(Ok(()), Err)
    })?;
    for engine in reader.files().engines().map_err(VaultError::Files)? {
        let path = |found: Result<VaultPath, _>| found.map(|path: VaultPath| path.to_string());
        paths.extend(path(vm_seal::scroll::events_path(&engine)));
        paths.extend(path(vm_seal::scroll::root_path(&engine)));
    }
    let missing = add_files(&mut pack, reader, paths)?;
    let (sha256, bytes) = pack.finish()?;
    Ok(Exported { scope: Scope::Vault, rows, size: bytes, sha256, is_complete: false, missing })
}

/// Exports one seal: bundle, rows, their inclusion proofs, the proof that no other row belongs to it, anchors, and what all that
/// covers.
///
/// # Errors
/// [`VaultError::NotFound`], [`VaultError::NotIndexed`] where a blind export has no index to rest on, or what reading the
/// vault fails with.
pub fn export_seal(reader: &Reader, seal_id: SealId, options: &SealExport, out: &Path) -> Result<Exported, VaultError> {
    let path: VaultPath = vm_seal::seal::bundle_path(seal_id).parse().map_err(VaultError::Path)?;
    let row = seal_row(reader, &path)?;
    let bytes = match reader.read_small(&path) {
        Err(VaultError::Files(FileFault::Missing { .. })) if row.is_none() => {
            return Err(VaultError::NotFound { what: "seal", name: seal_id.to_string() });
        }
        read => read?,
    };
    let bundle = SealBundle::parse(&bytes).map_err(VaultError::Bundle)?;
    let completeness = prove_seal(reader, &bundle, options.is_blind)?;
    let mut pack = begin(reader, out, Scope::Seal, Some(seal_id), bundle.signer().clone())?;
    pack.add_bytes(SCRIPT, SCRIPT_TEXT.as_bytes())?;
    let own = || Ok::<_, VaultError>(TrustFile::new(Some(reader.claimed_key()?), Vec::new()));
    let trust = options.trust.clone().map_or_else(own, Ok)?;
    pack.add_bytes(TRUST, trust.to_text()?.as_bytes())?;
    let (rows, coverage) = match &completeness {
        Some(proof) if options.is_blind => (0, Coverage::of_cards(&sealed_cards(proof, &bundle)?)),
        _ => add_rows(&mut pack, reader, &bundle)?,
    };
    let coverage = coverage.to_bytes(&bundle, completeness.is_some(), &claims(reader)?);
    pack.add_bytes(COVERAGE, &coverage.map_err(VaultError::Canonical)?)?;
    let mut paths = Vec::new();
    reader.visit_kind(vm_core::record::SystemKind::Anchor.as_str(), &mut |anchor| {
        if row.is_some() && anchor.row.row_ref("subject_id").ok().flatten() == row {
            paths.extend(anchor.row.text("path").map(str::to_owned));
        }
    })?;
    // Sorted by name, anchors stand before keys, keys before seals, and there the proof before the bundle.
    let missing = add_files(&mut pack, reader, paths)?;
    let history = KeyHistoryFile::of_view(reader.view()).map_err(VaultError::View)?;
    if !history.changes().is_empty() {
        pack.add_bytes(KEYS, &history.to_bytes().map_err(KeysError::Change)?)?;
    }
    if let Some(proof) = &completeness {
        pack.add_bytes(&completeness_name(seal_id), &proof.to_bytes().map_err(VaultError::Completeness)?)?;
    }
    add_files(&mut pack, reader, vec![path.to_string()])?;
    let (sha256, size) = pack.finish()?;
    Ok(Exported { scope: Scope::Seal, rows, size, sha256, is_complete: completeness.is_some(), missing })
}

/// The proof that no other row belongs to a seal; none where the ledger had no index when it was made, which only a blind
/// export cannot do without.
fn prove_seal(reader: &Reader, bundle: &SealBundle, is_blind: bool) -> Result<Option<CompletenessProof>, VaultError> {
    let query = Query::Selection(bundle.digest().selection().clone());
    // Rows of other tables match a set of traces, too, and are not among those exported.
    let is_all = query.order() == Order::Time || bundle.digest().selection().kinds().len() == Table::ALL.len();
    match reader.prove_complete(query, Some(bundle.as_of().as_u64()), is_blind || !is_all) {
        Ok(proof) => Ok(Some(proof.under(bundle.checkpoint()))),
        Err(VaultError::NotIndexed { .. }) if !is_blind => Ok(None),
        Err(error) => Err(error),
    }
}

/// Cards of the rows of a seal, out of the proof that they are all.
fn sealed_cards(proof: &CompletenessProof, bundle: &SealBundle) -> Result<Vec<Card>, VaultError> {
    let complete = proof.verify(bundle.signer(), None).map_err(VaultError::Completeness)?;
    Ok(complete.cards().to_vec())
}

/// What the vault says of itself beyond what is sealed.
fn claims(reader: &Reader) -> Result<Claims, VaultError> {
    let mut claims = Claims { log_size: reader.view().size().map_err(VaultError::View)?, ..Claims::default() };
    for engine in reader.files().engines().map_err(VaultError::Files)? {
        let lines = match vm_seal::scroll::read_lines(reader.files(), &engine, []) {
            Ok(lines) => lines.size().as_u64(),
            Err(FileFault::Missing { .. }) => continue,
            Err(fault) => return Err(VaultError::Files(fault)),
        };
        let root = vm_seal::scroll::root_path(&engine).map_err(VaultError::Path)?;
        let note = match reader.read_small(&root) {
            Ok(bytes) => Note::parse(&bytes).ok(),
            Err(VaultError::Files(FileFault::Missing { .. })) => None,
            Err(error) => return Err(error),
        };
        let signed = note.and_then(|note| Checkpoint::parse_text(note.unverified_text()).ok());
        let signed = signed.map_or(0, |signed| signed.size().as_u64());
        claims.unsigned_lines.insert(engine, lines.saturating_sub(signed));
    }
    Ok(claims)
}

/// Adds the rows of a seal and their inclusion proofs; gives how many there are, and what they cover.
fn add_rows(pack: &mut Packer, reader: &Reader, bundle: &SealBundle) -> Result<(u64, Coverage), VaultError> {
    let mut coverage = Coverage::of_rows();
    let (view, as_of): (_, TreeSize) = (reader.view(), bundle.as_of());
    let filter = bundle.digest().selection().filter(as_of);
    let mut places = Vec::new();
    pack.add(ROWS, &mut |write| {
        let mut fault = None;
        view.visit_matching(&filter, &mut |entry, state| {
            let line = leaf_line(&StoredEntry::Entry(entry), &state).and_then(|line| write(&line));
            if let RowState::Present(row) = &state {
                coverage.add(row);
            }
            places.push(entry.seq);
            Ok(stop_on(line, &mut fault))
        })
        .map_err(VaultError::View)?;
        fault.map_or(Ok(()), Err)
    })?;
    pack.add(PROOFS, &mut |write| {
        let log = view.log_hashes(as_of.as_u64()).map_err(VaultError::Proof)?;
        for seq in &places {
            let proof = prove_inclusion(&log, LeafIndex::new(*seq), as_of).map_err(proof_fault)?;
            let path: Vec<String> = proof.hashes().iter().map(|hash| hash.to_hex()).collect();
            write(&json_line(&json!({ "index": seq, "path": path }))?)?;
        }
        Ok(())
    })?;
    Ok((u64::try_from(places.len()).unwrap_or(u64::MAX), coverage))
}

fn proof_fault(error: ProveError<ProofFault>) -> VaultError {
    match error {
        ProveError::Read(fault) => VaultError::Proof(fault),
        other => VaultError::View(ViewError::store(other)),
    }
}

fn seal_row(reader: &Reader, path: &VaultPath) -> Result<Option<vm_core::id::RowId>, VaultError> {
    let mut found = None;
    reader.visit_kind(vm_core::record::SystemKind::Seal.as_str(), &mut |seal| {
        if seal.row.text("path") == Some(path.as_str()) {
            found = Some(seal.entry.row_id);
        }
    })?;
    Ok(found)
}

fn begin(
    reader: &Reader,
    out: &Path,
    scope: Scope,
    seal_id: Option<SealId>,
    key: NoteKey,
) -> Result<Packer, VaultError> {
    let manifest = Manifest {
        format: Manifest::FORMAT.to_owned(),
        key,
        ledger: reader.ledger(),
        scope,
        seal_id,
        size: reader.view().size().map_err(VaultError::View)?,
    };
    let mut pack = Packer::create(out)?;
    pack.add_bytes(MANIFEST, &manifest.to_bytes()?)?;
    let page = if scope == Scope::Seal { VERIFY_SEAL } else { VERIFY_VAULT };
    pack.add_bytes(VERIFY, page.as_bytes())?;
    Ok(pack)
}

fn stop_on(line: Result<(), VaultError>, fault: &mut Option<VaultError>) -> Visit {
    match line {
        Ok(()) => Visit::Continue,
        Err(error) => {
            *fault = Some(error);
            Visit::Stop
        }
    }
}

/// Leaf data of a row and a newline. A row that is missing or malformed ends the export: leaving it out would make a
/// file that looks whole.
fn leaf_line(entry: &StoredEntry, state: &RowState) -> Result<Vec<u8>, VaultError> {
    match (entry, state) {
        (StoredEntry::Entry(_), RowState::Present(row)) => {
            let mut line = row.leaf_data().map_err(VaultError::Record)?;
            line.push(b'\n');
            Ok(line)
        }
        (StoredEntry::Entry(entry), _) => {
            Err(VaultError::NotFound { what: "sound row", name: format!("{}/{}", entry.table, entry.row_id) })
        }
        (StoredEntry::Malformed { seq }, _) => {
            Err(VaultError::NotFound { what: "sound log entry", name: seq.to_string() })
        }
    }
}

fn json_line(value: &serde_json::Value) -> Result<Vec<u8>, VaultError> {
    let mut line = canonical::to_bytes(value).map_err(VaultError::Canonical)?;
    line.push(b'\n');
    Ok(line)
}

/// Adds files below the vault, each once, sorted by name; gives those that are not there.
fn add_files(pack: &mut Packer, reader: &Reader, mut paths: Vec<String>) -> Result<Vec<String>, VaultError> {
    paths.sort();
    paths.dedup();
    let mut missing = Vec::new();
    for name in paths {
        let Ok(path) = name.parse::<VaultPath>() else {
            missing.push(name);
            continue;
        };
        if pack.has(&name) {
            return Err(VaultError::Archive { reason: format!("{name} is a name of the archive's own") });
        }
        // Whether it is there is asked first: an entry that was begun cannot be taken back.
        match reader.files().read(&path, &mut |_| {}) {
            Ok(()) => {}
            Err(FileFault::Missing { .. } | FileFault::NotRegular { .. }) => {
                missing.push(name);
                continue;
            }
            Err(fault) => return Err(VaultError::Files(fault)),
        }
        pack.add(&name, &mut |write| {
            let mut fault = Ok(());
            let read = reader.files().read(&path, &mut |piece| {
                if fault.is_ok() {
                    fault = write(piece);
                }
            });
            read.map_err(VaultError::Files)?;
            fault
        })?;
    }
    Ok(missing)
}
