//! Node hashing: one at a time, and whole complete subtrees at once.

use vm_core::digest::{DIGEST_LEN, LeafHash, RootHash, Subtree};

/// Height of the largest subtree hashed at once. Its leaves and all that is above them, 32 KiB each, stay in the cache.
pub(super) const TILE_LEVEL: u8 = 10;

/// Leaves of a subtree of [`TILE_LEVEL`].
pub(super) const TILE_LEAVES: usize = 1 << TILE_LEVEL;

/// Parent of two subtrees.
pub(super) fn parent(left: &RootHash, right: &RootHash) -> RootHash {
    count(1);
    RootHash::parent(left, right)
}

/// Parents of many pairs.
pub(super) fn parents<C: Subtree>(pairs: &[[C; 2]], parents: &mut [RootHash]) {
    count(pairs.len().min(parents.len()));
    RootHash::parents(pairs, parents);
}

/// Room for the nodes of one complete subtree.
#[derive(Default)]
pub(super) struct Rows {
    nodes: Vec<RootHash>,
}

impl Rows {
    /// Root of the complete subtree over `bottom`, whose length is a power of two. Hands over each row above it with
    /// its height over the bottom, the lowest row first.
    pub(super) fn complete<C: Subtree>(&mut self, bottom: &[C], mut row_done: impl FnMut(u8, &[RootHash])) -> RootHash {
        let above = bottom.len().saturating_sub(1);
        if self.nodes.len() < above {
            self.nodes.resize(above, RootHash::from_bytes([0; DIGEST_LEN]));
        }
        let mut root = bottom.first().map_or_else(RootHash::empty, |hash| RootHash::from_bytes(*hash.hash_bytes()));
        let (mut row, mut free) = self.nodes.split_at_mut(bottom.len() / 2);
        parents(bottom.as_chunks().0, row);
        for level in 1.. {
            let Some(first) = row.first() else {
                break;
            };
            root = *first;
            row_done(level, row);
            let (above, rest) = free.split_at_mut(row.len() / 2);
            parents(row.as_chunks().0, above);
            (row, free) = (above, rest);
        }
        root
    }
}

/// Hands over `leaves` in pieces of at most [`TILE_LEAVES`], so that what is hashed at once lies side by side.
pub(super) fn in_pieces(leaves: impl IntoIterator<Item = LeafHash>, mut piece_done: impl FnMut(&[LeafHash])) {
    let mut leaves = leaves.into_iter();
    let mut piece = Vec::with_capacity(leaves.size_hint().0.clamp(1, TILE_LEAVES));
    loop {
        piece.clear();
        piece.extend(leaves.by_ref().take(TILE_LEAVES));
        if piece.is_empty() {
            break;
        }
        piece_done(&piece);
    }
}

/// Counts hashes for the tests of how many there are; nothing outside tests.
#[cfg(not(test))]
const fn count(_: usize) {}

#[cfg(test)]
use counter::count;

#[cfg(test)]
pub(super) mod counter {
    use core::cell::Cell;

    thread_local! {
        static HASHES: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count(hashes: usize) {
        HASHES.set(HASHES.get() + hashes);
    }

    /// Node hashes that `call` takes.
    pub(in crate::merkle) fn hashes_of(call: impl FnOnce()) -> usize {
        let before = HASHES.get();
        call();
        HASHES.get() - before
    }
}
