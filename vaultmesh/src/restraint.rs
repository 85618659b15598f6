//! Horizons as they stand in a vault, and proofs of restraint: made out of it, and checked with nothing else at hand.

use serde::Serialize;
use serde_json::Value;
use vm_core::capability::{Action, Resource};
use vm_core::digest::CapabilityHash;
use vm_core::epoch::Epoch;
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::PublicKey;
use vm_core::record::{LogEntry, StoredRow, SystemKind, Table};
use vm_core::redact::Opening;
use vm_core::verdict::Report;
use vm_core::view::{EvidenceView, RowFilter, RowScope, RowState, ViewError, Visit};
use vm_ledger::{OpeningsKeys, Snapshot};
use vm_seal::checkpoint::Checkpoint;
use vm_shadow::counterfactual::COUNTERFACTUAL_POINTER;
use vm_shadow::error::{ProveRestraintError, RestraintFault};
use vm_shadow::opening::option_pointer;
use vm_shadow::restraint::NOT_SHOWN;
use vm_shadow::{Horizons, OpenedOption, Restraint, RestraintProof, VerifiedClosing, VerifiedOpening, prove_restraint};

use crate::error::{HorizonFault, TokenError, VaultError};
use crate::pin::Pin;
use crate::read::Reader;
use crate::verify::Outside;

/// A decision as it stands in the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HorizonState {
    /// Its name.
    pub horizon: String,
    /// Row that opened it.
    pub opening: RowId,
    /// Place of that row.
    pub seq: u64,
    /// Time of that row.
    pub opened: Instant,
    /// First instant at which it can only expire.
    pub deadline: Instant,
    /// Number of options.
    pub options: u8,
    /// The token that would have allowed them.
    pub capability: CapabilityHash,
    /// The action they need.
    pub action: Action,
    /// The resource they need.
    pub resource: Resource,
    /// The epoch they would be done in.
    pub epoch: Epoch,
    /// Who opened it, and alone can close it.
    pub observer: PublicKey,
    /// Trace of the decision.
    pub trace_id: TraceId,
    /// The proposal it is about.
    pub proposal: Option<RowId>,
    /// What it came to; none while it is open.
    pub outcome: Option<String>,
    /// Row that closed it.
    pub closing: Option<RowId>,
    /// Shadow receipts of options that were not taken.
    pub receipts: Vec<RowId>,
}

/// What a proof of restraint shows.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RestraintAnswer {
    /// Name of the log, by its checkpoint.
    pub origin: String,
    /// Size of the log up to which it holds.
    pub size: u64,
    /// The decision; null where the proof does not hold or could not be checked.
    pub restraint: Option<ShownRestraint>,
    /// What it does not show, in words.
    pub not_shown: Vec<&'static str>,
}

/// A decision that could have been acted on and was not.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownRestraint {
    /// The decision.
    #[serde(flatten)]
    pub horizon: HorizonState,
    /// Place of its outcome in the log.
    pub closing_seq: u64,
    /// The options that were opened.
    pub opened_options: Vec<ShownValue>,
}

/// An option that was not taken.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownValue {
    /// Its place among the options.
    pub option: u8,
    /// What it was.
    pub value: Value,
    /// Its shadow receipt.
    pub receipt: Option<RowId>,
}

/// Openings, closings and receipts of a ledger, in the order of the log: what the fold over horizons asks of it. Cost: the
/// rows of these kinds, and all shadow receipts, of which those are kept that name a horizon that was ever opened.
pub(crate) fn horizon_rows(view: &Snapshot) -> Result<Vec<(LogEntry, StoredRow)>, ViewError> {
    let mut rows = Vec::new();
    for kind in [SystemKind::HorizonOpened, SystemKind::HorizonClosed] {
        view.visit_kind(kind.as_str(), &mut |entry, state| {
            if let RowState::Present(row) = state {
                rows.push((entry, row));
            }
            Ok(Visit::Continue)
        })?;
    }
    if rows.is_empty() {
        return Ok(rows);
    }
    let ledger = view.ledger()?;
    let openings = rows.iter().filter_map(|(_, row)| VerifiedOpening::of(row, ledger).ok());
    let names: std::collections::BTreeSet<String> = openings.map(|opening| opening.horizon_id().to_string()).collect();
    let scope = RowScope::Window { since: None, until: None };
    let filter = RowFilter { tables: vec![Table::ShadowReceipts], scope, as_of: view.size()? };
    view.visit_matching(&filter, &mut |entry, state| {
        if let RowState::Present(row) = state
            && row.text("horizon_id").is_some_and(|name| names.contains(name))
        {
            rows.push((entry, row));
        }
        Ok(Visit::Continue)
    })?;
    rows.sort_unstable_by_key(|(entry, _)| entry.seq);
    Ok(rows)
}

