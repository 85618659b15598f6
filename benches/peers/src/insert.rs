//! One edit of somebody else, taken up by a replica of 100,000 keys.

use std::time::Instant;

use vm_crdt::SignedOp;

use crate::automerge::AutomergePeer;
use crate::error::{Fault, PeerError};
use crate::harness::{Effort, Reach, Row, in_turns, timed};
use crate::loro::LoroPeer;
use crate::ours::Ours;
use crate::peer::{Peer, merged};
use crate::workload::{KEYS, TRANSACTION, Written, more};
use crate::yrs::YrsPeer;

const PATH: &str = "one edit of another into 100,000 keys, from bytes, p50; ours checks a signature";
const CHECK: &str = "one strict check of an Ed25519 signature";
/// Edits a round of the effort.
const EACH: usize = 40;

/// Against the check alone, and against each peer.
///
/// # Errors
/// [`PeerError`] where a side fails.
pub(crate) fn rows(effort: &Effort) -> Result<Vec<Row>, PeerError> {
    let written = Written::new(KEYS, TRANSACTION);
    let rounds = effort.rounds * EACH;
    let rows = || -> Result<_, Fault> {
        Ok(vec![
            against_check(&written, rounds)?,
            against::<YrsPeer>(&written, rounds)?,
            against::<LoroPeer>(&written, rounds)?,
            against::<AutomergePeer>(&written, rounds)?,
        ])
    };
    rows().map_err(PeerError::side(PATH))
}

/// A replica, and single edits that another makes after all that it has.
struct Stream<P: Peer> {
    document: P::Document,
    edits: std::vec::IntoIter<Vec<u8>>,
}

impl<P: Peer> Stream<P> {
    /// One edit beyond `rounds`: a call that does not count comes first.
    fn new(written: &Written, rounds: usize) -> Result<Self, Fault> {
        let mut other = merged::<P>(written)?;
        let count = u64::try_from(rounds + 1)?;
        let edits = more(count).into_iter().map(|edit| P::write(&mut other, &[edit])).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { document: merged::<P>(written)?, edits: edits.into_iter() })
    }

    fn next(&mut self) -> Result<std::time::Duration, Fault> {
        let bytes = self.edits.next().ok_or("the edits are used up")?;
        timed(|| P::apply(&mut self.document, &bytes))
    }
}

fn against<P: Peer>(written: &Written, rounds: usize) -> Result<Row, Fault> {
    let (mut ours, mut theirs) = (Stream::<Ours>::new(written, rounds)?, Stream::<P>::new(written, rounds)?);
    let times = in_turns(rounds, || ours.next(), || theirs.next())?;
    Ok(Row::new(PATH, P::NAME, times, Reach::AtLeast(1.0)))
}

fn against_check(written: &Written, rounds: usize) -> Result<Row, Fault> {
    let mut ours = Stream::<Ours>::new(written, rounds)?;
    let ops: Vec<SignedOp> =
        ours.edits.as_slice().iter().map(|bytes| SignedOp::decode(bytes)).collect::<Result<_, _>>()?;
    let mut ops = ops.iter();
    let check = || -> Result<_, Fault> {
        let op = ops.next().ok_or("the ops are used up")?;
        let message = [b"vm-op-v0 signature\n", op.id().as_bytes().as_slice()].concat();
        let begun = Instant::now();
        op.head().author.verify(&message, op.signed().signature())?;
        Ok(begun.elapsed())
    };
    let times = in_turns(rounds, || ours.next(), check)?;
    Ok(Row::new(PATH, CHECK, times, Reach::AtMost(1.5)))
}
