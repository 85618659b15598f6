//! Canonical JSON.

use vm_core::canonical::{BYTES_MAX, Value, parse, parse_exact, to_bytes, to_text};
use vm_core::error::CanonicalError;

/// What is read survives the round trip, and `serde_json` reads the same value; what is refused, `serde_json` refuses
/// too, but for what I-JSON forbids beyond JSON.
pub fn canonical_json(data: &[u8]) {
    let theirs: Result<Value, _> = serde_json::from_slice(data);
    match parse(data, BYTES_MAX) {
        Ok(value) => {
            check_round_trip(&value);
            match theirs {
                Ok(theirs) => assert!(same(&value, &theirs), "{value} {theirs}"),
                // serde_json stops one level earlier.
                Err(error) => assert!(error.to_string().starts_with("recursion limit"), "{error}"),
            }
        }
        Err(CanonicalError::DuplicateKey { .. } | CanonicalError::UnsafeInteger { .. }) => {}
        Err(error) => assert!(theirs.is_err(), "refused: {error}"),
    }
}

fn check_round_trip(value: &Value) {
    let bytes = to_bytes(value).expect("what was read can be written");
    assert_eq!(to_text(value).expect("as bytes").as_bytes(), bytes);
    assert_eq!(parse_exact(&bytes, bytes.len()).as_ref(), Ok(value));
    assert!(bytes.is_empty() || parse(&bytes, bytes.len() - 1).is_err(), "longer than the limit");
}

/// Equal as JSON, all numbers taken as doubles.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => ours.as_f64() == theirs.as_f64(),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(key, ours)| theirs.get(key).is_some_and(|theirs| same(ours, theirs)))
        }
        _ => ours == theirs,
    }
}
