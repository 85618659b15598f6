//! Signature algorithms: which are known, which of them a signature names, and the few that *ring* lacks.
//!
//! *ring* makes every check it can. P-521, and P-256 and P-384 with SHA-512, are made by the pure-Rust crates of those
//! curves, which are slower and are asked for nothing else.

use std::sync::LazyLock;

use der::Tag;
use der::asn1::ObjectIdentifier;
use p521::ecdsa::signature::hazmat::PrehashVerifier;
use ring::signature as ring_signature;
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use x509_cert::AlgorithmIdentifier as NamedAlgorithm;

use super::asn1::{Cursor, context, magnitude};
use super::certificate::PublicKey;
use super::imprint::HashAlgorithm;
use super::oid;
use crate::error::Defect;

/// Shortest RSA modulus accepted, in bits (NIST SP 800-131A, revision 2).
const RSA_BITS_MIN: usize = 2_048;
/// Shortest RSA modulus accepted where a policy wants weak ones reported rather than refused.
const RSA_BITS_LEGACY_MIN: usize = 1_024;

/// Longest RSA modulus and exponent that *ring* reads, in bits. A real authority has an exponent of 65 bits.
const RSA_BITS_MAX: usize = 8_192;
const RSA_EXPONENT_BITS_MAX: usize = 33;

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// Algorithms under which a path's signatures may be made.
pub(crate) static STRONG: LazyLock<Vec<Algorithm>> = LazyLock::new(|| {
    let own: [Algorithm; 5] = [&P256_SHA512, &P384_SHA512, &P521_SHA256, &P521_SHA384, &P521_SHA512];
    webpki::ALL_VERIFICATION_ALGS.iter().copied().chain(own).collect()
});

/// The same, and RSA with SHA-1 or from 1024 bits. They come first, since the first of an identifier decides.
pub(crate) static LEGACY: LazyLock<Vec<Algorithm>> = LazyLock::new(|| {
    let weak: [Algorithm; 3] = [&RSA_SHA1, &RSA_1024_SHA256, &RSA_1024_SHA512];
    weak.into_iter().chain(STRONG.iter().copied()).collect()
});

#[derive(Clone, Copy, Debug)]
enum Curve {
    P256,
    P384,
    P521,
}

/// ECDSA by the pure-Rust crates.
#[derive(Debug)]
struct Ecdsa {
    curve: Curve,
    hash: HashAlgorithm,
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
}

const fn ecdsa(curve: Curve, hash: HashAlgorithm, signature: AlgorithmIdentifier) -> Ecdsa {
    let key = match curve {
        Curve::P256 => alg_id::ECDSA_P256,
        Curve::P384 => alg_id::ECDSA_P384,
        Curve::P521 => alg_id::ECDSA_P521,
    };
    Ecdsa { curve, hash, key, signature }
}

static P256_SHA512: Ecdsa = ecdsa(Curve::P256, HashAlgorithm::Sha512, alg_id::ECDSA_SHA512);
static P384_SHA512: Ecdsa = ecdsa(Curve::P384, HashAlgorithm::Sha512, alg_id::ECDSA_SHA512);
static P521_SHA256: Ecdsa = ecdsa(Curve::P521, HashAlgorithm::Sha256, alg_id::ECDSA_SHA256);
static P521_SHA384: Ecdsa = ecdsa(Curve::P521, HashAlgorithm::Sha384, alg_id::ECDSA_SHA384);
static P521_SHA512: Ecdsa = ecdsa(Curve::P521, HashAlgorithm::Sha512, alg_id::ECDSA_SHA512);

/// The two numbers of a DER ECDSA signature (RFC 3279, section 2.2.3), each as `width` bytes.
fn split_signature(signature: &[u8], width: usize) -> Option<Vec<u8>> {
    let mut numbers = Cursor::only(signature, Tag::Sequence).ok()?.inner().ok()?;
    let mut out = Vec::with_capacity(2 * width);
    for _ in 0..2 {
        let content = numbers.expect(Tag::Integer).ok()?.value;
        let digits = magnitude(content)?;
        out.resize(out.len() + width.checked_sub(digits.len())?, 0);
        out.extend_from_slice(digits);
    }
    numbers.finish().ok()?;
    Some(out)
}

