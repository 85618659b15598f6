//! Errors of indexes and completeness proofs.

use core::convert::Infallible;

use thiserror::Error;
use vm_core::digest::RootHash;
use vm_core::error::{CanonicalError, NoteError, RecordError};
use vm_core::instant::Instant;

use super::{CheckpointError, ProofError, ProveError, SelectionError, ShapeError};
use crate::index::Order;
use crate::merkle::{LeafRun, TreeSize};

/// Bytes that are no card.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CardError {
    /// Of another length.
    #[error("leaf data of {found} bytes is of no index")]
    Length {
        /// Bytes given.
        found: usize,
    },
    /// A number that no table has.
    #[error("no table has the number {found}")]
    Table {
        /// What was given.
        found: u8,
    },
    /// A time that cannot be written.
    #[error("{micros} microseconds lie outside of {} and before", Instant::MAX)]
    Time {
        /// What was given, since 1970.
        micros: i64,
    },
}
stable_codes!(CardError {
    Self::Length { .. } => "card-length",
    Self::Table { .. } => "card-table",
    Self::Time { .. } => "card-time",
});

/// A question that cannot be read or asked.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// Members missing, foreign or malformed.
    #[error("query")]
    Shape(#[from] ShapeError),
    /// The selection is malformed.
    #[error("selection of the query")]
    Selection(#[from] SelectionError),
    /// No row can hold this value.
    #[error("no row has such a value in {column}")]
    Value {
        /// The column.
        column: &'static str,
    },
}
stable_codes!(QueryError {
    Self::Shape(_) => "query-shape",
    Self::Selection(_) => "query-selection",
    Self::Value { .. } => "query-value",
});

/// An index row that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum IndexError {
    /// Not a row of an index.
    #[error("row states no index")]
    NotAnIndex,
    /// Not canonical JSON.
    #[error("index is not JSON")]
    Json(#[source] CanonicalError),
    /// Of a format that this build does not know.
    #[error("unknown index format {found:?}")]
    FormatUnknown {
        /// What was given.
        found: String,
    },
    /// Members missing, foreign or malformed.
    #[error("index")]
    Shape(#[from] ShapeError),
    /// Runs that do not cover a log from its beginning, one behind the other.
    #[error("runs of the index do not stand one behind the other")]
    Runs,
    /// It does not cover all rows before it.
    #[error("index at place {expected} covers {found} rows")]
    Lagging {
        /// Rows before it.
        expected: TreeSize,
        /// Rows covered.
        found: TreeSize,
    },
}
stable_codes!(IndexError {
    Self::NotAnIndex => "index-none",
    Self::Json(_) => "index-json",
    Self::FormatUnknown { .. } => "format-unknown",
    Self::Shape(_) => "index-shape",
    Self::Runs => "index-runs",
    Self::Lagging { .. } => "index-lagging",
});

/// Where in an index a range stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RangeAt {
    /// The run.
    pub run: LeafRun,
    /// The order it is sorted in.
    pub order: Order,
    /// The first place of the range that matches.
    pub place: u64,
}

impl core::fmt::Display for RangeAt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "place {} by {} in the run {}", self.place, self.order, self.run)
    }
}

