//! The log of a peer: heads that grew out of each other, and what shows that they did not.

use std::collections::BTreeMap;

use vm_core::digest::RootHash;
use vm_core::key::{KeyHistory, Note, NoteKey};
use vm_seal::fork::CheckpointFork;
use vm_seal::merkle::{ConsistencyProof, TreeSize};
use vm_seal::witness::AddCheckpoint;

use super::keys::{Signed, signed};
use super::peer::Peer;

/// The log of a peer, as far as its heads are linked: each grew out of the one before, from the empty log on.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    heads: BTreeMap<u64, Known>,
    /// Heads by keys that were declared stolen. One is linked where a head by a later key leads back to it; a thief's never is.
    waiting: Vec<Waiting>,
}

/// A head that is linked.
#[derive(Clone, Debug)]
struct Known {
    root: RootHash,
    note: Note,
    key: NoteKey,
    is_stolen: bool,
}

/// A head that may be a thief's.
#[derive(Clone, Debug)]
struct Waiting {
    size: TreeSize,
    known: Known,
    old: TreeSize,
    proof: ConsistencyProof,
}

/// What a head came to.
#[derive(Debug)]
pub(super) enum Headed {
    /// It grew out of the last one, and is the last one now.
    Linked,
    /// It is known.
    Known,
    /// A key that was declared stolen signed it, so it counts once a head by a later key leads back to it.
    Waiting,
    /// It may follow on something that is not here.
    Unlinked,
    /// The log has two histories.
    Forked(Box<CheckpointFork>),
}

impl Log {
    /// The last head that is linked.
    fn last(&self) -> (u64, RootHash, Option<&Known>) {
        match self.heads.last_key_value() {
            Some((size, known)) => (*size, known.root, Some(known)),
            None => (0, RootHash::empty(), None),
        }
    }

    /// Whether a head is one of these.
    pub(super) fn has(&self, size: u64, root: RootHash) -> bool {
        self.heads.get(&size).is_some_and(|known| known.root == root)
    }

    /// Whether a head is by a stolen key, and nothing leads back to it.
    pub(super) fn is_waiting(&self, size: u64, root: RootHash) -> bool {
        !self.has(size, root) && self.waiting.iter().any(|it| it.size.as_u64() == size && it.known.root == root)
    }

    /// Takes a head of the log of `peer`, which its key signed, or one that `keys` lead to.
    pub(super) fn take(
        &mut self,
        peer: &Peer,
        keys: Option<&KeyHistory>,
        request: &AddCheckpoint,
    ) -> Result<Headed, &'static str> {
        let Signed { head, key, is_stolen } = signed(request.note(), peer, keys)?;
        let note = request.note().signed_by(&key).map_err(|error| error.code())?;
        let (size, proof) = (head.size(), request.consistency());
        let new = Known { root: head.root(), note, key, is_stolen };
        if self.has(size.as_u64(), new.root) {
            return Ok(Headed::Known);
        }
        if is_stolen {
            let waiting = Waiting { size, known: new, old: request.old(), proof: proof.clone() };
            return Ok(self.wait(waiting));
        }
        if let Some(known) = self.heads.get(&size.as_u64()) {
            return fork(known, &new, None).ok_or("fork-unproven");
        }
        let (last, root, known) = self.last();
        if request.old().as_u64() != last {
            let Some(between) = self.bridge(request.old(), proof, (size, new.root)) else {
                return Ok(Headed::Unlinked);
            };
            self.heads.extend(between.into_iter().map(|it| (it.size.as_u64(), it.known)));
        } else if let Err(error) = proof.verify(request.old(), root, size, new.root) {
            let prefix = proof.prefix_root(request.old(), size, new.root).ok().flatten();
            let shown = prefix.zip(known).and_then(|(prefix, last)| fork(last, &new, Some((prefix, proof.clone()))));
            return shown.ok_or_else(|| error.code());
        }
        self.heads.insert(size.as_u64(), new);
        Ok(Headed::Linked)
    }

    fn wait(&mut self, new: Waiting) -> Headed {
        if self.is_waiting(new.size.as_u64(), new.known.root) {
            return Headed::Known;
        }
        self.waiting.push(new);
        Headed::Waiting
    }

    /// The heads by stolen keys through which a head grew out of the last one that is linked; nothing where it did not.
    fn bridge(&self, old: TreeSize, proof: &ConsistencyProof, new: (TreeSize, RootHash)) -> Option<Vec<Waiting>> {
        let (last, root, _) = self.last();
        let (mut old, mut proof, mut new, mut between) = (old, proof, new, Vec::new());
        while old.as_u64() > last {
            let leads = |it: &&Waiting| {
                it.size == old && it.old < it.size && proof.verify(old, it.known.root, new.0, new.1).is_ok()
            };
            let found = self.waiting.iter().find(leads)?;
            between.push(found.clone());
            (old, proof, new) = (found.old, &found.proof, (found.size, found.known.root));
        }
        (old.as_u64() == last && proof.verify(old, root, new.0, new.1).is_ok()).then_some(between)
    }
}

