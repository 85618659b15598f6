//! Hash algorithms and imprints.

use core::fmt;

use der::asn1::ObjectIdentifier;
use ring::digest;
use vm_core::digest::{Sha256Digest, to_hex};

use super::oid;

/// A hash function that is strong enough to stamp with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// The algorithm's name as it is stored: `sha256`, `sha384`, `sha512`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Length of its digests in bytes.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    pub(crate) fn from_oid(oid: ObjectIdentifier) -> Option<Self> {
        match oid {
            oid::SHA256 => Some(Self::Sha256),
            oid::SHA384 => Some(Self::Sha384),
            oid::SHA512 => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(crate) fn hash(self, data: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, data).as_ref().to_vec()
    }
}

/// What a token stamps: an algorithm and a digest of the length that belongs to it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Imprint {
    algorithm: HashAlgorithm,
    digest: Vec<u8>,
}

impl Imprint {
    /// The imprint of `data`. Cost: one pass.
    #[must_use]
    pub fn of(algorithm: HashAlgorithm, data: &[u8]) -> Self {
        Self { algorithm, digest: algorithm.hash(data) }
    }

    /// The imprint that is this SHA-256 digest.
    #[must_use]
    pub fn sha256(digest: &Sha256Digest) -> Self {
        Self { algorithm: HashAlgorithm::Sha256, digest: digest.as_bytes().to_vec() }
    }

    pub(crate) fn new(algorithm: HashAlgorithm, digest: &[u8]) -> Option<Self> {
        (digest.len() == algorithm.digest_len()).then(|| Self { algorithm, digest: digest.to_vec() })
    }

    /// The hash algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The digest's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.digest
    }
}

impl fmt::Display for Imprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), to_hex(&self.digest))
    }
}

impl fmt::Debug for Imprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Imprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let text = Imprint::of(HashAlgorithm::Sha384, b"abc").to_string();
        assert!(text.starts_with("sha384:cb00753f45a35e8bb5a03d699ac65007"), "{text}");
        let digest = Sha256Digest::of(b"abc");
        assert_eq!(Imprint::of(HashAlgorithm::Sha256, b"abc"), Imprint::sha256(&digest));
    }

    #[test]
    fn length_belongs_to_the_algorithm() {
        assert!(Imprint::new(HashAlgorithm::Sha512, &[0; 32]).is_none());
        assert!(Imprint::new(HashAlgorithm::Sha512, &[0; 64]).is_some());
    }
}
