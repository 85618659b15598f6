//! The secret key that openings of commitments are encrypted under: a vault's own, or one subject's.

use core::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::digest::{from_hex, to_hex};
use crate::error::KeyError;
use crate::key::BlindKey;
use crate::source::Entropy;

/// Context under which a key names itself.
const ID_CONTEXT: &str = "vm-openings-v0 key id";

/// Name of a key of openings: enough that two keys never share one by chance. It tells nothing of the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpeningsKeyId([u8; Self::LEN]);

impl OpeningsKeyId {
    /// Its length in bytes.
    pub const LEN: usize = 16;

    /// Wraps the bytes of a name.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Reads 32 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`KeyError::Malformed`].
    pub fn parse_hex(text: &str) -> Result<Self, KeyError> {
        let bytes = from_hex(text).map_err(|_| KeyError::Malformed)?;
        Ok(Self(bytes.try_into().map_err(|_| KeyError::Malformed)?))
    }
}

impl fmt::Display for OpeningsKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for OpeningsKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpeningsKeyId({self})")
    }
}

impl serde::Serialize for OpeningsKeyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for OpeningsKeyId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        Self::parse_hex(&text).map_err(serde::de::Error::custom)
    }
}

/// A secret key of openings. It lives outside the vault. Its bytes stand in one place, however often it is cloned, are wiped with
/// the last clone and never printed.
#[derive(Clone)]
pub struct OpeningsKey(Arc<Inner>);

struct Inner {
    bytes: Zeroizing<[u8; 32]>,
    id: OpeningsKeyId,
}

impl OpeningsKey {
    /// Wraps key bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self::new(Zeroizing::new(bytes))
    }

    /// Makes a new key from entropy.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut_slice());
        Self::new(bytes)
    }

    fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        let named = BlindKey::from_bytes(*bytes).blind(ID_CONTEXT, &[]);
        let mut id = [0; OpeningsKeyId::LEN];
        id.copy_from_slice(named.as_bytes().split_at(OpeningsKeyId::LEN).0);
        Self(Arc::new(Inner { bytes, id: OpeningsKeyId(id) }))
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> OpeningsKeyId {
        self.0.id
    }

    /// The key bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0.bytes
    }
}

impl fmt::Debug for OpeningsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpeningsKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_and_not_printed() {
        let key = OpeningsKey::from_bytes([7; 32]);
        assert_eq!(key.id().to_string(), "4a726c71c0fe036edf26defc77ac8cf1", "as docs/spec/openings.md has it");
        assert_eq!(OpeningsKeyId::parse_hex(&key.id().to_string()), Ok(key.id()));
        assert!(OpeningsKeyId::parse_hex("4a").is_err());
        assert_eq!(format!("{key:?}"), "OpeningsKey(..)");
    }
}
