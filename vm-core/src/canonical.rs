//! The one byte form: strict I-JSON in, RFC 8785 canonical JSON out.
//!
//! ```text
//! in:   { "b": 1.0, "a": "\u00e9", "c": 1e21 }
//! out:  {"a":"é","b":1,"c":1e+21}
//! ```
//!
//! [`parse`] refuses whatever two readers could take for two things: duplicate keys, lone surrogates, integers that a
//! double would round. So a text has one meaning, a meaning has one text, and for every value that [`parse`] returns,
//! `parse(to_bytes(value)) == value`. The format is written down in `docs/spec/canonical-json.md`.

mod chunk;
#[cfg(test)]
mod differences;
mod fast;
mod fault;
mod gate;
mod number;
mod order;
#[cfg(test)]
mod properties;
mod reader;
pub mod twin;
mod write;

pub use fast::Canonicalizer;
pub use serde_json::Value;
pub use write::write_value;
pub(crate) use write::{write_integer, write_string};

use crate::error::CanonicalError;

/// Deepest nesting read or written: arrays and objects open at once. It bounds the stack, and lies where other readers
/// stop too (serde_json reads 127 levels).
pub const DEPTH_MAX: usize = 128;
/// Longest JSON text read unless the caller says otherwise, in bytes. 16 MiB is chosen by memory: the worst text of that
/// length becomes a tree of 1.6 GB (see [`parse`]); without a tree it takes 176 MiB (see [`Canonicalizer`]).
pub const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes that are made room for at once to write a value: most messages fit.
const CAPACITY: usize = 512;

/// Reads strict I-JSON of at most `limit` bytes.
///
/// Numbers come back in one form: the integral ones below 2^53 in magnitude as integers (so `1`, `1.0` and `10e-1` are
/// the same value), the rest as doubles. See [`integer`] for integers beyond.
///
/// Cost: time linear in the input, apart from the order of keys (n log n for an object of n members). The tree takes
/// up to about 100 bytes of memory a byte of input in the worst case (an array of objects of one member each).
///
/// Source: RFC 8259 (grammar), RFC 7493 section 2 (I-JSON), RFC 8785 section 3.2.2.3 (numbers).
///
/// # Errors
/// [`CanonicalError::TooLong`] before anything is read; else the first fault in the text, with the JSON pointer of the
/// value it lies in. Never [`CanonicalError::NotCanonical`].
pub fn parse(bytes: &[u8], limit: usize) -> Result<Value, CanonicalError> {
    if bytes.len() > limit {
        let found = bytes.len();
        return Err(CanonicalError::TooLong { limit, found });
    }
    let text = core::str::from_utf8(bytes).map_err(|fault| CanonicalError::NotUtf8 { offset: fault.valid_up_to() })?;
    reader::read(text).map_err(|fault| fault.into_error())
}

/// The canonical bytes of a JSON text of at most `limit` bytes: what [`to_bytes`] writes of what [`parse`] reads, at a
/// tenth of the cost, for no value is built. Whoever has many texts keeps a [`Canonicalizer`].
///
/// # Errors
/// As [`parse`].
pub fn canonicalize(text: &[u8], limit: usize) -> Result<Vec<u8>, CanonicalError> {
    Canonicalizer::new().canonicalize(text, limit).map(<[u8]>::to_vec)
}

/// Writes canonical bytes (RFC 8785).
///
/// Cost: as [`write_value`].
///
/// # Errors
/// [`CanonicalError::UnsafeInteger`] for an integer that a double would round, [`CanonicalError::TooDeep`] for a value
/// nested deeper than [`DEPTH_MAX`]. Whatever [`parse`] returned is written without error.
pub fn to_bytes(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::with_capacity(CAPACITY);
    write_value(value, &mut out)?;
    Ok(out)
}

/// As [`to_bytes`], as a string.
///
/// # Errors
/// As [`to_bytes`].
pub fn to_text(value: &Value) -> Result<String, CanonicalError> {
    // What is written is UTF-8; that this is checked again costs little beside the writing.
    String::from_utf8(to_bytes(value)?).map_err(|_| CanonicalError::NotCanonical)
}

/// Reads JSON that must already be in canonical form: what is stored, hashed or signed.
///
/// # Errors
/// As [`parse`], and [`CanonicalError::NotCanonical`] where the bytes differ from what [`to_bytes`] writes.
pub fn parse_exact(bytes: &[u8], limit: usize) -> Result<Value, CanonicalError> {
    let value = parse(bytes, limit)?;
    check_exact(bytes, limit)?;
    Ok(value)
}

/// As [`parse_exact`] for whoever needs no value.
///
/// # Errors
/// As [`parse_exact`].
pub fn check_exact(bytes: &[u8], limit: usize) -> Result<(), CanonicalError> {
    Canonicalizer::new().check_exact(bytes, limit)
}

