//! The rules of the graph once more, as they are written and without any cleverness: sets of ancestors, and every pair.

use std::collections::BTreeMap;

use vm_core::key::PublicKey;
use vm_crdt::event::Change;
use vm_crdt::{Graph, OpHead, OpId, OpIndex};

use crate::disk::held_from;
use crate::error::Violation;

/// A set of small numbers.
#[derive(Clone, Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, at: usize) {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn contains(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    fn extend(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(to, from)| *to |= from);
    }
}

/// One op, and its past with itself.
struct Node<'a> {
    id: OpId,
    head: &'a OpHead,
    past: Bits,
}

/// All that a graph holds, and who contradicts itself in it.
pub(crate) struct Oracle<'a> {
    graph: &'a Graph,
    nodes: Vec<Node<'a>>,
    index: BTreeMap<OpId, usize>,
    /// Pairs of ops of one author of which neither lies in the other's past.
    forks: BTreeMap<PublicKey, Vec<(usize, usize)>>,
}

impl<'a> Oracle<'a> {
    pub(crate) fn new(graph: &'a Graph) -> Self {
        let mut oracle = Self { graph, nodes: Vec::new(), index: BTreeMap::new(), forks: BTreeMap::new() };
        for signed in held_from(graph, 0).into_iter().filter_map(|op| graph.head(op)) {
            let at = oracle.nodes.len();
            let mut past = oracle.below(signed.head().predecessors());
            past.insert(at);
            for (before, node) in oracle.nodes.iter().enumerate() {
                if node.head.author == signed.head().author && !past.contains(before) {
                    oracle.forks.entry(node.head.author).or_default().push((before, at));
                }
            }
            oracle.nodes.push(Node { id: *signed.id(), head: signed.head(), past });
            oracle.index.insert(*signed.id(), at);
        }
        oracle
    }

    /// These and all in their past.
    fn below<'i>(&self, ids: impl IntoIterator<Item = &'i OpId>) -> Bits {
        let mut below = Bits::default();
        for at in ids.into_iter().filter_map(|id| self.index.get(id)) {
            below.extend(&self.nodes[*at].past);
        }
        below
    }

    /// Compares what the graph says with what the rules say.
    pub(crate) fn check(&self) -> Result<(), Violation> {
        for at in 0..self.nodes.len() {
            self.check_valid(at)?;
        }
        for (author, pairs) in &self.forks {
            if !self.graph.is_proven(author)
                && let Some((first, second)) = pairs.first()
            {
                return Err(Violation::Unproven { first: self.nodes[*first].id, second: self.nodes[*second].id });
            }
        }
        self.check_counting()
    }

    /// V2 to V5.
    fn check_valid(&self, at: usize) -> Result<(), Violation> {
        let node = &self.nodes[at];
        let fail = |what| Err(Violation::Rule { id: node.id, what });
        let place = |id: &OpId| self.index.get(id).copied();
        if node.head.predecessors().any(|id| place(id).is_none()) {
            return fail("a predecessor is not held");
        }
        let parent = node.head.parent.as_ref().and_then(place).map(|parent| &self.nodes[parent]);
        let named = parent.map(|parent| (parent.head.author, parent.head.seq + 1));
        if named.is_some_and(|named| named != (node.head.author, node.head.seq)) {
            return fail("its parent is not its author's op before");
        }
        let before = |id: &OpId| place(id).is_some_and(|at| self.nodes[at].head.epoch > node.head.epoch);
        if node.head.predecessors().any(before) {
            return fail("its epoch is below that of a predecessor");
        }
        let own = parent.map(|parent| parent.past.clone()).unwrap_or_default();
        let strange = self.nodes.iter().enumerate().any(|(other, it)| {
            other != at && it.head.author == node.head.author && node.past.contains(other) && !own.contains(other)
        });
        if strange {
            return fail("an op of its author lies in its past and is no ancestor");
        }
        let events = self.graph.chain().events().iter().map(|event| event.body());
        let sealed: Vec<&OpId> =
            events.filter(|body| u64::from(body.number) <= node.head.epoch).flat_map(|body| &body.frontier).collect();
        for other in node.head.others.iter().filter(|id| !sealed.contains(id)).filter_map(place) {
            let pairs = self.forks.get(&self.nodes[other].head.author).map(Vec::as_slice).unwrap_or_default();
            if pairs.iter().any(|(one, other)| node.past.contains(*one) && node.past.contains(*other)) {
                return fail("it names somebody of whom two branches lie in its past, and nothing sealed does");
            }
        }
        Ok(())
    }

    fn check_counting(&self) -> Result<(), Violation> {
        let chain = self.graph.chain();
        let mut counts = Bits::default();
        let mut ends: BTreeMap<PublicKey, Bits> = BTreeMap::new();
        for event in chain.events() {
            let below = self.below(&event.body().frontier);
            counts.extend(&below);
            if let Change::Revoke(key) = &event.body().change {
                ends.insert(*key, below);
            }
        }
        let has_effect = |at: usize| ends.get(&self.nodes[at].head.author).is_none_or(|end| end.contains(at));
        for (at, node) in self.nodes.iter().enumerate() {
            if !self.graph.is_proven(&node.head.author) && has_effect(at) {
                counts.extend(&node.past);
            }
        }
        for (at, node) in self.nodes.iter().enumerate() {
            let op = OpIndex::from_u32(u32::try_from(at).unwrap_or(u32::MAX));
            if self.graph.contains(&node.id) != counts.contains(at) {
                return Err(Violation::Rule { id: node.id, what: "counts and should not, or the other way round" });
            }
            if self.graph.is_effective(op) != (counts.contains(at) && has_effect(at)) {
                return Err(Violation::Rule { id: node.id, what: "has effect and should not, or the other way round" });
            }
        }
        Ok(())
    }
}
