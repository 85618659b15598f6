//! The horizons of a whole ledger, for whoever verifies it.

use vm_core::record::{LogEntry, StoredRow, SystemKind, Table};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{EvidenceView, RowFilter, RowScope, RowState, StoredEntry, ViewError, Visit};
use vm_seal::bundle::SealBundle;

use crate::horizons::{Horizons, OpenHorizon};

/// Applies every horizon of a ledger again, and finds what the rules do not allow and what is still open. A ledger that never
/// opened one is not walked. Cost: one pass over `proof_artifacts`; where a horizon was opened, one over the log and what
/// [`Horizons::apply`] costs.
///
/// # Errors
/// [`ViewError`] where the view could not answer.
pub fn check_horizons(view: &dyn EvidenceView) -> Result<Report, ViewError> {
    let mut report = Report::new();
    if let Some(horizons) = fold(view, &mut |_, _, finding| report.find(finding))? {
        horizons.unclosed().for_each(|(row, open)| report.find(unclosed(row, open)));
        report.checked("horizons: openings and outcomes, by the rules of the gate");
    }
    Ok(report)
}

/// Finds, of the rows that a seal covers, what the rules do not allow and what could not be read, and the horizons that it
/// covers the opening of and that no row of the ledger closes, also none behind the seal. Cost: as [`check_horizons`].
///
/// # Errors
/// [`ViewError`] where the view could not answer.
pub fn check_sealed_horizons(view: &dyn EvidenceView, bundle: &SealBundle) -> Result<Report, ViewError> {
    let mut report = Report::new();
    let (selection, as_of) = (bundle.digest().selection(), bundle.as_of().as_u64());
    let covers = |row: &StoredRow| selection.selects(row) == Ok(true);
    let found = &mut |entry: &LogEntry, row: Option<&StoredRow>, finding| {
        // What a row says that cannot be read, nobody knows: it may be one that the seal covers.
        if entry.seq < as_of && row.is_none_or(covers) {
            report.find(finding);
        }
    };
    let Some(horizons) = fold(view, found)? else { return Ok(report) };
    for (row, open) in horizons.unclosed().filter(|(_, open)| open.seq() < as_of) {
        let opening = view.row(row)?.map(|logged| logged.row);
        // A row that is not there was found by whoever verified the seal's rows.
        if opening.is_some_and(|opening| covers(&opening)) {
            report.find(unclosed(row, open));
        }
    }
    report.checked(format!("horizons that seal {} covers", bundle.seal_id()));
    Ok(report)
}

/// Takes what is wrong with a row, which is handed over where it could be read.
type Finds<'a> = &'a mut dyn FnMut(&LogEntry, Option<&StoredRow>, Finding);

/// The horizons at the end of the log; none where no horizon was ever opened or closed. What the rules do not allow, and what
/// could not be read, goes to `find`.
fn fold(view: &dyn EvidenceView, find: Finds<'_>) -> Result<Option<Horizons>, ViewError> {
    let mut horizons = Horizons::new(view.ledger()?);
    if !has_horizons(view)? {
        return Ok(None);
    }
    view.visit_log(0, view.size()?, &mut |entry, state| {
        let StoredEntry::Entry(entry) = entry else { return Ok(Visit::Continue) };
        let subject = || format!("row {}/{}", entry.table, entry.row_id);
        match state {
            RowState::Present(row) => {
                if let Err(violation) = horizons.apply(&entry, &row) {
                    find(&entry, Some(&row), violation.finding(subject()));
                }
            }
            _ if matches!(entry.table, Table::ProofArtifacts | Table::ShadowReceipts) => {
                find(&entry, None, Finding::new(Code::EvidenceUnreadable, subject()));
            }
            _ => {}
        }
        Ok(Visit::Continue)
    })?;
    Ok(Some(horizons))
}

fn has_horizons(view: &dyn EvidenceView) -> Result<bool, ViewError> {
    let everything = RowScope::Window { since: None, until: None };
    let filter = RowFilter { tables: vec![Table::ProofArtifacts], scope: everything, as_of: view.size()? };
    let kinds = [SystemKind::HorizonOpened, SystemKind::HorizonClosed].map(SystemKind::as_str);
    let mut found = false;
    view.visit_matching(&filter, &mut |_, state| {
        if let RowState::Present(row) = state {
            found = row.text("kind").is_some_and(|kind| kinds.contains(&kind));
        }
        Ok(if found { Visit::Stop } else { Visit::Continue })
    })?;
    Ok(found)
}

fn unclosed(row: vm_core::id::RowId, open: &OpenHorizon) -> Finding {
    let found = format!("open since {}, deadline {}", open.seq(), open.deadline());
    Finding::new(Code::HorizonUnclosed, format!("horizon {} of row {row}", open.horizon_id())).found(found)
}
