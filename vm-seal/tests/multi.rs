//! Multiproofs: every subset of every small tree, samples of larger ones, rs_merkle as oracle, and every way to spoil one.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod trees;

use std::collections::BTreeSet;

use proptest::prelude::*;
use rs_merkle::MerkleTree;
use vm_core::digest::{LeafHash, RootHash};
use vm_seal::merkle::{LeafIndex, LeafRun, MultiProof, TreeSize, prove_inclusion, prove_multi, prove_range};
use vm_seal::proof::{PROOF_FILE_MAX, StoredMultiProof};

use trees::{Rfc6962, SWEEP, corrupted, index, leaves, mth, size, split, tree};

/// Every subset is swept up to this size.
const SUBSETS: usize = 9;

/// The definition, word for word: hashes of the largest subtrees that hold none of the leaves, left to right.
fn outside(all: &[LeafHash], first: usize, chosen: &[usize]) -> Vec<RootHash> {
    if !chosen.iter().any(|at| (first..first + all.len()).contains(at)) {
        return vec![mth(all)];
    }
    if all.len() == 1 {
        return Vec::new();
    }
    let (left, right) = all.split_at(split(all.len()));
    [outside(left, first, chosen), outside(right, first + left.len(), chosen)].concat()
}

fn indices(chosen: &[usize]) -> Vec<LeafIndex> {
    chosen.iter().map(|at| index(*at)).collect()
}

fn claims(all: &[LeafHash], chosen: &[usize]) -> Vec<(LeafIndex, LeafHash)> {
    chosen.iter().map(|at| (index(*at), all[*at])).collect()
}

/// Positions of the bits set in `mask`.
fn bits(mask: usize) -> Vec<usize> {
    (0..SUBSETS).filter(|at| mask >> at & 1 == 1).collect()
}

/// Ways to choose leaves of a tree of `n`: single ones, ends, runs, strides and all.
fn samples(n: usize) -> Vec<Vec<usize>> {
    let mut samples = vec![vec![0], vec![n - 1], (0..n).collect(), (0..n.div_ceil(2)).collect(), (n / 2..n).collect()];
    samples.extend([2, 3, 7, 16, 31].map(|step| (0..n).step_by(step).collect()));
    samples.extend([1, 4, 30].map(|shift| (0..n).filter(|at| (at * at + shift) % 5 < 2).collect()));
    if n > 1 {
        samples.extend([vec![0, n - 1], vec![n / 2 - 1, n / 2], vec![n - 2, n - 1]]);
    }
    samples.retain(|chosen: &Vec<usize>| !chosen.is_empty());
    samples
}

#[test]
fn every_subset_of_every_small_tree_is_proven_and_every_spoiled_proof_refused() {
    let all = leaves(SUBSETS);
    let whole = tree(SUBSETS);
    for n in 1..=SUBSETS {
        let root = mth(&all[..n]);
        for mask in 1..1_usize << n {
            let chosen = bits(mask);
            let proof = prove_multi(&whole, &indices(&chosen), size(n)).unwrap();
            assert_eq!(proof.hashes(), outside(&all[..n], 0, &chosen), "{chosen:?} of {n}");
            let verified = proof.verify(&claims(&all, &chosen), size(n), root).unwrap();
            assert_eq!((verified.leaves(), verified.size()), (claims(&all, &chosen).as_slice(), size(n)));
            assert_eq!(verified.root(), root);
            spoil(&all, n, &chosen, &proof, root);
            // Of all subsets this one alone is proven.
            for other in 1..1_usize << n {
                let verdict = proof.verify(&claims(&all, &bits(other)), size(n), root);
                assert_eq!(verdict.is_ok(), other == mask, "{chosen:?} as {:?} of {n}", bits(other));
            }
        }
    }
}

#[test]
fn samples_of_every_tree_to_128_are_proven_and_every_spoiled_proof_refused() {
    let all = leaves(SWEEP);
    let whole = tree(SWEEP);
    for n in 1..=SWEEP {
        let root = mth(&all[..n]);
        for chosen in samples(n) {
            let proof = prove_multi(&whole, &indices(&chosen), size(n)).unwrap();
            assert_eq!(proof.hashes(), outside(&all[..n], 0, &chosen), "{chosen:?} of {n}");
            proof.verify(&claims(&all, &chosen), size(n), root).unwrap();
            spoil(&all, n, &chosen, &proof, root);
        }
    }
}

