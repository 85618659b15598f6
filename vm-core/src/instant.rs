//! Instants: UTC, RFC 3339, always six fractional digits and `Z`, for example `2026-01-02T03:04:05.000006Z`.

use core::fmt;
use core::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::InstantError;

/// First instant that can be written: `0001-01-01T00:00:00.000000Z`, in microseconds since the Unix epoch.
const MIN_MICROS: i64 = -62_135_596_800_000_000;
/// Last instant that can be written: `9999-12-30T21:59:59.999999Z`, the end of what the time library can format.
const MAX_MICROS: i64 = 253_402_207_199_999_999;

/// A point in UTC with a resolution of one microsecond. Metadata: nothing is ordered by it alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// The last instant that can be written, which stands for "never" where an end is demanded.
    pub const MAX: Self = Self(MAX_MICROS);

    /// The instant `micros` microseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`InstantError::Range`] outside the years 1 to 9999.
    pub const fn from_micros(micros: i64) -> Result<Self, InstantError> {
        if micros < MIN_MICROS || micros > MAX_MICROS {
            return Err(InstantError::Range);
        }
        Ok(Self(micros))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This instant moved by `micros` microseconds, held inside the range that can be written.
    #[must_use]
    pub fn saturating_add_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros).clamp(MIN_MICROS, MAX_MICROS))
    }

    /// Reads any RFC 3339 time that a person may type, for example `2026-01-02T03:04:05+02:00`.
    /// More than six fractional digits are refused, never cut.
    ///
    /// # Errors
    /// [`InstantError::NotRfc3339`] or [`InstantError::Range`].
    pub fn parse_lenient(text: &str) -> Result<Self, InstantError> {
        let bytes = text.as_bytes();
        // The library takes more than RFC 3339 does, so the shape is checked first.
        let digits =
            |range: core::ops::Range<usize>| bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
        let mark = |at: usize, wanted: u8| bytes.get(at) == Some(&wanted);
        let shaped = digits(0..4)
            && mark(4, b'-')
            && digits(5..7)
            && mark(7, b'-')
            && digits(8..10)
            && mark(10, b'T')
            && digits(11..13)
            && mark(13, b':')
            && digits(14..16)
            && mark(16, b':')
            && digits(17..19);
        // A leap second has no place on this scale; folding it would move the event.
        if !shaped || &bytes[17..19] == b"60" {
            return Err(InstantError::NotRfc3339);
        }
        let stamp: Timestamp = text.parse().map_err(|_| InstantError::NotRfc3339)?;
        if stamp.subsec_nanosecond() % 1_000 != 0 {
            return Err(InstantError::TooFine);
        }
        Self::from_micros(stamp.as_microsecond())
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_microsecond(self.0) {
            Ok(stamp) => write!(f, "{stamp:.6}"),
            Err(_) => Err(fmt::Error),
        }
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instant({self})")
    }
}

impl FromStr for Instant {
    type Err = InstantError;

    /// Reads the one stored form and no other.
    fn from_str(text: &str) -> Result<Self, InstantError> {
        if let Some(instant) = read_stored(text) {
            return Ok(instant);
        }
        // Says what is wrong with it.
        let instant = Self::parse_lenient(text)?;
        if instant.to_string() == text { Ok(instant) } else { Err(InstantError::NotStoredForm) }
    }
}

/// Reads the stored form by itself: an audit reads the time of every row. Anything else is left to [`Instant::parse_lenient`].
fn read_stored(text: &str) -> Option<Instant> {
    let text: &[u8; 27] = text.as_bytes().try_into().ok()?;
    let number = |from: usize, to: usize| {
        text.get(from..to)?
            .iter()
            .try_fold(0_i64, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (26, b'Z')];
    if marks.iter().any(|(at, mark)| text[*at] != *mark) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days_in_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day < 1 || day > days_in_month || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970-01-01 by the Gregorian calendar, counting years from March so that a leap day ends one.
    let years = year - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        years * 365 + years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400) + day_of_year - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    Instant::from_micros(seconds * 1_000_000 + number(20, 26)?).ok()
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_stored_form_of_every_day_is_read_by_itself() {
        let day = 86_400 * 1_000_000;
        let mut micros = MIN_MICROS;
        while micros <= MAX_MICROS {
            let instant = Instant(micros);
            assert_eq!(read_stored(&instant.to_string()), Some(instant));
            micros += day + 1_000_003;
        }
    }

    #[test]
    fn days_that_are_not_are_not_read() {
        for text in ["2023-02-29", "1900-02-29", "2024-02-30", "2026-00-01", "2026-13-01", "2026-04-31", "2026-01-00"] {
            let text = format!("{text}T00:00:00.000000Z");
            assert_eq!(read_stored(&text), None, "{text}");
            assert!(text.parse::<Instant>().is_err(), "{text}");
        }
        for text in ["2024-02-29T23:59:59.999999Z", "2000-02-29T00:00:00.000000Z", "1970-01-01T00:00:00.000000Z"] {
            assert_eq!(read_stored(text).unwrap(), Instant::parse_lenient(text).unwrap());
        }
    }

    proptest! {
        #[test]
        fn what_is_read_by_itself_is_what_the_library_reads(micros in MIN_MICROS..=MAX_MICROS, at in 0_usize..27, byte in any::<u8>()) {
            let mut text = Instant(micros).to_string().into_bytes();
            text[at] = byte;
            if let Ok(text) = String::from_utf8(text) {
                let library = Instant::parse_lenient(&text).ok().filter(|instant| instant.to_string() == text);
                prop_assert_eq!(read_stored(&text), library);
            }
        }
    }

    #[test]
    fn ends_of_the_range_can_be_written() {
        for micros in [MIN_MICROS, 0, MAX_MICROS] {
            let instant = Instant::from_micros(micros).unwrap();
            assert_eq!(instant.to_string().parse(), Ok(instant), "{micros}");
        }
        assert_eq!(Instant::from_micros(MIN_MICROS - 1), Err(InstantError::Range));
        assert_eq!(Instant::from_micros(MAX_MICROS + 1), Err(InstantError::Range));
    }

    #[test]
    fn only_one_stored_form() {
        assert!("2026-01-02T03:04:05.000006Z".parse::<Instant>().is_ok());
        for other in ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.00000600Z", "2026-01-02T03:04:05.000006+00:00"] {
            assert_eq!(other.parse::<Instant>(), Err(InstantError::NotStoredForm), "{other}");
            assert!(Instant::parse_lenient(other).is_ok(), "{other}");
        }
        for bad in [
            "2026-01-02T03:04Z",
            "2026-01-02 03:04:05Z",
            "2026-01-02t03:04:05z",
            "2026-01-02T03:04:05",
            "2016-12-31T23:59:60Z",
            "2026-02-30T00:00:00Z",
            "",
            "-",
        ] {
            assert!(Instant::parse_lenient(bad).is_err(), "{bad}");
        }
        assert_eq!(Instant::parse_lenient("2026-01-02T03:04:05.0000001Z"), Err(InstantError::TooFine));
    }

    proptest! {
        #[test]
        fn every_instant_round_trips(micros in MIN_MICROS..=MAX_MICROS) {
            let instant = Instant::from_micros(micros).unwrap();
            let text = instant.to_string();
            prop_assert_eq!(text.len(), 27);
            prop_assert_eq!(text.parse(), Ok(instant));
        }
    }
}
