//! Why a proof of restraint cannot be read or made, or does not hold.

use thiserror::Error;
use vm_core::error::{CanonicalError, CapabilityError, NoteError, RecordError};
use vm_core::id::RowId;
use vm_core::verdict::{Code, Finding};
use vm_core::view::ViewError;
use vm_seal::error::{CheckpointError, CompletenessError, ProofError, ProveCompleteError, ProveError};

use crate::error::{HorizonError, Violation};

/// A file that is no proof of restraint.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RestraintError {
    /// Not canonical JSON, or longer than the limit.
    #[error("proof of restraint is not canonical JSON")]
    Json(#[source] CanonicalError),
    /// Of a format that this build does not know.
    #[error("unknown format of a proof of restraint {found:?}")]
    FormatUnknown {
        /// What was given.
        found: String,
    },
    /// Members missing, foreign or malformed.
    #[error("proof of restraint is not of its format's shape")]
    Shape,
    /// The checkpoint is malformed.
    #[error("note of the proof of restraint")]
    Note(#[source] NoteError),
    /// A completeness proof in it is malformed.
    #[error("completeness proof of the proof of restraint")]
    Answer(#[source] CompletenessError),
}

impl RestraintError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Json(_) => "restraint-json",
            Self::FormatUnknown { .. } => "format-unknown",
            Self::Shape => "restraint-shape",
            Self::Note(_) => "restraint-note",
            Self::Answer(error) => error.code(),
        }
    }
}

