//! Processes that record at once, with `verify` beside them: one chain, nobody turned away, no false alarm.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod common;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::Home;

/// Writers of each kind.
const WRITERS: usize = 8;

/// Verifies until it is told to stop; gives how often it did. Nothing may be found but what is so: no seal, no anchor.
fn verify_until(home: &Home, key: &str, head: &str, stop: &AtomicBool) -> u32 {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) || count == 0 {
        let ran = home.json(&["verify", "--key", key, "--head", head]).expect(3);
        let found: BTreeSet<String> = ran.findings().into_iter().collect();
        assert_eq!(found, ["rows-unsealed", "seal-missing"].map(str::to_owned).into());
        count += 1;
    }
    count
}

/// Whatever happens, the verifiers are told to stop.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn recorder(home: &Home) -> Child {
    let mut command = home.command();
    command.args(["record", "tool", "--jsonl", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn eight_processes_record_and_verify_raises_no_alarm() {
    const LINES: usize = 60;
    let home = Home::with_vault();
    home.tool("before");
    home.run(&["scroll", "append", "console", "--event", "{\"n\":0}"]).expect(0);
    home.run(&["head", "--output", "head.txt"]).expect(0);
    let (key, stop) = (home.key(), AtomicBool::new(false));
    thread::scope(|scope| {
        let stopping = Stop(&stop);
        let verifiers: Vec<_> = (0..2).map(|_| scope.spawn(|| verify_until(&home, &key, "head.txt", &stop))).collect();
        // Processes that stay, and record line by line.
        let staying = (0..WRITERS).map(|n| {
            let mut child = recorder(&home);
            scope.spawn(move || {
                let mut stdin = child.stdin.take().unwrap();
                for line in 0..LINES {
                    writeln!(stdin, "{{\"tool\":\"writer-{n}\",\"input\":{{\"line\":{line}}}}}").unwrap();
                    stdin.flush().unwrap();
                    thread::sleep(Duration::from_millis(2));
                }
                drop(stdin);
                let output = child.wait_with_output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            })
        });
        let staying: Vec<_> = staying.collect();
        // Processes that come and go, and write rows or lines of a scroll.
        let coming = (0..WRITERS).map(|n| {
            let home = &home;
            scope.spawn(move || {
                for turn in 0..4 {
                    if n % 2 == 0 {
                        home.tool("comes and goes");
                    } else {
                        let event = format!("{{\"n\":{n},\"turn\":{turn}}}");
                        home.run(&["scroll", "append", "console", "--event", &event]).expect(0);
                    }
                }
            })
        });
        let coming: Vec<_> = coming.collect();
        for writer in staying.into_iter().chain(coming) {
            writer.join().unwrap();
        }
        drop(stopping);
        let verified: u32 = verifiers.into_iter().map(|verifier| verifier.join().unwrap()).sum();
        assert!(verified > 2, "verified {verified} times");
    });
    // Genesis, token, one row before; then all of theirs, and nothing else.
    assert_eq!(home.log_size(), 3 + u64::try_from(WRITERS * LINES + WRITERS / 2 * 4).unwrap());
    let lines = std::fs::read_to_string(home.path("vault/receipts/console/ENGINE_EVENTS.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 1 + WRITERS / 2 * 4);
    verify_until(&home, &key, "head.txt", &AtomicBool::new(true));
}

#[test]
fn a_newcomer_gets_its_turn_among_busy_writers() {
    let home = Home::with_vault();
    let stop = AtomicBool::new(false);
    let longest = thread::scope(|scope| {
        let stopping = Stop(&stop);
        for n in 0..4 {
            let (mut child, stop) = (recorder(&home), &stop);
            scope.spawn(move || {
                let mut stdin = child.stdin.take().unwrap();
                // Without a pause: the lock is let go only to be taken again.
                while !stop.load(Ordering::Relaxed) && writeln!(stdin, "{{\"tool\":\"busy-{n}\"}}").is_ok() {}
                drop(stdin);
                assert!(child.wait_with_output().unwrap().status.success());
            });
        }
        thread::sleep(Duration::from_millis(300));
        let mut longest = Duration::ZERO;
        for _ in 0..10 {
            let begun = Instant::now();
            // It would give up after a second.
            home.run(&["--lock-timeout", "1", "record", "tool", "newcomer"]).expect(0);
            longest = longest.max(begun.elapsed());
        }
        drop(stopping);
        longest
    });
    eprintln!("a newcomer took {longest:?} at most");
}
