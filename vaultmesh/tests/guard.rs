//! Guardians on the command line: what they find, that it is recorded once, and that nothing else changes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod common;
mod fixture;

use std::time::Duration;

use common::Home;
use fixture::{later, sources, sources_at};
use serde_json::Value;
use vaultmesh::guard::{Guarding, guard};
use vaultmesh::keys::{HolderName, KeyStore};
use vaultmesh::read::Reader;
use vaultmesh::vault::{
    ArtifactInput, Common, GrantRequest, Place, RecordInput, Recorded, SealOptions, ToolInput, Vault,
};
use vaultmesh::verify::Outside;
use vm_core::capability::Action;
use vm_core::key::{PublicKey, SigningIdentity};
use vm_core::record::Table;
use vm_core::source::hazmat::FixedClock;
use vm_core::verdict::{Code, Verdict};
use vm_core::view::EvidenceView as _;
use vm_guardian::detect::{AnchorGuardian, PoisoningGuardian, TamperingGuardian};
use vm_guardian::{Enrolments, Guardian, Observed, Signal};
use vm_seal::selection::Selection;

/// What the alert saw on a command line.
const SECRET: &str = "hunter2-4711";
/// An alert as Falco writes it.
const ALERT: &str = r#"{"hostname":"node-1","output":"sh -c login hunter2-4711","output_fields":{"proc.cmdline":"sh -c login hunter2-4711","proc.name":"sh"},"priority":"Warning","rule":"Terminal shell in container","source":"syscall","tags":["shell"],"time":"2026-01-02T03:04:05.000000000Z"}"#;

/// A vault of its own, and the command on it.
struct World(Home);

impl World {
    fn new() -> Self {
        Self(Home::with_vault())
    }

    #[track_caller]
    fn ran(&self, code: i32, words: &[&str]) -> Value {
        self.0.told(code, words)
    }

    fn size(&self) -> u64 {
        self.0.log_size()
    }
}

fn codes(answer: &Value) -> Vec<&str> {
    answer["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[test]
fn a_seal_without_an_anchor_is_an_incident_once() {
    let world = World::new();
    world.ran(0, &["record", "tool", "grep"]);
    world.ran(0, &["seal", "create"]);
    let before = world.size();
    let dry = world.ran(3, &["guard", "--dry-run"]);
    assert!(codes(&dry).contains(&"seal-unanchored"));
    assert_eq!(world.size(), before, "a dry run records nothing");
    world.ran(3, &["guard"]);
    let once = world.size();
    assert!(once > before);
    world.ran(3, &["guard"]);
    assert_eq!(world.size(), once, "what was found before is not recorded again");
    // What guardians record is sound, and no finding of theirs contradicts anything.
    let answer = world.ran(3, &["verify"]);
    let contradicted = |finding: &&Value| finding["severity"] == "contradicted";
    assert_eq!(answer["findings"].as_array().unwrap().iter().find(contradicted), None);
}

#[test]
fn a_seal_that_was_changed_ends_with_exit_1() {
    let world = World::new();
    world.ran(0, &["record", "tool", "grep"]);
    let seal = world.ran(0, &["seal", "create"]);
    let path = world.0.path("vault").join(seal["result"]["path"].as_str().unwrap());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"leaves\":", "\"leaves\":1")).unwrap();
    let answer = world.ran(1, &["guard", "--guardian", "tampering", "--dry-run"]);
    assert!(codes(&answer).contains(&"artifact-altered"), "{answer}");
}

#[test]
fn alerts_become_signals() {
    let world = World::new();
    let file = world.0.path("alerts.jsonl");
    // The same alert twice, and a line that is none.
    std::fs::write(&file, format!("{ALERT}\n{ALERT}\nnot json\n")).unwrap();
    let before = world.size();
    // What the third line told nobody knows.
    let answer = world.ran(3, &["record", "signal", "--falco", file.to_str().unwrap()]);
    assert_eq!((&answer["result"]["recorded"], &answer["result"]["faults"][0]["line"]), (&1.into(), &3.into()));
    assert!(world.size() > before);
    std::fs::write(&file, ALERT).unwrap();
    world.ran(0, &["record", "signal", "--falco", file.to_str().unwrap()]);
    let list = world.ran(0, &["list", "--table", "proof_artifacts", "--limit", "1000"]);
    assert_eq!(list.to_string().matches("vm-guardian-signal-v0").count(), 1, "{list}");
    for path in common::files(&world.0.vault()) {
        let bytes = std::fs::read(&path).unwrap();
        let holds = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        assert!(!holds, "{} holds what the alert saw", path.display());
    }
}

