//! Errors of envelopes.

use thiserror::Error;

use super::key::SuiteError;
use crate::context::Context;
use crate::key::KeyId;
use crate::suite::Suite;

/// A context that cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ContextError {
    /// Not a purpose.
    #[error("not a purpose of 1 to {limit} characters from a-z, 0-9 and hyphen")]
    Purpose {
        /// Characters allowed.
        limit: usize,
    },
}

impl ContextError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Purpose { .. } => "envelope-purpose",
        }
    }
}

/// An envelope that cannot be made.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SealError {
    /// Nobody could open it.
    #[error("no recipient")]
    NoRecipient,
    /// More recipients than one envelope takes.
    #[error("{found} recipients are more than {limit}")]
    TooManyRecipients {
        /// Recipients allowed.
        limit: usize,
        /// Recipients given.
        found: usize,
    },
    /// Recipients of two suites: the weaker would decide for all.
    #[error("recipients of suites {first} and {other} in one envelope")]
    MixedSuites {
        /// Suite of the first recipient.
        first: Suite,
        /// Another one.
        other: Suite,
    },
    /// One key twice.
    #[error("recipient {id} stands twice")]
    SameRecipient {
        /// The key.
        id: KeyId,
    },
    /// Too much to encrypt.
    #[error("{found} bytes are more than the {limit} of one envelope")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// The key encapsulation refused a recipient's key.
    #[error("recipient {id} has a key that nothing can be sent to")]
    Encapsulate {
        /// The key.
        id: KeyId,
    },
}

impl SealError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoRecipient => "envelope-no-recipient",
            Self::TooManyRecipients { .. } => "envelope-too-many-recipients",
            Self::MixedSuites { .. } => "envelope-mixed-suites",
            Self::SameRecipient { .. } => "envelope-same-recipient",
            Self::TooLong { .. } => "envelope-too-long",
            Self::Encapsulate { .. } => "envelope-encapsulate",
        }
    }
}

/// Bytes that are no envelope.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Bytes that do not begin as an envelope does.
    #[error("not an envelope")]
    NotEnvelope,
    /// A version of the format that this build does not know.
    #[error("unknown version of the envelope format")]
    UnknownVersion,
    /// The suite.
    #[error("suite")]
    Suite(#[source] SuiteError),
    /// The purpose.
    #[error("context")]
    Context(#[source] ContextError),
    /// No recipient, or more than allowed.
    #[error("{found} recipients, allowed are 1 to {limit}")]
    Recipients {
        /// Recipients allowed.
        limit: usize,
        /// Recipients told.
        found: usize,
    },
    /// Recipients that do not stand in the order of their ids, each once.
    #[error("recipients out of order, or one twice")]
    Order,
    /// A content longer than allowed.
    #[error("content of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes told.
        found: u64,
    },
    /// The envelope ends too early.
    #[error("envelope ends after {found} bytes, where at least {expected} are needed")]
    Truncated {
        /// Bytes needed, as far as can be told.
        expected: usize,
        /// Bytes there.
        found: usize,
    },
    /// Bytes behind the envelope.
    #[error("{found} bytes, where the envelope has {expected}")]
    Trailing {
        /// Bytes of the envelope.
        expected: usize,
        /// Bytes there.
        found: usize,
    },
}

impl EnvelopeError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotEnvelope => "envelope-not",
            Self::UnknownVersion => "envelope-version",
            Self::Suite(cause) => cause.code(),
            Self::Context(cause) => cause.code(),
            Self::Recipients { .. } => "envelope-recipients",
            Self::Order => "envelope-recipient-order",
            Self::TooLong { .. } => "envelope-too-long",
            Self::Truncated { .. } => "envelope-truncated",
            Self::Trailing { .. } => "envelope-trailing",
        }
    }
}

/// An envelope that does not open.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The key is of another suite than the envelope: nothing is converted, and no weaker suite is tried.
    #[error("envelope of suite {found}, key of suite {expected}")]
    Suite {
        /// Suite of the key.
        expected: Suite,
        /// Suite of the envelope.
        found: Suite,
    },
    /// It belongs to another ledger or purpose.
    #[error("envelope for {} of {}, expected {} of {}", found.purpose(), found.ledger(), expected.purpose(), expected.ledger())]
    Context {
        /// What the caller expects.
        expected: Box<Context>,
        /// What the envelope says.
        found: Box<Context>,
    },
    /// It was not sealed to this key.
    #[error("envelope is not for the key {id}")]
    NotRecipient {
        /// The key.
        id: KeyId,
    },
    /// A byte was altered, or it was made wrongly. Which step found that is not told.
    #[error("envelope does not decrypt")]
    Decrypt,
}

impl OpenError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Suite { .. } => "envelope-other-suite",
            Self::Context { .. } => "envelope-other-context",
            Self::NotRecipient { .. } => "envelope-not-recipient",
            Self::Decrypt => "envelope-decrypt",
        }
    }
}
