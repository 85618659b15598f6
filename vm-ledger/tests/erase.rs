//! Erasing the openings under one key: with their receipt, for good, and nobody else's.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail a test by a panic"
)]

mod common;

use std::path::Path;

use common::{Fixture, Limits, now, openings_key, permit, permit_with};
use proptest::prelude::*;
use serde_json::json;
use vm_core::capability::{Action, act};
use vm_core::digest::Sha256Digest;
use vm_core::id::RowId;
use vm_core::key::OpeningsKey;
use vm_core::record::{Disclosed, DisclosureRecord, ErasureReason, FormatChange, RowDraft, SystemKind};
use vm_core::view::{EvidenceView as _, RowState, StoredEntry, Visit};
use vm_ledger::{Ledger, LedgerError, OpeningsErased};

fn subject(number: u8) -> OpeningsKey {
    OpeningsKey::from_bytes([number; 32])
}

fn draft(fixture: &mut Fixture, key: Option<&OpeningsKey>) -> RowDraft {
    fixture.maker.tool("shell").with_subject_key(key.cloned())
}

fn record(fixture: &mut Fixture, key: Option<&OpeningsKey>) -> RowId {
    let draft = draft(fixture, key);
    fixture.append(vec![draft])[0].row_id
}

fn erase(fixture: &mut Fixture, key: &OpeningsKey) -> Result<OpeningsErased, LedgerError> {
    let (permit, [announcement, _]) = (permit::<act::Erase>(fixture.id()), fixture.maker.headers());
    let Fixture { ledger, maker, .. } = fixture;
    let reason = Some(ErasureReason::Objection);
    ledger.erase_openings(&permit, announcement, &mut || maker.header(), (key.id(), reason), now())
}

