//! Signing identities and verifying keys, those of notes and of cosigners by their names, C2SP signed notes, and how the keys of
//! a ledger change.

mod change;
mod history;
mod ml_dsa;
mod note;
mod openings;
mod possession;

use core::fmt;
use core::str::FromStr;

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::digest::{Blinded, from_hex, to_hex};
use crate::error::KeyError;
use crate::source::Entropy;

pub use change::{KeyChange, KeyChangeReason, KeyRole};
pub use history::{EnvelopeSpan, KEY_CHANGES_MAX, KeyHistory, KeySpan, KeyStanding, ML_DSA_CHANGES_MAX, MlDsaSpan};
pub use ml_dsa::{ML_DSA_KEY_LEN, ML_DSA_SIGNATURE_LEN, MlDsaCosignerKey, MlDsaIdentity, MlDsaKey, MlDsaSignature};
pub use note::{NOTE_MAX, NOTE_SIGNATURES_MAX, Note, NoteSignature};
pub use openings::{OpeningsKey, OpeningsKeyId};

/// Signature type byte of Ed25519 in a C2SP key hash.
const ALG_ED25519: u8 = 0x01;
/// Signature type byte of a timestamped Ed25519 cosignature in a C2SP key hash (tlog-cosignature).
const ALG_COSIGNATURE: u8 = 0x04;
/// Longest key name in bytes: an origin with ledger id and engine takes 139.
const KEY_NAME_MAX: usize = 256;

/// An Ed25519 public key (RFC 8032), written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Takes the 32 bytes of a key.
    ///
    /// # Errors
    /// [`KeyError::Weak`] where the bytes are no point of the curve or one of small order, with which a signature
    /// could fit many messages.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        PreparedKey::from_bytes(bytes).map(|prepared| prepared.key)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] or [`KeyError::Weak`].
    pub fn parse_hex(text: &str) -> Result<Self, KeyError> {
        let bytes = from_hex(text).map_err(|_| KeyError::Malformed)?;
        Self::from_bytes(bytes.try_into().map_err(|_| KeyError::Malformed)?)
    }

    /// Checks a signature by the strict rules (`verify_strict`: canonical scalar, no small-order points).
    ///
    /// # Errors
    /// [`KeyError::BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), KeyError> {
        self.prepare()?.verify(message, signature)
    }

    /// Makes the key ready for many signatures. Cost: a tenth of checking one, which [`verify`](Self::verify) pays each time.
    ///
    /// # Errors
    /// [`KeyError::Weak`], which no key of [`from_bytes`](Self::from_bytes) gives.
    pub fn prepare(&self) -> Result<PreparedKey, KeyError> {
        let point = ed25519_dalek::VerifyingKey::from_bytes(&self.0).map_err(|_| KeyError::Weak)?;
        Ok(PreparedKey { key: *self, point })
    }
}

/// A public key whose point of the curve is at hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PreparedKey {
    key: PublicKey,
    point: ed25519_dalek::VerifyingKey,
}

impl PreparedKey {
    /// Takes the 32 bytes of a key, as [`PublicKey::from_bytes`] does.
    ///
    /// # Errors
    /// [`KeyError::Weak`].
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let point = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Weak)?;
        if point.is_weak() { Err(KeyError::Weak) } else { Ok(Self { key: PublicKey(bytes), point }) }
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Checks a signature as [`PublicKey::verify`] does.
    ///
    /// # Errors
    /// [`KeyError::BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), KeyError> {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.point.verify_strict(message, &signature).map_err(|_| KeyError::BadSignature)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse_hex(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// An Ed25519 signature, written as 128 lower-case hexadecimal digits. Never an identity of what it signs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Takes the 64 bytes of a signature; whether it holds is for [`PublicKey::verify`].
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// Reads 128 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`KeyError::Malformed`].
    pub fn parse_hex(text: &str) -> Result<Self, KeyError> {
        let bytes = from_hex(text).map_err(|_| KeyError::Malformed)?;
        Ok(Self(bytes.try_into().map_err(|_| KeyError::Malformed)?))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse_hex(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A private signing key. Its bytes are wiped when it is dropped and never printed.
#[derive(Clone)]
pub struct SigningIdentity(SigningKey);

impl SigningIdentity {
    /// Makes a new key from entropy.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(seed.as_mut_slice());
        Self::from_seed(&seed)
    }

    /// The key with this RFC 8032 seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`. Deterministic (RFC 8032).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SigningIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningIdentity").field(&self.public()).finish()
    }
}

/// A secret key for keyed hashes of callers' words (idempotency keys, fingerprints of input), so that whoever holds
/// the vault alone cannot guess them.
#[derive(Clone)]
pub struct BlindKey(Zeroizing<[u8; 32]>);

impl BlindKey {
    /// Wraps key bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Keyed BLAKE3 over `context`, a zero byte and `data`. Contexts hold no zero byte.
    #[must_use]
    pub fn blind(&self, context: &str, data: &[u8]) -> Blinded {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(context.as_bytes());
        hasher.update(&[0]);
        hasher.update(data);
        Blinded::from_bytes(*hasher.finalize().as_bytes())
    }
}

impl fmt::Debug for BlindKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlindKey(..)")
    }
}

/// A named key that verifies notes: `<name>+<key hash, 8 hexadecimal digits>+<base64 of type byte and key>`
/// (the "vkey" of C2SP signed-note).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoteKey(Named);