macro_rules! verify_on {
    ($curve:ident, $width:literal, $key:expr, $digest:expr, $signature:expr) => {
        split_signature($signature, $width).is_some_and(|numbers| {
            let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes($key);
            let signature = $curve::ecdsa::Signature::from_slice(&numbers);
            let both = key.ok().zip(signature.ok());
            both.is_some_and(|(key, signature)| key.verify_prehash($digest, &signature).is_ok())
        })
    };
}

impl SignatureVerificationAlgorithm for Ecdsa {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let digest = self.hash.hash(message);
        let holds = match self.curve {
            Curve::P256 => verify_on!(p256, 32, key, &digest, signature),
            Curve::P384 => verify_on!(p384, 48, key, &digest, signature),
            Curve::P521 => {
                // The crate refuses digests of less than half the field's length, which SHA-256 just is.
                let mut padded = vec![0; 66_usize.saturating_sub(digest.len())];
                padded.extend(digest);
                verify_on!(p521, 66, key, &padded, signature)
            }
        };
        if holds { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// An algorithm of *ring* that the path library does not list.
#[derive(Debug)]
struct Weak {
    signature: AlgorithmIdentifier,
    verifier: &'static ring_signature::RsaParameters,
}

/// `sha1WithRSAEncryption` with its NULL.
const SHA1_WITH_RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00];

static RSA_SHA1: Weak = Weak {
    signature: AlgorithmIdentifier::from_slice(SHA1_WITH_RSA),
    verifier: &ring_signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
};
static RSA_1024_SHA256: Weak = Weak {
    signature: alg_id::RSA_PKCS1_SHA256,
    verifier: &ring_signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
};
static RSA_1024_SHA512: Weak = Weak {
    signature: alg_id::RSA_PKCS1_SHA512,
    verifier: &ring_signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
};

impl SignatureVerificationAlgorithm for Weak {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let key = ring_signature::UnparsedPublicKey::new(self.verifier, key);
        key.verify(message, signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// The algorithm that `named`, the signer's hash and its key make together, and whether the key is a weak one.
///
/// # Errors
/// What does not agree, is too weak, or is not known.
pub(crate) fn choose(
    named: &NamedAlgorithm,
    hash: HashAlgorithm,
    key: PublicKey<'_>,
    weak: bool,
) -> Result<(Algorithm, bool), Defect> {
    match named.oid {
        oid::RSA | oid::SHA1_WITH_RSA | oid::SHA256_WITH_RSA | oid::SHA384_WITH_RSA | oid::SHA512_WITH_RSA => {
            check_agreement(named.oid, hash)?;
            plain(named)?;
            rsa(hash, key, weak)
        }
        oid::RSASSA_PSS => {
            check_pss(named, hash)?;
            pss(hash, key).map(strong)
        }
        oid::ECDSA_WITH_SHA256 | oid::ECDSA_WITH_SHA384 | oid::ECDSA_WITH_SHA512 => {
            check_agreement(named.oid, hash)?;
            without_parameters(named)?;
            elliptic(hash, key).map(strong)
        }
        oid::ED25519 if key.algorithm == oid::ED25519 => {
            without_parameters(named)?;
            Ok(strong(webpki::ring::ED25519))
        }
        oid::ED25519 => Err(Defect::AlgorithmMismatch),
        oid::MD5_WITH_RSA | oid::ECDSA_WITH_SHA1 => Err(Defect::DigestWeak),
        _ => Err(Defect::SignatureUnsupported),
    }
}

const fn strong(algorithm: Algorithm) -> (Algorithm, bool) {
    (algorithm, false)
}

/// The algorithm, where its parameters say nothing: they are absent or NULL.
pub(crate) fn plain(algorithm: &NamedAlgorithm) -> Result<ObjectIdentifier, Defect> {
    match algorithm.parameters.as_ref().is_none_or(der::Any::is_null) {
        true => Ok(algorithm.oid),
        false => Err(Defect::AlgorithmParameters),
    }
}

fn without_parameters(algorithm: &NamedAlgorithm) -> Result<(), Defect> {
    if algorithm.parameters.is_none() { Ok(()) } else { Err(Defect::AlgorithmParameters) }
}

/// A signature algorithm that names a hash must name the signer's.
fn check_agreement(algorithm: ObjectIdentifier, hash: HashAlgorithm) -> Result<(), Defect> {
    let named = match algorithm {
        oid::SHA1_WITH_RSA => HashAlgorithm::Sha1,
        oid::SHA256_WITH_RSA | oid::ECDSA_WITH_SHA256 => HashAlgorithm::Sha256,
        oid::SHA384_WITH_RSA | oid::ECDSA_WITH_SHA384 => HashAlgorithm::Sha384,
        oid::SHA512_WITH_RSA | oid::ECDSA_WITH_SHA512 => HashAlgorithm::Sha512,
        _ => hash,
    };
    if named == hash { Ok(()) } else { Err(Defect::AlgorithmMismatch) }
}

fn rsa(hash: HashAlgorithm, key: PublicKey<'_>, weak: bool) -> Result<(Algorithm, bool), Defect> {
    if key.algorithm != oid::RSA {
        return Err(Defect::AlgorithmMismatch);
    }
    let bits = rsa_bits(key)?;
    let is_short = bits < RSA_BITS_MIN;
    if bits < RSA_BITS_LEGACY_MIN || is_short && !weak {
        return Err(Defect::KeyTooShort);
    }
    let algorithm: Algorithm = match (hash, is_short) {
        (HashAlgorithm::Sha1, _) => &RSA_SHA1,
        (HashAlgorithm::Sha256, true) => &RSA_1024_SHA256,
        (HashAlgorithm::Sha512, true) => &RSA_1024_SHA512,
        (HashAlgorithm::Sha256, false) => webpki::ring::RSA_PKCS1_2048_8192_SHA256,
        (HashAlgorithm::Sha384, false) => webpki::ring::RSA_PKCS1_2048_8192_SHA384,
        (HashAlgorithm::Sha512, false) => webpki::ring::RSA_PKCS1_2048_8192_SHA512,
        (HashAlgorithm::Sha384, true) => return Err(Defect::KeyTooShort),
        _ => return Err(Defect::SignatureUnsupported),
    };
    Ok((algorithm, is_short))
}

/// Length of a modulus that can be checked.
fn rsa_bits(key: PublicKey<'_>) -> Result<usize, Defect> {
    match key.rsa_bits()? {
        (modulus, exponent) if modulus > RSA_BITS_MAX || exponent > RSA_EXPONENT_BITS_MAX => {
            Err(Defect::KeyUnsupported)
        }
        (modulus, _) => Ok(modulus),
    }
}

fn pss(hash: HashAlgorithm, key: PublicKey<'_>) -> Result<Algorithm, Defect> {
    if key.algorithm != oid::RSA && key.algorithm != oid::RSASSA_PSS {
        return Err(Defect::AlgorithmMismatch);
    }
    if rsa_bits(key)? < RSA_BITS_MIN {
        return Err(Defect::KeyTooShort);
    }
    match hash {
        HashAlgorithm::Sha256 => Ok(webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY),
        HashAlgorithm::Sha384 => Ok(webpki::ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY),
        HashAlgorithm::Sha512 => Ok(webpki::ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY),
        _ => Err(Defect::SignatureUnsupported),
    }
}

fn elliptic(hash: HashAlgorithm, key: PublicKey<'_>) -> Result<Algorithm, Defect> {
    if key.algorithm != oid::EC_PUBLIC_KEY {
        return Err(Defect::AlgorithmMismatch);
    }
    match (key.curve, hash) {
        (Some(oid::P256), HashAlgorithm::Sha256) => Ok(webpki::ring::ECDSA_P256_SHA256),
        (Some(oid::P256), HashAlgorithm::Sha384) => Ok(webpki::ring::ECDSA_P256_SHA384),
        (Some(oid::P256), HashAlgorithm::Sha512) => Ok(&P256_SHA512),
        (Some(oid::P384), HashAlgorithm::Sha256) => Ok(webpki::ring::ECDSA_P384_SHA256),
        (Some(oid::P384), HashAlgorithm::Sha384) => Ok(webpki::ring::ECDSA_P384_SHA384),
        (Some(oid::P384), HashAlgorithm::Sha512) => Ok(&P384_SHA512),
        (Some(oid::P521), HashAlgorithm::Sha256) => Ok(&P521_SHA256),
        (Some(oid::P521), HashAlgorithm::Sha384) => Ok(&P521_SHA384),
        (Some(oid::P521), HashAlgorithm::Sha512) => Ok(&P521_SHA512),
        _ => Err(Defect::KeyUnsupported),
    }
}

/// `RSASSA-PSS-params` (RFC 4055, section 3.1): the signer's hash on both places, and a salt as long as it, as RFC 4055
/// recommends and *ring* checks. What is left out stands for SHA-1 and twenty bytes.
fn check_pss(named: &NamedAlgorithm, hash: HashAlgorithm) -> Result<(), Defect> {
    let parameters = named.parameters.as_ref().ok_or(Defect::DigestWeak)?;
    let read = || -> der::Result<_> {
        let mut fields = Cursor::new(parameters.value())?;
        let digest = fields.optional(context(0))?;
        let mask = fields.optional(context(1))?;
        let salt = fields.optional(context(2))?;
        let trailer = fields.optional(context(3))?;
        fields.finish()?;
        let digest = digest.map(|field| algorithm_in(field.value)).transpose()?;
        let mask = mask.map(|field| algorithm_in(field.value)).transpose()?;
        let number = |bytes| Cursor::only(bytes, Tag::Integer)?.decode::<u16>();
        let salt = salt.map(|field| number(field.value)).transpose()?;
        Ok((digest, mask, salt, trailer.map(|field| number(field.value)).transpose()?))
    };
    let (digest, mask, salt, trailer) = read().map_err(|_| Defect::AlgorithmParameters)?;
    let digest = digest.as_ref().map(plain).transpose()?.ok_or(Defect::DigestWeak)?;
    if HashAlgorithm::from_oid(digest) != Some(hash) {
        return Err(Defect::AlgorithmMismatch);
    }
    let mask = mask.ok_or(Defect::SignatureUnsupported)?;
    let inner = mask.parameters.as_ref().and_then(|parameters| parameters.decode_as::<NamedAlgorithm>().ok());
    let inner = inner.ok_or(Defect::AlgorithmParameters)?;
    let is_known =
        mask.oid == oid::MGF1 && plain(&inner)? == digest && salt.map(usize::from) == Some(hash.digest_len());
    match (is_known, trailer.unwrap_or(1)) {
        (true, 1) => Ok(()),
        _ => Err(Defect::SignatureUnsupported),
    }
}

fn algorithm_in(bytes: &[u8]) -> der::Result<NamedAlgorithm> {
    Cursor::only(bytes, Tag::Sequence)?.decode()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_split_into_numbers_of_one_width() {
        let signature = [0x30, 7, 2, 2, 0, 0x80, 2, 1, 5];
        assert_eq!(split_signature(&signature, 2), Some(vec![0, 0x80, 0, 5]));
        assert_eq!(split_signature(&[0x30, 6, 2, 1, 0x80, 2, 1, 5], 2), None, "negative");
        assert_eq!(split_signature(&signature[..8], 2), None);
        assert_eq!(split_signature(&[0x30, 8, 2, 3, 1, 0, 0, 2, 1, 5], 2), None, "too long");
    }
}
