//! Names of identities, roles and measures.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use vm_core::redact::{KnownSecrets, SecretDetector as _};

use crate::error::ContentError;

/// Longest name in bytes: as long as an artifact's kind may be.
pub const NAME_MAX: usize = 64;

/// A short plain name: 1 to 64 of `a-z`, `0-9`, dot, hyphen, underscore. One that looks like a secret is refused, since
/// names are stored as they are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = ContentError;

    fn from_str(text: &str) -> Result<Self, ContentError> {
        if KnownSecrets.is_secret(None, text) { Err(ContentError::Name) } else { Self::plain(text) }
    }
}

impl Name {
    fn plain(text: &str) -> Result<Self, ContentError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-');
        let is_plain = !text.is_empty() && text.len() <= NAME_MAX && text.bytes().all(allowed);
        if is_plain { Ok(Self(text.to_owned())) } else { Err(ContentError::Name) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What a detector of today takes for a secret may stand in the log since before it did.
        Self::plain(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_no_secrets() {
        for good in ["a", "ada.l-1_x", &"n".repeat(NAME_MAX)] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        let secret = format!("sk_live_{}", "a1".repeat(12));
        for bad in ["", "A", "a b", "é", "a/b", &"n".repeat(NAME_MAX + 1), &secret] {
            assert_eq!(bad.parse::<Name>(), Err(ContentError::Name), "{bad}");
            // What stands in a log is read whatever a detector says of it.
            let read = serde_json::from_value::<Name>(serde_json::json!(bad));
            assert_eq!(read.is_ok(), bad == secret, "{bad}");
        }
    }
}
