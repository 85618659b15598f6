//! Long batches, whose rows are made ready some at a time: what is refused, in which order, and what stands then.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Fixture, Maker, access, now, openings_key, permit};
use serde_json::json;
use vm_core::canonical::BYTES_MAX;
use vm_core::capability::act;
use vm_core::digest::LeafHash;
use vm_core::id::RowId;
use vm_core::key::BlindKey;
use vm_core::record::{Appended, McpKind, RowDraft};
use vm_core::source::Entropy;
use vm_core::source::hazmat::CountingEntropy;
use vm_core::view::{EvidenceView, StoredEntry, Visit};
use vm_ledger::{Access, Ledger, LedgerError, Snapshot};

/// Rows of the system that every ledger here begins with.
const SYSTEM_ROWS: u64 = 2;
/// Places in the first, second, a middle and the last chunk of a batch of [`LONG`], and at their ends.
const PLACES: [usize; 8] = [0, 1, 63, 64, 127, 128, 200, LONG - 1];
const LONG: usize = 64 * 4 + 9;

fn log(snapshot: &Snapshot) -> Vec<(RowId, LeafHash)> {
    let mut log = Vec::new();
    snapshot
        .visit_log(SYSTEM_ROWS, u64::MAX, &mut |entry, _| {
            let StoredEntry::Entry(entry) = entry else { panic!("malformed") };
            log.push((entry.row_id, entry.leaf));
            Ok(Visit::Continue)
        })
        .unwrap();
    log
}

/// Rows of all tables; every one but the shadow receipts with openings of its own.
fn drafts(maker: &mut Maker, count: usize) -> Vec<RowDraft> {
    let mut next = |at: usize| match at % 4 {
        0 => maker.tool("shell"),
        1 => maker.call(McpKind::Request, None),
        2 => maker.artifact("report", None),
        _ => maker.shadow(),
    };
    (0..count).map(&mut next).collect()
}

fn refused(fixture: &mut Fixture, drafts: Vec<RowDraft>) -> LedgerError {
    let before = fixture.ledger.snapshot().unwrap();
    let permit = permit::<act::Record>(fixture.id());
    let error = fixture.ledger.append(&permit, drafts, now()).unwrap_err();
    let after = fixture.ledger.snapshot().unwrap();
    assert_eq!(log(&after), log(&before), "{error:?}");
    assert_eq!(after.checkpoint().unwrap(), before.checkpoint().unwrap());
    error
}

#[test]
fn a_batch_gives_the_log_that_its_rows_one_by_one_give() {
    let (mut fixture, mut pieces) = (Fixture::new(), Fixture::new());
    let mut maker = Maker::new(20);
    let blind = BlindKey::from_bytes([5; 32]);
    for (round, count) in [1, 63, 64, 127, 128, 129, LONG].into_iter().enumerate() {
        let mut rows = drafts(&mut maker, count);
        for (at, row) in rows.iter_mut().enumerate().filter(|(at, _)| at % 5 == 0) {
            // Each key is used twice, far from each other or side by side, in other batches too.
            let name = (round * at % 40).to_be_bytes();
            *row = row.clone().with_idempotency(blind.blind("key", &name), blind.blind("input", &name));
        }
        let at_once = fixture.append(rows.clone());
        let mut one_by_one: Vec<Appended> = Vec::new();
        let mut size = 0;
        while !rows.is_empty() {
            size = size % 37 + 9;
            let later = rows.split_off(size.min(rows.len()));
            one_by_one.extend(pieces.append(rows));
            rows = later;
        }
        assert_eq!(at_once, one_by_one, "{count} rows");
        assert_eq!(log(&fixture.ledger.snapshot().unwrap()), log(&pieces.ledger.snapshot().unwrap()));
    }
    let (log, replays) = (log(&fixture.ledger.snapshot().unwrap()), 7 * LONG);
    assert!(log.len() > LONG && log.len() < replays);
}

