//! The audit of statistics: that no more was given away than the budget let.

use vm_core::canonical;
use vm_core::error::{RecordError, StatisticsError};
use vm_core::record::{LogEntry, StoredRow, SystemKind};
use vm_core::statistics::{PrivacyAccount, Release, decimal};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{RowState, Visit};

use crate::error::VaultError;
use crate::read::Reader;

/// Judges each budget and release that the ledger holds. Of a ledger that holds none nothing is said.
pub(crate) fn audit(reader: &Reader) -> Result<Report, VaultError> {
    let (mut report, mut account, mut rows) = (Report::new(), PrivacyAccount::default(), 0_u64);
    let visit = &mut |entry: LogEntry, state| {
        rows += 1;
        // What is not there, or is not as it was logged, the audit of the rows tells.
        let RowState::Present(row) = state else { return Ok(Visit::Continue) };
        if let Err(error) = account.apply(&row) {
            let code = match &error {
                StatisticsError::Record(RecordError::UnknownFormat { .. }) => Code::FormatUnknown,
                _ => Code::PrivacyOverspent,
            };
            report.find(Finding::new(code, format!("row proof_artifacts/{}", entry.row_id)).found(&error));
        }
        Ok(Visit::Continue)
    };
    let kinds = [SystemKind::PrivacyBudget, SystemKind::StatisticsRelease];
    reader.view().visit_kinds(&kinds, 0, visit).map_err(VaultError::View)?;
    if rows > 0 {
        let budget = account.budget().map_or_else(|| "none".to_owned(), |budget| budget.to_string());
        let (releases, spent) = (account.releases(), decimal(account.spent()));
        report.checked(format!("statistics given away: {releases}, epsilon {spent} of {budget}"));
    }
    Ok(report)
}

/// The release in a row.
pub(super) fn release_in(row: &StoredRow) -> Result<Release, StatisticsError> {
    let json = row.text("meta_json").ok_or(StatisticsError::Shape)?;
    let value = canonical::parse(json.as_bytes(), canonical::BYTES_MAX).map_err(|_| StatisticsError::Shape)?;
    Release::from_value(&value)
}
