//! The samples in the format pages are what the code writes and reads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::path::Path;

use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::capability::{Action, Chain, Engines, Grant, PermitUse, Resource, Revocation, RevocationReason};
use vm_core::digest::{CapabilityHash, LeafHash, RootHash, Sha256Digest};
use vm_core::epoch::{Epoch, EpochChange};
use vm_core::id::{LedgerId, RowId};
use vm_core::key::SigningIdentity;
use vm_core::record::{Genesis, Table};
use vm_core::redact::{COMMITMENT_FORMAT, KnownSecrets, Opening, Pattern, Policy, Redacted, Redactor, Rule, commit};
use vm_core::rune::ProofRune;
use vm_core::source::hazmat::CountingEntropy;

fn assert_shown(name: &str, sample: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/spec").join(name);
    let page = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(page.contains(sample), "{name} does not show:\n{sample}");
}

fn text(value: &Value) -> String {
    canonical::to_text(value).unwrap()
}

fn key(seed: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[seed; 32])
}

#[test]
fn the_capability_page_shows_a_chain() {
    let grant = Grant {
        ledger: LedgerId::from_genesis(LeafHash::from_bytes([1; 32])),
        holder: key(2).public(),
        actions: [Action::Record, Action::Seal, Action::Anchor].into(),
        engines: Engines::All,
        epochs: [Epoch::Nigredo].into(),
        resource: Resource::all(),
        not_before: "2026-01-01T00:00:00.000000Z".parse().unwrap(),
        expires: "2027-01-01T00:00:00.000000Z".parse().unwrap(),
        uses: None,
        min_interval_seconds: None,
        nonce: Sha256Digest::of(b"nonce"),
    };
    let chain = Chain::root(&key(1), grant.clone()).unwrap();
    let narrow = Grant {
        holder: key(3).public(),
        actions: [Action::Record].into(),
        engines: Engines::Only(["console".parse().unwrap()].into()),
        resource: "/mcp_calls".parse().unwrap(),
        uses: Some(5),
        min_interval_seconds: None,
        ..grant
    };
    let chain = chain.narrow(&key(2), narrow).unwrap();
    let bytes = chain.to_bytes().unwrap();
    assert_eq!(Chain::parse(&bytes).unwrap(), chain);
    assert_shown("capability.md", core::str::from_utf8(&bytes).unwrap());
    for token in chain.tokens() {
        assert_shown("capability.md", &token.hash().unwrap().to_hex());
    }
    let (ledger, last) = (LedgerId::from_genesis(LeafHash::from_bytes([1; 32])), chain.last().unwrap().hash().unwrap());
    let spent = PermitUse { capability: last, number: 3, rows: 2 };
    assert_shown("capability.md", &text(&spent.to_value()));
    let revocation = Revocation::sign(&key(2), ledger, last, RevocationReason::KeyCompromise).unwrap();
    assert_eq!(revocation.check(ledger), Ok(()));
    assert_shown("capability.md", &text(&revocation.to_value()));
    let change = EpochChange { from: Epoch::Nigredo, to: Epoch::Albedo };
    assert_shown("capability.md", &text(&change.to_value()));
}

#[test]
fn the_genesis_page_shows_a_genesis() {
    let genesis = Genesis::new(key(1).public(), key(2).public(), Sha256Digest::of(b"nonce"));
    assert_eq!(Genesis::from_value(&genesis.to_value()).unwrap(), genesis);
    assert_shown("genesis.md", &text(&genesis.to_value()));
}

#[test]
fn the_rune_page_shows_a_rune() {
    let payload = Redacted::system(&json!({"any": "json"})).unwrap();
    let ts = "2026-01-02T03:04:05.000006Z".parse().unwrap();
    let root = Some(RootHash::empty());
    let rune = ProofRune::new(payload, CapabilityHash::from_bytes([2; 32]), root, Epoch::Nigredo, ts);
    let bytes = rune.to_bytes().unwrap();
    assert_eq!(ProofRune::parse(&bytes), Ok(rune));
    assert_shown("proof-rune.md", core::str::from_utf8(&bytes).unwrap());
}

#[test]
fn the_redaction_page_shows_a_commitment() {
    let (policy, row) = (Policy::builtin(), RowId::from_bytes([9; 16]));
    let mut entropy = CountingEntropy::new(1);
    let mut redactor = Redactor::new(&policy, &KnownSecrets, &mut entropy, Table::McpCalls, "tools/call", row);
    let message = json!({"method": "tools/call", "params": {"arguments": {"pin": "1234"}, "name": "unlock"}});
    let body = redactor.json("body_json", &message).unwrap();
    let redaction = redactor.finish();
    let [opening] = redaction.openings() else { panic!("one commitment") };
    let opening = serde_json::to_value(opening).unwrap();
    assert_shown("redaction.md", body.as_json());
    assert_shown("redaction.md", &text(&opening));
    let hashed = json!({
        "format": COMMITMENT_FORMAT, "row": row.to_string(), "pointer": opening["pointer"], "salt": opening["salt"],
        "value": opening["value"],
    });
    assert_shown("redaction.md", &text(&hashed));
    let salt = serde_json::from_value(opening["salt"].clone()).unwrap();
    let digest = commit(row, "/body_json/params/arguments/pin", &salt, &json!("1234")).unwrap();
    assert_eq!(digest.to_hex(), Sha256Digest::of(text(&hashed).as_bytes()).to_hex());
    assert!(body.as_json().contains(&digest.to_hex()));
    let opening: Opening = serde_json::from_value(opening).unwrap();
    assert!(opening.opens(row, &digest, &json!("1234")) && !opening.opens(row, &digest, &json!("1235")));
}

#[test]
fn the_redaction_page_shows_a_policy() {
    let rule = Rule {
        table: Table::ProofArtifacts,
        name: Some("deploy".to_owned()),
        keep: vec![Pattern::new("/meta_json/format"), Pattern::new("/meta_json/parts/*/name")],
        shape: vec![Pattern::new("/meta_json")],
    };
    let sample = json!({ "format": Policy::FORMAT, "rules": [rule] });
    let policy = Policy::new(vec![rule]).unwrap();
    assert_eq!(policy.hash().to_hex(), Sha256Digest::of(text(&sample).as_bytes()).to_hex());
    assert_shown("redaction.md", &text(&sample));
    assert_shown("redaction.md", &policy.hash().to_hex());
    assert_shown("redaction.md", &Policy::builtin().hash().to_hex());
}
