//! Hash algorithms and imprints.

use core::fmt;

use der::asn1::ObjectIdentifier;
use ring::digest;
use sha2::{Digest, Sha224};
use vm_core::digest::{Sha256Digest, to_hex};

use super::oid;

/// A hash function that imprints are made with. All but SHA-1 are strong enough to stamp with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// SHA-1, believed only where weak tokens are reported rather than refused
    /// ([`Legacy::Report`](super::Legacy::Report)).
    Sha1,
    /// SHA-224 (FIPS 180-4).
    Sha224,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA-512/256.
    Sha512Of256,
}

impl HashAlgorithm {
    /// The algorithm's name as it is stored: `sha1`, `sha224`, `sha256`, `sha384`, `sha512`, `sha512-256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Sha512Of256 => "sha512-256",
        }
    }

    /// Length of its digests in bytes.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 | Self::Sha512Of256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    pub(crate) const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Sha1 => oid::SHA1,
            Self::Sha224 => oid::SHA224,
            Self::Sha256 => oid::SHA256,
            Self::Sha384 => oid::SHA384,
            Self::Sha512 => oid::SHA512,
            Self::Sha512Of256 => oid::SHA512_256,
        }
    }

    /// The function of this identifier, if it is of the SHA-2 family.
    pub(crate) fn from_oid(oid: ObjectIdentifier) -> Option<Self> {
        match oid {
            oid::SHA224 => Some(Self::Sha224),
            oid::SHA256 => Some(Self::Sha256),
            oid::SHA384 => Some(Self::Sha384),
            oid::SHA512 => Some(Self::Sha512),
            oid::SHA512_256 => Some(Self::Sha512Of256),
            _ => None,
        }
    }

    pub(crate) fn hash(self, data: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => return Sha224::digest(data).to_vec(),
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
            Self::Sha512Of256 => &digest::SHA512_256,
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
        // FIPS 180-2, change notice 1; FIPS 180-4 examples.
        for (algorithm, start) in [
            (HashAlgorithm::Sha1, "sha1:a9993e364706816aba3e25717850c26c"),
            (HashAlgorithm::Sha224, "sha224:23097d223405d8228642a477bda255b3"),
            (HashAlgorithm::Sha512, "sha512:ddaf35a193617abacc417349ae204131"),
            (HashAlgorithm::Sha512Of256, "sha512-256:53048e2681941ef99b2e29b76b4c7dab"),
        ] {
            let imprint = Imprint::of(algorithm, b"abc");
            assert!(imprint.to_string().starts_with(start), "{imprint}");
            assert_eq!(imprint.as_bytes().len(), algorithm.digest_len());
        }
        let digest = Sha256Digest::of(b"abc");
        assert_eq!(Imprint::of(HashAlgorithm::Sha256, b"abc"), Imprint::sha256(&digest));
    }

    #[test]
    fn length_belongs_to_the_algorithm() {
        assert!(Imprint::new(HashAlgorithm::Sha512, &[0; 32]).is_none());
        assert!(Imprint::new(HashAlgorithm::Sha512, &[0; 64]).is_some());
    }
}
