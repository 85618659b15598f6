//! Ops: what an author says, after all that it had seen.
//!
//! ```text
//! head      = "vm-op-v0" | graph (32) | epoch (8) | author (32) | seq (8) | parent (32, where seq > 0)
//!             | others (4) | other predecessors (32 each, ascending) | payload length (8) | SHA-256 of the payload (32)
//! id        = SHA-256(head)
//! signature = Ed25519 by the author over "vm-op-v0 signature\n" | id
//! signed op = head | signature (64) | payload
//! ```
//!
//! Integers have their highest byte first. The payload is hashed by itself, so that a proof of what an author said twice needs heads
//! alone, and a payload can be dropped without its op. The format is `docs/spec/crdt-op.md`.

use sha2::{Digest as _, Sha256};
use vm_core::digest::Sha256Digest;
use vm_core::key::{PreparedKey, PublicKey, Signature, SigningIdentity};

use crate::bytes::{Bytes, wide};
use crate::error::OpError;
use crate::id::{GraphId, OpId};
use crate::payload::{PAYLOAD_MAX, Payload};

/// Format of an op, and the first bytes of its head.
pub const FORMAT: &[u8; 8] = b"vm-op-v0";
/// What stands before an op's name in what its author signs.
const SIGNED: &[u8; 19] = b"vm-op-v0 signature\n";
/// Most predecessors beside the parent: one of every other member ([`crate::charter::MEMBERS_MAX`]). Whoever has more heads before
/// it joins them in several ops.
pub const OTHERS_MAX: usize = 1_024;
/// Longest head: all fields, the parent and every other predecessor.
pub const HEAD_MAX: usize = 8 + 32 + 8 + 32 + 8 + 32 + 4 + 32 * OTHERS_MAX + 8 + 32;

/// All that an op says but the bytes of its payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpHead {
    /// The graph it belongs to.
    pub graph: GraphId,
    /// Number of the last sealed event that its author knew; 0 is the charter.
    pub epoch: u64,
    /// Who made it.
    pub author: PublicKey,
    /// How many ops its author had made before.
    pub seq: u64,
    /// The author's op before this one; there is one unless `seq` is 0.
    pub parent: Option<OpId>,
    /// All else that the author had seen and nothing had named before, ascending, without the parent.
    pub others: Vec<OpId>,
    /// Bytes of the payload.
    pub payload_len: u64,
    /// SHA-256 of the payload.
    pub payload_hash: Sha256Digest,
}

impl OpHead {
    /// The bytes that are hashed. Cost: linear in the number of predecessors.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_MAX - 32 * OTHERS_MAX + 32 * self.others.len());
        out.extend_from_slice(FORMAT);
        out.extend_from_slice(self.graph.as_bytes());
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(self.author.as_bytes());
        out.extend_from_slice(&self.seq.to_be_bytes());
        if let Some(parent) = &self.parent {
            out.extend_from_slice(parent.as_bytes());
        }
        out.extend_from_slice(&u32::try_from(self.others.len()).unwrap_or(u32::MAX).to_be_bytes());
        for other in &self.others {
            out.extend_from_slice(other.as_bytes());
        }
        out.extend_from_slice(&self.payload_len.to_be_bytes());
        out.extend_from_slice(self.payload_hash.as_bytes());
        out
    }

    /// Name of the op.
    #[must_use]
    pub fn id(&self) -> OpId {
        OpId::from_bytes(Sha256::digest(self.to_bytes()).into())
    }

    /// All predecessors, the parent first.
    pub fn predecessors(&self) -> impl Iterator<Item = &OpId> {
        self.parent.iter().chain(&self.others)
    }

    /// Whether bytes can say this: fields can be set at will.
    fn check(&self) -> Result<(), OpError> {
        if (self.seq > 0) != self.parent.is_some() {
            return Err(OpError::PredecessorOrder { at: 0 });
        }
        if self.others.len() > OTHERS_MAX {
            return Err(OpError::TooManyPredecessors { limit: OTHERS_MAX, found: self.others.len() });
        }
        let mut last: Option<&OpId> = None;
        for (at, other) in self.others.iter().enumerate() {
            if last.is_some_and(|last| last >= other) || self.parent.as_ref() == Some(other) {
                return Err(OpError::PredecessorOrder { at });
            }
            last = Some(other);
        }
        if self.payload_len > wide(PAYLOAD_MAX) {
            return Err(OpError::PayloadTooLong { limit: PAYLOAD_MAX, found: self.payload_len });
        }
        Ok(())
    }

    /// The head, and its author's key made ready.
    fn decode(bytes: &mut Bytes<'_>) -> Result<(Self, PreparedKey), OpError> {
        if &bytes.array::<8>()? != FORMAT {
            return Err(OpError::Format);
        }
        let graph = GraphId::from_digest(Sha256Digest::from_bytes(bytes.array()?));
        let epoch = bytes.u64()?;
        let prepared = PreparedKey::from_bytes(bytes.array()?).map_err(OpError::Author)?;
        let author = *prepared.key();
        let seq = bytes.u64()?;
        let parent = if seq > 0 { Some(OpId::from_bytes(bytes.array()?)) } else { None };
        let count = usize::try_from(bytes.u32()?).unwrap_or(usize::MAX);
        if count > OTHERS_MAX {
            return Err(OpError::TooManyPredecessors { limit: OTHERS_MAX, found: count });
        }
        let others = (0..count).map(|_| Ok(OpId::from_bytes(bytes.array()?))).collect::<Result<_, OpError>>()?;
        let payload_len = bytes.u64()?;
        let payload_hash = Sha256Digest::from_bytes(bytes.array()?);
        let head = Self { graph, epoch, author, seq, parent, others, payload_len, payload_hash };
        head.check().map(|()| (head, prepared))
    }
}

