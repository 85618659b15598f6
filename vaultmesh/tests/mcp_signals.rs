//! A recording proxy that is told to end: the server ends first, and calls that are open are on record as unanswered.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::Home;
use serde_json::Value;

/// Answers the first request and waits with the second; what it does when it is told to end comes first.
fn server(at_the_end: &str) -> String {
    format!(
        "{at_the_end}\nread first\necho '{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{}}}}'\nread second\n\
         echo '{{\"jsonrpc\":\"2.0\",\"method\":\"second/came\"}}'\nwhile :; do sleep 0.05; done"
    )
}

/// What a proxy did that got `signal` while its second call was open: exit code, results, time it took to end.
fn stopped(home: &Home, at_the_end: &str, signal: &str) -> (i32, Value, Duration) {
    let mut command = home.command();
    command.args(["--format", "json", "record", "mcp", "--", "sh", "-c", &server(at_the_end)]);
    let mut proxy = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = proxy.stdin.take().unwrap();
    let mut stdout = BufReader::new(proxy.stdout.take().unwrap());
    for id in [1, 2] {
        writeln!(stdin, "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\"}}").unwrap();
        let mut heard = String::new();
        stdout.read_line(&mut heard).unwrap();
        assert!(heard.contains(if id == 1 { "result" } else { "second/came" }), "{heard:?}");
    }
    let begun = Instant::now();
    assert!(Command::new("kill").args([signal, &proxy.id().to_string()]).status().unwrap().success());
    let status = proxy.wait().unwrap();
    let took = begun.elapsed();
    let mut results = String::new();
    proxy.stderr.take().unwrap().read_to_string(&mut results).unwrap();
    let results = serde_json::from_str(&results).unwrap_or_else(|error| panic!("{error}: {results:?}"));
    drop(stdin);
    (status.code().unwrap_or(-1), results, took)
}

#[test]
fn open_calls_are_on_record_and_the_exit_code_is_the_servers() {
    for (at_the_end, signal, code) in [
        ("", "-TERM", 128 + 15),
        ("", "-INT", 128 + 2),
        ("", "-HUP", 128 + 1),
        ("trap 'exit 7' TERM", "-TERM", 7),
        // One that will not hear is killed.
        ("trap '' TERM INT HUP", "-TERM", 128 + 9),
    ] {
        let home = Home::with_vault();
        let (found, results, took) = stopped(&home, at_the_end, signal);
        assert_eq!(found, code, "{at_the_end} {signal}: {results}");
        assert!(took < Duration::from_secs(4), "{took:?}: whoever told us kills us after a while");
        let result = &results["result"];
        assert_eq!((&result["frames"], &result["unanswered"]), (&4.into(), &1.into()), "{results}");
        assert_eq!((&result["calls"][0]["rpc_id"], &result["server_exit"]), (&"2".into(), &code.into()), "{results}");
        let listed = home.json(&["list", "--table", "mcp_calls"]).expect(0).json();
        let kinds: Vec<&str> = listed["result"]["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["columns"]["kind"].as_str().unwrap())
            .collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == "no_answer").count(), 1, "{kinds:?}");
        home.run(&["verify"]).expect(3);
    }
}

#[test]
fn what_a_server_says_at_last_is_recorded_and_forwarded() {
    let home = Home::with_vault();
    let last = "trap 'echo \"{\\\"jsonrpc\\\":\\\"2.0\\\",\\\"id\\\":2,\\\"result\\\":{}}\"; exit 0' TERM";
    let (code, results, _) = stopped(&home, last, "-TERM");
    assert_eq!(code, 0, "{results}");
    assert_eq!((&results["result"]["frames"], &results["result"]["unanswered"]), (&5.into(), &0.into()), "{results}");
}
