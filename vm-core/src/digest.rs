//! Digests as distinct types, so that a leaf hash cannot stand where a root is asked for.
//!
//! Every type here wraps 32 bytes and is written as 64 lower-case hexadecimal digits.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::error::DigestError;

/// Length in bytes of every digest in this module.
pub const DIGEST_LEN: usize = 32;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Lower-case hexadecimal form of `bytes`, two digits a byte.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(HEX[usize::from(byte >> 4)]));
        out.push(char::from(HEX[usize::from(byte & 15)]));
    }
    out
}

/// The 64 digits of [`to_hex`] for a digest's 32 bytes, with nothing allocated.
pub(crate) fn hex_of(bytes: &[u8; DIGEST_LEN]) -> [u8; 2 * DIGEST_LEN] {
    let mut out = [0; 2 * DIGEST_LEN];
    for (pair, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
    }
    out
}

/// Bytes of a lower-case hexadecimal string.
///
/// # Errors
/// [`DigestError::NotHex`] on an odd length, an upper-case digit or any other character.
pub fn from_hex(text: &str) -> Result<Vec<u8>, DigestError> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return Err(DigestError::NotHex);
    }
    digits
        .chunks_exact(2)
        .map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?))
        .collect::<Option<Vec<u8>>>()
        .ok_or(DigestError::NotHex)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Lets [`vm_hash`] read and write a type in bulk.
