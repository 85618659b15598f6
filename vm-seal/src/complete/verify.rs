//! Verification of completeness proofs, offline, from the ledger's key alone.

use vm_core::digest::LeafHash;
use vm_core::error::RecordError;
use vm_core::key::{Note, NoteKey};
use vm_core::record::{LogEntry, StoredRow};
use vm_core::verdict::{Code, Finding};

use super::proof::{CompletenessProof, ProvenRange, TAIL_MAX};
use crate::bundle::SealBundle;
use crate::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::digest::{RowSet, SealDigest};
use crate::error::{CompletenessError, IndexError, ProofError, RangeAt};
use crate::index::{Card, Entry, IndexedRun, Interval, Query, Statement, Term};
use crate::merkle::{LeafIndex, LeafRun, RangeProof, TreeSize};

/// All rows that match a question, up to a signed size of the log. Made by [`CompletenessProof::verify`] alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Complete {
    checkpoint: VerifiedCheckpoint,
    note: Note,
    query: Query,
    cards: Vec<Card>,
}

impl Complete {
    /// The checkpoint up to which it is complete.
    #[must_use]
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// The question.
    #[must_use]
    pub const fn query(&self) -> &Query {
        &self.query
    }

    /// The rows that are selected, ordered by table and id. None: no such row stands in the log.
    #[must_use]
    pub fn cards(&self) -> &[Card] {
        &self.cards
    }

    /// Checks that `cards`, by table and id, are those of the rows that match.
    ///
    /// # Errors
    /// [`CompletenessError::Differs`] names the first row that the one side has and the other has not.
    pub fn check_rows(&self, cards: &[Card]) -> Result<(), CompletenessError> {
        let shown = |card: Option<&Card>| {
            card.map_or_else(|| "no row".to_owned(), |card| format!("{}/{}", card.table, card.id))
        };
        let differ = (0..self.cards.len().max(cards.len())).find(|at| self.cards.get(*at) != cards.get(*at));
        match differ {
            None => Ok(()),
            Some(at) => {
                let (expected, found) = (shown(self.cards.get(at)), shown(cards.get(at)));
                Err(CompletenessError::Differs { what: "rows", expected, found })
            }
        }
    }

    /// Checks that a seal is over these rows, all of them and no other.
    ///
    /// # Errors
    /// [`CompletenessError::Differs`] says what of the bundle is not what the index gives.
    pub fn check_seal(&self, bundle: &SealBundle) -> Result<(), CompletenessError> {
        let sealed = bundle.digest();
        let differs = |what, expected: String, found: String| match expected == found {
            true => Ok(()),
            false => Err(CompletenessError::Differs { what, expected, found }),
        };
        differs("checkpoint", self.note.to_string(), bundle.checkpoint().to_string())?;
        let asked = Query::Selection(sealed.selection().clone());
        differs("selection", self.query.to_value().to_string(), asked.to_value().to_string())?;
        let mut set = RowSet::default();
        self.cards.iter().for_each(|card| set.add(card.leaf, card.ts));
        let found = SealDigest::of(sealed.selection().clone(), &set, sealed.scrolls().to_vec());
        let found = found.map_err(CompletenessError::Json)?;
        differs("leaves", found.leaves().to_string(), sealed.leaves().to_string())?;
        differs("set_root", found.set_root().to_string(), sealed.set_root().to_string())?;
        differs("bounds", found.bounds().to_value().to_string(), sealed.bounds().to_value().to_string())
    }
}

