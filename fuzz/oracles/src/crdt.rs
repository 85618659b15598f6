//! Ops, packs, events and proofs of a replicated graph, and sessions between replicas.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::id::LedgerId;
use vm_core::key::SigningIdentity;
use vm_crdt::document::Transaction;
use vm_crdt::event::{Change, EventBody};
use vm_crdt::op::SignedHead;
use vm_crdt::pack::{PackedOp, Unpack, pack};
use vm_crdt::sync::{Message, Outcome, Role};
use vm_crdt::{
    Charter, EquivocationProof, Limits, OpHead, OpId, OpIndex, Past as _, Path, Payload, Replica, SealedEvent, Session,
    SignedOp,
};

use crate::text::assert_silent;

/// Rounds of messages that a session is carried on for after one of the input.
const ANSWERS_MAX: usize = 64;

/// All that anybody in these seeds ever signed.
pub struct Known {
    /// Who may write: 1 and 2 are honest, 3 forks.
    pub charter: Charter,
    /// Ops of all, each after its past; the last two are the branches of the fork.
    pub ops: Vec<SignedOp>,
    /// The sealed events, in order.
    pub events: Vec<SealedEvent>,
    /// Of the fork.
    pub proof: EquivocationProof,
}

/// What was signed.
pub static KNOWN: LazyLock<Known> = LazyLock::new(known);

fn key(n: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[n; 32])
}

fn says(what: &str) -> Payload {
    let path = Path::new(["pump 7", "mode"]).expect("a path");
    let mut edits = Transaction::new();
    edits.put(&path, what).expect("an edit").increment(&path, 1).expect("an edit");
    edits.to_payload().expect("a payload")
}

fn event(charter: &Charter, previous: &[SealedEvent], frontier: OpId, change: Change) -> SealedEvent {
    let body = EventBody {
        graph: charter.graph(),
        number: u32::try_from(previous.len()).expect("few events") + 1,
        previous: previous.last().map_or(charter.graph().digest(), SealedEvent::digest),
        frontier: vec![frontier],
        change,
    };
    let seal = body.seal(&key(9));
    SealedEvent::check(body, vec![seal], charter).expect("a quorum")
}

fn known() -> Known {
    let ledger = LedgerId::from_genesis(LeafHash::of(b"genesis"));
    let members = (1..=3).map(|n| key(n).public()).collect();
    let charter = Charter::new(ledger, members, vec![key(9).public()], 1).expect("a charter");
    let op = |author: u8, epoch, parent: Option<&SignedOp>, others: &[&SignedOp], payload| {
        let head = OpHead {
            graph: charter.graph(),
            epoch,
            author: key(author).public(),
            seq: parent.map_or(0, |parent| parent.head().seq + 1),
            parent: parent.map(|parent| *parent.id()),
            others: others.iter().map(|other| *other.id()).collect(),
            payload_len: 0,
            payload_hash: Sha256Digest::of(&[]),
        };
        SignedOp::sign(head, payload, &key(author)).expect("an op")
    };
    let first = op(1, 0, None, &[], says("auto"));
    let beside = op(2, 0, None, &[], says("manual"));
    let joined = op(1, 0, Some(&first), &[&beside], Payload::vouch());
    let one = event(&charter, &[], *first.id(), Change::Enrol(key(4).public()));
    let two = event(&charter, core::slice::from_ref(&one), *joined.id(), Change::Epoch(Epoch::Albedo));
    let later = op(4, 1, None, &[&joined], says("later"));
    let last = op(2, 2, Some(&beside), &[&later], says("off"));
    let left = op(3, 0, None, &[], says("left"));
    let right = op(3, 0, None, &[], says("right"));
    let proof = EquivocationProof::check(left.signed().clone(), right.signed().clone()).expect("a fork");
    Known { charter, ops: vec![first, beside, joined, later, last, left, right], events: vec![one, two], proof }
}

