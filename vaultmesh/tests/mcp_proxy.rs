//! The proxy between a client in this process and small real server processes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

use std::io::{self, BufRead as _, BufReader, Cursor, Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant as Moment};

use vaultmesh::mcp::{FRAME_MAX, FrameSink, Outcome, ProxyError, Session, proxy};
use vm_core::id::TraceId;
use vm_core::instant::Instant;
use vm_core::record::{Direction, StoredRow};
use vm_core::redact::{KnownSecrets, Policy};
use vm_core::source::hazmat::{CountingEntropy, SteppingClock};

const UP: Direction = Direction::ClientToServer;
const DOWN: Direction = Direction::ServerToClient;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the disk is full")]
struct Full;

/// What a sink saw, shared with the test.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    frames: Vec<(Direction, Vec<u8>)>,
    finished: u32,
}

/// Keeps frames in memory and fails at the frame with number `fails`.
struct Memory {
    seen: Seen,
    fails: Option<usize>,
}

impl FrameSink for Memory {
    type Error = Full;

    fn record(&mut self, direction: Direction, frame: &[u8]) -> Result<(), Full> {
        let mut log = self.seen.0.lock().unwrap();
        if self.fails == Some(log.frames.len()) {
            return Err(Full);
        }
        log.frames.push((direction, frame.to_vec()));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Full> {
        self.seen.0.lock().unwrap().finished += 1;
        Ok(())
    }
}

impl Seen {
    fn bytes(&self, direction: Direction) -> Vec<u8> {
        let log = self.0.lock().unwrap();
        log.frames.iter().filter(|frame| frame.0 == direction).flat_map(|frame| frame.1.clone()).collect()
    }

    fn frames(&self) -> usize {
        self.0.lock().unwrap().frames.len()
    }

    fn finished(&self) -> u32 {
        self.0.lock().unwrap().finished
    }
}

/// A client's ear.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Heard {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stderr(Stdio::null());
    command
}

type Ended = Result<Outcome, ProxyError<Full>>;

fn run(script: &str, said: impl Read + Send + 'static, fails: Option<usize>) -> (Ended, Seen, Vec<u8>) {
    let (seen, heard) = (Seen::default(), Heard::default());
    let memory = Memory { seen: seen.clone(), fails };
    let ended = proxy::run(shell(script), said, heard.clone(), memory);
    (ended, seen, heard.bytes())
}

#[test]
fn bytes_go_through_untouched_and_are_recorded_exactly() {
    for said in [&b"{\"a\":1}\n\n  b\r\n\xff\xfe\0\nlast without newline"[..], b"", b"\n", b"half", b"one\ntwo\n"] {
        let (ended, seen, heard) = run("cat", Cursor::new(said), None);
        let outcome = ended.unwrap();
        let frames = u64::try_from(said.split_inclusive(|byte| *byte == b'\n').count()).unwrap();
        assert_eq!(heard, said);
        assert_eq!((seen.bytes(UP), seen.bytes(DOWN)), (said.to_vec(), said.to_vec()));
        assert_eq!((outcome.frames(UP), outcome.frames(DOWN)), (frames, frames));
        assert_eq!((outcome.exit_code(), outcome.undelivered(), seen.finished()), (0, 0, 1));
    }
}

#[test]
fn a_frame_of_five_megabytes_goes_through() {
    let mut said = vec![b'x'; 5 * 1024 * 1024];
    said.extend_from_slice(b"\nnext\n");
    let (ended, seen, heard) = run("cat", Cursor::new(said.clone()), None);
    assert_eq!(ended.unwrap().frames(DOWN), 2);
    assert!(heard == said && seen.bytes(UP) == said && seen.bytes(DOWN) == said);
}

#[test]
fn a_frame_over_the_limit_is_refused_by_name_in_either_direction() {
    let long = u64::try_from(FRAME_MAX).unwrap() + 1;
    let endless = io::repeat(b'x').take(long);
    let (ended, seen, heard) = run("exec cat", endless, None);
    assert!(matches!(ended, Err(ProxyError::FrameTooLong { direction: UP, limit: FRAME_MAX })), "{ended:?}");
    assert_eq!((seen.frames(), seen.finished(), heard.len()), (0, 0, 0));
    let (never, _held) = io::pipe().unwrap();
    let (ended, seen, heard) = run(&format!("echo first; exec head -c {long} /dev/zero"), never, None);
    assert!(matches!(ended, Err(ProxyError::FrameTooLong { direction: DOWN, .. })), "{ended:?}");
    assert_eq!((seen.frames(), heard.as_slice()), (1, &b"first\n"[..]));
}

