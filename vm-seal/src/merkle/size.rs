//! Counts and positions of leaves.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Number of leaves in a tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TreeSize(u64);

/// Position of a leaf, counted from zero in the order of appending.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeafIndex(u64);

impl TreeSize {
    /// The empty tree.
    pub const ZERO: Self = Self(0);

    /// A tree of `leaves` leaves.
    #[must_use]
    pub const fn new(leaves: u64) -> Self {
        Self(leaves)
    }

    /// The number of leaves.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Whether the tree holds a leaf at `index`.
    #[must_use]
    pub const fn holds(self, index: LeafIndex) -> bool {
        index.0 < self.0
    }
}

impl LeafIndex {
    /// The leaf with `before` leaves before it.
    #[must_use]
    pub const fn new(before: u64) -> Self {
        Self(before)
    }

    /// How many leaves stand before this one.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
