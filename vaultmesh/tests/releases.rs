//! What releases wrote: golden bytes and vaults that are kept for ever, and that today's code reads and goes on with.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use fixture::{codes, copy_folder, digest, files, later, record_one, reopen, rows, tool};
use serde_json::json;
use tempfile::TempDir;
use vaultmesh::export::{export_vault, import};
use vaultmesh::read::Reader;
use vaultmesh::trust::TrustFile;
use vaultmesh::vault::{Common, Place, RecordInput, Vault};
use vaultmesh::verify::{Outside, Verification, verify_vault};
use vm_core::digest::Sha256Digest;
use vm_core::key::Note;
use vm_core::verdict::Verdict;
use vm_core::view::EvidenceView as _;
use vm_seal::selection::Selection;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
/// The list of what is kept: `sha256sum` lines, sorted by name.
const KEPT: &str = include_str!("kept.sha256");
/// What the names of a release's files have in common, and the SHA-256 of its lines in the list. A release adds a line
/// here, with files of its own; the lines above never change.
const RELEASES: &[(&[&str], &str)] = &[
    (
        &["golden/0003_shadow_receipts/", "data/vaults/schema-3/"],
        "1b75095e9370a3ea757f1d0ef3c5bb1a58153515891c2a9129e68c9c0351b6f1",
    ),
    // With indexes, which are rows of a format of their own and change no table.
    (&["golden/0003_shadow_receipts_indexed/"], "f0f374002817bccf52c74ffee7abe41deb174bbb13cfa513d2cc47adcbd0eff8"),
];
/// Names the vault that a child of these tests opens, and with what keys.
const CHILD: [&str; 2] = ["VAULTMESH_TEST_RELEASE_VAULT", "VAULTMESH_TEST_RELEASE_KEYS"];

#[test]
fn nothing_that_was_kept_vanishes_or_changes() {
    let listed: Vec<(&str, &str)> = KEPT.lines().map(|line| line.split_once("  ").unwrap()).collect();
    for (sha256, name) in &listed {
        let bytes = fs::read(Path::new(TESTS).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(Sha256Digest::of(&bytes).to_hex(), *sha256, "{name}");
    }
    for folder in ["golden", "data/vaults"] {
        for file in files(&Path::new(TESTS).join(folder)) {
            let name = file.strip_prefix(TESTS).unwrap().to_str().unwrap();
            let known = listed.iter().any(|(_, listed)| *listed == name) || name.ends_with("README.md");
            assert!(known, "{name} is not in kept.sha256");
        }
    }
    let mut pinned = 0;
    for (folders, expected) in RELEASES {
        let of_release = |line: &&str| folders.iter().any(|folder| line.contains(&format!("  {folder}")));
        let lines: String = KEPT.lines().filter(of_release).map(|line| format!("{line}\n")).collect();
        assert_eq!(Sha256Digest::of(lines.as_bytes()).to_hex(), *expected, "{folders:?}");
        pinned += lines.lines().count();
    }
    assert_eq!(pinned, listed.len(), "files of no release in kept.sha256");
}

/// A release's vault, copied to be worked on.
struct Kept {
    name: String,
    from: PathBuf,
    dir: TempDir,
    place: Place,
}

fn all_kept() -> Vec<Kept> {
    let vaults = Path::new(TESTS).join("data/vaults");
    let folders = fs::read_dir(vaults).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let kept: Vec<Kept> = folders.map(Kept::copy).collect();
    let with_vault = |folders: &[&str]| folders.iter().any(|folder| folder.starts_with("data/vaults/"));
    assert_eq!(kept.len(), RELEASES.iter().filter(|(folders, _)| with_vault(folders)).count());
    kept
}

impl Kept {
    fn copy(from: PathBuf) -> Self {
        let dir = fixture::folder();
        let place = fixture::place(dir.path());
        copy_folder(&from.join("vault"), &place.vault);
        copy_folder(&from.join("keys"), &place.keys);
        for file in files(&place.keys) {
            close(&file);
        }
        // The one artifact that is too large to be kept.
        let large = vec![b'x'; (1 << 20) + 1];
        let hex = Sha256Digest::of(&large).to_hex();
        let folder = place.vault.join("artifacts").join(&hex[..2]);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(hex), large).unwrap();
        let name = from.file_name().unwrap().to_string_lossy().into_owned();
        Self { name, from, dir, place }
    }

    fn head(&self, name: &str) -> Note {
        Note::parse(&fs::read(self.from.join(name)).unwrap()).unwrap()
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.place).unwrap_or_else(|error| panic!("{}: {error:?}", self.name))
    }

    fn verify(&self, head: Note) -> Verification {
        let trust = TrustFile::load(&self.from.join("trust.toml")).unwrap();
        let outside = Outside { key: None, head: Some(head), trust: Some(trust), ..Outside::default() };
        verify_vault(&self.reader(), &outside, later()).unwrap()
    }

    /// Fails the test unless the vault is wholly proven, under the head that a verifier kept.
    #[track_caller]
    fn verified(&self, head: Note) -> Verification {
        let answer = self.verify(head);
        assert_eq!(answer.verdict, Verdict::Verified, "{}: {:?}", self.name, codes(&answer));
        answer
    }

    /// Records, appends to a scroll, seals and anchors.
    fn go_on(&self, seed: u64) {
        let mut vault = reopen(&self.place, seed);
        record_one(&mut vault, RecordInput::Tool(tool("today's")));
        vault.scroll(&"console".parse().unwrap(), &[json!({"kind": "today's"})], &Common::default()).unwrap();
        let seal = vault.seal(Selection::everything()).unwrap();
        vault.anchor_local(seal.seal_id).unwrap();
    }
}

