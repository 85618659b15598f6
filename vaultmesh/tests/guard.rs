//! Guardians on the command line: what they find, that it is recorded once, and that nothing else changes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod common;

use common::Home;
use serde_json::Value;

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
    world.ran(0, &["record", "signal", "--falco", file.to_str().unwrap()]);
    assert!(world.size() > before);
    let list = world.ran(0, &["list", "--table", "proof_artifacts", "--limit", "1000"]);
    assert_eq!(list.to_string().matches("vm-guardian-signal-v0").count(), 1, "{list}");
    for path in common::files(&world.0.vault()) {
        let bytes = std::fs::read(&path).unwrap();
        let holds = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        assert!(!holds, "{} holds what the alert saw", path.display());
    }
}
