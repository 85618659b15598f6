//! The stdio proxy: between a client and the server it starts, recording each frame before it is forwarded.
//!
//! Bytes go through untouched; newlines only say where a frame ends. A request is on record before the server sees it,
//! an answer before the client sees it. When a frame cannot be recorded it is not forwarded, nothing after it is, and
//! the server is killed: no answer is made up.
//!
//! One thread a direction, one lock around the sink, held while a frame is recorded and not while it is forwarded: so
//! the order of the rows is the order of recording, and a full pipe on one side does not stop the other.
//!
//! Whoever is told to end from outside ([`Stop`]) ends the server first and takes down what it still says: calls that are
//! open then are on record as unanswered, as they are at any other end.

use std::error::Error;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use vm_core::record::Direction;

use super::FRAME_MAX;
use super::ending::{Event, Stop, Stops, drain, end, exited, killed, stops};
use super::error::ProxyError;
use crate::line::{Line, read_line};

/// How long a server may live on after it closed its output, before it is killed: nothing it does can reach the client
/// any more. Clients in use wait two seconds before they kill a server.
pub const CLOSE_GRACE: Duration = Duration::from_secs(5);
/// Bytes read from a pipe at once: what a pipe of Linux holds.
const PIPE_BYTES: usize = 64 * 1024;

/// Where a proxy records.
pub trait FrameSink: Send + 'static {
    /// What recording fails with.
    type Error: Error + Send + 'static;

    /// Records a frame, exact with its newline; the last one of a side may lack it. When this returns the frame is
    /// durable, and it is forwarded only then.
    ///
    /// # Errors
    /// Whatever keeps the frame from being recorded; it is not forwarded then.
    fn record(&mut self, direction: Direction, frame: &[u8]) -> Result<(), Self::Error>;

    /// Records that the connection ended: called once, after the last frame, unless the proxy failed. After a failure
    /// the ledger cannot say which answers came.
    ///
    /// # Errors
    /// Whatever keeps the end from being recorded.
    fn finish(&mut self) -> Result<(), Self::Error>;
}

/// How a proxied connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    status: ExitStatus,
    frames: [u64; 2],
    undelivered: u64,
    stopped: Option<Stop>,
}

impl Outcome {
    /// The order from outside that ended it, if one did.
    #[must_use]
    pub const fn stopped(&self) -> Option<Stop> {
        self.stopped
    }

    /// How the server ended.
    #[must_use]
    pub const fn status(&self) -> ExitStatus {
        self.status
    }

    /// Exit code to hand on: the server's own, or 128 and the number of the signal that ended it, as shells have it.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| signal_code(self.status))
    }

    /// Frames recorded in one direction.
    #[must_use]
    pub const fn frames(&self, direction: Direction) -> u64 {
        match direction {
            Direction::ClientToServer => self.frames[0],
            Direction::ServerToClient => self.frames[1],
        }
    }

    /// Frames that were recorded, and whose receiver had closed its end when they were forwarded: at most one a
    /// direction.
    #[must_use]
    pub const fn undelivered(&self) -> u64 {
        self.undelivered
    }
}

#[cfg(unix)]
fn signal_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal().map_or(1, |signal| signal.saturating_add(128))
}

#[cfg(not(unix))]
const fn signal_code(_: ExitStatus) -> i32 {
    1
}

/// Runs `command` as the server of the client behind `from_client` and `to_client`, until the server's output ends and
/// it has exited. The server's stderr is what `command` says, the proxy's own unless told otherwise.
///
/// When the client closes its side, the server's input is closed and its output drained, however long that takes. A
/// side that closes while a frame is being forwarded to it ends that direction. Only the server itself is killed after
/// a failure; processes that it started find their pipes closed.
///
/// The thread that reads from the client may outlive this call, blocked in a read; whatever it reads then is neither
/// recorded nor forwarded.
///
/// # Errors
/// [`ProxyError`]. The server was killed.
pub fn run<S: FrameSink>(
    command: Command,
    from_client: impl Read + Send + 'static,
    to_client: impl Write + Send + 'static,
    sink: S,
) -> Result<Outcome, ProxyError<S::Error>> {
    run_until(command, from_client, to_client, sink, stops().1)
}

