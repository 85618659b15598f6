use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use vm_core::digest::LeafHash;
use vm_core::id::LedgerId;
use vm_core::key::SigningIdentity;

use super::*;
use crate::chain::EventFork;
use crate::error::{AuthorError, EventError};
use crate::event::{Change, EventBody};
use crate::op::OpHead;

fn key(n: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[n; 32])
}

fn charter(members: u8) -> Charter {
    let members = (1..=members).map(|n| key(n).public()).collect();
    Charter::new(LedgerId::from_genesis(LeafHash::of(b"ledger")), members, vec![key(100).public()], 1).expect("charter")
}

fn graph(members: u8) -> Graph {
    Graph::new(charter(members), Limits::default())
}

/// An op by hand: whoever lies does not use [`Graph::write`].
fn op(author: u8, epoch: u64, parent: Option<&SignedOp>, others: &[&SignedOp], graph: &Charter) -> SignedOp {
    op_with(author, epoch, parent, others, graph, 0)
}

fn op_with(
    author: u8,
    epoch: u64,
    parent: Option<&SignedOp>,
    others: &[&SignedOp],
    graph: &Charter,
    mark: u8,
) -> SignedOp {
    let head = OpHead {
        graph: graph.graph(),
        epoch,
        author: key(author).public(),
        seq: parent.map_or(0, |parent| parent.head().seq + 1),
        parent: parent.map(|parent| *parent.id()),
        others: others.iter().map(|other| *other.id()).collect(),
        payload_len: 0,
        payload_hash: vm_core::digest::Sha256Digest::of(&[]),
    };
    SignedOp::sign(head, Payload::mark(mark), &key(author)).expect("op")
}

fn event(graph: &Graph, frontier: &[OpId], change: Change) -> SealedEvent {
    let body = EventBody {
        graph: graph.name(),
        number: graph.chain().number() + 1,
        previous: graph.chain().last(),
        frontier: frontier.to_vec(),
        change,
    };
    let seal = body.seal(&key(100));
    SealedEvent::check(body, vec![seal], graph.chain().charter()).expect("event")
}

fn heads(graph: &Graph) -> Vec<OpId> {
    graph.heads().copied().collect()
}

fn holds(graph: &mut Graph, op: &SignedOp) -> bool {
    matches!(graph.insert(op.clone()), Ok((Received::Held(_), _)))
}

#[test]
fn two_halves_of_a_fork_come_together_with_one_proof() {
    let charter = charter(3);
    let root = op(1, 0, None, &[], &charter);
    let (left, right) = (op_with(1, 0, Some(&root), &[], &charter, 1), op_with(1, 0, Some(&root), &[], &charter, 2));
    let mut one = graph(3);
    let mut other = graph(3);
    for (graph, branch, honest) in [(&mut one, &left, 2), (&mut other, &right, 3)] {
        assert!(holds(graph, &root) && holds(graph, branch));
        let _ = graph.write(Payload::vouch(), &key(honest)).expect("honest op");
    }
    let all = |graph: &Graph| -> Vec<SignedOp> {
        let ops = graph
            .counting()
            .map(|op| (graph.head(op).expect("head").clone(), graph.payload(op).expect("payload").clone()));
        ops.map(|(head, payload)| SignedOp::join(head, payload).expect("op")).collect()
    };
    let (from_one, from_other) = (all(&one), all(&other));
    for op in from_other {
        let _ = one.insert(op).expect("known or held");
    }
    for op in from_one {
        let _ = other.insert(op).expect("known or held");
    }
    assert_eq!(heads(&one), heads(&other));
    assert_eq!(one.len(), 5, "both branches were built on, so both count");
    let proofs = |graph: &Graph| graph.proofs().cloned().collect::<Vec<_>>();
    assert_eq!(proofs(&one).len(), 1);
    assert_eq!(proofs(&one), proofs(&other));
    let further = op(1, 0, Some(&left), &[], &charter);
    assert_eq!(one.insert(further).map(|_| ()), Err(Refusal::Proven));
}

