use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;

use super::tests::{charter, heads, key, op_with};
use super::*;

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
