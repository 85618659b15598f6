//! Runs, sorted: what the writer of an index and its auditor both make of the rows.

use vm_core::digest::{LeafHash, RootHash};
use vm_core::error::RecordError;
use vm_core::record::{LogEntry, StoredRow};

use super::{CARD_LEN, Card, Entry, IndexedRun, Interval, Order, Term};
use crate::merkle::{LeafIndex, LeafRun, Tree, TreeSize, root_of_slice};

/// Leaf data hashed at once: enough to fill the lanes of the hash, few enough to stay in the cache of the processor.
const HASHED_AT_ONCE: usize = 1_024;

/// Cards of rows that follow one another in the log. Memory: 81 bytes a row, and 40 for each reference.
#[derive(Clone, Debug)]
pub struct Deck {
    first: u64,
    cards: Vec<[u8; CARD_LEN]>,
    /// Places and terms, in the order of the log.
    terms: Vec<(u64, Term)>,
}

/// The rows of a run in every order.
#[derive(Clone, Debug)]
pub struct SortedRun {
    run: LeafRun,
    /// By time.
    cards: Vec<[u8; CARD_LEN]>,
    /// Positions in `cards`, by trace.
    trace: Vec<usize>,
    /// Terms and positions in `cards`.
    terms: Vec<(Term, usize)>,
}

impl Deck {
    /// No cards yet; the first will be that of the row at `first`.
    #[must_use]
    pub const fn new(first: u64) -> Self {
        Self { first, cards: Vec::new(), terms: Vec::new() }
    }

    /// Places of the log that it holds the cards of.
    #[must_use]
    pub fn run(&self) -> LeafRun {
        let end = self.first.saturating_add(count(self.cards.len()));
        // An end is never before its beginning.
        LeafRun::new(LeafIndex::new(self.first), LeafIndex::new(end)).unwrap_or(LeafRun::whole(TreeSize::ZERO))
    }

    /// Adds the row at the next place.
    ///
    /// # Errors
    /// [`RecordError::Cell`] where time or trace of the row cannot be read; nothing was added.
    pub fn push(&mut self, entry: &LogEntry, row: &StoredRow) -> Result<(), RecordError> {
        let card = Card::of(entry, row)?;
        self.terms.extend(Term::of(row).map(|term| (entry.seq, term)));
        self.cards.push(card.to_bytes());
        Ok(())
    }

    /// Forgets the rows from place `end` on; the next one pushed is that at `end`, also where all were behind it.
    pub fn truncate(&mut self, end: u64) {
        self.first = self.first.min(end);
        let left = usize::try_from(end.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.cards.truncate(left);
        let terms = self.terms.partition_point(|(place, _)| *place < end);
        self.terms.truncate(terms);
    }

    /// Adds the rows that another holds behind those here, which must begin where these end or before; none is added where it
    /// does not reach so far.
    pub(crate) fn extend_from(&mut self, other: &Self) {
        let end = self.run().end().as_u64();
        let from = end.checked_sub(other.first).and_then(|from| usize::try_from(from).ok());
        let Some(cards) = from.and_then(|from| other.cards.get(from..)) else { return };
        self.cards.extend_from_slice(cards);
        let terms = other.terms.partition_point(|(place, _)| *place < end);
        self.terms.extend_from_slice(other.terms.get(terms..).unwrap_or_default());
    }

    /// Sorts the rows of `run`; none where it does not hold all of them. Cost: n log n comparisons.
    #[must_use]
    pub fn sort(&self, run: LeafRun) -> Option<SortedRun> {
        let (begin, end) = (run.begin().as_u64(), run.end().as_u64());
        let at = |place: u64| usize::try_from(place.checked_sub(self.first)?).ok();
        let cards = self.cards.get(at(begin)?..at(end)?)?;
        let from = self.terms.partition_point(|(place, _)| *place < begin);
        let to = self.terms.partition_point(|(place, _)| *place < end);
        let terms = self.terms.get(from..to)?;
        let terms = terms.iter().map(|(place, term)| Some((*term, usize::try_from(place - begin).ok()?)));
        Some(SortedRun::of(run, cards, terms.collect::<Option<_>>()?))
    }
}

impl SortedRun {
    /// Sorts cards in the order of the log, and terms with positions among them.
    fn of(run: LeafRun, logged: &[[u8; CARD_LEN]], mut terms: Vec<(Term, usize)>) -> Self {
        let key = |order: Order| move |card: &[u8; CARD_LEN]| Entry::of_bytes(None, *card).key(order);
        // Sorted by position, so that terms find their cards again. Rows are nearly sorted by time as they come.
        let mut by_time: Vec<usize> = (0..logged.len()).collect();
        let card_at = |position: &usize| logged.get(*position).unwrap_or(&[0; CARD_LEN]);
        by_time.sort_by_cached_key(|position| key(Order::Time)(card_at(position)));
        let cards: Vec<[u8; CARD_LEN]> = by_time.iter().map(|position| *card_at(position)).collect();
        let mut place = vec![0; logged.len()];
        for (now, before) in by_time.iter().enumerate() {
            place.get_mut(*before).into_iter().for_each(|place| *place = now);
        }
        terms.sort_unstable();
        terms.iter_mut().for_each(|(_, position)| *position = place.get(*position).copied().unwrap_or_default());
        let mut trace: Vec<usize> = (0..cards.len()).collect();
        trace.sort_by_cached_key(|position| cards.get(*position).map(key(Order::Trace)));
        Self { run, cards, trace, terms }
    }

