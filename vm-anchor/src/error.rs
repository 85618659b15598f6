//! Errors: one enum an operation, each variant with a stable code; and [`Defect`], the table of what a check refuses.

use core::fmt;

use thiserror::Error;
use vm_core::verdict::Code;

/// Gives each variant of an error enum its stable code.
macro_rules! stable_codes {
    ($error:ident { $($(#[$attribute:meta])* $pattern:pat => $code:literal,)* }) => {
        impl $error {
            /// Stable, machine-readable name of this error.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $($(#[$attribute])* $pattern => $code,)* }
            }
        }
    };
}

/// A request that cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The nonce binds nothing, or is longer than authorities read.
    #[error("expected a nonce of 1 to {limit} bytes that are not all zero, found {found} bytes")]
    Nonce {
        /// Most bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not an object identifier.
    #[error("not an object identifier such as 1.2.3.4")]
    PolicyOid,
}
stable_codes!(RequestError {
    Self::Nonce { .. } => "request-nonce",
    Self::PolicyOid => "request-policy-oid",
});

/// A response that could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// More bytes than are read.
    #[error("expected at most {limit} bytes of response, found {found}")]
    TooLong {
        /// Most bytes read.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not a `TimeStampResp` in DER.
    #[error("not a DER time-stamp response")]
    Malformed {
        /// Where the DER reader stopped.
        #[source]
        source: der::Error,
    },
}
stable_codes!(ResponseError {
    Self::TooLong { .. } => "response-too-long",
    Self::Malformed { .. } => "response-malformed",
});

/// A token that could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// More bytes than are read.
    #[error("expected at most {limit} bytes of token, found {found}")]
    TooLong {
        /// Most bytes read.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// More parts of one kind than are read.
    #[error("more than {limit} {what}")]
    TooMany {
        /// Which parts.
        what: &'static str,
        /// Most of them read.
        limit: usize,
    },
    /// BER with an indefinite length, which this release does not read.
    #[error("encoded in BER with an indefinite length, expected DER")]
    Ber,
    /// Not DER of the expected shape.
    #[error("malformed {part}")]
    Malformed {
        /// Which part of the token.
        part: &'static str,
        /// Where the DER reader stopped.
        #[source]
        source: der::Error,
    },
    /// Bytes after the token's end.
    #[error("bytes after the end of the token")]
    TrailingBytes,
    /// A `ContentInfo` of another kind.
    #[error("not CMS signed data")]
    NotSignedData,
    /// Signed data over something else.
    #[error("signed content is not a TSTInfo")]
    NotTstInfo,
    /// Signed data without its content.
    #[error("signed content is absent")]
    Detached,
}
stable_codes!(TokenError {
    Self::TooLong { .. } => "token-too-long",
    Self::TooMany { .. } => "token-too-many-parts",
    Self::Ber => "token-ber",
    Self::Malformed { .. } => "token-malformed",
    Self::TrailingBytes => "token-trailing-bytes",
    Self::NotSignedData => "token-not-signed-data",
    Self::NotTstInfo => "token-not-tst-info",
    Self::Detached => "token-detached",
});

macro_rules! defects {
    ($($variant:ident $code:literal $finding:ident $rule:literal)*) => {
        /// What a check of a token refuses. The table gives the stable code, the finding it makes, and the rule broken.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Defect {
            $(#[doc = concat!("Broken rule: ", $rule, ".")] $variant,)*
        }

        impl Defect {
            /// Every defect, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Stable reason, as it stands in a finding.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The finding this defect makes.
            #[must_use]
            pub const fn finding(self) -> Code {
                match self { $(Self::$variant => Code::$finding,)* }
            }

            /// The rule that was broken.
            #[must_use]
            pub const fn rule(self) -> &'static str {
                match self { $(Self::$variant => $rule,)* }
            }
        }
    };
}

defects! {
    StatusNotGranted "status-not-granted" AnchorInvalid "the response's status is granted"
    StatusWithoutToken "status-without-token" AnchorInvalid "a granted response holds a token"
    TstInfoVersion "tst-info-version" AnchorInvalid "the TSTInfo is of version 1"
    TstInfoExtension "tst-info-critical-extension" AnchorInvalid "no extension of the TSTInfo is critical"
    ImprintMismatch "imprint-mismatch" AnchorInvalid "the imprint is the digest of what was stamped"
    ImprintLength "imprint-length" AnchorInvalid "the imprint is as long as its hash"
    ImprintWeak "imprint-weak" AnchorInvalid "the imprint is of the SHA-2 family, not MD5 or SHA-1"
    ImprintUnsupported "imprint-unsupported" FormatUnknown "the imprint is SHA-256, SHA-384 or SHA-512"
    ImprintNotGiven "imprint-not-given" EvidenceUnreadable "what should be stamped is given"
    ImprintNeedsData "imprint-needs-data" EvidenceUnreadable "the data is given where the imprint is not SHA-256"
    NonceMissing "nonce-missing" AnchorInvalid "the token holds the nonce that was sent"
    NonceMismatch "nonce-mismatch" AnchorInvalid "the token's nonce is the one that was sent"
    PolicyMismatch "policy-mismatch" AnchorInvalid "the token is issued under the policy asked for"
    GenTimeInFuture "gen-time-in-future" AnchorInvalid "genTime is at most five minutes ahead of the clock"
    SignedDataVersion "signed-data-version" AnchorInvalid "the SignedData is of version 3"
    SignerCount "signer-count" AnchorInvalid "exactly one signer"
    SignerVersion "signer-version" AnchorInvalid "the SignerInfo is of version 1 with issuer and serial, 3 with a key identifier"
    AlgorithmParameters "algorithm-parameters" AnchorInvalid "algorithm parameters are absent, or NULL where that is allowed"
    AlgorithmMismatch "algorithm-mismatch" AnchorInvalid "digest, signature algorithm and key agree"
    DigestWeak "digest-weak" AnchorInvalid "the signature's hash is of the SHA-2 family, not MD5 or SHA-1"
    DigestUnsupported "digest-unsupported" FormatUnknown "the signature's hash is SHA-256, SHA-384 or SHA-512"
    DigestUnlisted "digest-unlisted" AnchorInvalid "digestAlgorithms lists the signer's"
    SignedAttributesMissing "signed-attributes-missing" AnchorInvalid "there are signed attributes"
    SignedAttributesOrder "signed-attributes-order" AnchorInvalid "the signed attributes are in DER order"
    AttributeRepeated "attribute-repeated" AnchorInvalid "a signed attribute that is used stands once, with one value"
    ContentType "content-type" AnchorInvalid "the signed contentType is id-ct-TSTInfo"
    MessageDigest "message-digest" AnchorInvalid "the signed messageDigest is that of the TSTInfo"
    EssMissing "ess-missing" AnchorInvalid "a signed attribute names the signer's certificate"
    EssMalformed "ess-malformed" AnchorInvalid "the signing-certificate attribute can be read"
    EssMismatch "ess-mismatch" AnchorInvalid "the certificate is the one whose hash was signed"
    EssHashUnsupported "ess-hash-unsupported" FormatUnknown "the certificate is bound by SHA-1 or SHA-2"
    SignerCertificateMissing "signer-certificate-missing" EvidenceUnreadable "the token holds its signer's certificate"
    CertificateMalformed "certificate-malformed" AnchorInvalid "the signer's certificate can be read"
    SignatureUnsupported "signature-unsupported" FormatUnknown "the signature is RSA PKCS#1 v1.5 or ECDSA"
    KeyUnsupported "key-unsupported" FormatUnknown "an ECDSA key is on P-256 or P-384, with SHA-256 or SHA-384"
    KeyTooShort "key-too-short" AnchorInvalid "an RSA key has 2048 bits or more"
    SignatureInvalid "signature-invalid" AnchorInvalid "the signature holds under the signer's key"
    ExtendedKeyUsageMissing "eku-missing" AnchorInvalid "the signer's certificate has an extended key usage"
    ExtendedKeyUsageNotCritical "eku-not-critical" AnchorInvalid "the signer's extended key usage is critical"
    ExtendedKeyUsageOther "eku-other" AnchorInvalid "the signer's extended key usage is time stamping and nothing else"
    KeyUsage "key-usage" AnchorInvalid "the signer's key usage is for signatures only"
    SignerIsCa "signer-is-ca" AnchorInvalid "the signer's certificate is not that of a CA"
    TsaName "tsa-name" AnchorInvalid "the tsa field is a subject name of the signer's certificate"
    CertificateExpired "certificate-expired" AnchorInvalid "the signer's certificate had not expired at genTime"
    CertificateNotYetValid "certificate-not-yet-valid" AnchorInvalid "the signer's certificate was valid already at genTime"
    NoTrustRoot "no-trust-root" NoTrustRoot "the path ends at a root that the trust policy names"
    RootNotValid "root-not-valid" AnchorInvalid "the pinned root was valid at genTime"
    PathExpired "path-expired" AnchorInvalid "no certificate of the path had expired at genTime"
    PathNotYetValid "path-not-yet-valid" AnchorInvalid "every certificate of the path was valid already at genTime"
    PathNameConstraint "path-name-constraint" AnchorInvalid "the names keep the path's constraints"
    PathLength "path-length" AnchorInvalid "the path keeps its length constraints"
    PathNotCa "path-not-ca" AnchorInvalid "every issuer of the path is a CA"
    PathUsage "path-usage" AnchorInvalid "an issuer with an extended key usage allows time stamping"
    PathCriticalExtension "path-critical-extension" FormatUnknown "every critical extension of the path is understood"
    PathUnsupported "path-unsupported" FormatUnknown "the path's certificates are of version 3, with SHA-2 and RSA or ECDSA"
    PathInvalid "path-invalid" AnchorInvalid "the path's certificates can be read and used"
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A trust policy that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A name that is empty, long, or holds control characters.
    #[error("authority name is empty, longer than {limit} bytes, or holds control characters")]
    Name {
        /// Most bytes of a name.
        limit: usize,
    },
    /// Not one certificate in PEM.
    #[error("root of authority is not exactly one PEM certificate")]
    RootPem,
    /// A certificate that cannot be a root.
    #[error("root is not an X.509 certificate that can be pinned")]
    RootCertificate,
    /// The same root under two entries.
    #[error("root {sha256} is named twice")]
    RootRepeated {
        /// SHA-256 of the certificate.
        sha256: vm_core::digest::Sha256Digest,
    },
    /// Entries of one authority disagree on whether it is independent.
    #[error("entries of authority {name} disagree on whether it is independent or accepted")]
    Contradiction {
        /// The authority.
        name: String,
    },
    /// More authorities than are read.
    #[error("expected at most {limit} authorities, found {found}")]
    TooMany {
        /// Most authorities.
        limit: usize,
        /// Authorities given.
        found: usize,
    },
}
stable_codes!(PolicyError {
    Self::Name { .. } => "policy-name",
    Self::RootPem => "policy-root-pem",
    Self::RootCertificate => "policy-root-certificate",
    Self::RootRepeated { .. } => "policy-root-repeated",
    Self::Contradiction { .. } => "policy-contradiction",
    Self::TooMany { .. } => "policy-too-many",
});

/// A stored anchor record that could not be read or made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Not canonical JSON.
    #[error("not canonical JSON")]
    Canonical {
        /// What the reader found.
        #[source]
        source: vm_core::error::CanonicalError,
    },
    /// A format that this release does not know.
    #[error("expected format {expected}, found {found}")]
    FormatUnknown {
        /// The format known.
        expected: &'static str,
        /// The format found, or `none`.
        found: String,
    },
    /// A rail that this release does not know.
    #[error("expected rail rfc3161, found {found}")]
    RailUnknown {
        /// The rail found, or `none`.
        found: String,
    },
    /// A field that is missing, unknown, or of the wrong form.
    #[error("a field is missing, unknown, or of the wrong form")]
    Field {
        /// What the reader found.
        #[source]
        source: serde_json::Error,
    },
    /// A path that leaves the vault or is not in its one written form.
    #[error("token path is not a normalised relative path")]
    Path,
    /// A token whose bytes or length differ from what the record says.
    #[error("token does not match its recorded size and SHA-256")]
    TokenAltered,
    /// A token that is too long to be embedded.
    #[error("expected at most {limit} bytes to embed, found {found}")]
    TooLong {
        /// Most bytes embedded.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
}
stable_codes!(EvidenceError {
    Self::Canonical { .. } => "anchor-record-not-canonical",
    Self::FormatUnknown { .. } => "anchor-record-format-unknown",
    Self::RailUnknown { .. } => "anchor-record-rail-unknown",
    Self::Field { .. } => "anchor-record-field",
    Self::Path => "anchor-record-path",
    Self::TokenAltered => "anchor-record-token-altered",
    Self::TooLong { .. } => "anchor-record-too-long",
});

/// A local authority that could not be made, read or used.
#[cfg(feature = "authority")]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// A name that is empty, long, or holds control characters.
    #[error("authority name is empty, longer than {limit} bytes, or holds control characters")]
    Name {
        /// Most bytes of a name.
        limit: usize,
    },
    /// A time that no certificate can state.
    #[error("time lies outside what a certificate can state")]
    Time,
    /// The machine gave no randomness, or the key could not sign.
    #[error("the key could not be made or could not sign")]
    Crypto,
    /// Key and certificates that cannot be used.
    #[error("key or certificate is malformed")]
    Malformed,
    /// A key that is not that of the certificate.
    #[error("key is not that of the certificate")]
    KeyMismatch,
    /// A time at which the authority's certificate is not valid.
    #[error("the authority's certificate is not valid at the time asked for")]
    Expired,
}
#[cfg(feature = "authority")]
stable_codes!(AuthorityError {
    Self::Name { .. } => "authority-name",
    Self::Time => "authority-time",
    Self::Crypto => "authority-crypto",
    Self::Malformed => "authority-malformed",
    Self::KeyMismatch => "authority-key-mismatch",
    Self::Expired => "authority-expired",
});

