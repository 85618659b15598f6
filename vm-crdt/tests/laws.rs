//! The laws find what is wrong: types that break one each.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use vm_crdt::laws::{HISTORY_MAX, History, Replicated, check};
use vm_crdt::{OpId, OpIndex, Past};

fn id(op: usize) -> OpId {
    let mut bytes = [0x55; 32];
    bytes[..8].copy_from_slice(&op.to_be_bytes());
    OpId::from_bytes(bytes)
}

/// So many ops that know nothing of each other.
fn concurrent(ops: usize) -> History<u8> {
    History::new((0..ops).map(|op| (id(op), vec![], u8::try_from(op).unwrap())).collect()).unwrap()
}

/// So many ops in a row.
fn chain(ops: usize) -> History<u8> {
    let op = |op: usize| (id(op), op.checked_sub(1).into_iter().collect(), u8::try_from(op).unwrap());
    History::new((0..ops).map(op).collect()).unwrap()
}

/// Keeps the write that came last.
#[derive(Default)]
struct Last(u8);

impl Replicated for Last {
    type Update = u8;

    fn apply<P: Past + ?Sized>(&mut self, _past: &P, _op: OpIndex, update: &u8) {
        self.0 = *update;
    }

    fn encode(&self) -> Vec<u8> {
        vec![self.0]
    }
}

/// Puts the place of delivery into the state.
#[derive(Default)]
struct Places(Vec<(u8, u32)>);

impl Replicated for Places {
    type Update = u8;

    fn apply<P: Past + ?Sized>(&mut self, _past: &P, op: OpIndex, update: &u8) {
        self.0.push((*update, op.as_u32()));
        self.0.sort_unstable();
    }

    fn encode(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(update, place)| [*update, place.to_be_bytes()[3]]).collect()
    }
}

/// Counts groups instead of ops.
#[derive(Default)]
struct Groups(u8);

impl Replicated for Groups {
    type Update = u8;

    fn apply<P: Past + ?Sized>(&mut self, past: &P, op: OpIndex, update: &u8) {
        self.apply_all(past, &[(op, update)]);
    }

    fn apply_all<P: Past + ?Sized>(&mut self, _past: &P, _ops: &[(OpIndex, &u8)]) {
        self.0 += 1;
    }

    fn encode(&self) -> Vec<u8> {
        vec![self.0]
    }
}

/// The set of heads: right only because it asks what lies in whose past.
#[derive(Default)]
struct Heads(Vec<(OpIndex, u8)>);

impl Replicated for Heads {
    type Update = u8;

    fn apply<P: Past + ?Sized>(&mut self, past: &P, op: OpIndex, update: &u8) {
        self.0.retain(|(head, _)| !past.is_or_precedes(*head, op));
        self.0.push((op, *update));
    }

    fn encode(&self) -> Vec<u8> {
        let mut heads: Vec<u8> = self.0.iter().map(|(_, update)| *update).collect();
        heads.sort_unstable();
        heads
    }
}

#[test]
fn a_type_that_breaks_a_law_is_found() {
    for ops in [2, 3, 6, 7, 20] {
        assert_eq!(check::<Last>(&concurrent(ops), 0).unwrap_err().code(), "crdt-law-order", "{ops}");
        assert_eq!(check::<Places>(&concurrent(ops), 0).unwrap_err().code(), "crdt-law-order", "{ops}");
        assert_eq!(check::<Groups>(&concurrent(ops), 0).unwrap_err().code(), "crdt-law-grouping", "{ops}");
    }
}

#[test]
fn a_type_that_keeps_them_is_not() {
    for ops in [0, 1, 2, 6, 20] {
        assert_eq!(check::<Heads>(&concurrent(ops), 0), Ok(()));
        // In a row there is but one order, so that what came last is the same for all.
        assert_eq!(check::<Last>(&chain(ops), 0), Ok(()));
        assert_eq!(check::<Heads>(&chain(ops), 0), Ok(()));
    }
}

#[test]
fn what_is_no_history_is_refused() {
    let refused = |ops| History::<u8>::new(ops).unwrap_err().code();
    assert_eq!(refused(vec![(id(0), vec![0], 0)]), "crdt-history-predecessor");
    assert_eq!(refused(vec![(id(0), vec![1], 0), (id(1), vec![], 0)]), "crdt-history-predecessor");
    assert_eq!(refused(vec![(id(0), vec![], 0), (id(0), vec![], 0)]), "crdt-history-name");
    assert_eq!(refused((0..=HISTORY_MAX).map(|op| (id(op), vec![], 0)).collect()), "crdt-history-long");
}

/// What lies in whose past, also through others.
#[test]
fn the_past_is_all_that_leads_there() {
    let history =
        History::new(vec![(id(0), vec![], 0), (id(1), vec![0], 1), (id(2), vec![], 2), (id(3), vec![1], 3)]).unwrap();
    let delivery = history.delivery(&[2, 0, 1, 3]);
    let place = OpIndex::from_u32;
    assert_eq!(delivery.id(place(0)), &id(2));
    assert!(delivery.is_or_precedes(place(1), place(3)) && delivery.is_or_precedes(place(3), place(3)));
    assert!(!delivery.is_or_precedes(place(3), place(1)) && !delivery.is_or_precedes(place(0), place(3)));
}
