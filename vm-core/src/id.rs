//! Identifiers: rows, traces, seals, ledgers, engines.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::digest::{LeafHash, Sha256Digest};
use crate::error::IdError;
use crate::source::{Clock, Entropy};

/// Longest engine name in bytes; keeps a scroll's file name portable.
pub const ENGINE_NAME_MAX: usize = 64;

/// Mints a UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, 12 bits of the fraction of the
/// millisecond (section 6.2, method 3), 62 random bits. Ids made in time order sort in time order.
fn mint(clock: &dyn Clock, entropy: &mut dyn Entropy) -> [u8; 16] {
    let micros = clock.now().as_micros().max(0).unsigned_abs();
    let (millis, fraction) = (micros / 1_000, micros % 1_000 * 4_096 / 1_000);
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes[8..]);
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    let fraction = fraction.to_be_bytes();
    bytes[6] = 0x70 | fraction[6];
    bytes[7] = fraction[7];
    bytes[8] = 0x80 | bytes[8] & 0x3f;
    bytes
}

macro_rules! uuid_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Wraps the sixteen bytes of an id.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The id held in `bytes`.
            ///
            /// # Errors
            /// [`IdError::Length`] unless `bytes` is 16 bytes long.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, IdError> {
                match <[u8; 16]>::try_from(bytes) {
                    Ok(array) => Ok(Self(array)),
                    Err(_) => Err(IdError::Length { expected: 16, found: bytes.len() }),
                }
            }

            /// The sixteen bytes, which sort as the text form sorts.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Mints a new id (UUIDv7) from the clock and entropy handed in.
            pub fn mint(clock: &dyn Clock, entropy: &mut dyn Entropy) -> Self {
                Self(mint(clock, entropy))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", Uuid::from_bytes(self.0).hyphenated())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Reads the hyphenated lower-case form and no other.
            fn from_str(text: &str) -> Result<Self, IdError> {
                let id = Uuid::try_parse(text).map_err(|_| IdError::NotUuid)?;
                let id = Self(id.into_bytes());
                if id.to_string() == text { Ok(id) } else { Err(IdError::NotUuid) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

uuid_type!(
    /// Id of a row, unique in its ledger. Sixteen bytes; text is the hyphenated lower-case UUID.
    RowId
);
uuid_type!(
    /// Id that links everything belonging to one chain of work, across all tables.
    TraceId
);
uuid_type!(
    /// Id of a seal; also the name of its bundle file.
    SealId
);

impl RowId {
    /// The text form, with nothing allocated.
    pub(crate) fn to_text(self) -> [u8; 36] {
        let mut text = [0; 36];
        Uuid::from_bytes(self.0).hyphenated().encode_lower(&mut text);
        text
    }
}

impl TraceId {
    /// Trace id of a W3C `traceparent` header (Trace Context, section 3.2.2): version `00`, 32 hexadecimal digits of
    /// trace id that are not all zero, 16 of parent id, 2 of flags.
    #[must_use]
    pub fn from_traceparent(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, trace, parent) = (parts.next()?, parts.next()?, parts.next()?);
        let flags = parts.next()?;
        if version != "00" || parent.len() != 16 || flags.len() != 2 || parts.next().is_some() {
            return None;
        }
        crate::digest::from_hex(parent).ok()?;
        crate::digest::from_hex(flags).ok()?;
        let bytes = <[u8; 16]>::try_from(crate::digest::from_hex(trace).ok()?).ok()?;
        (bytes != [0; 16]).then_some(Self(bytes))
    }
}

/// Name of a ledger: the leaf hash of its genesis row. Every signature in the system binds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LedgerId(LeafHash);

impl LedgerId {
    /// The ledger whose genesis row has this leaf hash.
    #[must_use]
    pub const fn from_genesis(genesis: LeafHash) -> Self {
        Self(genesis)
    }

    /// Leaf hash of the genesis row.
    #[must_use]
    pub const fn genesis(&self) -> LeafHash {
        self.0
    }

    /// Reads 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`IdError::NotLedger`] on anything else.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        LeafHash::parse_hex(text).map(Self).map_err(|_| IdError::NotLedger)
    }

    /// Origin line of this ledger's checkpoints: `vaultmesh/<64 hexadecimal digits>`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("vaultmesh/{}", self.0)
    }

    /// Origin line of the checkpoints over one engine's scroll: `vaultmesh/<ledger>/<engine>`.
    #[must_use]
    pub fn scroll_origin(&self, engine: &EngineName) -> String {
        format!("vaultmesh/{}/{engine}", self.0)
    }
}

impl fmt::Display for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Name of an engine, the author of one scroll: `[a-z0-9-]{1,64}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct EngineName(String);

impl EngineName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EngineName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > ENGINE_NAME_MAX || !text.bytes().all(allowed) {
            return Err(IdError::NotEngine);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EngineName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Random part of a name that only its maker can have made, as sixteen bytes of entropy.
#[must_use]
pub fn nonce(entropy: &mut dyn Entropy) -> Sha256Digest {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    Sha256Digest::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::Instant;
    use crate::source::hazmat::{CountingEntropy, FixedClock};

    #[test]
    fn minted_ids_are_uuid_v7_in_time_order() {
        let mut entropy = CountingEntropy::default();
        let mut last = None;
        for micros in 0..5_000 {
            let clock = FixedClock(Instant::from_micros(1_790_000_000_000_000 + micros).unwrap());
            let id = RowId::mint(&clock, &mut entropy);
            let uuid = Uuid::from_bytes(*id.as_bytes());
            assert_eq!(uuid.get_version_num(), 7);
            assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
            if let Some(previous) = last {
                assert!(previous < id, "{previous} {id}");
            }
            last = Some(id);
        }
    }

    #[test]
    fn only_the_hyphenated_lower_case_form_is_read() {
        let text = "01900000-0000-7000-8000-0000000000ff";
        assert_eq!(text.parse::<RowId>().unwrap().to_string(), text);
        for bad in [
            "01900000-0000-7000-8000-0000000000FF",
            "01900000000070008000000000000000",
            "{01900000-0000-7000-8000-0000000000ff}",
            "urn:uuid:01900000-0000-7000-8000-0000000000ff",
            "",
        ] {
            assert_eq!(bad.parse::<RowId>(), Err(IdError::NotUuid), "{bad}");
        }
    }

    #[test]
    fn traceparent_of_the_specification() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let id = TraceId::from_traceparent(header).unwrap();
        assert_eq!(id.to_string(), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
        for bad in [
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(TraceId::from_traceparent(bad), None, "{bad}");
        }
    }

    #[test]
    fn engine_names() {
        assert!("console".parse::<EngineName>().is_ok());
        for bad in ["", "Console", "a/b", "..", "a.b", "é", &"a".repeat(65)] {
            assert_eq!(bad.parse::<EngineName>(), Err(IdError::NotEngine), "{bad}");
        }
    }
}
