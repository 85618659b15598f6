//! Failure mode 6: traces are broken off.
//!
//! Detects: rows without a trace, answers and outcomes in another trace than what they answer, corrections that leave the
//! trace, traces minted before the ledger was founded, artifacts of given kinds in no call's trace, and calls left open. Responds:
//! a report of the gaps, and a proposal to hand traces on where the calls are made.

use std::collections::{BTreeMap, BTreeSet};

use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::record::{LogEntry, McpKind, Phase, StoredRow, Table};
use vm_core::verdict::{Code, Finding, Report};

use crate::artifact::{FailureMode, Incident};
use crate::context::Context;
use crate::error::GuardError;
use crate::guardian::Guardian;
use crate::observation::{Event, Observations};
use crate::proposal::{ChangeKind, EVIDENCE_MAX, EvidenceRef, Proposal};
use crate::stats;
use crate::threshold::Thresholds;
use crate::walk::{self, row_subject};

/// Time before which no UUID of version 7 was minted, in milliseconds since 1970: 2020-01-01, the year of the first draft of
/// it. A trace id that says earlier is random.
const FIRST_V7_MILLIS: u64 = 1_577_836_800_000;

/// Looks for broken traces.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceGuardian;

struct Open {
    table: Table,
    trace: TraceId,
    ts: Option<Instant>,
    evidence: EvidenceRef,
}

struct Traces<'a> {
    thresholds: &'a Thresholds,
    founded: Option<u64>,
    calls: usize,
    open: BTreeMap<RowId, Open>,
    unanswered: usize,
    /// References to rows that are not open any more, to be looked up after the pass.
    later: Vec<(LogEntry, TraceId, RowId)>,
    called: BTreeSet<TraceId>,
    orphans: Vec<(LogEntry, TraceId)>,
    wrong: Report,
    evidence: Vec<EvidenceRef>,
}