    /// Places of the log that it covers.
    #[must_use]
    pub const fn run(&self) -> LeafRun {
        self.run
    }

    /// Number of entries of an order.
    #[must_use]
    pub fn size(&self, order: Order) -> TreeSize {
        TreeSize::new(count(match order {
            Order::Time | Order::Trace => self.cards.len(),
            Order::Term => self.terms.len(),
        }))
    }

    /// The entry at a place of an order.
    #[must_use]
    pub fn entry(&self, order: Order, at: LeafIndex) -> Option<Entry> {
        let at = usize::try_from(at.as_u64()).ok()?;
        let (term, position) = match order {
            Order::Time => (None, at),
            Order::Trace => (None, *self.trace.get(at)?),
            Order::Term => self.terms.get(at).map(|(term, position)| (Some(*term), *position))?,
        };
        self.cards.get(position).map(|card| Entry::of_bytes(term, *card))
    }

    /// Entries whose keys lie in `interval`. Cost: the logarithm of the run.
    #[must_use]
    pub fn find(&self, order: Order, interval: &Interval) -> LeafRun {
        let first_beyond = |is_before: &dyn Fn(&Entry) -> bool| {
            let (mut low, mut high) = (0, self.size(order).as_u64());
            while low < high {
                let middle = low.midpoint(high);
                match self.entry(order, LeafIndex::new(middle)) {
                    Some(entry) if is_before(&entry) => low = middle + 1,
                    _ => high = middle,
                }
            }
            LeafIndex::new(low)
        };
        let begin = first_beyond(&|entry| entry.key(order) < interval.from);
        let end = first_beyond(&|entry| !interval.is_before(entry.key(order)));
        LeafRun::new(begin, end).unwrap_or(LeafRun::whole(TreeSize::ZERO))
    }

    /// Leaf hashes of an order. Cost: one leaf hash an entry.
    #[must_use]
    pub fn leaves(&self, order: Order) -> Vec<LeafHash> {
        match order {
            Order::Time => self.card_leaves(),
            Order::Trace => self.by_trace(&self.card_leaves()),
            Order::Term => {
                let mut leaves = Vec::with_capacity(self.terms.len());
                let data = |(term, position): &(Term, usize)| {
                    self.cards.get(*position).map(|card| Entry::of_bytes(Some(*term), *card).to_data())
                };
                for terms in self.terms.chunks(HASHED_AT_ONCE) {
                    let data: Vec<Vec<u8>> = terms.iter().filter_map(data).collect();
                    leaves.extend(LeafHash::of_each(&data));
                }
                leaves
            }
        }
    }

    /// The tree of an order, for proofs. Memory: 64 bytes an entry.
    #[must_use]
    pub fn tree(&self, order: Order) -> Tree {
        Tree::from_leaves(self.leaves(order))
    }

    /// The run as an index row states it. Cost: one leaf hash a row and one for each reference, and as many nodes in each
    /// order.
    #[must_use]
    pub fn statement(&self) -> IndexedRun {
        let by_time = self.card_leaves();
        let trace = root_of_slice(&self.by_trace(&by_time));
        IndexedRun {
            run: self.run,
            time: root_of_slice(&by_time),
            trace,
            term: (self.size(Order::Term), self.term_root()),
        }
    }

    fn term_root(&self) -> RootHash {
        root_of_slice(&self.leaves(Order::Term))
    }

    fn card_leaves(&self) -> Vec<LeafHash> {
        self.cards.chunks(HASHED_AT_ONCE).flat_map(LeafHash::of_each).collect()
    }

    fn by_trace(&self, leaves: &[LeafHash]) -> Vec<LeafHash> {
        self.trace.iter().filter_map(|position| leaves.get(*position).copied()).collect()
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
