//! Errors: one enum an operation, each variant with a stable code.

use thiserror::Error;
use vm_core::digest::RootHash;
use vm_core::error::NoteError;

use crate::merkle::{LeafIndex, TreeSize};

/// Gives each variant of an error enum its stable code.
macro_rules! stable_codes {
    ($error:ident $(<$generic:ident>)? { $($pattern:pat => $code:literal,)* }) => {
        impl$(<$generic>)? $error$(<$generic>)? {
            /// Stable, machine-readable name of this error.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $($pattern => $code,)* }
            }
        }
    };
}

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

/// A checkpoint that could not be read or believed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The note around it is malformed or not signed by the key.
    #[error("signed note around the checkpoint")]
    Note(#[source] NoteError),
    /// Not three lines.
    #[error("checkpoint must have three lines, found {found}")]
    Lines {
        /// Lines found.
        found: usize,
    },
    /// The origin cannot stand in a checkpoint.
    #[error("origin is empty or holds a line break")]
    Origin,
    /// Of another log.
    #[error("expected a checkpoint of {expected}, found one of {found}")]
    OtherOrigin {
        /// Origin wanted.
        expected: String,
        /// Origin found.
        found: String,
    },
    /// The size is not a decimal number without leading zeros.
    #[error("tree size is not a decimal number without leading zeros")]
    Size,
    /// The root is not the base64 of 32 bytes.
    #[error("root is not the base64 of 32 bytes")]
    Root,
    /// An empty tree with the root of another.
    #[error("root of the empty tree must be the hash of nothing")]
    EmptyRoot,
}
stable_codes!(CheckpointError {
    Self::Note(_) => "checkpoint-note",
    Self::Lines { .. } => "checkpoint-lines",
    Self::Origin => "checkpoint-origin",
    Self::OtherOrigin { .. } => "checkpoint-other-origin",
    Self::Size => "checkpoint-size",
    Self::Root => "checkpoint-root",
    Self::EmptyRoot => "checkpoint-empty-root",
});
