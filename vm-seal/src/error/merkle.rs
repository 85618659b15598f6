//! Errors of trees, proofs and tiles.

use thiserror::Error;
use vm_core::digest::RootHash;
use vm_core::error::CanonicalError;

use super::ShapeError;
use crate::merkle::{LeafIndex, LeafRun, TreeSize};

/// A Merkle proof that does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// More hashes than any tree demands.
    #[error("proof of {found} hashes is longer than {limit}")]
    TooLong {
        /// Hashes allowed.
        limit: usize,
        /// Hashes given.
        found: usize,
    },
    /// The tree has no such leaf.
    #[error("leaf {index} lies outside a tree of {size}")]
    IndexOutside {
        /// Position claimed.
        index: LeafIndex,
        /// Size claimed.
        size: TreeSize,
    },
    /// No leaf is claimed, so nothing would be proven.
    #[error("proof of no leaf")]
    Empty,
    /// A leaf stands after one that follows it in the tree.
    #[error("leaf {index} stands after leaf {before}")]
    IndexOrder {
        /// The earlier of the two in the list.
        before: LeafIndex,
        /// The one after it.
        index: LeafIndex,
    },
    /// A leaf is claimed twice.
    #[error("leaf {index} is claimed twice")]
    IndexTwice {
        /// Position claimed.
        index: LeafIndex,
    },
    /// A run that ends before it begins.
    #[error("run from {begin} ends before, at {end}")]
    RunReversed {
        /// First leaf claimed.
        begin: LeafIndex,
        /// First leaf after it.
        end: LeafIndex,
    },
    /// The tree does not hold the whole run.
    #[error("run {run} lies outside a tree of {size}")]
    RunOutside {
        /// Run claimed.
        run: LeafRun,
        /// Size claimed.
        size: TreeSize,
    },
    /// Not the number of leaves that the proof is of.
    #[error("proof is of {expected} leaves, found {found}")]
    Leaves {
        /// Leaves demanded.
        expected: u64,
        /// Leaves given.
        found: u64,
    },
    /// Made for a tree of another size.
    #[error("expected a proof for a tree of {expected}, found one of {found}")]
    Size {
        /// Size signed.
        expected: TreeSize,
        /// Size claimed.
        found: TreeSize,
    },
    /// The newer tree is smaller than the older.
    #[error("tree of {new} cannot begin with one of {old}")]
    Shrunk {
        /// Size of the older tree.
        old: TreeSize,
        /// Size of the newer tree.
        new: TreeSize,
    },
    /// Not the number of hashes that index and sizes demand.
    #[error("proof must have {expected} hashes, found {found}")]
    Length {
        /// Hashes demanded.
        expected: u32,
        /// Hashes given.
        found: usize,
    },
    /// The hashes lead to another root.
    #[error("expected root {expected}, found {found}")]
    Root {
        /// Root that was to be proven.
        expected: RootHash,
        /// Root the proof leads to.
        found: RootHash,
    },
}
stable_codes!(ProofError {
    Self::TooLong { .. } => "proof-too-long",
    Self::IndexOutside { .. } => "proof-index-outside",
    Self::Empty => "proof-empty",
    Self::IndexOrder { .. } => "proof-index-order",
    Self::IndexTwice { .. } => "proof-index-twice",
    Self::RunReversed { .. } => "proof-run-reversed",
    Self::RunOutside { .. } => "proof-run-outside",
    Self::Leaves { .. } => "proof-leaves",
    Self::Size { .. } => "proof-size",
    Self::Shrunk { .. } => "proof-shrunk",
    Self::Length { .. } => "proof-length",
    Self::Root { .. } => "proof-root",
});

/// A proof or root that could not be made. `E` is the reader's own error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ProveError<E> {
    /// The tree has no such leaf.
    #[error("leaf {index} lies outside a tree of {size}")]
    Index {
        /// Position asked for.
        index: LeafIndex,
        /// Size asked for.
        size: TreeSize,
    },
    /// The leaves asked for are none, not in order, twice the same, or a run outside the tree.
    #[error("leaves that cannot be proven")]
    Leaves(#[source] ProofError),
    /// The tree is smaller than asked for.
    #[error("tree of {held} is smaller than {wanted}")]
    Size {
        /// Size asked for.
        wanted: TreeSize,
        /// Size of the tree.
        held: TreeSize,
    },
    /// The newer tree is smaller than the older.
    #[error("tree of {new} cannot begin with one of {old}")]
    Shrunk {
        /// Size of the older tree.
        old: TreeSize,
        /// Size of the newer tree.
        new: TreeSize,
    },
    /// The reader could not read.
    #[error("subtree hashes could not be read")]
    Read(#[source] E),
    /// The reader answered with another number of hashes.
    #[error("reader must answer with {expected} hashes, found {found}")]
    Answer {
        /// Hashes asked for.
        expected: usize,
        /// Hashes given.
        found: usize,
    },
}
stable_codes!(ProveError<E> {
    Self::Index { .. } => "prove-index",
    Self::Leaves(_) => "prove-leaves",
    Self::Size { .. } => "prove-size",
    Self::Shrunk { .. } => "prove-shrunk",
    Self::Read(_) => "prove-read",
    Self::Answer { .. } => "prove-answer",
});

/// A frontier that could not be taken up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum FrontierError {
    /// Not one hash for each complete subtree.
    #[error("frontier must have {expected} hashes, found {found}")]
    Count {
        /// Hashes demanded by the size.
        expected: u32,
        /// Hashes given.
        found: usize,
    },
}
stable_codes!(FrontierError { Self::Count { .. } => "frontier-count", });

/// A Merkle tile that could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum TileError {
    /// Level or width out of range.
    #[error("no tile has level {level} and width {width}")]
    Range {
        /// Level asked for.
        level: u8,
        /// Width asked for.
        width: u16,
    },
    /// Not the number of bytes that the width demands.
    #[error("tile must have {expected} bytes, found {found}")]
    Length {
        /// Bytes demanded.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The subtree asked for does not lie in this tile.
    #[error("subtree does not lie in this tile")]
    Outside,
}
stable_codes!(TileError {
    Self::Range { .. } => "tile-range",
    Self::Length { .. } => "tile-length",
    Self::Outside => "tile-outside",
});

/// A stored multiproof or range proof that could not be read or written.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ProofFileError {
    /// Not canonical JSON, or longer than the limit.
    #[error("stored proof is not canonical JSON")]
    Json(#[source] CanonicalError),
    /// Of a format that this build does not know.
    #[error("unknown proof format {found:?}")]
    FormatUnknown {
        /// What was given.
        found: String,
    },
    /// Members missing, foreign or malformed.
    #[error("stored proof")]
    Shape(#[from] ShapeError),
    /// It can prove nothing: its leaves or its lengths contradict its size.
    #[error("stored proof cannot hold")]
    Proof(#[from] ProofError),
}
stable_codes!(ProofFileError {
    Self::Json(_) => "proof-file-json",
    Self::FormatUnknown { .. } => "format-unknown",
    Self::Shape(_) => "proof-file-shape",
    Self::Proof(_) => "proof-file-proof",
});
