//! Sessions in which a liar says what it likes: parcels, or poison.

use std::collections::VecDeque;

use vm_core::digest::Sha256Digest;
use vm_core::key::PublicKey;
use vm_crdt::OpId;
use vm_crdt::sketch::{ShortId, Sketch, SketchKey};
use vm_crdt::sync::{Facts, HEADS_MAX, MESSAGE_MAX, Message, Offer, SYMBOLS_OFFERED, Then, Tip, WANT_MAX};

use crate::raw;
use crate::rng::Rng;
use crate::tally::Tally;

use super::Liar;

/// Replies of a liar in one session; honest ones bear more.
const REPLIES: u32 = 40;
/// Wants of one that asks without end: more than any honest replica answers.
const WANTS: u32 = 3_000;

/// How a liar speaks in a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Parcels,
    Garbage,
    Heads,
    Tips,
    Counts,
    Facts,
    Old,
    Huge,
    Wants,
}

impl Kind {
    const POISON: [Self; 8] =
        [Self::Garbage, Self::Heads, Self::Tips, Self::Counts, Self::Facts, Self::Old, Self::Huge, Self::Wants];

    const fn name(self) -> &'static str {
        match self {
            Self::Parcels => "liar: parcels",
            Self::Garbage => "liar: garbage symbols",
            Self::Heads => "liar: lying heads",
            Self::Tips => "liar: lying tips",
            Self::Counts => "liar: lying counts",
            Self::Facts => "liar: false facts",
            Self::Old => "liar: old messages",
            Self::Huge => "liar: huge lists",
            Self::Wants => "liar: endless wants",
        }
    }
}

/// A liar's side of a session.
#[derive(Debug)]
pub(crate) struct Script {
    kind: Kind,
    target: usize,
    withholds: bool,
    replies: u32,
    wants: u32,
    key: SketchKey,
    out: VecDeque<Vec<u8>>,
}

impl Script {
    /// A side that answers `target`, or, where it begins, poisons it.
    pub(crate) fn new(begins: bool, target: usize, liar: &Liar, rng: &mut Rng, tally: &mut Tally) -> Self {
        let is_poison = begins || rng.once_in(4);
        let mut kind = if is_poison { *rng.pick(&Kind::POISON).unwrap_or(&Kind::Garbage) } else { Kind::Parcels };
        // Asking without end costs more messages than all else together.
        if kind == Kind::Wants && !rng.once_in(4) {
            kind = Kind::Tips;
        }
        let key = SketchKey::from_bytes(rng.bytes());
        let withholds = rng.once_in(4);
        let mut script = Self { kind, target, withholds, replies: 0, wants: 0, key, out: VecDeque::new() };
        tally.add(kind.name());
        if begins {
            script.begin(liar, rng);
        }
        script
    }

    pub(crate) fn poll(&mut self, liar: &Liar) -> Option<Vec<u8>> {
        if self.out.is_empty() && self.kind == Kind::Wants && self.wants > 0 {
            self.wants -= 1;
            let graph = liar.faces[0].graph();
            let all: Vec<OpId> = graph.counting().filter_map(|op| graph.head(op)).map(|it| *it.id()).collect();
            return Some(Message::Want(Vec::new(), all).to_bytes());
        }
        self.out.pop_front()
    }

    fn send(&mut self, message: &Message) {
        self.out.push_back(message.to_bytes());
    }

    fn begin(&mut self, liar: &Liar, rng: &mut Rng) {
        let graph = liar.faces[0].graph();
        let mut heads: Vec<OpId> = graph.heads().take(HEADS_MAX - 1).copied().collect();
        let mut sketch = Sketch::new(self.key, SYMBOLS_OFFERED);
        graph.counting().filter_map(|op| graph.head(op)).for_each(|it| sketch.insert(it.id()));
        let mut run = sketch.symbols(0..SYMBOLS_OFFERED);
        match self.kind {
            Kind::Garbage => {
                (0..8).for_each(|_| sketch.insert(&OpId::from_bytes(rng.bytes())));
                let length = rng.below(run.len());
                run.truncate(4);
                run.extend((0..length).map(|_| u8::try_from(rng.below(256)).unwrap_or(0)));
                heads.push(OpId::from_bytes(rng.bytes()));
            }
            Kind::Heads => heads = (0..=rng.below(8)).map(|_| OpId::from_bytes(rng.bytes())).collect(),
            // Names that nobody has: too many for the sketch, so that tips are asked for; and symbols that count wrong.
            Kind::Tips => {
                (0..90).for_each(|_| sketch.insert(&OpId::from_bytes(rng.bytes())));
                run = sketch.symbols(0..SYMBOLS_OFFERED);
                heads.push(OpId::from_bytes(rng.bytes()));
            }
            Kind::Counts => {
                for _ in 0..=rng.below(6) {
                    let at = rng.below(run.len());
                    if let Some(byte) = run.get_mut(at) {
                        *byte = byte.wrapping_add(1);
                    }
                }
                heads.push(OpId::from_bytes(rng.bytes()));
            }
            _ => {}
        }
        let events = if self.kind == Kind::Facts { u32::MAX } else { graph.chain().number() };
        let last = graph.chain().last_counting().1;
        let (graph, proofs) = (graph.name(), Sha256Digest::from_bytes(rng.bytes()));
        match self.kind {
            Kind::Huge => self.huge(rng),
            Kind::Old => self.old(liar, rng),
            Kind::Wants => {
                self.wants = WANTS;
            }
            _ => {
                let (key, heads) = (self.key, Some(heads));
                self.send(&Message::Offer(Offer { graph, key, events, last, proofs, heads, run }));
            }
        }
    }

