//! The signature: one signer, its attributes, its certificate, its arithmetic (RFC 5652, section 5; RFC 5035).

use der::asn1::ObjectIdentifier;
use der::{Decode, Tag};
use ring::digest;
use ring::signature as ring_signature;

use super::asn1::{Cursor, context};
use super::certificate::{Names, PublicKey, SignerCertificate, is_named_by};
use super::imprint::HashAlgorithm;
use super::oid;
use super::token::{Algorithm, Parameters, SignerId, SignerInfo, Token};
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
    let version = match signer.id {
        SignerId::IssuerSerial { .. } => 1,
        SignerId::KeyId(_) => 3,
    };
    if signer.version != [version] {
        return Err(Defect::SignerVersion);
    }
    let hash = check_digest(token, signer)?;
    let signed = check_attributes(token, signer, hash)?;
    let (der, legacy) = find_certificate(token, signer)?;
    let certificate = SignerCertificate::read(der)?;
    verify(signer, hash, signed, certificate.public_key())?;
    Ok(Signed { certificate, legacy })
}

fn plain(algorithm: Algorithm) -> Result<ObjectIdentifier, Defect> {
    match algorithm.parameters {
        Parameters::Absent | Parameters::Null => Ok(algorithm.oid),
        Parameters::Other => Err(Defect::AlgorithmParameters),
    }
}

fn check_digest(token: &Token, signer: &SignerInfo) -> Result<HashAlgorithm, Defect> {
    let oid = plain(signer.digest)?;
    let hash = match oid {
        oid::MD5 | oid::SHA1 => return Err(Defect::DigestWeak),
        oid => HashAlgorithm::from_oid(oid).ok_or(Defect::DigestUnsupported)?,
    };
    let listed = token.digests().iter().any(|listed| listed.oid == oid && listed.parameters != Parameters::Other);
    if listed { Ok(hash) } else { Err(Defect::DigestUnlisted) }
}

/// The single value of an attribute that may stand only once.
fn single(signer: &SignerInfo, wanted: ObjectIdentifier) -> Result<Option<&[u8]>, Defect> {
    let mut found = signer.attributes.iter().filter(|attribute| attribute.oid == wanted);
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
fn check_attributes<'a>(token: &Token, signer: &'a SignerInfo, hash: HashAlgorithm) -> Result<&'a [u8], Defect> {
    let Some(signed) = signer.signed_bytes.as_deref() else {
        return Err(Defect::SignedAttributesMissing);
    };
    if !signer.attributes_sorted {
        return Err(Defect::SignedAttributesOrder);
    }
    let content_type = single(signer, oid::CONTENT_TYPE)?.ok_or(Defect::ContentType)?;
    if ObjectIdentifier::from_der(content_type) != Ok(oid::TST_INFO) {
        return Err(Defect::ContentType);
    }
    let digest = single(signer, oid::MESSAGE_DIGEST)?.ok_or(Defect::MessageDigest)?;
    match Cursor::only(digest, Tag::OctetString) {
        Ok(digest) if digest.value == hash.hash(token.content()) => Ok(signed),
        _ => Err(Defect::MessageDigest),
    }
}

/// A certificate as a signed attribute names it: its hash, and perhaps its issuer and serial.
struct EssCertId<'a> {
    hash: EssHash,
    digest: &'a [u8],
    issuer_serial: Option<IssuerSerial<'a>>,
}

/// `IssuerSerial ::= SEQUENCE { issuer GeneralNames, serialNumber INTEGER }`
struct IssuerSerial<'a> {
    directory_names: Vec<&'a [u8]>,
    serial: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EssHash {
    Sha1,
    Strong(HashAlgorithm),
}

