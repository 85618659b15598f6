//! The first symbols of a set, kept up as it changes.

use core::ops::Range;

use super::key::{ShortId, SketchKey};
use super::places::Places;
use super::symbol::{SYMBOLS_MAX, Symbol, encode};
use crate::id::OpId;

/// The first symbols of a set under one key. Holds sums alone, no ids: 16 bytes a symbol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sketch {
    key: SketchKey,
    size: u64,
    symbols: Vec<Symbol>,
}

impl Sketch {
    /// The first `symbols` symbols of the empty set; at least 1 and at most [`SYMBOLS_MAX`].
    ///
    /// More cost little: an insert takes about 2 ln(`symbols` / 2) steps.
    #[must_use]
    pub fn new(key: SketchKey, symbols: usize) -> Self {
        Self { key, size: 0, symbols: vec![Symbol::default(); symbols.clamp(1, SYMBOLS_MAX)] }
    }

    /// Adds an id. One that is in the set already must not be added again: it would be counted twice.
    pub fn insert(&mut self, id: &OpId) {
        self.insert_short(self.key.short(id));
    }

    /// Takes an id out, which must be in the set.
    pub fn remove(&mut self, id: &OpId) {
        self.remove_short(self.key.short(id));
    }

    pub(super) fn insert_short(&mut self, short: ShortId) {
        self.size = self.size.wrapping_add(1);
        self.add_from(0, short, false);
    }

    pub(super) fn remove_short(&mut self, short: ShortId) {
        self.size = self.size.wrapping_sub(1);
        self.add_from(0, short, true);
    }

    fn add_from(&mut self, from: usize, short: ShortId, negate: bool) {
        let marks = self.key.marks(short);
        let symbol = Symbol::of(short, &marks);
        let symbol = if negate { symbol.negated() } else { symbol };
        let mut places = Places::new(marks.seed);
        while let Some(at) = places.below(self.symbols.len()) {
            if at >= from
                && let Some(sum) = self.symbols.get_mut(at)
            {
                sum.add(&symbol);
            }
            places.advance();
        }
    }

    /// Makes it `symbols` symbols long, at most [`SYMBOLS_MAX`], and no shorter than it is. `ids` are those of the set, each once,
    /// in any order: the sketch keeps none.
    ///
    /// Costs as much as inserting all of them again. Keeping for each id where its places go on was measured to take a tenth
    /// of that, at 32 bytes an id and link: 32 MB for a million ids, where all symbols of a sketch take 16 at most. Ten times
    /// the symbols from the start cost an insert a fifth more, so that extending is rare.
    pub fn extend<'a>(&mut self, symbols: usize, ids: impl IntoIterator<Item = &'a OpId>) {
        let from = self.symbols.len();
        let to = symbols.min(SYMBOLS_MAX);
        if to <= from {
            return;
        }
        self.symbols.resize(to, Symbol::default());
        for id in ids {
            self.add_from(from, self.key.short(id), false);
        }
    }

    /// The symbols of `range` as bytes: a [`Run`](super::Run). What the sketch does not have is left out; a run without
    /// symbols is refused by whoever reads it.
    ///
    /// Runs that are decoded together must be of one set: who serves a link keeps a clone for it as long as it lasts.
    #[must_use]
    pub fn symbols(&self, range: Range<usize>) -> Vec<u8> {
        let end = range.end.min(self.symbols.len());
        let symbols = self.symbols.get(range.start..end).unwrap_or_default();
        encode(self.size, range.start, symbols)
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &SketchKey {
        &self.key
    }

    /// How many ids the set has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// How many symbols are kept.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.symbols.len()
    }

    pub(super) fn sums(&self) -> &[Symbol] {
        &self.symbols
    }
}
