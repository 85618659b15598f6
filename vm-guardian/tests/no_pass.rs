//! What must not pass: findings that nobody tells, tests that were too small to run, and voices that are somebody else's.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use vm_core::digest::{CapabilityHash, Sha256Digest};
use vm_core::instant::Instant;
use vm_core::key::SigningIdentity;
use vm_core::record::{Phase, RowHeader, Status, SystemKind};
use vm_core::verdict::{Code, FINDINGS_MAX, Finding, Report, Severity, Verdict};
use vm_guardian::detect::{
    AnchorGuardian, BUILT_IN, ClockGuardian, OverblockingGuardian, PoisoningGuardian, TamperingGuardian,
};
use vm_guardian::{
    BlockScope, Budget, Context, Enrolments, FailureMode, GuardError, Guardian, Incident, Observations, Observed,
    Signal,
};
use vm_seal::memory::hazmat;
use world::{START, World};

fn codes(observed: &Observed) -> Vec<Code> {
    observed.observations().report.findings().iter().map(|finding| finding.code()).collect()
}

fn found(observed: &Observed) -> Vec<&str> {
    observed.observations().report.findings().iter().filter_map(|finding| finding.found_value()).collect()
}

/// Codes that leave something undecided and that the verification of a vault never finds.
const OTHERS: [Code; 14] = [
    Code::DisclosureUnsealed,
    Code::ForkUnproven,
    Code::EquivocationUnproven,
    Code::ForeignRowUnproven,
    Code::ReplicaBehind,
    Code::RestraintUnproven,
    Code::NothingChecked,
    Code::CompletenessUnproven,
    Code::CoverageMissing,
    Code::BudgetSpent,
    Code::SignalQuarantined,
    Code::RefusalTrend,
    Code::ClockSkewed,
    Code::TraceBroken,
];

#[test]
fn whatever_a_verification_finds_some_guardian_tells() {
    let world = World::new(1);
    for code in Code::ALL.iter().copied().filter(|code| code.severity() != Severity::Remark && !OTHERS.contains(code)) {
        let mut report = world.report();
        report.find(Finding::new(code, "vault"));
        let all: Vec<Observed> =
            BUILT_IN.iter().map(|guardian| world.observe_with(*guardian, &report, Budget::default())).collect();
        assert!(all.iter().any(|observed| codes(observed).contains(&code)), "{code}");
        let worst = all.iter().map(Observed::verdict).max().unwrap();
        assert_eq!(worst, report.verdict(), "{code}");
    }
}

#[test]
fn what_the_gate_or_a_horizon_may_not_is_an_incident_and_blocks() {
    let world = World::new(2);
    for code in [Code::GateViolated, Code::HorizonInvalid] {
        let mut report = world.report();
        report.find(Finding::new(code, "row proof_artifacts/x"));
        let observed = world.observe_with(&TamperingGuardian, &report, Budget::default());
        let seen = observed.observations();
        assert_eq!((observed.verdict(), seen.incidents.len()), (Verdict::Contradicted, 1), "{code}");
        assert!(seen.blocks.iter().any(|block| block.scope == BlockScope::All), "{code}");
    }
    for code in [Code::HorizonUnclosed, Code::OutcomeUnknown] {
        let mut report = world.report();
        report.find(Finding::new(code, "row proof_artifacts/x"));
        let observed = world.observe_with(&TamperingGuardian, &report, Budget::default());
        assert_eq!((observed.verdict(), codes(&observed)), (Verdict::Undecided, vec![code]));
        assert!(observed.observations().blocks.is_empty(), "{code}");
    }
}

#[test]
fn a_contradiction_behind_a_thousand_findings_is_an_incident() {
    let world = World::new(3);
    for before in [Code::NoTrustKey, Code::AnchorInvalid] {
        let mut report = world.report();
        (0..FINDINGS_MAX).for_each(|at| report.find(Finding::new(before, format!("anchor {at}"))));
        report.find(Finding::new(Code::RowAltered, "row tool_invocations/x"));
        let observed = world.observe_with(&TamperingGuardian, &report, Budget::default());
        let seen = observed.observations();
        assert_eq!((observed.verdict(), seen.incidents.len(), seen.blocks.len()), (Verdict::Contradicted, 1, 1));
    }
    // Contradictions about anchors alone are their guardian's.
    let mut report = world.report();
    report.find(Finding::new(Code::AnchorInvalid, "anchor 1"));
    let observed = world.observe_with(&TamperingGuardian, &report, Budget::default());
    assert_eq!(observed.verdict(), Verdict::Verified);
}

