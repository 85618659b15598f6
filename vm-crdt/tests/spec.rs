//! The samples of the format pages are what the code writes and reads, and the limits they name are the code's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod scene;

use scene::*;
use vm_core::digest::{Sha256Digest, to_hex};
use vm_crdt::document::Transaction;
use vm_crdt::event::{ACK_FORMAT, Ack, Change, EventBody};
use vm_crdt::evidence::{self, EvidenceItem};
use vm_crdt::op::SignedHead;
use vm_crdt::pack::{Unpack, pack};
use vm_crdt::sync::{Message, Outcome, Role, Session};
use vm_crdt::{
    Charter, EquivocationProof, Merge, MergeReceipt, OpIndex, Path, Payload, Replica, SealedEvent, SignedOp,
};

fn assert_shown(name: &str, sample: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/spec").join(name);
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page.contains(&format!("\n{sample}\n")), "{name} does not show:\n{sample}");
}

fn hex(bytes: &[u8]) -> String {
    to_hex(bytes)
}

/// A first op, another author's beside it, and the first author's next, which joins both.
fn three() -> [SignedOp; 3] {
    let make = |author, parent: Option<&SignedOp>, others: &[&SignedOp]| {
        SignedOp::sign(head(author, 0, parent, others), Payload::vouch(), &key(author)).unwrap()
    };
    let (first, beside) = (make(1, None, &[]), make(2, None, &[]));
    let next = make(1, Some(&first), &[&beside]);
    [first, beside, next]
}

fn replica_of(ops: &[SignedOp]) -> Replica {
    let mut here = replica();
    ops.iter().for_each(|op| drop(here.insert(op.clone()).unwrap()));
    here
}

/// Bytes in lines: what stands before a space says what they are.
fn bytes_of(lines: &str) -> Vec<u8> {
    let digits: String = lines.lines().map(|line| line.rsplit_once(' ').unwrap().1).collect();
    vm_core::digest::from_hex(&digits).unwrap()
}

#[test]
fn the_page_of_ops_shows_one() {
    let [first, beside, next] = three();
    let lines = [
        ("format         ", b"vm-op-v0".to_vec()),
        ("graph          ", charter().graph().as_bytes().to_vec()),
        ("epoch          ", vec![0; 8]),
        ("author         ", key(1).public().as_bytes().to_vec()),
        ("seq            ", vec![0, 0, 0, 0, 0, 0, 0, 1]),
        ("parent         ", first.id().as_bytes().to_vec()),
        ("others         ", vec![0, 0, 0, 1]),
        ("other          ", beside.id().as_bytes().to_vec()),
        ("payload length ", vec![0, 0, 0, 0, 0, 0, 0, 1]),
        ("payload hash   ", Sha256Digest::of(&[0]).as_bytes().to_vec()),
        ("signature      ", next.signed().signature().as_bytes().to_vec()),
        ("payload        ", vec![0]),
    ];
    let sample: Vec<String> = lines.iter().map(|(name, bytes)| format!("{name}{}", hex(bytes))).collect();
    let sample = sample.join("\n");
    assert_eq!(SignedOp::decode(&bytes_of(&sample)), Ok(next.clone()));
    assert_shown("crdt-op.md", &sample);
    assert_shown("crdt-op.md", &next.id().to_string());
    // What the page says of name and signature, without this crate.
    let bytes = next.signed().to_bytes();
    let (head, signature) = bytes.split_at(bytes.len() - 64);
    let name = Sha256Digest::of(head);
    assert_eq!(name.as_bytes(), next.id().as_bytes());
    let signature = vm_core::key::Signature::from_bytes(signature.try_into().unwrap());
    let signed = [&b"vm-op-v0 signature\n"[..], name.as_bytes()].concat();
    assert_eq!(key(1).public().verify(&signed, &signature), Ok(()));
}

#[test]
fn the_page_of_charters_shows_one() {
    let sample = String::from_utf8(charter().to_bytes()).unwrap();
    assert_eq!(Charter::parse(sample.as_bytes()), Ok(charter()));
    assert_shown("crdt-charter.md", &sample);
    assert_shown("crdt-charter.md", &charter().graph().to_string());
}

