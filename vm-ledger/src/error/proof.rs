//! Faults of proofs out of the store.

use thiserror::Error;

use super::StoreError;

/// A proof that could not be made from the stored log.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProofFault {
    /// The log has no such place or size.
    #[error("the log holds {held} entries, {wanted} were asked for")]
    Outside {
        /// Entries held.
        held: u64,
        /// Place or size asked for.
        wanted: u64,
    },
    /// The proof would run from a larger size to a smaller.
    #[error("no proof runs from size {from} to the smaller {to}")]
    Shrunk {
        /// Older size.
        from: u64,
        /// Newer size.
        to: u64,
    },
    /// The leaves asked for are none, not in order, or twice the same.
    #[error("leaves that cannot be proven")]
    Leaves(#[source] vm_seal::error::ProofError),
    /// A tile or leaf that the proof needs is missing or malformed.
    #[error("tile {path} is missing or malformed")]
    Tile {
        /// Name of the tile.
        path: String,
    },
    /// The store.
    #[error("store")]
    Store(#[source] StoreError),
}

impl ProofFault {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Outside { .. } => "proof-outside",
            Self::Shrunk { .. } => "proof-shrunk",
            Self::Leaves(source) => source.code(),
            Self::Tile { .. } => "proof-tile",
            Self::Store(source) => source.code(),
        }
    }
}

impl From<rusqlite::Error> for ProofFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(StoreError::from(error))
    }
}

impl From<vm_seal::error::TileError> for ProofFault {
    fn from(error: vm_seal::error::TileError) -> Self {
        Self::Tile { path: error.to_string() }
    }
}