#[test]
fn rows_that_no_anchor_covers_are_told_once() {
    let world = World::new(4);
    let mut fingerprints = Vec::new();
    for told in [&["5 rows"][..], &["7 rows", "2 lines"]] {
        let mut report = world.report();
        told.iter().for_each(|rows| report.find(Finding::new(Code::RowsUnsealed, *rows).found(rows)));
        let observed = world.observe_with(&AnchorGuardian, &report, Budget::default());
        assert_eq!((observed.verdict(), codes(&observed)), (Verdict::Undecided, vec![Code::RowsUnsealed]));
        assert!(observed.observations().blocks.is_empty());
        fingerprints.push(observed.fingerprint());
    }
    assert_eq!(fingerprints[0], fingerprints[1], "what guardians record is unsealed itself");
}

#[test]
fn rows_of_anchors_that_nobody_judged_are_no_pass() {
    let mut world = World::new(5);
    let (_, seal) = world.seal();
    world.anchor(&seal);
    let observed = world.observe_with(&AnchorGuardian, &world.audited(), Budget::default());
    assert_eq!((observed.verdict(), codes(&observed)), (Verdict::Undecided, vec![Code::NothingChecked]));
    assert!(observed.observations().blocks.iter().any(|block| block.scope == BlockScope::All));
    assert_eq!(world.observe(&AnchorGuardian).verdict(), Verdict::Verified);
    // The row of a seal, or of an anchor, that is not there.
    let report = world.report();
    hazmat::remove_row(&mut world.ledger, seal.row_id);
    let observed = world.observe_with(&AnchorGuardian, &report, Budget::default());
    assert_eq!((observed.verdict(), codes(&observed)), (Verdict::Undecided, vec![Code::EvidenceUnreadable]));
}

/// The hexadecimal digits of the key of a seed.
fn key(seed: u8) -> String {
    SigningIdentity::from_seed(&[seed; 32]).public().to_string()
}

/// Five people with keys of their own, and a sixth, who has a key of seed 20 as well.
fn people(world: &mut World) -> Vec<CapabilityHash> {
    world.enrolments = Enrolments::new();
    for at in 0..6 {
        world.enrolments.enrol(format!("actor-{at}"), format!("person-{at}"));
        world.enrolments.enrol(key(20 - at), format!("person-{at}"));
    }
    (0..6).map(|at| world.token(20 - at)).collect()
}

fn support(world: &mut World, actor: usize, value: f64) -> Signal {
    let (now, trace) = (world.clock.0.get(), world.trace());
    let now = Instant::from_micros(now).unwrap();
    Signal::new(&format!("actor-{actor}"), "support", "x", value, now, trace).unwrap()
}

#[test]
fn nobody_speaks_for_another_by_writing_their_name() {
    // The last of them, who is enrolled, one whose key is not, one with a token that was never issued, and each one's own.
    for (name, seeds) in [("another", [15; 5]), ("stranger", [99; 5]), ("own", [20, 19, 18, 17, 16])] {
        let mut world = World::new(6);
        people(&mut world);
        for (actor, seed) in seeds.into_iter().enumerate() {
            let signal = support(&mut world, actor, 0.9);
            let capability = world.token(seed);
            world.signal_under(capability, &signal);
        }
        let observed = world.observe(&PoisoningGuardian);
        if name == "own" {
            assert_eq!(observed.verdict(), Verdict::Verified, "{:?}", observed.observations());
        } else {
            assert!(found(&observed).iter().any(|found| found.starts_with("0 identities take part")), "{name}");
            assert_eq!(observed.verdict(), Verdict::Undecided);
        }
    }
    let mut world = World::new(7);
    people(&mut world);
    let (chain, capability) = world.unissued(40);
    world.enrolments.enrol(key(40), "person-0");
    let signal = support(&mut world, 0, 0.9);
    world.signal_under(capability, &signal);
    assert!(found(&world.observe(&PoisoningGuardian))[0].starts_with("0 identities take part"));
    // A token that is issued later says nothing about the row before it.
    world.issue(&chain);
    assert!(found(&world.observe(&PoisoningGuardian))[0].starts_with("0 identities take part"));
    let again = support(&mut world, 0, 0.9);
    world.signal_under(capability, &again);
    assert!(found(&world.observe(&PoisoningGuardian))[0].starts_with("1 identities take part"));
}

#[test]
fn labels_take_the_key_of_who_is_enrolled_as_well() {
    let mut world = World::new(8);
    let tokens = people(&mut world);
    let stranger = world.token(99);
    let now = Instant::from_micros(START).unwrap();
    for capability in [stranger, tokens[1], tokens[0]] {
        let trace = world.trace();
        for _ in 0..20 {
            world.tool(trace, Phase::Complete, Some(Status::Ok), None);
        }
        world.signal_under(capability, &Signal::label("actor-0", true, now, trace).unwrap());
    }
    let observed = world.observe(&OverblockingGuardian);
    let checks = observed.observations().report.checks().join("; ");
    assert!(checks.contains("20 calls known benign"), "{checks}");
}

