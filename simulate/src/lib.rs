//! A deterministic simulator of `vm-crdt`: three honest replicas and two liars, a network that loses, doubles, delays and parts, crashes with
//! and without the disk, sealed events; one seed after the other, the same every time.
//!
//! In scope: what honest replicas promise each other whatever the others do. Out of scope: the rules themselves (`vm-crdt`), sockets and files (`vaultmesh`).
//!
//! What is checked, within which bounds, and how to replay a seed is in `docs/simulator.md`.

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod carry;
mod check;
mod disk;
pub mod error;
mod heal;
mod liar;
mod net;
mod oracle;
mod peer;
mod raw;
mod rng;
mod seal;
mod tally;
mod weakness;
mod words;
mod world;

use std::panic::catch_unwind;

use error::Violation;
use world::World;

pub use heal::QUIET_MAX;
pub use tally::{LEAST, RARE, STATES_LEAST, Tally};
pub use weakness::Weakness;

/// What one seed came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// SHA-256 over every message that arrived, every op that an honest author wrote, and the states at the end.
    pub digest: [u8; 32],
    /// What happened.
    pub tally: Tally,
}

/// Runs one seed.
///
/// # Errors
/// [`Violation`]: a promise was broken, or something panicked.
pub fn simulate(seed: u64, weakness: Weakness) -> Result<Run, Violation> {
    caught(|| run(seed, weakness, false).0)
}

/// Runs one seed and says in words what happened, also where it fails.
pub fn trace(seed: u64, weakness: Weakness) -> (Result<Run, Violation>, Vec<String>) {
    match catch_unwind(|| run(seed, weakness, true)) {
        Ok(done) => done,
        Err(panic) => (Err(panicked(&*panic)), Vec::new()),
    }
}

fn caught(run: impl FnOnce() -> Result<Run, Violation> + std::panic::UnwindSafe) -> Result<Run, Violation> {
    catch_unwind(run).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn core::any::Any + Send)) -> Violation {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Violation::Panic(text.unwrap_or_default())
}

fn run(seed: u64, weakness: Weakness, is_logged: bool) -> (Result<Run, Violation>, Vec<String>) {
    let mut world = match World::new(seed, weakness, is_logged) {
        Ok(world) => world,
        Err(violation) => return (Err(violation), Vec::new()),
    };
    let result = world.run().and_then(|()| world.heal()).and_then(|()| world.check());
    let log = world.log.take().unwrap_or_default();
    let run = result.map(|()| {
        let (digest, tally) = world.digest();
        Run { digest, tally }
    });
    (run, log)
}
