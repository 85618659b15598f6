//! Merging what several actors wrote at the same time, from bytes to a document that can be read.

use crate::automerge::AutomergePeer;
use crate::error::{Fault, PeerError};
use crate::harness::{Effort, Reach, Row, in_turns, timed};
use crate::loro::LoroPeer;
use crate::ours::Ours;
use crate::peer::{Peer, histories, merged};
use crate::workload::{KEYS, TRANSACTION, Written};
use crate::yrs::YrsPeer;

const PATH: &str = "merge of 100,000 keys by 3 actors, 1,000 a transaction; ours checks each signature";
const PATH_SINGLE: &str = "merge of 10,000 keys by 3 actors, a transaction a key; ours checks 10,000 signatures";
/// Keys where each is a transaction of its own.
const SINGLE_KEYS: u64 = 10_000;

/// Against each peer. The reach is eight times the fastest of them.
///
/// # Errors
/// [`PeerError`] where a side fails, or holds something else than was written.
pub(crate) fn rows(effort: &Effort) -> Result<Vec<Row>, PeerError> {
    all(effort, PATH, &Written::new(KEYS, TRANSACTION), 8.0)
}

/// The same where nearly all the work is signatures, which no peer has. The reach is to be no slower, and checking a signature a key cannot be.
///
/// # Errors
/// As [`rows`].
pub(crate) fn rows_of_single_edits(effort: &Effort) -> Result<Vec<Row>, PeerError> {
    all(effort, PATH_SINGLE, &Written::new(SINGLE_KEYS, 1), 1.0)
}

fn all(effort: &Effort, path: &'static str, written: &Written, reach: f64) -> Result<Vec<Row>, PeerError> {
    let rows = || -> Result<_, Fault> {
        Ok(vec![
            against::<YrsPeer>(effort, path, written, reach)?,
            against::<LoroPeer>(effort, path, written, reach)?,
            against::<AutomergePeer>(effort, path, written, reach)?,
        ])
    };
    rows().map_err(PeerError::side(path))
}

fn against<P: Peer>(effort: &Effort, path: &'static str, written: &Written, reach: f64) -> Result<Row, Fault> {
    merged::<Ours>(written)?;
    merged::<P>(written)?;
    let (ours, theirs) = (histories::<Ours>(written)?, histories::<P>(written)?);
    let times = in_turns(effort.rounds, || timed(|| Ours::merge(&ours)), || timed(|| P::merge(&theirs)))?;
    Ok(Row::new(path, P::NAME, times, Reach::AtLeast(reach)))
}
