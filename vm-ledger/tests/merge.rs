//! Receipts of merges: announced once, the last of each graph as the log has it, and none that was altered.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use common::{Fixture, Limits, now, permit, permit_with};
use serde_json::{Value, json};
use vm_core::capability::{Permit, act};
use vm_core::digest::Sha256Digest;
use vm_core::record::SystemKind;
use vm_core::view::{EvidenceView as _, Visit};
use vm_ledger::LedgerError;

fn graph(name: &str) -> Sha256Digest {
    Sha256Digest::of(name.as_bytes())
}

/// What a receipt is to a ledger: JSON about a graph.
fn receipt(name: &str, received: u64) -> Value {
    json!({"format": "vm-merge-receipt-v0", "graph": graph(name).to_hex(), "received": received})
}

fn record_by(fixture: &mut Fixture, permit: &Permit<act::Record>, receipt: &Value) -> Result<u64, LedgerError> {
    let headers = fixture.maker.headers();
    fixture.ledger.record_merge(permit, headers, receipt, now()).map(|appended| appended.seq)
}

fn record(fixture: &mut Fixture, receipt: &Value) -> u64 {
    let permit = permit(fixture.id());
    record_by(fixture, &permit, receipt).unwrap()
}

fn last(fixture: &Fixture, name: &str) -> Result<Option<Value>, LedgerError> {
    fixture.ledger.snapshot().unwrap().last_merge(graph(name))
}

fn rows_of(fixture: &Fixture, kind: SystemKind) -> usize {
    let mut found = 0;
    let visit = &mut |_, _| {
        found += 1;
        Ok(Visit::Continue)
    };
    fixture.ledger.snapshot().unwrap().visit_kind(kind.as_str(), visit).unwrap();
    found
}

#[test]
fn the_last_receipt_of_each_graph_is_given() {
    let mut fixture = Fixture::new();
    assert_eq!(last(&fixture, "one").unwrap(), None);
    let before = fixture.ledger.snapshot().unwrap().size().unwrap();
    let first = record(&mut fixture, &receipt("one", 1));
    assert_eq!(first, before + 1, "behind its announcement");
    assert_eq!(last(&fixture, "one").unwrap(), Some(receipt("one", 1)));
    assert_eq!(record(&mut fixture, &receipt("other", 2)), before + 2);
    assert_eq!(record(&mut fixture, &receipt("one", 3)), before + 3);
    assert_eq!(last(&fixture, "one").unwrap(), Some(receipt("one", 3)));
    assert_eq!(last(&fixture, "other").unwrap(), Some(receipt("other", 2)));
    assert_eq!(last(&fixture, "none").unwrap(), None);
    assert_eq!((rows_of(&fixture, SystemKind::Merge), rows_of(&fixture, SystemKind::FormatChange)), (3, 1));
}

#[test]
fn leave_to_record_elsewhere_is_none_for_receipts() {
    let mut fixture = Fixture::new();
    let elsewhere = permit_with(fixture.id(), Limits { resource: "/mcp_calls", ..Limits::default() }, None);
    let size = |fixture: &Fixture| fixture.ledger.snapshot().unwrap().size().unwrap();
    let before = size(&fixture);
    let error = record_by(&mut fixture, &elsewhere, &receipt("one", 1)).unwrap_err();
    assert!(matches!(error, LedgerError::Permit(_)), "{error:?}");
    assert_eq!(size(&fixture), before);
}

#[test]
fn an_altered_row_of_any_graph_stops_the_answer() {
    let mut fixture = Fixture::new();
    record(&mut fixture, &receipt("one", 1));
    record(&mut fixture, &receipt("other", 2));
    let raw = fixture.raw();
    let triggers = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'proof_artifacts'";
    let names: Vec<String> =
        raw.prepare(triggers).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for name in names {
        raw.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    let sql = r#"UPDATE proof_artifacts SET meta_json = replace(meta_json, '"received":2', '"received":3') WHERE kind = 'vm-merge'"#;
    assert_eq!(raw.execute(sql, []).unwrap(), 2);
    for name in ["one", "other", "none"] {
        assert_eq!(last(&fixture, name).unwrap_err().code(), "ledger-log-altered", "{name}");
    }
}
