//! What each command does, from the outside.

mod common;

use common::Home;
use serde_json::Value;

#[test]
fn a_row_is_recorded_found_shown_corrected_and_proven() {
    let home = Home::with_vault();
    let id = home.tool("needle-in-stack");
    home.tool("other");
    let found = home.json(&["query", "needle-in"]).expect(0).json();
    let rows = found["result"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["id"], id.as_str());
    let shown = home.json(&["show", &id]).expect(0).json();
    let columns = &shown["result"]["columns"];
    assert_eq!(columns["tool"], "needle-in-stack");
    assert!(columns["input_json"]["a"]["$sealed"]["digest"].is_string(), "{shown}");
    assert!(columns["trace_id"].as_str().unwrap().contains('-'));

    let corrected = home.json(&["record", "tool", "haystack", "--corrects", &id]).expect(0).json();
    let columns =
        home.json(&["show", corrected["result"]["id"].as_str().unwrap()]).expect(0).json()["result"]["columns"].clone();
    assert_eq!(columns["corrects_id"], id.as_str());
    assert_eq!(columns["corrects_leaf"], shown["result"]["leaf"]);
    let trace = columns["trace_id"].as_str().unwrap();
    let traced = home.json(&["list", "--trace", trace]).expect(0).json();
    assert_eq!(traced["result"]["rows"].as_array().unwrap().len(), 2);

    let proof: Value = serde_json::from_str(&home.run(&["prove", &id]).expect(0).out).unwrap();
    assert_eq!(proof["format"], "vm-row-proof-v0");
    assert_eq!(proof["checkpoint"].as_str().unwrap(), home.run(&["head"]).expect(0).out);
}

#[test]
fn a_retry_makes_no_second_row() {
    let home = Home::with_vault();
    let args = ["record", "tool", "deploy", "--idempotency-key", "run-17"];
    let first = home.json(&args).expect(0).json();
    let size = home.log_size();
    let second = home.json(&args).expect(0).json();
    assert_eq!(first["result"]["id"], second["result"]["id"]);
    assert_eq!(second["result"]["replayed"], true);
    let other = home.json(&["record", "tool", "other", "--idempotency-key", "run-17"]).expect(2).json();
    assert_eq!(other["error"]["code"], "idempotency-conflict");
    assert_eq!(home.log_size(), size);
}

#[test]
fn lists_are_bounded_and_say_so() {
    let home = Home::with_vault();
    for n in 0..5 {
        home.tool(&format!("t{n}"));
    }
    let json = home.json(&["list", "--table", "tool_invocations", "--limit", "3"]).expect(0).json();
    assert_eq!(json["result"]["rows"].as_array().unwrap().len(), 3);
    assert_eq!(json["result"]["more"], true);
    let json = home.json(&["query", "complete", "--limit", "5"]).expect(0).json();
    assert_eq!(json["result"]["more"], false);
    let json = home.json(&["list", "--since", "2999-01-01T00:00:00Z"]).expect(0).json();
    assert_eq!(json["result"]["rows"], serde_json::json!([]));
}

#[test]
fn restraint_and_runes_and_scrolls() {
    let home = Home::with_vault();
    let args = [
        "record",
        "shadow",
        "--horizon",
        "release/17",
        "--counterfactual",
        "\"drop the table\"",
        "--reason",
        "no quorum",
    ];
    let id = home.json(&args).expect(0).json()["result"]["id"].as_str().unwrap().to_owned();
    let columns = home.json(&["show", &id]).expect(0).json()["result"]["columns"].clone();
    assert_eq!(columns["reason"], "no quorum");
    assert!(!columns.to_string().contains("drop the table"));

    let put =
        home.run_with(&["--format", "json", "rune", "put", "-"], b"{\"format\":\"note\",\"n\":1}").expect(0).json();
    let id = put["result"]["id"].as_str().unwrap();
    assert_eq!(put["result"]["path"], Value::Null);
    let rune = home.json(&["rune", "show", id]).expect(0).json()["result"]["rune"].clone();
    assert_eq!(rune["format"], "vm-proof-rune-v0");
    let put = home.run_with(&["--format", "json", "rune", "put", "-", "--as-file"], b"{\"n\":1}").expect(0).json();
    let path = put["result"]["path"].as_str().unwrap();
    assert!(home.vault().join(path).is_file());
    let shown = home.run(&["rune", "show", put["result"]["id"].as_str().unwrap()]).expect(0).out;
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["format"], "vm-proof-rune-v0");
    let tool = home.tool("no rune");
    home.run(&["rune", "show", &tool]).expect(2);

    home.write("events.jsonl", "{\"n\":1}\n\n{\"n\":2}\n");
    let json = home.json(&["scroll", "append", "planner", "--jsonl", "events.jsonl"]).expect(0).json();
    assert_eq!((&json["result"]["events"], &json["result"]["lines"]), (&2.into(), &2.into()));
    let json = home.json(&["scroll", "append", "planner", "--event", "{}", "--event", "[]"]).expect(0).json();
    assert_eq!(json["result"]["lines"], 4);
    home.run(&["scroll", "append", "Planner", "--event", "{}"]).expect(2);
}

