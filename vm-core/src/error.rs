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
}
stable_codes!(KeyError {
    Self::Malformed => "key-malformed",
    Self::Weak => "key-weak",
    Self::Name => "key-name",
    Self::BadSignature => "signature-invalid",
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

/// A JSON text or value that has no canonical form here. Pointers are JSON pointers (RFC 6901) of the place at fault;
/// values are never repeated, since they may be secret.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// Longer than the caller's limit.
    #[error("JSON of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not UTF-8.
    #[error("not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// Byte offset of the first fault.
        offset: usize,
    },
    /// Not JSON.
    #[error("not JSON at byte {offset}, in {pointer:?}: expected {expected}")]
    Syntax {
        /// Byte offset of the fault.
        offset: usize,
        /// Where.
        pointer: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// Something follows the value.
    #[error("more follows the JSON value at byte {offset}")]
    TrailingData {
        /// Byte offset of the first surplus byte.
        offset: usize,
    },
    /// An object names a member twice.
    #[error("duplicate key at {pointer:?}")]
    DuplicateKey {
        /// The member named twice.
        pointer: String,
    },
    /// A string holds half of a surrogate pair.
    #[error("lone surrogate in {pointer:?}")]
    LoneSurrogate {
        /// Where.
        pointer: String,
    },
    /// A number is too large to be finite.
    #[error("number at {pointer:?} is not finite")]
    NotFinite {
        /// Where.
        pointer: String,
    },
    /// An integer that a double cannot hold without changing its digits.
    #[error("integer at {pointer:?} would be rounded; write it as a string")]
    UnsafeInteger {
        /// Where.
        pointer: String,
    },
    /// Nested too deeply.
    #[error("nested deeper than {limit} levels at {pointer:?}")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
        /// The first array or object beyond the limit.
        pointer: String,
    },
    /// Valid, but not in canonical form where that is demanded.
    #[error("not in RFC 8785 canonical form")]
    NotCanonical,
}
stable_codes!(CanonicalError {
    Self::TooLong { .. } => "json-too-long",
    Self::NotUtf8 { .. } => "json-not-utf8",
    Self::Syntax { .. } => "json-syntax",
    Self::TrailingData { .. } => "json-trailing-data",
    Self::DuplicateKey { .. } => "json-duplicate-key",
    Self::LoneSurrogate { .. } => "json-lone-surrogate",
    Self::NotFinite { .. } => "json-not-finite",
    Self::UnsafeInteger { .. } => "json-unsafe-integer",
    Self::TooDeep { .. } => "json-too-deep",
    Self::NotCanonical => "json-not-canonical",
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

/// A row that cannot be made or read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// No such table.
    #[error("unknown table {found:?}")]
    UnknownTable {
        /// What was given.
        found: String,
    },
    /// A table has no such schema version in this build.
    #[error("{table} has no schema {found} here")]
    UnknownSchema {
        /// The table.
        table: crate::record::Table,
        /// The version given.
        found: u32,
    },
    /// An object of an unknown format.
    #[error("unknown format {found:?}")]
    UnknownFormat {
        /// What was given.
        found: String,
    },
    /// An object lacks members or has foreign ones.
    #[error("not of its format's shape")]
    Shape,
    /// The wrong number of cells.
    #[error("{table} has {expected} columns, found {found}")]
    CellCount {
        /// The table.
        table: crate::record::Table,
        /// Columns it has.
        expected: usize,
        /// Cells given.
        found: usize,
    },
    /// A cell does not fit its column.
    #[error("value does not fit column {column} of {table}")]
    Cell {
        /// The table.
        table: crate::record::Table,
        /// The column.
        column: &'static str,
    },
    /// The row has no canonical form.
    #[error("row has no canonical form")]
    Canonical(#[source] CanonicalError),
    /// The row's texts are longer than can be read again.
    #[error("row of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not a kind.
    #[error("not an artifact kind of 1 to 64 characters from a-z, 0-9, dot, hyphen and underscore")]
    Kind,
    /// A kind that only the system writes.
    #[error("artifact kind {found:?} is reserved")]
    ReservedKind {
        /// What was given.
        found: String,
    },
    /// Not one of a closed set of words.
    #[error("expected one of: {expected}")]
    Word {
        /// The words.
        expected: &'static str,
    },
    /// The parts of a record do not belong together.
    #[error("record lacks a part that its phase demands, or has one that it forbids")]
    Phase,
    /// A number that is not finite.
    #[error("number is not finite")]
    NotFinite,
}
stable_codes!(RecordError {
    Self::UnknownTable { .. } => "record-unknown-table",
    Self::UnknownSchema { .. } => "record-unknown-schema",
    Self::UnknownFormat { .. } => "format-unknown",
    Self::Shape => "record-shape",
    Self::CellCount { .. } => "record-cell-count",
    Self::Cell { .. } => "record-cell",
    Self::Canonical(_) => "record-canonical",
    Self::TooLong { .. } => "record-too-long",
    Self::Kind => "record-kind",
    Self::ReservedKind { .. } => "record-reserved-kind",
    Self::Word { .. } => "record-word",
    Self::Phase => "record-phase",
    Self::NotFinite => "record-not-finite",
});

/// A capability that does not permit the act.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CapabilityError {
    /// Not a resource path.
    #[error("not a resource path such as / or /mcp_calls")]
    Resource,
    /// Not of a token's shape.
    #[error("not a capability token")]
    Shape,
    /// An unknown format.
    #[error("unknown format {found:?}")]
    UnknownFormat {
        /// What was given.
        found: String,
    },
    /// No canonical form.
    #[error("token has no canonical form")]
    Canonical(#[source] CanonicalError),
    /// A chain with too many tokens.
    #[error("chain is longer than {limit} tokens")]
    TooLong {
        /// Tokens allowed.
        limit: usize,
    },
    /// A key is weak, or a signature does not hold.
    #[error("token key")]
    Key(#[source] KeyError),
    /// A token was issued by a key that had no right to.
    #[error("token is not issued by its parent's holder, or by the ledger's root")]
    WrongIssuer,
    /// A token names another parent than the one before it.
    #[error("token names another parent")]
    WrongParent,
    /// A token for another ledger.
    #[error("token is for another ledger")]
    WrongLedger,
    /// A token grants what its parent does not.
    #[error("token grants more than its parent: {field}")]
    Escapes {
        /// The field that grants more.
        field: &'static str,
    },
    /// The key is not the holder's.
    #[error("key is not that of the token's holder")]
    NotHolder,
    /// The invocation is for another token.
    #[error("invocation is for another token")]
    WrongToken,
    /// The action is not granted, or not the one invoked.
    #[error("action {action} is not granted")]
    ActionNotGranted {
        /// The action.
        action: crate::capability::Action,
    },
    /// The epoch is not granted, or has changed.
    #[error("epoch {epoch} is not granted")]
    EpochNotGranted {
        /// The present epoch.
        epoch: crate::epoch::Epoch,
    },
    /// The resource is not covered.
    #[error("resource {resource} is not granted")]
    ResourceNotGranted {
        /// The resource.
        resource: String,
    },
    /// The engine is not covered.
    #[error("engine {engine} is not granted")]
    EngineNotGranted {
        /// The engine.
        engine: String,
    },
    /// The token is not good yet.
    #[error("token is not good before {not_before}")]
    NotYet {
        /// When it will be.
        not_before: crate::instant::Instant,
    },
    /// The token is no longer good.
    #[error("token expired at {expires}")]
    Expired {
        /// When it ended.
        expires: crate::instant::Instant,
    },
    /// The invocation was signed too long ago, or in the future.
    #[error("invocation is not of the present time")]
    StaleInvocation,
    /// Uses are limited and the use is not numbered within them, or the other way round.
    #[error("use number does not fit the token's uses")]
    UseNumber,
    /// The token, or one it descends from, was revoked.
    #[error("capability {capability} was revoked")]
    Revoked {
        /// The revoked token.
        capability: crate::digest::CapabilityHash,
    },
    /// A numbered use was spent before.
    #[error("use {number} of capability {capability} was spent before")]
    Spent {
        /// The token.
        capability: crate::digest::CapabilityHash,
        /// The use.
        number: u64,
    },
}
stable_codes!(CapabilityError {
    Self::Resource => "capability-resource",
    Self::Shape => "capability-shape",
    Self::UnknownFormat { .. } => "format-unknown",
    Self::Canonical(_) => "capability-canonical",
    Self::TooLong { .. } => "capability-chain-too-long",
    Self::Key(_) => "capability-key",
    Self::WrongIssuer => "capability-wrong-issuer",
    Self::WrongParent => "capability-wrong-parent",
    Self::WrongLedger => "capability-wrong-ledger",
    Self::Escapes { .. } => "capability-escapes",
    Self::NotHolder => "capability-not-holder",
    Self::WrongToken => "capability-wrong-token",
    Self::ActionNotGranted { .. } => "capability-action",
    Self::EpochNotGranted { .. } => "capability-epoch",
    Self::ResourceNotGranted { .. } => "capability-resource-not-granted",
    Self::EngineNotGranted { .. } => "capability-engine",
    Self::NotYet { .. } => "capability-not-yet",
    Self::Expired { .. } => "capability-expired",
    Self::StaleInvocation => "capability-stale-invocation",
    Self::UseNumber => "capability-use-number",
    Self::Revoked { .. } => "capability-revoked",
    Self::Spent { .. } => "capability-spent",
});
