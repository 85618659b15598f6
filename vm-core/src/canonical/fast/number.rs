//! Numbers: most are canonical as they stand, or after moving the point.
//!
//! A decimal of at most 15 significant digits is the only one of 15 digits or fewer among those that read as its double,
//! as long as the double is not subnormal (DBL_DIG of IEEE 754 binary64). So its digits are those that ECMAScript
//! prints, and no double is needed to see it.

use super::super::number;
use super::Why;
use super::decimal::{Decimal, EXACT_DIGITS};
use super::place::{Go, Place};
use crate::error::CanonicalError;

/// 2^53. Up to it every integer is a double, and is written with its digits.
const SAFE_END: &[u8] = b"9007199254740992";
/// What follows the point of a number that takes an exponent if it begins with 0: one below 0.000001.
const SMALL: &[u8] = b"000000";

/// Reads the number that comes next.
#[inline(always)]
pub(super) fn number(text: &[u8], out: &mut [u8], place: Place) -> Go {
    let digits = if place.peek(text) == Some(b'-') { place.at + 1 } else { place.at };
    // A leading zero stands alone.
    let point = if text.get(digits) == Some(&b'0') { digits + 1 } else { digits_end(text, digits)? };
    if let Some(b'.' | b'e' | b'E') = text.get(point) {
        return fraction(text, out, place, [digits, point]);
    }
    let integer = text.get(digits..point).unwrap_or_default();
    if integer.len() > EXACT_DIGITS && (integer.len() != SAFE_END.len() || integer > SAFE_END) {
        return any(text, out, place, point);
    }
    if digits > place.at && integer == b"0" {
        // `-0` is 0.
        return Ok(place.drop_until(digits, text, out)?.keep(1));
    }
    Ok(Place { at: point, ..place })
}

/// Reads on from the point or exponent that ends the integral digits.
#[inline(never)]
fn fraction(text: &[u8], out: &mut [u8], place: Place, [digits, point]: [usize; 2]) -> Go {
    let integer = text.get(digits..point).unwrap_or_default();
    let mut end = point;
    let mut fraction: &[u8] = b"";
    if text.get(end) == Some(&b'.') {
        end = digits_end(text, end + 1)?;
        fraction = text.get(point + 1..end).unwrap_or_default();
    }
    let mut exponent: &[u8] = b"";
    if let Some(b'e' | b'E') = text.get(end) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let digits = end + 1;
        end = digits_end(text, digits + sign)?;
        exponent = text.get(digits..end).unwrap_or_default();
    } else if let Some(kept) = kept_digits(integer, fraction) {
        let last = if kept == 0 { point } else { point + 1 + kept };
        let place = Place { at: last, ..place };
        return if last == end { Ok(place) } else { place.drop_until(end, text, out) };
    }
    let Some(decimal) = Decimal::new(integer, fraction, exponent) else { return any(text, out, place, end) };
    let mut buffer = [0; Decimal::LENGTH_MAX];
    place.replace_with(decimal.write(digits > place.at, &mut buffer), end, text, out)
}

/// How many digits of the fraction are kept of a number that is canonical but for zeros at its end.
fn kept_digits(integer: &[u8], fraction: &[u8]) -> Option<usize> {
    let zeros = fraction.iter().rev().take_while(|digit| **digit == b'0').count();
    // Zero may have a sign to lose, and a small number takes an exponent.
    let is_zero_or_small = integer == b"0" && (zeros == fraction.len() || fraction.starts_with(SMALL));
    let is_exact = integer.len() + fraction.len() <= EXACT_DIGITS;
    (is_exact && !is_zero_or_small).then_some(fraction.len() - zeros)
}

/// Writes the number that ends at `end` by way of its double.
#[inline(never)]
fn any(text: &[u8], out: &mut [u8], place: Place, end: usize) -> Go {
    let token = text.get(place.at..end).and_then(|token| core::str::from_utf8(token).ok()).unwrap_or_default();
    match number::double(token) {
        Ok(double) => place.replace_with(ryu_js::Buffer::new().format_finite(double).as_bytes(), end, text, out),
        Err(CanonicalError::UnsafeInteger { .. }) => Err(Why::UnsafeInteger),
        Err(_) => Err(Why::NotFinite),
    }
}

/// The end of the digits at `at`, of which there must be one.
#[inline(always)]
fn digits_end(text: &[u8], at: usize) -> Result<usize, Why> {
    let mut end = at;
    while let Some(b'0'..=b'9') = text.get(end) {
        end += 1;
    }
    if end == at { Err(Why::expected(at, "a digit")) } else { Ok(end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not kept as it stands is written again from its digits, or by way of its double: the same, slower.
    #[test]
    fn digits_are_kept_but_for_zeros_at_the_end() {
        for (integer, fraction, kept) in [
            ("1", "0", Some(0)),
            ("1", "00", Some(0)),
            ("1", "5", Some(1)),
            ("1", "50", Some(1)),
            ("12345678", "1234567", Some(7)),
            ("12345678", "12345678", None),
            ("1", "000000", Some(0)),
            ("1", "0000001", Some(7)),
            ("0", "5", Some(1)),
            ("0", "000001", Some(6)),
            ("0", "0000001", None),
            ("0", "0", None),
            ("0", "00", None),
        ] {
            assert_eq!(kept_digits(integer.as_bytes(), fraction.as_bytes()), kept, "{integer}.{fraction}");
        }
    }

    /// Where the text goes on being pending, nothing was written.
    #[test]
    fn canonical_numbers_are_left_as_they_stand() {
        for token in [
            "0",
            "7",
            "-7",
            "123456789012345",
            "-123456789012345",
            "9007199254740991",
            "9007199254740992",
            "-9007199254740992",
            "0.5",
            "-0.5",
            "1234.5678",
            "0.000001",
            "12345678.1234567",
        ] {
            let place = number(token.as_bytes(), &mut [0; 64], Place::START).unwrap();
            assert_eq!((place.at, place.done), (token.len(), 0), "{token}");
        }
    }
}
