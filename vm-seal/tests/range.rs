//! Range proofs: every run of every small tree, samples of larger ones, and every way to spoil one.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod trees;

use proptest::prelude::*;
use vm_core::digest::{LeafHash, RootHash};
use vm_seal::merkle::{LeafIndex, LeafRun, RangeProof, Tree, TreeSize, prove_range};
use vm_seal::proof::StoredRangeProof;

use trees::{SWEEP, corrupted, index, leaves, mth, size, split, tree};

/// Every run is swept up to this size.
const RUNS: usize = 40;

fn run(begin: usize, end: usize) -> LeafRun {
    LeafRun::new(index(begin), index(end)).unwrap()
}

/// The definition, word for word: the largest subtrees on either side of the run, left to right.
fn sides(all: &[LeafHash], first: usize, run: (usize, usize), found: &mut [Vec<RootHash>; 2]) {
    let last = first + all.len();
    if last <= run.0 {
        found[0].push(mth(all));
    } else if run.1 <= first {
        found[1].push(mth(all));
    } else if all.len() > 1 {
        let (left, right) = all.split_at(split(all.len()));
        sides(left, first, run, found);
        sides(right, first + left.len(), run, found);
    }
}

fn check(all: &[LeafHash], whole: &Tree, (begin, end): (usize, usize)) {
    let (n, root) = (all.len(), mth(all));
    let proof = prove_range(whole, run(begin, end), size(n)).unwrap();
    let mut expected = [Vec::new(), Vec::new()];
    sides(all, 0, (begin, end), &mut expected);
    assert_eq!([proof.left(), proof.right()], [expected[0].as_slice(), &expected[1]], "{begin}..{end} of {n}");
    let verified = proof.verify(run(begin, end), all[begin..end].iter().copied(), size(n), root).unwrap();
    assert_eq!((verified.run(), verified.size(), verified.root()), (run(begin, end), size(n), root));
    assert_eq!((verified.is_at_start(), verified.is_at_end()), (begin == 0, end == n));
    spoil(all, (begin, end), &proof, root);
}

/// Corrupts every hash and length of a proof, the run, and its leaves.
fn spoil(all: &[LeafHash], (begin, end): (usize, usize), proof: &RangeProof, root: RootHash) {
    let (n, own) = (all.len(), &all[begin..end]);
    let verify = |left: &[RootHash], right: &[RootHash], at: LeafRun, leaves: &[LeafHash]| {
        let proof = RangeProof::from_hashes(left.to_vec(), right.to_vec()).unwrap();
        proof.verify(at, leaves.iter().copied(), size(n), root)
    };
    let (left, right) = (proof.left(), proof.right());
    let code = |left: &[RootHash], right: &[RootHash], leaves: &[LeafHash]| {
        verify(left, right, run(begin, end), leaves).unwrap_err().code()
    };
    for side in [left, right] {
        let swap = |bad: &[RootHash], leaves: &[LeafHash]| {
            if core::ptr::eq(side, left) { code(bad, right, leaves) } else { code(left, bad, leaves) }
        };
        for at in 0..side.len() {
            let mut bad = side.to_vec();
            bad[at] = corrupted(bad[at]);
            assert_eq!(swap(&bad, own), "proof-root", "{begin}..{end} of {n}");
            bad.remove(at);
            assert_eq!(swap(&bad, own), "proof-length");
        }
        for surplus in [root, own[0].to_root()] {
            assert_eq!(swap(&[side, &[surplus]].concat(), own), "proof-length");
        }
    }
    assert_eq!(code(left, right, &own[1..]), "proof-leaves");
    assert_eq!(code(left, right, &own[..own.len() - 1]), "proof-leaves");
    assert_eq!(code(left, right, &[own, &[own[0]]].concat()), "proof-leaves");
    let mut swapped = own.to_vec();
    swapped.rotate_left(1);
    if own.len() > 1 {
        assert_eq!(code(left, right, &swapped), "proof-root");
        swapped = own.to_vec();
        swapped[1] = swapped[0];
        assert_eq!(code(left, right, &swapped), "proof-root");
    }
    assert!(proof.verify(run(begin, end), own.iter().copied(), size(n), corrupted(root)).is_err());
    // As any other run of this tree the proof is refused, with its own leaves and with those of that run.
    for other in [(begin + 1, end), (begin, end + 1), (begin + 1, end + 1), (begin, end - 1)] {
        if other.0 <= other.1 && other.1 <= n {
            assert!(verify(left, right, run(other.0, other.1), own).is_err());
            assert!(verify(left, right, run(other.0, other.1), &all[other.0..other.1]).is_err());
        }
    }
    let outside = verify(left, right, run(begin, n + 1), own).unwrap_err();
    assert_eq!(outside.code(), "proof-run-outside");
}

