//! Names of blocks, transactions and accounts, as Ethereum writes them: `0x` and lower-case hexadecimal.

use core::fmt;
use core::str::FromStr;

use alloy_primitives::keccak256;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vm_core::digest::{from_hex, to_hex};

use super::error::HashError;

macro_rules! names {
    ($($(#[$attribute:meta])* $name:ident $length:literal)*) => {$(
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// From its bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}", to_hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = HashError;

            fn from_str(text: &str) -> Result<Self, HashError> {
                Self::read(text).ok_or(HashError::Form { length: $length })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

names! {
    /// Keccak-256 of a block's header.
    BlockHash 32
    /// Keccak-256 of a transaction's bytes.
    TransactionHash 32
    /// An account or a contract. Read in lower case, or in mixed case with the checksum of EIP-55; written in lower case.
    Address 20
}

impl BlockHash {
    pub(super) fn of(header: &[u8]) -> Self {
        Self(keccak256(header).0)
    }

    fn read(text: &str) -> Option<Self> {
        plain(text).map(Self)
    }
}

impl TransactionHash {
    pub(super) fn of(transaction: &[u8]) -> Self {
        Self(keccak256(transaction).0)
    }

    fn read(text: &str) -> Option<Self> {
        plain(text).map(Self)
    }
}

impl Address {
    fn read(text: &str) -> Option<Self> {
        if let Some(bytes) = plain(text) {
            return Some(Self(bytes));
        }
        let address = alloy_primitives::Address::parse_checksummed(text, None).ok()?;
        Some(Self(address.into_array()))
    }
}

/// Bytes in the one written form.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    from_hex(text.strip_prefix("0x")?).ok()
}

fn plain<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N.checked_mul(2)?.checked_add(2)? {
        return None;
    }
    bytes(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

    #[test]
    fn one_form_is_written_and_few_are_read() {
        let hash: BlockHash = format!("0x{}", "0f".repeat(32)).parse().unwrap();
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for bad in [String::new(), "0f".repeat(32), format!("0x{}", "0F".repeat(32)), format!("0x{}", "0f".repeat(33))]
        {
            assert!(bad.parse::<BlockHash>().is_err(), "{bad}");
            assert!(bad.parse::<TransactionHash>().is_err(), "{bad}");
        }
    }

    /// The first address of EIP-55's test cases.
    #[test]
    fn addresses_are_read_with_their_checksum() {
        let address: Address = MIXED.parse().unwrap();
        assert_eq!(address.to_string(), MIXED.to_lowercase());
        assert_eq!(MIXED.to_lowercase().parse(), Ok(address));
        for bad in [MIXED.replace("aAeb", "aaeb"), MIXED.to_uppercase(), MIXED.replace("0x", "")] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
