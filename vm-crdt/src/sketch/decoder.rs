//! Solves for the difference of two sets, symbol by symbol.

use core::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::estimate::{Estimate, symbols_for};
use super::key::{Marks, ShortId};
use super::places::Places;
use super::set::Sketch;
use super::symbol::{Run, SYMBOLS_MAX, Symbol};
use crate::bytes::wide;
use crate::error::SketchError;

/// Symbols that may be changed while decoding, for each symbol received. An id has about 2 ln(m / 2) places among m symbols, 26
/// for 2^20, and no more ids are taken out than there are symbols; twice as much leaves room for chance.
const STEPS_A_SYMBOL: usize = 64;

/// How far decoding has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// All symbols are accounted for: the difference is whole, but for ids whose short ids cancel across the sides.
    Complete,
    /// More symbols are needed.
    More {
        /// How many to ask for, as an estimate: with them it should be complete. At least 1; it follows from what the peer
        /// sent, so the caller holds it to the room of a message.
        symbols: usize,
    },
}

/// What two sets differ in, each list in rising order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Difference {
    /// Of ids that only we have. A peer that lies can name any here: who looks one up and does not hold it has met a liar.
    pub ours: Vec<ShortId>,
    /// Of ids that only they have.
    pub theirs: Vec<ShortId>,
}

/// An id that is taken out of all symbols so far.
#[derive(Clone, Copy, Debug)]
struct Found {
    short: ShortId,
    is_theirs: bool,
    /// What it takes off a symbol.
    taken: Symbol,
    places: Places,
}

/// Decodes the difference of our set to the one whose symbols come in.
///
/// Its memory is bounded by our own sketch: 16 bytes for each of its symbols, and about 120 for each symbol received. Its work is
/// bounded by the symbols received, whatever they say: no short id is taken out twice, no more are than there are symbols.
#[derive(Clone, Debug)]
pub struct Decoder {
    own: Sketch,
    /// Size of their set, once known.
    size: Option<u64>,
    /// Theirs less ours less all that is found.
    sums: Vec<Symbol>,
    found: Vec<Found>,
    seen: BTreeSet<ShortId>,
    /// For each id found the next place where it is to be taken out.
    ahead: BinaryHeap<Reverse<(usize, usize)>>,
    steps: usize,
    nonzero: usize,
    estimate: Estimate,
    failed: Option<SketchError>,
}

impl Decoder {
    /// Begins with our own sketch as it is now. It decodes up to as many symbols as the sketch has.
    #[must_use]
    pub fn new(own: &Sketch) -> Self {
        Self {
            own: own.clone(),
            size: None,
            sums: Vec::new(),
            found: Vec::new(),
            seen: BTreeSet::new(),
            ahead: BinaryHeap::new(),
            steps: 0,
            nonzero: 0,
            estimate: Estimate::default(),
            failed: None,
        }
    }

    /// Goes on with a longer sketch of the same set: [`Sketch::extend`].
    ///
    /// # Errors
    /// [`SketchError::Changed`] where it is of another key or set, or shorter.
    pub fn widen(&mut self, own: &Sketch) -> Result<(), SketchError> {
        let same = own.key() == self.own.key() && own.size() == self.own.size();
        if !same || own.sums().get(..self.own.count()) != Some(self.own.sums()) {
            return Err(SketchError::Changed);
        }
        self.own = own.clone();
        Ok(())
    }

    /// Symbols received: where the next run begins.
    #[must_use]
    pub const fn received(&self) -> usize {
        self.sums.len()
    }

