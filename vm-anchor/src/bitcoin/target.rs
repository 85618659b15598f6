//! Targets in their compact form, the work that a block of one stands for, and how the target changes.
//!
//! The rules are those of Bitcoin Core's `arith_uint256` and `pow.cpp`; numbers are of 256 bits, least significant limb
//! first.

use serde::{Deserialize, Serialize};

/// Blocks between two changes of the target: two weeks of ten minutes each.
pub(super) const PERIOD: u32 = 2_016;
/// How long such a period should take, in seconds.
const PERIOD_SECONDS: u32 = 1_209_600;

/// A chain with its own rules.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Network {
    /// The chain that is worth something.
    Mainnet,
    /// A chain for tests, whose target is as easy as can be and never changes.
    Regtest,
}

impl Network {
    /// The easiest target that is allowed, in its compact form.
    pub(super) const fn easiest(self) -> u32 {
        match self {
            Self::Mainnet => 0x1d00_ffff,
            Self::Regtest => 0x207f_ffff,
        }
    }

    /// Whether the target changes with the time that blocks take.
    pub(super) const fn retargets(self) -> bool {
        matches!(self, Self::Mainnet)
    }
}

/// A number of 256 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct U256([u32; 8]);

impl U256 {
    pub(super) const fn zero() -> Self {
        Self([0; 8])
    }

    /// From bytes, least significant first, as a block's hash is compared.
    pub(super) fn from_le(bytes: &[u8; 32]) -> Self {
        let mut limbs = [0; 8];
        for (limb, piece) in limbs.iter_mut().zip(bytes.chunks_exact(4)) {
            *limb = piece.iter().rev().fold(0, |limb, byte| (limb << 8) | u32::from(*byte));
        }
        Self(limbs)
    }

    fn is_zero(self) -> bool {
        self == Self::zero()
    }

    fn bits(self) -> u32 {
        let (mut bits, mut base) = (0, 0);
        for limb in self.0 {
            if limb != 0 {
                bits = base + 32 - limb.leading_zeros();
            }
            base += 32;
        }
        bits
    }

    fn shifted_left(self, by: u32) -> Self {
        let mut out = self;
        for _ in 0..by {
            let mut carry = 0;
            for limb in &mut out.0 {
                let next = *limb >> 31;
                *limb = (*limb << 1) | carry;
                carry = next;
            }
        }
        out
    }

    fn shifted_right(self, by: u32) -> Self {
        let mut out = self;
        for _ in 0..by {
            let mut carry = 0;
            for limb in out.0.iter_mut().rev() {
                let next = *limb << 31;
                *limb = (*limb >> 1) | carry;
                carry = next;
            }
        }
        out
    }

    /// Times a small number; what runs over is lost, as in Core.
    fn times(self, by: u32) -> Self {
        let (mut out, mut carry) = (self, 0_u64);
        for limb in &mut out.0 {
            let wide = u64::from(*limb) * u64::from(by) + carry;
            *limb = low(wide);
            carry = wide >> 32;
        }
        out
    }

    /// Divided by a small number that is not nought.
    fn divided(self, by: u32) -> Self {
        let (mut out, mut rest) = (self, 0_u64);
        for limb in out.0.iter_mut().rev() {
            let wide = (rest << 32) | u64::from(*limb);
            *limb = low(wide.checked_div(u64::from(by)).unwrap_or(0));
            rest = wide.checked_rem(u64::from(by)).unwrap_or(0);
        }
        out
    }

    fn plus_one(self) -> Self {
        let mut out = self;
        for limb in &mut out.0 {
            let (sum, carries) = limb.overflowing_add(1);
            *limb = sum;
            if !carries {
                break;
            }
        }
        out
    }

    fn minus(self, other: Self) -> Self {
        let (mut out, mut borrow) = (self, false);
        for (limb, taken) in out.0.iter_mut().zip(other.0) {
            let (less, first) = limb.overflowing_sub(taken);
            let (less, second) = less.overflowing_sub(u32::from(borrow));
            *limb = less;
            borrow = first || second;
        }
        out
    }

    /// Long division, bit by bit.
    fn over(self, divisor: Self) -> Self {
        let (mut quotient, mut rest) = (Self::zero(), Self::zero());
        if divisor.is_zero() {
            return quotient;
        }
        for at in (0..self.bits()).rev() {
            rest = rest.shifted_left(1);
            if self.bit(at) {
                rest = rest.plus_one();
            }
            quotient = quotient.shifted_left(1);
            if divisor <= rest {
                rest = rest.minus(divisor);
                quotient = quotient.plus_one();
            }
        }
        quotient
    }

    fn bit(self, at: u32) -> bool {
        let limb = usize::try_from(at / 32).ok().and_then(|limb| self.0.get(limb).copied());
        limb.is_some_and(|limb| (limb >> (at % 32)) & 1 == 1)
    }

