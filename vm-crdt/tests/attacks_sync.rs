//! Attacks against a session: a peer that lies, withholds, floods or asks without end costs a bounded amount, is named, and keeps nobody from
//! what an honest peer has.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod scene;

use scene::*;
use vm_core::digest::Sha256Digest;
use vm_crdt::chain::EventFork;
use vm_crdt::error::SyncError;
use vm_crdt::event::Change;
use vm_crdt::graph::{Limits, Received};
use vm_crdt::pack::{PackedOp, pack};
use vm_crdt::sketch::ShortId;
use vm_crdt::sync::{Message, Outcome, Role, Session, WANT_MAX, WANTS_MAX, WASTE_MAX};
use vm_crdt::{OpHead, OpId, OpIndex, Replica, SignedOp};

fn initiator(n: u8) -> Session {
    Session::new(Role::Initiator, [n; 16])
}

fn responder() -> Session {
    Session::new(Role::Responder, [0; 16])
}

/// Sends one message again and again, and takes what is answered, until the session ends.
fn again_and_again(session: &mut Session, replica: &mut Replica, message: &Message) -> (usize, Option<SyncError>) {
    let bytes = message.to_bytes();
    for times in 0..200_000 {
        if let Err(error) = session.receive(replica, &bytes) {
            return (times, Some(error));
        }
        while session.poll(replica).is_some() {}
    }
    (200_000, None)
}

// ---- events

#[test]
fn members_of_several_events_come_in_one_session_with_whoever_is_honest() {
    let (mut here, mut there) = (replica(), replica());
    there.write(put("x", "1"), &key(1)).unwrap();
    for n in 9..14 {
        seal(&mut there, Change::Enrol(key(n).public()));
        there.write(put("x", "2"), &key(n)).unwrap();
    }
    seal(&mut there, Change::Revoke(key(9).public()));
    let ran = sync(&mut here, &mut there, 1).expect("nothing that an honest peer sends ends a session");
    assert_eq!((ran.outcome, ran.rounds), (Some(Outcome::Same), 1));
    assert_eq!(here.graph().chain().number(), 6);
    assert_eq!(here.encode(), there.encode());
}

#[test]
fn chains_that_part_anywhere_are_found_out_by_a_session_in_either_direction() {
    for common in 0..3_u8 {
        for (left, right) in [(1, 1), (1, 3), (3, 1), (2, 3), (3, 3)] {
            let (mut here, mut there) = (replica(), replica());
            for n in 0..common {
                seal(&mut here, Change::Enrol(key(10 + n).public()));
                seal(&mut there, Change::Enrol(key(10 + n).public()));
            }
            here.write(put("x", "1"), &key(1)).unwrap();
            (0..left).for_each(|n| drop(seal(&mut here, Change::Enrol(key(20 + n).public()))));
            (0..right).for_each(|n| drop(seal(&mut there, Change::Enrol(key(40 + n).public()))));
            there.write(put("x", "2"), &key(2)).unwrap();
            let ran = sync(&mut here, &mut there, 1).expect("both are honest");
            assert_eq!(ran.outcome, Some(Outcome::Same), "{common} {left} {right}");
            for replica in [&here, &there] {
                let fork = replica.graph().chain().fork().map(EventFork::number);
                assert_eq!(fork, Some(u32::from(common) + 1), "{common} {left} {right}");
            }
            assert_eq!((here.encode(), heads(&here)), (there.encode(), heads(&there)));
        }
    }
}

// ---- what is withheld

#[test]
fn whoever_withholds_an_op_is_asked_for_it_once_and_another_peer_has_it() {
    let ops = line(4, 3);
    let (mut here, mut there) = (replica(), replica());
    ops.iter().for_each(|op| drop(there.insert(op.clone()).unwrap()));
    // The liar gives the last op without those before it, and answers the question with nothing.
    let mut session = initiator(1);
    assert!(session.poll(&here).is_some());
    let (bytes, _) = pack(there.graph(), &[OpIndex::from_u32(2)], 1 << 20);
    session.receive(&mut here, &Message::Give(true, bytes).to_bytes()).unwrap();
    let asked = session.poll(&here).map(|bytes| Message::decode(&bytes).unwrap());
    assert_eq!(asked, Some(Message::Want(Vec::new(), vec![*ops[1].id()])));
    let (empty, _) = pack(there.graph(), &[], 1 << 20);
    session.receive(&mut here, &Message::Give(true, empty).to_bytes()).unwrap();
    assert_eq!(session.poll(&here), None, "nothing is asked for twice");
    assert!(here.graph().is_empty());
    assert_eq!(sync(&mut here, &mut there, 2).unwrap().outcome, Some(Outcome::Same));
    assert!(here.graph().contains(ops[2].id()));
}

