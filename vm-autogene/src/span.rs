//! Steps: the fixed width of a bin.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vm_core::instant::Instant;

use crate::error::SeriesError;

/// Longest step in seconds: 366 days. A ledger's life in longer bins is too few of them to forecast from.
pub const STEP_MAX_SECONDS: u32 = 366 * 86_400;

/// Width of a bin in whole seconds, from 1 to [`STEP_MAX_SECONDS`]. Bins begin at multiples of it since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Step(u32);

impl Step {
    /// One hour.
    pub const HOUR: Self = Self(3_600);

    /// A step of `seconds`.
    ///
    /// # Errors
    /// [`SeriesError::Step`] for 0 and above [`STEP_MAX_SECONDS`].
    pub const fn from_seconds(seconds: u32) -> Result<Self, SeriesError> {
        if seconds == 0 || seconds > STEP_MAX_SECONDS {
            return Err(SeriesError::Step { limit: STEP_MAX_SECONDS });
        }
        Ok(Self(seconds))
    }

    /// Its seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0
    }

    /// Its microseconds.
    #[must_use]
    pub fn micros(self) -> i64 {
        i64::from(self.0) * 1_000_000
    }

    /// Begin of the bin that `at` falls into, held inside the range of instants.
    #[must_use]
    pub fn floor(self, at: Instant) -> Instant {
        at.saturating_add_micros(-at.as_micros().rem_euclid(self.micros()))
    }

    /// Begin of the first bin that does not begin before `at`.
    #[must_use]
    pub fn ceil(self, at: Instant) -> Instant {
        let down = self.floor(at);
        if down == at { at } else { self.after(down, 1) }
    }

    /// Begin of the bin `bins` bins after the one that begins at `from`, held inside the range of instants.
    #[must_use]
    pub fn after(self, from: Instant, bins: usize) -> Instant {
        let bins = i64::try_from(bins).unwrap_or(i64::MAX);
        from.saturating_add_micros(bins.saturating_mul(self.micros()))
    }

    /// Index of the bin that `at` falls into, counted from the one that begins at `from`; none before that.
    pub(crate) fn index(self, from: Instant, at: Instant) -> Option<usize> {
        usize::try_from(at.as_micros().checked_sub(from.as_micros())?.div_euclid(self.micros())).ok()
    }
}

impl FromStr for Step {
    type Err = SeriesError;

    /// Reads `90s`, `5m`, `1h` or `7d`.
    fn from_str(text: &str) -> Result<Self, SeriesError> {
        let fault = SeriesError::Step { limit: STEP_MAX_SECONDS };
        let mut digits = text.chars();
        let unit = match digits.next_back() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => return Err(fault),
        };
        let digits = digits.as_str();
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(fault);
        }
        let seconds = digits.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
        seconds.map_or(Err(fault), Self::from_seconds)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = [(86_400, 'd'), (3_600, 'h'), (60, 'm')]
            .into_iter()
            .find(|(unit, _)| self.0.is_multiple_of(*unit))
            .unwrap_or((1, 's'));
        write!(f, "{}{name}", self.0 / unit)
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_seconds(u32::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steps_are_read_and_written() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h", 3_600), ("7d", 604_800), ("366d", STEP_MAX_SECONDS)] {
            let step: Step = text.parse().unwrap();
            assert_eq!((step.seconds(), step.to_string().as_str()), (seconds, text));
        }
        for bad in ["", "s", "0s", "367d", "1", "1w", "-1s", "+1s", "1.5h", "99999999999s", "4294967295d", "1µ"] {
            assert!(matches!(bad.parse::<Step>(), Err(SeriesError::Step { .. })), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_bin_holds_what_falls_into_it(micros in -1_i64 << 52..1 << 52, seconds in 1_u32..=STEP_MAX_SECONDS, bins in 0_usize..50) {
            let (at, step) = (Instant::from_micros(micros).unwrap(), Step::from_seconds(seconds).unwrap());
            let begin = step.floor(at);
            prop_assert!(begin <= at && at < step.after(begin, 1));
            prop_assert_eq!(begin.as_micros() % step.micros(), 0);
            prop_assert_eq!(step.index(begin, at), Some(0));
            prop_assert_eq!(step.index(begin, step.after(at, bins)), Some(bins));
            prop_assert!(step.ceil(at) >= at && step.floor(step.ceil(at)) == step.ceil(at));
        }
    }
}
