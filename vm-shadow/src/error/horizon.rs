//! Why a horizon cannot be opened, closed, read or folded.

use thiserror::Error;
use vm_core::error::{CanonicalError, KeyError, RecordError};
use vm_core::instant::Instant;
use vm_core::verdict::{Code, Finding};

use crate::horizons::OPEN_MAX;
use crate::opening::OPTIONS_MAX;

/// A horizon that cannot be opened or closed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DecideError {
    /// No option, or more than a horizon may have.
    #[error("{found} options; a horizon has 1 to {OPTIONS_MAX}")]
    Options {
        /// Options given.
        found: usize,
    },
    /// A name that looks like a secret; it would be stored as it is.
    #[error("name of the horizon looks like a secret; choose another")]
    SecretName,
    /// A deadline that is over before the decision is opened.
    #[error("deadline {deadline} is not after the time {ts} of the opening")]
    DeadlinePast {
        /// The deadline.
        deadline: Instant,
        /// Time of the row.
        ts: Instant,
    },
    /// The key is not that of the observer who opened the horizon.
    #[error("key is not that of the observer who opened the horizon")]
    NotObserver,
    /// What the outcome says does not fit the opening.
    #[error("outcome does not fit the opening")]
    Unfit(#[source] Violation),
    /// No canonical form.
    #[error("no canonical form")]
    Canonical(#[source] CanonicalError),
    /// The row cannot be made.
    #[error("row cannot be made")]
    Record(#[source] RecordError),
}

impl DecideError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Options { .. } => "horizon-options",
            Self::SecretName => "horizon-secret-name",
            Self::DeadlinePast { .. } => "horizon-deadline-past",
            Self::NotObserver => "horizon-not-observer",
            Self::Unfit(violation) => violation.code(),
            Self::Canonical(_) => "horizon-canonical",
            Self::Record(_) => "horizon-record",
        }
    }
}

/// A row that is no opening, or no closing, of a horizon.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum HorizonError {
    /// A row of another table or kind, so there was nothing to check.
    #[error("not a row of kind {expected}")]
    WrongKind {
        /// The kind wanted.
        expected: &'static str,
    },
    /// Content of a format that this build does not know.
    #[error("unknown format {found:?}")]
    FormatUnknown {
        /// What was given.
        found: String,
    },
    /// A column that does not hold what such a row has there.
    #[error("column {column} does not hold what such a row has there")]
    Column {
        /// The column.
        column: &'static str,
    },
    /// Content that is not canonical JSON of its format's shape.
    #[error("content is not of its format's shape: {member}")]
    Shape {
        /// The member at fault.
        member: &'static str,
    },
    /// A column of another type.
    #[error("row")]
    Record(#[source] RecordError),
    /// The observer's signature is not over this row of this ledger.
    #[error("observer")]
    Key(#[source] KeyError),
}

impl HorizonError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WrongKind { .. } => "horizon-wrong-kind",
            Self::FormatUnknown { .. } => "format-unknown",
            Self::Column { .. } => "horizon-column",
            Self::Shape { .. } => "horizon-shape",
            Self::Record(_) => "horizon-malformed",
            Self::Key(_) => "horizon-signature",
        }
    }
}

/// A row that the horizons before it do not allow. What a writer refuses, an audit contradicts.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Violation {
    /// A row that does not stand behind the last one applied.
    #[error("row at {seq} does not stand behind the last one")]
    OutOfOrder {
        /// Its place.
        seq: u64,
    },
    /// A row that is no opening or closing.
    #[error("no opening or closing of a horizon")]
    Invalid(#[source] HorizonError),
    /// A horizon of this name is open already.
    #[error("a horizon of this name is open already; close it first")]
    OpenAlready,
    /// More open horizons than can be kept.
    #[error("more than {OPEN_MAX} horizons are open; close some first")]
    TooMany,
    /// The row it closes is no opening, or is closed already.
    #[error("the row it closes is no horizon that is open")]
    NotOpen,
    /// Another name than that of the opening.
    #[error("another name than that of the opening")]
    OtherName,
    /// Another observer than that of the opening.
    #[error("another observer than that of the opening")]
    OtherObserver,
    /// Another trace than that of the opening.
    #[error("another trace than that of the opening")]
    OtherTrace,
    /// An option that the opening does not have.
    #[error("option {option} is none of the opening's {options}")]
    NoSuchOption {
        /// The option named.
        option: u8,
        /// Options of the opening.
        options: u8,
    },
    /// A receipt for the option that was taken.
    #[error("a receipt for option {option}, which was taken")]
    ReceiptOfTaken {
        /// The option.
        option: u8,
    },
    /// Withheld, and an option without a receipt.
    #[error("{found} receipts for {expected} options that were withheld")]
    ReceiptsMissing {
        /// Options of the opening.
        expected: u8,
        /// Receipts named.
        found: usize,
    },
    /// A receipt that is not there, stands before the opening, or is of another horizon or observer.
    #[error("the receipt of option {option} is no receipt of this horizon and observer behind the opening")]
    ForeignReceipt {
        /// The option it is named for.
        option: u8,
    },
    /// Taken or withheld at or after the deadline.
    #[error("the deadline {deadline} is over; the horizon can only expire")]
    Late {
        /// The deadline.
        deadline: Instant,
    },
    /// Expired before the deadline.
    #[error("the deadline {deadline} is not over; the horizon cannot expire yet")]
    Early {
        /// The deadline.
        deadline: Instant,
    },
}

impl Violation {
    /// Stable, machine-readable name of this violation.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfOrder { .. } => "horizon-out-of-order",
            Self::Invalid(error) => error.code(),
            Self::OpenAlready => "horizon-open-already",
            Self::TooMany => "horizon-too-many",
            Self::NotOpen => "horizon-not-open",
            Self::OtherName => "horizon-other-name",
            Self::OtherObserver => "horizon-other-observer",
            Self::OtherTrace => "horizon-other-trace",
            Self::NoSuchOption { .. } => "horizon-no-such-option",
            Self::ReceiptOfTaken { .. } => "horizon-receipt-of-taken",
            Self::ReceiptsMissing { .. } => "horizon-receipts-missing",
            Self::ForeignReceipt { .. } => "horizon-foreign-receipt",
            Self::Late { .. } => "horizon-late",
            Self::Early { .. } => "horizon-early",
        }
    }

    /// What it means to whoever audits a ledger.
    #[must_use]
    pub fn finding(&self, subject: impl Into<String>) -> Finding {
        let code = match self {
            Self::Invalid(HorizonError::FormatUnknown { .. }) => Code::FormatUnknown,
            _ => Code::HorizonInvalid,
        };
        Finding::new(code, subject).found(self.code())
    }
}
