//! Merges with peers, as the ledger has them: the last of each graph.

use vm_crdt::{GraphId, MergeReceipt};
use vm_ledger::{LedgerError, Snapshot};

use crate::error::{MergeFault, VaultError};
use crate::read::Reader;

impl Reader {
    /// The receipt of the last merge of `graph`, as the log has it; none where none was recorded. Cost: reads and hashes each
    /// receipt of the ledger, and one signature.
    ///
    /// # Errors
    /// [`VaultError::Ledger`] where a row of a receipt was altered; [`MergeFault::Receipt`] where the last of the graph does not
    /// hold, or is of a format that this build does not know.
    pub fn last_merge(&self, graph: GraphId) -> Result<Option<MergeReceipt>, VaultError> {
        last_merge(self.view(), graph)
    }
}

/// The receipt of the last merge of `graph`.
pub(crate) fn last_merge(snapshot: &Snapshot, graph: GraphId) -> Result<Option<MergeReceipt>, VaultError> {
    let Some(value) = snapshot.last_merge(graph.digest())? else { return Ok(None) };
    let bytes = vm_core::canonical::to_bytes(&value).map_err(LedgerError::Canonical)?;
    Ok(Some(MergeReceipt::parse(&bytes).map_err(MergeFault::Receipt)?))
}
