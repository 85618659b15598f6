//! Indexes that state something else than the rows before them come to.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod fixture;

use fixture::World;
use serde_json::{Value, json};
use vm_core::capability::act;
use vm_core::digest::Sha256Digest;
use vm_core::id::TraceId;
use vm_core::path::VaultPath;
use vm_core::record::{ArtifactFile, ArtifactKind, Cell, FormatChange, ProofArtifact, SystemKind};
use vm_core::redact::Redacted;
use vm_core::verdict::{Code, Report, Verdict};
use vm_core::view::{EvidenceView as _, RowState, StoredEntry, Visit};
use vm_seal::audit::{Trust, audit};
use vm_seal::complete::{read_deck, state_index};
use vm_seal::error::SealError;
use vm_seal::index::Deck;
use vm_seal::memory::hazmat;

/// A ledger of some rows and three indexes, so that the last one has several runs.
fn indexed() -> World {
    let mut world = World::full();
    let permit = world.ledger.permit::<act::Seal>(&world.holder, &world.clock).unwrap();
    let trace = world.trace();
    world.ledger.record_index(&permit, trace, &world.clock, &mut world.entropy).unwrap();
    for rows in [4, 2, 1] {
        state(&mut world, None);
        for _ in 0..rows {
            let trace = world.trace();
            world.event(trace, None);
        }
    }
    world
}

/// Records an index as it is, or as `edit` makes it.
fn state(world: &mut World, edit: Option<&dyn Fn(&mut Value)>) {
    let size = world.size();
    let mut value = state_index(&world.ledger, None, size, None).unwrap().to_value();
    if let Some(edit) = edit {
        edit(&mut value);
    }
    let header = world.header(TraceId::from_bytes([0xee; 16]));
    let meta = Some(Redacted::system(&value).unwrap());
    let kind = ArtifactKind::system(SystemKind::Index);
    let draft = ProofArtifact { header, kind, file: None, subject: None, meta }.into_draft(None).unwrap();
    let permit = world.ledger.permit::<act::Seal>(&world.holder, &world.clock).unwrap();
    world.ledger.record_sealed(&permit, draft).unwrap();
}

fn verify(world: &World) -> Report {
    let (key, head) = (world.key(), world.head());
    audit(&world.ledger, Some(&world.files), &Trust { key: Some(&key), head: Some(&head) }).report
}

fn codes(report: &Report) -> Vec<Code> {
    report.findings().iter().map(vm_core::verdict::Finding::code).collect()
}

#[test]
fn true_indexes_verify_and_are_counted() {
    let report = verify(&indexed());
    assert_eq!(report.verdict(), Verdict::Verified, "{:?}", report.findings());
    assert!(report.checks().iter().any(|check| check.starts_with("indexes: 4")), "{:?}", report.checks());
    // What was not there was not checked.
    assert!(!verify(&World::full()).checks().iter().any(|check| check.contains("indexes")));
}

#[test]
fn a_forged_index_is_contradicted_by_name() {
    for (pointer, order) in [("/runs/0/time", "time"), ("/runs/0/trace", "trace"), ("/runs/0/term/root", "term")] {
        let mut world = indexed();
        state(&mut world, Some(&|value| *value.pointer_mut(pointer).unwrap() = json!("ab".repeat(32))));
        let report = verify(&world);
        assert_eq!(codes(&report), [Code::IndexAltered], "{pointer}");
        assert!(report.findings()[0].subject().ends_with(order), "{:?}", report.findings());
    }
    let mut world = indexed();
    state(&mut world, Some(&|value| value["runs"][0]["term"]["size"] = json!(0)));
    assert_eq!(codes(&verify(&world)), [Code::IndexAltered]);
}

#[test]
fn a_lagging_index_and_one_that_is_none_are_told_apart() {
    let size = indexed().size().as_u64();
    for (pointer, value, code) in [
        ("", json!({}), Code::IndexAltered),
        ("/format", json!("vm-index-v1"), Code::FormatUnknown),
        ("/runs", json!([]), Code::IndexAltered),
        ("/size", json!(size - 1), Code::IndexAltered),
    ] {
        let mut world = indexed();
        state(&mut world, Some(&|stated| *stated.pointer_mut(pointer).unwrap() = value.clone()));
        assert_eq!(codes(&verify(&world)), [code], "{pointer}");
    }
    let mut world = indexed();
    state(
        &mut world,
        Some(&|value| {
            value["size"] = json!(size - 1);
            value["runs"][0]["to"] = json!(size - 1);
        }),
    );
    assert_eq!(codes(&verify(&world)), [Code::IndexLagging]);
}

#[test]
fn an_index_that_nothing_announced_is_told() {
    let mut world = World::full();
    state(&mut world, None);
    let report = verify(&world);
    assert_eq!((codes(&report), report.verdict()), (vec![Code::FormatUnannounced], Verdict::Undecided));
}

