//! Receipts of merges with peers, signed by the operator and recorded.

use vm_core::canonical;
use vm_core::capability::act;
use vm_core::id::RowId;
use vm_crdt::merge::RECEIPT_MAX;
use vm_crdt::{GraphId, Merge, MergeReceipt};

use crate::error::{MergeFault, VaultError};
use crate::keys::Role;
use crate::merge;
use crate::vault::Vault;

/// A merge whose receipt is on record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    /// The row that recorded it.
    pub row: RowId,
    /// Its place in the log.
    pub seq: u64,
    /// The receipt, signed by the operator.
    pub receipt: MergeReceipt,
}

impl Vault {
    /// Signs a merge as this vault's operator and records the receipt, which is durable once this returned.
    ///
    /// # Errors
    /// [`MergeFault::NotHolder`] where the operator's key holds no token of this ledger; [`MergeFault::Receipt`] where the merge
    /// has heads that no receipt may have; [`VaultError::Token`] where the holder may not record; [`VaultError::KeyMissing`];
    /// [`VaultError::Ledger`]. Nothing was recorded.
    pub fn record_merge(&mut self, merge: Merge) -> Result<Merged, VaultError> {
        let identity = self.keys.identity(Role::Operator)?;
        // A token once issued stays issued, so what holds here holds where the row is written.
        merge::check_holder(self.ledger.refresh()?, &identity.public())?;
        let bytes = merge.sign(&identity).to_bytes();
        // Fields can be set at will; what is recorded is what an audit reads.
        let receipt = MergeReceipt::parse(&bytes).map_err(MergeFault::Receipt)?;
        let value = canonical::parse_exact(&bytes, RECEIPT_MAX).map_err(VaultError::Canonical)?;
        let headers = self.headers();
        let (permit, now) = (self.permit::<act::Record>()?, self.now());
        let appended = self.ledger.record_merge(&permit, headers, &value, now)?;
        Ok(Merged { row: appended.row_id, seq: appended.seq, receipt })
    }

    /// The receipt of the last merge of `graph`, as the log has it; none where none was recorded. Cost: reads and hashes each
    /// receipt of the ledger, and one signature.
    ///
    /// # Errors
    /// As [`Reader::last_merge`](crate::read::Reader::last_merge).
    pub fn last_merge(&self, graph: GraphId) -> Result<Option<MergeReceipt>, VaultError> {
        merge::last_merge(&self.ledger.snapshot()?, graph)
    }
}
