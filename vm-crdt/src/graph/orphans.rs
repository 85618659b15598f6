//! Ops that came before their past: a bounded store, with a share for each author, so that a flood costs only who floods.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use vm_core::key::PublicKey;

use crate::bytes::wide;
use crate::id::OpId;
use crate::op::SignedOp;

use super::Limits;

/// Where an op waits. What is gone through is in order, so that nothing depends on chance.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    ops: HashMap<OpId, SignedOp>,
    /// Who waits for an op that is missing.
    waiting: BTreeMap<OpId, BTreeSet<OpId>>,
    /// Who waits for a sealed event, by its number.
    before_event: BTreeMap<u64, BTreeSet<OpId>>,
    shares: HashMap<PublicKey, Share>,
}

/// What one author's ops take.
#[derive(Debug, Default)]
struct Share {
    order: VecDeque<OpId>,
    bytes: u64,
}

/// What an op waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Missing {
    /// A sealed event of this number.
    Event(u64),
    /// These ops.
    Ops(Vec<OpId>),
}

impl Orphans {
    pub(super) fn len(&self) -> usize {
        self.ops.len()
    }

    pub(super) fn contains(&self, id: &OpId) -> bool {
        self.ops.contains_key(id)
    }

    /// Whether some op waits for this one.
    pub(super) fn is_wanted(&self, id: &OpId) -> bool {
        self.waiting.contains_key(id)
    }

    /// Names of ops that are missing and stand in no queue themselves.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &OpId> {
        self.waiting.keys().filter(|id| !self.ops.contains_key(*id))
    }

    /// Keeps an op. Where its author's share is full, that author's oldest falls out.
    pub(super) fn keep(&mut self, op: SignedOp, missing: &Missing, limits: &Limits) {
        let id = *op.id();
        let author = op.head().author;
        let size = size(&op);
        if size > limits.orphan_bytes || limits.orphans == 0 {
            return;
        }
        loop {
            let share = self.shares.entry(author).or_default();
            let is_full = share.order.len() >= limits.orphans || share.bytes + size > limits.orphan_bytes;
            let Some(oldest) = share.order.front().copied().filter(|_| is_full) else { break };
            self.remove(&oldest);
        }
        match missing {
            Missing::Event(number) => {
                self.before_event.entry(*number).or_default().insert(id);
            }
            Missing::Ops(ids) => {
                for missing in ids {
                    self.waiting.entry(*missing).or_default().insert(id);
                }
            }
        }
        let share = self.shares.entry(author).or_default();
        share.order.push_back(id);
        share.bytes += size;
        self.ops.insert(id, op);
    }

    /// Takes an op out, with all that says what it waits for.
    pub(super) fn remove(&mut self, id: &OpId) -> Option<SignedOp> {
        let op = self.ops.remove(id)?;
        for missing in op.head().predecessors() {
            if let Some(waiting) = self.waiting.get_mut(missing) {
                waiting.remove(id);
                if waiting.is_empty() {
                    self.waiting.remove(missing);
                }
            }
        }
        if let Some(waiting) = self.before_event.get_mut(&op.head().epoch) {
            waiting.remove(id);
            if waiting.is_empty() {
                self.before_event.remove(&op.head().epoch);
            }
        }
        if let Some(share) = self.shares.get_mut(&op.head().author) {
            share.order.retain(|kept| kept != id);
            share.bytes = share.bytes.saturating_sub(size(&op));
            if share.order.is_empty() {
                self.shares.remove(&op.head().author);
            }
        }
        Some(op)
    }

    /// Takes out all that wait for this op: it is here now, and they are tried again.
    pub(super) fn released(&mut self, id: &OpId) -> Vec<SignedOp> {
        let waiting: Vec<OpId> = self.waiting.get(id).into_iter().flatten().copied().collect();
        waiting.iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Takes out all that wait for events up to this number.
    pub(super) fn released_by_event(&mut self, number: u64) -> Vec<SignedOp> {
        let ready: Vec<OpId> = self.before_event.range(..=number).flat_map(|(_, ids)| ids).copied().collect();
        ready.iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Takes out all that name one of these: they were held, and are not any more. In order, so that nothing depends on chance.
    pub(super) fn displaced(&mut self, gone: &HashSet<OpId>) -> BTreeSet<OpId> {
        let names = |op: &SignedOp| op.head().predecessors().any(|id| gone.contains(id));
        let displaced: BTreeSet<OpId> = self.ops.iter().filter(|(_, op)| names(op)).map(|(id, _)| *id).collect();
        displaced.iter().for_each(|id| drop(self.remove(id)));
        displaced
    }

    /// Takes out all that can never be delivered because this op is invalid, however far above it.
    pub(super) fn forget_above(&mut self, id: &OpId) -> usize {
        let mut queue = vec![*id];
        let mut forgotten = 0;
        while let Some(id) = queue.pop() {
            for op in self.released(&id) {
                forgotten += 1;
                queue.push(*op.id());
            }
        }
        forgotten
    }
}

/// What an op counts for in its author's share.
fn size(op: &SignedOp) -> u64 {
    // A head is at least 240 bytes with its signature, and each name of a predecessor is 32.
    240 + 32 * wide(op.head().others.len()) + op.head().payload_len
}
