//! Responses of the local authority: a TSTInfo, signed (RFC 5652, RFC 5035), or a rejection.

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedAttributes, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{AnyRef, BitString, Int, ObjectIdentifier, OctetString, SetOfVec, Uint};
use der::{Any, Decode, Encode, EncodeValue, Tag, Tagged};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use x509_cert::attr::Attribute;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::{AlgorithmIdentifier, Certificate};

use super::{LocalAuthority, malformed};
use crate::error::AuthorityError;
use crate::rfc3161::tsp::{
    AccuracyFields, EssCertIdV2, GenTime, IssuerSerial, PkiStatusInfo, SigningCertificate, TimeStampResp, TstInfoFields,
};
use crate::rfc3161::{Imprint, message_imprint, oid};

/// The policy of every token: anyPolicy (RFC 5280, section 4.2.1.4), since the authority promises nothing more than
/// its owner's clock.
pub(super) const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32.0");
/// The accuracy claimed, in seconds: what a machine that keeps its clock by NTP can promise.
const ACCURACY_SECONDS: u32 = 1;

/// Why a request is rejected: bits of `PKIFailureInfo` (RFC 3161, section 2.4.2).
#[derive(Clone, Copy)]
pub(super) enum Failure {
    BadAlgorithm,
    BadDataFormat,
    UnacceptedPolicy,
    UnacceptedExtension,
}

impl Failure {
    const fn bit(self) -> usize {
        match self {
            Self::BadAlgorithm => 0,
            Self::BadDataFormat => 5,
            Self::UnacceptedPolicy => 15,
            Self::UnacceptedExtension => 16,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::BadAlgorithm => "only SHA-256, SHA-384 and SHA-512 are stamped",
            Self::BadDataFormat => "not a time-stamp request",
            Self::UnacceptedPolicy => "policy not known",
            Self::UnacceptedExtension => "extensions are not known",
        }
    }
}

/// A response that holds no token.
pub(super) fn rejection(failure: Failure) -> der::Result<Vec<u8>> {
    // A BIT STRING that ends with its one set bit.
    let bit = failure.bit();
    let mut bits = vec![0; bit / 8];
    bits.push(0x80 >> (bit % 8));
    let unused = u8::try_from(7 - bit % 8).unwrap_or(0);
    let info = PkiStatusInfo {
        status: Int::new(&[2])?,
        texts: Some(vec![AnyRef::new(Tag::Utf8String, failure.text().as_bytes())?]),
        failure: Some(BitString::new(unused, bits)?),
    };
    TimeStampResp { info, token: None }.to_der()
}

/// `TSTInfo` in DER. The nonce is that of the request.
pub(super) fn tst_info(
    imprint: &Imprint,
    serial: &[u8],
    gen_time: Instant,
    nonce: Option<Int>,
) -> der::Result<Vec<u8>> {
    let fields = TstInfoFields {
        version: Int::new(&[1])?,
        policy: POLICY,
        imprint: message_imprint(imprint)?,
        serial: Uint::new(serial)?.into(),
        gen_time: GenTime(gen_time),
        accuracy: Some(AccuracyFields { seconds: Some(ACCURACY_SECONDS), ..AccuracyFields::default() }),
        ordering: None,
        nonce,
        tsa: None,
        extensions: None,
    };
    fields.to_der()
}

/// Signs `tst_info` and wraps it into a granted response.
pub(super) fn granted(
    authority: &LocalAuthority,
    tst_info: &[u8],
    with_certificate: bool,
) -> Result<Vec<u8>, AuthorityError> {
    let attributes = signed_attributes(authority, tst_info).map_err(malformed)?;
    // The signature covers the attributes as a SET; in the SignerInfo they stand under [0].
    let signature = authority.sign(&attributes.to_der().map_err(malformed)?)?;
    response(authority, tst_info, attributes, signature, with_certificate).map_err(malformed)
}

fn response(
    authority: &LocalAuthority,
    tst_info: &[u8],
    attributes: SignedAttributes,
    signature: Vec<u8>,
    with_certificate: bool,
) -> der::Result<Vec<u8>> {
    let certificate = Certificate::from_der(authority.certificate_der())?;
    let digest_alg = AlgorithmIdentifier { oid: oid::SHA256, parameters: None };
    let signer = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: certificate.tbs_certificate().issuer().clone(),
            serial_number: certificate.tbs_certificate().serial_number().clone(),
        }),
        digest_alg: digest_alg.clone(),
        signed_attrs: Some(attributes),
        signature_algorithm: AlgorithmIdentifier { oid: oid::ECDSA_WITH_SHA256, parameters: None },
        signature: OctetString::new(signature)?,
        unsigned_attrs: None,
    };
    let bag = with_certificate.then(|| CertificateSet::try_from(vec![CertificateChoices::Certificate(certificate)]));
    let signed_data = SignedData {
        version: CmsVersion::V3,
        digest_algorithms: SetOfVec::try_from([digest_alg])?,
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: oid::TST_INFO,
            econtent: Some(Any::new(Tag::OctetString, tst_info)?),
        },
        certificates: bag.transpose()?,
        crls: None,
        signer_infos: SignerInfos::try_from(vec![signer])?,
    };
    let token = ContentInfo { content_type: oid::SIGNED_DATA, content: Any::encode_from(&signed_data)? };
    let token = Any::encode_from(&token)?;
    let info = PkiStatusInfo { status: Int::new(&[0])?, texts: None, failure: None };
    TimeStampResp { info, token: Some(token.to_ref()) }.to_der()
}

/// contentType, messageDigest and signingCertificateV2.
fn signed_attributes(authority: &LocalAuthority, tst_info: &[u8]) -> der::Result<SignedAttributes> {
    let digest = OctetString::new(Sha256Digest::of(tst_info).as_bytes().as_slice())?;
    SetOfVec::try_from([
        attribute(oid::CONTENT_TYPE, &oid::TST_INFO)?,
        attribute(oid::MESSAGE_DIGEST, &digest)?,
        attribute(oid::SIGNING_CERTIFICATE_V2, &signing_certificate(authority)?)?,
    ])
}

fn attribute<T: Tagged + EncodeValue>(oid: ObjectIdentifier, value: &T) -> der::Result<Attribute> {
    Ok(Attribute { oid, values: SetOfVec::try_from([Any::encode_from(value)?])? })
}

/// `SigningCertificateV2` with one `ESSCertIDv2`: the hash is SHA-256, which DER leaves out as the default.
fn signing_certificate(authority: &LocalAuthority) -> der::Result<SigningCertificate> {
    let certificate = Certificate::from_der(authority.certificate_der())?;
    let tbs = certificate.tbs_certificate();
    let entry = EssCertIdV2 {
        algorithm: None,
        digest: OctetString::new(Sha256Digest::of(authority.certificate_der()).as_bytes().as_slice())?,
        issuer_serial: Some(IssuerSerial {
            issuer: vec![GeneralName::DirectoryName(tbs.issuer().clone())],
            serial: tbs.serial_number().clone(),
        }),
    };
    Ok(SigningCertificate { entries: vec![Any::encode_from(&entry)?], policies: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rfc3161::{PkiStatus, Response};

    #[test]
    fn rejections_read_back() {
        for failure in
            [Failure::BadAlgorithm, Failure::BadDataFormat, Failure::UnacceptedPolicy, Failure::UnacceptedExtension]
        {
            let response = Response::parse(&rejection(failure).unwrap()).unwrap();
            assert_eq!(response.status(), PkiStatus::Rejection);
            assert_eq!(response.texts(), [failure.text()]);
            assert_eq!(response.token(), None);
        }
    }
}
