//! After everything: the network is whole again, liars go on for a while, and honest replicas come to rest.

use vm_crdt::sync::Outcome;

use crate::carry::standing;
use crate::error::Violation;
use crate::liar::Liar;
use crate::world::{HONEST, LIARS, World};

/// Rounds of sessions during which liars still talk.
const NOISY: usize = 2;
/// Sessions of two honest replicas, one after the other, after which all have come together, whatever had happened: four rounds of all three
/// pairs, the last of which must change nothing.
pub const QUIET_MAX: usize = 12;

impl World {
    /// Heals the network and lets honest replicas talk until they agree.
    pub(crate) fn heal(&mut self) -> Result<(), Violation> {
        self.net.cut = None;
        self.net.links.clear();
        self.note(|| "the network is whole".to_owned());
        for at in 0..LIARS {
            self.act_of(at, Liar::reveal);
        }
        for at in 0..HONEST {
            self.tidy(at)?;
        }
        for _ in 0..NOISY {
            for pair in pairs() {
                self.talk(pair)?;
                self.harass()?;
            }
        }
        self.rest()
    }

    /// Honest replicas talk until a whole round has changed nothing and each pair knows that it agrees.
    fn rest(&mut self) -> Result<(), Violation> {
        let mut sessions = 0;
        let mut needed = 0;
        loop {
            let mut is_quiet = true;
            for pair in pairs() {
                let before = self.standing();
                let outcome = self.talk(pair)?;
                sessions += 1;
                if outcome != Some(Outcome::Same) || before != self.standing() {
                    is_quiet = false;
                    needed = sessions;
                }
            }
            if is_quiet && self.difference().is_none() {
                self.tally.reach("sessions until honest replicas agreed", needed);
                return Ok(());
            }
            if sessions >= QUIET_MAX {
                let differ = self.difference().map(|(one, other, what)| Violation::Differ { one, other, what });
                return Err(differ.unwrap_or(Violation::Restless { sessions }));
            }
        }
    }

    fn standing(&self) -> Vec<[u8; 8]> {
        self.peers.iter().map(|peer| standing(&peer.replica)).collect()
    }

    fn talk(&mut self, pair: [usize; 2]) -> Result<Option<Outcome>, Violation> {
        let link = self.link(pair);
        let outcome = self.carry(link)?;
        let of = |at: usize| {
            let graph = self.peers[at].replica.graph();
            let wanted = graph.wanted().count();
            format!(
                "{at}: {} ops, {} wait for {wanted}, event {}",
                graph.len(),
                graph.waiting(),
                graph.chain().number()
            )
        };
        let (one, other) = (of(pair[0]), of(pair[1]));
        self.note(|| format!("{one}; {other}: {outcome:?}"));
        Ok(outcome)
    }

    /// A liar talks to somebody, and has something new to say.
    fn harass(&mut self) -> Result<(), Violation> {
        for liar in 0..LIARS {
            self.act_of(liar, Liar::act);
            let target = self.rng.below(HONEST);
            let ends = if self.rng.once_in(4) { [HONEST + liar, target] } else { [target, HONEST + liar] };
            let link = self.link(ends);
            self.carry(link)?;
        }
        Ok(())
    }

    /// In what two honest replicas differ.
    pub(crate) fn difference(&self) -> Option<(usize, usize, &'static str)> {
        let first = &self.peers[0].replica;
        for other in 1..HONEST {
            let replica = &self.peers[other].replica;
            let (here, there) = (first.graph(), replica.graph());
            let what = if !here.heads().eq(there.heads()) {
                "heads"
            } else if !here.proofs().eq(there.proofs()) {
                "proofs"
            } else if here.chain().events() != there.chain().events() {
                "events"
            } else if !replica.is_whole() || !first.is_whole() {
                "payloads"
            } else if first.encode() != replica.encode() {
                "state"
            } else {
                continue;
            };
            return Some((0, other, what));
        }
        None
    }
}

fn pairs() -> [[usize; 2]; HONEST] {
    [[0, 1], [1, 2], [2, 0]]
}