#[test]
fn a_branch_that_was_hidden_until_the_proof_counts_nowhere() {
    let charter = charter(2);
    let root = op(1, 0, None, &[], &charter);
    let shown = op_with(1, 0, Some(&root), &[], &charter, 1);
    let hidden = op_with(1, 0, Some(&root), &[], &charter, 2);
    let mut graph = graph(2);
    assert!(holds(&mut graph, &root) && holds(&mut graph, &shown));
    let _ = graph.write(Payload::vouch(), &key(2)).expect("honest op");
    let before = heads(&graph);
    let (received, changes) = graph.insert(hidden.clone()).expect("it comes before the proof is known");
    assert!(matches!(received, Received::Held(_)));
    assert_eq!(changes.proven, [key(1).public()]);
    assert_eq!(heads(&graph), before, "what was built on stays, what was hidden is not counted");
    assert!(!graph.contains(hidden.id()));
}

#[test]
fn who_merged_its_own_fork_is_finished_and_who_knew_does_not_build_on_it() {
    let charter = charter(3);
    let root = op(1, 0, None, &[], &charter);
    let (left, right) = (op_with(1, 0, Some(&root), &[], &charter, 1), op_with(1, 0, Some(&root), &[], &charter, 2));
    let more = op_with(1, 0, Some(&left), &[], &charter, 3);
    let merged = op(1, 0, Some(&left), &[&right], &charter);
    let (one, other) = (op(2, 0, None, &[&left], &charter), op(3, 0, None, &[&right], &charter));
    let saw = op(2, 0, Some(&one), &[&other], &charter);
    let whitewash = op(2, 0, Some(&saw), &[&more], &charter);
    let mut graph = graph(3);
    for op in [&root, &left, &one, &right, &other, &saw] {
        let _ = graph.insert(op.clone());
    }
    assert!(graph.contains(saw.id()), "both branches come together through those who saw one each");
    let both = op(2, 0, Some(&one), &[&right], &charter);
    assert_eq!(graph.insert(both).map(|_| ()), Err(Refusal::Whitewash { predecessor: *right.id() }));
    // Both are asked for by nobody yet; an op that needs them has them taken, and then falls by its own rule.
    assert_eq!(graph.insert(merged.clone()).map(|_| ()), Err(Refusal::Proven));
    assert_eq!(graph.insert(more.clone()).map(|_| ()), Err(Refusal::Proven));
    assert!(matches!(graph.insert(whitewash.clone()), Ok((Received::Waiting, _))));
    let (_, changes) = graph.insert(more.clone()).expect("it is wanted now");
    assert_eq!(changes.refused, [(*whitewash.id(), Refusal::Whitewash { predecessor: *more.id() })]);
    assert!(!graph.contains(more.id()));
    let needs = op(2, 0, Some(&saw), &[&merged], &charter);
    assert!(matches!(graph.insert(needs.clone()), Ok((Received::Waiting, _))));
    assert_eq!(graph.insert(merged).map(|_| ()), Err(Refusal::OwnFork));
    assert_eq!(graph.waiting(), 0, "what names an invalid op is forgotten");
}

