//! The quick start of the README, line by line, in a new folder.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn run(dir: &Path, line: &str) -> Output {
    let bin = Path::new(env!("CARGO_BIN_EXE_vaultmesh")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    Command::new("sh")
        .args(["-c", line])
        .current_dir(dir)
        .env("PATH", path)
        .env("VAULTMESH_VAULT", dir.join("vault"))
        .env("VAULTMESH_KEYS", dir.join("keys"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn the_quick_start_runs_and_ends_verified() {
    let readme = include_str!("../../README.md");
    let block = readme.split("<!-- run -->\n```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut seal = String::new();
    let mut last = None;
    for line in block.lines() {
        let line = line.replace("SEAL", &seal);
        let output = run(dir.path(), &line);
        let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{line}\n{told}");
        if line.ends_with("seal create") {
            let mut names = std::fs::read_dir(dir.path().join("vault/seals")).unwrap();
            let name = names.next().unwrap().unwrap().file_name().into_string().unwrap();
            seal = name.trim_end_matches(".json").to_owned();
        }
        last = Some(line);
    }
    let verify = last.unwrap().replacen("vaultmesh", "vaultmesh --format json", 1);
    let json: Value = serde_json::from_slice(&run(dir.path(), &verify).stdout).unwrap();
    assert_eq!(json["exit_code"], 0);
    // The same without what comes from outside is undecided, and says what is missing.
    let bare: Value = serde_json::from_slice(&run(dir.path(), "vaultmesh --format json verify").stdout).unwrap();
    assert_eq!(bare["exit_code"], 3);
    let codes: Vec<_> = bare["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str()).collect();
    for wanted in ["no-trust-key", "no-trust-root", "rollback-not-excluded", "seal-unanchored"] {
        assert!(codes.contains(&Some(wanted)), "{wanted} in {codes:?}");
    }
}

/// Runs the lines of a page that are marked to be run, one behind the other, and gives what each said.
fn run_page(dir: &Path, page: &str) -> Vec<String> {
    let blocks = page.split("<!-- run -->\n```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let mut told = Vec::new();
    for line in blocks.flat_map(str::lines) {
        let output = run(dir, line);
        told.push(String::from_utf8_lossy(&output.stdout).into_owned());
        assert_eq!(output.status.code(), Some(0), "{line}\n{told:?}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(!told.is_empty());
    told
}

#[test]
fn the_lines_of_the_page_on_federation_run() {
    let page = include_str!("../../docs/federation.md");
    let dir = tempfile::tempdir().unwrap();
    let mut told = run_page(dir.path(), page);
    let (state, rows) = (told.pop().unwrap(), told.pop().unwrap());
    assert_eq!(state, "/fleet/mode \"observe\"\n");
    assert!(rows.contains("proven server 2 tool_invocations/") && rows.contains("verified: "), "{rows}");
}

#[test]
fn the_lines_of_the_page_on_redaction_run() {
    let page = include_str!("../../docs/redaction.md");
    let dir = tempfile::tempdir().unwrap();
    let told = run_page(dir.path(), page);
    // Under the policy that ships neither the program nor the variable's value is stored, under that for shells the program is.
    assert!(!told[2].contains("psql") && told[3].contains("psql"), "{told:?}");
    assert!(told.iter().all(|told| !told.contains("hunter2")), "{told:?}");
    // The policy that the page shows as one to write is one.
    let shown = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(vaultmesh::redaction::PolicyFile::parse(shown).is_ok());
}

#[test]
fn the_lines_of_the_page_on_privacy_run() {
    let page = include_str!("../../docs/privacy.md");
    let block = page.split("<!-- run -->\n```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (mut row, mut key, mut told) = (String::new(), String::new(), Vec::new());
    for line in block.lines() {
        let line = line.replace("ROW", &row).replace("KEY", &key);
        let output = run(dir.path(), &line);
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{line}\n{out}\n{}", String::from_utf8_lossy(&output.stderr));
        let word = |start: &str| out.split_whitespace().find(|word| word.starts_with(start)).map(str::to_owned);
        if line.ends_with(" init") {
            key = word("vaultmesh/").unwrap();
        } else if line.contains(" record ") {
            row = word("tool_invocations/").unwrap().replace("tool_invocations/", "");
        }
        told.push(out);
    }
    assert!(told[6].contains("hunter2"), "{}", told[6]);
    assert!(told[7].contains("It does not reach:"), "{}", told[7]);
    assert!(told[10].contains("erased under receipt"), "{}", told[10]);
}

#[test]
fn the_lines_of_the_page_on_keys_run() {
    let page = include_str!("../../docs/keys.md");
    let dir = tempfile::tempdir().unwrap();
    run_page(dir.path(), page);
    let [key, second] = ["pinned.txt", "pq.txt"].map(|name| std::fs::read_to_string(dir.path().join(name)).unwrap());
    let (key, second) = (key.trim(), second.trim());
    let verify = format!("vaultmesh --format json verify --head second.txt --key {key} --pq-key {second}");
    let json: Value = serde_json::from_slice(&run(dir.path(), &verify).stdout).unwrap();
    assert!(!json["findings"].to_string().contains("pq-signature"), "{}", json["findings"]);
    let verify = format!("vaultmesh --format json verify --head head.txt --key {key}");
    let json: Value = serde_json::from_slice(&run(dir.path(), &verify).stdout).unwrap();
    let codes: Vec<_> = json["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str()).collect();
    // Nothing is said of keys: what is missing is an anchor.
    assert!(codes.iter().all(|code| ["seal-unanchored", "rows-unsealed"].map(Some).contains(code)), "{codes:?}");
}

#[test]
fn the_files_that_the_pages_name_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut named = 0;
    for page in [
        "README.md",
        "ARCHITECTURE.md",
        "SECURITY.md",
        "docs/ledger.md",
        "docs/federation.md",
        "docs/redaction.md",
        "docs/privacy.md",
        "docs/keys.md",
    ] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        let ticked = text.split('`').skip(1).step_by(2);
        for path in ticked.filter(|word| {
            word.contains('/') && !word.contains('*') && (word.ends_with(".rs") || word.ends_with(".md"))
        }) {
            assert!(root.join(path).exists(), "{page} names {path}");
            named += 1;
        }
    }
    assert!(named > 10, "{named}");
}