/// Every later format, by the kind of its rows and the ending of their files: told where nothing announced it.
#[test]
fn a_row_of_a_later_format_comes_behind_its_announcement() {
    let record = |world: &mut World, kind: SystemKind, file: Option<&str>, meta: Value| {
        let header = world.header(TraceId::from_bytes([0xee; 16]));
        let file = file.map(|name| {
            let path: VaultPath = name.parse().unwrap();
            world.files.put(path.clone(), b"bytes".to_vec());
            ArtifactFile { path, size: 5, sha256: Sha256Digest::of(b"bytes"), blake3: None }
        });
        let (kind, meta) = (ArtifactKind::system(kind), Some(Redacted::system(&meta).unwrap()));
        let draft = ProofArtifact { header, kind, file, subject: None, meta }.into_draft(None).unwrap();
        let permit = world.ledger.permit::<act::Seal>(&world.holder, &world.clock).unwrap();
        world.ledger.record_sealed(&permit, draft).unwrap();
    };
    let told = |world: &World| verify(world).has(Code::FormatUnannounced);
    for (kind, file, format) in [
        (SystemKind::AnchorAttempt, None, "vm-anchor-attempt-v0"),
        (SystemKind::TrustPolicy, Some("trust/a.toml"), "vm-trust-policy-v0"),
        (SystemKind::Merge, None, "vm-merge-receipt-v0"),
        (SystemKind::RedactionPolicy, None, "vm-redaction-policy-v1"),
        (SystemKind::Disclosure, None, "vm-disclosure-record-v0"),
        (SystemKind::Erasure, None, "vm-erasure-receipt-v0"),
        (SystemKind::Anchor, Some("anchors/a/0.ots"), "opentimestamps-v1"),
        (SystemKind::Anchor, Some("anchors/a/0.btc"), "vm-anchor-bitcoin-v0"),
        (SystemKind::Anchor, Some("anchors/a/0.eth"), "vm-anchor-ethereum-v0"),
    ] {
        let mut world = World::full();
        record(&mut world, kind, file, json!({}));
        assert!(told(&world), "{format}");
        let mut world = World::full();
        record(&mut world, SystemKind::FormatChange, None, FormatChange::adding(format).to_value());
        record(&mut world, kind, file, json!({}));
        assert!(!told(&world), "{format}");
        let mut world = World::full();
        record(&mut world, SystemKind::FormatChange, None, FormatChange::adding("another-v0").to_value());
        record(&mut world, kind, file, json!({}));
        assert!(told(&world), "{format} behind another announcement");
    }
    let mut world = World::full();
    record(&mut world, SystemKind::Anchor, Some("anchors/a/0.tst"), json!({}));
    assert!(!told(&world), "tokens were known from the beginning");
}

#[test]
fn an_index_over_rows_that_are_gone_cannot_be_rebuilt() {
    let mut world = indexed();
    let victim = world.event(TraceId::from_bytes([5; 16]), None).row_id;
    state(&mut world, None);
    hazmat::remove_row(&mut world.ledger, victim);
    assert_eq!(codes(&verify(&world)), [Code::RowMissing, Code::EvidenceUnreadable]);
}

/// What a writer does whose rows are taken back: those in the deck, and those before its first.
#[test]
fn a_deck_that_was_cut_goes_on_at_the_cut() {
    let world = World::full();
    let (begin, end) = (5, world.size().as_u64());
    for cut in 0..=end {
        let mut deck = read_deck(&world.ledger, begin, end).unwrap();
        deck.truncate(cut);
        assert_eq!((deck.run().begin().as_u64(), deck.run().end().as_u64()), (begin.min(cut), cut));
        let again = &mut |entry, state| {
            let (StoredEntry::Entry(entry), RowState::Present(row)) = (entry, state) else { unreachable!() };
            deck.push(&entry, &row).unwrap();
            Ok(Visit::Continue)
        };
        world.ledger.visit_log(cut, end, again).unwrap();
        let whole = read_deck(&world.ledger, begin.min(cut), end).unwrap();
        let statement = |deck: &Deck| deck.sort(deck.run()).unwrap().statement();
        assert_eq!(statement(&deck), statement(&whole), "cut at {cut}");
    }
}

/// Cards that whoever logged the rows kept are used where they are of the last rows, and else the rows are read again.
#[test]
fn kept_cards_are_used_only_where_they_end_with_the_log() {
    let world = World::full();
    let (size, end) = (world.size(), world.size().as_u64());
    let plain = state_index(&world.ledger, None, size, None).unwrap();
    for begin in 0..end {
        for cut in begin..=end {
            let mut deck = read_deck(&world.ledger, begin, end).unwrap();
            deck.truncate(cut);
            let kept = state_index(&world.ledger, None, size, Some(&deck)).unwrap();
            assert_eq!(kept, plain, "cards {begin} to {cut} of {end}");
        }
    }
}

/// A statement over a row that is not the one that was logged would be wrong for ever.
#[test]
fn no_index_is_stated_over_a_row_that_was_changed() {
    let mut world = World::full();
    let trace = world.trace();
    let changed = world.event(trace, None).row_id;
    let size = world.size();
    let plain = state_index(&world.ledger, None, size, None).unwrap();
    let kept = read_deck(&world.ledger, size.as_u64() - 1, size.as_u64()).unwrap();
    hazmat::change_cell(&mut world.ledger, changed, "ts", &Cell::Text("2020-01-01T00:00:00.000000Z".into()));
    let found = state_index(&world.ledger, None, size, None);
    assert!(matches!(found, Err(SealError::RowAltered { row, .. }) if row == changed), "{found:?}");
    // Cards that were kept before the change hold what was logged.
    assert_eq!(state_index(&world.ledger, None, size, Some(&kept)).unwrap(), plain);
}
