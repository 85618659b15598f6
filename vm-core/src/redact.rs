//! Redaction: what may be stored, and salted commitments to all the rest.
//!
//! A payload enters storage only as a [`Redacted`] value, made by a [`Redactor`] from a [`Policy`] that lists what is
//! kept. Everything else becomes a commitment, which can neither be guessed nor moved to another field:
//!
//! ```text
//! {"$sealed":{"alg":"sha256","digest":"<64 hex>"}}
//! digest = SHA-256 over canonical {"format":"vm-commitment-v0","pointer":...,"row":...,"salt":...,"value":...}
//! ```
//!
//! Pointers begin with the column: `/body_json/params/token`.

mod detect;
mod openings;
mod policy;
#[cfg(test)]
mod readable;
mod redactor;
mod tree;

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical::{self, pointer_child};
use crate::digest::{Commitment, PolicyHash, Sha256Digest, from_hex, to_hex};
use crate::error::{CanonicalError, RecordError};
use crate::id::RowId;
use crate::source::Entropy;
use openings::Openings;

pub use detect::{KnownSecrets, SecretDetector};
pub use openings::Opening;
pub use policy::{Column, Handling, POLICY_BYTES_MAX, Pattern, Policy, Rule, columns};
pub use redactor::Redactor;

/// Member name that marks a commitment.
pub const SEALED: &str = "$sealed";
/// Format string of what a commitment hashes.
pub const COMMITMENT_FORMAT: &str = "vm-commitment-v0";

/// Salt of one commitment: 32 bytes that nobody can guess.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// A new salt.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    fn parse_hex(text: &str) -> Option<Self> {
        Some(Self(from_hex(text).ok()?.try_into().ok()?))
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

impl Serialize for Salt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_hex(&text).ok_or_else(|| serde::de::Error::custom("not a salt of 64 hexadecimal digits"))
    }
}

/// Commits to `value` as the content of `pointer` in row `row`. Cost: the object is built and written; whoever makes many
/// commitments in one row uses a [`Redactor`].
///
/// # Errors
/// [`CanonicalError`] where the value has no canonical form.
pub fn commit(row: RowId, pointer: &str, salt: &Salt, value: &Value) -> Result<Commitment, CanonicalError> {
    let object = json!({
        "format": COMMITMENT_FORMAT, "pointer": pointer, "row": row.to_string(), "salt": to_hex(&salt.0), "value": value,
    });
    Ok(Commitment::from_bytes(*Sha256Digest::of(&canonical::to_bytes(&object)?).as_bytes()))
}

/// JSON that may be stored: canonical text in which everything the policy does not keep is a commitment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redacted {
    json: String,
    whole: bool,
}

impl Redacted {
    /// Canonical JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// Whether nothing was taken out.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    pub(crate) fn into_json(self) -> String {
        self.json
    }

    /// A value that the system made itself and that holds nothing of a caller's payload: keys, digests, times.
    ///
    /// # Errors
    /// [`CanonicalError`] where the value has no canonical form.
    pub fn system(value: &Value) -> Result<Self, CanonicalError> {
        Ok(Self { json: canonical::to_text(value)?, whole: true })
    }
}

/// A short text that may be stored: kept as it is, or the canonical JSON of a commitment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedactedText {
    text: String,
    whole: bool,
}

impl RedactedText {
    /// The stored text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_string(self) -> String {
        self.text
    }

    /// Whether the text is stored as it is.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.whole
    }
}

/// What a redaction leaves over: the policy's hash, the openings, and where secrets were found.
#[derive(Clone, PartialEq, Debug)]
pub struct Redaction {
    policy: PolicyHash,
    openings: Openings,
    secrets: Vec<String>,
}

impl Redaction {
    /// Hash of the policy that decided.
    #[must_use]
    pub const fn policy(&self) -> PolicyHash {
        self.policy
    }

    /// Openings of the commitments that were made. Cost: the first call reads them back from the form they are kept in.
    #[must_use]
    pub fn openings(&self) -> &[Opening] {
        self.openings.read()
    }

    /// Canonical JSON of the openings, an array in the order in which the commitments were made; empty where there are
    /// none. Cost: none, they were written as they were made.
    ///
    /// # Errors
    /// [`CanonicalError::TooDeep`] where a committed value is nested so deep that the array could not be read again.
    pub fn openings_json(&self) -> Result<&[u8], CanonicalError> {
        self.openings.as_json()
    }

    /// Pointers of values that looked like secrets.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }
}

/// Commitments in stored JSON, each with its pointer below `column`.
///
/// # Errors
/// [`RecordError::Shape`] where a `$sealed` member is not of the form above.
pub fn commitments(column: &str, value: &Value) -> Result<Vec<(String, Commitment)>, RecordError> {
    let mut found = Vec::new();
    collect(&pointer_child("", column), value, &mut found)?;
    Ok(found)
}

