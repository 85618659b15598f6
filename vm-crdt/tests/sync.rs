//! Two replicas, one session: what each ends with, and what a liar costs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use proptest::prelude::*;
use vm_core::digest::LeafHash;
use vm_core::id::LedgerId;
use vm_core::key::SigningIdentity;
use vm_crdt::document::{Path, Transaction};
use vm_crdt::error::{Refusal, SyncError};
use vm_crdt::event::{Ack, Change, EventBody};
use vm_crdt::graph::Limits;
use vm_crdt::sync::{Facts, Message, Outcome, QUEUE_MAX, Role, Then};
use vm_crdt::{
    Charter, EquivocationProof, Merge, MergeReceipt, OpHead, Payload, Replica, SealedEvent, Session, SignedOp,
};

fn key(n: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[n; 32])
}

fn charter() -> Charter {
    let members = (1..=4).map(|n| key(n).public()).collect();
    Charter::new(LedgerId::from_genesis(LeafHash::of(b"ledger")), members, vec![key(100).public()], 1).expect("charter")
}

fn replica() -> Replica {
    Replica::new(charter(), Limits::default())
}

fn put(key: &str, value: &str) -> Payload {
    let mut transaction = Transaction::new();
    transaction.put(&Path::new([key]).expect("path"), value).expect("edit");
    transaction.to_payload().expect("payload")
}

/// What a session of both sides came to.
#[derive(Debug)]
struct Ran {
    outcome: Option<Outcome>,
    rounds: u32,
    messages: Vec<(Role, Vec<u8>)>,
}

