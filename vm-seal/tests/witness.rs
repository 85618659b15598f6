//! Witnesses: what they cosign, what they refuse, and that no byte of what they say can be changed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

use proptest::prelude::*;
use vm_core::digest::LeafHash;
use vm_core::key::{CosignerKey, Note, NoteKey, NoteSignature, SigningIdentity};
use vm_core::verdict::{Report, Verdict};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::error::{AddCheckpointError, CosignatureError, Refusal, WitnessError, WitnessPolicyError};
use vm_seal::merkle::{ConsistencyProof, Tree, TreeSize, prove_consistency};
use vm_seal::witness::{
    ADD_CHECKPOINT_HASHES_MAX, ADD_CHECKPOINT_MAX, AddCheckpoint, COSIGNATURE_LEN, Cosignature, Latest, UnixSeconds,
    Witness, WitnessPolicy, WitnessRow, WitnessState, check_conduct,
};

const ORIGIN: &str = "example.com/log";
const NAME: &str = "witness.example/w1";

fn signer(seed: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[seed; 32])
}

fn log_key() -> NoteKey {
    NoteKey::new(ORIGIN, signer(1).public()).unwrap()
}

fn at(seconds: u64) -> UnixSeconds {
    UnixSeconds::from_seconds(seconds).unwrap()
}

/// A log whose leaves from `fork` on are those of another history.
fn log(size: u64, fork: u64) -> Tree {
    let mut tree = Tree::new();
    for leaf in 0..size {
        tree.append(LeafHash::of(format!("{}{leaf}", if leaf < fork { "" } else { "other " }).as_bytes()));
    }
    tree
}

fn signed(tree: &Tree, size: u64) -> Note {
    let size = TreeSize::new(size);
    Checkpoint::new(ORIGIN, size, tree.root_at(size).unwrap()).unwrap().sign(&signer(1)).unwrap()
}

fn request(tree: &Tree, old: u64, size: u64) -> AddCheckpoint {
    let proof = prove_consistency(tree, TreeSize::new(old), TreeSize::new(size)).unwrap();
    AddCheckpoint::new(TreeSize::new(old), proof, signed(tree, size)).unwrap()
}

fn witness() -> Witness {
    let mut witness = Witness::new(NAME, signer(2), WitnessState::default()).unwrap();
    witness.trust(log_key());
    witness
}

fn ask(witness: &mut Witness, request: &AddCheckpoint, seconds: u64) -> Result<NoteSignature, Refusal> {
    match witness.add_checkpoint(request, at(seconds), |_| Ok::<_, ()>(())) {
        Ok(line) => Ok(line),
        Err(WitnessError::Refused(refusal)) => Err(refusal),
        Err(_) => panic!("the store does not fail"),
    }
}

fn cosigned(request: &AddCheckpoint, line: NoteSignature) -> Note {
    request.note().clone().with_signature(line).unwrap()
}

/// The sample of C2SP tlog-cosignature reads, and its line is of a cosignature's length.
#[test]
fn the_sample_of_the_specification_reads() {
    let sample = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let note = Note::parse(sample.as_bytes()).unwrap();
    assert_eq!(note.to_string(), sample);
    let line = &note.signatures()[1];
    assert_eq!(line.bytes().len(), COSIGNATURE_LEN);
    assert_eq!(line.bytes()[..8], 1_679_315_147_u64.to_be_bytes());
}

#[test]
fn a_log_that_grows_is_cosigned() {
    let (tree, mut witness) = (log(40, 40), witness());
    let mut old = 0;
    for (second, size) in [0, 1, 2, 5, 8, 8, 13, 32, 40].into_iter().enumerate() {
        let request = request(&tree, old, size);
        let again = AddCheckpoint::parse(request.to_string().as_bytes()).unwrap();
        assert_eq!(again, request);
        let second = u64::try_from(second).unwrap();
        let line = ask(&mut witness, &request, 100 + second).unwrap();
        let cosignature = Cosignature::verify(&cosigned(&request, line), witness.key()).unwrap();
        assert_eq!((cosignature.at(), cosignature.checkpoint().size().as_u64()), (at(100 + second), size));
        assert_eq!(witness.state().latest(ORIGIN).unwrap().checkpoint().size().as_u64(), size);
        old = size;
    }
}

