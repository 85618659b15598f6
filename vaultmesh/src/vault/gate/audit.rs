//! What an audit says of the gate: the fold run again, and what each row rests on beside it.

use std::collections::BTreeMap;

use vm_anchor::VerifiedAnchor;
use vm_core::digest::RootHash;
use vm_core::record::{LogEntry, StoredRow, SystemKind};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{EvidenceView as _, RowState, VaultFiles, ViewError, Visit};
use vm_dee::error::RoadError;
use vm_dee::trail::sealed_scroll;
use vm_dee::{Gate, Intent, Outcome, Replay, Trail};
use vm_ledger::Snapshot;
use vm_seal::audit::AuditedSeal;
use vm_seal::digest::ScrollRoot;
use vm_seal::merkle::{LeafIndex, TreeSize};

use crate::error::VaultError;
use crate::vault::gate::line::Leaves;
use crate::vault::gate::receipt::receipt_fault;

/// Folds the gate over a log that is audited: each row that it refuses is contradicted, and each that rests on what the log
/// does not have; each intent without an outcome is undecided, and whatever could not be looked at. `seals` are those that
/// the log recorded. Of a vault without rows of the gate nothing is said. Cost: as the fold, and one pass over the places of
/// each replay and over the scroll of engine `dee`.
pub(crate) fn audit(snapshot: &Snapshot, files: &dyn VaultFiles, seals: &[AuditedSeal]) -> Result<Report, VaultError> {
    let mut auditor = Auditor {
        snapshot,
        files,
        seals,
        rows: 0,
        gate: None,
        scroll: None,
        calls: BTreeMap::new(),
        changes: Vec::new(),
        report: Report::new(),
    };
    snapshot
        .visit_kinds(&Gate::KINDS, 0, &mut |entry, state| auditor.take(&entry, &state))
        .map_err(VaultError::View)?;
    Ok(auditor.finish())
}

/// What a row rests on, and is not so.
enum Lack {
    /// It is proven wrong.
    Wrong(String),
    /// It could not be looked at.
    Unseen(&'static str),
}

impl Lack {
    fn wrong(why: &str) -> Option<Self> {
        Some(Self::Wrong(why.to_owned()))
    }
}

impl From<RoadError> for Lack {
    fn from(error: RoadError) -> Self {
        Self::Wrong(format!("{}: {error}", error.code()))
    }
}

/// The scroll of engine `dee` as its file is, with its root at each size that a seal recorded.
struct Scroll {
    leaves: Leaves,
    roots: BTreeMap<TreeSize, RootHash>,
}

struct Auditor<'a> {
    snapshot: &'a Snapshot,
    files: &'a dyn VaultFiles,
    seals: &'a [AuditedSeal],
    rows: u64,
    gate: Option<Gate>,
    /// Once it was asked for; nothing where it cannot be read.
    scroll: Option<Option<Scroll>>,
    /// Calls between two places: their root and number; nothing where they cannot be read.
    calls: BTreeMap<(u64, u64), Option<(RootHash, u64)>>,
    changes: Vec<Trail>,
    report: Report,
}

