//! What counts: the past of sound ops, and what is sealed.

use std::collections::BTreeSet;

use vm_core::key::PublicKey;

use crate::event::Change;
use crate::id::{OpId, OpIndex};

use super::clock::{Clock, covered, join, raise};
use super::node::{Lane, Node};
use super::{Changes, Graph, to_usize};

impl Graph {
    /// How many of a lane's first ops are sound.
    pub(super) fn sound(&self, at: usize, lane: &Lane) -> u32 {
        if self.is_proven(&lane.author) {
            return 0;
        }
        self.effective_of(at, lane).min(self.whole(lane))
    }

    /// How many of a lane's first ops have effect if they count: those before a fork of the chain of events, and before the frontier of their author's
    /// revocation.
    fn effective_of(&self, at: usize, lane: &Lane) -> u32 {
        let before_fork = self.chain.fork().map_or(lane.len(), |fork| lane.before_epoch(u64::from(fork.number())));
        let revoked = self.chain.membership(&lane.author).and_then(|membership| membership.revoked);
        let revoked = revoked.filter(|number| self.chain.counts(*number));
        let below = revoked
            .map_or(lane.len(), |number| self.frontier_clock(number).map_or(0, |frontier| covered(frontier, at)));
        before_fork.min(below)
    }

    /// Clock of a sealed frontier.
    pub(super) fn frontier_clock(&self, number: u32) -> Option<&Clock> {
        self.frontiers.get(to_usize(number.checked_sub(1)?))
    }

    /// Whether an op that is held counts.
    pub(super) fn does_count(&self, index: u32) -> bool {
        self.node(index).is_some_and(|node| covered(&self.counted, to_usize(node.lane)) > node.at)
    }

    /// Counts a new op with all its past, if it is sound.
    pub(super) fn count_with(&mut self, index: u32, changes: &mut Changes) {
        let Some(node) = self.node(index) else { return };
        let at = to_usize(node.lane);
        if self.lanes.get(at).is_none_or(|lane| self.sound(at, lane) <= node.at) {
            return;
        }
        if covered(&self.counted, at) == node.at && self.is_covered(node) {
            raise(&mut self.counted, at, self.nodes.get(to_usize(index)).map_or(0, |node| node.at + 1));
            self.raise_head(index);
            changes.counted.push(OpIndex::from_u32(index));
        } else {
            let clock = self.clock_of(node);
            let mut counted = self.counted.clone();
            join(&mut counted, &clock);
            self.count_up_to(counted, changes);
        }
    }

    /// Whether all predecessors of an op count.
    fn is_covered(&self, node: &Node) -> bool {
        let past = self.clocks.at(&node.clock).iter().enumerate();
        past.filter(|(lane, _)| *lane != to_usize(node.lane))
            .all(|(lane, count)| covered(&self.counted, lane) >= *count)
    }

    /// Counts all below a clock that did not count before, in the order in which it came, which is causal.
    pub(super) fn count_up_to(&mut self, counted: Clock, changes: &mut Changes) {
        let mut fresh: Vec<u32> = Vec::new();
        for (at, lane) in self.lanes.iter().enumerate() {
            let places = covered(&self.counted, at)..covered(&counted, at);
            fresh.extend(places.filter_map(|place| lane.op(place)));
        }
        fresh.sort_unstable();
        self.counted = counted;
        for index in fresh {
            self.raise_head(index);
            changes.counted.push(OpIndex::from_u32(index));
        }
    }

    /// An op that counts takes the place of its predecessors among the heads.
    fn raise_head(&mut self, index: u32) {
        let Some(node) = self.nodes.get(to_usize(index)) else { return };
        let signed = &node.content.signed;
        for id in signed.head().predecessors() {
            self.heads.remove(id);
        }
        // It may be named by something that counted before it only where its own past did, which is never: what counts is closed.
        self.heads.insert(*signed.id());
    }

    /// Works out anew what counts, after an author was proven or an event sealed.
    pub(super) fn recount(&mut self, changes: &mut Changes) {
        let mut counted = Clock::new();
        for (at, lane) in self.lanes.iter().enumerate() {
            let last = self.sound(at, lane).checked_sub(1).and_then(|place| lane.op(place));
            if let Some(node) = last.and_then(|index| self.node(index)) {
                // The last sound op of a lane covers all that the others cover.
                join(&mut counted, self.clocks.at(&node.clock));
                raise(&mut counted, at, node.at + 1);
            }
        }
        for (frontier, number) in self.frontiers.iter().zip(1..) {
            if self.chain.counts(number) {
                join(&mut counted, frontier);
            }
        }
        let has_shrunk = self.counted.iter().enumerate().any(|(at, count)| covered(&counted, at) < *count);
        if has_shrunk {
            changes.must_rebuild = true;
            changes.counted.clear();
            self.counted = counted;
            self.heads = self.heads_anew();
        } else {
            self.count_up_to(counted, changes);
        }
    }

    fn heads_anew(&self) -> BTreeSet<OpId> {
        let mut heads = BTreeSet::new();
        for index in self.counting() {
            if let Some(signed) = self.head(index) {
                for id in signed.head().predecessors() {
                    heads.remove(id);
                }
                heads.insert(*signed.id());
            }
        }
        heads
    }