fn millis(bytes: &[u8; 16]) -> u64 {
    let [a, b, c, d, e, f, ..] = *bytes;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

impl Traces<'_> {
    fn broken(&mut self, subject: String, evidence: EvidenceRef, found: &str) {
        self.wrong.find(Finding::new(Code::TraceBroken, subject).found(found));
        if self.evidence.len() < EVIDENCE_MAX {
            self.evidence.push(evidence);
        }
    }

    fn take(&mut self, entry: &LogEntry, row: &StoredRow) {
        let subject = || row_subject(entry.table, entry.row_id);
        let Ok(trace) = row.trace_id() else {
            self.broken(subject(), entry.into(), "it has no trace");
            return;
        };
        if entry.seq == 0 {
            self.founded = row.ts().ok().and_then(|ts| u64::try_from(ts.as_micros() / 1_000).ok());
        }
        if trace.as_bytes() == &[0; 16] {
            self.broken(subject(), entry.into(), "its trace is nil");
        } else if self.is_foreign(trace) {
            self.broken(subject(), entry.into(), "its trace was minted before this ledger, so it is another's");
        }
        self.follow(entry, row, trace);
        let kind = row.text("kind");
        let opens = match entry.table {
            Table::McpCalls => kind == Some(McpKind::Request.as_str()),
            Table::ToolInvocations => row.text("phase") == Some(Phase::Intent.as_str()),
            Table::ProofArtifacts | Table::ShadowReceipts => false,
        };
        if opens {
            let open = Open { table: entry.table, trace, ts: row.ts().ok(), evidence: entry.into() };
            self.open.insert(entry.row_id, open);
            self.calls += 1;
        }
        if entry.table == Table::McpCalls && kind == Some(McpKind::NoAnswer.as_str()) {
            self.unanswered += 1;
        }
        if self.thresholds.traced_kinds.is_empty() {
            return;
        }
        match entry.table {
            Table::ToolInvocations | Table::McpCalls => {
                self.called.insert(trace);
            }
            Table::ProofArtifacts if self.thresholds.traced_kinds.iter().any(|traced| kind == Some(traced)) => {
                self.orphans.push((*entry, trace));
            }
            Table::ProofArtifacts | Table::ShadowReceipts => {}
        }
    }

    /// Whether a trace says that it was minted by a clock, before the ledger was founded and after there were such ids.
    fn is_foreign(&self, trace: TraceId) -> bool {
        let bytes = trace.as_bytes();
        let clocked = bytes[6] >> 4 == 7 && bytes[8] >> 6 == 2;
        let slack = u64::try_from(self.thresholds.clock_ahead_micros / 1_000).unwrap_or(0);
        let minted = millis(bytes);
        clocked
            && minted >= FIRST_V7_MILLIS
            && self.founded.is_some_and(|founded| minted.saturating_add(slack) < founded)
    }

    /// Compares the trace of a row with those of the rows it names.
    fn follow(&mut self, entry: &LogEntry, row: &StoredRow, trace: TraceId) {
        for column in ["answers_id", "intent_id", "corrects_id"] {
            // A reference that is no id, or leads nowhere, is found by the verification.
            let Ok(Some(id)) = row.row_ref(column) else { continue };
            let answers = column != "corrects_id";
            match self.open.get(&id).map(|open| open.trace) {
                Some(found) if found != trace => self.leaves(entry),
                Some(_) => {}
                None => self.later.push((*entry, trace, id)),
            }
            if answers {
                self.open.remove(&id);
            }
        }
    }

    fn leaves(&mut self, entry: &LogEntry) {
        let subject = row_subject(entry.table, entry.row_id);
        self.broken(subject, entry.into(), "it stands in another trace than the row it belongs to");
    }

    /// What can be said only after the whole log was seen; `context` is asked for rows that were named again.
    fn finish(&mut self, context: &Context<'_>, seen: &mut Observations) -> bool {
        for (entry, trace, id) in core::mem::take(&mut self.later) {
            match context.view().row(id) {
                Ok(Some(row)) if row.row.trace_id().is_ok_and(|found| found != trace) => self.leaves(&entry),
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        for (entry, trace) in core::mem::take(&mut self.orphans) {
            if !self.called.contains(&trace) {
                let subject = row_subject(entry.table, entry.row_id);
                self.broken(subject, (&entry).into(), "no call stands in its trace");
            }
        }
        let due = context.now().saturating_add_micros(self.thresholds.open_call_micros.saturating_neg());
        let open: Vec<(RowId, Open)> =
            core::mem::take(&mut self.open).into_iter().filter(|(_, open)| open.ts.is_none_or(|ts| ts < due)).collect();
        for (id, open) in &open {
            let subject = row_subject(open.table, *id);
            seen.report.find(Finding::new(Code::TraceGap, subject).found("neither answer nor outcome is recorded"));
        }
        let gaps = open.len() + self.unanswered;
        let share = if self.calls == 0 { 0.0 } else { stats::count(gaps) / stats::count(self.calls) };
        if gaps > 1 && share > self.thresholds.open_calls {
            let found = format!("{gaps} of {} calls have no answer", self.calls);
            self.wrong.find(Finding::new(Code::TraceBroken, "calls").found(found));
            self.evidence.extend(open.iter().map(|(_, open)| open.evidence));
            self.evidence.truncate(EVIDENCE_MAX);
        }
        true
    }
}

impl Guardian for TraceGuardian {
    fn name(&self) -> &str {
        "trace"
    }

    fn observe(&self, context: &Context<'_>) -> Result<Observations, GuardError> {
        let mut seen = Observations::new();
        let mut traces = Traces {
            thresholds: context.thresholds(),
            founded: None,
            calls: 0,
            open: BTreeMap::new(),
            unanswered: 0,
            later: Vec::new(),
            called: BTreeSet::new(),
            orphans: Vec::new(),
            wrong: Report::new(),
            evidence: Vec::new(),
        };
        let whole = walk::rows(context, &mut seen, &mut |entry, row| traces.take(entry, row))?;
        if whole && traces.finish(context, &mut seen) {
            seen.checked(format!("trace: {} calls, and the traces of all rows", traces.calls));
        } else if context.spent().is_none() {
            seen.find(Code::EvidenceUnreadable, "rows that others belong to", "the ledger did not answer");
        }
        if !traces.wrong.findings().is_empty() {
            respond(&traces.wrong, traces.evidence, &mut seen);
        }
        Ok(seen)
    }
}

fn respond(wrong: &Report, evidence: Vec<EvidenceRef>, seen: &mut Observations) {
    seen.report.merge(wrong.clone());
    let response = ["documented", "audit-gap", "propagation-proposed"];
    let title = "traces are broken off";
    seen.incidents.push(Incident::new(FailureMode::Trace, title, wrong, evidence.clone(), &response));
    seen.proposals.push(Proposal {
        title: "hand the trace id on where the calls are made".to_owned(),
        change: ChangeKind::PropagateTraces,
        evidence,
        effect: "what belongs to one chain of work has one trace; the gaps so far stay gaps".to_owned(),
    });
    seen.events.push(Event { kind: "guardian.gap".to_owned(), name: "trace-broken".to_owned() });
}
