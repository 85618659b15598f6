//! A whole block, from which evidence is made. Whoever has header, transactions and receipts needs no node.

use super::error::BlockError;
use super::evidence::{Carrier, EthereumEvidence};
use super::hash::BlockHash;
use super::header::Header;
use super::trie;

/// A block whose transactions and receipts are those that its header names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    header: Vec<u8>,
    read: Header,
    transactions: Vec<Vec<u8>>,
    receipts: Vec<Vec<u8>>,
}

impl Block {
    /// Takes the header in RLP, and all transactions and receipts in the block's order, each as it stands in its trie:
    /// the type's byte where it has one, then RLP (EIP-2718). Cost: both tries are built.
    ///
    /// # Errors
    /// [`BlockError::Header`], [`BlockError::Transactions`], [`BlockError::Receipts`].
    pub fn new(header: Vec<u8>, transactions: Vec<Vec<u8>>, receipts: Vec<Vec<u8>>) -> Result<Self, BlockError> {
        let read = Header::parse(&header).ok_or(BlockError::Header)?;
        if trie::prove(&transactions, 0).0 != read.transactions_root {
            return Err(BlockError::Transactions);
        }
        if trie::prove(&receipts, 0).0 != read.receipts_root || receipts.len() != transactions.len() {
            return Err(BlockError::Receipts);
        }
        Ok(Self { header, read, transactions, receipts })
    }

    /// The block's number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.read.number
    }

    /// The block's hash.
    #[must_use]
    pub const fn hash(&self) -> BlockHash {
        self.read.hash
    }

    /// How many transactions it has.
    #[must_use]
    pub const fn transactions(&self) -> usize {
        self.transactions.len()
    }

    /// Evidence of the transaction with this index, counted from 0. `descendants` are the headers of the blocks that
    /// follow, in RLP, and may be empty. It is not judged here.
    ///
    /// # Errors
    /// [`BlockError::Index`]; [`BlockError::Evidence`] where a limit of the format is exceeded.
    pub fn evidence(
        &self,
        chain_id: u64,
        index: usize,
        carrier: Carrier,
        descendants: Vec<Vec<u8>>,
    ) -> Result<EthereumEvidence, BlockError> {
        let missing = BlockError::Index { index, count: self.transactions.len() };
        let Some(place) = u32::try_from(index).ok().filter(|_| index < self.transactions.len()) else {
            return Err(missing);
        };
        let evidence = EthereumEvidence {
            chain_id,
            number: self.read.number,
            hash: self.read.hash,
            header: self.header.clone(),
            descendants,
            carrier,
            index: place,
            transaction_proof: trie::prove(&self.transactions, index).1,
            receipt_proof: trie::prove(&self.receipts, index).1,
        };
        let evidence = evidence.checked().map_err(|source| BlockError::Evidence { source })?;
        evidence.to_bytes().map_err(|source| BlockError::Evidence { source })?;
        Ok(evidence)
    }
}
