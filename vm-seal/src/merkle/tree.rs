//! A whole tree in memory, for proofs over sets that fit there.

use core::convert::Infallible;
use std::sync::OnceLock;

use vm_core::digest::{DIGEST_LEN, LeafHash, RootHash};

use super::hashing::parent;
use super::{
    ConsistencyProof, Frontier, HashReader, InclusionProof, LeafIndex, NodeAt, TreeSize, prove_consistency,
    prove_inclusion, root_at,
};
use crate::error::ProveError;

/// A tree that keeps the hash of every complete subtree: 64 bytes a leaf where it is made at once, up to twice that
/// where it grows.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    frontier: Frontier,
    leaves: Vec<LeafHash>,
    /// `rows[l - 1][i]` is the hash at [`NodeAt::new`]`(l, i)`.
    rows: Vec<Vec<RootHash>>,
    /// Hashes of the right border, made when a proof first asks for them.
    border: OnceLock<Vec<Option<RootHash>>>,
}

impl Tree {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of these leaves. Cost: one hash a leaf; memory: 32 bytes a leaf beside the vector given, which it keeps.
    #[must_use]
    pub fn from_leaves(leaves: Vec<LeafHash>) -> Self {
        let mut tree = Self { leaves, ..Self::default() };
        tree.grow(0);
        tree
    }

    /// Adds the next leaf.
    pub fn append(&mut self, leaf: LeafHash) {
        self.extend([leaf]);
    }

    /// Bytes that the hashes take, room kept for more included.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let hashes: usize = self.rows.iter().map(Vec::capacity).sum();
        (self.leaves.capacity() + hashes) * DIGEST_LEN
    }

    /// Hashes what stands above the leaves from `old` on, all before being hashed.
    fn grow(&mut self, old: usize) {
        let Self { frontier, leaves, rows, border } = self;
        border.take();
        for level in 0..leaves.len().checked_ilog2().unwrap_or_default() {
            let wanted = leaves.len() >> (level + 1);
            match rows.get_mut(usize::try_from(level).unwrap_or(usize::MAX)) {
                Some(row) => row.reserve(wanted - row.len()),
                None => rows.push(Vec::with_capacity(wanted)),
            }
        }
        frontier.append_rows(&leaves[old..], |first, hashes| {
            let row = usize::from(first.level()).checked_sub(1).and_then(|at| rows.get_mut(at));
            if let Some(row) = row {
                row.extend_from_slice(hashes);
            }
        });
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    /// Root of the whole tree.
    #[must_use]
    pub fn root(&self) -> RootHash {
        self.frontier.root()
    }

    /// Root of the first `size` leaves.
    ///
    /// # Errors
    /// [`ProveError::Size`] where the tree holds fewer.
    pub fn root_at(&self, size: TreeSize) -> Result<RootHash, ProveError<Infallible>> {
        self.check_size(size)?;
        root_at(self, size)
    }

    /// Proof that the leaf at `index` is in the tree of the first `size` leaves. Cost: for the whole tree one read a
    /// level, the first proof after an append also one hash a level; for an earlier size as [`prove_inclusion`].
    ///
    /// # Errors
    /// [`ProveError::Size`] or [`ProveError::Index`] where there is no such leaf.
    pub fn prove_inclusion(&self, index: LeafIndex, size: TreeSize) -> Result<InclusionProof, ProveError<Infallible>> {
        self.check_size(size)?;
        match usize::try_from(index.as_u64()) {
            Ok(at) if size == self.size() && size.holds(index) => Ok(InclusionProof::of_path(self.path(at))),
            _ => prove_inclusion(self, index, size),
        }
    }

    /// Siblings on the path from the leaf at `index` up to the root of the whole tree.
    fn path(&self, index: usize) -> Vec<RootHash> {
        let border = self.border.get_or_init(|| self.right_border());
        let mut path = Vec::with_capacity(border.len() + 1);
        path.extend(self.leaves.get(index ^ 1).copied().map(LeafHash::to_root));
        let mut index = index;
        for (row, last) in self.rows.iter().zip(border) {
            index >>= 1;
            match row.get(index ^ 1) {
                Some(sibling) => path.push(*sibling),
                // The border stands behind the last complete subtree of its row.
                None if index ^ 1 == row.len() => path.extend(*last),
                None => {}
            }
        }
        path
    }

    /// For each height above the leaves and below the root, the hash of the leaves that fill no subtree of that height.
    fn right_border(&self) -> Vec<Option<RootHash>> {
        let height = self.leaves.len().next_power_of_two().ilog2();
        let mut rest = None;
        let mut border = Vec::new();
        for level in 1..height {
            let below = usize::try_from(level).ok().and_then(|level| level.checked_sub(2));
            let below = below.map_or_else(
                || self.leaves.last().copied().map(LeafHash::to_root),
                |at| self.rows.get(at)?.last().copied(),
            );
            // An odd subtree below joins what is left.
            if self.leaves.len() >> (level - 1) & 1 == 1 {
                rest = match (below, rest) {
                    (Some(left), Some(right)) => Some(parent(&left, &right)),
                    (left, right) => left.or(right),
                };
            }
            border.push(rest);
        }
        border
    }

    /// Proof that the first `new` leaves begin with the first `old`.
    ///
    /// # Errors
    /// [`ProveError::Size`] or [`ProveError::Shrunk`] where that cannot be.
    pub fn prove_consistency(&self, old: TreeSize, new: TreeSize) -> Result<ConsistencyProof, ProveError<Infallible>> {
        self.check_size(new)?;
        prove_consistency(self, old, new)
    }

    fn check_size(&self, size: TreeSize) -> Result<(), ProveError<Infallible>> {
        if size > self.size() {
            return Err(ProveError::Size { wanted: size, held: self.size() });
        }
        Ok(())
    }
}