impl CompletenessProof {
    /// Verifies the proof under the ledger's key. `rows` are the cards of all rows that match, in any order, where the proof
    /// has no entries of its own. Cost: one leaf hash and one node a match, a few for each range. Memory: 160 bytes a match.
    ///
    /// # Errors
    /// [`CompletenessError`]; [`CompletenessError::finding`] says what each of them means.
    pub fn verify(&self, key: &NoteKey, rows: Option<&[Card]>) -> Result<Complete, CompletenessError> {
        let checkpoint = Checkpoint::verify(&self.checkpoint, key).map_err(CompletenessError::Checkpoint)?;
        let (statement, mut cards) = self.check_tail(&checkpoint)?;
        let mut matches = self.entries_by_run(&statement, rows)?;
        let intervals = self.query.intervals();
        let expected = count(statement.runs().len()).saturating_mul(count(intervals.len()));
        if count(self.ranges.len()) != expected {
            return Err(CompletenessError::Ranges { expected, found: count(self.ranges.len()) });
        }
        let places = statement.runs().iter().flat_map(|run| intervals.iter().map(move |interval| (run, interval)));
        for ((run, interval), range) in places.zip(&self.ranges) {
            cards.extend(self.check_range(run, interval, range, &mut matches)?);
        }
        let left = matches.count();
        if left > 0 {
            let counted = self.ranges.iter().fold(0_u64, |sum, range| sum.saturating_add(range.count));
            let found = counted.saturating_add(count(left));
            return Err(CompletenessError::Entries { expected: counted, found });
        }
        cards.retain(|card| self.query.selects(card));
        cards.sort_unstable_by_key(|card| (card.table, card.id));
        Ok(Complete { checkpoint, note: self.checkpoint.clone(), query: self.query.clone(), cards })
    }

    /// The index that the first row of the tail states, and the rows of the tail that match.
    fn check_tail(&self, checkpoint: &VerifiedCheckpoint) -> Result<(Statement, Vec<Card>), CompletenessError> {
        let (found, size) = (count(self.tail.rows.len()), checkpoint.size().as_u64());
        let wrong = CompletenessError::Tail { limit: TAIL_MAX.min(size), found };
        if found == 0 || found > TAIL_MAX {
            return Err(wrong);
        }
        let begin = size.checked_sub(found).ok_or(wrong)?;
        let leaves = self.tail.rows.iter().map(|data| LeafHash::of(data.as_bytes()));
        let proof = RangeProof::from_hashes(self.tail.left.clone(), Vec::new()).map_err(CompletenessError::TailRoot)?;
        let run = LeafRun::new(LeafIndex::new(begin), LeafIndex::new(size)).map_err(CompletenessError::TailRoot)?;
        proof.verify(run, leaves, checkpoint.size(), checkpoint.root()).map_err(CompletenessError::TailRoot)?;
        let mut statement = Err(IndexError::NotAnIndex);
        let mut cards = Vec::new();
        for ((at, data), seq) in self.tail.rows.iter().enumerate().zip(begin..) {
            let fault = |source| CompletenessError::TailRow { at, source };
            let row = StoredRow::parse_leaf_data(data.as_bytes()).map_err(fault)?;
            if at == 0 {
                statement = Statement::of_row(&row, seq).and_then(|stated| stated.ok_or(IndexError::NotAnIndex));
            }
            if self.query.matches(&row).map_err(fault)? {
                let (table, row_id, schema) = (row.table(), row.id().map_err(fault)?, row.schema());
                let entry = LogEntry { seq, table, row_id, schema, leaf: LeafHash::of(data.as_bytes()) };
                cards.push(Card::of(&entry, &row).map_err(fault)?);
            }
        }
        Ok((statement.map_err(CompletenessError::Index)?, cards))
    }

