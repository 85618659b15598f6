//! The one pass over the log that most guardians make.

use vm_core::id::RowId;
use vm_core::record::{LogEntry, StoredRow, Table};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{RowState, StoredEntry, Visit};

use crate::context::Context;
use crate::enrolment::Holders;
use crate::error::{FormatError, GuardError};
use crate::observation::Observations;
use crate::signal::Signal;

/// Hands over every row in the order of the log. What cannot be read is a finding. The answer says whether the log was
/// seen to its end; where the budget was spent before, it was not, and whoever asks for absence must not conclude it.
pub(crate) fn rows(
    context: &Context<'_>,
    seen: &mut Observations,
    visit: &mut dyn FnMut(&LogEntry, &StoredRow),
) -> Result<bool, GuardError> {
    let size = context.view().size()?;
    let mut unreadable = 0_u64;
    let walked = context.view().visit_log(0, size, &mut |stored, state| {
        match (&stored, &state) {
            (StoredEntry::Entry(entry), RowState::Present(row)) => visit(entry, row),
            _ => unreadable += 1,
        }
        Ok(Visit::Continue)
    });
    if unreadable > 0 {
        seen.find(Code::EvidenceUnreadable, "log", format!("{unreadable} rows are missing or malformed"));
    }
    match walked {
        Ok(()) => Ok(true),
        Err(_) if context.spent().is_some() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// As [`rows`], and hands over with a row the signal that it holds, of the identity that speaks there. A signal that does not
/// read is a finding, never passed over.
pub(crate) fn signals(
    context: &Context<'_>,
    seen: &mut Observations,
    visit: &mut dyn FnMut(&LogEntry, &StoredRow, Option<&Signal>),
) -> Result<bool, GuardError> {
    let mut holders = Holders::new(context.view().ledger()?);
    let mut unread = Report::new();
    let whole = rows(context, seen, &mut |entry, row| {
        holders.take(row);
        match Signal::of_row(entry, row) {
            None => visit(entry, row, None),
            Some(Ok(signal)) => {
                visit(entry, row, Some(&signal.identified(context.enrolments(), holders.of(row))));
            }
            Some(Err(error)) => {
                let code = match error {
                    FormatError::UnknownFormat { .. } => Code::FormatUnknown,
                    _ => Code::EvidenceUnreadable,
                };
                unread.find(Finding::new(code, row_subject(entry.table, entry.row_id)).found(error.code()));
            }
        }
    })?;
    seen.report.merge(unread);
    Ok(whole)
}

/// The subject of a finding about a row, as the audit writes it.
pub(crate) fn row_subject(table: Table, id: RowId) -> String {
    format!("row {table}/{id}")
}
