//! Withholding: a proposal that is not executed, and the shadow receipt that says why.

use serde::Serialize;
use serde_json::json;
use vm_core::capability::act;
use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_dee::Outcome;
use vm_ledger::LedgerError;

use crate::error::{GateError, VaultError};
use crate::vault::gate::receipt::horizon;
use crate::vault::input::{Common, RecordInput, ShadowInput};
use crate::vault::{Recorded, Vault};

/// A proposal that was withheld.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Withheld {
    /// Its outcome.
    pub outcome: Recorded,
    /// The shadow receipt beside it.
    pub receipt: Recorded,
}

impl Vault {
    /// Holds the proposal in `row` back for good. The receipt says why and commits to what was not done; both rows are
    /// appended together or neither.
    ///
    /// # Errors
    /// [`VaultError::Gate`] where it is authorised already, or has ended.
    pub fn withhold(&mut self, row: RowId, reason: &str) -> Result<Withheld, VaultError> {
        let permit = self.permit::<act::Record>()?;
        let (proposal, trace) = self.proposal(row)?;
        let reference = proposal.reference().map_err(GateError::Content)?;
        let input = ShadowInput {
            common: Common { trace_id: Some(trace), ts: None::<Instant>, ..Common::default() },
            horizon: horizon(reference),
            counterfactual: json!({ "proposal": reference, "change": proposal.content().change }),
            entropy_delta: 0.0,
            reason: reason.to_owned(),
            meta: None,
        };
        let receipt = self.split().0.draft(RecordInput::Shadow(input))?;
        let stored = receipt.complete(Some(permit.capability())).map_err(VaultError::Record)?;
        let unsound = |_| VaultError::Input { reason: "the shadow receipt does not verify".to_owned() };
        let verified = vm_shadow::verify(&stored, self.ledger.id()).map_err(unsound)?;
        let leaf = stored.leaf_hash().map_err(VaultError::Record)?;
        let outcome = Outcome::withheld(self.ledger.id(), reference, &verified, leaf).map_err(GateError::Content)?;
        let header = self.header_of(trace);
        let outcome = outcome.draft(header).map_err(GateError::Content)?;
        let appended = self.decide(&permit, trace, vec![receipt, outcome])?;
        let [receipt, outcome] =
            <[_; 2]>::try_from(appended).map_err(|_| VaultError::Ledger(LedgerError::OutcomeUnknown))?;
        Ok(Withheld { outcome: Recorded::of_system(outcome), receipt: Recorded::of_system(receipt) })
    }
}
