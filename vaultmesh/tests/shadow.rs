//! A shadow receipt is evidence beside the history: it changes none of it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::fs;
use std::time::Duration;

use fixture::{Scene, digest, later, record_everything, record_one, rows, scroll_roots, shadow, sources};
use serde_json::json;
use vaultmesh::keys::HolderName;
use vaultmesh::read::Reader;
use vaultmesh::vault::{Common, GrantRequest, RecordInput, ShadowInput, Vault};
use vaultmesh::verify::verify_vault;
use vm_core::capability::Action;
use vm_core::digest::to_hex;
use vm_core::key::SigningIdentity;
use vm_core::record::Table;
use vm_core::verdict::{Code, Verdict};
use vm_core::view::EvidenceView as _;
use vm_seal::selection::Selection;
use vm_shadow::Counterfactual;

/// The tables that hold what was done.
const CANONICAL: [Table; 3] = [Table::ToolInvocations, Table::McpCalls, Table::ProofArtifacts];

#[test]
fn a_receipt_changes_no_other_leaf_no_scroll_root_and_no_set_root_without_receipts() {
    let dir = fixture::folder();
    let place = fixture::place(dir.path());
    let mut vault = Vault::init(&place, sources(31)).unwrap().vault;
    let trace = record_everything(&mut vault, dir.path());
    let selections = [
        Selection::window(None, None, &CANONICAL).unwrap(),
        Selection::window(None, None, &[Table::ToolInvocations]).unwrap(),
        Selection::traces([trace], &CANONICAL).unwrap(),
    ];
    let read = || Reader::open(&place).unwrap();
    let state = |reader: &Reader| {
        let as_of = reader.view().size().unwrap();
        let others: Vec<_> = rows(reader).into_iter().filter(|row| row.entry.table != Table::ShadowReceipts).collect();
        let digests: Vec<_> = selections.iter().map(|selection| digest(reader, selection, as_of)).collect();
        let scrolls: Vec<_> = ["console", "guard-1"]
            .map(|engine| fs::read(place.vault.join(format!("receipts/{engine}/ROOT.{engine}.txt"))).unwrap())
            .into();
        (others, digests, scroll_roots(reader), scrolls)
    };
    let everything = |reader: &Reader| digest(reader, &Selection::everything(), reader.view().size().unwrap());
    let (before, whole) = (state(&read()), everything(&read()));
    // In the very trace, at a time inside the sealed window, and correcting another receipt: additive all the same.
    let held = ShadowInput {
        common: Common { trace_id: Some(trace), ts: Some(fixture::start()), ..Common::default() },
        ..shadow("later, about the past")
    };
    let held = record_one(&mut vault, RecordInput::Shadow(held));
    let common = Common { corrects: Some(held), ..Common::default() };
    record_one(&mut vault, RecordInput::Shadow(ShadowInput { common, ..shadow("again") }));
    assert_eq!(state(&read()), before);
    assert_ne!(everything(&read()).set_root(), whole.set_root(), "a receipt is in a selection that has receipts");
    assert_eq!(everything(&read()).leaves().as_u64(), whole.leaves().as_u64() + 2);
}

#[test]
fn a_receipt_is_stored_queried_sealed_and_verified() {
    let dir = fixture::folder();
    let place = fixture::place(dir.path());
    let mut vault = Vault::init(&place, sources(32)).unwrap().vault;
    let trace = vault.mint_trace();
    let common = Common { trace_id: Some(trace), ..Common::default() };
    let id = record_one(&mut vault, RecordInput::Shadow(ShadowInput { common, ..shadow("a reason to be found") }));
    let reader = Reader::open(&place).unwrap();
    let found = reader.query("a reason to be found", 10).unwrap();
    assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), [id]);
    let listed = reader.list(&[Table::ShadowReceipts], vaultmesh::read::window(None, None), 10).unwrap();
    assert_eq!(listed.iter().map(|row| row.id).collect::<Vec<_>>(), [id]);
    let shown = reader.show(id).unwrap();
    assert_eq!(
        (&shown.columns["horizon_id"], &shown.columns["entropy_delta"]),
        (&json!("tests/cleanup"), &json!(0.25))
    );
    // The commitment opens with the opening that the owner's key gives, and to nothing else.
    let row = reader.view().row(id).unwrap().unwrap().row;
    let receipt = vm_shadow::verify(&row, reader.ledger()).unwrap();
    let openings = reader.view().openings(&vault.keys().openings().unwrap(), id).unwrap();
    let about = |path: &str| Counterfactual::new(json!({"tool": "delete_directory", "path": path})).unwrap();
    assert!(openings.iter().any(|opening| receipt.is_about(&about("/srv/data"), opening)));
    assert!(!openings.iter().any(|opening| receipt.is_about(&about("/srv/other"), opening)));

    let seal = vault.seal(Selection::traces([trace], &[Table::ShadowReceipts]).unwrap()).unwrap();
    assert_eq!(seal.leaves, 1);
    vault.anchor_local(seal.seal_id).unwrap();
    let outside = vaultmesh::verify::Outside {
        key: Some(vault.note_key().clone()),
        head: Some(Reader::open(&place).unwrap().head().unwrap()),
        trust: Some(vault.trust_file().unwrap()),
        ..vaultmesh::verify::Outside::default()
    };
    let answer = verify_vault(&Reader::open(&place).unwrap(), &outside, later()).unwrap();
    assert_eq!(answer.verdict, Verdict::Verified, "{:?}", answer.report.findings());
    let checks = answer.report.checks();
    assert!(checks.iter().any(|check| check.contains("signatures of 1 observations")), "{checks:?}");
}

