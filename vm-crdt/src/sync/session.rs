//! One side of a session.

use std::collections::{BTreeSet, HashSet, VecDeque};

use sha2::{Digest as _, Sha256};
use vm_core::digest::Sha256Digest;

use crate::bytes::wide;
use crate::error::SyncError;
use crate::id::{OpId, OpIndex, Past as _};
use crate::replica::{Replica, STATE_MAX};
use crate::sketch::{Decoder, ShortId, Sketch, SketchKey};

use super::message::{Message, Tip};
use super::offer::proofs_digest;
use super::{ASKS_MAX, QUEUE_MAX, ROUNDS_LEAST, ROUNDS_MAX, SYMBOLS_OFFERED, WANT_MAX, WASTE_MAX, short_list};

/// Which side of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Offers, and decides when it is over.
    Initiator,
    /// Answers, round after round.
    Responder,
}

/// How a session of an initiator ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Both sides count the same ops.
    Same,
    /// They did not when the rounds were over: ops came in meanwhile, some are refused on one side, or the peer holds back.
    Different,
}

/// What a session did, so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exchange {
    /// Ops that counted here when it began.
    pub count: u64,
    /// Heads here when it began, unless there were too many to name.
    pub ours: Option<Vec<OpId>>,
    /// Heads there when it began, unless there were too many to name, or it is not over.
    pub theirs: Option<Vec<OpId>>,
    /// Ops that came and were not held.
    pub received: u64,
    /// Ops that went.
    pub sent: u64,
}

/// One side of a session with one peer.
///
/// Messages of the peer go into [`receive`](Self::receive); what is to be sent comes out of [`poll`](Self::poll), one at a time and as late as
/// possible, so that neither side holds more than one message of ops.
#[derive(Debug)]
pub struct Session {
    role: Role,
    seed: [u8; 16],
    pub(super) round: u32,
    pub(super) key: SketchKey,
    /// Of what counted when the round began.
    pub(super) sketch: Option<Kept>,
    pub(super) decoder: Option<Decoder>,
    pub(super) out: VecDeque<Message>,
    /// Ops to be sent: each list ends with a pack that says that it is the last.
    pub(super) giving: VecDeque<VecDeque<OpIndex>>,
    /// Packs that are still to come: each ends with one that says that it is the last.
    pub(super) awaited: u32,
    /// Whether the peer may send the last ops of its authors, or a sealed state.
    pub(super) awaits_tips: bool,
    pub(super) awaits_facts: bool,
    /// Symbols that were sent in this round, and whether what is known beyond was: neither is asked for twice.
    pub(super) symbols_sent: usize,
    pub(super) has_told: bool,
    pub(super) state: Option<(u32, Vec<u8>)>,
    pub(super) is_answering: bool,
    /// Where the side that answered stands, until it can be compared.
    done: Option<Sha256Digest>,
    /// What was asked for by name, or by the number of an event.
    pub(super) asked: BTreeSet<OpId>,
    /// What ops without payloads lacked, which were not kept.
    pub(super) behind: BTreeSet<OpId>,
    asked_state: Option<u32>,
    asks: u32,
    /// Keys that were drawn; a link keeps one as long as it serves.
    keys: u32,
    pub(super) waste: usize,
    /// How often the peer asked for ops, and for anything else.
    pub(super) wants: u32,
    pub(super) requests: u32,
    pub(super) given: usize,
    pub(super) gained: bool,
    pub(super) outcome: Option<Outcome>,
    pub(super) exchange: Exchange,
}

/// A sketch that goes along with a replica.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) sketch: Sketch,
    generation: u64,
    upto: usize,
}

impl Kept {
    pub(super) fn new(key: SketchKey, symbols: usize) -> Self {
        Self { sketch: Sketch::new(key, symbols), generation: 0, upto: 0 }
    }

    /// Takes in what counts now. Cost: what is new, or everything where less counts than before.
    pub(super) fn follow(&mut self, replica: &Replica) {
        let (order, generation) = replica.order();
        if self.generation != generation {
            self.sketch = Sketch::new(*self.sketch.key(), self.sketch.count());
            (self.generation, self.upto) = (generation, 0);
        }
        for op in order.get(self.upto..).unwrap_or_default() {
            self.sketch.insert(replica.graph().id(*op));
        }
        self.upto = order.len();
    }
}

impl Session {
    /// A side of a session. `seed` is fresh randomness: nobody may know it before, or ops can be prepared that a sketch does not tell apart.
    #[must_use]
    pub fn new(role: Role, seed: [u8; 16]) -> Self {
        Self {
            role,
            seed,
            round: 0,
            key: SketchKey::from_bytes([0; 16]),
            sketch: None,
            decoder: None,
            out: VecDeque::new(),
            giving: VecDeque::new(),
            awaited: 0,
            awaits_tips: false,
            awaits_facts: false,
            symbols_sent: 0,
            has_told: false,
            state: None,
            is_answering: false,
            done: None,
            asked: BTreeSet::new(),
            behind: BTreeSet::new(),
            asked_state: None,
            asks: 0,
            keys: 0,
            waste: 0,
            wants: 0,
            requests: 0,
            given: 0,
            gained: false,
            outcome: None,
            exchange: Exchange::default(),
        }
    }

