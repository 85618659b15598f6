//! The samples of docs/spec are what the code writes.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use std::path::Path;

use vm_core::canonical;
use vm_core::record::{ArtifactKind, Phase, ProofArtifact, RowHeader, Status, StoredRow};
use vm_core::redact::Redacted;
use vm_core::source::hazmat::{CountingEntropy, FixedClock};
use vm_guardian::artifact::REPORT_KIND;
use vm_guardian::detect::AnchorGuardian;
use vm_guardian::{Artifact, ChangeKind, Reported, Signal};
use world::World;

fn sample(page: &str, place: usize) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/spec").join(page);
    let text = std::fs::read_to_string(path).unwrap();
    text.split("```json\n").nth(place).unwrap().split("\n```").next().unwrap().to_owned()
}

#[test]
fn the_sample_of_a_signal_is_what_is_stored_of_an_alert() {
    let alert = r#"{"hostname":"node-a","output":"x","output_fields":{},"priority":"Warning","rule":"Read of a guarded file","source":"syscall","time":"2026-09-21T14:13:20.180672852Z"}"#;
    let log = vm_guardian::signal::falco::read(alert.as_bytes()).unwrap();
    let stored = canonical::to_text(&log.signals[0].to_value()).unwrap();
    assert_eq!(sample("guardian-signal.md", 1), stored);
    let value = canonical::parse(stored.as_bytes(), stored.len()).unwrap();
    assert_eq!(Signal::from_value(&value, log.signals[0].trace()).unwrap(), log.signals[0]);
}

#[test]
fn the_samples_of_artifacts_are_what_is_stored() {
    let mut world = World::new(7);
    let trace = world.trace();
    world.tool(trace, Phase::Complete, Some(Status::Ok), None);
    world.seal();
    let observed = world.observe(&AnchorGuardian);
    let artifacts = observed.artifacts();
    for (page, artifact) in ["guardian-report.md", "guardian-incident.md"].iter().zip(&artifacts) {
        assert_eq!(sample(page, 1), canonical::to_text(artifact.value()).unwrap(), "{page}");
        Artifact::check(artifact.value()).unwrap();
    }
    let event = sample("guardian-report.md", 2);
    let ran = &observed.events()[0];
    assert_eq!(event.replace("verified", "undecided"), canonical::to_text(&ran.to_value()).unwrap());
}

/// A row of this kind with this content.
fn row(kind: &str, value: &serde_json::Value) -> StoredRow {
    let (clock, mut entropy) = (FixedClock("2026-09-21T14:13:20.000000Z".parse().unwrap()), CountingEntropy::new(1));
    let trace = vm_core::id::TraceId::mint(&clock, &mut entropy);
    let header = RowHeader::mint(&clock, &mut entropy, trace);
    let (kind, meta): (ArtifactKind, _) = (kind.parse().unwrap(), Some(Redacted::system(value).unwrap()));
    let artifact = ProofArtifact { header, kind, file: None, subject: None, meta };
    artifact.into_draft(None).unwrap().complete(None).unwrap()
}

#[test]
fn what_a_report_proposes_reads_back_from_its_row() {
    let mut world = World::new(7);
    let trace = world.trace();
    world.tool(trace, Phase::Complete, Some(Status::Ok), None);
    world.seal();
    let observed = world.observe(&AnchorGuardian);
    let report = observed.report_artifact();
    let read = Reported::of_row(&row(REPORT_KIND, report.value())).unwrap().unwrap();
    assert_eq!((&read.guardian, read.size), (observed.engine(), Some(world.size())));
    assert_eq!(read.proposals, observed.observations().proposals);
    assert_eq!(read.proposals.first().unwrap().change, ChangeKind::Reanchor);
    assert_eq!(ChangeKind::of_word("sing"), ChangeKind::Other("sing".to_owned()));

    assert!(Reported::of_row(&row("report", report.value())).is_none(), "a row of another kind");
    let changed = |member: &str, value: serde_json::Value| {
        let mut report = report.value().clone();
        report[member] = value;
        Reported::of_row(&row(REPORT_KIND, &report)).unwrap().unwrap_err().code()
    };
    assert_eq!(changed("format", "vm-guardian-report-v9".into()), "guardian-format-unknown");
    assert_eq!(changed("proposals", serde_json::json!([{ "title": "a" }])), "guardian-shape");
    assert_eq!(changed("surplus", 1.into()), "guardian-shape");
}
