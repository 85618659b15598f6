//! Errors of tlog-tiles directories and `.tlog-proof` files.

use thiserror::Error;
use vm_core::error::NoteError;
use vm_core::view::FileFault;

use super::{CheckpointError, ProofError, TileError};

/// An entry bundle that could not be read or written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum EntryBundleError {
    /// It ends within an entry.
    #[error("entry bundle ends within entry {entry}")]
    Cut {
        /// Number of the entry in the bundle, from 0.
        entry: usize,
    },
    /// Not the number of entries that the width demands.
    #[error("entry bundle must have {expected} entries, found {found}")]
    Count {
        /// Entries demanded.
        expected: usize,
        /// Entries given.
        found: usize,
    },
    /// An entry that no bundle can hold.
    #[error("entry of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
}
stable_codes!(EntryBundleError {
    Self::Cut { .. } => "entry-bundle-cut",
    Self::Count { .. } => "entry-bundle-count",
    Self::TooLong { .. } => "entry-bundle-too-long",
});

/// A tlog-tiles directory of which something could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlogError {
    /// A file is not there, or is no regular file, or the machine would not read it.
    #[error("file of the log")]
    File(#[from] FileFault),
    /// A file is longer than any of its kind.
    #[error("{path} is longer than {limit} bytes")]
    TooLong {
        /// Its path below the log.
        path: String,
        /// Bytes allowed.
        limit: usize,
    },
    /// A path that cannot be read.
    #[error("path of the log")]
    Path(#[source] vm_core::error::PathError),
    /// The signed note around the checkpoint is malformed.
    #[error("signed note around the checkpoint")]
    Note(#[source] NoteError),
    /// The checkpoint is malformed.
    #[error("checkpoint of the log")]
    Checkpoint(#[source] CheckpointError),
    /// A tile is malformed.
    #[error("tile of the log")]
    Tile(#[from] TileError),
    /// An entry bundle is malformed.
    #[error("entry bundle of the log")]
    Entries(#[source] EntryBundleError),
}
stable_codes!(TlogError {
    Self::File(FileFault::Missing { .. }) => "tlog-file-missing",
    Self::File(FileFault::NotRegular { .. }) => "tlog-file-not-regular",
    Self::File(_) => "tlog-file",
    Self::TooLong { .. } => "tlog-too-long",
    Self::Path(_) => "tlog-path",
    Self::Note(_) => "tlog-note",
    Self::Checkpoint(_) => "tlog-checkpoint",
    Self::Tile(_) => "tlog-tile",
    Self::Entries(_) => "tlog-entries",
});

/// A `.tlog-proof` that could not be read, or does not hold.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum TlogProofError {
    /// Longer than the limit.
    #[error("proof of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not UTF-8.
    #[error("proof is not UTF-8")]
    NotText,
    /// Not the first line of this format.
    #[error("unknown proof format {found:?}")]
    FormatUnknown {
        /// The first line.
        found: String,
    },
    /// The extra data are empty, too long, or no base64.
    #[error("extra data are empty, too long, or not base64")]
    Extra,
    /// No line `index` with a decimal number without leading zeros.
    #[error("no index that is a decimal number without leading zeros")]
    Index,
    /// A hash is not the base64 of 32 bytes.
    #[error("hash {at} is not the base64 of 32 bytes")]
    Hash {
        /// Number of the hash, from 0.
        at: usize,
    },
    /// No empty line before the checkpoint.
    #[error("no empty line before the checkpoint")]
    NoCheckpoint,
    /// The signed note around the checkpoint is malformed.
    #[error("signed note around the checkpoint")]
    Note(#[source] NoteError),
    /// The checkpoint is malformed, or not one by the key.
    #[error("checkpoint of the proof")]
    Checkpoint(#[source] CheckpointError),
    /// The hashes do not lead from the leaf to the checkpoint's root.
    #[error("inclusion proof")]
    Proof(#[from] ProofError),
}
stable_codes!(TlogProofError {
    Self::TooLong { .. } => "tlog-proof-too-long",
    Self::NotText => "tlog-proof-not-text",
    Self::FormatUnknown { .. } => "format-unknown",
    Self::Extra => "tlog-proof-extra",
    Self::Index => "tlog-proof-index",
    Self::Hash { .. } => "tlog-proof-hash",
    Self::NoCheckpoint => "tlog-proof-no-checkpoint",
    Self::Note(_) => "tlog-proof-note",
    Self::Checkpoint(_) => "tlog-proof-checkpoint",
    Self::Proof(_) => "tlog-proof-inclusion",
});
