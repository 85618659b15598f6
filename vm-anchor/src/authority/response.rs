//! Responses of the local authority: a TSTInfo, signed (RFC 5652, RFC 5035), or a rejection.

use der::asn1::ObjectIdentifier;
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;

use super::LocalAuthority;
use crate::error::AuthorityError;
use crate::rfc3161::asn1::{self, element, id, unsigned};
use crate::rfc3161::{Imprint, Names, imprint_der, oid};

/// The policy of every token: anyPolicy (RFC 5280, section 4.2.1.4), since the authority promises nothing more than
/// its owner's clock.
pub(super) const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32.0");
/// The accuracy claimed, in seconds: what a machine that keeps its clock by NTP can promise.
const ACCURACY_SECONDS: u8 = 1;

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
pub(super) fn rejection(failure: Failure) -> Vec<u8> {
    let text = element(0x0c, &[failure.text().as_bytes()]);
    // A BIT STRING that ends with its one set bit; the first octet counts the unused bits after it.
    let bit = failure.bit();
    let mut bits = vec![0; bit / 8];
    bits.push(0x80 >> (bit % 8));
    let unused = u8::try_from(7 - bit % 8).unwrap_or(0);
    let info = element(
        id::SEQUENCE,
        &[&unsigned(&[2]), &element(id::SEQUENCE, &[&text]), &element(0x03, &[&[unused], &bits])],
    );
    element(id::SEQUENCE, &[&info])
}

/// `TSTInfo` in DER. The nonce is the whole INTEGER of the request.
pub(super) fn tst_info(
    imprint: &Imprint,
    serial: &[u8],
    gen_time: Instant,
    nonce: Option<&[u8]>,
) -> Result<Vec<u8>, AuthorityError> {
    let accuracy = element(id::SEQUENCE, &[&unsigned(&[ACCURACY_SECONDS])]);
    Ok(element(
        id::SEQUENCE,
        &[
            &unsigned(&[1]),
            &asn1::oid(POLICY),
            &imprint_der(imprint),
            &unsigned(serial),
            &element(0x18, &[generalized_time(gen_time)?.as_bytes()]),
            &accuracy,
            nonce.unwrap_or_default(),
        ],
    ))
}

/// `YYYYMMDDhhmmss[.f...]Z`, the fraction without trailing zeros (RFC 3161, section 2.4.2).
fn generalized_time(at: Instant) -> Result<String, AuthorityError> {
    let written = at.to_string();
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    let (whole, fraction) = digits.split_at_checked(14).ok_or(AuthorityError::Time)?;
    Ok(match fraction.trim_end_matches('0') {
        "" => format!("{whole}Z"),
        fraction => format!("{whole}.{fraction}Z"),
    })
}

/// Signs `tst_info` and wraps it into a granted response.
pub(super) fn granted(
    authority: &LocalAuthority,
    tst_info: &[u8],
    with_certificate: bool,
) -> Result<Vec<u8>, AuthorityError> {
    let attributes = signed_attributes(authority, tst_info)?;
    // The signature covers the attributes as a SET; in the SignerInfo they stand under [0].
    let signature = authority.sign(&element(id::SET, &[&attributes]))?;
    let digest_algorithm = element(id::SEQUENCE, &[&asn1::oid(oid::SHA256)]);
    let signer_info = element(
        id::SEQUENCE,
        &[
            &unsigned(&[1]),
            &issuer_and_serial(authority)?,
            &digest_algorithm,
            &element(0xa0, &[&attributes]),
            &element(id::SEQUENCE, &[&asn1::oid(oid::ECDSA_WITH_SHA256)]),
            &element(id::OCTET_STRING, &[&signature]),
        ],
    );
    let octets = element(id::OCTET_STRING, &[tst_info]);
    let content = element(id::SEQUENCE, &[&asn1::oid(oid::TST_INFO), &element(0xa0, &[&octets])]);
    let bag = match with_certificate {
        true => element(0xa0, &[authority.certificate_der()]),
        false => Vec::new(),
    };
    let signed_data = element(
        id::SEQUENCE,
        &[&unsigned(&[3]), &element(id::SET, &[&digest_algorithm]), &content, &bag, &element(id::SET, &[&signer_info])],
    );
    let token = element(id::SEQUENCE, &[&asn1::oid(oid::SIGNED_DATA), &element(0xa0, &[&signed_data])]);
    let status = element(id::SEQUENCE, &[&unsigned(&[0])]);
    Ok(element(id::SEQUENCE, &[&status, &token]))
}

/// contentType, messageDigest and signingCertificateV2, in DER order, without the SET around them.
fn signed_attributes(authority: &LocalAuthority, tst_info: &[u8]) -> Result<Vec<u8>, AuthorityError> {
    let attribute =
        |oid: ObjectIdentifier, value: &[u8]| element(id::SEQUENCE, &[&asn1::oid(oid), &element(id::SET, &[value])]);
    let digest = Sha256Digest::of(tst_info);
    let mut attributes = [
        attribute(oid::CONTENT_TYPE, &asn1::oid(oid::TST_INFO)),
        attribute(oid::MESSAGE_DIGEST, &element(id::OCTET_STRING, &[digest.as_bytes()])),
        attribute(oid::SIGNING_CERTIFICATE_V2, &signing_certificate(authority)?),
    ];
    attributes.sort();
    Ok(attributes.concat())
}

/// `SigningCertificateV2` with one `ESSCertIDv2`: the hash is SHA-256, which DER leaves out as the default.
fn signing_certificate(authority: &LocalAuthority) -> Result<Vec<u8>, AuthorityError> {
    let certificate = authority.certificate_der();
    let names = Names::read(certificate).map_err(|_| AuthorityError::Malformed)?;
    let hash = element(id::OCTET_STRING, &[Sha256Digest::of(certificate).as_bytes()]);
    let general_names = element(id::SEQUENCE, &[&element(0xa4, &[names.issuer])]);
    let serial = element(id::INTEGER, &[names.serial]);
    let issuer_serial = element(id::SEQUENCE, &[&general_names, &serial]);
    let ess_cert_id = element(id::SEQUENCE, &[&hash, &issuer_serial]);
    Ok(element(id::SEQUENCE, &[&element(id::SEQUENCE, &[&ess_cert_id])]))
}

fn issuer_and_serial(authority: &LocalAuthority) -> Result<Vec<u8>, AuthorityError> {
    let names = Names::read(authority.certificate_der()).map_err(|_| AuthorityError::Malformed)?;
    let serial = element(id::INTEGER, &[names.serial]);
    Ok(element(id::SEQUENCE, &[names.issuer, &serial]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rfc3161::{PkiStatus, Response};

    #[test]
    fn fractions_lose_their_trailing_zeros() {
        for (instant, written) in [
            ("2026-01-02T03:04:05.000000Z", "20260102030405Z"),
            ("2026-01-02T03:04:05.120000Z", "20260102030405.12Z"),
            ("2026-01-02T03:04:05.000001Z", "20260102030405.000001Z"),
        ] {
            assert_eq!(generalized_time(instant.parse().unwrap()).unwrap(), written);
        }
    }

    #[test]
    fn rejections_read_back() {
        for failure in
            [Failure::BadAlgorithm, Failure::BadDataFormat, Failure::UnacceptedPolicy, Failure::UnacceptedExtension]
        {
            let response = Response::parse(&rejection(failure)).unwrap();
            assert_eq!(response.status(), PkiStatus::Rejection);
            assert_eq!(response.texts(), [failure.text()]);
            assert_eq!(response.token(), None);
        }
    }
}
