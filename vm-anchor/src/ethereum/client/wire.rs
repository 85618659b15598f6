//! Blocks and receipts as a node tells them in JSON, written again in the bytes that are hashed.
//!
//! Raw bytes are told by methods that not every node has, so they are made from the fields; whether they are the true
//! ones is seen by the hash of the header and the roots in it.

use alloy_consensus::{EthereumTxEnvelope, Header, ReceiptEnvelope, TxEip4844};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::Log;
use serde::Deserialize;

use super::error::NodeError;
use crate::ethereum::hash::BlockHash;

/// A block without its transactions.
#[derive(Deserialize)]
pub(super) struct ToldHeader {
    hash: BlockHash,
    #[serde(flatten)]
    header: Header,
}

impl ToldHeader {
    /// The header in RLP, which hashes to the block's hash.
    pub(super) fn to_rlp(&self) -> Result<Vec<u8>, NodeError> {
        let rlp = alloy_rlp::encode(&self.header);
        if BlockHash::of(&rlp) == self.hash { Ok(rlp) } else { Err(NodeError::HeaderForm) }
    }

    pub(super) const fn hash(&self) -> BlockHash {
        self.hash
    }

    pub(super) const fn number(&self) -> u64 {
        self.header.number
    }
}

/// A block with its transactions.
#[derive(Deserialize)]
pub(super) struct ToldBlock {
    transactions: Vec<EthereumTxEnvelope<TxEip4844>>,
    #[serde(flatten)]
    pub(super) header: ToldHeader,
}

impl ToldBlock {
    /// The transactions as they stand in their trie.
    pub(super) fn transactions(&self) -> Vec<Vec<u8>> {
        self.transactions.iter().map(|transaction| transaction.encoded_2718()).collect()
    }
}

/// A receipt.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct ToldReceipt(ReceiptEnvelope<Log>);

impl ToldReceipt {
    /// The receipt as it stands in its trie.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.0.encoded_2718()
    }
}

/// Where a transaction is, of its receipt.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToldPlace {
    pub(super) block_hash: BlockHash,
    pub(super) transaction_index: Quantity,
}

/// A number in hexadecimal, such as `0x1b4`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Quantity(pub(super) u64);

impl TryFrom<String> for Quantity {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.strip_prefix("0x").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        number.map(Self).ok_or("expected 0x and a number in hexadecimal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ethereum::carried::Transaction;
    use crate::ethereum::defect::EthereumDefect;
    use crate::ethereum::header::Header;
    use crate::ethereum::trie;

    /// A block of the main chain with four transactions, before there were chain ids, and a header of the test chain
    /// Goerli after Shanghai. Both as nodes told them to the tests of ethereumjs (packages/block/test/testdata).
    #[test]
    fn real_blocks_hash_to_what_everyone_knows() {
        let text = include_str!("../../../tests/data/ethereum/mainnet-2000004.json");
        let told: ToldBlock = serde_json::from_str(text).unwrap();
        let header = Header::parse(&told.header.to_rlp().unwrap()).unwrap();
        assert_eq!((header.number, header.timestamp), (2_000_004, 1_470_173_616));
        assert_eq!(header.hash, told.header.hash());
        let transactions = told.transactions();
        for (index, bytes) in transactions.iter().enumerate() {
            let (root, nodes) = trie::prove(&transactions, index);
            assert_eq!(root, header.transactions_root);
            let place = u32::try_from(index).unwrap();
            assert_eq!(trie::look_up(header.transactions_root, place, &nodes).as_ref(), Some(bytes));
            let transaction = Transaction::read(bytes).unwrap();
            assert!(text.contains(&format!("\"hash\":\"{}\"", transaction.hash)), "{index}");
            assert_eq!(transaction.check_chain(1), Err(EthereumDefect::TransactionWithoutChainId));
        }
        let text = include_str!("../../../tests/data/ethereum/goerli-8705029.json");
        let told: ToldHeader = serde_json::from_str(text).unwrap();
        assert_eq!(Header::parse(&told.to_rlp().unwrap()).unwrap().hash, told.hash());
        for (field, other) in [("0x84d405", "0x84d406"), ("0x127d82ba5b", "0x127d82ba5c"), ("0x641c71ec", "0x641c71ed")]
        {
            let told: ToldHeader = serde_json::from_str(&text.replace(field, other)).unwrap();
            assert_eq!(told.to_rlp().unwrap_err().code(), "node-header-form");
        }
    }

    #[test]
    fn quantities_are_read_strictly() {
        let read = |text: &str| Quantity::try_from(text.to_owned()).ok().map(|quantity| quantity.0);
        assert_eq!(read("0x0"), Some(0));
        assert_eq!(read("0x1b4"), Some(436));
        assert_eq!(read("0xffffffffffffffff"), Some(u64::MAX));
        for bad in ["", "0x", "1", "0x+1", "0x10000000000000000", "-0x1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
