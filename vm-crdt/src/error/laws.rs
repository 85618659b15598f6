//! What is no history, and how a type breaks a law.

use thiserror::Error;

/// Ops that are no history.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// More ops than the limit.
    #[error("history of {found} ops is longer than {limit}")]
    TooLong {
        /// Ops allowed.
        limit: usize,
        /// Ops given.
        found: usize,
    },
    /// A predecessor that does not stand before the op.
    #[error("op {op} names a predecessor that does not stand before it")]
    Predecessor {
        /// Index of the op.
        op: usize,
    },
    /// Two ops of one name.
    #[error("op {op} has the name of another")]
    Name {
        /// Index of the later op.
        op: usize,
    },
}

impl HistoryError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "crdt-history-long",
            Self::Predecessor { .. } => "crdt-history-predecessor",
            Self::Name { .. } => "crdt-history-name",
        }
    }
}

/// A law that a type breaks, with two ways to one set of ops that lead to different states. Ways are indices of the history's ops.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum LawError {
    /// The order of delivery shows.
    #[error("the orders {left:?} and {right:?} lead to different states")]
    Order {
        /// One order.
        left: Vec<usize>,
        /// Another of the same ops.
        right: Vec<usize>,
    },
    /// It shows which of two replicas took up the other's ops.
    #[error("merging is not commutative: {left:?} and {right:?}")]
    Commutative {
        /// One order.
        left: Vec<usize>,
        /// Another of the same ops.
        right: Vec<usize>,
    },
    /// It shows which two of three replicas met first.
    #[error("merging is not associative: {left:?} and {right:?}")]
    Associative {
        /// One order.
        left: Vec<usize>,
        /// Another of the same ops.
        right: Vec<usize>,
    },
    /// It shows that two replicas met twice.
    #[error("merging is not idempotent: {left:?} and {right:?}")]
    Idempotent {
        /// One order.
        left: Vec<usize>,
        /// Another of the same ops.
        right: Vec<usize>,
    },
    /// It shows how ops were grouped.
    #[error("the order {order:?} in groups of {groups:?} leads to another state than one op at a time")]
    Grouping {
        /// The order.
        order: Vec<usize>,
        /// How many ops came at once.
        groups: Vec<usize>,
    },
}

impl LawError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Order { .. } => "crdt-law-order",
            Self::Commutative { .. } => "crdt-law-commutative",
            Self::Associative { .. } => "crdt-law-associative",
            Self::Idempotent { .. } => "crdt-law-idempotent",
            Self::Grouping { .. } => "crdt-law-grouping",
        }
    }
}
