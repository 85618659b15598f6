//! Openings: what opens the commitments of one row. They are written once, in the canonical form in which they are kept:
//!
//! ```text
//! [{"pointer":"/body_json/params/token","salt":"<64 hex>","value":"hunter2"},{"pointer":"/frame","salt":"<64 hex>"}]
//! ```
//!
//! What a commitment hashes is made of the same pieces, so that no value is copied or written twice. Whoever wants an
//! [`Opening`] has the text read back.

use core::fmt;
use core::ops::Range;
use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::canonical;
use crate::digest::{Commitment, hex_of};
use crate::error::CanonicalError;
use crate::id::RowId;
use crate::redact::{COMMITMENT_FORMAT, Salt, commit};

/// What opens one commitment: its place, its salt and, unless whoever checks brings it along, its value.
#[derive(Clone, PartialEq, Serialize)]
pub struct Opening {
    pointer: String,
    salt: Salt,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

impl<'de> Deserialize<'de> for Opening {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Members {
            pointer: String,
            salt: Salt,
            value: Option<Value>,
        }
        // A derived reader takes a list of values for an object, and null for a value that was not kept.
        let members = serde_json::Map::deserialize(deserializer)?;
        let kept = members.contains_key("value");
        let Members { pointer, salt, value } =
            Members::deserialize(Value::Object(members)).map_err(serde::de::Error::custom)?;
        Ok(Self { pointer, salt, value: kept.then(|| value.unwrap_or_default()) })
    }
}

impl Opening {
    /// Place of the committed value: column, then JSON pointer inside it.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The salt.
    #[must_use]
    pub const fn salt(&self) -> Salt {
        self.salt
    }

    /// The committed value, where it was kept.
    #[must_use]
    pub const fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    /// Whether this opens `commitment` in row `row` to `value`.
    #[must_use]
    pub fn opens(&self, row: RowId, commitment: &Commitment, value: &Value) -> bool {
        commit(row, &self.pointer, &self.salt, value).as_ref() == Ok(commitment)
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("pointer", &self.pointer).finish_non_exhaustive()
    }
}

/// What is committed to.
#[derive(Clone, Copy)]
pub(super) enum Content<'v> {
    /// A value. Where nothing is known of it, it is looked at more closely: see [`super::redactor::Survey`].
    Json {
        /// The value.
        value: &'v Value,
        /// Whether its numbers and its depth are known to be in order, with room for two levels around it.
        plain: bool,
    },
    /// A string.
    Text(&'v str),
}

/// Bytes that the openings of most rows have, so that their text seldom grows.
const ROOM: usize = 2 * 1024;

/// The openings of a row, in the order in which its commitments were made.
#[derive(Clone, Default)]
pub(super) struct Openings {
    text: Vec<u8>,
    places: Vec<Place>,
    /// Whether a value is nested so deep that the array around it may be too deep to be read again.
    deep: bool,
    read: OnceLock<Vec<Opening>>,
}

/// Where the pieces of one opening stand in the text.
#[derive(Clone)]
struct Place {
    pointer: Range<usize>,
    salt: Salt,
    value: Option<Range<usize>>,
}

