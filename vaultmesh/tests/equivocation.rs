//! Proofs that an author forked, by the command line: the author is judged, and no changed proof speaks against anybody.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod common;

use common::Home;
use serde_json::json;
use vaultmesh::equivocation::{Pins, verify_equivocation};
use vm_core::digest::{Sha256Digest, to_hex};
use vm_core::key::SigningIdentity;
use vm_core::verdict::{Code, Verdict};
use vm_crdt::{EquivocationProof, GraphId, OpHead, Payload, SignedHead, SignedOp};

fn key(seed: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[seed; 32])
}

fn graph(name: &str) -> GraphId {
    GraphId::from_digest(Sha256Digest::of(name.as_bytes()))
}

/// A first op of an author in a graph, which differs by its epoch.
fn op(author: u8, name: &str, epoch: u64) -> SignedOp {
    let head = OpHead {
        graph: graph(name),
        epoch,
        author: key(author).public(),
        seq: 0,
        parent: None,
        others: Vec::new(),
        payload_len: 0,
        payload_hash: Sha256Digest::of(&[]),
    };
    SignedOp::sign(head, Payload::vouch(), &key(author)).unwrap()
}

/// The op of the same author behind `parent`.
fn next(author: u8, parent: &SignedOp) -> SignedOp {
    let head = OpHead { seq: 1, parent: Some(*parent.id()), ..parent.head().clone() };
    SignedOp::sign(head, Payload::vouch(), &key(author)).unwrap()
}

fn proof() -> EquivocationProof {
    EquivocationProof::check(op(1, "one", 0).signed().clone(), op(1, "one", 1).signed().clone()).unwrap()
}

/// A file of the format, of two heads in whatever order, true or not.
fn file(one: &SignedHead, other: &SignedHead) -> Vec<u8> {
    let heads = [one, other].map(|head| to_hex(&head.to_bytes()));
    vm_core::canonical::to_bytes(&json!({"format": "vm-equivocation-v0", "heads": heads})).unwrap()
}

#[test]
fn a_proof_that_holds_contradicts_its_author() {
    let home = Home::new();
    let (proof, author) = (proof(), key(1).public().to_string());
    home.write("proof.json", proof.to_bytes());
    let judged = home.json(&["verify-equivocation", "proof.json"]).expect(1);
    assert_eq!(judged.findings(), ["author-forked"]);
    let ops = proof.heads().map(|head| head.id().to_string());
    let mut expected = json!({
        "author": author, "author_pinned": false, "graph": graph("one").to_string(), "graph_pinned": false, "seq": 0, "ops": ops,
    });
    assert_eq!(judged.json()["result"], expected);
    let graph_hex = graph("one").to_string();
    let pinned = ["verify-equivocation", "proof.json", "--author", &author, "--graph", &graph_hex];
    let judged = home.json(&pinned).expect(1);
    expected["author_pinned"] = json!(true);
    expected["graph_pinned"] = json!(true);
    assert_eq!(judged.json()["result"], expected);
    let page = home.run(&pinned).expect(1).out;
    for told in [&author, &graph_hex, &ops[0], &ops[1], "as was named", "author-forked"] {
        assert!(page.contains(told), "no {told} in {page}");
    }
    let page = home.run(&["verify-equivocation", "proof.json"]).expect(1).out;
    assert!(page.contains("by the proof itself") && !page.contains("as was named"), "{page}");
    let from_stdin = home.run_with(&["verify-equivocation", "-"], &proof.to_bytes()).expect(1);
    assert!(from_stdin.out.contains(&author));
}

#[test]
fn a_proof_of_another_author_or_graph_proves_nothing_here() {
    let home = Home::new();
    home.write("proof.json", proof().to_bytes());
    let (stranger, elsewhere) = (key(2).public().to_string(), graph("other").to_string());
    for [pin, value] in [["--author", stranger.as_str()], ["--graph", elsewhere.as_str()]] {
        let judged = home.json(&["verify-equivocation", "proof.json", pin, value]).expect(3);
        assert_eq!(judged.findings(), ["equivocation-unproven"], "{pin}");
        assert!(judged.json()["findings"][0]["expected"].as_str().unwrap().contains(value));
        assert_eq!(judged.json()["result"]["author"], key(1).public().to_string());
    }
}

#[test]
fn ops_that_do_not_contradict_each_other_prove_nothing() {
    let home = Home::new();
    let first = op(1, "one", 0);
    for (name, other) in [
        ("the same op", first.clone()),
        ("another author", op(2, "one", 0)),
        ("another graph", op(1, "other", 0)),
        ("another number", next(1, &first)),
    ] {
        for (one, two) in [(&first, &other), (&other, &first)] {
            home.write("proof.json", file(one.signed(), two.signed()));
            let judged = home.json(&["verify-equivocation", "proof.json"]).expect(3);
            assert_eq!(judged.findings(), ["equivocation-unproven"], "{name}");
            assert_eq!(judged.json()["findings"][0]["found"], "crdt-proof-no-fork", "{name}");
            assert_eq!(judged.json()["result"], json!({}));
        }
    }
    assert!(home.run(&["verify-equivocation", "proof.json"]).expect(3).out.contains("equivocation-unproven"));
}

#[test]
fn a_signature_that_does_not_hold_proves_nothing_and_what_is_no_proof_is_an_error() {
    let home = Home::new();
    let text = String::from_utf8(proof().to_bytes()).unwrap();
    let signature = to_hex(proof().heads()[0].signature().as_bytes());
    let other = to_hex(proof().heads()[1].signature().as_bytes());
    home.write("proof.json", text.replace(&signature, &other));
    let judged = home.json(&["verify-equivocation", "proof.json"]).expect(3);
    assert_eq!(judged.findings(), ["equivocation-unproven"]);
    assert_eq!(judged.json()["findings"][0]["found"], "crdt-op-signature");
    let [one, two] = [op(1, "one", 0), op(1, "one", 1)];
    let (less, more) = if one.id() < two.id() { (one, two) } else { (two, one) };
    for (bytes, code) in [
        (b"{}".to_vec(), "crdt-proof-malformed"),
        (text.replace("equivocation-v0", "equivocation-v1").into_bytes(), "crdt-proof-format"),
        (format!("{text}\n").into_bytes(), "crdt-proof-canonical"),
        (file(more.signed(), less.signed()), "crdt-proof-malformed"),
        (vec![b' '; vm_crdt::equivocation::PROOF_MAX + 9], "crdt-proof-long"),
    ] {
        home.write("proof.json", bytes);
        assert_eq!(home.refused(&["verify-equivocation", "proof.json"]), code);
    }
}

#[test]
fn no_changed_proof_speaks_against_anybody() {
    let bytes = proof().to_bytes();
    let (mut unproven, mut refused) = (0, 0);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            match verify_equivocation(&changed, &Pins::default()) {
                Ok((shown, report)) => {
                    assert!(!report.has(Code::AuthorForked), "bit {bit} of byte {at}: {shown:?}");
                    assert_eq!(report.verdict(), Verdict::Undecided);
                    unproven += 1;
                }
                Err(_) => refused += 1,
            }
        }
        assert!(verify_equivocation(&bytes[..at], &Pins::default()).is_err());
    }
    assert!(unproven > 100 && refused > 100, "{unproven} {refused}");
    assert!(verify_equivocation(&bytes, &Pins::default()).unwrap().1.has(Code::AuthorForked));
}
