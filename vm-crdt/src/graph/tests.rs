use vm_core::digest::LeafHash;
use vm_core::id::LedgerId;
use vm_core::key::SigningIdentity;

use super::*;
use crate::chain::EventFork;
use crate::error::{AuthorError, EventError};
use crate::event::{Change, EventBody};
use crate::op::OpHead;

pub(super) fn key(n: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[n; 32])
}

pub(super) fn charter(members: u8) -> Charter {
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

pub(super) fn op_with(
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

pub(super) fn heads(graph: &Graph) -> Vec<OpId> {
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

/// Root, first branch and second branch of an author that forks at once.
fn fork(author: u8, charter: &Charter) -> [SignedOp; 3] {
    let root = op(author, 0, None, &[], charter);
    let branch = |mark| op_with(author, 0, Some(&root), &[], charter, mark);
    let (one, other) = (branch(1), branch(2));
    [root, one, other]
}

#[test]
fn what_needs_more_lanes_than_there_are_is_refused_and_does_not_wait_for_ever() {
    let charter = charter(3);
    let mut graph = Graph::new(charter.clone(), Limits { lanes: 4, ..Limits::default() });
    let mine = op(1, 0, None, &[], &charter);
    let ([root, one, hidden], [other_root, other_one, other_hidden]) = (fork(2, &charter), fork(3, &charter));
    for op in [&mine, &root, &one, &hidden, &other_root, &other_one, &other_hidden] {
        assert!(holds(&mut graph, op), "the second hidden branch takes the lane of the first");
    }
    let names_both = op(1, 0, Some(&mine), &[&hidden, &other_hidden], &charter);
    assert!(matches!(graph.insert(names_both.clone()), Ok((Received::Waiting, _))));
    let (_, changes) = graph.insert(hidden).expect("somebody waits for it");
    assert_eq!(changes.refused, [(*names_both.id(), Refusal::Full { what: "lanes", limit: 4, found: 5 })]);
    assert_eq!((graph.waiting(), graph.wanted().count()), (0, 0));
}

#[test]
fn an_op_that_a_limit_refuses_leaves_its_lane_free() {
    let charter = charter(2);
    let mut graph = Graph::new(charter.clone(), Limits { lanes: 3, ..Limits::default() });
    let mine = op(1, 0, None, &[], &charter);
    let [root, one, hidden] = fork(2, &charter);
    for op in [&mine, &root, &one, &hidden] {
        assert!(holds(&mut graph, op));
    }
    let third = op_with(2, 0, Some(&root), &[&mine], &charter, 3);
    graph.limits.clock_cells = graph.clocks.len();
    let refused = graph.insert_as(third.clone(), true).map(|_| ());
    assert!(matches!(refused, Err(Refusal::Full { what: "cells of clocks", .. })), "{refused:?}");
    assert!(graph.place(hidden.id()).is_some(), "nothing changed");
    graph.limits.clock_cells = Limits::default().clock_cells;
    assert!(matches!(graph.insert_as(third, true), Ok((Received::Held(_), _))));
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
