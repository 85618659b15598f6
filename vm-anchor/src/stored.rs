//! Evidence that is kept as canonical JSON: read strictly, its format first, so that a later release's is refused by name.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use vm_core::canonical;

use crate::error::StoredError;

/// Most characters of a foreign format that an error repeats.
const SHOWN_MAX: usize = 64;

/// Reads at most `limit` bytes of this format, in the one way in which it is written: a derived reader takes a list of values
/// for an object.
pub(crate) fn read<T: DeserializeOwned + Serialize>(
    bytes: &[u8],
    limit: usize,
    format: &'static str,
) -> Result<T, StoredError> {
    let value = canonical::parse_exact(bytes, limit).map_err(|source| StoredError::Canonical { source })?;
    let found = value.get("format").and_then(Value::as_str).unwrap_or("none");
    if found != format {
        return Err(StoredError::FormatUnknown { expected: format, found: found.chars().take(SHOWN_MAX).collect() });
    }
    let read = T::deserialize(&value).map_err(|source| StoredError::Field { source })?;
    if serde_json::to_value(&read).map_err(|source| StoredError::Field { source })? != value {
        return Err(StoredError::Field { source: serde::de::Error::custom("not written as it would be") });
    }
    Ok(read)
}

/// The canonical bytes of what is kept.
pub(crate) fn write(value: &Value) -> Result<Vec<u8>, StoredError> {
    canonical::to_bytes(value).map_err(|source| StoredError::Canonical { source })
}
