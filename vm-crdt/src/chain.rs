//! The chain of sealed events, and what follows from it: who may write in which epoch.

use std::collections::BTreeMap;

use vm_core::digest::Sha256Digest;
use vm_core::epoch::Epoch;
use vm_core::key::PublicKey;

use crate::charter::{Charter, MEMBERS_MAX};
use crate::error::EventError;
use crate::event::{Change, SealedEvent};

/// From when to when somebody may write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Membership {
    /// Number of the event that enrolled it; 0 is the charter.
    pub enrolled: u32,
    /// Number of the event that revoked it.
    pub revoked: Option<u32>,
}

/// Two events of one number, each sealed by a quorum: at least one sealer signed both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventFork {
    first: SealedEvent,
    second: SealedEvent,
}

impl EventFork {
    /// Two different events of one charter with one number, the one with the lesser digest first.
    ///
    /// # Errors
    /// [`EventError::NoFork`].
    pub fn check(one: SealedEvent, other: SealedEvent) -> Result<Self, EventError> {
        let (a, b) = (one.body(), other.body());
        if a.graph != b.graph || a.number != b.number || one.digest() == other.digest() {
            return Err(EventError::NoFork);
        }
        let (first, second) = if one.digest() < other.digest() { (one, other) } else { (other, one) };
        Ok(Self { first, second })
    }

    /// The number that two events have.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.first.body().number
    }

    /// The two, ascending by digest.
    #[must_use]
    pub const fn events(&self) -> [&SealedEvent; 2] {
        [&self.first, &self.second]
    }
}

/// All events that were sealed, one after the other.
#[derive(Clone, Debug)]
pub struct Chain {
    charter: Charter,
    events: Vec<SealedEvent>,
    members: BTreeMap<PublicKey, Membership>,
    fork: Option<EventFork>,
}

impl Chain {
    /// The chain that has only its charter.
    #[must_use]
    pub fn new(charter: Charter) -> Self {
        let founder = Membership { enrolled: 0, revoked: None };
        let members = charter.members().iter().map(|key| (*key, founder)).collect();
        Self { charter, events: Vec::new(), members, fork: None }
    }

    /// The charter.
    #[must_use]
    pub const fn charter(&self) -> &Charter {
        &self.charter
    }

    /// All events, the first has number 1.
    #[must_use]
    pub fn events(&self) -> &[SealedEvent] {
        &self.events
    }

    /// Number of the last event; 0 is the charter.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.events.last().map_or(0, |event| event.body().number)
    }

    /// Digest of the last event, or of the charter.
    #[must_use]
    pub fn last(&self) -> Sha256Digest {
        self.events.last().map_or_else(|| self.charter.graph().digest(), SealedEvent::digest)
    }

    /// Number and digest of the last event that counts: the last of all, or the last before a fork. 0 and its digest for the charter.
    #[must_use]
    pub fn last_counting(&self) -> (u32, Sha256Digest) {
        let number =
            self.fork.as_ref().map_or(self.number(), |fork| self.number().min(fork.number().saturating_sub(1)));
        (number, self.digest(number).unwrap_or_else(|| self.last()))
    }

    /// Digest of the event of this number, or of the charter for 0.
    #[must_use]
    pub fn digest(&self, number: u32) -> Option<Sha256Digest> {
        if number == 0 { Some(self.charter.graph().digest()) } else { self.event(number).map(SealedEvent::digest) }
    }

    /// Where two events have one number. Nothing counts from that number on.
    #[must_use]
    pub const fn fork(&self) -> Option<&EventFork> {
        self.fork.as_ref()
    }

    /// The ledger's mode, where an event has set one that counts.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        self.events
            .iter()
            .rev()
            .filter(|event| self.counts(event.body().number))
            .find_map(|event| if let Change::Epoch(epoch) = event.body().change { Some(epoch) } else { None })
    }

    /// From when to when somebody may write; nothing for a stranger.
    #[must_use]
    pub fn membership(&self, key: &PublicKey) -> Option<Membership> {
        self.members.get(key).copied()
    }

    /// All that were ever enrolled, ascending.
    pub fn members(&self) -> impl Iterator<Item = (&PublicKey, Membership)> {
        self.members.iter().map(|(key, membership)| (key, *membership))
    }

    /// Whether somebody may write ops that name this epoch.
    #[must_use]
    pub fn may_write(&self, key: &PublicKey, epoch: u64) -> bool {
        self.membership(key).is_some_and(|membership| {
            u64::from(membership.enrolled) <= epoch
                && membership.revoked.is_none_or(|revoked| u64::from(revoked) > epoch)
        })
    }

    /// Whether what an epoch of this number says, and whoever writes in it, counts: it lies before a fork of the chain.
    #[must_use]
    pub fn counts(&self, number: u32) -> bool {
        self.fork.as_ref().is_none_or(|fork| number < fork.number())
    }

    /// Whether an event could follow. Nothing changes.
    ///
    /// # Errors
    /// [`EventError::Gap`] where events before it are missing; [`EventError::Halted`] after a fork; [`EventError::Previous`] where it follows another
    /// event; [`EventError::Change`] where what it changes is so already, is out of reach, or lacks an acknowledgement.
    pub fn check_next(&self, event: &SealedEvent) -> Result<(), EventError> {
        let body = event.body();
        let expected = self.number() + 1;
        if self.fork.is_some() {
            return Err(EventError::Halted);
        }
        if body.number != expected {
            return Err(EventError::Gap { expected, found: body.number });
        }
        if body.previous != self.last() {
            return Err(EventError::Previous);
        }
        let holds = match &body.change {
            Change::Enrol(key) => !self.members.contains_key(key) && self.members.len() < MEMBERS_MAX,
            Change::Revoke(key) => self.membership(key).is_some_and(|membership| membership.revoked.is_none()),
            Change::Epoch(epoch) => self.epoch() != Some(*epoch),
            Change::Compact { acks, .. } => {
                let present = self.members.iter().filter(|(_, membership)| membership.revoked.is_none());
                present.map(|(key, _)| key).eq(acks.iter().map(|ack| &ack.member))
            }
        };
        if holds { Ok(()) } else { Err(EventError::Change) }
    }

    /// Appends an event.
    ///
    /// # Errors
    /// As [`check_next`](Self::check_next).
    pub fn push(&mut self, event: SealedEvent) -> Result<(), EventError> {
        self.check_next(&event)?;
        let number = event.body().number;
        match &event.body().change {
            Change::Enrol(key) => {
                self.members.insert(*key, Membership { enrolled: number, revoked: None });
            }
            Change::Revoke(key) => {
                if let Some(membership) = self.members.get_mut(key) {
                    membership.revoked = Some(number);
                }
            }
            Change::Epoch(_) | Change::Compact { .. } => {}
        }
        self.events.push(event);
        Ok(())
    }

    /// The event of this number.
    #[must_use]
    pub fn event(&self, number: u32) -> Option<&SealedEvent> {
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        self.events.get(at)
    }

    /// Keeps a fork; of several the one with the least number, and of those the least pair, so that all come to keep the same.
    /// Whether anything changed.
    pub fn learn_fork(&mut self, fork: EventFork) -> bool {
        let rank = |fork: &EventFork| (fork.number(), fork.first.digest(), fork.second.digest());
        let is_less = self.fork.as_ref().is_none_or(|known| rank(&fork) < rank(known));
        if is_less {
            self.fork = Some(fork);
        }
        is_less
    }
}
