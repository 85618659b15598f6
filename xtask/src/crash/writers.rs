//! Eight writers on one vault, some of them killed, with readers beside them.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::crash::Part;
use crate::crash::feed::Recorder;
use crate::crash::memory::Memory;
use crate::crash::random::Random;
use crate::crash::site::Site;
use crate::error::Failure;

/// Writers at once.
const WRITERS: usize = 8;
/// How long one vault is written to, in seconds; each check at the end reads it whole.
const ROUND: u64 = 8;
/// Most bursts that one writer is fed with.
const BURSTS: u64 = 40;

/// What all threads share.
struct Shared {
    site: Site,
    memory: Mutex<Memory>,
    kills: Mutex<u64>,
    end: Instant,
}

impl Shared {
    fn has_time(&self) -> bool {
        Instant::now() < self.end
    }

    fn memory(&self) -> Memory {
        self.memory.lock().map(|memory| memory.clone()).unwrap_or_default()
    }

    fn hear(&self, out: &str) {
        if let Ok(mut memory) = self.memory.lock() {
            memory.hear(out);
        }
    }
}

/// Rounds of writers until the time is up.
pub(super) fn run(part: &mut Part) -> Result<String, Failure> {
    let (mut rounds, mut rows, mut kills, mut reads) = (0_u64, 0, 0_u64, 0_u64);
    while part.has_time() {
        let site = Site::init(part.binary(), &part.dir().join("vault"))?;
        site.must(&["scroll", "append", "planner", "--event", "{\"n\":0}"], None)?;
        let end = part.end.min(Instant::now() + Duration::from_secs(ROUND));
        let shared = Shared { site, memory: Mutex::default(), kills: Mutex::new(0), end };
        reads += round(part, &shared)?;
        shared.site.check(&shared.memory(), false)?;
        rounds += 1;
        rows += shared.memory().rows();
        kills += shared.kills.lock().map_or(0, |kills| *kills);
    }
    Ok(format!(
        "{rounds} vaults with {WRITERS} writers each, {kills} killed, {rows} acknowledged rows, one contiguous log each; \
         {reads} readings beside them, no false alarm, nobody was told that the vault is busy"
    ))
}

fn round(part: &mut Part, shared: &Shared) -> Result<u64, Failure> {
    let seeds: Vec<Random> = (0..WRITERS + 2).map(|_| Random::new(part.random().next())).collect();
    thread::scope(|scope| {
        let start = |(number, random)| {
            scope.spawn(move || match number {
                0 => read(shared, random),
                1 => scrolls(shared),
                _ => record(shared, random),
            })
        };
        let threads: Vec<_> = (0..).zip(seeds).map(start).collect();
        let done = threads.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(Failure::Crash("a thread of the harness panicked".to_owned())))
        });
        done.collect::<Result<Vec<_>, _>>().map(|reads| reads.into_iter().sum())
    })
}

/// One writer after the other; every second one is killed.
fn record(shared: &Shared, mut random: Random) -> Result<u64, Failure> {
    while shared.has_time() {
        let bursts = 1 + random.below(BURSTS);
        let mut recorder = Recorder::start(&shared.site, &[], bursts, &mut random)?;
        let killed = random.one_in(2);
        if killed {
            thread::sleep(Duration::from_millis(random.below(150)));
            recorder.kill();
        }
        let answer = recorder.finish()?;
        shared.hear(&answer.out);
        match answer.code {
            Some(0) => {}
            None if killed => shared.kills.lock().map(|mut kills| *kills += 1).unwrap_or_default(),
            _ => return Err(shared.site.wrong(&format!("a writer ended: {}", answer.told()))),
        }
    }
    Ok(0)
}

/// A writer of the scroll, and of seals, which read the scroll and the log while others write.
fn scrolls(shared: &Shared) -> Result<u64, Failure> {
    let mut number = 0_u64;
    while shared.has_time() {
        number += 1;
        let event = format!("{{\"n\":{number}}}");
        let args: &[&str] = match number % 8 {
            0 => &["seal", "create"],
            _ => &["scroll", "append", "planner", "--event", &event],
        };
        let answer = shared.site.must(args, None)?;
        shared.hear(&answer.out);
    }
    Ok(0)
}

/// Reads beside the writers: what was acknowledged before a reading began is in it, and nothing is ever found wrong.
fn read(shared: &Shared, mut random: Random) -> Result<u64, Failure> {
    let mut reads = 0;
    while shared.has_time() {
        let before = shared.memory();
        match random.below(3) {
            0 => drop(shared.site.verify(false)?),
            1 => {
                let listed = shared.site.must(&["list", "--limit", "100000"], None)?;
                before.compare_rows(&listed.out).map_err(|what| shared.site.wrong(&what))?;
            }
            _ => drop(shared.site.must(&["scroll", "verify", "--key", shared.site.key()], None)?),
        }
        reads += 1;
    }
    Ok(reads)
}
