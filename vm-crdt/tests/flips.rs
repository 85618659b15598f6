//! Every bit of every stored form flipped, and every truncation: refused, or shown to be another valid object that nobody takes for the first.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod scene;

use scene::*;
use vm_crdt::document::Document;
use vm_crdt::error::{EventError, OpError, PackError};
use vm_crdt::event::{Change, EventBody};
use vm_crdt::evidence::{self, EvidenceItem};
use vm_crdt::op::SignedHead;
use vm_crdt::pack::{PackedOp, Unpack, pack};
use vm_crdt::sync::Message;
use vm_crdt::{Charter, EquivocationProof, EvidenceSet, OpIndex, Payload, SealedEvent, SignedOp};

/// All forms with one bit another.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| {
        let mut other = bytes.to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        (bit, other)
    })
}

/// All that end early, and some that end late.
fn cut_or_longer(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cut = (0..bytes.len()).map(|length| bytes[..length].to_vec());
    let longer = [&[0][..], b"\n", &[0xff], bytes].map(|more| [bytes, more].concat());
    cut.chain(longer)
}

fn three() -> [SignedOp; 3] {
    let (first, beside) = (op(1, None, &[], "first"), op(2, None, &[], "beside"));
    let next = op(1, Some(&first), &[&beside], "next");
    [first, beside, next]
}

#[test]
fn no_op_is_another_by_a_bit() {
    let item = EvidenceItem { ledger: ledger(), seq: 7, leaf: vm_core::digest::LeafHash::of(b"row") };
    let evidence = SignedOp::sign(head(3, 0, None, &[]), evidence::to_payload([item]).unwrap(), &key(3)).unwrap();
    let vouch = SignedOp::sign(head(3, 0, None, &[]), Payload::vouch(), &key(3)).unwrap();
    for op in three().into_iter().chain([evidence, vouch]) {
        let bytes = op.to_bytes();
        assert_eq!(SignedOp::decode(&bytes), Ok(op.clone()));
        for (bit, other) in flipped(&bytes) {
            assert!(SignedOp::decode(&other).is_err(), "bit {bit}");
        }
        for other in cut_or_longer(&bytes) {
            assert!(SignedOp::decode(&other).is_err(), "{} of {} bytes", other.len(), bytes.len());
        }
        let head = op.signed().to_bytes();
        for other in flipped(&head).map(|(_, other)| other).chain(cut_or_longer(&head)) {
            assert!(SignedHead::decode(&other).is_err());
        }
    }
}

#[test]
fn no_proof_is_another_by_a_bit() {
    let make = |what| SignedOp::sign(head(4, 0, None, &[]), put("x", what), &key(4)).unwrap().into_parts().0;
    let bytes = EquivocationProof::check(make("left"), make("right")).unwrap().to_bytes();
    for other in flipped(&bytes).map(|(_, other)| other).chain(cut_or_longer(&bytes)) {
        assert!(EquivocationProof::parse(&other).is_err(), "{}", other.escape_ascii());
    }
    // The two heads the other way round, and capital digits, would be second forms.
    let text = String::from_utf8(bytes).unwrap();
    let mut parts: Vec<&str> = text.split('"').collect();
    parts.swap(7, 9);
    assert!(EquivocationProof::parse(parts.join("\"").as_bytes()).is_err());
    assert!(EquivocationProof::parse(text.replace("766d2d6f70", "766D2D6F70").as_bytes()).is_err());
    assert!(EquivocationProof::parse(text.replace("\":", "\": ").as_bytes()).is_err());
}

#[test]
fn a_charter_that_differs_by_a_bit_is_refused_or_of_another_graph() {
    let bytes = charter().to_bytes();
    let mut others = 0;
    for (bit, other) in flipped(&bytes) {
        // A charter is signed by nobody: its hash is what a graph is named by.
        if let Ok(charter) = Charter::parse(&other) {
            assert_ne!(charter.graph(), scene::charter().graph(), "bit {bit}");
            assert_eq!(charter.to_bytes(), other);
            others += 1;
        }
    }
    assert!(others > 0 && others < bytes.len() * 4, "{others}: most bits are of keys and of the ledger");
    for other in cut_or_longer(&bytes) {
        assert!(Charter::parse(&other).is_err());
    }
    let text = String::from_utf8(bytes).unwrap();
    for (from, to) in
        [("\":", "\": "), ("\"threshold\":1", "\"threshold\":1.0"), ("\"threshold\":1", "\"threshold\":01")]
    {
        assert!(Charter::parse(text.replace(from, to).as_bytes()).is_err(), "{to}");
    }
    let mut lines: Vec<&str> = text.split('"').collect();
    let at = lines.iter().position(|part| *part == "members").unwrap() + 2;
    lines.swap(at, at + 2);
    assert!(Charter::parse(lines.join("\"").as_bytes()).is_err(), "members out of order");
}

