//! Each attack of the list in ARCHITECTURE.md against a graph: what it comes to is bounded, and an error by name.
//! Those against a session are in `attacks_sync.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod scene;

use scene::*;
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::id::LedgerId;
use vm_core::key::Signature;
use vm_crdt::document::{Path, Transaction};
use vm_crdt::error::{
    AuthorError, BytesError, CharterError, EquivocationError, EventError, OpError, PackError, PayloadError, Refusal,
    TransactionError,
};
use vm_crdt::event::{Ack, Change, EventBody};
use vm_crdt::graph::{Limits, Received};
use vm_crdt::op::{OTHERS_MAX, SignedHead};
use vm_crdt::pack::{PackedOp, Unpack};
use vm_crdt::payload::PAYLOAD_MAX;
use vm_crdt::{Charter, EquivocationProof, Graph, OpHead, OpId, Past as _, Payload, Replica, SealedEvent, SignedOp};

fn insert(replica: &mut Replica, op: &SignedOp) -> Result<Received, Refusal> {
    replica.insert(op.clone()).map(|(received, _)| received)
}

fn insert_all<'a>(replica: &mut Replica, ops: impl IntoIterator<Item = &'a SignedOp>) {
    for op in ops {
        assert!(matches!(insert(replica, op), Ok(Received::Held(_))), "{:?}", op.head());
    }
}

// ---- forks

#[test]
fn a_fork_told_to_two_halves_is_one_proof_and_one_state() {
    let (left, right) = (op(4, None, &[], "left"), op(4, None, &[], "right"));
    let (mut one, mut other) = (replica(), replica());
    insert_all(&mut one, [&left]);
    insert_all(&mut other, [&right]);
    one.write(put("y", "1"), &key(1)).unwrap();
    other.write(put("y", "2"), &key(2)).unwrap();
    sync(&mut one, &mut other, 1).unwrap();
    assert_eq!(one.encode(), other.encode());
    assert_eq!(one.graph().len(), 4, "both halves were built on, so both stay");
    let proofs = |replica: &Replica| replica.graph().proofs().map(EquivocationProof::to_bytes).collect::<Vec<_>>();
    assert_eq!(proofs(&one).len(), 1);
    assert_eq!(proofs(&one), proofs(&other));
    // It verifies with nothing else at hand.
    let proof = EquivocationProof::parse(&proofs(&one)[0]).unwrap();
    assert_eq!((proof.author(), proof.seq()), (&key(4).public(), 0));
}

#[test]
fn a_fork_that_is_hidden_and_merged_late_comes_to_nothing() {
    let shown = line(4, 3);
    let hidden = op(4, shown.first(), &[], "hidden");
    let further = op(4, Some(&hidden), &[], "and further");
    let merged = op(4, shown.last(), &[&further], "as if nothing were");
    let mut here = replica();
    insert_all(&mut here, &shown);
    here.write(put("y", "1"), &key(1)).unwrap();
    let (before, counted) = (here.encode(), heads(&here));
    assert!(matches!(insert(&mut here, &hidden), Ok(Received::Held(_))));
    assert_eq!(insert(&mut here, &further), Err(Refusal::Proven));
    assert!(matches!(insert(&mut here, &merged), Ok(Received::Waiting) | Err(Refusal::Proven)));
    assert_eq!((here.encode(), heads(&here)), (before, counted));
    // Elsewhere it comes whole before anybody knows: its own rule refuses it there.
    let mut elsewhere = replica();
    insert_all(&mut elsewhere, [&shown[0], &hidden]);
    let own = op(4, Some(&hidden), &[&shown[1]], "merges its own fork");
    assert_eq!(insert(&mut elsewhere, &own), Ok(Received::Waiting));
    assert!(matches!(insert(&mut elsewhere, &shown[1]), Ok(Received::Held(_))));
    assert_eq!(elsewhere.graph().waiting(), 0);
    assert!(!elsewhere.graph().contains(own.id()));
}

#[test]
fn another_payload_under_one_number_is_a_proof_that_needs_no_payload() {
    let (one, other) = (op(4, None, &[], "this"), op(4, None, &[], "that"));
    let proof = EquivocationProof::check(other.signed().clone(), one.signed().clone()).unwrap();
    assert_eq!(proof, EquivocationProof::check(one.signed().clone(), other.signed().clone()).unwrap());
    // Two who never saw either op believe it, and take nothing of that author by itself.
    let mut here = replica();
    let _ = here.learn(proof.clone()).unwrap();
    assert_eq!(insert(&mut here, &one), Err(Refusal::Proven));
    // Nobody is framed: the same op twice, other numbers and other authors prove nothing.
    let more = op(4, Some(&one), &[], "more");
    for (a, b) in [(&one, &one), (&one, &more), (&one, &op(3, None, &[], "that"))] {
        let framed = EquivocationProof::check(a.signed().clone(), b.signed().clone());
        assert_eq!(framed, Err(EquivocationError::NoFork));
    }
    let stranger = [op(9, None, &[], "this"), op(9, None, &[], "that")].map(|op| op.signed().clone());
    let [a, b] = stranger;
    assert_eq!(here.learn(EquivocationProof::check(a, b).unwrap()).map(|_| ()), Err(EquivocationError::Foreign));
}

