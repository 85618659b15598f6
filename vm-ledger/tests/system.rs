//! Seals, anchors, capabilities, recoveries: each by its own operation, each bound to what is stored.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use common::{Fixture, Limits, chain, log_key, now, permit, permit_with};
use serde_json::json;
use vm_core::capability::{Action, Chain, act};
use vm_core::digest::Sha256Digest;
use vm_core::key::SigningIdentity;
use vm_core::path::VaultPath;
use vm_core::source::hazmat::{CountingEntropy, FixedClock};
use vm_core::view::{RowState, Visit};
use vm_ledger::{AnchorEvidence, Ledger};
use vm_seal::bundle::{SealBundle, SealInputs};
use vm_seal::complete::read_deck;
use vm_seal::seal::{SealRequest, bundle_path, seal};
use vm_seal::selection::Selection;

fn bundle(ledger: &Ledger, seed: u64, signer: &SigningIdentity) -> SealBundle {
    let snapshot = ledger.snapshot().unwrap();
    let checkpoint = snapshot.checkpoint().unwrap().unwrap();
    let request = SealRequest {
        selection: Selection::everything(),
        scrolls: Vec::new(),
        checkpoint: &checkpoint,
        inputs: SealInputs::default(),
    };
    let permit = permit::<act::Seal>(ledger.id());
    let mut entropy = CountingEntropy::new(seed);
    seal(&snapshot, request, signer, &permit, &FixedClock(now()), &mut entropy).unwrap()
}

fn evidence(bundle: &SealBundle) -> AnchorEvidence<'static> {
    AnchorEvidence {
        seal: bundle.seal_id(),
        imprint: bundle.file_hash(),
        rail: "rfc3161",
        file_name: "0.tsr",
        bytes: b"token",
        added: None,
        meta: json!({"gen_time": now()}),
    }
}

#[test]
fn a_seal_is_a_file_and_then_a_row() {
    let mut fixture = Fixture::new();
    let drafts = fixture.maker.each();
    fixture.append(drafts);
    let bundle = bundle(&fixture.ledger, 1, &log_key());
    let permit = permit::<act::Seal>(fixture.id());
    let header = fixture.maker.header();
    let recorded = fixture.ledger.record_seal(&permit, header, &bundle, now()).unwrap();
    let file = std::fs::read(fixture.path().join(bundle_path(bundle.seal_id()))).unwrap();
    assert_eq!(file, bundle.as_bytes());
    let snapshot = fixture.ledger.snapshot().unwrap();
    let mut rows = Vec::new();
    snapshot
        .visit_kind("vm-ouroboros-seal", &mut |entry, state| {
            let RowState::Present(row) = state else { panic!("no row") };
            rows.push((entry, row));
            Ok(Visit::Continue)
        })
        .unwrap();
    let [(entry, row)] = rows.as_slice() else { panic!("{}", rows.len()) };
    assert_eq!((entry.row_id, entry.seq), (recorded.row_id, 6));
    assert_eq!(row.text("path"), Some(bundle_path(bundle.seal_id()).as_str()));
    assert_eq!(row.text("sha256_hex"), Some(bundle.file_hash().to_hex().as_str()));
    assert_eq!(row.integer("size"), i64::try_from(file.len()).ok());
    let meta = format!(
        "{{\"digest\":\"{}\",\"format\":\"vm-ouroboros-seal-v0\",\"seal_id\":\"{}\"}}",
        bundle.digest().hash(),
        bundle.seal_id()
    );
    assert_eq!(row.text("meta_json"), Some(meta.as_str()));
    // The same again is the row that stands.
    let header = fixture.maker.header();
    let again = fixture.ledger.record_seal(&permit, header, &bundle, now()).unwrap();
    assert_eq!((again.row_id, again.replayed), (recorded.row_id, true));
}