#[test]
fn what_was_back_dated_after_a_revocation_has_no_effect_wherever_it_came_first() {
    let charter = charter(3);
    let first = op(1, 0, None, &[], &charter);
    let late = op(1, 0, Some(&first), &[], &charter);
    let build = |early: bool| {
        let mut graph = graph(3);
        assert!(holds(&mut graph, &first));
        if early {
            assert!(holds(&mut graph, &late));
        }
        let sealed = event(&graph, &[*first.id()], Change::Revoke(key(1).public()));
        let changes = graph.seal(sealed).expect("event");
        assert_eq!(changes.must_rebuild, early, "what counted no longer does");
        graph
    };
    let (mut early, mut without) = (build(true), build(false));
    let _ = without.insert(late.clone());
    assert_eq!(heads(&early), heads(&without));
    assert!(!early.contains(late.id()) && !without.contains(late.id()));
    // Somebody who had not heard of it builds on it: it counts, everywhere, and still has no effect.
    let vouch = op(2, 0, None, &[&late], &charter);
    for graph in [&mut early, &mut without] {
        assert!(holds(graph, &vouch));
        assert!(graph.contains(late.id()));
        let place = graph.place(late.id()).expect("held");
        assert!(!graph.is_effective(place));
    }
    assert_eq!(heads(&early), heads(&without));
    let again = op(1, 1, Some(&late), &[], &charter);
    assert_eq!(early.insert(again).map(|_| ()), Err(Refusal::Stranger { epoch: 1 }));
    assert!(matches!(early.write(Payload::vouch(), &key(1)), Err(AuthorError::Stranger { epoch: 1 })));
}

#[test]
fn two_events_of_one_number_end_the_chain_there() {
    let charter = charter(2);
    let sealed = |change| event(&graph(2), &[], change);
    let (one, other) = (sealed(Change::Enrol(key(7).public())), sealed(Change::Enrol(key(8).public())));
    let early = op(1, 0, None, &[], &charter);
    let beyond = op(1, 1, Some(&early), &[], &charter);
    let mut graphs = [graph(2), graph(2)];
    for (graph, events) in graphs.iter_mut().zip([[&one, &other], [&other, &one]]) {
        assert!(holds(graph, &early));
        let _ = graph.seal(events[0].clone()).expect("the first event");
        assert!(holds(graph, &beyond));
        let changes = graph.seal(events[1].clone()).expect("a proof");
        assert!(changes.must_rebuild);
        assert_eq!(heads(graph), [*early.id()], "nothing counts beyond the fork");
        assert!(matches!(graph.write(Payload::vouch(), &key(2)), Err(AuthorError::Halted)));
    }
    let forks = graphs.each_ref().map(|graph| graph.chain().fork().map(EventFork::number));
    assert_eq!(forks, [Some(1), Some(1)]);
}

#[test]
fn an_event_waits_for_its_frontier_even_where_that_is_a_proven_authors() {
    let charter = charter(2);
    let (left, right) = (op_with(1, 0, None, &[], &charter, 1), op_with(1, 0, None, &[], &charter, 2));
    let proof = EquivocationProof::check(left.signed().clone(), right.signed().clone()).expect("proof");
    let mut graph = graph(2);
    let _ = graph.learn(proof).expect("proof");
    assert_eq!(graph.insert(left.clone()).map(|_| ()), Err(Refusal::Proven));
    let sealed = event(&graph, &[*left.id()], Change::Revoke(key(1).public()));
    assert_eq!(graph.seal(sealed), Err(EventError::FrontierMissing { missing: 1 }));
    assert_eq!(graph.wanted().collect::<Vec<_>>(), [left.id()]);
    assert!(holds(&mut graph, &left));
    assert_eq!(graph.chain().number(), 1);
    assert!(graph.contains(left.id()), "what is sealed counts");
}

#[test]
fn what_is_sealed_of_a_proven_author_may_be_named_and_is_no_reason_to_fall() {
    let charter = charter(3);
    let (left, right) = (op_with(1, 0, None, &[], &charter, 1), op_with(1, 0, None, &[], &charter, 2));
    let mut graph = graph(3);
    assert!(holds(&mut graph, &left));
    let (first, _) = graph.write(Payload::vouch(), &key(2)).expect("honest op");
    let saw = op(3, 0, None, &[&right], &charter);
    assert!(holds(&mut graph, &right) && holds(&mut graph, &saw));
    assert!(graph.is_proven(&key(1).public()));
    let more = op_with(1, 0, Some(&left), &[], &charter, 3);
    let early = op(2, 0, Some(&first), &[&more], &charter);
    let sealed = event(&graph, &[*more.id()], Change::Enrol(key(7).public()));
    assert_eq!(graph.seal(sealed), Err(EventError::FrontierMissing { missing: 1 }));
    assert!(holds(&mut graph, &more));
    assert!(heads(&graph).contains(more.id()), "what is sealed counts, and nobody has named it yet");
    let (op, _) = graph.write(Payload::vouch(), &key(2)).expect("honest op");
    assert!(op.head().others.contains(more.id()));
    assert_eq!(heads(&graph), [*op.id()]);
    // In the epoch before, nothing was sealed.
    assert!(holds(&mut graph, &early), "its own past shows one branch alone");
    let knew = SignedOp::sign(OpHead { epoch: 0, ..op.head().clone() }, Payload::mark(9), &key(2)).expect("op");
    assert_eq!(graph.insert(knew).map(|_| ()), Err(Refusal::Proven), "and this is a fork of its own author");
}

