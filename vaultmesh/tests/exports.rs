//! Exports: the same bytes for the same evidence, whole vaults again from them, and nothing believed that is not so.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::PathBuf;

use fixture::{Scene, codes, later, rows};
use serde_json::json;
use vaultmesh::error::VaultError;
use vaultmesh::export::{SealExport, export_seal, export_vault, import, verify_bundle};
use vaultmesh::read::Reader;
use vaultmesh::vault::Place;
use vaultmesh::verify::{Outside, Verification};
use vm_core::digest::Sha256Digest;
use vm_core::verdict::{Code, Verdict};
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime, ZipArchive};

struct Exports {
    dir: tempfile::TempDir,
    scene: Scene,
}

impl Exports {
    fn make() -> Self {
        Self { dir: fixture::folder(), scene: Scene::small(61) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.scene.place).unwrap()
    }

    fn vault(&self) -> Vec<u8> {
        let path = self.path("vault.vmb");
        let _gone = fs::remove_file(&path);
        export_vault(&self.reader(), &path).unwrap();
        fs::read(path).unwrap()
    }

    /// The seal over everything.
    fn seal(&self) -> Vec<u8> {
        let path = self.path("seal.vmb");
        let _gone = fs::remove_file(&path);
        export_seal(&self.reader(), self.scene.seals[1].seal_id, &SealExport::default(), &path).unwrap();
        fs::read(path).unwrap()
    }

    fn verify(&self, archive: &[u8]) -> Result<Verification, VaultError> {
        let path = self.path("archive.vmb");
        let _gone = fs::remove_file(&path);
        fs::write(&path, archive).unwrap();
        verify_bundle(&path, &self.scene.outside(), later())
    }

    fn import(&self, archive: &[u8], name: &str) -> Result<Place, VaultError> {
        let path = self.path("archive.vmb");
        let _gone = fs::remove_file(&path);
        fs::write(&path, archive).unwrap();
        let place = Place { vault: self.path(name), keys: self.scene.place.keys.clone() };
        import(&place, &path).map(|_| place)
    }
}

/// Entries of an archive, in their order.
fn entries(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut entries = Vec::new();
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        entries.push((entry.name().unwrap().into_owned(), bytes));
    }
    entries
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644)
        .large_file(true)
}

fn pack_with(entries: &[(String, Vec<u8>)], options: SimpleFileOptions) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Packs entries as an export does, with sums that hold for them.
fn pack(mut entries: Vec<(String, Vec<u8>)>) -> Vec<u8> {
    entries.retain(|(name, _)| name != "SHA256SUMS");
    let mut sums: Vec<_> = entries.iter().map(|(name, bytes)| (name.clone(), Sha256Digest::of(bytes))).collect();
    sums.sort();
    let sums: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    entries.push(("SHA256SUMS".to_owned(), sums.into_bytes()));
    pack_with(&entries, options())
}

fn change(archive: &[u8], name: &str, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut all = entries(archive);
    let (_, bytes) = all.iter_mut().find(|(entry, _)| entry.starts_with(name)).unwrap();
    change(bytes);
    pack(all)
}

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let (mut out, mut at, mut count) = (bytes.to_vec(), 0, 0);
    while at + from.len() <= out.len() {
        if out[at..].starts_with(from.as_bytes()) {
            out[at..at + to.len()].copy_from_slice(to.as_bytes());
            count += 1;
        }
        at += 1;
    }
    assert!(count > 0, "{from} is not there");
    out
}

#[test]
fn an_export_has_the_same_bytes_each_time() {
    let exports = Exports::make();
    let (vault, seal) = (exports.vault(), exports.seal());
    assert_eq!((exports.vault(), exports.seal()), (vault.clone(), seal.clone()));
    // Files that no row names, the openings and the owner's leftovers are not part of it.
    fs::write(exports.scene.place.vault.join("stray"), "x").unwrap();
    fs::write(exports.scene.place.vault.join("config.toml"), "").unwrap();
    assert_eq!((exports.vault(), exports.seal()), (vault.clone(), seal.clone()));
    // The tests' own packing is that of the exports, so that what follows changes nothing unawares.
    assert_eq!((pack(entries(&vault)), pack(entries(&seal))), (vault, seal));
}