    /// Whether all symbols received are accounted for.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        !self.sums.is_empty() && self.nonzero == 0 && self.failed.is_none()
    }

    /// What is decoded so far, each id under a check of 32 bits; all of it once [`Progress::Complete`].
    #[must_use]
    pub fn difference(&self) -> Difference {
        let side = |theirs| {
            let of_side = self.found.iter().filter(|found| found.is_theirs == theirs);
            let mut shorts: Vec<ShortId> = of_side.map(|found| found.short).collect();
            shorts.sort_unstable();
            shorts
        };
        Difference { ours: side(false), theirs: side(true) }
    }

    /// Takes in the next run of their symbols.
    ///
    /// # Errors
    /// Those of [`Run::decode`], [`SketchError::Gap`], [`SketchError::OtherSet`], [`SketchError::Beyond`]: the run is refused and the
    /// decoder as it was. Any other means that these symbols are of no set that decodes under this key: it is returned from
    /// then on, and a fresh key is needed, or a peer that does not lie.
    pub fn add(&mut self, run: &[u8]) -> Result<Progress, SketchError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let run = Run::decode(run)?;
        self.accept(&run)?;
        self.take(&run);
        let progress = self.decode(run.first).and_then(|()| self.progress());
        self.failed = progress.err();
        progress
    }

    /// Whether a run goes on where the last one ended.
    fn accept(&self, run: &Run) -> Result<(), SketchError> {
        let (expected, held) = (self.received(), self.own.count());
        if run.first != expected {
            return Err(SketchError::Gap { expected, found: run.first });
        }
        if let Some(expected) = self.size.filter(|size| *size != run.size) {
            return Err(SketchError::OtherSet { expected, found: run.size });
        }
        let found = expected + run.count();
        if found > held { Err(SketchError::Beyond { held, found }) } else { Ok(()) }
    }

    /// Their set's size less ours, as they claim.
    fn claimed(&self) -> i64 {
        i64::from_ne_bytes(self.size.unwrap_or_default().wrapping_sub(self.own.size()).to_ne_bytes())
    }

    fn take(&mut self, run: &Run) {
        self.size = Some(run.size);
        let more = self.claimed();
        let ours = self.own.sums().iter().enumerate().skip(run.first);
        for (theirs, (at, ours)) in run.symbols.iter().zip(ours) {
            let mut sum = ours.negated();
            sum.add(theirs);
            self.estimate.take(at, sum.count, more);
            self.nonzero += usize::from(!sum.is_zero());
            self.sums.push(sum);
        }
    }

    /// Takes out what is found: first, of the symbols from `first` on, what was found before, then what these give.
    fn decode(&mut self, first: usize) -> Result<(), SketchError> {
        while let Some(Reverse((at, index))) = self.ahead.peek().copied()
            && at < self.sums.len()
        {
            self.ahead.pop();
            self.take_out(index, at, &mut Vec::new())?;
            self.look_ahead(index);
        }
        let mut single = Vec::new();
        for at in first..self.sums.len() {
            single.push(at);
            while let Some(at) = single.pop() {
                if let Some(found) = self.single(at) {
                    self.peel(found, &mut single)?;
                }
            }
        }
        Ok(())
    }

    /// The one id that a symbol holds.
    fn single(&self, at: usize) -> Option<Found> {
        let sum = self.sums.get(at)?;
        let is_theirs = match sum.count {
            1 => true,
            u8::MAX => false,
            _ => return None,
        };
        let one = if is_theirs { *sum } else { sum.negated() };
        let short = ShortId::from_u64(one.key);
        let marks = self.marks_checked(short, one.check)?;
        let mut places = Places::new(marks.seed);
        while places.below(at).is_some() {
            places.advance();
        }
        let here = places.below(at + 1).is_some();
        let taken = Symbol::of(short, &marks);
        let taken = if is_theirs { taken.negated() } else { taken };
        here.then(|| Found { short, is_theirs, taken, places: Places::new(marks.seed) })
    }

    fn marks_checked(&self, short: ShortId, check: u32) -> Option<Marks> {
        let marks = self.own.key().marks(short);
        (marks.check == check).then_some(marks)
    }

    /// Takes an id out of all symbols received, and puts down those that may hold a single one now.
    fn peel(&mut self, found: Found, single: &mut Vec<usize>) -> Result<(), SketchError> {
        if !self.seen.insert(found.short) {
            return Err(SketchError::Twice { short: found.short });
        }
        // In honest symbols the one that an id came out of stays empty: there are no more ids than symbols.
        if self.found.len() >= self.sums.len() {
            return Err(SketchError::Work { limit: self.sums.len() });
        }
        let index = self.found.len();
        self.found.push(found);
        while let Some(at) = self.place_of(index).filter(|at| *at < self.sums.len()) {
            self.take_out(index, at, single)?;
        }
        self.look_ahead(index);
        Ok(())
    }

    /// Where an id is to be taken out next.
    fn place_of(&self, index: usize) -> Option<usize> {
        self.found.get(index).and_then(|found| found.places.below(SYMBOLS_MAX))
    }

    fn look_ahead(&mut self, index: usize) {
        if let Some(at) = self.place_of(index) {
            self.ahead.push(Reverse((at, index)));
        }
    }

    fn take_out(&mut self, index: usize, at: usize, single: &mut Vec<usize>) -> Result<(), SketchError> {
        self.steps += 1;
        let limit = self.sums.len().saturating_mul(STEPS_A_SYMBOL);
        if self.steps > limit {
            return Err(SketchError::Work { limit });
        }
        let (Some(found), Some(sum)) = (self.found.get_mut(index), self.sums.get_mut(at)) else { return Ok(()) };
        let before = usize::from(!sum.is_zero());
        sum.add(&found.taken);
        self.nonzero = self.nonzero + usize::from(!sum.is_zero()) - before;
        found.places.advance();
        if sum.count == 1 || sum.count == u8::MAX {
            single.push(at);
        }
        Ok(())
    }

    fn progress(&self) -> Result<Progress, SketchError> {
        // Symbol 0 holds every id: it is empty when all are found, and all others with it.
        let all = self.sums.first().copied().unwrap_or_default();
        if all.is_zero() {
            return self.settled();
        }
        self.collision(&all)?;
        let received = self.sums.len();
        if received >= SYMBOLS_MAX {
            return Err(SketchError::Undecodable { limit: SYMBOLS_MAX });
        }
        let at_least = usize::try_from(self.claimed().unsigned_abs()).unwrap_or(usize::MAX).max(self.found.len() + 1);
        let wanted = symbols_for(self.estimate.differences().max(at_least)).saturating_sub(received);
        // Where the estimate falls short, an eighth more each round keeps rounds few and what is too much small.
        Ok(Progress::More { symbols: wanted.max(received / 8 + 1).min(SYMBOLS_MAX - received) })
    }

    fn settled(&self) -> Result<Progress, SketchError> {
        if self.nonzero > 0 {
            return Err(SketchError::Inconsistent);
        }
        let theirs = wide(self.found.iter().filter(|found| found.is_theirs).count());
        let ours = wide(self.found.len()) - theirs;
        let decoded = i64::from_ne_bytes(theirs.wrapping_sub(ours).to_ne_bytes());
        let claimed = self.claimed();
        if decoded == claimed { Ok(Progress::Complete) } else { Err(SketchError::Sizes { decoded, claimed }) }
    }

    /// Whether what is left is one short id of two ids of one side: a sum of two equal ones, which has two halves modulo 2^64.
    fn collision(&self, all: &Symbol) -> Result<(), SketchError> {
        let pair = match all.count {
            2 => *all,
            254 => all.negated(),
            _ => return Ok(()),
        };
        for half in [pair.key / 2, pair.key / 2 + (1 << 63)] {
            let short = ShortId::from_u64(half);
            if pair.key % 2 == 0 && self.own.key().marks(short).check.wrapping_mul(2) == pair.check {
                return Err(SketchError::Collision { short });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::sketch::SketchKey;

    const KEY: SketchKey = SketchKey::from_bytes([7; 16]);

    fn sketch(shorts: &[u64]) -> Sketch {
        let mut sketch = Sketch::new(KEY, 400);
        shorts.iter().for_each(|short| sketch.insert_short(ShortId::from_u64(*short)));
        sketch
    }

    fn decode(ours: &[u64], theirs: &[u64]) -> Result<Difference, SketchError> {
        let (own, theirs) = (sketch(ours), sketch(theirs));
        let mut decoder = Decoder::new(&own);
        while decoder.add(&theirs.symbols(decoder.received()..decoder.received() + 1))? != Progress::Complete {}
        Ok(decoder.difference())
    }

    #[test]
    fn what_collides_across_the_sides_cancels_and_only_heads_show_it() {
        // Two ops, one on each side, under one short id: to the sketches they are one op that both have.
        let (ours, theirs) = ([1, 2, 30], [1, 2, 30, 40]);
        let found = decode(&ours, &theirs).unwrap();
        assert_eq!(found, Difference { ours: vec![], theirs: vec![ShortId::from_u64(40)] });
        // Nothing is said of it that is false; the sets are not equal, their heads differ, and under another key the two are apart.
        let found = decode(&[1, 2, 31], &[1, 2, 32, 40]).unwrap();
        assert_eq!((found.ours.len(), found.theirs.len()), (1, 2));
    }

    #[test]
    fn what_collides_on_one_side_is_an_error() {
        let short = ShortId::from_u64(30);
        assert_eq!(decode(&[1], &[1, 30, 30]), Err(SketchError::Collision { short }));
        assert_eq!(decode(&[30, 30], &[]), Err(SketchError::Collision { short }));
        // The halves of a sum modulo 2^64 are two.
        let short = ShortId::from_u64(u64::MAX - 6);
        assert_eq!(decode(&[1], &[1, short.as_u64(), short.as_u64()]), Err(SketchError::Collision { short }));
    }

    #[test]
    fn a_pair_and_an_id_of_the_other_side_are_not_taken_for_one_of_theirs() {
        // With exclusive ors the pair vanishes and its count turns the other id's sign: one symbol, completely decoded, and false.
        let theirs = sketch(&[30, 30]);
        let mut decoder = Decoder::new(&sketch(&[5]));
        assert!(matches!(decoder.add(&theirs.symbols(0..1)), Ok(Progress::More { .. })));
        assert_eq!(decoder.difference(), Difference::default());
    }

    #[test]
    fn two_hundred_and_fifty_six_of_one_are_not_none() {
        // Their counts are 0 modulo 256, their sums are not. It is no pair either, and goes on until there are no more symbols.
        assert_eq!(decode(&[], &[30; 256]), Err(SketchError::Empty));
    }

    #[test]
    fn no_more_ids_than_symbols() {
        let mut decoder = Decoder::new(&sketch(&[]));
        decoder.sums.push(Symbol::default());
        let found = |number| {
            let marks = KEY.marks(ShortId::from_u64(number));
            let taken = Symbol::of(ShortId::from_u64(number), &marks).negated();
            Found { short: ShortId::from_u64(number), is_theirs: true, taken, places: Places::new(marks.seed) }
        };
        assert_eq!(decoder.peel(found(1), &mut Vec::new()), Ok(()));
        assert_eq!(decoder.peel(found(1), &mut Vec::new()), Err(SketchError::Twice { short: ShortId::from_u64(1) }));
        assert_eq!(decoder.peel(found(2), &mut Vec::new()), Err(SketchError::Work { limit: 1 }));
    }

    #[test]
    fn no_more_steps_than_symbols_allow() {
        let mut decoder = Decoder::new(&sketch(&[]));
        decoder.steps = STEPS_A_SYMBOL;
        assert_eq!(decoder.add(&sketch(&[1]).symbols(0..1)), Err(SketchError::Work { limit: STEPS_A_SYMBOL }));
    }

    proptest! {
        /// Short ids of a few bits collide all the time. What is reported is always the exact difference of how often each side
        /// has a short id, where that is -1, 0 or 1 for each; where it is not, nothing is reported as complete.
        #[test]
        fn short_ids_that_collide_are_never_misreported(
            ours in proptest::collection::vec(0..24_u64, 0..24), theirs in proptest::collection::vec(0..24_u64, 0..24),
        ) {
            let mut more = BTreeMap::<u64, i32>::new();
            ours.iter().for_each(|short| *more.entry(*short).or_default() -= 1);
            theirs.iter().for_each(|short| *more.entry(*short).or_default() += 1);
            let with = |times| more.iter().filter(|(_, more)| **more == times).map(|(short, _)| ShortId::from_u64(*short)).collect();
            let truth = Difference { ours: with(-1), theirs: with(1) };
            let single = more.values().all(|more| more.abs() <= 1);
            match decode(&ours, &theirs) {
                Ok(found) => prop_assert!(single && found == truth, "{found:?} {more:?}"),
                Err(error) => prop_assert!(!single, "{error}"),
            }
        }
    }
}
