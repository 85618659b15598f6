//! Root over a million leaf hashes.

use sha2::{Digest as _, Sha256};
use vm_core::digest::LeafHash;
use vm_seal::merkle;

use crate::error::BenchError;
use crate::event::Draw;
use crate::harness::{Effort, Reach, Row, compare};

const PATH: &str = "merkle root of 1,000,000 leaf hashes";
/// Leaves of the row.
pub const LEAVES: usize = 1_000_000;

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

/// Ours.
#[must_use]
pub fn ours(leaves: &[[u8; 32]]) -> [u8; 32] {
    *merkle::root_of(leaves.iter().copied().map(LeafHash::from_bytes)).as_bytes()
}

/// The peer, which also keeps every node; none where there are no leaves.
#[must_use]
pub fn theirs(leaves: &[[u8; 32]]) -> Option<[u8; 32]> {
    rs_merkle::MerkleTree::<Rfc6962>::from_leaves(leaves).root()
}

/// The row of the table.
///
/// # Errors
/// [`BenchError`] where both sides differ.
pub fn row(effort: &Effort) -> Result<Row, BenchError> {
    let leaves = leaves(LEAVES);
    let (our_root, their_root) = (ours(&leaves), theirs(&leaves));
    if Some(our_root) != their_root {
        let hex = vm_core::digest::to_hex;
        let theirs = their_root.map_or_else(|| "none".to_owned(), |root| hex(&root));
        return Err(BenchError::Differ { path: PATH, ours: hex(&our_root), theirs });
    }
    let times = compare(effort, || ours(std::hint::black_box(&leaves)), || theirs(std::hint::black_box(&leaves)));
    Ok(Row::new(PATH, "rs_merkle from_leaves", times, Reach::AtLeast(8.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_on_small_trees() {
        for count in 1..=66 {
            let leaves = leaves(count);
            assert_eq!(Some(ours(&leaves)), theirs(&leaves), "{count} leaves");
        }
    }
}
