//! Rows among themselves: the genesis, references, gaps, times, names.

use std::collections::BTreeMap;

use vm_core::capability::InForce;
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::error::RecordError;
use vm_core::id::{LedgerId, RowId};
use vm_core::instant::Instant;
use vm_core::record::{Genesis, LogEntry, McpKind, Phase, StoredRow, SystemKind, Table};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{EvidenceView, LoggedRow, StoredEntry, ViewError, Visit};

use crate::verify::row_subject;

/// How far a row's time may lie before that of an earlier row without remark, in microseconds: ten seconds. A row bears
/// the time it was made at, and writers that make theirs at once then wait for their turn, by default for up to five.
const TURN_MICROS: i64 = 10 * 1_000_000;

/// Rules that look at one row after the other.
pub(super) struct RowRules<'a> {
    view: &'a dyn EvidenceView,
    /// None where there is no genesis, which names the root of all tokens.
    in_force: Option<InForce>,
    /// Requests without answer and intents without outcome so far.
    open: BTreeMap<RowId, Table>,
    /// The latest time so far, since the clock was last seen to go back.
    latest: Option<Instant>,
    /// Eight bytes of each row's name: enough to notice that one might stand twice.
    names: Vec<u64>,
}

/// A reference that does not lead where it must.
struct Fault(String);

impl<'a> RowRules<'a> {
    pub(super) fn new(view: &'a dyn EvidenceView, ledger: LedgerId, genesis: Option<Genesis>) -> Self {
        let in_force = genesis.map(|genesis| InForce::new(ledger, genesis.root_key()));
        Self { view, in_force, open: BTreeMap::new(), latest: None, names: Vec::new() }
    }

    pub(super) fn check(&mut self, entry: &LogEntry, row: &StoredRow, report: &mut Report) -> Result<(), ViewError> {
        self.names.push(name(entry));
        let ts = row.ts().ok();
        self.check_capability(entry, row, report);
        self.check_time(entry, ts, report);
        let references = [
            self.check_corrects(entry, row)?,
            self.check_answers(entry, row)?,
            self.check_intent(entry, row)?,
            self.check_subject(entry, row)?,
        ];
        for Fault(found) in references.into_iter().flatten() {
            report.find(Finding::new(Code::TraceInvalid, subject(entry)).found(found));
        }
        self.track_gaps(entry, row, report);
        Ok(())
    }

    fn check_capability(&mut self, entry: &LogEntry, row: &StoredRow, report: &mut Report) {
        if SystemKind::of_row(row) == Some(SystemKind::Genesis) && entry.table == Table::ProofArtifacts {
            if entry.seq != 0 {
                report.find(Finding::new(Code::GenesisInvalid, subject(entry)).found("a second genesis"));
            }
            return;
        }
        let found = match self.in_force.as_mut().map(|in_force| in_force.step(row)) {
            Some(Ok(())) => return,
            Some(Err(error)) => error.code(),
            None => "no-genesis",
        };
        report.find(Finding::new(Code::CapabilityInvalid, subject(entry)).found(found));
    }

    fn check_time(&mut self, entry: &LogEntry, ts: Option<Instant>, report: &mut Report) {
        let Some(ts) = ts else {
            report.find(Finding::new(Code::EvidenceUnreadable, subject(entry)).found("a time not in the stored form"));
            return;
        };
        let latest = self.latest.filter(|latest| ts < *latest);
        let back = latest.filter(|latest| ts.saturating_add_micros(TURN_MICROS) < *latest);
        if let Some(latest) = back {
            report.find(Finding::new(Code::TimeNotMonotonic, subject(entry)).expected_found(latest, ts));
        }
        // Many small steps back add up; one that was remarked is where time goes on from.
        self.latest = Some(latest.filter(|_| back.is_none()).unwrap_or(ts));
    }

    fn check_corrects(&self, entry: &LogEntry, row: &StoredRow) -> Result<Option<Fault>, ViewError> {
        let leaf = row.blob("corrects_leaf").map(LeafHash::from_slice);
        match (self.target(entry, row, "corrects_id")?, leaf) {
            (Target::None, None) => Ok(None),
            (Target::Row(target), Some(Ok(leaf))) if target.entry.table == entry.table && target.entry.leaf == leaf => {
                Ok(None)
            }
            (Target::Row(_), Some(_)) => fault("the row it corrects has another table or leaf"),
            _ => fault("the row it corrects is not there"),
        }
    }

    fn check_answers(&self, entry: &LogEntry, row: &StoredRow) -> Result<Option<Fault>, ViewError> {
        let request = match self.target(entry, row, "answers_id")? {
            Target::None if row.text("kind") == Some(McpKind::NoAnswer.as_str()) && entry.table == Table::McpCalls => {
                return fault("it names no request");
            }
            Target::None => return Ok(None),
            Target::Absent => return fault("the request it answers is not there"),
            Target::Row(request) => request.row,
        };
        let asks = [McpKind::Request, McpKind::Batch].map(McpKind::as_str);
        let fits = request.table() == Table::McpCalls
            && request.text("kind").is_some_and(|kind| asks.contains(&kind))
            && request.blob("connection") == row.blob("connection")
            && request.text("direction") != row.text("direction");
        if fits { Ok(None) } else { fault("the row it answers is no request of the other side") }
    }