/// Proof of two histories, where one key that nobody stole signed both.
fn fork(known: &Known, new: &Known, prefix: Option<(RootHash, ConsistencyProof)>) -> Option<Headed> {
    if known.is_stolen || new.is_stolen || known.key != new.key {
        return None;
    }
    let fork = CheckpointFork::new(known.note.clone(), new.note.clone(), prefix).ok()?;
    fork.check(&new.key).is_ok().then(|| Headed::Forked(Box::new(fork)))
}

#[cfg(test)]
mod tests {
    use vm_core::digest::LeafHash;
    use vm_core::id::LedgerId;
    use vm_core::key::{KeyChange, KeyChangeReason, SigningIdentity};
    use vm_core::record::Genesis;
    use vm_seal::checkpoint::Checkpoint;
    use vm_seal::merkle::{Tree, prove_consistency};

    use super::*;

    fn signer(seed: u8) -> SigningIdentity {
        SigningIdentity::from_seed(&[seed; 32])
    }

    fn ledger() -> LedgerId {
        LedgerId::from_genesis(LeafHash::from_bytes([1; 32]))
    }

    fn peer() -> Peer {
        Peer::new("peer", NoteKey::new(ledger().origin(), signer(1).public()).unwrap(), signer(2).public()).unwrap()
    }

    /// A log whose leaves from `fork` on are those of another history.
    fn tree(size: u64, fork: u64) -> Tree {
        let mut tree = Tree::new();
        for leaf in 0..size {
            tree.append(LeafHash::of(format!("{}{leaf}", if leaf < fork { "" } else { "other " }).as_bytes()));
        }
        tree
    }

    fn request_by(signer: &SigningIdentity, tree: &Tree, old: u64, size: u64) -> AddCheckpoint {
        let (old, size) = (TreeSize::new(old), TreeSize::new(size));
        let head = Checkpoint::of_ledger(&ledger(), size, tree.root_at(size).unwrap()).unwrap().sign(signer).unwrap();
        AddCheckpoint::new(old, prove_consistency(tree, old, size).unwrap(), head).unwrap()
    }

    fn request(tree: &Tree, old: u64, size: u64) -> AddCheckpoint {
        request_by(&signer(1), tree, old, size)
    }

    /// A log with heads at 5 and 9.
    fn grown() -> (Log, Tree) {
        let (mut log, tree) = (Log::default(), tree(20, 20));
        for (old, size) in [(0, 5), (5, 9)] {
            assert!(matches!(log.take(&peer(), None, &request(&tree, old, size)), Ok(Headed::Linked)));
        }
        (log, tree)
    }

    #[test]
    fn heads_link_from_the_empty_log_on() {
        let (mut log, tree) = grown();
        assert!(matches!(log.take(&peer(), None, &request(&tree, 5, 9)), Ok(Headed::Known)));
        assert!(matches!(log.take(&peer(), None, &request(&tree, 0, 9)), Ok(Headed::Known)));
        for (old, size) in [(0, 12), (5, 12), (10, 12), (0, 7), (5, 7)] {
            assert!(
                matches!(log.take(&peer(), None, &request(&tree, old, size)), Ok(Headed::Unlinked)),
                "{old} to {size}"
            );
        }
        let root = |size| tree.root_at(TreeSize::new(size)).unwrap();
        assert!(log.has(5, root(5)) && log.has(9, root(9)) && !log.has(7, root(7)) && !log.has(9, root(5)));
        assert!(matches!(log.take(&peer(), None, &request(&tree, 9, 12)), Ok(Headed::Linked)));
        let mut fresh = Log::default();
        assert!(matches!(fresh.take(&peer(), None, &request(&tree, 5, 9)), Ok(Headed::Unlinked)));
    }

    #[test]
    fn two_histories_are_a_proof_wherever_they_part() {
        for fork in 0..9 {
            let (mut log, _) = grown();
            let other = self::tree(20, fork);
            // At one size, and behind it with the right old size.
            for (old, size) in [(5, 9), (9, 12)] {
                let Ok(Headed::Forked(proof)) = log.take(&peer(), None, &request(&other, old, size)) else {
                    panic!("fork at {fork}, {old} to {size}")
                };
                assert!(proof.check(peer().key()).is_ok());
            }
            assert!(!log.has(12, other.root_at(TreeSize::new(12)).unwrap()));
        }
    }

