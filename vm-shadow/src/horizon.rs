//! Horizons: names of the decisions that receipts belong to.

use core::fmt;
use core::str::FromStr;

use crate::error::ObserveError;

/// Longest name in characters: room for a path-like name that holds a UUID or a digest.
pub const HORIZON_ID_MAX: usize = 128;

/// Stable name of one decision, for example `deploy/api/2026-11-21`: 1 to 128 characters from `A-Z`, `a-z`, `0-9`,
/// dot, colon, slash, hyphen and underscore. Receipts of one decision share it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HorizonId(String);

impl HorizonId {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HorizonId {
    type Err = ObserveError;

    fn from_str(text: &str) -> Result<Self, ObserveError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'/' | b'-' | b'_');
        if text.is_empty() || text.len() > HORIZON_ID_MAX || !text.bytes().all(allowed) {
            return Err(ObserveError::Horizon { limit: HORIZON_ID_MAX });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for HorizonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "deploy/api/2026-11-21", "urn:x.y_z", &"h".repeat(HORIZON_ID_MAX)] {
            assert_eq!(good.parse::<HorizonId>().unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "é", "a\n", "{\"$sealed\":1}", &"h".repeat(HORIZON_ID_MAX + 1)] {
            assert!(bad.parse::<HorizonId>().is_err(), "{bad:?}");
        }
    }
}
