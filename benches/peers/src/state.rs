//! What the whole history takes in bytes.

use crate::automerge::AutomergePeer;
use crate::error::{Fault, PeerError};
use crate::harness::{Effort, Reach, Row, Times};
use crate::loro::LoroPeer;
use crate::ours::Ours;
use crate::peer::{Peer, merged};
use crate::workload::{KEYS, TRANSACTION, Written};
use crate::yrs::YrsPeer;

const PATH: &str = "100,000 keys by 3 actors, all ops in one pack";
const PATH_STATE: &str = "the same, the state alone (`vm-document-v0`)";
const BARE: &str = "keys, values and one signature a transaction";
/// Bytes of a signature.
const SIGNATURE: usize = 64;

/// Against the bare bytes, and against what each peer stores.
///
/// # Errors
/// [`PeerError`] where a side fails, or holds something else than was written.
pub(crate) fn rows(_effort: &Effort) -> Result<Vec<Row>, PeerError> {
    let rows = || -> Result<_, Fault> {
        let written = Written::new(KEYS, TRANSACTION);
        let mut document = merged::<Ours>(&written)?;
        let pack = Ours::encode(&mut document)?.len();
        let bare = written.bytes() + SIGNATURE * written.transactions().count();
        let state = document.replica.document().encode().len();
        Ok(vec![
            row(PATH, BARE, pack, bare, 1.1),
            row(PATH_STATE, BARE, state, bare, 1.1),
            row(PATH, YrsPeer::NAME, pack, small::<YrsPeer>(&written)?, 1.0),
            row(PATH, LoroPeer::NAME, pack, small::<LoroPeer>(&written)?, 1.0),
            row(PATH, AutomergePeer::NAME, pack, small::<AutomergePeer>(&written)?, 1.0),
        ])
    };
    rows().map_err(PeerError::side(PATH))
}

fn small<P: Peer>(written: &Written) -> Result<usize, Fault> {
    Ok(P::encode_small(&mut merged::<P>(written)?)?.len())
}

/// A row that compares lengths.
pub(crate) fn row(path: &'static str, against: &'static str, ours: usize, other: usize, reach: f64) -> Row {
    let bytes = |length: usize| u32::try_from(length).map_or(f64::NAN, f64::from);
    Row::new(path, against, Times { ours: bytes(ours), other: bytes(other) }, Reach::AtMost(reach)).in_bytes()
}
