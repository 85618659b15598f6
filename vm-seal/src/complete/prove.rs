//! Making completeness proofs.

use core::convert::Infallible;

use vm_core::digest::RootHash;
use vm_core::error::RecordError;
use vm_core::key::Note;
use vm_core::record::LogEntry;
use vm_core::view::{EvidenceView, RowState, StoredEntry, ViewError, Visit};

use super::proof::{CompletenessProof, ProvenRange, TAIL_MAX, Tail};
use crate::checkpoint::Checkpoint;
use crate::error::{CheckpointError, CompletenessError, ProveCompleteError, ProveError, SealError};
use crate::index::{Deck, Interval, Order, Query, SortedRun, Statement};
use crate::merkle::{HashReader, LeafIndex, LeafRun, Tree, TreeSize, prove_range};
use crate::rehash::{self, Take};

/// An index and the rows it sorts: what proofs are made from.
#[derive(Clone, Debug)]
pub struct Indexed {
    statement: Statement,
    runs: Vec<SortedRun>,
    /// Leaf data of the index row and of those behind it.
    tail: Vec<String>,
}

/// Cards of the rows of a view from place `from` up to and without `to`, with the leaf hashes of the log: whether the rows
/// hash to them is another check.
///
/// # Errors
/// [`ViewError`], also where a row is missing or malformed.
pub fn read_deck(view: &dyn EvidenceView, from: u64, to: u64) -> Result<Deck, ViewError> {
    let mut deck = Deck::new(from);
    view.visit_log(from, to, &mut |entry, state| {
        let (StoredEntry::Entry(entry), RowState::Present(row)) = (&entry, &state) else {
            return Err(ViewError::store(RecordError::Shape));
        };
        deck.push(entry, row).map_err(ViewError::store)?;
        Ok(Visit::Continue)
    })?;
    Ok(deck)
}

/// The index of the first `size` rows of a view, which is not empty: runs of `previous` that are kept as they were stated, and
/// one new run, whose rows must be as they were logged: a statement over others would be wrong for ever. `fresh` holds cards of
/// the last rows, where whoever logged them kept them; only the rows before those are read. Cost: one pass over the rows of
/// the new run, and what hashing and sorting them takes; see [`Statement::kept`].
///
/// # Errors
/// [`SealError::RowAltered`], also where a row is missing or malformed; [`SealError::View`], also where there is none.
pub fn state_index(
    view: &dyn EvidenceView,
    previous: Option<&Statement>,
    size: TreeSize,
    fresh: Option<&Deck>,
) -> Result<Statement, SealError> {
    let kept = previous.map_or(&[][..], |previous| previous.kept(size));
    let from = kept.last().map_or(0, |last| last.run().end().as_u64());
    let fresh = fresh.filter(|fresh| fresh.run().end().as_u64() == size.as_u64());
    let known = fresh.map_or(size.as_u64(), |fresh| fresh.run().begin().as_u64().max(from));
    let mut deck = read_logged(view, from, known)?;
    fresh.into_iter().for_each(|fresh| deck.extend_from(fresh));
    let sorted = deck.sort(deck.run()).ok_or(SealError::View(ViewError::Empty))?;
    let stated = Statement::new(kept.iter().copied().chain([sorted.statement()]).collect());
    stated.map_err(|error| SealError::View(ViewError::store(error)))
}

/// As [`read_deck`], but every row must hash to its leaf.
fn read_logged(view: &dyn EvidenceView, from: u64, to: u64) -> Result<Deck, SealError> {
    let (mut deck, mut altered) = (Deck::new(from), None);
    let read = |take: &mut Take<'_, LogEntry>| {
        view.visit_log(from, to, &mut |entry, state| match entry {
            StoredEntry::Entry(entry) => take(entry, state),
            StoredEntry::Malformed { .. } => Err(ViewError::store(RecordError::Shape)),
        })
    };
    let judge = |entry: LogEntry, hashed: rehash::Hashed| match (&hashed.state, hashed.leaf) {
        (RowState::Present(row), Some(Ok(leaf))) if leaf == entry.leaf => {
            deck.push(&entry, row).map_err(ViewError::store)?;
            Ok(Visit::Continue)
        }
        _ => {
            altered = Some(SealError::RowAltered { table: entry.table, row: entry.row_id });
            Ok(Visit::Stop)
        }
    };
    rehash::pass(read, judge).map_err(SealError::View)?;
    altered.map_or(Ok(deck), Err)
}

