//! Bad input: a named error, exit 2, and nothing written.

mod common;

use common::Home;

const SECRET: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

/// Runs a command that must be refused with `code`, and see that the log has not grown.
#[track_caller]
fn refused(home: &Home, args: &[&str], input: &[u8], code: &str) {
    let size = home.log_size();
    let ran = home.run_with(&[&["--format", "json"], args].concat(), input).expect(2);
    let json = ran.json();
    assert_eq!(json["error"]["code"], code, "{args:?}: {}", ran.out);
    assert_eq!(json["exit_code"], 2);
    assert_eq!(home.log_size(), size, "{args:?} wrote");
}

#[test]
fn json_that_two_readers_could_take_for_two_things() {
    let home = Home::with_vault();
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    for (bad, code) in [
        ("{\"a\":1,\"a\":2}", "json-duplicate-key"),
        ("{\"a\":{\"b\":1,\"b\":1}}", "json-duplicate-key"),
        ("\"\\ud800\"", "json-lone-surrogate"),
        ("NaN", "json-syntax"),
        ("1e400", "json-not-finite"),
        ("9007199254740993", "json-unsafe-integer"),
        ("{\"a\":1} x", "json-trailing-data"),
        ("", "json-syntax"),
    ] {
        refused(&home, &["record", "tool", "grep", "--input", bad], b"", code);
        refused(&home, &["rune", "put", "-"], bad.as_bytes(), code);
        refused(&home, &["scroll", "append", "console", "--event", bad], b"", code);
        refused(&home, &["record", "shadow", "--horizon", "h", "--reason", "r", "--counterfactual", bad], b"", code);
        if !bad.is_empty() {
            let line = format!("{{\"tool\":\"grep\"}}\n{{\"tool\":\"grep\",\"input\":{bad}}}\n");
            let file = home.write("bad.jsonl", &line);
            let code = if bad.ends_with('x') { "json-syntax" } else { code };
            refused(&home, &["record", "tool", "--jsonl", file.to_str().unwrap()], b"", code);
        }
    }
    refused(&home, &["rune", "put", "-"], deep.as_bytes(), "json-too-deep");
    refused(&home, &["record", "tool", "grep", "--input", "@-"], deep.as_bytes(), "json-too-deep");
    refused(&home, &["rune", "put", "-"], b"\"\xff\"", "json-not-utf8");
}

#[test]
fn a_bad_line_is_named_and_none_of_its_file_is_recorded() {
    let home = Home::with_vault();
    let mut lines: String = (0..1_200).map(|n| format!("{{\"tool\":\"t{n}\"}}\n")).collect();
    lines.push_str("{\"tool\":\"t\",\"tol\":1}\n");
    let file = home.write("calls.jsonl", &lines);
    let size = home.log_size();
    let json = home.json(&["record", "tool", "--jsonl", file.to_str().unwrap()]).expect(2).json();
    let message = json["error"]["message"].as_str().unwrap();
    assert!(message.contains("line 1201") && message.contains("tol"), "{message}");
    assert_eq!(home.log_size(), size);
    // A stream is recorded as it comes: what stands is told.
    let json =
        home.run_with(&["--format", "json", "record", "tool", "--jsonl", "-"], lines.as_bytes()).expect(2).json();
    assert!(json["error"]["message"].as_str().unwrap().contains("1000 rows before it were recorded"), "{json}");
    assert_eq!(home.log_size(), size + 1_000);
}

#[test]
fn many_rows_come_from_lines() {
    let home = Home::with_vault();
    let lines: String = (0..700).map(|n| format!("{{\"tool\":\"t{n}\",\"idempotency_key\":\"k{n}\"}}\n")).collect();
    let file = home.write("calls.jsonl", &lines);
    let args = ["record", "tool", "--jsonl", file.to_str().unwrap()];
    let json = home.json(&args).expect(0).json();
    assert_eq!((&json["result"]["recorded"], &json["result"]["replayed"]), (&700.into(), &0.into()));
    let size = home.log_size();
    let out = home.run(&[&["--format", "jsonl"], &args[..]].concat()).expect(0).out;
    assert_eq!(out.lines().count(), 701);
    assert!(out.lines().last().unwrap().contains("\"replayed\":700"));
    assert_eq!(home.log_size(), size);
}

