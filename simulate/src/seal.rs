//! Sealers: people who agree, here by looking at two replicas that have just come together.

use sha2::{Digest as _, Sha256};
use vm_core::digest::Sha256Digest;
use vm_core::epoch::Epoch;
use vm_core::key::SigningIdentity;
use vm_crdt::sync::Outcome;
use vm_crdt::{Ack, Change, EventBody, OpId, SealedEvent};

use crate::error::Violation;
use crate::world::{HONEST, World};

impl World {
    /// Seals something over what two replicas hold, which then have it on disk: what is final survives the loss of either.
    pub(crate) fn seal(&mut self) -> Result<(), Violation> {
        let one = self.rng.below(HONEST);
        let other = (one + 1 + self.rng.below(HONEST - 1)) % HONEST;
        if !self.net.joins([one, other]) || !self.agree(one, other)? {
            return Ok(());
        }
        let Some((what, change)) = self.change(one)? else { return Ok(()) };
        self.publish(one, other, change)?;
        self.tally.add(what);
        self.note(|| format!("{one} and {other}: {what}"));
        Ok(())
    }

    /// Whether two replicas have all events and come to the same ops.
    fn agree(&mut self, one: usize, other: usize) -> Result<bool, Violation> {
        let link = self.link([one, other]);
        let outcome = self.carry(link)?;
        let has_all = |at: usize| self.peers[at].replica.graph().chain().events().len() == self.events.len();
        Ok(outcome == Some(Outcome::Same) && has_all(one) && has_all(other))
    }

    fn change(&mut self, at: usize) -> Result<Option<(&'static str, Change)>, Violation> {
        let unenrolled = (0..HONEST).find(|peer| self.peers[*peer].author.is_none());
        if let Some(peer) = unenrolled.filter(|_| self.rng.once_in(2)) {
            let author = self.next_key();
            let change = Change::Enrol(author.public());
            self.peers[peer].author = Some(author);
            return Ok(Some(("events: enrolments", change)));
        }
        if self.rng.once_in(2)
            && let Some(key) = self.retired.pop()
        {
            let number = u32::try_from(self.events.len() + 1).unwrap_or(u32::MAX);
            self.revoked.insert(key, number);
            return Ok(Some(("events: revocations of lost keys", Change::Revoke(key))));
        }
        match self.rng.below(6) {
            0 => {
                let key = self.liars[self.rng.below(self.liars.len())].key().public();
                if self.revoked.contains_key(&key) {
                    return Ok(None);
                }
                let number = u32::try_from(self.events.len() + 1).unwrap_or(u32::MAX);
                self.revoked.insert(key, number);
                Ok(Some(("events: revocations of liars", Change::Revoke(key))))
            }
            1 | 2 => self.compaction(at),
            _ => {
                let epoch = *self.rng.pick(&Epoch::ALL).unwrap_or(&Epoch::Nigredo);
                let is_new = self.peers[at].replica.graph().chain().epoch() != Some(epoch);
                Ok(is_new.then_some(("events: epochs", Change::Epoch(epoch))))
            }
        }
    }

    /// Every member acknowledges: honest ones because they hold it, liars because it costs nothing.
    fn compaction(&mut self, at: usize) -> Result<Option<(&'static str, Change)>, Violation> {
        let frontier = self.heads(at);
        let holds_all = |peer: usize| {
            let graph = self.peers[peer].replica.graph();
            frontier.iter().all(|id| graph.contains(id))
        };
        if frontier.is_empty() || !(0..HONEST).all(holds_all) || !self.peers[at].replica.is_whole() {
            return Ok(None);
        }
        let authors = self.peers.iter().filter_map(|peer| peer.author.as_ref());
        let signers: Vec<&SigningIdentity> = authors.chain(self.liars.iter().map(|liar| liar.key())).collect();
        let chain = self.peers[at].replica.graph().chain();
        let present = chain.members().filter(|(_, membership)| membership.revoked.is_none());
        let keys: Option<Vec<&SigningIdentity>> =
            present.map(|(key, _)| signers.iter().find(|signer| signer.public() == *key).copied()).collect();
        // A key whose disk is lost acknowledges nothing until it is revoked.
        let Some(keys) = keys else { return Ok(None) };
        let (graph, number) = (self.charter.graph(), chain.number() + 1);
        let acks: Vec<Ack> = keys.into_iter().map(|key| Ack::sign(&graph, number, &frontier, key)).collect();
        let bytes = self.peers[at].replica.state_below(&frontier);
        let state = Sha256Digest::from_bytes(Sha256::digest(&bytes).into());
        Ok(Some(("events: compactions", Change::Compact { state, acks })))
    }

    fn heads(&self, at: usize) -> Vec<OpId> {
        self.peers[at].replica.graph().heads().copied().collect()
    }

    fn publish(&mut self, one: usize, other: usize, change: Change) -> Result<(), Violation> {
        let chain = self.peers[one].replica.graph().chain();
        let body = EventBody {
            graph: self.charter.graph(),
            number: chain.number() + 1,
            previous: chain.last(),
            frontier: self.heads(one),
            change,
        };
        let skip = self.rng.below(self.sealers.len());
        let quorum = self.sealers.iter().enumerate().filter(|(at, _)| *at != skip);
        let seals = quorum.map(|(_, sealer)| body.seal(sealer)).collect();
        let event = SealedEvent::check(body, seals, &self.charter).map_err(|_| Violation::Harness("no event"))?;
        for at in [one, other] {
            let peer = &mut self.peers[at];
            let sealed = peer.replica.seal(event.clone());
            sealed.map(|_| ()).map_err(|error| Violation::Disk { peer: at, what: error.code().to_owned() })?;
            peer.disk.write(&peer.replica);
        }
        self.events.push(event);
        Ok(())
    }
}