#[test]
fn who_signs_on_top_of_a_fork_it_knew_whitewashes_nothing() {
    let root = op(4, None, &[], "root");
    let (left, right) = (op(4, Some(&root), &[], "left"), op(4, Some(&root), &[], "right"));
    let more = op(4, Some(&left), &[], "more");
    let saw = op(3, None, &[&left], "saw one");
    let other = op(2, None, &[&right], "saw the other");
    let both = op(3, Some(&saw), &[&other], "heard of the other");
    let washed = op(3, Some(&both), &[&more], "and goes on");
    let mut here = replica();
    for op in [&root, &left, &saw, &right, &other, &both] {
        assert!(insert(&mut here, op).is_ok());
    }
    assert!(here.graph().contains(both.id()), "somebody is the first to see both");
    assert_eq!(insert(&mut here, &washed), Ok(Received::Waiting));
    let (_, changes) = here.insert(more.clone()).unwrap();
    assert_eq!(changes.refused, [(*washed.id(), Refusal::Whitewash { predecessor: *more.id() })]);
    assert!(!here.graph().contains(more.id()) && !here.graph().contains(washed.id()));
}

// ---- predecessors

#[test]
fn omitted_predecessors_make_an_op_concurrent_and_nothing_else() {
    let mut here = replica();
    let first = op(4, None, &[], "first");
    insert_all(&mut here, [&first]);
    here.write(put("x", "honest"), &key(1)).unwrap();
    // It had seen the honest write and says otherwise: both stay, and who saw both decides.
    let sly = op(4, Some(&first), &[], "sly");
    insert_all(&mut here, [&sly]);
    let at = Path::new(["x"]).unwrap();
    assert_eq!(here.document().writes(&at).len(), 2);
    here.write(put("x", "decided"), &key(2)).unwrap();
    assert_eq!(here.document().writes(&at).len(), 1);
    // Its own op cannot be left out: without it there is another op of that number.
    let left_out = op(4, None, &[], "as if it were the first");
    let (_, changes) = here.insert(left_out).unwrap();
    assert_eq!(changes.proven, [key(4).public()]);
}

#[test]
fn a_flood_of_dangling_predecessors_costs_only_who_floods() {
    let limits = Limits { orphans: 8, orphan_bytes: 4_096, ..Limits::default() };
    let mut here = Replica::new(charter(), limits);
    let honest = line(1, 2);
    assert_eq!(insert(&mut here, &honest[1]), Ok(Received::Waiting));
    for n in 0..500_u32 {
        let mut head = head(4, 0, None, &[]);
        (head.seq, head.parent) = (1, Some(OpId::from_bytes(*Sha256Digest::of(&n.to_be_bytes()).as_bytes())));
        let orphan = SignedOp::sign(head, Payload::vouch(), &key(4)).unwrap();
        assert_eq!(insert(&mut here, &orphan), Ok(Received::Waiting));
        assert!(here.graph().waiting() <= 9);
        assert!(here.graph().wanted().count() <= 9);
    }
    // Bytes are held to their share as well, and one op that is longer than that is not kept at all.
    for n in 0..8_u8 {
        let mut head = head(4, 0, None, &[]);
        (head.seq, head.parent) = (1, Some(OpId::from_bytes([n; 32])));
        let long = SignedOp::sign(head, put("x", &"long".repeat(400)), &key(4)).unwrap();
        assert_eq!(insert(&mut here, &long), Ok(Received::Waiting));
    }
    assert!(here.graph().waiting() <= 3, "two of them fill the share");
    assert!(matches!(insert(&mut here, &honest[0]), Ok(Received::Held(_))));
    assert!(here.graph().contains(honest[1].id()));
}