#[test]
fn a_capture_is_recorded_and_calls_without_answer_are_counted() {
    let home = Home::with_vault();
    let frame =
        |direction: &str, frame: &str| serde_json::json!({ "d": direction, "m": format!("{frame}\n") }).to_string();
    let lines = [
        frame("c2s", r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}"#),
        frame("s2c", r#"{"jsonrpc":"2.0","id":0,"result":{}}"#),
        frame("c2s", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#),
        frame("s2c", "no json at all"),
    ];
    let file = home.write("capture.jsonl", lines.join("\n") + "\n");
    let file = file.to_str().unwrap();
    let json = home.json(&["record", "mcp", "--jsonl", file]).expect(0).json();
    assert_eq!((&json["result"]["frames"], &json["result"]["unanswered"]), (&4.into(), &1.into()));
    let listed = home.json(&["list", "--table", "mcp_calls"]).expect(0).json();
    assert_eq!(listed["result"]["rows"].as_array().unwrap().len(), 5);

    let matched = home.json(&["verify", "--against", file]);
    assert_ne!(matched.code, 1, "{}", matched.out);
    let forged = home.write("forged.jsonl", (lines.join("\n") + "\n").replace("tools/list", "tools/lisp"));
    let found = home.json(&["verify", "--against", forged.to_str().unwrap()]).expect(1).findings();
    assert!(found.contains(&"frame-altered".to_owned()), "{found:?}");
    let connection = json["result"]["connection"].as_str().unwrap();
    home.json(&["verify", "--against", forged.to_str().unwrap(), "--connection", connection]).expect(1);

    let bad = home.write("bad.jsonl", lines.join("\n") + "\n{\"d\":\"x2y\",\"m\":\"\"}\n");
    let size = home.log_size();
    let json = home.json(&["record", "mcp", "--jsonl", bad.to_str().unwrap()]).expect(2).json();
    assert!(json["error"]["message"].as_str().unwrap().contains("line 5"), "{json}");
    assert_eq!(home.log_size(), size);
}

#[cfg(unix)]
#[test]
fn a_live_server_is_recorded_and_stdout_is_its_own() {
    let home = Home::with_vault();
    let request = b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}\n";
    let answer = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n";
    let script = format!("read line; printf '%s\\n' '{}'", answer.trim_end());
    for format in ["human", "json"] {
        let ran = home.run_with(&["--format", format, "record", "mcp", "--", "sh", "-c", &script], request).expect(0);
        assert_eq!(ran.out, answer);
        assert!(ran.err.contains("frames"), "{}", ran.err);
    }
    let rows = home.json(&["list", "--table", "mcp_calls"]).expect(0).json();
    assert_eq!(rows["result"]["rows"].as_array().unwrap().len(), 4);
    let ran = home.run(&["--format", "json", "record", "mcp", "--", "./there-is-no-such-server"]).expect(2);
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("proxy-spawn"), "{}", ran.err);
}

#[test]
fn an_export_is_verified_and_rebuilt() {
    let home = Home::with_vault();
    home.tool("alpha");
    home.run(&["scroll", "append", "console", "--event", "{\"n\":1}"]).expect(0);
    let seal = home.json(&["seal", "create"]).expect(0).json()["result"].clone();
    let id = seal["seal_id"].as_str().unwrap();
    home.run(&["anchor", "add", id, "--local"]).expect(0);
    home.run(&["head", "-o", "head.txt"]).expect(0);
    home.run(&["trust", "show", "-o", "trust.toml"]).expect(0);
    home.run(&["export", "-o", "vault.vmb"]).expect(0);
    home.run(&["export", id, "-o", "seal.vmb"]).expect(0);
    home.run(&["verify-bundle", "vault.vmb", "--trust", "trust.toml", "--head", "head.txt"]).expect(0);
    let alone = home.json(&["verify-bundle", "seal.vmb", "--trust", "trust.toml"]);
    assert!(alone.code == 0 || alone.code == 3, "{}", alone.out);

    home.run(&["--vault", "rebuilt", "import", "vault.vmb"]).expect(0);
    let rebuilt = home.json(&["--vault", "rebuilt", "seal", "verify", id, "--trust", "trust.toml"]).expect(0).json();
    assert_eq!(rebuilt["result"]["seals"][0]["digest"], seal["digest"]);
    home.run(&["anchor", "verify", id, "--trust", "trust.toml"]).expect(0);
    home.run(&["--vault", "rebuilt", "import", "vault.vmb"]).expect(2);

    let mut bytes = std::fs::read(home.path("seal.vmb")).unwrap();
    let at = bytes.windows(5).position(|part| part == b"alpha").unwrap();
    bytes[at] ^= 1;
    home.write("forged.vmb", bytes);
    // The archive's own checksum may stop it before the evidence does.
    let forged = home.run(&["verify-bundle", "forged.vmb", "--trust", "trust.toml"]).code;
    assert!(forged == 1 || forged == 2, "{forged}");
}

