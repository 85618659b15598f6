//! Inclusion proofs: this leaf stands at this index of the tree with this size and root.

use vm_core::digest::{DIGEST_LEN, LeafHash, RootHash};

use super::consistency::{check_count, check_length};
use super::hashing::{parent, parents};
use super::node::{Range, read_ranges};
use super::{HashReader, LeafIndex, PROOF_HASHES_MAX, TreeSize, proof_parts, split};
use crate::error::{ProofError, ProveError};

/// Paths hashed side by side: enough that single nodes left over weigh nothing, few enough to stay in the nearest cache.
const PATHS_AT_ONCE: usize = 32;

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

    /// The hashes of a path through a tree, which are never too many.
    pub(super) const fn of_path(hashes: Vec<RootHash>) -> Self {
        Self(hashes)
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
        self.climb(leaf, index, size)?.end_at(root)
    }

    /// The root that the proof leads to from `leaf`, which shows nothing until that root is found signed: any path leads
    /// somewhere. For formats that sign a root without naming it. Cost: one hash for each in the proof.
    ///
    /// # Errors
    /// [`ProofError`]: the index lies outside, or the proof has not exactly the length that index and size demand.
    pub fn root(&self, leaf: LeafHash, index: LeafIndex, size: TreeSize) -> Result<RootHash, ProofError> {
        Ok(self.climb(leaf, index, size)?.end.root)
    }

    /// Checks many proofs for one tree, each as [`InclusionProof::verify`] does, in their order. A hash up one path waits
    /// for the one before it, so paths are hashed side by side, which takes about two thirds of the time; less
    /// than half from sixteen proofs on where the processor has AVX-512.
    #[must_use]
    pub fn verify_each(
        claims: &[(LeafHash, LeafIndex, &Self)],
        size: TreeSize,
        root: RootHash,
    ) -> Vec<Result<VerifiedInclusion, ProofError>> {
        let mut answers = Vec::with_capacity(claims.len());
        for claims in claims.chunks(PATHS_AT_ONCE) {
            let paths = claims.iter().map(|(leaf, index, proof)| proof.path(*leaf, *index, size));
            let mut paths: Vec<Result<Path<'_>, ProofError>> = paths.collect();
            while rise(&mut paths) {}
            answers.extend(paths.into_iter().map(|path| path?.end_at(root)));
        }
        answers
    }

    /// The path of a leaf, gone to its end.
    fn climb(&self, leaf: LeafHash, index: LeafIndex, size: TreeSize) -> Result<Path<'_>, ProofError> {
        let mut path = self.path(leaf, index, size)?;
        while let Some([left, right]) = path.next_children() {
            path.end.root = parent(&left, &right);
        }
        Ok(path)
    }

    /// The path of a leaf, once the proof is known to have its length.
    fn path(&self, leaf: LeafHash, index: LeafIndex, size: TreeSize) -> Result<Path<'_>, ProofError> {
        if !size.holds(index) {
            return Err(ProofError::IndexOutside { index, size });
        }
        let (inner, border) = proof_parts(index.as_u64(), size.as_u64());
        check_length(&self.0, inner + border)?;
        let end = VerifiedInclusion { leaf, index, size, root: leaf.to_root() };
        Ok(Path { end, inner, turns: index.as_u64(), siblings: &self.0 })
    }
}

/// A path on the way up from a leaf.
#[derive(Debug)]
struct Path<'a> {
    /// What is shown if the path leads to the right root; the hash reached so far stands for that root.
    end: VerifiedInclusion,
    /// Levels left below the right border of the tree.
    inner: u32,
    /// The next bit says on which side of its sibling the path stands, below the border.
    turns: u64,
    siblings: &'a [RootHash],
}

impl Path<'_> {
    /// The children of the next node, whose hash is the next reached; none at the root.
    fn next_children(&mut self) -> Option<[RootHash; 2]> {
        let (sibling, rest) = self.siblings.split_first()?;
        let is_right = self.inner == 0 || self.turns & 1 == 1;
        self.siblings = rest;
        self.inner = self.inner.saturating_sub(1);
        self.turns >>= 1;
        Some(if is_right { [*sibling, self.end.root] } else { [self.end.root, *sibling] })
    }

    fn end_at(self, root: RootHash) -> Result<VerifiedInclusion, ProofError> {
        if self.end.root != root {
            return Err(ProofError::Root { expected: root, found: self.end.root });
        }
        Ok(self.end)
    }
}

/// Takes each path one node up; false where all have ended.
fn rise(paths: &mut [Result<Path<'_>, ProofError>]) -> bool {
    let mut pairs = [[RootHash::from_bytes([0; DIGEST_LEN]); 2]; PATHS_AT_ONCE];
    let mut found = [RootHash::from_bytes([0; DIGEST_LEN]); PATHS_AT_ONCE];
    let mut risen = Vec::with_capacity(PATHS_AT_ONCE);
    for path in paths.iter_mut().flatten() {
        if let Some((children, pair)) = path.next_children().zip(pairs.get_mut(risen.len())) {
            *pair = children;
            risen.push(path);
        }
    }
    parents(&pairs[..risen.len()], &mut found);
    let is_rising = !risen.is_empty();
    risen.into_iter().zip(found).for_each(|(path, parent)| path.end.root = parent);
    is_rising
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
