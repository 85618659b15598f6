//! Sixteen threads that append one row at a time: how much they share.

use std::thread;
use std::time::{Duration, Instant};

use vm_core::record::RowDraft;
use vm_ledger::SharedLedger;

use crate::error::{BenchError, Fault};
use crate::harness::{Effort, Reach, Row, in_turns};
use crate::raw::RawFile;
use crate::store::Store;

const PATH: &str = "durable append, 16 threads, one row a call";
const AGAINST: &str = "one thread: one write and fdatasync of the same bytes for each row";
/// Threads that append at once.
const THREADS: usize = 16;
/// Calls of each thread in a round.
const CALLS: usize = 24;

/// Sixteen threads against as many rows that are each synced alone; the ratio is that of rows a second.
///
/// # Errors
/// [`BenchError`] where a side fails, or the commits were not shared.
pub fn row(effort: &Effort) -> Result<Row, BenchError> {
    let run = || -> Result<_, Fault> {
        let (mut store, mut other) = (Store::new(false)?, RawFile::new()?);
        let bytes = store.maker.tool()?.complete(None)?.leaf_data()?;
        let shared = SharedLedger::new(store.writer()?)?;
        in_turns(
            effort.rounds,
            || append_at_once(&shared, &mut store),
            || {
                let begun = Instant::now();
                for _ in 0..THREADS * CALLS {
                    other.append(&bytes)?;
                }
                Ok(begun.elapsed())
            },
        )
    };
    // A single ledger takes two to three times as long for a row as the bare file; a group must more than make up for it.
    run().map(|times| Row::new(PATH, AGAINST, times, Reach::AtLeast(2.0))).map_err(BenchError::side(PATH))
}

/// Time from the start of the threads to the end of the last.
fn append_at_once(shared: &SharedLedger, store: &mut Store) -> Result<Duration, Fault> {
    let drafts: Vec<Vec<RowDraft>> = (0..THREADS).map(|_| store.maker.tools(CALLS)).collect::<Result<_, _>>()?;
    let (permit, now) = (store.permit()?, store.now());
    let begun = Instant::now();
    thread::scope(|scope| {
        let spawned: Vec<_> = drafts
            .into_iter()
            .map(|drafts| {
                scope.spawn(|| {
                    drafts.into_iter().try_for_each(|draft| shared.append(&permit, vec![draft], now).map(drop))
                })
            })
            .collect();
        spawned.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?.map_err(Fault::from))
    })?;
    Ok(begun.elapsed())
}
