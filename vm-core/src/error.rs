//! Errors: one enum an operation, each variant with a stable code.

use thiserror::Error;

/// Gives each variant of an error enum its stable code.
macro_rules! stable_codes {
    ($error:ident { $($pattern:pat => $code:literal,)* }) => {
        impl $error {
            /// Stable, machine-readable name of this error.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $($pattern => $code,)* }
            }
        }
    };
}

mod canonical;
mod capability;
mod key_change;
mod policy;
mod record;
mod statistics;
mod view;

pub use canonical::CanonicalError;
pub use capability::CapabilityError;
pub use key_change::KeyChangeError;
pub use policy::PolicyError;
pub use record::RecordError;
pub use statistics::StatisticsError;
pub use view::{FileFault, JournalError, ViewError};

/// A digest that could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DigestError {
    /// Not lower-case hexadecimal.
    #[error("not lower-case hexadecimal")]
    NotHex,
    /// The wrong number of bytes.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// Bytes wanted.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
}
stable_codes!(DigestError { Self::NotHex => "digest-not-hex", Self::Length { .. } => "digest-length", });

/// An identifier that could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum IdError {
    /// Not a hyphenated lower-case UUID.
    #[error("not a lower-case hyphenated UUID")]
    NotUuid,
    /// The wrong number of bytes.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// Bytes wanted.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not a ledger id.
    #[error("not a ledger id of 64 lower-case hexadecimal digits")]
    NotLedger,
    /// Not an engine name.
    #[error("not an engine name of 1 to 64 characters from a-z, 0-9 and hyphen")]
    NotEngine,
    /// Not an epoch.
    #[error("not an epoch: nigredo, albedo or rubedo")]
    NotEpoch,
}
stable_codes!(IdError {
    Self::NotUuid => "id-not-uuid",
    Self::Length { .. } => "id-length",
    Self::NotLedger => "id-not-ledger",
    Self::NotEngine => "id-not-engine",
    Self::NotEpoch => "id-not-epoch",
});

/// A time that could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum InstantError {
    /// Not RFC 3339.
    #[error("not an RFC 3339 time such as 2026-01-02T03:04:05Z")]
    NotRfc3339,
    /// RFC 3339, but not the stored form.
    #[error("not in the stored form YYYY-MM-DDThh:mm:ss.ffffffZ")]
    NotStoredForm,
    /// Finer than a microsecond.
    #[error("finer than a microsecond")]
    TooFine,
    /// Outside the years 1 to 9999.
    #[error("outside the years 1 to 9999")]
    Range,
}
stable_codes!(InstantError {
    Self::NotRfc3339 => "time-not-rfc3339",
    Self::NotStoredForm => "time-not-stored-form",
    Self::TooFine => "time-too-fine",
    Self::Range => "time-range",
});

/// A key or signature that could not be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not the written form of a key or signature.
    #[error("malformed key or signature")]
    Malformed,
    /// No point of the curve, or one of small order.
    #[error("not an Ed25519 key, or one of small order")]
    Weak,
    /// A name that cannot stand in a note.
    #[error("key name is empty, long, or holds white space or a plus sign")]
    Name,
    /// The signature does not hold.
    #[error("signature does not verify")]
    BadSignature,
    /// A build without ML-DSA.
    #[error("this build has no ML-DSA")]
    NoMlDsa,
}
stable_codes!(KeyError {
    Self::Malformed => "key-malformed",
    Self::Weak => "key-weak",
    Self::Name => "key-name",
    Self::BadSignature => "signature-invalid",
    Self::NoMlDsa => "no-ml-dsa",
});

/// A signed note that could not be read or believed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Longer than the limit.
    #[error("note of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// More signatures than the limit.
    #[error("note has more than {limit} signatures")]
    TooManySignatures {
        /// Signatures allowed.
        limit: usize,
    },
    /// The text is not UTF-8 ending in one newline, or holds control characters.
    #[error("note text is not UTF-8 lines without control characters")]
    Text,
    /// No signature block.
    #[error("note has no signature")]
    Unsigned,
    /// A signature line is malformed.
    #[error("malformed signature line")]
    SignatureLine,
    /// The wanted key did not sign.
    #[error("note is not signed by {name}")]
    NotSignedBy {
        /// Name of the wanted key.
        name: String,
    },
    /// The key cannot be used, or its signature does not hold.
    #[error("note key")]
    Key(#[source] KeyError),
}
stable_codes!(NoteError {
    Self::TooLong { .. } => "note-too-long",
    Self::TooManySignatures { .. } => "note-too-many-signatures",
    Self::Text => "note-text",
    Self::Unsigned => "note-unsigned",
    Self::SignatureLine => "note-signature-line",
    Self::NotSignedBy { .. } => "note-not-signed-by",
    Self::Key(_) => "note-key",
});

/// A path that cannot lie below a vault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum PathError {
    /// Longer than the limit.
    #[error("path of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Begins at the root.
    #[error("path is absolute; it must be relative to the vault")]
    Absolute,
    /// Leads out of the vault.
    #[error("path leads out of the vault")]
    Escapes,
    /// A component that is empty, `.`, too long, or not portable.
    #[error("path has an empty, overlong or unportable component")]
    Component,
}
stable_codes!(PathError {
    Self::TooLong { .. } => "path-too-long",
    Self::Absolute => "path-absolute",
    Self::Escapes => "path-escapes",
    Self::Component => "path-component",
});
