//! Reading exports: rebuilding a vault, and verifying what an export holds with nothing else at hand.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;
use vm_core::canonical;
use vm_core::digest::{LeafHash, RootHash};
use vm_core::id::{EngineName, LedgerId, SealId};
use vm_core::instant::Instant;
use vm_core::key::{Note, NoteKey};
use vm_core::record::StoredRow;
use vm_core::source::Clock as _;
use vm_core::verdict::{Code, Finding, Report};
use vm_ledger::files::DATABASE_FILE;
use vm_ledger::{LOCK_FILE, LedgerError, Patience, Restored, VaultDir, restore};
use vm_seal::bundle::SealBundle;
use vm_seal::checkpoint::Checkpoint;
use vm_seal::complete::CompletenessProof;
use vm_seal::merkle::{InclusionProof, LeafIndex};
use vm_seal::verify::{Exported, verify_exported};

use crate::error::VaultError;
use crate::export::archive::Unpacked;
use crate::export::{CHECKPOINTS, MANIFEST, Manifest, PROOFS, ROWS, SUMS, Scope, VERIFY, completeness_name};
use crate::read::Reader;
use crate::system::SystemClock;
use crate::vault::{Place, check_vacant};
use crate::verify::{AnchorState, Outside, SealState, Verification, judge_token, verify_vault};

/// Longest line read from an export, in bytes: the longest leaf data, and its newline.
const LINE_MAX: usize = vm_core::record::LEAF_MAX + 1;
/// Longest proof line, in bytes: 64 hashes of 66 characters, and the index.
const PROOF_LINE_MAX: usize = 8 * 1024;

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

fn rebuild(unpacked: &Unpacked, manifest: &Manifest, vault: &Path) -> Result<(Restored, u64), VaultError> {
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
    if files.iter().any(|name| name.starts_with(LOCK_FILE) || name.starts_with(DATABASE_FILE)) {
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

/// Lines of an unpacked file without their newlines, each within `limit`; a last line without newline is refused.
fn lines(
    unpacked: &Unpacked,
    name: &str,
    limit: usize,
) -> Result<impl Iterator<Item = Result<Vec<u8>, VaultError>> + use<>, VaultError> {
    let path = unpacked.path(name);
    let name = name.to_owned();
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(VaultError::Archive { reason: format!("it lacks {name}") });
        }
        Err(source) => return Err(VaultError::File { path, source }),
    };
    let mut reader = BufReader::new(file);
    let mut done = false;
    Ok(std::iter::from_fn(move || {
        if done {
            return None;
        }
        let mut line = Vec::new();
        let take = u64::try_from(limit).unwrap_or(u64::MAX);
        let read = std::io::Read::take(&mut reader, take).read_until(b'\n', &mut line);
        match read {
            Err(source) => {
                done = true;
                Some(Err(VaultError::File { path: path.clone(), source }))
            }
            Ok(0) => None,
            Ok(_) if line.pop() == Some(b'\n') => Some(Ok(line)),
            Ok(_) => {
                done = true;
                Some(Err(VaultError::Archive { reason: format!("a line of {name} is too long or cut") }))
            }
        }
    }))
}

/// Verifies an export with nothing but what `outside` brings. A vault is rebuilt in a temporary folder and verified
/// whole; a seal is verified with its rows, their proofs and its anchors.
///
/// # Errors
/// [`VaultError::Archive`] where the file is no export, or is damaged past reading. Evidence that contradicts itself is
/// a finding, not an error.
pub fn verify_bundle(archive: &Path, outside: &Outside, now: Instant) -> Result<Verification, VaultError> {
    let unpacked = match Unpacked::open(archive) {
        Ok(unpacked) => unpacked,
        Err(VaultError::ArchiveAltered) => return Ok(altered(archive)),
        Err(error) => return Err(error),
    };
    let manifest = Manifest::parse(&unpacked.read(MANIFEST)?)?;
    match manifest.scope {
        Scope::Vault => verify_exported_vault(&unpacked, &manifest, outside, now),
        Scope::Seal => verify_exported_seal(&unpacked, &manifest, outside, now),
    }
}

fn altered(archive: &Path) -> Verification {
    let mut report = Report::new();
    report.find(Finding::new(Code::ArtifactAltered, format!("{}", archive.display())).found("its sums do not hold"));
    verification("export", LedgerId::from_genesis(LeafHash::from_bytes([0; 32])), 0, Vec::new(), report)
}

fn verification(subject: &str, ledger: LedgerId, size: u64, seals: Vec<SealState>, report: Report) -> Verification {
    Verification { subject: subject.to_owned(), ledger, size, verdict: report.verdict(), seals, report }
}

fn verify_exported_vault(
    unpacked: &Unpacked,
    manifest: &Manifest,
    outside: &Outside,
    now: Instant,
) -> Result<Verification, VaultError> {
    let place = Place { vault: unpacked.dir().join("rebuilt.vault"), keys: unpacked.dir().join("no-keys") };
    match rebuild(unpacked, manifest, &place.vault) {
        Ok(_) => verify_vault(&Reader::open(&place)?, outside, now),
        Err(VaultError::Ledger(error)) if !error.is_machine() => {
            let mut report = Report::new();
            report.find(Finding::new(Code::RootMismatch, "exported rows").found(error.code()));
            Ok(verification("exported vault", manifest.ledger, manifest.size, Vec::new(), report))
        }
        Err(error) => Err(error),
    }
}

