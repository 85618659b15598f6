//! The redactor said in the plainest way: what [`Redactor`](super::Redactor) is held to.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::canonical::{self, pointer_child};
use crate::digest::Commitment;
use crate::error::CanonicalError;
use crate::id::RowId;
use crate::record::Table;
use crate::redact::{
    Handling, KnownSecrets, Pattern, Policy, Redacted, RedactedText, Redactor, Rule, SEALED, Salt, SecretDetector,
    commit,
};
use crate::source::Entropy;
use crate::source::hazmat::CountingEntropy;

struct Readable<'a> {
    policy: &'a Policy,
    detector: &'a dyn SecretDetector,
    entropy: &'a mut dyn Entropy,
    table: Table,
    name: String,
    row: RowId,
    openings: Vec<Value>,
    secrets: Vec<String>,
}

impl Readable<'_> {
    fn json(&mut self, column: &str, value: &Value) -> Result<Redacted, CanonicalError> {
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

    fn sealed(&mut self, column: &str, value: &Value) -> Result<Redacted, CanonicalError> {
        let pointer = pointer_child("", column);
        let sealed = self.seal(&pointer, value)?;
        self.note_secrets(&pointer, None, value);
        Ok(Redacted { json: canonical::to_text(&sealed)?, whole: false })
    }

    fn text(&mut self, column: &str, text: &str) -> Result<RedactedText, CanonicalError> {
        let pointer = pointer_child("", column);
        let kept = self.policy.handling(self.table, &self.name, &pointer) == Handling::Keep;
        let secret = self.note_secret(&pointer, None, text);
        if kept && !secret && !text.contains(SEALED) {
            return Ok(RedactedText { text: text.to_owned(), whole: true });
        }
        let sealed = self.seal(&pointer, &Value::from(text))?;
        Ok(RedactedText { text: canonical::to_text(&sealed)?, whole: false })
    }

    fn commit_only(&mut self, pointer: &str, value: &Value) -> Result<Commitment, CanonicalError> {
        let salt = Salt::generate(self.entropy);
        let commitment = commit(self.row, pointer, &salt, value)?;
        self.openings.push(json!({ "pointer": pointer, "salt": salt }));
        Ok(commitment)
    }

    fn commit(&mut self, pointer: &str, value: &Value) -> Result<Commitment, CanonicalError> {
        let salt = Salt::generate(self.entropy);
        let commitment = commit(self.row, pointer, &salt, value)?;
        self.openings.push(json!({ "pointer": pointer, "salt": salt, "value": value }));
        Ok(commitment)
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

fn holds_sealed(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.contains_key(SEALED) || members.values().any(holds_sealed),
        Value::Array(items) => items.iter().any(holds_sealed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

const ROW: RowId = RowId::from_bytes([7; 16]);
const NAMES: &[&str] = &[
    "a",
    "b",
    "c",
    "",
    "*",
    "0",
    "a/b",
    "x~1",
    "é",
    "\u{1f602}",
    "\u{fb33}",
    "token",
    "PIN",
    SEALED,
    "\"q\"\n",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
];
const TEXTS: &[&str] = &[
    "",
    "plain",
    "\u{0}\"\\ é\u{1f600}",
    "sk-0123456789abcdefghij",
    "Bearer abcdefghijklmnop",
    "$sealed",
    "AKIAIOSFODNN7EXAMPLE",
];

/// What is asked of a redactor, in order.
#[derive(Clone, Debug)]
enum Ask {
    Json(String, Value),
    Sealed(String, Value),
    Text(String, String),
    Commit(String, Value),
    CommitOnly(String, Value),
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-10_i64..10).prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        prop::sample::select(vec![1_u64 << 53, (1 << 53) + 1, u64::MAX, 10_u64.pow(19)]).prop_map(Value::from),
        prop::sample::select(TEXTS).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(NAMES).prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn column() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "body_json", "a/b"]).prop_map(str::to_owned)
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        4 => (column(), value()).prop_map(|(column, value)| Ask::Json(column, value)),
        1 => (column(), value()).prop_map(|(column, value)| Ask::Sealed(column, value)),
        1 => (column(), prop::sample::select(TEXTS)).prop_map(|(column, text)| Ask::Text(column, text.to_owned())),
        1 => (column(), value()).prop_map(|(pointer, value)| Ask::Commit(format!("/{pointer}"), value)),
        1 => (column(), value()).prop_map(|(pointer, value)| Ask::CommitOnly(format!("/{pointer}"), value)),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let token = prop::sample::select(vec!["a", "b", "c", "*", "0", "", "a~1b", "x~01", "token", "\u{fb33}"]);
    let pointer = (column(), prop::collection::vec(token, 0..4))
        .prop_map(|(column, tokens)| tokens.iter().fold(pointer_child("", &column), |all, one| all + "/" + one));
    let pattern = pointer.prop_map(Pattern::new).boxed();
    let patterns = || prop::collection::vec(pattern.clone(), 0..6);
    (patterns(), patterns(), any::<bool>()).prop_map(|(keep, shape, named)| {
        let name = named.then(|| "tools/call".to_owned());
        Policy::new(vec![Rule { table: Table::McpCalls, name, keep, shape }]).unwrap()
    })
}

type Answer = Result<(String, bool), CanonicalError>;

/// Answers of a redactor, openings as they are kept, and secrets.
type Answers = (Vec<Answer>, Result<String, CanonicalError>, Vec<String>);

/// What both redactors say to the same questions.
fn both(policy: &Policy, asks: &[Ask]) -> [Answers; 2] {
    let (table, name) = (Table::McpCalls, "tools/call");
    let json = |redacted: Redacted| (redacted.as_json().to_owned(), redacted.is_whole());
    let short = |text: RedactedText| (text.as_str().to_owned(), text.is_whole());
    let plain = |commitment: Commitment| (commitment.to_hex(), false);
    let (mut one, mut other) = (CountingEntropy::new(1), CountingEntropy::new(1));
    let mut fast = Redactor::new(policy, &KnownSecrets, &mut one, table, name, ROW);
    let mut readable = Readable {
        policy,
        detector: &KnownSecrets,
        entropy: &mut other,
        table,
        name: name.to_owned(),
        row: ROW,
        openings: Vec::new(),
        secrets: Vec::new(),
    };
    let (mut quick, mut clear) = (Vec::new(), Vec::new());
    for ask in asks {
        let (a, b) = match ask {
            Ask::Json(column, value) => (fast.json(column, value).map(json), readable.json(column, value).map(json)),
            Ask::Sealed(column, value) => {
                (fast.sealed(column, value).map(json), readable.sealed(column, value).map(json))
            }
            Ask::Text(column, text) => (fast.text(column, text).map(short), readable.text(column, text).map(short)),
            Ask::Commit(pointer, value) => {
                (fast.commit(pointer, value).map(plain), readable.commit(pointer, value).map(plain))
            }
            Ask::CommitOnly(pointer, value) => {
                (fast.commit_only(pointer, value).map(plain), readable.commit_only(pointer, value).map(plain))
            }
        };
        quick.push(a);
        clear.push(b);
    }
    let redaction = fast.finish();
    let kept = redaction.openings_json().map(|json| String::from_utf8(json.to_vec()).unwrap());
    assert_eq!(json!(redaction.openings()), canonical_values(&readable.openings));
    let expected = match readable.openings.is_empty() {
        true => Ok(String::new()),
        false => canonical::to_text(&json!(readable.openings)),
    };
    [(quick, kept, redaction.secrets().to_vec()), (clear, expected, readable.secrets)]
}

/// Openings as they are read again: numbers that are equal are one number then.
fn canonical_values(openings: &[Value]) -> Value {
    let read = |value: &Value| {
        let text = canonical::to_bytes(value).unwrap();
        canonical::parse(&text, text.len()).unwrap()
    };
    let opening = |opening: &Value| {
        let mut opening = opening.clone();
        if let Some(value) = opening.get_mut("value") {
            *value = read(value);
        }
        opening
    };
    openings.iter().map(opening).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_fast_redactor_is_the_readable_one(policy in policy(), asks in prop::collection::vec(ask(), 1..6)) {
        let [fast, readable] = both(&policy, &asks);
        prop_assert_eq!(fast, readable);
    }
}

/// Values at the edge of what may be nested, where commitments and openings add levels of their own.
#[test]
fn deep_values_are_refused_alike() {
    let rule = |keep: &str, shape: String| Rule {
        table: Table::McpCalls,
        name: None,
        keep: vec![Pattern::new(keep)],
        shape: vec![Pattern::new(shape)],
    };
    let (mut answers, mut kept) = ([0; 2], [0; 2]);
    for rule in [rule("/a", "/b".into()), rule("/b", "/a".into()), rule("/b", format!("/a{}", "/0".repeat(130)))] {
        let policy = Policy::new(vec![rule]).unwrap();
        for depth in 100..=canonical::DEPTH_MAX + 2 {
            let value = (0..depth).fold(json!("x"), |inner, _| json!([inner]));
            for ask in [Ask::Json("a".into(), value.clone()), Ask::Sealed("a".into(), value)] {
                let [fast, readable] = both(&policy, &[ask]);
                assert_eq!(fast, readable, "{depth}");
                answers[usize::from(fast.0[0].is_ok())] += 1;
                kept[usize::from(fast.1.is_ok())] += 1;
            }
        }
    }
    assert!(answers.iter().chain(&kept).all(|count| *count > 0), "{answers:?} {kept:?}");
}