/// A replica that holds the first of these ops and events.
#[must_use]
pub fn replica(ops: usize, events: usize) -> Replica {
    let mut replica = Replica::new(KNOWN.charter.clone(), Limits::default());
    // An event waits for its frontier, and an op for its event.
    for event in KNOWN.events.iter().take(events) {
        let _ = replica.seal(event.clone());
    }
    for op in KNOWN.ops.iter().take(ops) {
        let _ = replica.insert(op.clone());
    }
    replica
}

fn assert_signed(head: &SignedHead) {
    assert!(KNOWN.ops.iter().any(|op| op.signed().id() == head.id()), "believed what nobody signed");
}

/// An op, its head, and a payload have one form each, and an op is believed only if it was signed.
pub fn crdt_op(data: &[u8]) {
    match SignedOp::decode(data) {
        Ok(op) => {
            assert_eq!(op.to_bytes(), data);
            assert_signed(op.signed());
            let (signed, payload) = op.clone().into_parts();
            assert_eq!(SignedHead::decode(&signed.to_bytes()).as_ref(), Ok(&signed));
            assert_eq!(SignedHead::check(signed.head().clone(), *signed.signature()).as_ref(), Ok(&signed));
            assert_eq!(signed.head().id(), *signed.id());
            assert_eq!(SignedOp::join(signed, payload), Ok(op));
        }
        Err(error) => assert_silent(&error, data),
    }
    if let Ok(head) = SignedHead::decode(data) {
        assert_eq!(head.to_bytes(), data);
        assert_signed(&head);
    }
    if let Ok(payload) = Payload::decode(data) {
        assert_eq!(payload.as_bytes(), data);
    }
}

/// A pack has one form; ops of it are believed only if they were signed, and those before a fault are the same as without it.
pub fn crdt_pack(data: &[u8]) {
    let Ok(unpack) = Unpack::new(data) else { return };
    let graph = unpack.graph();
    let read: Vec<_> = unpack.collect();
    let faults = read.iter().filter(|op| op.is_err()).count();
    assert!(faults == 0 || (faults == 1 && read.last().is_some_and(Result::is_err)), "nothing comes after a fault");
    let ops: Vec<PackedOp> = read.into_iter().map_while(Result::ok).collect();
    ops.iter().for_each(|op| assert_signed(op.signed()));
    let mut into = Replica::new(KNOWN.charter.clone(), Limits::default());
    for op in &ops {
        let _ = into.insert_packed(op.clone());
    }
    if faults > 0 || graph != KNOWN.charter.graph() || ops.iter().any(|op| op.payload().is_none()) {
        return;
    }
    let all = replica(KNOWN.ops.len(), KNOWN.events.len());
    let places: Option<Vec<OpIndex>> = ops.iter().map(|op| all.graph().place(op.signed().id())).collect();
    let places = places.expect("all that was signed is held");
    let (again, taken) = pack(all.graph(), &places, usize::MAX);
    assert_eq!((again.as_slice(), taken), (data, ops.len()));
}

/// A charter, an event and a proof have one form each; the last two are believed only if they were signed.
pub fn crdt_proof(data: &[u8]) {
    match EquivocationProof::parse(data) {
        Ok(proof) => {
            assert_eq!(proof.to_bytes(), data);
            assert_eq!(proof, KNOWN.proof, "believed what nobody signed");
        }
        Err(error) => assert_silent(&error, data),
    }
    match SealedEvent::parse(data, &KNOWN.charter) {
        Ok(event) => {
            assert_eq!(event.to_bytes(), data);
            assert!(KNOWN.events.contains(&event), "believed what nobody sealed");
        }
        Err(error) => assert_silent(&error, data),
    }
    match Charter::parse(data) {
        Ok(charter) => {
            assert_eq!(charter.to_bytes(), data);
            assert!(charter.threshold() * 2 > charter.sealers().len());
            assert_eq!(charter.graph() == KNOWN.charter.graph(), charter == KNOWN.charter);
        }
        Err(error) => assert_silent(&error, data),
    }
}