impl Ran {
    fn bytes(&self) -> usize {
        self.messages.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

/// Carries messages to and fro until neither side has more.
fn carry(sessions: [&mut Session; 2], replicas: [&mut Replica; 2]) -> Result<Ran, SyncError> {
    let [one, other] = sessions;
    let [here, there] = replicas;
    let mut messages = Vec::new();
    loop {
        if let Some(bytes) = one.poll(here) {
            other.receive(there, &bytes)?;
            messages.push((Role::Initiator, bytes));
        } else if let Some(bytes) = other.poll(there) {
            one.receive(here, &bytes)?;
            messages.push((Role::Responder, bytes));
        } else {
            return Ok(Ran { outcome: one.outcome(), rounds: one.rounds(), messages });
        }
    }
}

fn sync(here: &mut Replica, there: &mut Replica, seed: u8) -> Result<Ran, SyncError> {
    let mut one = Session::new(Role::Initiator, [seed; 16]);
    let mut other = Session::new(Role::Responder, [0; 16]);
    carry([&mut one, &mut other], [here, there])
}

fn heads(replica: &Replica) -> Vec<vm_crdt::OpId> {
    replica.graph().heads().copied().collect()
}

fn write_many(replica: &mut Replica, author: u8, count: usize, what: &str) {
    for at in 0..count {
        replica.write(put(&format!("{what}/{at}"), what), &key(author)).expect("op");
    }
}

#[test]
fn whoever_is_behind_gets_what_is_missing_in_one_round() {
    let (mut here, mut there) = (replica(), replica());
    write_many(&mut there, 1, 5, "early");
    let ran = sync(&mut here, &mut there, 1).expect("session");
    assert_eq!((ran.outcome, ran.rounds), (Some(Outcome::Same), 1));
    assert_eq!(here.encode(), there.encode());
    write_many(&mut there, 1, 300, "late");
    let ran = sync(&mut here, &mut there, 2).expect("session");
    assert_eq!((ran.outcome, ran.rounds), (Some(Outcome::Same), 1));
    assert_eq!(here.encode(), there.encode());
    let ran = sync(&mut here, &mut there, 3).expect("session");
    assert_eq!(ran.messages.len(), 2, "an offer and its answer, where nothing differs");
}

#[test]
fn both_sides_ahead_come_together_in_one_round_and_little_more_than_the_ops() {
    let (mut here, mut there) = (replica(), replica());
    write_many(&mut here, 1, 2_000, "common");
    sync(&mut here, &mut there, 1).expect("session");
    write_many(&mut here, 1, 30, "left");
    write_many(&mut there, 2, 30, "right");
    let ran = sync(&mut here, &mut there, 2).expect("session");
    assert_eq!((ran.outcome, ran.rounds), (Some(Outcome::Same), 1));
    assert_eq!(here.encode(), there.encode());
    let ops: usize = here
        .graph()
        .counting()
        .skip(2_000)
        .map(|op| here.graph().payload(op).map_or(0, |it| it.as_bytes().len()) + 64)
        .sum();
    assert!(ran.bytes() < 2 * ops, "{} bytes for ops of {ops}", ran.bytes());
}

#[test]
fn more_than_a_sketch_decodes_is_told_by_the_last_ops_of_all() {
    let (mut here, mut there) = (replica(), replica());
    write_many(&mut here, 1, 1_600, "left");
    write_many(&mut there, 2, 1_600, "right");
    let ran = sync(&mut here, &mut there, 1).expect("session");
    assert_eq!((ran.outcome, ran.rounds), (Some(Outcome::Same), 1));
    assert_eq!(here.graph().len(), 3_200);
    assert_eq!(here.encode(), there.encode());
    let tips = |bytes: &[u8]| matches!(Message::decode(bytes), Ok(Message::Tips(..)));
    assert!(ran.messages.iter().any(|(_, bytes)| tips(bytes)));
}

#[test]
fn a_link_that_lasts_keeps_its_sketch_and_goes_on() {
    let (mut here, mut there) = (replica(), replica());
    let mut one = Session::new(Role::Initiator, [1; 16]);
    let mut other = Session::new(Role::Responder, [0; 16]);
    for round in 0..5 {
        write_many(&mut here, 1, 3, &format!("left {round}"));
        write_many(&mut there, 2, 3, &format!("right {round}"));
        let ran = carry([&mut one, &mut other], [&mut here, &mut there]).expect("session");
        assert_eq!((ran.outcome, ran.rounds), (Some(Outcome::Same), 1));
        assert_eq!(here.encode(), there.encode());
        one.again();
        other.again();
    }
}

/// An op of a liar, by hand.
fn lie(author: u8, parent: Option<&SignedOp>, others: &[&SignedOp], payload: Payload) -> SignedOp {
    let head = OpHead {
        graph: charter().graph(),
        epoch: 0,
        author: key(author).public(),
        seq: parent.map_or(0, |parent| parent.head().seq + 1),
        parent: parent.map(|parent| *parent.id()),
        others: others.iter().map(|other| *other.id()).collect(),
        payload_len: 0,
        payload_hash: vm_core::digest::Sha256Digest::of(&[]),
    };
    SignedOp::sign(head, payload, &key(author)).expect("op")
}

#[test]
fn both_halves_of_a_fork_meet_and_both_sides_end_with_one_proof() {
    let (mut here, mut there) = (replica(), replica());
    let (left, right) = (lie(4, None, &[], put("x", "left")), lie(4, None, &[], put("x", "right")));
    let _ = here.insert(left.clone()).expect("half");
    let _ = there.insert(right).expect("half");
    write_many(&mut here, 1, 3, "a");
    write_many(&mut there, 2, 3, "b");
    let ran = sync(&mut here, &mut there, 1).expect("session");
    assert_eq!(ran.outcome, Some(Outcome::Same));
    assert_eq!(here.encode(), there.encode());
    assert_eq!(here.graph().proofs().collect::<Vec<_>>(), there.graph().proofs().collect::<Vec<_>>());
    assert!(here.graph().is_proven(&key(4).public()));
    // The liar goes on in secret with one who is not in touch; the proof stops it there too.
    let mut third = replica();
    let _ = third.insert(left.clone()).expect("half");
    let _ = third.insert(lie(4, Some(&left), &[], put("x", "more"))).expect("nobody has told yet");
    let ran = sync(&mut third, &mut here, 2).expect("session");
    assert_eq!(ran.outcome, Some(Outcome::Same));
    assert_eq!(third.encode(), here.encode());
}

#[test]
fn events_come_before_the_ops_that_need_them_and_wait_for_their_frontier() {
    let (mut here, mut there) = (replica(), replica());
    write_many(&mut there, 1, 4, "before");
    seal(&mut there, Change::Enrol(key(9).public()));
    write_many(&mut there, 9, 2, "new");
    seal(&mut there, Change::Revoke(key(9).public()));
    write_many(&mut here, 2, 3, "meanwhile");
    let ran = sync(&mut here, &mut there, 1).expect("session");
    assert_eq!(ran.outcome, Some(Outcome::Same), "after {} rounds", ran.rounds);
    assert_eq!(here.graph().chain().number(), 2);
    assert_eq!(here.encode(), there.encode());
}

fn body(replica: &Replica, frontier: Vec<vm_crdt::OpId>, change: Change) -> EventBody {
    let chain = replica.graph().chain();
    EventBody { graph: replica.graph().name(), number: chain.number() + 1, previous: chain.last(), frontier, change }
}

fn seal(replica: &mut Replica, change: Change) -> SealedEvent {
    let body = body(replica, heads(replica), change);
    let signature = body.seal(&key(100));
    let event = SealedEvent::check(body, vec![signature], &charter()).expect("event");
    let _ = replica.seal(event.clone()).expect("it follows");
    event
}

/// Seals a compaction of all that a replica holds, and follows it.
fn compact(replica: &mut Replica) {
    let frontier = heads(replica);
    let (graph, number) = (replica.graph().name(), replica.graph().chain().number() + 1);
    let mut acks: Vec<Ack> = (1..=4).map(|n| Ack::sign(&graph, number, &frontier, &key(n))).collect();
    acks.sort_by_key(|ack| ack.member);
    let state = vm_core::digest::Sha256Digest::of(&replica.state_below(&frontier));
    seal(replica, Change::Compact { state, acks });
    let before = replica.encode();
    assert_eq!(replica.compact().expect("sealed"), replica.graph().len());
    assert_eq!(replica.encode(), before, "the state stays");
}

#[test]
fn what_was_compacted_away_is_replaced_by_the_state_that_was_sealed() {
    let (mut here, mut there) = (replica(), replica());
    write_many(&mut here, 1, 20, "old");
    write_many(&mut here, 2, 20, "old");
    sync(&mut there, &mut here, 1).expect("session");
    compact(&mut here);
    write_many(&mut here, 1, 5, "new");
    // One who has it all goes on as before, and one who comes new gets the state.
    for mut peer in [there, replica()] {
        write_many(&mut peer, 3, 2, "peer");
        let ran = sync(&mut peer, &mut here, 2).expect("session");
        assert_eq!(ran.outcome, Some(Outcome::Same), "{} rounds", ran.rounds);
        assert!(peer.is_whole());
        assert_eq!(peer.encode(), here.encode());
    }
}

#[test]
fn who_sends_an_invalid_op_is_found_out_and_what_was_valid_stays() {
    let mut here = replica();
    let good = lie(4, None, &[], put("x", "good"));
    let bad = lie(4, Some(&good), &[], put("x", "bad"));
    let forged = OpHead { seq: 7, ..bad.head().clone() };
    let bad = SignedOp::sign(forged, put("x", "bad"), &key(4)).expect("op");
    let mut liar = replica();
    let _ = liar.insert(good.clone()).expect("op");
    let mut session = Session::new(Role::Initiator, [1; 16]);
    assert!(session.poll(&here).is_some());
    let (pack, _) = vm_crdt::pack::pack(liar.graph(), &liar.graph().counting().collect::<Vec<_>>(), 1 << 20);
    session.receive(&mut here, &Message::Give(false, pack).to_bytes()).expect("a valid op");
    assert!(here.graph().contains(good.id()));
    assert_eq!(here.insert(bad).map(|_| ()), Err(Refusal::Parent));
}

#[test]
fn what_was_not_asked_for_ends_a_session() {
    let mut here = replica();
    write_many(&mut here, 1, 3, "x");
    let out_of_turn = [
        Message::Symbols(Vec::new()),
        Message::More(0, 10),
        Message::Give(true, Vec::new()),
        Message::Tips(false, Vec::new()),
        Message::Done(vm_core::digest::Sha256Digest::of(&[]), None),
        Message::State { number: 1, offset: 0, whole: 5, bytes: vec![1; 5] },
    ];
    for message in out_of_turn {
        let mut session = Session::new(Role::Responder, [0; 16]);
        let answer = session.receive(&mut here, &message.to_bytes());
        assert!(matches!(answer, Err(SyncError::OutOfTurn | SyncError::Pack(_))), "{message:?}: {answer:?}");
    }
    let mut session = Session::new(Role::Responder, [0; 16]);
    let mut insistent = Ok(());
    let everything = Message::Want(Vec::new(), heads(&here)).to_bytes();
    for _ in 0..100_000 {
        insistent = session.receive(&mut here, &everything);
        if insistent.is_err() {
            break;
        }
        while session.poll(&here).is_some() {}
    }
    assert!(matches!(insistent, Err(SyncError::Insistent { .. })));
}

#[test]
fn both_sides_of_a_merge_sign_the_same_of_it_but_who_is_who() {
    let (mut here, mut there) = (replica(), replica());
    write_many(&mut here, 1, 3, "left");
    write_many(&mut there, 2, 4, "right");
    let before = (heads(&here), heads(&there));
    let (mut one, mut other) = (Session::new(Role::Initiator, [1; 16]), Session::new(Role::Responder, [0; 16]));
    carry([&mut one, &mut other], [&mut here, &mut there]).expect("session");
    let policy = vm_core::digest::Sha256Digest::of(b"policy");
    let mine = Merge::of(one.exchange(), &here, policy);
    let theirs = Merge::of(other.exchange(), &there, policy);
    assert_eq!((mine.ours.heads.clone(), mine.theirs.heads.clone()), (Some(before.0), Some(before.1)));
    assert_eq!((&mine.ours.heads, &mine.theirs.heads), (&theirs.theirs.heads, &theirs.ours.heads));
    assert_eq!((mine.received, mine.sent), (theirs.sent, theirs.received));
    assert_eq!((mine.received, mine.sent), (4, 3));
    assert_eq!(mine.after, theirs.after);
    let receipt = mine.clone().sign(&key(50));
    let bytes = receipt.to_bytes();
    assert_eq!(MergeReceipt::parse(&bytes), Ok(receipt));
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(MergeReceipt::parse(&changed).is_err(), "bit {bit} of byte {at}");
        }
        assert!(MergeReceipt::parse(&bytes[..at]).is_err());
    }
}

