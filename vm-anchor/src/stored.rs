//! Evidence that is kept as canonical JSON: read strictly, its format first, so that a later release's is refused by name.

use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;
use vm_core::canonical;
use vm_core::error::CanonicalError;
use vm_core::verdict::Code;

use crate::error::stable_codes;

/// Most characters of a foreign format that an error repeats.
const SHOWN_MAX: usize = 64;

/// Evidence that could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoredError {
    /// Not canonical JSON, or longer than is read.
    #[error("not canonical JSON")]
    Canonical {
        /// What the reader found.
        #[source]
        source: CanonicalError,
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
    pub(crate) const fn finding(&self) -> Code {
        match self {
            Self::FormatUnknown { .. } => Code::FormatUnknown,
            _ => Code::AnchorInvalid,
        }
    }
}

/// Reads at most `limit` bytes of this format.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8], limit: usize, format: &'static str) -> Result<T, StoredError> {
    let value = canonical::parse_exact(bytes, limit).map_err(|source| StoredError::Canonical { source })?;
    let found = value.get("format").and_then(Value::as_str).unwrap_or("none");
    if found != format {
        return Err(StoredError::FormatUnknown { expected: format, found: found.chars().take(SHOWN_MAX).collect() });
    }
    serde_json::from_value(value).map_err(|source| StoredError::Field { source })
}

/// The canonical bytes of what is kept.
pub(crate) fn write(value: &Value) -> Result<Vec<u8>, StoredError> {
    canonical::to_bytes(value).map_err(|source| StoredError::Canonical { source })
}
