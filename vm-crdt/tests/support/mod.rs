//! A readable twin of the document, and histories to compare the two on.

use std::collections::BTreeMap;

use proptest::prelude::*;
use vm_crdt::document::{LeafState, Transaction, Value};
use vm_crdt::laws::History;
use vm_crdt::{Document, OpId, Path, Payload};

/// What an op does to one leaf.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Act {
    Put(u8),
    Remove,
    Increment(i64),
    RemoveCounter,
    Add(u8),
    Discard(u8),
}

/// An op: its acts, each at one of a few paths.
pub(crate) type Acts = Vec<(usize, Act)>;

/// Paths that lie below and beside each other.
pub(crate) fn path(number: usize) -> Path {
    let paths: [&[&str]; 5] = [&["a"], &["a", "b"], &["a", "b", "c"], &["a!"], &["b"]];
    Path::new(paths[number % paths.len()]).unwrap()
}

pub(crate) fn payload(acts: &Acts) -> Payload {
    let mut edits = Transaction::new();
    for (at, act) in acts {
        let (at, byte) = (path(*at), |n: &u8| [*n]);
        let done = match act {
            Act::Put(n) => edits.put(&at, &byte(n)[..]).map(drop),
            Act::Remove => edits.remove(&at).map(drop),
            Act::Increment(n) => edits.increment(&at, *n).map(drop),
            Act::RemoveCounter => edits.remove_counter(&at).map(drop),
            Act::Add(n) => edits.add(&at, i64::from(*n)).map(drop),
            Act::Discard(n) => edits.discard(&at, i64::from(*n)).map(drop),
        };
        // A counter that is removed and incremented in one op is refused; the twin never sees the increment either.
        done.unwrap_or_default();
    }
    edits.to_payload().unwrap_or_else(|_| Payload::vouch())
}

/// Of two acts of one op on one leaf the later counts, and increments add up: what [`Transaction`] says.
pub(crate) fn last_of_each_leaf(acts: &Acts) -> Acts {
    let mut leaves: BTreeMap<(usize, u8, u8), Act> = BTreeMap::new();
    for (at, act) in acts {
        let key = match act {
            Act::Put(_) | Act::Remove => (at % 5, 0, 0),
            Act::Increment(_) | Act::RemoveCounter => (at % 5, 1, 0),
            Act::Add(n) | Act::Discard(n) => (at % 5, 2, *n),
        };
        match (act, leaves.get(&key)) {
            (Act::Increment(_), Some(Act::RemoveCounter)) => {}
            (Act::Increment(more), Some(Act::Increment(n))) => drop(leaves.insert(key, Act::Increment(n + more))),
            _ => drop(leaves.insert(key, *act)),
        }
    }
    leaves.into_iter().map(|((at, _, _), act)| (at, act)).collect()
}

/// State as the definition has it, in the order of paths: computed from the whole set, pair by pair.
#[derive(PartialEq, Eq, Debug, Default)]
pub(crate) struct Twin {
    pub(crate) registers: BTreeMap<Path, Vec<(OpId, u8)>>,
    pub(crate) counters: BTreeMap<Path, i128>,
    pub(crate) elements: BTreeMap<Path, Vec<u8>>,
}

impl Twin {
    /// `ops` are those of the history that are there.
    pub(crate) fn of<U>(history: &History<U>, acts: &[Acts], ops: &[usize]) -> Self {
        let mut twin = Self::default();
        let all: Vec<(usize, usize, Act)> = ops
            .iter()
            .flat_map(|op| last_of_each_leaf(&acts[*op]).into_iter().map(move |(at, act)| (*op, at, act)))
            .collect();
        let after = |op: usize, other: usize| op != other && history.is_or_precedes(op, other);
        for &(op, at, act) in &all {
            let ended = all.iter().any(|&(other, there, later)| {
                after(op, other)
                    && at == there
                    && match (act, later) {
                        (Act::Put(_), Act::Put(_) | Act::Remove) | (Act::Increment(_), Act::RemoveCounter) => true,
                        (Act::Add(n), Act::Add(m) | Act::Discard(m)) => n == m,
                        _ => false,
                    }
            });
            if ended {
                continue;
            }
            match act {
                Act::Put(n) => twin.registers.entry(path(at)).or_default().push((*history.id(op).unwrap(), n)),
                Act::Increment(n) => *twin.counters.entry(path(at)).or_default() += i128::from(n),
                Act::Add(n) => twin.elements.entry(path(at)).or_default().push(n),
                Act::Remove | Act::RemoveCounter | Act::Discard(_) => {}
            }
        }
        twin.registers.values_mut().for_each(|writes| writes.sort_by(|a, b| b.cmp(a)));
        twin.elements.values_mut().for_each(|set| {
            set.sort_unstable();
            set.dedup();
        });
        twin
    }

    /// The same of a document, by walking its leaves.
    pub(crate) fn read(document: &Document) -> Self {
        let mut twin = Self::default();
        for leaf in document.leaves(&Path::root()) {
            match leaf.state {
                LeafState::Register(writes) => {
                    let value = |value: Value<'_>| match value {
                        Value::Bytes(&[n]) => n,
                        other => panic!("{other:?} was never written"),
                    };
                    let writes = writes.iter().map(|write| (write.op, value(write.value))).collect();
                    assert!(twin.registers.insert(leaf.path, writes).is_none());
                }
                LeafState::Counter(sum) => assert!(twin.counters.insert(leaf.path, sum).is_none()),
                LeafState::Element(Value::Integer(n)) => {
                    twin.elements.entry(leaf.path).or_default().push(u8::try_from(n).unwrap());
                }
                LeafState::Element(other) => panic!("{other:?} was never added"),
            }
        }
        twin
    }
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..3_u8).prop_map(Act::Put),
        1 => Just(Act::Remove),
        2 => (-2..3_i64).prop_map(Act::Increment),
        1 => Just(Act::RemoveCounter),
        2 => (0..2_u8).prop_map(Act::Add),
        1 => (0..2_u8).prop_map(Act::Discard),
    ]
}

/// The names of ops are in no order that has to do with the past.
pub(crate) fn id(op: usize, salt: u8) -> OpId {
    let mut bytes = [0; 32];
    let mixed = (op as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(u32::from(salt));
    bytes[..8].copy_from_slice(&mixed.to_be_bytes());
    OpId::from_bytes(bytes)
}

/// A history of authors who fork: each op goes on from one or two of the ops before it, or from none.
pub(crate) fn history(ops: usize) -> impl Strategy<Value = (History<Payload>, Vec<Acts>)> {
    let op =
        (prop::collection::vec(any::<prop::sample::Index>(), 0..3), prop::collection::vec((0..5_usize, act()), 0..5));
    (prop::collection::vec(op, 1..=ops), 0..64_u8).prop_map(|(ops, salt)| {
        let mut all = Vec::new();
        let mut acts = Vec::new();
        for (at, (before, does)) in ops.into_iter().enumerate() {
            // Those shortly before are the likelier ones, else all would be concurrent.
            let reach = at.min(6);
            let before = if at == 0 { Vec::new() } else { before.iter().map(|i| at - 1 - i.index(reach)).collect() };
            all.push((id(at, salt), before, payload(&does)));
            acts.push(does);
        }
        (History::new(all).unwrap(), acts)
    })
}
