//! Signing identities, verifying keys, and C2SP signed notes (<https://c2sp.org/signed-note>).
//!
//! ```text
//! vaultmesh/3f...9c
//! 42
//! mB5R...=
//!
//! — vaultmesh/3f...9c Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! ```

use core::fmt;
use core::str::FromStr;

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::digest::{Blinded, from_hex, to_hex};
use crate::error::{KeyError, NoteError};
use crate::source::Entropy;

/// Signature type byte of Ed25519 in a C2SP key hash.
const ALG_ED25519: u8 = 0x01;
/// Longest note read, in bytes. A checkpoint takes about 300; the rest is room for cosignatures.
pub const NOTE_MAX: usize = 64 * 1024;
/// Most signature lines read from one note, as C2SP signed-note recommends.
pub const NOTE_SIGNATURES_MAX: usize = 100;
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
pub struct NoteKey {
    name: String,
    public: PublicKey,
}

impl NoteKey {
    /// Names a key.
    ///
    /// # Errors
    /// [`KeyError::Name`] where the name is empty, long, or holds white space or a plus sign.
    pub fn new(name: impl Into<String>, public: PublicKey) -> Result<Self, KeyError> {
        let name = name.into();
        if name.is_empty() || name.len() > KEY_NAME_MAX || name.chars().any(|c| c.is_whitespace() || c == '+') {
            return Err(KeyError::Name);
        }
        Ok(Self { name, public })
    }

    /// The name, by our use the origin of the log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key itself.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// Key hash (C2SP signed-note): the first four bytes of SHA-256 over name, newline, type byte and key. It helps to find
    /// the key, and proves nothing.
    #[must_use]
    pub fn hash(&self) -> [u8; 4] {
        let mut hasher = Sha256::new();
        hasher.update(self.name.as_bytes());
        hasher.update([b'\n', ALG_ED25519]);
        hasher.update(self.public.0);
        let digest: [u8; 32] = hasher.finalize().into();
        [digest[0], digest[1], digest[2], digest[3]]
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![ALG_ED25519];
        typed.extend_from_slice(&self.public.0);
        write!(f, "{}+{}+{}", self.name, to_hex(&self.hash()), Base64::encode_string(&typed))
    }
}

impl FromStr for NoteKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Malformed);
        };
        let data = Base64::decode_vec(data).map_err(|_| KeyError::Malformed)?;
        let Some((&ALG_ED25519, key)) = data.split_first() else {
            return Err(KeyError::Malformed);
        };
        let key = Self::new(name, PublicKey::from_bytes(key.try_into().map_err(|_| KeyError::Malformed)?)?)?;
        if to_hex(&key.hash()) == hash { Ok(key) } else { Err(KeyError::Malformed) }
    }
}

impl Serialize for NoteKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NoteKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One signature line of a note: key name, key hash, signature bytes of whatever type.
#[derive(Clone, PartialEq, Eq, Debug)]
struct SignatureLine {
    name: String,
    /// Key hash and signature, as they stand in the base64.
    data: Vec<u8>,
}

