//! The world of one seed: three honest replicas, two liars, sealers, a network, and what happens to them.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use vm_core::digest::LeafHash;
use vm_core::id::LedgerId;
use vm_core::key::{PublicKey, SigningIdentity};
use vm_crdt::sync::Role;
use vm_crdt::{Charter, SealedEvent, Session};

use crate::error::Violation;
use crate::liar::{Liar, Scene, Script};
use crate::net::{Ends, Link, Net, Side};
use crate::peer::Peer;
use crate::rng::Rng;
use crate::tally::Tally;
use crate::weakness::Weakness;
use crate::words;

/// Honest replicas.
pub(crate) const HONEST: usize = 3;
/// Byzantine authors.
pub(crate) const LIARS: usize = 2;
/// Steps of one seed before the network is healed.
const STEPS: usize = 400;
/// Links at once.
const LINKS_MAX: usize = 8;

/// Everything there is.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) tally: Tally,
    pub(crate) trace: Sha256,
    pub(crate) charter: Charter,
    pub(crate) peers: Vec<Peer>,
    pub(crate) liars: Vec<Liar>,
    pub(crate) sealers: Vec<SigningIdentity>,
    /// What was sealed; sealers keep it.
    pub(crate) events: Vec<SealedEvent>,
    pub(crate) revoked: BTreeMap<PublicKey, u32>,
    /// Keys of honest authors who lost their disk, and are to be revoked.
    pub(crate) retired: Vec<PublicKey>,
    pub(crate) keys: u8,
    pub(crate) net: Net,
    pub(crate) weakness: Weakness,
    /// What happened, in words, for whoever asks.
    pub(crate) log: Option<Vec<String>>,
}

fn key(number: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[number; 32])
}

impl World {
    pub(crate) fn new(seed: u64, weakness: Weakness, is_logged: bool) -> Result<Self, Violation> {
        let authors: Vec<SigningIdentity> = (1..=5).map(key).collect();
        let sealers: Vec<SigningIdentity> = (100..103).map(key).collect();
        let members = || authors.iter().map(SigningIdentity::public).collect();
        let charter = |ledger: &[u8]| {
            let ledger = LedgerId::from_genesis(LeafHash::of(ledger));
            let sealers = sealers.iter().map(SigningIdentity::public).collect();
            Charter::new(ledger, members(), sealers, 2).map_err(|_| Violation::Harness("no charter"))
        };
        let (here, elsewhere) = (charter(b"here")?, charter(b"elsewhere")?.graph());
        let (honest, liars) = authors.split_at(HONEST);
        let mut trace = Sha256::new();
        trace.update(seed.to_be_bytes());
        Ok(Self {
            rng: Rng::new(seed),
            tally: Tally::default(),
            trace,
            peers: honest.iter().map(|author| Peer::new(&here, author.clone(), weakness)).collect(),
            liars: liars.iter().map(|author| Liar::new(author.clone(), &here, elsewhere)).collect(),
            charter: here,
            sealers,
            events: Vec::new(),
            revoked: BTreeMap::new(),
            retired: Vec::new(),
            keys: 10,
            net: Net::default(),
            weakness,
            log: is_logged.then(Vec::new),
        })
    }

    /// Everything that happens before the network is healed.
    pub(crate) fn run(&mut self) -> Result<(), Violation> {
        for _ in 0..STEPS {
            self.step()?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Violation> {
        match self.rng.below(100) {
            0..48 => {
                for _ in 0..=self.rng.below(24) {
                    self.visit()?;
                }
            }
            48..63 => self.write()?,
            63..78 => self.open(),
            78..88 => self.lie(),
            88..91 => {
                let at = self.rng.below(HONEST);
                self.tidy(at)?;
            }
            91..94 => self.part(),
            94..96 => self.restart()?,
            96 => self.lose(),
            _ => self.seal()?,
        }
        Ok(())
    }

    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(what());
        }
    }

    pub(crate) fn next_key(&mut self) -> SigningIdentity {
        self.keys = self.keys.wrapping_add(1);
        key(self.keys)
    }

    fn write(&mut self) -> Result<(), Violation> {
        let at = self.rng.below(HONEST);
        let payload = words::payload(&mut self.rng);
        if let Some(id) = self.peers[at].write(at, payload)? {
            self.tally.add("ops: honest");
            self.trace.update(id.as_bytes());
            self.note(|| format!("{at} writes {id}"));
        }
        Ok(())
    }

    /// A link between two that are not both liars.
    fn open(&mut self) {
        let one = self.rng.below(HONEST + LIARS);
        let other = self.rng.below(HONEST + LIARS);
        let ends = [one, other];
        if one == other || one.min(other) >= HONEST || self.net.links.len() >= LINKS_MAX || !self.net.joins(ends) {
            return;
        }
        let link = self.link(ends);
        self.net.links.push(link);
        self.note(|| format!("{one} calls {other}"));
    }

