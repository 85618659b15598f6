//! Strings: looked through for what does not stand for itself.

use super::super::chunk::{escape_of, is_plain, stop_from};
use super::Why;
use super::place::{Go, PIECE, Place};

/// Reads the string whose opening quotation mark comes next.
#[inline(always)]
pub(super) fn string(text: &[u8], out: &mut [u8], place: Place) -> Go {
    let mut place = place.keep(1);
    loop {
        place.at = stop_from(text, place.at);
        match place.peek(text) {
            Some(b'"') => return Ok(place.keep(1)),
            Some(b'\\') => match text.get(place.at + 1) {
                Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => place = place.keep(2),
                _ => place = other_escape(text, out, place)?,
            },
            Some(_) => return Err(Why::expected(place.at, "an escape in place of a control character")),
            None => return Err(Why::expected(place.at, "a closing quotation mark")),
        }
    }
}

/// Reads an escape that is not canonical, or none, and writes what canonical form has in its place.
#[inline(never)]
fn other_escape(text: &[u8], out: &mut [u8], place: Place) -> Go {
    let at = place.at + 1;
    match text.get(at) {
        Some(b'/') => place.replace(*b"/       ", 1, at + 1, text, out),
        Some(b'u') => {
            let (character, at) = unicode_escape(text, at + 1)?;
            let (piece, length) = match u8::try_from(character) {
                Ok(byte) if !is_plain(byte) => escape_of(byte),
                _ => {
                    let mut piece = [0; PIECE];
                    let length = character.encode_utf8(&mut piece).len();
                    (piece, length)
                }
            };
            place.replace(piece, length, at, text, out)
        }
        _ => Err(Why::expected(at, "one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u")),
    }
}

/// Reads `XXXX`, or `XXXX\uXXXX` where the first is a surrogate: the character, and the place after it.
fn unicode_escape(text: &[u8], at: usize) -> Result<(char, usize), Why> {
    let (first, at) = utf16_unit(text, at)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Ok((character, at));
    }
    if let Some(b"\\u") = text.get(at..).and_then(<[u8]>::first_chunk::<2>) {
        let (second, at) = utf16_unit(text, at + 2)?;
        if let Some(Ok(character)) = char::decode_utf16([first, second]).next() {
            return Ok((character, at));
        }
    }
    Err(Why::LoneSurrogate)
}

/// Four hexadecimal digits, and the place after them.
fn utf16_unit(text: &[u8], at: usize) -> Result<(u16, usize), Why> {
    let digits = text.get(at..).and_then(<[u8]>::first_chunk::<4>);
    let unit = digits.and_then(|digits| {
        digits.iter().try_fold(0_u16, |unit, digit| {
            let digit = char::from(*digit).to_digit(16).and_then(|digit| u16::try_from(digit).ok())?;
            Some(unit.wrapping_shl(4) | digit)
        })
    });
    unit.map(|unit| (unit, at + 4)).ok_or_else(|| Why::expected(at, "four hexadecimal digits"))
}
