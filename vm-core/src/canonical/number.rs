//! Numbers: IEEE 754 doubles, written as ECMAScript writes them (RFC 8785, section 3.2.2.3).
//!
//! An integer may stand in a text or a value only if its double is written with the same digits again, so that nothing
//! is rounded silently and canonical text is always accepted again:
//!
//! ```text
//! 9007199254740993        refused: the nearest double is written 9007199254740992
//! 9007199254740994        accepted
//! 100000000000000000000   accepted
//! 1000000000000000000000  refused: written 1e+21, and accepted in that form
//! 0.1, 1e21, 1.50         accepted: a token with a point or an exponent asks for a double, and is read as the nearest
//! ```

use serde_json::Number;

use crate::error::CanonicalError;

/// 2^53: below it every integer is a double and every integral double an integer of its own (RFC 7493, section 2.2).
const SAFE_END: f64 = 9_007_199_254_740_992.0;
/// Digits that every double keeps (DBL_DIG of IEEE 754 binary64).
const SHORT: usize = 15;

/// The number that `token` stands for; the caller has checked the grammar of RFC 8259. The pointer in an error is empty.
pub(super) fn from_token(token: &str) -> Result<Number, CanonicalError> {
    // Most numbers: integers so short that their double has the same digits.
    if token.len() <= SHORT
        && let Ok(integer) = token.parse::<i64>()
    {
        return Ok(Number::from(integer));
    }
    from_double(double(token)?).ok_or_else(not_finite)
}

/// The double that `token` stands for, as in [`from_token`].
pub(super) fn double(token: &str) -> Result<f64, CanonicalError> {
    // Rust reads every token of the grammar as the nearest double, in time linear in its length. Were it to refuse
    // one, refusing is right for us too.
    let double: f64 = token.parse().map_err(|_| not_finite())?;
    if !double.is_finite() {
        return Err(not_finite());
    }
    if !token.contains(['.', 'e', 'E']) {
        check_integer(token, double)?;
    }
    Ok(double)
}

/// Whether a number of a value may be written. The pointer in an error is empty.
pub(super) fn check(number: &Number) -> Result<(), CanonicalError> {
    let double = number.as_f64().filter(|double| double.is_finite());
    let double = double.ok_or_else(not_finite)?;
    if number.is_f64() { Ok(()) } else { check_integer(&number.to_string(), double) }
}

/// The integer that the canonical digits of `number` spell.
pub(super) fn integer(number: &Number) -> Option<i64> {
    let spelled = || ryu_js::Buffer::new().format_finite(number.as_f64()?).parse().ok();
    number.as_i64().or_else(spelled)
}

/// Equal doubles give equal numbers: -0 is 0, an integral double below 2^53 is an integer, all else stays a double.
fn from_double(double: f64) -> Option<Number> {
    if double.fract() == 0.0 && double.abs() < SAFE_END {
        #[expect(
            clippy::as_conversions,
            reason = "integral and below 2^53 in magnitude, by the line above, so i64 holds it exactly"
        )]
        let integer = double as i64;
        return Some(Number::from(integer));
    }
    Number::from_f64(double)
}

/// Refuses an integer whose double is not written with the same digits. `-0` is another way to write `0`.
fn check_integer(digits: &str, double: f64) -> Result<(), CanonicalError> {
    if digits == "-0" || ryu_js::Buffer::new().format_finite(double) == digits {
        return Ok(());
    }
    let pointer = String::new();
    Err(CanonicalError::UnsafeInteger { pointer })
}

fn not_finite() -> CanonicalError {
    let pointer = String::new();
    CanonicalError::NotFinite { pointer }
}

#[cfg(test)]
mod tests {
    use super::super::{BYTES_MAX, parse, parse_exact, to_text};
    use super::*;

    fn canonical(token: &str) -> Result<String, CanonicalError> {
        parse(token.as_bytes(), BYTES_MAX).and_then(|value| to_text(&value))
    }

    /// RFC 8785, appendix B: bits of a double and its text; the three that are not finite have none.
    const APPENDIX_B: [(u64, &str); 24] = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];

    #[test]
    fn the_vectors_of_appendix_b_hold() {
        for (bits, text) in APPENDIX_B {
            let double = f64::from_bits(bits);
            let value = serde_json::Value::from(double);
            assert_eq!(to_text(&value).unwrap(), text);
            let read = parse_exact(text.as_bytes(), BYTES_MAX).unwrap();
            assert!(read.as_f64().unwrap() == double, "{text}");
        }
        for bits in [0x7fff_ffff_ffff_ffff, 0x7ff0_0000_0000_0000, 0xfff0_0000_0000_0000] {
            assert!(from_double(f64::from_bits(bits)).is_none());
        }
    }

    #[test]
    fn integers_are_accepted_by_their_digits() {
        for token in [
            "0",
            "-1",
            "9007199254740991",
            "9007199254740992",
            "9007199254740994",
            "-9007199254740994",
            "1152921504606847000",
            "100000000000000000000",
            "999999999999999900000",
        ] {
            assert_eq!(canonical(token).as_deref(), Ok(token));
        }
        for token in [
            "9007199254740993",
            "-9007199254740993",
            "1152921504606846976",
            "18446744073709551615",
            "18446744073709551616",
            "100000000000000000001",
            "1000000000000000000000",
        ] {
            let pointer = String::new();
            assert_eq!(canonical(token), Err(CanonicalError::UnsafeInteger { pointer }), "{token}");
        }
    }

    #[test]
    fn other_tokens_are_read_as_the_nearest_double() {
        for (token, text) in [
            ("-0", "0"),
            ("-0.0", "0"),
            ("-0e5", "0"),
            ("1.0", "1"),
            ("10e-1", "1"),
            ("1E2", "100"),
            ("9007199254740993.0", "9007199254740992"),
            ("1000000000000000000000.0", "1e+21"),
            ("0.1000000000000000055511151231257827", "0.1"),
            ("1e-400", "0"),
            ("0e999999999999999999999", "0"),
            ("2.2250738585072011e-308", "2.225073858507201e-308"),
            ("1.7976931348623158079e308", "1.7976931348623157e+308"),
        ] {
            assert_eq!(canonical(token).as_deref(), Ok(text), "{token}");
        }
        let integer = "9".repeat(400);
        for token in ["1e309", "-1e400", "1e999999999999999999999", "1.7976931348623159e308", &integer] {
            let pointer = String::new();
            assert_eq!(canonical(token), Err(CanonicalError::NotFinite { pointer }), "{token}");
        }
    }

    #[test]
    fn equal_doubles_are_equal_values() {
        for group in [
            ["1", "1.0", "100e-2"],
            ["0", "-0", "0e1"],
            ["9007199254740992", "9007199254740993.0", "9.007199254740992e15"],
            ["-9007199254740991", "-9007199254740991.0", "-9.007199254740991E+15"],
            ["1e16", "10000000000000000", "10000000000000000.0"],
        ] {
            let [first, second, third] = group.map(|token| parse(token.as_bytes(), BYTES_MAX).unwrap());
            assert_eq!(first, second);
            assert_eq!(second, third);
        }
    }

    #[test]
    fn integers_end_at_2_to_the_53() {
        for (token, integer) in
            [("9007199254740991.0", Some((1 << 53) - 1)), ("-9007199254740991", Some(1 - (1 << 53)))]
        {
            assert_eq!(from_token(token).unwrap().as_i64(), integer);
        }
        for token in ["9007199254740992", "-9007199254740992.0", "0.5"] {
            assert!(from_token(token).unwrap().is_f64(), "{token}");
        }
    }
}