#[test]
fn whoever_withholds_a_payload_parts_no_two_honest_peers() {
    let (mut here, mut there, mut third) = (replica(), replica(), replica());
    let withheld = op(4, None, &[], "withheld");
    let signed = withheld.signed().clone();
    let (received, _) = here.insert_packed(PackedOp::bare(signed)).unwrap();
    assert!(matches!(received, Received::Held(_)));
    here.write(put("y", "1"), &key(1)).unwrap();
    there.write(put("y", "2"), &key(2)).unwrap();
    assert_eq!(sync(&mut here, &mut there, 1).unwrap().outcome, Some(Outcome::Same));
    assert!(there.graph().place(withheld.id()).is_none(), "it is not passed on");
    assert_eq!(here.encode(), there.encode());
    // Whoever has it whole gives it, and then all have it.
    let _ = third.insert(withheld.clone()).unwrap();
    third.write(put("y", "3"), &key(3)).unwrap();
    assert_eq!(sync(&mut here, &mut third, 2).unwrap().outcome, Some(Outcome::Same));
    assert_eq!(sync(&mut there, &mut here, 3).unwrap().outcome, Some(Outcome::Same));
    for replica in [&here, &there] {
        assert!(replica.graph().contains(withheld.id()) && replica.is_whole());
        assert_eq!(replica.encode(), third.encode());
    }
}

#[test]
fn branches_that_no_valid_op_names_keep_nobody_apart() {
    // One author forks often, and says in an op of its own that it needs all branches: before it is proven, and so they are taken.
    let limits = Limits { lanes: 16, ..Limits::default() };
    let (mut here, mut there) = (Replica::new(charter(), limits), Replica::new(charter(), limits));
    let branches: Vec<SignedOp> = (0..64).map(|n: u32| op(4, None, &[], &n.to_string())).collect();
    let (named, hidden) = branches.split_at(63);
    let missing = op(4, None, &[], "never shown");
    let greedy = op(4, Some(&missing), &named.iter().collect::<Vec<_>>(), "all of them");
    let again = op(3, None, &branches.iter().collect::<Vec<_>>(), "an accomplice as well");
    for op in [&greedy, &again].into_iter().chain(named) {
        let _ = here.insert(op.clone());
    }
    assert!(here.graph().is_proven(&key(4).public()));
    // Somebody honest had built on another branch before it knew.
    let _ = there.insert(hidden[0].clone()).unwrap();
    there.write(put("y", "2"), &key(2)).unwrap();
    here.write(put("y", "1"), &key(1)).unwrap();
    let ran = sync(&mut here, &mut there, 1).unwrap();
    assert_eq!(ran.outcome, Some(Outcome::Same));
    assert!(here.graph().contains(hidden[0].id()) && there.graph().contains(hidden[0].id()));
    assert_eq!((here.encode(), heads(&here)), (there.encode(), heads(&there)));
    // What was put away comes back where it is needed.
    let mut third = Replica::new(charter(), limits);
    let _ = third.insert(named[0].clone()).unwrap();
    third.write(put("y", "3"), &key(3)).unwrap();
    assert_eq!(sync(&mut third, &mut here, 2).unwrap().outcome, Some(Outcome::Same));
    assert!(here.graph().contains(named[0].id()));
    assert_eq!((here.encode(), heads(&here)), (third.encode(), heads(&third)));
}

// ---- what is claimed

