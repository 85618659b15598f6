//! Each guardian over a ledger: what it finds, what it answers with, and that it keeps still where nothing is.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use std::collections::BTreeSet;

use vm_core::id::TraceId;
use vm_core::instant::Instant;
use vm_core::record::{Phase, RowHeader, Status, SystemKind};
use vm_core::redact::KnownSecrets;
use vm_core::verdict::{Code, Report, Verdict};
use vm_guardian::detect::{
    AnchorGuardian, BUILT_IN, ClockGuardian, OverblockingGuardian, PoisoningGuardian, PoisoningWatch,
    TamperingGuardian, TraceGuardian, built_in,
};
use vm_guardian::{
    Artifact, BlockScope, Budget, ChangeKind, Context, Enrolments, GuardError, Guardian, Observations, Observed,
    Resource, Signal,
};
use vm_seal::memory::hazmat;
use world::{START, World};

fn codes(observed: &Observed) -> Vec<Code> {
    observed.observations().report.findings().iter().map(|finding| finding.code()).collect()
}

fn changes(observed: &Observed) -> Vec<ChangeKind> {
    observed.observations().proposals.iter().map(|proposal| proposal.change.clone()).collect()
}

/// A vault in order: calls with outcomes, a seal, an anchor's row.
fn in_order(seed: u64) -> World {
    let mut world = World::new(seed);
    for _ in 0..8 {
        let trace = world.trace();
        let intent = world.tool(trace, Phase::Intent, None, None);
        world.tool(trace, Phase::Outcome, Some(Status::Ok), Some(intent.row_id));
    }
    let (_, row) = world.seal();
    world.anchor(&row);
    world
}

#[test]
fn six_guardians_pass_a_vault_in_order() {
    let world = in_order(1);
    let names: BTreeSet<&str> = BUILT_IN.iter().map(|guardian| guardian.name()).collect();
    assert_eq!(names.len(), 6);
    for guardian in BUILT_IN {
        let observed = world.observe(guardian);
        assert_eq!(observed.verdict(), Verdict::Verified, "{}: {:?}", guardian.name(), observed.observations());
        assert!(observed.artifacts().is_empty() && observed.observations().proposals.is_empty());
        assert_eq!(built_in(guardian.name()).unwrap().name(), guardian.name());
    }
    assert!(built_in("nobody").is_none());
}

#[test]
fn tampering_is_an_incident_with_proposals_and_blocks_all() {
    let mut world = in_order(2);
    let row = world.support("a", "x", 0.1);
    let other = world.support("b", "x", 0.2);
    hazmat::remove_row(&mut world.ledger, other.row_id);
    let text = vm_core::record::Cell::Text("2020-01-01T00:00:00.000000Z".to_owned());
    hazmat::change_cell(&mut world.ledger, row.row_id, "ts", &text);
    let observed = world.observe(&TamperingGuardian);
    assert_eq!(observed.verdict(), Verdict::Contradicted);
    assert!(codes(&observed).contains(&Code::RowAltered) && codes(&observed).contains(&Code::RowMissing));
    assert_eq!(changes(&observed), [ChangeKind::Restore, ChangeKind::Reseal]);
    let seen = observed.observations();
    assert_eq!(seen.blocks.len(), 1);
    assert!(seen.blocks[0].scope == BlockScope::All);
    assert!(seen.proposals[0].evidence.iter().any(|evidence| evidence.row == row.row_id));
    assert_eq!(
        observed.artifacts().iter().map(Artifact::kind).collect::<Vec<_>>(),
        ["guardian_report", "guardian_incident"]
    );
}

#[test]
fn nothing_verified_is_no_pass() {
    let world = in_order(3);
    let both: [&dyn Guardian; 2] = [&TamperingGuardian, &AnchorGuardian];
    for guardian in both {
        let observed = world.observe_with(guardian, &Report::new(), Budget::default());
        assert_eq!(observed.verdict(), Verdict::Undecided);
        assert!(codes(&observed).contains(&Code::NothingChecked));
    }
}