macro_rules! hash32 {
    ($name:ident) => {
        impl vm_hash::Hash32 for $name {
            fn from_hash(bytes: [u8; DIGEST_LEN]) -> Self {
                Self(bytes)
            }

            fn hash_bytes(&self) -> &[u8; DIGEST_LEN] {
                &self.0
            }
        }
    };
}

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; DIGEST_LEN]);

        impl $name {
            /// Wraps bytes that are already this digest.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; DIGEST_LEN]) -> Self {
                Self(bytes)
            }

            /// The digest held in `bytes`.
            ///
            /// # Errors
            /// [`DigestError::Length`] unless `bytes` is 32 bytes long.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, DigestError> {
                match <[u8; DIGEST_LEN]>::try_from(bytes) {
                    Ok(array) => Ok(Self(array)),
                    Err(_) => Err(DigestError::Length { expected: DIGEST_LEN, found: bytes.len() }),
                }
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; DIGEST_LEN] {
                &self.0
            }

            /// 64 lower-case hexadecimal digits.
            #[must_use]
            pub fn to_hex(&self) -> String {
                to_hex(&self.0)
            }

            /// Reads exactly 64 lower-case hexadecimal digits.
            ///
            /// # Errors
            /// [`DigestError::NotHex`] or [`DigestError::Length`].
            pub fn parse_hex(text: &str) -> Result<Self, DigestError> {
                Self::from_slice(&from_hex(text)?)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.to_hex())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.to_hex())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse_hex(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

digest_type!(
    /// SHA-256 of some bytes (FIPS 180-4): files, bundles, canonical objects.
    Sha256Digest
);
digest_type!(
    /// BLAKE3 of some bytes: a second content address for large artifacts. Never leaves the process as proof alone.
    Blake3Digest
);
digest_type!(
    /// Hash of a Merkle leaf: SHA-256 over `0x00 || leaf data` (RFC 6962, section 2.1).
    LeafHash
);
digest_type!(
    /// Hash of a Merkle tree or subtree: SHA-256 over `0x01 || left || right` (RFC 6962, section 2.1), or the
    /// leaf hash where the subtree is one leaf, or SHA-256 of nothing where it is empty.
    RootHash
);
digest_type!(
    /// Identity of a capability token: SHA-256 over its canonical body, the signature left out.
    CapabilityHash
);
digest_type!(
    /// Salted commitment to a value that was not stored (see [`crate::redact`]).
    Commitment
);
digest_type!(
    /// Identity of a redaction policy: SHA-256 over its canonical form.
    PolicyHash
);
digest_type!(
    /// Keyed hash of a caller's words, which tells nothing to whoever lacks the key (see [`crate::key::BlindKey`]).
    Blinded
);

hash32!(Sha256Digest);
hash32!(LeafHash);
hash32!(RootHash);

impl Sha256Digest {
    /// Hashes `data` in one go. Cost: one pass, about 1.6 GB/s with SHA extensions.
    #[must_use]
    pub fn of(data: &[u8]) -> Self {
        Self(Sha256::digest(data).into())
    }

    /// Hashes each of `data`, in their order, side by side where the processor can.
    #[must_use]
    pub fn of_each<D: AsRef<[u8]>>(data: &[D]) -> Vec<Self> {
        let mut digests = vec![Self([0; DIGEST_LEN]); data.len()];
        vm_hash::digests(data, &mut digests);
        digests
    }
}

impl Blake3Digest {
    /// Hashes `data` in one go.
    #[must_use]
    pub fn of(data: &[u8]) -> Self {
        Self(*blake3::hash(data).as_bytes())
    }
}

impl LeafHash {
    /// Hashes leaf data with the leaf prefix `0x00`.
    #[must_use]
    pub fn of(leaf_data: &[u8]) -> Self {
        Self(vm_hash::leaf(leaf_data))
    }

    /// Hashes the data of many leaves, in their order: two side by side where the processor can, which takes about six
    /// sevenths of the time of one after the other; sixteen where it has AVX-512, which takes about half.
    #[must_use]
    pub fn of_each<D: AsRef<[u8]>>(leaf_data: &[D]) -> Vec<Self> {
        let mut hashes = vec![Self([0; DIGEST_LEN]); leaf_data.len()];
        vm_hash::leaves(leaf_data, &mut hashes);
        hashes
    }

    /// This leaf as the root of a tree of one leaf.
    #[must_use]
    pub const fn to_root(self) -> RootHash {
        RootHash(self.0)
    }
}

impl RootHash {
    /// Root of the empty tree: SHA-256 of nothing (RFC 6962, section 2.1).
    #[must_use]
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// Parent of two subtrees: SHA-256 over `0x01 || left || right`.
    #[must_use]
    pub fn parent(left: &Self, right: &Self) -> Self {
        Self(vm_hash::node(&left.0, &right.0))
    }

    /// Parents of many pairs: `parents[i]` becomes that of `pairs[i]`, as far as both slices go. Faster than
    /// [`RootHash::parent`] for each: by a sixth where those do not wait for each other, by half where they do. Where the
    /// processor has AVX-512, more than twice as fast from sixteen pairs on.
    pub fn parents<C: Subtree>(pairs: &[[C; 2]], parents: &mut [Self]) {
        vm_hash::nodes(pairs, parents);
    }
}

/// Hashes that stand for a subtree: [`RootHash`], and [`LeafHash`] for a subtree of one leaf.
pub trait Subtree: vm_hash::Hash32 {}

impl Subtree for LeafHash {}

impl Subtree for RootHash {}

/// SHA-256 and BLAKE3 of a stream, fed piece by piece.
#[derive(Clone, Default)]
pub struct StreamHasher {
    sha256: Sha256,
    blake3: blake3::Hasher,
    len: u64,
}

impl StreamHasher {
    /// An empty hasher.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next bytes of the stream.
    pub fn update(&mut self, data: &[u8]) {
        self.sha256.update(data);
        self.blake3.update(data);
        self.len = self.len.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
    }

    /// Both digests and the length in bytes of all that was added.
    #[must_use]
    pub fn finish(self) -> (Sha256Digest, Blake3Digest, u64) {
        let sha256 = Sha256Digest(self.sha256.finalize().into());
        (sha256, Blake3Digest(*self.blake3.finalize().as_bytes()), self.len)
    }
}

impl fmt::Debug for StreamHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamHasher").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Sha256Digest::of(b"").to_hex(), empty);
        assert_eq!(RootHash::empty().to_hex(), empty);
        // RFC 6962 test data of the Certificate Transparency project: leaf hash of the empty string.
        let leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(LeafHash::of(b"").to_hex(), leaf);
    }

    #[test]
    fn hex_is_strict() {
        assert_eq!(from_hex("0aff"), Ok(vec![0x0a, 0xff]));
        for bad in ["0", "0A", "0g", " 0", "é"] {
            assert_eq!(from_hex(bad), Err(DigestError::NotHex), "{bad}");
        }
        assert_eq!(LeafHash::parse_hex("00"), Err(DigestError::Length { expected: 32, found: 1 }));
    }

    #[test]
    fn leaf_and_node_never_collide_by_prefix() {
        let (a, b) = (LeafHash::of(b"a").to_root(), LeafHash::of(b"b").to_root());
        let parent = RootHash::parent(&a, &b);
        let mut joined = a.as_bytes().to_vec();
        joined.extend_from_slice(b.as_bytes());
        assert_ne!(LeafHash::of(&joined).to_root(), parent);
    }

    #[test]
    fn many_are_as_each_alone() {
        let data: Vec<Vec<u8>> = (0..9).map(|n| vec![n; 40 * usize::from(n)]).collect();
        let leaves: Vec<LeafHash> = data.iter().map(|data| LeafHash::of(data)).collect();
        assert_eq!(LeafHash::of_each(&data), leaves);
        let digests: Vec<Sha256Digest> = data.iter().map(|data| Sha256Digest::of(data)).collect();
        assert_eq!(Sha256Digest::of_each(&data), digests);
        let mut parents = [RootHash::empty(); 4];
        RootHash::parents(leaves.as_chunks().0, &mut parents);
        for (parent, [left, right]) in parents.iter().zip(leaves.as_chunks().0) {
            assert_eq!(*parent, RootHash::parent(&left.to_root(), &right.to_root()));
            // The definition of RFC 6962, section 2.1, and no code of vm-hash.
            let whole = [&[1], left.as_bytes().as_slice(), right.as_bytes()].concat();
            assert_eq!(parent.as_bytes(), Sha256Digest::of(&whole).as_bytes());
        }
    }

    #[test]
    fn stream_equals_one_shot() {
        let mut hasher = StreamHasher::new();
        hasher.update(b"ab");
        hasher.update(b"c");
        assert_eq!(hasher.finish(), (Sha256Digest::of(b"abc"), Blake3Digest::of(b"abc"), 3));
    }
}