#[test]
fn every_run_of_every_small_tree_is_proven_and_every_spoiled_proof_refused() {
    let whole = tree(RUNS);
    let all = leaves(RUNS);
    for n in 1..=RUNS {
        for begin in 0..n {
            for end in begin + 1..=n {
                check(&all[..n], &whole, (begin, end));
            }
        }
    }
}

#[test]
fn samples_of_every_tree_to_128_are_proven_and_every_spoiled_proof_refused() {
    let whole = tree(SWEEP);
    let all = leaves(SWEEP);
    for n in RUNS + 1..=SWEEP {
        for begin in [0, 1, 31, 32, 33, n / 2, n - 2, n - 1] {
            for end in [begin + 1, begin + 2, begin + (n - begin) / 2, 64, n - 1, n] {
                if begin < end && end <= n {
                    check(&all[..n], &whole, (begin, end));
                }
            }
        }
    }
}

#[test]
fn a_place_between_two_leaves_is_shown_by_both() {
    let whole = tree(8);
    let all = leaves(8);
    for place in 0..=8 {
        let wide = run(place, place).with_neighbours(size(8));
        let proof = prove_range(&whole, wide, size(8)).unwrap();
        let (begin, end) = (place.saturating_sub(1), (place + 1).min(8));
        let verified = proof.verify(wide, all[begin..end].iter().copied(), size(8), mth(&all)).unwrap();
        assert_eq!(verified.run(), run(begin, end));
        // The place is fenced on both sides: by a leaf, or by an end of the tree.
        assert!(begin < place || verified.is_at_start());
        assert!(place < end || verified.is_at_end());
    }
}

#[test]
fn an_empty_run_proves_nothing_but_an_empty_tree() {
    let proof = RangeProof::from_hashes(Vec::new(), Vec::new()).unwrap();
    let nothing = run(0, 0);
    assert_eq!(proof.verify(nothing, [], size(0), mth(&leaves(1))).unwrap_err().code(), "proof-root");
    let verified = proof.verify(nothing, [], size(0), RootHash::empty()).unwrap();
    assert!(verified.is_at_start() && verified.is_at_end());
    assert_eq!(proof.verify(nothing, leaves(1), size(0), RootHash::empty()).unwrap_err().code(), "proof-leaves");
    let empty_of_one = proof.verify(run(1, 1), [], size(1), mth(&leaves(1)));
    assert_eq!(empty_of_one.unwrap_err().code(), "proof-empty");
    assert_eq!(prove_range(&tree(0), nothing, size(0)).unwrap(), proof);
    let whole = tree(4);
    for (run, n, code) in [(run(2, 2), 4, "proof-empty"), (run(3, 5), 4, "proof-run-outside")] {
        let error = prove_range(&whole, run, size(n)).unwrap_err();
        let vm_seal::error::ProveError::Leaves(cause) = error else { panic!("{error}") };
        assert_eq!(cause.code(), code);
    }
    assert_eq!(prove_range(&whole, run(3, 4), size(6)).unwrap_err().code(), "prove-answer");
}