impl Auditor<'_> {
    fn take(&mut self, entry: &LogEntry, state: &RowState) -> Result<Visit, ViewError> {
        let is_key_change =
            matches!(state, RowState::Present(row) if SystemKind::of_row(row) == Some(SystemKind::KeyChange));
        self.rows += u64::from(!is_key_change);
        if self.gate.is_none() {
            let (Ok(ledger), Ok(genesis)) = (self.snapshot.ledger(), self.snapshot.genesis()) else {
                let finding = Finding::new(Code::EvidenceUnreadable, "gate");
                self.report.find(finding.found("the ledger has no genesis"));
                return Ok(Visit::Stop);
            };
            self.gate = Some(Gate::new(ledger, &genesis));
        }
        let subject = format!("row {}/{}", entry.table, entry.row_id);
        let RowState::Present(row) = state else {
            self.report.find(Finding::new(Code::EvidenceUnreadable, subject).found("a row of the gate"));
            return Ok(Visit::Continue);
        };
        if let Some(Err(violation)) = self.gate.as_mut().map(|gate| gate.apply(entry, row)) {
            let found = format!("{}: {violation}", violation.code());
            self.report.find(Finding::new(Code::GateViolated, subject).found(found));
            return Ok(Visit::Continue);
        }
        match self.lack(entry, row)? {
            Some(Lack::Wrong(found)) => self.report.find(Finding::new(Code::GateViolated, subject).found(found)),
            Some(Lack::Unseen(found)) => self.report.find(Finding::new(Code::EvidenceUnreadable, subject).found(found)),
            None => {}
        }
        Ok(Visit::Continue)
    }

    /// What a row that was folded rests on, and the log does not have.
    fn lack(&mut self, entry: &LogEntry, row: &StoredRow) -> Result<Option<Lack>, ViewError> {
        match SystemKind::of_row(row) {
            Some(SystemKind::Intent) => {
                Ok(Intent::of_row(row).ok().and_then(|intent| self.intent_lack(entry, &intent)))
            }
            Some(SystemKind::Outcome) => self.outcome_lack(entry, row),
            Some(SystemKind::Replay) => Ok(Replay::of_row(row).ok().and_then(|replay| self.replay_lack(&replay))),
            Some(SystemKind::EpochChange) => {
                self.changes.extend(self.gate.as_ref().and_then(Gate::change_trail));
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Whether the seal that an intent names is there, covers its trail, and holds its line.
    fn intent_lack(&mut self, entry: &LogEntry, intent: &Intent) -> Option<Lack> {
        let is_named =
            |seal: &&AuditedSeal| seal.row.sha256 == Some(intent.seal.file) && seal.row.entry.seq < entry.seq;
        let Some(seal) = self.seals.iter().find(is_named) else {
            return Lack::wrong("its seal was not recorded before it");
        };
        let Some(bundle) = seal.bundle.as_ref().filter(|bundle| bundle.file_hash() == intent.seal.file) else {
            return Some(Lack::Unseen("the seal that it rests on"));
        };
        if bundle.seal_id() != intent.seal.id || bundle.as_of().as_u64() != intent.seal.as_of {
            return Lack::wrong("its seal has another id, or was made at another size");
        }
        let Some(trail) = self.gate.as_ref().and_then(|gate| gate.trail(intent)) else {
            return Some(Lack::Unseen("the rows that it rests on"));
        };
        if let Err(error) = trail.check_seal(bundle) {
            return Some(error.into());
        }
        match sealed_scroll(bundle, LeafIndex::new(intent.scroll.line)) {
            Ok(sealed) => self.line_lack(sealed, intent),
            Err(error) => Some(error.into()),
        }
    }

    /// Whether the line stands in the scroll, where its file is as it was sealed.
    fn line_lack(&mut self, sealed: &ScrollRoot, intent: &Intent) -> Option<Lack> {
        let scroll = self.scroll.take().unwrap_or_else(|| self.read_scroll());
        let scroll = self.scroll.insert(scroll);
        let as_sealed = scroll.as_ref().filter(|scroll| scroll.roots.get(&sealed.size) == Some(&sealed.root));
        let Some(as_sealed) = as_sealed else { return Some(Lack::Unseen("the scroll that it rests on")) };
        if as_sealed.leaves.at(LeafIndex::new(intent.scroll.line)) == Some(intent.scroll.leaf) {
            None
        } else {
            Lack::wrong("its line does not stand in the scroll")
        }
    }

    fn read_scroll(&self) -> Option<Scroll> {
        let leaves = Leaves::read(self.files).ok()?;
        let of_dee = |root: &&ScrollRoot| root.engine.as_str() == vm_dee::intent::ENGINE;
        let bundles = self.seals.iter().filter_map(|seal| seal.bundle.as_ref());
        let sizes = bundles.filter_map(|bundle| bundle.digest().scrolls().iter().find(of_dee)).map(|root| root.size);
        let roots = leaves.roots(sizes.collect());
        Some(Scroll { leaves, roots })
    }

    fn outcome_lack(&self, entry: &LogEntry, row: &StoredRow) -> Result<Option<Lack>, ViewError> {
        let Ok(outcome) = Outcome::of_row(row) else { return Ok(None) };
        let Some(receipt) = outcome.receipt() else { return Ok(None) };
        let logged = self.snapshot.row(receipt.row)?;
        Ok(receipt_fault(&outcome, receipt, entry.seq, logged.as_ref()).and_then(Lack::wrong))
    }

    /// Whether a replay went over the calls of its places. What the two policies would have said of them is for whoever has
    /// the policies.
    fn replay_lack(&mut self, replay: &Replay) -> Option<Lack> {
        let places = (replay.plan().from, replay.plan().to);
        let snapshot = self.snapshot;
        let read = || vm_dee::replay::inputs(snapshot, places.0, places.1).ok();
        match self.calls.entry(places).or_insert_with(read) {
            None => Some(Lack::Unseen("the calls that it went over")),
            Some(found) if *found == (replay.inputs(), replay.considered()) => None,
            Some(_) => Lack::wrong("it is not over the calls of its places"),
        }
    }

    fn finish(self) -> Report {
        let mut report = self.report;
        for unfinished in self.gate.iter().flat_map(Gate::unfinished) {
            report.find(Finding::new(Code::OutcomeUnknown, format!("intent {}", unfinished.intent())));
        }
        for change in &self.changes {
            let is_sealed =
                |seal: &AuditedSeal| seal.bundle.as_ref().is_some_and(|bundle| change.check_seal(bundle).is_ok());
            if !self.seals.iter().any(is_sealed) {
                let rows = change.rows().iter().map(|at| at.row.to_string()).collect::<Vec<_>>().join(", ");
                report.find(
                    Finding::new(Code::RowsUnsealed, format!("change of epoch {rows}")).found("no seal covers it"),
                );
            }
        }
        if let Some(gate) = &self.gate {
            let open = gate.open().count();
            report.checked(format!("gate: {} rows, {open} proposals open, in {}", self.rows, gate.epoch()));
        }
        report
    }
}

/// Undecided is each intent that names an anchor which does not count, by what verification says of the seal it rests on.
/// `counted` are the anchors that do, of each of `seals`. An anchor's identity cannot be named before there is the anchor.
pub(crate) fn audit_anchored(
    snapshot: &Snapshot,
    seals: &[AuditedSeal],
    counted: &[Vec<VerifiedAnchor>],
) -> Result<Report, VaultError> {
    let mut report = Report::new();
    snapshot
        .visit_kinds(&[SystemKind::Intent], 0, &mut |entry, state| {
            // What cannot be read is found where the gate is folded.
            let RowState::Present(row) = state else { return Ok(Visit::Continue) };
            let Ok(intent) = Intent::of_row(&row) else { return Ok(Visit::Continue) };
            let mut all =
                seals.iter().zip(counted).filter_map(|(seal, anchors)| Some((seal.verified.as_ref()?, anchors)));
            let rests =
                |(seal, anchors): (_, &Vec<_>)| anchors.iter().any(|anchor| intent.rests_on(seal, Some(anchor)));
            if intent.anchor.is_some() && !all.any(rests) {
                let finding = Finding::new(Code::SealUnanchored, format!("intent {}", entry.row_id));
                report.find(finding.found("the anchor that it rests on does not count"));
            }
            Ok(Visit::Continue)
        })
        .map_err(VaultError::View)?;
    Ok(report)
}