/// As [`run`], and ends too where an order to do so comes in: the server is told the same unless it ends by itself, and
/// killed where it does not; what it said until then is recorded and forwarded.
///
/// # Errors
/// As [`run`].
pub fn run_until<S: FrameSink>(
    command: Command,
    from_client: impl Read + Send + 'static,
    to_client: impl Write + Send + 'static,
    sink: S,
    stops: Stops,
) -> Result<Outcome, ProxyError<S::Error>> {
    run_with(command, from_client, to_client, sink, stops, CLOSE_GRACE)
}

fn run_with<S: FrameSink>(
    mut command: Command,
    from_client: impl Read + Send + 'static,
    to_client: impl Write + Send + 'static,
    sink: S,
    stops: Stops,
    grace: Duration,
) -> Result<Outcome, ProxyError<S::Error>> {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.map_err(ProxyError::Spawn)?;
    let gate = Arc::new(Gate::new(sink));
    let Stops(ended, events) = stops;
    let result = connect(&mut child, from_client, to_client, &gate, ended)
        .and_then(|()| supervise(&mut child, &events, &gate, grace));
    if result.is_err() {
        gate.shut();
        // It may be gone already; then there is nothing to kill, and waiting only collects it.
        let _ = child.kill();
        let _ = child.wait();
    }
    result
}

/// Starts both threads. Each sends its direction when it ends, also by a panic.
fn connect<S: FrameSink>(
    child: &mut Child,
    from_client: impl Read + Send + 'static,
    to_client: impl Write + Send + 'static,
    gate: &Arc<Gate<S>>,
    ended: Sender<Event>,
) -> Result<(), ProxyError<S::Error>> {
    let pipes = (child.stdin.take(), child.stdout.take());
    let (Some(to_server), Some(from_server)) = pipes else {
        return Err(ProxyError::Spawn(io::Error::other("the server has no pipes")));
    };
    let up = Ended(ended.clone(), Direction::ClientToServer);
    start(up, from_client, to_server, gate)?;
    start(Ended(ended, Direction::ServerToClient), from_server, to_client, gate)
}

fn start<S: FrameSink>(
    ended: Ended,
    from: impl Read + Send + 'static,
    to: impl Write + Send + 'static,
    gate: &Arc<Gate<S>>,
) -> Result<(), ProxyError<S::Error>> {
    let gate = Arc::clone(gate);
    let thread = thread::Builder::new().name(format!("mcp-{}", ended.1));
    let started = thread.spawn(move || {
        // Taken whole, so that it is dropped here: after the last frame was forwarded and the pipe closed.
        let ended = ended;
        relay(ended.1, from, to, &gate);
    });
    started.map(drop).map_err(ProxyError::Spawn)
}

/// Tells that a direction ended, when dropped.
struct Ended(Sender<Event>, Direction);

impl Drop for Ended {
    fn drop(&mut self) {
        // Nobody listens once the proxy is over.
        let _ = self.0.send(Event::Ended(self.1));
    }
}

/// Waits for the server's output to end, then for the server; or for an order to end.
fn supervise<S: FrameSink>(
    child: &mut Child,
    events: &Receiver<Event>,
    gate: &Gate<S>,
    grace: Duration,
) -> Result<Outcome, ProxyError<S::Error>> {
    loop {
        let event = events.recv();
        gate.check()?;
        match event {
            Ok(Event::Ended(Direction::ClientToServer)) => {}
            Ok(Event::Stop(stop)) => {
                let status = end(child, stop).map_err(ProxyError::Wait)?;
                drain(events);
                return gate.finish(status, Some(stop));
            }
            Ok(Event::Ended(Direction::ServerToClient)) | Err(_) => break,
        }
    }
    let status = match exited(child, grace).map_err(ProxyError::Wait)? {
        Some(status) => status,
        None => killed(child).map_err(ProxyError::Wait)?,
    };
    gate.finish(status, None)
}

