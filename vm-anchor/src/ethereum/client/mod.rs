//! A client of a node's JSON-RPC: sends what is to be anchored, and makes the evidence.
//!
//! What a node says is not believed: header, transactions and receipts are written in the bytes that are hashed, and must
//! give the block's hash and the header's roots. Which chain the block is of is not known by that: judge the evidence
//! with [`verify_evidence`](super::verify_evidence).

mod error;
mod rpc;
mod wire;

use core::time::Duration;
use std::time::Instant;

use serde_json::{Value, json};
use vm_core::digest::{Sha256Digest, to_hex};

pub use error::NodeError;
use rpc::{METHOD_UNKNOWN, Rpc};
use wire::{Quantity, ToldBlock, ToldHeader, ToldPlace, ToldReceipt};

use super::block::Block;
use super::evidence::{Carrier, DESCENDANTS_MAX, EthereumEvidence};
use super::hash::{Address, BlockHash, TransactionHash};
use super::trust::{EthereumTrust, PinnedBlock};

/// How long one exchange may take unless told otherwise: a block with its receipts takes public nodes a few seconds.
pub const TIMEOUT: Duration = Duration::from_secs(20);
/// Pause between two looks at a transaction that is pending: a slot has twelve seconds, a local chain mines at once.
const PAUSE: Duration = Duration::from_millis(250);

/// Which block is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum At {
    /// The newest, which may yet be reorganised away.
    Latest,
    /// The newest that consensus calls final.
    Finalized,
    /// The one of this number.
    Number(u64),
}

impl At {
    fn to_value(self) -> Value {
        match self {
            Self::Latest => json!("latest"),
            Self::Finalized => json!("finalized"),
            Self::Number(number) => json!(format!("0x{number:x}")),
        }
    }
}

/// A node that answers JSON-RPC over HTTP.
#[derive(Debug)]
pub struct Node {
    rpc: Rpc,
}

impl Node {
    /// The node at `url`; each exchange may take `timeout`. Nothing is sent yet. Redirects are not followed and no proxy
    /// is taken from the environment.
    ///
    /// # Errors
    /// [`NodeError::Url`].
    pub fn new(url: &str, timeout: Duration) -> Result<Self, NodeError> {
        Ok(Self { rpc: Rpc::new(url, timeout)? })
    }

