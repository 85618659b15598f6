//! What is kept of an op, and of the lanes that ops form.

use core::ops::Range;

use vm_core::key::PublicKey;

use crate::id::OpId;
use crate::op::SignedHead;
use crate::payload::Payload;

/// An op that is held.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) lane: u32,
    /// Place in the lane.
    pub(super) at: u32,
    /// Clock of all its predecessors. In its own lane the op covers what stands before it and itself, whatever that clock says.
    pub(super) clock: Range<usize>,
    pub(super) content: Box<Content>,
}

/// What an author signed, and what it carries.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) signed: SignedHead,
    /// Nothing where it was compacted away.
    pub(super) payload: Option<Payload>,
}

impl Node {
    pub(super) fn id(&self) -> &OpId {
        self.content.signed.id()
    }
}

/// A run of one author's ops, each the parent of the next.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) author: PublicKey,
    /// Number of the author's op that comes first in it.
    pub(super) seq: u64,
    /// Its ops.
    pub(super) ops: Vec<u32>,
    /// Epochs of its ops, which never go back: each with the first place that has it.
    pub(super) epochs: Vec<(u64, u32)>,
}

impl Lane {
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.ops.len()).unwrap_or(u32::MAX)
    }

    /// The op at a place of the lane.
    pub(super) fn op(&self, at: u32) -> Option<u32> {
        self.ops.get(usize::try_from(at).ok()?).copied()
    }

    /// How many of its first ops name an epoch below this.
    pub(super) fn before_epoch(&self, epoch: u64) -> u32 {
        let reached = self.epochs.iter().find(|(number, _)| *number >= epoch);
        reached.map_or(self.len(), |(_, at)| *at)
    }

    /// Puts an op at its end.
    pub(super) fn push(&mut self, op: u32, epoch: u64) {
        if self.epochs.last().is_none_or(|(last, _)| *last != epoch) {
            self.epochs.push((epoch, self.len()));
        }
        self.ops.push(op);
    }
}