#[test]
fn a_flood_of_orphans_pushes_out_its_own() {
    let charter = charter(2);
    let limits = Limits { orphans: 4, ..Limits::default() };
    let mut graph = Graph::new(charter.clone(), limits);
    let honest = op(2, 0, None, &[], &charter);
    let waits = op(2, 0, Some(&honest), &[], &charter);
    assert!(matches!(graph.insert(waits.clone()), Ok((Received::Waiting, _))));
    for mark in 0..100 {
        let nowhere = op_with(1, 0, None, &[], &charter, mark);
        let orphan = op_with(1, 0, Some(&nowhere), &[], &charter, mark);
        assert!(matches!(graph.insert(orphan), Ok((Received::Waiting, _))));
    }
    assert_eq!(graph.waiting(), 5);
    assert!(holds(&mut graph, &honest));
    assert!(graph.contains(waits.id()), "another's flood left it alone");
}

#[test]
fn a_deep_chain_takes_no_stack_whichever_way_it_comes() {
    let charter = charter(1);
    let mut ops = vec![op(1, 0, None, &[], &charter)];
    while ops.len() < 3_000 {
        ops.push(op(1, 0, ops.last(), &[], &charter));
    }
    let mut graph = Graph::new(charter, Limits { orphans: ops.len(), orphan_bytes: u64::MAX, ..Limits::default() });
    for op in ops.iter().rev() {
        let _ = graph.insert(op.clone()).expect("an orphan, but the last");
    }
    assert_eq!((graph.len(), graph.waiting()), (3_000, 0));
    assert_eq!(heads(&graph), [*ops.last().expect("one").id()]);
}

#[test]
fn strangers_other_graphs_and_limits_are_refused_by_name() {
    let charter = charter(2);
    let mut graph = Graph::new(charter.clone(), Limits { ops: 2, lanes: 1, ..Limits::default() });
    let foreign = super::tests::charter(3);
    assert_eq!(graph.insert(op(1, 0, None, &[], &foreign)).map(|_| ()), Err(Refusal::Graph));
    assert_eq!(graph.insert(op(9, 0, None, &[], &charter)).map(|_| ()), Err(Refusal::Stranger { epoch: 0 }));
    assert_eq!(graph.insert(op(9, 5, None, &[], &charter)).map(|_| ()), Err(Refusal::NotYet { epoch: 5 }));
    let first = op(1, 0, None, &[], &charter);
    assert!(holds(&mut graph, &first));
    let full = graph.insert(op_with(1, 0, None, &[], &charter, 1)).map(|_| ());
    assert_eq!(full, Err(Refusal::Full { what: "lanes", limit: 1, found: 2 }));
    assert!(holds(&mut graph, &op(2, 0, None, &[], &charter)), "whoever has no lane gets one");
    let full = graph.insert(op(1, 0, Some(&first), &[], &charter)).map(|_| ());
    assert_eq!(full, Err(Refusal::Full { what: "ops", limit: 2, found: 3 }));
}

