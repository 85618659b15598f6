//! What must hold at the end of every seed.

use std::collections::BTreeMap;

use vm_core::key::PublicKey;
use vm_crdt::OpId;

use crate::disk::held_from;
use crate::error::Violation;
use crate::oracle::Oracle;
use crate::world::{HONEST, LIARS, World};

impl World {
    pub(crate) fn check(&mut self) -> Result<(), Violation> {
        if let Some((one, other, what)) = self.difference() {
            return Err(Violation::Differ { one, other, what });
        }
        self.check_honest()?;
        self.check_forks()?;
        self.check_back_dated()?;
        for peer in &self.peers {
            Oracle::new(peer.replica.graph()).check()?;
        }
        let graph = self.peers[0].replica.graph();
        self.tally.add_many("end: ops that count", graph.len());
        self.tally.add_many("end: authors proven", graph.proofs().count());
        self.tally.reach("ops of one replica", held_from(graph, 0).len());
        self.tally.reach("sealed events", graph.chain().events().len());
        Ok(())
    }

    fn check_honest(&self) -> Result<(), Violation> {
        for (at, peer) in self.peers.iter().enumerate() {
            let graph = peer.replica.graph();
            for id in &peer.written {
                let counts = graph.place(id).is_some_and(|op| graph.is_effective(op));
                if !counts {
                    return Err(Violation::Lost { author: at, id: *id });
                }
            }
            let is_proven = |key: &PublicKey| graph.is_proven(key);
            if peer.author.as_ref().is_some_and(|author| is_proven(&author.public())) {
                return Err(Violation::Slandered { author: at });
            }
            if let Some(author) = self.retired.iter().position(is_proven) {
                return Err(Violation::Slandered { author });
            }
        }
        Ok(())
    }

    /// Two ops of one number, wherever honest replicas hold them, make a proof everywhere; but for an author who was revoked. What that one said
    /// beyond the frontier counts nowhere and goes to nobody, so that each half may stand aside somewhere else, without effect.
    fn check_forks(&self) -> Result<(), Violation> {
        let mut seen: BTreeMap<(PublicKey, u64), OpId> = BTreeMap::new();
        for peer in self.peers.iter().take(HONEST) {
            let graph = peer.replica.graph();
            for signed in held_from(graph, 0).into_iter().filter_map(|op| graph.head(op)) {
                let head = signed.head();
                let first = *seen.entry((head.author, head.seq)).or_insert(*signed.id());
                let is_revoked = self.revoked.contains_key(&head.author);
                if first != *signed.id() && !graph.is_proven(&head.author) && !is_revoked {
                    return Err(Violation::Unproven { first, second: *signed.id() });
                }
            }
        }
        Ok(())
    }

    /// What was made after a revocation has no effect, also where it was taken.
    fn check_back_dated(&mut self) -> Result<(), Violation> {
        let graph = self.peers[0].replica.graph();
        let mut taken = 0;
        for liar in self.liars.iter().take(LIARS) {
            for id in &liar.back_dated {
                let Some(op) = graph.place(id) else { continue };
                taken += 1;
                if graph.is_effective(op) {
                    return Err(Violation::Rule {
                        id: *id,
                        what: "made after its author's revocation, and has effect",
                    });
                }
            }
        }
        self.tally.add_many("liar: back-dated op was taken and has no effect", taken);
        Ok(())
    }
}