/// The horizons at the end of the log. Rows that the rules do not allow change nothing here; `verify` finds them.
pub(crate) fn horizons(view: &Snapshot) -> Result<Horizons, ViewError> {
    let mut horizons = Horizons::new(view.ledger()?);
    for (entry, row) in horizon_rows(view)? {
        let _ = horizons.apply(&entry, &row);
    }
    Ok(horizons)
}

impl HorizonState {
    pub(crate) fn of(opening: &VerifiedOpening, seq: u64, closing: Option<&VerifiedClosing>) -> Self {
        let power = opening.power();
        Self {
            horizon: opening.horizon_id().to_string(),
            opening: opening.id(),
            seq,
            opened: opening.ts(),
            deadline: opening.deadline(),
            options: opening.option_count(),
            capability: power.capability,
            action: power.action,
            resource: power.resource.clone(),
            epoch: power.epoch,
            observer: opening.observer(),
            trace_id: opening.trace_id(),
            proposal: opening.proposal(),
            outcome: closing.map(|closing| closing.outcome().to_string()),
            closing: closing.map(VerifiedClosing::id),
            receipts: closing.map_or(Vec::new(), |closing| closing.receipts().iter().map(|one| one.row).collect()),
        }
    }
}

impl Reader {
    /// Horizons in the order they were opened, with their outcomes; of the rows that the rules of horizons allow.
    ///
    /// # Errors
    /// [`VaultError::View`].
    pub fn horizons(&self) -> Result<Vec<HorizonState>, VaultError> {
        let mut folded = Horizons::new(self.ledger());
        let mut states: Vec<HorizonState> = Vec::new();
        for (entry, row) in horizon_rows(self.view()).map_err(VaultError::View)? {
            if folded.apply(&entry, &row).is_err() {
                continue;
            }
            if let Ok(opening) = VerifiedOpening::of(&row, self.ledger()) {
                states.push(HorizonState::of(&opening, entry.seq, None));
            } else if let Ok(closing) = VerifiedClosing::of(&row, self.ledger()) {
                let closed = states.iter_mut().find(|state| state.opening == closing.opening());
                if let Some(state) = closed {
                    state.outcome = Some(closing.outcome().to_string());
                    state.closing = Some(closing.id());
                    state.receipts = closing.receipts().iter().map(|receipt| receipt.row).collect();
                }
            }
        }
        Ok(states)
    }

    /// The horizon that `name` names: the row of its opening, or the last one of that name.
    ///
    /// # Errors
    /// [`VaultError::NotFound`], [`VaultError::View`].
    pub fn horizon(&self, name: &str) -> Result<HorizonState, VaultError> {
        let mut states = self.horizons()?;
        let row = name.parse::<RowId>().ok();
        let at = states.iter().rposition(|state| Some(state.opening) == row || state.horizon == name);
        let absent = || VaultError::NotFound { what: "horizon", name: name.chars().take(64).collect() };
        Ok(states.swap_remove(at.ok_or_else(absent)?))
    }

    /// Proves what stands in the log about a horizon, with the options at the places `wanted` opened, or all where none is
    /// named: up to the last index where the outcome stands before it, else up to now. Cost: two passes over all rows.
    ///
    /// # Errors
    /// [`VaultError::NotIndexed`] where no index stands close enough before that; [`VaultError::Openings`];
    /// [`VaultError::NotFound`] where an option's opening was erased; [`VaultError::Horizon`] where acts of the decision would
    /// leave no rows that a verifier looks at; [`VaultError::Token`] where its observer could not have acted.
    pub fn prove_restraint(
        &self,
        horizon: &HorizonState,
        wanted: &[u8],
        key: &dyn OpeningsKeys,
    ) -> Result<RestraintProof, VaultError> {
        let opened = self.opened_options(horizon, wanted, key)?;
        let now = self.view().size().map_err(VaultError::View)?;
        let closing = horizon.closing.map(|row| self.view().row(row)).transpose().map_err(VaultError::View)?.flatten();
        let needed = closing.map_or(now, |row| row.entry.seq);
        let indexed = self.view().last_index()?.map(|last| last.size().as_u64() + 1);
        let size = indexed.filter(|size| needed < *size).unwrap_or(now);
        let absent = || VaultError::NotFound { what: "checkpoint", name: size.to_string() };
        let checkpoint = self.view().checkpoint_at(size)?.ok_or_else(absent)?;
        let log = self.view().log_hashes(size).map_err(VaultError::Proof)?;
        prove_restraint(self.view(), &log, &checkpoint, horizon.opening, opened).map_err(|error| match error {
            ProveRestraintError::NotIndexed => VaultError::NotIndexed { size },
            ProveRestraintError::Opening(error) => HorizonFault::Row(error).into(),
            ProveRestraintError::Unwatched => HorizonFault::Unproven(Box::new(RestraintFault::Unwatched)).into(),
            ProveRestraintError::Power(error) => TokenError::Refused(error).into(),
            ProveRestraintError::View(error) => VaultError::View(error),
            error => VaultError::View(ViewError::store(error)),
        })
    }

