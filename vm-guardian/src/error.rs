//! Errors, each variant with a stable code.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use vm_core::error::{CanonicalError, RecordError};
use vm_core::view::ViewError;
use vm_shadow::error::ObserveError;

use crate::budget::Resource;

/// A guardian that could not look, or an observation that cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GuardError {
    /// A guardian whose name makes no name of an engine.
    #[error("a guardian's name is 1 to {limit} characters from a-z, 0-9 and hyphen")]
    Name {
        /// Characters allowed.
        limit: usize,
    },
    /// The view did not answer.
    #[error("the ledger cannot be read")]
    View(#[from] ViewError),
    /// Content without a canonical form.
    #[error("no canonical form")]
    Canonical(#[source] CanonicalError),
    /// A row that cannot be made.
    #[error("row cannot be made")]
    Record(#[source] RecordError),
    /// A path not taken that no receipt can be made of.
    #[error("no receipt can be made")]
    Receipt(#[from] ObserveError),
}

impl GuardError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "guardian-name",
            Self::View(_) => "guardian-view",
            Self::Canonical(_) => "guardian-canonical",
            Self::Record(_) => "guardian-record",
            Self::Receipt(_) => "guardian-receipt",
        }
    }
}

/// A signal or artifact that is not what its format says.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// An unknown format, by name.
    #[error("unknown format {found}")]
    UnknownFormat {
        /// The format that was found, at most 64 characters of it.
        found: String,
    },
    /// Not an object of exactly the members of its format.
    #[error("not of the shape of its format")]
    Shape,
    /// A member outside what its format allows.
    #[error("{member} is not what the format allows")]
    Member {
        /// The member.
        member: &'static str,
    },
    /// JSON that is not I-JSON.
    #[error("no canonical form")]
    Canonical(#[source] CanonicalError),
}

impl FormatError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownFormat { .. } => "guardian-format-unknown",
            Self::Shape => "guardian-shape",
            Self::Member { .. } => "guardian-member",
            Self::Canonical(_) => "guardian-json",
        }
    }

    /// The fault of a value whose member `format` is not `expected`, if it is.
    pub(crate) fn of_format(value: &serde_json::Value, expected: &str) -> Option<Self> {
        match value.get("format").and_then(serde_json::Value::as_str) {
            Some(found) if found == expected => None,
            Some(found) => Some(Self::UnknownFormat { found: found.chars().take(64).collect() }),
            None => Some(Self::Shape),
        }
    }
}

/// A line of a foreign log that gives no signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum LineError {
    /// Longer than the limit.
    #[error("line of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes found.
        found: usize,
    },
    /// Not JSON, or a member that is used is missing, twice there or of another type.
    #[error("not an event of this format, from column {column}")]
    Malformed {
        /// Where reading stopped.
        column: usize,
    },
    /// A time that is no RFC 3339 time.
    #[error("time is not RFC 3339")]
    Time,
    /// A kind of event that this build does not know.
    #[error("unknown kind of event")]
    UnknownEvent,
    /// An actor or subject that is empty or too long for a signal.
    #[error("{member} does not fit a signal")]
    Member {
        /// The member of the signal.
        member: &'static str,
    },
    /// More than one event in a line.
    #[error("more than one event in a line")]
    Ambiguous,
}

impl LineError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "line-too-long",
            Self::Malformed { .. } => "line-malformed",
            Self::Time => "line-time",
            Self::UnknownEvent => "line-event-unknown",
            Self::Member { .. } => "line-member",
            Self::Ambiguous => "line-ambiguous",
        }
    }
}

/// A foreign log that is refused whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// More bytes than the limit.
    #[error("log of {found} bytes is longer than {limit}; hand it over in parts")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes found.
        found: usize,
    },
    /// More lines than the limit.
    #[error("log has more than {limit} lines; hand it over in parts")]
    TooManyLines {
        /// Lines allowed.
        limit: usize,
    },
}

impl LogError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "log-too-long",
            Self::TooManyLines { .. } => "log-too-many-lines",
        }
    }
}

/// The part of a budget that was spent first. State and reason of the finding `budget-spent`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, Error)]
#[error("budget-spent: {limit} {resource}")]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// Of what.
    pub resource: Resource,
    /// How much there was.
    pub limit: u64,
}
