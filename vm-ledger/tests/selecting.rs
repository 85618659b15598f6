//! What a selection comes to: the same by every road the store has to it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use common::{Fixture, now, permit};
use vm_core::capability::act;
use vm_core::record::Table;
use vm_core::view::EvidenceView as _;
use vm_ledger::Snapshot;
use vm_seal::digest::SealDigest;
use vm_seal::merkle::TreeSize;
use vm_seal::selection::Selection;

/// A ledger with rows in every table; where `backwards`, later rows of one table have the smaller ids.
fn filled(backwards: bool) -> Fixture {
    let mut fixture = Fixture::new();
    let permit = permit::<act::Record>(fixture.id());
    for _ in 0..5 {
        let mut drafts = fixture.maker.each();
        drafts.extend((0..90).map(|_| fixture.maker.tool("tool")));
        if backwards {
            drafts.reverse();
        }
        fixture.ledger.append(&permit, drafts, now()).unwrap();
    }
    fixture
}

/// The digest by rows hashed anew, which must be the one by the stored leaf hashes.
fn digest(snapshot: &Snapshot, selection: &Selection, as_of: u64) -> SealDigest {
    let as_of = TreeSize::new(as_of);
    let hashed = SealDigest::compute(snapshot, selection, Vec::new(), as_of).unwrap();
    let trusted = SealDigest::compute_trusting_leaves(snapshot, selection, Vec::new(), as_of).unwrap();
    assert_eq!(hashed, trusted, "{selection:?} of {as_of}");
    hashed
}

#[test]
fn both_ways_to_seal_come_to_one_digest() {
    for backwards in [false, true] {
        let fixture = filled(backwards);
        let snapshot = fixture.ledger.snapshot().unwrap();
        let size = snapshot.size().unwrap();
        let everything = digest(&snapshot, &Selection::everything(), size);
        assert_eq!(everything.leaves().as_u64(), size);
        for as_of in [1, 2, 3, 90, 200, size - 1] {
            assert_eq!(digest(&snapshot, &Selection::everything(), as_of).leaves().as_u64(), as_of);
        }
        let (first, last) = (everything.bounds().min_ts().unwrap(), everything.bounds().max_ts().unwrap());
        let middle = first.saturating_add_micros((last.as_micros() - first.as_micros()) / 2);
        for tables in [&Table::ALL[..], &[Table::ToolInvocations], &[Table::McpCalls, Table::ShadowReceipts]] {
            let count = |since, until| {
                digest(&snapshot, &Selection::window(since, until, tables).unwrap(), size).leaves().as_u64()
            };
            let all = count(None, None);
            assert!(all > 0);
            assert_eq!(count(None, Some(middle)) + count(Some(middle), None), all, "{tables:?}");
        }
    }
}

#[test]
fn an_altered_row_is_noticed_where_rows_are_hashed() {
    for backwards in [false, true] {
        let fixture = filled(backwards);
        let size = fixture.ledger.snapshot().unwrap().size().unwrap();
        let sql = "UPDATE tool_invocations SET tool = 'other' WHERE rowid = (SELECT max(rowid) FROM tool_invocations)";
        assert_eq!(vm_ledger::hazmat::execute(fixture.ledger.files().path(), sql).unwrap(), 1);
        let snapshot = fixture.ledger.snapshot().unwrap();
        let compute = |selection: &Selection| {
            SealDigest::compute(&snapshot, selection, Vec::new(), TreeSize::new(size)).unwrap_err().code()
        };
        assert_eq!(compute(&Selection::everything()), "seal-row-altered");
        let trusting =
            SealDigest::compute_trusting_leaves(&snapshot, &Selection::everything(), Vec::new(), TreeSize::new(size));
        assert_eq!(trusting.unwrap().leaves().as_u64(), size);
    }
}

#[test]
fn a_row_that_is_gone_keeps_everything_from_being_sealed() {
    let fixture = filled(false);
    let size = fixture.ledger.snapshot().unwrap().size().unwrap();
    let sql = "DELETE FROM tool_invocations WHERE rowid = 7";
    assert_eq!(vm_ledger::hazmat::execute(fixture.ledger.files().path(), sql).unwrap(), 1);
    let snapshot = fixture.ledger.snapshot().unwrap();
    let sealed = SealDigest::compute(&snapshot, &Selection::everything(), Vec::new(), TreeSize::new(size));
    assert_eq!(sealed.unwrap_err().code(), "seal-row-altered");
}