fn collect(pointer: &str, value: &Value, found: &mut Vec<(String, Commitment)>) -> Result<(), RecordError> {
    match value {
        Value::Object(members) if members.contains_key(SEALED) => {
            let sealed = members.get(SEALED).and_then(Value::as_object).ok_or(RecordError::Shape)?;
            let digest = sealed.get("digest").and_then(Value::as_str).ok_or(RecordError::Shape)?;
            let known = sealed.get("alg").and_then(Value::as_str) == Some("sha256");
            if members.len() != 1 || sealed.len() != 2 || !known {
                return Err(RecordError::Shape);
            }
            found.push((pointer.to_owned(), Commitment::parse_hex(digest).map_err(|_| RecordError::Shape)?));
        }
        Value::Object(members) => {
            for (name, member) in members {
                collect(&pointer_child(pointer, name), member, found)?;
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                collect(&pointer_child(pointer, &at.to_string()), item, found)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Table;
    use crate::source::hazmat::CountingEntropy;

    const ROW: RowId = RowId::from_bytes([1; 16]);

    fn redact(value: &Value) -> (Value, Redaction, bool) {
        let policy = Policy::builtin();
        let mut entropy = CountingEntropy::default();
        let mut redactor = Redactor::new(&policy, &KnownSecrets, &mut entropy, Table::McpCalls, "tools/call", ROW);
        let redacted = redactor.json("body_json", value).unwrap();
        let whole = redacted.is_whole();
        (serde_json::from_str(redacted.as_json()).unwrap(), redactor.finish(), whole)
    }

    #[test]
    fn names_stay_and_values_are_committed() {
        let call = json!({"jsonrpc":"2.0","id":7,"method":"tools/call",
            "params":{"name":"transfer","arguments":{"pin":"1234","to":{"iban":"DE00"}}}});
        let (stored, redaction, whole) = redact(&call);
        assert!(!whole);
        assert_eq!(stored["params"]["name"], "transfer");
        assert_eq!(stored["id"], 7);
        assert!(stored["params"]["arguments"]["pin"][SEALED]["digest"].is_string());
        assert!(!stored.to_string().contains("1234") && !stored.to_string().contains("DE00"));
        let found = commitments("body_json", &stored).unwrap();
        assert_eq!(found.len(), redaction.openings().len());
        for (opening, (pointer, commitment)) in redaction.openings().iter().zip(&found) {
            assert_eq!(opening.pointer(), pointer);
            assert!(opening.opens(ROW, commitment, opening.value().unwrap()));
            assert!(
                !opening.opens(RowId::from_bytes([2; 16]), commitment, opening.value().unwrap()),
                "moved to another row"
            );
            assert!(!opening.opens(ROW, commitment, &json!("other")));
        }
    }

    #[test]
    fn a_commitment_cannot_be_moved_to_another_field() {
        let (salt, value) = (Salt([3; 32]), json!("x"));
        assert_ne!(commit(ROW, "/a", &salt, &value), commit(ROW, "/b", &salt, &value));
    }

    #[test]
    fn a_four_digit_pin_cannot_be_found_without_its_salt() {
        let (stored, _, _) = redact(&json!({"method":"tools/call","params":{"arguments":{"pin":"1234"}}}));
        let digest = stored["params"]["arguments"]["pin"][SEALED]["digest"].as_str().unwrap().to_owned();
        for pin in 0..10_000 {
            let guess = format!("{pin:04}");
            let bare = [Sha256Digest::of(guess.as_bytes()), Sha256Digest::of(format!("\"{guess}\"").as_bytes())];
            assert!(bare.iter().all(|hash| hash.to_hex() != digest));
            let salted = commit(ROW, "/body_json/params/arguments/pin", &Salt([0; 32]), &json!(guess)).unwrap();
            assert_ne!(salted.to_hex(), digest);
        }
    }

    #[test]
    fn input_that_poses_as_a_commitment_is_committed_whole() {
        let (stored, redaction, _) =
            redact(&json!({"method":"m","params":{"x":{SEALED:{"alg":"sha256","digest":"00"}}}}));
        assert_eq!(stored.as_object().unwrap().len(), 1);
        assert!(stored[SEALED].is_object());
        assert_eq!(redaction.openings().len(), 1);
    }

    #[test]
    fn kept_fields_that_look_like_secrets_are_committed_and_noted() {
        let token = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
        let (stored, redaction, _) =
            redact(&json!({"jsonrpc":"2.0","method":token,"params":{"arguments":{"a":token}}}));
        assert!(!stored.to_string().contains(token));
        assert_eq!(redaction.secrets(), ["/body_json/method", "/body_json/params/arguments/a"]);
    }

    #[test]
    fn a_secret_as_a_key_takes_its_object_along() {
        let token = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
        let (stored, _, _) = redact(&json!({"method":"m","params":{"arguments":{token: 1}}}));
        assert!(!stored.to_string().contains(token));
    }

    #[test]
    fn whole_frames_stay_whole() {
        let note = json!({"jsonrpc":"2.0","method":"notifications/initialized"});
        let (stored, redaction, whole) = redact(&note);
        assert!(whole && stored == note && redaction.openings().is_empty());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let (_, redaction, _) = redact(&json!({"params":{"arguments":{"pin":"987123"}}}));
        let shown = format!("{redaction:?}");
        assert!(!shown.contains("987123"), "{shown}");
    }
}