    /// The id of the chain that the node follows.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn chain_id(&self) -> Result<u64, NodeError> {
        let method = "eth_chainId";
        let id: Option<Quantity> = self.rpc.call(method, json!([]))?;
        id.map(|id| id.0).ok_or(NodeError::Absent { method })
    }

    /// A block by number and hash, to be pinned by whoever believes this node.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn block(&self, at: At) -> Result<PinnedBlock, NodeError> {
        let header = self.header(at)?;
        header.to_rlp()?;
        Ok(PinnedBlock::new(header.number(), header.hash()))
    }

    /// Has the node send a transaction to `to` that carries `digest`, from an account that it manages: `from`, or the
    /// first of them. Whoever pays for the account pays.
    ///
    /// # Errors
    /// [`NodeError::NoAccount`]; [`NodeError::Fault`] where the account is locked or cannot pay.
    pub fn send(
        &self,
        digest: &Sha256Digest,
        to: Address,
        from: Option<Address>,
    ) -> Result<TransactionHash, NodeError> {
        let from = match from {
            Some(from) => from,
            None => {
                let accounts: Option<Vec<Address>> = self.rpc.call("eth_accounts", json!([]))?;
                accounts.unwrap_or_default().into_iter().next().ok_or(NodeError::NoAccount)?
            }
        };
        let method = "eth_sendTransaction";
        let data = format!("0x{}", to_hex(&super::calldata(digest)));
        let sent: Option<TransactionHash> = self.rpc.call(method, json!([{ "from": from, "to": to, "data": data }]))?;
        sent.ok_or(NodeError::Absent { method })
    }

    /// Waits until the transaction is in a block, for at most `deadline`.
    ///
    /// # Errors
    /// [`NodeError::Pending`] where it is in none then; it may be waited for again.
    pub fn wait(&self, transaction: TransactionHash, deadline: Duration) -> Result<BlockHash, NodeError> {
        let start = Instant::now();
        loop {
            match self.place(transaction) {
                Err(NodeError::Pending) if start.elapsed() + PAUSE < deadline => std::thread::sleep(PAUSE),
                result => return Ok(result?.block_hash),
            }
        }
    }

    /// Makes the evidence of a transaction that is in a block. With `trust`, the headers that lead to a pinned block are
    /// part of it, where there is such a block within [`DESCENDANTS_MAX`].
    ///
    /// # Errors
    /// [`NodeError::Pending`] where the transaction is in no block; [`NodeError`].
    pub fn evidence(
        &self,
        transaction: TransactionHash,
        carrier: Carrier,
        trust: Option<&EthereumTrust>,
    ) -> Result<EthereumEvidence, NodeError> {
        let chain_id = self.chain_id()?;
        let place = self.place(transaction)?;
        let method = "eth_getBlockByHash";
        let told: Option<ToldBlock> = self.rpc.call_large(method, json!([place.block_hash, true]))?;
        let told = told.ok_or(NodeError::Absent { method })?;
        let header = told.header.to_rlp()?;
        let transactions = told.transactions();
        let hashes: Vec<TransactionHash> = transactions.iter().map(|bytes| TransactionHash::of(bytes)).collect();
        let index = usize::try_from(place.transaction_index.0).unwrap_or(usize::MAX);
        if told.header.hash() != place.block_hash || hashes.get(index) != Some(&transaction) {
            return Err(NodeError::Misplaced);
        }
        let receipts = self.receipts(place.block_hash, &hashes)?;
        let block = Block::new(header, transactions, receipts).map_err(|source| NodeError::Block { source })?;
        let end = trust.and_then(|trust| last_descendant(trust, block.number())).unwrap_or_else(|| block.number());
        let mut descendants = Vec::new();
        for number in block.number().saturating_add(1)..=end {
            descendants.push(self.header(At::Number(number))?.to_rlp()?);
        }
        block.evidence(chain_id, index, carrier, descendants).map_err(|source| NodeError::Block { source })
    }

    fn place(&self, transaction: TransactionHash) -> Result<ToldPlace, NodeError> {
        let place: Option<ToldPlace> = self.rpc.call("eth_getTransactionReceipt", json!([transaction]))?;
        place.ok_or(NodeError::Pending)
    }

    fn header(&self, at: At) -> Result<ToldHeader, NodeError> {
        let method = "eth_getBlockByNumber";
        let header: Option<ToldHeader> = self.rpc.call_large(method, json!([at.to_value(), false]))?;
        let header = header.ok_or(NodeError::Absent { method })?;
        match at {
            At::Number(number) if number != header.number() => Err(NodeError::Misplaced),
            _ => Ok(header),
        }
    }

    /// All receipts of a block, at once where the node can.
    fn receipts(&self, block: BlockHash, transactions: &[TransactionHash]) -> Result<Vec<Vec<u8>>, NodeError> {
        let method = "eth_getBlockReceipts";
        let told: Option<Vec<ToldReceipt>> = match self.rpc.call_large(method, json!([block])) {
            Err(NodeError::Fault { code: METHOD_UNKNOWN, .. }) => None,
            told => told?,
        };
        if let Some(told) = told {
            return Ok(told.iter().map(ToldReceipt::to_bytes).collect());
        }
        let method = "eth_getTransactionReceipt";
        let one = |transaction: &TransactionHash| {
            let told: Option<ToldReceipt> = self.rpc.call(method, json!([transaction]))?;
            told.map(|told| told.to_bytes()).ok_or(NodeError::Absent { method })
        };
        transactions.iter().map(one).collect()
    }
}

/// Number of the pinned block that descendants should lead to: the first that is far enough, else the farthest.
fn last_descendant(trust: &EthereumTrust, number: u64) -> Option<u64> {
    let most = u64::try_from(DESCENDANTS_MAX).unwrap_or(u64::MAX);
    let far = |pinned: &u64| *pinned - number >= u64::from(trust.least_confirmations());
    let within = || {
        let numbers = trust.blocks().iter().map(PinnedBlock::number);
        numbers.filter(|pinned| *pinned >= number && *pinned - number <= most)
    };
    within().find(|pinned| *pinned == number || far(pinned)).or_else(|| within().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_lead_to_the_nearest_pinned_block_that_is_far_enough() {
        let pin = |number| PinnedBlock::new(number, BlockHash::from_bytes([1; 32]));
        let trust = EthereumTrust::new("chain", 1).unwrap().pin(vec![pin(5), pin(20), pin(22), pin(400)]).unwrap();
        for (number, least, expected) in [
            (5, 9, Some(5)),
            (6, 0, Some(20)),
            (18, 3, Some(22)),
            (18, 9, Some(22)),
            (23, 0, None),
            (144, 0, Some(400)),
            (143, 0, None),
            (401, 0, None),
        ] {
            let trust = trust.clone().confirmations(least).unwrap();
            assert_eq!(last_descendant(&trust, number), expected, "{number}, {least}");
        }
    }
}
