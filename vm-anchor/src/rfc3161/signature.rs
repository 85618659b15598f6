//! The signature: one signer, its attributes, its certificate, its arithmetic (RFC 5652, section 5; RFC 5035).

use cms::content_info::CmsVersion;
use cms::signed_data::SignerIdentifier;
use der::Any;
use der::asn1::{ObjectIdentifier, OctetString};
use ring::digest;
use ring::signature as ring_signature;
use x509_cert::AlgorithmIdentifier;
use x509_cert::ext::pkix::name::GeneralName;

use super::certificate::{PublicKey, SignerCertificate, is_named_by, issuer_and_serial};
use super::imprint::HashAlgorithm;
use super::oid;
use super::token::{Signer, Token};
use super::tsp::{EssCertId, EssCertIdV2, IssuerSerial, SigningCertificate};
use crate::error::Defect;

/// Shortest RSA modulus accepted, in bits (NIST SP 800-131A, revision 2).
const RSA_BITS_MIN: usize = 2_048;

/// Outcome of a signature that holds.
pub(crate) struct Signed<'a> {
    pub(crate) certificate: SignerCertificate<'a>,
    /// The certificate is bound by a SHA-1 hash.
    pub(crate) legacy: bool,
}

/// Checks all that the signature covers, and that it holds under the certificate it names.
pub(crate) fn check(token: &Token) -> Result<Signed<'_>, Defect> {
    if token.version() != [3] {
        return Err(Defect::SignedDataVersion);
    }
    let [signer] = token.signers() else {
        return Err(Defect::SignerCount);
    };
    let version = match signer.info.sid {
        SignerIdentifier::IssuerAndSerialNumber(_) => CmsVersion::V1,
        SignerIdentifier::SubjectKeyIdentifier(_) => CmsVersion::V3,
    };
    if signer.info.version != version {
        return Err(Defect::SignerVersion);
    }
    let hash = check_digest(token, signer)?;
    let signed = check_attributes(token, signer, hash)?;
    let (der, legacy) = find_certificate(token, signer)?;
    let certificate = SignerCertificate::read(der)?;
    verify(signer, hash, signed, certificate.public_key())?;
    Ok(Signed { certificate, legacy })
}

/// The algorithm, where its parameters say nothing: they are absent or NULL.
fn plain(algorithm: &AlgorithmIdentifier) -> Result<ObjectIdentifier, Defect> {
    match algorithm.parameters.as_ref().is_none_or(Any::is_null) {
        true => Ok(algorithm.oid),
        false => Err(Defect::AlgorithmParameters),
    }
}

fn check_digest(token: &Token, signer: &Signer) -> Result<HashAlgorithm, Defect> {
    let oid = plain(&signer.info.digest_alg)?;
    let hash = match oid {
        oid::MD5 | oid::SHA1 => return Err(Defect::DigestWeak),
        oid => HashAlgorithm::from_oid(oid).ok_or(Defect::DigestUnsupported)?,
    };
    let listed = token.digests().iter().any(|listed| plain(listed) == Ok(oid));
    if listed { Ok(hash) } else { Err(Defect::DigestUnlisted) }
}

/// The single value of an attribute that may stand only once.
fn single(signer: &Signer, wanted: ObjectIdentifier) -> Result<Option<&Any>, Defect> {
    let attributes = signer.info.signed_attrs.iter().flat_map(|set| set.iter());
    let mut found = attributes.filter(|attribute| attribute.oid == wanted);
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some(attribute), None) => match attribute.values.as_slice() {
            [value] => Ok(Some(value)),
            _ => Err(Defect::AttributeRepeated),
        },
        (Some(_), Some(_)) => Err(Defect::AttributeRepeated),
    }
}