/// Corrupts every hash, every length, every leaf and every index of a proof.
fn spoil(all: &[LeafHash], n: usize, chosen: &[usize], proof: &MultiProof, root: RootHash) {
    let good = claims(all, chosen);
    let code = |hashes: &[RootHash], claims: &[(LeafIndex, LeafHash)]| {
        let proof = MultiProof::from_hashes(hashes.to_vec());
        proof.verify(claims, size(n), root).unwrap_err().code()
    };
    let hashes = proof.hashes();
    for at in 0..hashes.len() {
        let mut bad = hashes.to_vec();
        bad[at] = corrupted(bad[at]);
        assert_eq!(code(&bad, &good), "proof-root");
        bad.remove(at);
        assert_eq!(code(&bad, &good), "proof-length");
    }
    for surplus in [root, all[0].to_root(), RootHash::empty()] {
        assert_eq!(code(&[hashes, &[surplus]].concat(), &good), "proof-length");
        assert_eq!(code(&[&[surplus], hashes].concat(), &good), "proof-length");
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at].1 = LeafHash::from_bytes(*corrupted(bad[at].1.to_root()).as_bytes());
        assert_eq!(code(hashes, &bad), "proof-root");
        bad[at] = (index(n), all[chosen[at]]);
        let expected = if at + 1 == good.len() { "proof-index-outside" } else { "proof-index-order" };
        assert_eq!(code(hashes, &bad), expected);
        bad.clone_from(&good);
        bad.insert(at, good[at]);
        assert_eq!(code(hashes, &bad), "proof-index-twice");
        bad.clone_from(&good);
        bad.remove(at);
        assert!(MultiProof::from_hashes(hashes.to_vec()).verify(&bad, size(n), root).is_err());
    }
    if let [.., before, last] = good.as_slice() {
        let mut swapped = good[..good.len() - 2].to_vec();
        swapped.extend([*last, *before]);
        assert_eq!(code(hashes, &swapped), "proof-index-order");
        // Two leaves that change places, under rising indices.
        let mut exchanged = good.clone();
        exchanged[good.len() - 2].1 = last.1;
        exchanged[good.len() - 1].1 = before.1;
        assert_eq!(code(hashes, &exchanged), "proof-root");
    }
    assert_eq!(code(hashes, &[]), "proof-empty");
    assert!(proof.verify(&good, size(n), corrupted(root)).is_err());
}

#[test]
fn one_leaf_has_the_hashes_of_its_inclusion_proof_and_a_run_those_of_its_range_proof() {
    let whole = tree(SWEEP);
    let sorted = |hashes: &[RootHash]| hashes.iter().copied().collect::<BTreeSet<_>>();
    for n in 1..=SWEEP {
        for at in 0..n {
            let multi = prove_multi(&whole, &[index(at)], size(n)).unwrap();
            let single = prove_inclusion(&whole, index(at), size(n)).unwrap();
            assert_eq!(sorted(multi.hashes()), sorted(single.hashes()), "{at} of {n}");
            let end = at + 1 + (n - at - 1) / 2;
            let chosen: Vec<usize> = (at..end).collect();
            let multi = prove_multi(&whole, &indices(&chosen), size(n)).unwrap();
            let range = prove_range(&whole, LeafRun::new(index(at), index(end)).unwrap(), size(n)).unwrap();
            assert_eq!(multi.hashes(), [range.left(), range.right()].concat(), "{at}..{end} of {n}");
        }
    }
}

#[test]
fn what_cannot_be_proven_is_refused_by_name() {
    let whole = tree(8);
    let refused = |chosen: &[usize], n: usize| {
        let error = prove_multi(&whole, &indices(chosen), size(n)).unwrap_err();
        let vm_seal::error::ProveError::Leaves(cause) = error else { panic!("{error}") };
        cause.code()
    };
    assert_eq!(refused(&[], 8), "proof-empty");
    assert_eq!(refused(&[], 0), "proof-empty");
    assert_eq!(refused(&[2, 1], 8), "proof-index-order");
    assert_eq!(refused(&[1, 1], 8), "proof-index-twice");
    assert_eq!(refused(&[1, 8], 8), "proof-index-outside");
    // A tree that does not hold what it is asked for is found out.
    assert_eq!(prove_multi(&whole, &indices(&[9]), size(10)).unwrap_err().code(), "prove-answer");
}

