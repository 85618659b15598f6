//! Trees hashed in bulk against their readable twin, which hashes node by node, and the definition of RFC 6962.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod trees;

use std::collections::BTreeMap;

use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use vm_core::digest::{LeafHash, RootHash};
use vm_seal::merkle::{Frontier, InclusionProof, LeafIndex, NodeAt, Tree, prove_inclusion, root_of, root_of_slice};

use trees::{corrupted, index, leaves, mth, size, tree};

/// Grown leaf by leaf, which hashes node by node: the readable twin of what is hashed in bulk.
fn grown(leaves: &[LeafHash]) -> (Frontier, BTreeMap<NodeAt, RootHash>) {
    let (mut frontier, mut nodes) = (Frontier::new(), BTreeMap::new());
    for leaf in leaves {
        frontier.append_each(*leaf, |node, hash| {
            assert_eq!(nodes.insert(node, hash), None, "{node:?} twice");
        });
    }
    (frontier, nodes)
}

/// What is hashed in bulk onto the first `old` of `leaves` is what grows there leaf by leaf.
fn check_bulk(leaves: &[LeafHash], old: usize) {
    let (wanted, mut nodes) = grown(leaves);
    let (mut frontier, before) = grown(&leaves[..old]);
    nodes.retain(|node, _| node.level() > 0 && !before.contains_key(node));
    frontier.append_rows(&leaves[old..], |first, row| {
        assert!(!row.is_empty());
        for (node, hash) in (first.index()..).map(|index| NodeAt::new(first.level(), index)).zip(row) {
            assert_eq!(nodes.remove(&node), Some(*hash), "{node:?} of {}", leaves.len());
        }
    });
    assert!(nodes.is_empty(), "{nodes:?}");
    assert_eq!(frontier, wanted);
    assert_eq!(root_of(leaves.iter().copied()), wanted.root());
    assert_eq!(root_of_slice(leaves), wanted.root());
}

#[test]
fn bulk_hashing_is_node_by_node_hashing_for_every_size_to_600() {
    let all = leaves(600);
    for n in 0..=600 {
        check_bulk(&all[..n], 0);
        assert_eq!(root_of_slice(&all[..n]), mth(&all[..n]), "{n}");
    }
}

#[test]
fn a_tree_made_at_once_is_the_tree_that_grew() {
    let all = leaves(600);
    let mut growing = Tree::new();
    for n in 0..=600 {
        let made = Tree::from_leaves(all[..n].to_vec());
        assert_eq!((made.size(), made.root()), (growing.size(), growing.root()));
        for m in (0..n).step_by(1 + n / 7) {
            let wanted = prove_inclusion(&growing, index(m), size(n)).unwrap();
            assert_eq!(made.prove_inclusion(index(m), size(n)), Ok(wanted.clone()), "{m} of {n}");
            assert_eq!(growing.prove_inclusion(index(m), size(n)), Ok(wanted), "{m} of {n}");
        }
        growing.extend(all.get(n).copied());
    }
}

#[test]
fn bulk_hashing_across_pieces() {
    let all = leaves(5_000);
    for n in [1_023, 1_024, 1_025, 2_047, 2_048, 2_049, 3_000, 4_096, 5_000] {
        for old in [0, 1, 2, 511, 512, 1_000, n - 1, n] {
            check_bulk(&all[..n], old.min(n));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn bulk_hashing_of_random_trees(n in 0_usize..9_000, cut in 0_usize..9_000, path in any::<usize>()) {
        let all = leaves(n);
        check_bulk(&all, cut.min(n));
        prop_assert_eq!(root_of_slice(&all), mth(&all));
        let mut tree = Tree::from_leaves(all[..cut.min(n)].to_vec());
        tree.extend(all[cut.min(n)..].iter().copied());
        prop_assert_eq!(tree.root(), mth(&all));
        if n > 0 {
            let proof = tree.prove_inclusion(index(path % n), size(n)).unwrap();
            let wanted = trees::path(path % n, &all);
            prop_assert_eq!(proof.hashes(), wanted.as_slice());
        }
    }
}

#[test]
fn many_proofs_at_once_get_the_answers_of_each_alone() {
    for n in [1, 2, 3, 33, 64, 100] {
        let (all, whole) = (leaves(n), tree(n));
        let proofs: Vec<InclusionProof> = (0..n).map(|m| whole.prove_inclusion(index(m), size(n)).unwrap()).collect();
        let mut claims: Vec<(LeafHash, LeafIndex, &InclusionProof)> = Vec::new();
        for m in 0..n {
            claims.push((all[m], index(m), &proofs[m]));
            // Another's leaf, index or proof, and an index outside.
            claims.push((all[(m + 1) % n], index(m), &proofs[m]));
            claims.push((all[m], index((m + 1) % n), &proofs[m]));
            claims.push((all[m], index(m), &proofs[(m + 1) % n]));
            claims.push((all[m], index(n + m), &proofs[m]));
        }
        for root in [whole.root(), corrupted(whole.root())] {
            let alone: Vec<_> =
                claims.iter().map(|(leaf, at, proof)| proof.verify(*leaf, *at, size(n), root)).collect();
            assert_eq!(InclusionProof::verify_each(&claims, size(n), root), alone, "{n}");
            let good = alone.iter().filter(|answer| answer.is_ok()).count();
            let wanted = if n == 1 { 4 } else { n };
            assert_eq!(good, if root == whole.root() { wanted } else { 0 }, "{n}");
        }
    }
    assert_eq!(InclusionProof::verify_each(&[], size(1), RootHash::empty()), []);
}
