//! What a verifier believes of a chain: blocks by number and hash.

use serde::{Deserialize, Deserializer, Serialize};

use super::error::EthereumTrustError;
use super::evidence::DESCENDANTS_MAX;
use super::hash::{Address, BlockHash};
use crate::policy::NAME_BYTES_MAX;

/// Most blocks pinned: one a day for eleven years.
pub const PINNED_BLOCKS_MAX: usize = 4_096;
/// Largest chain id: the largest integer that every reader of JSON keeps.
const CHAIN_ID_MAX: u64 = (1 << 53) - 1;

/// A block that is believed to be of the chain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedBlock {
    number: u64,
    hash: BlockHash,
}

impl PinnedBlock {
    /// The block of this number and hash.
    #[must_use]
    pub const fn new(number: u64, hash: BlockHash) -> Self {
        Self { number, hash }
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Its hash.
    #[must_use]
    pub const fn hash(&self) -> BlockHash {
        self.hash
    }
}

/// What is believed of one chain. With no block pinned it believes nothing: evidence ends as `no-trust-root`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EthereumTrust {
    name: String,
    chain_id: u64,
    blocks: Vec<PinnedBlock>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contract: Option<Address>,
    confirmations: u16,
}

impl EthereumTrust {
    /// Trust in a chain of which no block is pinned yet.
    ///
    /// # Errors
    /// [`EthereumTrustError::Name`], [`EthereumTrustError::ChainId`].
    pub fn new(name: impl Into<String>, chain_id: u64) -> Result<Self, EthereumTrustError> {
        let name = name.into();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
            return Err(EthereumTrustError::Name { limit: NAME_BYTES_MAX });
        }
        if chain_id == 0 || chain_id > CHAIN_ID_MAX {
            return Err(EthereumTrustError::ChainId { limit: CHAIN_ID_MAX, found: chain_id });
        }
        Ok(Self { name, chain_id, blocks: Vec::new(), contract: None, confirmations: 0 })
    }

    /// Pins these blocks, and no others. They are kept by number.
    ///
    /// # Errors
    /// [`EthereumTrustError::TooMany`] above [`PINNED_BLOCKS_MAX`]; [`EthereumTrustError::Repeated`].
    pub fn pin(mut self, mut blocks: Vec<PinnedBlock>) -> Result<Self, EthereumTrustError> {
        if blocks.len() > PINNED_BLOCKS_MAX {
            return Err(EthereumTrustError::TooMany { limit: PINNED_BLOCKS_MAX, found: blocks.len() });
        }
        blocks.sort_unstable();
        let mut pairs = blocks.iter().zip(blocks.iter().skip(1));
        if let Some((block, _)) = pairs.find(|(one, two)| one.number == two.number) {
            return Err(EthereumTrustError::Repeated { number: block.number });
        }
        self.blocks = blocks;
        Ok(self)
    }

    /// Demands that calls are to this contract and events of it.
    #[must_use]
    pub const fn contract(mut self, contract: Address) -> Self {
        self.contract = Some(contract);
        self
    }

    /// Demands this many descendants between a block and the pinned one that it is believed for. A block that is itself
    /// pinned needs none.
    ///
    /// # Errors
    /// [`EthereumTrustError::Confirmations`] above [`DESCENDANTS_MAX`].
    pub fn confirmations(mut self, confirmations: u16) -> Result<Self, EthereumTrustError> {
        if usize::from(confirmations) > DESCENDANTS_MAX {
            let found = usize::from(confirmations);
            return Err(EthereumTrustError::Confirmations { limit: DESCENDANTS_MAX, found });
        }
        self.confirmations = confirmations;
        Ok(self)
    }

    /// The chain's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The chain's id (EIP-155).
    #[must_use]
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The pinned blocks, by number.
    #[must_use]
    pub fn blocks(&self) -> &[PinnedBlock] {
        &self.blocks
    }

    /// The one contract whose calls and events count, where there is one.
    #[must_use]
    pub const fn only_contract(&self) -> Option<Address> {
        self.contract
    }

    /// Descendants demanded of a block that is not itself pinned.
    #[must_use]
    pub const fn least_confirmations(&self) -> u16 {
        self.confirmations
    }

    /// The hash pinned for this number.
    #[must_use]
    pub fn pinned(&self, number: u64) -> Option<BlockHash> {
        let place = self.blocks.binary_search_by_key(&number, PinnedBlock::number).ok()?;
        self.blocks.get(place).map(PinnedBlock::hash)
    }
}

impl<'de> Deserialize<'de> for EthereumTrust {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Shape {
            name: String,
            chain_id: u64,
            #[serde(default)]
            blocks: Vec<PinnedBlock>,
            #[serde(default)]
            contract: Option<Address>,
            #[serde(default)]
            confirmations: u16,
        }
        let shape = Shape::deserialize(deserializer)?;
        let trust = Self::new(shape.name, shape.chain_id)
            .and_then(|trust| trust.pin(shape.blocks))
            .and_then(|trust| trust.confirmations(shape.confirmations))
            .map_err(serde::de::Error::custom)?;
        Ok(match shape.contract {
            Some(contract) => trust.contract(contract),
            None => trust,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(number: u64, byte: u8) -> PinnedBlock {
        PinnedBlock::new(number, BlockHash::from_bytes([byte; 32]))
    }

    #[test]
    fn trust_that_contradicts_itself_is_refused() {
        let trust = || EthereumTrust::new("chain", 1).unwrap();
        let codes = [
            EthereumTrust::new("", 1),
            EthereumTrust::new("a\nb", 1),
            EthereumTrust::new("chain", 0),
            EthereumTrust::new("chain", CHAIN_ID_MAX + 1),
            trust().pin(vec![block(1, 1), block(2, 1), block(1, 2)]),
            trust().pin((0..=4_096).map(|number| block(number, 1)).collect()),
            trust().confirmations(257),
        ]
        .map(|trust| trust.unwrap_err().code());
        let expected = ["name", "name", "chain-id", "chain-id", "repeated", "too-many", "confirmations"];
        assert_eq!(codes.map(|code| code.replace("ethereum-trust-", "")), expected);
    }

    #[test]
    fn trust_is_the_same_after_it_was_written() {
        let contract = Address::from_bytes([7; 20]);
        let trust = EthereumTrust::new("chain", CHAIN_ID_MAX).unwrap().contract(contract);
        let trust = trust.pin(vec![block(9, 1), block(3, 2)]).unwrap().confirmations(256).unwrap();
        let text = serde_json::to_string(&trust).unwrap();
        assert_eq!(serde_json::from_str::<EthereumTrust>(&text).unwrap(), trust);
        assert_eq!(trust.pinned(3), Some(BlockHash::from_bytes([2; 32])));
        assert_eq!(trust.pinned(4), None);
        let bad = text.replace("\"name\"", "\"nane\"");
        assert!(serde_json::from_str::<EthereumTrust>(&bad).is_err());
        let repeated = text.replace("\"number\":9", "\"number\":3");
        assert!(serde_json::from_str::<EthereumTrust>(&repeated).is_err());
    }
}