impl EssCertId<'_> {
    /// The first entry of a `SigningCertificate` or `SigningCertificateV2`: the signer's own (RFC 5035, section 5.4).
    fn read(value: &[u8], is_v2: bool) -> Result<EssCertId<'_>, Defect> {
        let first = || -> der::Result<_> {
            let mut attribute = Cursor::only(value, Tag::Sequence)?.inner()?;
            let mut list = attribute.expect(Tag::Sequence)?.inner()?;
            let mut fields = list.expect(Tag::Sequence)?.inner()?;
            let algorithm = match is_v2 {
                true => fields.optional(Tag::Sequence)?,
                false => None,
            };
            let algorithm = algorithm.map(|field| Algorithm::read(&field)).transpose()?;
            let digest = fields.expect(Tag::OctetString)?.value;
            let issuer_serial = fields.optional(Tag::Sequence)?;
            fields.finish()?;
            let issuer_serial = issuer_serial.map(|field| IssuerSerial::read(field.value));
            Ok((algorithm, digest, issuer_serial.transpose()?))
        };
        let (algorithm, digest, issuer_serial) = first().map_err(|_| Defect::EssMalformed)?;
        let hash = match (is_v2, algorithm.map(plain).transpose()?) {
            (false, _) | (true, Some(oid::SHA1)) => EssHash::Sha1,
            (true, None) => EssHash::Strong(HashAlgorithm::Sha256),
            (true, Some(oid)) => HashAlgorithm::from_oid(oid).map(EssHash::Strong).ok_or(Defect::EssHashUnsupported)?,
        };
        Ok(EssCertId { hash, digest, issuer_serial })
    }

    fn names(&self, certificate: &[u8]) -> bool {
        let equal = match self.hash {
            EssHash::Sha1 => {
                let found = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
                found.as_ref() == self.digest
            }
            EssHash::Strong(hash) => hash.hash(certificate) == self.digest,
        };
        equal
            && self.issuer_serial.as_ref().is_none_or(|wanted| {
                Names::read(certificate)
                    .is_ok_and(|names| wanted.serial == names.serial && wanted.directory_names.contains(&names.issuer))
            })
    }
}

impl<'a> IssuerSerial<'a> {
    fn read(content: &'a [u8]) -> der::Result<Self> {
        let mut fields = Cursor::new(content)?;
        let mut names = fields.expect(Tag::Sequence)?.inner()?;
        let serial = fields.expect(Tag::Integer)?.value;
        fields.finish()?;
        let mut directory_names = Vec::new();
        while !names.is_finished() {
            let name = names.next()?;
            if name.tag == context(4) {
                directory_names.push(name.value);
            }
        }
        Ok(Self { directory_names, serial })
    }
}

/// Finds the certificate that the signature names, wherever it stands in the bag, and that the signed attribute
/// fixes by its hash. Others of the same issuer and serial, slipped into the bag, are passed over.
fn find_certificate<'a>(token: &'a Token, signer: &SignerInfo) -> Result<(&'a [u8], bool), Defect> {
    let ids = [(oid::SIGNING_CERTIFICATE_V1, false), (oid::SIGNING_CERTIFICATE_V2, true)];
    let mut wanted = Vec::with_capacity(2);
    for (oid, is_v2) in ids {
        if let Some(value) = single(signer, oid)? {
            wanted.push(EssCertId::read(value, is_v2)?);
        }
    }
    if wanted.is_empty() {
        return Err(Defect::EssMissing);
    }
    let mut named = token.certificates().filter(|certificate| is_named_by(certificate, &signer.id)).peekable();
    if named.peek().is_none() {
        return Err(Defect::SignerCertificateMissing);
    }
    let found = named.find(|certificate| wanted.iter().all(|id| id.names(certificate))).ok_or(Defect::EssMismatch)?;
    Ok((found, wanted.iter().all(|id| id.hash == EssHash::Sha1)))
}

fn verify(signer: &SignerInfo, hash: HashAlgorithm, message: &[u8], key: PublicKey<'_>) -> Result<(), Defect> {
    let parameters = signer.algorithm.parameters;
    let algorithm: &dyn ring_signature::VerificationAlgorithm = match signer.algorithm.oid {
        oid::RSA | oid::SHA256_WITH_RSA | oid::SHA384_WITH_RSA | oid::SHA512_WITH_RSA => {
            check_agreement(signer.algorithm.oid, hash)?;
            if parameters == Parameters::Other {
                return Err(Defect::AlgorithmParameters);
            }
            rsa_algorithm(hash, key)?
        }
        oid::ECDSA_WITH_SHA256 | oid::ECDSA_WITH_SHA384 | oid::ECDSA_WITH_SHA512 => {
            check_agreement(signer.algorithm.oid, hash)?;
            if parameters != Parameters::Absent {
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
        .verify(message, &signer.signature)
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
