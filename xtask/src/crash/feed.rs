//! A recorder that is fed in bursts, so that it commits often and in batches of all sizes.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::crash::random::Random;
use crate::crash::site::{Answer, Site};
use crate::error::Failure;

/// Most lines in a burst.
const BURST: u64 = 30;

/// A recorder at work.
pub(super) struct Recorder {
    child: Child,
    feeder: JoinHandle<()>,
    out: JoinHandle<String>,
    err: JoinHandle<String>,
}

/// Lines of JSON for `record tool`, some with payloads long enough to need pages of their own.
pub(super) fn lines(count: u64, random: &mut Random) -> String {
    let line = |random: &mut Random| {
        let longest = if random.one_in(20) { 9_000 } else { 300 };
        let payload = "x".repeat(random.place(longest));
        let tool = ["grep", "read", "build", "search"][random.place(4)];
        format!(
            "{{\"tool\":\"{tool}\",\"output\":{{\"text\":\"{payload}\"}},\"duration_us\":{}}}\n",
            random.below(1_000_000)
        )
    };
    (0..count).map(|_| line(random)).collect()
}

impl Recorder {
    /// Starts a recorder below `before`, fed with `bursts` bursts, then the end.
    pub(super) fn start(site: &Site, before: &[String], bursts: u64, random: &mut Random) -> Result<Self, Failure> {
        let mut command = site.command(before, &["record", "tool", "--jsonl", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let start = |source| Failure::Start { command: "record".to_owned(), source };
        let mut child = command.spawn().map_err(start)?;
        let gone = || site.wrong("the recorder has no pipes");
        let (input, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (input, out, err) = (input.ok_or_else(gone)?, out.ok_or_else(gone)?, err.ok_or_else(gone)?);
        let random = Random::new(random.next());
        let feeder = thread::spawn(move || feed(input, bursts, random));
        Ok(Self { child, feeder, out: collect(out), err: collect(err) })
    }

    pub(super) fn kill(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
    }

    /// Waits for the end. Gives all that it said.
    pub(super) fn finish(mut self) -> Result<Answer, Failure> {
        let status = self.child.wait().map_err(|source| Failure::Start { command: "record".to_owned(), source })?;
        let _ = self.feeder.join();
        let text = |thread: JoinHandle<String>| thread.join().unwrap_or_default();
        Ok(Answer { code: status.code(), out: text(self.out), err: text(self.err) })
    }
}

fn feed(mut input: ChildStdin, bursts: u64, mut random: Random) {
    for _ in 0..bursts {
        let count = 1 + if random.one_in(2) { 0 } else { random.below(BURST) };
        // A recorder that was killed takes no more.
        if input.write_all(lines(count, &mut random).as_bytes()).is_err() {
            return;
        }
        thread::sleep(Duration::from_micros(random.below(3_000)));
    }
}

fn collect(mut pipe: impl std::io::Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