#[test]
fn a_crash_between_file_and_row_can_be_made_good() {
    let mut fixture = Fixture::new();
    let bundle = bundle(&fixture.ledger, 1, &log_key());
    let path: VaultPath = bundle_path(bundle.seal_id()).parse().unwrap();
    fixture.ledger.files().write_new(&path, bundle.as_bytes()).unwrap();
    let permit = permit::<act::Seal>(fixture.id());
    let header = fixture.maker.header();
    assert!(!fixture.ledger.record_seal(&permit, header, &bundle, now()).unwrap().replayed);
}

#[test]
fn foreign_and_clashing_seals_are_refused() {
    let mut fixture = Fixture::new();
    let mut other = Fixture::new();
    let permit = permit::<act::Seal>(fixture.id());
    let header = fixture.maker.header();
    let stranger = {
        let dir = tempfile::tempdir().unwrap();
        let header = vm_core::record::RowHeader { id: vm_core::id::RowId::from_bytes([1; 16]), ..other.maker.header() };
        let ledger = Ledger::init(dir.path(), common::genesis(), header, common::access(5)).unwrap();
        bundle(&ledger, 1, &log_key())
    };
    let error = fixture.ledger.record_seal(&permit, header, &stranger, now()).unwrap_err();
    assert_eq!(error.code(), "seal-of-another-ledger");
    let good = bundle(&fixture.ledger, 1, &log_key());
    let path: VaultPath = bundle_path(good.seal_id()).parse().unwrap();
    fixture.ledger.files().write_new(&path, b"something else").unwrap();
    assert_eq!(fixture.ledger.record_seal(&permit, header, &good, now()).unwrap_err().code(), "file-exists");
    let text = String::from_utf8(good.as_bytes().to_vec()).unwrap();
    let forged = text.replacen("\"sealed_at\":\"2026", "\"sealed_at\":\"2025", 1);
    let forged = SealBundle::parse(forged.as_bytes()).unwrap();
    assert_eq!(fixture.ledger.record_seal(&permit, header, &forged, now()).unwrap_err().code(), "seal-unsigned");
    let narrow = Limits { resource: "/anchors", ..Limits::default() };
    let narrow = permit_with::<act::Seal>(fixture.id(), narrow, None);
    let error = fixture.ledger.record_seal(&narrow, header, &good, now()).unwrap_err();
    assert_eq!(error.code(), "capability-resource-not-granted");
}

#[test]
fn an_anchor_must_stamp_the_bundle_that_is_stored_and_recorded() {
    let mut fixture = Fixture::new();
    let sealed = bundle(&fixture.ledger, 1, &log_key());
    let anchor = evidence(&sealed);
    let (seals, anchors) = (permit::<act::Seal>(fixture.id()), permit::<act::Anchor>(fixture.id()));
    let header = fixture.maker.header();
    let refused = |fixture: &mut Fixture, anchor: &AnchorEvidence<'_>, code: &str| {
        let error = fixture.ledger.record_anchor(&anchors, header, anchor, now()).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(!fixture.path().join("anchors").exists(), "{code} left a file");
    };
    refused(&mut fixture, &anchor, "seal-absent");
    let seal_header = fixture.maker.header();
    let seal = fixture.ledger.record_seal(&seals, seal_header, &sealed, now()).unwrap();
    let other = AnchorEvidence { imprint: Sha256Digest::of(b"other"), ..anchor.clone() };
    refused(&mut fixture, &other, "anchor-imprint");
    for (name, code) in [("../x", "path-escapes"), ("a/b", "file-not-regular"), ("", "path-component")] {
        refused(&mut fixture, &AnchorEvidence { file_name: name, ..anchor.clone() }, code);
    }
    let path = fixture.path().join(bundle_path(sealed.seal_id()));
    let mut swapped = sealed.as_bytes().to_vec();
    swapped[10] ^= 1;
    std::fs::write(&path, &swapped).unwrap();
    refused(&mut fixture, &anchor, "seal-bundle-altered");
    let stamped = AnchorEvidence { imprint: Sha256Digest::of(&swapped), ..anchor.clone() };
    refused(&mut fixture, &stamped, "seal-bundle-altered");
    std::fs::remove_file(&path).unwrap();
    refused(&mut fixture, &anchor, "file-missing");
    std::fs::write(&path, sealed.as_bytes()).unwrap();
    let recorded = fixture.ledger.record_anchor(&anchors, header, &anchor, now()).unwrap();
    let row = {
        use vm_core::view::EvidenceView as _;
        fixture.ledger.snapshot().unwrap().row(recorded.row_id).unwrap().unwrap().row
    };
    assert_eq!(row.row_ref("subject_id").unwrap(), Some(seal.row_id));
    let kept = fixture.path().join(row.text("path").unwrap());
    assert_eq!(std::fs::read(kept).unwrap(), b"token");
    let again = fixture.maker.header();
    assert!(fixture.ledger.record_anchor(&anchors, again, &anchor, now()).unwrap().replayed);
    let clash = AnchorEvidence { bytes: b"another", ..anchor.clone() };
    assert_eq!(fixture.ledger.record_anchor(&anchors, again, &clash, now()).unwrap_err().code(), "file-exists");
    let second = AnchorEvidence { bytes: b"another", file_name: "1.tsr", ..anchor };
    assert!(!fixture.ledger.record_anchor(&anchors, again, &second, now()).unwrap().replayed);
}

