//! Inclusion proofs: this leaf stands at this index of the tree with this size and root.

use vm_core::digest::{LeafHash, RootHash};

use super::consistency::{check_count, check_length, split_parts};
use super::node::{Range, read_ranges};
use super::{HashReader, LeafIndex, PROOF_HASHES_MAX, TreeSize, chain_border, chain_inner, proof_parts, split};
use crate::error::{ProofError, ProveError};

/// Siblings on the path from a leaf to the root, leaf side first (RFC 9162, section 2.1.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InclusionProof(Vec<RootHash>);

/// A leaf that an inclusion proof was checked for. Made by [`InclusionProof::verify`] alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerifiedInclusion {
    leaf: LeafHash,
    index: LeafIndex,
    size: TreeSize,
    root: RootHash,
}

impl VerifiedInclusion {
    /// The leaf.
    #[must_use]
    pub const fn leaf(&self) -> LeafHash {
        self.leaf
    }

    /// Where it stands.
    #[must_use]
    pub const fn index(&self) -> LeafIndex {
        self.index
    }

    /// Size of the tree it stands in.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// Root of the tree it stands in. Whether that root is to be believed is another check.
    #[must_use]
    pub const fn root(&self) -> RootHash {
        self.root
    }
}

impl InclusionProof {
    /// Takes the hashes of a proof, leaf side first.
    ///
    /// # Errors
    /// [`ProofError::TooLong`] beyond [`PROOF_HASHES_MAX`].
    pub fn from_hashes(hashes: Vec<RootHash>) -> Result<Self, ProofError> {
        check_count(hashes.len())?;
        Ok(Self(hashes))
    }

    /// The hashes, leaf side first.
    #[must_use]
    pub fn hashes(&self) -> &[RootHash] {
        &self.0
    }

    /// Checks that `leaf` stands at `index` of the tree of `size` leaves with this `root`. The leaf hash must have
    /// been computed from leaf data by whoever asks, else an inner node could pass for a leaf. Size and root must
    /// come from one signed place: a proof does not bind the size by itself. Cost: one hash for each in the proof.
    ///
    /// # Errors
    /// [`ProofError`]: the index lies outside, the proof has not exactly the length that index and size demand, or
    /// it leads to another root.
    pub fn verify(
        &self,
        leaf: LeafHash,
        index: LeafIndex,
        size: TreeSize,
        root: RootHash,
    ) -> Result<VerifiedInclusion, ProofError> {
        if !size.holds(index) {
            return Err(ProofError::IndexOutside { index, size });
        }
        let (inner, border) = proof_parts(index.as_u64(), size.as_u64());
        check_length(&self.0, inner + border)?;
        let (below, above) = split_parts(&self.0, inner);
        let seed = chain_inner(leaf.to_root(), below, index.as_u64());
        let found = chain_border(seed, above);
        if found != root {
            return Err(ProofError::Root { expected: root, found });
        }
        Ok(VerifiedInclusion { leaf, index, size, root })
    }
}

/// Proof for the leaf at `index` in the tree of the first `size` leaves behind `reader`. Cost: O(log^2 size) hashes
/// at worst, O(log size) read.
///
/// # Errors
/// [`ProveError::Index`] where `size` does not hold `index`; [`ProveError::Read`] and [`ProveError::Answer`] where the
/// reader fails.
pub fn prove_inclusion<R: HashReader + ?Sized>(
    reader: &R,
    index: LeafIndex,
    size: TreeSize,
) -> Result<InclusionProof, ProveError<R::Error>> {
    if !size.holds(index) {
        return Err(ProveError::Index { index, size });
    }
    let (mut begin, mut end) = (0, size.as_u64());
    let mut siblings = Vec::with_capacity(PROOF_HASHES_MAX);
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index.as_u64() < middle {
            siblings.push(Range::new(middle, end));
            end = middle;
        } else {
            siblings.push(Range::new(begin, middle));
            begin = middle;
        }
    }
    siblings.reverse();
    Ok(InclusionProof(read_ranges(reader, &siblings)?))
}
