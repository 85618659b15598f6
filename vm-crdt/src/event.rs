//! Sealed events: what is final in a graph. Who is enrolled and revoked, the epoch, what may be forgotten.
//!
//! ```json
//! {"change":{"revoke":"<64 hex>"},"format":"vm-sealed-event-v0","frontier":["<64 hex>"],"graph":"<64 hex>","number":1,
//!  "previous":"<64 hex>","signatures":[{"key":"<64 hex>","signature":"<128 hex>"}]}
//! ```
//!
//! An op cannot take anything back from those who do not know it yet; two members could revoke each other, and a revoked one could
//! write as if it had not heard of it. So these things are no ops: they form one chain, each signed by a quorum of sealers over the
//! heads that they had seen, and a member's ops end where the event that revokes it says. The format is `docs/spec/crdt-event.md`.

use serde::{Deserialize, Serialize};
use vm_core::canonical;
use vm_core::digest::{Sha256Digest, from_hex, to_hex};
use vm_core::epoch::Epoch;
use vm_core::key::{PublicKey, Signature, SigningIdentity};

use crate::charter::{Charter, MEMBERS_MAX};
use crate::error::EventError;
use crate::id::{GraphId, OpId};
use crate::op::OTHERS_MAX;
use crate::stored;

/// Format of a sealed event.
pub const FORMAT: &str = "vm-sealed-event-v0";
/// Format of an acknowledgement.
pub const ACK_FORMAT: &str = "vm-crdt-ack-v0";
/// Most heads of a frontier: as many as an op may name.
pub const FRONTIER_MAX: usize = OTHERS_MAX;
/// Most events of a graph. People seal them one by one: ten a day for seventeen years.
pub const EVENTS_MAX: u32 = 65_536;
/// Longest event in bytes: an acknowledgement of every member at 300 bytes, a full frontier, all signatures.
pub const EVENT_MAX: usize = 1 << 20;

const EVENT_SIGNED: &[u8] = b"vm-sealed-event-v0 signature\n";
const ACK_SIGNED: &[u8] = b"vm-crdt-ack-v0 signature\n";

/// What an event changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Change {
    /// Somebody may write from here on. Whoever was revoked cannot come back under the same key.
    Enrol(PublicKey),
    /// Somebody's ops end with the frontier: what lies in its past stays, everything else of theirs has no effect.
    Revoke(PublicKey),
    /// The ledger's mode changes.
    Epoch(Epoch),
    /// What lies below the frontier may be forgotten, all but the state that it made.
    Compact {
        /// SHA-256 over the encoded state of the ops below the frontier.
        state: Sha256Digest,
        /// One of every member that is enrolled and not revoked, ascending by member.
        acks: Vec<Ack>,
    },
}

/// A member's word that it holds all below a frontier, with what the ops carry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// Who acknowledges.
    pub member: PublicKey,
    /// Over graph, number of the event and frontier.
    pub signature: Signature,
}

impl Ack {
    /// Acknowledges the frontier of the event that is to have this number. A replica does so when it holds all of it.
    #[must_use]
    pub fn sign(graph: &GraphId, number: u32, frontier: &[OpId], member: &SigningIdentity) -> Self {
        Self { member: member.public(), signature: member.sign(&ack_message(graph, number, frontier)) }
    }

    fn verify(&self, graph: &GraphId, number: u32, frontier: &[OpId]) -> Result<(), EventError> {
        let message = ack_message(graph, number, frontier);
        self.member.verify(&message, &self.signature).map_err(|_| EventError::Ack { member: self.member })
    }
}

fn ack_message(graph: &GraphId, number: u32, frontier: &[OpId]) -> Vec<u8> {
    let mut message = ACK_SIGNED.to_vec();
    message.extend_from_slice(graph.as_bytes());
    message.extend_from_slice(&number.to_be_bytes());
    for id in frontier {
        message.extend_from_slice(id.as_bytes());
    }
    message
}

/// What sealers sign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventBody {
    /// The graph.
    pub graph: GraphId,
    /// Place in the chain, from 1 on.
    pub number: u32,
    /// Digest of the event before, or of the charter.
    pub previous: Sha256Digest,
    /// Heads of what the sealers had seen, ascending.
    pub frontier: Vec<OpId>,
    /// What changes.
    pub change: Change,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredBody {
    format: String,
    graph: Sha256Digest,
    number: u32,
    previous: Sha256Digest,
    frontier: Vec<String>,
    change: Change,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    graph: Sha256Digest,
    number: u32,
    previous: Sha256Digest,
    frontier: Vec<String>,
    change: Change,
    signatures: Vec<Seal>,
}

impl EventBody {
    /// The canonical bytes that the digest is of.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        stored::to_bytes(&StoredBody {
            format: FORMAT.to_owned(),
            graph: self.graph.digest(),
            number: self.number,
            previous: self.previous,
            frontier: self.frontier.iter().map(|id| to_hex(id.as_bytes())).collect(),
            change: self.change.clone(),
        })
    }

    /// Name of the event.
    #[must_use]
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.to_bytes())
    }

    /// A sealer's signature.
    #[must_use]
    pub fn seal(&self, sealer: &SigningIdentity) -> Seal {
        Seal { key: sealer.public(), signature: sealer.sign(&event_message(&self.digest())) }
    }
}

