//! The redactor: one walk down a payload, which writes what may be stored as it goes.

use core::fmt;
use core::ops::Range;

use serde_json::{Map, Value};

use crate::canonical::{self, DEPTH_MAX};
use crate::digest::{Commitment, PolicyHash, hex_of};
use crate::error::CanonicalError;
use crate::id::RowId;
use crate::record::Table;
use crate::redact::openings::{Content, Openings};
use crate::redact::tree::{Place, Tree};
use crate::redact::{Handling, Policy, Redacted, RedactedText, Redaction, SEALED, Salt, SecretDetector};
use crate::source::Entropy;

/// Bytes that most payloads have once they are redacted, so that what is written seldom grows.
const ROOM: usize = 2 * 1024;

/// Redacts the payloads of one row.
///
/// Cost: each text is looked at once by the detector and written once; a commitment costs one SHA-256 over its value and
/// about 200 bytes.
pub struct Redactor<'a> {
    policy: PolicyHash,
    /// Patterns of the rule for the row; none where no rule fits it.
    tree: Option<&'a Tree>,
    detector: &'a dyn SecretDetector,
    entropy: &'a mut dyn Entropy,
    table: Table,
    row: RowId,
    /// Whether the payload needs no closer look: see [`Survey`].
    plain: bool,
    /// Pointer to the value being looked at.
    pointer: String,
    /// Places in the tree of the values on the way to it.
    places: Vec<usize>,
    openings: Openings,
    secrets: Vec<String>,
}

impl fmt::Debug for Redactor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("table", &self.table).field("row", &self.row).finish_non_exhaustive()
    }
}

