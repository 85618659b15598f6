//! Ops that are taken up together make what they make one after the other, also where an author among them forks.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic")]

use vm_core::digest::LeafHash;
use vm_core::id::LedgerId;
use vm_core::key::SigningIdentity;
use vm_crdt::document::{Path, Transaction};
use vm_crdt::error::PackError;
use vm_crdt::graph::{Limits, Received};
use vm_crdt::pack::{PackedOp, Unpack, pack};
use vm_crdt::{Charter, Payload, Replica};

fn key(n: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[n; 32])
}

fn replica() -> Replica {
    let members = (1..=3).map(|n| key(n).public()).collect();
    let ledger = LedgerId::from_genesis(LeafHash::of(b"ledger"));
    Replica::new(Charter::new(ledger, members, vec![key(100).public()], 1).unwrap(), Limits::default())
}

fn put(path: &str, value: &str) -> Payload {
    let mut transaction = Transaction::new();
    transaction.put(&Path::new([path]).unwrap(), value).unwrap();
    transaction.increment(&Path::new(["count"]).unwrap(), 1).unwrap();
    transaction.to_payload().unwrap()
}

fn packed(replica: &Replica) -> Vec<u8> {
    let ops: Vec<_> = replica.graph().counting().collect();
    pack(replica.graph(), &ops, usize::MAX).0
}

/// Packs of three authors of whom the second says two things at once; the third builds on one of them.
fn packs() -> Vec<Vec<u8>> {
    let (mut one, mut left, mut right) = (replica(), replica(), replica());
    for at in 0..5 {
        one.write(put("a", &at.to_string()), &key(1)).unwrap();
        left.write(put("a", &format!("left {at}")), &key(2)).unwrap();
        right.write(put("b", &format!("right {at}")), &key(2)).unwrap();
    }
    left.write(put("a", "after"), &key(3)).unwrap();
    vec![packed(&one), packed(&right), packed(&left)]
}

fn ops(packs: &[Vec<u8>]) -> Vec<Result<PackedOp, PackError>> {
    packs.iter().flat_map(|bytes| Unpack::new(bytes).unwrap()).collect()
}

#[test]
fn together_is_one_after_the_other() {
    let packs = packs();
    let (mut each, mut all) = (replica(), replica());
    let mut outcomes = Vec::new();
    for op in ops(&packs) {
        outcomes.push(each.insert_packed(op.unwrap()).map(|(received, _)| received));
    }
    let mut told = Vec::new();
    let (changes, end) = all.insert_all(ops(&packs), |_, received| {
        told.push(received);
        Ok(())
    });
    assert_eq!(end, Ok(()));
    assert_eq!(told, outcomes);
    assert!(changes.must_rebuild && changes.proven == [key(2).public()]);
    assert!(each.graph().heads().eq(all.graph().heads()));
    assert_eq!(each.encode(), all.encode());
    assert_eq!(each.order().0, all.order().0);
}

#[test]
fn what_breaks_off_leaves_what_came_before() {
    let packs = packs();
    let mut part = replica();
    let mut left = 3;
    let (_, end) = part.insert_all(ops(&packs), |_, received| {
        assert!(matches!(received, Ok(Received::Held(_))));
        left -= 1;
        if left == 0 { Err(PackError::Format) } else { Ok(()) }
    });
    assert_eq!(end, Err(PackError::Format));
    let mut expected = replica();
    for op in ops(&packs).into_iter().take(3) {
        let (_, _) = expected.insert_packed(op.unwrap()).unwrap();
    }
    assert_eq!(part.encode(), expected.encode());
    assert_eq!(part.graph().len(), 3);
}
