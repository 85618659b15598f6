//! What a check yields when everything holds.

use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;

use super::evidence::Carrier;
use super::hash::{Address, BlockHash, TransactionHash};

/// A digest in a transaction of a block that is believed. Only the check can make one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EthereumAttested {
    pub(super) stamped: Sha256Digest,
    pub(super) trust: String,
    pub(super) chain_id: u64,
    pub(super) number: u64,
    pub(super) block_hash: BlockHash,
    pub(super) time: Instant,
    pub(super) confirmations: u16,
    pub(super) carrier: Carrier,
    pub(super) address: Address,
    pub(super) transaction: TransactionHash,
    pub(super) identity: Sha256Digest,
}

impl EthereumAttested {
    /// The digest that the transaction carries.
    #[must_use]
    pub const fn stamped(&self) -> Sha256Digest {
        self.stamped
    }

    /// Name of the chain in the trust that it was judged by.
    #[must_use]
    pub fn trust(&self) -> &str {
        &self.trust
    }

    /// The chain's id.
    #[must_use]
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Number of the block.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Hash of the block.
    #[must_use]
    pub const fn block_hash(&self) -> BlockHash {
        self.block_hash
    }

    /// The time in the block's header, whole seconds. Its proposer states it; since the merge it is that of the slot.
    #[must_use]
    pub const fn time(&self) -> Instant {
        self.time
    }

    /// Descendants in the evidence up to the pinned block; 0 where the block itself is pinned, and so final.
    #[must_use]
    pub const fn confirmations(&self) -> u16 {
        self.confirmations
    }

    /// Where in the transaction the digest stands.
    #[must_use]
    pub const fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// The address that was called, or the contract that emitted the event.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// The transaction's hash, by which explorers know it.
    #[must_use]
    pub const fn transaction(&self) -> TransactionHash {
        self.transaction
    }

    /// The anchor's identity: SHA-256 of the transaction's bytes, signature and all. Evidence of one transaction is one
    /// anchor, whatever descendants it carries.
    #[must_use]
    pub const fn identity(&self) -> Sha256Digest {
        self.identity
    }
}
