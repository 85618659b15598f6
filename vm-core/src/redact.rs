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
mod policy;
mod tree;

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::canonical::{self, pointer_child};
use crate::digest::{Commitment, PolicyHash, Sha256Digest, from_hex, to_hex};
use crate::error::{CanonicalError, RecordError};
use crate::id::RowId;
use crate::record::Table;
use crate::source::Entropy;

pub use detect::{KnownSecrets, SecretDetector};
pub use policy::{Handling, Pattern, Policy, Rule};

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

/// Commits to `value` as the content of `pointer` in row `row`.
///
/// # Errors
/// [`CanonicalError`] where the value has no canonical form.
pub fn commit(row: RowId, pointer: &str, salt: &Salt, value: &Value) -> Result<Commitment, CanonicalError> {
    let object = json!({
        "format": COMMITMENT_FORMAT, "pointer": pointer, "row": row.to_string(), "salt": to_hex(&salt.0), "value": value,
    });
    Ok(Commitment::from_bytes(*Sha256Digest::of(&canonical::to_bytes(&object)?).as_bytes()))
}

/// What opens one commitment: its place, its salt and, unless whoever checks brings it along, its value.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    pointer: String,
    salt: Salt,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

impl Opening {
    /// Place of the committed value: column, then JSON pointer inside it.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
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
    openings: Vec<Opening>,
    secrets: Vec<String>,
}

impl Redaction {
    /// Hash of the policy that decided.
    #[must_use]
    pub const fn policy(&self) -> PolicyHash {
        self.policy
    }

    /// Openings of the commitments that were made.
    #[must_use]
    pub fn openings(&self) -> &[Opening] {
        &self.openings
    }

    /// Pointers of values that looked like secrets.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }
}

/// Redacts the payloads of one row.
pub struct Redactor<'a> {
    policy: &'a Policy,
    detector: &'a dyn SecretDetector,
    entropy: &'a mut dyn Entropy,
    table: Table,
    /// Tool, method or kind of the row; rules may name it.
    name: String,
    row: RowId,
    openings: Vec<Opening>,
    secrets: Vec<String>,
}

impl fmt::Debug for Redactor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("table", &self.table).field("row", &self.row).finish_non_exhaustive()
    }
}

impl<'a> Redactor<'a> {
    /// Begins with row `row` of `table`; `name` is its tool, method or kind, by which the policy finds its rule.
    pub fn new(
        policy: &'a Policy,
        detector: &'a dyn SecretDetector,
        entropy: &'a mut dyn Entropy,
        table: Table,
        name: &str,
        row: RowId,
    ) -> Self {
        let name = name.to_owned();
        Self { policy, detector, entropy, table, name, row, openings: Vec::new(), secrets: Vec::new() }
    }

    /// Redacts the JSON that goes into `column`. Input that itself holds a `$sealed` member is committed whole, so
    /// that nobody can pass a forged commitment off as ours.
    ///
    /// # Errors
    /// [`CanonicalError`] where the value has no canonical form.
    pub fn json(&mut self, column: &str, value: &Value) -> Result<Redacted, CanonicalError> {
        // Also where all is committed: what cannot be written canonically is refused, not hidden.
        canonical::to_bytes(value)?;
        let pointer = pointer_child("", column);
        let before = self.openings.len();
        if holds_sealed(value) {
            return self.sealed(column, value);
        }
        let redacted = self.walk(&pointer, None, value, false)?;
        Ok(Redacted { json: canonical::to_text(&redacted)?, whole: self.openings.len() == before })
    }

    /// Commits to the whole of the JSON that goes into `column`, whatever the policy keeps: for content whose parts no
    /// rule can name.
    ///
    /// # Errors
    /// [`CanonicalError`] where the value has no canonical form.
    pub fn sealed(&mut self, column: &str, value: &Value) -> Result<Redacted, CanonicalError> {
        let pointer = pointer_child("", column);
        let sealed = self.seal(&pointer, value)?;
        self.note_secrets(&pointer, None, value);
        Ok(Redacted { json: canonical::to_text(&sealed)?, whole: false })
    }

