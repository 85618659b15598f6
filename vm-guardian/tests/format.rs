//! The samples of docs/spec are what the code writes.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use std::path::Path;

use vm_core::canonical;
use vm_core::record::{Phase, Status};
use vm_guardian::detect::AnchorGuardian;
use vm_guardian::{Artifact, Signal};
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