/// Checks contentType and messageDigest; returns the bytes that the signature covers.
fn check_attributes<'a>(token: &Token, signer: &'a Signer, hash: HashAlgorithm) -> Result<&'a [u8], Defect> {
    let Some(signed) = signer.signed_bytes.as_deref() else {
        return Err(Defect::SignedAttributesMissing);
    };
    if !signer.is_sorted {
        return Err(Defect::SignedAttributesOrder);
    }
    let content_type = single(signer, oid::CONTENT_TYPE)?.ok_or(Defect::ContentType)?;
    if content_type.decode_as() != Ok(oid::TST_INFO) {
        return Err(Defect::ContentType);
    }
    let digest = single(signer, oid::MESSAGE_DIGEST)?.ok_or(Defect::MessageDigest)?;
    match digest.decode_as::<OctetString>() {
        Ok(digest) if digest.as_bytes() == hash.hash(token.content()) => Ok(signed),
        _ => Err(Defect::MessageDigest),
    }
}

/// A certificate as a signed attribute names it: its hash, and perhaps its issuer and serial.
struct NamedCertificate {
    hash: EssHash,
    digest: OctetString,
    issuer_serial: Option<IssuerSerial>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EssHash {
    Sha1,
    Strong(HashAlgorithm),
}

impl NamedCertificate {
    /// The first entry of a `SigningCertificate` or `SigningCertificateV2`: the signer's own (RFC 5035, section 5.4).
    fn read(value: &Any, is_v2: bool) -> Result<Self, Defect> {
        let malformed = |_| Defect::EssMalformed;
        let attribute: SigningCertificate = value.decode_as().map_err(malformed)?;
        let first = attribute.entries.first().ok_or(Defect::EssMalformed)?;
        if !is_v2 {
            let EssCertId { digest, issuer_serial } = first.decode_as().map_err(malformed)?;
            return Ok(Self { hash: EssHash::Sha1, digest, issuer_serial });
        }
        let EssCertIdV2 { algorithm, digest, issuer_serial } = first.decode_as().map_err(malformed)?;
        let hash = match algorithm.as_ref().map(plain).transpose()? {
            Some(oid::SHA1) => EssHash::Sha1,
            None => EssHash::Strong(HashAlgorithm::Sha256),
            Some(oid) => HashAlgorithm::from_oid(oid).map(EssHash::Strong).ok_or(Defect::EssHashUnsupported)?,
        };
        Ok(Self { hash, digest, issuer_serial })
    }

    fn names(&self, certificate: &[u8]) -> bool {
        let found = match self.hash {
            EssHash::Sha1 => digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate).as_ref().to_vec(),
            EssHash::Strong(hash) => hash.hash(certificate),
        };
        found == self.digest.as_bytes()
            && self.issuer_serial.as_ref().is_none_or(|wanted| {
                issuer_and_serial(certificate).is_ok_and(|(issuer, serial)| {
                    wanted.serial == serial && wanted.issuer.contains(&GeneralName::DirectoryName(issuer))
                })
            })
    }
}

/// Finds the certificate that the signature names, wherever it stands in the bag, and that the signed attribute
/// fixes by its hash. Others of the same issuer and serial, slipped into the bag, are passed over.
fn find_certificate<'a>(token: &'a Token, signer: &Signer) -> Result<(&'a [u8], bool), Defect> {
    let ids = [(oid::SIGNING_CERTIFICATE_V1, false), (oid::SIGNING_CERTIFICATE_V2, true)];
    let mut wanted = Vec::with_capacity(2);
    for (oid, is_v2) in ids {
        if let Some(value) = single(signer, oid)? {
            wanted.push(NamedCertificate::read(value, is_v2)?);
        }
    }
    if wanted.is_empty() {
        return Err(Defect::EssMissing);
    }
    let mut named = token.certificates().filter(|certificate| is_named_by(certificate, &signer.info.sid)).peekable();
    if named.peek().is_none() {
        return Err(Defect::SignerCertificateMissing);
    }
    let found = named.find(|certificate| wanted.iter().all(|id| id.names(certificate))).ok_or(Defect::EssMismatch)?;
    Ok((found, wanted.iter().all(|id| id.hash == EssHash::Sha1)))
}

