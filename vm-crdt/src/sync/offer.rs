//! What differs: heads, the sketch, or the last ops of all authors.

use vm_core::digest::Sha256Digest;

use crate::bytes::wide;
use crate::chain::EventFork;
use crate::equivocation::EquivocationProof;
use crate::error::{EventError, SyncError};
use crate::event::SealedEvent;
use crate::replica::Replica;
use crate::sketch::{Decoder, Progress};

use super::message::{Facts, MESSAGE_MAX, Message, Offer, Then, Tip};
use super::session::{Kept, Session, by_short, names_digest};
use super::{REQUESTS_MAX, ROUNDS_MAX, SYMBOLS_MAX, SYMBOLS_OFFERED, WANT_MAX, short_list};

/// Bytes that the lists of facts may take of a message, so that their lengths and one more item of the longest kind never go beyond it.
const FACTS_MAX: usize = MESSAGE_MAX / 2 - 1_024;

impl Session {
    pub(super) fn offer(&mut self, replica: &Replica) -> Offer {
        let graph = replica.graph();
        let (events, last) = graph.chain().last_counting();
        let run = self.follow(replica).sketch.symbols(0..SYMBOLS_OFFERED);
        Offer {
            graph: graph.name(),
            key: self.key,
            events,
            last,
            proofs: proofs_digest(replica),
            heads: short_list(graph.heads()),
            run,
        }
    }

    /// The sketch of this link's key, with all that counts now.
    fn follow(&mut self, replica: &Replica) -> &Kept {
        let key = self.key;
        let kept = self.sketch.take().filter(|kept| *kept.sketch.key() == key);
        let kept = self.sketch.insert(kept.unwrap_or_else(|| Kept::new(key, SYMBOLS_MAX)));
        kept.follow(replica);
        kept
    }

    pub(super) fn take_offer(&mut self, replica: &mut Replica, offer: &Offer) -> Result<(), SyncError> {
        if offer.graph != replica.graph().name() {
            return Err(SyncError::Graph);
        }
        if self.is_answering || self.round >= ROUNDS_MAX {
            return Err(SyncError::OutOfTurn);
        }
        self.note_start(replica);
        if self.round == 0 {
            self.exchange.theirs.clone_from(&offer.heads);
        }
        self.round += 1;
        self.key = offer.key;
        self.is_answering = true;
        self.decoder = None;
        self.awaits_tips = false;
        let graph = replica.graph();
        let theirs = (offer.events, offer.last);
        if theirs != graph.chain().last_counting() || offer.proofs != proofs_digest(replica) {
            self.awaits_facts = true;
            self.send_facts(replica, theirs, Then::Answer);
        }
        let held = offer.heads.as_ref().filter(|heads| heads.iter().all(|id| graph.contains(id)));
        if let Some(heads) = held {
            // Their past is all that the peer counts.
            let beyond = graph.beyond(heads);
            return if beyond.is_empty() { Ok(()) } else { self.give(replica, beyond) };
        }
        self.decoder = Some(Decoder::new(&self.follow(replica).sketch));
        self.take_symbols(replica, &offer.run)
    }

    pub(super) fn take_symbols(&mut self, replica: &mut Replica, run: &[u8]) -> Result<(), SyncError> {
        let Some(decoder) = self.decoder.as_mut() else { return Err(SyncError::OutOfTurn) };
        self.awaits_tips = false;
        match decoder.add(run) {
            Ok(Progress::Complete) => {
                let difference = decoder.difference();
                self.decoder = None;
                let ours = by_short(replica, &self.key, &difference.ours);
                if !ours.is_empty() {
                    self.give(replica, ours)?;
                }
                for shorts in difference.theirs.chunks(WANT_MAX) {
                    self.awaited += 1;
                    self.out.push_back(Message::Want(shorts.to_vec(), Vec::new()));
                }
            }
            Ok(Progress::More { symbols }) if decoder.received() + symbols <= SYMBOLS_MAX => {
                let first = decoder.received();
                self.awaits_tips = true;
                self.out.push_back(Message::More(wide(first), wide(first + symbols)));
            }
            // Too much differs, or the symbols are of no set: each names what it has of each author.
            Ok(_) | Err(_) => {
                self.decoder = None;
                self.awaits_tips = true;
                self.out.push_back(Message::Tips(true, Self::tips(replica)));
            }
        }
        Ok(())
    }

    pub(super) fn send_symbols(&mut self, first: u64, end: u64) -> Result<(), SyncError> {
        let place = |at: u64| usize::try_from(at).ok().filter(|at| *at <= SYMBOLS_MAX);
        Self::note_request(&mut self.requests, REQUESTS_MAX)?;
        let (Some(first), Some(end), Some(kept)) = (place(first), place(end), &self.sketch) else {
            return Err(SyncError::OutOfTurn);
        };
        // The side that answers asks for what follows, and never again for what it had.
        if first != self.symbols_sent || first >= end || self.outcome.is_some() {
            return Err(SyncError::OutOfTurn);
        }
        self.symbols_sent = end;
        self.out.push_back(Message::Symbols(kept.sketch.symbols(first..end)));
        Ok(())
    }

