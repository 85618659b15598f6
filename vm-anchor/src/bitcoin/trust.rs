//! What is believed of a chain: one block of it, and headers that are tied to that.

use super::archive::HeaderArchive;
use super::block_hash::BlockHash;
use super::error::BitcoinTrustError;
use super::header::Header;
use super::target::{U256, Work};
use crate::policy::NAME_BYTES_MAX;

/// Blocks that must stand above one that is not proven by hashes alone, unless told otherwise: six, as wallets and the
/// OpenTimestamps client's documentation have it.
pub const CONFIRMATIONS_DEFAULT: u32 = 6;

/// A chain that is believed by one of its blocks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BitcoinTrust {
    name: String,
    height: u32,
    hash: BlockHash,
    confirmations: u32,
    archive: HeaderArchive,
}

/// How a block stands.
pub(super) enum Standing {
    /// It is believed, with so many blocks above it.
    Believed(Header, u32),
    /// The headers do not reach it.
    NotReached,
    /// It comes after a change of the target that comes after the pinned block, and that the headers cannot show to be right.
    Unchecked,
    /// Too few blocks, or too little work, are above it.
    Shallow,
}

impl BitcoinTrust {
    /// Believes the chain that holds the block `hash` at `height`.
    ///
    /// # Errors
    /// [`BitcoinTrustError`] where the name is malformed, or the headers do not hold the pinned block.
    pub fn new(
        name: impl Into<String>,
        (height, hash): (u32, BlockHash),
        archive: HeaderArchive,
    ) -> Result<Self, BitcoinTrustError> {
        let name = name.into();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
            return Err(BitcoinTrustError::Name { limit: NAME_BYTES_MAX });
        }
        match archive.holds(height, hash) {
            None => Err(BitcoinTrustError::NotReached { start: archive.start(), end: archive.end(), height }),
            Some(false) => Err(BitcoinTrustError::Pinned { height, pinned: hash }),
            Some(true) => Ok(Self { name, height, hash, confirmations: CONFIRMATIONS_DEFAULT, archive }),
        }
    }

    /// Demands so many blocks above one that comes after the pinned block.
    #[must_use]
    pub const fn confirmations(mut self, confirmations: u32) -> Self {
        self.confirmations = confirmations;
        self
    }

    /// The chain's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pinned block.
    #[must_use]
    pub const fn pinned(&self) -> (u32, BlockHash) {
        (self.height, self.hash)
    }

    /// The headers.
    #[must_use]
    pub const fn archive(&self) -> &HeaderArchive {
        &self.archive
    }

    /// How the block at a height stands. One up to the pinned block is proven by the hashes that lead there. One after it
    /// needs blocks above it, and their work must be at least a quarter of what as many pinned blocks took: no honest
    /// change of the target lowers it further within a period.
    pub(super) fn standing(&self, height: u32) -> Standing {
        let Some(header) = self.archive.header(height) else { return Standing::NotReached };
        let above = self.archive.end().saturating_sub(height);
        if height <= self.height {
            return Standing::Believed(header, above);
        }
        if self.archive.unchecked().is_some_and(|change| change > self.height) {
            return Standing::Unchecked;
        }
        let pinned = self.archive.header(self.height).and_then(|pinned| U256::from_compact(pinned.bits));
        let asked = pinned.map_or_else(Work::default, Work::of).times(self.confirmations);
        let is_deep = above >= self.confirmations && self.archive.work_above(height).times(4) >= asked;
        if is_deep { Standing::Believed(header, above) } else { Standing::Shallow }
    }
}
