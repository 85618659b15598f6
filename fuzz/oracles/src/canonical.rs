//! Canonical JSON.

use std::cell::RefCell;

use vm_core::canonical::{
    BYTES_MAX, Canonicalizer, Value, canonicalize, parse, parse_exact, to_bytes, to_text, twin, write_value,
};
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

thread_local! {
    /// Keeps its buffers from one input to the next, as a recorder does: what an earlier text left in them must not show.
    static REUSED: RefCell<Canonicalizer> = const { RefCell::new(Canonicalizer::new()) };
}

/// The paths that build no value answer as the readable twin does, and so `serde_jcs` behind the gate: with the same bytes,
/// or with the same error. The buffers stay within their bound.
pub fn canonical_twin(data: &[u8]) {
    let expected = twin::canonicalize(data, BYTES_MAX);
    assert_eq!(canonicalize(data, BYTES_MAX), expected, "new buffers");
    REUSED.with_borrow_mut(|reused| {
        assert_eq!(reused.canonicalize(data, BYTES_MAX).map(<[u8]>::to_vec), expected, "used buffers");
        let exact = reused.check_exact(data, BYTES_MAX);
        assert_eq!(exact, parse_exact(data, BYTES_MAX).map(drop), "whether it is canonical already");
        if let Ok(canonical) = &expected {
            assert_eq!(reused.check_exact(canonical, canonical.len()), Ok(()), "what was written is canonical");
        }
    });
    let mut alone = Canonicalizer::new();
    let _ = alone.canonicalize(data, BYTES_MAX);
    assert!(alone.capacity() <= Canonicalizer::BYTES_A_BYTE * data.len() + 16 * 1024, "{} held", alone.capacity());
    // The values of another reader hold what ours would not let in.
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        let mut out = b"before".to_vec();
        let written = write_value(&value, &mut out);
        let expected = twin::to_bytes(&value);
        assert_eq!(written, expected.as_ref().map(drop).map_err(Clone::clone));
        assert_eq!(out.strip_prefix(b"before"), Some(expected.unwrap_or_default().as_slice()));
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
