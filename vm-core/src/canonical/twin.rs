//! The readable twin of the fast paths: the same rules, written to be compared with the specification.
//!
//! Text is read into a value, the value is judged by the gate, and `serde_jcs` writes it. Tests and fuzzing hold
//! [`Canonicalizer`](super::Canonicalizer) and [`write_value`](super::write_value) to its answers; nothing else needs it.

use super::{CanonicalError, Value, gate, parse};

/// The canonical bytes of a JSON text of at most `limit` bytes.
///
/// Cost: as [`parse`] and [`to_bytes`].
///
/// # Errors
/// As [`parse`].
pub fn canonicalize(text: &[u8], limit: usize) -> Result<Vec<u8>, CanonicalError> {
    to_bytes(&parse(text, limit)?)
}

/// The canonical bytes of a value.
///
/// Cost: two passes over the value; bytes inside nested objects are copied once a level.
///
/// # Errors
/// As [`super::to_bytes`].
pub fn to_bytes(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    // serde_jcs rounds integers silently and has no limit of depth, so it is only called behind the gate.
    gate::check(value, 0).map_err(|fault| fault.into_error())?;
    // It fails on numbers that are not finite alone, and a `Value` behind the gate holds none.
    serde_jcs::to_vec(value).map_err(|_| CanonicalError::NotCanonical)
}