    /// What went and came.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// How the session ended, once it did. A responder's does not end by itself.
    #[must_use]
    pub const fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// Rounds that were begun.
    #[must_use]
    pub const fn rounds(&self) -> u32 {
        self.round
    }

    /// The next message to be sent; nothing while it is the other side's turn.
    pub fn poll(&mut self, replica: &Replica) -> Option<Vec<u8>> {
        if self.role == Role::Initiator && self.round == 0 {
            self.begin_round(replica);
        }
        if let Some(message) = self.out.pop_front() {
            return Some(message.to_bytes());
        }
        if let Some(message) = self.next_pack(replica) {
            return Some(message.to_bytes());
        }
        let waits = self.awaited > 0 || self.awaits_tips || self.awaits_facts || self.state.is_some();
        if self.is_answering && !waits {
            self.is_answering = false;
            return Some(Message::Done(standing(replica), self.exchange.ours.clone()).to_bytes());
        }
        None
    }

    /// How many messages wait to be polled: [`QUEUE_MAX`] and what one message brings about at most.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.out.len()
    }

    /// Takes a message of the peer. Poll until nothing comes before giving the next one: a session whose messages nobody fetches takes no more.
    ///
    /// # Errors
    /// [`SyncError`]: the session is over. What the peer sent before that is valid is kept.
    pub fn receive(&mut self, replica: &mut Replica, bytes: &[u8]) -> Result<(), SyncError> {
        if self.out.len() >= QUEUE_MAX {
            return Err(SyncError::Backlog { limit: QUEUE_MAX });
        }
        match Message::decode(bytes)? {
            Message::Offer(offer) if self.role == Role::Responder => self.take_offer(replica, &offer),
            Message::More(first, end) if self.role == Role::Initiator => self.send_symbols(first, end),
            Message::Symbols(run) if self.role == Role::Responder => self.take_symbols(replica, &run),
            Message::Give(is_last, pack) => self.take_pack(replica, is_last, &pack),
            Message::Want(shorts, names) => self.take_want(replica, &shorts, &names),
            Message::Facts(facts) => self.take_facts(replica, &facts),
            Message::Tips(wants_answer, tips) => self.take_tips(replica, wants_answer, &tips),
            Message::Done(standing, began) if self.role == Role::Initiator && self.round > 0 && self.done.is_none() => {
                self.done = Some(standing);
                self.exchange.theirs = began;
                self.finish(replica);
                Ok(())
            }
            Message::Ask(number, offset) => self.send_state(replica, number, offset),
            Message::State { number, offset, whole, bytes } => self.take_state(replica, number, offset, whole, &bytes),
            _ => Err(SyncError::OutOfTurn),
        }
    }

    /// Notes what is here before anything comes.
    pub(super) fn note_start(&mut self, replica: &Replica) {
        if self.round == 0 {
            let (count, ours) = (wide(replica.graph().len()), short_list(replica.graph().heads()));
            self.exchange = Exchange { count, ours, ..Exchange::default() };
        }
    }

    /// Begins anew with the same peer. The key stays, and with it the sketch, so that a link that lasts costs what is new.
    pub fn again(&mut self) {
        self.round = 0;
        self.outcome = None;
        self.out.clear();
        self.giving.clear();
        (self.awaited, self.awaits_tips, self.awaits_facts, self.is_answering) = (0, false, false, false);
        (self.state, self.done, self.decoder) = (None, None, None);
        self.asked.clear();
        self.behind.clear();
        (self.asked_state, self.asks, self.waste, self.given) = (None, 0, 0, 0);
        (self.wants, self.requests) = (0, 0);
    }

    /// Offers what this side has. Where a round before did not end it, the key is another.
    fn begin_round(&mut self, replica: &Replica) {
        if self.round > 0 || self.keys == 0 {
            self.key = round_key(&self.seed, self.keys);
            self.keys += 1;
        }
        self.note_start(replica);
        self.round += 1;
        self.gained = false;
        (self.symbols_sent, self.has_told) = (SYMBOLS_OFFERED, false);
        let offer = self.offer(replica);
        self.out.push_back(Message::Offer(offer));
    }

    /// Ends the round once the other side has sent and got all: the heads say whether that was everything.
    pub(super) fn finish(&mut self, replica: &Replica) {
        let Some(theirs) = self.done else { return };
        if self.awaited > 0 || self.state.is_some() || self.ask_missing(replica) {
            return;
        }
        self.done = None;
        if theirs == standing(replica) && replica.is_whole() {
            self.outcome = Some(Outcome::Same);
        } else if self.round < ROUNDS_MAX && (self.gained || self.round < ROUNDS_LEAST) {
            self.begin_round(replica);
        } else {
            self.outcome = Some(Outcome::Different);
        }
    }

    /// Asks for what turned out to be missing, and for nothing twice. Whether there was anything.
    pub(super) fn ask_missing(&mut self, replica: &Replica) -> bool {
        if self.asks >= ASKS_MAX {
            return false;
        }
        let state = replica.lacks_state().filter(|number| self.asked_state != Some(*number) && self.state.is_none());
        if let Some(number) = state {
            self.asks += 1;
            self.asked_state = Some(number);
            self.state = Some((number, Vec::new()));
            self.out.push_back(Message::Ask(number, 0));
            return true;
        }
        let graph = replica.graph();
        self.behind.retain(|id| graph.place(id).is_none());
        let missing = graph.wanted().chain(replica.lacks_payloads()).chain(&self.behind);
        let names: Vec<OpId> = missing.filter(|id| !self.asked.contains(*id)).take(WANT_MAX).copied().collect();
        if names.is_empty() {
            return false;
        }
        self.asks += 1;
        self.asked.extend(&names);
        self.awaited += 1;
        self.out.push_back(Message::Want(Vec::new(), names));
        true
    }

    /// Counts what is asked for: nobody needs everything more than twice.
    pub(super) fn note_given(&mut self, replica: &Replica, more: usize) -> Result<(), SyncError> {
        self.given += more;
        let limit = 2 * replica.graph().len() + WANT_MAX;
        if self.given > limit { Err(SyncError::Greedy { limit, found: self.given }) } else { Ok(()) }
    }

    pub(super) fn note_waste(&mut self, more: usize) -> Result<(), SyncError> {
        self.waste += more;
        if self.waste > WASTE_MAX {
            return Err(SyncError::Wasteful { limit: WASTE_MAX, found: self.waste });
        }
        Ok(())
    }

    /// Counts a request, each of which costs something whatever it asks for.
    pub(super) const fn note_request(count: &mut u32, limit: u32) -> Result<(), SyncError> {
        *count += 1;
        if *count > limit { Err(SyncError::Insistent { limit, found: *count }) } else { Ok(()) }
    }

    fn take_state(
        &mut self,
        replica: &mut Replica,
        number: u32,
        offset: u64,
        whole: u64,
        bytes: &[u8],
    ) -> Result<(), SyncError> {
        let Some((expected, mut got)) = self.state.take() else { return Err(SyncError::OutOfTurn) };
        if number != expected || offset != wide(got.len()) || whole > wide(STATE_MAX) {
            return Err(SyncError::OutOfTurn);
        }
        got.extend_from_slice(bytes);
        if wide(got.len()) < whole && !bytes.is_empty() {
            self.out.push_back(Message::Ask(number, wide(got.len())));
            self.state = Some((number, got));
        } else if wide(got.len()) == whole && whole > 0 {
            replica.adopt(got)?;
            self.gained = true;
        }
        // A peer that has no such state says so with nothing; then it is missed until somebody has it.
        self.finish(replica);
        Ok(())
    }

    /// Last op of each lane that counts.
    pub(super) fn tips(replica: &Replica) -> Vec<Tip> {
        let tips = replica.graph().tips();
        tips.filter_map(|op| {
            let signed = replica.graph().head(op)?;
            Some(Tip { author: signed.head().author, seq: signed.head().seq, id: *signed.id() })
        })
        .collect()
    }
}