#[test]
fn a_parent_is_the_authors_op_before() {
    let charter = charter(2);
    let (mine, other) = (op(1, 0, None, &[], &charter), op(2, 0, None, &[], &charter));
    let mut graph = graph(2);
    assert!(holds(&mut graph, &mine) && holds(&mut graph, &other));
    assert_eq!(graph.insert(op(1, 0, Some(&other), &[], &charter)).map(|_| ()), Err(Refusal::Parent));
    let head = OpHead { seq: 5, parent: Some(*mine.id()), ..op(1, 0, Some(&mine), &[], &charter).head().clone() };
    let skipped = SignedOp::sign(head, Payload::vouch(), &key(1)).expect("op");
    assert_eq!(graph.insert(skipped).map(|_| ()), Err(Refusal::Parent));
    let selfless = op(1, 0, None, &[&mine], &charter);
    assert_eq!(graph.insert(selfless).map(|_| ()), Err(Refusal::OwnFork));
}

/// One made-up op: author, what it names, and whether it forks.
type Step = (u8, Index, Index, bool, u8);

/// A history of ops in which honest authors (1, 2) keep to the rules as they see it and others (3, 4) need not.
fn history(steps: &[Step], charter: &Charter) -> Vec<SignedOp> {
    let mut ops: Vec<SignedOp> = Vec::new();
    let mut views: BTreeMap<u8, Graph> =
        (1..=2).map(|author| (author, Graph::new(charter.clone(), Limits::default()))).collect();
    for (author, one, two, forks, mark) in steps {
        let author = author % 4 + 1;
        if let Some(view) = views.get_mut(&author) {
            // An honest author hears some of what there is, then writes.
            for _ in 0..*mark % 4 {
                if !ops.is_empty() {
                    let _ = view.insert(one.get(&ops).clone());
                    let _ = view.insert(two.get(&ops).clone());
                }
            }
            if let Ok((op, _)) = view.write(Payload::mark(*mark), &key(author)) {
                ops.push(op);
            }
            continue;
        }
        let own: Vec<&SignedOp> = ops.iter().filter(|op| op.head().author == key(author).public()).collect();
        let parent = if own.is_empty() {
            None
        } else if *forks {
            Some(*one.get(&own))
        } else {
            own.last().copied()
        };
        let others: Vec<&SignedOp> = if ops.is_empty() { Vec::new() } else { vec![one.get(&ops), two.get(&ops)] };
        let others: Vec<&SignedOp> =
            others.into_iter().filter(|other| parent.is_none_or(|it| it.id() != other.id())).collect();
        ops.push(op_with(author, 0, parent, &others, charter, *mark));
    }
    ops
}

