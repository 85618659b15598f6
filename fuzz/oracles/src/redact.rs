//! Redaction and openings.

use std::sync::LazyLock;

use vm_core::canonical::{self, Value};
use vm_core::digest::Commitment;
use vm_core::id::RowId;
use vm_core::record::Table;
use vm_core::redact::{KnownSecrets, Opening, Policy, Redacted, Redactor, commitments};
use vm_core::source::hazmat::CountingEntropy;

const ROW: RowId = RowId::from_bytes([1; 16]);
static BUILTIN: LazyLock<Policy> = LazyLock::new(Policy::builtin);
static NOTHING: LazyLock<Policy> = LazyLock::new(|| Policy::new(Vec::new()).expect("no rules have a canonical form"));

/// What is stored is canonical; every commitment in it has an opening that opens it and no other; with the openings put
/// back it is the input again; and a policy that keeps nothing leaves one commitment. The first two bytes pick table,
/// column and name.
pub fn redaction(data: &[u8]) {
    let [table, name, json @ ..] = data else { return };
    let Ok(value) = canonical::parse(json, canonical::BYTES_MAX) else { return };
    let (table, column) = match table % 4 {
        0 => (Table::ToolInvocations, "input_json"),
        1 => (Table::McpCalls, "body_json"),
        2 => (Table::ProofArtifacts, "meta_json"),
        _ => (Table::ShadowReceipts, "meta_json"),
    };
    let name = ["", "deploy", "proof-rune", "tools/call"].get(usize::from(name % 4)).copied().unwrap_or_default();
    let (stored, openings) = redacted(&BUILTIN, table, column, name, &value);
    check(column, &stored, &openings, &value);

    let (stored, openings) = redacted(&NOTHING, table, column, name, &value);
    check(column, &stored, &openings, &value);
    assert_eq!(openings.len(), 1, "a policy that keeps nothing kept {}", stored.as_json());
}

fn redacted(policy: &Policy, table: Table, column: &str, name: &str, value: &Value) -> (Redacted, Vec<Opening>) {
    let mut entropy = CountingEntropy::new(1);
    let mut redactor = Redactor::new(policy, &KnownSecrets, &mut entropy, table, name, ROW);
    let stored = redactor.json(column, value).expect("what was read can be stored");
    (stored, redactor.finish().openings().to_vec())
}

fn check(column: &str, stored: &Redacted, openings: &[Opening], value: &Value) {
    let mut json = canonical::parse_exact(stored.as_json().as_bytes(), canonical::BYTES_MAX).expect("one form");
    let found: Vec<(String, Commitment)> = commitments(column, &json).expect("only our own commitments stand there");
    assert_eq!(found.len(), openings.len());
    assert_eq!(stored.is_whole(), openings.is_empty());
    for (pointer, commitment) in &found {
        let mut named = openings.iter().filter(|opening| opening.pointer() == pointer);
        let opening = named.next().expect("an opening for each commitment");
        let hidden = opening.value().expect("the opening holds the value");
        assert!(named.next().is_none(), "{pointer} is opened twice");
        assert!(opening.opens(ROW, commitment, hidden));
        assert!(!opening.opens(RowId::from_bytes([2; 16]), commitment, hidden), "opens in another row");
        let place = pointer.strip_prefix('/').and_then(|rest| rest.strip_prefix(column)).expect("below the column");
        *json.pointer_mut(place).expect("the pointer leads to the commitment") = hidden.clone();
    }
    let (given, back) = (canonical::to_bytes(value), canonical::to_bytes(&json));
    assert_eq!(given, back, "the openings do not give the input back");
}

/// One commitment to a PIN, and what opens it.
static MADE: LazyLock<(Commitment, Opening)> = LazyLock::new(|| {
    let mut entropy = CountingEntropy::new(7);
    let mut redactor = Redactor::new(&NOTHING, &KnownSecrets, &mut entropy, Table::ToolInvocations, "", ROW);
    let commitment = redactor.commit("/input_json/pin", &pin()).expect("a string has a canonical form");
    let opening = redactor.finish().openings().first().expect("one commitment").clone();
    (commitment, opening)
});

fn pin() -> Value {
    Value::from("1234")
}

/// The opening that [`openings`] knows, for the seeds.
#[must_use]
pub fn known_opening() -> Opening {
    MADE.1.clone()
}

/// A list of openings has one form, and none opens a commitment but the one that was made with it.
pub fn openings(data: &[u8]) {
    let Ok(value) = canonical::parse_exact(data, canonical::BYTES_MAX) else { return };
    let Ok(openings) = serde_json::from_value::<Vec<Opening>>(value.clone()) else { return };
    let written = serde_json::to_value(&openings).expect("openings are JSON");
    assert_eq!(canonical::to_bytes(&written).as_deref(), Ok(data));
    let (commitment, made) = &*MADE;
    let place = |opening: &Opening| {
        let value = serde_json::to_value(opening).expect("an opening is JSON");
        (value.get("pointer").cloned(), value.get("salt").cloned())
    };
    for opening in &openings {
        assert_eq!(opening.opens(ROW, commitment, &pin()), place(opening) == place(made));
        assert!(!opening.opens(ROW, commitment, &Value::from("1235")));
    }
}