/// Each recorded size, old size and size of a log and of its fork at each place: only what grew out of what was recorded
/// is cosigned, and the fork is proven wherever the request itself shows it.
#[test]
fn no_fork_is_cosigned_and_each_that_shows_is_proven() {
    const MAX: u64 = 9;
    let honest = log(MAX, MAX);
    for recorded in 1..=MAX {
        let mut before = witness();
        ask(&mut before, &request(&honest, 0, recorded), 1).unwrap();
        for fork in 0..MAX {
            let other = log(MAX, fork);
            for size in 0..=MAX {
                for old in 0..=size {
                    let request = request(&other, old, size);
                    let answer = ask(&mut before.clone(), &request, 1);
                    let differs = fork < recorded;
                    match answer {
                        Ok(_) => assert!(old == recorded && !differs, "{recorded} {fork} {old} {size}"),
                        Err(Refusal::Forked(proof)) => {
                            assert!(differs && (size == recorded || (old == recorded && !old.is_power_of_two())));
                            let proven = proof.check(&log_key()).unwrap();
                            assert_eq!(proven.checkpoints().each_ref().map(|c| c.size().as_u64()), [recorded, size]);
                        }
                        Err(Refusal::Conflict { recorded: said, .. }) => {
                            assert!(old != recorded && !(size == recorded && differs));
                            assert_eq!(said.as_u64(), recorded);
                        }
                        Err(Refusal::Inconsistent(_)) => assert!(differs && old == recorded && old.is_power_of_two()),
                        Err(other) => panic!("{other}"),
                    }
                }
            }
        }
    }
}

#[test]
fn each_refusal_has_the_status_of_the_specification() {
    let tree = log(20, 20);
    let mut witness = witness();
    let status = |refusal: Result<NoteSignature, Refusal>| {
        let refusal = refusal.unwrap_err();
        (refusal.status(), refusal.code())
    };
    assert_eq!(status(ask(&mut witness, &request(&tree, 3, 9), 5)), (409, "witness-conflict"));
    ask(&mut witness, &request(&tree, 0, 7), 5).unwrap();
    let unknown = Checkpoint::new("other.example/log", TreeSize::new(7), tree.root_at(TreeSize::new(7)).unwrap());
    let unknown = unknown.unwrap().sign(&signer(1)).unwrap();
    let empty = || ConsistencyProof::from_hashes(Vec::new()).unwrap();
    let unknown = AddCheckpoint::new(TreeSize::ZERO, empty(), unknown).unwrap();
    assert_eq!(status(ask(&mut witness, &unknown, 5)), (404, "witness-unknown-log"));
    let forged = Note::sign(request(&tree, 7, 9).claimed().to_text().as_str(), ORIGIN, &signer(3)).unwrap();
    let forged = AddCheckpoint::new(TreeSize::new(7), request(&tree, 7, 9).consistency().clone(), forged).unwrap();
    assert_eq!(status(ask(&mut witness, &forged, 5)), (403, "witness-not-signed"));
    let beyond = AddCheckpoint::new(TreeSize::new(8), empty(), signed(&tree, 7)).unwrap();
    assert_eq!(status(ask(&mut witness, &beyond, 5)), (400, "witness-old-beyond"));
    assert_eq!(status(ask(&mut witness, &request(&tree, 5, 9), 5)), (409, "witness-conflict"));
    assert_eq!(status(ask(&mut witness, &request(&log(20, 2), 5, 7), 5)), (409, "witness-forked"));
    assert_eq!(status(ask(&mut witness, &request(&log(20, 2), 7, 9), 5)), (422, "witness-forked"));
    let cut = AddCheckpoint::new(TreeSize::new(7), empty(), signed(&tree, 9)).unwrap();
    assert_eq!(status(ask(&mut witness, &cut, 5)), (422, "witness-inconsistent"));
    assert_eq!(status(ask(&mut witness, &request(&tree, 7, 9), 4)), (503, "witness-clock-behind"));
    ask(&mut witness, &request(&tree, 7, 9), 5).unwrap();
}

#[test]
fn a_store_that_fails_gives_no_cosignature_and_leaves_the_state() {
    let (tree, mut witness) = (log(9, 9), witness());
    let mut stored = Vec::new();
    let keep = |latest: &Latest| {
        stored.push(latest.note().to_string());
        Ok::<_, ()>(())
    };
    witness.add_checkpoint(&request(&tree, 0, 4), at(1), keep).unwrap();
    let before = witness.state().clone();
    let failed = witness.add_checkpoint(&request(&tree, 4, 9), at(2), |_| Err("disk full"));
    assert_eq!(failed, Err(WitnessError::Store("disk full")));
    assert_eq!(*witness.state(), before);
    // What was stored brings the witness back.
    let note = Note::parse(stored.concat().as_bytes()).unwrap();
    let mut state = WitnessState::default();
    state.restore(Latest::read(&note, &log_key(), witness.key()).unwrap());
    assert_eq!(state, before);
    assert!(Latest::read(&note, &log_key(), &CosignerKey::new(NAME, signer(3).public()).unwrap()).is_err());
    // Another key for the log does not set it back.
    state.trust(NoteKey::new(ORIGIN, signer(5).public()).unwrap());
    assert_eq!(state.latest(ORIGIN).unwrap().checkpoint().size().as_u64(), 4);
}

