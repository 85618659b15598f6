//! The document against its readable twin, and the laws.
#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions, reason = "tests may panic; counts are small")]

mod support;

use proptest::prelude::*;
use support::{Act, Twin, history, id, path, payload};
use vm_crdt::document::{EDITS_MAX, Transaction, Value};
use vm_crdt::laws::{History, check};
use vm_crdt::{Document, OpIndex, Path, Payload};

fn whole(history: &History<Payload>) -> Document {
    let mut document = Document::default();
    for (place, payload) in history.updates() {
        document.apply(&history.in_order(), place, payload);
    }
    document
}

/// Every graph of up to four ops, with one act each on one leaf: all orders, all beginnings, the twin.
#[test]
fn all_small_histories_of_one_leaf() {
    let kinds: [&[Act]; 3] =
        [&[Act::Put(1), Act::Remove], &[Act::Increment(1), Act::RemoveCounter], &[Act::Add(1), Act::Discard(1)]];
    let mut count = 0;
    for acts in kinds {
        for ops in 1..=4 {
            for graph in 0..1_usize << (ops * (ops - 1) / 2) {
                for choice in 0..acts.len().pow(ops as u32) {
                    one_small_history(acts, ops, graph, choice);
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, 3 * (2 + 2 * 4 + 8 * 8 + 64 * 16));
}

fn one_small_history(acts: &[Act], ops: usize, graph: usize, choice: usize) {
    let mut bit = 0;
    let mut all = Vec::new();
    let mut done = Vec::new();
    for op in 0..ops {
        let mut before = Vec::new();
        for earlier in 0..op {
            if graph >> bit & 1 == 1 {
                before.push(earlier);
            }
            bit += 1;
        }
        let act = vec![(0, acts[choice / acts.len().pow(op as u32) % acts.len()])];
        all.push((id(op, 7), before, payload(&act)));
        done.push(act);
    }
    let history = History::new(all).unwrap();
    check::<Document>(&history, 1).unwrap();
    let ops: Vec<usize> = (0..ops).collect();
    assert_eq!(Twin::read(&whole(&history)), Twin::of(&history, &done, &ops), "{done:?} {graph:b}");
}

/// Every graph of three ops, with one act each on two registers.
#[test]
fn all_small_histories_of_two_leaves() {
    let acts = [(0, Act::Put(1)), (0, Act::Remove), (1, Act::Put(2)), (1, Act::Remove)];
    for graph in 0..8_usize {
        for choice in 0..64 {
            let done: Vec<_> = (0..3).map(|op| vec![acts[choice >> (2 * op) & 3]]).collect();
            let before = [vec![], vec![0; graph & 1], (0..2).filter(|op| graph >> (op + 1) & 1 == 1).collect()];
            let ops = before.into_iter().zip(&done).enumerate();
            let ops = ops.map(|(op, (before, acts))| (id(op, 7), before, payload(acts))).collect();
            let history = History::new(ops).unwrap();
            check::<Document>(&history, 1).unwrap();
            assert_eq!(Twin::read(&whole(&history)), Twin::of(&history, &done, &[0, 1, 2]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_laws_hold((history, _) in history(24), seed: u64) {
        prop_assert_eq!(check::<Document>(&history, seed), Ok(()));
    }

    #[test]
    fn the_document_is_its_definition((history, acts) in history(60)) {
        let ops: Vec<usize> = (0..history.len()).collect();
        let document = whole(&history);
        let twin = Twin::of(&history, &acts, &ops);
        prop_assert_eq!(&Twin::read(&document), &twin);
        for at in (0..5).map(path) {
            let writes: Vec<_> = document.writes(&at).iter().map(|write| write.op).collect();
            let expected: Vec<_> = twin.registers.get(&at).into_iter().flatten().map(|(op, _)| *op).collect();
            prop_assert_eq!(writes, expected);
            prop_assert_eq!(document.counter(&at), twin.counters.get(&at).copied());
            for n in 0..2_u8 {
                let there = twin.elements.get(&at).is_some_and(|set| set.contains(&n));
                prop_assert_eq!(document.contains(&at, i64::from(n)), there);
            }
            let elements: Vec<_> = twin.elements.get(&at).into_iter().flatten().map(|n| Value::Integer(i64::from(*n))).collect();
            let mut found: Vec<_> = document.elements(&at).collect();
            found.sort_unstable();
            prop_assert_eq!(found, elements);
        }
    }

    /// Paths that begin alike for long, in ops one after the other: the last write of each path, in the order of paths, however
    /// the ops are grouped.
    #[test]
    fn long_paths_are_in_order(
        ops in prop::collection::vec(prop::collection::vec(("a{0,40}[ab]{0,4}", "[ab]{0,40}", 0..4_u8), 1..30), 1..8),
        groups in prop::collection::vec(1..4_usize, 8),
    ) {
        let mut all = Vec::new();
        let mut expected = std::collections::BTreeMap::new();
        for (op, edits) in ops.iter().enumerate() {
            let mut transaction = Transaction::new();
            for (first, second, does) in edits {
                let at = Path::new([first, second].into_iter().filter(|part| !part.is_empty())).unwrap();
                match does {
                    _ if at == Path::root() => {}
                    0 => { transaction.remove(&at).unwrap(); expected.remove(&at); }
                    _ => { transaction.put(&at, op as i64).unwrap(); expected.insert(at, op as i64); }
                }
            }
            let payload = transaction.to_payload().unwrap_or_else(|_| Payload::vouch());
            all.push((id(op, 5), op.checked_sub(1).into_iter().collect(), payload));
        }
        let history = History::new(all).unwrap();
        let past = history.in_order();
        let updates: Vec<_> = history.updates().collect();
        let mut document = Document::default();
        let mut rest = &updates[..];
        for group in groups {
            let (these, after) = rest.split_at(group.min(rest.len()));
            document.apply_all(&past, these.iter().copied());
            rest = after;
        }
        document.apply_all(&past, rest.iter().copied());
        prop_assert_eq!(&document, &whole(&history));
        let found: Vec<_> = document.leaves(&Path::root()).map(|leaf| (document.get(&leaf.path), leaf.path)).collect();
        let expected: Vec<_> = expected.into_iter().map(|(path, n)| (Some(Value::Integer(n)), path)).collect();
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(&Document::decode(&document.encode()).unwrap(), &document);
        for (_, above) in &expected {
            let below: Vec<_> = document.leaves(above).map(|leaf| leaf.path).collect();
            let wanted: Vec<_> = expected.iter().map(|(_, path)| path.clone()).filter(|path| path.is_at_or_below(above)).collect();
            prop_assert_eq!(below, wanted);
        }
    }

    /// A snapshot is read back to the same, and goes on as the document would have: with its ops found again, or as the past of all.
    #[test]
    fn a_snapshot_goes_on((history, _) in history(40), cut: prop::sample::Index) {
        let cut = cut.index(history.len() + 1);
        let past = history.in_order();
        let mut document = Document::default();
        document.apply_all(&past, history.updates().take(cut));
        let mut again = Document::decode(&document.encode()).unwrap();
        prop_assert_eq!(&again, &document);
        again.rebase(|id| (0..history.len()).find(|op| history.id(*op) == Some(id)).map(|op| OpIndex::from_u32(op as u32)));
        for (place, payload) in history.updates().skip(cut) {
            document.apply(&past, place, payload);
            again.apply(&past, place, payload);
        }
        prop_assert_eq!(&again, &document);
        prop_assert_eq!(Twin::read(&again), Twin::read(&document));
    }

    /// What is covered by a compaction reads as before, whatever was covered on the way; and a snapshot of it goes on alike.
    #[test]
    fn compaction_changes_no_value(
        (before, _) in history(20), (after, acts) in history(20), first: prop::sample::Index,
    ) {
        // The second history goes on from all of the first.
        let n = before.len();
        let mut ops: Vec<_> = Vec::new();
        let direct = |history: &History<Payload>, op: usize| (0..op).filter(|e| history.is_or_precedes(*e, op)).collect::<Vec<_>>();
        for (op, (_, update)) in before.updates().enumerate() {
            ops.push((id(op, 3), direct(&before, op), update.clone()));
        }
        for (op, (_, update)) in after.updates().enumerate() {
            let past = (0..n).chain(direct(&after, op).into_iter().map(|e| e + n)).collect();
            ops.push((id(n + op, 3), past, update.clone()));
        }
        let both = History::new(ops).unwrap();
        let past = both.in_order();
        let mut plain = Document::default();
        let mut compacted = Document::default();
        let first = first.index(n + 1);
        let covers = |ops: usize| { let both = &both; move |id: &vm_crdt::OpId| (0..ops).any(|op| both.id(op) == Some(id)) };
        for (at, (place, payload)) in both.updates().enumerate() {
            plain.apply(&past, place, payload);
            compacted.apply(&past, place, payload);
            if at + 1 == n {
                // In two steps, whose second covers all.
                let mut at_once = compacted.clone();
                at_once.compact(covers(n));
                compacted.compact(covers(first));
                compacted.compact(covers(n));
                prop_assert_eq!(&at_once, &compacted);
                compacted = Document::decode(&compacted.encode()).unwrap();
            }
            prop_assert_eq!(Twin::read(&plain), Twin::read(&compacted), "{:?}", acts);
        }
    }

    #[test]
    fn no_bytes_are_read_in_two_ways(bytes in prop::collection::vec(prop_oneof![0..20_u8, any::<u8>()], 0..40)) {
        let edits = [&[1], &bytes[..]].concat();
        if let Ok(payload) = Payload::decode(&edits) {
            let mut document = Document::default();
            let history = History::new(vec![(id(0, 0), vec![], payload)]).unwrap();
            document.apply_all(&history.in_order(), history.updates());
            let mut again = Transaction::new();
            again.remove_tree(&document, &Path::root()).unwrap();
            prop_assert_eq!(again.len(), document.leaves(&Path::root()).count());
        }
        let snapshot = [&b"vm-document-v0\x01"[..], &[7; 32], &bytes].concat();
        if let Ok(document) = Document::decode(&snapshot) {
            prop_assert_eq!(document.encode(), snapshot);
        }
    }
}

#[test]
fn who_adds_meanwhile_wins() {
    let at = |names: &[&str]| Path::new(names).unwrap();
    let mut start = Transaction::new();
    start.put(&at(&["a"]), 1).unwrap().put(&at(&["a", "b"]), 2).unwrap().put(&at(&["ab"]), 3).unwrap();
    start
        .increment(&at(&["a", "n"]), 5)
        .unwrap()
        .add(&at(&["a", "s"]), "x")
        .unwrap()
        .add(&at(&["a", "s"]), "y")
        .unwrap();
    let mut document = Document::default();
    let start = start.to_payload().unwrap();
    let alone = History::new(vec![(id(0, 0), vec![], start.clone())]).unwrap();
    document.apply_all(&alone.in_order(), alone.updates());

    let mut removal = Transaction::new();
    removal.remove_tree(&document, &at(&["a"])).unwrap();
    assert_eq!(removal.len(), 5);
    let mut meanwhile = Transaction::new();
    meanwhile
        .put(&at(&["a", "b"]), 4)
        .unwrap()
        .increment(&at(&["a", "n"]), 1)
        .unwrap()
        .add(&at(&["a", "s"]), "x")
        .unwrap();
    let ops = vec![
        (id(0, 0), vec![], start),
        (id(1, 0), vec![0], removal.to_payload().unwrap()),
        (id(2, 0), vec![0], meanwhile.to_payload().unwrap()),
    ];
    let history = History::new(ops).unwrap();
    check::<Document>(&history, 0).unwrap();
    let document = whole(&history);
    assert_eq!(document.get(&at(&["a"])), None);
    assert_eq!(document.get(&at(&["a", "b"])), Some(4.into()));
    assert_eq!(document.counter(&at(&["a", "n"])), Some(1));
    assert_eq!(document.elements(&at(&["a", "s"])).collect::<Vec<_>>(), ["x".into()]);
    assert_eq!(document.get(&at(&["ab"])), Some(3.into()));
}

/// Nothing stays of what was removed, and nothing of what was written over.
#[test]
fn the_state_of_nothing_is_empty() {
    let mut ops = Vec::new();
    for op in 0..40_usize {
        let mut edits = Transaction::new();
        for key in 0..50 {
            let at = Path::new(["k", &key.to_string()]).unwrap();
            if op < 39 {
                edits.put(&at, key + op as i64).unwrap()
            } else {
                edits.remove(&at).unwrap()
            };
        }
        ops.push((id(op, 0), op.checked_sub(1).into_iter().collect(), edits.to_payload().unwrap()));
    }
    let history = History::new(ops).unwrap();
    let document = whole(&history);
    assert!(document.is_empty());
    assert_eq!(document.encode(), Document::default().encode());
    assert_eq!(document.held_bytes(), 0);
}

#[test]
fn a_counter_is_exact() {
    let path = Path::new(["n"]).unwrap();
    let mut edits = Transaction::new();
    edits.increment(&path, i64::MAX).unwrap();
    assert_eq!(edits.increment(&path, 1).unwrap_err().code(), "crdt-transaction-overflow");
    let payload = edits.to_payload().unwrap();
    let ops = (0..200).map(|op| (id(op, 0), vec![], payload.clone())).collect();
    let history = History::new(ops).unwrap();
    let mut document = whole(&history);
    assert_eq!(document.counter(&path), Some(200 * i128::from(i64::MAX)));
    document.compact(|_| true);
    assert_eq!(document.counter(&path), Some(200 * i128::from(i64::MAX)));
    assert_eq!(Document::decode(&document.encode()).unwrap(), document);
    let greatest = (0..200).map(|op| id(op, 0)).max().unwrap();
    assert_eq!(document.encode()[14..47], [&[1], &greatest.as_bytes()[..]].concat(), "one op has the sum");
    edits.remove_counter(&path).unwrap();
    assert_eq!(edits.increment(&path, 1).unwrap_err().code(), "crdt-transaction-counter");
}

#[test]
fn a_transaction_is_held_to_its_limits() {
    assert_eq!(Transaction::new().to_payload().unwrap_err().code(), "crdt-transaction-empty");
    let mut edits = Transaction::new();
    assert_eq!(edits.put(&Path::root(), 1).unwrap_err().code(), "crdt-path-root");
    assert_eq!(edits.put(&path(0), &[0; 65_537][..]).unwrap_err().code(), "crdt-value-long");
    for key in 0..=EDITS_MAX {
        edits.put(&Path::new([key.to_string()]).unwrap(), Value::Null).unwrap();
    }
    assert_eq!(edits.to_payload().unwrap_err().code(), "crdt-transaction-edits");
    let mut edits = Transaction::new();
    for key in 0..17 {
        edits.put(&Path::new([key.to_string()]).unwrap(), &[0; 65_536][..]).unwrap();
    }
    assert_eq!(edits.to_payload().unwrap_err().code(), "crdt-transaction-long");
}

/// Knows no op but itself: what was covered by a compaction is forgotten.
struct Forgotten(vm_crdt::OpId);

impl vm_crdt::Past for Forgotten {
    fn is_or_precedes(&self, earlier: OpIndex, later: OpIndex) -> bool {
        earlier == later
    }

    fn id(&self, _op: OpIndex) -> &vm_crdt::OpId {
        &self.0
    }
}

#[test]
fn what_was_compacted_precedes_all_that_comes() {
    let mut document = Document::default();
    let put = |n: u8| payload(&vec![(0, Act::Put(n)), (1, Act::Add(n)), (2, Act::Increment(1))]);
    document.apply(&Forgotten(id(0, 0)), OpIndex::from_u32(0), &put(1));
    document.apply(&Forgotten(id(1, 0)), OpIndex::from_u32(1), &put(2));
    document.compact(|op| *op == id(0, 0));
    let after = payload(&vec![(0, Act::Remove), (1, Act::Discard(1)), (1, Act::Discard(2)), (2, Act::RemoveCounter)]);
    document.apply(&Forgotten(id(2, 0)), OpIndex::from_u32(2), &after);
    let left: Vec<_> = document.writes(&path(0)).into_iter().map(|write| write.op).collect();
    assert_eq!(left, [id(1, 0)], "what was not covered is as concurrent as it was");
    assert_eq!(document.elements(&path(1)).collect::<Vec<_>>(), [2.into()]);
    assert_eq!(document.counter(&path(2)), Some(1));
}
