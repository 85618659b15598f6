//! Checking receipts.

use vm_core::digest::Commitment;
use vm_core::error::RecordError;
use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{PublicKey, Signature};
use vm_core::record::{Correction, StoredRow, Table};
use vm_core::redact::Opening;
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{EvidenceView, RowFilter, RowScope, RowState, ViewError, Visit};

use crate::counterfactual::Counterfactual;
use crate::error::ShadowError;
use crate::statement::{Statement, blob, fault};

/// A receipt whose observer signed it, as it stands, for its ledger. Made by [`verify`] alone.
///
/// Texts are as stored: a text that was not kept is the canonical JSON of its commitment.
#[derive(Clone, PartialEq, Debug)]
pub struct VerifiedReceipt {
    statement: Statement,
}

impl VerifiedReceipt {
    /// The ledger it was signed for.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.statement.ledger
    }

    /// Id of its row.
    #[must_use]
    pub const fn id(&self) -> RowId {
        self.statement.row
    }

    /// Time that the observer gave it.
    #[must_use]
    pub const fn ts(&self) -> Instant {
        self.statement.ts
    }

    /// Chain of work.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.statement.trace_id
    }

    /// The row that it corrects.
    #[must_use]
    pub const fn corrects(&self) -> Option<Correction> {
        self.statement.corrects
    }

    /// The decision it belongs to, as stored.
    #[must_use]
    pub fn horizon_id(&self) -> &str {
        &self.statement.horizon_id
    }

    /// Commitment to the path that was not taken.
    #[must_use]
    pub const fn counterfactual_hash(&self) -> Commitment {
        self.statement.counterfactual_hash
    }

    /// Drift or uncertainty signal; policy gives it unit and meaning. Finite.
    #[must_use]
    pub const fn entropy_delta(&self) -> f64 {
        self.statement.entropy_delta
    }

    /// Why the path was not taken, as stored.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.statement.reason
    }

    /// Redacted metadata, as canonical JSON.
    #[must_use]
    pub fn meta_json(&self) -> Option<&str> {
        self.statement.meta.as_deref()
    }

    /// Key that signed. Whose it is, and whether their word counts, is for whoever relies on the receipt.
    #[must_use]
    pub const fn observer(&self) -> PublicKey {
        self.statement.observer
    }

    /// Whether `opening` shows that `counterfactual` is the path this receipt is about.
    #[must_use]
    pub fn is_about(&self, counterfactual: &Counterfactual, opening: &Opening) -> bool {
        counterfactual.opens(self.id(), &self.statement.counterfactual_hash, opening)
    }
}

/// Checks that `row` is a shadow receipt and that its observer signed it, as it stands, for `ledger`. The capability
/// it was recorded under is not the observer's to sign; the row's leaf covers it. Cost: one strict signature check.
///
/// # Errors
/// [`ShadowError`] names the first fault.
pub fn verify(row: &StoredRow, ledger: LedgerId) -> Result<VerifiedReceipt, ShadowError> {
    if row.table() != Table::ShadowReceipts {
        return Err(ShadowError::WrongTable { expected: Table::ShadowReceipts, found: row.table() });
    }
    let statement = Statement::of(row, ledger)?;
    let signature = blob(row, "observer_signature")?;
    let signature = <[u8; 64]>::try_from(signature).map_err(|_| fault("observer_signature"))?;
    let message = statement.to_bytes().map_err(|error| ShadowError::Record(RecordError::Canonical(error)))?;
    statement.observer.verify(&message, &Signature::from_bytes(signature)).map_err(ShadowError::Key)?;
    Ok(VerifiedReceipt { statement })
}

/// Checks a row as [`verify`] does and answers with a report, to be merged with those of other checks: a receipt that
/// does not hold is `receipt-invalid`; a row of another table is not checked at all.
#[must_use]
pub fn check(row: &StoredRow, ledger: LedgerId) -> (Report, Option<VerifiedReceipt>) {
    let mut report = Report::new();
    let verified = check_into(row, ledger, &mut report);
    if row.table() == Table::ShadowReceipts {
        report.checked(format!("{}: signature of the observer", subject(row)));
    }
    (report, verified)
}

/// Checks every receipt that the log of `view` names. That rows are there and unaltered is for the audit of `vm-seal`;
/// a row that is not there or cannot be read is named here too, since its receipt was not checked. Cost: one strict
/// signature check a receipt.
///
/// # Errors
/// [`ViewError`] where the view could not answer.
pub fn check_all(view: &dyn EvidenceView) -> Result<Report, ViewError> {
    let ledger = view.ledger()?;
    let filter = RowFilter {
        tables: vec![Table::ShadowReceipts],
        scope: RowScope::Window { since: None, until: None },
        as_of: view.size()?,
    };
    let (mut report, mut count) = (Report::new(), 0_u64);
    view.visit_matching(&filter, &mut |entry, state| {
        let subject = format!("row {}/{}", entry.table, entry.row_id);
        match state {
            RowState::Present(row) => {
                check_into(&row, ledger, &mut report);
                count += 1;
            }
            RowState::Malformed { column } => report.find(Finding::new(Code::ReceiptInvalid, subject).found(column)),
            _ => report.find(Finding::new(Code::EvidenceUnreadable, subject)),
        }
        Ok(Visit::Continue)
    })?;
    if count > 0 {
        report.checked(format!("{}: signatures of {count} observations", Table::ShadowReceipts));
    }
    Ok(report)
}

fn check_into(row: &StoredRow, ledger: LedgerId, report: &mut Report) -> Option<VerifiedReceipt> {
    match verify(row, ledger) {
        Ok(receipt) => Some(receipt),
        Err(error) => {
            let code = match error {
                ShadowError::WrongTable { .. } => Code::NothingChecked,
                ShadowError::Record(_) | ShadowError::Key(_) => Code::ReceiptInvalid,
            };
            report.find(Finding::new(code, subject(row)).found(error.code()));
            None
        }
    }
}

fn subject(row: &StoredRow) -> String {
    match row.id() {
        Ok(id) => format!("row {}/{id}", row.table()),
        Err(_) => format!("row {}", row.table()),
    }
}