/// A signed note: text that ends in a newline, an empty line, then one line a signature. Parsing checks the shape
/// only; [`Note::verify`] gives the text of a note that a given key signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl Note {
    /// Signs `text` under `name`.
    ///
    /// # Errors
    /// [`NoteError::Text`] unless the text ends in a newline and holds no other control character;
    /// [`NoteError::Key`] where the name cannot stand in a note.
    pub fn sign(text: &str, name: &str, signer: &SigningIdentity) -> Result<Self, NoteError> {
        check_text(text)?;
        let key = NoteKey::new(name, signer.public()).map_err(NoteError::Key)?;
        let mut data = key.hash().to_vec();
        data.extend_from_slice(signer.sign(text.as_bytes()).as_bytes());
        Ok(Self { text: text.to_owned(), signatures: vec![SignatureLine { name: key.name, data }] })
    }

    /// Reads a note of at most [`NOTE_MAX`] bytes and [`NOTE_SIGNATURES_MAX`] signatures.
    ///
    /// # Errors
    /// [`NoteError`] says what is malformed. No signature is checked.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_MAX {
            return Err(NoteError::TooLong { limit: NOTE_MAX, found: bytes.len() });
        }
        let note = core::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
        // The last empty line divides: the text itself may hold others.
        let split = note.rfind("\n\n").ok_or(NoteError::Unsigned)?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        check_text(text)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::SignatureLine)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == NOTE_SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures { limit: NOTE_SIGNATURES_MAX });
            }
            signatures.push(parse_line(line).ok_or(NoteError::SignatureLine)?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The signed text, if `key` signed it. Lines of unknown keys are ignored, as the specification demands; a line
    /// that bears this key's name and hash and does not verify spoils the note.
    ///
    /// # Errors
    /// [`NoteError::NotSignedBy`] or [`NoteError::Key`] with a bad signature.
    pub fn verify(&self, key: &NoteKey) -> Result<&str, NoteError> {
        let mut signed = false;
        for line in &self.signatures {
            let Some((hash, signature)) = line.data.split_first_chunk::<4>() else {
                continue;
            };
            if line.name != key.name || *hash != key.hash() {
                continue;
            }
            let signature = <[u8; 64]>::try_from(signature).map_err(|_| NoteError::SignatureLine)?;
            key.public.verify(self.text.as_bytes(), &Signature(signature)).map_err(NoteError::Key)?;
            signed = true;
        }
        if signed { Ok(&self.text) } else { Err(NoteError::NotSignedBy { name: key.name.clone() }) }
    }

    /// The text, checked for shape only. Whoever believes it must know why.
    #[must_use]
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// Names on the signature lines, in order.
    pub fn signers(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|line| line.name.as_str())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.signatures {
            writeln!(f, "\u{2014} {} {}", line.name, Base64::encode_string(&line.data))?;
        }
        Ok(())
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let clean = text.chars().all(|c| c == '\n' || !(c < ' ' || c == '\u{7f}'));
    if clean && text.len() > 1 && text.ends_with('\n') && !text.ends_with("\n\n") {
        Ok(())
    } else {
        Err(NoteError::Text)
    }
}

fn parse_line(line: &str) -> Option<SignatureLine> {
    let (name, data) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let data = Base64::decode_vec(data).ok()?;
    let named = !name.is_empty() && name.len() <= KEY_NAME_MAX && !name.chars().any(|c| c.is_whitespace() || c == '+');
    (named && data.len() > 4).then(|| SignatureLine { name: name.to_owned(), data })
}

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

    /// The key and note printed in the documentation of Go's `sumdb/note`.
    #[test]
    fn note_of_the_go_implementation() {
        let key: NoteKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        let text = "If you think cryptography is the answer to your problem,\n\
            then you don't know what your problem is.\n\n\
            \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let note = Note::parse(text.as_bytes()).unwrap();
        assert!(note.verify(&key).unwrap().starts_with("If you think"));
        assert_eq!(note.to_string(), text);
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn every_flipped_bit_of_a_note_is_refused_or_changes_no_text() {
        let note = Note::sign("a\n5\nb\n", "log.example", &signer()).unwrap();
        let key = NoteKey::new("log.example", signer().public()).unwrap();
        let bytes = note.to_string().into_bytes();
        assert!(Note::parse(&bytes).unwrap().verify(&key).is_ok());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                let accepted = Note::parse(&bad).is_ok_and(|note| note.verify(&key).is_ok());
                assert!(!accepted, "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn malformed_notes() {
        let good = Note::sign("a\n", "n", &signer()).unwrap().to_string();
        for bad in ["", "a\n", "a\n\n", "\n\n\u{2014} n AAAAAAA=\n", "a\r\n\n\u{2014} n AAAAAAA=\n"] {
            assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(matches!(Note::parse(&vec![b'a'; NOTE_MAX + 1]), Err(NoteError::TooLong { .. })));
        let many = format!("{good}{}\n", good.lines().last().unwrap());
        assert_eq!(Note::parse(many.as_bytes()).unwrap().signers().count(), 2);
        let flood = good.clone() + &format!("{}\n", good.lines().last().unwrap()).repeat(NOTE_SIGNATURES_MAX);
        assert!(matches!(Note::parse(flood.as_bytes()), Err(NoteError::TooManySignatures { .. })));
    }

    #[test]
    fn secrets_are_not_printed() {
        let identity = signer();
        let shown = format!("{identity:?} {:?}", BlindKey::from_bytes([7; 32]));
        assert!(!shown.contains("0707"), "{shown}");
    }
}
