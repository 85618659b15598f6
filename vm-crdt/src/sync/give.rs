//! Ops on their way: packs out, packs in.

use std::collections::BTreeSet;

use crate::bytes::wide;
use crate::error::SyncError;
use crate::graph::{Graph, Received};
use crate::id::{OpId, OpIndex};
use crate::op::OpHead;
use crate::pack::{PackedOp, Unpack, pack};
use crate::replica::{Replica, Together};
use crate::sketch::ShortId;

use super::WANT_MAX;
use super::message::{MESSAGE_MAX, Message};
use super::session::{Session, by_short};
use super::{REQUESTS_MAX, WANTS_MAX};

/// Longest pack of a message, but for one op that is longer by itself.
const PACK_MAX: usize = MESSAGE_MAX / 2;
/// Ops of a proven author that are given with one that was asked for: four times as many as may wait for each other
/// ([`Limits::orphans`](crate::graph::Limits::orphans)), in a message of usual size.
const LANE_MAX: usize = 1_024;
/// Bytes of a sealed state in one message.
const STATE_PART: usize = MESSAGE_MAX / 2;

impl Session {
    /// Gives these ops, each after its past, and then says that it was all.
    pub(super) fn give(&mut self, replica: &Replica, ops: Vec<OpIndex>) -> Result<(), SyncError> {
        self.note_given(replica, ops.len())?;
        self.giving.push_back(ops.into());
        Ok(())
    }

    /// The next pack of what is given, where anything is.
    pub(super) fn next_pack(&mut self, replica: &Replica) -> Option<Message> {
        let ops = self.giving.front_mut()?;
        let (bytes, taken) = pack(replica.graph(), ops.make_contiguous(), PACK_MAX);
        ops.drain(..taken.min(ops.len()));
        self.exchange.sent += wide(taken);
        let is_last = ops.is_empty();
        if is_last {
            self.giving.pop_front();
        }
        Some(Message::Give(is_last, bytes))
    }

    pub(super) fn take_want(&mut self, replica: &Replica, shorts: &[ShortId], names: &[OpId]) -> Result<(), SyncError> {
        Self::note_request(&mut self.wants, WANTS_MAX)?;
        let graph = replica.graph();
        let mut ops = by_short(replica, &self.key, shorts);
        // What is asked for by name may stand aside here, and count there.
        for op in names.iter().filter_map(|id| graph.place(id)) {
            ops.extend(lane_to(graph, op));
        }
        ops.sort_unstable();
        ops.dedup();
        self.give(replica, ops)
    }

    pub(super) fn take_pack(&mut self, replica: &mut Replica, is_last: bool, bytes: &[u8]) -> Result<(), SyncError> {
        // An initiator gets what it lacks unasked.
        if self.is_answering && self.awaited == 0 {
            return Err(SyncError::OutOfTurn);
        }
        let (mut is_useful, mut waits) = (false, false);
        let ops = Unpack::new(bytes)?;
        if ops.graph() != replica.graph().name() {
            return Err(SyncError::Graph);
        }
        let mut broken = None;
        let ops: Vec<PackedOp> = ops.map_while(|op| op.map_err(|error| broken = Some(error)).ok()).collect();
        let needed = self.needed(replica, &ops);
        let mut take = |all: &mut Together<'_>, op: PackedOp| {
            let id = *op.signed().id();
            if op.payload().is_none() {
                self.note_behind(all.graph(), op.signed().head());
            }
            match all.insert(op, needed.contains(&id)) {
                Ok(Received::Known) => {}
                // What waits may be pushed out by what waits later, and would be new for ever.
                Ok(Received::Waiting) => {
                    waits = true;
                    self.exchange.received += 1;
                }
                Ok(_) => {
                    is_useful = true;
                    self.exchange.received += 1;
                }
                Err(source) if source.is_invalid() => return Err(SyncError::Invalid { id, source }),
                // The peer need not know the proof yet, and what does not fit here may elsewhere.
                Err(_) => {}
            }
            Ok(())
        };
        let (_, taken) = replica.together(|all| ops.into_iter().try_for_each(|op| take(all, op)));
        taken?;
        if let Some(error) = broken {
            return Err(error.into());
        }
        self.gained |= is_useful || waits;
        if !is_useful {
            self.note_waste(bytes.len())?;
        }
        if is_last {
            self.awaited = self.awaited.saturating_sub(1);
            if self.awaited == 0 {
                self.ask_missing(replica);
            }
            self.finish(replica);
        }
        Ok(())
    }

    /// Which ops of a pack are taken although their authors are proven: those that were asked for, and those that an op further on needs whose author is not.
    /// Otherwise each would have to wait until somebody waits for it, and whoever waits has a bounded place.
    fn needed(&self, replica: &Replica, ops: &[PackedOp]) -> BTreeSet<OpId> {
        let graph = replica.graph();
        let mut needed = BTreeSet::new();
        if graph.proofs().next().is_none() {
            return needed;
        }
        for op in ops.iter().rev() {
            let (id, head) = (op.signed().id(), op.signed().head());
            let is_heard = !graph.is_proven(&head.author) && graph.chain().membership(&head.author).is_some();
            if is_heard || needed.contains(id) || graph.is_wanted(id) || self.asked.contains(id) {
                needed.insert(*id);
                needed.extend(head.predecessors().filter(|id| graph.place(id).is_none()).copied());
            }
        }
        needed
    }

    /// Notes what an op without a payload lacks: it is not kept until that is here.
    fn note_behind(&mut self, graph: &Graph, head: &OpHead) {
        let missing = head.predecessors().filter(|id| graph.place(id).is_none());
        self.behind.extend(missing.take(WANT_MAX.saturating_sub(self.behind.len())).copied());
    }

    pub(super) fn send_state(&mut self, replica: &Replica, number: u32, offset: u64) -> Result<(), SyncError> {
        let bytes = replica.base().filter(|(held, _)| *held == number).map(|(_, bytes)| bytes).unwrap_or_default();
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = bytes.get(from..).unwrap_or_default();
        let part = part.get(..STATE_PART).unwrap_or(part);
        Self::note_request(&mut self.requests, REQUESTS_MAX)?;
        self.out.push_back(Message::State { number, offset, whole: wide(bytes.len()), bytes: part.to_vec() });
        Ok(())
    }
}

/// An op that was asked for; of an author who is proven, with those before it. The peer has refused them all, and would ask for one after the other.
fn lane_to(graph: &Graph, op: OpIndex) -> Vec<OpIndex> {
    let mut lane = vec![op];
    let parent = |op: OpIndex| {
        let head = graph.head(op)?.head();
        graph.place(&head.parent?).filter(|_| graph.is_proven(&head.author))
    };
    while let Some(before) = lane.last().and_then(|op| parent(*op)).filter(|_| lane.len() < LANE_MAX) {
        lane.push(before);
    }
    lane
}