#[test]
fn an_altered_receipt_is_contradicted_by_its_signature_too() {
    let scene = Scene::shared();
    let all = rows(&Reader::open(&scene.place).unwrap());
    let receipt = all.iter().find(|row| row.entry.table == Table::ShadowReceipts).unwrap();
    let id = to_hex(receipt.entry.row_id.as_bytes());
    let other_key = to_hex(SigningIdentity::from_seed(&[3; 32]).public().as_bytes());
    let other = all.iter().rfind(|row| row.entry.table == Table::ShadowReceipts).unwrap();
    let other_signature = to_hex(other.row.blob("observer_signature").unwrap());
    for change in [
        "observer_signature = zeroblob(64)".to_owned(),
        "observer_signature = zeroblob(63)".to_owned(),
        format!("observer_signature = x'{other_signature}'"),
        format!("observer_key = x'{other_key}'"),
        "observer_key = zeroblob(32)".to_owned(),
        "entropy_delta = 0.5".to_owned(),
        "reason = 'another'".to_owned(),
        "horizon_id = 'another'".to_owned(),
        "counterfactual_hash = zeroblob(32)".to_owned(),
        "meta_json = '{}'".to_owned(),
        "meta_json = NULL".to_owned(),
        "ts = '2025-01-01T00:00:00.000000Z'".to_owned(),
        "trace_id = zeroblob(16)".to_owned(),
        "policy_hash = zeroblob(32)".to_owned(),
    ] {
        let copy = scene.copy();
        copy.sql_changes(1, &format!("UPDATE shadow_receipts SET {change} WHERE id = x'{id}'"));
        copy.contradicts(Code::ReceiptInvalid, &change);
        copy.contradicts(Code::RowAltered, &change);
    }
}

#[test]
fn a_receipt_is_for_one_ledger() {
    let scene = Scene::shared();
    let other = Scene::make(33);
    let all = rows(&Reader::open(&scene.place).unwrap());
    let receipt = all.iter().find(|row| row.entry.table == Table::ShadowReceipts).unwrap();
    let here = Reader::open(&scene.place).unwrap().ledger();
    let there = Reader::open(&other.place).unwrap().ledger();
    assert!(vm_shadow::verify(&receipt.row, here).is_ok());
    assert!(vm_shadow::verify(&receipt.row, there).is_err());
}

#[test]
fn a_receipt_that_somebody_else_signed_is_no_retry() {
    let dir = fixture::folder();
    let place = fixture::place(dir.path());
    let mut vault = Vault::init(&place, sources(35)).unwrap().vault;
    let input = || {
        let common = Common { idempotency_key: Some("once".to_owned()), ..Common::default() };
        vec![RecordInput::Shadow(ShadowInput { common, ..shadow("no quorum") })]
    };
    let first = vault.record(input()).unwrap().remove(0);
    let again = vault.record(input()).unwrap().remove(0);
    assert_eq!((again.id, again.replayed), (first.id, true));
    let holder: HolderName = "watcher".parse().unwrap();
    let request = GrantRequest::new(holder.clone(), [Action::Record].into());
    vault.grant(request).unwrap();
    drop(vault);
    let after = fixture::start().saturating_add_micros(3_600_000_000);
    let sources = fixture::sources_at(36, after);
    let mut vault = Vault::open_as(&place, sources, Duration::from_secs(5), Some(&holder)).unwrap();
    let refused = vault.record(input()).unwrap_err();
    assert_eq!(refused.code(), "idempotency-conflict", "the holder would take another's word for its own");
}