#[test]
fn a_seal_without_anchor_blocks_what_rests_on_it() {
    let mut world = in_order(4);
    let (bundle, bare) = world.seal();
    let observed = world.observe(&AnchorGuardian);
    assert_eq!(codes(&observed), [Code::SealUnanchored]);
    let seen = observed.observations();
    assert_eq!(seen.blocks.iter().map(|block| block.scope).collect::<Vec<_>>(), [BlockScope::Seal(bundle.seal_id())]);
    assert!(seen.blocks[0].holds_up(bundle.seal_id()));
    assert_eq!(seen.proposals[0].change, ChangeKind::Reanchor);
    assert_eq!(seen.proposals[0].evidence[0].row, bare.row_id);
    assert_eq!(seen.incidents.len(), 1);
    world.anchor(&bare);
    assert_eq!(world.observe(&AnchorGuardian).verdict(), Verdict::Verified);
}

#[test]
fn what_the_verification_says_of_anchors_counts() {
    let mut world = in_order(5);
    let (bundle, row) = world.seal();
    world.anchor(&row);
    for (code, blocks) in [(Code::AnchorInvalid, true), (Code::QuorumUnmet, true), (Code::AnchorPending, false)] {
        let mut report = world.report();
        let subject = format!("anchor {} over seal {}", row.row_id, bundle.seal_id());
        report.find(vm_core::verdict::Finding::new(code, subject));
        let observed = world.observe_with(&AnchorGuardian, &report, Budget::default());
        assert_eq!(codes(&observed), [code]);
        let blocked = observed.observations().blocks.iter().any(|block| block.holds_up(bundle.seal_id()));
        assert_eq!(blocked, blocks, "{code}");
    }
}

fn enrol(world: &mut World, honest: usize, liars: usize) {
    for at in 0..honest + liars {
        world.enrolments.enrol(format!("actor-{at}"), format!("identity-{at}"));
    }
}

#[test]
fn outliers_are_quarantined_and_the_promotion_held_back_is_a_receipt() {
    let mut world = in_order(6);
    enrol(&mut world, 8, 2);
    for at in 0..8 {
        world.support(&format!("actor-{at}"), "relax rule 7", 0.1);
    }
    for at in 8..10 {
        for _ in 0..200 {
            world.support(&format!("actor-{at}"), "relax rule 7", 1.0);
        }
    }
    let observed = world.observe(&PoisoningGuardian);
    assert_eq!(observed.verdict(), Verdict::Undecided);
    assert!(codes(&observed).iter().all(|code| *code == Code::SignalQuarantined));
    let seen = observed.observations();
    let [withheld] = seen.withheld.as_slice() else { panic!("{seen:?}") };
    assert_eq!(withheld.counterfactual().value()["subject"], "relax rule 7");
    let header = world.header(TraceId::from_bytes([9; 16]));
    let observer = vm_core::key::SigningIdentity::from_seed(&[5; 32]);
    let ledger = world.ledger.id();
    let policy = vm_core::redact::Policy::builtin();
    let observation = withheld.observation(header, ledger);
    let draft = vm_shadow::observe(&observation, &observer, &policy, &KnownSecrets, &mut world.entropy).unwrap();
    let row = draft.complete(None).unwrap();
    assert!(vm_shadow::verify(&row, ledger).unwrap().is_about(withheld.counterfactual(), &draft.openings()[0]));
    assert_eq!(changes(&observed), [ChangeKind::QuarantineSignals]);
    assert_eq!(seen.proposals[0].evidence.len(), 2);
}

#[test]
fn a_thousand_keys_of_one_enrolment_weigh_one() {
    let mut world = in_order(7);
    enrol(&mut world, 6, 0);
    for at in 0..6 {
        world.support(&format!("actor-{at}"), "x", 0.2);
    }
    for at in 0..1_000 {
        world.enrolments.enrol(format!("sybil-{at}"), "one");
    }
    for at in 0..1_000 {
        world.support(&format!("sybil-{at}"), "x", 1.0);
    }
    for at in 0..1_000 {
        world.support(&format!("nobody-{at}"), "x", 1.0);
    }
    let observed = world.observe(&PoisoningGuardian);
    let seen = observed.observations();
    let path = seen.withheld[0].counterfactual().value();
    assert_eq!((path["identities"].as_u64(), path["outliers"].as_u64()), (Some(7), Some(1)));
    assert!(path["support"].as_f64().unwrap() < 0.3 && path["naive_support"].as_f64().unwrap() > 0.9);
}

