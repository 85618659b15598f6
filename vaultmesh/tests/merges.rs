//! Merges with peers as rows of a ledger: signed, asked for, sealed, audited, and told where they are not what they say.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::time::Duration;

use fixture::{later, sources};
use serde_json::{Value, json};
use tempfile::TempDir;
use vaultmesh::error::VaultError;
use vaultmesh::export::{SealExport, export_seal, export_vault, verify_bundle};
use vaultmesh::keys::{KeyStore, Role};
use vaultmesh::read::Reader;
use vaultmesh::vault::{GrantRequest, Place, Vault};
use vaultmesh::verify::{Outside, Verification, verify_vault};
use vm_core::canonical;
use vm_core::capability::{Action, Authority, Permit, act};
use vm_core::digest::Sha256Digest;
use vm_core::id::TraceId;
use vm_core::instant::Instant;
use vm_core::key::SigningIdentity;
use vm_core::record::{RowHeader, SystemKind};
use vm_core::source::hazmat::{CountingEntropy, SteppingClock};
use vm_core::verdict::{Code, Verdict};
use vm_crdt::merge::{FORMAT, Side};
use vm_crdt::{GraphId, Merge, MergeReceipt, OpId};
use vm_ledger::{Access, Ledger, Patience, hazmat};
use vm_seal::selection::Selection;

fn graph(name: &str) -> GraphId {
    GraphId::from_digest(Sha256Digest::of(name.as_bytes()))
}

fn merge(name: &str, received: u64) -> Merge {
    let heads = |bytes: &[u8]| Some(bytes.iter().map(|byte| OpId::from_bytes([*byte; 32])).collect());
    Merge {
        graph: graph(name),
        events: 0,
        ours: Side { count: Some(1), heads: heads(&[1]) },
        theirs: Side { count: None, heads: heads(&[2]) },
        after: Side { count: Some(1 + received), heads: heads(&[1, 2]) },
        received,
        sent: 1,
        policy: Sha256Digest::of(b"policy"),
    }
}

struct World {
    dir: TempDir,
    place: Place,
}

impl World {
    fn new(seed: u64) -> (Self, Vault) {
        let dir = fixture::folder();
        let place = fixture::place(dir.path());
        let vault = Vault::init(&place, sources(seed)).unwrap().vault;
        (Self { dir, place }, vault)
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.place).unwrap()
    }

    fn verify(&self, outside: &Outside) -> Verification {
        verify_vault(&self.reader(), outside, later()).unwrap()
    }

    fn keys(&self) -> KeyStore {
        KeyStore::new(&self.place.keys, self.reader().ledger())
    }

    /// Records JSON as the receipt of a merge, whatever it is, as a writer does who has the operator's token.
    fn record_raw(&self, seed: u64, receipt: &Value) {
        let keys = self.keys();
        let access = Access {
            log_key: keys.identity(Role::Log).unwrap(),
            openings: Some(keys.openings().unwrap()),
            entropy: Box::new(CountingEntropy::new(seed)),
            patience: Patience { command: "test".to_owned(), timeout: Duration::from_secs(5) },
        };
        let mut ledger = Ledger::open(&self.place.vault, access).unwrap();
        let now = fixture::start().saturating_add_micros(i64::try_from(seed).unwrap() * 60_000_000);
        let permit = self.permit(&mut ledger, now);
        let (clock, mut entropy) = (SteppingClock::new(now), CountingEntropy::new(seed + 1));
        let trace = TraceId::mint(&clock, &mut entropy);
        let headers = [0, 1].map(|_| RowHeader::mint(&clock, &mut entropy, trace));
        ledger.record_merge(&permit, headers, receipt, now).unwrap();
    }

    fn permit(&self, ledger: &mut Ledger, now: Instant) -> Permit<act::Record> {
        let holder = self.keys().operator().unwrap();
        let (epoch, root) = (ledger.epoch(), ledger.genesis().root_key());
        let invocation = holder.invoke::<act::Record>(epoch, now, None).unwrap();
        let revoked = |_: &_| false;
        let authority = Authority { ledger: ledger.id(), root, epoch, now, revoked: &revoked };
        authority.permit(holder.chain(), &invocation).unwrap()
    }
}