#[test]
fn what_was_answered_once_is_not_answered_again() {
    let mut here = replica();
    write_many(&mut here, 1, 3, "x");
    let (known, last) = here.graph().chain().last_counting();
    let (events, proofs, forks) = (Vec::new(), Vec::new(), Vec::new());
    let facts = Facts { then: Then::Answer, known, last, events, proofs, forks };
    for (message, answers) in [(Message::More(128, 256), 1), (Message::Facts(facts), 1), (Message::More(256, 300), 0)] {
        let mut session = Session::new(Role::Initiator, [1; 16]);
        assert!(session.poll(&here).is_some());
        let bytes = message.to_bytes();
        let taken = (0..3).take_while(|_| session.receive(&mut here, &bytes).is_ok()).count();
        assert_eq!(taken, answers, "{message:?}");
    }
    // Whatever number of events the other side claims to know, it is answered.
    let facts = Facts { then: Then::Answer, known: u32::MAX, last, events: vec![], proofs: vec![], forks: vec![] };
    let mut session = Session::new(Role::Initiator, [1; 16]);
    assert!(session.poll(&here).is_some());
    session.receive(&mut here, &Message::Facts(facts).to_bytes()).expect("a claim");
    // Whoever fetches nothing is told so before memory is.
    let mut session = Session::new(Role::Responder, [0; 16]);
    let ask = Message::Ask(1, 0).to_bytes();
    let refused = (0..10_000).find_map(|_| session.receive(&mut here, &ask).err());
    assert!(matches!(refused, Some(SyncError::Backlog { .. })), "{refused:?}");
    assert_eq!(session.queued(), QUEUE_MAX);
    while session.poll(&here).is_some() {}
    session.receive(&mut here, &ask).expect("there is room again");
}

