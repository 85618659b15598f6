//! Secrets by every road of the command line: arguments, standard input, files and their names, the environment, the proxy
//! with a server that fails, and panics. Afterwards nothing that was written or said holds one of them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod canaries;
mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use canaries::{Search, assert_clean, base64, canaries, inflated};
use common::{Home, Ran, files};
use serde_json::json;

/// A server that answers with what it was asked, with an error, and with what is in its environment, and then panics.
const SERVER: &str = r#"
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    text = asked["params"]["arguments"]["a"]
    if asked["id"] % 2:
        answer = {"jsonrpc": "2.0", "id": asked["id"], "result": {"content": [{"type": "text", "text": text}], "env": dict(os.environ)}}
    else:
        answer = {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32000, "message": text, "data": {"trace": [text]}}}
    print(json.dumps(answer), flush=True)
raise RuntimeError("the server is gone")
"#;

struct Stage {
    home: Home,
    /// All that commands said.
    said: String,
}

impl Stage {
    fn new() -> Self {
        let home = Home::with_vault();
        Self { home, said: String::new() }
    }

    fn heard(&mut self, ran: Ran) -> i32 {
        writeln!(self.said, "{}\n{}", ran.out, ran.err).unwrap();
        ran.code
    }

    #[track_caller]
    fn run(&mut self, code: i32, args: &[&str], input: &[u8]) {
        let ran = self.home.run_with(args, input);
        let told = format!("{args:?}\n{}\n{}", ran.out, ran.err);
        assert_eq!(self.heard(ran), code, "{told}");
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command();
        let temp = self.home.path("temp");
        std::fs::create_dir_all(&temp).unwrap();
        command.args(args).env("TMPDIR", temp).env("RUST_BACKTRACE", "full");
        command
    }

    /// Everything that commands left and said, but for what the test itself handed in.
    fn scan(&self) {
        for folder in ["vault", "temp", "exports", "keys"] {
            let folder = self.home.path(folder);
            for file in if folder.exists() { files(&folder) } else { Vec::new() } {
                assert_clean(&std::fs::read(&file).unwrap(), &file.display().to_string());
                assert_clean(file.to_string_lossy().as_bytes(), "the name of a file");
            }
        }
        assert_clean(self.said.as_bytes(), "what was said");
    }
}

/// What is looked for is found when it is there, also inside of what is compressed.
#[test]
fn the_search_finds_what_is_compressed() {
    let secret = &canaries()[0].text;
    let filler = "many words that come again and again ".repeat(20);
    let text = format!("{filler}{secret}{filler}");
    let deflated = miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 6);
    assert!(Search::shared().find(&deflated).is_none(), "nothing was compressed");
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &deflated].concat();
    let named = [&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3][..], b"name\0", &deflated].concat();
    let mut member = b"PK\x03\x04\x14\0\0\0\x08\0".to_vec();
    member.resize(26, 0);
    member.extend([4, 0, 0, 0]);
    let zip = [&member[..], b"name", &deflated].concat();
    let zlib = miniz_oxide::deflate::compress_to_vec_zlib(text.as_bytes(), 6);
    for packed in [gzip, named, zip, zlib] {
        let around = [b"before".as_slice(), &packed].concat();
        assert!(inflated(&around).iter().any(|(_, out)| Search::shared().find(out).is_some()));
    }
    let kinds = canaries().len() / 3;
    assert!(canaries().len() >= 60 && kinds >= 20);
    assert!(Search::shared().find(base64(text.as_bytes(), ['+', '/']).as_bytes()).is_some());
}

