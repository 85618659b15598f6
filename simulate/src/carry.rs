//! How messages get from one end of a link to the other, or do not.

use sha2::{Digest as _, Sha256};
use vm_crdt::Replica;
use vm_crdt::sync::{MESSAGE_MAX, Outcome, QUEUE_MAX};

use crate::error::Violation;
use crate::net::{Link, Side};
use crate::peer::ORPHANS;
use crate::world::{HONEST, World};

/// One message in so many is lost, and its link with it; as many come twice.
const FAULT: usize = 120;
/// One message in so many of a liar who otherwise holds to the rules is doctored.
const DOCTORED: usize = 12;
/// Messages of one session at most that is carried to its end. One that goes on longer does not end.
const MESSAGES_MAX: usize = 20_000;

impl World {
    /// Something happens on some link.
    pub(crate) fn visit(&mut self) -> Result<(), Violation> {
        let open: Vec<usize> =
            (0..self.net.links.len()).filter(|at| self.net.joins(self.net.links[*at].ends)).collect();
        let Some(at) = self.rng.pick(&open).copied() else { return Ok(()) };
        let mut link = self.net.links.swap_remove(at);
        let side = self.rng.below(2);
        let lives = if self.rng.once_in(2) { self.speak(&mut link, side)? } else { self.hear(&mut link, side, FAULT)? };
        if lives && !self.is_over(&link)? {
            self.net.links.push(link);
        }
        Ok(())
    }

    /// Carries a link to its end, without faults. How the side that began says it ended, where it follows the rules.
    pub(crate) fn carry(&mut self, mut link: Link) -> Result<Option<Outcome>, Violation> {
        for _ in 0..MESSAGES_MAX {
            for side in [0, 1] {
                let lives = self.speak(&mut link, side)? && self.hear(&mut link, 1 - side, usize::MAX)?;
                if !lives || self.is_over(&link)? {
                    let [Side::Rules { session, .. }, _] = &link.sides else { return Ok(None) };
                    return Ok(session.outcome());
                }
            }
        }
        Err(self.failed(&link, "it does not end".to_owned()))
    }

    fn failed(&self, link: &Link, why: String) -> Violation {
        Violation::Session { one: link.ends[0], other: link.ends[1], why }
    }

    /// Whether a link has nothing left to do. Two honest replicas over a clean link come to an outcome.
    fn is_over(&mut self, link: &Link) -> Result<bool, Violation> {
        let outcome = if let Side::Rules { session, .. } = &link.sides[0] { session.outcome() } else { None };
        if outcome.is_some() {
            self.tally.add("network: sessions that came to their end");
            return Ok(true);
        }
        if link.is_still() && link.is_clean && link.ends.iter().all(|end| *end < HONEST) {
            return Err(self.failed(link, "both wait".to_owned()));
        }
        Ok(link.is_still())
    }

    /// One side says something, if it has anything to say.
    fn speak(&mut self, link: &mut Link, side: usize) -> Result<bool, Violation> {
        let end = link.ends[side];
        let liar = end.checked_sub(HONEST);
        let said = match (&mut link.sides[side], liar) {
            (Side::Rules { session, .. }, None) => session.poll(&self.peers[end].replica),
            (Side::Rules { session, face }, Some(liar)) => session.poll(&self.liars[liar].faces[*face]),
            (Side::Script(script), Some(liar)) => script.poll(&self.liars[liar]),
            (Side::Script(_), None) => None,
        };
        let Some(mut bytes) = said else {
            link.idle[side] = true;
            return Ok(true);
        };
        link.idle[side] = false;
        if liar.is_none() && bytes.len() > MESSAGE_MAX {
            return Err(Violation::Bound { what: "bytes of a message", limit: MESSAGE_MAX, found: bytes.len() });
        }
        if liar.is_some() && self.rng.once_in(DOCTORED) && matches!(link.sides[side], Side::Rules { .. }) {
            let at = self.rng.below(bytes.len());
            bytes[at] ^= 1 << self.rng.below(8);
            self.tally.add("liar: messages doctored");
            link.is_clean = false;
        }
        self.tally.add("network: messages");
        self.tally.add_many("network: bytes", bytes.len());
        self.tally.reach("bytes of a message", bytes.len());
        link.queues[1 - side].push_back(bytes);
        Ok(true)
    }

