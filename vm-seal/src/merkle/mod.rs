//! Merkle trees in the shape and with the hashing of RFC 6962 and RFC 9162.
//!
//! A leaf hash is SHA-256 over `0x00` and the leaf data, a node SHA-256 over `0x01` and its two children. A tree of n
//! leaves splits at the largest power of two below n, so nothing is ever duplicated or padded.
//!
//! Proofs are made over a [`HashReader`], which answers with hashes of complete subtrees; a tree in memory, a
//! directory of tiles and a database can all be one.

mod consistency;
mod frontier;
mod hashing;
mod inclusion;
mod multi;
mod node;
mod range;
mod run;
mod size;
pub mod tile;
mod tree;

pub use consistency::{ConsistencyProof, prove_consistency};
pub use frontier::Frontier;
pub use inclusion::{InclusionProof, VerifiedInclusion, prove_inclusion};
pub use multi::{MultiProof, VerifiedMulti, prove_multi};
pub use node::{HashReader, NodeAt, root_at};
pub use range::{RangeProof, RangeVerifier, VerifiedRange, prove_range};
pub use run::LeafRun;
pub use size::{LeafIndex, TreeSize};
pub use tree::Tree;

use hashing::parent;
use vm_core::digest::{LeafHash, RootHash};

/// Most hashes a proof may hold. A tree of fewer than 2^64 leaves never needs more (RFC 9162, section 2.1.3).
pub const PROOF_HASHES_MAX: usize = 64;

/// Root over `leaves` in order. Cost: one hash a leaf; memory: 64 KiB. Leaves that lie side by side are hashed where they
/// lie by [`root_of_slice`].
pub fn root_of(leaves: impl IntoIterator<Item = LeafHash>) -> RootHash {
    let mut frontier = Frontier::new();
    frontier.extend(leaves);
    frontier.root()
}

/// Root over `leaves` in order. Cost: one hash a leaf; memory: 32 KiB.
#[must_use]
pub fn root_of_slice(leaves: &[LeafHash]) -> RootHash {
    let mut frontier = Frontier::new();
    frontier.append_all(leaves);
    frontier.root()
}

/// Hashes up a proof along the path of `index`: bit i of `index` says on which side the hash at step i stands.
fn chain_inner(seed: RootHash, hashes: &[RootHash], index: u64) -> RootHash {
    let step = |(seed, bits): (RootHash, u64), hash: &RootHash| {
        let above = if bits & 1 == 0 { parent(&seed, hash) } else { parent(hash, &seed) };
        (above, bits >> 1)
    };
    hashes.iter().fold((seed, index), step).0
}

/// As [`chain_inner`], taking only the hashes that stand to the left.
fn chain_inner_left(seed: RootHash, hashes: &[RootHash], index: u64) -> RootHash {
    let step = |(seed, bits): (RootHash, u64), hash: &RootHash| {
        let above = if bits & 1 == 0 { seed } else { parent(hash, &seed) };
        (above, bits >> 1)
    };
    hashes.iter().fold((seed, index), step).0
}

/// Hashes up the right border of a tree, where every sibling stands to the left.
fn chain_border(seed: RootHash, hashes: &[RootHash]) -> RootHash {
    hashes.iter().fold(seed, |seed, hash| parent(hash, &seed))
}

/// Lengths of the two parts of an inclusion proof for `index` in a tree of `size`: the levels below the point where
/// the path leaves the right border, and the left siblings above it. Demands `index < size`.
const fn proof_parts(index: u64, size: u64) -> (u32, u32) {
    let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
    let border = match index.checked_shr(inner) {
        Some(above) => above.count_ones(),
        None => 0,
    };
    (inner, border)
}

/// Largest power of two below `count`. Demands `count > 1`.
const fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}
