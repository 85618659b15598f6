//! Guardians on the command line: what they find, that it is recorded once, and that nothing else changes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// An alert as Falco writes it, with the secret that it saw.
const ALERT: &str = r#"{"hostname":"node-1","output":"x","output_fields":{"proc.name":"sh"},"priority":"Warning","rule":"Terminal shell in container","source":"syscall","tags":["shell"],"time":"2026-01-02T03:04:05.000000000Z"}"#;

struct World(TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        world.ran(0, &["init"]);
        world
    }

    fn ran(&self, code: i32, words: &[&str]) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vaultmesh"));
        command.args(["--format", "json", "--vault"]).arg(self.0.path().join("vault"));
        let output = command.arg("--keys").arg(self.0.path().join("keys")).args(words).output().unwrap();
        let told = [&output.stdout[..], &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        assert_eq!(output.status.code(), Some(code), "{words:?}: {told:?}");
        serde_json::from_str(&told[0]).unwrap_or_else(|_| panic!("{words:?}: {told:?}"))
    }

    fn size(&self) -> u64 {
        let head = self.ran(0, &["head"]);
        let note = head["result"]["checkpoint"].as_str().unwrap();
        note.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or_else(|| panic!("{head}"))
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
    let path = world.0.path().join("vault").join(seal["result"]["path"].as_str().unwrap());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"leaves\":", "\"leaves\":1")).unwrap();
    let answer = world.ran(1, &["guard", "--guardian", "tampering", "--dry-run"]);
    assert!(codes(&answer).contains(&"artifact-altered"), "{answer}");
}

#[test]
fn alerts_become_signals() {
    let world = World::new();
    let file = world.0.path().join("alerts.jsonl");
    // The same alert twice, and a line that is none.
    std::fs::write(&file, format!("{ALERT}\n{ALERT}\nnot json\n")).unwrap();
    let before = world.size();
    world.ran(0, &["record", "signal", "--falco", file.to_str().unwrap()]);
    assert!(world.size() > before);
    let list = world.ran(0, &["list", "--table", "proof_artifacts", "--limit", "1000"]);
    assert_eq!(list.to_string().matches("vm-guardian-signal-v0").count(), 1, "{list}");
}