    #[test]
    fn what_does_not_hold_is_neither_a_head_nor_a_fork() {
        let (mut log, tree) = grown();
        let foreign = request_by(&signer(9), &tree, 9, 12);
        assert!(log.take(&peer(), None, &foreign).is_err(), "another key signed it");
        let good = request(&tree, 9, 12);
        let mut hashes = good.consistency().hashes().to_vec();
        for at in 0..hashes.len() {
            let kept = core::mem::replace(&mut hashes[at], RootHash::from_bytes([7; 32]));
            let proof = ConsistencyProof::from_hashes(hashes.clone()).unwrap();
            let altered = AddCheckpoint::new(good.old(), proof, good.note().clone()).unwrap();
            assert!(log.take(&peer(), None, &altered).is_err(), "hash {at} altered: proves nothing of the log");
            hashes[at] = kept;
        }
        let none = ConsistencyProof::from_hashes(Vec::new()).unwrap();
        let bare = AddCheckpoint::new(good.old(), none, good.note().clone()).unwrap();
        assert!(log.take(&peer(), None, &bare).is_err());
        assert!(matches!(log.take(&peer(), None, &good), Ok(Headed::Linked)), "nothing of that was taken in");
    }

    /// The peer's key 1 was changed to key 3 at place 10.
    fn changed(reason: KeyChangeReason) -> KeyHistory {
        let genesis = Genesis::new(signer(7).public(), signer(1).public(), vm_core::digest::Sha256Digest::of(b"n"));
        let mut keys = KeyHistory::new(ledger(), &genesis);
        let change = KeyChange::of_log(&signer(7), ledger(), 10, (signer(1).public(), &signer(3)), reason, None);
        keys.apply(&change.unwrap()).unwrap();
        keys
    }

    #[test]
    fn a_head_by_a_changed_key_links_by_the_history_alone() {
        for reason in [KeyChangeReason::Rotation, KeyChangeReason::Lost] {
            let (mut log, tree) = grown();
            let later = request_by(&signer(3), &tree, 9, 12);
            assert_eq!(log.take(&peer(), None, &later).unwrap_err(), "key-change-unproven");
            let keys = changed(reason);
            let foreign = request_by(&signer(9), &tree, 9, 12);
            assert_eq!(log.take(&peer(), Some(&keys), &foreign).unwrap_err(), "key-change-unproven");
            for wrong in [request(&tree, 9, 12), request_by(&signer(3), &tree, 9, 10)] {
                assert_eq!(log.take(&peer(), Some(&keys), &wrong).unwrap_err(), "key-not-in-force");
            }
            assert!(matches!(log.take(&peer(), Some(&keys), &later), Ok(Headed::Linked)), "{reason}");
        }
    }

    #[test]
    fn heads_by_a_stolen_key_link_where_the_next_key_leads_back_to_them() {
        let (tree, other) = (tree(20, 20), tree(20, 3));
        let keys = changed(KeyChangeReason::Stolen);
        let thiefs = [request(&other, 0, 5), request(&other, 5, 8), request(&other, 0, 9), request(&other, 0, 7)];
        // However the thief's heads and the peer's are mixed.
        for at in 0..=3 {
            let mut log = Log::default();
            let mut heads = vec![request(&tree, 0, 5), request(&tree, 5, 9)];
            let thiefs = thiefs.iter().cloned();
            heads.splice(at.min(2)..at.min(2), thiefs);
            if at == 3 {
                heads.reverse();
            }
            for head in &heads {
                assert!(matches!(log.take(&peer(), Some(&keys), head), Ok(Headed::Waiting)));
            }
            let root = |tree: &Tree, size| tree.root_at(TreeSize::new(size)).unwrap();
            assert!(!log.has(9, root(&tree, 9)) && log.is_waiting(9, root(&tree, 9)));
            let next = request_by(&signer(3), &tree, 9, 12);
            assert!(matches!(log.take(&peer(), Some(&keys), &next), Ok(Headed::Linked)), "{at}");
            assert!([5, 9, 12].iter().all(|size| log.has(*size, root(&tree, *size))));
            for size in [5, 7, 8, 9] {
                assert!(!log.has(size, root(&other, size)), "{size}: no thief's head is linked");
            }
        }
    }
}
