//! Checkpoints of other logs that this vault cosigned: judged and recorded in one breath, so that no two processes cosign two
//! histories.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension as _;
use vm_core::capability::{Permit, act};
use vm_core::digest::LeafHash;
use vm_core::instant::Instant;
use vm_core::key::{CosignerKey, Note};
use vm_core::record::{Appended, LogEntry, RowHeader, SystemKind};
use vm_core::view::{RowState, Visit};
use vm_seal::witness::{WITNESS_ROW_FORMAT, WitnessRow, WitnessState};

use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::lookup;
use crate::snapshot::Snapshot;
use crate::system::{SEALS, draft};

impl Ledger {
    /// Records that a checkpoint of another log was cosigned with the ledger's log key. The request is judged again behind what
    /// is recorded, under the writers' lock; the cosignature may be given out once this returned. The first row of a ledger
    /// is announced by one with the header `announcement`.
    ///
    /// # Errors
    /// [`LedgerError::WitnessRefused`] by the rules of C2SP tlog-witness, also where another process cosigned meanwhile;
    /// [`LedgerError::Witness`] where log or ledger did not sign, or a recorded row is malformed; [`LedgerError::Permit`],
    /// [`LedgerError::Store`].
    pub fn record_witnessed(
        &mut self,
        permit: &Permit<act::Seal>,
        [announcement, header]: [RowHeader; 2],
        row: &WitnessRow,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_act(permit, SEALS, now)?;
        let _lock = self.lock(now)?;
        self.refresh()?;
        let cosigned = row.latest(&self.cosigner()?).map_err(LedgerError::Witness)?;
        let mut state = self.snapshot()?.witnessed()?;
        state.trust(row.log().clone());
        state.judge(row.request()).map_err(LedgerError::WitnessRefused)?;
        if let Some(last) =
            state.latest(row.log().name()).map(|latest| latest.at()).filter(|last| cosigned.at() < *last)
        {
            let refusal = vm_seal::error::Refusal::ClockBehind { last, now: cosigned.at() };
            return Err(LedgerError::WitnessRefused(refusal));
        }
        let draft = draft(header, SystemKind::WitnessCheckpoint, None, None, &row.to_value())?;
        self.record(permit, Some((announcement, WITNESS_ROW_FORMAT)), draft, now)
    }

    /// The key that verifies what this ledger cosigns: its log key, under the ledger's own origin.
    ///
    /// # Errors
    /// [`LedgerError::Key`] never in practice: an origin can name a key.
    pub fn cosigner(&self) -> Result<CosignerKey, LedgerError> {
        CosignerKey::new(self.id.origin(), self.force.keys().current()).map_err(LedgerError::Key)
    }
}

impl Snapshot {
    /// The signed checkpoint stored for exactly `size` entries.
    ///
    /// # Errors
    /// As [`Snapshot::checkpoint`].
    pub fn checkpoint_at(&self, size: u64) -> Result<Option<Note>, LedgerError> {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let sql = "SELECT note FROM checkpoints WHERE size = ?1";
        let text: Option<String> = self.conn().prepare_cached(sql)?.query_row([size], |row| row.get(0)).optional()?;
        text.map(|text| lookup::parse_note(&text)).transpose()
    }

    /// What the vault knows of logs as their witness: of each the last row about it. Cost: reads each such row once, and two
    /// signatures a log.
    ///
    /// # Errors
    /// [`LedgerError::Witness`] where a row is malformed, or not signed as it must be.
    pub fn witnessed(&self) -> Result<WitnessState, LedgerError> {
        let mut last: BTreeMap<String, (u64, WitnessRow)> = BTreeMap::new();
        let mut fault = None;
        self.visit_kind(SystemKind::WitnessCheckpoint.as_str(), &mut |entry, state| {
            match as_logged(&entry, &state) {
                Ok(row) => drop(last.insert(row.log().name().to_owned(), (entry.seq, row))),
                Err(error) => fault = Some(error),
            }
            Ok(if fault.is_none() { Visit::Continue } else { Visit::Stop })
        })?;
        if let Some(fault) = fault {
            return Err(fault);
        }
        let (keys, mut state) = (self.keys()?, WitnessState::default());
        for (seq, row) in last.values() {
            // What is recorded at a place was cosigned with the key that was in force before it.
            let cosigner = CosignerKey::new(keys.ledger().origin(), keys.key_at(*seq)).map_err(LedgerError::Key)?;
            state.restore(row.latest(&cosigner).map_err(LedgerError::Witness)?);
        }
        Ok(state)
    }
}

/// The content of a row that is what the log has of it: one that was altered would let a fork be cosigned.
fn as_logged(entry: &LogEntry, state: &RowState) -> Result<WitnessRow, LedgerError> {
    let altered = LedgerError::LogAltered { reason: "a row about a cosigned checkpoint is not in it" };
    let RowState::Present(row) = state else { return Err(altered) };
    if LeafHash::of(&row.leaf_data().map_err(LedgerError::Record)?) != entry.leaf {
        return Err(altered);
    }
    WitnessRow::of_row(row).map_err(LedgerError::Witness)?.ok_or(altered)
}
