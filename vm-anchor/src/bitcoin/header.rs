//! One block header: 80 bytes.

use core::fmt;

use vm_core::digest::to_hex;

use super::block_hash::BlockHash;
use super::double_sha256;
use super::error::HeaderError;
use super::reader::{Reader, array};

/// Length of a header, in bytes.
pub const HEADER_LEN: usize = 80;

/// Root over a block's transactions, as its bytes are hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MerkleRoot([u8; 32]);

impl MerkleRoot {
    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MerkleRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MerkleRoot({})", to_hex(&self.0))
    }
}

/// A block header: version, hash of the block before, root of its transactions, time, compact target, nonce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub(super) hash: BlockHash,
    pub(super) before: BlockHash,
    pub(super) root: MerkleRoot,
    pub(super) time: u32,
    pub(super) bits: u32,
}

impl Header {
    /// Reads 80 bytes.
    ///
    /// # Errors
    /// [`HeaderError::Length`].
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let length = || HeaderError::Length { expected: HEADER_LEN, found: bytes.len() };
        if bytes.len() != HEADER_LEN {
            return Err(length());
        }
        let mut reader = Reader::new(bytes);
        let mut read = || {
            reader.take(4)?;
            let before = BlockHash::from_bytes(array(reader.take(32)?)?);
            let root = MerkleRoot(array(reader.take(32)?)?);
            Some((before, root, reader.u32()?, reader.u32()?))
        };
        let (before, root, time, bits) = read().ok_or_else(length)?;
        Ok(Self { hash: BlockHash::from_bytes(double_sha256(bytes)), before, root, time, bits })
    }

    /// Its hash, which names the block.
    #[must_use]
    pub const fn hash(&self) -> BlockHash {
        self.hash
    }

    /// Root over its transactions.
    #[must_use]
    pub const fn merkle_root(&self) -> MerkleRoot {
        self.root
    }

    /// Its time in seconds since 1970, as its miner states it.
    #[must_use]
    pub const fn seconds(&self) -> u32 {
        self.time
    }
}