/// What counts, by the definition: over the ops that a graph holds.
fn counted_by_definition(graph: &Graph) -> BTreeSet<OpId> {
    let heads: BTreeMap<OpId, &SignedHead> =
        graph.nodes.iter().map(|node| (*node.id(), &node.content.signed)).collect();
    let mut counted: BTreeSet<OpId> = BTreeSet::new();
    let sound = heads.values().filter(|head| !graph.is_proven(&head.head().author));
    let mut queue: Vec<OpId> = sound.map(|head| *head.id()).collect();
    while let Some(id) = queue.pop() {
        if counted.insert(id) {
            queue.extend(heads[&id].head().predecessors());
        }
    }
    counted
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn replicas_that_heard_the_same_in_any_order_agree(
        steps in proptest::collection::vec(any::<Step>(), 1..40),
        orders in proptest::collection::vec(any::<u64>(), 2..4),
    ) {
        let charter = charter(4);
        let ops = history(&steps, &charter);
        let mut replicas = Vec::new();
        for order in &orders {
            let mut shuffled: Vec<&SignedOp> = ops.iter().collect();
            shuffled.sort_by_key(|op| {
                let mut mixed = op.id().as_bytes().to_vec();
                mixed.extend_from_slice(&order.to_be_bytes());
                *vm_core::digest::Sha256Digest::of(&mixed).as_bytes()
            });
            let mut graph = Graph::new(charter.clone(), Limits::default());
            for op in shuffled {
                let _ = graph.insert(op.clone());
            }
            replicas.push(graph);
        }
        // Proofs and ops that others need are gossiped until nothing changes.
        for _ in 0..6 {
            let proofs: Vec<EquivocationProof> = replicas.iter().flat_map(Graph::proofs).cloned().collect();
            for graph in &mut replicas {
                for proof in &proofs {
                    let _ = graph.learn(proof.clone()).expect("a proof of this graph");
                }
                for op in &ops {
                    let _ = graph.insert(op.clone());
                }
            }
        }
        for graph in &replicas {
            let by_clock: BTreeSet<OpId> = graph.counting().map(|op| *graph.id(op)).collect();
            prop_assert_eq!(&by_clock, &counted_by_definition(graph));
            prop_assert_eq!(heads(graph), heads(&replicas[0]));
            prop_assert_eq!(graph.proofs().collect::<Vec<_>>(), replicas[0].proofs().collect::<Vec<_>>());
            for author in [1, 2] {
                prop_assert!(!graph.is_proven(&key(author).public()), "an honest author is never proven");
            }
            let honest = ops.iter().filter(|op| [1, 2].map(|author| key(author).public()).contains(&op.head().author));
            for op in honest {
                prop_assert!(graph.contains(op.id()), "an honest op always counts");
            }
        }
    }

    #[test]
    fn clocks_say_what_lies_in_the_past(steps in proptest::collection::vec(any::<Step>(), 1..40)) {
        let charter = charter(4);
        let mut graph = Graph::new(charter.clone(), Limits::default());
        for op in history(&steps, &charter) {
            let _ = graph.insert(op);
        }
        let mut pasts: Vec<BTreeSet<OpId>> = Vec::new();
        for node in &graph.nodes {
            let mut past = BTreeSet::from([*node.id()]);
            for id in node.content.signed.head().predecessors() {
                past.extend(&pasts[to_usize(graph.index[id])]);
            }
            pasts.push(past);
        }
        for (later, past) in (0..).zip(&pasts) {
            for (earlier, node) in (0..).zip(&graph.nodes) {
                let by_clock = graph.is_or_precedes(OpIndex::from_u32(earlier), OpIndex::from_u32(later));
                prop_assert_eq!(by_clock, past.contains(node.id()));
            }
        }
    }

    #[test]
    fn lanes_that_make_room_change_no_past_and_nothing_that_counts(
        steps in proptest::collection::vec(any::<Step>(), 10..60), lanes in 3_usize..8,
    ) {
        let charter = charter(4);
        let ops = history(&steps, &charter);
        let mut roomy = Graph::new(charter.clone(), Limits::default());
        let mut tight = Graph::new(charter.clone(), Limits { lanes, ..Limits::default() });
        let mut is_full = false;
        for op in ops.iter().chain(ops.iter().rev()).chain(&ops).chain(&ops) {
            let _ = roomy.insert(op.clone());
            is_full |= match tight.insert(op.clone()) {
                Ok((_, changes)) => changes.refused.iter().any(|(_, it)| matches!(it, Refusal::Full { .. })),
                Err(refusal) => matches!(refusal, Refusal::Full { .. }),
            };
        }
        for earlier in tight.index.keys() {
            for later in tight.index.keys() {
                let asked = |graph: &Graph| {
                    Some(graph.is_or_precedes(graph.place(earlier)?, graph.place(later)?))
                };
                if let Some(expected) = asked(&roomy) {
                    prop_assert_eq!(asked(&tight), Some(expected));
                }
            }
        }
        for (id, index) in &tight.index {
            let head = tight.nodes[to_usize(*index)].content.signed.head();
            prop_assert!(head.predecessors().all(|id| tight.index.contains_key(id)), "{} is held without its past", id);
        }
        if !is_full && roomy.proofs().eq(tight.proofs()) {
            prop_assert_eq!(heads(&roomy), heads(&tight));
        }
    }
}