#[test]
fn a_signal_that_is_replayed_counts_once() {
    let mut world = in_order(8);
    enrol(&mut world, 5, 0);
    for at in 0..5 {
        world.support(&format!("actor-{at}"), "x", 0.2);
    }
    let (at, trace) = (Instant::from_micros(START).unwrap(), world.trace());
    let signal = Signal::new("actor-0", "support", "x", 0.2, at, trace).unwrap();
    for _ in 0..3 {
        world.signal(&signal);
    }
    let observed = world.observe(&PoisoningGuardian);
    let found = observed.observations().report.findings()[0].found_value().unwrap().to_owned();
    assert_eq!(found, "2 signals are repeated");
}

#[test]
fn a_slow_drift_is_quarantined_and_the_order_of_speakers_is_none() {
    let mut world = in_order(24);
    enrol(&mut world, 8, 0);
    for round in 0..16 {
        for at in 0..8 {
            world.support(&format!("actor-{at}"), "drift", 0.1 + 0.04 * f64::from(round));
        }
    }
    for at in 0..8 {
        for _ in 0..16 {
            world.support(&format!("actor-{at}"), "order", 0.5 + 0.05 * f64::from(at));
        }
    }
    let observed = world.observe(&PoisoningGuardian);
    let subjects: Vec<_> =
        observed.observations().report.findings().iter().map(|it| (it.subject(), it.found_value())).collect();
    assert_eq!(subjects, [("support drift", Some("support drifts"))]);
    assert_eq!(observed.observations().withheld.len(), 1);
}

#[test]
fn a_signal_that_does_not_read_is_never_passed_over() {
    let mut world = in_order(9);
    let row = world.support("ghp_0123456789abcdefghijABCDEFGHIJ012345", "x", 0.2);
    let observed = world.observe(&PoisoningGuardian);
    assert_eq!(codes(&observed), [Code::EvidenceUnreadable]);
    assert!(observed.observations().report.findings()[0].subject().contains(&row.row_id.to_string()));
}

/// Calls of benign work, a share of which is refused, `shares` one after the other.
fn benign_work(world: &mut World, shares: &[usize], labelled_by: &str) {
    for share in shares {
        for at in 0..20 {
            let trace = world.trace();
            let status = if at < *share { Status::Blocked } else { Status::Ok };
            world.tool(trace, Phase::Complete, Some(status), None);
            let at = world.clock.0.get();
            let at = Instant::from_micros(at).unwrap();
            world.signal(&Signal::label(labelled_by, true, at, trace).unwrap());
        }
    }
}

#[test]
fn a_rise_of_refusals_is_found_and_a_level_is_not() {
    for (shares, rises) in [([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], true), ([5; 10], false)] {
        let mut world = in_order(10);
        world.enrolments.enrol("person", "person");
        benign_work(&mut world, &shares, "person");
        let observed = world.observe(&OverblockingGuardian);
        assert_eq!(codes(&observed), if rises { vec![Code::RefusalTrend] } else { vec![] }, "{shares:?}");
        assert_eq!(changes(&observed), if rises { vec![ChangeKind::RollbackPolicy] } else { vec![] });
    }
}

#[test]
fn only_enrolled_labels_count_and_their_absence_is_said() {
    let mut world = in_order(11);
    benign_work(&mut world, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "anybody");
    assert_eq!(codes(&world.observe(&OverblockingGuardian)), [Code::NothingChecked]);
}

#[test]
fn false_alarms_that_rise_are_found() {
    let mut world = in_order(12);
    world.enrolments.enrol("person", "person");
    for share in 0..10 {
        for at in 0..20 {
            let (now, trace) = (world.clock.0.get(), world.trace());
            let now = Instant::from_micros(now).unwrap();
            let alert = Signal::new("person", "falco.alert", "rule", 3.0, now, trace).unwrap().labelled(at < 2 * share);
            world.signal(&alert);
        }
    }
    let observed = world.observe(&OverblockingGuardian);
    assert_eq!(codes(&observed), [Code::RefusalTrend]);
    assert_eq!(observed.observations().report.findings()[0].subject(), "false alarms");
}

