//! The evidence of an anchor on Ethereum: canonical JSON of format `vm-anchor-ethereum-v0`.
//!
//! ```json
//! {"block":{"hash":"0x<64 hex>","header":"0x<RLP>","number":17},"carrier":{"kind":"calldata"},"chain_id":1,
//!  "descendants":["0x<RLP>"],"format":"vm-anchor-ethereum-v0",
//!  "transaction":{"index":0,"proof":["0x<node>"],"receipt_proof":["0x<node>"]}}
//! ```

use serde::{Deserialize, Deserializer, Serialize};
use vm_core::digest::to_hex;

use super::error::EthereumEvidenceError;
use super::hash::{self, BlockHash};
use crate::error::StoredError;
use crate::stored;

/// Format of the evidence.
pub const FORMAT: &str = "vm-anchor-ethereum-v0";
/// Longest header read, in bytes: those of today have under 700, and 2 KiB leaves room for the sixty signers that an
/// epoch of a Clique chain lists in one (EIP-225).
pub const HEADER_BYTES_MAX: usize = 2 * 1024;
/// Most descendants read: as many ancestors as a contract can ask for by number (yellow paper, BLOCKHASH).
pub const DESCENDANTS_MAX: usize = 256;
/// Most nodes of one proof: an index below 2^24 is at most four bytes of RLP, eight nibbles, and every node but the
/// last takes one.
pub const NODES_MAX: usize = 9;
/// Longest node read, in bytes, which holds a whole transaction or receipt: twice what nodes take into their pools
/// (128 KiB, go-ethereum's `txMaxSize`); one that carries a digest has some hundred.
pub const NODE_BYTES_MAX: usize = 256 * 1024;
/// Longest evidence read, in bytes: one node of full length for each proof in hexadecimal, and as much for the rest.
pub const EVIDENCE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// First index that is not read: see [`NODES_MAX`].
const INDEX_END: u32 = 1 << 24;

/// Where in a transaction the digest stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "CarrierShape", into = "CarrierShape")]
#[non_exhaustive]
pub enum Carrier {
    /// In its calldata, behind the tag.
    Calldata,
    /// In an event: a topic of the log is the digest, or its data is.
    Event {
        /// Place of the log in the transaction's receipt, from 0.
        log: u32,
    },
}

/// The carrier's fields. An enum with a tag would pass over fields that its variant does not have.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CarrierShape {
    kind: CarrierKind,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    log: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CarrierKind {
    Calldata,
    Event,
}

/// A field that is there is a number; `null` is none.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    u32::deserialize(deserializer).map(Some)
}

impl TryFrom<CarrierShape> for Carrier {
    type Error = &'static str;

    fn try_from(shape: CarrierShape) -> Result<Self, Self::Error> {
        match (shape.kind, shape.log) {
            (CarrierKind::Calldata, None) => Ok(Self::Calldata),
            (CarrierKind::Event, Some(log)) => Ok(Self::Event { log }),
            _ => Err("expected the place of a log for an event, and for nothing else"),
        }
    }
}

impl From<Carrier> for CarrierShape {
    fn from(carrier: Carrier) -> Self {
        match carrier {
            Carrier::Calldata => Self { kind: CarrierKind::Calldata, log: None },
            Carrier::Event { log } => Self { kind: CarrierKind::Event, log: Some(log) },
        }
    }
}