impl Extend<LeafHash> for Tree {
    fn extend<T: IntoIterator<Item = LeafHash>>(&mut self, leaves: T) {
        let old = self.leaves.len();
        self.leaves.extend(leaves);
        self.grow(old);
    }
}

impl HashReader for Tree {
    type Error = Infallible;

    /// Nodes beyond the tree are left out, which the caller sees by the count.
    fn read(&self, nodes: &[NodeAt]) -> Result<Vec<RootHash>, Infallible> {
        let hash = |node: &NodeAt| {
            let index = usize::try_from(node.index()).ok()?;
            match usize::from(node.level()).checked_sub(1) {
                None => self.leaves.get(index).copied().map(LeafHash::to_root),
                Some(at) => self.rows.get(at)?.get(index).copied(),
            }
        };
        Ok(nodes.iter().filter_map(hash).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::hashing::counter::hashes_of;
    use crate::merkle::root_of_slice;

    fn leaves(count: u32) -> Vec<LeafHash> {
        (0..count).map(|n| LeafHash::of(&n.to_be_bytes())).collect()
    }

    #[test]
    fn a_root_takes_one_hash_less_than_there_are_leaves() {
        for count in [1, 2, 3, 1_000, 1_023, 1_024, 1_025, 5_000] {
            let leaves = leaves(count);
            let wanted = leaves.len() - 1;
            assert_eq!(hashes_of(|| _ = root_of_slice(&leaves)), wanted);
            let mut frontier = Frontier::new();
            let grown = hashes_of(|| leaves.iter().for_each(|leaf| frontier.append(*leaf)));
            assert_eq!(grown + hashes_of(|| _ = frontier.root()), wanted);
        }
    }

    #[test]
    fn a_checkpoint_after_k_leaves_on_a_million_takes_as_many_hashes_as_k_and_the_height() {
        let million = vec![LeafHash::of(b"old"); 1_000_000];
        let mut frontier = Frontier::new();
        assert!(hashes_of(|| frontier.append_all(&million)) < million.len());
        for count in [0, 1, 2, 10, 100, 1_000, 10_000] {
            let new = leaves(count);
            for bulk in [false, true] {
                let mut frontier = frontier.clone();
                let hashes = hashes_of(|| {
                    if bulk {
                        frontier.append_all(&new);
                    } else {
                        new.iter().for_each(|leaf| frontier.append(*leaf));
                    }
                    _ = frontier.root();
                });
                // Each leaf completes one subtree on average, at most the height more; the root joins at most the height.
                let height = 20;
                assert!(hashes <= new.len() + 2 * height, "{count}: {hashes}");
                assert!(hashes >= new.len() / 2, "{count}: {hashes}");
            }
        }
    }

    #[test]
    fn proofs_of_the_whole_tree_hash_the_border_once() {
        let tree = Tree::from_leaves(leaves(1_000));
        let prove = |at| hashes_of(|| _ = tree.prove_inclusion(LeafIndex::new(at), tree.size()));
        assert!(prove(3) <= 10);
        assert_eq!((prove(3), prove(999), prove(500)), (0, 0, 0));
    }

    #[test]
    fn a_tree_made_at_once_takes_64_bytes_a_leaf() {
        for count in [1, 2, 3, 1_000, 4_096, 70_001] {
            let tree = Tree::from_leaves(leaves(count));
            let leaves = usize::try_from(count).unwrap();
            assert!(tree.heap_bytes() <= 64 * leaves, "{count}: {}", tree.heap_bytes());
            let mut grown = Tree::new();
            tree.leaves.iter().for_each(|leaf| grown.append(*leaf));
            assert!(grown.heap_bytes() <= 2 * 64 * leaves + 1_000, "{count}: {}", grown.heap_bytes());
        }
    }
}
