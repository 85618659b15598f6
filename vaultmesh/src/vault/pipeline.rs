//! Work handed from thread to thread in order: read here, worked on there, written here.
//!
//! Only the caller's thread reads and writes. So a read that blocks, for a slow stream, never keeps an error from being
//! returned, and what a caller lends for reading and writing need not cross threads.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder, Scope};

/// Most workers: more than the one thread that reads and writes can feed.
const WORKERS_MAX: usize = 8;
/// Pieces that lie before a worker, or behind it, while it works on another.
const AHEAD: usize = 2;

/// What was read.
pub(super) struct Piece<T> {
    /// To be worked on.
    pub(super) input: T,
    /// Whether all of it must be written before the next is read.
    pub(super) flush: bool,
}

/// How many workers this machine has use for.
pub(super) fn workers() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(WORKERS_MAX)
}

/// Reads pieces until there are no more, has each worked on by one of `workers` in turn (one at least), and writes the
/// results in the order of the pieces. At most two pieces a worker are on their way at once.
///
/// # Errors
/// The first, in the order of the pieces, with which a worker or the writing fails; nothing behind it is written.
pub(super) fn run<T: Send, U: Send, E: Send>(
    mut read: impl FnMut() -> Option<Piece<T>>,
    workers: Vec<impl FnMut(T) -> Result<U, E> + Send>,
    mut write: impl FnMut(U) -> Result<(), E>,
) -> Result<(), E> {
    thread::scope(|scope| {
        let mut hands: Vec<_> = workers.into_iter().map(|work| Hand::new(scope, work)).collect();
        let count = hands.len().max(1);
        // Pieces given and written: each is the business of the worker whose turn its number is.
        let (mut given, mut written) = (0, 0);
        loop {
            let piece = read();
            let ahead = match &piece {
                Some(Piece { flush: false, .. }) => AHEAD * count - 1,
                _ => 0,
            };
            let ended = piece.is_none();
            if let (Some(piece), Some(hand)) = (piece, hands.get_mut(given % count)) {
                hand.give(piece.input);
                given += 1;
            }
            while given - written > ahead {
                let done = hands.get_mut(written % count).and_then(Hand::take);
                written += 1;
                done.map_or(Ok(()), |done| write(done?))?;
            }
            if ended {
                return Ok(());
            }
        }
    })
}

/// To a worker, and from it.
type Channels<T, U, E> = (SyncSender<T>, Receiver<Result<U, E>>);

/// One worker: a thread, or the caller's own where the system gives no other.
struct Hand<T, U, E, W> {
    work: Arc<Mutex<W>>,
    channels: Option<Channels<T, U, E>>,
    done: VecDeque<Result<U, E>>,
}

impl<T: Send, U: Send, E: Send, W: FnMut(T) -> Result<U, E> + Send> Hand<T, U, E, W> {
    fn new<'scope>(scope: &'scope Scope<'scope, '_>, work: W) -> Self
    where
        T: 'scope,
        U: 'scope,
        E: 'scope,
        W: 'scope,
    {
        let work = Arc::new(Mutex::new(work));
        let ((to, inputs), (outputs, from)) = (sync_channel::<T>(AHEAD), sync_channel(AHEAD));
        let theirs = Arc::clone(&work);
        let started = Builder::new().spawn_scoped(scope, move || {
            let mut work = own(&theirs);
            for input in inputs {
                let output = work(input);
                // Nobody listens once a piece before this one has failed.
                if output.is_err() | outputs.send(output).is_err() {
                    break;
                }
            }
        });
        let channels = started.is_ok().then_some((to, from));
        Self { work, channels, done: VecDeque::new() }
    }

    fn give(&mut self, input: T) {
        match &self.channels {
            // A worker that is gone has failed, and says so when it is asked.
            Some((to, _)) => drop(to.send(input)),
            None => {
                let output = own(&self.work)(input);
                self.done.push_back(output);
            }
        }
    }

    /// The result of the piece that was given first; none where the worker is gone.
    fn take(&mut self) -> Option<Result<U, E>> {
        match &self.channels {
            Some((_, from)) => from.recv().ok(),
            None => self.done.pop_front(),
        }
    }
}

/// A worker that panicked takes the program along when its scope ends.
fn own<W>(work: &Mutex<W>) -> MutexGuard<'_, W> {
    work.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the numbers below `count` through workers that fail at `bad`; what was written, what was read, and the error.
    fn run_to(count: u32, hands: usize, flush: bool, bad: u32) -> (Vec<u32>, u32, Result<(), u32>) {
        let (mut read, mut written) = (0, Vec::new());
        let work = |number: u32| {
            // The later of two workers is the faster.
            thread::sleep(std::time::Duration::from_micros(u64::from(number % 3) * 300));
            if number >= bad { Err(number) } else { Ok(number * 2) }
        };
        let next = || {
            read += 1;
            (read <= count).then_some(Piece { input: read - 1, flush })
        };
        let done = run(next, vec![work; hands], |number| {
            written.push(number);
            Ok(())
        });
        (written, read, done)
    }

    #[test]
    fn results_are_written_in_the_order_of_the_pieces() {
        for hands in 1..4 {
            for flush in [false, true] {
                for count in [0, 1, 2, 7, 30] {
                    let (written, read, done) = run_to(count, hands, flush, u32::MAX);
                    assert_eq!((written, read, done), ((0..count).map(|n| n * 2).collect(), count + 1, Ok(())));
                }
            }
        }
    }

    #[test]
    fn the_first_error_in_order_ends_it_and_what_is_before_is_written() {
        for hands in 1..4 {
            for bad in 0..10 {
                let (written, read, done) = run_to(1_000, hands, false, bad);
                assert_eq!((written, done), ((0..bad).map(|n| n * 2).collect(), Err(bad)));
                assert!(read < 30, "{read} were read");
            }
        }
    }

    #[test]
    fn whoever_flushes_has_all_written_before_the_next_is_read() {
        let (read, written) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        let next = || {
            assert_eq!(read.get(), written.get());
            read.set(read.get() + 1);
            (read.get() <= 50).then_some(Piece { input: (), flush: true })
        };
        let write = |()| {
            written.set(written.get() + 1);
            Ok::<(), ()>(())
        };
        assert_eq!(run(next, vec![|()| Ok(()); 3], write), Ok(()));
        assert_eq!(written.get(), 50);
    }

    #[test]
    fn a_write_that_fails_ends_it() {
        let mut read = 0;
        let next = || {
            read += 1;
            Some(Piece { input: read, flush: false })
        };
        let write = |number| if number == 5 { Err("full") } else { Ok(()) };
        assert_eq!(run(next, vec![Ok; 2], write), Err("full"));
        assert!(read < 20, "{read}");
    }
}
