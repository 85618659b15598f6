//! Small trees, the definitions of RFC 6962 word for word, and the hashing of a peer.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use rs_merkle::Hasher;
use vm_core::digest::{LeafHash, RootHash};
use vm_seal::merkle::{LeafIndex, Tree, TreeSize};

/// Every size up to here is swept whole.
pub(crate) const SWEEP: usize = 128;

pub(crate) fn leaves(count: usize) -> Vec<LeafHash> {
    (0..count).map(|n| LeafHash::of(&n.to_be_bytes())).collect()
}

pub(crate) fn tree(count: usize) -> Tree {
    let mut tree = Tree::new();
    tree.extend(leaves(count));
    tree
}

pub(crate) fn size(count: usize) -> TreeSize {
    TreeSize::new(count.try_into().unwrap())
}

pub(crate) fn index(before: usize) -> LeafIndex {
    LeafIndex::new(before.try_into().unwrap())
}

pub(crate) fn split(count: usize) -> usize {
    let mut k = 1;
    while k * 2 < count {
        k *= 2;
    }
    k
}

/// MTH of RFC 6962, section 2.1, word for word.
pub(crate) fn mth(leaves: &[LeafHash]) -> RootHash {
    match leaves {
        [] => RootHash::empty(),
        [leaf] => leaf.to_root(),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            RootHash::parent(&mth(left), &mth(right))
        }
    }
}

/// PATH of RFC 6962, section 2.1.1, word for word.
pub(crate) fn path(m: usize, leaves: &[LeafHash]) -> Vec<RootHash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if m < k { (path(m, left), mth(right)) } else { (path(m - k, right), mth(left)) };
    path.push(sibling);
    path
}

pub(crate) fn corrupted(hash: RootHash) -> RootHash {
    let mut bytes = *hash.as_bytes();
    bytes[31] ^= 1;
    RootHash::from_bytes(bytes)
}

/// The hashing of RFC 6962 for rs_merkle, whose own hashers have no domain separation.
#[derive(Clone)]
pub(crate) struct Rfc6962;

impl Hasher for Rfc6962 {
    type Hash = [u8; 32];

    fn hash(data: &[u8]) -> [u8; 32] {
        *LeafHash::of(data).as_bytes()
    }

    fn concat_and_hash(left: &[u8; 32], right: Option<&[u8; 32]>) -> [u8; 32] {
        right.map_or(*left, |right| {
            let (left, right) = (RootHash::from_bytes(*left), RootHash::from_bytes(*right));
            *RootHash::parent(&left, &right).as_bytes()
        })
    }
}
