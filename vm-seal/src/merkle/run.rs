//! Runs of leaves that stand side by side.

use core::fmt;

use super::{LeafIndex, TreeSize};
use crate::error::ProofError;

/// Leaves from `begin` up to, not including, `end`. An empty run is a place between two leaves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LeafRun {
    begin: u64,
    end: u64,
}

impl LeafRun {
    /// The leaves from `begin` on, `end` not among them.
    ///
    /// # Errors
    /// [`ProofError::RunReversed`] where `end` lies before `begin`.
    pub const fn new(begin: LeafIndex, end: LeafIndex) -> Result<Self, ProofError> {
        if end.as_u64() < begin.as_u64() {
            return Err(ProofError::RunReversed { begin, end });
        }
        Ok(Self { begin: begin.as_u64(), end: end.as_u64() })
    }

    /// All leaves of a tree of `size`.
    #[must_use]
    pub const fn whole(size: TreeSize) -> Self {
        Self { begin: 0, end: size.as_u64() }
    }

    /// The first leaf, if there is one.
    #[must_use]
    pub const fn begin(self) -> LeafIndex {
        LeafIndex::new(self.begin)
    }

    /// The place after the last leaf.
    #[must_use]
    pub const fn end(self) -> LeafIndex {
        LeafIndex::new(self.end)
    }

    /// Number of leaves.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.end - self.begin
    }

    /// Whether it holds no leaf.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.begin == self.end
    }

    /// Whether all its leaves are in a tree of `size`.
    #[must_use]
    pub const fn is_within(self, size: TreeSize) -> bool {
        self.end <= size.as_u64()
    }

    /// This run and its neighbour on either side, where a tree of `size` has one. Proving the wider run shows what
    /// stands next to this one; of an empty run, that nothing stands between its two neighbours.
    #[must_use]
    pub const fn with_neighbours(self, size: TreeSize) -> Self {
        let end = if self.end < size.as_u64() { self.end + 1 } else { self.end };
        Self { begin: self.begin.saturating_sub(1), end }
    }
}

impl fmt::Display for LeafRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.begin, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(begin: u64, end: u64) -> LeafRun {
        LeafRun::new(LeafIndex::new(begin), LeafIndex::new(end)).unwrap()
    }

    #[test]
    fn a_run_that_ends_before_it_begins_is_refused() {
        let error = LeafRun::new(LeafIndex::new(2), LeafIndex::new(1)).unwrap_err();
        assert_eq!(error.code(), "proof-run-reversed");
        assert!(run(2, 2).is_empty() && !run(2, 3).is_empty());
    }

    #[test]
    fn neighbours_stop_at_the_ends_of_the_tree() {
        let size = TreeSize::new(5);
        for (given, wider) in [((0, 5), (0, 5)), ((1, 4), (0, 5)), ((2, 2), (1, 3)), ((0, 0), (0, 1)), ((5, 5), (4, 5))]
        {
            assert_eq!(run(given.0, given.1).with_neighbours(size), run(wider.0, wider.1), "{given:?}");
        }
        assert_eq!(run(0, 0).with_neighbours(TreeSize::ZERO), run(0, 0));
    }

    #[test]
    fn a_run_is_within_a_tree_that_reaches_its_end() {
        assert!(run(1, 3).is_within(TreeSize::new(3)));
        assert!(!run(1, 3).is_within(TreeSize::new(2)));
        assert_eq!((run(1, 3).count(), run(1, 3).to_string().as_str()), (2, "1..3"));
    }
}
