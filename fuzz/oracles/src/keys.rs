//! Changes of a ledger's keys, and their history.

use std::sync::LazyLock;

use vm_core::canonical;
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::id::LedgerId;
use vm_core::key::{KeyChange, KeyChangeReason, KeyRole, SigningIdentity};
use vm_core::record::Genesis;
use vm_seal::key_history::KeyHistoryFile;

use crate::capability::ledger;

/// Seed of the root's key, and of the log's first.
const ROOT: [u8; 32] = [1; 32];
const FIRST: [u8; 32] = [2; 32];

/// What the root signed: of the log each reason, of envelopes the first and the next.
static CHANGES: LazyLock<Vec<KeyChange>> = LazyLock::new(|| changes(ledger()));

fn changes(ledger: LedgerId) -> Vec<KeyChange> {
    let (root, signer) = (SigningIdentity::from_seed(&ROOT), |seed: u8| SigningIdentity::from_seed(&[seed; 32]));
    let log = |at, old: u8, new: u8, reason, trusted| {
        KeyChange::of_log(&root, ledger, at, (signer(old).public(), &signer(new)), reason, trusted)
    };
    let envelope = |at, old: Option<&str>, new: &str| {
        let keys = (old.map(str::to_owned), Some(new.to_owned()));
        KeyChange::of_envelope(&root, ledger, at, keys, KeyChangeReason::Rotation)
    };
    let made = [
        log(3, 2, 3, KeyChangeReason::Rotation, None),
        envelope(4, Some("aa"), "bb"),
        log(7, 3, 4, KeyChangeReason::Stolen, Some(5)),
        log(9, 4, 5, KeyChangeReason::Lost, None),
        envelope(11, Some("bb"), "cc"),
    ];
    made.map(|change| change.expect("members that go together")).to_vec()
}

/// The changes that [`key_change`] knows, for the seeds.
#[must_use]
pub fn known_changes() -> &'static [KeyChange] {
    &CHANGES
}

/// The genesis of the known history as leaf data, and its changes.
static HISTORY: LazyLock<(LedgerId, Vec<KeyChange>, Vec<u8>)> = LazyLock::new(|| {
    let (root, log) = (SigningIdentity::from_seed(&ROOT).public(), SigningIdentity::from_seed(&FIRST).public());
    let genesis = Genesis::new(root, log, Sha256Digest::of(b"nonce"));
    let data = genesis_row(&genesis);
    let ledger = LedgerId::from_genesis(LeafHash::of(&data));
    let changes = changes(ledger);
    let values: Vec<_> = changes.iter().map(KeyChange::to_value).collect();
    let file = serde_json::json!({
        "changes": values,
        "format": vm_seal::key_history::KEY_HISTORY_FORMAT,
        "genesis": String::from_utf8_lossy(&data),
    });
    (ledger, changes, canonical::to_bytes(&file).expect("a history has a canonical form"))
});

/// Leaf data of a genesis row.
fn genesis_row(genesis: &Genesis) -> Vec<u8> {
    let content = canonical::to_text(&genesis.to_value()).expect("a genesis has a canonical form");
    let row = serde_json::json!({
        "blake3_hex": null, "capability_hash": null, "corrects_id": null, "corrects_leaf": null,
        "id": "019b7ca98c8970008d91efc5106ff3a3", "kind": "vm-genesis", "path": null, "policy_hash": null,
        "sha256_hex": Sha256Digest::of(content.as_bytes()).to_hex(), "size": content.len(), "meta_json": content,
        "subject_id": null, "trace_id": "019b7ca98c8870008ff190b4c2c573ec", "ts": "2026-01-02T03:04:05.002000Z",
    });
    let data = serde_json::json!({ "format": "vm-row-v0", "row": row, "schema": 3, "table": "proof_artifacts" });
    canonical::to_bytes(&data).expect("a row has a canonical form")
}

/// The history that [`key_history`] knows, for the seeds.
#[must_use]
pub fn known_history() -> &'static [u8] {
    &HISTORY.2
}

/// A change has one form, and none is believed but what the root signed, and nothing by another root or of another ledger.
pub fn key_change(data: &[u8]) {
    let Ok(value) = canonical::parse_exact(data, canonical::BYTES_MAX) else { return };
    let Ok(change) = KeyChange::from_value(&value) else { return };
    assert_eq!(canonical::to_bytes(&change.to_value()).as_deref(), Ok(data));
    let root = SigningIdentity::from_seed(&ROOT).public();
    assert_eq!(change.check(ledger(), root).is_ok(), CHANGES.contains(&change), "only what was signed is believed");
    assert!(change.check(HISTORY.0, root).is_err(), "a change holds for another ledger");
    let other = SigningIdentity::from_seed(&FIRST).public();
    assert!(change.check(ledger(), other).is_err(), "a change holds by another root");
}

/// A history has one form. Of the known ledger it says of the log what the root signed, from the first change on, and no more.
pub fn key_history(data: &[u8]) {
    let Ok(file) = KeyHistoryFile::parse(data) else { return };
    assert_eq!(file.to_bytes().as_deref(), Ok(data));
    let Ok(keys) = file.verify() else { return };
    let (ledger, known, _) = &*HISTORY;
    assert_eq!(keys.changes(), file.changes().len());
    assert_eq!(keys.spans().count(), log_changes(file.changes()).len().saturating_add(1));
    if keys.ledger() == *ledger {
        let (said, signed) = (log_changes(file.changes()), log_changes(known));
        assert!(signed.starts_with(&said), "a history that nobody signed holds");
        assert!(file.changes().iter().all(|change| known.contains(change)));
    }
}

fn log_changes(changes: &[KeyChange]) -> Vec<&KeyChange> {
    changes.iter().filter(|change| change.role() == KeyRole::Log).collect()
}
