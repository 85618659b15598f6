//! Canonical bytes of a value, written straight to where they are wanted.

use serde_json::{Map, Number, Value};

use super::chunk::{escape_of, is_plain_text, stop_from};
use super::{DEPTH_MAX, gate, number, order};
use crate::error::CanonicalError;

/// 2^53. Up to it every integer is a double, and is written with its digits.
const SAFE_END: u64 = 1 << 53;
/// Digits of a u64.
const DIGITS_MAX: usize = 20;

/// Appends the canonical bytes of a value to `out`, which is left as it was where the value is refused.
///
/// Cost: one pass over the value, and one more over the names of each object; no memory but `out`, except for objects
/// with names beyond U+DFFF.
///
/// # Errors
/// As [`to_bytes`](super::to_bytes).
pub fn write_value(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    let start = out.len();
    write(value, out, 0).map_err(|Refused| {
        out.truncate(start);
        // The gate names the place. It refuses for the same reasons, so it always has one to tell.
        gate::check(value, 0).err().map_or(CanonicalError::NotCanonical, |fault| fault.into_error())
    })
}

/// The value is one that the gate refuses.
struct Refused;

/// Writes `value`, around which `depth` arrays and objects are open.
fn write(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), Refused> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::String(text) => write_string(text, out),
        Value::Number(number) => return write_number(number, out),
        Value::Array(_) | Value::Object(_) if depth >= DEPTH_MAX => return Err(Refused),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Object(members) => return write_object(members, out, depth + 1),
    }
    Ok(())
}

fn write_object(members: &Map<String, Value>, out: &mut Vec<u8>, depth: usize) -> Result<(), Refused> {
    // A map is in the order of UTF-8, which is that of UTF-16 for most names.
    if members.keys().is_sorted_by(|first, second| order::compare(first.as_bytes(), second.as_bytes()).is_lt()) {
        return write_members(members.iter(), out, depth);
    }
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by(|(first, _), (second, _)| order::compare(first.as_bytes(), second.as_bytes()));
    write_members(sorted.into_iter(), out, depth)
}

fn write_members<'value>(
    members: impl Iterator<Item = (&'value String, &'value Value)>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Refused> {
    out.push(b'{');
    for (index, (name, member)) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        write(member, out, depth)?;
    }
    out.push(b'}');
    Ok(())
}

/// Appends a string with its quotation marks (RFC 8785, section 3.2.2.2).
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    let text = text.as_bytes();
    out.reserve(text.len() + 2);
    out.push(b'"');
    if is_plain_text(text) {
        out.extend_from_slice(text);
    } else {
        write_escaped(text, out);
    }
    out.push(b'"');
}

fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    loop {
        let stop = stop_from(text, at);
        out.extend_from_slice(text.get(at..stop).unwrap_or_default());
        let Some(byte) = text.get(stop) else { return };
        let (escape, length) = escape_of(*byte);
        out.extend_from_slice(escape.get(..length).unwrap_or_default());
        at = stop + 1;
    }
}

fn write_number(number: &Number, out: &mut Vec<u8>) -> Result<(), Refused> {
    if let Some(integer) = number.as_i64()
        && integer.unsigned_abs() <= SAFE_END
    {
        write_integer(integer, out);
        return Ok(());
    }
    number::check(number).map_err(|_| Refused)?;
    let double = number.as_f64().ok_or(Refused)?;
    out.extend_from_slice(ryu_js::Buffer::new().format_finite(double).as_bytes());
    Ok(())
}

/// Appends an integer's decimal digits.
fn write_integer(integer: i64, out: &mut Vec<u8>) {
    if integer < 0 {
        out.push(b'-');
    }
    let mut rest = integer.unsigned_abs();
    let mut digits = [0; DIGITS_MAX];
    let mut count = 0;
    for place in digits.iter_mut().rev() {
        // A remainder of ten is below 256.
        *place = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(DIGITS_MAX - count..).unwrap_or_default());
}
