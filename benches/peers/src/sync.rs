//! Two replicas that share 100,000 keys, of which one has 1,000 more: bytes of all messages of a session.

use crate::automerge::AutomergePeer;
use crate::error::{Fault, PeerError};
use crate::harness::{Effort, Row};
use crate::loro::LoroPeer;
use crate::ours::{self, Ours};
use crate::peer::{Peer, merged};
use crate::state::row;
use crate::workload::{Edit, KEYS, TRANSACTION, Written, more};
use crate::yrs::YrsPeer;

const PATH_ONE: &str = "sync of 1,000 keys in one transaction beside 100,000, all messages";
const PATH_TEN: &str = "sync of 1,000 keys in ten transactions beside 100,000, all messages";
const BARE: &str = "keys, values and one signature a transaction that is missing";
/// Keys that one replica has more.
const MORE: u64 = 1_000;
/// Bytes of a signature.
const SIGNATURE: usize = 64;

/// Against the difference itself, and against what each peer sends.
///
/// # Errors
/// [`PeerError`] where a side fails, or ends with something else than was written.
pub(crate) fn rows(_effort: &Effort) -> Result<Vec<Row>, PeerError> {
    let written = Written::new(KEYS, TRANSACTION);
    let rows = |path: &'static str, transactions: usize| -> Result<_, Fault> {
        let more = more(MORE);
        let size = more.len() / transactions;
        let bare = more.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() + SIGNATURE * transactions;
        // Whoever begins costs a little more or less: the dearer of the two stands here.
        let ours = session::<Ours>(&written, &more, size)?.max(begun_by_having(&written, &more, size)?);
        Ok(vec![
            row(path, BARE, ours, bare, 1.2),
            row(path, YrsPeer::NAME, ours, session::<YrsPeer>(&written, &more, size)?, 1.0),
            row(path, LoroPeer::NAME, ours, session::<LoroPeer>(&written, &more, size)?, 1.0),
            row(path, AutomergePeer::NAME, ours, session::<AutomergePeer>(&written, &more, size)?, 1.0),
        ])
    };
    let mut all = rows(PATH_ONE, 1).map_err(PeerError::side(PATH_ONE))?;
    all.extend(rows(PATH_TEN, 10).map_err(PeerError::side(PATH_TEN))?);
    Ok(all)
}

fn session<P: Peer>(written: &Written, more: &[Edit], size: usize) -> Result<usize, Fault> {
    let (mut lacking, mut having) = (merged::<P>(written)?, merged::<P>(written)?);
    more.chunks(size).try_for_each(|edits| P::write(&mut having, edits).map(drop))?;
    let bytes = P::sync(&mut lacking, &mut having)?;
    check::<P>(&lacking, &having)?;
    Ok(bytes)
}

fn begun_by_having(written: &Written, more: &[Edit], size: usize) -> Result<usize, Fault> {
    let (mut lacking, mut having) = (merged::<Ours>(written)?, merged::<Ours>(written)?);
    more.chunks(size).try_for_each(|edits| Ours::write(&mut having, edits).map(drop))?;
    let bytes = ours::carry(&mut having.replica, &mut lacking.replica)?;
    check::<Ours>(&lacking, &having)?;
    Ok(bytes)
}

fn check<P: Peer>(lacking: &P::Document, having: &P::Document) -> Result<(), Fault> {
    if P::read(lacking)? == P::read(having)? { Ok(()) } else { Err(format!("{}: two states", P::NAME).into()) }
}
