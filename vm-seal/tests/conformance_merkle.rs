//! Foreign vectors: proofs of transparency-dev/merkle, a log of transparency-dev/tessera.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use base64ct::{Base64, Encoding as _};
use serde_json::Value;
use vm_core::digest::{LeafHash, RootHash};
use vm_core::key::{Note, NoteKey};
use vm_core::verdict::{Code, Verdict};
use vm_seal::audit::Trust;
use vm_seal::checkpoint::{Checkpoint, VerifiedCheckpoint};
use vm_seal::memory::MemoryFiles;
use vm_seal::merkle::tile::{TileAt, TileReader as _};
use vm_seal::merkle::{
    ConsistencyProof, InclusionProof, LeafIndex, TreeSize, prove_consistency, prove_inclusion, root_at, root_of,
};
use vm_seal::tlog::Tlog;

use common::suite;

/// Vectors whose outcome here is not the one they demand: path below the suite, and the reason. None is known.
const DEVIATIONS: [(&str, &str); 0] = [];

/// What is wrong with a run: vectors that fail and are not listed, entries that name none or one that passes.
fn faults(passed: &BTreeMap<String, bool>, listed: &[(&str, &str)]) -> Vec<String> {
    let is_listed = |path: &str| listed.iter().any(|(name, _)| *name == path);
    let failed = passed.iter().filter(|(path, passed)| !**passed && !is_listed(path));
    let stale = listed.iter().filter(|(path, reason)| passed.get(*path) != Some(&false) || reason.is_empty());
    failed.map(|(path, _)| format!("{path}: failed")).chain(stale.map(|(path, _)| format!("{path}: stale"))).collect()
}

#[test]
fn an_unlisted_and_a_stale_deviation_are_faults() {
    let passed = BTreeMap::from([("good".to_owned(), true), ("bad".to_owned(), false)]);
    assert_eq!(faults(&passed, &[]), ["bad: failed"]);
    assert_eq!(faults(&passed, &[("bad", "why")]), [""; 0]);
    for stale in ["good", "gone"] {
        assert_eq!(faults(&passed, &[("bad", "why"), (stale, "why")]), [format!("{stale}: stale")]);
    }
    assert_eq!(faults(&passed, &[("bad", "")]), ["bad: stale"]);
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    Base64::decode_vec(value.as_str()?).ok()
}

fn root(value: &Value) -> Option<RootHash> {
    RootHash::from_slice(&bytes(value)?).ok()
}

/// Hashes of a proof; none where one is not 32 bytes long, which is a refusal.
fn hashes(value: &Value) -> Option<Vec<RootHash>> {
    match value {
        Value::Null => Some(Vec::new()),
        other => other.as_array()?.iter().map(root).collect(),
    }
}

fn inclusion(vector: &Value) -> Option<()> {
    let proof = InclusionProof::from_hashes(hashes(&vector["proof"])?).ok()?;
    let leaf = LeafHash::from_slice(&bytes(&vector["leafHash"])?).ok()?;
    let index = LeafIndex::new(vector["leafIdx"].as_u64()?);
    let size = TreeSize::new(vector["treeSize"].as_u64()?);
    let verified = proof.verify(leaf, index, size, root(&vector["root"])?);
    verified.ok().map(drop)
}

fn consistency(vector: &Value) -> Option<()> {
    let proof = ConsistencyProof::from_hashes(hashes(&vector["proof"])?).ok()?;
    let old = TreeSize::new(vector["size1"].as_u64()?);
    let new = TreeSize::new(vector["size2"].as_u64()?);
    let (old_root, new_root) = (root(&vector["root1"])?, root(&vector["root2"])?);
    proof.verify(old, old_root, new, new_root).ok()
}

/// Files below a folder, by path.
fn files(folder: &Path, below: &str, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}/{}", entry.file_name().to_str().unwrap());
        let name = name.trim_start_matches('/').to_owned();
        if entry.file_type().unwrap().is_dir() {
            files(folder, &name, found);
        } else {
            found.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
}

