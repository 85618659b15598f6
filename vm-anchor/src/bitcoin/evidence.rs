//! Evidence of format `vm-anchor-bitcoin-v0` (see `docs/spec/anchor-bitcoin.md`).
//!
//! ```json
//! {"format":"vm-anchor-bitcoin-v0","height":840000,"proof":"<hex>","transaction":"<hex>"}
//! ```

use serde::{Deserialize, Serialize};
use vm_core::digest::{from_hex, to_hex};

use super::carried::TRANSACTION_BYTES_MAX;
use super::error::BitcoinEvidenceError;
use crate::stored;

/// Format string of the evidence.
pub const FORMAT: &str = "vm-anchor-bitcoin-v0";
/// Longest proof read, in bytes: a header, and 15 levels with two hashes each, and some room.
const PROOF_BYTES_MAX: usize = 4 * 1024;
/// Longest evidence read, in bytes: transaction and proof in hexadecimal, and the rest.
pub const EVIDENCE_BYTES_MAX: usize = 2 * (TRANSACTION_BYTES_MAX + PROOF_BYTES_MAX) + 1_024;

/// A transaction, and the proof that its block holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BitcoinEvidence {
    pub(super) height: u32,
    pub(super) proof: Vec<u8>,
    pub(super) transaction: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    #[serde(rename = "format")]
    _format: String,
    height: u32,
    proof: String,
    transaction: String,
}

impl BitcoinEvidence {
    /// Evidence of what a node gave: the transaction (`getrawtransaction`), its proof (`gettxoutproof`), and the height of
    /// its block.
    ///
    /// # Errors
    /// [`BitcoinEvidenceError::Hex`] where one is longer than is read.
    pub fn new(height: u32, proof: Vec<u8>, transaction: Vec<u8>) -> Result<Self, BitcoinEvidenceError> {
        if proof.len() > PROOF_BYTES_MAX {
            return Err(BitcoinEvidenceError::Hex { field: "proof", limit: PROOF_BYTES_MAX });
        }
        if transaction.len() > TRANSACTION_BYTES_MAX {
            return Err(BitcoinEvidenceError::Hex { field: "transaction", limit: TRANSACTION_BYTES_MAX });
        }
        Ok(Self { height, proof, transaction })
    }

    /// Reads evidence. The format is looked at first.
    ///
    /// # Errors
    /// [`BitcoinEvidenceError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BitcoinEvidenceError> {
        let shape: Shape = stored::read(bytes, EVIDENCE_BYTES_MAX, FORMAT)?;
        let read = |field, limit, text: &str| {
            let bytes = from_hex(text).ok().filter(|bytes| to_hex(bytes) == text);
            bytes.ok_or(BitcoinEvidenceError::Hex { field, limit })
        };
        Self::new(
            shape.height,
            read("proof", PROOF_BYTES_MAX, &shape.proof)?,
            read("transaction", TRANSACTION_BYTES_MAX, &shape.transaction)?,
        )
    }

    /// The evidence as it is stored.
    ///
    /// # Errors
    /// [`BitcoinEvidenceError::Stored`] never in practice: all of it is numbers and hexadecimal.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BitcoinEvidenceError> {
        let value = serde_json::json!({
            "format": FORMAT, "height": self.height, "proof": to_hex(&self.proof), "transaction": to_hex(&self.transaction),
        });
        Ok(stored::write(&value)?)
    }

    /// Height of the block, as it is claimed.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.height
    }
}