#[test]
fn every_flipped_bit_of_a_cosigned_note_is_refused() {
    let (tree, mut witness) = (log(5, 5), witness());
    let request = request(&tree, 0, 5);
    let line = ask(&mut witness, &request, 1_700_000_000).unwrap();
    let note = cosigned(&request, line);
    let policy = WitnessPolicy::new(1, vec![witness.key().clone()]).unwrap();
    assert_eq!(policy.check(&note, &log_key()).unwrap().cosignatures().len(), 1);
    let bytes = note.to_string().into_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let accepted = Note::parse(&bad).is_ok_and(|note| policy.check(&note, &log_key()).is_ok());
        assert!(!accepted, "bit {bit}");
    }
}

#[test]
fn every_flipped_bit_of_a_request_is_refused() {
    let (tree, mut witness) = (log(13, 13), witness());
    ask(&mut witness, &request(&tree, 0, 6), 1).unwrap();
    let bytes = request(&tree, 6, 13).to_string().into_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let cosigned = AddCheckpoint::parse(&bad).is_ok_and(|request| ask(&mut witness.clone(), &request, 2).is_ok());
        assert!(!cosigned, "bit {bit}");
    }
    ask(&mut witness, &AddCheckpoint::parse(&bytes).unwrap(), 2).unwrap();
}

#[test]
fn malformed_requests_are_refused_by_name() {
    let good = request(&log(13, 13), 6, 13).to_string();
    let (head, note) = good.split_once("\n\n").unwrap();
    let hash = head.lines().nth(1).unwrap();
    for (text, code) in [
        (good.replace("old 6", "old 06"), "add-checkpoint-old"),
        (good.replace("old 6", "old -6"), "add-checkpoint-old"),
        (good.replace("old 6", "old 18446744073709551616"), "add-checkpoint-old"),
        (good.replace("old 6", "new 6"), "add-checkpoint-old"),
        (good.replace(hash, &hash[4..]), "add-checkpoint-hash"),
        (good.replace(hash, &format!(" {hash}")), "add-checkpoint-hash"),
        (format!("old 6\n{}\n{note}", format!("{hash}\n").repeat(64)), "add-checkpoint-too-many-hashes"),
        (head.to_owned(), "add-checkpoint-no-checkpoint"),
        (format!("{head}\n\n{}", note.trim_end()), "add-checkpoint-note"),
        (good.replace("\n13\n", "\n013\n"), "add-checkpoint-checkpoint"),
    ] {
        assert_eq!(AddCheckpoint::parse(text.as_bytes()).unwrap_err().code(), code, "{text}");
    }
    let most = format!("old 6\n{}\n{note}", format!("{hash}\n").repeat(ADD_CHECKPOINT_HASHES_MAX));
    assert!(AddCheckpoint::parse(most.as_bytes()).is_ok());
    let long = vec![b'a'; ADD_CHECKPOINT_MAX + 1];
    assert!(matches!(AddCheckpoint::parse(&long), Err(AddCheckpointError::TooLong { .. })));
    assert_eq!(AddCheckpoint::parse(b"old 0\n\xff"), Err(AddCheckpointError::NotText));
}

