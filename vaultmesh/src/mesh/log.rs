//! The log of a peer: heads that grew out of each other, and what shows that they did not.

use std::collections::BTreeMap;

use vm_core::digest::RootHash;
use vm_core::key::Note;
use vm_seal::checkpoint::Checkpoint;
use vm_seal::fork::CheckpointFork;
use vm_seal::merkle::TreeSize;
use vm_seal::witness::AddCheckpoint;

use super::peer::Peer;

/// The log of a peer, as far as its heads are linked: each grew out of the one before, from the empty log on.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    heads: BTreeMap<u64, (RootHash, Option<Note>)>,
}

/// What a head came to.
#[derive(Debug)]
pub(super) enum Headed {
    /// It grew out of the last one, and is the last one now.
    Linked,
    /// It is known.
    Known,
    /// It may follow on something that is not here.
    Unlinked,
    /// The log has two histories.
    Forked(Box<CheckpointFork>),
}

impl Log {
    /// The last head that is linked.
    fn last(&self) -> (u64, RootHash, Option<&Note>) {
        match self.heads.last_key_value() {
            Some((size, (root, note))) => (*size, *root, note.as_ref()),
            None => (0, RootHash::empty(), None),
        }
    }

    /// Whether a head is one of these.
    pub(super) fn has(&self, size: u64, root: RootHash) -> bool {
        self.heads.get(&size).is_some_and(|(known, _)| *known == root)
    }

    /// Takes a head of the log of `peer`, which its key signed.
    pub(super) fn take(&mut self, peer: &Peer, request: &AddCheckpoint) -> Result<Headed, &'static str> {
        let head = Checkpoint::verify(request.note(), peer.key()).map_err(|error| error.code())?;
        let note = request.note().signed_by(peer.key()).map_err(|error| error.code())?;
        let size = head.size().as_u64();
        let fork = |known: &Note, prefix| -> Option<Headed> {
            let fork = CheckpointFork::new(known.clone(), note.clone(), prefix).ok()?;
            fork.check(peer.key()).is_ok().then(|| Headed::Forked(Box::new(fork)))
        };
        match self.heads.get(&size) {
            Some((root, _)) if *root == head.root() => return Ok(Headed::Known),
            Some((_, Some(known))) => return fork(known, None).ok_or("fork-unproven"),
            _ => {}
        }
        let (known, root, last) = self.last();
        if request.old().as_u64() != known {
            return Ok(Headed::Unlinked);
        }
        let (old, proof) = (TreeSize::new(known), request.consistency());
        if let Err(error) = proof.verify(old, root, head.size(), head.root()) {
            let prefix = proof.prefix_root(old, head.size(), head.root()).ok().flatten();
            let shown = prefix.zip(last).and_then(|(prefix, last)| fork(last, Some((prefix, proof.clone()))));
            return shown.ok_or_else(|| error.code());
        }
        self.heads.insert(size, (head.root(), Some(note)));
        Ok(Headed::Linked)
    }
}

#[cfg(test)]
mod tests {
    use vm_core::digest::LeafHash;
    use vm_core::id::LedgerId;
    use vm_core::key::{NoteKey, SigningIdentity};
    use vm_seal::merkle::{ConsistencyProof, Tree, prove_consistency};

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
            assert!(matches!(log.take(&peer(), &request(&tree, old, size)), Ok(Headed::Linked)));
        }
        (log, tree)
    }

    #[test]
    fn heads_link_from_the_empty_log_on() {
        let (mut log, tree) = grown();
        assert!(matches!(log.take(&peer(), &request(&tree, 5, 9)), Ok(Headed::Known)));
        assert!(matches!(log.take(&peer(), &request(&tree, 0, 9)), Ok(Headed::Known)));
        for (old, size) in [(0, 12), (5, 12), (10, 12), (0, 7), (5, 7)] {
            assert!(matches!(log.take(&peer(), &request(&tree, old, size)), Ok(Headed::Unlinked)), "{old} to {size}");
        }
        let root = |size| tree.root_at(TreeSize::new(size)).unwrap();
        assert!(log.has(5, root(5)) && log.has(9, root(9)) && !log.has(7, root(7)) && !log.has(9, root(5)));
        assert!(matches!(log.take(&peer(), &request(&tree, 9, 12)), Ok(Headed::Linked)));
        let mut fresh = Log::default();
        assert!(matches!(fresh.take(&peer(), &request(&tree, 5, 9)), Ok(Headed::Unlinked)));
    }

    #[test]
    fn two_histories_are_a_proof_wherever_they_part() {
        for fork in 0..9 {
            let (mut log, _) = grown();
            let other = self::tree(20, fork);
            // At one size, and behind it with the right old size.
            for (old, size) in [(5, 9), (9, 12)] {
                let Ok(Headed::Forked(proof)) = log.take(&peer(), &request(&other, old, size)) else {
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
        assert!(log.take(&peer(), &foreign).is_err(), "another key signed it");
        let good = request(&tree, 9, 12);
        let mut hashes = good.consistency().hashes().to_vec();
        for at in 0..hashes.len() {
            let kept = core::mem::replace(&mut hashes[at], RootHash::from_bytes([7; 32]));
            let proof = ConsistencyProof::from_hashes(hashes.clone()).unwrap();
            let altered = AddCheckpoint::new(good.old(), proof, good.note().clone()).unwrap();
            assert!(log.take(&peer(), &altered).is_err(), "hash {at} altered: proves nothing of the log");
            hashes[at] = kept;
        }
        let none = ConsistencyProof::from_hashes(Vec::new()).unwrap();
        let bare = AddCheckpoint::new(good.old(), none, good.note().clone()).unwrap();
        assert!(log.take(&peer(), &bare).is_err());
        assert!(matches!(log.take(&peer(), &good), Ok(Headed::Linked)), "nothing of that was taken in");
    }
}
