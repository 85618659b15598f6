//! Range proofs: these leaves, side by side and none left out, stand from this index on in the tree of this size and
//! root.
//!
//! A tree of 8 and the run 3..5, the leaves 3 and 4:
//!
//! ```text
//!            root
//!        /          \
//!       .            .
//!     /   \        /   \
//!   [A]    .      .    [D]        left: A, B    right: C, D
//!         / \    / \
//!       [B]  3  4  [C]
//! ```
//!
//! What stands next to a run is shown by proving a wider one ([`LeafRun::with_neighbours`]).

use vm_core::digest::{LeafHash, RootHash};

use super::consistency::{check_count, check_length};
use super::hashing::TILE_LEAVES;
use super::node::{Range, read_ranges};
use super::{Frontier, HashReader, LeafRun, TreeSize};
use crate::error::{FrontierError, ProofError, ProveError};

/// Hashes of the largest subtrees before and after a run of leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RangeProof {
    left: Vec<RootHash>,
    right: Vec<RootHash>,
}

/// A run that a range proof was checked for. Made by [`RangeVerifier::finish`] alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerifiedRange {
    run: LeafRun,
    size: TreeSize,
    root: RootHash,
}

/// Takes the leaves of a run one after the other and keeps none of them: memory for 128 hashes.
#[derive(Clone, Debug)]
pub struct RangeVerifier {
    /// Subtrees before the run, and whatever the leaves so far complete.
    frontier: Frontier,
    right: Vec<RootHash>,
    run: LeafRun,
    size: TreeSize,
}

impl VerifiedRange {
    /// The leaves proven.
    #[must_use]
    pub const fn run(&self) -> LeafRun {
        self.run
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

    /// Whether the tree holds no leaf before the run.
    #[must_use]
    pub const fn is_at_start(&self) -> bool {
        self.run.begin().as_u64() == 0
    }

    /// Whether the tree holds no leaf after the run.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.run.end().as_u64() == self.size.as_u64()
    }
}

impl RangeProof {
    /// Takes the hashes before a run and those after it, each left to right.
    ///
    /// # Errors
    /// [`ProofError::TooLong`] beyond [`super::PROOF_HASHES_MAX`] on a side.
    pub fn from_hashes(left: Vec<RootHash>, right: Vec<RootHash>) -> Result<Self, ProofError> {
        check_count(left.len())?;
        check_count(right.len())?;
        Ok(Self { left, right })
    }

    /// Hashes of the complete subtrees before the run, left to right.
    #[must_use]
    pub fn left(&self) -> &[RootHash] {
        &self.left
    }

    /// Hashes of the subtrees after the run, left to right.
    #[must_use]
    pub fn right(&self) -> &[RootHash] {
        &self.right
    }

    /// Checks that `leaves` are the whole `run` of the tree of `size` leaves with this `root`. Leaf hashes must have
    /// been computed from leaf data by whoever asks, and size and root must come from one signed place. Cost: about a
    /// hash a leaf; memory: 64 KiB, however long the run.
    ///
    /// # Errors
    /// As [`RangeProof::verifier`] and [`RangeVerifier::finish`].
    pub fn verify(
        &self,
        run: LeafRun,
        leaves: impl IntoIterator<Item = LeafHash>,
        size: TreeSize,
        root: RootHash,
    ) -> Result<VerifiedRange, ProofError> {
        let (mut verifier, mut leaves) = (self.verifier(run, size)?, leaves.into_iter());
        let mut piece = Vec::new();
        loop {
            piece.extend(leaves.by_ref().take(TILE_LEAVES));
            if piece.is_empty() {
                return verifier.finish(root);
            }
            verifier.push_all(&piece)?;
            piece.clear();
        }
    }

    /// Begins a check of `run` in a tree of `size` leaves.
    ///
    /// # Errors
    /// [`ProofError::RunOutside`]; [`ProofError::Length`] unless there are exactly as many hashes on each side as run
    /// and size demand; [`ProofError::Empty`] for an empty run of a tree that has leaves, which would prove nothing.
    pub fn verifier(&self, run: LeafRun, size: TreeSize) -> Result<RangeVerifier, ProofError> {
        check_run(run, size)?;
        let before = TreeSize::new(run.begin().as_u64());
        let frontier = Frontier::from_subtrees(before, self.left.clone())
            .map_err(|FrontierError::Count { expected, found }| ProofError::Length { expected, found })?;
        let after = ranges_after(run, size).len();
        check_length(&self.right, u32::try_from(after).unwrap_or(u32::MAX))?;
        Ok(RangeVerifier { frontier, right: self.right.clone(), run, size })
    }
}

