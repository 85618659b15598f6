//! Which symbols an id is summed into: symbol 0 always, symbol i with a chance of 2 / (i + 2).
//!
//! The chance is the paper's, with alpha = 1/2. From place i on, no place up to n is hit with a chance of
//! (i + 1)(i + 2) / ((n + 1)(n + 2)), so one draw gives the next place, and an id costs about 2 ln(m / 2) draws for m symbols.
//! The paper finds the place by a square root of floating point; here the place is fixed by integers: a sketch is the same on
//! every platform, and who implements the page needs no rule for rounding.

use super::symbol::SYMBOLS_MAX;
use crate::bytes::wide;

/// Step of the generator's state and factors of its output: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom
/// number generators", OOPSLA 2014; the factors are Stafford's thirteenth). The seed comes from a keyed hash, so that it only
/// has to spread bits.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
const FACTORS: [u64; 2] = [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb];

/// The places of one id, in rising order. The first is 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    state: u64,
    at: u64,
}

impl Places {
    pub(super) const fn new(seed: u64) -> Self {
        Self { state: seed, at: 0 }
    }

    /// The place, where it is below `end`.
    pub(super) fn below(&self, end: usize) -> Option<usize> {
        usize::try_from(self.at).ok().filter(|at| *at < end)
    }

    /// Goes on to the next place: the least n above this one, i, with (n + 1)(n + 2) r >= (i + 1)(i + 2) 2^32 for a draw r of
    /// 1 to 2^32. Behind the last symbol that a sketch can have there is none.
    pub(super) fn advance(&mut self) {
        if self.at >= wide(SYMBOLS_MAX) {
            return;
        }
        let draw = self.draw();
        self.at = self.exact(guess(self.at, draw), draw);
    }

    /// The next place, found from one near it; at most [`SYMBOLS_MAX`].
    fn exact(&self, near: u64, draw: u64) -> u64 {
        let (least, end) = (self.at + 1, wide(SYMBOLS_MAX));
        let mut next = near.clamp(least, end);
        while next < end && !self.reaches(next, draw) {
            next += 1;
        }
        while next > least && self.reaches(next - 1, draw) {
            next -= 1;
        }
        next
    }

    /// Whether a draw leads from here to place `next` at most.
    fn reaches(&self, next: u64, draw: u64) -> bool {
        let scaled = u128::from((self.at + 1) * (self.at + 2)) << 32;
        u128::from((next + 1) * (next + 2)) * u128::from(draw) >= scaled
    }

    /// A number of 1 to 2^32.
    const fn draw(&mut self) -> u64 {
        let [first, second] = FACTORS;
        self.state = self.state.wrapping_add(STEP);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(first);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(second);
        ((mixed ^ (mixed >> 31)) >> 32) + 1
    }
}

/// The next place, but for one or so: (i + 3/2) sqrt(2^32 / r) - 1/2, rounded down. A division and a root of floating point
/// take a third of the time of integer ones; the caller makes the place exact, so nothing rests on how they round.
fn guess(at: u64, draw: u64) -> u64 {
    // Both are below 2^33, and an integer below 2^52 is the lowest bits of itself plus 2^52.
    const SHIFT: f64 = 4_503_599_627_370_496.0;
    let float = |number: u64| f64::from_bits(SHIFT.to_bits() | number) - SHIFT;
    let place = (float(at) + 1.5) * (4_294_967_296.0 / float(draw)).sqrt() - 1.0;
    (place + SHIFT).to_bits() - SHIFT.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule as it is written: what it asks of n holds for all n from the least on.
    fn next_by_rule(at: u64, draw: u64) -> u64 {
        let scaled = u128::from((at + 1) * (at + 2)) << 32;
        let (mut least, mut enough) = (at + 1, wide(SYMBOLS_MAX));
        while least < enough {
            let n = u64::midpoint(least, enough);
            if u128::from((n + 1) * (n + 2)) * u128::from(draw) >= scaled { enough = n } else { least = n + 1 }
        }
        least
    }

    #[test]
    fn the_guess_made_exact_is_what_the_rule_says() {
        for at in [0, 1, 2, 3, 10, 100, 1_000, 65_533, 65_534, 65_535, 65_536, 1_000_000, 1_048_575] {
            for seed in 0..400 {
                let mut places = Places { state: seed, at };
                let draw = places.draw();
                let here = Places { state: seed, at };
                let rule = next_by_rule(at, draw);
                for near in guess(at, draw).saturating_sub(3)..=guess(at, draw) + 3 {
                    assert_eq!(here.exact(near, draw), rule, "{at} {seed}");
                }
                places = here;
                places.advance();
                assert_eq!(places.at, rule, "{at} {seed}");
            }
        }
    }

    #[test]
    fn places_rise_and_end() {
        for seed in 0..1_000 {
            let mut places = Places::new(seed);
            let mut last = None;
            while let Some(at) = places.below(SYMBOLS_MAX) {
                assert!(last.is_none_or(|last| last < at));
                last = Some(at);
                places.advance();
            }
            let end = places.at;
            places.advance();
            assert_eq!(places.at, end);
        }
    }

    #[test]
    fn a_place_is_hit_as_often_as_its_chance_says() {
        const IDS: u32 = 40_000;
        let mut hits = [0_u32; 300];
        for id in 0..IDS {
            let mut places = Places::new(u64::from(id).wrapping_mul(0xd134_2543_de82_ef95));
            while let Some(at) = places.below(hits.len()) {
                hits[at] += 1;
                places.advance();
            }
        }
        for (at, hits) in hits.into_iter().enumerate() {
            let chance = 2.0 / (f64::from(u32::try_from(at).unwrap()) + 2.0);
            let mean = f64::from(IDS) * chance;
            let deviation = (mean * (1.0 - chance)).sqrt();
            // Five deviations: of 300 places none is beyond by chance.
            assert!((f64::from(hits) - mean).abs() <= 5.0 * deviation, "{at}: {hits} for {mean}");
        }
    }

    #[test]
    fn places_are_the_same_everywhere() {
        let mut places = Places::new(1);
        let list: Vec<usize> = core::iter::from_fn(|| {
            let at = places.below(SYMBOLS_MAX);
            places.advance();
            at
        })
        .collect();
        // Out of a search for the least n by the rule, in integers of any size.
        let rule = [
            0, 1, 2, 3, 6, 10, 12, 13, 19, 37, 42, 67, 87, 130, 180, 274, 673, 839, 930, 1127, 1199, 4673, 16382,
            23265, 66310, 123_797, 565_642, 787_806, 932_482,
        ];
        assert_eq!(list, rule);
    }
}