#[test]
fn lines_of_others_are_ignored_and_a_wrong_one_spoils_the_note() {
    let (tree, mut one, mut two) =
        (log(5, 5), witness(), Witness::new("w2", signer(4), WitnessState::default()).unwrap());
    two.trust(log_key());
    let request = request(&tree, 0, 5);
    let line = ask(&mut one, &request, 7).unwrap();
    let note = cosigned(&request, line.clone());
    let policy = |quorum, keys: &[&Witness]| {
        WitnessPolicy::new(quorum, keys.iter().map(|witness| witness.key().clone()).collect()).unwrap()
    };
    let both = policy(2, &[&one, &two]);
    let count = both.count(&note, Some(&log_key()));
    assert_eq!((count.cosignatures.len(), count.absent.as_slice(), count.is_met()), (1, &["w2".to_owned()][..], false));
    assert_eq!(both.check(&note, &log_key()), Err(WitnessPolicyError::Unmet { quorum: 2, found: 1 }));
    assert!(policy(1, &[&one, &two]).check(&note, &log_key()).is_ok());
    let stranger = NoteSignature::new(NAME, [0; 4], vec![1; COSIGNATURE_LEN]).unwrap();
    let more = note.clone().with_signature(stranger).unwrap();
    assert!(policy(1, &[&one]).check(&more, &log_key()).is_ok());
    let faults = [
        (vec![1; COSIGNATURE_LEN], "cosignature-signature"),
        (vec![1; COSIGNATURE_LEN - 1], "cosignature-length"),
        (vec![0xff; COSIGNATURE_LEN], "cosignature-time"),
    ];
    for (bytes, code) in faults {
        let wrong = NoteSignature::new("w2", two.key().hash(), bytes).unwrap();
        let spoilt = note.clone().with_signature(wrong).unwrap();
        assert_eq!(Cosignature::verify(&spoilt, two.key()).unwrap_err().code(), code);
        // Enough others cosigned, and still the note is not believed.
        assert!(matches!(policy(1, &[&one, &two]).check(&spoilt, &log_key()), Err(WitnessPolicyError::Cosignature(_))));
        assert!(policy(1, &[&one]).check(&spoilt, &log_key()).is_ok());
    }
    let twice = Note::parse(format!("{note}{line}\n").as_bytes()).unwrap();
    assert!(matches!(Cosignature::verify(&twice, one.key()), Err(CosignatureError::Twice { .. })));
    // The time is signed too.
    let mut bytes = line.bytes().to_vec();
    bytes[7] ^= 1;
    let moved = NoteSignature::new(NAME, line.key_hash(), bytes).unwrap();
    assert_eq!(
        Cosignature::verify(&note.clone().with_signature(moved).unwrap(), one.key()).unwrap_err().code(),
        "cosignature-signature"
    );
    // A log is no witness of itself.
    let mut own = Witness::new(ORIGIN, signer(1), WitnessState::default()).unwrap();
    own.trust(log_key());
    let own_line = ask(&mut own, &request, 7).unwrap();
    let note = note.with_signature(own_line).unwrap();
    assert!(Cosignature::verify(&note, own.key()).is_ok());
    let count = policy(1, &[&own]).count(&note, Some(&log_key()));
    assert_eq!((count.is_met(), count.absent.as_slice()), (false, &[ORIGIN.to_owned()][..]));
}

#[test]
fn a_policy_that_says_nothing_is_refused() {
    let key = |name: &str, seed| CosignerKey::new(name, signer(seed).public()).unwrap();
    for (quorum, keys, code) in [
        (0, vec![key("a", 2)], "witness-policy-quorum"),
        (2, vec![key("a", 2)], "witness-policy-quorum"),
        (1, vec![], "witness-policy-quorum"),
        (1, vec![key("a", 2), key("a", 3)], "witness-policy-twice"),
        (1, vec![key("a", 2), key("b", 2)], "witness-policy-twice"),
        (1, (0..101).map(|n| key(&format!("w{n}"), n)).collect(), "witness-policy-too-many"),
    ] {
        assert_eq!(WitnessPolicy::new(quorum, keys).unwrap_err().code(), code);
    }
    let policy = WitnessPolicy::new(1, vec![key("a", 2), key("b", 3)]).unwrap();
    let value = serde_json::to_value(&policy).unwrap();
    assert_eq!(serde_json::from_value::<WitnessPolicy>(value.clone()).unwrap(), policy);
    let mut more = value;
    more["extra"] = 1.into();
    assert!(serde_json::from_value::<WitnessPolicy>(more).is_err());
}