#[cfg(unix)]
fn close(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn close(_: &Path) {}

/// Digests of the seals as the release wrote them.
fn golden_digests(kept: &Kept) -> Vec<String> {
    let schema = format!("{:0>4}_", kept.name.trim_start_matches("schema-"));
    let golden = fs::read_dir(Path::new(TESTS).join("golden")).unwrap().map(|entry| entry.unwrap().path());
    // What was added to a schema later has a longer name.
    let folder = golden.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(&schema)).min();
    let text = fs::read_to_string(folder.unwrap().join("digests.txt")).unwrap();
    text.lines().map(|line| line.split_once("  ").unwrap().0.to_owned()).collect()
}

#[test]
fn every_release_is_read_as_it_is_and_gone_on_with() {
    for kept in all_kept() {
        let name = &kept.name;
        // Before anything writes to it, in whatever layout it has.
        let before = kept.verified(kept.head("head.txt"));
        let digests: Vec<String> = before.seals.iter().map(|seal| seal.digest.unwrap().to_hex()).collect();
        assert_eq!(digests, golden_digests(&kept), "{name}");
        let leaves: Vec<_> = rows(&kept.reader()).into_iter().map(|row| row.entry).collect();

        kept.go_on(1_001);
        let after = kept.verified(kept.head("head.txt"));
        assert_eq!(after.seals[..2], before.seals[..], "{name}: what was sealed stays sealed");
        assert_eq!(after.seals.len(), 3);
        let reader = kept.reader();
        let now: Vec<_> = rows(&reader).into_iter().map(|row| row.entry).collect();
        assert_eq!(now[..leaves.len()], leaves, "{name}: old leaves stay as they were");
        let all = &before.seals[1];
        // The scrolls have grown since, and are part of the digest: the set of rows is what can be computed again.
        let computed = digest(&reader, &Selection::everything(), all.as_of.unwrap());
        assert_eq!(computed.leaves().as_u64(), all.leaves.unwrap(), "{name}");
        reader.prove(leaves[5].row_id).unwrap();

        let fresh = fixture::folder();
        let new = Vault::init(&fixture::place(fresh.path()), fixture::sources(5)).unwrap().vault;
        let schema = |reader: &Reader| reader.view().schema().unwrap();
        assert_eq!(schema(&reader), schema(&Reader::open(&fixture::place(fresh.path())).unwrap()), "{name}");
        drop(new);

        let exported = kept.dir.path().join("kept.vmb");
        export_vault(&reader, &exported).unwrap();
        let again = Place { vault: kept.dir.path().join("again"), keys: kept.place.keys.clone() };
        import(&again, &exported).unwrap();
        assert_eq!(Reader::open(&again).unwrap().head().unwrap().to_string(), reader.head().unwrap().to_string());
    }
}

#[test]
fn what_a_killed_writer_left_is_taken_over() {
    for kept in all_kept() {
        fs::copy(kept.from.join("killed.db-wal"), kept.place.vault.join("ledger.db-wal")).unwrap();
        let head = kept.head("killed-head.txt").to_string();
        assert_eq!(kept.reader().head().unwrap().to_string(), head, "{}: the last row is in the log alone", kept.name);
        kept.go_on(1_002);
        kept.verified(kept.head("killed-head.txt"));
    }
}

/// What the next test runs as a process of its own: it opens a release's vault for writing, and goes on with it.
#[test]
fn child() {
    let [Some(vault), Some(keys)] = CHILD.map(|name| std::env::var_os(name).map(PathBuf::from)) else { return };
    let mut vault = reopen(&Place { vault, keys }, 1_003);
    println!("opened");
    loop {
        record_one(&mut vault, RecordInput::Tool(tool("child's")));
    }
}

#[test]
fn a_writer_killed_while_it_opens_leaves_a_vault_that_opens() {
    for kept in all_kept() {
        for cycle in 0..12_u64 {
            let kept = Kept::copy(kept.from.clone());
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "child", "--nocapture"])
                .envs(CHILD.into_iter().zip([&kept.place.vault, &kept.place.keys]))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // The process begins, opens and migrates within some ten milliseconds.
            std::thread::sleep(Duration::from_micros(2_000 + cycle * 2_311));
            child.kill().unwrap();
            child.wait().unwrap();
            let answer = kept.verify(kept.head("head.txt"));
            assert_ne!(answer.verdict, Verdict::Contradicted, "{} cycle {cycle}: {:?}", kept.name, codes(&answer));
            kept.go_on(2_000 + cycle);
            kept.verified(kept.head("head.txt"));
        }
    }
}

#[test]
fn a_vault_of_a_later_release_is_refused_by_name() {
    for kept in all_kept() {
        kept.go_on(1_004);
        let (newest, _) = kept.reader().view().schema().unwrap();
        let later = newest.number() + 1;
        vm_ledger::hazmat::execute(&kept.place.vault, &format!("PRAGMA user_version = {later}")).unwrap();
        let before = fs::read(kept.place.vault.join("ledger.db")).unwrap();
        let read = Reader::open(&kept.place).unwrap_err();
        let written = Vault::open(&kept.place, fixture::sources(9), Duration::from_secs(1)).unwrap_err();
        for error in [read, written] {
            assert_eq!((error.code(), error.exit_code()), ("ledger-newer-schema", 2));
            let text =
                error.to_string() + &std::error::Error::source(&error).map_or(String::new(), ToString::to_string);
            assert!(text.contains(&format!("schema {later}")) && text.contains(&newest.to_string()), "{text}");
            assert!(error.remedy().contains("release"), "{}", error.remedy());
        }
        assert_eq!(fs::read(kept.place.vault.join("ledger.db")).unwrap(), before, "nothing was written");
    }
}
