//! Merges with peers, as the ledger has them: the last of each graph, and the audit of all.

use std::collections::BTreeSet;

use serde_json::Value;
use vm_core::canonical;
use vm_core::capability::InForce;
use vm_core::key::PublicKey;
use vm_core::record::{Genesis, LogEntry, StoredRow, SystemKind};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{RowState, Visit};
use vm_crdt::merge::FORMAT;
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
    let bytes = canonical::to_bytes(&value).map_err(LedgerError::Canonical)?;
    Ok(Some(MergeReceipt::parse(&bytes).map_err(MergeFault::Receipt)?))
}

/// Whose word on a merge is the ledger's: keys that hold a token which a row before issued. Once one does it always did.
struct Operators {
    in_force: InForce,
    known: BTreeSet<PublicKey>,
}

impl Operators {
    fn admit(&mut self, operator: &PublicKey) -> Result<(), MergeFault> {
        if !self.known.contains(operator) {
            check_holder(&self.in_force, operator)?;
            self.known.insert(*operator);
        }
        Ok(())
    }
}

/// Whether a token was issued to the operator's key.
pub(crate) fn check_holder(in_force: &InForce, operator: &PublicKey) -> Result<(), MergeFault> {
    let holds = in_force.tokens().any(|(_, grant)| grant.holder == *operator);
    if holds { Ok(()) } else { Err(MergeFault::NotHolder { operator: *operator }) }
}

/// Judges each receipt of a merge that the ledger holds. Of a ledger that holds none nothing is said. Cost: one signature a
/// receipt, and where there is one, those of the ledger's tokens.
pub(crate) fn audit(reader: &Reader) -> Result<Report, VaultError> {
    let (mut report, mut rows) = (Report::new(), 0_u64);
    let find_one = &mut |_, _| {
        rows = 1;
        Ok(Visit::Stop)
    };
    reader.view().visit_kind(SystemKind::Merge.as_str(), find_one).map_err(VaultError::View)?;
    if rows == 0 {
        return Ok(report);
    }
    rows = 0;
    let begin = |genesis: Genesis| Operators {
        in_force: InForce::new(reader.ledger(), genesis.root_key()),
        known: BTreeSet::new(),
    };
    let mut operators = reader.genesis().map(begin);
    let visit = &mut |entry: LogEntry, row| {
        // What is not there, or is not as it was logged, the audit of the rows tells.
        let RowState::Present(row) = row else { return Ok(Visit::Continue) };
        if SystemKind::of_row(&row) == Some(SystemKind::Merge) {
            rows += 1;
            let (code, found) = match (read(&row), &mut operators) {
                (Err(fault), _) => fault,
                (Ok(_), Err(error)) => (Code::EvidenceUnreadable, error.code().to_owned()),
                (Ok(receipt), Ok(operators)) => match operators.admit(receipt.operator()) {
                    Ok(()) => return Ok(Visit::Continue),
                    Err(fault) => (Code::MergeBroken, fault.code().to_owned()),
                },
            };
            report.find(Finding::new(code, format!("row proof_artifacts/{}", entry.row_id)).found(found));
        } else if let Ok(operators) = &mut operators {
            // A chain that does not hold issues nothing; the audit of the rows finds it.
            let _ = operators.in_force.apply(&row);
        }
        Ok(Visit::Continue)
    };
    let kinds = [SystemKind::Capability, SystemKind::Merge];
    reader.view().visit_kinds(&kinds, 0, visit).map_err(VaultError::View)?;
    report.checked(format!("receipts of merges: {rows}"));
    Ok(report)
}

/// The receipt in a row, or what is to be told of it.
fn read(row: &StoredRow) -> Result<MergeReceipt, (Code, String)> {
    let json = row.text("meta_json").unwrap_or_default();
    let value = canonical::parse(json.as_bytes(), canonical::BYTES_MAX).ok();
    match value.as_ref().and_then(|value| value.get("format")).and_then(Value::as_str) {
        // Another format has other members, so what they are is not asked first.
        Some(found) if found != FORMAT => Err((Code::FormatUnknown, found.chars().take(64).collect())),
        _ => MergeReceipt::parse(json.as_bytes()).map_err(|error| (Code::MergeBroken, error.code().to_owned())),
    }
}
