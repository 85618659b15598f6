//! Trees and proofs against the recursive definition of RFC 6962, for every small size, and against a peer.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod trees;

use rs_merkle::MerkleTree;
use vm_core::digest::{LeafHash, RootHash};
use vm_seal::merkle::{
    ConsistencyProof, Frontier, InclusionProof, LeafIndex, PROOF_HASHES_MAX, TreeSize, prove_consistency,
    prove_inclusion, root_at, root_of,
};

use trees::{Rfc6962, SWEEP, corrupted, index, leaves, mth, path, size, split, tree};

/// SUBPROOF of RFC 6962, section 2.1.2, word for word.
fn subproof(m: usize, leaves: &[LeafHash], whole: bool) -> Vec<RootHash> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { vec![mth(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, sibling) =
        if m <= k { (subproof(m, left, whole), mth(right)) } else { (subproof(m - k, right, false), mth(left)) };
    proof.push(sibling);
    proof
}

#[test]
fn roots_are_those_of_the_definition() {
    let all = leaves(SWEEP);
    let whole = tree(SWEEP);
    for n in 0..=SWEEP {
        let expected = mth(&all[..n]);
        assert_eq!(root_of(all[..n].iter().copied()), expected, "{n}");
        assert_eq!(whole.root_at(size(n)).unwrap(), expected, "{n}");
        assert_eq!(root_at(&whole, size(n)).unwrap(), expected, "{n}");
        let frontier = Frontier::read(&whole, size(n)).unwrap();
        assert_eq!(frontier.root(), expected, "{n}");
        // Taken up again, it goes on as if it had never stopped.
        let mut resumed = Frontier::from_subtrees(frontier.size(), frontier.subtrees().to_vec()).unwrap();
        resumed.extend(all[n..].iter().copied());
        assert_eq!(resumed.root(), whole.root(), "{n}");
    }
}

#[test]
fn every_leaf_of_every_small_tree_is_proven() {
    let all = leaves(SWEEP);
    let whole = tree(SWEEP);
    for n in 1..=SWEEP {
        let root = mth(&all[..n]);
        for m in 0..n {
            let proof = prove_inclusion(&whole, index(m), size(n)).unwrap();
            assert_eq!(proof.hashes(), path(m, &all[..n]), "{m} of {n}");
            let verified = proof.verify(all[m], index(m), size(n), root).unwrap();
            assert_eq!((verified.leaf(), verified.index()), (all[m], index(m)));
        }
    }
}

#[test]
fn every_spoiled_inclusion_proof_is_refused() {
    let all = leaves(SWEEP);
    let whole = tree(SWEEP);
    for n in 1..=SWEEP {
        let root = mth(&all[..n]);
        for m in 0..n {
            let good = whole.prove_inclusion(index(m), size(n)).unwrap();
            let hashes = good.hashes();
            let refused = |hashes: Vec<RootHash>, code: &str| {
                let proof = InclusionProof::from_hashes(hashes).unwrap();
                let error = proof.verify(all[m], index(m), size(n), root).unwrap_err();
                assert_eq!(error.code(), code, "{m} of {n}");
            };
            for at in 0..hashes.len() {
                let mut bad = hashes.to_vec();
                bad[at] = corrupted(bad[at]);
                refused(bad, "proof-root");
                refused(hashes[..at].to_vec(), "proof-length");
            }
            for surplus in [root, all[m].to_root(), RootHash::empty()] {
                refused([hashes, &[surplus]].concat(), "proof-length");
                refused([&[surplus], hashes].concat(), "proof-length");
            }
            assert!(good.verify(all[m], index(m), size(n), corrupted(root)).is_err());
            for other in 0..n {
                let other_leaf = good.verify(all[other], index(m), size(n), root);
                assert_eq!(other_leaf.is_ok(), other == m);
                let other_index = good.verify(all[m], index(other), size(n), root);
                assert_eq!(other_index.is_ok(), other == m);
            }
            let outside = good.verify(all[m], index(n), size(n), root);
            assert_eq!(outside.unwrap_err().code(), "proof-index-outside");
        }
    }
}

#[test]
fn every_pair_of_small_trees_is_proven_consistent() {
    let all = leaves(SWEEP);
    let whole = tree(SWEEP);
    let roots: Vec<RootHash> = (0..=SWEEP).map(|n| mth(&all[..n])).collect();
    for new in 0..=SWEEP {
        for old in 0..=new {
            let proof = prove_consistency(&whole, size(old), size(new)).unwrap();
            if old > 0 {
                let expected = subproof(old, &all[..new], true);
                assert_eq!(proof.hashes(), expected, "{old} to {new}");
            }
            let verify = proof.verify(size(old), roots[old], size(new), roots[new]);
            assert_eq!(verify, Ok(()), "{old} to {new}");
        }
    }
}

#[test]
fn every_spoiled_consistency_proof_is_refused() {
    let all = leaves(SWEEP);
    let whole = tree(SWEEP);
    let roots: Vec<RootHash> = (0..=SWEEP).map(|n| mth(&all[..n])).collect();
    for new in 0..=SWEEP {
        for old in 0..=new {
            let good = whole.prove_consistency(size(old), size(new)).unwrap();
            let hashes = good.hashes();
            let verify = |hashes: &[RootHash]| {
                let proof = ConsistencyProof::from_hashes(hashes.to_vec()).unwrap();
                proof.verify(size(old), roots[old], size(new), roots[new])
            };
            for at in 0..hashes.len() {
                let mut bad = hashes.to_vec();
                bad[at] = corrupted(bad[at]);
                assert_eq!(verify(&bad).unwrap_err().code(), "proof-root");
                assert_eq!(verify(&hashes[..at]).unwrap_err().code(), "proof-length");
            }
            for surplus in [roots[old], roots[new], RootHash::empty()] {
                let after = [hashes, &[surplus]].concat();
                assert_eq!(verify(&after).unwrap_err().code(), "proof-length");
                let before = [&[surplus], hashes].concat();
                assert_eq!(verify(&before).unwrap_err().code(), "proof-length");
            }
            let spoiled = corrupted(roots[old]);
            assert!(good.verify(size(old), spoiled, size(new), roots[new]).is_err());
            if old > 0 {
                let spoiled = corrupted(roots[new]);
                assert!(good.verify(size(old), roots[old], size(new), spoiled).is_err());
            }
            if old != new {
                let swapped = good.verify(size(new), roots[new], size(old), roots[old]);
                assert_eq!(swapped.unwrap_err().code(), "proof-shrunk");
            }
        }
    }
}

#[test]
fn a_long_proof_is_refused_before_it_is_looked_at() {
    let hashes = vec![RootHash::empty(); PROOF_HASHES_MAX + 1];
    assert_eq!(InclusionProof::from_hashes(hashes.clone()).unwrap_err().code(), "proof-too-long");
    assert_eq!(ConsistencyProof::from_hashes(hashes).unwrap_err().code(), "proof-too-long");
}

#[test]
fn the_largest_tree_does_not_overflow() {
    let proof = InclusionProof::from_hashes(vec![RootHash::empty(); 64]).unwrap();
    let leaf = LeafHash::of(b"x");
    for at in [0, 1, u64::MAX / 2, u64::MAX - 2, u64::MAX - 1] {
        let result = proof.verify(leaf, LeafIndex::new(at), TreeSize::new(u64::MAX), RootHash::empty());
        assert!(result.is_err());
    }
    for old in [1, 2, 3, u64::MAX / 2 + 1, u64::MAX - 1] {
        let result = ConsistencyProof::from_hashes(vec![RootHash::empty(); 64]).unwrap().verify(
            TreeSize::new(old),
            RootHash::empty(),
            TreeSize::new(u64::MAX),
            RootHash::empty(),
        );
        assert!(result.is_err());
    }
}

#[test]
fn a_duplicated_tail_is_another_tree() {
    for n in 1..=64 {
        let mut twice = leaves(n);
        twice.push(twice[n - 1]);
        assert_ne!(root_of(twice), root_of(leaves(n)), "{n}");
    }
}

#[test]
fn an_inner_node_is_no_leaf_of_a_tree_of_its_real_size() {
    let all = leaves(4);
    let inner = LeafHash::from_bytes(*mth(&all[..2]).as_bytes());
    let proof = InclusionProof::from_hashes(vec![mth(&all[2..])]).unwrap();
    let error = proof.verify(inner, index(0), size(4), mth(&all)).unwrap_err();
    assert_eq!(error.code(), "proof-length");
}

#[test]
fn asking_beyond_the_tree_is_an_error() {
    let small = tree(3);
    let beyond = small.prove_inclusion(index(3), size(4)).unwrap_err();
    assert_eq!(beyond.code(), "prove-size");
    let beyond = small.prove_inclusion(index(3), size(3)).unwrap_err();
    assert_eq!(beyond.code(), "prove-index");
    let beyond = small.prove_consistency(size(3), size(2)).unwrap_err();
    assert_eq!(beyond.code(), "prove-shrunk");
    // A reader that does not hold what it is asked for is found out.
    let beyond = prove_inclusion(&small, index(3), size(8)).unwrap_err();
    assert_eq!(beyond.code(), "prove-answer");
}

#[test]
fn rs_merkle_agrees_on_roots_and_paths() {
    for n in (1..=100).chain([255, 256, 257, 1_000]) {
        let ours = tree(n);
        let hashes: Vec<[u8; 32]> = leaves(n).iter().map(|leaf| *leaf.as_bytes()).collect();
        let theirs = MerkleTree::<Rfc6962>::from_leaves(&hashes);
        assert_eq!(theirs.root(), Some(*ours.root().as_bytes()), "{n}");
        for m in (0..n).step_by(1 + n / 50) {
            let proof = ours.prove_inclusion(index(m), size(n)).unwrap();
            let path: Vec<[u8; 32]> = proof.hashes().iter().map(|h| *h.as_bytes()).collect();
            assert_eq!(theirs.proof(&[m]).proof_hashes(), path, "{m} of {n}");
        }
    }
}
