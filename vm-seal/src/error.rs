//! Errors: one enum an operation, each variant with a stable code.

use thiserror::Error;
use vm_core::error::{CanonicalError, CapabilityError, KeyChangeError, KeyError, NoteError, RecordError};
use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_core::record::Table;
use vm_core::view::ViewError;

use crate::merkle::TreeSize;

/// Gives each variant of an error enum its stable code.
macro_rules! stable_codes {
    ($error:ident $(<$generic:ident>)? { $($pattern:pat => $code:literal,)* }) => {
        impl$(<$generic>)? $error$(<$generic>)? {
            /// Stable, machine-readable name of this error.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $($pattern => $code,)* }
            }
        }
    };
}

mod attest;
mod index;
mod merkle;
mod receipt;
mod tlog;
mod witness;

pub use attest::AttestError;
pub use index::{CardError, CompletenessError, CoverageError, IndexError, ProveCompleteError, QueryError, RangeAt};
pub use merkle::{FrontierError, ProofError, ProofFileError, ProveError, TileError};
pub use receipt::ReceiptError;
pub use tlog::{EntryBundleError, TlogError, TlogProofError};
pub use witness::{
    AddCheckpointError, CosignatureError, ForkError, Refusal, WitnessError, WitnessPolicyError, WitnessRowError,
};

/// A checkpoint that could not be read or believed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The note around it is malformed or not signed by the key.
    #[error("signed note around the checkpoint")]
    Note(#[source] NoteError),
    /// Not three lines.
    #[error("checkpoint must have three lines, found {found}")]
    Lines {
        /// Lines found.
        found: usize,
    },
    /// The origin cannot stand in a checkpoint.
    #[error("origin is empty or holds a line break")]
    Origin,
    /// Of another log.
    #[error("expected a checkpoint of {expected}, found one of {found}")]
    OtherOrigin {
        /// Origin wanted.
        expected: String,
        /// Origin found.
        found: String,
    },
    /// The size is not a decimal number without leading zeros.
    #[error("tree size is not a decimal number without leading zeros")]
    Size,
    /// The root is not the base64 of 32 bytes.
    #[error("root is not the base64 of 32 bytes")]
    Root,
    /// An empty tree with the root of another.
    #[error("root of the empty tree must be the hash of nothing")]
    EmptyRoot,
}
stable_codes!(CheckpointError {
    Self::Note(_) => "checkpoint-note",
    Self::Lines { .. } => "checkpoint-lines",
    Self::Origin => "checkpoint-origin",
    Self::OtherOrigin { .. } => "checkpoint-other-origin",
    Self::Size => "checkpoint-size",
    Self::Root => "checkpoint-root",
    Self::EmptyRoot => "checkpoint-empty-root",
});

/// A JSON object that is not of its format's shape. Values are never repeated.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// A member is of another type or does not read.
    #[error("malformed value at {pointer}")]
    Member {
        /// Where.
        pointer: String,
    },
    /// A member that the format does not have.
    #[error("unknown member {pointer}")]
    Foreign {
        /// Where.
        pointer: String,
    },
    /// A member that the format demands is not there.
    #[error("missing member {pointer}")]
    Missing {
        /// Where.
        pointer: String,
    },
}

/// A selection that cannot be made or read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// Members missing, foreign or malformed.
    #[error("selection")]
    Shape(#[from] ShapeError),
    /// Neither of the two scopes.
    #[error("scope must be time_window or trace_set")]
    UnknownScope,
    /// A window in which nothing can lie.
    #[error("since {since} is not before until {until}")]
    EmptyWindow {
        /// Beginning of the window.
        since: Instant,
        /// End of the window.
        until: Instant,
    },
    /// A trace set without traces.
    #[error("trace set is empty")]
    NoTraces,
    /// More traces than the limit.
    #[error("selection of {found} traces is longer than {limit}")]
    TooManyTraces {
        /// Traces allowed.
        limit: usize,
        /// Traces given.
        found: usize,
    },
    /// Trace ids not sorted or not unique.
    #[error("trace ids are not sorted and unique")]
    TraceOrder,
    /// No table is named.
    #[error("no kind is selected")]
    NoKinds,
    /// Kinds not in table order or not unique.
    #[error("kinds are not in table order and unique")]
    KindOrder,
    /// Members of the one scope stand in the other.
    #[error("members foreign to the scope are not null or empty")]
    ForeignToScope,
}
stable_codes!(SelectionError {
    Self::Shape(_) => "selection-shape",
    Self::UnknownScope => "selection-unknown-scope",
    Self::EmptyWindow { .. } => "selection-empty-window",
    Self::NoTraces => "selection-no-traces",
    Self::TooManyTraces { .. } => "selection-too-many-traces",
    Self::TraceOrder => "selection-trace-order",
    Self::NoKinds => "selection-no-kinds",
    Self::KindOrder => "selection-kind-order",
    Self::ForeignToScope => "selection-foreign-to-scope",
});