#[test]
fn inner_nodes_are_no_leaves_of_a_tree_of_its_real_size() {
    let all = leaves(8);
    let inner = |from: usize| LeafHash::from_bytes(*mth(&all[from..from + 2]).as_bytes());
    let root = mth(&all);
    let forged = [(index(0), inner(0)), (index(1), inner(2))];
    for hashes in [vec![mth(&all[4..])], vec![mth(&all[2..4]), mth(&all[4..])]] {
        let error = MultiProof::from_hashes(hashes).verify(&forged, size(8), root).unwrap_err();
        assert!(["proof-length", "proof-root"].contains(&error.code()), "{error}");
    }
    // As many hashes as such leaves demand, and still no way from an inner node to the root.
    let proof = prove_multi(&tree(8), &indices(&[0, 1]), size(8)).unwrap();
    assert_eq!(proof.verify(&forged, size(8), root).unwrap_err().code(), "proof-root");
}

#[test]
fn a_duplicated_tail_is_another_tree() {
    // CVE-2012-2459: where odd nodes are doubled, the leaves 0 1 2 and 0 1 2 2 have one root.
    let three = leaves(3);
    let doubled = [three.as_slice(), &three[2..]].concat();
    let proof = MultiProof::from_hashes(Vec::new());
    let all = claims(&doubled, &[0, 1, 2, 3]);
    assert_eq!(proof.verify(&all, size(4), mth(&three)).unwrap_err().code(), "proof-root");
    assert_eq!(proof.verify(&all[..3], size(4), mth(&three)).unwrap_err().code(), "proof-length");
    assert!(proof.verify(&all[..3], size(3), mth(&three)).is_ok());
}

#[test]
fn the_largest_tree_does_not_overflow() {
    let largest = TreeSize::new(u64::MAX);
    let ends = [0, 1, u64::MAX / 2, u64::MAX - 2, u64::MAX - 1].map(LeafIndex::new);
    let claims: Vec<(LeafIndex, LeafHash)> = ends.iter().map(|at| (*at, LeafHash::of(b"x"))).collect();
    let error = MultiProof::from_hashes(Vec::new()).verify(&claims, largest, RootHash::empty()).unwrap_err();
    let vm_seal::error::ProofError::Length { expected, found: 0 } = error else { panic!("{error}") };
    let proof = MultiProof::from_hashes(vec![RootHash::empty(); expected.try_into().unwrap()]);
    assert_eq!(proof.verify(&claims, largest, RootHash::empty()).unwrap_err().code(), "proof-root");
}

#[test]
fn a_stored_proof_reads_back_and_is_bound_to_its_size_and_leaves() {
    let all = leaves(SWEEP);
    let whole = tree(SWEEP);
    for n in [1, 2, 7, 8, 100, 128] {
        for chosen in samples(n) {
            let proof = prove_multi(&whole, &indices(&chosen), size(n)).unwrap();
            let stored = StoredMultiProof::new(indices(&chosen), size(n), proof).unwrap();
            let read = StoredMultiProof::parse(&stored.to_bytes().unwrap()).unwrap();
            assert_eq!(read, stored);
            assert_eq!((read.indices(), read.size()), (indices(&chosen).as_slice(), size(n)));
            let hashes: Vec<LeafHash> = chosen.iter().map(|at| all[*at]).collect();
            let root = mth(&all[..n]);
            read.verify(&hashes, size(n), root).unwrap();
            for other in (1..=SWEEP).filter(|other| *other != n) {
                assert_eq!(read.verify(&hashes, size(other), root).unwrap_err().code(), "proof-size");
            }
            assert_eq!(read.verify(&hashes[1..], size(n), root).unwrap_err().code(), "proof-leaves");
            let surplus = [hashes.as_slice(), &[all[0]]].concat();
            assert_eq!(read.verify(&surplus, size(n), root).unwrap_err().code(), "proof-leaves");
        }
    }
}