/// A message has one form.
pub fn crdt_message(data: &[u8]) {
    match Message::decode(data) {
        Ok(message) => {
            assert_eq!(message.to_bytes(), data);
            assert_eq!(Message::decode(&message.to_bytes()), Ok(message));
        }
        Err(error) => assert_silent(&error, data),
    }
}

/// The first byte is the role; then come messages, each behind its length in two bytes. Whatever a peer says, nothing that honest
/// authors said stops to count, nothing is believed that nobody signed, and afterwards an honest peer brings everything.
pub fn crdt_session(data: &[u8]) {
    let Some((role, mut rest)) = data.split_first() else { return };
    let role = if role & 1 == 0 { Role::Responder } else { Role::Initiator };
    let mut here = replica(3, 1);
    let honest: Vec<OpId> = here.graph().counting().map(|op| *here.graph().id(op)).collect();
    assert_eq!(honest.len(), 3);
    let mut session = Session::new(role, [7; 16]);
    answers(&mut session, &here);
    while let Some((length, tail)) = rest.split_first_chunk() {
        let (message, tail) = tail.split_at(tail.len().min(usize::from(u16::from_be_bytes(*length))));
        rest = tail;
        if let Err(error) = session.receive(&mut here, message) {
            assert_silent(&error, data);
            break;
        }
        answers(&mut session, &here);
    }
    let held: BTreeSet<OpId> = here.graph().counting().map(|op| *here.graph().id(op)).collect();
    assert!(honest.iter().all(|id| held.contains(id)), "what is honest counts");
    assert!(held.iter().all(|id| KNOWN.ops.iter().any(|op| op.id() == id)), "believed what nobody signed");
    assert!(here.graph().proofs().all(|proof| *proof == KNOWN.proof), "framed somebody");
    assert!(here.graph().chain().fork().is_none());
    let mut there = replica(5, 2);
    assert_eq!(there.graph().len(), 5);
    assert_eq!(carry(&mut here, &mut there), Some(Outcome::Same));
    assert_eq!(here.encode(), there.encode());
}

fn answers(session: &mut Session, here: &Replica) {
    for _ in 0..ANSWERS_MAX {
        let Some(bytes) = session.poll(here) else { return };
        assert_eq!(Message::decode(&bytes).expect("what is sent reads").to_bytes(), bytes);
    }
    panic!("a session talks without end");
}

/// Carries a session of two honest sides to its end.
fn carry(here: &mut Replica, there: &mut Replica) -> Option<Outcome> {
    let mut one = Session::new(Role::Initiator, [8; 16]);
    let mut other = Session::new(Role::Responder, [0; 16]);
    for _ in 0..16 * ANSWERS_MAX {
        if let Some(bytes) = one.poll(here) {
            other.receive(there, &bytes).expect("an honest peer");
        } else if let Some(bytes) = other.poll(there) {
            one.receive(here, &bytes).expect("an honest peer");
        } else {
            return one.outcome();
        }
    }
    panic!("a session talks without end");
}

/// What one side of an honest session says, as [`crdt_session`] takes it for the other.
#[must_use]
pub fn said(role: Role, here: &mut Replica, there: &mut Replica) -> Vec<u8> {
    let mut one = Session::new(Role::Initiator, [8; 16]);
    let mut other = Session::new(Role::Responder, [0; 16]);
    let mut out = vec![u8::from(role == Role::Initiator)];
    let mut note = |bytes: &[u8]| {
        out.extend_from_slice(&u16::try_from(bytes.len()).expect("short messages").to_be_bytes());
        out.extend_from_slice(bytes);
    };
    loop {
        if let Some(bytes) = one.poll(here) {
            if role == Role::Responder {
                note(&bytes);
            }
            other.receive(there, &bytes).expect("an honest peer");
        } else if let Some(bytes) = other.poll(there) {
            if role == Role::Initiator {
                note(&bytes);
            }
            one.receive(here, &bytes).expect("an honest peer");
        } else {
            return out;
        }
    }
}
