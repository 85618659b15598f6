//! Proposals made of what guardians and forecasts left in the ledger: whoever proposes signs, and answers for it.

use vm_core::capability::act;
use vm_core::id::RowId;
#[cfg(feature = "forecast")]
use vm_core::record::StoredRow;
use vm_core::view::{EvidenceView as _, LoggedRow};
use vm_dee::proposal::{Evidence, check_evidence};
use vm_dee::{Draft, Suggestion};
use vm_guardian::Reported;
use vm_ledger::Snapshot;

use crate::error::{GateError, VaultError};
use crate::vault::Vault;
use crate::vault::gate::policy::fold_now;
use crate::vault::gate::propose::{ProposalInput, Proposed};

/// Where a suggestion stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SuggestedIn {
    /// Row of a guardian's report, or of a recommendation.
    pub row: RowId,
    /// Which of the report's proposals, from 1; the only one where it is not said.
    pub number: Option<usize>,
}

impl Vault {
    /// What the row suggests. That it and the rows it names are as they were logged is checked.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`GateError::NoSuggestion`], [`GateError::WhichSuggestion`]; [`GateError::Evidence`]; an error
    /// of the format where the row is malformed.
    pub fn suggestion(&self, from: SuggestedIn) -> Result<Suggestion, VaultError> {
        suggestion_in(&self.ledger.snapshot()?, from)
    }

    /// A proposal of the one change that the suggestion leaves open, with nothing added.
    ///
    /// # Errors
    /// As [`Vault::suggestion`]; [`GateError::NoOnlyChange`] where there is a choice.
    pub fn suggested(&self, from: SuggestedIn) -> Result<ProposalInput, VaultError> {
        let snapshot = self.ledger.snapshot()?;
        let suggestion = suggestion_in(&snapshot, from)?;
        let row = |row| snapshot.row(row).ok().flatten().map(|logged| logged.row);
        let change = suggestion.only_change(row).ok_or(GateError::NoOnlyChange { row: from.row })?;
        Ok(ProposalInput::of(change))
    }

    /// Proposes what was suggested, as `input` puts it, signed by the key that the vault was opened with. What is not said
    /// follows from the suggestion; what is said must be what was asked for, at no lower risk, and adds to the evidence.
    ///
    /// # Errors
    /// As [`Vault::suggestion`] and [`Vault::propose`]; [`GateError::Suggestion`].
    pub fn propose_from(&mut self, from: SuggestedIn, input: ProposalInput) -> Result<Proposed, VaultError> {
        let permit = self.permit::<act::Record>()?;
        let (suggestion, epoch) = (self.suggestion(from)?, fold_now(self)?.epoch());
        let evidence = self.evidence(&input.evidence)?;
        let draft = suggestion.draft(input.change, epoch).map_err(GateError::Suggestion)?;
        let mut draft = draft.resting_on(evidence).expecting(input.expected);
        if let Some(risk) = input.risk {
            draft = draft.at_risk(risk).map_err(GateError::Suggestion)?;
        }
        draft = input.command.into_iter().fold(draft, Draft::done_by);
        draft = input.rollback.into_iter().fold(draft, Draft::undone_by);
        draft = input.replay.into_iter().fold(draft, Draft::replayed_by);
        self.sign_and_record(&permit, input.expires, |ledger, row, proposer, expires| {
            draft.proposal(ledger, row, proposer, expires).map_err(GateError::Suggestion)
        })
    }
}

fn suggestion_in(snapshot: &Snapshot, from: SuggestedIn) -> Result<Suggestion, VaultError> {
    let found = snapshot.row(from.row).map_err(VaultError::View)?;
    let logged = found.ok_or_else(|| VaultError::NotFound { what: "row", name: from.row.to_string() })?;
    let suggestion = match Reported::of_row(&logged.row) {
        Some(reported) => of_report(&logged, reported.map_err(GateError::Report)?, from.number)?,
        None => of_forecast(snapshot, &logged)?.ok_or(GateError::NoSuggestion { row: from.row })?,
    };
    let report = check_evidence(suggestion.evidence(), snapshot).map_err(VaultError::View)?;
    if report.findings().is_empty() {
        Ok(suggestion)
    } else {
        Err(GateError::Evidence { report: Box::new(report) }.into())
    }
}

/// A row as evidence, by what the log holds for it.
const fn source(logged: &LoggedRow) -> Evidence {
    Evidence { row: logged.entry.row_id, leaf: logged.entry.leaf }
}

