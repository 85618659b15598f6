//! The right edge of a tree: all that is needed to go on appending.

use vm_core::digest::{LeafHash, RootHash};

use super::hashing::{Rows, TILE_LEVEL, in_pieces, parent};
use super::node::fold_right;
use super::{HashReader, NodeAt, TreeSize};
use crate::error::{FrontierError, ProveError};

/// Roots of the complete subtrees of a growing tree, largest first. Memory: at most 64 hashes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<RootHash>,
}

impl Frontier {
    /// The frontier of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The frontier of a tree of `size` whose complete subtrees, largest first, are `subtrees`. It is as good as
    /// these hashes are: compare [`Frontier::root`] with a signed one.
    ///
    /// # Errors
    /// [`FrontierError::Count`] unless there is one hash for each bit set in `size`.
    pub fn from_subtrees(size: TreeSize, subtrees: Vec<RootHash>) -> Result<Self, FrontierError> {
        let expected = size.as_u64().count_ones();
        if u32::try_from(subtrees.len()) != Ok(expected) {
            return Err(FrontierError::Count { expected, found: subtrees.len() });
        }
        Ok(Self { size: size.as_u64(), subtrees })
    }

    /// The frontier of the first `size` leaves behind `reader`.
    ///
    /// # Errors
    /// [`ProveError`] where the reader fails or answers with another number of hashes.
    pub fn read<R: HashReader + ?Sized>(reader: &R, size: TreeSize) -> Result<Self, ProveError<R::Error>> {
        let nodes = Self::nodes(size);
        let subtrees = reader.read(&nodes).map_err(ProveError::Read)?;
        let found = subtrees.len();
        Self::from_subtrees(size, subtrees).map_err(|_| ProveError::Answer { expected: nodes.len(), found })
    }

    /// Places of the complete subtrees of a tree of `size`, largest first.
    #[must_use]
    pub fn nodes(size: TreeSize) -> Vec<NodeAt> {
        super::node::Range::new(0, size.as_u64()).nodes().collect()
    }

    /// Adds the next leaf.
    pub fn append(&mut self, leaf: LeafHash) {
        self.append_each(leaf, |_, _| {});
    }

    /// Adds the next leaf and hands over each subtree it completes, from the leaf itself upwards, so that a store of
    /// subtree hashes can keep them. Cost: two calls a leaf on average.
    pub fn append_each(&mut self, leaf: LeafHash, mut completed: impl FnMut(NodeAt, RootHash)) {
        completed(NodeAt::new(0, self.size), leaf.to_root());
        self.put(0, leaf.to_root(), completed);
    }

    /// Adds many leaves. Cost: one hash a leaf, in less time than [`Frontier::append`] for each; memory: 32 KiB.
    pub fn append_all(&mut self, leaves: &[LeafHash]) {
        self.append_rows(leaves, |_, _| {});
    }

    /// Adds many leaves and hands over the subtrees they complete, above the leaves themselves, which the caller has:
    /// rows of hashes that stand side by side, each row with the place of its first. The rows of each level come from
    /// left to right, and no hash before those it is made of. Cost as for [`Frontier::append_all`].
    pub fn append_rows(&mut self, leaves: &[LeafHash], mut completed: impl FnMut(NodeAt, &[RootHash])) {
        let mut rows = Rows::default();
        let mut rest = leaves;
        while let Some(longest) = rest.len().checked_ilog2() {
            // The largest complete subtree that begins here.
            let level = self.size.trailing_zeros().min(longest);
            let level = u8::try_from(level).unwrap_or(TILE_LEVEL).min(TILE_LEVEL);
            let (now, later) = rest.split_at(1 << level);
            let first = self.size;
            let root = rows.complete(now, |level, row| completed(NodeAt::new(level, first >> level), row));
            self.put(level, root, |node, hash| completed(node, &[hash]));
            rest = later;
        }
    }

    /// Adds a complete subtree of height `level`, which the size is a multiple of, and hands over those above it that it
    /// completes.
    fn put(&mut self, level: u8, root: RootHash, mut completed: impl FnMut(NodeAt, RootHash)) {
        let (mut hash, mut level, mut index) = (root, level, self.size >> level);
        self.size += 1 << level;
        while index & 1 == 1 {
            let Some(left) = self.subtrees.pop() else {
                break;
            };
            hash = parent(&left, &hash);
            level += 1;
            index >>= 1;
            completed(NodeAt::new(level, index), hash);
        }
        self.subtrees.push(hash);
    }

    /// Number of leaves appended.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        TreeSize::new(self.size)
    }

    /// Roots of the complete subtrees, largest first.
    #[must_use]
    pub fn subtrees(&self) -> &[RootHash] {
        &self.subtrees
    }

    /// Root of the tree so far. Cost: at most 63 hashes.
    #[must_use]
    pub fn root(&self) -> RootHash {
        fold_right(&self.subtrees)
    }
}

impl Extend<LeafHash> for Frontier {
    fn extend<T: IntoIterator<Item = LeafHash>>(&mut self, leaves: T) {
        in_pieces(leaves, |piece| self.append_all(piece));
    }
}
