//! `TSTInfo`: what the authority signs (RFC 3161, section 2.4.2).

use core::fmt;

use der::asn1::ObjectIdentifier;
use der::{Decode, Tag, TagNumber};
use vm_core::digest::{Sha256Digest, to_hex};
use vm_core::instant::Instant;

use super::asn1::{Cursor, Element, context, magnitude};
use super::oid::Oid;

/// Most fractional digits of a genTime. Authorities write three to nine; a microsecond is the finest instant kept.
const FRACTION_DIGITS_MAX: usize = 18;
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

    /// `Accuracy ::= SEQUENCE { seconds INTEGER, millis [0] INTEGER (1..999), micros [1] INTEGER (1..999) }`, all optional.
    fn read(element: &Element<'_>) -> der::Result<Self> {
        let mut fields = element.inner()?;
        let seconds = match fields.optional(Tag::Integer)? {
            Some(field) => u64::from(field.decode::<u32>()?),
            None => 0,
        };
        let millis = Self::read_thousandths(&mut fields, 0)?;
        let micros = Self::read_thousandths(&mut fields, 1)?;
        fields.finish()?;
        Ok(Self(seconds * MICROS_PER_SECOND + millis * 1_000 + micros))
    }

    fn read_thousandths(fields: &mut Cursor<'_>, number: u32) -> der::Result<u64> {
        let tag = Tag::ContextSpecific { constructed: false, number: TagNumber(number) };
        let Some(field) = fields.optional(tag)? else {
            return Ok(0);
        };
        // Zero is outside the range of the standard, and is written all the same.
        match magnitude(field.value) {
            Some([]) => Ok(0),
            Some([low]) => Ok(u64::from(*low)),
            Some([high, low]) if u16::from_be_bytes([*high, *low]) <= 999 => {
                Ok(u64::from(u16::from_be_bytes([*high, *low])))
            }
            _ => Err(Tag::Integer.value_error().into()),
        }
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
        let mut info = Cursor::only(bytes, Tag::Sequence)?.inner()?;
        let version = info.expect(Tag::Integer)?.value.to_vec();
        let policy = Oid::new(info.oid()?);
        let mut imprint = info.expect(Tag::Sequence)?.inner()?;
        let imprint_algorithm = imprint.expect(Tag::Sequence)?.inner()?.oid()?;
        let digest = imprint.expect(Tag::OctetString)?.value.to_vec();
        imprint.finish()?;
        let serial = Serial(info.expect(Tag::Integer)?.value.to_vec());
        let gen_time = read_gen_time(info.expect(Tag::GeneralizedTime)?.value)?;
        let accuracy = info.optional(Tag::Sequence)?;
        let accuracy = accuracy.map(|field| Accuracy::read(&field)).transpose()?;
        if let Some(ordering) = info.optional(Tag::Boolean)? {
            bool::from_der(ordering.whole)?;
        }
        let nonce = info.optional(Tag::Integer)?;
        let tsa = info.optional(context(0))?;
        let extensions = info.optional(context(1))?;
        info.finish()?;
        Ok(Self {
            identity: Sha256Digest::of(bytes),
            version,
            policy,
            imprint_algorithm,
            imprint: digest,
            serial,
            gen_time,
            accuracy,
            nonce: nonce.map(|nonce| nonce.value.to_vec()),
            tsa: tsa.map(|tsa| tsa.value.to_vec()),
            has_critical_extension: extensions.is_some_and(|field| !all_optional(&field)),
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
fn all_optional(field: &Element<'_>) -> bool {
    let check = || -> der::Result<bool> {
        let mut extensions = field.inner()?;
        let mut count = 0;
        while !extensions.is_finished() {
            count += 1;
            let mut extension = extensions.expect(Tag::Sequence)?.inner()?;
            extension.oid()?;
            if let Some(critical) = extension.optional(Tag::Boolean)?
                && bool::from_der(critical.whole)?
            {
                return Ok(false);
            }
            extension.expect(Tag::OctetString)?;
            extension.finish()?;
        }
        Ok(count <= EXTENSIONS_MAX)
    };
    check().unwrap_or(false)
}

/// Reads `YYYYMMDDhhmmss[.f...]Z`. The der crate reads no fractions, which most authorities write.
fn read_gen_time(content: &[u8]) -> der::Result<Instant> {
    let wrong = || der::Error::from(Tag::GeneralizedTime.value_error());
    let text = core::str::from_utf8(content).map_err(|_| wrong())?;
    let body = text.strip_suffix('Z').ok_or_else(wrong)?;
    let (whole, fraction) = match body.split_once('.') {
        Some((whole, fraction)) if (1..=FRACTION_DIGITS_MAX).contains(&fraction.len()) => (whole, fraction),
        Some(_) => return Err(wrong()),
        None => (body, "0"),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !all_digits(whole) || !all_digits(fraction) {
        return Err(wrong());
    }
    // Fourteen ASCII digits, so every cut below lies on a character.
    let (date, time) = whole.split_at(8);
    let fraction = fraction.get(..6).unwrap_or(fraction);
    let written = format!(
        "{}-{}-{}T{}:{}:{}.{fraction}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    );
    Instant::parse_lenient(&written).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Option<String> {
        read_gen_time(text.as_bytes()).ok().map(|instant| instant.to_string())
    }

    #[test]
    fn gen_times_with_and_without_fractions() {
        for (text, instant) in [
            ("20260102030405Z", "2026-01-02T03:04:05.000000Z"),
            ("20260102030405.5Z", "2026-01-02T03:04:05.500000Z"),
            ("20260102030405.000006Z", "2026-01-02T03:04:05.000006Z"),
            ("20260102030405.123456789Z", "2026-01-02T03:04:05.123456Z"),
        ] {
            assert_eq!(time(text).as_deref(), Some(instant));
        }
        for bad in [
            "20260102030405",
            "20260102030405.Z",
            "202601020304Z",
            "20260102030460Z",
            "20260230030405Z",
            "20260102030405+0100",
            "20260102030405.1234567890123456789Z",
            "2026010203040५Z",
        ] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }

    #[test]
    fn accuracies_add_up() {
        let bytes = [0x30, 0x0b, 0x02, 0x01, 2, 0x80, 0x02, 0x01, 0xf4, 0x81, 0x02, 0x00, 0x07];
        let element = Cursor::only(&bytes, Tag::Sequence).unwrap();
        assert_eq!(Accuracy::read(&element).unwrap().as_micros(), 2_500_007);
        let over = [0x30, 0x04, 0x80, 0x02, 0x03, 0xe8];
        assert!(Accuracy::read(&Cursor::only(&over, Tag::Sequence).unwrap()).is_err());
    }
}