impl Openings {
    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    /// Commits to `content` under `pointer` in row `row`, as [`commit`] does. With `keep` the opening holds the value,
    /// else whoever checks brings it along.
    ///
    /// # Errors
    /// As [`commit`]; no opening is added.
    pub(super) fn commit(
        &mut self,
        row: RowId,
        pointer: &str,
        salt: Salt,
        content: Content<'_>,
        keep: bool,
    ) -> Result<Commitment, CanonicalError> {
        if let Content::Json { value, plain: false } = content {
            // What must be refused is refused by the readable road.
            commit(row, pointer, &salt, value)?;
            self.deep = true;
        }
        let start = self.text.len();
        if start == 0 {
            self.text.reserve(ROOM);
        }
        self.text.extend_from_slice(if start == 0 { b"[{\"pointer\":" } else { b",{\"pointer\":" });
        let pointer = self.piece(|text| canonical::write_string(pointer, text));
        self.text.extend_from_slice(b",\"salt\":\"");
        let digits = self.piece(|text| text.extend_from_slice(&hex_of(&salt.0)));
        self.text.push(b'"');
        let end = self.text.len();
        self.text.extend_from_slice(b",\"value\":");
        let mut written = Ok(());
        let value = self.piece(|text| match content {
            Content::Json { value, .. } => written = canonical::write_value(value, text),
            Content::Text(string) => canonical::write_string(string, text),
        });
        if let Err(error) = written {
            self.text.truncate(start);
            return Err(error);
        }
        let commitment = self.digest(row, &pointer, &digits, &value);
        if !keep {
            // It was only written to be hashed.
            self.text.truncate(end);
        }
        self.text.push(b'}');
        self.places.push(Place { pointer, salt, value: keep.then_some(value) });
        Ok(commitment)
    }

    /// Ends the array; nothing is committed to after it.
    pub(super) fn finish(&mut self) {
        if !self.text.is_empty() {
            self.text.push(b']');
        }
    }

    /// The array in canonical form; empty where there are no openings.
    ///
    /// # Errors
    /// [`CanonicalError::TooDeep`] where a value is nested so deep that the array could not be read again.
    pub(super) fn as_json(&self) -> Result<&[u8], CanonicalError> {
        if self.deep {
            canonical::to_bytes(&json!(self.read()))?;
        }
        Ok(&self.text)
    }

    /// The openings, read back when they are asked for the first time.
    pub(super) fn read(&self) -> &[Opening] {
        let read = |at: &Range<usize>| {
            let text = self.text.get(at.clone()).unwrap_or_default();
            // What was written in canonical form is read without error.
            canonical::parse(text, text.len()).unwrap_or_default()
        };
        let opening = |place: &Place| Opening {
            pointer: read(&place.pointer).as_str().unwrap_or_default().to_owned(),
            salt: place.salt,
            value: place.value.as_ref().map(read),
        };
        self.read.get_or_init(|| self.places.iter().map(opening).collect())
    }

    /// Writes a piece and says where it stands.
    fn piece(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.text.len();
        write(&mut self.text);
        start..self.text.len()
    }

    /// SHA-256 over the canonical form of a commitment, put together from what stands in the text already.
    fn digest(&self, row: RowId, pointer: &Range<usize>, salt: &Range<usize>, value: &Range<usize>) -> Commitment {
        let piece = |at: &Range<usize>| self.text.get(at.clone()).unwrap_or_default();
        let mut hasher = Sha256::new();
        for part in [
            b"{\"format\":\"",
            COMMITMENT_FORMAT.as_bytes(),
            b"\",\"pointer\":",
            piece(pointer),
            b",\"row\":\"",
            &row.to_text(),
            b"\",\"salt\":\"",
            piece(salt),
            b"\",\"value\":",
            piece(value),
            b"}",
        ] {
            hasher.update(part);
        }
        Commitment::from_bytes(hasher.finalize().into())
    }
}

impl PartialEq for Openings {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Openings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.read()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_a_value_and_a_list_is_no_opening() {
        let salt = "5".repeat(64);
        for (json, value) in [
            (json!({"pointer": "/meta_json", "salt": salt, "value": null}), Some(Value::Null)),
            (json!({"pointer": "/meta_json", "salt": salt, "value": [1]}), Some(json!([1]))),
            (json!({"pointer": "/meta_json", "salt": salt}), None),
        ] {
            let opening: Opening = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(opening.value(), value.as_ref());
            assert_eq!(serde_json::to_value(&opening).unwrap(), json);
        }
        for bad in [
            json!(["/meta_json", salt, 1]),
            json!({"pointer": "/meta_json", "salt": salt, "zz": 1}),
            json!({"pointer": "/meta_json"}),
        ] {
            assert!(serde_json::from_value::<Opening>(bad).is_err());
        }
    }
}