/// A proof of restraint that could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProveRestraintError<E> {
    /// The ledger has no such row at the checkpoint.
    #[error("no row {row} at the checkpoint")]
    NoSuchRow {
        /// The row.
        row: RowId,
    },
    /// The row opens no horizon.
    #[error("row opens no horizon")]
    Opening(#[source] HorizonError),
    /// Acts of the decision would leave no rows that a verifier looks at.
    #[error("acts of this decision leave no rows that are looked at")]
    Unwatched,
    /// The token had been revoked before the opening, no use of it was left, or the epoch that it names was not in force.
    #[error("the observer could not have acted")]
    Power(#[source] CapabilityError),
    /// No index stands close enough before the checkpoint.
    #[error("no index close before the checkpoint; record one, or seal")]
    NotIndexed,
    /// The checkpoint is malformed.
    #[error("checkpoint")]
    Checkpoint(#[source] CheckpointError),
    /// The ledger could not be read.
    #[error("ledger")]
    View(#[source] ViewError),
    /// A row cannot be shown.
    #[error("row")]
    Record(#[source] RecordError),
    /// The index gives no answer.
    #[error("index before the checkpoint")]
    Index(#[source] ProveCompleteError<ViewError>),
    /// An answer could not be proven complete.
    #[error("answer of the index")]
    Answer(#[source] ProveCompleteError<ProveError<E>>),
    /// The places of rows could not be proven.
    #[error("log")]
    Log(#[source] ProveError<E>),
}

impl<E> ProveRestraintError<E> {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchRow { .. } => "prove-restraint-no-such-row",
            Self::Opening(_) => "prove-restraint-opening",
            Self::Unwatched => "restraint-unwatched",
            Self::Power(error) => error.code(),
            Self::NotIndexed => "prove-restraint-not-indexed",
            Self::Checkpoint(_) => "prove-restraint-checkpoint",
            Self::View(_) => "prove-restraint-view",
            Self::Record(_) => "prove-restraint-record",
            Self::Index(_) => "prove-restraint-index",
            Self::Answer(_) => "prove-restraint-answer",
            Self::Log(_) => "prove-restraint-log",
        }
    }
}

/// Why a proof of restraint does not show restraint.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RestraintFault {
    /// The checkpoint is not signed by the key.
    #[error("checkpoint")]
    Checkpoint(#[source] CheckpointError),
    /// The rows shown do not stand in the log.
    #[error("rows do not stand in the log")]
    Rows(#[source] ProofError),
    /// A row shown cannot be read.
    #[error("row at {seq}")]
    Row {
        /// Its place.
        seq: u64,
        /// Why.
        #[source]
        source: RecordError,
    },
    /// An answer of the index does not hold.
    #[error("answer on the {of}")]
    Answer {
        /// What was asked for: `opening`, `proposal` or `trace`.
        of: &'static str,
        /// Why.
        #[source]
        source: CompletenessError,
    },
    /// An answer of the index to another question, at another checkpoint, or that is not there or not asked for.
    #[error("answer on the {of} is another's: {what}")]
    OtherAnswer {
        /// What was asked for.
        of: &'static str,
        /// What differs: `query`, `checkpoint` or `presence`.
        what: &'static str,
    },
    /// The row that is said to open the horizon, or to close it, is none of this ledger.
    #[error("horizon")]
    Horizon(#[source] HorizonError),
    /// The rows shown break the rules of horizons.
    #[error("rules of horizons")]
    Violation(#[source] Violation),
    /// The token did not give the observer the power to act.
    #[error("the observer could not have acted")]
    Power(#[source] CapabilityError),
    /// The token was issued behind the opening.
    #[error("the capability was issued behind the opening")]
    IssuedLater,
    /// The outcome stands before the opening.
    #[error("the outcome stands before the opening")]
    OutcomeFirst,
    /// More than one outcome.
    #[error("{found} outcomes of one horizon")]
    ClosedTwice {
        /// Closings found.
        found: usize,
    },
    /// An option was taken.
    #[error("option {option} was taken")]
    Taken {
        /// Its place.
        option: u8,
    },
    /// What is said to be an option is not what the opening committed to.
    #[error("option {option} does not open")]
    OptionNotOpened {
        /// Its place.
        option: u8,
    },
    /// The receipt of an option is about something else.
    #[error("receipt of option {option} does not open")]
    ReceiptNotOpened {
        /// Its place.
        option: u8,
    },
    /// An act of the decision stands in the log.
    #[error("row at {seq} is an act of the decision")]
    Executed {
        /// Its place.
        seq: u64,
    },
    /// The horizon has no outcome.
    #[error("the horizon has no outcome")]
    Unclosed,
    /// The proof lacks something without which it cannot be judged.
    #[error("not shown: {what}")]
    NotShown {
        /// What is lacking.
        what: &'static str,
    },
    /// Acts of the decision would leave no rows that the proof looks at.
    #[error("acts of this decision leave no rows that are looked at")]
    Unwatched,
}

impl RestraintFault {
    /// Stable, machine-readable name of this fault.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Checkpoint(error) => error.code(),
            Self::Rows(error) => error.code(),
            Self::Row { .. } => "restraint-row",
            Self::Answer { source, .. } => source.code(),
            Self::OtherAnswer { .. } => "restraint-other-answer",
            Self::Horizon(error) => error.code(),
            Self::Violation(violation) => violation.code(),
            Self::Power(error) => error.code(),
            Self::IssuedLater => "restraint-issued-later",
            Self::OutcomeFirst => "restraint-outcome-first",
            Self::ClosedTwice { .. } => "restraint-closed-twice",
            Self::Taken { .. } => "restraint-taken",
            Self::OptionNotOpened { .. } => "restraint-option-not-opened",
            Self::ReceiptNotOpened { .. } => "restraint-receipt-not-opened",
            Self::Executed { .. } => "restraint-executed",
            Self::Unclosed => "restraint-unclosed",
            Self::NotShown { .. } => "restraint-not-shown",
            Self::Unwatched => "restraint-unwatched",
        }
    }

    /// The finding that this is.
    #[must_use]
    pub fn finding(&self, subject: impl Into<String>) -> Finding {
        let code = match self {
            Self::Checkpoint(_) => Code::CheckpointInvalid,
            Self::Rows(_) => Code::RootMismatch,
            Self::Answer { of, source } => return source.finding(format!("{} {of}", subject.into())),
            Self::Row { .. }
            | Self::Horizon(HorizonError::FormatUnknown { .. })
            | Self::Violation(Violation::Invalid(HorizonError::FormatUnknown { .. })) => Code::FormatUnknown,
            Self::Unclosed => Code::HorizonUnclosed,
            Self::NotShown { .. } | Self::Unwatched => Code::RestraintUnproven,
            Self::OtherAnswer { .. }
            | Self::Horizon(_)
            | Self::Violation(_)
            | Self::Power(_)
            | Self::IssuedLater
            | Self::OutcomeFirst
            | Self::ClosedTwice { .. }
            | Self::Taken { .. }
            | Self::OptionNotOpened { .. }
            | Self::ReceiptNotOpened { .. }
            | Self::Executed { .. } => Code::RestraintBroken,
        };
        let found = match self {
            Self::NotShown { what } => format!("{}: {what}", self.code()),
            Self::OtherAnswer { of, what } => format!("{}: {what} of the answer on the {of}", self.code()),
            Self::Executed { seq } => format!("{}: row at {seq}", self.code()),
            _ => self.code().to_owned(),
        };
        Finding::new(code, subject).found(found)
    }
}