#[test]
fn a_capability_is_recorded_only_if_the_root_stands_behind_it() {
    let mut fixture = Fixture::new();
    let permit = permit::<act::Record>(fixture.id());
    let headers = fixture.maker.headers();
    let good = chain(fixture.id(), Limits::default());
    let recorded = fixture.ledger.record_capability(&permit, headers, &good, now()).unwrap();
    let snapshot = fixture.ledger.snapshot().unwrap();
    let row = {
        use vm_core::view::EvidenceView as _;
        snapshot.row(recorded.row_id).unwrap().unwrap().row
    };
    let meta = row.text("meta_json").unwrap();
    assert_eq!(Chain::parse(meta.as_bytes()).unwrap(), good);
    let grant = good.last().unwrap().grant().clone();
    let forged = Chain::root(&SigningIdentity::from_seed(&[9; 32]), grant).unwrap();
    let error = fixture.ledger.record_capability(&permit, headers, &forged, now()).unwrap_err();
    assert_eq!(error.code(), "capability-wrong-issuer");
    let narrow = Limits { actions: vec![Action::Record], resource: "/mcp_calls", ..Limits::default() };
    let narrow = permit_with::<act::Record>(fixture.id(), narrow, None);
    let headers = fixture.maker.headers();
    let error = fixture.ledger.record_capability(&narrow, headers, &good, now()).unwrap_err();
    assert_eq!(error.code(), "capability-resource-not-granted");
}

#[test]
fn a_recovery_row_names_what_was_set_aside() {
    use vm_core::epoch::Epoch;
    use vm_core::redact::Redacted;
    use vm_core::view::EvidenceView as _;
    use vm_ledger::{Patience, ScrollEvent, ScrollWriter};
    let mut fixture = Fixture::new();
    let record = permit::<act::Record>(fixture.id());
    let folder = fixture.path().join("receipts/console");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("ENGINE_EVENTS.jsonl"), b"{\"torn").unwrap();
    let signer = log_key();
    let header = fixture.maker.header();
    let event = ScrollEvent { id: header.id, event: Redacted::system(&json!({})).unwrap() };
    let state = {
        let (files, engine) = (fixture.ledger.files(), "console".parse().unwrap());
        let mut writer = ScrollWriter::new(files, fixture.id(), engine, &signer, Patience::default()).unwrap();
        writer.append(&record, &[event], fixture.maker.trace, Epoch::Nigredo, now()).unwrap()
    };
    let torn = state.torn.unwrap();
    let recorded = fixture.ledger.record_recovery(&record, fixture.maker.header(), &torn, now()).unwrap();
    let row = fixture.ledger.snapshot().unwrap().row(recorded.row_id).unwrap().unwrap().row;
    assert_eq!(row.text("kind"), Some("vm-scroll-recovery"));
    let kept = std::fs::read(fixture.path().join(row.text("path").unwrap())).unwrap();
    assert_eq!(kept, b"{\"torn");
    assert_eq!(row.text("sha256_hex"), Some(Sha256Digest::of(&kept).to_hex().as_str()));
}

