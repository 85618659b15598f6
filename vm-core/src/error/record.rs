//! Why a row cannot be made or read.

use thiserror::Error;

use crate::error::CanonicalError;
use crate::record::Table;

/// A row that cannot be made or read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// No such table.
    #[error("unknown table {found:?}")]
    UnknownTable {
        /// What was given.
        found: String,
    },
    /// A table has no such schema version in this build.
    #[error("{table} has no schema {found} here")]
    UnknownSchema {
        /// The table.
        table: Table,
        /// The version given.
        found: u32,
    },
    /// An object of an unknown format.
    #[error("unknown format {found:?}")]
    UnknownFormat {
        /// What was given.
        found: String,
    },
    /// An object lacks members or has foreign ones.
    #[error("not of its format's shape")]
    Shape,
    /// The wrong number of cells.
    #[error("{table} has {expected} columns, found {found}")]
    CellCount {
        /// The table.
        table: Table,
        /// Columns it has.
        expected: usize,
        /// Cells given.
        found: usize,
    },
    /// A cell does not fit its column.
    #[error("value does not fit column {column} of {table}")]
    Cell {
        /// The table.
        table: Table,
        /// The column.
        column: &'static str,
    },
    /// The row has no canonical form.
    #[error("row has no canonical form")]
    Canonical(#[source] CanonicalError),
    /// The row's texts are longer than can be read again.
    #[error("row of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not a kind.
    #[error("not an artifact kind of 1 to 64 characters from a-z, 0-9, dot, hyphen and underscore")]
    Kind,
    /// A kind that only the system writes.
    #[error("artifact kind {found:?} is reserved, as all that begin with vm-")]
    ReservedKind {
        /// What was given.
        found: String,
    },
    /// Not one of a closed set of words.
    #[error("expected one of: {expected}")]
    Word {
        /// The words.
        expected: &'static str,
    },
    /// The parts of a record do not belong together.
    #[error("record lacks a part that its phase demands, or has one that it forbids")]
    Phase,
    /// A number that is not finite.
    #[error("number is not finite")]
    NotFinite,
}
stable_codes!(RecordError {
    Self::UnknownTable { .. } => "record-unknown-table",
    Self::UnknownSchema { .. } => "record-unknown-schema",
    Self::UnknownFormat { .. } => "format-unknown",
    Self::Shape => "record-shape",
    Self::CellCount { .. } => "record-cell-count",
    Self::Cell { .. } => "record-cell",
    Self::Canonical(_) => "record-canonical",
    Self::TooLong { .. } => "record-too-long",
    Self::Kind => "record-kind",
    Self::ReservedKind { .. } => "record-reserved-kind",
    Self::Word { .. } => "record-word",
    Self::Phase => "record-phase",
    Self::NotFinite => "record-not-finite",
});