#[test]
fn the_conduct_of_a_witness_is_judged_again_from_its_rows() {
    let (tree, mut witness) = (log(20, 20), witness());
    let mut rows = Vec::new();
    for (second, (old, size)) in (1..).zip([(0, 3), (3, 3), (3, 11), (11, 20)]) {
        let request = request(&tree, old, size);
        let line = ask(&mut witness, &request, second).unwrap();
        let row = WitnessRow::new(log_key(), &request, line).unwrap();
        assert_eq!(WitnessRow::from_value(&row.to_value()).unwrap(), row);
        rows.push(row);
    }
    let verdict = |rows: &[WitnessRow]| {
        let (mut state, mut report) = (WitnessState::default(), Report::new());
        report.checked("rows");
        rows.iter().for_each(|row| check_conduct(&mut state, row, witness.key(), "row", &mut report));
        report.verdict()
    };
    assert_eq!(verdict(&rows), Verdict::Verified);
    for at in 0..rows.len() {
        let mut fewer = rows.clone();
        fewer.remove(at);
        // Without a row the ones behind it do not follow, but for the last, and one of a size that was cosigned already.
        let unseen = at == 1 || at == rows.len() - 1;
        assert_eq!(verdict(&fewer) == Verdict::Verified, unseen, "{at}");
    }
    let mut swapped = rows.clone();
    swapped.swap(2, 3);
    assert_eq!(verdict(&swapped), Verdict::Contradicted);
    // A witness that cosigns a fork is shown by its own rows.
    let other = log(20, 1);
    let mut lying = Witness::new(NAME, signer(2), WitnessState::default()).unwrap();
    lying.trust(log_key());
    let fork = request(&other, 0, 20);
    let line = ask(&mut lying, &fork, 9).unwrap();
    let fork = WitnessRow::new(log_key(), &fork, line).unwrap();
    assert_eq!(verdict(&[&rows[..], &[fork]].concat()), Verdict::Contradicted);
    let later = request(&tree, 20, 20);
    let line = ask(&mut lying.clone(), &request(&other, 20, 20), 9).unwrap();
    let forged = WitnessRow::new(log_key(), &later, line).unwrap();
    assert_eq!(verdict(&[&rows[..], &[forged]].concat()), Verdict::Contradicted);
}

/// Fenced blocks of a page, in order.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap().1).collect()
}

#[test]
fn the_pages_show_what_holds() {
    let cosigned = blocks(include_str!("../../docs/spec/tlog-cosignature.md"));
    let key: CosignerKey = cosigned[1].trim_end().parse().unwrap();
    let note = Note::parse(cosigned[0].as_bytes()).unwrap();
    assert_eq!(note.to_string(), cosigned[0]);
    let cosignature = Cosignature::verify(&note, &key).unwrap();
    let page = include_str!("../../docs/spec/tlog-witness.md");
    let request = AddCheckpoint::parse(blocks(page)[0].as_bytes()).unwrap();
    assert_eq!(request.to_string(), blocks(page)[0]);
    assert_eq!(request.claimed(), cosignature.checkpoint());
    assert!(page.contains(&format!("more than {ADD_CHECKPOINT_MAX} bytes")));
    let row = blocks(include_str!("../../docs/spec/witness-checkpoint.md"))[0];
    let row = WitnessRow::from_value(&serde_json::from_str(row).unwrap()).unwrap();
    assert_eq!(row.latest(&key).unwrap().at(), cosignature.at());
}

proptest! {
    /// A witness asked anything in any order never cosigns two checkpoints that exclude each other.
    #[test]
    fn what_was_cosigned_is_one_history(
        asked in prop::collection::vec((0_u64..12, 0_u64..12, 0_u64..12, 0_u64..4), 1..40),
    ) {
        let mut witness = witness();
        let mut cosigned: Vec<(u64, u64, Checkpoint)> = Vec::new();
        for (fork, old, size, second) in asked {
            let (old, size) = (old.min(size), old.max(size));
            let tree = log(12, fork);
            let request = request(&tree, old, size);
            if ask(&mut witness, &request, second).is_ok() {
                cosigned.push((second, size, request.claimed().clone()));
            }
        }
        for pair in cosigned.windows(2) {
            prop_assert!(pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1);
            prop_assert!(pair[0].1 != pair[1].1 || pair[0].2 == pair[1].2);
        }
        // Every one is a prefix of one tree: that of the last. Trees differ from the place of their fork on.
        if let Some((_, last, checkpoint)) = cosigned.last() {
            let trees = (0..=12).map(|fork| log(12, fork));
            let fits = |tree: &Tree, size: u64, found: &Checkpoint| tree.root_at(TreeSize::new(size)).unwrap() == found.root();
            let one = trees.clone().any(|tree| {
                fits(&tree, *last, checkpoint) && cosigned.iter().all(|(_, size, found)| fits(&tree, *size, found))
            });
            prop_assert!(one);
        }
    }

    #[test]
    fn requests_round_trip(old in 0_u64..40, more in 0_u64..40) {
        let tree = log(80, 80);
        let request = request(&tree, old, old + more);
        prop_assert_eq!(AddCheckpoint::parse(request.to_string().as_bytes()).unwrap(), request);
    }
}
