//! The one pass over the log that most guardians make.

use vm_core::id::RowId;
use vm_core::record::{LogEntry, StoredRow, Table};
use vm_core::verdict::Code;
use vm_core::view::{RowState, StoredEntry, Visit};

use crate::context::Context;
use crate::error::GuardError;
use crate::observation::Observations;

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

/// The subject of a finding about a row, as the audit writes it.
pub(crate) fn row_subject(table: Table, id: RowId) -> String {
    format!("row {table}/{id}")
}
