//! Intents: the row that authorises an execution, before it begins. `docs/spec/dee-intent.md` is the format.

use serde::{Deserialize, Serialize};
use vm_anchor::VerifiedAnchor;
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::id::{EngineName, LedgerId, RowId, SealId};
use vm_core::record::{StoredRow, SystemKind};
use vm_seal::scroll::line_leaf;
use vm_seal::verify::VerifiedSeal;

use crate::content::{Content, at_most, read, rises, to_bytes};
use crate::error::ContentError;
use crate::policy::IDENTITIES_MAX;
use crate::proposal::ProposalRef;

/// Engine whose scroll tells of executions.
pub const ENGINE: &str = "dee";
/// Format string of a line of that scroll.
pub const LINE_FORMAT: &str = "vm-dee-line-v0";

/// A line of the scroll of engine [`ENGINE`].
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScrollLine {
    /// The engine: `dee`.
    pub engine: EngineName,
    /// Number of the line, from 0.
    pub line: u64,
    /// Its leaf hash.
    pub leaf: LeafHash,
}

/// A seal that covers the proposal and its approvals.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealRef {
    /// The seal.
    pub id: SealId,
    /// SHA-256 of its bundle file.
    pub file: Sha256Digest,
    /// Size of the log that it was made at.
    pub as_of: u64,
}

/// Content of a row that authorises one execution of one proposal. Only `Prepared` of the road makes a row of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The ledger it is for.
    pub ledger: LedgerId,
    /// What is to be executed.
    pub proposal: ProposalRef,
    /// The epoch it is executed in.
    pub epoch: Epoch,
    /// Rows of the approvals counted, rising.
    pub approvals: Vec<RowId>,
    /// The line that tells of it.
    pub scroll: ScrollLine,
    /// The seal that was verified.
    pub seal: SealRef,
    /// Identity of the anchor over that seal which was verified; null where there was none.
    pub anchor: Option<Sha256Digest>,
}

impl Content for Intent {
    const KIND: SystemKind = SystemKind::Intent;

    fn subject(&self) -> Option<RowId> {
        Some(self.proposal.row)
    }

    fn check(&self) -> Result<(), ContentError> {
        at_most("approvals", IDENTITIES_MAX, self.approvals.len())?;
        if rises(&self.approvals) { Ok(()) } else { Err(ContentError::Order { name: "approvals" }) }
    }
}

impl Intent {
    /// Reads a row.
    ///
    /// # Errors
    /// [`ContentError`] names the first fault.
    pub fn of_row(row: &StoredRow) -> Result<Self, ContentError> {
        read(row)
    }

    /// Whether it rests on this seal and, where it names an anchor, on this one: what an auditor asks who has verified
    /// both. An intent that names no anchor rests on none.
    #[must_use]
    pub fn rests_on(&self, seal: &VerifiedSeal, anchor: Option<&VerifiedAnchor>) -> bool {
        let bundle = seal.bundle();
        let named = SealRef { id: bundle.seal_id(), file: seal.file_hash(), as_of: bundle.as_of().as_u64() };
        let stamps = anchor.is_none_or(|anchor| anchor.stamped() == seal.file_hash());
        let is_named = self.anchor == anchor.map(VerifiedAnchor::identity);
        bundle.ledger() == self.ledger && self.seal == named && stamps && is_named
    }
}

/// The line that the scroll of engine [`ENGINE`] must hold before `proposal` is authorised in `epoch`, without its newline:
/// canonical `{"epoch":...,"format":"vm-dee-line-v0","ledger":...,"proposal":{"hash":...,"row":...}}`.
///
/// # Errors
/// [`ContentError::Canonical`] never in practice: there is nothing in it that has no canonical form.
pub fn scroll_line(ledger: LedgerId, epoch: Epoch, proposal: ProposalRef) -> Result<Vec<u8>, ContentError> {
    to_bytes(&serde_json::json!({
        "epoch": epoch, "format": LINE_FORMAT, "ledger": ledger, "proposal": proposal,
    }))
}

pub(crate) fn scroll_leaf(ledger: LedgerId, epoch: Epoch, proposal: ProposalRef) -> Result<LeafHash, ContentError> {
    Ok(line_leaf(&scroll_line(ledger, epoch, proposal)?))
}
