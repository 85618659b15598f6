//! What keeps a directory of tiles from being written.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use vm_seal::error::{CheckpointError, EntryBundleError};
use vm_seal::merkle::TreeSize;

/// A directory of tiles that was not written. What stands in it is what stood there, and perhaps more tiles of this log.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TilesError {
    /// A file cannot be read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// Another process writes there.
    #[error("another process writes to {}", path.display())]
    Busy {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds something else than a log.
    #[error("{} holds {found:?} and no checkpoint", path.display())]
    NotTiles {
        /// The directory.
        path: PathBuf,
        /// What is in it.
        found: String,
    },
    /// The directory's checkpoint does not read, or the ledger's key did not sign it.
    #[error("checkpoint of {}", path.display())]
    Checkpoint {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: CheckpointError,
    },
    /// The directory is that of another log.
    #[error("directory is of {found}, not of {expected}")]
    OtherLog {
        /// This log.
        expected: String,
        /// The log it is of.
        found: String,
    },
    /// The directory knows of more than this log holds.
    #[error("directory is of {published} entries, the log holds {held}")]
    Ahead {
        /// Entries of this log.
        held: TreeSize,
        /// Entries that were published.
        published: TreeSize,
    },
    /// The directory's checkpoint and this log disagree.
    #[error("root that was published at {size} is not that of the log")]
    Forked {
        /// Size at which they disagree.
        size: TreeSize,
    },
    /// A file that never changes is there with other content.
    #[error("{path} is there with other content")]
    Altered {
        /// Its path below the directory.
        path: String,
    },
    /// The vault's latest checkpoint is not one by its own key.
    #[error("latest checkpoint of the vault")]
    Head(#[source] CheckpointError),
    /// The vault's tiles do not give the root that its latest checkpoint signs.
    #[error("log of the vault does not give the root signed at {size}")]
    LogAltered {
        /// Size of the checkpoint.
        size: TreeSize,
    },
    /// A row is missing, malformed, or not as it was logged.
    #[error("row at place {seq} is not as it was logged")]
    RowAltered {
        /// Its place in the log.
        seq: u64,
    },
    /// An entry bundle that cannot be made.
    #[error("entry bundle")]
    Entries(#[source] EntryBundleError),
}

impl TilesError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "tiles-file",
            Self::Busy { .. } => "tiles-busy",
            Self::NotTiles { .. } => "tiles-not-a-log",
            Self::Checkpoint { .. } => "tiles-checkpoint",
            Self::OtherLog { .. } => "tiles-other-log",
            Self::Ahead { .. } => "tiles-ahead",
            Self::Forked { .. } => "tiles-forked",
            Self::Altered { .. } => "tiles-altered",
            Self::Head(_) => "tiles-head",
            Self::LogAltered { .. } => "tiles-log-altered",
            Self::RowAltered { .. } => "tiles-row-altered",
            Self::Entries(_) => "tiles-entries",
        }
    }

    /// Whether the machine failed, or another process is at work: the same may work later.
    pub(crate) fn is_machine(&self) -> bool {
        match self {
            Self::Busy { .. } => true,
            Self::Io { source, .. } => crate::exit::is_machine(source),
            _ => false,
        }
    }

    /// What to do about it, in one sentence.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::Io { .. } => "Check the name of the directory, the right to write there, and the space on its disk.",
            Self::Busy { .. } => "Wait for the other process.",
            Self::NotTiles { .. } => "Choose an absent or empty directory, or one that holds tiles of this log.",
            Self::OtherLog { .. } => "Choose the directory of this log, or name the vault it is of with --vault.",
            Self::Ahead { .. } => {
                "Verify the vault with the directory's checkpoint as --head: it may be an older copy."
            }
            Self::Forked { .. } => {
                "Keep both: together with the directory's checkpoint they prove that the log was forked."
            }
            Self::Checkpoint { .. } | Self::Altered { .. } => {
                "Check the directory with `vaultmesh verify-tiles`, and write to another one if it does not hold."
            }
            Self::Head(_) | Self::LogAltered { .. } | Self::RowAltered { .. } | Self::Entries(_) => {
                "Verify the vault with `vaultmesh verify`; what does not hold is not published."
            }
        }
    }
}