#[test]
fn artifacts_that_are_no_regular_file_below_the_vault() {
    let home = Home::with_vault();
    home.write("vault/artifacts/real.txt", "real");
    home.write("outside.txt", "outside");
    home.run(&["record", "artifact", "report", "--path", "artifacts/real.txt"]).expect(0);
    for (path, code) in [
        ("../outside.txt", "path-escapes"),
        ("artifacts/../../outside.txt", "path-escapes"),
        ("/etc/passwd", "path-absolute"),
        ("artifacts//real.txt", "path-component"),
        ("artifacts", "file-not-regular"),
        ("artifacts/none.txt", "file-missing"),
    ] {
        refused(&home, &["record", "artifact", "report", "--path", path], b"", code);
    }
    #[cfg(unix)]
    {
        let below = |name: &str| home.path("vault/artifacts").join(name);
        std::os::unix::fs::symlink(home.path("outside.txt"), below("link")).unwrap();
        std::os::unix::fs::symlink(home.path(""), below("linked")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(below("fifo")).status().unwrap();
        assert!(made.success());
        refused(&home, &["record", "artifact", "report", "--path", "artifacts/link"], b"", "file-not-regular");
        refused(
            &home,
            &["record", "artifact", "report", "--path", "artifacts/linked/outside.txt"],
            b"",
            "file-not-regular",
        );
        refused(&home, &["record", "artifact", "report", "--path", "artifacts/fifo"], b"", "file-not-regular");
        let fifo = below("fifo");
        refused(&home, &["record", "artifact", "report", "--file", fifo.to_str().unwrap()], b"", "file-not-regular");
        let line = "{\"kind\":\"report\",\"path\":\"artifacts/fifo\"}\n";
        refused(&home, &["record", "artifact", "--jsonl", "-"], line.as_bytes(), "file-not-regular");
        refused(&home, &["record", "artifact", "--jsonl", fifo.to_str().unwrap()], b"", "usage");
    }
    refused(&home, &["record", "artifact", "report"], b"", "input");
    refused(&home, &["record", "artifact", "vm-genesis", "--meta", "1"], b"", "record-reserved-kind");
}

#[test]
fn a_given_hash_that_differs() {
    let home = Home::with_vault();
    let evidence = home.write("build.tar", "abc");
    let evidence = evidence.to_str().unwrap();
    let args = ["record", "deploy", "--component", "api", "--version", "1.4.2", "--evidence", evidence, "--sha256"];
    let wrong = "00".repeat(32);
    refused(&home, &[&args[..], &[&wrong]].concat(), b"", "evidence-differs");
    refused(&home, &[&args[..], &["xyz"]].concat(), b"", "usage");
    let right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let json = home.json(&[&args[..], &[right]].concat()).expect(0).json();
    let row = home.json(&["show", json["result"]["id"].as_str().unwrap()]).expect(0).json();
    assert_eq!(row["result"]["columns"]["sha256_hex"], right);
    assert_eq!(row["result"]["columns"]["meta_json"]["component"], "api");
}

#[test]
fn unknown_formats() {
    let home = Home::with_vault();
    home.write("vault/config.toml", "format = \"vm-config-v9\"\n");
    refused(&home, &["record", "tool", "x"], b"", "format-unknown");
    std::fs::remove_file(home.path("vault/config.toml")).unwrap();
    home.write("trust.toml", "format = \"vm-trust-v9\"\n");
    refused(&home, &["verify", "--trust", "trust.toml"], b"", "format-unknown");
    home.write("head.txt", "no note");
    let ran = home.json(&["verify", "--head", "head.txt"]).expect(2);
    assert!(ran.json()["error"]["code"].as_str().unwrap().starts_with("note-"), "{}", ran.out);
    home.write("x.vmb", "no zip");
    home.run(&["verify-bundle", "x.vmb"]).expect(2);
    home.run(&["--vault", "elsewhere", "import", "x.vmb"]).expect(2);
    assert!(!home.path("elsewhere/ledger.db").exists());
}

#[test]
fn a_vault_of_a_newer_schema() {
    let home = Home::with_vault();
    let size = home.log_size();
    let set = |version: u32| {
        // PRAGMA user_version lives at bytes 60 to 63 of the database header (SQLite file format, section 1.3).
        use std::io::{Seek as _, SeekFrom, Write as _};
        let mut file = std::fs::OpenOptions::new().write(true).open(home.path("vault/ledger.db")).unwrap();
        file.seek(SeekFrom::Start(60)).unwrap();
        file.write_all(&version.to_be_bytes()).unwrap();
    };
    let wal = home.path("vault/ledger.db-wal");
    assert!(!wal.exists() || std::fs::metadata(&wal).unwrap().len() == 0, "the last process left a log behind");
    set(99);
    for args in [&["record", "tool", "x"][..], &["list"], &["verify"], &["seal", "create"]] {
        let ran = home.json(args).expect(2);
        assert_eq!(ran.json()["error"]["code"], "ledger-newer-schema", "{args:?} {}", ran.out);
    }
    set(3);
    assert_eq!(home.log_size(), size);
}

#[test]
fn what_looks_like_a_secret_is_committed_and_told() {
    let home = Home::with_vault();
    let input = format!("{{\"header\":\"{SECRET}\"}}");
    let ran = home.json(&["record", "tool", SECRET, "--input", &input]).expect(0);
    assert!(ran.findings().contains(&"secret-found".to_owned()), "{}", ran.out);
    assert!(!ran.out.contains(SECRET) && !ran.err.contains(SECRET));
    let id = ran.json()["result"]["id"].as_str().unwrap().to_owned();
    let shown = home.run(&["show", &id]).expect(0).out;
    assert!(shown.contains("$sealed") && !shown.contains(SECRET), "{shown}");
    let line = format!("{{\"tool\":\"{SECRET}\"}}\n");
    let ran = home.run_with(&["--format", "json", "record", "tool", "--jsonl", "-"], line.as_bytes()).expect(0);
    assert!(ran.findings().contains(&"secret-found".to_owned()), "{}", ran.out);
    for path in common::files(&home.path("vault")) {
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()), "{} holds it", path.display());
    }
}

#[test]
fn errors_repeat_no_secret() {
    let home = Home::with_vault();
    for args in [
        &["record", "tool", "x", "--input", "{\"a\": ghp_0123456789abcdefghijABCDEFGHIJ012345}"][..],
        &["record", "tool", "x", SECRET],
        &["record", "tool", "x", "--ts", SECRET],
        &["record", "tool", "x", "--trace", SECRET],
        &["record", "artifact", SECRET, "--meta", "1"],
        &["record", "shadow", "--horizon", SECRET, "--reason", "r", "--counterfactual", SECRET],
        &["show", SECRET],
        &["verify", "--key", SECRET],
    ] {
        let ran = home.json(args).expect(2);
        assert!(!ran.out.contains(SECRET) && !ran.err.contains(SECRET), "{args:?}: {} {}", ran.out, ran.err);
    }
    let line = format!("{{\"tool\":\"x\",\"duration_us\":\"{SECRET}\"}}\n");
    let ran = home.run_with(&["--format", "json", "record", "tool", "--jsonl", "-"], line.as_bytes()).expect(2);
    assert!(!ran.out.contains(SECRET) && !ran.err.contains(SECRET), "{} {}", ran.out, ran.err);
}