/// What is recorded when an index is, and `sql` was run on the file before.
fn index_after(fixture: &mut Fixture, sql: &str) -> Result<(), vm_ledger::error::LedgerError> {
    assert_eq!(vm_ledger::hazmat::execute(fixture.ledger.files().path(), sql).unwrap(), 1, "{sql}");
    record_index(fixture)
}

fn record_index(fixture: &mut Fixture) -> Result<(), vm_ledger::error::LedgerError> {
    let permit = permit::<act::Seal>(fixture.id());
    let (announcement, header) = (fixture.maker.header(), fixture.maker.header());
    fixture.ledger.record_index(&permit, announcement, header, now()).map(|_| ())
}

#[test]
fn an_index_is_not_built_on_what_was_altered() {
    let forge = |what: &str| {
        format!("UPDATE proof_artifacts SET {what} WHERE rowid = (SELECT max(rowid) FROM proof_artifacts)")
    };
    // The row alone, and the row with the leaf that the log has for it.
    let root = "substr(meta_json, instr(meta_json, '\"time\":\"') + 8, 64)";
    let forged_root = forge(&format!("meta_json = replace(meta_json, {root}, '{}')", "ab".repeat(32)));
    let unreadable = forge("meta_json = '{}'");
    let malformed = forge("ts = 'yesterday'");
    let unlogged = "DELETE FROM log WHERE seq = (SELECT max(seq) FROM log)".to_owned();
    for sql in [forged_root.clone(), unreadable, malformed, unlogged] {
        let mut fixture = Fixture::new();
        record_index(&mut fixture).unwrap();
        let error = index_after(&mut fixture, &sql).unwrap_err();
        assert_eq!((error.code(), error.is_machine()), ("ledger-last-index", false), "{sql}: {error}");
        let read = fixture.ledger.snapshot().unwrap().last_index();
        assert_eq!(read.unwrap_err().code(), "ledger-last-index", "{sql}");
    }
    let mut fixture = Fixture::new();
    record_index(&mut fixture).unwrap();
    let path = fixture.ledger.files().path().to_owned();
    assert_eq!(vm_ledger::hazmat::execute(&path, &forged_root).unwrap(), 1);
    let mut leaf = None;
    let (snapshot, wanted) = (fixture.ledger.snapshot().unwrap(), "vm-index");
    snapshot
        .visit_kind(wanted, &mut |_, state| {
            let RowState::Present(row) = state else { panic!("no row") };
            leaf = Some(row.leaf_hash().unwrap());
            Ok(Visit::Continue)
        })
        .unwrap();
    drop(snapshot);
    let sql = format!("UPDATE log SET leaf = x'{}' WHERE seq = (SELECT max(seq) FROM log)", leaf.unwrap().to_hex());
    assert_eq!(index_after(&mut fixture, &sql).unwrap_err().code(), "ledger-last-index");
}

#[test]
fn altered_rows_are_not_indexed() {
    let mut fixture = Fixture::new();
    let drafts = fixture.maker.each();
    fixture.append(drafts);
    let size = |fixture: &Fixture| fixture.ledger.snapshot().unwrap().checkpoint().unwrap().unwrap().to_string();
    let before = size(&fixture);
    let sql = "UPDATE tool_invocations SET trace_id = randomblob(16) WHERE rowid = 1";
    let error = index_after(&mut fixture, sql).unwrap_err();
    assert_eq!((error.code(), error.is_machine()), ("seal-row-altered", false), "{error}");
    assert_eq!(size(&fixture), before, "nothing was recorded");
}