#[test]
fn a_log_without_an_event_records_nothing_and_says_so() {
    let home = Home::with_vault();
    let file = home.path("empty");
    std::fs::write(&file, "\n").unwrap();
    let file = file.to_str().unwrap();
    for words in [["signal", "--falco"], ["signal", "--tetragon"], ["tool", "--jsonl"]] {
        let said = home.run(&["record", words[0], words[1], file]).expect(0).out;
        assert!(said.starts_with("nothing recorded: "), "{words:?}: {said}");
    }
}

fn look(place: &Place, guardian: &dyn Guardian, enrolments: Enrolments) -> Observed {
    let reader = Reader::open(place).unwrap();
    let guarding = Guarding { enrolments, ..Guarding::default() };
    guard(&reader, &Outside::default(), &[guardian], &guarding, &FixedClock(later())).unwrap().remove(0)
}

fn operator(place: &Place) -> PublicKey {
    let ledger = Reader::open(place).unwrap().ledger();
    KeyStore::new(&place.keys, ledger).operator().unwrap().identity().public()
}

/// A holder of the name `watcher`, who may record, and the vault opened by it.
fn by_watcher(mut vault: Vault, place: &Place) -> (Vault, PublicKey) {
    let holder: HolderName = "watcher".parse().unwrap();
    let request = GrantRequest::new(holder.clone(), [Action::Record].into());
    let key = vault.grant(request).unwrap().holder;
    drop(vault);
    let later = fixture::start().saturating_add_micros(3_600_000_000);
    let vault = Vault::open_as(place, sources_at(90, later), Duration::from_secs(5), Some(&holder)).unwrap();
    (vault, key)
}

fn is_replayed(recorded: &[Recorded]) -> Vec<bool> {
    recorded.iter().map(|row| row.replayed).collect()
}

/// Who signed the shadow receipts among these rows.
fn observers(place: &Place, recorded: &[Recorded]) -> Vec<Vec<u8>> {
    let reader = Reader::open(place).unwrap();
    let receipts = recorded.iter().filter(|row| row.table == Table::ShadowReceipts);
    let signed =
        |row: &Recorded| reader.view().row(row.id).unwrap().unwrap().row.blob("observer_key").unwrap().to_vec();
    receipts.map(signed).collect()
}

#[test]
fn what_callers_record_first_keeps_no_finding_out() {
    let dir = fixture::folder();
    let place = fixture::place(dir.path());
    let mut vault = Vault::init(&place, sources(71)).unwrap().vault;
    vault.record(vec![RecordInput::Tool(ToolInput::named("grep"))]).unwrap();
    vault.seal_with(Selection::everything(), SealOptions::default()).unwrap();
    let observed = look(&place, &AnchorGuardian, Enrolments::new());
    assert!(observed.observations().report.has(Code::SealUnanchored));
    assert!(observed.observations().report.has(Code::RowsUnsealed), "verify says so, and so does a guardian");
    let signal = Signal::new("a", "support", "x", 0.5, later(), vault.mint_trace()).unwrap();
    let holder = operator(&place);
    let mut words = vec![("guardian_signal", signal.key().digest().to_hex())];
    words.extend(observed.artifacts().iter().map(|artifact| (artifact.kind(), artifact.fingerprint().to_hex())));
    for (what, says) in &words {
        // An agent knows how such keys are made, and takes them for rows of its own.
        for key in [format!("vm-guardian/{what}/{says}"), format!("{what}/{holder}/{says}")] {
            let common = Common { idempotency_key: Some(key), ..Common::default() };
            let taken = vault.record(vec![RecordInput::Tool(ToolInput { common, ..ToolInput::named("rm") })]).unwrap();
            assert_eq!(is_replayed(&taken), [false]);
        }
    }
    assert_eq!(is_replayed(&vault.record_observed(&observed).unwrap()), [false, false]);
    assert_eq!(is_replayed(&vault.record_signals(std::slice::from_ref(&signal)).unwrap()), [false]);
    assert_eq!(is_replayed(&vault.record_observed(&observed).unwrap()), [true, true]);
    assert_eq!(is_replayed(&vault.record_signals(&[signal]).unwrap()), [true]);
    let again = look(&place, &AnchorGuardian, Enrolments::new());
    assert_eq!(again.fingerprint(), observed.fingerprint(), "what was recorded of it is no news");
}

