//! How a server ends that does not end by itself: orders from outside, signals, patience.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use vm_core::record::Direction;

/// How long a server that was told to end may take, before it is killed. Clients wait two seconds before they kill what
/// they started, and in that time the end must be on record.
pub const STOP_GRACE: Duration = Duration::from_secs(1);
/// How long a server is given to end by itself before it is told to: a terminal tells all processes of a command line,
/// and some take the second signal as an order to drop everything.
const OWN_ACCORD: Duration = Duration::from_millis(200);
/// How often the end of a server that closed its output is looked for.
const POLL: Duration = Duration::from_millis(10);
/// An order to end, as processes get it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// SIGINT: somebody pressed a key.
    Interrupt,
    /// SIGTERM: somebody wants it gone.
    Terminate,
    /// SIGHUP: its terminal is gone.
    HangUp,
}

impl Stop {
    const fn signal(self) -> Signal {
        match self {
            Self::Interrupt => Signal::INT,
            Self::Terminate => Signal::TERM,
            Self::HangUp => Signal::HUP,
        }
    }
}

/// Passes orders to end on to a proxy. Clones pass them to the same one.
#[derive(Clone, Debug)]
pub struct Stopper(Sender<Event>);

impl Stopper {
    /// Tells the proxy to end, now or as soon as it runs.
    pub fn stop(&self, stop: Stop) {
        // A proxy that is over has ended already.
        let _ = self.0.send(Event::Stop(stop));
    }
}

/// Where a proxy hears of ends.
#[derive(Debug)]
pub struct Stops(pub(super) Sender<Event>, pub(super) Receiver<Event>);

/// A proxy's ear, and who may speak into it.
#[must_use]
pub fn stops() -> (Stopper, Stops) {
    let (sender, receiver) = channel();
    (Stopper(sender.clone()), Stops(sender, receiver))
}

/// What a proxy waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A direction came to its end.
    Ended(Direction),
    /// An order to end came in.
    Stop(Stop),
}

/// Waits for a child to exit, for at most `time`.
pub(super) fn exited(child: &mut Child, time: Duration) -> io::Result<Option<ExitStatus>> {
    let until = Instant::now() + time;
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if Instant::now() < until => thread::sleep(POLL),
            None => return Ok(None),
        }
    }
}

/// Kills a child and waits for it.
pub(super) fn killed(child: &mut Child) -> io::Result<ExitStatus> {
    child.kill()?;
    child.wait()
}

/// Ends a server: by itself, told to, or killed.
pub(super) fn end(child: &mut Child, stop: Stop) -> io::Result<ExitStatus> {
    if let Some(status) = exited(child, OWN_ACCORD)? {
        return Ok(status);
    }
    // It was not waited for yet, so the number is still its own.
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        kill_process(pid, stop.signal())?;
    }
    match exited(child, STOP_GRACE)? {
        Some(status) => Ok(status),
        None => killed(child),
    }
}

/// Waits for what an ended server still had in its pipe. Processes that it started may hold the pipe open for ever.
pub(super) fn drain(events: &Receiver<Event>) {
    let until = Instant::now() + OWN_ACCORD;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if matches!(events.recv_timeout(left), Ok(Event::Ended(Direction::ServerToClient)) | Err(_)) {
            return;
        }
    }
}