/// What is decided for a value, and where its pointer stands in the tree.
struct Spot {
    handling: Handling,
    place: Place,
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
        Self {
            policy: policy.hash(),
            tree: policy.tree(table, name),
            detector,
            entropy,
            table,
            row,
            plain: false,
            pointer: String::new(),
            places: Vec::new(),
            openings: Openings::default(),
            secrets: Vec::new(),
        }
    }

    /// Redacts the JSON that goes into `column`. Input that itself holds a `$sealed` member is committed whole, so
    /// that nobody can pass a forged commitment off as ours.
    ///
    /// # Errors
    /// [`CanonicalError`] where the value has no canonical form.
    pub fn json(&mut self, column: &str, value: &Value) -> Result<Redacted, CanonicalError> {
        let survey = Survey::of(value);
        self.plain = survey.plain;
        if !survey.plain {
            // Also where all is committed: what cannot be written canonically is refused, not hidden.
            canonical::to_bytes(value)?;
        }
        let spot = self.begin(column);
        let mut out = Vec::with_capacity(ROOM);
        if survey.sealed {
            self.seal_noted(None, value, &mut out)?;
            return text(out, false);
        }
        let before = self.openings.len();
        self.walk(&spot, None, value, &mut out)?;
        if !survey.plain {
            // A commitment is two levels deeper than what it stands for.
            canonical::parse(&out, out.len())?;
        }
        text(out, self.openings.len() == before)
    }

    /// Commits to the whole of the JSON that goes into `column`, whatever the policy keeps: for content whose parts no
    /// rule can name.
    ///
    /// # Errors
    /// [`CanonicalError`] where the value has no canonical form.
    pub fn sealed(&mut self, column: &str, value: &Value) -> Result<Redacted, CanonicalError> {
        self.begin(column);
        self.plain = Survey::of(value).plain;
        let mut out = Vec::new();
        self.seal_noted(None, value, &mut out)?;
        text(out, false)
    }

    /// Redacts the text that goes into `column`.
    ///
    /// # Errors
    /// [`CanonicalError`] never in practice: a string has a canonical form.
    pub fn text(&mut self, column: &str, text: &str) -> Result<RedactedText, CanonicalError> {
        let kept = self.begin(column).handling == Handling::Keep;
        let secret = if kept { self.note_in_clear(None, text) } else { self.note_secret(None, text) };
        if kept && !secret && !text.contains(SEALED) {
            return Ok(RedactedText { text: text.to_owned(), whole: true });
        }
        let mut out = Vec::new();
        self.seal(Content::Text(text), &mut out)?;
        Ok(RedactedText { text: utf8(out)?, whole: false })
    }

    /// Commits to `value` under `pointer`; the opening holds the salt alone, since whoever checks brings the value.
    ///
    /// # Errors
    /// [`CanonicalError`] where the value has no canonical form.
    pub fn commit_only(&mut self, pointer: &str, value: &Value) -> Result<Commitment, CanonicalError> {
        let (salt, plain) = (Salt::generate(self.entropy), Survey::of(value).plain);
        self.openings.commit(self.row, pointer, salt, Content::Json { value, plain }, false)
    }

    /// Commits to `value` under `pointer`; the opening holds salt and value.
    ///
    /// # Errors
    /// [`CanonicalError`] where the value has no canonical form.
    pub fn commit(&mut self, pointer: &str, value: &Value) -> Result<Commitment, CanonicalError> {
        let (salt, plain) = (Salt::generate(self.entropy), Survey::of(value).plain);
        self.openings.commit(self.row, pointer, salt, Content::Json { value, plain }, true)
    }

    /// Ends the row.
    #[must_use]
    pub fn finish(mut self) -> Redaction {
        self.openings.finish();
        Redaction { policy: self.policy, openings: self.openings, secrets: self.secrets }
    }

    /// Points to `column`.
    fn begin(&mut self, column: &str) -> Spot {
        self.pointer.clear();
        let place = Tree::root(&mut self.places);
        self.enter(&Spot { handling: Handling::Shape, place }, |pointer| push_token(pointer, column))
    }

    /// Points to a value below the present one, whose token `push` adds.
    fn enter(&mut self, parent: &Spot, push: impl FnOnce(&mut String)) -> Spot {
        let start = self.pointer.len();
        push(&mut self.pointer);
        let token = self.pointer.get(start + 1..).unwrap_or_default();
        match (parent.handling, self.tree) {
            (Handling::Keep, _) => Spot { handling: Handling::Keep, place: 0..0 },
            (_, None) => Spot { handling: Handling::Commit, place: 0..0 },
            (_, Some(tree)) => {
                let (handling, place) = tree.step(&parent.place, token, &mut self.places);
                Spot { handling, place }
            }
        }
    }

    /// Writes the value at `spot`, the member `key` or below it. Depth is bounded: the value has a canonical form.
    fn walk(&mut self, spot: &Spot, key: Option<&str>, value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
        let kept = spot.handling == Handling::Keep;
        match value {
            _ if spot.handling == Handling::Commit => self.seal_noted(key, value, out),
            Value::Object(members) if !members.keys().any(|name| self.detector.is_secret_in_clear(None, name)) => {
                self.object(spot, members, out)
            }
            Value::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    out.extend_from_slice(if at == 0 { b"" } else { b"," });
                    self.below(spot, |pointer| push_index(pointer, at), key, item, out)?;
                }
                out.push(b']');
                Ok(())
            }
            Value::String(text) if kept && !self.note_in_clear(key, text) => {
                canonical::write_string(text, out);
                Ok(())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) if kept => canonical::write_value(value, out),
            Value::String(text) if kept => self.seal(Content::Text(text), out),
            _ => self.seal_noted(key, value, out),
        }
    }

    fn object(&mut self, spot: &Spot, members: &Map<String, Value>, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
        let start = out.len();
        // Members whose canonical order is not the one they are held in are committed to in the one, written in the other.
        let mut written = (!in_order(members)).then(Vec::new);
        out.push(b'{');
        for (at, (name, member)) in members.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"" } else { b"," });
            let begin = out.len();
            canonical::write_string(name, out);
            out.push(b':');
            self.below(spot, |pointer| push_token(pointer, name), Some(name), member, out)?;
            if let Some(written) = &mut written {
                written.push((name, begin..out.len()));
            }
        }
        out.push(b'}');
        if let Some(members) = written {
            reorder(members, start, out);
        }
        Ok(())
    }

    /// Goes down to a value and comes back.
    fn below(
        &mut self,
        parent: &Spot,
        push: impl FnOnce(&mut String),
        key: Option<&str>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), CanonicalError> {
        let (pointer, places) = (self.pointer.len(), self.places.len());
        let spot = self.enter(parent, push);
        let walked = self.walk(&spot, key, value, out);
        self.pointer.truncate(pointer);
        self.places.truncate(places);
        walked
    }

    /// Writes a commitment to `value`, in which secrets are noted.
    fn seal_noted(&mut self, key: Option<&str>, value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
        self.seal(Content::Json { value, plain: self.plain }, out)?;
        self.note_secrets(key, value);
        Ok(())
    }

    /// Writes a commitment to `content`.
    fn seal(&mut self, content: Content<'_>, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
        let salt = Salt::generate(self.entropy);
        let digest = self.openings.commit(self.row, &self.pointer, salt, content, true)?;
        out.extend_from_slice(b"{\"$sealed\":{\"alg\":\"sha256\",\"digest\":\"");
        out.extend_from_slice(&hex_of(digest.as_bytes()));
        out.extend_from_slice(b"\"}}");
        Ok(())
    }

    /// Notes the present place where a committed text looks like a secret.
    fn note_secret(&mut self, key: Option<&str>, text: &str) -> bool {
        let secret = self.detector.is_secret(key, text);
        self.note(secret)
    }

    /// Notes the present place where a text that would be stored as it is looks like a secret.
    fn note_in_clear(&mut self, key: Option<&str>, text: &str) -> bool {
        let secret = self.detector.is_secret_in_clear(key, text);
        self.note(secret)
    }

    fn note(&mut self, secret: bool) -> bool {
        if secret && self.secrets.last() != Some(&self.pointer) {
            self.secrets.push(self.pointer.clone());
        }
        secret
    }

    /// Notes the present place where a committed value looks like a secret, or holds something that does.
    fn note_secrets(&mut self, key: Option<&str>, value: &Value) {
        match value {
            Value::String(text) => {
                self.note_secret(key, text);
            }
            Value::Array(items) => {
                for item in items {
                    self.note_secrets(key, item);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.note_secret(None, name);
                    self.note_secrets(Some(name), member);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// What one look at a value says before it is redacted.
struct Survey {
    /// Whether its numbers have a canonical form and two levels more may lie around it. A value that is not plain is
    /// judged by [`canonical::to_bytes`], which most never need.
    plain: bool,
    /// Whether it holds a member that poses as a commitment.
    sealed: bool,
}

impl Survey {
    fn of(value: &Value) -> Self {
        let mut survey = Self { plain: true, sealed: false };
        survey.look(value, 0);
        survey
    }

    /// Looks at `value`, around which `depth` arrays and objects are open. It goes no deeper than the canonical form,
    /// behind which the value is refused.
    fn look(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Null | Value::Bool(_) | Value::String(_) => {}
            Value::Number(number) => {
                let safe = |integer: i64| integer.unsigned_abs() <= 1 << 53;
                self.plain &= number.as_i64().map_or(number.is_f64(), safe);
            }
            _ if depth >= DEPTH_MAX => self.plain = false,
            Value::Array(items) => {
                self.plain &= depth + 2 < DEPTH_MAX;
                items.iter().for_each(|item| self.look(item, depth + 1));
            }
            Value::Object(members) => {
                self.plain &= depth + 2 < DEPTH_MAX;
                for (name, member) in members {
                    self.sealed |= name == SEALED;
                    self.look(member, depth + 1);
                }
            }
        }
    }
}

/// Whether the members of a map stand in canonical order: it holds them by code point, the canonical form by UTF-16 unit,
/// and the two differ only where a name reaches beyond U+FFFF.
fn in_order(members: &Map<String, Value>) -> bool {
    members.keys().all(|name| name.bytes().all(|byte| byte < 0xf0))
}

/// Puts the members of the object that was written from `start` on into canonical order.
fn reorder(mut members: Vec<(&String, Range<usize>)>, start: usize, out: &mut Vec<u8>) {
    let written = out.split_off(start);
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push(b'{');
    for (at, (_, place)) in members.into_iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"" } else { b"," });
        out.extend_from_slice(written.get(place.start - start..place.end - start).unwrap_or_default());
    }
    out.push(b'}');
}

/// Appends one reference token (RFC 6901, section 3).
fn push_token(pointer: &mut String, token: &str) {
    if token.bytes().any(|byte| matches!(byte, b'~' | b'/')) {
        pointer.push_str(&canonical::pointer_child("", token));
    } else {
        pointer.push('/');
        pointer.push_str(token);
    }
}

/// Appends the token of an item of an array.
fn push_index(pointer: &mut String, index: usize) {
    pointer.push('/');
    match u8::try_from(index) {
        Ok(digit @ 0..10) => pointer.push(char::from(b'0' + digit)),
        _ => pointer.push_str(&index.to_string()),
    }
}

fn text(out: Vec<u8>, whole: bool) -> Result<Redacted, CanonicalError> {
    Ok(Redacted { json: utf8(out)?, whole })
}

/// What was written is made of strings and ASCII, so it is text; a check is cheap beside the writing.
fn utf8(out: Vec<u8>) -> Result<String, CanonicalError> {
    String::from_utf8(out).map_err(|_| CanonicalError::NotCanonical)
}
