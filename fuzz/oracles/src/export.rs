//! Exports: the zip file, and what its entries may say.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;
use std::sync::LazyLock;

use vaultmesh::export::verify_bundle;
use vaultmesh::trust::TrustFile;
use vaultmesh::verify::{Outside, Verification};
use vm_core::digest::Sha256Digest;
use vm_core::key::Note;
use vm_core::verdict::{Code, Verdict};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::anchor::at;
use crate::files::folder;
use crate::input::Input;

const VAULT: &[u8] = include_bytes!("../../seeds/export_zip/vault.vmb");
const SEAL: &[u8] = include_bytes!("../../seeds/export_zip/seal.vmb");
/// What the vault's owner kept outside it: key, authority and head.
const TRUST: &str = include_str!("../fixtures/export-trust.toml");
const HEAD: &[u8] = include_bytes!("../fixtures/export-head.txt");

/// An export: its bytes, its entries in order, and what its owner kept elsewhere.
struct Export {
    bytes: &'static [u8],
    entries: Vec<(String, Vec<u8>)>,
    outside: Outside,
    /// What it is found to be as it is.
    verdict: Verdict,
}

static EXPORTS: LazyLock<[Export; 2]> = LazyLock::new(|| [SEAL, VAULT].map(export));

fn export(bytes: &'static [u8]) -> Export {
    let entries = unpack(bytes);
    let trust = TrustFile::parse(TRUST, Path::new("export-trust.toml")).expect("the trust file reads");
    let head = Note::parse(HEAD).expect("the head reads");
    let outside = Outside { key: None, head: Some(head), trust: Some(trust), ..Outside::default() };
    let verdict = verify(bytes, &outside).expect("the seed reads").verdict;
    Export { bytes, entries, outside, verdict }
}

fn verify(archive: &[u8], outside: &Outside) -> Option<Verification> {
    let folder = folder();
    let path = folder.path().join("export.vmb");
    std::fs::write(&path, archive).expect("a folder in memory takes it");
    verify_bundle(Path::new(&path), outside, at()).ok()
}

/// Any file: nothing is verified without a key, and what is believed at all is byte for byte what its entries make.
pub fn export_zip(data: &[u8]) {
    let Some(found) = verify(data, &Outside::default()) else { return };
    assert_ne!(found.verdict, Verdict::Verified);
    // A file whose sums do not hold is contradicted, and need not be one that packing makes.
    if found.verdict != Verdict::Contradicted {
        assert_eq!(pack(&unpack(data)), data, "bytes that nobody packed");
    }
}

fn unpack(data: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(data)).expect("what was believed is an archive");
    let count = zip.len();
    let read = |at: usize| {
        let mut entry = zip.by_index(at).expect("an entry");
        let (name, mut content) = (entry.name().expect("UTF-8").into_owned(), Vec::new());
        entry.read_to_end(&mut content).expect("stored bytes");
        (name, content)
    };
    (0..count).map(read).collect()
}

/// An export in which one entry was changed and everything else, sums included, was made to fit: contradicted, refused, or not
/// judged because it is of a later format, unless the entry is one that nothing depends on. The first byte picks the export, the next
/// the entry and how it changes.
pub fn export_entries(data: &[u8]) {
    let mut input = Input::new(data);
    // A vault is rebuilt each time, which takes long, so it comes seldom.
    let export = &EXPORTS[usize::from(input.byte() % 16 == 15)];
    let mut entries = export.entries.clone();
    let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    let at = usize::try_from(input.below(count)).unwrap_or_default();
    let (name, content) = &mut entries[at];
    let name = name.clone();
    let (start, removed) = (input.below(u64::try_from(content.len()).unwrap_or(u64::MAX) + 1), input.byte());
    let start = usize::try_from(start).unwrap_or_default();
    let end = (start + usize::from(removed)).min(content.len());
    content.splice(start..end, input.rest().iter().copied());
    if name == "SHA256SUMS" || *content == export.entries[at].1 {
        return;
    }
    reseal(&mut entries);
    let archive = pack(&entries);
    assert_ne!(archive, export.bytes);
    let Some(found) = verify(&archive, &export.outside) else { return };
    // These are for people; they are no evidence, and change no answer. Neither do the claims of a coverage statement.
    // Beside one seal nothing names its tokens: a spoiled one is no anchor, and contradicts nothing.
    if ["VERIFY.txt", "verify.py", "trust.toml"].contains(&name.as_str()) {
        assert_eq!(found.verdict, export.verdict, "{:?}", found.report.findings());
    } else if name == "coverage.json" {
        assert!(found.verdict == Verdict::Contradicted || found.verdict == export.verdict);
    } else if export.bytes == SEAL && name.starts_with("anchors/") {
        assert_ne!(found.verdict, Verdict::Verified);
    } else if found.report.has(Code::FormatUnknown) {
        // Of a later format, it is not judged.
        assert_ne!(found.verdict, Verdict::Verified);
    } else {
        assert_eq!(found.verdict, Verdict::Contradicted, "{name} was changed: {:?}", found.report.findings());
    }
}

/// Makes the sums fit.
fn reseal(entries: &mut [(String, Vec<u8>)]) {
    let sums: BTreeMap<&str, Sha256Digest> = entries
        .iter()
        .filter(|(name, _)| name != "SHA256SUMS")
        .map(|(name, content)| (name.as_str(), Sha256Digest::of(content)))
        .collect();
    let text: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    if let Some((_, content)) = entries.iter_mut().find(|(name, _)| name == "SHA256SUMS") {
        *content = text.into_bytes();
    }
}

/// Packs entries as an export is packed.
fn pack(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644)
        .large_file(true);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(name.as_str(), options).expect("in memory");
        zip.write_all(content).expect("in memory");
    }
    zip.finish().expect("in memory").into_inner()
}