/// Evidence as it was read: nothing of it is proven yet but its form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EthereumEvidence {
    pub(super) chain_id: u64,
    pub(super) number: u64,
    pub(super) hash: BlockHash,
    pub(super) header: Vec<u8>,
    pub(super) descendants: Vec<Vec<u8>>,
    pub(super) carrier: Carrier,
    pub(super) index: u32,
    pub(super) transaction_proof: Vec<Vec<u8>>,
    pub(super) receipt_proof: Vec<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    format: String,
    chain_id: u64,
    block: BlockShape,
    descendants: Vec<Data>,
    carrier: Carrier,
    transaction: TransactionShape,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockShape {
    number: u64,
    hash: BlockHash,
    header: Data,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransactionShape {
    index: u32,
    proof: Vec<Data>,
    receipt_proof: Vec<Data>,
}

/// Bytes in their one written form.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Data(Vec<u8>);

impl Clone for Data {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl TryFrom<String> for Data {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        hash::bytes(&text).map(Self).ok_or("expected 0x and lower-case hexadecimal")
    }
}

impl From<Data> for String {
    fn from(data: Data) -> Self {
        format!("0x{}", to_hex(&data.0))
    }
}

impl EthereumEvidence {
    /// Reads evidence. The format is looked at first, so that a later release's is refused by name.
    ///
    /// # Errors
    /// [`EthereumEvidenceError`]. Cost: linear in the length, which is at most [`EVIDENCE_BYTES_MAX`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EthereumEvidenceError> {
        let shape: Shape = stored::read(bytes, EVIDENCE_BYTES_MAX, FORMAT)?;
        Self::from_shape(shape).checked()
    }

    /// The evidence's canonical bytes.
    ///
    /// # Errors
    /// [`EthereumEvidenceError::TooMuch`] where it exceeds [`EVIDENCE_BYTES_MAX`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, EthereumEvidenceError> {
        let value = serde_json::to_value(self.to_shape()).map_err(|source| StoredError::Field { source })?;
        let bytes = stored::write(&value)?;
        within("bytes of evidence", EVIDENCE_BYTES_MAX, bytes.len())?;
        Ok(bytes)
    }

    /// The chain that the evidence says it is of. Which trust it is judged by follows from this.
    #[must_use]
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The number that it says its block has.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The hash that it says its block has.
    #[must_use]
    pub const fn block_hash(&self) -> BlockHash {
        self.hash
    }

    /// Where the digest is said to stand.
    #[must_use]
    pub const fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// The same with every limit kept.
    pub(super) fn checked(self) -> Result<Self, EthereumEvidenceError> {
        within("descendants", DESCENDANTS_MAX, self.descendants.len())?;
        for header in self.descendants.iter().chain([&self.header]) {
            within("bytes of a header", HEADER_BYTES_MAX, header.len())?;
        }
        for proof in [&self.transaction_proof, &self.receipt_proof] {
            within("nodes of a proof", NODES_MAX, proof.len())?;
            for node in proof {
                within("bytes of a node", NODE_BYTES_MAX, node.len())?;
            }
        }
        if self.index >= INDEX_END {
            let found = usize::try_from(self.index).unwrap_or(usize::MAX);
            let limit = usize::try_from(INDEX_END - 1).unwrap_or(usize::MAX);
            return Err(EthereumEvidenceError::TooMuch { what: "as a transaction's index", limit, found });
        }
        Ok(self)
    }

    fn from_shape(shape: Shape) -> Self {
        let bytes = |list: Vec<Data>| list.into_iter().map(|data| data.0).collect();
        Self {
            chain_id: shape.chain_id,
            number: shape.block.number,
            hash: shape.block.hash,
            header: shape.block.header.0,
            descendants: bytes(shape.descendants),
            carrier: shape.carrier,
            index: shape.transaction.index,
            transaction_proof: bytes(shape.transaction.proof),
            receipt_proof: bytes(shape.transaction.receipt_proof),
        }
    }

    fn to_shape(&self) -> Shape {
        let data = |list: &[Vec<u8>]| list.iter().cloned().map(Data).collect();
        Shape {
            format: FORMAT.to_owned(),
            chain_id: self.chain_id,
            block: BlockShape { number: self.number, hash: self.hash, header: Data(self.header.clone()) },
            descendants: data(&self.descendants),
            carrier: self.carrier,
            transaction: TransactionShape {
                index: self.index,
                proof: data(&self.transaction_proof),
                receipt_proof: data(&self.receipt_proof),
            },
        }
    }
}

fn within(what: &'static str, limit: usize, found: usize) -> Result<(), EthereumEvidenceError> {
    if found > limit { Err(EthereumEvidenceError::TooMuch { what, limit, found }) } else { Ok(()) }
}
