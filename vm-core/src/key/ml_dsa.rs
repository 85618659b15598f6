//! ML-DSA-44 (FIPS 204): the key of a second signature, which holds where Ed25519 no longer does.
//!
//! Types and texts are here in every build; making and checking signatures needs the feature `ml-dsa`, and is
//! [`KeyError::NoMlDsa`] without it, which nobody may take for a signature that holds.

use core::fmt;
use core::str::FromStr;

use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::is_name;
use crate::digest::{from_hex, to_hex};
use crate::error::KeyError;
use crate::source::Entropy;

/// Length of a public key of ML-DSA-44, in bytes (FIPS 204, table 2).
pub const ML_DSA_KEY_LEN: usize = 1312;
/// Length of a signature of ML-DSA-44, in bytes (FIPS 204, table 2).
pub const ML_DSA_SIGNATURE_LEN: usize = 2420;
/// Signature type byte of a timestamped ML-DSA-44 cosignature in a C2SP key hash (tlog-cosignature).
const ALG_ML_DSA_44: u8 = 0x06;

/// A public key of ML-DSA-44, written as 2,624 lower-case hexadecimal digits. Any bytes of this length are one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MlDsaKey(Box<[u8; ML_DSA_KEY_LEN]>);

impl MlDsaKey {
    /// Takes the bytes of a key.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; ML_DSA_KEY_LEN]) -> Self {
        Self(Box::new(*bytes))
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; ML_DSA_KEY_LEN] {
        &self.0
    }

    /// Reads 2,624 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`KeyError::Malformed`].
    pub fn parse_hex(text: &str) -> Result<Self, KeyError> {
        fixed(&from_hex(text).map_err(|_| KeyError::Malformed)?).map(Self)
    }

    /// Checks a signature over `message` with an empty context (FIPS 204, algorithm 3). Cost: a fifth of a millisecond.
    ///
    /// # Errors
    /// [`KeyError::BadSignature`]; [`KeyError::NoMlDsa`] in a build without.
    pub fn verify(&self, message: &[u8], signature: &MlDsaSignature) -> Result<(), KeyError> {
        suite::verify(self, message, signature)
    }
}

impl fmt::Display for MlDsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(self.0.as_slice()))
    }
}

impl fmt::Debug for MlDsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MlDsaKey({self})")
    }
}

/// A signature of ML-DSA-44, written as 4,840 lower-case hexadecimal digits. Never an identity of what it signs.
#[derive(Clone, PartialEq, Eq)]
pub struct MlDsaSignature(Box<[u8; ML_DSA_SIGNATURE_LEN]>);

impl MlDsaSignature {
    /// Takes the bytes of a signature; whether it holds is for [`MlDsaKey::verify`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8; ML_DSA_SIGNATURE_LEN]) -> Self {
        Self(Box::new(*bytes))
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; ML_DSA_SIGNATURE_LEN] {
        &self.0
    }

    /// Reads 4,840 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`KeyError::Malformed`].
    pub fn parse_hex(text: &str) -> Result<Self, KeyError> {
        fixed(&from_hex(text).map_err(|_| KeyError::Malformed)?).map(Self)
    }
}

impl fmt::Display for MlDsaSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(self.0.as_slice()))
    }
}

impl fmt::Debug for MlDsaSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MlDsaSignature({self})")
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<Box<[u8; N]>, KeyError> {
    <[u8; N]>::try_from(bytes).map(Box::new).map_err(|_| KeyError::Malformed)
}

/// A private signing key of ML-DSA-44: its seed, which is wiped when it is dropped and never printed.
#[derive(Clone)]
pub struct MlDsaIdentity {
    seed: Zeroizing<[u8; 32]>,
    public: MlDsaKey,
}

impl MlDsaIdentity {
    /// Makes a new key from entropy.
    ///
    /// # Errors
    /// [`KeyError::NoMlDsa`] in a build without.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(seed.as_mut_slice());
        Self::from_seed(&seed)
    }

    /// The key with this seed (FIPS 204, algorithm 6). Cost: a quarter of a millisecond.
    ///
    /// # Errors
    /// [`KeyError::NoMlDsa`] in a build without.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        Ok(Self { seed: Zeroizing::new(*seed), public: suite::public(seed)? })
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &MlDsaKey {
        &self.public
    }

    /// Signs `message` with an empty context. Deterministic (FIPS 204, section 3.4), so that no randomness is needed and one
    /// message has one signature. Cost: a millisecond.
    ///
    /// # Errors
    /// [`KeyError::BadSignature`] where no signature was found, which FIPS 204 bounds below one in 2^256;
    /// [`KeyError::NoMlDsa`] in a build without.
    pub fn sign(&self, message: &[u8]) -> Result<MlDsaSignature, KeyError> {
        suite::sign(&self.seed, message)
    }
}

impl fmt::Debug for MlDsaIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MlDsaIdentity").field(&self.public).finish()
    }
}

