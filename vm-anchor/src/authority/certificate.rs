//! The authority's two certificates (RFC 5280): a root that may sign one level, and the signer of tokens.

use der::asn1::ObjectIdentifier;
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, KeyPair};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;

use super::{random_serial, sign};
use crate::error::AuthorityError;
use crate::rfc3161::asn1::{self, element, id, unsigned};
use crate::rfc3161::oid;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const SUBJECT_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const AUTHORITY_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");

/// What the certificates' names add to the authority's own.
const ROOT_ADDED: &str = " time stamp root";
const SIGNER_ADDED: &str = " time stamp authority";
pub(super) const NAME_ADDED_BYTES: usize = SIGNER_ADDED.len();

/// keyCertSign and cRLSign; digitalSignature. BIT STRINGs, the first content octet counts unused bits.
const USAGE_ROOT: [u8; 4] = [0x03, 0x02, 0x01, 0x06];
const USAGE_SIGNER: [u8; 4] = [0x03, 0x02, 0x07, 0x80];
/// `SEQUENCE { TRUE, 0 }`: a CA with no CA below it.
const CONSTRAINTS_ROOT: [u8; 8] = [0x30, 0x06, 0x01, 0x01, 0xff, 0x02, 0x01, 0x00];
/// `SEQUENCE {}`: no CA.
const CONSTRAINTS_SIGNER: [u8; 2] = [0x30, 0x00];

/// Both certificates in DER.
pub(super) struct Chain {
    pub(super) root: Vec<u8>,
    pub(super) signer: Vec<u8>,
}

struct Template<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    validity: &'a [u8],
    key: &'a EcdsaKeyPair,
    extensions: Vec<Vec<u8>>,
}

/// Issues the root to itself and the signer under it.
pub(super) fn issue_chain(
    name: &str,
    (from, until): (Instant, Instant),
    root_key: &EcdsaKeyPair,
    signer_key: &EcdsaKeyPair,
    random: &SystemRandom,
) -> Result<Chain, AuthorityError> {
    let root_name = common_name(&format!("{name}{ROOT_ADDED}"));
    let signer_name = common_name(&format!("{name}{SIGNER_ADDED}"));
    let validity = element(id::SEQUENCE, &[&time(from)?, &time(until)?]);
    let root = Template {
        issuer: &root_name,
        subject: &root_name,
        validity: &validity,
        key: root_key,
        extensions: vec![
            extension(BASIC_CONSTRAINTS, true, &CONSTRAINTS_ROOT),
            extension(KEY_USAGE, true, &USAGE_ROOT),
            subject_key_id(root_key),
        ],
    };
    let purpose = element(id::SEQUENCE, &[&asn1::oid(oid::KP_TIME_STAMPING)]);
    let signer = Template {
        issuer: &root_name,
        subject: &signer_name,
        validity: &validity,
        key: signer_key,
        extensions: vec![
            extension(BASIC_CONSTRAINTS, true, &CONSTRAINTS_SIGNER),
            extension(KEY_USAGE, true, &USAGE_SIGNER),
            // RFC 3161, section 2.3: the purpose is critical and the only one.
            extension(EXTENDED_KEY_USAGE, true, &purpose),
            subject_key_id(signer_key),
            authority_key_id(root_key),
        ],
    };
    Ok(Chain { root: root.issue(root_key, random)?, signer: signer.issue(root_key, random)? })
}

impl Template<'_> {
    fn issue(&self, issuer_key: &EcdsaKeyPair, random: &SystemRandom) -> Result<Vec<u8>, AuthorityError> {
        let algorithm = element(id::SEQUENCE, &[&asn1::oid(oid::ECDSA_WITH_SHA256)]);
        let extensions: Vec<&[u8]> = self.extensions.iter().map(Vec::as_slice).collect();
        let tbs = element(
            id::SEQUENCE,
            &[
                // Version 3, under an explicit [0].
                &element(0xa0, &[&unsigned(&[2])]),
                &unsigned(&random_serial(random)?),
                &algorithm,
                self.issuer,
                self.validity,
                self.subject,
                &public_key(self.key),
                &element(0xa3, &[&element(id::SEQUENCE, &extensions)]),
            ],
        );
        let signature = bit_string(&sign(issuer_key, &tbs, random)?);
        Ok(element(id::SEQUENCE, &[&tbs, &algorithm, &signature]))
    }
}

fn common_name(text: &str) -> Vec<u8> {
    let value = element(0x0c, &[text.as_bytes()]);
    let attribute = element(id::SEQUENCE, &[&asn1::oid(COMMON_NAME), &value]);
    element(id::SEQUENCE, &[&element(id::SET, &[&attribute])])
}

/// UTCTime to the end of 2049, GeneralizedTime from then on (RFC 5280, section 4.1.2.5).
fn time(at: Instant) -> Result<Vec<u8>, AuthorityError> {
    let written = at.to_string();
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    let whole = digits.get(..14).ok_or(AuthorityError::Time)?;
    let (century, rest) = whole.split_at(2);
    let year: u16 = whole.get(..4).and_then(|year| year.parse().ok()).ok_or(AuthorityError::Time)?;
    match year {
        1950..=2049 => Ok(element(0x17, &[rest.as_bytes(), b"Z"])),
        2050..=9999 => Ok(element(0x18, &[century.as_bytes(), rest.as_bytes(), b"Z"])),
        _ => Err(AuthorityError::Time),
    }
}

fn public_key(key: &EcdsaKeyPair) -> Vec<u8> {
    let algorithm = element(id::SEQUENCE, &[&asn1::oid(oid::EC_PUBLIC_KEY), &asn1::oid(oid::P256)]);
    let bits = bit_string(key.public_key().as_ref());
    element(id::SEQUENCE, &[&algorithm, &bits])
}

fn bit_string(bytes: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], bytes])
}

fn extension(oid: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if critical { &[0x01, 0x01, 0xff] } else { &[] };
    let value = element(id::OCTET_STRING, &[value]);
    element(id::SEQUENCE, &[&asn1::oid(oid), flag, &value])
}

/// The first twenty bytes of the public key's SHA-256 (RFC 7093, section 2, method 1).
fn key_id(key: &EcdsaKeyPair) -> Vec<u8> {
    let digest = Sha256Digest::of(key.public_key().as_ref());
    digest.as_bytes().iter().take(20).copied().collect()
}

fn subject_key_id(key: &EcdsaKeyPair) -> Vec<u8> {
    let value = element(id::OCTET_STRING, &[&key_id(key)]);
    extension(SUBJECT_KEY_ID, false, &value)
}

fn authority_key_id(key: &EcdsaKeyPair) -> Vec<u8> {
    let value = element(id::SEQUENCE, &[&element(0x80, &[&key_id(key)])]);
    extension(AUTHORITY_KEY_ID, false, &value)
}