#[test]
fn inner_nodes_are_no_leaves_of_a_tree_of_its_real_size() {
    let all = leaves(8);
    let inner: Vec<LeafHash> =
        (0..8).step_by(2).map(|at| LeafHash::from_bytes(*mth(&all[at..at + 2]).as_bytes())).collect();
    let proof = RangeProof::from_hashes(Vec::new(), Vec::new()).unwrap();
    let root = mth(&all);
    assert_eq!(proof.verify(run(0, 4), inner.iter().copied(), size(8), root).unwrap_err().code(), "proof-length");
    assert_eq!(proof.verify(run(0, 8), inner.iter().copied(), size(8), root).unwrap_err().code(), "proof-leaves");
    let padded = inner.iter().chain(&inner).copied();
    assert_eq!(proof.verify(run(0, 8), padded, size(8), root).unwrap_err().code(), "proof-root");
}

#[test]
fn a_duplicated_tail_is_another_tree() {
    let three = leaves(3);
    let doubled = three.iter().chain(&three[2..]).copied();
    let proof = RangeProof::from_hashes(Vec::new(), Vec::new()).unwrap();
    assert_eq!(proof.verify(run(0, 4), doubled, size(4), mth(&three)).unwrap_err().code(), "proof-root");
}

#[test]
fn the_largest_tree_does_not_overflow() {
    let largest = TreeSize::new(u64::MAX);
    let place = |at: u64| LeafIndex::new(at);
    for begin in [0, 1, u64::MAX / 2, u64::MAX - 2, u64::MAX - 1] {
        let one = LeafRun::new(place(begin), place(begin + 1)).unwrap();
        let mut right = 0;
        let proof = loop {
            let left = vec![RootHash::empty(); begin.count_ones().try_into().unwrap()];
            let proof = RangeProof::from_hashes(left, vec![RootHash::empty(); right]).unwrap();
            if proof.verifier(one, largest).is_ok() {
                break proof;
            }
            right += 1;
        };
        let error = proof.verify(one, [LeafHash::of(b"x")], largest, RootHash::empty()).unwrap_err();
        assert_eq!(error.code(), "proof-root", "{begin}");
    }
    let long = vec![RootHash::empty(); 65];
    assert_eq!(RangeProof::from_hashes(long.clone(), Vec::new()).unwrap_err().code(), "proof-too-long");
    assert_eq!(RangeProof::from_hashes(Vec::new(), long).unwrap_err().code(), "proof-too-long");
}

#[test]
fn a_million_leaves_stream_through() {
    const MILLION: u32 = 1_000_000;
    let leaf = |n: u32| LeafHash::from_bytes(*LeafHash::of(&n.to_be_bytes()).as_bytes());
    let mut whole = Tree::new();
    whole.extend((0..MILLION + 500).map(leaf));
    let n = whole.size();
    let million = LeafRun::new(LeafIndex::new(77), LeafIndex::new(77 + u64::from(MILLION))).unwrap();
    let proof = prove_range(&whole, million, n).unwrap();
    assert!(proof.left().len() + proof.right().len() <= 128);
    let mut verifier = proof.verifier(million, n).unwrap();
    let mut at_once = verifier.clone();
    for n in 77..77 + MILLION {
        verifier.push(leaf(n)).unwrap();
    }
    assert_eq!(verifier.clone().push(leaf(0)).unwrap_err().code(), "proof-leaves");
    assert_eq!(verifier.clone().push_all(&[leaf(0)]).unwrap_err().code(), "proof-leaves");
    assert_eq!(verifier.finish(whole.root()).unwrap().run(), million);
    // In pieces of any length it is the same.
    let all: Vec<LeafHash> = (77..77 + MILLION).map(leaf).collect();
    let (some, rest) = all.split_at(12_345);
    at_once.push_all(some).unwrap();
    assert_eq!(at_once.push_all(&all).unwrap_err().code(), "proof-leaves");
    at_once.push_all(rest).unwrap();
    assert_eq!(at_once.finish(whole.root()).unwrap().run(), million);
}