    pub(super) fn take_tips(&mut self, replica: &Replica, wants_answer: bool, tips: &[Tip]) -> Result<(), SyncError> {
        // Only the side that answers begins with them, and only the other one is asked.
        if wants_answer == self.is_answering || (!wants_answer && !self.awaits_tips) {
            return Err(SyncError::OutOfTurn);
        }
        self.awaits_tips = false;
        let named = tips.iter().map(|tip| (&tip.author, tip.seq, &tip.id));
        let beyond = replica.graph().beyond_tips(named);
        if wants_answer {
            self.out.push_back(Message::Tips(false, Self::tips(replica)));
        }
        // Each expects an answer of the other, also an empty one.
        self.awaited += 1;
        self.give(replica, beyond)
    }

    /// Sends events beyond the last one of the peer's and all proofs, in as many messages as they take. Where that is another than ours of this number,
    /// the chains part somewhere before: then all are sent, and whoever gets them finds the two that prove it.
    fn send_facts(&mut self, replica: &Replica, (number, digest): (u32, Sha256Digest), then: Then) {
        let chain = replica.graph().chain();
        let (known, last) = chain.last_counting();
        let is_same = number > known || chain.digest(number) == Some(digest);
        let from = if is_same { number } else { 0 };
        // What the peer claims to know may be any number.
        let events = chain.events().iter().filter(|event| event.body().number > from && event.body().number <= known);
        let items = events.map(|event| (Kind::Event, event.to_bytes()));
        let proofs = replica.graph().proofs().map(|proof| (Kind::Proof, proof.to_bytes()));
        let fork = chain.fork().into_iter().flat_map(EventFork::events);
        let forks = fork.map(|event| (Kind::Fork, event.to_bytes()));
        let empty = || Facts { then: Then::More, known, last, events: vec![], proofs: vec![], forks: vec![] };
        let mut facts = empty();
        let mut size = 0;
        for (kind, bytes) in items.chain(proofs).chain(forks) {
            if size > 0 && size + bytes.len() > FACTS_MAX && kind != Kind::Fork {
                self.out.push_back(Message::Facts(facts));
                facts = empty();
                size = 0;
            }
            size += bytes.len() + 10;
            match kind {
                Kind::Event => facts.events.push(bytes),
                Kind::Proof => facts.proofs.push(bytes),
                Kind::Fork => facts.forks.push(bytes),
            }
        }
        facts.then = then;
        self.out.push_back(Message::Facts(facts));
    }

    pub(super) fn take_facts(&mut self, replica: &mut Replica, facts: &Facts) -> Result<(), SyncError> {
        // The side that answers asks for an answer, and gets one.
        if self.is_answering != self.awaits_facts || (facts.then == Then::Answer && self.is_answering) {
            return Err(SyncError::OutOfTurn);
        }
        let before = (replica.graph().chain().last_counting(), proofs_digest(replica));
        let mut waits = false;
        for bytes in &facts.proofs {
            let proof = EquivocationProof::parse(bytes)?;
            // One of somebody who is enrolled by an event that is still to come is sent again.
            let _ = replica.learn(proof);
        }
        for bytes in &facts.events {
            let event = SealedEvent::parse(bytes, replica.graph().chain().charter())?;
            match replica.seal(event) {
                Ok(_) => {}
                // Heads of its frontier come with the ops, and events after it in the next round.
                Err(EventError::FrontierMissing { .. }) => waits = true,
                Err(EventError::Gap { .. } | EventError::Halted) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if let [one, other] = facts.forks.as_slice() {
            let charter = replica.graph().chain().charter().clone();
            let fork = EventFork::check(SealedEvent::parse(one, &charter)?, SealedEvent::parse(other, &charter)?)?;
            let _ = replica.learn_fork(fork)?;
        }
        let is_useful = waits || before != (replica.graph().chain().last_counting(), proofs_digest(replica));
        self.gained |= is_useful;
        if !is_useful {
            self.note_waste([&facts.events, &facts.proofs, &facts.forks].into_iter().flatten().map(Vec::len).sum())?;
        }
        match facts.then {
            Then::More => {}
            Then::Answer if self.has_told => return Err(SyncError::OutOfTurn),
            Then::Answer => {
                self.has_told = true;
                self.send_facts(replica, (facts.known, facts.last), Then::Nothing);
            }
            Then::Nothing => self.awaits_facts = false,
        }
        Ok(())
    }
}

#[derive(PartialEq, Eq)]
enum Kind {
    Event,
    Proof,
    Fork,
}

/// SHA-256 over the names of all ops that prove something, by author, and of a fork of the chain of events.
pub(super) fn proofs_digest(replica: &Replica) -> Sha256Digest {
    let graph = replica.graph();
    let mut names: Vec<_> = graph.proofs().flat_map(EquivocationProof::heads).map(|head| *head.id()).collect();
    let fork = graph.chain().fork().into_iter().flat_map(EventFork::events);
    names.extend(fork.map(|event| crate::id::OpId::from_bytes(*event.digest().as_bytes())));
    names_digest(names.iter())
}