    /// Matching leaf data in the order of the ranges: the proof's own, or made of the rows given.
    fn entries_by_run(
        &self,
        statement: &Statement,
        rows: Option<&[Card]>,
    ) -> Result<Box<dyn Iterator<Item = Vec<u8>> + '_>, CompletenessError> {
        if let Some(entries) = &self.entries {
            return Ok(Box::new(entries.iter().cloned()));
        }
        // No row at all is an answer; not to have been given any is none.
        let rows = rows.ok_or(CompletenessError::NoEntries)?;
        let order = self.query.order();
        let term = match &self.query {
            Query::Term { column, value } => Some(Term::new(*column, value)),
            Query::Selection(_) => None,
        };
        let size = statement.size().as_u64();
        let mut sorted: Vec<(usize, Entry)> = rows
            .iter()
            // What stands behind the index is judged with the tail.
            .filter(|card| card.seq < size)
            .map(|card| {
                let entry = Entry::new(term, card);
                let run = statement.runs().partition_point(|run| run.run().end().as_u64() <= card.seq);
                (run, entry)
            })
            .collect();
        sorted.sort_unstable_by_key(|(run, entry)| (*run, entry.key(order)));
        Ok(Box::new(sorted.into_iter().map(|(_, entry)| entry.to_data())))
    }

    /// Checks one range with the next of `matches`; gives their cards.
    fn check_range(
        &self,
        run: &IndexedRun,
        interval: &Interval,
        range: &ProvenRange,
        matches: &mut impl Iterator<Item = Vec<u8>>,
    ) -> Result<Vec<Card>, CompletenessError> {
        let order = self.query.order();
        let (size, root) = run.tree(order);
        let at = RangeAt { run: run.run(), order, place: range.begin };
        let out_of_place = || CompletenessError::OutOfPlace { at };
        let proven = range.run(size).ok_or_else(out_of_place)?;
        let (mut leaves, mut cards) = (Vec::new(), Vec::new());
        let mut last = None;
        let mut take = |data: &[u8], is_right: &dyn Fn(&Entry, &Card) -> bool| {
            let (entry, card) = Entry::parse(order, data).map_err(|source| CompletenessError::Card { at, source })?;
            let key = entry.key(order);
            if last.is_some_and(|last| last >= key) || !is_right(&entry, &card) {
                return Err(out_of_place());
            }
            last = Some(key);
            leaves.push(LeafHash::of(data));
            Ok(card)
        };
        if let Some(before) = &range.before {
            take(before, &|entry, _| entry.key(order) < interval.from)?;
        }
        let within = |entry: &Entry, card: &Card| interval.holds(entry.key(order)) && is_in(run.run(), card.seq);
        for at in 0..range.count {
            let data = matches.next().ok_or(CompletenessError::Entries { expected: range.count, found: at })?;
            cards.push(take(&data, &within)?);
        }
        if let Some(after) = &range.after {
            take(after, &|entry, _| interval.is_before(entry.key(order)))?;
        }
        let fault = |source: ProofError| CompletenessError::Range { at, source };
        let proof = RangeProof::from_hashes(range.left.clone(), range.right.clone()).map_err(fault)?;
        proof.verify(proven, leaves, size, root).map_err(fault)?;
        Ok(cards)
    }
}

impl ProvenRange {
    /// The leaves that its proof is over: the matches and their neighbours. None where a neighbour is missing that a tree of
    /// `size` has, or is there that it has not.
    fn run(&self, size: TreeSize) -> Option<LeafRun> {
        let end = self.begin.checked_add(self.count).filter(|end| *end <= size.as_u64())?;
        if self.before.is_none() != (self.begin == 0) || self.after.is_none() != (end == size.as_u64()) {
            return None;
        }
        let matches = LeafRun::new(LeafIndex::new(self.begin), LeafIndex::new(end)).ok()?;
        Some(matches.with_neighbours(size))
    }
}

impl CompletenessError {
    /// The finding that this is. What was given for a proof and is none contradicts like one that leaves a row out.
    #[must_use]
    pub fn finding(&self, subject: impl Into<String>) -> Finding {
        let code = match self {
            Self::FormatUnknown { .. }
            | Self::Index(IndexError::FormatUnknown { .. })
            | Self::TailRow { source: RecordError::UnknownFormat { .. }, .. } => Code::FormatUnknown,
            Self::NoEntries => Code::EvidenceUnreadable,
            _ => Code::Incomplete,
        };
        let found = match self {
            Self::Differs { what, expected, found } => {
                return Finding::new(code, format!("{} {what}", subject.into())).expected_found(expected, found);
            }
            Self::Card { at, .. } | Self::OutOfPlace { at } | Self::Range { at, .. } => {
                format!("{}: {at}", self.code())
            }
            _ => self.code().to_owned(),
        };
        Finding::new(code, subject).found(found)
    }
}

const fn is_in(run: LeafRun, seq: u64) -> bool {
    run.begin().as_u64() <= seq && seq < run.end().as_u64()
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
