//! Canonical JSON appended to what is being written.

use serde_json::{Map, Value};

use crate::canonical;
use crate::error::CanonicalError;

/// Writes `value`.
///
/// # Errors
/// As [`canonical::to_bytes`].
pub(super) fn value(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    out.extend_from_slice(&canonical::to_bytes(value)?);
    Ok(())
}

/// Writes a string.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    crate::record::write_text(text, out);
}

/// Whether the members of a map stand in canonical order: it holds them by code point, the canonical form by UTF-16 unit,
/// and the two differ only where a name reaches beyond U+FFFF.
pub(super) fn in_order(members: &Map<String, Value>) -> bool {
    members.keys().all(|name| name.bytes().all(|byte| byte < 0xf0))
}
