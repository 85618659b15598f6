//! This vault as a witness: it cosigns checkpoints of other logs that grew out of what it cosigned before.

use serde::Serialize;
use vm_core::capability::act;
use vm_core::id::RowId;
use vm_core::key::{CosignerKey, NoteKey};
use vm_ledger::LedgerError;
use vm_seal::error::{CosignatureError, Refusal, WitnessError};
use vm_seal::fork::CheckpointFork;
use vm_seal::witness::{AddCheckpoint, UnixSeconds, Witness, WitnessRow};

use crate::error::{VaultError, WitnessFault};
use crate::vault::Vault;
use crate::witness::shown_time;

/// A checkpoint that was cosigned, and is on record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Cosigned {
    /// The log.
    pub origin: String,
    /// Its size.
    pub size: u64,
    /// When, by this machine's clock.
    pub at: String,
    /// The line for the log's note, as C2SP tlog-witness answers with it.
    pub cosignature: String,
    /// The row that recorded it.
    pub row: RowId,
}

/// What came of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CosignAnswer {
    /// It was granted.
    Cosigned(Cosigned),
    /// The log was forked, and this proves it. Nothing was cosigned.
    Forked(Box<CheckpointFork>),
}

impl Vault {
    /// The key that verifies what this vault cosigns: its log key, under its origin.
    ///
    /// # Errors
    /// [`VaultError::Ledger`] never in practice.
    pub fn cosigner(&self) -> Result<CosignerKey, VaultError> {
        Ok(self.ledger.cosigner()?)
    }

    /// Cosigns the checkpoint of a request, once the row about it is durable. `log` is the log's key, from elsewhere; where it
    /// is absent, that of the last checkpoint that was cosigned of the log.
    ///
    /// # Errors
    /// [`WitnessFault::NoKey`], [`WitnessFault::Refused`]; [`VaultError::Token`] where the holder may not seal;
    /// [`VaultError::Ledger`] where what was cosigned before cannot be read, or the row not be written.
    pub fn cosign(&mut self, request: &AddCheckpoint, log: Option<&NoteKey>) -> Result<CosignAnswer, VaultError> {
        let origin = request.claimed().origin();
        let mut state = self.ledger.snapshot()?.witnessed()?;
        let Some(key) = log.or_else(|| state.key(origin)).cloned() else {
            return Err(WitnessFault::NoKey { origin: origin.to_owned() }.into());
        };
        state.trust(key.clone());
        let signer = self.log_identity()?;
        let mut witness = Witness::new(self.ledger_id().origin(), signer, state).map_err(VaultError::Key)?;
        let headers = self.headers();
        let (permit, now) = (self.permit::<act::Seal>()?, self.now());
        let at = UnixSeconds::of(now).map_err(WitnessFault::Cosignature)?;
        let mut row = None;
        let ledger = &mut self.ledger;
        let cosigner = witness.key().clone();
        let answer = witness.add_checkpoint(request, at, |latest| {
            let by_us = |line: &&vm_core::key::NoteSignature| {
                line.key_hash() == cosigner.hash() && line.name() == cosigner.name()
            };
            let absent =
                || WitnessFault::Cosignature(CosignatureError::NotCosigned { name: cosigner.name().to_owned() });
            let line = latest.note().signatures().iter().find(by_us).ok_or_else(absent)?.clone();
            let content = WitnessRow::new(key, request, line).map_err(LedgerError::Witness)?;
            row = Some(ledger.record_witnessed(&permit, headers, &content, now)?.row_id);
            Ok::<_, VaultError>(())
        });
        match (answer, row) {
            (Ok(line), Some(row)) => Ok(CosignAnswer::Cosigned(Cosigned {
                origin: origin.to_owned(),
                size: request.claimed().size().as_u64(),
                at: shown_time(at),
                cosignature: format!("{line}\n"),
                row,
            })),
            (Ok(_), None) => Err(VaultError::Ledger(LedgerError::OutcomeUnknown)),
            (Err(WitnessError::Refused(refusal)), _) => refused(refusal),
            (Err(WitnessError::Store(VaultError::Ledger(LedgerError::WitnessRefused(refusal)))), _) => refused(refusal),
            (Err(WitnessError::Store(error)), _) => Err(error),
            (Err(_), _) => Err(VaultError::Ledger(LedgerError::OutcomeUnknown)),
        }
    }
}

fn refused(refusal: Refusal) -> Result<CosignAnswer, VaultError> {
    match refusal {
        Refusal::Forked(fork) => Ok(CosignAnswer::Forked(fork)),
        other => Err(WitnessFault::Refused(other).into()),
    }
}