#[test]
fn nothing_is_forwarded_that_could_not_be_recorded() {
    // The server notes what it hears in a file, so that the test sees what really reached it.
    for fails in 0..6 {
        let dir = std::env::temp_dir().join(format!("vaultmesh-proxy-{}-{fails}", std::process::id()));
        let note = dir.display();
        let script = format!(
            "echo $$ >'{note}.pid'; while IFS= read -r line; do echo \"$line\" >>'{note}'; echo \"$line\"; done"
        );
        let (from_client, mut client) = io::pipe().unwrap();
        // The client never closes: the failure alone ends the proxy.
        let talk = thread::spawn(move || {
            for number in 0..50 {
                if writeln!(client, "frame {number}").is_err() {
                    break;
                }
            }
            client
        });
        let (ended, seen, heard) = run(&script, from_client, Some(fails));
        let Err(error @ ProxyError::Record { .. }) = &ended else { panic!("{ended:?}") };
        assert_eq!(error.code(), "proxy-record");
        assert_eq!(std::error::Error::source(error).unwrap().to_string(), "the disk is full");
        drop(talk.join());
        assert_eq!((seen.frames(), seen.finished()), (fails, 0));
        let served = std::fs::read(&dir).unwrap_or_default();
        assert!(seen.bytes(UP).starts_with(&served), "the server heard what is not on record");
        assert!(seen.bytes(DOWN).starts_with(&heard), "the client heard what is not on record");
        // A server that was killed at once may not have noted its number.
        let pid = std::fs::read_to_string(format!("{note}.pid")).unwrap_or_default();
        if let Ok(pid) = pid.trim().parse::<u32>() {
            assert!(!std::path::Path::new("/proc").join(pid.to_string()).exists(), "the server lives on");
        }
        for file in [format!("{note}"), format!("{note}.pid")] {
            let _ = std::fs::remove_file(file);
        }
    }
}

#[test]
fn a_request_is_on_record_before_the_server_sees_it() {
    let (ended, seen, _) = run("cat", Cursor::new(b"1\n2\n3\n"), None);
    ended.unwrap();
    let log = seen.0.lock().unwrap();
    for number in [b"1\n", b"2\n", b"3\n"] {
        let place = |direction| log.frames.iter().position(|frame| frame.0 == direction && frame.1 == number).unwrap();
        assert!(place(UP) < place(DOWN));
    }
}

#[test]
fn a_server_that_dies_ends_the_proxy_though_the_client_says_nothing() {
    for (script, code) in [("exit 7", 7), ("echo dying; kill -9 $$", 137), ("true", 0)] {
        let (never, _held) = io::pipe().unwrap();
        let (ended, seen, _) = run(script, never, None);
        assert_eq!((ended.unwrap().exit_code(), seen.finished()), (code, 1), "{script}");
    }
}

#[test]
fn a_server_that_does_not_start_is_named() {
    let seen = Seen::default();
    let memory = Memory { seen: seen.clone(), fails: None };
    let ended = proxy::run(Command::new("/nowhere/server"), io::empty(), io::sink(), memory);
    assert_eq!(ended.unwrap_err().code(), "proxy-spawn");
    assert_eq!((seen.frames(), seen.finished()), (0, 0));
}

#[test]
fn output_is_drained_after_the_client_closed() {
    let (ended, _, heard) = run("cat >/dev/null; sleep 0.3; echo late", Cursor::new(b"bye\n"), None);
    assert_eq!(ended.unwrap().exit_code(), 0);
    assert_eq!(heard, b"late\n");
}

#[test]
fn a_server_that_does_not_listen_is_no_failure() {
    let said = b"a long line that nobody reads\n".repeat(20_000);
    let (ended, seen, heard) = run("exec <&-; echo hello; sleep 0.5; exit 3", Cursor::new(said.clone()), None);
    let outcome = ended.unwrap();
    assert_eq!((outcome.exit_code(), outcome.undelivered(), heard.as_slice()), (3, 1, &b"hello\n"[..]));
    assert!(said.starts_with(&seen.bytes(UP)));
}

#[test]
fn a_client_that_does_not_listen_is_no_failure() {
    let (ear, mouth) = io::pipe().unwrap();
    drop(ear);
    let seen = Seen::default();
    let memory = Memory { seen: seen.clone(), fails: None };
    let outcome = proxy::run(shell("yes"), io::empty(), mouth, memory).unwrap();
    assert_eq!((outcome.undelivered(), outcome.frames(DOWN), seen.finished()), (1, 1, 1));
    assert_eq!(outcome.exit_code(), 128 + 13, "the server was told by a closed pipe");
}