/// The last index states what the rows before it come to, read anew.
fn states_the_rows(fixture: &Fixture) {
    let snapshot = fixture.ledger.snapshot().unwrap();
    let stated = snapshot.last_index().unwrap().unwrap();
    let deck = read_deck(&snapshot, 0, stated.size().as_u64()).unwrap();
    for run in stated.runs() {
        assert_eq!(deck.sort(run.run()).unwrap().statement(), *run);
    }
}

#[test]
fn an_index_is_the_same_whether_its_rows_were_kept_or_are_read() {
    let mut fixture = Fixture::new();
    for round in 0..40 {
        for _ in 0..=round % 5 {
            let drafts = fixture.maker.each();
            fixture.append(drafts);
        }
        match round % 4 {
            // Somebody else writes in between, or this writer was opened again.
            1 => {
                let mut other = Ledger::open(&fixture.path(), common::access(round + 100)).unwrap();
                let drafts = fixture.maker.each();
                other.append(&permit::<act::Record>(fixture.id()), drafts, now()).unwrap();
            }
            2 => fixture.ledger = Ledger::open(&fixture.path(), common::access(round + 200)).unwrap(),
            // A call that fails leaves no card behind.
            3 => {
                let mut drafts = fixture.maker.each();
                drafts.push(fixture.maker.artifact("report", Some(vm_core::id::RowId::from_bytes([8; 16]))));
                fixture.ledger.append(&permit::<act::Record>(fixture.id()), drafts, now()).unwrap_err();
            }
            _ => {}
        }
        record_index(&mut fixture).unwrap();
        states_the_rows(&fixture);
    }
}

/// Kinds of the artifact rows from `from` on, in the order of the log.
fn kinds(fixture: &Fixture, from: u64) -> Vec<String> {
    use vm_core::view::EvidenceView as _;
    let (snapshot, mut kinds) = (fixture.ledger.snapshot().unwrap(), Vec::new());
    let visit = &mut |_, state| {
        let RowState::Present(row) = state else { panic!("a row is missing") };
        kinds.push(row.text("kind").unwrap_or("-").to_owned());
        Ok(Visit::Continue)
    };
    snapshot.visit_log(from, snapshot.size().unwrap(), visit).unwrap();
    kinds
}

fn size(fixture: &Fixture) -> u64 {
    use vm_core::view::EvidenceView as _;
    fixture.ledger.snapshot().unwrap().size().unwrap()
}

#[test]
fn attempts_are_recorded_about_a_seal_and_announced_once() {
    let mut fixture = Fixture::new();
    let sealed = bundle(&fixture.ledger, 1, &log_key());
    let (seals, records) = (permit::<act::Seal>(fixture.id()), permit::<act::Record>(fixture.id()));
    let told = json!({"rail": "rfc3161", "authority": "example", "state": "unreachable"});
    let headers = |fixture: &mut Fixture| [fixture.maker.header(), fixture.maker.header()];
    let attempt = headers(&mut fixture);
    let absent = fixture.ledger.record_attempt(&records, attempt, sealed.seal_id(), &told, now()).unwrap_err();
    assert_eq!(absent.code(), "seal-absent");
    let header = fixture.maker.header();
    let seal = fixture.ledger.record_seal(&seals, header, &sealed, now()).unwrap();
    let before = size(&fixture);
    for _ in 0..2 {
        let attempt = headers(&mut fixture);
        let recorded = fixture.ledger.record_attempt(&records, attempt, sealed.seal_id(), &told, now()).unwrap();
        use vm_core::view::EvidenceView as _;
        let row = fixture.ledger.snapshot().unwrap().row(recorded.row_id).unwrap().unwrap().row;
        assert_eq!(row.row_ref("subject_id").unwrap(), Some(seal.row_id));
        assert!(row.text("meta_json").unwrap().contains("unreachable"));
    }
    assert_eq!(kinds(&fixture, before), ["vm-format-change", "vm-anchor-attempt", "vm-anchor-attempt"]);
}