#[test]
fn what_is_said_in_anothers_name_makes_no_copy_of_what_that_one_says() {
    let mut world = World::new(9);
    let tokens = people(&mut world);
    for (actor, own) in tokens.iter().enumerate().take(5) {
        let said = support(&mut world, actor, 0.2);
        // The sixth records it first, with another value: the key is that of actor, subject, time and trace.
        let other = Signal::new(said.actor(), "support", "x", 0.3, said.at(), said.trace()).unwrap();
        assert_eq!(other.key(), said.key());
        world.signal_under(tokens[5], &other);
        world.signal_under(*own, &said);
    }
    let observed = world.observe(&PoisoningGuardian);
    assert_eq!(observed.verdict(), Verdict::Verified, "{:?}", observed.observations());
}

#[test]
fn support_and_labels_under_a_foreign_key_do_not_read() {
    let mut world = World::new(10);
    let tokens = people(&mut world);
    let (said, other) = (support(&mut world, 0, 0.2), support(&mut world, 1, 0.2));
    world.signal_under(tokens[1], &other.keyed(said.key()));
    let trace = world.trace();
    let label = Signal::label("actor-1", true, said.at(), trace).unwrap();
    world.signal_under(tokens[1], &label.keyed(said.key()));
    let both: [&dyn Guardian; 2] = [&PoisoningGuardian, &OverblockingGuardian];
    for guardian in both {
        let observed = world.observe(guardian);
        assert_eq!(codes(&observed), [Code::EvidenceUnreadable; 2], "{}", guardian.name());
        assert_eq!(found(&observed), ["guardian-member"; 2]);
    }
}

/// So many benign calls in one trace, of which the first were refused.
fn benign(world: &mut World, calls: usize, refused: usize) {
    world.enrolments.enrol("person", "person");
    let trace = world.trace();
    let now = Instant::from_micros(START).unwrap();
    world.signal(&Signal::label("person", true, now, trace).unwrap());
    for at in 0..calls {
        let status = if at < refused { Status::Blocked } else { Status::Ok };
        world.tool(trace, Phase::Complete, Some(status), None);
    }
}

#[test]
fn too_few_calls_for_a_trend_are_no_pass() {
    for (calls, refused, expected) in [
        (99, 99, Verdict::Undecided),
        (99, 1, Verdict::Undecided),
        (99, 0, Verdict::Verified),
        (100, 1, Verdict::Verified),
        (0, 0, Verdict::Verified),
    ] {
        let mut world = World::new(11);
        benign(&mut world, calls, refused);
        let observed = world.observe(&OverblockingGuardian);
        assert_eq!(observed.verdict(), expected, "{calls} {refused}");
        if expected == Verdict::Undecided {
            assert_eq!(codes(&observed), [Code::NothingChecked]);
            assert_eq!(found(&observed), [format!("{refused} of 99 so far; a trend is looked for over 100")]);
            assert!(observed.observations().incidents.is_empty());
        }
    }
}

#[test]
fn too_few_alerts_for_a_trend_are_no_pass() {
    for (false_alarms, expected) in [(0, Verdict::Verified), (3, Verdict::Undecided)] {
        let mut world = World::new(12);
        world.enrolments.enrol("person", "person");
        for at in 0..20 {
            let (now, trace) = (Instant::from_micros(START + at).unwrap(), world.trace());
            let alert = Signal::new("person", "falco.alert", "rule", 3.0, now, trace).unwrap();
            world.signal(&alert.labelled(at < false_alarms));
        }
        let observed = world.observe(&OverblockingGuardian);
        assert_eq!(observed.verdict(), expected);
        let subjects: Vec<_> = observed.observations().report.findings().iter().map(Finding::subject).collect();
        assert_eq!(subjects, if expected == Verdict::Verified { vec![] } else { vec!["false alarms"] });
    }
}

#[test]
fn a_label_that_does_not_read_is_never_passed_over() {
    let mut world = World::new(13);
    world.enrolments.enrol("ghp_0123456789abcdefghijABCDEFGHIJ012345", "person");
    let (now, trace) = (Instant::from_micros(START).unwrap(), world.trace());
    let label = Signal::label("ghp_0123456789abcdefghijABCDEFGHIJ012345", true, now, trace).unwrap();
    let row = world.signal(&label);
    let observed = world.observe(&OverblockingGuardian);
    assert_eq!(codes(&observed), [Code::EvidenceUnreadable]);
    assert!(observed.observations().report.findings()[0].subject().contains(&row.row_id.to_string()));
}