#[test]
fn no_event_is_another_by_a_bit() {
    let mut here = replica();
    here.write(put("x", "1"), &key(1)).unwrap();
    let changes = [
        Change::Enrol(key(9).public()),
        Change::Revoke(key(2).public()),
        Change::Epoch(vm_core::epoch::Epoch::Albedo),
        compaction(&here, &[1]),
    ];
    for change in changes {
        let event = event(here.graph().chain(), &heads(&here), change);
        let bytes = event.to_bytes();
        assert_eq!(SealedEvent::parse(&bytes, &charter()), Ok(event));
        for other in flipped(&bytes).map(|(_, other)| other).chain(cut_or_longer(&bytes)) {
            assert!(SealedEvent::parse(&other, &charter()).is_err(), "{}", other.escape_ascii());
        }
    }
    // Of another charter it is nothing.
    let event = event(here.graph().chain(), &[], Change::Enrol(key(9).public()));
    let other = Charter::new(ledger(), vec![key(1).public()], vec![key(100).public()], 1).unwrap();
    assert_eq!(SealedEvent::parse(&event.to_bytes(), &other), Err(EventError::Graph));
    let body = EventBody { number: 0, ..event.body().clone() };
    let seal = body.seal(&key(100));
    assert!(matches!(SealedEvent::check(body, vec![seal], &charter()), Err(EventError::Number { .. })));
}

fn read(bytes: &[u8]) -> Result<Vec<PackedOp>, PackError> {
    Unpack::new(bytes)?.collect()
}

#[test]
fn no_pack_is_another_by_a_bit() {
    let mut here = replica();
    let ops = three();
    ops.iter().for_each(|op| drop(here.insert(op.clone()).unwrap()));
    let places: Vec<OpIndex> = (0..3).map(OpIndex::from_u32).collect();
    let mut bare = replica();
    for op in &ops {
        let signed = op.signed().clone();
        let _ = bare.insert_packed(PackedOp::bare(signed)).unwrap();
    }
    let packs = [
        pack(here.graph(), &places, 1 << 20).0,
        pack(here.graph(), &places[2..], 1 << 20).0,
        pack(bare.graph(), &places, 1 << 20).0,
        pack(here.graph(), &[], 1 << 20).0,
    ];
    for bytes in packs {
        let whole = read(&bytes).unwrap();
        for (bit, other) in flipped(&bytes) {
            // No bit of an op can be another; a pack without ops says nothing but its graph, which a session compares.
            if let Ok(ops) = read(&other) {
                assert!(ops.is_empty() && whole.is_empty(), "bit {bit}");
                assert_ne!(Unpack::new(&other).unwrap().graph(), here.graph().name());
            }
        }
        for other in cut_or_longer(&bytes) {
            assert!(read(&other).is_err(), "{} of {} bytes", other.len(), bytes.len());
        }
    }
    let (bytes, _) = pack(here.graph(), &places, 1 << 20);
    // What an op before the fault said is taken, what comes after is not.
    let mut other = bytes.clone();
    let last = other.len() - 1;
    other[last] ^= 1;
    let read: Vec<_> = Unpack::new(&other).unwrap().collect();
    assert_eq!(read.len(), 3);
    assert!(read[..2].iter().all(Result::is_ok));
    assert!(matches!(read[2], Err(PackError::Op { at: 2, source: OpError::Signature(_) })));
}