#[test]
fn whoever_claims_to_have_everything_makes_nobody_forget_and_nobody_miss() {
    let (mut here, mut there) = (replica(), replica());
    (0..20).for_each(|n| drop(here.write(put("x", &n.to_string()), &key(1)).unwrap()));
    let before = here.encode();
    // A liar has heard a head and claims it with all below: it is given nothing, and nothing is dropped.
    let mut session = responder();
    let mut liar = initiator(1);
    let mut offer = liar.poll(&replica()).map(|bytes| Message::decode(&bytes).unwrap()).unwrap();
    if let Message::Offer(offer) = &mut offer {
        offer.heads = Some(heads(&here));
    }
    session.receive(&mut here, &offer.to_bytes()).unwrap();
    let answer = session.poll(&here).map(|bytes| Message::decode(&bytes).unwrap());
    assert!(matches!(answer, Some(Message::Done(..))));
    assert_eq!((here.encode(), here.compact().is_err()), (before, true));
    // The same of the last ops of all.
    let mut session = responder();
    if let Message::Offer(offer) = &mut offer {
        (offer.heads, offer.run) = (None, vec![0xff; 40]);
    }
    session.receive(&mut here, &offer.to_bytes()).unwrap();
    assert!(matches!(session.poll(&here).map(|bytes| Message::decode(&bytes).unwrap()), Some(Message::Tips(true, _))));
    assert_eq!(sync(&mut there, &mut here, 2).unwrap().outcome, Some(Outcome::Same));
    assert_eq!(there.encode(), here.encode());
}

#[test]
fn a_poisoned_sketch_costs_its_bytes_and_the_last_ops_of_all_take_its_place() {
    let (mut here, mut there) = (replica(), replica());
    (0..30).for_each(|n| drop(here.write(put("x", &n.to_string()), &key(1)).unwrap()));
    (0..30).for_each(|n| drop(there.write(put("y", &n.to_string()), &key(2)).unwrap()));
    for poison in 0..64_u8 {
        // Only the sketch lies; what is poisoned is another byte each time.
        let (mut one, mut other) = (initiator(poison), responder());
        let (mut left, mut right) = (replica(), replica());
        all_ops(&here).into_iter().for_each(|op| drop(left.insert(op).unwrap()));
        all_ops(&there).into_iter().for_each(|op| drop(right.insert(op).unwrap()));
        let mut first = true;
        let mut messages = 0;
        loop {
            messages += 1;
            assert!(messages < 500, "it comes to an end");
            if let Some(bytes) = one.poll(&left) {
                let mut message = Message::decode(&bytes).unwrap();
                if let Message::Offer(offer) = &mut message
                    && first
                {
                    let at = usize::from(poison) * (offer.run.len() - 1) / 63;
                    offer.run[at] ^= 0x11;
                    first = false;
                }
                other.receive(&mut right, &message.to_bytes()).unwrap();
            } else if let Some(bytes) = other.poll(&right) {
                one.receive(&mut left, &bytes).unwrap();
            } else {
                break;
            }
        }
        assert_eq!(one.outcome(), Some(Outcome::Same), "{poison}");
        assert_eq!(left.encode(), right.encode());
    }
}

// ---- what never ends

#[test]
fn asking_without_end_ends() {
    let mut here = replica();
    line(1, 600).into_iter().for_each(|op| drop(here.insert(op).unwrap()));
    let nothing = Message::Want(vec![ShortId::from_u64(7)], vec![OpId::from_bytes([7; 32])]);
    let (times, error) = again_and_again(&mut responder(), &mut here, &nothing);
    assert!(matches!(error, Some(SyncError::Insistent { .. })), "{error:?}");
    assert_eq!(u32::try_from(times).unwrap(), WANTS_MAX, "each looks through all ops");
    let names: Vec<OpId> = here.graph().counting().filter_map(|op| Some(*here.graph().head(op)?.id())).collect();
    assert!(names.len() < WANT_MAX);
    let (_, error) = again_and_again(&mut responder(), &mut here, &Message::Want(Vec::new(), names));
    assert!(matches!(error, Some(SyncError::Greedy { .. })), "{error:?}");
    let (_, error) = again_and_again(&mut responder(), &mut here, &Message::Ask(1, 0));
    assert!(matches!(error, Some(SyncError::Insistent { .. })), "{error:?}");
    let mut one = initiator(1);
    assert!(one.poll(&here).is_some());
    // Symbols go on where they ended, and none is sent twice.
    let (times, error) = again_and_again(&mut one, &mut here, &Message::More(128, 2_048));
    assert_eq!((times, error), (1, Some(SyncError::OutOfTurn)));
}