#[test]
fn too_few_identities_are_no_pass() {
    for (enrolled, expected) in [(1, Verdict::Undecided), (3, Verdict::Undecided), (4, Verdict::Verified)] {
        let mut world = World::new(14);
        for at in 0..enrolled {
            world.enrolments.enrol(format!("actor-{at}"), format!("person-{at}"));
            world.support(&format!("actor-{at}"), "x", 0.9);
        }
        // All signals together speak against it, so nothing is held back.
        for at in 0..20 {
            world.support(&format!("nobody-{at}"), "x", 0.0);
        }
        let observed = world.observe(&PoisoningGuardian);
        if expected == Verdict::Verified {
            assert_eq!(observed.verdict(), expected, "{enrolled}");
        } else {
            assert_eq!(codes(&observed), [Code::SignalQuarantined], "{enrolled}");
            assert!(found(&observed)[0].starts_with(&format!("{enrolled} identities take part")), "{enrolled}");
            assert!(observed.observations().incidents.is_empty());
        }
    }
}

#[test]
fn too_few_signals_for_a_drift_are_no_pass() {
    // Five identities: eighty signals count, and the test takes a hundred.
    for (step, expected) in [(0.04, Verdict::Undecided), (0.0, Verdict::Verified), (0.01, Verdict::Verified)] {
        let mut world = World::new(15);
        for at in 0..5 {
            world.enrolments.enrol(format!("actor-{at}"), format!("person-{at}"));
        }
        for round in 0..16 {
            for at in 0..5 {
                world.support(&format!("actor-{at}"), "x", 0.1 + step * f64::from(round));
            }
        }
        let observed = world.observe(&PoisoningGuardian);
        assert_eq!(observed.verdict(), expected, "{step}: {:?}", observed.observations());
        if expected == Verdict::Undecided {
            assert_eq!(found(&observed), ["80 signals count, and a test for drift takes 100"]);
        }
    }
}

#[test]
fn a_seal_that_is_told_of_later_is_looked_at_all_the_same() {
    let mut world = World::new(16);
    world.advance(60_000_000);
    let trace = world.trace();
    world.tool(trace, Phase::Complete, Some(Status::Ok), None);
    world.advance(-30_000_000);
    let bundle = world.bundle();
    let file = world.put(&bundle);
    world.advance(60_000_000);
    // A fresh id and an old time: a row that tells of something earlier.
    let header = world.header(trace);
    let told = RowHeader { ts: Instant::from_micros(START).unwrap(), ..header };
    world.system_at(told, SystemKind::Seal, Some(file), None);
    world.now = Some(Instant::from_micros(START + 120_000_000).unwrap());
    let observed = world.observe(&ClockGuardian);
    assert!(found(&observed).iter().any(|found| found.starts_with("sealed at")), "{:?}", observed.observations());
}

/// Finds as much as it is told to, and makes an incident of it.
struct Finder(Report);

impl Guardian for Finder {
    fn name(&self) -> &str {
        "finder"
    }

    fn observe(&self, _: &Context<'_>) -> Result<Observations, GuardError> {
        let mut seen = Observations::new();
        seen.report.merge(self.0.clone());
        seen.incidents.push(Incident::new(FailureMode::Other, "found", &self.0, Vec::new(), &[]));
        Ok(seen)
    }
}

#[test]
fn what_no_artifact_spells_out_is_told_apart_all_the_same() {
    let world = World::new(17);
    let report = |codes: &[Code]| {
        let mut report = Report::new();
        for (at, code) in codes.iter().enumerate() {
            report.find(Finding::new(*code, format!("row {at}")));
        }
        report
    };
    let many = |last: Code, count: usize| {
        let mut codes = vec![Code::TraceGap; count];
        codes.push(last);
        report(&codes)
    };
    let all = [
        many(Code::TraceGap, 99),
        many(Code::TraceGap, 100),
        many(Code::TraceGap, 101),
        many(Code::TraceBroken, 101),
        many(Code::RowAltered, 101),
        many(Code::TraceGap, FINDINGS_MAX),
        many(Code::TraceGap, FINDINGS_MAX + 1),
    ];
    let mut seen: Vec<Sha256Digest> = Vec::new();
    for report in all {
        // The budget of findings is no part of the question.
        let budget = Budget { findings: 2 * FINDINGS_MAX, ..Budget::default() };
        let observed = world.observe_with(&Finder(report.clone()), &Report::new(), budget);
        let again = world.observe_with(&Finder(report), &Report::new(), budget);
        let prints = |observed: &Observed| -> Vec<Sha256Digest> {
            observed.artifacts().iter().map(vm_guardian::Artifact::fingerprint).collect()
        };
        assert_eq!(prints(&observed), prints(&again));
        assert_eq!(prints(&observed).len(), 2);
        for print in prints(&observed) {
            assert!(!seen.contains(&print), "{} findings", observed.observations().report.findings().len());
            seen.push(print);
        }
    }
}
