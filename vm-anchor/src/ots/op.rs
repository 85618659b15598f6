//! Operations: how one message becomes the next.

use ring::digest;
use ripemd::Ripemd160;
use sha3::{Digest as _, Keccak256};
use vm_core::digest::to_hex;

use super::error::OtsError;

/// Longest operand and result of an operation, in bytes (python-opentimestamps, `MAX_RESULT_LENGTH`).
pub const MESSAGE_BYTES_MAX: usize = 4_096;

/// One operation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Op {
    /// Puts bytes behind the message.
    Append(Vec<u8>),
    /// Puts bytes before the message.
    Prepend(Vec<u8>),
    /// Turns the message round. Out of use.
    Reverse,
    /// Writes the message in hexadecimal. Out of use.
    Hexlify,
    /// SHA-1, which no longer stands against collisions.
    Sha1,
    /// RIPEMD-160, whose 80 bits against collisions are few.
    Ripemd160,
    /// SHA-256.
    Sha256,
    /// Keccak-256, as Ethereum uses it.
    Keccak256,
}

/// How well an operation stands against somebody who looks for two messages that it makes one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Strength {
    /// Nobody can.
    #[default]
    Strong,
    /// Nobody has, and it is to be left: RIPEMD-160, which early calendars used.
    Legacy,
    /// It has been done: SHA-1.
    Broken,
}

impl Op {
    /// The tag, as it is stored.
    pub(super) const fn tag(&self) -> u8 {
        match self {
            Self::Append(_) => 0xf0,
            Self::Prepend(_) => 0xf1,
            Self::Reverse => 0xf2,
            Self::Hexlify => 0xf3,
            Self::Sha1 => 0x02,
            Self::Ripemd160 => 0x03,
            Self::Sha256 => 0x08,
            Self::Keccak256 => 0x67,
        }
    }

    /// The operation without an operand that has this tag.
    pub(super) const fn of_tag(tag: u8) -> Option<Self> {
        match tag {
            0xf2 => Some(Self::Reverse),
            0xf3 => Some(Self::Hexlify),
            0x02 => Some(Self::Sha1),
            0x03 => Some(Self::Ripemd160),
            0x08 => Some(Self::Sha256),
            0x67 => Some(Self::Keccak256),
            _ => None,
        }
    }

    pub(super) fn operand(&self) -> Option<&[u8]> {
        match self {
            Self::Append(operand) | Self::Prepend(operand) => Some(operand),
            _ => None,
        }
    }

    /// How strong it is.
    #[must_use]
    pub const fn strength(&self) -> Strength {
        match self {
            Self::Sha1 => Strength::Broken,
            Self::Ripemd160 => Strength::Legacy,
            _ => Strength::Strong,
        }
    }

    /// What the message becomes.
    ///
    /// # Errors
    /// [`OtsError::Length`].
    pub fn apply(&self, message: &[u8]) -> Result<Vec<u8>, OtsError> {
        let result = match self {
            Self::Append(operand) => [message, operand].concat(),
            Self::Prepend(operand) => [operand, message].concat(),
            Self::Reverse => message.iter().rev().copied().collect(),
            Self::Hexlify => to_hex(message).into_bytes(),
            Self::Sha1 => digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, message).as_ref().to_vec(),
            Self::Ripemd160 => Ripemd160::digest(message).to_vec(),
            Self::Sha256 => digest::digest(&digest::SHA256, message).as_ref().to_vec(),
            Self::Keccak256 => Keccak256::digest(message).to_vec(),
        };
        let is_empty = message.is_empty() && matches!(self, Self::Reverse | Self::Hexlify);
        if is_empty || result.len() > MESSAGE_BYTES_MAX {
            return Err(OtsError::Length { limit: MESSAGE_BYTES_MAX });
        }
        Ok(result)
    }
}

/// The hash by which a proof names its file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum FileHash {
    /// SHA-1.
    Sha1,
    /// RIPEMD-160.
    Ripemd160,
    /// SHA-256.
    Sha256,
    /// Keccak-256.
    Keccak256,
}

impl FileHash {
    /// The operation that computes it.
    #[must_use]
    pub const fn op(self) -> Op {
        match self {
            Self::Sha1 => Op::Sha1,
            Self::Ripemd160 => Op::Ripemd160,
            Self::Sha256 => Op::Sha256,
            Self::Keccak256 => Op::Keccak256,
        }
    }

    /// Its name: `sha1`, `ripemd160`, `sha256`, `keccak256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Ripemd160 => "ripemd160",
            Self::Sha256 => "sha256",
            Self::Keccak256 => "keccak256",
        }
    }

    pub(super) const fn of_tag(tag: u8) -> Option<Self> {
        match tag {
            0x02 => Some(Self::Sha1),
            0x03 => Some(Self::Ripemd160),
            0x08 => Some(Self::Sha256),
            0x67 => Some(Self::Keccak256),
            _ => None,
        }
    }

    /// Length of its digests in bytes.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha1 | Self::Ripemd160 => 20,
            Self::Sha256 | Self::Keccak256 => 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let applied = |op: Op, message: &[u8]| to_hex(&op.apply(message).unwrap());
        for (op, expected) in [
            (Op::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Op::Ripemd160, "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"),
            (Op::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (Op::Keccak256, "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
            (Op::Append(b"d".to_vec()), "61626364"),
            (Op::Prepend(b"d".to_vec()), "64616263"),
            (Op::Reverse, "636261"),
            (Op::Hexlify, "363136323633"),
        ] {
            assert_eq!(applied(op.clone(), b"abc"), expected, "{op:?}");
        }
    }

    #[test]
    fn results_are_bounded() {
        let long = vec![7; MESSAGE_BYTES_MAX];
        assert!(Op::Append(vec![1]).apply(&long).is_err());
        assert!(Op::Append(Vec::new()).apply(&long).is_ok());
        assert!(Op::Hexlify.apply(&long[1..=MESSAGE_BYTES_MAX / 2]).is_ok());
        assert!(Op::Hexlify.apply(&long[..=MESSAGE_BYTES_MAX / 2]).is_err());
        assert!(Op::Hexlify.apply(&[]).is_err() && Op::Reverse.apply(&[]).is_err());
    }
}
