//! Paths below a vault: relative, normalised, portable.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::PathError;

/// Longest path in bytes; Linux allows 4,096 with the vault's own path before it.
pub const PATH_MAX: usize = 1_024;
/// Longest component in bytes, the limit of common file systems.
pub const COMPONENT_MAX: usize = 255;

/// A path below the vault, with `/` between components: no empty, `.` or `..` component, no backslash, colon or
/// control character, no component that ends in a dot or a space (other systems drop those). Whether it leads
/// through a link is for whoever opens it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct VaultPath(String);

impl VaultPath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its components in order; never none.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl FromStr for VaultPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.len() > PATH_MAX {
            return Err(PathError::TooLong { limit: PATH_MAX, found: text.len() });
        }
        if text.starts_with('/') {
            return Err(PathError::Absolute);
        }
        for component in text.split('/') {
            let clean = component.chars().all(|c| !c.is_control() && c != '\\' && c != ':');
            if component == ".." {
                return Err(PathError::Escapes);
            }
            if !clean || component.is_empty() || component.len() > COMPONENT_MAX || component.ends_with(['.', ' ']) {
                return Err(PathError::Component);
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for VaultPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for VaultPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for VaultPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_normalised_relative_paths() {
        for good in ["a", "seals/x.json", "receipts/console/ROOT.console.txt", "é/ü"] {
            assert_eq!(good.parse::<VaultPath>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "a/../b",
            "a/..",
            "./a",
            "a//b",
            "a/",
            "C:/x",
            "a\\b",
            "a\0b",
            "a\nb",
            "a.",
            "a ",
            "a/./b",
            "...",
            &"a".repeat(256),
            &"a/".repeat(600),
        ] {
            assert!(bad.parse::<VaultPath>().is_err(), "{bad:?}");
        }
    }
}