fn verify_exported_seal(
    unpacked: &Unpacked,
    manifest: &Manifest,
    outside: &Outside,
    now: Instant,
) -> Result<Verification, VaultError> {
    let lacks = || VaultError::Archive { reason: "the manifest names no seal".to_owned() };
    let seal_id: SealId = manifest.seal_id.ok_or_else(lacks)?;
    let bundle_name = vm_seal::seal::bundle_path(seal_id);
    let bundle = SealBundle::parse(&unpacked.read(&bundle_name)?).map_err(VaultError::Bundle)?;
    // The manifest is signed by nobody: what it says of the seal must be what the bundle says.
    if (bundle.seal_id(), bundle.ledger(), bundle.signer()) != (seal_id, manifest.ledger, &manifest.key) {
        return Err(VaultError::Archive { reason: "its manifest names another seal, ledger or key".to_owned() });
    }
    let mut report = check_rows(unpacked, &bundle, outside)?;
    let known = [MANIFEST, VERIFY, ROWS, PROOFS, SUMS, &bundle_name, &completeness_name(seal_id)];
    let anchors = format!("anchors/{seal_id}/");
    for name in unpacked.names().filter(|name| !known.contains(name) && !name.starts_with(&anchors)) {
        // Passed over, it would look as if it had been checked with the rest.
        report.find(Finding::new(Code::FormatUnknown, name).found("an entry that the export of a seal does not have"));
    }
    if outside.pinned().is_none() && !report.has(Code::NoTrustKey) {
        report.find(Finding::new(Code::NoTrustKey, "export"));
    }

    let policy = outside.policy()?;
    let mut anchors = Vec::new();
    for name in unpacked.names().filter(|name| name.starts_with("anchors/")) {
        let token = unpacked.read(name)?;
        let (judged, state) = judge_token(&token, &bundle, &policy, now, name);
        report.merge(judged);
        anchors.extend(state);
    }
    if !anchors.iter().any(|anchor: &AnchorState| anchor.accepted) {
        report.find(Finding::new(Code::SealUnanchored, format!("seal {seal_id}")));
    }
    let state = SealState {
        seal_id: Some(seal_id),
        row: None,
        digest: Some(bundle.claimed_digest()),
        as_of: Some(bundle.as_of().as_u64()),
        leaves: Some(bundle.digest().leaves().as_u64()),
        verified: false,
        anchors,
    };
    let (subject, size) = (format!("exported seal {seal_id}"), bundle.as_of().as_u64());
    Ok(verification(&subject, bundle.ledger(), size, vec![state], report))
}

/// The bundle against its rows and their proofs, and against the proof that no other row belongs to it.
fn check_rows(unpacked: &Unpacked, bundle: &SealBundle, outside: &Outside) -> Result<Report, VaultError> {
    let (name, mut found) = (completeness_name(bundle.seal_id()), Report::new());
    let proof = match unpacked.names().any(|other| other == name) {
        true => match CompletenessProof::parse(&unpacked.read(&name)?) {
            Ok(proof) => Some(proof),
            Err(error) => {
                found.find(error.finding(format!("seal {}", bundle.seal_id())));
                None
            }
        },
        false => None,
    };
    let is_blind = !unpacked.names().any(|name| name == ROWS || name == PROOFS);
    let exported = match &proof {
        Some(proof) if is_blind => Exported::Blind(proof),
        _ => {
            let rows = lines(unpacked, ROWS, LINE_MAX)?.collect::<Result<Vec<_>, _>>()?;
            let places = check_proofs(unpacked, bundle, &rows, &mut found)?;
            Exported::Rows(places.into_iter().zip(rows), proof.as_ref())
        }
    };
    let mut report = verify_exported(bundle, exported, outside.pinned());
    report.merge(found);
    Ok(report)
}

/// Each row's inclusion proof against the checkpoint in the bundle; gives the places that are proven, and one beyond
/// every log where none is.
fn check_proofs(
    unpacked: &Unpacked,
    bundle: &SealBundle,
    rows: &[Vec<u8>],
    report: &mut Report,
) -> Result<Vec<u64>, VaultError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        index: u64,
        path: Vec<RootHash>,
    }
    let checkpoint = match Checkpoint::parse_text(bundle.checkpoint().unverified_text()) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            report.find(Finding::new(Code::CheckpointInvalid, "checkpoint of the bundle").found(error.code()));
            return Ok(vec![u64::MAX; rows.len()]);
        }
    };
    let (mut proven, mut places) = (0, vec![u64::MAX; rows.len()]);
    let mut proofs = lines(unpacked, PROOFS, PROOF_LINE_MAX)?;
    for ((at, row), place) in rows.iter().enumerate().zip(&mut places) {
        let fault = |found: &str| Finding::new(Code::RootMismatch, format!("exported row {at}")).found(found);
        let Some(line) = proofs.next() else {
            report.find(fault("no inclusion proof"));
            break;
        };
        let value = canonical::parse_exact(&line?, PROOF_LINE_MAX).map_err(VaultError::Canonical)?;
        let Ok(line) = Line::deserialize(value) else {
            report.find(fault("malformed inclusion proof"));
            continue;
        };
        let (index, size) = (LeafIndex::new(line.index), checkpoint.size());
        let proof = InclusionProof::from_hashes(line.path);
        match proof.and_then(|proof| proof.verify(LeafHash::of(row), index, size, checkpoint.root())) {
            Ok(_) => {
                proven += 1;
                *place = line.index;
            }
            Err(error) => report.find(fault(error.code())),
        }
    }
    if proofs.next().is_some() {
        report.find(Finding::new(Code::RootMismatch, "inclusion proofs").found("more proofs than rows"));
    }
    report.checked(format!("inclusion proofs: {proven} of {} rows", rows.len()));
    Ok(places)
}
