//! Keys of witnesses, of either type.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vm_core::error::KeyError;
use vm_core::key::{CosignerKey, MlDsaCosignerKey, Note};

use super::{Cosignature, ml_dsa};
use crate::error::CosignatureError;

/// A named key that verifies cosignatures, as its witness publishes it: by Ed25519 (type byte 0x04) or ML-DSA-44 (0x06).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WitnessKey {
    /// Ed25519.
    Ed25519(CosignerKey),
    /// ML-DSA-44.
    MlDsa(MlDsaCosignerKey),
}

impl WitnessKey {
    /// Name of the witness.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Ed25519(key) => key.name(),
            Self::MlDsa(key) => key.name(),
        }
    }

    /// Key hash, which tells its lines from those of other keys under this name.
    #[must_use]
    pub fn hash(&self) -> [u8; 4] {
        match self {
            Self::Ed25519(key) => key.hash(),
            Self::MlDsa(key) => key.hash(),
        }
    }

    /// The cosignature in `note` by this key. Lines of other keys are ignored. Cost: one signature.
    ///
    /// # Errors
    /// As [`Cosignature::verify`].
    pub fn verify(&self, note: &Note) -> Result<Cosignature, CosignatureError> {
        match self {
            Self::Ed25519(key) => Cosignature::verify(note, key),
            Self::MlDsa(key) => ml_dsa::verify(note, key),
        }
    }

    /// Whether the two are one key, by whatever names.
    pub(super) fn is_same_key(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ed25519(one), Self::Ed25519(other)) => one.public() == other.public(),
            (Self::MlDsa(one), Self::MlDsa(other)) => one.public() == other.public(),
            _ => false,
        }
    }
}

impl From<CosignerKey> for WitnessKey {
    fn from(key: CosignerKey) -> Self {
        Self::Ed25519(key)
    }
}

impl From<MlDsaCosignerKey> for WitnessKey {
    fn from(key: MlDsaCosignerKey) -> Self {
        Self::MlDsa(key)
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ed25519(key) => key.fmt(f),
            Self::MlDsa(key) => key.fmt(f),
        }
    }
}

impl FromStr for WitnessKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        text.parse().map(Self::MlDsa).or_else(|_| text.parse().map(Self::Ed25519))
    }
}

impl Serialize for WitnessKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WitnessKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
