//! Failure mode 4: overblocking, a drift into refusal.
//!
//! Detects: a rising trend in refusals of work that enrolled identities labelled benign, and in alerts that they labelled
//! false. Groups follow the order of the log, not times. Responds: an incident, and a proposal to roll the policy back by a
//! new receipt, which asks for a replay before it is relaxed.

use std::collections::BTreeMap;

use vm_core::id::TraceId;
use vm_core::record::{Phase, Status, Table};
use vm_core::verdict::{Code, Finding, Report};

use crate::artifact::{FailureMode, Incident};
use crate::context::Context;
use crate::error::GuardError;
use crate::guardian::Guardian;
use crate::observation::{Event, Observations};
use crate::proposal::{ChangeKind, EVIDENCE_MAX, EvidenceRef, Proposal};
use crate::signal::{LABEL, SUPPORT, Signal};
use crate::stats::{Trend, group_rates, trend};
use crate::threshold::Thresholds;
use crate::walk;

/// What is said of refusals is about this.
const REFUSALS: &str = "refusals of benign work";
/// What is said of alerts is about this.
const ALARMS: &str = "false alarms";

/// Looks for a drift into refusal.
#[derive(Clone, Copy, Debug, Default)]
pub struct OverblockingGuardian;

/// What the log holds of refusals and labels.
#[derive(Default)]
struct Work {
    /// Calls that ended: their trace, and the row where they were refused.
    calls: Vec<(TraceId, Option<EvidenceRef>)>,
    /// Whether a trace is benign; one word to the contrary and it is not.
    labels: BTreeMap<TraceId, bool>,
    /// Labelled alerts: whether each was false, with its row.
    alerts: Vec<(bool, Option<EvidenceRef>)>,
}

impl Work {
    fn signal(&mut self, signal: &Signal) {
        // Only an enrolled identity's label counts: else whoever is refused would call itself benign.
        let (Some(benign), true) = (signal.benign(), signal.identity().is_some()) else { return };
        match signal.kind() {
            SUPPORT => {}
            LABEL => {
                let label = self.labels.entry(signal.trace()).or_insert(true);
                *label &= benign;
            }
            _ => self.alerts.push((benign, signal.source())),
        }
    }

    fn benign_calls(&self) -> impl Iterator<Item = Option<EvidenceRef>> + '_ {
        self.calls.iter().filter(|(trace, _)| self.labels.get(trace) == Some(&true)).map(|(_, refused)| *refused)
    }
}

/// Whether `events` rise in the order they stand in; the trend where they do.
///
/// The level is halved, for two rates are looked at.
pub(crate) fn rises(events: &[bool], thresholds: &Thresholds) -> Option<Trend> {
    let rates = group_rates(events, thresholds.trend_groups, thresholds.trend_group_min)?;
    trend(&rates).filter(|trend| trend.p_rising < thresholds.trend_level / 2.0 && trend.rise >= thresholds.rate_rise)
}

/// What is said of `events` that are too few for a trend to be looked for; nothing where they are enough, or where nothing
/// happened that could become more frequent.
fn untested(events: &[bool], thresholds: &Thresholds) -> Option<String> {
    let needed = thresholds.trend_groups.saturating_mul(thresholds.trend_group_min.max(1));
    let hits = events.iter().filter(|hit| **hit).count();
    let says = || format!("{hits} of {} so far; a trend is looked for over {needed}", events.len());
    (hits > 0 && events.len() < needed).then(says)
}

impl Guardian for OverblockingGuardian {
    fn name(&self) -> &str {
        "overblocking"
    }

    fn observe(&self, context: &Context<'_>) -> Result<Observations, GuardError> {
        let (mut seen, thresholds) = (Observations::new(), context.thresholds());
        let mut work = Work::default();
        let whole = walk::signals(context, &mut seen, &mut |entry, row, signal| {
            if let Some(signal) = signal {
                work.signal(signal);
            }
            let ended = entry.table == Table::ToolInvocations && row.text("phase") != Some(Phase::Intent.as_str());
            if ended && let Ok(trace) = row.trace_id() {
                let refused = row.text("status") == Some(Status::Blocked.as_str());
                work.calls.push((trace, refused.then(|| entry.into())));
            }
        })?;
        let benign: Vec<Option<EvidenceRef>> = work.benign_calls().collect();
        if whole {
            seen.checked(format!(
                "overblocking: {} calls known benign, {} alerts judged",
                benign.len(),
                work.alerts.len()
            ));
        }
        let refusals = work.calls.iter().filter(|(_, refused)| refused.is_some()).count();
        let refusals = u64::try_from(refusals).unwrap_or(u64::MAX);
        if benign.is_empty() && refusals >= thresholds.unlabelled_refusals {
            let found = format!("{refusals} refusals, and no work that an enrolled identity labelled benign");
            seen.find(Code::NothingChecked, REFUSALS, found);
        }
        let calls: Vec<bool> = benign.iter().map(Option::is_some).collect();
        let alerts: Vec<bool> = work.alerts.iter().map(|(false_alarm, _)| *false_alarm).collect();
        let blocked = benign.iter().rev().copied().flatten();
        let alarms = work.alerts.iter().rev().filter(|(false_alarm, _)| *false_alarm).filter_map(|(_, row)| *row);
        for (subject, events) in [(REFUSALS, &calls), (ALARMS, &alerts)] {
            if let Some(found) = untested(events, thresholds) {
                seen.find(Code::NothingChecked, subject, found);
            }
        }
        let mut wrong = Report::new();
        let mut evidence: Vec<EvidenceRef> = Vec::new();
        if let Some(trend) = rises(&calls, thresholds) {
            wrong.find(finding(REFUSALS, &trend));
            evidence.extend(blocked.take(EVIDENCE_MAX));
        }
        if let Some(trend) = rises(&alerts, thresholds) {
            wrong.find(finding(ALARMS, &trend));
            evidence.extend(alarms.take(EVIDENCE_MAX.saturating_sub(evidence.len())));
        }
        if !wrong.findings().is_empty() {
            respond(&wrong, evidence, &mut seen);
        }
        Ok(seen)
    }
}

fn finding(subject: &str, trend: &Trend) -> Finding {
    let found = format!("rose by {:.3}, tau {:.2}, p {:.1e}", trend.rise, trend.tau, trend.p_rising);
    Finding::new(Code::RefusalTrend, subject).found(found)
}

fn respond(wrong: &Report, evidence: Vec<EvidenceRef>, seen: &mut Observations) {
    seen.report.merge(wrong.clone());
    let response = ["documented", "rollback-proposed", "replay-required"];
    let title = "benign work is refused more and more";
    seen.incidents.push(Incident::new(FailureMode::Overblocking, title, wrong, evidence.clone(), &response));
    seen.proposals.push(Proposal {
        title: "roll the policy back to the one before the rise".to_owned(),
        change: ChangeKind::RollbackPolicy,
        evidence,
        effect: "refusals of benign work fall to what they were; a replay shows it before anything is relaxed"
            .to_owned(),
    });
    seen.events.push(Event { kind: "guardian.drift".to_owned(), name: "refusal-trend".to_owned() });
}