fn verify(signer: &Signer, hash: HashAlgorithm, message: &[u8], key: PublicKey<'_>) -> Result<(), Defect> {
    let named = &signer.info.signature_algorithm;
    let algorithm: &dyn ring_signature::VerificationAlgorithm = match named.oid {
        oid::RSA | oid::SHA256_WITH_RSA | oid::SHA384_WITH_RSA | oid::SHA512_WITH_RSA => {
            check_agreement(named.oid, hash)?;
            plain(named)?;
            rsa_algorithm(hash, key)?
        }
        oid::ECDSA_WITH_SHA256 | oid::ECDSA_WITH_SHA384 | oid::ECDSA_WITH_SHA512 => {
            check_agreement(named.oid, hash)?;
            if named.parameters.is_some() {
                return Err(Defect::AlgorithmParameters);
            }
            ecdsa_algorithm(hash, key)?
        }
        oid::MD5_WITH_RSA | oid::SHA1_WITH_RSA | oid::ECDSA_WITH_SHA1 => {
            return Err(Defect::DigestWeak);
        }
        _ => return Err(Defect::SignatureUnsupported),
    };
    ring_signature::UnparsedPublicKey::new(algorithm, key.bits)
        .verify(message, signer.info.signature.as_bytes())
        .map_err(|_| Defect::SignatureInvalid)
}

/// A signature algorithm that names a hash must name the signer's.
fn check_agreement(algorithm: ObjectIdentifier, hash: HashAlgorithm) -> Result<(), Defect> {
    let named = match algorithm {
        oid::SHA256_WITH_RSA | oid::ECDSA_WITH_SHA256 => HashAlgorithm::Sha256,
        oid::SHA384_WITH_RSA | oid::ECDSA_WITH_SHA384 => HashAlgorithm::Sha384,
        oid::SHA512_WITH_RSA | oid::ECDSA_WITH_SHA512 => HashAlgorithm::Sha512,
        _ => hash,
    };
    if named == hash { Ok(()) } else { Err(Defect::AlgorithmMismatch) }
}

fn rsa_algorithm(
    hash: HashAlgorithm,
    key: PublicKey<'_>,
) -> Result<&'static dyn ring_signature::VerificationAlgorithm, Defect> {
    if key.algorithm != oid::RSA {
        return Err(Defect::AlgorithmMismatch);
    }
    if key.rsa_bits()? < RSA_BITS_MIN {
        return Err(Defect::KeyTooShort);
    }
    Ok(match hash {
        HashAlgorithm::Sha256 => &ring_signature::RSA_PKCS1_2048_8192_SHA256,
        HashAlgorithm::Sha384 => &ring_signature::RSA_PKCS1_2048_8192_SHA384,
        HashAlgorithm::Sha512 => &ring_signature::RSA_PKCS1_2048_8192_SHA512,
    })
}

fn ecdsa_algorithm(
    hash: HashAlgorithm,
    key: PublicKey<'_>,
) -> Result<&'static dyn ring_signature::VerificationAlgorithm, Defect> {
    if key.algorithm != oid::EC_PUBLIC_KEY {
        return Err(Defect::AlgorithmMismatch);
    }
    match (key.curve, hash) {
        (Some(oid::P256), HashAlgorithm::Sha256) => Ok(&ring_signature::ECDSA_P256_SHA256_ASN1),
        (Some(oid::P256), HashAlgorithm::Sha384) => Ok(&ring_signature::ECDSA_P256_SHA384_ASN1),
        (Some(oid::P384), HashAlgorithm::Sha256) => Ok(&ring_signature::ECDSA_P384_SHA256_ASN1),
        (Some(oid::P384), HashAlgorithm::Sha384) => Ok(&ring_signature::ECDSA_P384_SHA384_ASN1),
        _ => Err(Defect::KeyUnsupported),
    }
}