    pub(crate) fn link(&mut self, ends: Ends) -> Link {
        let is_honest = ends.iter().all(|end| *end < HONEST);
        self.tally.add(if is_honest { "network: sessions of two honest" } else { "network: sessions with a liar" });
        let one = self.side(ends, 0);
        let other = self.side(ends, 1);
        Link::new(ends, [one, other])
    }

    fn side(&mut self, ends: Ends, at: usize) -> Side {
        let role = if at == 0 { Role::Initiator } else { Role::Responder };
        let (end, target) = (ends[at], ends[1 - at]);
        let session = Box::new(Session::new(role, self.rng.bytes()));
        let Some(liar) = end.checked_sub(HONEST) else { return Side::Rules { session, face: 0 } };
        // One that calls is as often after what it can learn as after harm; one that is called mostly has something to say.
        let follows_rules = if at == 0 { self.rng.once_in(2) } else { self.rng.once_in(4) };
        if follows_rules {
            return Side::Rules { session, face: Liar::face_for(target, &mut self.rng) };
        }
        Side::Script(Script::new(at == 0, target, &self.liars[liar], &mut self.rng, &mut self.tally))
    }

    fn lie(&mut self) {
        let at = self.rng.below(LIARS);
        self.act_of(at, Liar::act);
    }

    pub(crate) fn act_of(&mut self, at: usize, act: impl FnOnce(&mut Liar, &mut Scene<'_>)) {
        let friend = self.liars[1 - at].tips();
        let victim = self.rng.below(HONEST);
        let stolen = (self.weakness == Weakness::Signature).then(|| self.peers[victim].author.clone()).flatten();
        let revoked = self.revoked.get(&self.liars[at].key().public()).copied();
        let scene = &mut Scene {
            rng: &mut self.rng,
            tally: &mut self.tally,
            revoked,
            stolen: stolen.as_ref(),
            friend: &friend,
        };
        act(&mut self.liars[at], scene);
    }

    /// Writes to disk, or forgets what a compaction sealed.
    pub(crate) fn tidy(&mut self, at: usize) -> Result<(), Violation> {
        let peer = &mut self.peers[at];
        peer.disk.write(&peer.replica);
        if peer.replica.is_whole() {
            let dropped = peer.compact(at)?;
            if dropped > 0 {
                self.tally.add("state: compacted");
                self.note(|| format!("{at} forgets {dropped} payloads"));
            }
        }
        Ok(())
    }

    fn part(&mut self) {
        if self.net.cut.take().is_some() {
            self.note(|| "the partition heals".to_owned());
            return;
        }
        let sides: Vec<bool> = (0..HONEST + LIARS).map(|_| self.rng.once_in(2)).collect();
        self.tally.add("network: partitions");
        self.note(|| format!("partition {sides:?}"));
        self.net.cut = Some(sides);
        // Some links break off, others wait.
        let mut kept = Vec::new();
        for link in core::mem::take(&mut self.net.links) {
            if self.net.joins(link.ends) || self.rng.once_in(2) {
                kept.push(link);
            } else {
                self.tally.add("network: sessions broken off");
            }
        }
        self.net.links = kept;
    }

    fn hang_up(&mut self, at: usize) {
        self.net.links.retain(|link| !link.ends.contains(&at));
    }

    fn restart(&mut self) -> Result<(), Violation> {
        let at = self.rng.below(HONEST);
        self.hang_up(at);
        self.tally.add("crash: with disk");
        self.note(|| format!("{at} crashes"));
        self.peers[at].restart(at, &self.charter, self.weakness)
    }

    /// A replica loses its disk, unless that is the last one with all that was sealed: sealers wait until two have it.
    fn lose(&mut self) {
        let at = self.rng.below(HONEST);
        let has_all = |other: &usize| *other != at && self.peers[*other].disk.is_enough(self.events.len());
        if self.rng.once_in(2) || !(0..HONEST).any(|other| has_all(&other)) {
            return;
        }
        self.hang_up(at);
        self.tally.add("crash: without disk");
        self.note(|| format!("{at} crashes and loses its disk"));
        let key = self.peers[at].lose(&self.charter, self.weakness);
        self.retired.extend(key.map(|key| key.public()));
    }

    /// What a seed came to, as a digest of everything that was said.
    pub(crate) fn digest(self) -> ([u8; 32], Tally) {
        let mut trace = self.trace;
        for peer in &self.peers {
            trace.update(peer.replica.encode());
        }
        (trace.finalize().into(), self.tally)
    }
}