/// Whether any file of the vault holds these bytes.
fn holds(vault: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(vault).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

/// Ciphertext of a row's openings, read past the ledger.
fn ciphertext(vault: &Path, row: RowId) -> Option<Vec<u8>> {
    common::raw(vault)
        .query_row("SELECT ciphertext FROM openings WHERE row_id = ?1", [row.as_bytes()], |row| row.get(0))
        .ok()
}

#[test]
fn one_subject_is_erased_for_good_and_the_rest_is_as_it_was() {
    let mut fixture = Fixture::new();
    let (alice, bob) = (subject(10), subject(11));
    let gone: Vec<RowId> = (0..40).map(|_| record(&mut fixture, Some(&alice))).collect();
    let (kept, own) = (record(&mut fixture, Some(&bob)), record(&mut fixture, None));
    let secret = ciphertext(&fixture.path(), gone[7]).unwrap();
    assert!(holds(&fixture.path(), &secret));
    let before: Vec<_> = gone.iter().map(|id| fixture.ledger.snapshot().unwrap().row(*id).unwrap().unwrap()).collect();
    let opened = |fixture: &Fixture| {
        let snapshot = fixture.ledger.snapshot().unwrap();
        (snapshot.openings(&bob, kept).unwrap(), snapshot.openings(&openings_key(), own).unwrap())
    };
    let others = opened(&fixture);
    assert_eq!(fixture.ledger.snapshot().unwrap().openings(&alice, gone[0]).unwrap().len(), 2);

    let done = erase(&mut fixture, &alice).unwrap();
    let mut sorted = gone.clone();
    sorted.sort();
    assert_eq!((done.rows, done.on_record.count), (sorted, 40));
    fixture.ledger.scrub(now()).unwrap();
    assert!(!holds(&fixture.path(), &secret), "the ciphertext is still in a file");
    assert_eq!(std::fs::metadata(fixture.path().join("ledger.db-wal")).map_or(0, |file| file.len()), 0);

    let snapshot = fixture.ledger.snapshot().unwrap();
    for (id, before) in gone.iter().zip(before) {
        assert_eq!(snapshot.row(*id).unwrap().unwrap(), before);
        assert_eq!(snapshot.erased_under(*id).unwrap(), Some(done.on_record.receipt));
        assert_eq!(snapshot.openings(&alice, *id).unwrap(), []);
    }
    assert_eq!(snapshot.erased_under(kept).unwrap(), None);
    assert_eq!(opened(&fixture), others);
    assert!(snapshot.schema_faults().is_empty() && snapshot.integrity().unwrap().is_empty());
    assert_eq!(snapshot.unfinished_erasures().unwrap(), []);
    // Again: the receipt stands, and nothing is recorded.
    let size = snapshot.size().unwrap();
    let again = erase(&mut fixture, &alice).unwrap();
    assert_eq!((again.on_record, again.rows.len()), (done.on_record, 0));
    assert_eq!(fixture.ledger.snapshot().unwrap().size().unwrap(), size);
    // The log goes on over a file that was written anew, by this writer and by others.
    record(&mut fixture, None);
    let mut other = Ledger::open(&fixture.path(), common::access(9)).unwrap();
    let row = draft(&mut fixture, Some(&bob));
    other.append(&permit(fixture.id()), vec![row], now()).unwrap();
}

#[test]
fn no_openings_are_taken_in_under_an_erased_key() {
    let mut fixture = Fixture::new();
    let alice = subject(10);
    record(&mut fixture, Some(&alice));
    let mut other = Ledger::open(&fixture.path(), common::access(9)).unwrap();
    let done = erase(&mut fixture, &alice).unwrap();
    for ledger in [&mut fixture.ledger, &mut other] {
        let row = fixture.maker.tool("shell").with_subject_key(Some(alice.clone()));
        let error = ledger.append(&permit(ledger.id()), vec![row], now()).unwrap_err();
        assert!(matches!(error, LedgerError::KeyErased { receipt } if receipt == done.on_record.receipt), "{error}");
    }
    record(&mut fixture, Some(&subject(12)));
}

#[test]
fn what_came_back_is_told_and_erased_with_a_receipt_of_its_own() {
    let mut fixture = Fixture::new();
    let alice = subject(10);
    let row = record(&mut fixture, Some(&alice));
    let first = erase(&mut fixture, &alice).unwrap();
    fixture
        .raw()
        .execute(
            "INSERT INTO openings VALUES (?1, 'vm-openings-v0', 'xchacha20poly1305', ?2, x'00', x'00')",
            (row.as_bytes(), alice.id().as_bytes()),
        )
        .unwrap();
    let left = fixture.ledger.snapshot().unwrap().unfinished_erasures().unwrap();
    assert_eq!(left, [(first.on_record.receipt, 1)]);
    let second = erase(&mut fixture, &alice).unwrap();
    assert_ne!(second.on_record.receipt, first.on_record.receipt);
    let snapshot = fixture.ledger.snapshot().unwrap();
    assert_eq!(snapshot.unfinished_erasures().unwrap(), []);
    assert_eq!(snapshot.erased_under(row).unwrap(), Some(second.on_record.receipt));
}

#[test]
fn leave_to_erase_and_to_disclose_is_asked_for() {
    let mut fixture = Fixture::new();
    let alice = subject(10);
    let row = record(&mut fixture, Some(&alice));
    let size = fixture.ledger.snapshot().unwrap().size().unwrap();
    let narrow =
        || Limits { actions: vec![Action::Erase, Action::Disclose], resource: "/mcp_calls", ..Limits::default() };
    let opened =
        vec![Disclosed { commitment: vm_core::digest::Commitment::from_bytes([1; 32]), pointer: "/a".to_owned() }];
    let made = DisclosureRecord::new(row, opened, vec![Sha256Digest::of(b"key")], Sha256Digest::of(b"file"));
    let headers = fixture.maker.headers();
    let permit = permit_with::<act::Disclose>(fixture.id(), narrow(), None);
    let refused = fixture.ledger.record_disclosure(&permit, headers, &made, now()).unwrap_err();
    assert_eq!(refused.code(), "capability-resource-not-granted");
    let permit = permit_with::<act::Erase>(fixture.id(), narrow(), None);
    let header = fixture.maker.header();
    let refused =
        fixture.ledger.erase_openings(&permit, header, &mut || header, (alice.id(), None), now()).unwrap_err();
    assert_eq!(refused.code(), "capability-resource-not-granted");
    let snapshot = fixture.ledger.snapshot().unwrap();
    assert_eq!((snapshot.size().unwrap(), snapshot.openings(&alice, row).unwrap().len()), (size, 2));
    // A row that is not there cannot have been disclosed.
    let elsewhere = DisclosureRecord::new(
        RowId::from_bytes([1; 16]),
        made.commitments().to_vec(),
        made.recipients().to_vec(),
        made.file_sha256(),
    );
    let headers = fixture.maker.headers();
    let refused = fixture.ledger.record_disclosure(&common::permit(fixture.id()), headers, &elsewhere, now());
    assert_eq!(refused.unwrap_err().code(), "row-reference");
}

#[test]
fn both_formats_are_announced_before_their_first_row_and_once() {
    let mut fixture = Fixture::new();
    let row = record(&mut fixture, Some(&subject(10)));
    record(&mut fixture, Some(&subject(11)));
    let opened =
        vec![Disclosed { commitment: vm_core::digest::Commitment::from_bytes([1; 32]), pointer: "/a".to_owned() }];
    let made = DisclosureRecord::new(row, opened, vec![Sha256Digest::of(b"key")], Sha256Digest::of(b"file"));
    for _ in 0..2 {
        let headers = fixture.maker.headers();
        fixture.ledger.record_disclosure(&permit(fixture.id()), headers, &made, now()).unwrap();
    }
    erase(&mut fixture, &subject(10)).unwrap();
    erase(&mut fixture, &subject(11)).unwrap();
    let mut kinds = Vec::new();
    let snapshot = fixture.ledger.snapshot().unwrap();
    let visit = &mut |_: StoredEntry, state: RowState| {
        if let RowState::Present(row) = state
            && let Some(kind) = SystemKind::of_row(&row)
        {
            let added = FormatChange::of_row(&row).unwrap().map(|change| change.added().join(" "));
            kinds.push(added.unwrap_or_else(|| kind.to_string()));
        }
        Ok(Visit::Continue)
    };
    snapshot.visit_log(4, u64::MAX, visit).unwrap();
    let wanted = [
        "vm-disclosure-record-v0",
        "vm-disclosure",
        "vm-disclosure",
        "vm-erasure-receipt-v0",
        "vm-erasure",
        "vm-erasure",
    ];
    assert_eq!(kinds, wanted);
    let found = snapshot.row(row).unwrap().unwrap();
    assert!(json!(found.row.text("input_json")).is_string());
}

#[test]
fn whoever_still_reads_an_older_state_is_waited_for_and_told_of() {
    let mut fixture = Fixture::new();
    let alice = subject(10);
    record(&mut fixture, Some(&alice));
    let patience = vm_ledger::Patience { command: "test".to_owned(), timeout: std::time::Duration::from_millis(20) };
    let mut hasty = Ledger::open(&fixture.path(), vm_ledger::Access { patience, ..common::access(9) }).unwrap();
    let reader = fixture.ledger.snapshot().unwrap();
    reader.size().unwrap();
    erase(&mut fixture, &alice).unwrap();
    assert!(matches!(hasty.scrub(now()).unwrap_err(), LedgerError::Readers));
    drop(reader);
    hasty.scrub(now()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn erasing_one_subject_leaves_all_others_readable(whose in prop::collection::vec(0_u8..4, 1..20), erased in 1_u8..4) {
        let mut fixture = Fixture::new();
        let key = |number: u8| (number > 0).then(|| subject(number));
        let drafts: Vec<_> = whose.iter().map(|number| draft(&mut fixture, key(*number).as_ref())).collect();
        let openings: Vec<_> = drafts.iter().map(|draft| draft.openings().to_vec()).collect();
        let rows: Vec<RowId> = fixture.append(drafts).iter().map(|row| row.row_id).collect();
        let done = erase(&mut fixture, &subject(erased)).unwrap();
        fixture.ledger.scrub(now()).unwrap();
        let snapshot = fixture.ledger.snapshot().unwrap();
        prop_assert_eq!(done.rows.len(), whose.iter().filter(|number| **number == erased).count());
        for ((number, row), openings) in whose.iter().zip(&rows).zip(&openings) {
            let key = key(*number).unwrap_or_else(openings_key);
            let found = snapshot.openings(&key, *row).unwrap();
            if *number == erased {
                prop_assert!(found.is_empty());
            } else {
                prop_assert_eq!(&found, openings);
            }
            prop_assert_eq!(snapshot.erased_under(*row).unwrap().is_some(), *number == erased);
        }
    }
}