/// A head with its author's signature, which holds: there is no other way to one than a check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedHead {
    head: OpHead,
    id: OpId,
    signature: Signature,
}

impl SignedHead {
    /// Checks a head's signature, strictly.
    ///
    /// # Errors
    /// [`OpError::Signature`]; [`OpError::TooManyPredecessors`], [`OpError::PredecessorOrder`], [`OpError::PayloadTooLong`] for a
    /// head that no bytes can be of.
    pub fn check(head: OpHead, signature: Signature) -> Result<Self, OpError> {
        let author = head.author.prepare().map_err(OpError::Author)?;
        Self::check_by(&author, head, signature)
    }

    /// The same by the author's key that was made ready, which becomes the head's.
    pub(crate) fn check_by(author: &PreparedKey, mut head: OpHead, signature: Signature) -> Result<Self, OpError> {
        head.author = *author.key();
        head.check()?;
        Self::check_decoded(author, head, signature)
    }

    fn check_decoded(author: &PreparedKey, head: OpHead, signature: Signature) -> Result<Self, OpError> {
        let id = head.id();
        author.verify(&signed(&id), &signature).map_err(OpError::Signature)?;
        Ok(Self { head, id, signature })
    }

    /// Reads head and signature, and checks that the signature holds.
    ///
    /// # Errors
    /// [`OpError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, OpError> {
        let mut rest = Bytes::new(bytes);
        let (head, author) = OpHead::decode(&mut rest)?;
        let signature = Signature::from_bytes(rest.array()?);
        rest.end()?;
        Self::check_decoded(&author, head, signature)
    }

    /// Head, then signature.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.head.to_bytes();
        out.extend_from_slice(self.signature.as_bytes());
        out
    }

    /// What was signed.
    #[must_use]
    pub const fn head(&self) -> &OpHead {
        &self.head
    }

    /// Name of the op.
    #[must_use]
    pub const fn id(&self) -> &OpId {
        &self.id
    }

    /// The author's signature.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }
}

/// An op whose signature holds and whose payload decodes. Whether it is valid depends on its past, and is for the graph to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedOp {
    signed: SignedHead,
    payload: Payload,
}

impl SignedOp {
    /// Makes an op: `head.payload_len` and `head.payload_hash` are set from the payload, `head.author` from the signer, and the
    /// other predecessors are put in order.
    ///
    /// # Errors
    /// [`OpError::TooManyPredecessors`], [`OpError::PredecessorOrder`] where the parent stands among the others or `seq` and `parent`
    /// disagree, [`OpError::PayloadTooLong`].
    pub fn sign(mut head: OpHead, payload: Payload, author: &SigningIdentity) -> Result<Self, OpError> {
        head.author = author.public();
        head.others.sort_unstable();
        head.others.dedup();
        head.payload_len = wide(payload.as_bytes().len());
        head.payload_hash = Sha256Digest::of(payload.as_bytes());
        head.check()?;
        let id = head.id();
        let signature = author.sign(&signed(&id));
        Ok(Self { signed: SignedHead { head, id, signature }, payload })
    }

    /// Joins a head to its payload.
    ///
    /// # Errors
    /// [`OpError::PayloadMismatch`] where the head names another.
    pub fn join(signed: SignedHead, payload: Payload) -> Result<Self, OpError> {
        let bytes = payload.as_bytes();
        if wide(bytes.len()) != signed.head.payload_len || Sha256Digest::of(bytes) != signed.head.payload_hash {
            return Err(OpError::PayloadMismatch);
        }
        Ok(Self { signed, payload })
    }

    /// A head and the payload that its length and hash were taken from.
    pub(crate) const fn of_checked(signed: SignedHead, payload: Payload) -> Self {
        Self { signed, payload }
    }

    /// Reads an op whole and checks its signature.
    ///
    /// # Errors
    /// [`OpError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, OpError> {
        let mut rest = Bytes::new(bytes);
        let (head, author) = OpHead::decode(&mut rest)?;
        let signature = Signature::from_bytes(rest.array()?);
        let length = usize::try_from(head.payload_len).unwrap_or(usize::MAX);
        let payload = rest.take(length)?;
        rest.end()?;
        if Sha256Digest::of(payload) != head.payload_hash {
            return Err(OpError::PayloadMismatch);
        }
        let payload = Payload::decode(payload)?;
        Ok(Self { signed: SignedHead::check_decoded(&author, head, signature)?, payload })
    }

    /// Head, signature, payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.signed.to_bytes();
        out.extend_from_slice(self.payload.as_bytes());
        out
    }

    /// What was signed.
    #[must_use]
    pub const fn head(&self) -> &OpHead {
        &self.signed.head
    }

    /// Head and signature.
    #[must_use]
    pub const fn signed(&self) -> &SignedHead {
        &self.signed
    }

    /// Name of the op.
    #[must_use]
    pub const fn id(&self) -> &OpId {
        &self.signed.id
    }

    /// Head and payload.
    #[must_use]
    pub fn into_parts(self) -> (SignedHead, Payload) {
        (self.signed, self.payload)
    }

    /// What it carries.
    #[must_use]
    pub const fn payload(&self) -> &Payload {
        &self.payload
    }
}

/// What an author signs for an op of this name.
fn signed(id: &OpId) -> [u8; 51] {
    let mut message = [0; 51];
    let (domain, name) = message.split_at_mut(SIGNED.len());
    domain.copy_from_slice(SIGNED);
    name.copy_from_slice(id.as_bytes());
    message
}
