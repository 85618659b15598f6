//! Decimals of few digits, written as ECMAScript writes numbers, without a double.

/// Digits that every double keeps: a decimal of so many is found again among those that read as its double.
pub(super) const EXACT_DIGITS: usize = 15;
/// Exponents written out are shorter than this; longer ones have no use or no double.
const EXPONENT_DIGITS: usize = 3;
/// Far from where doubles become subnormal (1e-308) and end (1e308).
const POINT_MAX: i32 = 290;
/// From 1e21 on numbers are written with an exponent (ECMA-262, `Number::toString`).
const LARGE: i32 = 21;
/// Below 1e-6 they are, too.
const SMALL: i32 = -6;

/// The number 0.d1d2d3... times 10 to the power of `point`; d1 and the last digit are not zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal {
    digits: [u8; EXACT_DIGITS],
    count: usize,
    point: i32,
}

impl Decimal {
    /// Longest text of a decimal: `-0.00000` and 15 digits, or 21 digits and a sign, or `-d.d(14)e-290`.
    pub(super) const LENGTH_MAX: usize = 32;

    /// The decimal of a token's parts, all ASCII digits but for the sign of the exponent. `None` where it has too many
    /// digits or too large an exponent for this way.
    pub(super) fn new(integer: &[u8], fraction: &[u8], exponent: &[u8]) -> Option<Self> {
        let all = || integer.iter().chain(fraction);
        let leading = all().take_while(|digit| **digit == b'0').count();
        let trailing = all().rev().take_while(|digit| **digit == b'0').count();
        let length = integer.len() + fraction.len();
        let mut digits = [b'0'; EXACT_DIGITS];
        if leading == length {
            return Some(Self { digits, count: 0, point: 0 });
        }
        let count = length - leading - trailing;
        digits.get_mut(..count)?.iter_mut().zip(all().skip(leading)).for_each(|(place, digit)| *place = *digit);
        let point = i32::try_from(integer.len()).ok()? - i32::try_from(leading).ok()?;
        let point = point.checked_add(exponent_of(exponent)?)?;
        (-POINT_MAX..=POINT_MAX).contains(&point).then_some(Self { digits, count, point })
    }

    /// Writes the decimal (RFC 8785, section 3.2.2.3) and returns what was written.
    pub(super) fn write(self, is_negative: bool, buffer: &mut [u8; Self::LENGTH_MAX]) -> &[u8] {
        let mut text = Text { buffer, length: 0 };
        let digits = self.digits.get(..self.count).unwrap_or_default();
        let [first, rest @ ..] = digits else {
            text.push(b"0");
            return text.written();
        };
        if is_negative {
            text.push(b"-");
        }
        let before = usize::try_from(self.point).unwrap_or(0);
        if self.point > LARGE || self.point <= SMALL {
            text.push(&[*first]);
            if !rest.is_empty() {
                text.push(b".");
                text.push(rest);
            }
            text.push(if self.point.is_negative() { b"e-" } else { b"e+" });
            text.push_number((self.point - 1).unsigned_abs());
        } else if let Some((integer, fraction)) = digits.split_at_checked(before).filter(|_| before > 0) {
            text.push(integer);
            if !fraction.is_empty() {
                text.push(b".");
                text.push(fraction);
            }
        } else if before > 0 {
            text.push(digits);
            (digits.len()..before).for_each(|_| text.push(b"0"));
        } else {
            text.push(b"0.");
            (self.point..0).for_each(|_| text.push(b"0"));
            text.push(digits);
        }
        text.written()
    }
}

/// The exponent that is spelt so; empty is none.
fn exponent_of(text: &[u8]) -> Option<i32> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.len() > EXPONENT_DIGITS {
        return None;
    }
    let exponent = digits.iter().fold(0, |exponent, digit| exponent * 10 + i32::from(digit - b'0'));
    Some(if is_negative { -exponent } else { exponent })
}

/// Text that grows in a buffer that is large enough.
struct Text<'buffer> {
    buffer: &'buffer mut [u8; Decimal::LENGTH_MAX],
    length: usize,
}

impl<'buffer> Text<'buffer> {
    fn push(&mut self, piece: &[u8]) {
        let free = self.buffer.get_mut(self.length..).unwrap_or_default();
        free.iter_mut().zip(piece).for_each(|(place, byte)| *place = *byte);
        self.length += piece.len();
    }

    /// Up to three digits.
    fn push_number(&mut self, number: u32) {
        for unit in [100, 10, 1] {
            if number >= unit {
                let digit = u8::try_from(number / unit % 10).unwrap_or_default();
                self.push(&[b'0' + digit]);
            }
        }
    }

    fn written(self) -> &'buffer [u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(integer: &str, fraction: &str, exponent: &str) -> Option<String> {
        let decimal = Decimal::new(integer.as_bytes(), fraction.as_bytes(), exponent.as_bytes())?;
        let mut buffer = [0; Decimal::LENGTH_MAX];
        Some(String::from_utf8(decimal.write(true, &mut buffer).to_vec()).unwrap())
    }

    #[test]
    fn decimals_are_written_as_ecmascript_writes_them() {
        for (integer, fraction, exponent, expected) in [
            ("0", "0", "", "0"),
            ("0", "", "+99", "0"),
            ("100", "00", "", "-100"),
            ("1", "50", "", "-1.5"),
            ("12", "", "-1", "-1.2"),
            ("1", "", "20", "-100000000000000000000"),
            ("1", "", "21", "-1e+21"),
            ("123456789012345", "", "6", "-123456789012345000000"),
            ("123456789012345", "", "7", "-1.23456789012345e+21"),
            ("0", "000001", "", "-0.000001"),
            ("0", "00000123456789012345", "", "-0.00000123456789012345"),
            ("0", "0000001", "", "-1e-7"),
            ("123456789012345", "", "-289", "-1.23456789012345e-275"),
            ("1", "", "-290", "-1e-290"),
            ("1", "", "289", "-1e+289"),
        ] {
            let found = written(integer, fraction, exponent);
            assert_eq!(found.as_deref(), Some(expected), "{integer}.{fraction}e{exponent}");
        }
    }

    #[test]
    fn what_has_too_many_digits_or_too_large_an_exponent_goes_another_way() {
        for (integer, fraction, exponent) in [
            ("1234567890123456", "", ""),
            ("1", "234567890123456", ""),
            ("1", "", "290"),
            ("1", "", "-292"),
            ("1", "", "0001"),
            ("1", "", "9999999999"),
        ] {
            assert_eq!(written(integer, fraction, exponent), None, "{integer}.{fraction}e{exponent}");
        }
        assert!(written("1234567890123450", "", "").is_some());
    }
}