#[test]
fn full_pipes_on_both_sides_do_not_block() {
    // The server says two megabytes before it hears anything, while the client says as much before it listens.
    let script = "i=0; while [ $i -lt 2000 ]; do printf '%01000d\\n' 0; i=$((i+1)); done; exec cat";
    let said = format!("{}\n", "y".repeat(999)).repeat(2000).into_bytes();
    let (ear, mouth) = io::pipe().unwrap();
    let listener = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        BufReader::new(ear).lines().map(Result::unwrap).map(|line| line.len()).collect::<Vec<_>>()
    });
    let seen = Seen::default();
    let memory = Memory { seen: seen.clone(), fails: None };
    let begun = Moment::now();
    let outcome = proxy::run(shell(script), Cursor::new(said), mouth, memory).unwrap();
    assert_eq!((outcome.frames(UP), outcome.frames(DOWN)), (2000, 4000));
    let heard = listener.join().unwrap();
    assert_eq!((heard.len(), heard[0], heard[3999]), (4000, 1000, 999));
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_recorder_that_panics_fails_closed() {
    struct Panics;

    impl FrameSink for Panics {
        type Error = Full;

        fn record(&mut self, _: Direction, _: &[u8]) -> Result<(), Full> {
            panic!("expected by this test");
        }

        fn finish(&mut self) -> Result<(), Full> {
            Ok(())
        }
    }

    let (from_client, mut client) = io::pipe().unwrap();
    client.write_all(b"x\n").unwrap();
    let heard = Heard::default();
    let ended = proxy::run(shell("exec cat"), from_client, heard.clone(), Panics);
    assert!(matches!(ended, Err(ProxyError::Panicked)), "{ended:?}");
    assert!(heard.bytes().is_empty());
}

/// A sink as the facade has one, with a vector in place of the ledger.
struct Recorder {
    session: Session,
    clock: SteppingClock,
    entropy: CountingEntropy,
    rows: Arc<Mutex<Vec<StoredRow>>>,
}

impl FrameSink for Recorder {
    type Error = vaultmesh::mcp::SessionError;

    fn record(&mut self, direction: Direction, frame: &[u8]) -> Result<(), Self::Error> {
        let draft = self.session.frame(direction, frame, &self.clock, &mut self.entropy)?;
        self.rows.lock().unwrap().push(draft.complete(None)?);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Self::Error> {
        for draft in self.session.finish(&self.clock, &mut self.entropy)? {
            self.rows.lock().unwrap().push(draft.complete(None)?);
        }
        Ok(())
    }
}

/// Answers each request but those called `slow`, asks for the roots once, and says something that is no JSON.
const SERVER: &str = r#"
import json, sys
print("starting", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "hello":
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "method": "roots/list"}), flush=True)
    if "id" in asked and asked.get("method") not in (None, "slow"):
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {"echo": asked["method"]}}), flush=True)
sys.exit(5)
"#;

#[test]
fn a_real_server_is_recorded_with_its_unanswered_calls() {
    if Command::new("python3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        eprintln!("a_real_server_is_recorded_with_its_unanswered_calls did not run: no python3");
        return;
    }
    let rows = Arc::new(Mutex::new(Vec::new()));
    let recorder = Recorder {
        session: Session::new(TraceId::from_bytes([9; 16]), Policy::builtin(), Box::new(KnownSecrets)),
        clock: SteppingClock::new(Instant::from_micros(1_700_000_000_000_000).unwrap()),
        entropy: CountingEntropy::new(1),
        rows: Arc::clone(&rows),
    };
    let mut command = Command::new("python3");
    command.args(["-c", SERVER]);
    let said: String = [(1, "hello"), (2, "slow"), (3, "bye")]
        .map(|(id, method)| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\"}}\n"))
        .concat();
    let heard = Heard::default();
    let outcome = proxy::run(command, Cursor::new(said), heard.clone(), recorder).unwrap();
    assert_eq!((outcome.exit_code(), outcome.frames(UP), outcome.frames(DOWN)), (5, 3, 4));
    assert!(heard.bytes().starts_with(b"starting\n"));
    let rows = rows.lock().unwrap();
    let kinds = |kind| {
        let of_kind = rows.iter().filter(|row| row.text("kind") == Some(kind));
        of_kind
            .map(|row| format!("{} {}", row.text("direction").unwrap(), row.text("method").unwrap_or("-")))
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds("opaque"), ["s2c -"]);
    assert_eq!(kinds("response"), ["s2c hello", "s2c bye"]);
    let mut unanswered = kinds("no_answer");
    unanswered.sort();
    assert_eq!(unanswered, ["c2s roots/list", "s2c slow"]);
    assert_eq!(rows.len(), 9);
}