#[test]
fn each_holder_records_what_it_saw_and_signs_what_it_held_back() {
    let dir = fixture::folder();
    let place = fixture::place(dir.path());
    let mut vault = Vault::init(&place, sources(72)).unwrap().vault;
    let by_operator = operator(&place);
    let mut enrolments = Enrolments::new();
    enrolments.enrol_collector(by_operator);
    let mut signals = Vec::new();
    for actor in 0..10 {
        enrolments.enrol(format!("actor-{actor}"), format!("person-{actor}"));
        for at in 0..(if actor < 8 { 1 } else { 20 }) {
            let (value, at) = (if actor < 8 { 0.1 } else { 1.0 }, fixture::start().saturating_add_micros(at));
            let trace = vault.mint_trace();
            signals.push(Signal::new(&format!("actor-{actor}"), "support", "relax", value, at, trace).unwrap());
        }
    }
    vault.record_signals(&signals).unwrap();
    let observed = look(&place, &PoisoningGuardian, enrolments.clone());
    assert_eq!(observed.observations().withheld.len(), 1, "{:?}", observed.observations());
    let recorded = vault.record_observed(&observed).unwrap();
    assert_eq!(observers(&place, &recorded), [by_operator.as_bytes().to_vec()]);
    let (mut vault, watcher) = by_watcher(vault, &place);
    let own = vault.record_observed(&observed).unwrap();
    assert!(own.iter().all(|row| !row.replayed), "what another recorded keeps nothing out");
    assert_eq!(observers(&place, &own), [watcher.as_bytes().to_vec()]);
    assert!(vault.record_observed(&observed).unwrap().iter().all(|row| row.replayed));
    // What the watcher records of what others say counts for nobody: it is not enrolled.
    let trace = vault.mint_trace();
    let said = Signal::new("actor-0", "support", "another", 1.0, later(), trace).unwrap();
    assert_eq!(is_replayed(&vault.record_signals(&[said]).unwrap()), [false]);
    let answer = look(&place, &PoisoningGuardian, enrolments);
    let found = answer.observations().report.findings().iter().filter(|one| one.subject() == "support another");
    assert!(found.filter_map(|one| one.found_value()).any(|found| found.starts_with("0 identities take part")));
    assert_eq!(answer.verdict(), Verdict::Undecided);
}

#[test]
fn a_file_of_enrolments_names_keys_and_collectors() {
    let dir = fixture::folder();
    let file = dir.path().join("enrolled.toml");
    let [own, collector, stranger] = [1, 2, 3].map(|seed| SigningIdentity::from_seed(&[seed; 32]).public());
    std::fs::write(&file, format!("agent-7 = \"alice\"\n{own} = \"alice\"\n{collector} = \"*\"\n")).unwrap();
    let enrolments = vaultmesh::guard::load_enrolments(&file).unwrap();
    for (key, speaker) in [(own, Some("alice")), (collector, Some("alice")), (stranger, None)] {
        assert_eq!(enrolments.speaker("agent-7", Some(key)), speaker);
    }
    assert_eq!((enrolments.identities(), enrolments.identity(&collector.to_string())), (1, None));
}

#[test]
fn events_that_a_sensor_lost_are_signals() {
    let world = World::new();
    let file = world.0.path("events.jsonl");
    let line = r#"{"rate_limit_info":{"number_of_dropped_process_events":"3"},"node_name":"node-1","time":"2026-01-02T03:04:05Z"}"#;
    std::fs::write(&file, line).unwrap();
    let answer = world.ran(0, &["record", "signal", "--tetragon", file.to_str().unwrap()]);
    assert_eq!((&answer["result"]["recorded"], &answer["result"]["passed_over"]), (&1.into(), &0.into()));
    let list = world.ran(0, &["list", "--table", "proof_artifacts", "--limit", "1000"]);
    assert!(list.to_string().contains("tetragon.rate_limit_info"), "{list}");
}

#[test]
fn an_open_vault_hears_what_others_recorded_since() {
    let dir = fixture::folder();
    let place = fixture::place(dir.path());
    let mut one = Vault::init(&place, sources(74)).unwrap().vault;
    let (file, meta, subject, common) = (None, None, None, Common::default());
    let (path, stored) = (Some("artifacts/note.txt".to_owned()), place.vault.join("artifacts/note.txt"));
    std::fs::create_dir_all(stored.parent().unwrap()).unwrap();
    std::fs::write(&stored, "as it was").unwrap();
    let input = ArtifactInput { kind: "note".to_owned(), path, file, meta, subject, common };
    one.record(vec![RecordInput::Artifact(input)]).unwrap();
    let mut other = Vault::open(&place, sources_at(75, later()), Duration::from_secs(5)).unwrap();
    let whole = look(&place, &TamperingGuardian, Enrolments::new());
    std::fs::write(&stored, "as it is").unwrap();
    let altered = look(&place, &TamperingGuardian, Enrolments::new());
    let is_new = |recorded: Vec<Recorded>| recorded.iter().any(|row| !row.replayed);
    assert!(is_new(one.record_observed(&altered).unwrap()));
    assert!(!is_new(one.record_observed(&altered).unwrap()));
    // The other lifts what the first said, which then has to say it again.
    assert!(is_new(other.record_observed(&whole).unwrap()));
    assert!(is_new(one.record_observed(&altered).unwrap()));
    assert!(!is_new(other.record_observed(&altered).unwrap()));
}