/// A seal bundle that could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Not canonical JSON, or longer than the limit.
    #[error("seal bundle is not canonical JSON")]
    Json(#[source] CanonicalError),
    /// Of a format that this build does not know.
    #[error("unknown seal format {found:?}")]
    FormatUnknown {
        /// What was given.
        found: String,
    },
    /// Members missing, foreign or malformed.
    #[error("seal bundle")]
    Shape(#[from] ShapeError),
    /// The selection is malformed.
    #[error("selection of the seal bundle")]
    Selection(#[source] SelectionError),
    /// More scrolls than the limit.
    #[error("seal bundle of {found} scrolls is longer than {limit}")]
    TooManyScrolls {
        /// Scrolls allowed.
        limit: usize,
        /// Scrolls given.
        found: usize,
    },
    /// Scrolls not sorted by engine or not unique.
    #[error("scrolls are not sorted by engine and unique")]
    ScrollOrder,
    /// A signed note in it is malformed.
    #[error("signed note in the seal bundle")]
    Note(#[source] NoteError),
    /// Reads well, but is written another way than the one form.
    #[error("seal bundle is not in its one form")]
    NotExact,
}
stable_codes!(BundleError {
    Self::Json(_) => "bundle-json",
    Self::FormatUnknown { .. } => "format-unknown",
    Self::Shape(_) => "bundle-shape",
    Self::Selection(_) => "bundle-selection",
    Self::TooManyScrolls { .. } => "bundle-too-many-scrolls",
    Self::ScrollOrder => "bundle-scroll-order",
    Self::Note(_) => "bundle-note",
    Self::NotExact => "bundle-not-exact",
});

/// A seal that could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The view could not answer.
    #[error("evidence could not be read")]
    View(#[source] ViewError),
    /// The log is shorter than what is to be sealed.
    #[error("log of {held} entries cannot be sealed as of {as_of}")]
    AsOf {
        /// Size asked for.
        as_of: TreeSize,
        /// Size of the log.
        held: TreeSize,
    },
    /// A selected row is not what the log holds, so nothing is sealed.
    #[error("row {table}/{row} is not as it was logged")]
    RowAltered {
        /// Its table.
        table: Table,
        /// Its id.
        row: RowId,
    },
    /// The view answered with rows out of order or outside the selection.
    #[error("view answered with row {table}/{row} out of place")]
    ViewOrder {
        /// Table of the row.
        table: Table,
        /// Id of the row.
        row: RowId,
    },
    /// Scrolls not unique, or more than a bundle may hold.
    #[error("scrolls of the seal")]
    Scrolls(#[source] BundleError),
    /// The checkpoint is not one of this log, by this signer, at the size to be sealed.
    #[error("checkpoint of the seal")]
    Checkpoint(#[source] CheckpointError),
    /// The permit does not cover this ledger now.
    #[error("permit of the seal")]
    Permit(#[source] CapabilityError),
    /// Something has no canonical form.
    #[error("seal has no canonical form")]
    Canonical(#[source] CanonicalError),
    /// The statement could not be signed.
    #[error("statement of the seal")]
    Note(#[source] NoteError),
    /// Its parts break a limit of those who read bundles.
    #[error("seal bundle could not be read again")]
    Unreadable(#[source] BundleError),
}
stable_codes!(SealError {
    Self::View(_) => "seal-view",
    Self::AsOf { .. } => "seal-as-of",
    Self::RowAltered { .. } => "seal-row-altered",
    Self::ViewOrder { .. } => "seal-view-order",
    Self::Scrolls(_) => "seal-scrolls",
    Self::Checkpoint(_) => "seal-checkpoint",
    Self::Permit(_) => "seal-permit",
    Self::Canonical(_) => "seal-canonical",
    Self::Note(_) => "seal-note",
    Self::Unreadable(_) => "seal-unreadable",
});

/// A ledger in memory that could not record.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The row cannot be made.
    #[error("row cannot be made")]
    Record(#[from] RecordError),
    /// Something has no canonical form.
    #[error("no canonical form")]
    Canonical(#[from] CanonicalError),
    /// The token does not grant it.
    #[error("capability")]
    Capability(#[from] CapabilityError),
    /// A key cannot be used.
    #[error("key")]
    Key(#[from] KeyError),
    /// A key cannot be changed so.
    #[error("change of a key")]
    KeyChange(#[from] KeyChangeError),
    /// The checkpoint cannot be made.
    #[error("checkpoint")]
    Checkpoint(#[from] CheckpointError),
    /// A row with this id is there already.
    #[error("row id {row} is taken")]
    IdTaken {
        /// The id.
        row: RowId,
    },
    /// A row that only the system writes.
    #[error("row is of a reserved kind")]
    Reserved,
    /// Nothing was recorded.
    #[error("nothing was recorded")]
    Empty,
}
stable_codes!(MemoryError {
    Self::KeyChange(_) => "memory-key-change",
    Self::Record(_) => "memory-record",
    Self::Canonical(_) => "memory-canonical",
    Self::Capability(_) => "memory-capability",
    Self::Key(_) => "memory-key",
    Self::Checkpoint(_) => "memory-checkpoint",
    Self::IdTaken { .. } => "memory-id-taken",
    Self::Reserved => "memory-reserved",
    Self::Empty => "memory-empty",
});