#[test]
fn vectors_of_merkle() {
    let Some(folder) = suite("merkle") else { return };
    let mut vectors = BTreeMap::new();
    files(&folder, "", &mut vectors);
    let mut passed = BTreeMap::new();
    for (path, bytes) in vectors {
        let vector: Value = serde_json::from_slice(&bytes).unwrap();
        let check = match path.split_once('/') {
            Some(("inclusion", _)) => inclusion,
            Some(("consistency", _)) => consistency,
            _ => panic!("{path} is of no known kind"),
        };
        let refused = check(&vector).is_none();
        passed.insert(path, Some(refused) == vector["wantErr"].as_bool());
    }
    let count = |kind: &str| passed.keys().filter(|path| path.starts_with(kind)).count();
    assert!(count("inclusion") > 50 && count("consistency") > 50, "{} vectors", passed.len());
    let found = faults(&passed, &DEVIATIONS);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A log whose folder holds every checkpoint and partial tile it ever had.
struct Log {
    files: MemoryFiles,
    paths: BTreeMap<String, bool>,
    key: NoteKey,
}

impl Log {
    fn read(folder: &Path) -> Self {
        let mut found = BTreeMap::new();
        files(folder, "", &mut found);
        let key = String::from_utf8(found.remove("VKEY.txt").unwrap()).unwrap();
        let mut log = MemoryFiles::new();
        for (path, bytes) in &found {
            log.put(path.parse().unwrap(), bytes.clone());
        }
        let paths = found.into_keys().map(|path| (path, false)).collect();
        Self { files: log, paths, key: key.trim().parse().unwrap() }
    }

    fn bytes(&self, path: &str) -> Vec<u8> {
        self.files.content(&path.parse().unwrap()).unwrap().to_vec()
    }

    /// Puts the checkpoint of one size in the place of the latest.
    fn reset(&mut self, size: u64) -> VerifiedCheckpoint {
        let name = format!("checkpoint.{size}");
        let bytes = self.bytes(&name);
        self.files.put("checkpoint".parse().unwrap(), bytes.clone());
        let verified = Checkpoint::verify(&Note::parse(&bytes).unwrap(), &self.key).unwrap();
        assert_eq!(verified.size(), TreeSize::new(size));
        self.pass(name);
        verified
    }

    fn pass(&mut self, path: String) {
        *self.paths.get_mut(&path).unwrap() = true;
    }

    /// Every file of the log at one size, each alone and all together.
    fn check(&mut self, signed: &VerifiedCheckpoint, last: &VerifiedCheckpoint, older: &Note) {
        let size = signed.size();
        let trust = Trust { key: Some(&self.key), head: Some(older) };
        let (report, verified) = Tlog::verify(&self.files, &trust).unwrap();
        assert_eq!(report.verdict(), Verdict::Verified, "{size}: {:?}", report.findings());
        let verified = verified.unwrap();
        assert_eq!((verified.entries(), verified.checkpoint().root()), (size.as_u64(), signed.root()));
        let (_, _, log) = Tlog::open(&self.files).unwrap();
        let mut read = Vec::new();
        let mut leaves = Vec::new();
        for at in TileAt::all(size) {
            let (tile, bundle) = (log.tiles().tile(at).unwrap(), log.entries(at).unwrap());
            assert_eq!(tile.to_bytes(), self.bytes(&at.path()));
            assert_eq!(bundle.to_bytes(), self.bytes(&at.entries_path()));
            leaves.extend(bundle.leaves());
            read.extend([at.path(), at.entries_path()]);
        }
        assert_eq!(root_of(leaves.iter().copied()), signed.root());
        assert_eq!(root_at(&log.hashes(), size).unwrap(), signed.root());
        for (place, leaf) in (0..).zip(&leaves) {
            let proof = prove_inclusion(&log.hashes(), LeafIndex::new(place), size).unwrap();
            proof.verify(*leaf, LeafIndex::new(place), size, signed.root()).unwrap();
        }
        read.into_iter().for_each(|path| self.pass(path));
        self.reset(last.size().as_u64());
        let (_, _, log) = Tlog::open(&self.files).unwrap();
        let proof = prove_consistency(&log.hashes(), size, last.size()).unwrap();
        assert_eq!(proof.verify(size, signed.root(), last.size(), last.root()), Ok(()), "{size}");
    }
}

#[test]
fn log_of_tessera() {
    let Some(folder) = suite("tessera_log_0_to_15") else { return };
    let mut log = Log::read(&folder);
    let newest = Note::parse(&log.bytes("checkpoint")).unwrap();
    let newest = Checkpoint::verify(&newest, &log.key).unwrap().size().as_u64();
    log.pass("checkpoint".to_owned());
    let last = log.reset(newest);
    for size in 0..=newest {
        let signed = log.reset(size);
        let older = Note::parse(&log.bytes(&format!("checkpoint.{}", size / 2))).unwrap();
        log.check(&signed, &last, &older);
    }
    let found = faults(&log.paths, &DEVIATIONS);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_flipped_byte_of_the_log_of_tessera_is_found() {
    let Some(folder) = suite("tessera_log_0_to_15") else { return };
    let log = Log::read(&folder);
    let newest = log.bytes("checkpoint");
    let head = Note::parse(&newest).unwrap();
    let size = Checkpoint::parse_text(head.unverified_text()).unwrap().size();
    let trust = Trust { key: Some(&log.key), head: Some(&head) };
    for at in TileAt::all(size) {
        for (path, code) in [(at.path(), Code::RootMismatch), (at.entries_path(), Code::LogAltered)] {
            let path = path.parse().unwrap();
            let good = log.files.content(&path).unwrap().to_vec();
            for place in 0..good.len() {
                let mut files = log.files.clone();
                let mut bad = good.clone();
                bad[place] ^= 0x40;
                files.put(path.clone(), bad);
                let (report, verified) = Tlog::verify(&files, &trust).unwrap();
                assert!(report.has(code) && verified.is_none(), "byte {place} of {path}");
            }
            let mut files = log.files.clone();
            files.remove(&path);
            let (report, verified) = Tlog::verify(&files, &trust).unwrap();
            // Hash tiles are needed; a log may choose to have no entries.
            let expected = if code == Code::LogAltered { Verdict::Verified } else { Verdict::Undecided };
            assert_eq!((report.verdict(), verified.is_some()), (expected, expected == Verdict::Verified), "{path}");
        }
    }
    for place in 0..newest.len() {
        let mut files = log.files.clone();
        let mut bad = newest.clone();
        bad[place] ^= 0x01;
        files.put("checkpoint".parse().unwrap(), bad);
        match Tlog::verify(&files, &trust) {
            Ok((report, _)) => assert_eq!(report.verdict(), Verdict::Contradicted, "byte {place}"),
            Err(error) => assert!(["tlog-note", "tlog-checkpoint"].contains(&error.code()), "{error}"),
        }
    }
}