#[test]
fn offers_facts_and_ops_that_say_nothing_new_end() {
    let (mut here, mut there) = (replica(), replica());
    (0..20).for_each(|n| drop(here.write(put(&n.to_string(), &"x".repeat(40_000)), &key(1)).unwrap()));
    all_ops(&here).into_iter().for_each(|op| drop(there.insert(op).unwrap()));
    let offer = Message::decode(&initiator(1).poll(&there).unwrap()).unwrap();
    let (_, error) = again_and_again(&mut responder(), &mut here, &offer);
    assert_eq!(error, Some(SyncError::OutOfTurn));
    // Ops that are here already.
    let all: Vec<OpIndex> = there.graph().counting().collect();
    let (bytes, _) = pack(there.graph(), &all, 1 << 20);
    let mut one = initiator(1);
    assert!(one.poll(&here).is_some());
    let length = bytes.len();
    let (times, error) = again_and_again(&mut one, &mut here, &Message::Give(false, bytes));
    assert!(matches!(error, Some(SyncError::Wasteful { .. })), "{error:?}");
    assert_eq!(times, WASTE_MAX / length);
}

#[test]
fn orphans_that_push_each_other_out_are_no_news_for_ever() {
    let mut here = replica();
    let (mut there, parent) = (replica(), op(4, None, &[], "root"));
    let _ = there.insert(parent.clone()).unwrap();
    // Three hundred ops of one author above one that is kept back, in packs of their own: the share is 256.
    let mut packs = Vec::new();
    for n in 0..300_u32 {
        let head = OpHead { seq: 1, ..head(4, 0, Some(&parent), &[]) };
        let orphan = SignedOp::sign(head, put("x", &format!("{n}{}", "x".repeat(4_000))), &key(4)).unwrap();
        let mut alone = replica();
        let _ = alone.insert(parent.clone()).unwrap();
        let _ = alone.insert(orphan).unwrap();
        packs.push(pack(alone.graph(), &[OpIndex::from_u32(1)], 1 << 20).0);
    }
    let mut one = initiator(1);
    assert!(one.poll(&here).is_some());
    let mut sent = 0;
    let error = packs.iter().cycle().take(100_000).find_map(|bytes| {
        sent += bytes.len();
        let answer = one.receive(&mut here, &Message::Give(false, bytes.clone()).to_bytes());
        while one.poll(&here).is_some() {}
        answer.err()
    });
    assert!(matches!(error, Some(SyncError::Wasteful { .. })), "{error:?}");
    assert!(sent < 2 * WASTE_MAX);
    assert!(here.graph().is_empty() && here.graph().waiting() <= 256);
}

#[test]
fn what_is_invalid_ends_a_session_by_name_and_valid_ops_before_it_stay() {
    let good = op(4, None, &[], "good");
    let bad = SignedOp::sign(OpHead { seq: 7, ..head(4, 0, Some(&good), &[]) }, put("x", "bad"), &key(4)).unwrap();
    // A pack by hand: the graph of an honest replica holds no such op.
    let mut there = replica();
    let _ = there.insert(good.clone()).unwrap();
    let (mut bytes, _) = pack(there.graph(), &[OpIndex::from_u32(0)], 1 << 20);
    let at = 16 + 32 + 1 + 32 + 1;
    assert_eq!(bytes[at..=at], [1], "one op");
    bytes[at] = 2;
    bytes.extend_from_slice(&[0, 0, 1]);
    // The parent is in the pack, so that its number follows: 1, and not the 7 that was signed.
    bytes.extend_from_slice(&[0]);
    let payload = put("x", "bad");
    bytes.push(u8::try_from(1 + payload.as_bytes().len()).unwrap());
    bytes.extend_from_slice(payload.as_bytes());
    bytes.extend_from_slice(bad.signed().signature().as_bytes());
    let mut here = replica();
    let mut one = initiator(1);
    assert!(one.poll(&here).is_some());
    let error = one.receive(&mut here, &Message::Give(true, bytes).to_bytes());
    assert!(matches!(error, Err(SyncError::Pack(_))), "{error:?}");
    assert!(here.graph().contains(good.id()));
    assert_eq!(error.unwrap_err().code(), "crdt-op-signature");
    let done = Message::Done(Sha256Digest::of(b"elsewhere"), None);
    let mut one = initiator(1);
    assert!(one.poll(&here).is_some());
    one.receive(&mut here, &done.to_bytes()).unwrap();
    assert_eq!(
        one.outcome(),
        None,
        "a lie about where it stands begins another round, and never says that both are the same"
    );
}