#[test]
fn a_stored_proof_reads_back_and_is_bound_to_its_size() {
    let all = leaves(RUNS);
    let whole = tree(RUNS);
    for (begin, end) in [(0, 1), (0, RUNS), (3, 5), (31, 40), (39, 40)] {
        let root = mth(&all);
        let proof = prove_range(&whole, run(begin, end), size(RUNS)).unwrap();
        let stored = StoredRangeProof::new(run(begin, end), size(RUNS), proof).unwrap();
        let read = StoredRangeProof::parse(&stored.to_bytes().unwrap()).unwrap();
        assert_eq!((&read, read.run(), read.size()), (&stored, run(begin, end), size(RUNS)));
        let own = || all[begin..end].iter().copied();
        read.verify(own(), size(RUNS), root).unwrap();
        let mut verifier = read.verifier(size(RUNS)).unwrap();
        own().for_each(|leaf| verifier.push(leaf).unwrap());
        verifier.finish(root).unwrap();
        for other in [0, 1, RUNS - 1, RUNS + 1, 64] {
            assert_eq!(read.verify(own(), size(other), root).unwrap_err().code(), "proof-size");
            assert_eq!(read.verifier(size(other)).unwrap_err().code(), "proof-size");
        }
    }
}

#[test]
fn malformed_stored_proofs_are_refused_by_name() {
    let hash = mth(&leaves(2));
    let good =
        format!(r#"{{"begin":1,"end":2,"format":"vm-range-proof-v0","left":["{hash}"],"right":["{hash}"],"size":3}}"#);
    StoredRangeProof::parse(good.as_bytes()).unwrap();
    for (from, to, code) in [
        ("-v0", "-v1", "format-unknown"),
        ("\"format\":\"vm-range-proof-v0\",", "", "proof-file-shape"),
        ("left", "lift", "proof-file-shape"),
        (":3}", ":3,\"x\":1}", "proof-file-shape"),
        (":3}", ":\"3\"}", "proof-file-shape"),
        ("\"begin\":1", "\"begin\":-1", "proof-file-shape"),
        ("\"end\":2", "\"end\":2.5", "proof-file-shape"),
        ("\"begin\":1", "\"begin\": 1", "proof-file-json"),
        ("\"begin\":1", "\"begin\":3", "proof-file-proof"),
        ("\"begin\":1", "\"begin\":2", "proof-file-proof"),
        ("\"end\":2", "\"end\":3", "proof-file-proof"),
        ("\"end\":2", "\"end\":4", "proof-file-proof"),
        (":3}", ":4}", ""),
        (":3}", ":9}", "proof-file-proof"),
    ] {
        let bad = good.replacen(from, to, 1);
        let found = StoredRangeProof::parse(bad.as_bytes()).map_or_else(|error| error.code(), |_| "");
        assert_eq!(found, code, "{bad}");
    }
}

proptest! {
    #[test]
    fn any_run_is_proven(n in 1_usize..700, a: usize, b: usize) {
        let (a, b) = (a % n, b % n);
        let (begin, end) = (a.min(b), a.max(b) + 1);
        let (all, whole) = (leaves(n), tree(n));
        let proof = prove_range(&whole, run(begin, end), size(n)).unwrap();
        let own = || all[begin..end].iter().copied();
        prop_assert!(proof.verify(run(begin, end), own(), size(n), whole.root()).is_ok());
        let mut other = own().collect::<Vec<_>>();
        let at = a % other.len();
        other[at] = LeafHash::of(b"other");
        let refused = proof.verify(run(begin, end), other, size(n), whole.root()).unwrap_err();
        prop_assert_eq!(refused.code(), "proof-root");
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        let _ = StoredRangeProof::parse(&bytes);
    }
}