    /// Takes what an honest replica says.
    pub(crate) fn take(&mut self, liar: &mut Liar, rng: &mut Rng, tally: &mut Tally, bytes: &[u8]) {
        liar.keep_old(bytes);
        self.replies += 1;
        let Ok(message) = Message::decode(bytes) else { return };
        if self.replies > REPLIES {
            return;
        }
        match message {
            Message::Offer(_) => self.answer(liar, rng),
            Message::Want(_, names) => {
                if self.withholds {
                    tally.add("liar: wants unanswered");
                    return;
                }
                let found: Vec<_> = names.iter().filter_map(|id| liar.find(id)).collect();
                for pack in raw::packs(&liar.graph(), &found) {
                    self.send(&Message::Give(false, pack));
                }
                self.send(&Message::Give(true, raw::pack(&liar.graph(), &[])));
            }
            Message::Tips(true, _) => {
                let lies = self.lying_tips(liar, rng);
                self.send(&Message::Tips(false, lies));
                self.send(&Message::Give(true, raw::pack(&liar.graph(), &[])));
            }
            Message::More(..) => {
                let noise: [u8; 64] = rng.bytes();
                self.send(&Message::Symbols(noise.to_vec()));
            }
            Message::Facts(facts) if facts.then == Then::Answer => {
                let lies = self.false_facts(liar, rng, Then::Nothing);
                self.send(&lies);
            }
            _ => {}
        }
    }

    fn answer(&mut self, liar: &mut Liar, rng: &mut Rng) {
        match self.kind {
            Kind::Parcels => self.deliver(liar, rng),
            Kind::Garbage | Kind::Counts => (0..6).for_each(|_| self.send(&Message::More(0, 2_048))),
            Kind::Heads => self.send(&Message::More(5, 4)),
            Kind::Tips => {
                let lies = self.lying_tips(liar, rng);
                self.send(&Message::Tips(true, lies));
                self.send(&Message::Give(true, raw::pack(&liar.graph(), &[])));
            }
            Kind::Facts => {
                let lies = self.false_facts(liar, rng, Then::Answer);
                self.send(&lies);
            }
            Kind::Old => self.old(liar, rng),
            Kind::Huge => self.huge(rng),
            Kind::Wants => self.wants = WANTS,
        }
        self.send(&Message::Done(Sha256Digest::from_bytes(rng.bytes()), None));
    }

    /// All parcels that lie ready, or some.
    fn deliver(&mut self, liar: &mut Liar, rng: &mut Rng) {
        let most = 1 + rng.below(6);
        let queue = liar.parcels.get_mut(self.target);
        let parcels: Vec<_> = queue.map(|queue| queue.drain(..most.min(queue.len())).collect()).unwrap_or_default();
        for parcel in parcels {
            let packs = if parcel.in_one {
                vec![raw::pack(&parcel.graph, &parcel.ops)]
            } else {
                raw::packs(&parcel.graph, &parcel.ops)
            };
            packs.into_iter().for_each(|pack| self.send(&Message::Give(false, pack)));
        }
    }

    fn lying_tips(&self, liar: &Liar, rng: &mut Rng) -> Vec<Tip> {
        let members = liar.faces[0].graph().chain().charter().members().to_vec();
        let lie = |author: &PublicKey, rng: &mut Rng| {
            let seq = if rng.once_in(2) { u64::MAX } else { rng.next() % 64 };
            Tip { author: *author, seq, id: OpId::from_bytes(rng.bytes()) }
        };
        members.iter().flat_map(|author| [lie(author, rng), lie(author, rng)]).collect()
    }

    fn false_facts(&self, liar: &Liar, rng: &mut Rng, then: Then) -> Message {
        let graph = liar.faces[0].graph();
        let (known, last) = (u32::MAX, graph.chain().last_counting().1);
        let mut facts = Facts { then, known, last, events: Vec::new(), proofs: Vec::new(), forks: Vec::new() };
        if self.kind == Kind::Facts {
            let mut event = graph.chain().events().last().map(|event| event.to_bytes()).unwrap_or_default();
            let at = rng.below(event.len());
            if let Some(byte) = event.get_mut(at) {
                *byte ^= 1;
            }
            facts.events.push(event);
            facts.proofs.push(b"{}".to_vec());
        } else {
            facts.known = graph.chain().number();
        }
        Message::Facts(facts)
    }

    fn old(&mut self, liar: &Liar, rng: &mut Rng) {
        for _ in 0..5 {
            self.out.extend(rng.pick(&liar.old).cloned());
        }
    }

    fn huge(&mut self, rng: &mut Rng) {
        match rng.below(4) {
            0 => {
                let shorts = (0..WANT_MAX).map(|_| ShortId::from_u64(rng.next())).collect();
                self.send(&Message::Want(shorts, Vec::new()));
            }
            // A count of 2^62 and nothing behind it.
            1 => self.out.push_back([&[5], [0xff; 8].as_slice(), &[0x3f]].concat()),
            2 => {
                let names = (0..=WANT_MAX).map(|_| OpId::from_bytes(rng.bytes())).collect();
                self.send(&Message::Want(Vec::new(), names));
            }
            _ => self.out.push_back(vec![4; MESSAGE_MAX + 1]),
        }
    }
}
