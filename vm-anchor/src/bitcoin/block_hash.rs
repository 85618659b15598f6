//! Names of blocks, as explorers write them: the bytes turned round, in hexadecimal.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vm_core::digest::{from_hex, to_hex};

use super::error::BlockHashError;

/// Hash of a block's header. Text form: 64 hexadecimal digits, last byte first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockHash([u8; 32]);

impl BlockHash {
    /// From the bytes as they are hashed.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes as they are hashed: the number that must not exceed the target, least significant first.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut turned = self.0;
        turned.reverse();
        f.write_str(&to_hex(&turned))
    }
}

impl fmt::Debug for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockHash({self})")
    }
}

impl FromStr for BlockHash {
    type Err = BlockHashError;

    fn from_str(text: &str) -> Result<Self, BlockHashError> {
        let bytes = from_hex(text).map_err(|_| BlockHashError)?;
        let mut turned: [u8; 32] = bytes.try_into().map_err(|_| BlockHashError)?;
        turned.reverse();
        Ok(Self(turned))
    }
}

impl Serialize for BlockHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BlockHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
