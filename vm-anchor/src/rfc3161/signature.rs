//! The signature: one signer, its attributes, its certificate, its arithmetic (RFC 5652, section 5; RFC 5035).

use cms::content_info::CmsVersion;
use cms::signed_data::SignerIdentifier;
use der::Any;
use der::asn1::{ObjectIdentifier, OctetString};
use x509_cert::ext::pkix::name::GeneralName;

use super::algorithm::{self, plain};
use super::certificate::{PublicKey, SignerCertificate, is_named_by, issuer_and_serial};
use super::checks::Legacy;
use super::imprint::HashAlgorithm;
use super::oid;
use super::token::{Signer, Token};
use super::tsp::{EssCertId, EssCertIdV2, IssuerSerial, SigningCertificate};
use crate::error::Defect;

/// What holds and is old or loose: the word of a remark.
pub(crate) mod remark {
    /// SHA-1 binds the certificate.
    pub(crate) const ESS: &str = "ess-sha1";
    /// SHA-1 is the hash of what was stamped.
    pub(crate) const IMPRINT: &str = "imprint-sha1";
    /// SHA-1 is the hash that the signature is made over.
    pub(crate) const DIGEST: &str = "digest-sha1";
    /// The signer's RSA key has less than 2048 bits.
    pub(crate) const KEY: &str = "key-short";
    /// A signature of the path is RSA with SHA-1 or a short key.
    pub(crate) const PATH: &str = "path-weak";
    /// The token is BER, and was judged as DER.
    pub(crate) const BER: &str = "token-ber";
    /// The signed attributes are not in DER order.
    pub(crate) const ORDER: &str = "signed-attributes-order";
}

/// Outcome of a signature that holds.
pub(crate) struct Signed<'a> {
    pub(crate) certificate: SignerCertificate<'a>,
    /// What is weak or loose about it.
    pub(crate) remarks: Vec<&'static str>,
}

/// Checks all that the signature covers, and that it holds under the certificate it names.
pub(crate) fn check(token: &Token, legacy: Legacy) -> Result<Signed<'_>, Defect> {
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
    let mut remarks = Vec::new();
    let hash = check_digest(token, signer, legacy)?;
    if hash == HashAlgorithm::Sha1 {
        remarks.push(remark::DIGEST);
    }
    check_attributes(token, signer, hash)?;
    let (der, by_sha1) = find_certificate(token, signer)?;
    if by_sha1 {
        remarks.push(remark::ESS);
    }
    let certificate = SignerCertificate::read(der)?;
    let short_key = verify(signer, hash, certificate.public_key(), legacy)?;
    if short_key {
        remarks.push(remark::KEY);
    }
    if signer.sorted_bytes.is_some() {
        remarks.push(remark::ORDER);
    }
    Ok(Signed { certificate, remarks })
}

fn check_digest(token: &Token, signer: &Signer, legacy: Legacy) -> Result<HashAlgorithm, Defect> {
    let oid = plain(&signer.info.digest_alg)?;
    let hash = match oid {
        oid::SHA1 if legacy == Legacy::Report => HashAlgorithm::Sha1,
        oid::MD5 | oid::SHA1 => return Err(Defect::DigestWeak),
        oid::SHA256 => HashAlgorithm::Sha256,
        oid::SHA384 => HashAlgorithm::Sha384,
        oid::SHA512 => HashAlgorithm::Sha512,
        // No signature algorithm that is checked here goes with the others of the family.
        _ => return Err(Defect::DigestUnsupported),
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

/// Checks contentType and messageDigest.
fn check_attributes(token: &Token, signer: &Signer, hash: HashAlgorithm) -> Result<(), Defect> {
    if signer.signed_bytes.is_none() {
        return Err(Defect::SignedAttributesMissing);
    }
    if !signer.is_distinct {
        return Err(Defect::AttributeRepeated);
    }
    let content_type = single(signer, oid::CONTENT_TYPE)?.ok_or(Defect::ContentType)?;
    if content_type.decode_as() != Ok(oid::TST_INFO) {
        return Err(Defect::ContentType);
    }
    let digest = single(signer, oid::MESSAGE_DIGEST)?.ok_or(Defect::MessageDigest)?;
    match digest.decode_as::<OctetString>() {
        Ok(digest) if digest.as_bytes() == hash.hash(token.content()) => Ok(()),
        _ => Err(Defect::MessageDigest),
    }
}

/// A certificate as a signed attribute names it: its hash, and perhaps its issuer and serial.
struct NamedCertificate {
    hash: HashAlgorithm,
    digest: OctetString,
    issuer_serial: Option<IssuerSerial>,
}

impl NamedCertificate {
    /// The first entry of a `SigningCertificate` or `SigningCertificateV2`: the signer's own (RFC 5035, section 5.4).
    fn read(value: &Any, is_v2: bool) -> Result<Self, Defect> {
        let malformed = |_| Defect::EssMalformed;
        let attribute: SigningCertificate = value.decode_as().map_err(malformed)?;
        let first = attribute.entries.first().ok_or(Defect::EssMalformed)?;
        if !is_v2 {
            let EssCertId { digest, issuer_serial } = first.decode_as().map_err(malformed)?;
            return Ok(Self { hash: HashAlgorithm::Sha1, digest, issuer_serial });
        }
        let EssCertIdV2 { algorithm, digest, issuer_serial } = first.decode_as().map_err(malformed)?;
        let hash = match algorithm.as_ref().map(plain).transpose()? {
            Some(oid::SHA1) => HashAlgorithm::Sha1,
            None => HashAlgorithm::Sha256,
            Some(oid) => HashAlgorithm::from_oid(oid).ok_or(Defect::EssHashUnsupported)?,
        };
        Ok(Self { hash, digest, issuer_serial })
    }

    fn names(&self, certificate: &[u8]) -> bool {
        self.hash.hash(certificate) == self.digest.as_bytes()
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
    Ok((found, wanted.iter().all(|id| id.hash == HashAlgorithm::Sha1)))
}

/// Checks the arithmetic; says whether the key is a short one. The signature covers the attributes as DER; where they
/// stand in another order, a signer may also have signed them as they stand, and no other bytes can be meant.
fn verify(signer: &Signer, hash: HashAlgorithm, key: PublicKey<'_>, legacy: Legacy) -> Result<bool, Defect> {
    let weak = legacy == Legacy::Report;
    let (algorithm, short_key) = algorithm::choose(&signer.info.signature_algorithm, hash, key, weak)?;
    let signature = signer.info.signature.as_bytes();
    let mut messages = [&signer.sorted_bytes, &signer.signed_bytes].into_iter().flatten();
    match messages.any(|message| algorithm.verify_signature(key.bits, message, signature).is_ok()) {
        true => Ok(short_key),
        false => Err(Defect::SignatureInvalid),
    }
}
