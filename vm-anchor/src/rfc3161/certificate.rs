//! The signer's certificate: which it is, whether it may sign time stamps, when it is valid.

use cms::signed_data::SignerIdentifier;
use der::asn1::ObjectIdentifier;
use der::{Decode, Tag};
use vm_core::instant::Instant;
use x509_cert::Certificate;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;

use super::asn1::{Cursor, Element, context};
use super::oid;
use crate::error::Defect;

/// The fields of a certificate that name it, as their bytes stand. The rest may be malformed: a certificate that is named
/// and cannot be read is another defect than one that is missing.
pub(crate) struct Head<'a> {
    /// Content of the INTEGER.
    pub(crate) serial: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    /// `SubjectPublicKeyInfo`.
    pub(crate) key: Element<'a>,
}

impl<'a> Head<'a> {
    pub(crate) fn read(certificate: &'a [u8]) -> der::Result<Self> {
        let mut outer = Cursor::only(certificate, Tag::Sequence)?.inner()?;
        let mut fields = outer.expect(Tag::Sequence)?.inner()?;
        fields.optional(context(0))?;
        let serial = fields.expect(Tag::Integer)?.value;
        fields.expect(Tag::Sequence)?;
        let issuer = fields.expect(Tag::Sequence)?.whole;
        // Validity.
        fields.expect(Tag::Sequence)?;
        let subject = fields.expect(Tag::Sequence)?.whole;
        Ok(Self { serial, issuer, subject, key: fields.expect(Tag::Sequence)? })
    }
}

/// Issuer and serial number, read from no more than the start of a certificate.
pub(crate) fn issuer_and_serial(certificate: &[u8]) -> der::Result<(Name, SerialNumber)> {
    let mut outer = Cursor::only(certificate, Tag::Sequence)?.inner()?;
    let mut fields = outer.expect(Tag::Sequence)?.inner()?;
    fields.optional(context(0))?;
    let serial = fields.next()?.decode()?;
    fields.expect(Tag::Sequence)?;
    Ok((fields.next()?.decode()?, serial))
}

/// Whether `certificate` is the one that `id` names. One that cannot be read is not.
pub(crate) fn is_named_by(certificate: &[u8], id: &SignerIdentifier) -> bool {
    match id {
        SignerIdentifier::IssuerAndSerialNumber(id) => issuer_and_serial(certificate)
            .is_ok_and(|(issuer, serial)| issuer == id.issuer && serial == id.serial_number),
        SignerIdentifier::SubjectKeyIdentifier(wanted) => Certificate::from_der(certificate).is_ok_and(|certificate| {
            let found = certificate.tbs_certificate().get_extension::<SubjectKeyIdentifier>();
            found.is_ok_and(|found| found.is_some_and(|(_, found)| found == *wanted))
        }),
    }
}

/// The certificate that the signature names, read.
pub(crate) struct SignerCertificate<'a> {
    der: &'a [u8],
    parsed: Certificate,
}

impl<'a> SignerCertificate<'a> {
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, Defect> {
        match Certificate::from_der(der) {
            Ok(parsed) => Ok(Self { der, parsed }),
            Err(_) => Err(Defect::CertificateMalformed),
        }
    }