#[test]
fn integers_of_packs_have_one_form() {
    let mut here = replica();
    three().iter().for_each(|op| drop(here.insert(op.clone()).unwrap()));
    let (bytes, _) = pack(here.graph(), &[OpIndex::from_u32(0)], 1 << 20);
    // The count of authors in two bytes, and a list of authors that holds one whom nobody needs.
    let mut long = bytes.clone();
    long[48] = 0x81;
    long.insert(49, 0);
    assert!(matches!(Unpack::new(&long), Err(PackError::Bytes(_))));
    let mut spare = bytes[..48].to_vec();
    let mut keys = [*key(1).public().as_bytes(), *key(2).public().as_bytes()];
    keys.sort_unstable();
    spare.push(2);
    spare.extend(keys.iter().flatten());
    let mut rest = bytes[81..].to_vec();
    rest[2] = u8::from(keys[1] == *key(1).public().as_bytes());
    spare.extend_from_slice(&rest);
    assert_eq!(read(&spare).map(|_| ()), Err(PackError::Spare));
    // The same op twice.
    let (two, _) = pack(here.graph(), &[OpIndex::from_u32(0), OpIndex::from_u32(0)], 1 << 20);
    assert_eq!(read(&two).map(|_| ()), Err(PackError::Spare));
}

#[test]
fn states_that_differ_by_a_bit_are_not_the_one_that_was_sealed() {
    let mut here = replica();
    here.write(put("x", "1"), &key(1)).unwrap();
    let item = EvidenceItem { ledger: ledger(), seq: 7, leaf: vm_core::digest::LeafHash::of(b"row") };
    here.write(evidence::to_payload([item]).unwrap(), &key(2)).unwrap();
    let change = compaction(&here, &[1, 2, 3, 4]);
    seal(&mut here, change);
    let state = here.encode();
    let mut newcomer = replica();
    for op in all_ops(&here) {
        let signed = op.signed().clone();
        let _ = newcomer.insert_packed(PackedOp::bare(signed)).unwrap();
    }
    let _ = newcomer.seal(here.graph().chain().events()[0].clone()).unwrap();
    assert_eq!(newcomer.lacks_state(), Some(1));
    for other in flipped(&state).map(|(_, other)| other).chain(cut_or_longer(&state)) {
        assert!(newcomer.adopt(other).is_err());
    }
    newcomer.adopt(state.clone()).unwrap();
    assert_eq!((newcomer.encode(), newcomer.lacks_state(), newcomer.is_whole()), (state, None, true));
    // Documents and evidence that are read are in their one form.
    let (document, evidence) = (here.document().encode(), here.evidence().encode());
    for other in flipped(&document).map(|(_, other)| other).chain(cut_or_longer(&document)) {
        if let Ok(read) = Document::decode(&other) {
            assert_eq!(read.encode(), other);
        }
    }
    for other in flipped(&evidence).map(|(_, other)| other).chain(cut_or_longer(&evidence)) {
        if let Ok(read) = EvidenceSet::decode(&other) {
            assert_eq!(read.encode(), other);
        }
    }
}

#[test]
fn a_message_has_one_form() {
    let mut here = replica();
    three().iter().for_each(|op| drop(here.insert(op.clone()).unwrap()));
    let mut one = vm_crdt::Session::new(vm_crdt::sync::Role::Initiator, [1; 16]);
    let offer = one.poll(&here).unwrap();
    let mut other = vm_crdt::Session::new(vm_crdt::sync::Role::Responder, [0; 16]);
    other.receive(&mut here, &offer).unwrap();
    let done = other.poll(&here).unwrap();
    let names = heads(&here);
    let messages = [
        offer,
        Message::More(7, 300).to_bytes(),
        Message::Want(vec![vm_crdt::sketch::ShortId::from_u64(9)], names).to_bytes(),
        done,
        Message::Ask(1, 300).to_bytes(),
        Message::State { number: 1, offset: 300, whole: 400, bytes: vec![1, 2, 3] }.to_bytes(),
    ];
    for bytes in messages {
        let message = Message::decode(&bytes).unwrap();
        assert_eq!(message.to_bytes(), bytes);
        for other in flipped(&bytes).map(|(_, other)| other).chain(cut_or_longer(&bytes)) {
            if let Ok(read) = Message::decode(&other) {
                assert_ne!(read, message);
                assert_eq!(read.to_bytes(), other);
            }
        }
    }
}
