//! Why a JSON text or value has no canonical form.

use thiserror::Error;

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