#[test]
fn a_vault_comes_back_whole() {
    let exports = Exports::make();
    let archive = exports.vault();
    let place = exports.import(&archive, "again").unwrap();
    let (one, two) = (exports.reader(), Reader::open(&place).unwrap());
    assert_eq!(rows(&one), rows(&two));
    assert_eq!(one.head().unwrap(), two.head().unwrap());
    let answer = vaultmesh::verify::verify_vault(&two, &exports.scene.outside(), later()).unwrap();
    assert_eq!(answer.verdict, Verdict::Verified, "{:?}", codes(&answer));
    let answer = exports.verify(&archive).unwrap();
    assert_eq!(answer.verdict, Verdict::Verified, "{:?}", codes(&answer));
    assert_eq!(answer.ledger, one.ledger());
    // Nothing from outside is nothing proven.
    let archive = exports.path("archive.vmb");
    let answer = verify_bundle(&archive, &Outside::default(), later()).unwrap();
    assert_eq!(answer.verdict, Verdict::Undecided);
    assert!(answer.report.has(Code::NoTrustKey) && answer.report.has(Code::RollbackNotExcluded));
}

#[test]
fn a_seal_verifies_with_its_rows_but_for_what_only_the_ledger_tells() {
    let exports = Exports::make();
    let answer = exports.verify(&exports.seal()).unwrap();
    assert_eq!(answer.verdict, Verdict::Undecided);
    // Its scroll is not in the file.
    let open = [Code::EvidenceUnreadable];
    assert_eq!(codes(&answer), open.into(), "{:?}", answer.report.findings());
    assert!(answer.report.checks().iter().any(|check| check.contains(": complete at ")));
    assert!(answer.seals[0].anchors.iter().all(|anchor| anchor.accepted) && !answer.seals[0].anchors.is_empty());
    let error = exports.import(&exports.seal(), "of a seal").unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("export-malformed", 2));
    assert!(!exports.path("of a seal").exists());
}

#[test]
fn nothing_is_imported_over_something() {
    let exports = Exports::make();
    let archive = exports.vault();
    fs::create_dir(exports.path("used")).unwrap();
    fs::write(exports.path("used/precious"), "x").unwrap();
    let error = exports.import(&archive, "used").unwrap_err();
    assert_eq!(error.exit_code(), 2, "{}", error.code());
    assert_eq!(fixture::files(&exports.path("used")), [exports.path("used/precious")]);
    exports.import(&archive, "again").unwrap();
    let before = rows(&Reader::open(&Place { vault: exports.path("again"), keys: exports.path("k") }).unwrap());
    assert_eq!(exports.import(&archive, "again").unwrap_err().exit_code(), 2);
    let after = rows(&Reader::open(&Place { vault: exports.path("again"), keys: exports.path("k") }).unwrap());
    assert_eq!(before, after);
    fs::create_dir(exports.path("empty")).unwrap();
    assert!(exports.import(&archive, "empty").is_ok());
}

/// What an archive that is not as it was made comes to: never verified, and named.
fn never_verified(exports: &Exports, archive: &[u8], what: &str) {
    match exports.verify(archive) {
        Ok(answer) => {
            assert_ne!(answer.verdict, Verdict::Verified, "{what}");
            assert!(!answer.report.findings().is_empty(), "{what}");
        }
        Err(error) => assert_eq!(error.exit_code(), 2, "{what}: {error}"),
    }
}

#[test]
fn a_truncated_export_is_never_verified() {
    let exports = Exports::make();
    for archive in [exports.vault(), exports.seal()] {
        for len in (0..archive.len()).step_by(521).chain(archive.len() - 24..archive.len()) {
            never_verified(&exports, &archive[..len], &format!("{len} bytes"));
        }
        never_verified(&exports, &[archive.as_slice(), b"x"].concat(), "a byte more at the end");
        never_verified(&exports, &[b"x", archive.as_slice()].concat(), "a byte more at the beginning");
        never_verified(&exports, &[archive.as_slice(), archive.as_slice()].concat(), "twice");
    }
}

#[test]
fn a_flipped_bit_of_an_export_is_never_verified() {
    let exports = Exports::make();
    let archive = exports.vault();
    // All of the headers at the end, and a part of what they head.
    let directory = archive.len() - 3_000;
    for at in (0..directory).step_by(211).chain((directory..archive.len()).step_by(13)) {
        let mut flipped = archive.clone();
        flipped[at] ^= 1 << (at % 8);
        never_verified(&exports, &flipped, &format!("byte {at} of {}", archive.len()));
    }
    let seal = exports.seal();
    for at in (0..seal.len()).step_by(211) {
        let mut flipped = seal.clone();
        flipped[at] ^= 1 << (at % 8);
        never_verified(&exports, &flipped, &format!("byte {at} of {} of a seal", seal.len()));
    }
}

