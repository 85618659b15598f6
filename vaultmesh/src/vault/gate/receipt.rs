//! The shadow receipt that a withheld outcome names. Whoever writes and whoever audits ask the same of it.

use vm_core::record::Table;
use vm_core::view::LoggedRow;
use vm_dee::Outcome;
use vm_dee::proposal::{Evidence, ProposalRef};

/// Horizon of the receipts of a proposal that is withheld.
pub(super) fn horizon(proposal: ProposalRef) -> String {
    format!("dee/{}", proposal.row)
}

/// Why `logged` is not the receipt that the outcome at place `seq` needs. What it commits to is for whoever has its opening.
pub(super) fn receipt_fault(
    outcome: &Outcome,
    receipt: Evidence,
    seq: u64,
    logged: Option<&LoggedRow>,
) -> Option<&'static str> {
    let Some(logged) = logged.filter(|logged| logged.entry.leaf == receipt.leaf) else {
        return Some("its receipt is not recorded");
    };
    if logged.entry.table != Table::ShadowReceipts {
        return Some("what it names as its receipt is none");
    }
    if logged.entry.seq >= seq {
        return Some("its receipt was not recorded before it");
    }
    match vm_shadow::verify(&logged.row, outcome.ledger()) {
        Err(_) => Some("its receipt is not signed as it stands"),
        Ok(receipt) if receipt.horizon_id() != horizon(outcome.proposal()) => {
            Some("its receipt belongs to another decision")
        }
        Ok(_) => None,
    }
}
