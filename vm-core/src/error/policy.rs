//! Errors of redaction policies.

use thiserror::Error;

use super::CanonicalError;
use crate::record::Table;

/// A redaction policy that is refused. Rules are counted from 1.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not a name that a policy may have.
    #[error("a policy's name has 1 to 64 characters from a-z, 0-9 and hyphen")]
    Name,
    /// Versions are counted from 1.
    #[error("a policy's version is a whole number from 1 on")]
    Version,
    /// Longer than a row of the ledger may hold it.
    #[error("its canonical form takes {found} bytes, at most {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes found.
        found: usize,
    },
    /// Too many rules.
    #[error("{found} rules, at most {limit}")]
    TooManyRules {
        /// Rules allowed.
        limit: usize,
        /// Rules given.
        found: usize,
    },
    /// Too many pointers in one rule.
    #[error("rule {rule} lists {found} pointers, at most {limit}")]
    TooManyPointers {
        /// The rule.
        rule: usize,
        /// Pointers allowed.
        limit: usize,
        /// Pointers given.
        found: usize,
    },
    /// A tool, method or kind that is empty or too long.
    #[error("rule {rule} is for a name that is empty or longer than {limit} bytes")]
    RuleName {
        /// The rule.
        rule: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A pointer that cannot mean what is wanted.
    #[error("rule {rule}, pointer {pointer:?}: {reason}")]
    Pointer {
        /// The rule.
        rule: usize,
        /// The pointer.
        pointer: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A pointer that stands twice in one rule.
    #[error("rule {rule} lists {pointer:?} twice")]
    DuplicatePointer {
        /// The rule.
        rule: usize,
        /// The pointer.
        pointer: String,
    },
    /// A rule whose rows an earlier one takes.
    #[error("rule {rule} for {table} is never reached: rule {by} takes its rows")]
    Unreachable {
        /// The rule.
        rule: usize,
        /// Its table.
        table: Table,
        /// The rule before it.
        by: usize,
    },
    /// Not an object of the format's members.
    #[error("not a redaction policy")]
    Shape,
    /// Another format.
    #[error("redaction policy of unknown format {found:?}")]
    UnknownFormat {
        /// The format it claims.
        found: String,
    },
    /// JSON without the canonical form.
    #[error("policy's JSON")]
    Canonical(#[from] CanonicalError),
}

impl PolicyError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name => "policy-name",
            Self::Version => "policy-version",
            Self::TooLong { .. } => "policy-too-long",
            Self::TooManyRules { .. } => "policy-too-many-rules",
            Self::TooManyPointers { .. } => "policy-too-many-pointers",
            Self::RuleName { .. } => "policy-rule-name",
            Self::Pointer { .. } => "policy-pointer",
            Self::DuplicatePointer { .. } => "policy-duplicate-pointer",
            Self::Unreachable { .. } => "policy-unreachable",
            Self::Shape => "policy-shape",
            Self::UnknownFormat { .. } => "format-unknown",
            Self::Canonical(error) => error.code(),
        }
    }

    /// The same with its rules counted anew: for whoever writes several of them as one.
    #[must_use]
    pub fn renumbered(mut self, number: impl Fn(usize) -> usize) -> Self {
        match &mut self {
            Self::Unreachable { rule, by, .. } => {
                *rule = number(*rule);
                *by = number(*by);
            }
            Self::TooManyPointers { rule, .. }
            | Self::RuleName { rule, .. }
            | Self::Pointer { rule, .. }
            | Self::DuplicatePointer { rule, .. } => *rule = number(*rule),
            _ => {}
        }
        self
    }

    /// The rule that is at fault, counted from 1.
    #[must_use]
    pub const fn rule(&self) -> Option<usize> {
        match self {
            Self::TooManyPointers { rule, .. }
            | Self::RuleName { rule, .. }
            | Self::Pointer { rule, .. }
            | Self::DuplicatePointer { rule, .. }
            | Self::Unreachable { rule, .. } => Some(*rule),
            _ => None,
        }
    }
}