/// Moves frames one way until a side closes, the gate does, or something fails.
fn relay<S: FrameSink>(direction: Direction, from: impl Read, mut to: impl Write, gate: &Gate<S>) {
    let mut from = BufReader::with_capacity(PIPE_BYTES, from);
    let mut frame = Vec::new();
    loop {
        match read_line(&mut from, &mut frame, FRAME_MAX) {
            Ok(Line::Read) => {}
            Ok(Line::End) => return,
            Ok(Line::TooLong) => {
                let limit = FRAME_MAX;
                return gate.fail(ProxyError::FrameTooLong { direction, limit });
            }
            Err(source) => return gate.fail(ProxyError::Read { direction, source }),
        }
        if !gate.record(direction, &frame) {
            return;
        }
        match to.write_all(&frame).and_then(|()| to.flush()) {
            Ok(()) => {}
            Err(closed) if closed.kind() == ErrorKind::BrokenPipe => return gate.undelivered(),
            Err(source) => return gate.fail(ProxyError::Write { direction, source }),
        }
    }
}

/// What every frame passes, one at a time.
struct Gate<S: FrameSink>(Mutex<State<S>>);

struct State<S: FrameSink> {
    sink: S,
    open: bool,
    failure: Option<ProxyError<S::Error>>,
    frames: [u64; 2],
    undelivered: u64,
}

/// A poisoned lock means that the sink panicked: the gate counts as shut.
impl<S: FrameSink> Gate<S> {
    const fn new(sink: S) -> Self {
        Self(Mutex::new(State { sink, open: true, failure: None, frames: [0; 2], undelivered: 0 }))
    }

    /// Records a frame; false where it may not be forwarded.
    fn record(&self, direction: Direction, frame: &[u8]) -> bool {
        let Ok(mut state) = self.0.lock() else { return false };
        if !state.open {
            return false;
        }
        if let Err(source) = state.sink.record(direction, frame) {
            state.open = false;
            state.failure = Some(ProxyError::Record { direction, source });
            return false;
        }
        let [up, down] = &mut state.frames;
        *match direction {
            Direction::ClientToServer => up,
            Direction::ServerToClient => down,
        } += 1;
        true
    }

    fn fail(&self, error: ProxyError<S::Error>) {
        if let Ok(mut state) = self.0.lock() {
            state.open = false;
            state.failure.get_or_insert(error);
        }
    }

    fn undelivered(&self) {
        if let Ok(mut state) = self.0.lock() {
            state.undelivered += 1;
        }
    }

    fn shut(&self) {
        if let Ok(mut state) = self.0.lock() {
            state.open = false;
        }
    }

    /// The failure that shut the gate, if one did.
    fn check(&self) -> Result<(), ProxyError<S::Error>> {
        let mut state = self.0.lock().map_err(|_| ProxyError::Panicked)?;
        state.failure.take().map_or(Ok(()), Err)
    }

    fn finish(&self, status: ExitStatus, stopped: Option<Stop>) -> Result<Outcome, ProxyError<S::Error>> {
        let mut state = self.0.lock().map_err(|_| ProxyError::Panicked)?;
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        state.open = false;
        state.sink.finish().map_err(ProxyError::Finish)?;
        Ok(Outcome { status, frames: state.frames, undelivered: state.undelivered, stopped })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[derive(Debug)]
    struct Nothing;

    impl FrameSink for Nothing {
        type Error = io::Error;

        fn record(&mut self, _: Direction, _: &[u8]) -> Result<(), io::Error> {
            Ok(())
        }

        fn finish(&mut self) -> Result<(), io::Error> {
            Ok(())
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_server_that_closes_its_output_and_lives_on_is_killed() {
        let mut command = Command::new("sh");
        command.args(["-c", "exec >&-; exec sleep 600"]);
        let (never, _held) = io::pipe().unwrap();
        let begun = Instant::now();
        let outcome = run_with(command, never, io::sink(), Nothing, stops().1, Duration::from_millis(100)).unwrap();
        assert_eq!(outcome.exit_code(), 128 + 9);
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}
