//! Canonical JSON appended to what is being written, from values of which nothing is left to check.

use serde_json::{Map, Number, Value};

pub(super) use crate::record::write_text as string;

/// Writes a value whose numbers have a canonical form. Depth is bounded: the value was surveyed.
pub(super) fn value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => self::number(number, out),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            let mut separator = b'[';
            for item in items {
                out.push(separator);
                separator = b',';
                self::value(item, out);
            }
            out.extend_from_slice(if items.is_empty() { b"[]" } else { b"]" });
        }
        Value::Object(members) if in_order(members) => members_of(members.iter(), out),
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            members_of(sorted.into_iter(), out);
        }
    }
}

fn members_of<'v>(members: impl Iterator<Item = (&'v String, &'v Value)>, out: &mut Vec<u8>) {
    let start = out.len();
    for (name, member) in members {
        out.push(if out.len() == start { b'{' } else { b',' });
        string(name, out);
        out.push(b':');
        value(member, out);
    }
    out.extend_from_slice(if out.len() == start { b"{}" } else { b"}" });
}

/// Writes a number as ECMAScript does (RFC 8785, section 3.2.2.3).
fn number(number: &Number, out: &mut Vec<u8>) {
    match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(integer), ..) => {
            if integer < 0 {
                out.push(b'-');
            }
            digits(integer.unsigned_abs(), out);
        }
        (None, Some(integer), _) => digits(integer, out),
        // A number of a value is finite.
        (None, None, double) => {
            let mut buffer = ryu_js::Buffer::new();
            out.extend_from_slice(buffer.format(double.unwrap_or_default()).as_bytes());
        }
    }
}

/// Writes the decimal digits of `rest`.
fn digits(mut rest: u64, out: &mut Vec<u8>) {
    // 2^64 has twenty digits.
    let mut text = [b'0'; 20];
    let mut start = text.len();
    for (at, place) in text.iter_mut().enumerate().rev() {
        *place = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        start = at;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(text.get(start..).unwrap_or_default());
}

/// Whether the members of a map stand in canonical order: it holds them by code point, the canonical form by UTF-16 unit,
/// and the two differ only where a name reaches beyond U+FFFF.
pub(super) fn in_order(members: &Map<String, Value>) -> bool {
    members.keys().all(|name| name.bytes().all(|byte| byte < 0xf0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::canonical;

    fn written(value: &Value) -> Vec<u8> {
        let mut out = b"before".to_vec();
        super::value(value, &mut out);
        out.split_off(6)
    }

    #[test]
    fn what_is_written_is_the_canonical_form() {
        let integers = (0..53).flat_map(|bit| [1_i64 << bit, (1 << bit) - 1, -(1 << bit)]).map(Value::from);
        let doubles = [0.5, -0.0, 1e21, 1e-7, 5e-324, f64::MAX, 123456.75, 1e15].map(Value::from);
        let texts = ["", "\u{0}\u{1f}\"\\/é\u{1f600}\n", "plain"].map(Value::from);
        let nested = [
            json!([]),
            json!({}),
            json!([null, true, false, [{}], {"b": [1, {"a": ""}], "a": 2}]),
            json!({ "\u{fb33}": 1, "\u{1f602}": 2, "\u{e000}": {"\u{ffff}": 1, "\u{10000}": 2}, "é": 5, "a": 6, "": 7 }),
        ];
        let large = [10_u64.pow(19), 1 << 63, 1 << 53].map(Value::from);
        for value in integers.chain(doubles).chain(texts).chain(nested).chain(large) {
            if let Ok(canonical) = canonical::to_bytes(&value) {
                assert_eq!(String::from_utf8(written(&value)).unwrap(), String::from_utf8(canonical).unwrap());
            } else {
                assert_eq!(value, json!(1_u64 << 63), "refused");
            }
        }
    }
}