/// Refused where it is verified and where it is imported, for the same reason, and nothing is left behind.
#[track_caller]
fn refused(exports: &Exports, archive: &[u8], reason: &str) {
    for error in
        [exports.verify(archive).map(drop).unwrap_err(), exports.import(archive, "refused").map(drop).unwrap_err()]
    {
        assert_eq!((error.code(), error.exit_code()), ("export-malformed", 2), "{reason}: {error}");
        assert!(error.to_string().contains(reason), "{error}, not: {reason}");
        assert!(!exports.path("refused").exists(), "{reason}");
    }
}

#[test]
fn archives_that_no_export_makes_are_refused_by_name() {
    let exports = Exports::make();
    let archive = exports.vault();
    let whole = || entries(&archive);
    let with = |name: &str| {
        let mut more = whole();
        more.pop();
        more.push((name.to_owned(), b"x".to_vec()));
        more[4..].sort();
        pack(more)
    };
    let below = "a name is not a path below the archive";
    for name in
        ["../escaping", "aa/../../other", "/absolute", "aa//empty", "aa\\back", "C:/drive", "aa/new\nline", "aa/."]
    {
        refused(&exports, &with(name), below);
    }
    assert!(!exports.dir.path().parent().unwrap().join("escaping").exists());
    // A name twice: the same length, so that it can be changed in place.
    refused(&exports, &replace(&with("VERIFY.tyt"), "VERIFY.tyt", "VERIFY.txt"), "a name stands twice");
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.lock", "execution.lock", "ledger.db/x"] {
        refused(&exports, &with(name), "a file that only the ledger itself writes");
    }
    for name in ["stray", "config.toml", "receipts/x/y", "receipts/x/ROOT.y.txt", "rebuilt.vault/x"] {
        refused(&exports, &with(name), "a file that no row names");
    }
    for name in ["manifest.json", "rows.jsonl", "checkpoints.jsonl", "SHA256SUMS"] {
        let mut less = whole();
        less.retain(|(entry, _)| entry != name);
        let less = if name == "SHA256SUMS" { pack_with(&less, options()) } else { pack(less) };
        refused(&exports, &less, &format!("it lacks {name}"));
    }
    let exact = "not, byte for byte, what its entries make";
    let mut turned = whole();
    turned.swap(0, 1);
    refused(&exports, &pack(turned), exact);
    refused(&exports, &pack_with(&whole(), options().unix_permissions(0o755)), exact);
    let other_time = DateTime::from_date_and_time(2025, 1, 1, 0, 0, 0).unwrap();
    refused(&exports, &pack_with(&whole(), options().last_modified_time(other_time)), exact);
    refused(&exports, &pack_with(&whole(), options().large_file(false)), exact);
    refused(&exports, b"", "");
    refused(&exports, b"PK\x05\x06", "");
}

#[test]
fn links_and_compressed_entries_are_refused() {
    let exports = Exports::make();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries(&exports.vault()) {
        if name == "rows.jsonl" {
            zip.add_symlink(name, "/etc/passwd", options()).unwrap();
        } else {
            zip.start_file(name, options()).unwrap();
            zip.write_all(&bytes).unwrap();
        }
    }
    refused(&exports, &zip.finish().unwrap().into_inner(), "an entry is a link");
    if !fixture::has_tool("python3", "--version", "the part with compressed entries") {
        return;
    }
    let (from, to) = (exports.path("vault.vmb"), exports.path("deflated.vmb"));
    let script = "import sys, zipfile\n\
        out = zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_DEFLATED)\n\
        one = zipfile.ZipFile(sys.argv[1])\n\
        [out.writestr(name, one.read(name)) for name in one.namelist()]\n\
        out.close()\n";
    let status = std::process::Command::new("python3").args(["-c", script]).arg(from).arg(&to).status().unwrap();
    assert!(status.success());
    refused(&exports, &fs::read(to).unwrap(), "");
}