    fn check_intent(&self, entry: &LogEntry, row: &StoredRow) -> Result<Option<Fault>, ViewError> {
        let outcome = entry.table == Table::ToolInvocations && row.text("phase") == Some(Phase::Outcome.as_str());
        match self.target(entry, row, "intent_id")? {
            Target::None if !outcome => Ok(None),
            Target::Row(intent)
                if outcome
                    && intent.entry.table == Table::ToolInvocations
                    && intent.row.text("phase") == Some(Phase::Intent.as_str()) =>
            {
                Ok(None)
            }
            Target::Absent => fault("the intent it completes is not there"),
            _ => fault("the row it completes is no intent, or it completes none"),
        }
    }

    fn check_subject(&self, entry: &LogEntry, row: &StoredRow) -> Result<Option<Fault>, ViewError> {
        match self.target(entry, row, "subject_id")? {
            Target::None | Target::Row(_) => Ok(None),
            Target::Absent => fault("the row it is about is not there"),
        }
    }

    /// The earlier row that a column names.
    fn target(&self, entry: &LogEntry, row: &StoredRow, column: &'static str) -> Result<Target, ViewError> {
        let id = match row.row_ref(column) {
            Ok(None) => return Ok(Target::None),
            Ok(Some(id)) => id,
            Err(RecordError::Cell { .. } | _) => return Ok(Target::Absent),
        };
        let found = self.view.row(id)?;
        Ok(found.filter(|found| found.entry.seq < entry.seq).map_or(Target::Absent, |row| Target::Row(Box::new(row))))
    }

    fn track_gaps(&mut self, entry: &LogEntry, row: &StoredRow, report: &mut Report) {
        for column in ["answers_id", "intent_id"] {
            if let Ok(Some(id)) = row.row_ref(column) {
                self.open.remove(&id);
            }
        }
        let opens = match entry.table {
            Table::McpCalls => row.text("kind") == Some(McpKind::Request.as_str()),
            Table::ToolInvocations => row.text("phase") == Some(Phase::Intent.as_str()),
            Table::ProofArtifacts | Table::ShadowReceipts => false,
        };
        if opens {
            self.open.insert(entry.row_id, entry.table);
        }
        if entry.table == Table::McpCalls && row.text("kind") == Some(McpKind::NoAnswer.as_str()) {
            report.find(Finding::new(Code::TraceGap, subject(entry)).found("the call got no answer"));
        }
    }

    /// Ends the pass: what is still open, and names that stand twice.
    pub(super) fn finish(mut self, report: &mut Report) -> Result<(), ViewError> {
        for (id, table) in &self.open {
            let found = if *table == Table::McpCalls { "no answer is recorded" } else { "no outcome is recorded" };
            report.find(Finding::new(Code::TraceGap, row_subject(*table, *id)).found(found));
        }
        if let Some(Err(error)) = self.in_force.as_ref().map(InForce::finish) {
            report.find(Finding::new(Code::CapabilityInvalid, "last rows of the log").found(error.code()));
        }
        report.checked("rows: references, times and capabilities");
        self.names.sort_unstable();
        let twice = self.names.array_windows().filter(|[one, next]| one == next).map(|[one, _]| (*one, Vec::new()));
        let twice: BTreeMap<u64, Vec<(Table, RowId)>> = twice.collect();
        if twice.is_empty() { Ok(()) } else { self.find_twice(twice, report) }
    }

    /// A second pass, for names of which eight bytes agree.
    fn find_twice(&self, mut twice: BTreeMap<u64, Vec<(Table, RowId)>>, report: &mut Report) -> Result<(), ViewError> {
        self.view.visit_log(0, u64::MAX, &mut |stored, _| {
            if let StoredEntry::Entry(entry) = stored
                && let Some(seen) = twice.get_mut(&name(&entry))
            {
                if seen.contains(&(entry.table, entry.row_id)) {
                    report.find(Finding::new(Code::RowInserted, subject(&entry)).found("the log names it twice"));
                }
                seen.push((entry.table, entry.row_id));
            }
            Ok(Visit::Continue)
        })
    }
}

enum Target {
    None,
    Absent,
    Row(Box<LoggedRow>),
}

fn fault(found: &str) -> Result<Option<Fault>, ViewError> {
    Ok(Some(Fault(found.to_owned())))
}

fn subject(entry: &LogEntry) -> String {
    row_subject(entry.table, entry.row_id)
}

/// Eight bytes of a hash over table and row id.
fn name(entry: &LogEntry) -> u64 {
    let mut bytes = [entry.table.number(); 17];
    bytes[1..].copy_from_slice(entry.row_id.as_bytes());
    let digest = Sha256Digest::of(&bytes);
    digest.as_bytes().first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}
