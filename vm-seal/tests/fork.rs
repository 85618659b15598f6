//! Proofs of forks: every pair of checkpoints of small logs, and each byte of a proof changed.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

use vm_core::canonical;
use vm_core::digest::{LeafHash, RootHash};
use vm_core::key::{Note, NoteKey, NoteSignature, SigningIdentity};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::error::ForkError;
use vm_seal::fork::CheckpointFork;
use vm_seal::merkle::{ConsistencyProof, Tree, TreeSize, prove_consistency};

const ORIGIN: &str = "example.com/log";

fn key() -> NoteKey {
    NoteKey::new(ORIGIN, SigningIdentity::from_seed(&[1; 32]).public()).unwrap()
}

fn log(size: u64, fork: u64) -> Tree {
    let mut tree = Tree::new();
    for leaf in 0..size {
        tree.append(LeafHash::of(format!("{}{leaf}", if leaf < fork { "" } else { "other " }).as_bytes()));
    }
    tree
}

fn signed_by(seed: u8, origin: &str, tree: &Tree, size: u64) -> Note {
    let size = TreeSize::new(size);
    let checkpoint = Checkpoint::new(origin, size, tree.root_at(size).unwrap()).unwrap();
    checkpoint.sign(&SigningIdentity::from_seed(&[seed; 32])).unwrap()
}

fn signed(tree: &Tree, size: u64) -> Note {
    signed_by(1, ORIGIN, tree, size)
}

fn prefix(tree: &Tree, old: u64, new: u64) -> Option<(RootHash, ConsistencyProof)> {
    let (old, new) = (TreeSize::new(old), TreeSize::new(new));
    (old < new).then(|| (tree.root_at(old).unwrap(), prove_consistency(tree, old, new).unwrap()))
}

#[test]
fn what_forked_is_proven_and_what_grew_is_not() {
    const MAX: u64 = 9;
    let one = log(MAX, MAX);
    for fork in 0..MAX {
        let other = log(MAX, fork);
        for small in 0..=MAX {
            for large in small..=MAX {
                let made =
                    CheckpointFork::new(signed(&one, small), signed(&other, large), prefix(&other, small, large));
                if fork >= small {
                    assert_eq!(made, Err(ForkError::SameRoot), "{fork} {small} {large}");
                    continue;
                }
                let made = made.unwrap();
                let bytes = made.to_bytes().unwrap();
                assert_eq!(CheckpointFork::parse(&bytes).unwrap(), made);
                let proven = made.check(&key()).unwrap();
                assert_eq!(proven.checkpoints().each_ref().map(|c| c.size().as_u64()), [small, large]);
                // The proof of the log itself, under the root of the fork: nothing that forked.
                if small < large {
                    let root = other.root_at(TreeSize::new(small)).unwrap();
                    let (_, honest) = prefix(&one, small, large).unwrap();
                    let lie = CheckpointFork::new(signed(&one, small), signed(&one, large), Some((root, honest)));
                    assert!(matches!(lie.unwrap().check(&key()), Err(ForkError::Proof(_))));
                }
            }
        }
    }
}

/// One fork has one form, whichever of the two checkpoints was seen first.
#[test]
fn the_order_is_settled() {
    let (one, other) = (log(7, 7), log(7, 2));
    let made = CheckpointFork::new(signed(&one, 5), signed(&other, 5), None).unwrap();
    assert_eq!(CheckpointFork::new(signed(&other, 5), signed(&one, 5), None).unwrap(), made);
    let made = CheckpointFork::new(signed(&one, 5), signed(&other, 7), prefix(&other, 5, 7)).unwrap();
    assert_eq!(CheckpointFork::new(signed(&other, 7), signed(&one, 5), prefix(&other, 5, 7)).unwrap(), made);
    let text = String::from_utf8(made.to_bytes().unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut swapped = value.clone();
    swapped["notes"].as_array_mut().unwrap().swap(0, 1);
    assert_eq!(CheckpointFork::parse(&canonical::to_bytes(&swapped).unwrap()), Err(ForkError::Order));
}

#[test]
fn every_flipped_bit_is_refused() {
    let (one, other) = (log(7, 7), log(7, 2));
    for made in [
        CheckpointFork::new(signed(&one, 5), signed(&other, 5), None),
        CheckpointFork::new(signed(&one, 5), signed(&other, 7), prefix(&other, 5, 7)),
        CheckpointFork::new(signed(&one, 4), signed(&other, 7), prefix(&other, 4, 7)),
    ] {
        let bytes = made.unwrap().to_bytes().unwrap();
        assert!(CheckpointFork::parse(&bytes).unwrap().check(&key()).is_ok());
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let accepted = CheckpointFork::parse(&bad).is_ok_and(|fork| fork.check(&key()).is_ok());
            assert!(!accepted, "bit {bit}");
        }
    }
}