#[test]
fn no_secret_that_came_by_the_command_line_is_left_anywhere() {
    let mut stage = Stage::new();
    let all = canaries();
    let lines = |record: &dyn Fn(&str) -> serde_json::Value| -> String {
        all.iter().map(|canary| record(&canary.text).to_string() + "\n").collect()
    };
    // Standard input, all at once.
    let tools = lines(
        &|text| json!({"tool": "x", "input": {"a": text, "k": {text: 1}}, "output": {"error": {"message": text}}, "meta": [text], "idempotency_key": text}),
    );
    stage.run(0, &["record", "tool", "--jsonl", "-"], tools.as_bytes());
    let artifacts = lines(&|text| json!({"kind": "report", "meta": {"x": text, "list": [text]}}));
    stage.run(0, &["record", "artifact", "--jsonl", "-"], artifacts.as_bytes());
    let shadows = lines(
        &|text| json!({"horizon": "h", "counterfactual": {"would": text}, "entropy_delta": 0.5, "reason": "told", "meta": {"m": text}}),
    );
    stage.run(0, &["record", "shadow", "--jsonl", "-"], shadows.as_bytes());
    // What is wrong, and is not repeated. Shown also by a preview.
    for bad in [
        lines(&|text| json!({"tool": [text]})),
        lines(&|text| json!({"tool": "x", "ts": text})),
        all.iter().map(|canary| format!("{{\"tool\":{}\n", json!(canary.text))).collect(),
    ] {
        stage.run(2, &["record", "tool", "--jsonl", "-"], bad.as_bytes());
        stage.run(2, &["redact", "test", "-"], bad.as_bytes());
    }
    stage.run(0, &["redact", "test", "-"], tools.as_bytes());
    // Arguments, one secret a command; a third of each kind, since each is a process.
    for canary in all.iter().take(all.len() / 3) {
        let text = canary.text.as_str();
        let quoted = json!({"a": text}).to_string();
        stage.run(
            0,
            &[
                "record",
                "tool",
                "x",
                "--input",
                &quoted,
                "--output",
                &json!(text).to_string(),
                "--idempotency-key",
                &format!("argument {text}"),
            ],
            b"",
        );
        stage.run(
            0,
            &["scroll", "append", "console", "--event", &json!({"kind": "x", "payload": text}).to_string()],
            b"",
        );
        // A wrongly typed command says nothing back of what stands where a value or a word of ours should.
        for typo in [
            vec![text],
            vec!["list", "--limit", text],
            vec!["--format", text, "list"],
            vec!["record", "tool", "x", "--ts", text],
            vec!["keys", "rotate", text],
            vec!["erase", "--subject", "a", "--reason", text],
            vec!["verify", "--heed", text],
        ] {
            stage.run(2, &typo, b"");
        }
        for wrong in [
            vec!["record", "tool", "x", "--input", text],
            vec!["seal", "create", "--trace", text],
            vec!["show", text],
            vec!["redact", "use", text],
        ] {
            let ran = stage.home.run(&wrong);
            // What was typed in the wrong place may be said back to whoever typed it, and to nobody else: it is in no file.
            assert!(ran.code == 0 || ran.code == 2 || ran.code == 3, "{wrong:?}");
        }
    }
    files_and_names(&mut stage);
    environment_and_proxy(&mut stage);
    for code in
        [&["doctor", "--format", "json"][..], &["verify"], &["guard"], &["list", "--limit", "1000"], &["query", "x"]]
    {
        let ran = stage.home.run(code);
        stage.heard(ran);
    }
    stage.run(0, &["seal", "create"], b"");
    std::fs::create_dir(stage.home.path("exports")).unwrap();
    let export = stage.home.path("exports/vault.vmb");
    stage.run(0, &["export", "--output", export.to_str().unwrap()], b"");
    let backup = stage.home.path("exports/backup");
    stage.run(0, &["backup", backup.to_str().unwrap()], b"");
    stage.scan();
}

/// Evidence whose name is a secret, and files that are not there.
fn files_and_names(stage: &mut Stage) {
    for canary in canaries().iter().filter(|canary| canary.known && canary.core.is_ascii()).take(15) {
        let name = canary.text.replace(['/', '\n'], "_");
        let file = stage.home.write(&format!("given/{name}.txt"), "evidence");
        let file = file.to_str().unwrap();
        let ran = stage.home.run(&["record", "artifact", "report", "--file", file]);
        assert_eq!(stage.heard(ran), 0);
        let ran = stage.home.run(&["record", "deploy", "console", "--version", "1", "--evidence", file]);
        stage.heard(ran);
    }
}

/// A server behind the proxy that has a secret in its environment, is handed some, fails with some, and dies.
fn environment_and_proxy(stage: &mut Stage) {
    let server = stage.home.write("server.py", SERVER);
    let has_python = Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !has_python {
        eprintln!("secrets_roads: the proxy's part did not run: no python3");
        return;
    }
    let mut input = String::new();
    for (id, canary) in canaries().iter().enumerate() {
        let asked = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "x", "arguments": {"a": canary.text}, "_meta": {"t": canary.text}}});
        writeln!(input, "{asked}").unwrap();
    }
    let mut command = stage.command(&["record", "mcp", "--", "python3", server.to_str().unwrap()]);
    for (n, canary) in canaries().iter().enumerate() {
        command.env(format!("CANARY_{n}"), &canary.text);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        use std::io::Write as _;
        // Whatever the server did not read is lost with it.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    // Its answers are the client's business; what the proxy says of it is ours.
    assert!(output.stdout.windows(7).any(|part| part == b"\"error\""), "the server never answered");
    stage.said += &String::from_utf8_lossy(&output.stderr);
    let listed = stage.home.run(&["list", "--table", "mcp_calls", "--limit", "1000"]);
    assert!(listed.out.contains("tools/call"));
    stage.heard(listed);
}

/// Run again by the test below, in a process of its own, in which alone it does something: it panics while secrets are being recorded.
#[test]
fn panics_while_secrets_are_recorded() {
    use vaultmesh::vault::{InputKind, LOCK_TIMEOUT, Place, Sources, Vault};
    let Some(dir) = std::env::var_os("CANARY_HOME") else { return };
    let dir = Path::new(&dir);
    let place = Place { vault: dir.join("vault"), keys: dir.join("keys") };
    let mut vault = Vault::open(&place, Sources::system().unwrap(), LOCK_TIMEOUT).unwrap();
    let text: String =
        canaries().iter().map(|canary| json!({"tool": "x", "input": canary.text}).to_string() + "\n").collect();
    let mut lines = std::io::BufReader::new(text.as_bytes());
    vault.record_jsonl(InputKind::Tool, &mut lines, &mut |_| panic!("in the midst of it")).unwrap();
}

#[test]
fn a_panic_while_secrets_are_recorded_leaves_none_of_them() {
    let stage = Stage::new();
    let temp = stage.home.path("temp");
    std::fs::create_dir_all(&temp).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "panics_while_secrets_are_recorded", "--nocapture"])
        .env("CANARY_HOME", stage.home.path("."))
        .env("TMPDIR", &temp)
        .env("RUST_BACKTRACE", "full")
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    assert!(!output.status.success() && told.windows(18).any(|part| part == b"in the midst of it"));
    assert_clean(&told, "what a panic said");
    stage.scan();
    stage.home.run(&["record", "tool", "x"]).expect(0);
}
