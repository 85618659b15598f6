//! What a process that is gone left undone: executions without an outcome, proposals whose time is over, a change of epoch
//! without its seal.

use serde::Serialize;
use vm_core::id::SealId;
use vm_core::record::{SystemKind, Table};
use vm_dee::error::Violation;
use vm_dee::{Outcome, Trail};
use vm_seal::selection::Selection;

use crate::error::{GateError, VaultError};
use crate::read::Reader;
use crate::vault::Vault;
use crate::vault::gate::anchored::read_seal;
use crate::vault::gate::execute::Executed;
use crate::vault::gate::policy::fold_now;

/// What was made up for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Recovered {
    /// Proposals that ended.
    pub ended: Vec<Executed>,
    /// The seal of the last change of epoch, where that had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal: Option<SealId>,
}

impl Vault {
    /// Records of executions whose process is gone that nobody knows what became of them, and of proposals whose time or epoch
    /// went by that they expired; seals the last change of epoch where no seal covers it. Nothing is run.
    ///
    /// # Errors
    /// [`GateError::Running`] where an execution is running.
    pub fn gate_recover(&mut self) -> Result<Recovered, VaultError> {
        let _lock = self.execution_lock()?;
        let mut ended = self.record_unknown()?;
        let gate = fold_now(self)?;
        for reference in gate.open() {
            match self.record_outcome(&Outcome::expired(gate.ledger(), reference)) {
                Ok(executed) => ended.push(executed),
                // It is not over, or another process has ended it meanwhile.
                Err(VaultError::Gate(GateError::Refused(
                    Violation::NotExpired | Violation::Taken { .. } | Violation::Unknown { .. },
                ))) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Recovered { ended, seal: self.seal_change()? })
    }

    /// The caller holds the execution lock, so that whoever was authorised is gone.
    pub(super) fn record_unknown(&mut self) -> Result<Vec<Executed>, VaultError> {
        let unfinished = fold_now(self)?.unfinished();
        unfinished.iter().map(|unfinished| self.record_outcome(&unfinished.unknown())).collect()
    }

    /// Seals the last change of epoch, unless a seal covers it.
    pub(super) fn seal_change(&mut self) -> Result<Option<SealId>, VaultError> {
        let change = fold_now(self)?.change_trail();
        match change {
            Some(change) if !self.is_sealed(&change)? => {
                let traces = change.rows().iter().map(|at| at.trace);
                Ok(Some(self.seal(Selection::traces(traces, &[Table::ProofArtifacts])?)?.seal_id))
            }
            _ => Ok(None),
        }
    }

    fn is_sealed(&self, trail: &Trail) -> Result<bool, VaultError> {
        let reader = Reader::open(&self.place)?;
        let mut is_sealed = false;
        reader.visit_kind(SystemKind::Seal.as_str(), &mut |logged| {
            is_sealed |= read_seal(&reader, &logged).is_some_and(|bundle| trail.check_seal(&bundle).is_ok());
        })?;
        Ok(is_sealed)
    }
}
