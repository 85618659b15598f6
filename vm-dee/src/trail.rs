//! What an execution rests on: the rows that its seal must cover, and the scroll that tells of it. Whoever makes an intent
//! and whoever audits one ask the same.

use vm_core::id::LedgerId;
use vm_core::key::{KeyHistory, KeyStanding, PublicKey};
use vm_core::record::Table;
use vm_seal::bundle::SealBundle;
use vm_seal::digest::ScrollRoot;
use vm_seal::merkle::LeafIndex;
use vm_seal::selection::Scope;

use crate::error::RoadError;
use crate::gate::RowPlace;
use crate::intent::ENGINE;

/// Rows that one seal of the ledger must cover. Made by [`Gate`](crate::Gate) alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trail {
    pub(crate) ledger: LedgerId,
    pub(crate) keys: KeyHistory,
    pub(crate) rows: Vec<RowPlace>,
}

impl Trail {
    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[RowPlace] {
        &self.rows
    }

    /// Checks what a seal says of itself: that it is of this ledger and by its key, and covers every row. Whether it holds
    /// against the log is for whoever verifies it.
    ///
    /// # Errors
    /// [`RoadError::OtherSeal`] or [`RoadError::SealDoesNotCover`].
    pub fn check_seal(&self, bundle: &SealBundle) -> Result<(), RoadError> {
        let signer = bundle.signer();
        if bundle.ledger() != self.ledger || !self.is_key(signer.name(), signer.public(), bundle.as_of().as_u64()) {
            return Err(RoadError::OtherSeal);
        }
        let selection = bundle.digest().selection();
        let covers_all = selection.kinds().contains(&Table::ProofArtifacts)
            && self.rows.iter().all(|row| covers(bundle.as_of().as_u64(), selection.scope(), row));
        if covers_all { Ok(()) } else { Err(RoadError::SealDoesNotCover) }
    }

    /// Whether this is the key that signs the ledger's checkpoints of this size. A stolen key's seal is nothing to act on.
    pub(crate) fn is_key(&self, name: &str, key: PublicKey, size: u64) -> bool {
        name == self.ledger.origin() && self.keys.judge(key, size) == KeyStanding::Good
    }
}

fn covers(as_of: u64, scope: &Scope, row: &RowPlace) -> bool {
    row.seq < as_of
        && match scope {
            Scope::TimeWindow { since, until } => {
                since.is_none_or(|since| since <= row.ts) && until.is_none_or(|until| row.ts < until)
            }
            Scope::TraceSet(traces) => traces.contains(&row.trace),
        }
}

/// The scroll of engine [`ENGINE`] as a seal records it, where it holds this line.
///
/// # Errors
/// [`RoadError::ScrollNotSealed`].
pub fn sealed_scroll(bundle: &SealBundle, line: LeafIndex) -> Result<&ScrollRoot, RoadError> {
    let scroll = bundle.digest().scrolls().iter().find(|scroll| scroll.engine.as_str() == ENGINE);
    scroll.filter(|scroll| scroll.size.holds(line)).ok_or(RoadError::ScrollNotSealed { line: line.as_u64() })
}