#[test]
fn what_proves_nothing_is_refused_by_name() {
    let (one, other) = (log(7, 7), log(7, 2));
    let code = |made: Result<CheckpointFork, ForkError>| made.unwrap_err().code();
    assert_eq!(code(CheckpointFork::new(signed(&one, 5), signed(&other, 7), None)), "fork-prefix");
    assert_eq!(code(CheckpointFork::new(signed(&one, 5), signed(&other, 5), prefix(&other, 5, 7))), "fork-prefix");
    assert_eq!(code(CheckpointFork::new(signed(&one, 5), signed(&one, 5), None)), "fork-same-root");
    let elsewhere = signed_by(1, "other.example/log", &other, 5);
    assert_eq!(code(CheckpointFork::new(signed(&one, 5), elsewhere, None)), "fork-other-origin");
    let line = NoteSignature::new("w", [1; 4], vec![1; 72]).unwrap();
    let more = signed(&other, 5).with_signature(line).unwrap();
    assert_eq!(code(CheckpointFork::new(signed(&one, 5), more, None)), "fork-signatures");
    // Two keys: neither of them forked anything.
    let by_another = signed_by(2, ORIGIN, &other, 5);
    let made = CheckpointFork::new(signed(&one, 5), by_another, None).unwrap();
    assert_eq!(made.check(&key()).unwrap_err().code(), "fork-checkpoint");
    let bytes = CheckpointFork::new(signed(&one, 5), signed(&other, 5), None).unwrap().to_bytes().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    for (from, to, code) in [
        ("fork-v0", "fork-v9", "format-unknown"),
        ("\"prefix_root\":null", "\"prefix_root\":1", "fork-prefix"),
        ("\"consistency\":null", "\"consistency\":[]", "fork-prefix"),
        ("\"notes\":", "\"nodes\":", "fork-shape"),
        ("{\"consistency\"", "{ \"consistency\"", "fork-json"),
    ] {
        assert_eq!(CheckpointFork::parse(text.replace(from, to).as_bytes()).unwrap_err().code(), code, "{to}");
    }
}

/// What a proof says of the older tree is that tree's root, wherever it does not take the root to say it.
#[test]
fn the_root_before_is_what_the_newer_tree_says() {
    let tree = log(20, 20);
    for new in 0..=20 {
        for old in 0..=new {
            let (old, new) = (TreeSize::new(old), TreeSize::new(new));
            let proof = prove_consistency(&tree, old, new).unwrap();
            let (old_root, new_root) = (tree.root_at(old).unwrap(), tree.root_at(new).unwrap());
            let named_alone = old < new && old.as_u64().is_power_of_two();
            assert_eq!(
                proof.prefix_root(old, new, new_root),
                Ok((!named_alone).then_some(old_root)),
                "{old:?} {new:?}"
            );
            let other = LeafHash::of(b"other").to_root();
            if !named_alone && old != new && old != TreeSize::ZERO {
                assert!(proof.prefix_root(old, new, other).is_err());
            }
            let longer = ConsistencyProof::from_hashes([proof.hashes(), &[other]].concat()).unwrap();
            assert!(named_alone || longer.prefix_root(old, new, new_root).is_err());
        }
    }
    assert!(
        prove_consistency(&tree, TreeSize::new(3), TreeSize::new(5))
            .unwrap()
            .prefix_root(TreeSize::new(5), TreeSize::new(3), tree.root_at(TreeSize::new(3)).unwrap())
            .is_err()
    );
}

#[test]
fn the_page_shows_proofs_that_hold() {
    let page = include_str!("../../docs/spec/checkpoint-fork.md");
    let mut blocks = page.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap().1);
    let (later, same) = (blocks.next().unwrap().trim_end(), blocks.next().unwrap().trim_end());
    let key: NoteKey = blocks.next().unwrap().trim_end().parse().unwrap();
    for (proof, is_of_one_size) in [(later, false), (same, true)] {
        let proof = CheckpointFork::parse(proof.as_bytes()).unwrap();
        assert_eq!(proof.is_of_one_size(), is_of_one_size);
        proof.check(&key).unwrap();
    }
    assert!(page.contains(&format!("at most {} bytes", vm_seal::fork::FORK_MAX)));
}
