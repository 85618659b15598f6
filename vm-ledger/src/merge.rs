//! Receipts of merges with peers. What a receipt says is for `vm-crdt` to read; here it is canonical JSON about a graph.

use serde_json::Value;
use vm_core::canonical;
use vm_core::capability::{Permit, act};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::record::{Appended, LogEntry, RowHeader, SystemKind};
use vm_core::view::{RowState, Visit};

use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::lookup::as_logged;
use crate::snapshot::Snapshot;
use crate::system::draft;

/// The member of a receipt that names its graph.
const GRAPH: &str = "graph";

impl Ledger {
    /// Records the receipt of a merge, which the caller signed. The first of a ledger is announced by a row with the header
    /// `announcement`.
    ///
    /// # Errors
    /// [`LedgerError::Permit`], [`LedgerError::Store`].
    pub fn record_merge(
        &mut self,
        permit: &Permit<act::Record>,
        [announcement, header]: [RowHeader; 2],
        receipt: &Value,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_record(permit, now)?;
        let row = draft(header, SystemKind::Merge, None, None, receipt)?;
        let _lock = self.lock(now)?;
        let rows = self.record_all(permit, announcement, now, vec![row])?;
        rows.into_iter().next().ok_or(LedgerError::OutcomeUnknown)
    }
}

impl Snapshot {
    /// The last receipt of a merge of `graph`, as it was recorded; none where none was. Cost: reads and hashes each receipt
    /// of the ledger once.
    ///
    /// # Errors
    /// [`LedgerError::LogAltered`] where a row of a receipt, of whatever graph, is not what the log has of it;
    /// [`LedgerError::Canonical`] where one is no JSON; [`LedgerError::View`].
    pub fn last_merge(&self, graph: Sha256Digest) -> Result<Option<Value>, LedgerError> {
        let graph = graph.to_hex();
        let (mut last, mut fault) = (None, None);
        self.visit_kind(SystemKind::Merge.as_str(), &mut |entry, state| {
            match receipt_of(&entry, state) {
                Ok(receipt) if receipt.get(GRAPH).and_then(Value::as_str) == Some(&*graph) => last = Some(receipt),
                Ok(_) => {}
                Err(error) => fault = Some(error),
            }
            Ok(if fault.is_none() { Visit::Continue } else { Visit::Stop })
        })?;
        match fault {
            Some(fault) => Err(fault),
            None => Ok(last),
        }
    }
}

/// The receipt in a row that is what the log has of it. One that was altered may have been about any graph.
fn receipt_of(entry: &LogEntry, state: RowState) -> Result<Value, LedgerError> {
    let reason = "a row about a merge is not in it";
    let row = as_logged(entry, state, reason)?;
    let json = row.text("meta_json").ok_or(LedgerError::LogAltered { reason })?;
    canonical::parse(json.as_bytes(), canonical::BYTES_MAX).map_err(LedgerError::Canonical)
}