fn value(receipt: &MergeReceipt) -> Value {
    canonical::parse(&receipt.to_bytes(), canonical::BYTES_MAX).unwrap()
}

/// What the findings of this code found.
fn found(answer: &Verification, code: Code) -> Vec<String> {
    let of_code = answer.report.findings().iter().filter(|finding| finding.code() == code);
    of_code.map(|finding| finding.found_value().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_ledger_announces_the_format_that_the_receipt_has() {
    assert_eq!(SystemKind::Merge.later_format().as_deref(), Some(FORMAT));
}

#[test]
fn a_merge_is_recorded_asked_for_sealed_and_verified() {
    let (world, mut vault) = World::new(71);
    assert_eq!(vault.last_merge(graph("one")).unwrap(), None);
    let first = vault.record_merge(merge("one", 1)).unwrap();
    assert_eq!(first.receipt.operator(), &world.keys().identity(Role::Operator).unwrap().public());
    assert_eq!(first.receipt.merge(), &merge("one", 1));
    // Durable, and seen by whoever opens the vault now.
    assert_eq!(world.reader().last_merge(graph("one")).unwrap(), Some(first.receipt.clone()));
    let other = vault.record_merge(merge("other", 2)).unwrap();
    let next = vault.record_merge(merge("one", 3)).unwrap();
    assert_eq!((other.seq, next.seq), (first.seq + 1, first.seq + 2), "announced once");
    for (name, last) in [("one", Some(&next)), ("other", Some(&other)), ("none", None)] {
        let last = last.map(|merged| merged.receipt.clone());
        assert_eq!(vault.last_merge(graph(name)).unwrap(), last);
        assert_eq!(world.reader().last_merge(graph(name)).unwrap(), last);
    }
    let sealed = vault.seal(Selection::everything()).unwrap();
    vault.anchor_local(sealed.seal_id).unwrap();
    let (key, trust) = (vault.note_key().clone(), vault.trust_file().unwrap());
    drop(vault);
    let outside = Outside {
        key: Some(key),
        head: Some(world.reader().head().unwrap()),
        trust: Some(trust),
        ..Outside::default()
    };
    let answer = world.verify(&outside);
    assert_eq!(answer.verdict, Verdict::Verified, "{:?}", answer.report.findings());
    let judged = |answer: &Verification| answer.report.checks().iter().any(|check| check == "receipts of merges: 3");
    assert!(judged(&answer));
    // An export holds them as any rows: that of the vault is judged whole, that of a seal by its leaves.
    let [all, one] = ["all.vmb", "one.vmb"].map(|name| world.dir.path().join(name));
    export_vault(&world.reader(), &all).unwrap();
    export_seal(&world.reader(), sealed.seal_id, &SealExport::default(), &one).unwrap();
    let answer = verify_bundle(&all, &outside, later()).unwrap();
    assert!(answer.verdict == Verdict::Verified && judged(&answer), "{:?}", answer.report.findings());
    let answer = verify_bundle(&one, &outside, later()).unwrap();
    assert_ne!(answer.verdict, Verdict::Contradicted, "{:?}", answer.report.findings());

    let sql = r#"UPDATE proof_artifacts SET meta_json = replace(meta_json, '"received":3', '"received":4') WHERE kind = 'vm-merge'"#;
    assert_eq!(hazmat::execute(&world.place.vault, sql).unwrap(), 3);
    let answer = world.verify(&outside);
    assert_eq!(answer.verdict, Verdict::Contradicted);
    assert_eq!(
        found(&answer, Code::MergeBroken),
        ["crdt-merge-signature"],
        "one row was changed, and says so by itself"
    );
    assert!(answer.report.has(Code::RowAltered));
    for name in ["one", "other", "none"] {
        let error = world.reader().last_merge(graph(name)).unwrap_err();
        assert_eq!(error.code(), "ledger-log-altered");
    }
}

#[test]
fn heads_that_no_receipt_may_have_are_not_recorded() {
    let (world, mut vault) = World::new(72);
    let size = world.reader().head().unwrap();
    let mut wrong = merge("one", 1);
    wrong.after.heads.as_mut().unwrap().reverse();
    let error = vault.record_merge(wrong).unwrap_err();
    assert!(matches!(error, VaultError::Mesh(_)), "{error:?}");
    assert_eq!(error.code(), "crdt-merge-malformed");
    assert_eq!(world.reader().head().unwrap(), size);
}

#[test]
fn whoever_may_not_record_records_no_merge_and_whoever_may_lets_the_operator_sign() {
    let (world, mut vault) = World::new(75);
    for (name, action) in [("reader", Action::Seal), ("writer", Action::Record)] {
        vault.grant(GrantRequest::new(name.parse().unwrap(), [action].into())).unwrap();
    }
    drop(vault);
    let after = fixture::start().saturating_add_micros(3_600_000_000);
    let open = |seed: u64, name: &str| {
        let (sources, name) = (fixture::sources_at(seed, after), name.parse().unwrap());
        Vault::open_as(&world.place, sources, Duration::from_secs(5), Some(&name)).unwrap()
    };
    let refused = open(1, "reader").record_merge(merge("one", 1)).unwrap_err();
    assert!(matches!(refused, VaultError::Token(_)), "{refused:?}");
    assert_eq!(world.reader().last_merge(graph("one")).unwrap(), None);
    let merged = open(2, "writer").record_merge(merge("one", 1)).unwrap();
    assert_eq!(merged.receipt.operator(), &world.keys().identity(Role::Operator).unwrap().public());
    assert!(!world.verify(&Outside::default()).report.has(Code::MergeBroken));
}

#[test]
fn a_ledger_without_merges_is_told_nothing_about_them() {
    let (world, _vault) = World::new(73);
    let answer = world.verify(&Outside::default());
    assert!(!answer.report.checks().iter().any(|check| check.contains("merges")));
}

#[test]
fn what_a_row_of_a_merge_may_not_say_is_found() {
    let stranger = SigningIdentity::from_seed(&[99; 32]);
    let with = |member: &str, to: Value, by: &SigningIdentity| {
        let mut value = value(&merge("one", 1).sign(by));
        value[member] = to;
        value
    };
    let (world, mut vault) = World::new(74);
    vault.record_merge(merge("one", 1)).unwrap();
    drop(vault);
    let operator = world.keys().identity(Role::Operator).unwrap();
    let before = world.verify(&Outside::default());
    assert_ne!(before.verdict, Verdict::Contradicted);
    assert!(found(&before, Code::MergeBroken).is_empty());
    for (seed, receipt, code, told, last) in [
        // A signature that holds, by a key that this ledger never gave a token.
        (1, value(&merge("one", 2).sign(&stranger)), Code::MergeBroken, "merge-not-holder", None),
        (2, with("sent", json!(2), &operator), Code::MergeBroken, "crdt-merge-signature", Some("crdt-merge-signature")),
        (3, with("more", json!(2), &operator), Code::MergeBroken, "crdt-merge-malformed", Some("crdt-merge-malformed")),
        (
            4,
            json!({"graph": graph("one").to_string()}),
            Code::MergeBroken,
            "crdt-merge-malformed",
            Some("crdt-merge-malformed"),
        ),
        (
            5,
            with("format", json!("vm-merge-receipt-v1"), &operator),
            Code::FormatUnknown,
            "vm-merge-receipt-v1",
            Some("crdt-merge-format"),
        ),
    ] {
        let (world, mut vault) = World::new(74);
        vault.record_merge(merge("one", 1)).unwrap();
        drop(vault);
        world.record_raw(seed, &receipt);
        let answer = world.verify(&Outside::default());
        assert_eq!(found(&answer, code), [told], "{receipt}");
        let archive = world.dir.path().join("vault.vmb");
        export_vault(&world.reader(), &archive).unwrap();
        let exported = verify_bundle(&archive, &Outside::default(), later()).unwrap();
        assert_eq!(found(&exported, code), [told], "{receipt}");
        assert_eq!(answer.verdict == Verdict::Contradicted, code == Code::MergeBroken);
        assert!(!answer.report.has(Code::RowAltered) && !answer.report.has(Code::FormatUnannounced));
        // Who signed is for the audit; what does not read is refused here too.
        let asked = world.reader().last_merge(graph("one"));
        assert_eq!(asked.err().as_ref().map(VaultError::code), last, "{receipt}");
    }
}