/// A token that could not be fetched.
#[cfg(feature = "client")]
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Not a URL that this build can reach.
    #[error("not an http or https URL that this build can reach")]
    Url,
    /// No answer: name, connection, TLS or time-out. It may be tried again.
    #[error("authority is unreachable")]
    Unreachable {
        /// What the HTTP library met.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An answer that is not 200. It may be tried again after the seconds given, if any, where the status is 429 or 5xx.
    #[error("authority answered with HTTP status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Seconds of a `Retry-After` header.
        retry_after: Option<u32>,
    },
    /// A response whose status is not granted.
    #[error("authority did not grant the request: {status}")]
    NotGranted {
        /// The status as a word.
        status: &'static str,
    },
    /// An answer of another media type.
    #[error("expected application/timestamp-reply, found {found}")]
    ContentType {
        /// The media type found, cut short.
        found: String,
    },
    /// An answer longer than any response.
    #[error("expected at most {limit} bytes of answer, found more")]
    TooLong {
        /// Most bytes read.
        limit: usize,
    },
    /// An answer that is no response.
    #[error("answer is not a time-stamp response")]
    Malformed {
        /// What the reader found.
        #[source]
        source: ResponseError,
    },
}
#[cfg(feature = "client")]
stable_codes!(ClientError {
    Self::Url => "client-url",
    Self::Unreachable { .. } => "client-unreachable",
    Self::Refused { .. } => "client-refused",
    Self::NotGranted { .. } => "client-not-granted",
    Self::ContentType { .. } => "client-content-type",
    Self::TooLong { .. } => "client-too-long",
    Self::Malformed { .. } => "client-malformed",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defects_have_distinct_codes_and_change_the_verdict() {
        let mut seen = std::collections::BTreeSet::new();
        for defect in Defect::ALL {
            assert!(seen.insert(defect.code()), "{defect}");
            let severity = defect.finding().severity();
            assert!(severity > vm_core::verdict::Severity::Remark, "{defect}");
        }
    }
}