#[test]
fn malformed_stored_proofs_are_refused_by_name() {
    let hash = mth(&leaves(2));
    let text = |indices: &str, hashes: &str, size: u64| {
        format!(r#"{{"format":"vm-multi-proof-v0","hashes":[{hashes}],"indices":[{indices}],"size":{size}}}"#)
    };
    let one = format!("\"{hash}\"");
    let good = text("0,1", &one, 3);
    StoredMultiProof::parse(good.as_bytes()).unwrap();
    for (bad, code) in [
        (good.replace("-v0", "-v1"), "format-unknown"),
        (good.replace("\"format\":\"vm-multi-proof-v0\",", ""), "proof-file-shape"),
        (good.replace("size", "sise"), "proof-file-shape"),
        (good.replace(":3}", ":3,\"x\":1}"), "proof-file-shape"),
        (good.replace(":3}", ":3.5}"), "proof-file-shape"),
        (good.replace("[0,1]", "[0,-1]"), "proof-file-shape"),
        (good.replace("[0,1]", "[0,\"1\"]"), "proof-file-shape"),
        (good.replace("[0,1]", "7"), "proof-file-shape"),
        (good.replace(&one, &one.to_uppercase()), "proof-file-shape"),
        (good.replace(&one, "\"00\""), "proof-file-shape"),
        (good.replace(",\"size", ", \"size"), "proof-file-json"),
        (good.replace("[0,1]", "[0,1,2]"), "proof-file-proof"),
        (text("1,0", &one, 3), "proof-file-proof"),
        (text("1,1", &one, 3), "proof-file-proof"),
        (text("0,3", &one, 3), "proof-file-proof"),
        (text("", &one, 3), "proof-file-proof"),
        (text("0,1", "", 3), "proof-file-proof"),
        (text("0,1", &format!("{one},{one}"), 3), "proof-file-proof"),
        (" ".repeat(PROOF_FILE_MAX + 1), "proof-file-json"),
    ] {
        let shown: String = bad.chars().take(200).collect();
        assert_eq!(StoredMultiProof::parse(bad.as_bytes()).unwrap_err().code(), code, "{shown}");
    }
    // A number that JSON cannot hold is not written as another.
    for exponent in [53, 60] {
        let indices = vec![LeafIndex::new(1 << exponent)];
        let proof = MultiProof::from_hashes(vec![hash]);
        let stored = StoredMultiProof::new(indices, TreeSize::new((1 << exponent) + 1), proof).unwrap();
        stored.to_bytes().unwrap_err();
    }
}

/// Some leaves of a tree, and which.
fn tree_and_leaves() -> impl Strategy<Value = (usize, BTreeSet<usize>)> {
    (1_usize..600).prop_flat_map(|n| (Just(n), proptest::collection::btree_set(0..n, 1..40.min(n + 1))))
}

proptest! {
    #[test]
    fn rs_merkle_agrees((n, chosen) in tree_and_leaves()) {
        let (all, chosen): (_, Vec<usize>) = (leaves(n), chosen.into_iter().collect());
        let ours = prove_multi(&tree(n), &indices(&chosen), size(n)).unwrap();
        let hashes: Vec<[u8; 32]> = all.iter().map(|leaf| *leaf.as_bytes()).collect();
        let theirs = MerkleTree::<Rfc6962>::from_leaves(&hashes);
        // The same hashes, theirs level by level, ours from left to right.
        let proof = theirs.proof(&chosen);
        let mut expected = proof.proof_hashes().to_vec();
        let mut found: Vec<[u8; 32]> = ours.hashes().iter().map(|hash| *hash.as_bytes()).collect();
        expected.sort_unstable();
        found.sort_unstable();
        prop_assert_eq!(found, expected);
        // And the same root from them.
        let known: Vec<[u8; 32]> = chosen.iter().map(|at| hashes[*at]).collect();
        let root = proof.root(&chosen, &known, n).unwrap();
        prop_assert!(ours.verify(&claims(&all, &chosen), size(n), RootHash::from_bytes(root)).is_ok());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        let _ = StoredMultiProof::parse(&bytes);
    }
}
