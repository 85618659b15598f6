//! What documents and evidence refuse.

use thiserror::Error;

use super::BytesError;

/// Names that lead to no leaf.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum PathError {
    /// The root, where a leaf is meant: a leaf has a name.
    #[error("path has no component")]
    Root,
    /// A component without a character.
    #[error("component {at} is empty")]
    Empty {
        /// Index of the component.
        at: usize,
    },
    /// A control character, U+0000 to U+001F: the last of them parts components.
    #[error("component {at} has a control character")]
    Control {
        /// Index of the component.
        at: usize,
    },
    /// A component longer than the limit.
    #[error("component {at} of {found} bytes is longer than {limit}")]
    ComponentTooLong {
        /// Index of the component.
        at: usize,
        /// Bytes allowed.
        limit: usize,
        /// Bytes found.
        found: usize,
    },
    /// More components than the limit.
    #[error("path has more than {limit} components")]
    TooDeep {
        /// Components allowed.
        limit: usize,
    },
    /// More bytes in all than the limit.
    #[error("path of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed, one between two components counted.
        limit: usize,
        /// Bytes found.
        found: usize,
    },
    /// Bytes that are no UTF-8.
    #[error("path is no UTF-8")]
    Text,
}

impl PathError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Root => "crdt-path-root",
            Self::Empty { .. } => "crdt-path-empty",
            Self::Control { .. } => "crdt-path-control",
            Self::ComponentTooLong { .. } => "crdt-path-component-long",
            Self::TooDeep { .. } => "crdt-path-deep",
            Self::TooLong { .. } => "crdt-path-long",
            Self::Text => "crdt-path-text",
        }
    }
}

/// Values that a document does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Longer than the limit.
    #[error("value of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes found.
        found: u64,
    },
    /// Infinite or not a number.
    #[error("number is not finite")]
    NotFinite,
    /// A number in a second form: leading bytes that say nothing, or a negative zero.
    #[error("number is not in its one form")]
    Form,
    /// A kind of value that this version does not know, or that a leaf of this kind does not hold.
    #[error("leaf does not hold a value of this kind")]
    Kind,
    /// Text that is no UTF-8.
    #[error("text is no UTF-8")]
    Text,
}

impl ValueError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "crdt-value-long",
            Self::NotFinite => "crdt-value-infinite",
            Self::Form => "crdt-value-form",
            Self::Kind => "crdt-value-kind",
            Self::Text => "crdt-value-text",
        }
    }
}

/// One edit, or one entry of a snapshot, that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum EditError {
    /// The bytes end too early, or hold a number in a second form.
    #[error("edit is malformed")]
    Bytes(#[from] BytesError),
    /// Its path leads nowhere.
    #[error("path of the edit is refused")]
    Path(#[from] PathError),
    /// Its value is none.
    #[error("value of the edit is refused")]
    Value(#[from] ValueError),
    /// Its key is not above the one before it.
    #[error("key of the edit is not above the one before it")]
    Order,
    /// A path that begins as the one before it does for longer or shorter than is said.
    #[error("path does not begin as the one before it for as long as is said")]
    Prefix,
    /// An op that is none of the snapshot's.
    #[error("op of the entry is none of the snapshot's")]
    Op,
}

impl EditError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Bytes(error) => error.code(),
            Self::Path(error) => error.code(),
            Self::Value(error) => error.code(),
            Self::Order => "crdt-edit-order",
            Self::Prefix => "crdt-edit-prefix",
            Self::Op => "crdt-edit-op",
        }
    }
}

/// Edits that cannot be made, or not in one transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// The path names no leaf.
    #[error("path names no leaf")]
    Path(#[from] PathError),
    /// The value is none.
    #[error("value is refused")]
    Value(#[from] ValueError),
    /// The increments of one counter do not add up within 64 bits.
    #[error("increments of one counter add up to more than 64 bits")]
    Overflow,
    /// A counter is removed and then incremented: a transaction has one edit a leaf.
    #[error("a counter is removed and incremented in one transaction")]
    CounterRemoved,
    /// More edits than the limit.
    #[error("transaction has more than {limit} edits")]
    TooManyEdits {
        /// Edits allowed.
        limit: usize,
    },
    /// More bytes than a payload may have.
    #[error("transaction of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes of the payload.
        found: usize,
    },
    /// Nothing is edited.
    #[error("transaction has no edit")]
    Empty,
}

impl TransactionError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Path(error) => error.code(),
            Self::Value(error) => error.code(),
            Self::Overflow => "crdt-transaction-overflow",
            Self::CounterRemoved => "crdt-transaction-counter",
            Self::TooManyEdits { .. } => "crdt-transaction-edits",
            Self::TooLong { .. } => "crdt-transaction-long",
            Self::Empty => "crdt-transaction-empty",
        }
    }
}

/// Bytes that are no snapshot of a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The bytes end too early, or hold a number in a second form.
    #[error("snapshot is malformed")]
    Bytes(#[from] BytesError),
    /// The format is not `vm-document-v0`.
    #[error("snapshot is of an unknown format")]
    Format,
    /// Ops that do not ascend.
    #[error("op {at} is not above the one before it")]
    OpOrder {
        /// Index among the ops.
        at: usize,
    },
    /// An op without entries.
    #[error("op {at} has no entry")]
    Unused {
        /// Index among the ops.
        at: usize,
    },
    /// An entry that cannot be read.
    #[error("entry {at} is refused")]
    Entry {
        /// Index among the entries.
        at: usize,
        /// What is wrong with it.
        source: EditError,
    },
    /// More bytes than the limit, paths written out.
    #[error("snapshot has more than {limit} bytes with its paths written out")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
    },
}

impl DocumentError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Bytes(error) => error.code(),
            Self::Format => "crdt-document-format",
            Self::OpOrder { .. } => "crdt-document-ops",
            Self::Unused { .. } => "crdt-document-unused",
            Self::Entry { source, .. } => source.code(),
            Self::TooLong { .. } => "crdt-document-long",
        }
    }
}

/// Items that are no payload, or bytes that are no set of evidence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The bytes end within an item.
    #[error("evidence is malformed")]
    Bytes(#[from] BytesError),
    /// The format is not `vm-evidence-v0`.
    #[error("evidence is of an unknown format")]
    Format,
    /// An item that is not above the one before it.
    #[error("item {item} is not above the one before it")]
    Order {
        /// Index of the item.
        item: usize,
    },
    /// No items where there must be one.
    #[error("there is no item")]
    Empty,
    /// More items than an op may have.
    #[error("{found} items are more than {limit}")]
    TooMany {
        /// Items allowed.
        limit: usize,
        /// Items given.
        found: usize,
    },
}

impl EvidenceError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Bytes(error) => error.code(),
            Self::Format => "crdt-evidence-format",
            Self::Order { .. } => "crdt-evidence-order",
            Self::Empty => "crdt-evidence-empty",
            Self::TooMany { .. } => "crdt-evidence-many",
        }
    }
}