#[test]
fn a_clock_that_goes_back_is_skew_and_a_tale_of_earlier_is_not() {
    let mut world = in_order(13);
    world.advance(60_000_000);
    let trace = world.trace();
    world.tool(trace, Phase::Complete, Some(Status::Ok), None);
    world.advance(-30_000_000);
    world.now = Some(Instant::from_micros(START + 120_000_000).unwrap());
    let back = world.tool(trace, Phase::Complete, Some(Status::Ok), None);
    let observed = world.observe(&ClockGuardian);
    assert_eq!(codes(&observed), [Code::ClockSkewed]);
    assert_eq!(observed.observations().proposals[0].evidence[0].row, back.row_id);

    let mut world = in_order(14);
    let header = world.header(trace);
    let told = RowHeader { ts: Instant::from_micros(START - 3_600_000_000).unwrap(), ..header };
    world.tool_at(told, Phase::Complete, Some(Status::Ok), None);
    let observed = world.observe(&ClockGuardian);
    assert_eq!((observed.verdict(), codes(&observed)), (Verdict::Verified, vec![Code::TimeNotMonotonic]));
}

#[test]
fn times_ahead_are_skew() {
    let mut world = in_order(15);
    let trace = world.trace();
    let header = world.header(trace);
    let ahead = RowHeader { ts: Instant::from_micros(START + 600_000_000).unwrap(), ..header };
    world.tool_at(ahead, Phase::Complete, Some(Status::Ok), None);
    assert_eq!(codes(&world.observe(&ClockGuardian)), [Code::ClockSkewed]);
    world.now = Some(Instant::from_micros(START + 86_400_000_000).unwrap());
    let observed = world.observe(&ClockGuardian);
    let found = observed.observations().report.findings()[0].found_value().unwrap().to_owned();
    assert!(found.ends_with("ahead of the row's own id"), "{found}");
}

#[test]
fn a_seal_made_before_what_it_covers_is_skew() {
    let mut world = in_order(16);
    world.advance(60_000_000);
    let trace = world.trace();
    world.tool(trace, Phase::Complete, Some(Status::Ok), None);
    world.advance(-30_000_000);
    world.now = Some(Instant::from_micros(START + 120_000_000).unwrap());
    world.seal();
    let observed = world.observe(&ClockGuardian);
    let found: Vec<_> = observed.observations().report.findings().iter().filter_map(|it| it.found_value()).collect();
    assert!(found.iter().any(|found| found.starts_with("sealed at")), "{found:?}");
}

#[test]
fn every_trace_link_that_is_broken_is_listed() {
    let mut world = in_order(17);
    let (one, other) = (world.trace(), world.trace());
    let intent = world.tool(one, Phase::Intent, None, None);
    let outcome = world.tool(other, Phase::Outcome, Some(Status::Ok), Some(intent.row_id));
    let nil = world.tool(TraceId::from_bytes([0; 16]), Phase::Complete, Some(Status::Ok), None);
    let mut old = *other.as_bytes();
    old[..6].copy_from_slice(&1_700_000_000_000_u64.to_be_bytes()[2..]);
    let foreign = world.tool(TraceId::from_bytes(old), Phase::Complete, Some(Status::Ok), None);
    let again = world.tool(other, Phase::Outcome, Some(Status::Ok), Some(intent.row_id));
    let observed = world.observe(&TraceGuardian);
    assert_eq!(codes(&observed), [Code::TraceBroken; 4]);
    let evidence: BTreeSet<_> = observed.observations().proposals[0].evidence.iter().map(|it| it.row).collect();
    assert_eq!(evidence, [outcome, nil, foreign, again].map(|row| row.row_id).into());
}

#[test]
fn calls_left_open_are_gaps_and_many_are_a_break() {
    let mut world = in_order(18);
    let trace = world.trace();
    world.tool(trace, Phase::Intent, None, None);
    assert_eq!(world.observe(&TraceGuardian).verdict(), Verdict::Verified, "it may still be answered");
    world.now = Some(Instant::from_micros(START + 2 * 3_600_000_000).unwrap());
    let observed = world.observe(&TraceGuardian);
    assert_eq!((observed.verdict(), codes(&observed)), (Verdict::Verified, vec![Code::TraceGap]));
    world.tool(trace, Phase::Intent, None, None);
    let observed = world.observe(&TraceGuardian);
    assert!(codes(&observed).contains(&Code::TraceBroken));
}