    fn opened_options(
        &self,
        horizon: &HorizonState,
        wanted: &[u8],
        key: &dyn OpeningsKeys,
    ) -> Result<Vec<OpenedOption>, VaultError> {
        let opening = self.view().row(horizon.opening).map_err(VaultError::View)?;
        let absent = |name: String| VaultError::NotFound { what: "opening", name };
        let opening = opening.ok_or_else(|| absent(horizon.opening.to_string()))?;
        let opening = VerifiedOpening::of(&opening.row, self.ledger()).map_err(HorizonFault::Row)?;
        let receipts = self.receipts_by_option(horizon)?;
        let kept = self.openings(key, opening.id())?;
        let all: Vec<u8> = (0..opening.option_count()).collect();
        let mut options = if wanted.is_empty() { all } else { wanted.to_vec() };
        options.sort_unstable();
        options.dedup();
        let open = |option: u8| {
            let pointer = option_pointer(option);
            let opened = find(&kept, &pointer).ok_or_else(|| absent(format!("{pointer} of row {}", opening.id())))?;
            let receipt = receipts.iter().find(|(of, _)| *of == option).map(|(_, row)| *row);
            let held = match receipt {
                Some(row) => self.openings(key, row)?,
                None => Vec::new(),
            };
            let receipt = match receipt {
                Some(row) => {
                    let found = find(&held, COUNTERFACTUAL_POINTER);
                    Some(found.ok_or_else(|| absent(format!("{COUNTERFACTUAL_POINTER} of row {row}")))?)
                }
                None => None,
            };
            OpenedOption::new(option, opened, receipt).ok_or_else(|| absent(pointer))
        };
        options.into_iter().map(open).collect()
    }

    /// Receipts that the outcome names, with their options.
    fn receipts_by_option(&self, horizon: &HorizonState) -> Result<Vec<(u8, RowId)>, VaultError> {
        let Some(closing) = horizon.closing else { return Ok(Vec::new()) };
        let Some(row) = self.view().row(closing).map_err(VaultError::View)? else { return Ok(Vec::new()) };
        let closing = VerifiedClosing::of(&row.row, self.ledger()).map_err(HorizonFault::Row)?;
        Ok(closing.receipts().iter().map(|receipt| (receipt.option, receipt.row)).collect())
    }
}

fn find<'a>(openings: &'a [Opening], pointer: &str) -> Option<&'a Opening> {
    openings.iter().find(|opening| opening.pointer() == pointer)
}

/// Checks a proof of restraint under the key that `outside` pins, and says what it shows and what it does not.
#[must_use]
pub fn verify_restraint(proof: &RestraintProof, outside: &Outside) -> (RestraintAnswer, Report) {
    let claimed = Checkpoint::parse_text(proof.checkpoint().unverified_text());
    let mut found = Report::new();
    let pin = outside.pin_for(proof.checkpoint(), "checkpoint of the proof", &mut found);
    outside.find_policies_unread("proof of restraint", &mut found);
    // Where another key of the log signed, the proof is held to the pinned one and does not pass by it.
    let is_open = pin == Pin::Unproven;
    let (mut report, shown) = if is_open { (Report::new(), None) } else { proof.check(pin.key()) };
    report.merge(found);
    let answer = RestraintAnswer {
        origin: claimed.as_ref().map_or_else(|_| String::new(), |claimed| claimed.origin().to_owned()),
        size: claimed.map_or(0, |claimed| claimed.size().as_u64()),
        restraint: shown.as_ref().map(ShownRestraint::of),
        not_shown: NOT_SHOWN.to_vec(),
    };
    (answer, report)
}

impl ShownRestraint {
    fn of(shown: &Restraint) -> Self {
        let options = shown.options().iter().map(|option| ShownValue {
            option: option.option,
            value: option.value.clone(),
            receipt: option.receipt,
        });
        Self {
            horizon: HorizonState::of(shown.opening(), shown.opening_seq(), Some(shown.closing())),
            closing_seq: shown.closing_seq(),
            opened_options: options.collect(),
        }
    }
}