impl Indexed {
    /// Sorts the rows of a view below `size` by the last index before that; none where there is no index among them, or
    /// only one further back than [`TAIL_MAX`] rows. Cost: one pass over the rows, and what sorting them takes.
    ///
    /// # Errors
    /// [`ProveCompleteError::Read`] where the view fails, [`ProveCompleteError::Proof`] where the index row is none.
    pub fn read(view: &dyn EvidenceView, size: TreeSize) -> Result<Option<Self>, ProveCompleteError<ViewError>> {
        let size = size.as_u64();
        let mut behind: Vec<String> = Vec::new();
        let mut stated = None;
        view.visit_log(size.saturating_sub(TAIL_MAX), size, &mut |entry, state| {
            let (StoredEntry::Entry(entry), RowState::Present(row)) = (&entry, &state) else {
                return Err(ViewError::store(RecordError::Shape));
            };
            match Statement::of_row(row, entry.seq) {
                Ok(None) => {}
                found => {
                    behind.clear();
                    stated = Some(found);
                }
            }
            let data = row.leaf_data().map_err(ViewError::store)?;
            behind.push(String::from_utf8(data).map_err(ViewError::store)?);
            Ok(Visit::Continue)
        })
        .map_err(ProveCompleteError::Read)?;
        let Some(Some(statement)) = stated.transpose().map_err(CompletenessError::Index)? else {
            return Ok(None);
        };
        let deck = read_deck(view, 0, statement.size().as_u64()).map_err(ProveCompleteError::Read)?;
        let runs: Option<Vec<_>> = statement.runs().iter().map(|stated| deck.sort(stated.run())).collect();
        // The deck was read up to where the runs end.
        Ok(runs.map(|runs| Self { statement, runs, tail: behind }))
    }

    /// The trees of `order`, which must have the roots that the index states.
    fn trees<E>(&self, order: Order) -> Result<Vec<Tree>, ProveCompleteError<E>> {
        let tree = |(stated, sorted): (&crate::index::IndexedRun, &SortedRun)| {
            let (tree, (_, expected)) = (sorted.tree(order), stated.tree(order));
            let found = tree.root();
            let run = stated.run();
            if found == expected {
                Ok(tree)
            } else {
                Err(ProveCompleteError::IndexAltered { run, order, expected, found })
            }
        };
        self.statement.runs().iter().zip(&self.runs).map(tree).collect()
    }
}

/// Proves which rows match `query` up to `checkpoint`, at whose size `indexed` was read. `log` answers with hashes of the log.
/// Without `with_entries` whoever verifies must have all rows that match. Cost: one leaf hash a row and one node in the order of the query.
///
/// # Errors
/// [`ProveCompleteError::IndexAltered`] where the rows do not give the index; [`ProveCompleteError::Read`] where `log` fails;
/// [`ProveCompleteError::Proof`] where checkpoint and index do not fit.
pub fn prove_complete<R: HashReader + ?Sized>(
    indexed: &Indexed,
    query: Query,
    checkpoint: &Note,
    log: &R,
    with_entries: bool,
) -> Result<CompletenessProof, ProveCompleteError<ProveError<R::Error>>> {
    let text = checkpoint.unverified_text();
    let signed = Checkpoint::parse_text(text).map_err(CompletenessError::Checkpoint)?;
    let begin = indexed.statement.size().as_u64();
    let found = u64::try_from(indexed.tail.len()).unwrap_or(u64::MAX);
    if begin.checked_add(found) != Some(signed.size().as_u64()) {
        return Err(CompletenessError::Checkpoint(CheckpointError::Size).into());
    }
    let order = query.order();
    let mut proof = CompletenessProof {
        checkpoint: checkpoint.clone(),
        tail: Tail {
            left: left_of(log, begin, signed.size()).map_err(ProveCompleteError::Read)?,
            rows: indexed.tail.clone(),
        },
        ranges: Vec::new(),
        entries: with_entries.then(Vec::new),
        query,
    };
    let intervals = proof.query.intervals();
    for (sorted, tree) in indexed.runs.iter().zip(indexed.trees(order)?) {
        for interval in &intervals {
            let range = prove_interval(sorted, &tree, order, interval, proof.entries.as_mut());
            proof.ranges.push(range.map_err(ProveCompleteError::Tree)?);
        }
    }
    Ok(proof)
}

/// Hashes of the largest subtrees before the tail.
fn left_of<R: HashReader + ?Sized>(log: &R, begin: u64, size: TreeSize) -> Result<Vec<RootHash>, ProveError<R::Error>> {
    let run = LeafRun::new(LeafIndex::new(begin), LeafIndex::new(size.as_u64())).map_err(ProveError::Leaves)?;
    Ok(prove_range(log, run, size)?.left().to_vec())
}

fn prove_interval(
    sorted: &SortedRun,
    tree: &Tree,
    order: Order,
    interval: &Interval,
    entries: Option<&mut Vec<Vec<u8>>>,
) -> Result<ProvenRange, ProveError<Infallible>> {
    let found = sorted.find(order, interval);
    let (begin, end) = (found.begin().as_u64(), found.end().as_u64());
    let data = |at: u64| sorted.entry(order, LeafIndex::new(at)).map(|entry| entry.to_data());
    if let Some(entries) = entries {
        entries.extend((begin..end).filter_map(data));
    }
    let hashes = prove_range(tree, found.with_neighbours(tree.size()), tree.size())?;
    Ok(ProvenRange {
        begin,
        count: found.count(),
        before: begin.checked_sub(1).and_then(data),
        after: data(end),
        left: hashes.left().to_vec(),
        right: hashes.right().to_vec(),
    })
}
