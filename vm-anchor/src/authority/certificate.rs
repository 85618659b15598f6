//! The authority's two certificates (RFC 5280): a root that may sign one level, and the signer of tokens.

use core::time::Duration;

use der::asn1::{BitString, ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, DateTime, Decode, Encode, Sequence, Tag};
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, KeyPair};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};
use x509_cert::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::{malformed, random_serial, sign};
use crate::error::AuthorityError;
use crate::rfc3161::oid;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// What the certificates' names add to the authority's own.
const ROOT_ADDED: &str = " time stamp root";
const SIGNER_ADDED: &str = " time stamp authority";
pub(super) const NAME_ADDED_BYTES: usize = SIGNER_ADDED.len();

/// Both certificates in DER.
pub(super) struct Chain {
    pub(super) root: Vec<u8>,
    pub(super) signer: Vec<u8>,
}

/// `TBSCertificate` (RFC 5280, section 4.1), of the crate's own parts: its type of that name can only be read, unless
/// its builder is taken with it, which brings SHA-1.
#[derive(Clone, Sequence)]
struct Tbs {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: Version,
    serial: SerialNumber,
    signature: AlgorithmIdentifier,
    issuer: Name,
    validity: Validity,
    subject: Name,
    public_key: SubjectPublicKeyInfo,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

/// `Certificate`.
#[derive(Sequence)]
struct Signed {
    tbs: Tbs,
    algorithm: AlgorithmIdentifier,
    signature: BitString,
}

/// Issues the root to itself and the signer under it.
pub(super) fn issue_chain(
    name: &str,
    (from, until): (Instant, Instant),
    root_key: &EcdsaKeyPair,
    signer_key: &EcdsaKeyPair,
    random: &SystemRandom,
) -> Result<Chain, AuthorityError> {
    let validity = Validity::new(time(from)?, time(until)?);
    let serials = [random_serial(random)?, random_serial(random)?];
    let [root, signer] = templates(name, validity, &serials, root_key, signer_key).map_err(malformed)?;
    Ok(Chain { root: issue(root, root_key, random)?, signer: issue(signer, root_key, random)? })
}

fn templates(
    name: &str,
    validity: Validity,
    [root_serial, signer_serial]: &[[u8; 16]; 2],
    root_key: &EcdsaKeyPair,
    signer_key: &EcdsaKeyPair,
) -> der::Result<[Tbs; 2]> {
    let root_name = common_name(&format!("{name}{ROOT_ADDED}"))?;
    let signer_name = common_name(&format!("{name}{SIGNER_ADDED}"))?;
    let root = Tbs {
        version: Version::V3,
        serial: SerialNumber::new(root_serial)?,
        signature: ecdsa_with_sha256(),
        issuer: root_name.clone(),
        validity,
        subject: root_name.clone(),
        public_key: public_key(root_key)?,
        extensions: root_extensions(&root_name, root_key)?,
    };
    let signer = Tbs {
        serial: SerialNumber::new(signer_serial)?,
        public_key: public_key(signer_key)?,
        extensions: signer_extensions(&signer_name, root_key, signer_key)?,
        subject: signer_name,
        ..root.clone()
    };
    Ok([root, signer])
}

fn issue(tbs: Tbs, key: &EcdsaKeyPair, random: &SystemRandom) -> Result<Vec<u8>, AuthorityError> {
    let signature = sign(key, &tbs.to_der().map_err(malformed)?, random)?;
    let signature = BitString::from_bytes(&signature).map_err(malformed)?;
    Signed { tbs, algorithm: ecdsa_with_sha256(), signature }.to_der().map_err(malformed)
}

fn root_extensions(name: &Name, key: &EcdsaKeyPair) -> der::Result<Vec<Extension>> {
    let constraints = BasicConstraints { ca: true, path_len_constraint: Some(0) };
    Ok(vec![
        (true, &constraints).to_extension(name, &[])?,
        (true, &KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign)).to_extension(name, &[])?,
        (false, &SubjectKeyIdentifier(key_id(key)?)).to_extension(name, &[])?,
    ])
}

fn signer_extensions(name: &Name, root_key: &EcdsaKeyPair, signer_key: &EcdsaKeyPair) -> der::Result<Vec<Extension>> {
    let constraints = BasicConstraints { ca: false, path_len_constraint: None };
    let issuer =
        AuthorityKeyIdentifier { key_identifier: Some(key_id(root_key)?), ..AuthorityKeyIdentifier::default() };
    Ok(vec![
        (true, &constraints).to_extension(name, &[])?,
        (true, &KeyUsage(KeyUsages::DigitalSignature.into())).to_extension(name, &[])?,
        // RFC 3161, section 2.3: the purpose is critical and the only one.
        (true, &ExtendedKeyUsage(vec![oid::KP_TIME_STAMPING])).to_extension(name, &[])?,
        (false, &SubjectKeyIdentifier(key_id(signer_key)?)).to_extension(name, &[])?,
        (false, &issuer).to_extension(name, &[])?,
    ])
}

fn ecdsa_with_sha256() -> AlgorithmIdentifier {
    AlgorithmIdentifier { oid: oid::ECDSA_WITH_SHA256, parameters: None }
}

/// A name of one common name. It is built of its parts, since the text form would have to be escaped.
fn common_name(text: &str) -> der::Result<Name> {
    let value = Any::new(Tag::Utf8String, text.as_bytes())?;
    let part = SetOfVec::try_from([AttributeTypeAndValue { oid: COMMON_NAME, value }])?;
    Name::from_der(&vec![part].to_der()?)
}

/// UTCTime to the end of 2049, GeneralizedTime from then on (RFC 5280, section 4.1.2.5).
fn time(at: Instant) -> Result<Time, AuthorityError> {
    let seconds = u64::try_from(at.as_seconds()).map_err(|_| AuthorityError::Time)?;
    DateTime::from_unix_duration(Duration::from_secs(seconds)).map(Time::from).map_err(|_| AuthorityError::Time)
}

fn public_key(key: &EcdsaKeyPair) -> der::Result<SubjectPublicKeyInfo> {
    let curve = Any::encode_from(&oid::P256)?;
    Ok(SubjectPublicKeyInfo {
        algorithm: AlgorithmIdentifier { oid: oid::EC_PUBLIC_KEY, parameters: Some(curve) },
        subject_public_key: BitString::from_bytes(key.public_key().as_ref())?,
    })
}

/// The first twenty bytes of the public key's SHA-256 (RFC 7093, section 2, method 1).
fn key_id(key: &EcdsaKeyPair) -> der::Result<OctetString> {
    let digest = Sha256Digest::of(key.public_key().as_ref());
    OctetString::new(digest.as_bytes().iter().take(20).copied().collect::<Vec<u8>>())
}