impl RangeVerifier {
    /// Takes the next leaf of the run.
    ///
    /// # Errors
    /// [`ProofError::Leaves`] beyond the end of the run.
    pub fn push(&mut self, leaf: LeafHash) -> Result<(), ProofError> {
        if self.found() == self.run.count() {
            return Err(self.miscounted(1));
        }
        self.frontier.append(leaf);
        Ok(())
    }

    /// Takes the next leaves of the run. Cost: one hash a leaf, in half the time of [`RangeVerifier::push`] for each.
    ///
    /// # Errors
    /// [`ProofError::Leaves`] where they go beyond the end of the run; none of them is taken.
    pub fn push_all(&mut self, leaves: &[LeafHash]) -> Result<(), ProofError> {
        let count = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
        if count > self.run.count() - self.found() {
            return Err(self.miscounted(count));
        }
        self.frontier.append_all(leaves);
        Ok(())
    }

    /// Ends the check: all leaves of the run were taken, and they lead to `root`.
    ///
    /// # Errors
    /// [`ProofError::Leaves`] where leaves are missing, [`ProofError::Root`] where they lead to another root.
    pub fn finish(self, root: RootHash) -> Result<VerifiedRange, ProofError> {
        if self.found() != self.run.count() {
            return Err(self.miscounted(0));
        }
        let found = if self.right.is_empty() {
            self.frontier.root()
        } else {
            let mut parts = self.frontier.subtrees().iter().chain(&self.right);
            fold(Range::new(0, self.size.as_u64()), self.run.end().as_u64(), &mut parts)
        };
        if found != root {
            return Err(ProofError::Root { expected: root, found });
        }
        Ok(VerifiedRange { run: self.run, size: self.size, root })
    }

    /// How many leaves were taken.
    const fn found(&self) -> u64 {
        self.frontier.size().as_u64() - self.run.begin().as_u64()
    }

    const fn miscounted(&self, surplus: u64) -> ProofError {
        ProofError::Leaves { expected: self.run.count(), found: self.found().saturating_add(surplus) }
    }
}

/// Proof for the leaves of `run` in the tree of the first `size` leaves behind `reader`. Cost as for two inclusion
/// proofs, however long the run is.
///
/// # Errors
/// [`ProveError::Leaves`] where no such proof can be; [`ProveError::Read`] and [`ProveError::Answer`] where the reader
/// fails.
pub fn prove_range<R: HashReader + ?Sized>(
    reader: &R,
    run: LeafRun,
    size: TreeSize,
) -> Result<RangeProof, ProveError<R::Error>> {
    check_run(run, size).map_err(ProveError::Leaves)?;
    let before = Frontier::nodes(TreeSize::new(run.begin().as_u64()));
    let mut ranges: Vec<Range> = before.into_iter().map(Range::of).collect();
    let left = ranges.len();
    ranges.extend(ranges_after(run, size));
    let mut hashes = read_ranges(reader, &ranges)?;
    let right = hashes.split_off(left.min(hashes.len()));
    Ok(RangeProof { left: hashes, right })
}

/// Refuses a run that a proof cannot be of. The empty run of the empty tree can: it says that there is nothing.
fn check_run(run: LeafRun, size: TreeSize) -> Result<(), ProofError> {
    if !run.is_within(size) {
        return Err(ProofError::RunOutside { run, size });
    }
    if run.is_empty() && size != TreeSize::ZERO {
        return Err(ProofError::Empty);
    }
    Ok(())
}

/// The largest subtrees after `run` in a tree of `size`, left to right.
fn ranges_after(run: LeafRun, size: TreeSize) -> Vec<Range> {
    let (mut range, end) = (Range::new(0, size.as_u64()), run.end().as_u64());
    let mut after = Vec::new();
    while range.end() > end {
        let Some((left, right)) = range.split() else { break };
        if end <= right.begin() {
            after.push(right);
            range = left;
        } else {
            range = right;
        }
    }
    after.reverse();
    after
}

/// Root of `range`, whose largest subtrees on either side of `cut` are the next of `parts`. No deeper than 64 calls.
fn fold<'a>(range: Range, cut: u64, parts: &mut impl Iterator<Item = &'a RootHash>) -> RootHash {
    match range.split() {
        Some((left, right)) if range.begin() < cut && cut < range.end() => {
            let left = fold(left, cut, parts);
            RootHash::parent(&left, &fold(right, cut, parts))
        }
        // Counted before: there is one for each such subtree.
        _ => parts.next().copied().unwrap_or_else(RootHash::empty),
    }
}
