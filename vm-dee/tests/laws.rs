//! Laws of contents and of counting.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use proptest::prelude::*;
use vm_core::digest::{CapabilityHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::id::SealId;
use vm_core::record::{CellRef, LogEntry, SCHEMA, StoredRow};
use vm_dee::content::Signed;
use vm_dee::{Change, Proposal};

fn change() -> impl Strategy<Value = Change> {
    let digest = any::<[u8; 32]>();
    prop_oneof![
        digest.prop_map(|bytes| Change::GuardPolicy { policy: Sha256Digest::from_bytes(bytes) }),
        digest.prop_map(|bytes| Change::Command { command: Sha256Digest::from_bytes(bytes) }),
        digest.prop_map(|bytes| Change::Grant { capability: CapabilityHash::from_bytes(bytes) }),
        any::<[u8; 16]>().prop_map(|bytes| Change::Reanchor { seal: SealId::from_bytes(bytes) }),
        (prop::num::f64::NORMAL | prop::num::f64::ZERO, prop::num::f64::NORMAL)
            .prop_map(|(from, to)| Change::Threshold { name: name("risk.max"), from, to }),
        Just(Change::Epoch { from: Epoch::Nigredo, to: Epoch::Rubedo }),
    ]
}

/// Whether the gate takes this row with other bytes as its content. Bytes that are no text cannot stand in a row at all.
fn is_taken(row: &StoredRow, bytes: &[u8]) -> bool {
    let Ok(text) = core::str::from_utf8(bytes) else { return false };
    let cells = row.cells().map(|(name, cell)| if name == "meta_json" { CellRef::Text(text) } else { cell });
    let row = StoredRow::from_cells(row.table(), SCHEMA, &cells.collect::<Vec<_>>()).unwrap();
    let mut feed = Feed::new();
    let entry = LogEntry {
        seq: feed.gate.next(),
        table: row.table(),
        row_id: row.id().unwrap(),
        schema: SCHEMA,
        leaf: row.leaf_hash().unwrap(),
    };
    feed.gate.apply(&entry, &row).is_ok()
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_another_change_has_another_hash(one in change(), other in change()) {
        let signed = |change| {
            Signed::sign(proposal(row_id(1), Epoch::Nigredo, change, at(5)), &key(PROPOSER)).unwrap()
        };
        let (first, second) = (signed(one.clone()), signed(other.clone()));
        let (_, row) = stored(&first.draft(header(row_id(1), at(0))).unwrap(), 1);
        let read = Signed::<Proposal>::of_row(&row).unwrap();
        prop_assert_eq!(read.hash().unwrap(), first.hash().unwrap());
        read.verify(ledger(), key(PROPOSER).public()).unwrap();
        prop_assert_eq!(first.hash().unwrap() == second.hash().unwrap(), first == second);
    }

    #[test]
    fn one_flipped_bit_of_a_signed_row_is_refused(bit in 0usize..6_000) {
        let signed = Signed::sign(proposal(row_id(1), Epoch::Nigredo, threshold(), at(5)), &key(PROPOSER)).unwrap();
        let (_, row) = stored(&signed.draft(header(row_id(1), at(0))).unwrap(), 1);
        let mut bytes = row.text("meta_json").unwrap().as_bytes().to_vec();
        prop_assert!(is_taken(&row, &bytes), "the row as it was signed");
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!is_taken(&row, &bytes));
    }

    /// More approvals never make less of a quorum, and their order does not matter.
    #[test]
    fn counting_is_monotone_and_knows_no_order(order in Just(vec![10_u8, 11, 12, 13, 14]).prop_shuffle(), take in 0usize..=5) {
        let mut feed = Feed::new();
        let proposal = feed.propose(threshold()).unwrap();
        let mut was_enough = false;
        for seed in order.iter().take(take) {
            feed.approve(&proposal, *seed).unwrap();
            let is_enough = feed.gate.approved(&proposal, at(0)).is_ok();
            prop_assert!(is_enough || !was_enough);
            was_enough = is_enough;
        }
        let given = &order[..take];
        // Ada has keys 10 and 11; ada and cat are people.
        let people = usize::from(given.contains(&10) || given.contains(&11))
            + given.iter().filter(|seed| **seed > 11).count();
        let human = given.iter().any(|seed| matches!(seed, 10 | 11 | 13));
        prop_assert_eq!(was_enough, people >= 2 && human);
    }
}