    /// The target that a compact form means; none where it is negative, nought or over 256 bits.
    pub(super) fn from_compact(compact: u32) -> Option<Self> {
        let (size, word) = (compact >> 24, compact & 0x007f_ffff);
        let is_negative = compact & 0x0080_0000 != 0;
        let overflows = word != 0 && (size > 34 || (word > 0xff && size > 33) || (word > 0xffff && size > 32));
        let mut small = Self::zero();
        if let Some(limb) = small.0.first_mut() {
            *limb = word;
        }
        let target =
            if size <= 3 { small.shifted_right(8 * (3 - size)) } else { small.shifted_left(8 * (size - 3).min(32)) };
        (!is_negative && !overflows && !target.is_zero()).then_some(target)
    }

    /// The compact form, which keeps the first three bytes.
    fn to_compact(self) -> u32 {
        let mut size = self.bits().div_ceil(8);
        let kept = if size <= 3 { self.shifted_left(8 * (3 - size)) } else { self.shifted_right(8 * (size - 3)) };
        let mut word = kept.0.first().copied().unwrap_or(0);
        // The highest bit would be a sign.
        if word & 0x0080_0000 != 0 {
            word >>= 8;
            size += 1;
        }
        word | (size << 24)
    }
}

fn low(wide: u64) -> u32 {
    u32::try_from(wide & u64::from(u32::MAX)).unwrap_or(0)
}

impl PartialOrd for U256 {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for U256 {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

/// Hashes that were expected to be tried, as much as a number of 128 bits holds: mainnet as a whole has used 96 of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Work(u128);

impl Work {
    /// Of a block with this target.
    pub(super) fn of(target: U256) -> Self {
        // 2^256 / (target + 1), without a number of 257 bits.
        let all = U256(target.0.map(|limb| !limb));
        let work = all.over(target.plus_one()).plus_one();
        let wide = work.0.iter().skip(4).any(|limb| *limb != 0);
        let low = work.0.iter().take(4).rev().fold(0_u128, |low, limb| (low << 32) | u128::from(*limb));
        Self(if wide { u128::MAX } else { low })
    }

    /// The number.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(super) fn times(self, by: u32) -> Self {
        Self(self.0.saturating_mul(u128::from(by)))
    }
}

/// The compact target after a period that took from `first` to `last`, in seconds (Core, `CalculateNextWorkRequired`).
pub(super) fn retarget(network: Network, compact: u32, first: u32, last: u32) -> Option<u32> {
    let taken = i64::from(last) - i64::from(first);
    let taken = taken.clamp(i64::from(PERIOD_SECONDS / 4), i64::from(PERIOD_SECONDS * 4));
    let next = U256::from_compact(compact)?.times(u32::try_from(taken).ok()?).divided(PERIOD_SECONDS);
    let easiest = U256::from_compact(network.easiest())?;
    Some(next.min(easiest).to_compact())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_forms_are_those_of_bitcoin_core() {
        // From the comments and tests of Core's arith_uint256: what each means, written again.
        for (compact, again) in [
            (0x0112_3456, Some(0x0112_0000)),
            (0x0212_3456, Some(0x0212_3400)),
            (0x0312_3456, Some(0x0312_3456)),
            (0x0412_3456, Some(0x0412_3456)),
            (0x0500_9234, Some(0x0500_9234)),
            (0x2012_3456, Some(0x2012_3456)),
            (0x1d00_ffff, Some(0x1d00_ffff)),
            (0, None),
            (0x0012_3456, None),
            (0x0100_3456, None),
            (0x0200_0056, None),
            (0x0492_3456, None),
            (0x01fe_dcba, None),
            (0xff12_3456, None),
        ] {
            assert_eq!(U256::from_compact(compact).map(U256::to_compact), again, "{compact:08x}");
        }
    }

    #[test]
    fn retargets_are_those_of_bitcoin_core() {
        // Core's pow_tests.cpp: an ordinary one, the easiest limit, and both bounds of the time taken.
        for (first, last, compact, next) in [
            (1_261_130_161, 1_262_152_739, 0x1d00_ffff, 0x1d00_d86a),
            (1_231_006_505, 1_233_061_996, 0x1d00_ffff, 0x1d00_ffff),
            (1_279_008_237, 1_279_297_671, 0x1c05_a3f4, 0x1c01_68fd),
            (1_263_163_443, 1_269_211_443, 0x1c38_7f6f, 0x1d00_e1fd),
        ] {
            assert_eq!(retarget(Network::Mainnet, compact, first, last), Some(next), "{compact:08x}");
        }
    }

    #[test]
    fn work_is_what_the_first_blocks_stand_for() {
        let work = |compact| Work::of(U256::from_compact(compact).unwrap()).as_u128();
        assert_eq!(work(0x1d00_ffff), 0x0001_0001_0001);
        assert_eq!(work(0x207f_ffff), 2);
        assert_eq!(work(0x0101_0000), u128::MAX, "more than is counted");
    }

    proptest::proptest! {
        #[test]
        fn division_undoes_multiplication(limbs in proptest::array::uniform6(0_u32..), by in 1_u32..) {
            let [a, b, c, d, e, f] = limbs;
            let number = U256([a, b, c, d, e, f, 0, 0]);
            proptest::prop_assert_eq!(number.times(by).divided(by), number);
            let divisor = U256([by, 0, 0, 0, 0, 0, 0, 0]);
            proptest::prop_assert_eq!(number.times(by).over(divisor), number);
        }
    }
}
