//! Errors of this rail, each with a stable code. What a check refuses stands in [`EthereumDefect`](super::EthereumDefect).

use thiserror::Error;

use crate::error::{StoredError, stable_codes};

/// A hash or an address that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum HashError {
    /// Not in its written form.
    #[error("expected 0x and {length} bytes in lower-case hexadecimal, an address in mixed case with its checksum")]
    Form {
        /// Bytes that it has.
        length: usize,
    },
}
stable_codes!(HashError {
    Self::Form { .. } => "ethereum-hash-form",
});

/// Evidence that could not be read or made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EthereumEvidenceError {
    /// Not the JSON that is kept.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// More of something than is read.
    #[error("expected at most {limit} {what}, found {found}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// Most of it read.
        limit: usize,
        /// How much there is.
        found: usize,
    },
}
impl EthereumEvidenceError {
    /// The finding that it makes.
    pub(crate) const fn finding(&self) -> vm_core::verdict::Code {
        match self {
            Self::Stored(error) => error.finding(),
            _ => vm_core::verdict::Code::AnchorInvalid,
        }
    }
}
stable_codes!(EthereumEvidenceError {
    Self::Stored(error) => error.code(),
    Self::TooMuch { .. } => "ethereum-evidence-too-much",
});

/// Trust in a chain that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum EthereumTrustError {
    /// A name that is empty, long, or holds control characters.
    #[error("name of a chain is empty, longer than {limit} bytes, or holds control characters")]
    Name {
        /// Most bytes of a name.
        limit: usize,
    },
    /// A chain id that no chain has, or that JSON cannot hold.
    #[error("expected a chain id from 1 to {limit}, found {found}")]
    ChainId {
        /// The largest.
        limit: u64,
        /// The one given.
        found: u64,
    },
    /// More blocks than are read.
    #[error("expected at most {limit} pinned blocks, found {found}")]
    TooMany {
        /// Most blocks.
        limit: usize,
        /// Blocks given.
        found: usize,
    },
    /// One number with two hashes, or one block twice.
    #[error("block {number} is pinned twice")]
    Repeated {
        /// The block's number.
        number: u64,
    },
    /// More confirmations than evidence can show.
    #[error("expected at most {limit} confirmations, found {found}")]
    Confirmations {
        /// Most that evidence holds.
        limit: usize,
        /// Those asked for.
        found: usize,
    },
}
stable_codes!(EthereumTrustError {
    Self::Name { .. } => "ethereum-trust-name",
    Self::ChainId { .. } => "ethereum-trust-chain-id",
    Self::TooMany { .. } => "ethereum-trust-too-many",
    Self::Repeated { .. } => "ethereum-trust-repeated",
    Self::Confirmations { .. } => "ethereum-trust-confirmations",
});

/// A whole block from which no evidence can be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The header cannot be read.
    #[error("not the header of a block")]
    Header,
    /// The transactions are not those of the header.
    #[error("transactions do not give the root in the header")]
    Transactions,
    /// The receipts are not those of the header.
    #[error("receipts do not give the root in the header")]
    Receipts,
    /// No such transaction.
    #[error("the block has {count} transactions, none with index {index}")]
    Index {
        /// Index asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// The evidence would exceed a limit.
    #[error("evidence cannot be written")]
    Evidence {
        /// Which limit.
        #[source]
        source: EthereumEvidenceError,
    },
}
stable_codes!(BlockError {
    Self::Header => "ethereum-block-header",
    Self::Transactions => "ethereum-block-transactions",
    Self::Receipts => "ethereum-block-receipts",
    Self::Index { .. } => "ethereum-block-index",
    Self::Evidence { .. } => "ethereum-block-evidence",
});