#[test]
fn artifacts_of_kinds_that_are_told_stand_in_the_trace_of_a_call() {
    let mut world = in_order(19);
    world.thresholds.traced_kinds = vec!["guardian_signal".to_owned()];
    let (at, trace) = (Instant::from_micros(START).unwrap(), world.trace());
    let signal = Signal::new("a", "x", "y", 0.0, at, trace).unwrap();
    world.signal(&signal);
    assert_eq!(codes(&world.observe(&TraceGuardian)), [Code::TraceBroken]);
    world.tool(trace, Phase::Complete, Some(Status::Ok), None);
    assert_eq!(codes(&world.observe(&TraceGuardian)), []);
}

#[test]
fn a_budget_that_is_spent_is_named() {
    let world = in_order(20);
    let report = world.report();
    for guardian in BUILT_IN.into_iter().filter(|guardian| guardian.name() != "tampering") {
        for rows in 0..world.size() - 1 {
            let budget = Budget { rows, ..Budget::default() };
            let observed = world.observe_with(guardian, &report, budget);
            assert!(codes(&observed).contains(&Code::BudgetSpent), "{} {rows}", guardian.name());
            assert_eq!(observed.spent().unwrap().resource, Resource::Rows);
            assert_ne!(observed.verdict(), Verdict::Verified);
        }
        let budget = Budget { micros: -1, ..Budget::default() };
        let observed = world.observe_with(guardian, &report, budget);
        assert_eq!(observed.spent().unwrap().resource, Resource::Time, "{}", guardian.name());
        assert_ne!(observed.verdict(), Verdict::Verified);
    }
}

/// A guardian that leans on `?` and one that says too much.
struct Careless;

impl Guardian for Careless {
    fn name(&self) -> &str {
        "careless"
    }

    fn observe(&self, context: &Context<'_>) -> Result<Observations, GuardError> {
        let mut seen = Observations::new();
        let mut rows = 0;
        context.view().visit_log(0, u64::MAX, &mut |_, _| {
            rows += 1;
            Ok(vm_core::view::Visit::Continue)
        })?;
        seen.checked("rows");
        for at in 0..rows {
            seen.find(Code::TimeNotMonotonic, format!("row {at}"), "x");
        }
        seen.find(Code::RowAltered, "row", "the gravest comes last");
        Ok(seen)
    }
}

#[test]
fn careless_guardians_are_held_to_their_budget() {
    let world = in_order(21);
    let rows = Budget { rows: 3, ..Budget::default() };
    let observed = world.observe_with(&Careless, &Report::new(), rows);
    assert_eq!(codes(&observed), [Code::BudgetSpent]);
    for findings in [0, 1, 2] {
        let observed = world.observe_with(&Careless, &Report::new(), Budget { findings, ..Budget::default() });
        assert_eq!(observed.verdict(), Verdict::Contradicted, "the gravest is kept");
        assert!(codes(&observed).contains(&Code::BudgetSpent));
        assert_eq!(codes(&observed).len(), findings.max(1) + 1);
    }
}

