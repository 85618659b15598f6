//! The forms of results: human, JSON, JSON lines and YAML, on success and on failure; what goes where.

mod common;

use common::Home;
use serde_json::Value;

#[test]
fn every_form_says_the_same() {
    let home = Home::with_vault();
    home.tool("alpha");
    home.tool("beta");
    let json = home.json(&["list", "--table", "tool_invocations"]).expect(0).json();
    assert_eq!(json["command"], "list");
    assert_eq!(json["exit_code"], 0);
    let rows = json["result"]["rows"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["columns"]["tool"], "alpha");

    let lines = home.run(&["--format", "jsonl", "list", "--table", "tool_invocations"]).expect(0).out;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[..2], rows[..]);
    assert_eq!(lines[2]["command"], "list");
    assert_eq!(lines.len(), 3);

    let yaml = home.run(&["--format", "yaml", "list", "--table", "tool_invocations"]).expect(0).out;
    let yaml: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(yaml, json);

    let human = home.run(&["list", "--table", "tool_invocations"]).expect(0).out;
    assert!(human.contains("alpha complete ok") && human.ends_with("2 rows\n"), "{human}");
}

#[test]
fn failures_are_told_in_the_form_asked_for_and_on_stderr() {
    let home = Home::with_vault();
    let missing = "01900000-0000-7000-8000-0000000000ff";
    for format in ["json", "jsonl"] {
        let ran = home.run(&["--format", format, "show", missing]).expect(2);
        let json = ran.json();
        assert_eq!(json["exit_code"], 2);
        assert_eq!(json["error"]["code"], "not-found");
        assert!(json["error"]["message"].as_str().unwrap().contains(missing));
        assert!(json["error"]["remedy"].as_str().unwrap().ends_with('.'));
        assert_eq!(json["findings"], serde_json::json!([]));
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
    }
    let yaml = home.run(&["--format", "yaml", "show", missing]).expect(2).out;
    let yaml: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(yaml["error"]["code"], "not-found");
    let human = home.run(&["show", missing]).expect(2);
    assert_eq!(human.out, "");
    assert!(human.err.contains("not-found"), "{}", human.err);
}

#[test]
fn wrong_usage_is_told_in_json_too_and_repeats_no_value() {
    let home = Home::new();
    let ran = home.run(&["record", "tool", "grep", "hunter2", "--format", "json"]).expect(2);
    assert_eq!(ran.json()["error"]["code"], "usage");
    assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{} {}", ran.out, ran.err);
    home.run(&["nonsense"]).expect(2);
    home.run(&[]).expect(2);
    home.run(&["list", "--limit", "0"]).expect(2);
    home.run(&["record", "mcp"]).expect(2);
    home.run(&["anchor", "add", "01900000-0000-7000-8000-0000000000ff"]).expect(2);
}

#[test]
fn help_and_version_are_results() {
    let home = Home::new();
    for args in [&["--help"][..], &["--version"], &["help", "record"], &["record", "tool", "--help"]] {
        let ran = home.run(args).expect(0);
        assert!(!ran.out.is_empty() && ran.err.is_empty(), "{args:?}");
    }
}

#[test]
fn nothing_is_painted_into_a_pipe() {
    let home = Home::with_vault();
    for args in [&["doctor"][..], &["verify"], &["show", "x"], &["list"], &["--help"], &["nonsense"]] {
        let ran = home.run(args);
        assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{args:?}");
    }
}

#[test]
fn recorded_text_cannot_steer_the_terminal() {
    let home = Home::with_vault();
    home.run(&["record", "tool", "ls\u{1b}[2J\r\u{202e}"]).expect(0);
    let human = home.run(&["list"]).expect(0).out;
    assert!(!human.contains('\u{1b}') && !human.contains('\u{202e}') && !human.contains('\r'), "{human:?}");
}

#[test]
fn a_reader_that_stops_early_is_no_failure() {
    use std::process::Stdio;
    let home = Home::with_vault();
    let mut child = home.command().args(["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written_are_the_machines_fault() {
    let home = Home::with_vault();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = home.command().args(["--format", "json", "list"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("results could not be written"));
}

#[test]
fn completions_and_manual_are_there() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = home.run(&["completions", shell]).expect(0).out;
        assert!(script.contains("vaultmesh") && script.contains("verify-bundle"), "{shell}");
    }
    let page = home.run(&["man"]).expect(0).out;
    assert!(page.contains(".TH vaultmesh 1") && page.contains("verify"), "{page}");
    home.run(&["man", "--dir", "pages"]).expect(0);
    let pages = common::files(&home.path("pages"));
    assert!(pages.iter().any(|page| page.ends_with("vaultmesh-record-tool.1")), "{pages:?}");
}
