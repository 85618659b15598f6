//! What a merge was: both sides before, both together after, who says so.
//!
//! ```json
//! {"after":{"count":3,"heads":["<64 hex>"]},"events":0,"format":"vm-merge-receipt-v0","graph":"<64 hex>","operator":"<64 hex>",
//!  "ours":{"count":2,"heads":["<64 hex>"]},"policy":"<64 hex>","received":1,"sent":1,"signature":"<128 hex>","theirs":{"heads":["<64 hex>"]}}
//! ```
//!
//! All but the signature follows from what both sides had, so that a merge of the same replicas says the same again. Heads name everything below
//! them. The format is `docs/spec/crdt-merge-receipt.md`.

use serde::{Deserialize, Serialize};
use vm_core::canonical;
use vm_core::digest::{Sha256Digest, from_hex, to_hex};
use vm_core::key::{PublicKey, Signature, SigningIdentity};

use crate::error::MergeError;
use crate::id::{GraphId, OpId};
use crate::replica::Replica;
use crate::stored;
use crate::sync::{Exchange, HEADS_MAX};

/// Format of a receipt.
pub const FORMAT: &str = "vm-merge-receipt-v0";
/// Longest receipt in bytes: three lists of heads at 67 bytes each, and what stands around them.
pub const RECEIPT_MAX: usize = 16 * 1024;

const SIGNED: &[u8] = b"vm-merge-receipt-v0 signature\n";

/// What one side had, or both have: the heads of all its ops, unless they were more than 64.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Side {
    /// How many ops count; not known of the other side.
    pub count: Option<u64>,
    /// Heads, ascending.
    pub heads: Option<Vec<OpId>>,
}

/// What a merge was, before it is signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merge {
    /// The graph.
    pub graph: GraphId,
    /// Number of the last sealed event that both know.
    pub events: u32,
    /// What this side had.
    pub ours: Side,
    /// What the other side had.
    pub theirs: Side,
    /// What this side has now.
    pub after: Side,
    /// Ops that came.
    pub received: u64,
    /// Ops that went.
    pub sent: u64,
    /// SHA-256 over the rules that were merged by: whoever calls names them.
    pub policy: Sha256Digest,
}

impl Merge {
    /// What a session did to a replica.
    #[must_use]
    pub fn of(exchange: &Exchange, replica: &Replica, policy: Sha256Digest) -> Self {
        let graph = replica.graph();
        let heads: Vec<OpId> = graph.heads().take(HEADS_MAX + 1).copied().collect();
        let heads = (heads.len() <= HEADS_MAX).then_some(heads);
        Self {
            graph: graph.name(),
            events: graph.chain().number(),
            ours: Side { count: Some(exchange.count), heads: exchange.ours.clone() },
            theirs: Side { count: None, heads: exchange.theirs.clone() },
            after: Side { count: Some(crate::bytes::wide(graph.len())), heads },
            received: exchange.received,
            sent: exchange.sent,
            policy,
        }
    }

    /// Signs it.
    #[must_use]
    pub fn sign(self, operator: &SigningIdentity) -> MergeReceipt {
        let key = operator.public();
        let signature = operator.sign(&message(&self, &key));
        MergeReceipt { merge: self, operator: key, signature }
    }
}

/// A merge and its operator's signature, which holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergeReceipt {
    merge: Merge,
    operator: PublicKey,
    signature: Signature,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSide {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    count: Option<u64>,
    heads: Option<Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    graph: Sha256Digest,
    events: u32,
    ours: StoredSide,
    theirs: StoredSide,
    after: StoredSide,
    received: u64,
    sent: u64,
    policy: Sha256Digest,
    operator: PublicKey,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    signature: Option<Signature>,
}

impl MergeReceipt {
    /// Reads a receipt in its canonical form and checks the signature.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MergeError> {
        if bytes.len() > RECEIPT_MAX {
            return Err(MergeError::TooLong { limit: RECEIPT_MAX, found: bytes.len() });
        }
        let value = canonical::parse_exact(bytes, RECEIPT_MAX).map_err(MergeError::Canonical)?;
        let stored: Stored = serde_json::from_value(value).map_err(|_| MergeError::Malformed)?;
        if stored.format != FORMAT {
            return Err(MergeError::Format);
        }
        let merge = Merge {
            graph: GraphId::from_digest(stored.graph),
            events: stored.events,
            ours: side(&stored.ours)?,
            theirs: side(&stored.theirs)?,
            after: side(&stored.after)?,
            received: stored.received,
            sent: stored.sent,
            policy: stored.policy,
        };
        let signature = stored.signature.ok_or(MergeError::Malformed)?;
        let (operator, receipt) = (stored.operator, Self { merge, operator: stored.operator, signature });
        operator.verify(&message(&receipt.merge, &operator), &signature).map_err(MergeError::Signature)?;
        if receipt.to_bytes() == bytes { Ok(receipt) } else { Err(MergeError::Malformed) }
    }

    /// Its canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        stored::to_bytes(&stored_of(&self.merge, self.operator, Some(self.signature)))
    }

    /// What was merged.
    #[must_use]
    pub const fn merge(&self) -> &Merge {
        &self.merge
    }

    /// Who says so.
    #[must_use]
    pub const fn operator(&self) -> &PublicKey {
        &self.operator
    }
}

fn message(merge: &Merge, operator: &PublicKey) -> Vec<u8> {
    [SIGNED, &stored::to_bytes(&stored_of(merge, *operator, None))].concat()
}

fn stored_of(merge: &Merge, operator: PublicKey, signature: Option<Signature>) -> Stored {
    let side = |side: &Side| StoredSide {
        count: side.count,
        heads: side.heads.as_ref().map(|heads| heads.iter().map(|id| to_hex(id.as_bytes())).collect()),
    };
    Stored {
        format: FORMAT.to_owned(),
        graph: merge.graph.digest(),
        events: merge.events,
        ours: side(&merge.ours),
        theirs: side(&merge.theirs),
        after: side(&merge.after),
        received: merge.received,
        sent: merge.sent,
        policy: merge.policy,
        operator,
        signature,
    }
}

fn side(stored: &StoredSide) -> Result<Side, MergeError> {
    let id = |hex: &String| from_hex(hex).ok().and_then(|bytes| bytes.try_into().ok()).map(OpId::from_bytes);
    let heads: Option<Vec<OpId>> = match &stored.heads {
        None => None,
        Some(heads) => Some(heads.iter().map(|hex| id(hex).ok_or(MergeError::Malformed)).collect::<Result<_, _>>()?),
    };
    if heads.as_ref().is_some_and(|heads| heads.len() > HEADS_MAX || !heads.is_sorted_by(|a, b| a < b)) {
        return Err(MergeError::Malformed);
    }
    Ok(Side { count: stored.count, heads })
}
