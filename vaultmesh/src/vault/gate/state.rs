//! Proposals as they stand.

use serde::Serialize;
use vm_core::digest::Sha256Digest;
use vm_core::epoch::Epoch;
use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_core::key::PublicKey;
use vm_core::record::SystemKind;
use vm_dee::{Change, Gate, Proposal, ProposalHash, Risk, Signed, Stage};

use crate::error::{GateError, VaultError};
use crate::read::Reader;

/// A proposal and how far it has come.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ProposalState {
    /// Its row.
    pub proposal: RowId,
    /// What it hashes to.
    pub hash: ProposalHash,
    /// How far it has come: proposed, replayed, approved, authorised, voided, how it ended, or forgotten where that was long
    /// ago.
    pub stage: &'static str,
    /// What should change.
    pub change: Change,
    /// Digest of the one command that may do it; none where no command may.
    pub command: Option<Sha256Digest>,
    /// How much is at stake.
    pub risk: Risk,
    /// The epoch it is for.
    pub epoch: Epoch,
    /// Who proposed it.
    pub proposer: PublicKey,
    /// From then on it may no longer be authorised.
    pub expires: Instant,
    /// How many must approve, while it is open.
    pub quorum: Option<u32>,
    /// Whether the seal must be anchored, while it is open.
    pub anchor: Option<bool>,
}

/// The word for a stage.
#[must_use]
pub const fn word(stage: Option<Stage>) -> &'static str {
    match stage {
        Some(Stage::Proposed) => "proposed",
        Some(Stage::Replayed) => "replayed",
        Some(Stage::Approved) => "approved",
        Some(Stage::Voided) => "voided",
        Some(Stage::Authorised { .. }) => "authorised",
        Some(Stage::Ended(end)) => end.as_str(),
        _ => "forgotten",
    }
}

impl Reader {
    /// The gate: policy and epoch in force, and the stage of each proposal.
    ///
    /// # Errors
    /// [`VaultError::Gate`] where a row of it cannot be read, or should not be there.
    pub fn gate(&self) -> Result<Gate, VaultError> {
        Ok(super::fold(self.view())?)
    }

    /// All proposals, in the order of the log, as they stand at `now`.
    ///
    /// # Errors
    /// As [`Reader::gate`].
    pub fn proposals(&self, now: Instant) -> Result<Vec<ProposalState>, VaultError> {
        let gate = self.gate()?;
        let mut rows = Vec::new();
        self.visit_kind(SystemKind::Proposal.as_str(), &mut |logged| rows.push(logged.row))?;
        let state = |row| {
            let proposal = Signed::<Proposal>::of_row(&row).map_err(GateError::Content)?;
            let (hash, content) = (proposal.hash().map_err(GateError::Content)?, proposal.content());
            let requirement = gate.requirement(content.row).ok();
            Ok(ProposalState {
                proposal: content.row,
                hash,
                stage: word(gate.stage(content.row, now)),
                change: content.change.clone(),
                command: content.named_command(),
                risk: content.risk,
                epoch: content.epoch,
                proposer: content.proposer,
                expires: content.expires,
                quorum: requirement.as_ref().map(|requirement| requirement.quorum),
                anchor: requirement.map(|requirement| requirement.anchor),
            })
        };
        rows.into_iter().map(state).collect()
    }
}