/// The arithmetic.
#[cfg(feature = "ml-dsa")]
mod suite {
    use ml_dsa::signature::Keypair as _;
    use ml_dsa::{MlDsa44, Seed, Signature, SigningKey, VerifyingKey};

    use super::{ML_DSA_KEY_LEN, ML_DSA_SIGNATURE_LEN, MlDsaKey, MlDsaSignature};
    use crate::error::KeyError;

    pub(super) fn public(seed: &[u8; 32]) -> Result<MlDsaKey, KeyError> {
        let encoded = SigningKey::<MlDsa44>::from_seed(<&Seed>::from(seed)).verifying_key().encode();
        let bytes = <&[u8; ML_DSA_KEY_LEN]>::try_from(encoded.as_slice()).map_err(|_| KeyError::Malformed)?;
        Ok(MlDsaKey::from_bytes(bytes))
    }

    pub(super) fn sign(seed: &[u8; 32], message: &[u8]) -> Result<MlDsaSignature, KeyError> {
        let key = SigningKey::<MlDsa44>::from_seed(<&Seed>::from(seed));
        let signature = key.expanded_key().sign_deterministic(message, &[]).map_err(|_| KeyError::BadSignature)?;
        let encoded = signature.encode();
        let bytes = <&[u8; ML_DSA_SIGNATURE_LEN]>::try_from(encoded.as_slice()).map_err(|_| KeyError::Malformed)?;
        Ok(MlDsaSignature::from_bytes(bytes))
    }

    pub(super) fn verify(key: &MlDsaKey, message: &[u8], signature: &MlDsaSignature) -> Result<(), KeyError> {
        let key = VerifyingKey::<MlDsa44>::decode(&(*key.as_bytes()).into());
        let signature = Signature::<MlDsa44>::try_from(signature.as_bytes().as_slice());
        let holds = signature.is_ok_and(|signature| key.verify_with_context(message, &[], &signature));
        if holds { Ok(()) } else { Err(KeyError::BadSignature) }
    }
}

/// A build without the arithmetic: nothing is made, and nothing holds.
#[cfg(not(feature = "ml-dsa"))]
mod suite {
    use super::{MlDsaKey, MlDsaSignature};
    use crate::error::KeyError;

    pub(super) const fn public(_: &[u8; 32]) -> Result<MlDsaKey, KeyError> {
        Err(KeyError::NoMlDsa)
    }

    pub(super) const fn sign(_: &[u8; 32], _: &[u8]) -> Result<MlDsaSignature, KeyError> {
        Err(KeyError::NoMlDsa)
    }

    pub(super) const fn verify(_: &MlDsaKey, _: &[u8], _: &MlDsaSignature) -> Result<(), KeyError> {
        Err(KeyError::NoMlDsa)
    }
}

/// A named key that verifies ML-DSA-44 cosignatures of checkpoints: `<name>+<key hash, 8 hexadecimal digits>+<base64 of 0x06 and
/// the 1,312 bytes of the key>` (C2SP tlog-cosignature, section "Format").
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MlDsaCosignerKey {
    name: String,
    public: MlDsaKey,
}

impl MlDsaCosignerKey {
    /// Names a key.
    ///
    /// # Errors
    /// [`KeyError::Name`] where the name is empty, longer than 255 bytes, which is what a cosigned message can hold, or holds
    /// white space or a plus sign.
    pub fn new(name: impl Into<String>, public: MlDsaKey) -> Result<Self, KeyError> {
        let name = name.into();
        if is_name(&name) && u8::try_from(name.len()).is_ok() { Ok(Self { name, public }) } else { Err(KeyError::Name) }
    }

    /// The name of the cosigner; of a ledger's own key, the origin of its log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key itself.
    #[must_use]
    pub const fn public(&self) -> &MlDsaKey {
        &self.public
    }

    /// Key hash: the first four bytes of SHA-256 over name, newline, 0x06 and key. It helps to find the key, and proves nothing.
    #[must_use]
    pub fn hash(&self) -> [u8; 4] {
        let mut hasher = Sha256::new();
        hasher.update(self.name.as_bytes());
        hasher.update([b'\n', ALG_ML_DSA_44]);
        hasher.update(self.public.0.as_slice());
        let digest: [u8; 32] = hasher.finalize().into();
        [digest[0], digest[1], digest[2], digest[3]]
    }
}

impl fmt::Display for MlDsaCosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed = [&[ALG_ML_DSA_44], self.public.0.as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, to_hex(&self.hash()), Base64::encode_string(&typed))
    }
}

impl FromStr for MlDsaCosignerKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Malformed);
        };
        let data = Base64::decode_vec(data).map_err(|_| KeyError::Malformed)?;
        let Some((&ALG_ML_DSA_44, key)) = data.split_first() else { return Err(KeyError::Malformed) };
        let key = Self::new(name, MlDsaKey(fixed(key)?))?;
        if to_hex(&key.hash()) == hash { Ok(key) } else { Err(KeyError::Malformed) }
    }
}

