//! Proof that whoever has a new key in a change of keys really has it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{MlDsaSignature, Signature};

/// Proof that whoever is named has the new key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Possession {
    /// By a log key, over the bytes that the root signs.
    Log(Signature),
    /// By an ML-DSA key, over the same.
    MlDsa(MlDsaSignature),
}

impl Serialize for Possession {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Log(signature) => serializer.collect_str(signature),
            Self::MlDsa(signature) => serializer.collect_str(signature),
        }
    }
}

impl<'de> Deserialize<'de> for Possession {
    /// The two are told apart by their lengths; whether it is the one of its role, the change says.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let ed25519 = Signature::parse_hex(&text).map(Self::Log);
        ed25519.or_else(|_| MlDsaSignature::parse_hex(&text).map(Self::MlDsa)).map_err(serde::de::Error::custom)
    }
}