/// A completeness proof that cannot be read, or does not hold.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CompletenessError {
    /// Not canonical JSON, or longer than the limit.
    #[error("completeness proof is not canonical JSON")]
    Json(#[source] CanonicalError),
    /// Of a format that this build does not know.
    #[error("unknown format of a completeness proof {found:?}")]
    FormatUnknown {
        /// What was given.
        found: String,
    },
    /// Members missing, foreign or malformed.
    #[error("completeness proof")]
    Shape(#[from] ShapeError),
    /// The question is malformed.
    #[error("query of the completeness proof")]
    Query(#[from] QueryError),
    /// The checkpoint is malformed.
    #[error("note of the completeness proof")]
    Note(#[source] NoteError),
    /// The checkpoint does not hold.
    #[error("checkpoint of the completeness proof")]
    Checkpoint(#[source] CheckpointError),
    /// No rows in the tail, more than the limit, or more than the log holds.
    #[error("tail of {found} rows, of at least one and at most {limit}")]
    Tail {
        /// Rows allowed.
        limit: u64,
        /// Rows given.
        found: u64,
    },
    /// A row of the tail that cannot be read.
    #[error("row {at} of the tail")]
    TailRow {
        /// Its number, from 0.
        at: usize,
        /// Why.
        #[source]
        source: RecordError,
    },
    /// The rows of the tail are not the end of the log that was signed.
    #[error("tail is not the end of the log")]
    TailRoot(#[source] ProofError),
    /// The first row of the tail is no index of all before it.
    #[error("index of the completeness proof")]
    Index(#[source] IndexError),
    /// More or fewer ranges than runs and intervals demand, or more than the limit.
    #[error("expected {expected} ranges, found {found}")]
    Ranges {
        /// Ranges demanded.
        expected: u64,
        /// Ranges given.
        found: u64,
    },
    /// Entries that are neither in the proof nor given.
    #[error("matching rows are neither in the proof nor given")]
    NoEntries,
    /// More or fewer entries than the ranges count.
    #[error("expected {expected} matching entries, found {found}")]
    Entries {
        /// Entries counted.
        expected: u64,
        /// Entries given.
        found: u64,
    },
    /// Leaf data in a range that is none.
    #[error("entry at {at}")]
    Card {
        /// Where.
        at: RangeAt,
        /// Why.
        #[source]
        source: CardError,
    },
    /// A neighbour that matches, or is not there though the range does not end at the border; or a match that does not.
    #[error("entry out of place at {at}")]
    OutOfPlace {
        /// Where.
        at: RangeAt,
    },
    /// The entries are not those of the index.
    #[error("entries at {at}")]
    Range {
        /// Where.
        at: RangeAt,
        /// Why.
        #[source]
        source: ProofError,
    },
    /// What matches is not what was claimed.
    #[error("{what} expected {expected}, found {found}")]
    Differs {
        /// What differs: `leaves`, `set_root` or `bounds`.
        what: &'static str,
        /// What the index gives.
        expected: String,
        /// What was claimed.
        found: String,
    },
}
stable_codes!(CompletenessError {
    Self::Json(_) => "completeness-json",
    Self::FormatUnknown { .. } => "format-unknown",
    Self::Shape(_) => "completeness-shape",
    Self::Query(_) => "completeness-query",
    Self::Note(_) => "completeness-note",
    Self::Checkpoint(_) => "completeness-checkpoint",
    Self::Tail { .. } => "completeness-tail",
    Self::TailRow { .. } => "completeness-tail-row",
    Self::TailRoot(_) => "completeness-tail-root",
    Self::Index(_) => "completeness-index",
    Self::Ranges { .. } => "completeness-ranges",
    Self::NoEntries => "completeness-no-entries",
    Self::Entries { .. } => "completeness-entries",
    Self::Card { .. } => "completeness-card",
    Self::OutOfPlace { .. } => "completeness-out-of-place",
    Self::Range { .. } => "completeness-range",
    Self::Differs { .. } => "completeness-differs",
});

/// A coverage statement that is not the one its export gives.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CoverageError {
    /// No canonical JSON.
    #[error("coverage statement is no canonical JSON")]
    Json(#[source] CanonicalError),
    /// Of another format.
    #[error("coverage statement of unknown format {found}")]
    FormatUnknown {
        /// Format found.
        found: String,
    },
    /// Another shape than its format has.
    #[error("coverage statement has another shape than its format")]
    Shape(#[from] ShapeError),
    /// It says something else than bundle and rows.
    #[error("{member} is not what the seal and its rows give")]
    Differs {
        /// The first member that differs.
        member: String,
    },
}
stable_codes!(CoverageError {
    Self::Json(_) => "coverage-json",
    Self::FormatUnknown { .. } => "format-unknown",
    Self::Shape(_) => "coverage-shape",
    Self::Differs { .. } => "coverage-differs",
});

/// A completeness proof that could not be made.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ProveCompleteError<E> {
    /// No proof can be made of it.
    #[error("completeness proof cannot be made")]
    Proof(#[from] CompletenessError),
    /// The rows do not give the root that the index states.
    #[error("rows {run} by {order} give {found}, the index states {expected}")]
    IndexAltered {
        /// The run.
        run: LeafRun,
        /// The order.
        order: Order,
        /// Root that the index states.
        expected: RootHash,
        /// Root of the rows.
        found: RootHash,
    },
    /// The rows or the log could not be read.
    #[error("log")]
    Read(#[source] E),
    /// A range could not be proven in the tree of its run.
    #[error("tree of a run")]
    Tree(#[source] ProveError<Infallible>),
}
stable_codes!(ProveCompleteError<E> {
    Self::Proof(_) => "prove-complete-proof",
    Self::IndexAltered { .. } => "index-altered",
    Self::Read(_) => "prove-complete-read",
    Self::Tree(_) => "prove-complete-tree",
});