#[test]
fn an_archive_packed_again_around_changed_content_is_found_out() {
    let exports = Exports::make();
    let (vault, seal) = (exports.vault(), exports.seal());
    let lines = |bytes: &[u8]| bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let flip = |bytes: &mut Vec<u8>| {
        let at = bytes.len() / 2;
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    };
    let cut = |bytes: &mut Vec<u8>| {
        let mut all = lines(bytes);
        all.pop();
        *bytes = all.concat();
    };
    let swap = |bytes: &mut Vec<u8>| {
        let mut all = lines(bytes);
        all.swap(0, 1);
        *bytes = all.concat();
    };
    let double = |bytes: &mut Vec<u8>| {
        let all = lines(bytes);
        bytes.extend_from_slice(&all[all.len() - 1]);
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Vec<u8>));
    let changes: [Change<'_>; 4] = [("flip", &flip), ("cut", &cut), ("swap", &swap), ("double", &double)];
    for (archive, names) in [(&vault, ["rows.jsonl", "checkpoints.jsonl"]), (&seal, ["rows.jsonl", "proofs.jsonl"])] {
        for name in names {
            for (what, made) in changes {
                let changed = change(archive, name, made);
                never_verified(&exports, &changed, &format!("{name}: {what}"));
                if archive == &vault {
                    let error = exports.import(&changed, "changed").map(drop).unwrap_err();
                    assert_eq!(error.exit_code(), 2, "{name}: {what}: {error}");
                    assert!(!exports.path("changed").exists(), "{name}: {what}");
                }
            }
        }
    }
    let other = Scene::small(64).key;
    let elsewhere = other.name().trim_start_matches("vaultmesh/").to_owned();
    let saying = |archive: &[u8], member: &str, value: serde_json::Value| {
        change(archive, "manifest.json", |bytes| {
            let mut manifest: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            assert_ne!(manifest[member], value, "{member}");
            manifest[member] = value.clone();
            *bytes = vm_core::canonical::to_bytes(&manifest).unwrap();
        })
    };
    refused(&exports, &saying(&vault, "ledger", json!(elsewhere)), "another ledger");
    refused(&exports, &saying(&seal, "ledger", json!(elsewhere)), "");
    // What it says for people must be so too: somebody might take the key from it.
    refused(&exports, &saying(&vault, "key", json!(other)), "another key");
    refused(&exports, &saying(&seal, "key", json!(other)), "");
    refused(&exports, &saying(&vault, "size", json!(3)), "another size");
    refused(&exports, &saying(&vault, "seal_id", json!(exports.scene.seals[0].seal_id)), "a seal");
    for name in ["seals/", "anchors/", "receipts/console/ENGINE", "receipts/console/ROOT", "runes/", "manifest.json"] {
        never_verified(&exports, &change(&vault, name, flip), name);
    }
    for name in ["seals/", "anchors/", "manifest.json"] {
        never_verified(&exports, &change(&seal, name, flip), name);
    }
}

#[test]
fn an_export_of_a_vault_that_was_tampered_with_is_refused_or_contradicted() {
    let scene = Scene::small(62);
    let dir = fixture::folder();
    let out = dir.path().join("x.vmb");
    let copy = scene.copy();
    copy.sql("DELETE FROM tool_invocations");
    assert!(export_vault(&copy.reader(), &out).is_err(), "a row that is missing was left out");
    assert!(!out.exists());
    let copy = scene.copy();
    copy.sql("UPDATE tool_invocations SET tool = 'x'");
    export_vault(&copy.reader(), &out).unwrap();
    let answer = verify_bundle(&out, &scene.outside(), later()).unwrap();
    assert_eq!(answer.verdict, Verdict::Contradicted);
    let place = Place { vault: dir.path().join("rebuilt"), keys: dir.path().join("keys") };
    assert!(import(&place, &out).is_err());
    // A file that is gone is named when it is exported, and missed when that is verified.
    let copy = scene.copy();
    assert_eq!(export_vault(&copy.reader(), &out).unwrap_err().code(), "file", "an export takes no other's place");
    fs::remove_file(&out).unwrap();
    fs::remove_dir_all(copy.path("anchors")).unwrap();
    let exported = export_vault(&copy.reader(), &out).unwrap();
    assert_eq!(exported.missing.len(), 2);
    let answer = verify_bundle(&out, &scene.outside(), later()).unwrap();
    assert_eq!(answer.verdict, Verdict::Undecided);
    assert!(answer.report.has(Code::AnchorMissing));
}

#[test]
fn openings_and_keys_stay_behind() {
    let exports = Exports::make();
    let archive = exports.vault();
    let names: Vec<String> = entries(&archive).into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| !name.contains("ledger") && !name.ends_with(".key")), "{names:?}");
    let mut found = 0;
    for file in fixture::files(&exports.scene.place.keys) {
        let secret = fs::read_to_string(&file).unwrap_or_default();
        let lines = secret.lines().filter(|line| line.starts_with("vm-secret-key-v0"));
        for word in lines.flat_map(str::split_whitespace).filter(|word| word.len() == 64) {
            assert!(!archive.windows(word.len()).any(|part| part == word.as_bytes()), "{}", file.display());
            found += 1;
        }
    }
    assert_eq!(found, 5, "keys that were looked for");
}
