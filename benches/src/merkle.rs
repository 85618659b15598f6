//! Roots over a million leaf hashes, and a tree that keeps all nodes. Leaf data is hashed on neither side, unless a row
//! says so.

use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use vm_core::digest::LeafHash;
use vm_seal::merkle::{self, Tree};

use crate::error::BenchError;
use crate::event::Draw;
use crate::harness::{Effort, Reach, Row, Times, compare, in_turns};

const ROOT: &str = "merkle root of 1,000,000 leaf hashes";
const TREE: &str = "merkle tree of 1,000,000 leaf hashes, all nodes kept";
const BARE: &str = "bare node hashing, no tree";
/// Leaves of the rows.
pub const LEAVES: usize = 1_000_000;
/// Most bytes a leaf that a tree with all nodes may take.
const BYTES_A_LEAF: f64 = 66.0;

/// RFC 6962 hashing for rs_merkle, whose own hashers have no domain separation.
#[derive(Clone, Debug)]
pub struct Rfc6962;

impl rs_merkle::Hasher for Rfc6962 {
    type Hash = [u8; 32];

    fn hash(data: &[u8]) -> [u8; 32] {
        Sha256::new_with_prefix([0x00]).chain_update(data).finalize().into()
    }

    fn concat_and_hash(left: &[u8; 32], right: Option<&[u8; 32]>) -> [u8; 32] {
        let Some(right) = right else { return *left };
        let mut node = [0x01; 65];
        node[1..33].copy_from_slice(left);
        node[33..].copy_from_slice(right);
        Sha256::digest(node).into()
    }
}

/// A tree of ct-merkle's.
pub type CtTree = ct_merkle::mem_backed_tree::MemoryBackedTree<Sha256, [u8; 32]>;

/// Seeded leaf hashes.
#[must_use]
pub fn leaves(count: usize) -> Vec<[u8; 32]> {
    let mut draw = Draw(0);
    let mut leaf = || {
        let mut bytes = [0; 32];
        bytes.chunks_exact_mut(8).for_each(|chunk| chunk.copy_from_slice(&draw.bits().to_le_bytes()));
        bytes
    };
    (0..count).map(|_| leaf()).collect()
}

/// The same as our type.
#[must_use]
pub fn leaf_hashes(count: usize) -> Vec<LeafHash> {
    leaves(count).into_iter().map(LeafHash::from_bytes).collect()
}

/// Ours.
#[must_use]
pub fn ours(leaves: &[LeafHash]) -> [u8; 32] {
    *merkle::root_of_slice(leaves).as_bytes()
}

/// The peer, which also keeps every node; none where there are no leaves.
#[must_use]
pub fn theirs(leaves: &[[u8; 32]]) -> Option<[u8; 32]> {
    rs_merkle::MerkleTree::<Rfc6962>::from_leaves(leaves).root()
}

/// The other peer, which takes leaf by leaf, keeps every node and hashes the path anew for each. It hashes what it takes
/// as leaf data.
#[must_use]
pub fn grown_by_ct_merkle(data: &[[u8; 32]]) -> CtTree {
    let mut tree = CtTree::new();
    data.iter().for_each(|data| tree.push(*data));
    tree
}

/// As many node hashes as a tree over `leaves` takes, many side by side, pairs read in their order, answers into a few
/// bytes that stay in the nearest cache: what the processor can do, and no tree.
pub fn bare(leaves: &[[u8; 32]]) -> [u8; 32] {
    let mut parents = [[0; 32]; 256];
    let pairs = leaves.as_chunks().0;
    let mut left = leaves.len().saturating_sub(1);
    for pairs in pairs.chunks(parents.len()).chain(pairs.chunks(parents.len())) {
        let now = pairs.len().min(left);
        vm_hash::nodes(&pairs[..now], &mut parents);
        left -= now;
    }
    parents[0]
}

fn check(path: &'static str, ours: [u8; 32], theirs: Option<[u8; 32]>) -> Result<(), BenchError> {
    if Some(ours) == theirs {
        return Ok(());
    }
    let hex = vm_core::digest::to_hex;
    let theirs = theirs.map_or_else(|| "none".to_owned(), |root| hex(&root));
    Err(BenchError::Differ { path, ours: hex(&ours), theirs })
}

/// The root against rs_merkle.
///
/// # Errors
/// [`BenchError`] where both sides differ.
pub fn row(effort: &Effort) -> Result<Row, BenchError> {
    let (plain, typed) = (leaves(LEAVES), leaf_hashes(LEAVES));
    check(ROOT, ours(&typed), theirs(&plain))?;
    let times = compare(effort, || ours(std::hint::black_box(&typed)), || theirs(std::hint::black_box(&plain)));
    Ok(Row::new(ROOT, "rs_merkle from_leaves", times, Reach::AtLeast(8.0)))
}