/// A fork of 4 whose one branch `there` has built on, and whose proof `here` knows without holding either.
fn fork_behind(there: &mut Replica, here: &mut Replica, length: usize) {
    let (left, right) = (lie(4, None, &[], put("x", "left")), lie(4, None, &[], put("x", "right")));
    let mut branch = left.clone();
    let _ = there.insert(left.clone()).expect("op");
    for at in 1..length {
        branch = lie(4, Some(&branch), &[], put("x", &at.to_string()));
        let _ = there.insert(branch.clone()).expect("op");
    }
    let _ = there.write(put("y", "built on it"), &key(1)).expect("op");
    let proof = EquivocationProof::check(left.signed().clone(), right.signed().clone()).expect("fork");
    let _ = here.learn(proof).expect("a member");
}

#[test]
fn ops_of_a_proven_author_come_with_the_ops_that_need_them_however_many_follow() {
    // More honest ops above the one that is needed than may wait for it, and a branch longer than asks are allowed.
    for (length, above) in [(1, 0), (1, 400), (200, 0), (600, 400)] {
        let (mut here, mut there) = (replica(), replica());
        fork_behind(&mut there, &mut here, length);
        write_many(&mut there, 1, above, "above");
        let ran = sync(&mut here, &mut there, 1).expect("session");
        assert_eq!(ran.outcome, Some(Outcome::Same), "{length} and {above}: {} rounds", ran.rounds);
        assert_eq!(here.graph().len(), length + 1 + above);
        assert_eq!(here.encode(), there.encode());
    }
}

