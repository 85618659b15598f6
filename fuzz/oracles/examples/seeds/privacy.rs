//! Seeds of disclosures, erasures, keys of subjects and changes of keys.

use std::fs;

use serde_json::json;
use vaultmesh::vault::{Place, Sources, Vault};
use vaultmesh_oracles::keys::{known_changes, known_history};
use vaultmesh_oracles::privacy::{known_subject_key, known_tombstone};
use vm_core::canonical;
use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_core::key::OpeningsKeyId;
use vm_core::record::{ErasureReason, ErasureReceipt};
use vm_core::source::hazmat::{CountingEntropy, SteppingClock};

use super::{folder, seed};

/// Writes them.
pub(super) fn all() {
    for (name, change) in ["rotation", "envelope", "stolen", "lost", "envelope-again"].iter().zip(known_changes()) {
        seed("key_change", name, canonical::to_bytes(&change.to_value()).unwrap());
    }
    seed("key_history", "five", known_history());
    let mut cut: serde_json::Value = serde_json::from_slice(known_history()).unwrap();
    cut["changes"].as_array_mut().unwrap().truncate(2);
    seed("key_history", "two", canonical::to_bytes(&cut).unwrap());
    seed("subject_key", "key", known_subject_key());
    seed("subject_key", "tombstone", known_tombstone());
    receipts();
    let page = include_str!("../../../../docs/spec/statistics.md");
    let shown = page.lines().find(|line| line.starts_with("{\"counts\":")).unwrap();
    seed("statistics_release", "page", shown);
    let open = shown.replace("\"2026-01-01T00:00:00.000000Z\"", "null");
    seed("statistics_release", "open", open);
    disclosures();
}

fn receipts() {
    let (key, id) = (OpeningsKeyId::from_bytes([7; 16]), |number: u8| RowId::from_bytes([number; 16]));
    let rows = [id(1), id(2), id(3)];
    for (name, reason, rows) in
        [("three", Some(ErasureReason::ALL[1]), &rows[..]), ("one", None, &rows[..1]), ("none", None, &[])]
    {
        let (_, receipt) = ErasureReceipt::parts(key, reason, rows, || id(9)).remove(0);
        seed("erasure_receipt", name, canonical::to_bytes(&receipt.to_value()).unwrap());
    }
    // The last part of two, which names one row.
    let last = json!({
        "count": 10_001, "first": id(9), "format": ErasureReceipt::FORMAT, "key": key, "part": 2, "parts": 2,
        "rows": [id(8)],
    });
    seed("erasure_receipt", "second-part", canonical::to_bytes(&last).unwrap());
}

/// The disclosure of the page, and the key of the log that it was proven in, which the same sources make again.
fn disclosures() {
    let page = include_str!("../../../../docs/spec/disclosure.md");
    let shown = page.lines().find(|line| line.starts_with("{\"format\":\"vm-disclosure-v0\"")).unwrap();
    seed("disclosure", "page", shown);
    let dir = tempfile::tempdir().unwrap();
    let place = Place { vault: dir.path().join("vault"), keys: dir.path().join("keys") };
    let sources = Sources {
        clock: Box::new(SteppingClock::new(Instant::from_micros(1_735_689_600_000_000).unwrap())),
        entropy: Box::new(CountingEntropy::new(1)),
        nonces: Box::new(CountingEntropy::new(2)),
        command: "seeds".to_owned(),
    };
    let key = Vault::init(&place, sources).unwrap().vault.note_key().to_string();
    assert!(shown.contains(key.split('+').next().unwrap()), "the page is of another vault");
    fs::write(folder("fixtures").join("disclosure-key.txt"), key + "\n").unwrap();
}
