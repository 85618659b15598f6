//! A whole tree in memory, for proofs over sets that fit there.

use core::convert::Infallible;

use vm_core::digest::{LeafHash, RootHash};

use super::{
    ConsistencyProof, Frontier, HashReader, InclusionProof, LeafIndex, NodeAt, TreeSize, prove_consistency,
    prove_inclusion, root_at,
};
use crate::error::ProveError;

/// A tree that keeps the hash of every complete subtree: about 64 bytes a leaf.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    frontier: Frontier,
    /// `levels[l][i]` is the hash at [`NodeAt::new`]`(l, i)`.
    levels: Vec<Vec<RootHash>>,
}

impl Tree {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next leaf.
    pub fn append(&mut self, leaf: LeafHash) {
        let Self { frontier, levels } = self;
        frontier.append_each(leaf, |node, hash| {
            let level = usize::from(node.level());
            if levels.len() == level {
                levels.push(Vec::new());
            }
            if let Some(row) = levels.get_mut(level) {
                row.push(hash);
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

    /// Proof that the leaf at `index` is in the tree of the first `size` leaves.
    ///
    /// # Errors
    /// [`ProveError::Size`] or [`ProveError::Index`] where there is no such leaf.
    pub fn prove_inclusion(&self, index: LeafIndex, size: TreeSize) -> Result<InclusionProof, ProveError<Infallible>> {
        self.check_size(size)?;
        prove_inclusion(self, index, size)
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
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

impl HashReader for Tree {
    type Error = Infallible;

    /// Nodes beyond the tree are left out, which the caller sees by the count.
    fn read(&self, nodes: &[NodeAt]) -> Result<Vec<RootHash>, Infallible> {
        let hash = |node: &NodeAt| {
            let row = self.levels.get(usize::from(node.level()))?;
            row.get(usize::try_from(node.index()).ok()?).copied()
        };
        Ok(nodes.iter().filter_map(hash).collect())
    }
}