/// A named key that verifies cosignatures of checkpoints, written like a [`NoteKey`] with the type byte 0x04 (C2SP
/// tlog-cosignature). Key hashes of the two differ, so that one key's lines of either kind are told apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CosignerKey(Named);

/// A public key and its name.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Named {
    name: String,
    public: PublicKey,
}

impl Named {
    fn new(name: String, public: PublicKey) -> Result<Self, KeyError> {
        if is_name(&name) { Ok(Self { name, public }) } else { Err(KeyError::Name) }
    }

    /// Key hash (C2SP signed-note): the first four bytes of SHA-256 over name, newline, type byte and key.
    fn hash(&self, kind: u8) -> [u8; 4] {
        let mut hasher = Sha256::new();
        hasher.update(self.name.as_bytes());
        hasher.update([b'\n', kind]);
        hasher.update(self.public.0);
        let digest: [u8; 32] = hasher.finalize().into();
        [digest[0], digest[1], digest[2], digest[3]]
    }

    fn write(&self, kind: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![kind];
        typed.extend_from_slice(&self.public.0);
        write!(f, "{}+{}+{}", self.name, to_hex(&self.hash(kind)), Base64::encode_string(&typed))
    }

    fn parse(text: &str, kind: u8) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Malformed);
        };
        let data = Base64::decode_vec(data).map_err(|_| KeyError::Malformed)?;
        let key = match data.split_first() {
            Some((found, key)) if *found == kind => key,
            _ => return Err(KeyError::Malformed),
        };
        let public = PublicKey::from_bytes(key.try_into().map_err(|_| KeyError::Malformed)?)?;
        let key = Self::new(name.to_owned(), public)?;
        if to_hex(&key.hash(kind)) == hash { Ok(key) } else { Err(KeyError::Malformed) }
    }
}

/// Whether a key can be named so.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= KEY_NAME_MAX && !name.chars().any(|c| c.is_whitespace() || c == '+')
}

macro_rules! named_key {
    ($key:ident, $kind:expr, $means:literal) => {
        impl $key {
            /// Names a key.
            ///
            /// # Errors
            /// [`KeyError::Name`] where the name is empty, long, or holds white space or a plus sign.
            pub fn new(name: impl Into<String>, public: PublicKey) -> Result<Self, KeyError> {
                Named::new(name.into(), public).map(Self)
            }

            #[doc = $means]
            #[must_use]
            pub fn name(&self) -> &str {
                &self.0.name
            }

            /// The key itself.
            #[must_use]
            pub const fn public(&self) -> PublicKey {
                self.0.public
            }

            /// Key hash (C2SP signed-note): the first four bytes of SHA-256 over name, newline, type byte and key. It helps
            /// to find the key, and proves nothing.
            #[must_use]
            pub fn hash(&self) -> [u8; 4] {
                self.0.hash($kind)
            }
        }

        impl fmt::Display for $key {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write($kind, f)
            }
        }

        impl FromStr for $key {
            type Err = KeyError;

            fn from_str(text: &str) -> Result<Self, KeyError> {
                Named::parse(text, $kind).map(Self)
            }
        }

        impl Serialize for $key {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $key {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

named_key!(NoteKey, ALG_ED25519, "The name, by our use the origin of the log.");
named_key!(CosignerKey, ALG_COSIGNATURE, "The name of the witness, by our use the origin of its own log.");

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> SigningIdentity {
        SigningIdentity::from_seed(&[7; 32])
    }

    #[test]
    fn a_prepared_key_says_what_the_key_says() {
        let author = SigningIdentity::from_seed(&[1; 32]);
        let signature = author.sign(b"message");
        let prepared = author.public().prepare().unwrap();
        assert_eq!(
            (prepared.key(), PreparedKey::from_bytes(*prepared.key().as_bytes())),
            (&author.public(), Ok(prepared))
        );
        assert_eq!(prepared.verify(b"message", &signature), Ok(()));
        assert_eq!(prepared.verify(b"massage", &signature), Err(KeyError::BadSignature));
        assert_eq!(PreparedKey::from_bytes([0; 32]), Err(KeyError::Weak), "a point of small order");
    }

    #[test]
    fn rfc_8032_test_1() {
        let seed: [u8; 32] =
            from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap().try_into().unwrap();
        let identity = SigningIdentity::from_seed(&seed);
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(identity.public().to_string(), public);
        let signature = identity.sign(b"");
        assert!(signature.to_string().starts_with("e5564300c360ac729086e2cc806e828a"));
        assert_eq!(identity.public().verify(b"", &signature), Ok(()));
        assert_eq!(identity.public().verify(b"x", &signature), Err(KeyError::BadSignature));
    }

    #[test]
    fn secrets_are_not_printed() {
        let identity = signer();
        let shown = format!("{identity:?} {:?}", BlindKey::from_bytes([7; 32]));
        assert!(!shown.contains("0707"), "{shown}");
    }

    #[test]
    fn a_cosigner_is_told_apart_from_a_log_of_its_name() {
        let log = NoteKey::new("a/b", signer().public()).unwrap();
        let cosigner = CosignerKey::new("a/b", signer().public()).unwrap();
        assert_ne!(log.hash(), cosigner.hash());
        assert_eq!(cosigner.to_string().parse(), Ok(cosigner.clone()));
        assert_eq!(cosigner.to_string().parse::<NoteKey>(), Err(KeyError::Malformed));
        assert_eq!(log.to_string().parse::<CosignerKey>(), Err(KeyError::Malformed));
        assert_eq!(CosignerKey::new("a b", signer().public()), Err(KeyError::Name));
    }
}
