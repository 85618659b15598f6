//! Errors: one enum an operation, each variant with a stable code. What a check refuses stands in [`Defect`].

use thiserror::Error;

pub use crate::defect::Defect;

/// Gives each variant of an error enum its stable code.
macro_rules! stable_codes {
    ($error:ident { $($(#[$attribute:meta])* $pattern:pat => $code:expr,)* }) => {
        impl $error {
            /// Stable, machine-readable name of this error.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $($(#[$attribute])* $pattern => $code,)* }
            }
        }
    };
}
pub(crate) use stable_codes;

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
    /// BER that stands for no DER within the limits.
    #[error("encoded in BER that does not read, or is nested too deeply")]
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
    /// Not one revocation list in PEM, or one that cannot be read.
    #[error("revocation list is not exactly one X509 CRL that can be read")]
    Crl,
    /// The same chain under two entries.
    #[error("the chain of {name} is named twice")]
    ChainRepeated {
        /// The second name.
        name: String,
    },
    /// A quorum that can never be met, or asks for nothing.
    #[error("expected a quorum of 1 to {possible} independent authorities, found {asked}")]
    Quorum {
        /// How many were asked for.
        asked: u32,
        /// How many the policy names that are independent and accepted.
        possible: usize,
    },
    /// More authorities, chains or lists than are read.
    #[error("expected at most {limit} of a kind, found {found}")]
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
    Self::Crl => "policy-crl",
    Self::ChainRepeated { .. } => "policy-chain-repeated",
    Self::Quorum { .. } => "policy-quorum",
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
    #[error("expected rail rfc3161, opentimestamps, bitcoin or ethereum, found {found}")]
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

/// Evidence that could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoredError {
    /// Not canonical JSON, or longer than is read.
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
    /// A field that is missing, unknown, or of the wrong form.
    #[error("a field is missing, unknown, or of the wrong form")]
    Field {
        /// What the reader found.
        #[source]
        source: serde_json::Error,
    },
}
stable_codes!(StoredError {
    Self::Canonical { .. } => "evidence-not-canonical",
    Self::FormatUnknown { .. } => "evidence-format-unknown",
    Self::Field { .. } => "evidence-field",
});

impl StoredError {
    /// The finding that it makes.
    pub(crate) const fn finding(&self) -> vm_core::verdict::Code {
        match self {
            Self::FormatUnknown { .. } => vm_core::verdict::Code::FormatUnknown,
            _ => vm_core::verdict::Code::AnchorInvalid,
        }
    }
}

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
