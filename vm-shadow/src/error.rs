//! Errors: one enum an operation, each variant with a stable code.

mod horizon;
mod restraint;

use thiserror::Error;
use vm_core::error::{CanonicalError, KeyError, RecordError};
use vm_core::record::Table;

pub use horizon::{DecideError, HorizonError, Violation};
pub use restraint::{ProveRestraintError, RestraintError, RestraintFault};

/// A receipt that cannot be made.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// Not a horizon's name.
    #[error("not a horizon of 1 to {limit} characters from A-Z, a-z, 0-9, dot, colon, slash, hyphen and underscore")]
    Horizon {
        /// Characters allowed.
        limit: usize,
    },
    /// No reason, or one of white space.
    #[error("reason is empty")]
    NoReason,
    /// A reason longer than the limit.
    #[error("reason of {found} bytes is longer than {limit}")]
    ReasonTooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// An entropy delta that is NaN or infinite.
    #[error("entropy delta is not finite")]
    NotFinite,
    /// Counterfactual or metadata have no canonical form.
    #[error("no canonical form")]
    Canonical(#[source] CanonicalError),
    /// The row cannot be made.
    #[error("row cannot be made")]
    Record(#[source] RecordError),
}

impl ObserveError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Horizon { .. } => "shadow-horizon",
            Self::NoReason => "shadow-no-reason",
            Self::ReasonTooLong { .. } => "shadow-reason-too-long",
            Self::NotFinite => "shadow-not-finite",
            Self::Canonical(_) => "shadow-canonical",
            Self::Record(_) => "shadow-record",
        }
    }
}

/// A receipt that cannot be believed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ShadowError {
    /// A row of another table, so there was no receipt to check.
    #[error("expected a row of {expected}, found one of {found}")]
    WrongTable {
        /// The table of receipts.
        expected: Table,
        /// The table of the row.
        found: Table,
    },
    /// A column does not hold what a receipt has there.
    #[error("not a shadow receipt")]
    Record(#[source] RecordError),
    /// The observer's key cannot be used, or its signature is not over this receipt of this ledger.
    #[error("observer")]
    Key(#[source] KeyError),
}

impl ShadowError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WrongTable { .. } => "shadow-wrong-table",
            Self::Record(_) => "shadow-malformed",
            Self::Key(_) => "shadow-signature",
        }
    }
}