#[test]
fn rows_of_a_long_batch_stand_in_their_order_with_their_openings() {
    let mut fixture = Fixture::new();
    let drafts = drafts(&mut fixture.maker, LONG);
    let appended = fixture.append(drafts.clone());
    let snapshot = fixture.ledger.snapshot().unwrap();
    assert_eq!(snapshot.integrity().unwrap(), Vec::<String>::new());
    let log = log(&snapshot);
    assert_eq!((appended.len(), log.len()), (LONG, LONG));
    let capability = permit::<act::Record>(fixture.id()).capability();
    for (((draft, appended), (id, leaf)), seq) in drafts.iter().zip(&appended).zip(log).zip(SYSTEM_ROWS..) {
        assert_eq!((appended.seq, appended.row_id, appended.leaf), (seq, id, leaf));
        assert_eq!((draft.header().id, draft.complete(Some(capability)).unwrap().leaf_hash().unwrap()), (id, leaf));
        assert_eq!(snapshot.openings(&openings_key(), id).unwrap(), draft.openings());
    }
}

#[test]
fn a_row_that_is_refused_takes_its_batch_along_wherever_it_stands() {
    let mut fixture = Fixture::new();
    let first = fixture.maker.tool("first");
    fixture.append(vec![first.clone()]);
    for place in PLACES {
        let mut rows = drafts(&mut fixture.maker, LONG);
        rows[place] = first.clone();
        let error = refused(&mut fixture, rows.clone());
        assert!(matches!(error, LedgerError::IdTaken { id } if id == first.header().id), "{place}: {error:?}");
        let nowhere = RowId::from_bytes([7; 16]);
        rows[place] = fixture.maker.artifact("report", Some(nowhere));
        let error = refused(&mut fixture, rows.clone());
        assert!(matches!(error, LedgerError::Reference { id, .. } if id == nowhere), "{place}: {error:?}");
        rows[place] = fixture.maker.tool("good");
        assert_eq!(fixture.append(rows).len(), LONG);
    }
}

#[test]
fn of_two_rows_that_are_refused_the_first_decides() {
    let mut fixture = Fixture::new();
    let header = fixture.maker.header();
    // Told before it comes to the store, while the other is told by the store.
    let long = fixture.maker.tool_at(header, &"x".repeat(BYTES_MAX + 1), &json!(1));
    let taken = fixture.maker.tool("first");
    fixture.append(vec![taken.clone()]);
    let rows = drafts(&mut fixture.maker, LONG);
    for (first, second) in PLACES.iter().zip(&PLACES[1..]) {
        let with = |at_first: &RowDraft, at_second: &RowDraft| {
            let mut rows = rows.clone();
            rows[*first] = at_first.clone();
            rows[*second] = at_second.clone();
            rows
        };
        let error = refused(&mut fixture, with(&taken, &long));
        assert!(matches!(error, LedgerError::IdTaken { .. }), "{first} and {second}: {error:?}");
        let error = refused(&mut fixture, with(&long, &taken));
        assert!(matches!(error, LedgerError::Record(_)), "{first} and {second}: {error:?}");
    }
    assert_eq!(fixture.append(rows).len(), LONG);
}

/// Entropy that panics once it was asked so often.
struct Fuse(usize, CountingEntropy);

impl Entropy for Fuse {
    fn fill(&mut self, out: &mut [u8]) {
        self.0 = self.0.wrapping_sub(1);
        assert!(self.0 != 0, "expected by this test");
        self.1.fill(out);
    }
}

#[test]
fn a_panic_before_the_store_ends_the_call_and_writes_nothing() {
    let fixture = Fixture::new();
    let (vault, id, mut maker) = (fixture.path(), fixture.id(), Maker::new(80));
    drop(fixture.ledger);
    for count in [1, 64, 65, 130, 196] {
        let entropy = Box::new(Fuse(count, CountingEntropy::new(80)));
        let mut ledger = Ledger::open(&vault, Access { entropy, ..access(80) }).unwrap();
        let before = log(&ledger.snapshot().unwrap());
        let drafts = drafts(&mut maker, LONG);
        let append = || ledger.append(&permit(id), drafts.clone(), now());
        assert!(catch_unwind(AssertUnwindSafe(append)).is_err());
        assert_eq!(log(&ledger.snapshot().unwrap()), before);
        assert_eq!(ledger.append(&permit(id), drafts, now()).unwrap().len(), LONG);
    }
}