    /// Redacts the text that goes into `column`.
    ///
    /// # Errors
    /// [`CanonicalError`] never in practice: a string has a canonical form.
    pub fn text(&mut self, column: &str, text: &str) -> Result<RedactedText, CanonicalError> {
        let pointer = pointer_child("", column);
        let kept = self.policy.handling(self.table, &self.name, &pointer) == Handling::Keep;
        let secret = self.note_secret(&pointer, None, text);
        if kept && !secret && !text.contains(SEALED) {
            return Ok(RedactedText { text: text.to_owned(), whole: true });
        }
        let sealed = self.seal(&pointer, &Value::from(text))?;
        Ok(RedactedText { text: canonical::to_text(&sealed)?, whole: false })
    }

    /// Commits to `value` under `pointer`; the opening holds the salt alone, since whoever checks brings the value.
    ///
    /// # Errors
    /// [`CanonicalError`] where the value has no canonical form.
    pub fn commit_only(&mut self, pointer: &str, value: &Value) -> Result<Commitment, CanonicalError> {
        let salt = Salt::generate(self.entropy);
        let commitment = commit(self.row, pointer, &salt, value)?;
        self.openings.push(Opening { pointer: pointer.to_owned(), salt, value: None });
        Ok(commitment)
    }

    /// Commits to `value` under `pointer`; the opening holds salt and value.
    ///
    /// # Errors
    /// [`CanonicalError`] where the value has no canonical form.
    pub fn commit(&mut self, pointer: &str, value: &Value) -> Result<Commitment, CanonicalError> {
        let salt = Salt::generate(self.entropy);
        let commitment = commit(self.row, pointer, &salt, value)?;
        self.openings.push(Opening { pointer: pointer.to_owned(), salt, value: Some(value.clone()) });
        Ok(commitment)
    }

    /// Ends the row.
    #[must_use]
    pub fn finish(self) -> Redaction {
        Redaction { policy: self.policy.hash(), openings: self.openings, secrets: self.secrets }
    }

    fn seal(&mut self, pointer: &str, value: &Value) -> Result<Value, CanonicalError> {
        let digest = self.commit(pointer, value)?;
        Ok(json!({ SEALED: { "alg": "sha256", "digest": digest } }))
    }

    /// Depth is bounded: the value has a canonical form.
    fn walk(&mut self, pointer: &str, key: Option<&str>, value: &Value, kept: bool) -> Result<Value, CanonicalError> {
        let handling = if kept { Handling::Keep } else { self.policy.handling(self.table, &self.name, pointer) };
        let kept = handling == Handling::Keep;
        match value {
            _ if handling == Handling::Commit => {
                self.note_secrets(pointer, key, value);
                self.seal(pointer, value)
            }
            Value::Object(members) if !members.keys().any(|name| self.detector.is_secret(None, name)) => {
                let mut out = Map::new();
                for (name, member) in members {
                    out.insert(name.clone(), self.walk(&pointer_child(pointer, name), Some(name), member, kept)?);
                }
                Ok(Value::Object(out))
            }
            Value::Array(items) => {
                let mut out = Vec::with_capacity(items.len());
                for (at, item) in items.iter().enumerate() {
                    out.push(self.walk(&pointer_child(pointer, &at.to_string()), key, item, kept)?);
                }
                Ok(Value::Array(out))
            }
            Value::String(text) if kept && !self.note_secret(pointer, key, text) => Ok(value.clone()),
            Value::Null | Value::Bool(_) | Value::Number(_) if kept => Ok(value.clone()),
            _ => {
                self.note_secrets(pointer, key, value);
                self.seal(pointer, value)
            }
        }
    }

    fn note_secret(&mut self, pointer: &str, key: Option<&str>, text: &str) -> bool {
        let secret = self.detector.is_secret(key, text);
        if secret && self.secrets.last().map(String::as_str) != Some(pointer) {
            self.secrets.push(pointer.to_owned());
        }
        secret
    }

    /// Notes the place where a committed value looks like a secret, or holds something that does.
    fn note_secrets(&mut self, pointer: &str, key: Option<&str>, value: &Value) {
        match value {
            Value::String(text) => {
                self.note_secret(pointer, key, text);
            }
            Value::Array(items) => {
                for item in items {
                    self.note_secrets(pointer, key, item);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.note_secret(pointer, None, name);
                    self.note_secrets(pointer, Some(name), member);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
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

fn holds_sealed(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.contains_key(SEALED) || members.values().any(holds_sealed),
        Value::Array(items) => items.iter().any(holds_sealed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
