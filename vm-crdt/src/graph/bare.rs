//! Ops that are held without their payload: somebody compacted it away, or keeps it back.

use crate::event::Change;
use crate::id::OpIndex;

use super::clock::covered;
use super::node::Lane;
use super::{Changes, Graph, to_usize};

impl Graph {
    /// How many of a lane's first ops have a past that is whole: no payload is missing in it that is not below a sealed compaction.
    pub(super) fn whole(&self, lane: &Lane) -> u32 {
        if self.bare.is_empty() {
            return lane.len();
        }
        let is_whole = |op: &u32| {
            let node = self.node(*op);
            let mut firsts = self.bare.iter().filter_map(|(at, places)| Some((*at, *places.first()?)));
            firsts.all(|(at, first)| {
                node.is_some_and(|node| self.covers(node, u32::try_from(at).unwrap_or(u32::MAX)) <= first)
            })
        };
        u32::try_from(lane.ops.partition_point(is_whole)).unwrap_or(u32::MAX)
    }

    /// Notes an op that was just taken without its payload.
    pub(super) fn note_bare(&mut self, index: u32) {
        let Some(node) = self.node(index) else { return };
        let (lane, at) = (to_usize(node.lane), node.at);
        if !self.is_compacted(lane, at) {
            self.bare.entry(lane).or_default().insert(at);
        }
    }

    /// Counts what an op held back whose payload is here now.
    pub(super) fn forget_bare(&mut self, op: OpIndex, changes: &mut Changes) {
        let Some(node) = self.node(op.as_u32()) else { return };
        let (lane, at) = (to_usize(node.lane), node.at);
        // What counts already is below a sealed frontier: the state lacked it.
        changes.must_rebuild |= covered(&self.counted, lane) > at;
        if let Some(places) = self.bare.get_mut(&lane) {
            places.remove(&at);
        }
        self.bare.retain(|_, places| !places.is_empty());
        self.recount(changes);
    }

    /// Forgets those that lie below a compaction now: the sealed state holds what they did.
    pub(super) fn forget_sealed_bare(&mut self) {
        let mut bare = core::mem::take(&mut self.bare);
        for (lane, places) in &mut bare {
            places.retain(|at| !self.is_compacted(*lane, *at));
        }
        bare.retain(|_, places| !places.is_empty());
        self.bare = bare;
    }

    /// Whether a place lies below the frontier of a sealed compaction.
    fn is_compacted(&self, lane: usize, at: u32) -> bool {
        let events = self.chain.events().iter().zip(&self.frontiers);
        let mut frontiers = events.filter(|(event, _)| matches!(event.body().change, Change::Compact { .. }));
        frontiers.any(|(_, frontier)| covered(frontier, lane) > at)
    }
}
