//! Lanes that come and go: branches of a fork that are held because somebody's op names them, which may turn out to be refused.

use std::collections::HashSet;

use crate::error::Refusal;
use crate::id::OpId;

use super::clock::{Clock, covered, join, raise};
use super::node::Lane;
use super::valid::{ClockOf, PastOf};
use super::{Changes, Graph, to_usize};

/// The lane of an op that was put away.
const NO_LANE: u32 = u32::MAX;

impl Graph {
    /// Puts a new lane at its place.
    pub(super) fn open_lane(&mut self, at: usize, lane: Lane) {
        self.lanes_of.entry(lane.author).or_default().push(at);
        match self.lanes.get_mut(at) {
            Some(free) => *free = lane,
            None => self.lanes.push(lane),
        }
    }

    /// A lane that holds nothing which counts or is built on, where all are taken. What it held is put away, and is taken again where it is
    /// needed then: otherwise one author could fill a graph with branches that nobody else's valid op names.
    ///
    /// An op that waits and names one of those that are put away is refused by name: it and its past do not fit, and it would otherwise wait for
    /// ever for one branch after the other.
    ///
    /// Cost: the lanes squared and the ops that wait, where none is left of those that were made free before, and at most once an op.
    pub(super) fn free_lane(&mut self, past: &PastOf, changes: &mut Changes) -> Option<usize> {
        if self.free.0.is_empty() && self.free.1 < self.nodes.len() {
            self.free.1 = self.nodes.len();
            let needed = self.needed(past);
            let mut gone = HashSet::new();
            for at in 0..self.lanes.len() {
                let is_fork = self.lanes.get(at).is_some_and(|lane| self.is_proven(&lane.author));
                if is_fork && covered(&self.counted, at) == 0 && covered(&needed, at) == 0 {
                    self.put_away(at, &mut gone);
                    self.free.0.push(at);
                }
            }
            let limit = self.limits.lanes;
            let full = Refusal::Full { what: "lanes", limit, found: limit.saturating_add(1) };
            let displaced = self.orphans.displaced(&gone);
            changes.refused.extend(displaced.into_iter().map(|id| (id, full.clone())));
        }
        self.free.0.pop()
    }

    /// How many ops of each lane lie in the past of another lane's, of the op that is to come, or of a sealed frontier.
    fn needed(&self, past: &PastOf) -> Clock {
        let mut needed = match &past.clock {
            ClockOf::Parent(place) => self.clocks.at(place).to_vec(),
            ClockOf::Joined(clock) => clock.clone(),
        };
        self.frontiers.iter().for_each(|frontier| join(&mut needed, frontier));
        for (at, lane) in self.lanes.iter().enumerate() {
            let Some(last) = lane.ops.last().and_then(|op| self.node(*op)) else { continue };
            // The last op of a lane covers all that the others cover; of its own lane that says nothing.
            for (other, count) in self.clocks.at(&last.clock).iter().enumerate().filter(|(other, _)| *other != at) {
                raise(&mut needed, other, *count);
            }
        }
        needed
    }

    fn put_away(&mut self, at: usize, gone: &mut HashSet<OpId>) {
        let Some(lane) = self.lanes.get_mut(at) else { return };
        let (ops, author) = (core::mem::take(&mut lane.ops), lane.author);
        lane.epochs.clear();
        for op in ops {
            if let Some(node) = self.nodes.get_mut(to_usize(op)) {
                node.lane = NO_LANE;
                node.content.payload = None;
                self.index.remove(node.content.signed.id());
                gone.insert(*node.content.signed.id());
            }
        }
        self.bare.remove(&at);
        if let Some(lanes) = self.lanes_of.get_mut(&author) {
            lanes.retain(|lane| *lane != at);
        }
    }
}