fn event_message(digest: &Sha256Digest) -> Vec<u8> {
    [EVENT_SIGNED, digest.as_bytes()].concat()
}

/// One sealer's signature of an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Who sealed.
    pub key: PublicKey,
    /// Over the event's digest.
    pub signature: Signature,
}

/// An event that a quorum of its charter's sealers signed; only [`check`](Self::check) makes one. Whether it is the next of
/// a chain is for the chain to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedEvent {
    body: EventBody,
    digest: Sha256Digest,
    signatures: Vec<Seal>,
}

impl SealedEvent {
    /// Joins an event to its signatures, which are put in order.
    ///
    /// # Errors
    /// [`EventError`]: another graph's, a frontier out of order or too long, fewer valid signatures of different sealers than the charter
    /// asks for, one that does not hold or is nobody's who may seal, acknowledgements that do not hold.
    pub fn check(body: EventBody, mut signatures: Vec<Seal>, charter: &Charter) -> Result<Self, EventError> {
        if body.graph != charter.graph() {
            return Err(EventError::Graph);
        }
        if body.number == 0 || body.number > EVENTS_MAX {
            return Err(EventError::Number { limit: EVENTS_MAX, found: body.number });
        }
        if body.frontier.len() > FRONTIER_MAX || !body.frontier.is_sorted_by(|a, b| a < b) {
            return Err(EventError::Frontier { limit: FRONTIER_MAX, found: body.frontier.len() });
        }
        if let Change::Compact { acks, .. } = &body.change {
            if acks.len() > MEMBERS_MAX || !acks.is_sorted_by(|a, b| a.member < b.member) {
                return Err(EventError::AckOrder);
            }
            acks.iter().try_for_each(|ack| ack.verify(&body.graph, body.number, &body.frontier))?;
        }
        signatures.sort_unstable_by_key(|seal| seal.key);
        let digest = body.digest();
        let message = event_message(&digest);
        for (at, seal) in signatures.iter().enumerate() {
            let twice =
                at.checked_sub(1).and_then(|before| signatures.get(before)).is_some_and(|it| it.key == seal.key);
            if twice || charter.sealers().binary_search(&seal.key).is_err() {
                return Err(EventError::Sealer { key: seal.key });
            }
            seal.key.verify(&message, &seal.signature).map_err(|_| EventError::Signature { key: seal.key })?;
        }
        if signatures.len() < charter.threshold() {
            return Err(EventError::Quorum { expected: charter.threshold(), found: signatures.len() });
        }
        Ok(Self { body, digest, signatures })
    }

    /// Reads an event in its canonical form and checks it.
    ///
    /// # Errors
    /// [`EventError`].
    pub fn parse(bytes: &[u8], charter: &Charter) -> Result<Self, EventError> {
        if bytes.len() > EVENT_MAX {
            return Err(EventError::TooLong { limit: EVENT_MAX, found: bytes.len() });
        }
        let value = canonical::parse_exact(bytes, EVENT_MAX).map_err(EventError::Canonical)?;
        let stored: Stored = serde_json::from_value(value).map_err(|_| EventError::Malformed)?;
        if stored.format != FORMAT {
            return Err(EventError::Format);
        }
        let frontier: Option<Vec<OpId>> = stored.frontier.iter().map(|hex| parse_id(hex)).collect();
        let body = EventBody {
            graph: GraphId::from_digest(stored.graph),
            number: stored.number,
            previous: stored.previous,
            frontier: frontier.ok_or(EventError::Malformed)?,
            change: stored.change,
        };
        let event = Self::check(body, stored.signatures, charter)?;
        // Signatures out of order would be a second form of the same event.
        if event.to_bytes() == bytes { Ok(event) } else { Err(EventError::Malformed) }
    }

    /// Its canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        stored::to_bytes(&Stored {
            format: FORMAT.to_owned(),
            graph: self.body.graph.digest(),
            number: self.body.number,
            previous: self.body.previous,
            frontier: self.body.frontier.iter().map(|id| to_hex(id.as_bytes())).collect(),
            change: self.body.change.clone(),
            signatures: self.signatures.clone(),
        })
    }

    /// What was sealed.
    #[must_use]
    pub const fn body(&self) -> &EventBody {
        &self.body
    }

    /// Name of the event. Signatures are no part of it.
    #[must_use]
    pub const fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// Who sealed it, ascending.
    #[must_use]
    pub fn signatures(&self) -> &[Seal] {
        &self.signatures
    }
}

fn parse_id(hex: &str) -> Option<OpId> {
    from_hex(hex).ok().and_then(|bytes| bytes.try_into().ok()).map(OpId::from_bytes)
}
