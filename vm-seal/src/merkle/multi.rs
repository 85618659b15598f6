//! Multiproofs: each of these leaves stands at its index of the one tree with this size and root.
//!
//! The hashes are those of the largest subtrees that hold none of the leaves, left to right. A tree of 8 and the leaves
//! 2 and 5:
//!
//! ```text
//!           root
//!       /          \
//!      .            .
//!    /   \        /   \
//!  [A]    .      .    [D]        hashes: A, B, C, D
//!        / \    / \
//!       2  [B] [C] 5
//! ```

use core::cmp::Ordering;

use vm_core::digest::{LeafHash, RootHash};

use super::consistency::check_length;
use super::node::{Range, read_ranges};
use super::{HashReader, LeafIndex, TreeSize};
use crate::error::{ProofError, ProveError};

/// Hashes that lead from several leaves to one root. For one leaf they are those of its inclusion proof, in another
/// order; for a run of leaves those of its range proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MultiProof(Vec<RootHash>);

/// Leaves that a multiproof was checked for. Made by [`MultiProof::verify`] alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedMulti {
    leaves: Vec<(LeafIndex, LeafHash)>,
    size: TreeSize,
    root: RootHash,
}

impl VerifiedMulti {
    /// The leaves and where they stand, by rising index.
    #[must_use]
    pub fn leaves(&self) -> &[(LeafIndex, LeafHash)] {
        &self.leaves
    }

    /// Size of the tree they stand in.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// Root of the tree they stand in. Whether that root is to be believed is another check.
    #[must_use]
    pub const fn root(&self) -> RootHash {
        self.root
    }
}

impl MultiProof {
    /// Takes the hashes of a proof, left to right. How many there must be, the indices and the size say when it is
    /// verified.
    #[must_use]
    pub const fn from_hashes(hashes: Vec<RootHash>) -> Self {
        Self(hashes)
    }

    /// The hashes, left to right.
    #[must_use]
    pub fn hashes(&self) -> &[RootHash] {
        &self.0
    }

    /// Checks that each of `leaves` stands at its index of the tree of `size` leaves with this `root`. Leaf hashes must
    /// have been computed from leaf data by whoever asks, else inner nodes could pass for leaves. Size and root must
    /// come from one signed place: a proof does not bind the size by itself. Cost: one hash less than leaves and hashes
    /// of the proof together.
    ///
    /// # Errors
    /// [`ProofError`]: no leaf, indices that do not rise or lie outside, not exactly as many hashes as indices and size
    /// demand, or another root.
    pub fn verify(
        &self,
        leaves: &[(LeafIndex, LeafHash)],
        size: TreeSize,
        root: RootHash,
    ) -> Result<VerifiedMulti, ProofError> {
        self.check_shape(leaves, |(index, _)| *index, size)?;
        let found = fold(leaves, Range::new(0, size.as_u64()), &mut self.0.iter());
        if found != root {
            return Err(ProofError::Root { expected: root, found });
        }
        Ok(VerifiedMulti { leaves: leaves.to_vec(), size, root })
    }

    /// Checks all that can be checked without leaf hashes: the indices, and that there are exactly as many hashes as
    /// they and the size demand.
    pub(crate) fn check_shape<T>(
        &self,
        leaves: &[T],
        index: fn(&T) -> LeafIndex,
        size: TreeSize,
    ) -> Result<(), ProofError> {
        check_indices(leaves, index, size)?;
        let mut expected = 0;
        visit_outside(leaves, index, Range::new(0, size.as_u64()), &mut |_| expected += 1);
        check_length(&self.0, expected)
    }
}

/// Proof for the leaves at `indices`, which must rise, in the tree of the first `size` leaves behind `reader`. All
/// hashes are read in one go. Cost: O(k log size) for k leaves.
///
/// # Errors
/// [`ProveError::Leaves`] where no such proof can be; [`ProveError::Read`] and [`ProveError::Answer`] where the reader
/// fails.
pub fn prove_multi<R: HashReader + ?Sized>(
    reader: &R,
    indices: &[LeafIndex],
    size: TreeSize,
) -> Result<MultiProof, ProveError<R::Error>> {
    check_indices(indices, |index| *index, size).map_err(ProveError::Leaves)?;
    let mut outside = Vec::new();
    visit_outside(indices, |index| *index, Range::new(0, size.as_u64()), &mut |range| outside.push(range));
    Ok(MultiProof(read_ranges(reader, &outside)?))
}

/// Refuses a list of leaves that a proof cannot be of.
fn check_indices<T>(leaves: &[T], index: fn(&T) -> LeafIndex, size: TreeSize) -> Result<(), ProofError> {
    for pair in leaves.windows(2) {
        if let [before, after] = pair {
            let (before, index) = (index(before), index(after));
            match before.cmp(&index) {
                Ordering::Less => {}
                Ordering::Equal => return Err(ProofError::IndexTwice { index }),
                Ordering::Greater => return Err(ProofError::IndexOrder { before, index }),
            }
        }
    }
    let last = index(leaves.last().ok_or(ProofError::Empty)?);
    if size.holds(last) { Ok(()) } else { Err(ProofError::IndexOutside { index: last, size }) }
}

/// Hands over the largest subtrees of `range` that hold none of `leaves`, left to right. No deeper than 64 calls.
fn visit_outside<T>(leaves: &[T], index: fn(&T) -> LeafIndex, range: Range, visit: &mut impl FnMut(Range)) {
    if leaves.is_empty() {
        return visit(range);
    }
    if let Some((left, right)) = range.split() {
        let cut = leaves.partition_point(|leaf| index(leaf).as_u64() < right.begin());
        let (below, above) = leaves.split_at(cut);
        visit_outside(below, index, left, visit);
        visit_outside(above, index, right, visit);
    }
}

/// Root of `range`, of which `leaves` are known and every subtree without one is the next of `hashes`.
fn fold(leaves: &[(LeafIndex, LeafHash)], range: Range, hashes: &mut core::slice::Iter<'_, RootHash>) -> RootHash {
    let Some((_, first)) = leaves.first() else {
        // Counted before: there is one for each such subtree.
        return hashes.next().copied().unwrap_or_else(RootHash::empty);
    };
    let Some((left, right)) = range.split() else {
        return first.to_root();
    };
    let cut = leaves.partition_point(|(index, _)| index.as_u64() < right.begin());
    let (below, above) = leaves.split_at(cut);
    let left = fold(below, left, hashes);
    RootHash::parent(&left, &fold(above, right, hashes))
}
