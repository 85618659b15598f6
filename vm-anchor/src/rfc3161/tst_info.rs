//! `TSTInfo`: what the authority signs (RFC 3161, section 2.4.2).

use core::fmt;

use der::asn1::ObjectIdentifier;
use der::{Any, Decode, Encode, Tag};
use vm_core::digest::{Sha256Digest, to_hex};
use vm_core::instant::Instant;
use x509_cert::ext::Extension;

use super::oid::Oid;
use super::tsp::{AccuracyFields, TstInfoFields};

/// Most extensions of a TSTInfo. None or one is usual.
const EXTENSIONS_MAX: usize = 16;
const MICROS_PER_SECOND: u64 = 1_000_000;

/// How far the true time may lie from genTime, in either direction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Accuracy(u64);

impl Accuracy {
    /// The accuracy in microseconds.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    fn new(fields: &AccuracyFields) -> der::Result<Self> {
        let thousandths = |field: Option<u16>| match field.unwrap_or(0) {
            count @ 0..=999 => Ok(u64::from(count)),
            _ => Err(der::Error::from(Tag::Integer.value_error())),
        };
        let seconds = u64::from(fields.seconds.unwrap_or(0));
        Ok(Self(seconds * MICROS_PER_SECOND + thousandths(fields.millis)? * 1_000 + thousandths(fields.micros)?))
    }
}

/// Serial number that an authority gave a token; unique within that authority.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

impl fmt::Display for Serial {
    /// The INTEGER's content in lower-case hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

/// The fields of a TSTInfo as they were read. They are claims until the whole token has been verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TstInfo {
    identity: Sha256Digest,
    version: Vec<u8>,
    policy: Oid,
    imprint_algorithm: ObjectIdentifier,
    imprint: Vec<u8>,
    serial: Serial,
    gen_time: Instant,
    accuracy: Option<Accuracy>,
    nonce: Option<Vec<u8>>,
    tsa: Option<Vec<u8>>,
    has_critical_extension: bool,
}

impl TstInfo {
    /// Reads the DER of a TSTInfo and nothing else.
    pub(crate) fn parse(bytes: &[u8]) -> der::Result<Self> {
        let fields = TstInfoFields::from_der(bytes)?;
        Ok(Self {
            identity: Sha256Digest::of(bytes),
            version: fields.version.as_bytes().to_vec(),
            policy: Oid::new(fields.policy),
            imprint_algorithm: fields.imprint.algorithm.oid,
            imprint: fields.imprint.digest.as_bytes().to_vec(),
            serial: Serial(fields.serial.as_bytes().to_vec()),
            gen_time: fields.gen_time.0,
            accuracy: fields.accuracy.as_ref().map(Accuracy::new).transpose()?,
            nonce: fields.nonce.map(|nonce| nonce.as_bytes().to_vec()),
            tsa: fields.tsa.map(|tsa| tsa.to_der()).transpose()?,
            has_critical_extension: !fields.extensions.is_none_or(|list| all_optional(&list)),
        })
    }

    /// SHA-256 of the TSTInfo's bytes: the token's identity, since the bytes around it can be changed freely.
    #[must_use]
    pub const fn identity(&self) -> Sha256Digest {
        self.identity
    }

    /// The time the authority claims, to the microsecond; finer digits are cut.
    #[must_use]
    pub const fn gen_time(&self) -> Instant {
        self.gen_time
    }

    /// The accuracy the authority claims, if it does.
    #[must_use]
    pub const fn accuracy(&self) -> Option<Accuracy> {
        self.accuracy
    }

    /// The token's serial number.
    #[must_use]
    pub const fn serial(&self) -> &Serial {
        &self.serial
    }

    /// The policy under which the token was issued.
    #[must_use]
    pub const fn policy(&self) -> Oid {
        self.policy
    }

    /// Object identifier of the imprint's hash algorithm.
    #[must_use]
    pub const fn imprint_algorithm(&self) -> Oid {
        Oid::new(self.imprint_algorithm)
    }

    /// The imprint's digest, of whatever length it was given.
    #[must_use]
    pub fn imprint_bytes(&self) -> &[u8] {
        &self.imprint
    }

    pub(crate) fn is_v1(&self) -> bool {
        self.version == [1]
    }

    /// The nonce's INTEGER content.
    pub(crate) fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// The `tsa` GeneralName, whole.
    pub(crate) fn tsa(&self) -> Option<&[u8]> {
        self.tsa.as_deref()
    }

    pub(crate) const fn has_critical_extension(&self) -> bool {
        self.has_critical_extension
    }
}

/// Whether every extension can be read and none is critical.
fn all_optional(extensions: &[Any]) -> bool {
    let is_optional = |any: &Any| any.decode_as::<Extension>().is_ok_and(|extension| !extension.critical);
    extensions.len() <= EXTENSIONS_MAX && extensions.iter().all(is_optional)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracies_add_up() {
        let read = |bytes: &[u8]| Accuracy::new(&AccuracyFields::from_der(bytes)?);
        let bytes = [0x30, 0x0b, 0x02, 0x01, 2, 0x80, 0x02, 0x01, 0xf4, 0x81, 0x02, 0x00, 0x07];
        assert!(read(&bytes).is_err(), "an INTEGER is minimal");
        let bytes = [0x30, 0x0a, 0x02, 0x01, 2, 0x80, 0x02, 0x01, 0xf4, 0x81, 0x01, 0x07];
        assert_eq!(read(&bytes).unwrap().as_micros(), 2_500_007);
        assert!(read(&[0x30, 0x04, 0x80, 0x02, 0x03, 0xe8]).is_err());
    }
}