/// The root against ct-merkle, which cannot be given leaf hashes: it takes these as leaf data and hashes each once more,
/// beside the twenty nodes it hashes for each.
///
/// # Errors
/// None.
pub fn row_of_ct_merkle(effort: &Effort) -> Result<Row, BenchError> {
    let (plain, typed) = (leaves(LEAVES), leaf_hashes(LEAVES));
    let sides = (|| ours(std::hint::black_box(&typed)), || grown_by_ct_merkle(std::hint::black_box(&plain)));
    Ok(Row::new(ROOT, "ct-merkle push, with its leaf hashing", compare(effort, sides.0, sides.1), Reach::AtLeast(25.0)))
}

/// The same with leaf hashing on both sides.
///
/// # Errors
/// [`BenchError`] where both sides differ.
pub fn row_of_ct_merkle_leaves(effort: &Effort) -> Result<Row, BenchError> {
    const PATH: &str = "merkle root of 1,000,000 leaves of 32 bytes, leaf hashing on both sides";
    let data = leaves(LEAVES);
    let mut theirs = [0; 32];
    theirs.copy_from_slice(grown_by_ct_merkle(&data).root().as_bytes());
    check(PATH, hashed_and_rooted(&data), Some(theirs))?;
    let sides = (|| hashed_and_rooted(std::hint::black_box(&data)), || grown_by_ct_merkle(std::hint::black_box(&data)));
    Ok(Row::new(PATH, "ct-merkle push", compare(effort, sides.0, sides.1), Reach::AtLeast(25.0)))
}

/// Leaf hashes of 32 bytes each, and their root.
fn hashed_and_rooted(data: &[[u8; 32]]) -> [u8; 32] {
    let mut frontier = merkle::Frontier::new();
    let mut hashes = [LeafHash::from_bytes([0; 32]); 1024];
    for data in data.chunks(hashes.len()) {
        vm_hash::leaves_of_32(data, &mut hashes);
        frontier.append_all(&hashes[..data.len()]);
    }
    *frontier.root().as_bytes()
}

/// The root against bare node hashing.
///
/// # Errors
/// None.
pub fn row_of_bare(effort: &Effort) -> Result<Row, BenchError> {
    let (plain, typed) = (leaves(LEAVES), leaf_hashes(LEAVES));
    let times = compare(effort, || ours(std::hint::black_box(&typed)), || bare(std::hint::black_box(&plain)));
    Ok(Row::new(ROOT, BARE, times, Reach::AtLeast(0.95)))
}

/// A tree with all its nodes against bare node hashing. The tree takes over the vector of leaf hashes, as whoever makes
/// one has it; it is made ready outside the time, and the tree is dropped outside it.
///
/// # Errors
/// None.
pub fn row_of_tree(effort: &Effort) -> Result<Row, BenchError> {
    let (plain, typed) = (leaves(LEAVES), leaf_hashes(LEAVES));
    let made = || -> Result<Duration, BenchError> {
        let leaves = typed.clone();
        let start = Instant::now();
        let tree = std::hint::black_box(Tree::from_leaves(leaves));
        let took = start.elapsed();
        drop(tree);
        Ok(took)
    };
    let hashed = || -> Result<Duration, BenchError> {
        let start = Instant::now();
        std::hint::black_box(bare(std::hint::black_box(&plain)));
        Ok(start.elapsed())
    };
    Ok(Row::new(TREE, BARE, in_turns(effort.rounds, made, hashed)?, Reach::AtLeast(0.7)))
}

/// The bytes a leaf that such a tree takes: room of its vectors, counted and not timed.
///
/// # Errors
/// None.
pub fn row_of_memory(_: &Effort) -> Result<Row, BenchError> {
    let tree = Tree::from_leaves(leaf_hashes(LEAVES));
    let bytes = u32::try_from(tree.heap_bytes()).map_or(f64::NAN, f64::from);
    let leaves = u32::try_from(LEAVES).map_or(f64::NAN, f64::from);
    let bytes = Times { ours: bytes / leaves, other: BYTES_A_LEAF };
    Ok(Row::new(TREE, "66 bytes a leaf", bytes, Reach::AtMost(1.0)).in_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sides_agree_on_small_trees() {
        for count in 1..=66 {
            let (plain, typed) = (leaves(count), leaf_hashes(count));
            assert_eq!(Some(ours(&typed)), theirs(&plain), "{count} leaves");
            let grown = grown_by_ct_merkle(&plain);
            assert_eq!(grown.root().as_bytes().as_slice(), hashed_and_rooted(&plain), "{count} leaves");
        }
    }

    #[test]
    fn bare_hashing_hashes_a_last_pair() {
        let two = leaves(2);
        assert_eq!(bare(&two), vm_hash::node(&two[0], &two[1]));
    }
}