fn of_report(logged: &LoggedRow, reported: Reported, number: Option<usize>) -> Result<Suggestion, GateError> {
    let row = logged.entry.row_id;
    let proposals = &reported.proposals;
    let chosen = match (number, proposals.as_slice()) {
        (_, []) => return Err(GateError::NoSuggestion { row }),
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(number), all) => number.checked_sub(1).and_then(|at| all.get(at)),
    };
    let proposal = chosen.ok_or(GateError::WhichSuggestion { row, count: proposals.len() })?;
    Ok(Suggestion::of_guardian(source(logged), reported.size, proposal))
}

#[cfg(not(feature = "forecast"))]
const fn of_forecast(_: &Snapshot, _: &LoggedRow) -> Result<Option<Suggestion>, VaultError> {
    Ok(None)
}

/// What a recommendation in a row, or in the file of one, says; none where the row holds something else. The forecast that it
/// was made of is evidence too where the ledger has it.
#[cfg(feature = "forecast")]
fn of_forecast(snapshot: &Snapshot, logged: &LoggedRow) -> Result<Option<Suggestion>, VaultError> {
    use vm_autogene::{Artifact as _, Forecast, Recommendation};
    use vm_core::digest::Sha256Digest;
    use vm_core::view::{RowState, Visit};

    use crate::error::ForecastFault;

    if logged.row.text("kind") != Some(Recommendation::KIND) {
        return Ok(None);
    }
    let bytes = content(snapshot, &logged.row)?;
    let recommendation = Recommendation::parse(&bytes).map_err(ForecastFault::Artifact)?;
    if recommendation.ledger != snapshot.ledger().map_err(VaultError::View)? {
        return Err(GateError::Content(vm_dee::error::ContentError::OtherLedger).into());
    }
    let mut rows = vec![source(logged)];
    let visit = &mut |entry: vm_core::record::LogEntry, state| {
        let RowState::Present(row) = state else { return Ok(Visit::Continue) };
        let embedded = || row.text("meta_json").map(|json| Sha256Digest::of(json.as_bytes()));
        let file = row.text("sha256_hex").and_then(|hex| Sha256Digest::parse_hex(hex).ok());
        if file.or_else(embedded) == Some(recommendation.forecast) {
            rows.push(Evidence { row: entry.row_id, leaf: entry.leaf });
            return Ok(Visit::Stop);
        }
        Ok(Visit::Continue)
    };
    snapshot.visit_kind(Forecast::KIND, visit).map_err(VaultError::View)?;
    Ok(Some(Suggestion::of_forecast(rows, wanted(&recommendation))))
}

/// The content of an artifact: its file, whose hash must be the one recorded, or the row's own JSON.
#[cfg(feature = "forecast")]
fn content(snapshot: &Snapshot, row: &StoredRow) -> Result<Vec<u8>, VaultError> {
    use vm_autogene::artifact::ARTIFACT_MAX;
    use vm_core::digest::Sha256Digest;
    use vm_core::path::VaultPath;
    use vm_core::verdict::{Code, Finding, Report};
    use vm_core::view::VaultFiles as _;

    let Some(path) = row.text("path") else {
        return Ok(row.text("meta_json").unwrap_or_default().as_bytes().to_vec());
    };
    let path: VaultPath = path.parse().map_err(VaultError::Path)?;
    let mut bytes = Vec::new();
    // One byte more than is read tells that there are too many.
    let room = |bytes: &Vec<u8>| ARTIFACT_MAX.saturating_add(1).saturating_sub(bytes.len());
    let read = &mut |piece: &[u8]| {
        let kept = piece.len().min(room(&bytes));
        bytes.extend_from_slice(piece.get(..kept).unwrap_or_default());
    };
    snapshot.files().read(&path, read).map_err(VaultError::Files)?;
    let recorded = row.text("sha256_hex").and_then(|hex| Sha256Digest::parse_hex(hex).ok());
    if recorded == Some(Sha256Digest::of(&bytes)) {
        return Ok(bytes);
    }
    let mut report = Report::new();
    report.find(Finding::new(Code::ArtifactAltered, format!("artifact {path}")));
    Err(GateError::Evidence { report: Box::new(report) }.into())
}

/// Which way the series should go, where the recommendation names a limit.
#[cfg(feature = "forecast")]
fn wanted(recommendation: &vm_autogene::Recommendation) -> Option<vm_dee::proposal::Effect> {
    use vm_autogene::recommend::Advice;
    use vm_dee::proposal::{Direction, Effect};

    let measure = recommendation.series.to_string().replace('/', ".").parse().ok()?;
    let limit = recommendation.advice.iter().find_map(|advice| match advice {
        Advice::Limit { limit, .. } => Some(limit),
        _ => None,
    })?;
    let direction = match limit.direction {
        vm_autogene::Direction::Above => Direction::Falls,
        vm_autogene::Direction::Below => Direction::Rises,
    };
    Some(Effect { measure, direction })
}