/// A head that says these others, signed, whatever they are: bytes that [`SignedOp::sign`] does not make.
fn raw(count: u32, others: &[OpId], seq: u64, parent: Option<OpId>) -> Vec<u8> {
    let payload = [0];
    let mut bytes = b"vm-op-v0".to_vec();
    bytes.extend_from_slice(charter().graph().as_bytes());
    bytes.extend_from_slice(&0_u64.to_be_bytes());
    bytes.extend_from_slice(key(4).public().as_bytes());
    bytes.extend_from_slice(&seq.to_be_bytes());
    bytes.extend(parent.iter().flat_map(|id| *id.as_bytes()));
    bytes.extend_from_slice(&count.to_be_bytes());
    bytes.extend(others.iter().flat_map(|id| *id.as_bytes()));
    bytes.extend_from_slice(&1_u64.to_be_bytes());
    bytes.extend_from_slice(Sha256Digest::of(&payload).as_bytes());
    let id = Sha256Digest::of(&bytes);
    let signature = key(4).sign(&[&b"vm-op-v0 signature\n"[..], id.as_bytes()].concat());
    bytes.extend_from_slice(signature.as_bytes());
    bytes.extend_from_slice(&payload);
    bytes
}

fn ids(count: u32) -> Vec<OpId> {
    let mut ids: Vec<OpId> =
        (0..count).map(|n| OpId::from_bytes(*Sha256Digest::of(&n.to_be_bytes()).as_bytes())).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn ten_thousand_times_ten_predecessors_are_refused_before_they_are_read() {
    assert!(SignedOp::decode(&raw(3, &ids(3), 0, None)).is_ok(), "made as it should be");
    assert!(SignedOp::decode(&raw(1_024, &ids(1_024), 0, None)).is_ok());
    let too_many = |found| Err(OpError::TooManyPredecessors { limit: OTHERS_MAX, found });
    assert_eq!(SignedOp::decode(&raw(100_000, &ids(100_000), 0, None)), too_many(100_000));
    assert_eq!(SignedOp::decode(&raw(1_025, &ids(1_025), 0, None)), too_many(1_025));
    // A count alone is enough, and costs nothing.
    assert_eq!(SignedOp::decode(&raw(u32::MAX, &[], 0, None)), too_many(usize::try_from(u32::MAX).unwrap()));
    assert!(matches!(
        SignedOp::decode(&raw(1_024, &ids(3), 0, None)),
        Err(OpError::PredecessorOrder { .. } | OpError::Bytes(_))
    ));
    let others = ids(100_000);
    let signed = SignedOp::sign(OpHead { others, ..head(4, 0, None, &[]) }, Payload::vouch(), &key(4));
    assert_eq!(signed, Err(OpError::TooManyPredecessors { limit: OTHERS_MAX, found: 100_000 }));
}

#[test]
fn predecessors_twice_or_out_of_order_are_refused_although_they_are_signed() {
    let sorted = ids(4);
    let mut swapped = sorted.clone();
    swapped.swap(1, 2);
    let twice = [sorted[0], sorted[1], sorted[1], sorted[2]];
    for (others, at) in [(&swapped[..], 2), (&twice[..], 2)] {
        assert_eq!(SignedOp::decode(&raw(4, others, 0, None)), Err(OpError::PredecessorOrder { at }));
    }
    // The parent is no other predecessor.
    assert_eq!(SignedOp::decode(&raw(4, &sorted, 1, Some(sorted[3]))), Err(OpError::PredecessorOrder { at: 3 }));
}

#[test]
fn nothing_names_itself_and_a_circle_waits_for_ever_within_its_share() {
    // Two ops cannot name each other: the second's name changes with the first's. Whoever tries has named what does not exist.
    let guess = |parent: OpId| {
        let head = OpHead { seq: 1, parent: Some(parent), ..head(4, 0, None, &[]) };
        SignedOp::sign(head, Payload::vouch(), &key(4)).unwrap()
    };
    let mut here = replica();
    let mut last = guess(OpId::from_bytes([1; 32]));
    for _ in 0..1_000 {
        assert_eq!(insert(&mut here, &last), Ok(Received::Waiting));
        let next = guess(*last.id());
        assert_ne!(next.id(), last.id());
        last = next;
    }
    assert_eq!(here.graph().waiting(), Limits::default().orphans);
    assert!(here.graph().is_empty());
}

// ---- size

#[test]
fn a_chain_of_ten_thousand_takes_no_stack() {
    let ops = line(1, 10_000);
    let mut here = replica();
    insert_all(&mut here, &ops);
    assert_eq!(here.graph().len(), 10_000);
    let graph = here.graph();
    let place = |op: &SignedOp| graph.place(op.id()).unwrap();
    assert!(graph.is_or_precedes(place(&ops[0]), place(&ops[9_999])));
    // All of it falls at once where its first op is invalid, and comes to life at once where the first comes last.
    let limits = Limits { orphans: 3_000, orphan_bytes: u64::MAX, ..Limits::default() };
    let mut late = Replica::new(charter(), limits);
    for op in ops[1..3_000].iter().rev() {
        assert_eq!(insert(&mut late, op), Ok(Received::Waiting));
    }
    assert!(matches!(insert(&mut late, &ops[0]), Ok(Received::Held(_))));
    assert_eq!((late.graph().len(), late.graph().waiting()), (3_000, 0));
    let invalid = op(4, None, &[], "root");
    let bad = SignedOp::sign(OpHead { seq: 7, ..head(4, 0, Some(&invalid), &[]) }, put("x", "7"), &key(4)).unwrap();
    let mut above = vec![bad.clone()];
    while above.len() < 1_000 {
        let head = OpHead { seq: 7 + u64::try_from(above.len()).unwrap(), ..head(4, 0, above.last(), &[]) };
        above.push(SignedOp::sign(head, put("x", "8"), &key(4)).unwrap());
    }
    for op in above.iter().rev() {
        assert_eq!(insert(&mut late, op), Ok(Received::Waiting));
    }
    assert!(matches!(insert(&mut late, &invalid), Ok(Received::Held(_))));
    assert_eq!(late.graph().waiting(), 0, "all that named it is forgotten");
}

#[test]
fn a_hundred_thousand_heads_of_one_author_are_one_proof() {
    let mut here = replica();
    let mut refused = 0;
    let signed = |n: u32| op(4, None, &[], &n.to_string());
    for n in 0..500 {
        match insert(&mut here, &signed(n)) {
            Ok(Received::Held(_)) => {}
            Err(Refusal::Proven) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((refused, here.graph().proofs().count()), (498, 1), "the second proves it, and no third is taken");
    assert!(here.graph().is_empty() && heads(&here).is_empty(), "nobody built on either");
}

#[test]
fn whoever_names_many_branches_of_a_fork_fills_no_graph() {
    let limits = Limits { lanes: 16, ..Limits::default() };
    let mut here = Replica::new(charter(), limits);
    here.write(put("y", "1"), &key(1)).unwrap();
    let branches: Vec<SignedOp> = (0..64).map(|n: u32| op(4, None, &[], &n.to_string())).collect();
    let accomplice = op(3, None, &branches.iter().collect::<Vec<_>>(), "all of them");
    for op in [&accomplice].into_iter().chain(&branches).chain(&branches) {
        let refused = insert(&mut here, op).err();
        assert!(matches!(refused, None | Some(Refusal::Proven | Refusal::Full { what: "lanes", limit: 16, .. })));
        assert!(here.graph().tips().count() <= 2);
    }
    assert!(branches.iter().filter(|op| here.graph().place(op.id()).is_some()).count() <= 16);
    let (before, head) = (here.encode(), heads(&here));
    assert_eq!(head.len(), 1, "what the accomplice said does not count");
    here.write(put("y", "2"), &key(1)).unwrap();
    here.write(put("y", "3"), &key(2)).expect("also whoever writes for the first time");
    assert_ne!(here.encode(), before, "and who is honest goes on");
}

#[test]
fn what_claims_to_be_large_is_refused_by_what_is_there() {
    let too_long = vec![1; PAYLOAD_MAX + 1];
    assert_eq!(Payload::decode(&too_long), Err(PayloadError::TooLong { limit: PAYLOAD_MAX, found: PAYLOAD_MAX + 1 }));
    // A head that claims a payload of 2^63 bytes.
    let mut bytes = op(1, None, &[], "x").to_bytes();
    let at = 8 + 32 + 8 + 32 + 8 + 4;
    bytes[at] = 0x80;
    assert!(matches!(SignedOp::decode(&bytes), Err(OpError::PayloadTooLong { .. })));
    // Packs that claim lists of 2^62 entries: nothing is made ready for them.
    let many = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f];
    for zeros in 0..3 {
        let mut pack = b"vm-crdt-pack-v0\n".to_vec();
        pack.extend_from_slice(charter().graph().as_bytes());
        pack.extend(core::iter::repeat_n(0, zeros));
        pack.extend_from_slice(&many);
        let length = Unpack::new(&pack).map(|_| ()).unwrap_err();
        assert!(matches!(length, PackError::Bytes(BytesError::Length { .. })), "{length:?}");
    }
    // Ops are held to a limit, and the graph says so by name.
    let mut here = Replica::new(charter(), Limits { ops: 5, ..Limits::default() });
    let ops = line(1, 6);
    insert_all(&mut here, &ops[..5]);
    assert_eq!(insert(&mut here, &ops[5]), Err(Refusal::Full { what: "ops", limit: 5, found: 6 }));
    let mut here = Replica::new(charter(), Limits { clock_cells: 8, ..Limits::default() });
    let full = (0..10).find_map(|n: u8| {
        let author = n % 2 + 1;
        here.write(put("x", "y"), &key(author)).err()
    });
    assert!(matches!(full, Some(AuthorError::Refused(Refusal::Full { what: "cells of clocks", limit: 8, .. }))));
}

#[test]
fn numbers_at_their_ends_neither_wrap_nor_jump_ahead() {
    let mut here = replica();
    let first = op(4, None, &[], "first");
    insert_all(&mut here, [&first]);
    let at = |seq, epoch, parent| {
        let head = OpHead { seq, epoch, parent, ..head(4, 0, None, &[]) };
        SignedOp::sign(head, put("x", "end"), &key(4)).unwrap()
    };
    // A number that is not the next one is nobody's, and none comes after the last.
    let last = at(u64::MAX, 0, Some(*first.id()));
    assert_eq!(insert(&mut here, &last), Err(Refusal::Parent));
    let beyond = SignedOp::sign(OpHead { seq: 0, parent: None, ..head(4, 0, None, &[&last]) }, put("x", "0"), &key(4));
    assert_eq!(insert(&mut here, &beyond.unwrap()), Ok(Received::Waiting));
    // An epoch that never comes waits in its author's share.
    for n in 0..1_000_u64 {
        assert_eq!(insert(&mut here, &at(1, u64::MAX - n, Some(*first.id()))), Ok(Received::Waiting));
    }
    assert_eq!(here.graph().waiting(), Limits::default().orphans);
    // Counters are exact beyond 64 bits.
    let counter = Path::new(["n"]).unwrap();
    for (amount, times) in [(i64::MAX, 3_i128), (i64::MIN, 5)] {
        for _ in 0..times {
            let mut edits = Transaction::new();
            edits.increment(&counter, amount).unwrap();
            here.write(edits.to_payload().unwrap(), &key(1)).unwrap();
        }
    }
    assert_eq!(here.document().counter(&counter), Some(3 * i128::from(i64::MAX) + 5 * i128::from(i64::MIN)));
    let mut edits = Transaction::new();
    edits.increment(&counter, i64::MAX).unwrap();
    assert!(matches!(edits.increment(&counter, 1).map(|_| ()), Err(TransactionError::Overflow)));
}

// ---- identity

#[test]
fn an_op_of_another_ledger_is_another_op() {
    let mut here = replica();
    let members = charter().members().to_vec();
    let other = LedgerId::from_genesis(LeafHash::of(b"another"));
    let elsewhere = Charter::new(other, members, vec![key(100).public()], 1).unwrap();
    let mut there = Replica::new(elsewhere.clone(), Limits::default());
    let foreign = there.write(put("x", "1"), &key(1)).unwrap();
    assert_eq!(insert(&mut here, &foreign), Err(Refusal::Graph));
    // Under the name of this graph the signature no longer holds.
    let head = OpHead { graph: charter().graph(), ..foreign.head().clone() };
    let moved = SignedHead::check(head, *foreign.signed().signature());
    assert!(matches!(moved, Err(OpError::Signature(_))));
    let proof =
        |author: &SignedOp, other: &SignedOp| EquivocationProof::check(author.signed().clone(), other.signed().clone());
    assert_eq!(proof(&foreign, &op(1, None, &[], "1")), Err(EquivocationError::NoFork), "two ledgers are no fork");
    let mut graph = Graph::new(elsewhere, Limits::default());
    assert!(matches!(
        graph.seal(event(here.graph().chain(), &[], Change::Enrol(key(9).public()))),
        Err(EventError::Previous)
    ));
}

#[test]
fn what_is_replayed_after_a_restart_changes_nothing() {
    let mut here = replica();
    for n in 0..40_u8 {
        here.write(put(&format!("{}", n % 7), &n.to_string()), &key(n % 3 + 1)).unwrap();
    }
    let ops = all_ops(&here);
    let orders: [Vec<&SignedOp>; 3] = [
        ops.iter().collect(),
        ops.iter().rev().collect(),
        ops.iter().step_by(2).chain(&ops).chain(ops.iter().rev()).collect(),
    ];
    for order in orders {
        let mut again = replica();
        for op in order.iter().chain(&order) {
            assert!(insert(&mut again, op).is_ok());
        }
        assert_eq!((again.encode(), heads(&again), again.graph().waiting()), (here.encode(), heads(&here), 0));
        assert_eq!(insert(&mut again, order[0]), Ok(Received::Known));
    }
    // An author that begins anew from less than it had said forks, and is told so as soon as both are there.
    let mut forgetful = replica();
    insert_all(&mut forgetful, &ops[..10]);
    let second = forgetful.write(put("z", "again"), &key(1)).unwrap();
    let (_, changes) = here.insert(second).unwrap();
    assert_eq!(changes.proven, [key(1).public()]);
    assert!(matches!(here.write(put("z", "more"), &key(1)), Err(AuthorError::Forked)));
}

/// Adds the order of the group to the second half of a signature.
fn malleated(signature: &Signature) -> Signature {
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = *signature.as_bytes();
    let mut carry = 0_u16;
    for (byte, add) in bytes[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    Signature::from_bytes(bytes)
}

#[test]
fn a_malleated_signature_makes_no_second_op() {
    for n in 0..16_u32 {
        let op = op(4, None, &[], &n.to_string());
        let other = malleated(op.signed().signature());
        assert_ne!(other, *op.signed().signature());
        let checked = SignedHead::check(op.head().clone(), other);
        assert!(matches!(checked, Err(OpError::Signature(_))));
    }
}

#[test]
fn no_key_of_small_order_is_an_author() {
    let mut points: Vec<[u8; 32]> = vec![[0; 32], [0; 32], [0xff; 32]];
    points[1][0] = 1;
    (points[2][0], points[2][31]) = (0xec, 0x7f);
    for hex in [
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    ] {
        points.push(vm_core::digest::from_hex(hex).unwrap().try_into().unwrap());
    }
    let good = op(1, None, &[], "x").to_bytes();
    for point in points {
        for sign in [0, 0x80] {
            let mut bytes = good.clone();
            bytes[48..80].copy_from_slice(&point);
            bytes[79] |= sign;
            // The signature that holds for everything under such a key: R the identity, s zero.
            let at = bytes.len() - 64 - put("x", "x").as_bytes().len();
            bytes[at..at + 64].fill(0);
            bytes[at] = 1;
            assert!(matches!(SignedOp::decode(&bytes), Err(OpError::Author(_))), "{point:?} {sign}");
        }
    }
}

// ---- membership and events

#[test]
fn what_is_back_dated_after_a_revocation_has_no_effect_whatever_came_first() {
    let ops = line(4, 2);
    let late = op(4, ops.last(), &[], "late");
    let vouch = op(2, None, &[&late], "builds on it");
    let frontier = [*ops[1].id()];
    let sealed = event(replica().graph().chain(), &frontier, Change::Revoke(key(4).public()));
    let mut states = Vec::new();
    for early in [true, false] {
        let mut here = replica();
        insert_all(&mut here, &ops);
        if early {
            insert_all(&mut here, [&late, &vouch]);
        }
        let _ = here.seal(sealed.clone()).unwrap();
        for op in [&late, &vouch] {
            assert!(insert(&mut here, op).is_ok());
        }
        let place = here.graph().place(late.id()).unwrap();
        assert!(here.graph().contains(late.id()) && !here.graph().is_effective(place));
        let at = op_in(4, 1, Some(&late), &[], "in the new epoch");
        assert_eq!(insert(&mut here, &at), Err(Refusal::Stranger { epoch: 1 }));
        states.push((here.encode(), heads(&here)));
    }
    assert_eq!(states[0], states[1]);
}

#[test]
fn a_revocation_that_seals_one_branch_of_a_fork_ends_the_effect_of_the_other() {
    let (left, right) = (op(4, None, &[], "left"), op(4, None, &[], "right"));
    let vouch = SignedOp::sign(head(2, 0, None, &[&left]), put("y", "builds on it"), &key(2)).unwrap();
    let sealed = event(replica().graph().chain(), &[*right.id()], Change::Revoke(key(4).public()));
    let mut states = Vec::new();
    for early in [true, false] {
        let mut here = replica();
        if early {
            insert_all(&mut here, [&left, &vouch]);
        }
        assert_eq!(here.seal(sealed.clone()), Err(EventError::FrontierMissing { missing: 1 }));
        // As much of the author comes to have effect by it as loses it.
        insert_all(&mut here, [&right]);
        if !early {
            insert_all(&mut here, [&left, &vouch]);
        }
        assert_eq!((here.graph().chain().number(), here.graph().len()), (1, 3));
        states.push(here.encode());
    }
    assert!(states[0] == states[1], "the branch that is not sealed left something in the state");
}

#[test]
fn two_admins_who_duel_end_the_chain_where_they_part() {
    let chain = replica();
    let revoke = |n| event(chain.graph().chain(), &[], Change::Revoke(key(n).public()));
    let (one, other) = (revoke(1), revoke(2));
    let mut states = Vec::new();
    for order in [[&one, &other], [&other, &one]] {
        let mut here = replica();
        let early = [op(1, None, &[], "1"), op(2, None, &[], "2")];
        insert_all(&mut here, &early);
        let beyond = op_in(3, 1, None, &[], "beyond");
        for event in order {
            let _ = here.seal(event.clone()).unwrap();
            let _ = insert(&mut here, &beyond);
        }
        assert!(
            here.graph().place(beyond.id()).is_some() && !here.graph().contains(beyond.id()),
            "beyond the fork nothing counts"
        );
        assert_eq!(here.graph().chain().fork().map(|fork| fork.number()), Some(1));
        assert!(matches!(here.write(put("x", "3"), &key(3)), Err(AuthorError::Halted)));
        for early in &early {
            assert!(here.graph().is_effective(here.graph().place(early.id()).unwrap()), "neither is revoked");
        }
        states.push((here.encode(), heads(&here)));
    }
    assert_eq!(states[0], states[1]);
    // Members are no sealers, so two of them cannot begin it.
    let body = one.body().clone();
    let seal = body.seal(&key(1));
    assert_eq!(SealedEvent::check(body, vec![seal], &charter()), Err(EventError::Sealer { key: key(1).public() }));
}

#[test]
fn keys_do_not_count_as_people() {
    // Sealers are named by the charter, each once, and more than half of them must sign.
    let sealers: Vec<_> = (100..105).map(|n| key(n).public()).collect();
    let new = |threshold| Charter::new(ledger(), vec![key(1).public()], sealers.clone(), threshold);
    assert!(matches!(new(2), Err(CharterError::Threshold { .. })), "two quorums without anybody in common");
    let charter = new(3).unwrap();
    let twice = Charter::new(ledger(), vec![key(1).public(); 9], vec![key(100).public(); 9], 1).unwrap();
    assert_eq!((twice.members().len(), twice.sealers().len()), (1, 1));
    let body = EventBody {
        graph: charter.graph(),
        number: 1,
        previous: charter.graph().digest(),
        frontier: Vec::new(),
        change: Change::Enrol(key(9).public()),
    };
    let seal = |n| body.seal(&key(n));
    let check = |seals| SealedEvent::check(body.clone(), seals, &charter).map(|_| ());
    assert_eq!(check(vec![seal(100), seal(101)]), Err(EventError::Quorum { expected: 3, found: 2 }));
    assert_eq!(check(vec![seal(100), seal(100), seal(100)]), Err(EventError::Sealer { key: key(100).public() }));
    assert_eq!(check(vec![seal(100), seal(101), seal(1)]), Err(EventError::Sealer { key: key(1).public() }));
    assert_eq!(check(vec![seal(100), seal(101), seal(102)]), Ok(()));
    // One person with three keys says three things: a set of approvals counts keys, which is why nothing here decides by one.
    let mut here = replica();
    let approvals = Path::new(["approvals"]).unwrap();
    for n in 1..=3 {
        let mut edits = Transaction::new();
        edits.add(&approvals, i64::from(n)).unwrap();
        here.write(edits.to_payload().unwrap(), &key(n)).unwrap();
    }
    assert_eq!(here.document().elements(&approvals).count(), 3);
    assert_eq!(here.graph().chain().number(), 0);
}

#[test]
fn nothing_is_forgotten_on_a_claim() {
    let mut here = replica();
    for n in 1..=4 {
        here.write(put(&n.to_string(), "1"), &key(n)).unwrap();
    }
    let frontier = heads(&here);
    let state = Sha256Digest::of(&here.state_below(&frontier));
    // One member is silent, acknowledges twice, another number, or another frontier.
    let ack = |n, number, frontier: &[OpId]| Ack::sign(&charter().graph(), number, frontier, &key(n));
    let sorted = |mut acks: Vec<Ack>| {
        acks.sort_by_key(|ack| ack.member);
        acks
    };
    let all = sorted((1..=4).map(|n| ack(n, 1, &frontier)).collect());
    let body = |acks| EventBody {
        graph: charter().graph(),
        number: 1,
        previous: charter().graph().digest(),
        frontier: frontier.clone(),
        change: Change::Compact { state, acks },
    };
    let check = |acks| {
        let body = body(acks);
        let seal = body.seal(&key(100));
        SealedEvent::check(body, vec![seal], &charter())
    };
    let silent = check(sorted((1..=3).map(|n| ack(n, 1, &frontier)).collect())).unwrap();
    assert_eq!(here.seal(silent).map(|_| ()), Err(EventError::Change));
    let mut twice = all.clone();
    twice[1] = twice[0].clone();
    assert!(matches!(check(twice), Err(EventError::AckOrder)));
    for wrong in [ack(4, 2, &frontier), ack(4, 1, &[])] {
        let mut acks: Vec<Ack> = all.iter().filter(|ack| ack.member != wrong.member).cloned().collect();
        acks.push(wrong);
        assert!(matches!(check(sorted(acks)), Err(EventError::Ack { .. })));
    }
    assert!(here.compact().is_err(), "nothing is sealed");
    let before = here.encode();
    // A state that is not what its ops make is sealed: whoever holds the ops keeps them.
    let mut lied = body(all.clone());
    lied.change = Change::Compact { state: Sha256Digest::of(b"another"), acks: all.clone() };
    let seal = lied.seal(&key(100));
    let mut doubting = replica();
    insert_all(&mut doubting, &all_ops(&here));
    let _ = doubting.seal(SealedEvent::check(lied, vec![seal], &charter()).unwrap()).unwrap();
    assert!(doubting.compact().is_err());
    assert_eq!(doubting.encode(), before);
    let _ = here.seal(check(all).unwrap()).unwrap();
    assert_eq!(here.compact(), Ok(4));
    assert_eq!(here.encode(), before);
}

#[test]
fn a_member_that_breaks_its_word_of_an_acknowledgement_parts_nobody() {
    let (mut keeps, mut forgets) = (replica(), replica());
    let first = op(4, None, &[], "first");
    insert_all(&mut keeps, [&first]);
    let mut edits = Transaction::new();
    edits.increment(&Path::new(["n"]).unwrap(), 5).unwrap().add(&Path::new(["s"]).unwrap(), "a").unwrap();
    keeps.write(edits.to_payload().unwrap(), &key(1)).unwrap();
    keeps.write(put("x", "second"), &key(1)).unwrap();
    insert_all(&mut forgets, &all_ops(&keeps));
    let change = compaction(&keeps, &[1, 2, 3, 4]);
    let event = seal(&mut keeps, change);
    let _ = forgets.seal(event).unwrap();
    assert_eq!(forgets.compact(), Ok(3));
    // An op beside the frontier, which it had said all of its later ones would come after.
    let mut edits = Transaction::new();
    edits.remove_counter(&Path::new(["n"]).unwrap()).unwrap().put(&Path::new(["x"]).unwrap(), "beside").unwrap();
    let liar = SignedOp::sign(head(4, 1, Some(&first), &[]), edits.to_payload().unwrap(), &key(4)).unwrap();
    for here in [&mut keeps, &mut forgets] {
        insert_all(here, [&liar]);
        here.write(put("x", "after"), &key(2)).unwrap();
        assert_eq!(here.document().writes(&Path::new(["x"]).unwrap()).len(), 1);
    }
    assert_eq!(keeps.encode(), forgets.encode());
}

// ---- validity

#[test]
fn an_invalid_op_takes_valid_children_along_everywhere_alike() {
    let root = op(4, None, &[], "root");
    let invalid = SignedOp::sign(OpHead { seq: 3, ..head(4, 0, Some(&root), &[]) }, put("x", "3"), &key(4)).unwrap();
    let child = op(3, None, &[&invalid], "child");
    let grandchild = op(2, None, &[&child], "grandchild");
    let ops = [&root, &invalid, &child, &grandchild];
    let mut states = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        let mut here = replica();
        for at in order {
            let _ = insert(&mut here, ops[at]);
        }
        assert!(here.graph().contains(root.id()));
        assert!([&invalid, &child, &grandchild].iter().all(|op| !here.graph().contains(op.id())));
        states.push((here.encode(), heads(&here)));
    }
    assert!(states.iter().all(|state| *state == states[0]));
}

#[test]
fn a_payload_that_is_withheld_or_none_counts_nowhere_and_holds_nobody_up() {
    let nonsense = [1, 0xff, 0xff];
    assert!(Payload::decode(&nonsense).is_err());
    let made = OpHead { payload_len: 3, payload_hash: Sha256Digest::of(&nonsense), ..head(4, 0, None, &[]) };
    let id = made.id();
    let signature = key(4).sign(&[&b"vm-op-v0 signature\n"[..], id.as_bytes()].concat());
    let unreadable = SignedHead::check(made, signature).unwrap();
    let withheld = op(3, None, &[], "withheld");
    let mut here = replica();
    for signed in [unreadable, withheld.signed().clone()] {
        let (received, changes) = here.insert_packed(PackedOp::bare(signed)).unwrap();
        assert!(matches!(received, Received::Held(_)) && changes.counted.is_empty());
    }
    assert!(here.graph().is_empty() && here.is_whole());
    // What builds on it waits for it too, and who is honest is not touched.
    let above = op(2, None, &[&withheld], "above");
    insert_all(&mut here, [&above]);
    here.write(put("y", "1"), &key(1)).unwrap();
    assert_eq!(here.graph().len(), 1);
    let mut honest = replica();
    insert_all(&mut honest, &all_ops(&here));
    assert_eq!(honest.encode(), here.encode());
    // Once the payload comes, all of it counts.
    let (received, changes) = here.insert(withheld.clone()).unwrap();
    assert!(matches!(received, Received::Filled(_)));
    assert_eq!(changes.counted.len(), 2);
    insert_all(&mut honest, [&withheld, &above]);
    assert_eq!((here.encode(), heads(&here)), (honest.encode(), heads(&honest)));
}