#[test]
fn ops_of_a_proven_author_that_were_compacted_away_come_without_payloads() {
    let (mut here, mut there) = (replica(), replica());
    fork_behind(&mut there, &mut here, 3);
    compact(&mut there);
    write_many(&mut there, 1, 3, "above");
    let ran = sync(&mut here, &mut there, 1).expect("session");
    assert_eq!(ran.outcome, Some(Outcome::Same), "{} rounds", ran.rounds);
    assert_eq!(here.encode(), there.encode());
}

#[test]
fn an_op_of_somebody_whose_enrolment_is_still_to_come_ends_no_session() {
    let (mut here, mut there) = (replica(), replica());
    write_many(&mut there, 1, 2, "before");
    seal(&mut there, Change::Epoch(vm_core::epoch::Epoch::Albedo));
    seal(&mut there, Change::Enrol(key(9).public()));
    write_many(&mut there, 9, 2, "new");
    let ran = sync(&mut here, &mut there, 1).expect("nobody lies");
    assert_eq!(ran.outcome, Some(Outcome::Same), "{} rounds", ran.rounds);
    assert_eq!(here.encode(), there.encode());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn replicas_with_any_common_and_own_ops_come_together(
        common in 0_usize..40, left in 0_usize..160, right in 0_usize..160, fork: bool, seed: u8,
    ) {
        let (mut here, mut there) = (replica(), replica());
        write_many(&mut here, 1, common, "common");
        sync(&mut there, &mut here, seed).expect("session");
        if fork {
            let _ = here.insert(lie(4, None, &[], put("x", "left")));
            let _ = there.insert(lie(4, None, &[], put("x", "right")));
        }
        write_many(&mut here, 2, left, "left");
        write_many(&mut there, 3, right, "right");
        let ran = sync(&mut here, &mut there, seed).expect("session");
        prop_assert_eq!(ran.outcome, Some(Outcome::Same));
        prop_assert_eq!(heads(&here), heads(&there));
        prop_assert_eq!(here.encode(), there.encode());
    }

    #[test]
    fn no_message_makes_a_session_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), tag in 1_u8..12, role: bool) {
        let mut here = replica();
        write_many(&mut here, 1, 2, "x");
        let mut session = Session::new(if role { Role::Initiator } else { Role::Responder }, [0; 16]);
        while session.poll(&here).is_some() {}
        let mut message = vec![tag];
        message.extend_from_slice(&bytes);
        let _ = session.receive(&mut here, &message);
        let _ = session.poll(&here);
    }
}