#[test]
fn a_policy_is_recorded_when_it_comes_into_force() {
    let mut fixture = Fixture::new();
    let records = permit::<act::Record>(fixture.id());
    let mut record = |text: &[u8]| {
        let headers = [fixture.maker.header(), fixture.maker.header()];
        fixture.ledger.record_policy(&records, headers, text, now())
    };
    let first = record(b"one").unwrap();
    assert!(!first.replayed);
    let again = record(b"one").unwrap();
    assert_eq!((again.replayed, again.row_id), (true, first.row_id), "it is in force");
    assert!(!record(b"two").unwrap().replayed);
    assert!(!record(b"one").unwrap().replayed, "it comes into force again");
    let long = vec![b'a'; vm_ledger::POLICY_BYTES_MAX + 1];
    assert_eq!(record(&long).unwrap_err().code(), "policy-too-long");
    record(&long[1..]).unwrap();
    let policies = kinds(&fixture, 0).into_iter().filter(|kind| kind == "vm-trust-policy").count();
    assert_eq!(policies, 4);
    let kept = format!("trust/{}.toml", Sha256Digest::of(b"two").to_hex());
    assert_eq!(std::fs::read(fixture.path().join(kept)).unwrap(), b"two");
}

#[test]
fn a_redaction_policy_is_recorded_once_and_its_row_has_its_hash() {
    use vm_core::redact::Policy;
    use vm_core::view::EvidenceView as _;
    let mut fixture = Fixture::new();
    let records = permit::<act::Record>(fixture.id());
    let before = size(&fixture);
    let [one, two] = [1, 2].map(|version| Policy::named("own", version, Vec::new()).unwrap());
    assert_eq!(fixture.ledger.redaction_row(one.hash()).unwrap(), None);
    let mut record = |policy: &Policy| {
        let headers = [fixture.maker.header(), fixture.maker.header()];
        fixture.ledger.record_redaction(&records, headers, policy, now()).unwrap()
    };
    let first = record(&one);
    assert!(!first.replayed && !record(&two).replayed);
    let again = record(&one);
    assert_eq!((again.replayed, again.row_id), (true, first.row_id), "the ledger holds it");
    assert_eq!(kinds(&fixture, before), ["vm-format-change", "vm-redaction-policy", "vm-redaction-policy"]);
    assert_eq!(fixture.ledger.redaction_row(one.hash()).unwrap(), Some(first.row_id));
    let row = fixture.ledger.snapshot().unwrap().row(first.row_id).unwrap().unwrap().row;
    assert_eq!(row.text("sha256_hex"), Some(one.hash().to_hex().as_str()));
    assert_eq!(Policy::parse(row.text("meta_json").unwrap().as_bytes()), Ok(one));
}

#[test]
fn evidence_of_a_later_format_is_announced_once() {
    let mut fixture = Fixture::new();
    let sealed = bundle(&fixture.ledger, 1, &log_key());
    let (seals, anchors) = (permit::<act::Seal>(fixture.id()), permit::<act::Anchor>(fixture.id()));
    let header = fixture.maker.header();
    fixture.ledger.record_seal(&seals, header, &sealed, now()).unwrap();
    let before = size(&fixture);
    for name in ["0.ots", "1.ots"] {
        let added = Some(("opentimestamps-v1", fixture.maker.header()));
        let anchor = AnchorEvidence { file_name: name, rail: "opentimestamps", added, ..evidence(&sealed) };
        let header = fixture.maker.header();
        fixture.ledger.record_anchor(&anchors, header, &anchor, now()).unwrap();
    }
    assert_eq!(kinds(&fixture, before), ["vm-format-change", "vm-anchor", "vm-anchor"]);
}