struct Named(&'static str);

impl Guardian for Named {
    fn name(&self) -> &str {
        self.0
    }

    fn observe(&self, _: &Context<'_>) -> Result<Observations, GuardError> {
        Ok(Observations::new())
    }
}

#[test]
fn names_make_names_of_engines_and_saying_nothing_is_undecided() {
    let world = in_order(22);
    let observed = world.observe(&Named("mine"));
    assert_eq!((observed.engine().as_str(), observed.verdict()), ("guardian-mine", Verdict::Undecided));
    let report = Report::new();
    let (enrolments, thresholds) = (Enrolments::new(), vm_guardian::Thresholds::default());
    for bad in ["", "Mine", "a b", &"x".repeat(56)] {
        let given = vm_guardian::Given {
            view: &world.ledger,
            files: &world.files,
            report: &report,
            enrolments: &enrolments,
            thresholds: &thresholds,
            now: Instant::from_micros(START).unwrap(),
        };
        let refused = vm_guardian::run(&Named(bad.to_owned().leak()), &given, Budget::default(), &world.clock);
        assert_eq!(refused.unwrap_err().code(), "guardian-name", "{bad:?}");
    }
}

#[test]
fn artifacts_read_back_and_the_same_again_has_the_same_fingerprint() {
    let mut world = in_order(23);
    world.system(SystemKind::Seal, None, None);
    let first = world.observe(&AnchorGuardian);
    world.advance(5_000_000);
    let trace = world.trace();
    world.tool(trace, Phase::Complete, Some(Status::Ok), None);
    let second = world.observe(&AnchorGuardian);
    for (one, other) in first.artifacts().iter().zip(second.artifacts()) {
        assert_eq!(one.fingerprint(), other.fingerprint());
        assert_ne!(one.value(), other.value());
        Artifact::check(one.value()).unwrap();
        let header = world.header(trace);
        let draft = one.draft(header, &KnownSecrets, &mut world.entropy).unwrap();
        let row = world.append(draft);
        let stored = vm_core::view::EvidenceView::row(&world.ledger, row.row_id).unwrap().unwrap();
        assert_eq!(stored.row.text("kind"), Some(one.kind()));
        let text = stored.row.text("meta_json").unwrap();
        let value = vm_core::canonical::parse_exact(text.as_bytes(), vm_core::canonical::BYTES_MAX).unwrap();
        assert_eq!(&value, one.value());
        let mut surplus = value.clone();
        surplus["note"] = 1.into();
        assert_eq!(Artifact::check(&surplus).unwrap_err().code(), "guardian-shape");
        for pointer in ["", "/notes/0"] {
            let members = value.pointer(pointer).unwrap().as_object().unwrap().clone();
            for member in members.keys() {
                let mut fewer = value.clone();
                fewer.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(member);
                assert_eq!(Artifact::check(&fewer).unwrap_err().code(), "guardian-shape", "{pointer} {member}");
            }
        }
        let mut listed = value.clone();
        listed["notes"][0] = serde_json::json!(["code", "subject", null, null]);
        assert_eq!(Artifact::check(&listed).unwrap_err().code(), "guardian-shape");
        let mut later = value;
        later["format"] = "vm-guardian-report-v1".into();
        assert_eq!(Artifact::check(&later).unwrap_err().code(), "guardian-format-unknown");
    }
    assert_eq!(first.events()[0].to_value()["kind"], "guardian.ran");
}

#[test]
fn a_watch_says_what_a_new_look_says_and_reads_what_is_new() {
    let mut world = World::new(3);
    for actor in 0..6 {
        world.enrolments.enrol(format!("agent-{actor}"), format!("owner-{actor}"));
    }
    let watch = PoisoningWatch::new();
    let same = |world: &World| {
        let (watched, looked) = (world.observe(&watch), world.observe(&PoisoningGuardian));
        assert_eq!(watched.observations().report.checks(), looked.observations().report.checks());
        assert_eq!(watched.observations().proposals, looked.observations().proposals);
        assert_eq!(watched.observations().withheld, looked.observations().withheld);
        let found = |observed: &Observed| observed.fingerprint();
        assert_eq!(found(&watched), found(&looked));
        watched.observations().withheld.len()
    };
    let mut held_back = 0;
    for round in 0..40 {
        let value = if round % 8 == 5 { 1.0 } else { 0.125 };
        world.support(&format!("agent-{}", round % 8), "deploy", value);
        if round % 5 == 0 {
            world.support("nobody", "deploy", 1.0);
        }
        held_back += same(&world);
    }
    assert!(held_back > 0);
    // What was looked at is not looked at again: a budget for what is new is enough.
    let one = Budget { rows: 3, ..Budget::default() };
    world.support("agent-1", "deploy", 0.125);
    assert_eq!(world.observe_with(&watch, &world.report(), one).spent(), None);
    assert!(world.observe_with(&PoisoningGuardian, &world.report(), one).spent().is_some());
    // A budget that is spent on the way is gone on from.
    for _ in 0..4 {
        world.support("agent-2", "deploy", 0.125);
    }
    assert!(world.observe_with(&watch, &world.report(), one).spent().is_some());
    assert_eq!(world.observe_with(&watch, &world.report(), one).spent(), None);
    same(&world);
    // Others are enrolled, detection begins elsewhere, the log is another: it begins anew.
    world.enrolments.enrol("nobody", "somebody");
    same(&world);
    world.thresholds.quorum = 9;
    same(&world);
    let mut other = World::new(4);
    other.support("agent-1", "deploy", 1.0);
    same(&other);
    same(&world);
}
