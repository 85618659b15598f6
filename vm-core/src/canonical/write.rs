//! Canonical bytes of a value, written straight to where they are wanted.

use serde_json::{Map, Number, Value};

use super::chunk::{escape_of, is_plain_text, quotes, stop_from};
use super::{DEPTH_MAX, gate, number, order};
use crate::error::CanonicalError;

/// 2^53. Up to it every integer is a double, and is written with its digits.
const SAFE_END: u64 = 1 << 53;
/// Digits of a u64.
const DIGITS_MAX: usize = 20;
/// Bytes of a string escaped at once: bounds the room that is made ready and not used.
const PIECE: usize = 4_096;
/// Bytes of a machine word.
const WORD: usize = 8;

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
    for piece in text.chunks(PIECE) {
        if has_control(piece) {
            write_by_runs(piece, out);
        } else {
            write_by_words(piece, out);
        }
    }
}

/// Whether there is a control character. All bytes are looked at, several at once.
fn has_control(text: &[u8]) -> bool {
    text.iter().fold(false, |any, byte| any | (*byte < b' '))
}

fn write_by_runs(text: &[u8], out: &mut Vec<u8>) {
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

/// Writes text without control characters, such as JSON inside a string, where an escape comes every few bytes: copies whole
/// words, and at each quotation mark or backslash puts another backslash and the rest of the word again, one place further.
fn write_by_words(text: &[u8], out: &mut Vec<u8>) {
    let (words, rest) = text.as_chunks::<WORD>();
    let mut last = [b' '; WORD];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let begin = out.len();
    // Room for an escape of every byte, and for a word that is put at the last of them.
    out.resize(begin + 2 * text.len() + WORD, 0);
    let room = out.get_mut(begin..).unwrap_or_default();
    let mut written = 0;
    for word in words.iter().chain([&last]) {
        put(*word, written, room);
        let mut stops = quotes(u64::from_le_bytes(*word));
        while stops != 0 {
            let place = stops.trailing_zeros() / 8;
            // At most 7, which every usize holds.
            let at = written + usize::try_from(place).unwrap_or_default();
            put([b'\\'], at, room);
            put((u64::from_le_bytes(*word) >> (8 * place)).to_le_bytes(), at + 1, room);
            written += 1;
            stops &= stops - 1;
        }
        written += WORD;
    }
    out.truncate(begin + written - (WORD - rest.len()));
}

#[inline(always)]
fn put<const N: usize>(bytes: [u8; N], at: usize, room: &mut [u8]) {
    if let Some(place) = room.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = bytes;
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
pub(crate) fn write_integer(integer: i64, out: &mut Vec<u8>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        write_string(text, &mut out);
        out
    }

    /// Every length up to some words, with an escape at every byte, at every second, and at one place alone; and as much
    /// again as is escaped at once.
    #[test]
    fn escapes_may_stand_anywhere() {
        let expected = |text: &str| serde_json::to_string(text).unwrap().into_bytes();
        for length in 0..70 {
            for escaped in ["\"", "\\", "\"\\", "\"a", "é\"", "\u{1}\u{2}", "\" \u{1f}"] {
                let text: String = escaped.chars().cycle().take(length).collect();
                for before in [0, PIECE - 1, PIECE, 2 * PIECE + 3] {
                    let text = "x".repeat(before) + &text;
                    assert_eq!(written(&text), expected(&text), "{escaped:?}, {length} after {before}");
                }
            }
            for place in 0..length {
                let text = "a".repeat(place) + "\\" + &"b".repeat(length - place);
                assert_eq!(written(&text), expected(&text));
            }
        }
    }

    /// Other text is written in words: the same, faster.
    #[test]
    fn control_characters_are_seen_and_nothing_else() {
        for byte in 0..=255_u8 {
            for text in [[byte, b'a', b'a'], [b'a', byte, b'a'], [b'a', b'a', byte], [byte; 3]] {
                assert_eq!(has_control(&text), byte < b' ', "{text:?}");
            }
        }
        assert!(!has_control(b"") && has_control(b"\n\n"));
    }

    #[test]
    fn a_string_without_escapes_takes_the_room_it_needs() {
        let out = written(&"x".repeat(1_000));
        assert!((1_002..1_100).contains(&out.capacity()), "{}", out.capacity());
    }
}
