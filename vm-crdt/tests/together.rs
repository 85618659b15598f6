//! Ops that are taken up together make what they make one after the other: whoever forks among them, whatever is missing, refused, or makes room.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

mod scene;

use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;
use proptest::sample::Index;
use scene::{charter, event, head, key, put, replica};
use vm_crdt::document::{Path, Transaction};
use vm_crdt::error::{PackError, Refusal};
use vm_crdt::event::Change;
use vm_crdt::graph::{Changes, Limits, Received};
use vm_crdt::pack::{PackedOp, Unpack, pack};
use vm_crdt::{EquivocationProof, OpIndex, Past as _, Payload, Replica, SignedOp};

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
fn a_fork_in_packs_is_found_and_ends_what_counted() {
    let packs = packs();
    let mut all = replica();
    let (changes, end) = all.insert_all(ops(&packs), |_, _| Ok(()));
    assert_eq!(end, Ok(()));
    assert!(changes.must_rebuild && changes.proven == [key(2).public()]);
    assert_eq!((all.graph().len(), all.graph().waiting()), (5, 1), "what builds on the other branch waits for it");
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

/// One made-up op: author, what it may name, whether it forks, and what it says.
type Step = (u8, Index, Index, bool, u8);

/// Edits of few leaves, so that ops meet.
fn says(author: u8, mark: u8) -> Payload {
    let at = |name: &str| Path::new([name]).unwrap();
    let mut transaction = Transaction::new();
    transaction.put(&at(&format!("{}", mark % 3)), format!("{author} {mark}").as_str()).unwrap();
    transaction.increment(&at("count"), i64::from(mark)).unwrap();
    match mark % 5 {
        0 => transaction.remove(&at(&format!("{}", (mark % 3 + 1) % 3))).unwrap(),
        1 => transaction.discard(&at("set"), i64::from(mark % 4)).unwrap(),
        _ => transaction.add(&at("set"), i64::from(mark % 4)).unwrap(),
    };
    transaction.to_payload().unwrap()
}

/// Ops of two honest authors, who hear of some, and of two who name what they like and fork.
fn history(steps: &[Step]) -> Vec<SignedOp> {
    let mut ops: Vec<SignedOp> = Vec::new();
    let mut views: BTreeMap<u8, Replica> = (1..=2).map(|author| (author, replica())).collect();
    for (author, one, two, forks, mark) in steps {
        let author = author % 4 + 1;
        if let Some(view) = views.get_mut(&author) {
            for heard in [one, two].into_iter().filter(|_| !ops.is_empty()) {
                let _ = view.insert(heard.get(&ops).clone());
            }
            ops.extend(view.write(says(author, *mark), &key(author)));
            continue;
        }
        let own: Vec<&SignedOp> = ops.iter().filter(|op| op.head().author == key(author).public()).collect();
        let parent = if *forks { own.first().map(|_| *one.get(&own)) } else { own.last().copied() };
        let mut others: Vec<&SignedOp> = Vec::new();
        if !ops.is_empty() && mark % 4 > 0 {
            others.extend([one.get(&ops), two.get(&ops)].iter().take(usize::from(mark % 4)));
            others.retain(|other| parent.is_none_or(|parent| parent.id() != other.id()));
        }
        let signed = SignedOp::sign(head(author, 0, parent, &others), says(author, *mark), &key(author));
        ops.push(signed.unwrap());
    }
    ops
}

/// What a replica says of itself, but for the order in which ops came to count.
fn told(replica: &Replica, ops: &[SignedOp]) -> impl PartialEq + std::fmt::Debug + use<> {
    let graph = replica.graph();
    let proofs: Vec<Vec<u8>> = graph.proofs().map(EquivocationProof::to_bytes).collect();
    let places: Vec<Option<OpIndex>> = ops.iter().map(|op| graph.place(op.id())).collect();
    let heads: Vec<_> = graph.heads().copied().collect();
    let wanted: Vec<_> = graph.wanted().copied().collect();
    let counting: Vec<_> = graph.counting().collect();
    let lacks: Vec<_> = replica.lacks_payloads().copied().collect();
    let few = (graph.len(), graph.waiting(), graph.chain().number(), replica.is_whole(), lacks);
    (replica.encode(), proofs, places, heads, wanted, counting, few)
}

/// What became of each op, and of all together.
type Outcome = (Vec<Result<Received, Refusal>>, Changes);

fn one_by_one(replica: &mut Replica, ops: &[PackedOp]) -> Outcome {
    let (mut received, mut all) = (Vec::new(), Changes::default());
    for op in ops {
        received.push(replica.insert_packed(op.clone()).map(|(received, changes)| {
            if changes.must_rebuild {
                all.counted.clear();
            }
            all.must_rebuild |= changes.must_rebuild;
            all.counted.extend(changes.counted);
            all.proven.extend(changes.proven);
            all.refused.extend(changes.refused);
            received
        }));
    }
    (received, all)
}

fn together(replica: &mut Replica, ops: &[PackedOp]) -> Outcome {
    let mut all = Vec::new();
    let ops = ops.iter().cloned().map(Ok::<_, Infallible>);
    let (changes, _) = replica.insert_all(ops, |_, received| {
        all.push(received);
        Ok(())
    });
    (all, changes)
}

/// Two replicas, of which the first takes ops one by one and the second in parts of this length, agree after each part.
fn assert_agree(limits: Limits, history: &[SignedOp], ops: &[PackedOp], length: usize, sealed: &Index) {
    let mut replicas = [(); 2].map(|()| Replica::new(charter(), limits));
    let revoked = sealed.get(history);
    let revocation = event(replicas[0].graph().chain(), &[*revoked.id()], Change::Revoke(revoked.head().author));
    for (at, part) in ops.chunks(length).enumerate() {
        if at == 1 {
            let [each, all] = replicas.each_mut().map(|replica| replica.seal(revocation.clone()));
            assert_eq!(each, all);
        }
        let [each, all] = &mut replicas;
        let before = (all.order().0.to_vec(), all.order().1);
        assert_eq!(one_by_one(each, part), together(all, part));
        assert_eq!(told(each, history), told(all, history));
        let (order, generation) = all.order();
        if generation == before.1 {
            assert!(order.starts_with(&before.0), "whoever follows the order goes on from where it was");
        }
        assert!(each.order().1 > 0 || (order, generation) == each.order());
        for (place, later) in order.iter().enumerate() {
            let is_after = |earlier: &OpIndex| all.graph().is_or_precedes(*later, *earlier);
            assert!(!order[..place].iter().any(is_after), "each comes once, and after its past");
        }
        let mut counting = order.to_vec();
        counting.sort_unstable();
        assert!(counting.into_iter().eq(all.graph().counting()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn together_is_one_after_the_other(
        steps in prop::collection::vec(any::<Step>(), 8..48),
        order in prop::collection::vec((any::<Index>(), 0..12_u8), 1..80),
        lanes in 3_usize..9, orphans in 1_usize..8, length in 1_usize..24, sealed in any::<Index>(),
        is_tight in any::<bool>(),
    ) {
        let history = history(&steps);
        // As it was made, with some anywhere between; of some only the head.
        let mut ops: Vec<PackedOp> = Vec::new();
        let mut next = history.iter();
        for (index, how) in order {
            let op = if how < 9 { next.next() } else { None }.unwrap_or_else(|| index.get(&history));
            ops.push(if how == 0 { PackedOp::bare(op.signed().clone()) } else { op.clone().into() });
        }
        let tight = Limits { lanes, orphans, ..Limits::default() };
        assert_agree(if is_tight { tight } else { Limits::default() }, &history, &ops, length, &sealed);
    }
}