#[test]
fn a_window_that_is_empty_is_refused() {
    let home = Home::with_vault();
    let args = ["seal", "create", "--since", "2026-01-02T00:00:00Z", "--until", "2026-01-01T00:00:00Z"];
    let json = home.json(&args).expect(2).json();
    assert_eq!(json["error"]["code"], "selection-empty-window");
    home.run(&["seal", "create", "--kind", "log"]).expect(2);
    let missing = "01900000-0000-7000-8000-0000000000ff";
    home.run(&["seal", "verify", missing]).expect(2);
    home.run(&["anchor", "add", missing, "--local"]).expect(2);
}

#[test]
fn one_artifact_is_verified_with_its_chain() {
    let home = Home::with_vault();
    home.write("report.txt", "report");
    let json = home.json(&["record", "artifact", "report", "--file", "report.txt"]).expect(0).json();
    let id = json["result"]["id"].as_str().unwrap();
    let columns = home.json(&["show", id]).expect(0).json()["result"]["columns"].clone();
    let path = columns["path"].as_str().unwrap();
    home.run(&["trust", "show", "-o", "trust.toml"]).expect(0);
    let chain = ["verify", id, "--full-chain", "--trust", "trust.toml"];
    let found = home.json(&chain).expect(3).findings();
    assert!(!found.is_empty());
    let seal = home.json(&["seal", "create"]).expect(0).json()["result"]["seal_id"].as_str().unwrap().to_owned();
    home.run(&["anchor", "add", &seal, "--local"]).expect(0);
    home.run(&chain).expect(0);
    home.run(&["verify", path, "--full-chain", "--trust", "trust.toml"]).expect(0);
    home.run(&["verify", "report.txt", "--trust", "trust.toml"]).expect(0);
    std::fs::write(home.vault().join(path), "rep0rt").unwrap();
    let found = home.json(&chain).expect(1).findings();
    assert!(found.contains(&"artifact-altered".to_owned()), "{found:?}");
    home.run(&["verify", "nothing-of-this-name", "--trust", "trust.toml"]).expect(3);
}

#[test]
fn a_bundle_file_is_verified_with_its_vault_and_alone() {
    let home = Home::with_vault();
    home.tool("alpha");
    let seal = home.json(&["seal", "create"]).expect(0).json()["result"].clone();
    let bundle = home.vault().join(seal["path"].as_str().unwrap());
    let (bundle, key) = (bundle.to_str().unwrap(), home.key());
    // As by its id: a seal that nobody anchored is not verified, whichever way it is named.
    let found = home.json(&["seal", "verify", bundle, "--key", &key]).expect(3).findings();
    assert_eq!(found, ["seal-unanchored"]);
    home.run(&["anchor", "add", seal["seal_id"].as_str().unwrap(), "--local"]).expect(0);
    home.run(&["trust", "show", "-o", "trust.toml"]).expect(0);
    home.run(&["seal", "verify", bundle, "--trust", "trust.toml"]).expect(0);
    let copied = home.write("copied.json", std::fs::read(bundle).unwrap());
    home.run(&["seal", "verify", copied.to_str().unwrap(), "--trust", "trust.toml"]).expect(0);
    let json = home.json(&["--vault", "nowhere", "seal", "verify", bundle, "--key", &key]).expect(3).json();
    assert_eq!(json["result"]["against_vault"], false);
    home.write("no-bundle.json", "{}");
    home.run(&["seal", "verify", "no-bundle.json", "--key", &key]).expect(2);
}

#[test]
fn a_slow_stream_is_durable_line_by_line() {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::Stdio;
    let home = Home::with_vault();
    let mut command = home.command();
    command.args(["--format", "jsonl", "record", "tool", "--jsonl", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for n in 0..3 {
        writeln!(input, "{{\"tool\":\"t{n}\"}}").unwrap();
        let mut line = String::new();
        // The row's own line comes back before the next is sent.
        output.read_line(&mut line).unwrap();
        assert!(line.contains("tool_invocations"), "{line}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn whoever_opens_a_decision_that_no_proof_can_show_is_told_so() {
    let home = Home::with_vault();
    let open = |name: &str, more: &[&str]| {
        home.run(&[&["horizon", "open", name, "--option", "go"], more].concat()).expect(0).err
    };
    for (name, more) in [
        ("a", &["--resource", "/proof_artifacts"][..]),
        ("b", &["--action", "seal"]),
        // An execution is of a proposal.
        ("c", &["--action", "execute"]),
    ] {
        let said = open(name, more);
        assert!(said.starts_with("note: no proof of restraint can be made"), "{more:?}: {said}");
        home.run(&["horizon", "close", name, "withheld", "--reason", "no"]).expect(0);
        home.run(&["seal", "create"]).expect(0);
        assert_eq!(home.refused(&["prove", "restraint", name, "-o", "proof.json"]), "restraint-unwatched");
    }
    assert_eq!(open("d", &[]), "");
    assert_eq!(open("e", &["--resource", "/mcp_calls"]), "");
    let proposal = "01900000-0000-7000-8000-0000000000ff";
    assert_eq!(open("f", &["--action", "execute", "--proposal", proposal]), "");
}
