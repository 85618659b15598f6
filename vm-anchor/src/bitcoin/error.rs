//! Errors of headers, of trust in a chain, and of evidence.

use thiserror::Error;

use super::block_hash::BlockHash;
use crate::error::{StoredError, stable_codes};

/// Not the name of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("not a block hash of 64 hexadecimal digits")]
pub struct BlockHashError;

/// Headers that break a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Not a whole number of headers.
    #[error("expected headers of {expected} bytes each, found {found} bytes")]
    Length {
        /// Length of a header.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// More headers than are read.
    #[error("expected at most {limit} headers, found {found}")]
    TooMany {
        /// Most headers read.
        limit: usize,
        /// Headers given.
        found: usize,
    },
    /// A header that does not follow the one before.
    #[error("header {height} does not follow the one before")]
    Link {
        /// Its height.
        height: u32,
    },
    /// A target that is not the one the rules give.
    #[error("header {height} states another target than the rules give")]
    Target {
        /// Its height.
        height: u32,
    },
    /// A hash above the target.
    #[error("header {height} has not the work that its target demands")]
    Work {
        /// Its height.
        height: u32,
    },
    /// A time not after the median of the eleven before.
    #[error("header {height} is not later than the median of the eleven before")]
    Time {
        /// Its height.
        height: u32,
    },
}
stable_codes!(HeaderError {
    Self::Length { .. } => "headers-length",
    Self::TooMany { .. } => "headers-too-many",
    Self::Link { .. } => "headers-link",
    Self::Target { .. } => "headers-target",
    Self::Work { .. } => "headers-work",
    Self::Time { .. } => "headers-time",
});

/// Trust in a chain that cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum BitcoinTrustError {
    /// A name that is empty, long, or holds control characters.
    #[error("name of a chain is empty, longer than {limit} bytes, or holds control characters")]
    Name {
        /// Most bytes of a name.
        limit: usize,
    },
    /// Headers that do not reach the pinned block.
    #[error("headers from {start} to {end} do not reach the pinned block at {height}")]
    NotReached {
        /// First height.
        start: u32,
        /// Last height.
        end: u32,
        /// The pinned block's.
        height: u32,
    },
    /// Headers of another chain.
    #[error("headers have another block at {height} than the pinned {pinned}")]
    Pinned {
        /// Its height.
        height: u32,
        /// The pinned block.
        pinned: BlockHash,
    },
    /// Headers of another network.
    #[error("headers are of another network")]
    Network,
}
stable_codes!(BitcoinTrustError {
    Self::Name { .. } => "bitcoin-trust-name",
    Self::NotReached { .. } => "bitcoin-trust-not-reached",
    Self::Pinned { .. } => "bitcoin-trust-pinned",
    Self::Network => "bitcoin-trust-network",
});

/// Evidence that could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BitcoinEvidenceError {
    /// Not the JSON that is kept.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// Bytes that are no lower-case hexadecimal, or too many of them.
    #[error("{field} is not lower-case hexadecimal of at most {limit} bytes")]
    Hex {
        /// The field.
        field: &'static str,
        /// Most bytes read.
        limit: usize,
    },
}
impl BitcoinEvidenceError {
    /// The finding that it makes.
    pub(crate) const fn finding(&self) -> vm_core::verdict::Code {
        match self {
            Self::Stored(error) => error.finding(),
            _ => vm_core::verdict::Code::AnchorInvalid,
        }
    }
}
stable_codes!(BitcoinEvidenceError {
    Self::Stored(error) => error.code(),
    Self::Hex { .. } => "bitcoin-evidence-hex",
});
