//! Shadow receipts.

use std::sync::LazyLock;

use vm_core::record::{Cell, StoredRow};
use vm_shadow::counterfactual::Counterfactual;

use crate::capability::ledger;

/// Leaf data of a receipt that was signed, once.
const SIGNED: &[u8] = include_bytes!("../../seeds/shadow_receipt/signed");
static RECEIPT: LazyLock<StoredRow> = LazyLock::new(|| StoredRow::parse_leaf_data(SIGNED).expect("the receipt reads"));
/// The one column that the observer does not sign, beside the signature: the token that the row is recorded under.
const UNSIGNED: &str = "capability_hash";

/// A receipt in a row is believed only if every signed column is what its observer signed; a description that is read has
/// one canonical form.
pub fn shadow_receipt(data: &[u8]) {
    if let Ok(described) = Counterfactual::parse(data) {
        assert_eq!(Counterfactual::parse(described.as_json().as_bytes()), Ok(described));
    }
    let Ok(row) = StoredRow::parse_leaf_data(data) else { return };
    let (report, receipt) = vm_shadow::verify::check(&row, ledger());
    assert_eq!(receipt.is_some(), report.findings().is_empty());
    if receipt.is_some() {
        let signed = |row: &StoredRow| -> Vec<(&'static str, Cell)> {
            let cells = row.cells().filter(|(name, _)| *name != UNSIGNED);
            cells.map(|(name, cell)| (name, cell.into())).collect()
        };
        assert_eq!(signed(&row), signed(&RECEIPT), "believed a receipt that was never signed");
    }
}
