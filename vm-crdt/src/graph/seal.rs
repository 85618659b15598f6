//! Sealed events, as the graph takes them.

use crate::chain::EventFork;
use crate::error::EventError;
use crate::event::{Change, SealedEvent};
use crate::id::OpId;

use super::clock::{Clock, covered, join, raise};
use super::{Changes, Graph, to_usize};

impl Graph {
    /// Takes the next sealed event, and the ops that had waited for it. An event with a number that another has already proves that the chain is forked, and
    /// ends it there.
    ///
    /// # Errors
    /// [`EventError::Gap`] where events before it are missing: it is to be given again later. [`EventError::FrontierMissing`] where heads of its frontier
    /// are, its own or those of an event before it: it is kept, takes effect when they are here, and [`Graph::wanted`] names them. Otherwise as
    /// [`Chain::check_next`](crate::chain::Chain::check_next).
    pub fn seal(&mut self, event: SealedEvent) -> Result<Changes, EventError> {
        let mut changes = Changes::default();
        let waits = self.pending.iter().find(|pending| pending.body().number == event.body().number);
        if let Some(known) = self.chain.event(event.body().number).or(waits) {
            if known.digest() != event.digest() {
                let fork = EventFork::check(known.clone(), event)?;
                self.keep_event_fork(fork, &mut changes);
            }
            return Ok(changes);
        }
        if let Some(last) = self.pending.back()
            && event.body().number == last.body().number + 1
            && event.body().previous == last.digest()
        {
            self.pending.push_back(event);
            return Err(EventError::FrontierMissing { missing: self.wanted().count() });
        }
        self.chain.check_next(&event)?;
        match self.frontier_of(&event) {
            Ok(frontier) => self.push_event(event, frontier, &mut changes)?,
            Err(error) => {
                if matches!(error, EventError::FrontierMissing { .. }) {
                    self.pending.push_back(event);
                }
                return Err(error);
            }
        }
        Ok(changes)
    }

    /// Takes the events that wait, as far as their frontiers are here.
    pub(super) fn seal_pending(&mut self, changes: &mut Changes) {
        while let Some(event) = self.pending.front() {
            let frontier = match self.frontier_of(event) {
                Ok(frontier) => frontier,
                Err(EventError::FrontierMissing { .. }) => return,
                Err(_) => break,
            };
            let Some(event) = self.pending.pop_front() else { return };
            if self.push_event(event, frontier, changes).is_err() {
                break;
            }
        }
        // One that does not follow takes those along that follow it.
        self.pending.clear();
    }

    /// Whether something here waits for an op.
    pub(crate) fn is_wanted(&self, id: &OpId) -> bool {
        let is_frontier = |event: &SealedEvent| event.body().frontier.binary_search(id).is_ok();
        self.orphans.is_wanted(id) || self.pending.iter().any(is_frontier)
    }

    fn push_event(&mut self, event: SealedEvent, frontier: Clock, changes: &mut Changes) -> Result<(), EventError> {
        self.chain.check_next(&event)?;
        let number = u64::from(event.body().number);
        let revoked = if let Change::Revoke(key) = &event.body().change { Some(*key) } else { None };
        let before = revoked.map(|key| self.effective_by(&key)).unwrap_or_default();
        self.chain.push(event)?;
        self.frontiers.push(frontier);
        self.forget_sealed_bare();
        self.recount(changes);
        // Ops of whoever was revoked may have lost their effect although somebody built on them, while those of another branch got it.
        let after = revoked.map(|key| self.effective_by(&key)).unwrap_or_default();
        changes.must_rebuild |= after.iter().zip(&before).any(|(after, before)| after < before);
        for op in self.orphans.released_by_event(number) {
            let id = *op.id();
            match self.take(op, false, changes) {
                Ok(super::Received::Held(_)) => self.release(id, changes),
                Ok(_) => {}
                Err(refusal) => changes.refused.push((id, refusal)),
            }
        }
        Ok(())
    }

    /// Takes the proof that two events of one number were sealed.
    ///
    /// # Errors
    /// [`EventError::Graph`] where they are another graph's.
    pub fn learn_fork(&mut self, fork: EventFork) -> Result<Changes, EventError> {
        if fork.events().iter().any(|event| event.body().graph != self.id) {
            return Err(EventError::Graph);
        }
        let mut changes = Changes::default();
        self.keep_event_fork(fork, &mut changes);
        Ok(changes)
    }

    fn keep_event_fork(&mut self, fork: EventFork, changes: &mut Changes) {
        if self.chain.learn_fork(fork) {
            self.pending.clear();
            self.recount(changes);
            changes.must_rebuild = true;
            changes.counted.clear();
        }
    }

    /// Clock of an event's frontier, which must be held, and reach as far as every frontier before it: what is final stays.
    fn frontier_of(&self, event: &SealedEvent) -> Result<Clock, EventError> {
        let mut clock = Clock::new();
        let mut missing = 0;
        for id in &event.body().frontier {
            let Some(node) = self.index.get(id).and_then(|index| self.node(*index)) else {
                missing += 1;
                continue;
            };
            join(&mut clock, self.clocks.at(&node.clock));
            raise(&mut clock, to_usize(node.lane), node.at + 1);
        }
        if missing > 0 {
            return Err(EventError::FrontierMissing { missing });
        }
        let last = self.frontiers.last().map(Vec::as_slice).unwrap_or_default();
        if last.iter().enumerate().any(|(lane, count)| covered(&clock, lane) < *count) {
            return Err(EventError::FrontierBack);
        }
        Ok(clock)
    }
}
