//! Ops of one's own.

use vm_core::digest::Sha256Digest;
use vm_core::key::SigningIdentity;

use crate::error::AuthorError;
use crate::id::OpId;
use crate::op::{OTHERS_MAX, OpHead, SignedOp};
use crate::payload::Payload;

use super::{Changes, Graph};

impl Graph {
    /// Makes the next op of an author after all that counts here, and takes it.
    ///
    /// Who calls must have the author's last op, and put this one on disk before anybody else gets it: an author that starts anew from
    /// less than it had said forks.
    ///
    /// # Errors
    /// [`AuthorError`]; nothing was made then.
    pub fn write(&mut self, payload: Payload, author: &SigningIdentity) -> Result<(SignedOp, Changes), AuthorError> {
        let key = author.public();
        let epoch = u64::from(self.chain.number());
        if self.chain.fork().is_some() {
            return Err(AuthorError::Halted);
        }
        if !self.chain.may_write(&key, epoch) {
            return Err(AuthorError::Stranger { epoch });
        }
        let lanes = self.lanes_of.get(&key).map(Vec::as_slice).unwrap_or_default();
        if self.is_proven(&key) || lanes.len() > 1 {
            return Err(AuthorError::Forked);
        }
        let lane = lanes.first().and_then(|lane| self.lanes.get(*lane));
        let last = lane.and_then(|lane| self.node(*lane.ops.last()?));
        let parent = last.map(|node| *node.id());
        let seq = last.map_or(0, |node| node.content.signed.head().seq + 1);
        let others: Vec<OpId> =
            self.heads.iter().filter(|id| Some(**id) != parent && self.may_name(id, epoch)).copied().collect();
        let head = OpHead {
            graph: self.id,
            epoch,
            author: key,
            seq,
            parent,
            others: others.into_iter().take(OTHERS_MAX).collect(),
            payload_len: 0,
            payload_hash: Sha256Digest::of(&[]),
        };
        let op = SignedOp::sign(head, payload, author)?;
        let (_, changes) = self.insert(op.clone())?;
        Ok((op, changes))
    }

    /// Whether an honest author names a head: of a proven author none but what is sealed, which counts for ever.
    fn may_name(&self, id: &OpId, epoch: u64) -> bool {
        let node = self.index.get(id).and_then(|index| self.node(*index));
        node.is_some_and(|node| !self.is_proven(&node.content.signed.head().author) || self.is_sealed_head(id, epoch))
    }
}
