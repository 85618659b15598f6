//! Short ids: what stands for an op in a sketch, under the key of one link.

use core::fmt;

use siphasher::{sip, sip128};

use crate::id::OpId;

/// Key of the sketches of one link. It has to be fresh and random: who knows it beforehand can prepare ops with one short id.
///
/// It is no secret towards the peer, who computes with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SketchKey([u8; 16]);

impl SketchKey {
    /// A key of 16 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// What stands for an op under this key: SipHash-2-4 over its id. Costs about 20 ns.
    #[must_use]
    pub fn short(&self, id: &OpId) -> ShortId {
        ShortId(sip::SipHasher24::new_with_key(&self.0).hash(id.as_bytes()))
    }

    /// What places a short id and tells it from a sum. Computed from the short id alone: for an op that only they have it is
    /// all that a decoder knows.
    pub(super) fn marks(&self, short: ShortId) -> Marks {
        let hash = sip128::SipHasher24::new_with_key(&self.0).hash(&short.0.to_be_bytes());
        let [.., a, b, c, d] = hash.h2.to_be_bytes();
        Marks { seed: hash.h1, check: u32::from_be_bytes([a, b, c, d]) }
    }
}

/// Stands for an op under one [`SketchKey`]: 64 bits. Of a million ops two share one with a chance of 1 in 37 million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortId(u64);

impl ShortId {
    /// Wraps a number that is already a short id.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShortId({self})")
    }
}

/// What follows from a short id under a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Marks {
    /// Where its places are drawn from.
    pub(super) seed: u64,
    /// What it adds to the check sum.
    pub(super) check: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sip_hash_is_that_of_its_paper() {
        // Aumasson and Bernstein, "SipHash: a fast short-input PRF", appendix A: key 00..0f, input 00..0e.
        let key: [u8; 16] = core::array::from_fn(|at| u8::try_from(at).unwrap());
        let input: [u8; 15] = core::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(sip::SipHasher24::new_with_key(&key).hash(&input), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn keys_part_what_they_stand_for() {
        let id = OpId::from_bytes([7; 32]);
        let (one, other) = (SketchKey::from_bytes([1; 16]), SketchKey::from_bytes([2; 16]));
        assert_ne!(one.short(&id), other.short(&id));
        let short = one.short(&id);
        assert_ne!(one.marks(short), other.marks(short));
        assert_eq!(short.to_string().len(), 16);
    }
}