/// The integer that the canonical text of a number spells, or `None` where it is no number, no integer, or outside i64.
///
/// Unlike [`Value::as_i64`] this also answers for integers from 2^53 on, which [`parse`] returns as doubles: whatever
/// i64 [`to_bytes`] writes is read back as the same i64.
#[must_use]
pub fn integer(value: &Value) -> Option<i64> {
    value.as_number().and_then(number::integer)
}

/// `pointer` with one more reference token (RFC 6901, section 3).
#[must_use]
pub fn pointer_child(pointer: &str, token: &str) -> String {
    let mut child = String::from(pointer);
    fault::push_token(&mut child, token);
    child
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sample_of_the_docs_holds() {
        let text = r#"{ "b": 1.0, "a": "\u00e9", "c": 1e21 }"#;
        let value = parse(text.as_bytes(), BYTES_MAX).unwrap();
        assert_eq!(value, json!({ "a": "é", "b": 1, "c": 1e21 }));
        assert_eq!(to_text(&value).unwrap(), r#"{"a":"é","b":1,"c":1e+21}"#);
    }

    #[test]
    fn keys_are_ordered_by_utf16_units() {
        // By code point U+FB33 sorts before U+1F602; by UTF-16 units (D83D DE02) it sorts after.
        let value = json!({ "\u{fb33}": 1, "\u{1f602}": 2, "\u{e000}": 3, "\u{d7ff}": 4, "é": 5, "a": 6, "": 7 });
        let expected = "{\"\":7,\"a\":6,\"é\":5,\"\u{d7ff}\":4,\"\u{1f602}\":2,\"\u{e000}\":3,\"\u{fb33}\":1}";
        assert_eq!(to_text(&value).unwrap(), expected);
    }

    #[test]
    fn strings_are_escaped_as_ecmascript_does() {
        let all: String = (0..=0x20_u8).map(char::from).chain("\"\\/\u{7f}\u{2028}😂".chars()).collect();
        let expected = concat!(
            r#""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f"#,
            r#"\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f "#,
            "\\\"\\\\/\u{7f}\u{2028}😂\"",
        );
        assert_eq!(to_text(&Value::from(all.as_str())).unwrap(), expected);
        assert_eq!(parse_exact(expected.as_bytes(), BYTES_MAX).unwrap(), Value::from(all));
    }

    #[test]
    fn length_is_refused_before_anything_is_read() {
        let error = CanonicalError::TooLong { limit: 3, found: 4 };
        assert_eq!(parse(b"\xff\xff\xff\xff", 3), Err(error));
        assert_eq!(parse(b"1234", 4), Ok(json!(1234)));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_at_their_offset() {
        assert_eq!(parse(b"[\"a\xc3\"]", 99), Err(CanonicalError::NotUtf8 { offset: 3 }));
        assert_eq!(parse(b"\"\xed\xa0\x80\"", 99), Err(CanonicalError::NotUtf8 { offset: 1 }));
    }

    #[test]
    fn exact_reading_refuses_every_other_spelling() {
        assert_eq!(parse_exact(br#"{"a":1,"b":[]}"#, 99), Ok(json!({ "a": 1, "b": [] })));
        for text in [
            r#"{"b":[],"a":1}"#,
            r#"{"a":1, "b":[]}"#,
            r#"{"\u0061":1}"#,
            "1.0",
            "-0",
            "1e21",
            r#""\/""#,
            r#""\u001F""#,
            "1\n",
        ] {
            assert_eq!(parse_exact(text.as_bytes(), 99), Err(CanonicalError::NotCanonical), "{text}");
        }
    }

    #[test]
    fn pointers_escape_tilde_before_slash() {
        assert_eq!(pointer_child("", "a/b~c"), "/a~1b~0c");
        assert_eq!(pointer_child("/x", "~1"), "/x/~01");
        assert_eq!(pointer_child("/x", ""), "/x/");
    }

    #[test]
    fn every_integer_that_is_written_is_read_back() {
        let safe = 1_i64 << 53;
        for integer in [0, 1, -1, safe - 1, 1 - safe, safe, -safe, safe + 2, 10_i64.pow(18), 1_152_921_504_606_847_000]
        {
            let bytes = to_bytes(&Value::from(integer)).unwrap();
            assert_eq!(bytes, integer.to_string().into_bytes());
            let value = parse_exact(&bytes, 99).unwrap();
            assert_eq!(super::integer(&value), Some(integer));
        }
        for value in [json!(0.5), json!(1e21), json!(1e19), json!("1"), json!(null), json!(u64::MAX)] {
            assert_eq!(super::integer(&value), None, "{value}");
        }
    }
}