impl Serialize for MlDsaCosignerKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MlDsaCosignerKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{CosignerKey, NoteKey, SigningIdentity};

    fn key(byte: u8) -> MlDsaKey {
        MlDsaKey::from_bytes(&[byte; ML_DSA_KEY_LEN])
    }

    #[test]
    fn texts_of_keys_and_signatures_are_read_back_and_no_others() {
        let (text, signature) = (key(7).to_string(), MlDsaSignature::from_bytes(&[8; ML_DSA_SIGNATURE_LEN]));
        assert_eq!(MlDsaKey::parse_hex(&text), Ok(key(7)));
        assert_eq!(MlDsaSignature::parse_hex(&signature.to_string()), Ok(signature.clone()));
        for bad in [&text[2..], &text.to_uppercase(), &signature.to_string(), ""] {
            assert_eq!(MlDsaKey::parse_hex(&bad.replace("07", "0A")), Err(KeyError::Malformed));
            assert_eq!(MlDsaSignature::parse_hex(&bad[..bad.len() / 4]), Err(KeyError::Malformed));
        }
    }

    #[test]
    fn a_cosigner_is_told_apart_from_keys_of_other_kinds_under_its_name() {
        let named = MlDsaCosignerKey::new("a/b", key(7)).unwrap();
        assert_eq!(named.to_string().parse(), Ok(named.clone()));
        assert!(named.to_string().parse::<CosignerKey>().is_err() && named.to_string().parse::<NoteKey>().is_err());
        let ed25519 = SigningIdentity::from_seed(&[7; 32]).public();
        // A key of Ed25519 under the type byte of ML-DSA, and the reverse.
        let mut wrong = vec![ALG_ML_DSA_44];
        wrong.extend_from_slice(ed25519.as_bytes());
        let text = |typed: &[u8]| format!("a/b+{}+{}", to_hex(&named.hash()), Base64::encode_string(typed));
        assert_eq!(text(&wrong).parse::<MlDsaCosignerKey>(), Err(KeyError::Malformed));
        for kind in [0x01, 0x04, 0x05, 0x07] {
            let typed = [&[kind], key(7).as_bytes().as_slice()].concat();
            assert_eq!(text(&typed).parse::<MlDsaCosignerKey>(), Err(KeyError::Malformed));
        }
        let (other, whole) = (named.to_string().replace("a/b", "a/c"), named.to_string());
        for bad in [other.as_str(), &whole[..whole.len() - 4], "a/b", ""] {
            assert_eq!(bad.parse::<MlDsaCosignerKey>(), Err(KeyError::Malformed), "{bad:.20}");
        }
        let name = "n".repeat(255);
        assert!(MlDsaCosignerKey::new(name.clone(), key(7)).is_ok());
        assert_eq!(MlDsaCosignerKey::new(name + "n", key(7)), Err(KeyError::Name));
    }

    #[cfg(not(feature = "ml-dsa"))]
    #[test]
    fn a_build_without_makes_nothing_and_lets_nothing_pass() {
        assert!(matches!(MlDsaIdentity::from_seed(&[7; 32]), Err(KeyError::NoMlDsa)));
        let signature = MlDsaSignature::from_bytes(&[8; ML_DSA_SIGNATURE_LEN]);
        assert_eq!(key(7).verify(b"", &signature), Err(KeyError::NoMlDsa));
    }

    #[cfg(feature = "ml-dsa")]
    #[test]
    fn signatures_are_deterministic_and_hold_for_their_message_and_key_alone() {
        let (one, other) = (MlDsaIdentity::from_seed(&[7; 32]).unwrap(), MlDsaIdentity::from_seed(&[8; 32]).unwrap());
        let signature = one.sign(b"message").unwrap();
        assert_eq!(one.sign(b"message").unwrap(), signature);
        assert_eq!(one.public().verify(b"message", &signature), Ok(()));
        assert_eq!(one.public().verify(b"massage", &signature), Err(KeyError::BadSignature));
        assert_eq!(other.public().verify(b"message", &signature), Err(KeyError::BadSignature));
        assert!(!format!("{one:?}").contains("MlDsaIdentity(MlDsaKey(0707070707"));
        // One bit of one byte in 19, which one by its place; `vm-seal/tests/ml_dsa.rs` takes every byte of a line.
        for at in (0..ML_DSA_SIGNATURE_LEN).step_by(19) {
            let mut bytes = *signature.as_bytes();
            bytes[at] ^= 1 << (at % 8);
            let flipped = MlDsaSignature::from_bytes(&bytes);
            assert_eq!(one.public().verify(b"message", &flipped), Err(KeyError::BadSignature), "byte {at}");
        }
    }
}