#[test]
fn the_page_of_events_shows_two() {
    let [first, ..] = three();
    let chain = replica();
    let enrol = event(chain.graph().chain(), &[*first.id()], Change::Enrol(key(9).public()));
    let sample = String::from_utf8(enrol.to_bytes()).unwrap();
    assert_eq!(SealedEvent::parse(sample.as_bytes(), &charter()), Ok(enrol.clone()));
    assert_shown("crdt-event.md", &sample);
    assert_shown("crdt-event.md", &enrol.digest().to_string());
    // A compaction with one acknowledgement; a chain wants one of every member.
    let frontier = [*first.id()];
    let ack = Ack::sign(&charter().graph(), 2, &frontier, &key(1));
    let body = EventBody {
        graph: charter().graph(),
        number: 2,
        previous: enrol.digest(),
        frontier: frontier.to_vec(),
        change: Change::Compact { state: Sha256Digest::of(&replica().encode()), acks: vec![ack.clone()] },
    };
    let seal = body.seal(&key(100));
    let compact = SealedEvent::check(body, vec![seal], &charter()).unwrap();
    assert_shown("crdt-event.md", &String::from_utf8(compact.to_bytes()).unwrap());
    let mut signed = format!("{ACK_FORMAT} signature\n").into_bytes();
    signed.extend_from_slice(charter().graph().as_bytes());
    signed.extend_from_slice(&[0, 0, 0, 2]);
    signed.extend_from_slice(first.id().as_bytes());
    assert_eq!(key(1).public().verify(&signed, &ack.signature), Ok(()));
    let signed = [&b"vm-sealed-event-v0 signature\n"[..], enrol.digest().as_bytes()].concat();
    assert_eq!(key(100).public().verify(&signed, &enrol.signatures()[0].signature), Ok(()));
}

#[test]
fn the_page_of_equivocation_shows_a_proof() {
    let make = |payload| SignedOp::sign(head(4, 0, None, &[]), payload, &key(4)).unwrap().into_parts().0;
    let proof = EquivocationProof::check(make(Payload::vouch()), make(put("x", "1"))).unwrap();
    let sample = String::from_utf8(proof.to_bytes()).unwrap();
    assert_eq!(EquivocationProof::parse(sample.as_bytes()), Ok(proof));
    assert_shown("crdt-equivocation.md", &sample);
}

#[test]
fn the_page_of_packs_shows_one() {
    let ops = three();
    let here = replica_of(&ops);
    let (bytes, taken) = pack(here.graph(), &[OpIndex::from_u32(1), OpIndex::from_u32(2)], 1 << 20);
    assert_eq!(taken, 2);
    let [beside, next] = [&ops[1], &ops[2]].map(|op| op.signed().signature().as_bytes().to_vec());
    let mut authors = [key(1).public(), key(2).public()];
    authors.sort_unstable();
    let place = |n| u8::from(authors[1] == key(n).public());
    let lines = [
        ("format    ", b"vm-crdt-pack-v0\n".to_vec()),
        ("graph     ", charter().graph().as_bytes().to_vec()),
        ("authors   ", vec![2]),
        ("author    ", authors[0].as_bytes().to_vec()),
        ("author    ", authors[1].as_bytes().to_vec()),
        ("outside   ", vec![1]),
        ("op        ", ops[0].id().as_bytes().to_vec()),
        ("ops       ", vec![2]),
        ("author, epoch, no parent, no others ", vec![place(2), 0, 0, 0]),
        ("payload   ", vec![2, 0]),
        ("signature ", beside),
        ("author, epoch, parent outside, seq, one other, one back ", vec![place(1), 0, 2, 1, 1, 1]),
        ("payload   ", vec![2, 0]),
        ("signature ", next),
    ];
    let sample: Vec<String> = lines.iter().map(|(name, bytes)| format!("{name}{}", hex(bytes))).collect();
    let sample = sample.join("\n");
    assert_eq!(hex(&bytes_of(&sample)), hex(&bytes));
    let read: Vec<SignedHead> = Unpack::new(&bytes).unwrap().map(|op| op.unwrap().into_parts().0).collect();
    assert_eq!(read, [ops[1].signed().clone(), ops[2].signed().clone()]);
    assert_shown("crdt-pack.md", &sample);
}

#[test]
fn the_page_of_sync_shows_a_session() {
    let ops = three();
    let (mut here, mut there) = (replica_of(&ops[..1]), replica_of(&ops));
    let mut one = Session::new(Role::Initiator, [1; 16]);
    let mut other = Session::new(Role::Responder, [0; 16]);
    let mut lines = Vec::new();
    loop {
        let (side, bytes) = if let Some(bytes) = one.poll(&here) {
            other.receive(&mut there, &bytes).unwrap();
            ("initiator", bytes)
        } else if let Some(bytes) = other.poll(&there) {
            one.receive(&mut here, &bytes).unwrap();
            ("responder", bytes)
        } else {
            break;
        };
        let shown = match Message::decode(&bytes).unwrap() {
            Message::Offer(offer) => format!("{}...", hex(&bytes[..bytes.len() - offer.run.len()])),
            Message::Give(_, pack) => format!("{}...", hex(&bytes[..bytes.len() - pack.len()])),
            _ => hex(&bytes),
        };
        lines.push(format!("{side} {shown}"));
    }
    assert_eq!(one.outcome(), Some(Outcome::Same));
    assert_eq!(here.encode(), there.encode());
    assert_shown("crdt-sync.md", &lines.join("\n"));
}