    /// All ops that count, each after its past.
    pub fn counting(&self) -> impl Iterator<Item = OpIndex> {
        (0..).zip(&self.nodes).filter_map(|(index, node)| {
            (covered(&self.counted, to_usize(node.lane)) > node.at).then_some(OpIndex::from_u32(index))
        })
    }

    /// Whether an op has effect: it counts and its author was not revoked before it.
    #[must_use]
    pub fn is_effective(&self, op: OpIndex) -> bool {
        let Some(node) = self.node(op.as_u32()) else { return false };
        let at = to_usize(node.lane);
        self.does_count(op.as_u32()) && self.lanes.get(at).is_some_and(|lane| self.effective_of(at, lane) > node.at)
    }

    /// How many of the first ops of each of an author's lanes count and have effect.
    pub(super) fn effective_by(&self, author: &PublicKey) -> Vec<u32> {
        let lanes = self.lanes_of.get(author).map(Vec::as_slice).unwrap_or_default();
        let each = lanes.iter().filter_map(|at| Some((*at, self.lanes.get(*at)?)));
        each.map(|(at, lane)| covered(&self.counted, at).min(self.effective_of(at, lane))).collect()
    }

    /// All ops that have effect, each after its past: what a state is made of.
    pub fn effective(&self) -> impl Iterator<Item = OpIndex> {
        let ends: Vec<u32> = self.lanes.iter().enumerate().map(|(at, lane)| self.effective_of(at, lane)).collect();
        self.counting()
            .filter(move |op| self.node(op.as_u32()).is_some_and(|node| covered(&ends, to_usize(node.lane)) > node.at))
    }

    /// Ops that count and lie in the past of none of these, each after its past: what somebody lacks who has those heads. Heads that
    /// are not held are passed over.
    #[must_use]
    pub fn beyond(&self, heads: &[OpId]) -> Vec<OpIndex> {
        let mut below = Clock::new();
        for node in heads.iter().filter_map(|id| self.node(*self.index.get(id)?)) {
            join(&mut below, self.clocks.at(&node.clock));
            raise(&mut below, to_usize(node.lane), node.at + 1);
        }
        self.above(&below)
    }

    /// Ops that count and that somebody lacks whose last op of each author these are: author, number, name. Of an author whose last op is
    /// not held here, all up to that number is taken to be there.
    #[must_use]
    pub fn beyond_tips<'a>(&self, tips: impl IntoIterator<Item = (&'a PublicKey, u64, &'a OpId)>) -> Vec<OpIndex> {
        let mut below = Clock::new();
        for (author, seq, id) in tips {
            if let Some(node) = self.index.get(id).and_then(|index| self.node(*index)) {
                join(&mut below, self.clocks.at(&node.clock));
                raise(&mut below, to_usize(node.lane), node.at + 1);
                continue;
            }
            for at in self.lanes_of.get(author).into_iter().flatten() {
                let Some(lane) = self.lanes.get(*at) else { continue };
                let reached = seq.saturating_add(1).saturating_sub(lane.seq);
                raise(&mut below, *at, u32::try_from(reached).unwrap_or(u32::MAX).min(lane.len()));
            }
        }
        self.above(&below)
    }

    /// Ops that count and lie above a clock, each after its past.
    fn above(&self, below: &Clock) -> Vec<OpIndex> {
        let mut above: Vec<u32> = Vec::new();
        for (at, lane) in self.lanes.iter().enumerate() {
            let places = covered(below, at)..covered(&self.counted, at);
            above.extend(places.filter_map(|place| lane.op(place)));
        }
        above.sort_unstable();
        above.into_iter().map(OpIndex::from_u32).collect()
    }

    /// The last op of each lane that counts.
    pub fn tips(&self) -> impl Iterator<Item = OpIndex> {
        self.lanes.iter().enumerate().filter_map(|(at, lane)| {
            let last = covered(&self.counted, at).checked_sub(1)?;
            lane.op(last).map(OpIndex::from_u32)
        })
    }

    /// Drops the payloads of all ops below the frontier of a sealed compaction: the state they made is kept by whoever calls, and is what the
    /// event names. Heads and signatures stay, so that proofs and checks of later ops go on. How many were dropped.
    pub fn compact(&mut self, number: u32) -> usize {
        let is_sealed = self.chain.event(number).is_some_and(|it| matches!(it.body().change, Change::Compact { .. }));
        let Some(frontier) = self.frontier_clock(number).filter(|_| is_sealed).cloned() else { return 0 };
        let below = |node: &Node| covered(&frontier, to_usize(node.lane)) > node.at;
        let nodes = self.nodes.iter_mut().filter(|node| below(node));
        let dropped = nodes.filter_map(|node| node.content.payload.take()).count();
        join(&mut self.compacted, &frontier);
        dropped
    }

    /// Whether an op lies below the frontier of the event of this number.
    #[must_use]
    pub fn is_sealed_below(&self, number: u32, op: OpIndex) -> bool {
        let frontier = self.frontier_clock(number).map(Vec::as_slice).unwrap_or_default();
        self.node(op.as_u32()).is_some_and(|node| covered(frontier, to_usize(node.lane)) > node.at)
    }
}
