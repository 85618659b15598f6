//! A multiproof of a thousand of a million leaves, made and checked.

use vm_core::digest::{LeafHash, RootHash};
use vm_seal::merkle::{LeafIndex, Tree, TreeSize, prove_multi};

use crate::error::BenchError;
use crate::harness::{Effort, Reach, Row, compare};
use crate::merkle::{LEAVES, Rfc6962, leaves};

const PATH: &str = "multiproof of 1,000 of 1,000,000 leaves, made and checked";
/// One leaf of so many is proven.
const STRIDE: usize = 1_000;

/// Both trees, and the leaves to prove.
pub struct Trees {
    ours: Tree,
    theirs: rs_merkle::MerkleTree<Rfc6962>,
    root: RootHash,
    claims: Vec<(LeafIndex, LeafHash)>,
    places: Vec<usize>,
    hashes: Vec<[u8; 32]>,
    count: usize,
}

impl Trees {
    /// Trees over `count` seeded leaves, of which one in `stride` is to be proven: somewhere in each stretch, so that
    /// paths do not share their shape.
    #[must_use]
    pub fn over(count: usize, stride: usize) -> Self {
        let all = leaves(count);
        let places: Vec<usize> = (0..count).step_by(stride).map(|at| (at + at * at % stride).min(count - 1)).collect();
        let hashes: Vec<[u8; 32]> = places.iter().filter_map(|at| all.get(*at)).copied().collect();
        let index = |at: &usize| LeafIndex::new(u64::try_from(*at).unwrap_or(u64::MAX));
        let mut ours = Tree::new();
        ours.extend(all.iter().copied().map(LeafHash::from_bytes));
        Self {
            root: ours.root(),
            ours,
            theirs: rs_merkle::MerkleTree::from_leaves(&all),
            claims: places.iter().map(index).zip(hashes.iter().copied().map(LeafHash::from_bytes)).collect(),
            places,
            hashes,
            count,
        }
    }

    /// Ours: made and checked; how many hashes the proof has, none where it does not hold.
    #[must_use]
    pub fn ours(&self) -> Option<usize> {
        let indices: Vec<LeafIndex> = self.claims.iter().map(|(index, _)| *index).collect();
        let size: TreeSize = self.ours.size();
        let proof = prove_multi(&self.ours, &indices, size).ok()?;
        proof.verify(&self.claims, size, self.root).ok()?;
        Some(proof.hashes().len())
    }

    /// The peer's, in the same way.
    #[must_use]
    pub fn theirs(&self) -> Option<usize> {
        let proof = self.theirs.proof(&self.places);
        let holds = proof.verify(*self.root.as_bytes(), &self.places, &self.hashes, self.count);
        holds.then(|| proof.proof_hashes().len())
    }
}

/// The row of the table.
///
/// # Errors
/// [`BenchError`] where both sides differ.
pub fn row(effort: &Effort) -> Result<Row, BenchError> {
    let trees = Trees::over(LEAVES, STRIDE);
    let (ours, theirs) = (trees.ours(), trees.theirs());
    if ours.is_none() || ours != theirs {
        return Err(BenchError::Differ { path: PATH, ours: format!("{ours:?}"), theirs: format!("{theirs:?}") });
    }
    let times = compare(effort, || trees.ours(), || trees.theirs());
    Ok(Row::new(PATH, "rs_merkle proof + verify", times, Reach::AtLeast(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_make_proofs_of_one_length() {
        for (count, stride) in [(1, 1), (2, 1), (100, 7), (1_000, 10), (1_025, 1_000)] {
            let trees = Trees::over(count, stride);
            assert!(trees.ours().is_some());
            assert_eq!(trees.ours(), trees.theirs(), "{count} by {stride}");
        }
    }
}
