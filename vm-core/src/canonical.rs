//! The one byte form: strict I-JSON in, RFC 8785 canonical JSON out.

pub use serde_json::Value;

use crate::error::CanonicalError;

/// Deepest nesting read or written.
pub const DEPTH_MAX: usize = 128;
/// Longest JSON text read unless the caller says otherwise, in bytes.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Reads strict I-JSON.
///
/// # Errors
/// [`CanonicalError`].
pub fn parse(bytes: &[u8], limit: usize) -> Result<Value, CanonicalError> {
    if bytes.len() > limit {
        return Err(CanonicalError::TooLong {
            limit,
            found: bytes.len(),
        });
    }
    serde_json::from_slice(bytes).map_err(|_| CanonicalError::NotCanonical)
}

/// Writes canonical bytes.
///
/// # Errors
/// [`CanonicalError`].
pub fn to_bytes(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    serde_jcs::to_vec(value).map_err(|_| CanonicalError::NotCanonical)
}

/// As [`to_bytes`], as a string.
///
/// # Errors
/// [`CanonicalError`].
pub fn to_text(value: &Value) -> Result<String, CanonicalError> {
    serde_jcs::to_string(value).map_err(|_| CanonicalError::NotCanonical)
}

/// Reads JSON that must already be in canonical form.
///
/// # Errors
/// [`CanonicalError::NotCanonical`] where it is not.
pub fn parse_exact(bytes: &[u8], limit: usize) -> Result<Value, CanonicalError> {
    let value = parse(bytes, limit)?;
    if to_bytes(&value)? == bytes {
        Ok(value)
    } else {
        Err(CanonicalError::NotCanonical)
    }
}

/// `pointer` with one more reference token (RFC 6901, section 3).
#[must_use]
pub fn pointer_child(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}
