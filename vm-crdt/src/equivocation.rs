//! Proof that an author said two things in one place. It verifies alone: two signed heads are all it is.
//!
//! ```json
//! {"format":"vm-equivocation-v0","heads":["<hex of head and signature>","<hex of head and signature>"]}
//! ```
//!
//! Every op of an author has its op before as its parent and a number one higher. Of two ops of which neither lies in the other's
//! past, the chains of parents part somewhere, and there stand two ops with one number. The format is `docs/spec/crdt-equivocation.md`.

use core::cmp::Ordering;

use serde::{Deserialize, Serialize};
use vm_core::canonical;
use vm_core::digest::{from_hex, to_hex};
use vm_core::key::PublicKey;

use crate::error::EquivocationError;
use crate::id::{GraphId, OpId};
use crate::op::{HEAD_MAX, SignedHead};
use crate::stored;

/// Format of a proof.
pub const FORMAT: &str = "vm-equivocation-v0";
/// Longest proof in bytes: two of the longest heads with their signatures in hexadecimal, and what stands around them.
pub const PROOF_MAX: usize = 4 * (HEAD_MAX + 64) + 256;

/// Two different ops of one author with one number, both signed. Only [`check`](Self::check) makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EquivocationProof {
    first: SignedHead,
    second: SignedHead,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    heads: [String; 2],
}

impl EquivocationProof {
    /// Puts two heads together, the one with the lesser name first.
    ///
    /// # Errors
    /// [`EquivocationError::NoFork`] unless graph, author and number are the same and the names are not.
    pub fn check(one: SignedHead, other: SignedHead) -> Result<Self, EquivocationError> {
        let (a, b) = (one.head(), other.head());
        if a.graph != b.graph || a.author != b.author || a.seq != b.seq || one.id() == other.id() {
            return Err(EquivocationError::NoFork);
        }
        let (first, second) = if one.id() < other.id() { (one, other) } else { (other, one) };
        Ok(Self { first, second })
    }

    /// Reads a proof in its canonical form and checks it. Nothing else is needed: no graph, no charter, no other op.
    ///
    /// # Errors
    /// [`EquivocationError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EquivocationError> {
        if bytes.len() > PROOF_MAX {
            return Err(EquivocationError::TooLong { limit: PROOF_MAX, found: bytes.len() });
        }
        let value = canonical::parse_exact(bytes, PROOF_MAX).map_err(EquivocationError::Canonical)?;
        let stored: Stored = serde_json::from_value(value).map_err(|_| EquivocationError::Malformed)?;
        if stored.format != FORMAT {
            return Err(EquivocationError::Format);
        }
        let [first, second] = &stored.heads;
        let proof = Self::check(head(first)?, head(second)?)?;
        if proof.to_bytes() == bytes { Ok(proof) } else { Err(EquivocationError::Malformed) }
    }

    /// Its canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let heads = [to_hex(&self.first.to_bytes()), to_hex(&self.second.to_bytes())];
        stored::to_bytes(&Stored { format: FORMAT.to_owned(), heads })
    }

    /// Who said two things.
    #[must_use]
    pub const fn author(&self) -> &PublicKey {
        &self.first.head().author
    }

    /// Where.
    #[must_use]
    pub const fn graph(&self) -> GraphId {
        self.first.head().graph
    }

    /// The number that two ops have.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.first.head().seq
    }

    /// The two heads, ascending by name.
    #[must_use]
    pub const fn heads(&self) -> [&SignedHead; 2] {
        [&self.first, &self.second]
    }

    /// Which of two proofs of one author all replicas come to keep: the one with the lesser number, then names.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }

    const fn rank(&self) -> (u64, &OpId, &OpId) {
        (self.seq(), self.first.id(), self.second.id())
    }
}

fn head(hex: &str) -> Result<SignedHead, EquivocationError> {
    let bytes = from_hex(hex).map_err(|_| EquivocationError::Malformed)?;
    SignedHead::decode(&bytes).map_err(EquivocationError::Head)
}
