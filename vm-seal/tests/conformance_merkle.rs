//! Foreign vectors: proofs of transparency-dev/merkle, a log of transparency-dev/tessera.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod common;

use std::path::Path;

use base64ct::{Base64, Encoding as _};
use serde_json::Value;
use vm_core::digest::{LeafHash, RootHash};
use vm_core::key::{Note, NoteKey};
use vm_seal::checkpoint::{Checkpoint, VerifiedCheckpoint};
use vm_seal::error::TileError;
use vm_seal::merkle::tile::{Tile, TileAt, TileHashes, TileReader};
use vm_seal::merkle::{ConsistencyProof, InclusionProof, LeafIndex, TreeSize, prove_consistency, root_at, root_of};

use common::suite;

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

fn run(folder: &Path, check: fn(&Value) -> Option<()>) -> usize {
    let mut ran = 0;
    for group in std::fs::read_dir(folder).unwrap() {
        for file in std::fs::read_dir(group.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let vector: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let refused = check(&vector).is_none();
            assert_eq!(Some(refused), vector["wantErr"].as_bool(), "{path:?}");
            ran += 1;
        }
    }
    ran
}

#[test]
fn inclusion_vectors() {
    if let Some(folder) = suite("merkle") {
        assert!(run(&folder.join("inclusion"), inclusion) > 50);
    }
}

#[test]
fn consistency_vectors() {
    if let Some(folder) = suite("merkle") {
        assert!(run(&folder.join("consistency"), consistency) > 50);
    }
}

/// The checkpoint of one size, its signature checked.
fn checkpoint(folder: &Path, size: usize) -> VerifiedCheckpoint {
    let vkey = std::fs::read_to_string(folder.join("VKEY.txt")).unwrap();
    let key: NoteKey = vkey.trim().parse().unwrap();
    let bytes = std::fs::read(folder.join(format!("checkpoint.{size}"))).unwrap();
    Checkpoint::verify(&Note::parse(&bytes).unwrap(), &key).unwrap()
}

/// Leaf data of the first `size` entries: in an entry bundle each stands behind its length in two bytes.
fn entries(folder: &Path, size: usize) -> Vec<LeafHash> {
    let bundle = std::fs::read(folder.join(format!("tile/entries/000.p/{size}"))).unwrap();
    let mut rest = bundle.as_slice();
    let mut leaves = Vec::new();
    while let Some((len, tail)) = rest.split_first_chunk::<2>() {
        let (entry, tail) = tail.split_at(u16::from_be_bytes(*len).into());
        leaves.push(LeafHash::of(entry));
        rest = tail;
    }
    leaves
}

struct Directory<'a>(&'a Path);

impl TileReader for Directory<'_> {
    type Error = TileError;

    fn tile(&self, at: TileAt) -> Result<Tile, TileError> {
        Tile::parse(at, &std::fs::read(self.0.join(at.path())).unwrap())
    }
}

#[test]
fn log_of_tessera() {
    let Some(folder) = suite("tessera_log_0_to_15") else {
        return;
    };
    let last = checkpoint(&folder, 15);
    for size in 0..=15_usize {
        let signed = checkpoint(&folder, size);
        assert_eq!(signed.size(), TreeSize::new(size.try_into().unwrap()));
        if size == 0 {
            assert_eq!(signed.root(), RootHash::empty());
            continue;
        }
        assert_eq!(root_of(entries(&folder, size)), signed.root(), "{size}");
        let tiles = TileHashes::new(Directory(&folder), signed.size());
        assert_eq!(root_at(&tiles, signed.size()).unwrap(), signed.root());
        let tiles = TileHashes::new(Directory(&folder), last.size());
        let proof = prove_consistency(&tiles, signed.size(), last.size()).unwrap();
        let extended = proof.verify(signed.size(), signed.root(), last.size(), last.root());
        assert_eq!(extended, Ok(()), "{size}");
    }
}
