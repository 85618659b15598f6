//! The structures of RFC 3161 and RFC 5035, as they are encoded: read and written by derived code. `x509-tsp` has some
//! of them, but no fraction of a second.

use der::asn1::{AnyRef, BitString, Int, ObjectIdentifier, OctetString};
use der::{Any, DecodeValue, EncodeValue, FixedTag, Header, Length, Reader, Sequence, Tag, Writer};
use vm_core::instant::Instant;
use x509_cert::AlgorithmIdentifier;
use x509_cert::ext::pkix::name::GeneralNames;
use x509_cert::serial_number::SerialNumber;

/// Most fractional digits of a genTime. Authorities write three to nine; a microsecond is the finest instant kept.
const FRACTION_DIGITS_MAX: usize = 18;

/// `MessageImprint` (RFC 3161, section 2.4.1).
#[derive(Clone, Debug, Sequence)]
pub(crate) struct MessageImprint {
    pub(crate) algorithm: AlgorithmIdentifier,
    pub(crate) digest: OctetString,
}

/// `TimeStampReq` (section 2.4.1).
#[derive(Clone, Debug, Sequence)]
pub(crate) struct TimeStampReq {
    pub(crate) version: u8,
    pub(crate) imprint: MessageImprint,
    pub(crate) policy: Option<ObjectIdentifier>,
    pub(crate) nonce: Option<Int>,
    // DER leaves FALSE out; one that is written all the same is read.
    pub(crate) cert_req: Option<bool>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) extensions: Option<Vec<Any>>,
}

/// `TimeStampResp` (section 2.4.2). The token is not looked into.
#[derive(Sequence)]
pub(crate) struct TimeStampResp<'a> {
    pub(crate) info: PkiStatusInfo<'a>,
    pub(crate) token: Option<AnyRef<'a>>,
}

/// `PKIStatusInfo`. The texts are UTF8Strings, and are believed to be nothing more than bytes.
#[derive(Sequence)]
pub(crate) struct PkiStatusInfo<'a> {
    pub(crate) status: Int,
    pub(crate) texts: Option<Vec<AnyRef<'a>>>,
    pub(crate) failure: Option<BitString>,
}

/// `TSTInfo` (section 2.4.2).
#[derive(Sequence)]
pub(crate) struct TstInfoFields {
    pub(crate) version: Int,
    pub(crate) policy: ObjectIdentifier,
    pub(crate) imprint: MessageImprint,
    pub(crate) serial: Int,
    pub(crate) gen_time: GenTime,
    pub(crate) accuracy: Option<AccuracyFields>,
    pub(crate) ordering: Option<bool>,
    pub(crate) nonce: Option<Int>,
    // A GeneralName; one that cannot be read is a defect of the name alone.
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(crate) tsa: Option<Any>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) extensions: Option<Vec<Any>>,
}

/// `Accuracy`. Zero thousandths are outside the range of the standard, and are written all the same.
#[derive(Default, Sequence)]
pub(crate) struct AccuracyFields {
    pub(crate) seconds: Option<u32>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) micros: Option<u16>,
}

/// `SigningCertificate` and `SigningCertificateV2` (RFC 5035), which differ in the kind of their entries. Only the first
/// entry names the signer, so the others are not looked into.
#[derive(Sequence)]
pub(crate) struct SigningCertificate {
    pub(crate) entries: Vec<Any>,
    pub(crate) policies: Option<Any>,
}

/// `ESSCertID`: the hash is SHA-1.
#[derive(Sequence)]
pub(crate) struct EssCertId {
    pub(crate) digest: OctetString,
    pub(crate) issuer_serial: Option<IssuerSerial>,
}

/// `ESSCertIDv2`: the hash is SHA-256 where none is named.
#[derive(Sequence)]
pub(crate) struct EssCertIdV2 {
    pub(crate) algorithm: Option<AlgorithmIdentifier>,
    pub(crate) digest: OctetString,
    pub(crate) issuer_serial: Option<IssuerSerial>,
}

/// `IssuerSerial`.
#[derive(Sequence)]
pub(crate) struct IssuerSerial {
    pub(crate) issuer: GeneralNames,
    pub(crate) serial: SerialNumber,
}

/// `GeneralizedTime` with fractions of a second, which the der crate does not read and most authorities write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct GenTime(pub(crate) Instant);

impl GenTime {
    /// Reads `YYYYMMDDhhmmss[.f...]Z`; digits beyond the microsecond are cut.
    fn read(content: &[u8]) -> der::Result<Self> {
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
        Instant::parse_lenient(&written).map(Self).map_err(|_| wrong())
    }

    /// The fraction without trailing zeros, as the standard wants.
    fn text(self) -> der::Result<String> {
        let written = self.0.to_string();
        let digits: String = written.chars().filter(char::is_ascii_digit).collect();
        let (whole, fraction) = digits.split_at_checked(14).ok_or(Tag::GeneralizedTime.value_error())?;
        Ok(match fraction.trim_end_matches('0') {
            "" => format!("{whole}Z"),
            fraction => format!("{whole}.{fraction}Z"),
        })
    }
}

impl FixedTag for GenTime {
    const TAG: Tag = Tag::GeneralizedTime;
}

impl<'a> DecodeValue<'a> for GenTime {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        Self::read(reader.read_slice(header.length())?)
    }
}

impl EncodeValue for GenTime {
    fn value_len(&self) -> der::Result<Length> {
        self.text()?.len().try_into()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.text()?.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Option<String> {
        GenTime::read(text.as_bytes()).ok().map(|time| time.0.to_string())
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
    fn fractions_lose_their_trailing_zeros() {
        for (instant, written) in [
            ("2026-01-02T03:04:05.000000Z", "20260102030405Z"),
            ("2026-01-02T03:04:05.120000Z", "20260102030405.12Z"),
            ("2026-01-02T03:04:05.000001Z", "20260102030405.000001Z"),
        ] {
            assert_eq!(GenTime(instant.parse().unwrap()).text().unwrap(), written);
        }
    }
}
