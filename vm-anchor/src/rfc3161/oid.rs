//! Object identifiers.

use core::fmt;
use core::str::FromStr;

use der::asn1::ObjectIdentifier;

use crate::error::RequestError;

/// An object identifier, written as dotted numbers, for example `1.3.6.1.4.1.13762.3`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(ObjectIdentifier);

impl Oid {
    pub(crate) const fn new(oid: ObjectIdentifier) -> Self {
        Self(oid)
    }

    pub(crate) const fn inner(self) -> ObjectIdentifier {
        self.0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({})", self.0)
    }
}

impl FromStr for Oid {
    type Err = RequestError;

    /// Reads dotted numbers, each written the one shortest way.
    fn from_str(text: &str) -> Result<Self, RequestError> {
        let oid = ObjectIdentifier::new(text).map(Self).map_err(|_| RequestError::PolicyOid)?;
        // The library lets leading zeros pass.
        if oid.to_string() == text { Ok(oid) } else { Err(RequestError::PolicyOid) }
    }
}

macro_rules! oids {
    ($($(#[$doc:meta])* $name:ident $text:literal)*) => {
        $($(#[$doc])* pub(crate) const $name: ObjectIdentifier = ObjectIdentifier::new_unwrap($text);)*
    };
}

oids! {
    // RFC 5652 and RFC 3161: containers and attributes.
    SIGNED_DATA "1.2.840.113549.1.7.2"
    TST_INFO "1.2.840.113549.1.9.16.1.4"
    CONTENT_TYPE "1.2.840.113549.1.9.3"
    MESSAGE_DIGEST "1.2.840.113549.1.9.4"
    // RFC 5035: which certificate signed.
    SIGNING_CERTIFICATE_V1 "1.2.840.113549.1.9.16.2.12"
    SIGNING_CERTIFICATE_V2 "1.2.840.113549.1.9.16.2.47"
    // RFC 5754: digests and signatures.
    MD5 "1.2.840.113549.2.5"
    SHA1 "1.3.14.3.2.26"
    SHA256 "2.16.840.1.101.3.4.2.1"
    SHA384 "2.16.840.1.101.3.4.2.2"
    SHA512 "2.16.840.1.101.3.4.2.3"
    SHA224 "2.16.840.1.101.3.4.2.4"
    SHA512_256 "2.16.840.1.101.3.4.2.6"
    RSA "1.2.840.113549.1.1.1"
    MD5_WITH_RSA "1.2.840.113549.1.1.4"
    SHA1_WITH_RSA "1.2.840.113549.1.1.5"
    SHA256_WITH_RSA "1.2.840.113549.1.1.11"
    SHA384_WITH_RSA "1.2.840.113549.1.1.12"
    SHA512_WITH_RSA "1.2.840.113549.1.1.13"
    RSASSA_PSS "1.2.840.113549.1.1.10"
    MGF1 "1.2.840.113549.1.1.8"
    EC_PUBLIC_KEY "1.2.840.10045.2.1"
    ECDSA_WITH_SHA1 "1.2.840.10045.4.1"
    ECDSA_WITH_SHA256 "1.2.840.10045.4.3.2"
    ECDSA_WITH_SHA384 "1.2.840.10045.4.3.3"
    ECDSA_WITH_SHA512 "1.2.840.10045.4.3.4"
    P256 "1.2.840.10045.3.1.7"
    P384 "1.3.132.0.34"
    P521 "1.3.132.0.35"
    // RFC 8419: Edwards curves.
    ED25519 "1.3.101.112"
    // RFC 5280: what a certificate may be used for.
    KP_TIME_STAMPING "1.3.6.1.5.5.7.3.8"
    // RFC 5280, section 5: revocation lists.
    CRL_NUMBER "2.5.29.20"
    REASON_CODE "2.5.29.21"
    INVALIDITY_DATE "2.5.29.24"
    DELTA_CRL_INDICATOR "2.5.29.27"
    ISSUING_DISTRIBUTION_POINT "2.5.29.28"
    AUTHORITY_KEY_IDENTIFIER "2.5.29.35"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_one_text() {
        for good in ["1.3.6.1.4.1.13762.3", "2.16.840.1", "1.3.0"] {
            assert_eq!(good.parse::<Oid>().unwrap().to_string(), good);
        }
        for bad in ["1.30.4.026", "1.3.00", "01.3", "1.3.", "1", "", "1..3", "1.3.x", " 1.3", "3.1", "2.16.0840"] {
            assert_eq!(bad.parse::<Oid>().unwrap_err().code(), RequestError::PolicyOid.code(), "{bad}");
        }
    }
}
