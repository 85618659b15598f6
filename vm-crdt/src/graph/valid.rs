//! Whether an op is valid: a function of the op, its past, and the events up to its epoch.

use crate::error::Refusal;
use crate::event::SealedEvent;
use crate::id::OpId;
use crate::op::{OpHead, SignedHead};

use super::clock::{Clock, covered, join, raise};
use super::node::Node;
use super::{ClockPlace, Graph, Rule, to_usize};

/// Where an op goes, and what lies in its past.
pub(super) struct PastOf {
    /// The lane that it continues; nothing where it begins one.
    pub(super) lane: Option<usize>,
    pub(super) clock: ClockOf,
}

/// Clock of an op's predecessors.
pub(super) enum ClockOf {
    /// The one that its parent has.
    Parent(ClockPlace),
    /// One of its own.
    Joined(Clock),
}

impl Graph {
    /// What can be said of an op before its past is known.
    pub(super) fn check_standing(&self, op: &SignedHead, is_needed: bool) -> Result<(), Refusal> {
        let head = op.head();
        if head.graph != self.id {
            return Err(Refusal::Graph);
        }
        let epoch = head.epoch;
        let is_known = epoch <= u64::from(self.chain.number());
        if is_known && !self.chain.may_write(&head.author, epoch) {
            return Err(Refusal::Stranger { epoch });
        }
        // Of strangers nothing is kept that waits: whoever is not enrolled yet sends again.
        if !is_known && self.chain.membership(&head.author).is_none() {
            return Err(Refusal::NotYet { epoch });
        }
        if is_known && !u32::try_from(epoch).is_ok_and(|number| self.chain.counts(number)) {
            return Err(Refusal::Halted { epoch });
        }
        if self.is_proven(&head.author) && !is_needed && !self.is_wanted(op.id()) {
            return Err(Refusal::Proven);
        }
        Ok(())
    }

    /// Checks an op whose predecessors are all held.
    pub(super) fn check_past(&self, head: &OpHead) -> Result<PastOf, Refusal> {
        let parent = head.parent.as_ref().map(|id| self.held(id).ok_or(Refusal::Parent)).transpose()?;
        if let Some(parent) = parent {
            let named = parent.content.signed.head();
            let follows = named.seq.checked_add(1) == Some(head.seq) || self.skips(Rule::Parent);
            if named.author != head.author || !follows {
                return Err(Refusal::Parent);
            }
        }
        for id in head.predecessors() {
            let named = self.held(id).ok_or(Refusal::Parent)?.content.signed.head();
            if named.epoch > head.epoch {
                return Err(Refusal::EpochBack { epoch: head.epoch, predecessor: *id });
            }
        }
        let own = parent.map(|parent| self.clock_of(parent)).unwrap_or_default();
        let mut clock = own.clone();
        let mut others = Vec::with_capacity(head.others.len());
        for id in &head.others {
            let other = self.held(id).ok_or(Refusal::Parent)?;
            join(&mut clock, self.clocks.at(&other.clock));
            raise(&mut clock, to_usize(other.lane), other.at + 1);
            others.push((id, other));
        }
        let lanes = self.lanes_of.get(&head.author).map(Vec::as_slice).unwrap_or_default();
        let merges = lanes.iter().any(|lane| covered(&clock, *lane) > covered(&own, *lane));
        if merges && !self.skips(Rule::Parent) {
            return Err(Refusal::OwnFork);
        }
        // Nobody names an op of somebody whose fork it has seen, unless a sealed frontier names it too.
        for (id, other) in others {
            if self.shows_fork(&clock, other) && !self.is_sealed_head(id, head.epoch) && !self.skips(Rule::Whitewash) {
                return Err(Refusal::Whitewash { predecessor: *id });
            }
        }
        // A parent that is the last of its lane is followed there; one that has a child already begins a new lane.
        let lane = parent.filter(|parent| self.lane(parent.lane).is_some_and(|lane| lane.len() == parent.at + 1));
        let shares = parent.filter(|_| head.others.is_empty() && lane.is_some());
        Ok(PastOf {
            lane: lane.map(|parent| to_usize(parent.lane)),
            clock: shares.map_or(ClockOf::Joined(clock), |parent| ClockOf::Parent(parent.clock.clone())),
        })
    }

    /// Whether the frontier of an event up to this number names an op: then it counts for ever, and is a head until somebody names it.
    pub(super) fn is_sealed_head(&self, id: &OpId, epoch: u64) -> bool {
        let events = self.chain.events().iter().map(SealedEvent::body);
        let mut events = events.take_while(|body| u64::from(body.number) <= epoch);
        events.any(|body| body.frontier.binary_search(id).is_ok())
    }

    /// Whether two branches of a fork by the author of an op lie below a clock.
    fn shows_fork(&self, clock: &Clock, by: &Node) -> bool {
        let lanes = self.lanes_of.get(&by.content.signed.head().author).map(Vec::as_slice).unwrap_or_default();
        if lanes.len() < 2 {
            return false;
        }
        let tip = |lane: &usize| -> Option<&Node> {
            let at = covered(clock, *lane).checked_sub(1)?;
            self.node(self.lanes.get(*lane)?.op(at)?)
        };
        let tips: Vec<&Node> = lanes.iter().filter_map(tip).collect();
        // One branch lies wholly below another unless they are branches of a fork.
        tips.iter().enumerate().any(|(at, one)| {
            tips.iter()
                .skip(at + 1)
                .any(|other| self.covers(other, one.lane) <= one.at && self.covers(one, other.lane) <= other.at)
        })
    }

    fn held(&self, id: &OpId) -> Option<&Node> {
        self.node(*self.index.get(id)?)
    }
}