#[test]
fn the_page_of_state_shows_one() {
    let mut edits = Transaction::new();
    edits.put(&Path::new(["x"]).unwrap(), "1").unwrap();
    let first = SignedOp::sign(head(1, 0, None, &[]), edits.to_payload().unwrap(), &key(1)).unwrap();
    let item = EvidenceItem { ledger: ledger(), seq: 7, leaf: vm_core::digest::LeafHash::from_bytes([0xbb; 32]) };
    let second = SignedOp::sign(head(2, 0, None, &[]), evidence::to_payload([item]).unwrap(), &key(2)).unwrap();
    let here = replica_of(&[first, second]);
    let document = here.document().encode();
    let length = u8::try_from(document.len()).unwrap();
    assert!(length < 128);
    let sample = format!(
        "format              {}\nlength of document  {}\ndocument            {}\nevidence            {}",
        hex(b"vm-state-v0\n"),
        hex(&[length]),
        hex(&document),
        hex(&here.evidence().encode())
    );
    assert_eq!(bytes_of(&sample), here.encode());
    assert_shown("crdt-state.md", &sample);
    assert_shown("crdt-state.md", &Sha256Digest::of(&here.encode()).to_string());
}

#[test]
fn the_pages_name_the_limits_of_the_code() {
    use vm_crdt::{charter, equivocation, event, op, payload, replica, sync};
    let grouped = |number: usize| {
        let digits = number.to_string();
        let first = digits.len() % 3;
        let mut groups: Vec<&str> = vec![&digits[..first]];
        groups.extend((first..digits.len()).step_by(3).map(|at| &digits[at..at + 3]));
        groups.into_iter().filter(|group| !group.is_empty()).collect::<Vec<_>>().join(",")
    };
    let limits = [
        ("crdt-op.md", vec![op::OTHERS_MAX, payload::PAYLOAD_MAX]),
        ("crdt-charter.md", vec![charter::MEMBERS_MAX, charter::SEALERS_MAX, charter::CHARTER_MAX]),
        ("crdt-event.md", vec![event::FRONTIER_MAX, usize::try_from(event::EVENTS_MAX).unwrap(), event::EVENT_MAX]),
        ("crdt-equivocation.md", vec![equivocation::PROOF_MAX]),
        ("crdt-pack.md", vec![charter::MEMBERS_MAX, op::OTHERS_MAX, payload::PAYLOAD_MAX]),
        (
            "crdt-sync.md",
            vec![
                sync::MESSAGE_MAX,
                sync::SYMBOLS_OFFERED,
                sync::SYMBOLS_MAX,
                sync::HEADS_MAX,
                sync::WANT_MAX,
                sync::WASTE_MAX,
                usize::try_from(sync::ROUNDS_MAX).unwrap(),
                usize::try_from(sync::ASKS_MAX).unwrap(),
                usize::try_from(sync::WANTS_MAX).unwrap(),
                usize::try_from(sync::REQUESTS_MAX).unwrap(),
            ],
        ),
        ("crdt-state.md", vec![replica::STATE_MAX]),
    ];
    for (page, limits) in limits {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/spec").join(page);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for limit in limits {
            assert!(text.contains(&grouped(limit)), "{page} does not name {}", grouped(limit));
        }
    }
}

#[test]
fn the_page_of_merge_receipts_shows_one() {
    let (mut here, mut there) = (replica(), replica());
    here.write(Payload::vouch(), &key(1)).unwrap();
    there.write(Payload::vouch(), &key(2)).unwrap();
    let (mut one, mut other) = (Session::new(Role::Initiator, [1; 16]), Session::new(Role::Responder, [0; 16]));
    loop {
        if let Some(bytes) = one.poll(&here) {
            other.receive(&mut there, &bytes).unwrap();
        } else if let Some(bytes) = other.poll(&there) {
            one.receive(&mut here, &bytes).unwrap();
        } else {
            break;
        }
    }
    let receipt = Merge::of(one.exchange(), &here, Sha256Digest::of(b"policy")).sign(&key(50));
    let sample = String::from_utf8(receipt.to_bytes()).unwrap();
    assert_shown("crdt-merge-receipt.md", &sample);
    assert_eq!(MergeReceipt::parse(sample.as_bytes()), Ok(receipt));
}