/// Ops that count and have these short ids.
pub(super) fn by_short(replica: &Replica, key: &SketchKey, shorts: &[ShortId]) -> Vec<OpIndex> {
    if shorts.is_empty() {
        return Vec::new();
    }
    let wanted: HashSet<ShortId> = shorts.iter().copied().collect();
    let graph = replica.graph();
    graph.counting().filter(|op| wanted.contains(&key.short(graph.id(*op)))).collect()
}

/// SHA-256 over the last sealed event that counts, all that is proven, and the heads: where it is the same, everything is.
fn standing(replica: &Replica) -> Sha256Digest {
    let last = OpId::from_bytes(*replica.graph().chain().last_counting().1.as_bytes());
    let proofs = OpId::from_bytes(*proofs_digest(replica).as_bytes());
    names_digest([&last, &proofs].into_iter().chain(replica.graph().heads()))
}

pub(super) fn names_digest<'a>(names: impl Iterator<Item = &'a OpId>) -> Sha256Digest {
    let mut hash = Sha256::new();
    names.for_each(|id| hash.update(id.as_bytes()));
    Sha256Digest::from_bytes(hash.finalize().into())
}

fn round_key(seed: &[u8; 16], round: u32) -> SketchKey {
    let mut hash = Sha256::new();
    hash.update(b"vm-sync-v0 key\n");
    hash.update(seed);
    hash.update(round.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut key = [0; 16];
    key.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    SketchKey::from_bytes(key)
}
