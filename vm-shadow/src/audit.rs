//! The horizons of a whole ledger, for whoever verifies it.

use vm_core::record::{SystemKind, Table};
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
    let (horizons, mut report) = fold(view)?;
    if let Some(horizons) = horizons {
        horizons.unclosed().for_each(|(row, open)| report.find(unclosed(row, open)));
        report.checked("horizons: openings and outcomes, by the rules of the gate");
    }
    Ok(report)
}

/// Finds the horizons that a seal covers the opening of and that no row of the ledger closes, also none behind the seal.
/// Cost: as [`check_horizons`].
///
/// # Errors
/// [`ViewError`] where the view could not answer.
pub fn check_sealed_horizons(view: &dyn EvidenceView, bundle: &SealBundle) -> Result<Report, ViewError> {
    let mut report = Report::new();
    let Some(horizons) = fold(view)?.0 else { return Ok(report) };
    let selection = bundle.digest().selection();
    for (row, open) in horizons.unclosed().filter(|(_, open)| open.seq() < bundle.as_of().as_u64()) {
        let opening = view.row(row)?.map(|logged| logged.row);
        // A row that is not there was found by whoever verified the seal's rows.
        if opening.is_some_and(|opening| selection.selects(&opening) == Ok(true)) {
            report.find(unclosed(row, open));
        }
    }
    report.checked(format!("horizons that seal {} covers", bundle.seal_id()));
    Ok(report)
}

/// The horizons at the end of the log, and what the rules do not allow; none where no horizon was ever opened or closed.
fn fold(view: &dyn EvidenceView) -> Result<(Option<Horizons>, Report), ViewError> {
    let (mut horizons, mut report) = (Horizons::new(view.ledger()?), Report::new());
    if !has_horizons(view)? {
        return Ok((None, report));
    }
    view.visit_log(0, view.size()?, &mut |entry, state| {
        let StoredEntry::Entry(entry) = entry else { return Ok(Visit::Continue) };
        let subject = || format!("row {}/{}", entry.table, entry.row_id);
        match state {
            RowState::Present(row) => {
                if let Err(violation) = horizons.apply(&entry, &row) {
                    report.find(violation.finding(subject()));
                }
            }
            _ if matches!(entry.table, Table::ProofArtifacts | Table::ShadowReceipts) => {
                report.find(Finding::new(Code::EvidenceUnreadable, subject()));
            }
            _ => {}
        }
        Ok(Visit::Continue)
    })?;
    Ok((Some(horizons), report))
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
