//! Capabilities: signed tokens that can only be narrowed, and the typed permits that checking one yields.
//!
//! A token's body is canonical JSON; `capability_hash` is its SHA-256, the signature left out:
//!
//! ```text
//! {"actions":["record","seal"],"engines":"*","epochs":["nigredo"],"expires":"...","format":"vm-capability-v0",
//!  "holder":"<64 hex>","issuer":"<64 hex>","ledger":"<64 hex>","nonce":"<64 hex>","not_before":"...",
//!  "parent":null,"resource":"/","uses":null}
//! ```
//!
//! Effectful calls demand a [`Permit`] of their own act. Computing and verifying never do.

mod force;
mod permit;
mod profile;
mod revocation;
mod token;

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::error::CapabilityError;
use crate::id::EngineName;

pub use force::InForce;
pub use permit::{Act, Authority, Holder, INVOCATION_SKEW_MICROS, Invocation, Permit, Standing, act};
pub use profile::Profile;
pub use revocation::{PermitUse, Revocation, RevocationReason};
pub use token::{CHAIN_MAX, Chain, Grant, Token};

/// Tells another version of a format apart from something else.
fn check_format(value: &Value, format: &str) -> Result<(), CapabilityError> {
    match value.get("format").and_then(Value::as_str) {
        Some(found) if found == format => Ok(()),
        Some(other) => Err(CapabilityError::UnknownFormat { found: other.chars().take(64).collect() }),
        None => Err(CapabilityError::Shape),
    }
}

/// What a token may allow: a closed set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Record rows and scroll events.
    Record,
    /// Make and record seals.
    Seal,
    /// Record anchors over seals.
    Anchor,
    /// Disclose committed values.
    Disclose,
    /// Erase openings.
    Erase,
    /// Execute approved proposals.
    Execute,
    /// Change the epoch.
    ChangeEpoch,
}

impl Action {
    /// All actions in order.
    pub const ALL: &'static [Self] =
        &[Self::Record, Self::Seal, Self::Anchor, Self::Disclose, Self::Erase, Self::Execute, Self::ChangeEpoch];

    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Seal => "seal",
            Self::Anchor => "anchor",
            Self::Disclose => "disclose",
            Self::Erase => "erase",
            Self::Execute => "execute",
            Self::ChangeEpoch => "change_epoch",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Engines that a token covers. "All" is written out: a missing restriction never means any.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Engines {
    /// Every engine, now and later.
    All,
    /// These alone.
    Only(BTreeSet<EngineName>),
}

impl Engines {
    /// Whether `engine` is covered.
    #[must_use]
    pub fn covers(&self, engine: &EngineName) -> bool {
        match self {
            Self::All => true,
            Self::Only(engines) => engines.contains(engine),
        }
    }

    fn narrows(&self, parent: &Self) -> bool {
        match (self, parent) {
            (_, Self::All) => true,
            (Self::All, Self::Only(_)) => false,
            (Self::Only(child), Self::Only(parent)) => child.is_subset(parent),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::All => json!("*"),
            Self::Only(engines) => json!(engines),
        }
    }
}

impl Serialize for Engines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Engines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(star) if star == "*" => Ok(Self::All),
            Value::Array(names) => {
                let engines: Result<BTreeSet<EngineName>, _> = names.iter().map(EngineName::deserialize).collect();
                Ok(Self::Only(engines.map_err(serde::de::Error::custom)?))
            }
            _ => Err(serde::de::Error::custom("engines are \"*\" or a list of names")),
        }
    }
}

/// What a token covers, as a path: `/` is everything, `/mcp_calls` one table, `/receipts/console` one scroll. A path
/// covers itself and what lies below it, component by component, so `/a` does not cover `/ab`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Resource(String);

impl Resource {
    /// Longest resource in bytes: as long as a path below a vault may be.
    pub const LEN_MAX: usize = 1_024;

    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self("/".to_owned())
    }

    /// Whether `other` lies at or below this.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.covers_path(&other.0)
    }

    /// As [`Resource::covers`], of a path that is known to be one.
    fn covers_path(&self, path: &str) -> bool {
        self.0 == "/" || path == self.0 || path.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl FromStr for Resource {
    type Err = CapabilityError;

    /// Reads `/` or `/name/name`; names are 1 to 255 of `a-z`, `0-9`, dot, hyphen, underscore, and not `.` or `..`.
    fn from_str(text: &str) -> Result<Self, CapabilityError> {
        let name = |part: &str| {
            let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
            !part.is_empty() && part.len() <= 255 && part != "." && part != ".." && part.bytes().all(allowed)
        };
        let fits = text == "/" || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(name));
        if fits && text.len() <= Self::LEN_MAX { Ok(Self(text.to_owned())) } else { Err(CapabilityError::Resource) }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_written_as_they_are_stored() {
        let words: Vec<String> = Action::ALL.iter().map(Action::to_string).collect();
        assert_eq!(words, ["record", "seal", "anchor", "disclose", "erase", "execute", "change_epoch"]);
        for action in Action::ALL {
            assert_eq!(json!(action), json!(action.as_str()));
            assert_eq!(serde_json::from_value::<Action>(json!(action.as_str())).unwrap(), *action);
        }
    }

    #[test]
    fn engines_are_a_star_or_a_list_of_names() {
        let read = |value: Value| serde_json::from_value::<Engines>(value).ok();
        assert_eq!(read(json!("*")), Some(Engines::All));
        let only = Engines::Only(BTreeSet::from(["a".parse().unwrap(), "b".parse().unwrap()]));
        assert_eq!(read(json!(["a", "b"])), Some(only.clone()));
        for bad in [json!("a"), json!(""), json!("**"), json!(["*"]), json!(null), json!({"a": 1})] {
            assert_eq!(read(bad.clone()), None, "{bad}");
        }
        let (in_it, not_in_it): (EngineName, EngineName) = ("b".parse().unwrap(), "c".parse().unwrap());
        assert!(only.covers(&in_it) && !only.covers(&not_in_it) && Engines::All.covers(&not_in_it));
        assert_eq!(json!(only), json!(["a", "b"]));
        assert_eq!(json!(Engines::All), json!("*"));
    }

    #[test]
    fn resources_are_written_as_they_were_read_and_no_longer_than_their_limit() {
        for text in ["/", "/a/b.c-d_e", "/a1"] {
            assert_eq!(text.parse::<Resource>().unwrap().to_string(), text);
            assert_eq!(serde_json::from_value::<Resource>(json!(text)).unwrap(), text.parse().unwrap());
        }
        let long = |len: usize| format!("/{}", "a/".repeat(len))[..len].to_owned();
        assert!(format!("{}b", long(Resource::LEN_MAX - 1)).parse::<Resource>().is_ok());
        assert_eq!(format!("{}b", long(Resource::LEN_MAX + 1)).parse::<Resource>(), Err(CapabilityError::Resource));
        assert!(format!("/{}", "a".repeat(255)).parse::<Resource>().is_ok());
        assert!(format!("/{}", "a".repeat(256)).parse::<Resource>().is_err());
    }
}