    /// One side gets the next message, unless that is lost. Whether the link lives on.
    fn hear(&mut self, link: &mut Link, side: usize, fault: usize) -> Result<bool, Violation> {
        let Some(bytes) = link.queues[side].pop_front() else { return Ok(true) };
        if self.rng.once_in(fault) {
            self.tally.add("network: messages lost");
            self.tally.add("network: sessions broken off");
            return Ok(false);
        }
        let end = link.ends[side];
        self.trace.update([u8::try_from(end).unwrap_or(0)]);
        self.trace.update(Sha256::digest(&bytes));
        link.idle = [false, false];
        let lives = self.take(link, side, &bytes)?;
        if lives && self.rng.once_in(fault) {
            self.tally.add("network: messages doubled");
            link.is_clean = false;
            return self.take(link, side, &bytes);
        }
        Ok(lives)
    }

    fn take(&mut self, link: &mut Link, side: usize, bytes: &[u8]) -> Result<bool, Violation> {
        let end = link.ends[side];
        let result = match (&mut link.sides[side], end.checked_sub(HONEST)) {
            (Side::Rules { session, .. }, None) => session.receive(&mut self.peers[end].replica, bytes),
            (Side::Rules { session, face }, Some(liar)) => {
                self.liars[liar].keep_old(bytes);
                // A liar bears everything.
                return Ok(session.receive(&mut self.liars[liar].faces[*face], bytes).is_ok());
            }
            (Side::Script(script), Some(liar)) => {
                script.take(&mut self.liars[liar], &mut self.rng, &mut self.tally, bytes);
                return Ok(true);
            }
            (Side::Script(_), None) => Ok(()),
        };
        self.watch(end)?;
        if let (Side::Rules { session, .. }, true) = (&link.sides[side], end < HONEST) {
            // What one message brings about in so small a world is never more than a few.
            self.tally.reach("messages that a session keeps", session.queued());
            if session.queued() > QUEUE_MAX + 8 {
                return Err(Violation::Bound {
                    what: "messages of a session",
                    limit: QUEUE_MAX,
                    found: session.queued(),
                });
            }
        }
        let Err(error) = result else { return Ok(true) };
        let other = link.ends[1 - side];
        if other < HONEST && link.is_clean {
            return Err(self.failed(link, format!("{error}: {}", error.code())));
        }
        self.tally.end(error.code());
        self.note(|| format!("{end} hangs up on {other}: {}", error.code()));
        Ok(false)
    }

    /// What holds at every moment.
    fn watch(&mut self, at: usize) -> Result<(), Violation> {
        let graph = self.peers[at].replica.graph();
        let (waiting, limit) = (graph.waiting(), ORPHANS * graph.chain().members().count());
        self.tally.reach("ops that wait, in one replica", waiting);
        self.tally.state(standing(&self.peers[at].replica));
        if waiting > limit {
            return Err(Violation::Bound { what: "ops that wait", limit, found: waiting });
        }
        Ok(())
    }
}

/// A short digest of where a replica stands.
pub(crate) fn standing(replica: &Replica) -> [u8; 8] {
    let mut hash = Sha256::new();
    replica.graph().heads().for_each(|id| hash.update(id.as_bytes()));
    hash.update(replica.graph().chain().last().as_bytes());
    replica.graph().proofs().flat_map(|proof| proof.heads()).for_each(|head| hash.update(head.id().as_bytes()));
    let digest: [u8; 32] = hash.finalize().into();
    let mut out = [0; 8];
    out.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    out
}