    pub(crate) const fn der(&self) -> &'a [u8] {
        self.der
    }

    /// The certificate as it is encoded anew.
    #[cfg(feature = "authority")]
    pub(crate) fn to_der(&self) -> der::Result<Vec<u8>> {
        der::Encode::to_der(&self.parsed)
    }

    pub(crate) fn public_key(&self) -> PublicKey<'_> {
        let info = self.parsed.tbs_certificate().subject_public_key_info();
        let curve =
            info.algorithm.parameters.as_ref().and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
        PublicKey { algorithm: info.algorithm.oid, curve, bits: info.subject_public_key.raw_bytes() }
    }

    /// RFC 3161, section 2.3: the extended key usage stands alone and is critical; and the certificate is no
    /// authority's, and its key usage, if there is one, is for signatures only.
    pub(crate) fn check_purpose(&self) -> Result<(), Defect> {
        let tbs = self.parsed.tbs_certificate();
        match tbs.get_extension::<ExtendedKeyUsage>() {
            Err(_) => return Err(Defect::CertificateMalformed),
            Ok(None) => return Err(Defect::ExtendedKeyUsageMissing),
            Ok(Some((_, usage))) if usage.0 != [oid::KP_TIME_STAMPING] => {
                return Err(Defect::ExtendedKeyUsageOther);
            }
            Ok(Some((false, _))) => return Err(Defect::ExtendedKeyUsageNotCritical),
            Ok(Some((true, _))) => {}
        }
        match tbs.get_extension::<BasicConstraints>() {
            Err(_) => return Err(Defect::CertificateMalformed),
            Ok(Some((_, constraints))) if constraints.ca => return Err(Defect::SignerIsCa),
            Ok(_) => {}
        }
        match tbs.get_extension::<KeyUsage>() {
            Err(_) => Err(Defect::CertificateMalformed),
            Ok(Some((_, usage))) if !signs_only(&usage) => Err(Defect::KeyUsage),
            Ok(_) => Ok(()),
        }
    }

    /// RFC 3161, section 2.4.2: a `tsa` name must be one of the certificate's subject names.
    pub(crate) fn check_tsa_name(&self, tsa: &[u8]) -> Result<(), Defect> {
        let tbs = self.parsed.tbs_certificate();
        let is_named = GeneralName::from_der(tsa).is_ok_and(|name| {
            let alternatives = tbs.get_extension::<SubjectAltName>();
            matches!(&name, GeneralName::DirectoryName(name) if name == tbs.subject())
                || alternatives.is_ok_and(|found| found.is_some_and(|(_, found)| found.0.contains(&name)))
        });
        if is_named { Ok(()) } else { Err(Defect::TsaName) }
    }

    /// Whether `at` lies in the certificate's validity, both ends included.
    pub(crate) fn check_valid_at(&self, at: Instant) -> Result<(), Defect> {
        let validity = self.parsed.tbs_certificate().validity();
        check_validity(validity, at)
    }

    /// Whether the certificate has expired at `at`.
    pub(crate) fn has_expired_at(&self, at: Instant) -> bool {
        self.check_valid_at(at) == Err(Defect::CertificateExpired)
    }
}

/// A certificate's public key.
#[derive(Clone, Copy)]
pub(crate) struct PublicKey<'a> {
    pub(crate) algorithm: ObjectIdentifier,
    pub(crate) curve: Option<ObjectIdentifier>,
    pub(crate) bits: &'a [u8],
}

impl PublicKey<'_> {
    /// Lengths of an RSA key's modulus and exponent in bits.
    pub(crate) fn rsa_bits(&self) -> Result<(usize, usize), Defect> {
        let lengths = || -> der::Result<(usize, usize)> {
            let mut key = Cursor::only(self.bits, Tag::Sequence)?.inner()?;
            let modulus = bit_length(key.expect(Tag::Integer)?.value);
            Ok((modulus, bit_length(key.expect(Tag::Integer)?.value)))
        };
        lengths().map_err(|_| Defect::CertificateMalformed)
    }
}

fn bit_length(content: &[u8]) -> usize {
    let digits = super::asn1::strip_zeros(content);
    let unused = digits.first().map_or(0, |first| first.leading_zeros());
    (digits.len() * 8).saturating_sub(usize::try_from(unused).unwrap_or(0))
}

/// Whether `at` lies in `validity`, both ends included (RFC 5280, section 4.1.2.5).
pub(crate) fn check_validity(validity: &x509_cert::time::Validity, at: Instant) -> Result<(), Defect> {
    let seconds = |time: &x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    if at.as_seconds() < seconds(&validity.not_before) {
        return Err(Defect::CertificateNotYetValid);
    }
    if at.as_seconds() > seconds(&validity.not_after) {
        return Err(Defect::CertificateExpired);
    }
    Ok(())
}

fn signs_only(usage: &KeyUsage) -> bool {
    let signs = usage.digital_signature() || usage.non_repudiation();
    let more = usage.key_encipherment()
        || usage.data_encipherment()
        || usage.key_agreement()
        || usage.key_cert_sign()
        || usage.crl_sign()
        || usage.encipher_only()
        || usage.decipher_only();
    signs && !more
}
