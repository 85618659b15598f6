//! Failure mode 5: clock skew, ambiguous times.
//!
//! Detects: times that go back together with the ids minted by the same clock, times ahead of the clock at hand or of their
//! own id, seals made before what they cover, anchors before what they stamp. A row whose id is new and whose time is old tells
//! of something earlier, which is remarked and no skew. Responds: a report, and a proposal to set the clock; order stays that
//! of the log.

use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_core::path::VaultPath;
use vm_core::record::{LogEntry, StoredRow, SystemKind};
use vm_core::verdict::{Code, Finding, Report};
use vm_seal::bundle::{BUNDLE_MAX, SealBundle};

use crate::artifact::{FailureMode, Incident};
use crate::context::Context;
use crate::error::GuardError;
use crate::guardian::Guardian;
use crate::observation::{Event, Observations};
use crate::proposal::{ChangeKind, EVIDENCE_MAX, EvidenceRef, Proposal};
use crate::threshold::Thresholds;
use crate::walk::{self, row_subject};

/// Looks for skewed clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClockGuardian;

struct Clocks<'a> {
    thresholds: &'a Thresholds,
    now: Instant,
    latest: Option<Instant>,
    wrong: Report,
    remarks: Report,
    evidence: Vec<EvidenceRef>,
    bundles: Vec<(String, VaultPath, EvidenceRef)>,
}

/// Time that an id was minted at, to the millisecond, if it is a UUID of version 7 (RFC 9562, section 5.7).
fn minted(id: RowId) -> Option<Instant> {
    let [a, b, c, d, e, f, version, ..] = *id.as_bytes();
    if version >> 4 != 7 {
        return None;
    }
    let millis = i64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    Instant::from_micros(millis.checked_mul(1_000)?).ok()
}

fn ahead(one: Instant, of: Instant, by: i64) -> bool {
    one > of.saturating_add_micros(by)
}

impl Clocks<'_> {
    fn skew(&mut self, entry: &LogEntry, found: String) {
        let subject = row_subject(entry.table, entry.row_id);
        self.wrong.find(Finding::new(Code::ClockSkewed, subject).found(found));
        if self.evidence.len() < EVIDENCE_MAX {
            self.evidence.push(entry.into());
        }
    }

    fn take(&mut self, entry: &LogEntry, row: &StoredRow) {
        // First: what the row says of its own time keeps nobody from looking at what it seals.
        let is_seal = SystemKind::of_row(row) == Some(SystemKind::Seal);
        if is_seal && let Some(path) = row.text("path").and_then(|path| path.parse().ok()) {
            self.bundles.push((row_subject(entry.table, entry.row_id), path, entry.into()));
        }
        // A time that does not read is found by the verification.
        let Ok(ts) = row.ts() else { return };
        let (back, forward) = (self.thresholds.clock_back_micros, self.thresholds.clock_ahead_micros);
        let minted = minted(entry.row_id);
        if ahead(ts, self.now, forward) {
            self.skew(entry, format!("{ts} lies ahead of the clock at hand"));
        } else if minted.is_some_and(|minted| ahead(ts, minted, forward)) {
            self.skew(entry, format!("{ts} lies ahead of the row's own id"));
        }
        let went_back = self.latest.filter(|latest| ahead(*latest, ts, back));
        if let Some(latest) = went_back {
            let told_later = minted.is_some_and(|minted| ahead(minted, ts, back));
            if told_later {
                let subject = row_subject(entry.table, entry.row_id);
                self.remarks.find(Finding::new(Code::TimeNotMonotonic, subject).expected_found(latest, ts));
                return;
            }
            self.skew(entry, format!("{ts} after {latest}"));
        }
        // Many small steps back add up; time goes on from one that was told.
        self.latest = if went_back.is_some() { Some(ts) } else { self.latest.max(Some(ts)) };
    }

    /// Seals that say they were made before what they cover.
    fn check_bundles(&mut self, context: &Context<'_>) {
        for (subject, path, evidence) in core::mem::take(&mut self.bundles) {
            let mut bytes = Vec::new();
            let read = context.files().read(&path, &mut |part| {
                if bytes.len() <= BUNDLE_MAX {
                    bytes.extend_from_slice(part);
                }
            });
            // A bundle that is not there or does not read is found by the verification.
            let Some(bundle) = read.ok().and_then(|()| SealBundle::parse(&bytes).ok()) else { continue };
            let Some(latest) = bundle.digest().bounds().max_ts() else { continue };
            if ahead(latest, bundle.sealed_at(), self.thresholds.clock_back_micros) {
                let found = format!("sealed at {}, covers {latest}", bundle.sealed_at());
                self.wrong.find(Finding::new(Code::ClockSkewed, subject).found(found));
                self.evidence.push(evidence);
            }
        }
        self.evidence.truncate(EVIDENCE_MAX);
    }
}

impl Guardian for ClockGuardian {
    fn name(&self) -> &str {
        "clock"
    }

    fn observe(&self, context: &Context<'_>) -> Result<Observations, GuardError> {
        let mut seen = Observations::new();
        let mut clocks = Clocks {
            thresholds: context.thresholds(),
            now: context.now(),
            latest: None,
            wrong: Report::new(),
            remarks: Report::new(),
            evidence: Vec::new(),
            bundles: Vec::new(),
        };
        let whole = walk::rows(context, &mut seen, &mut |entry, row| clocks.take(entry, row))?;
        clocks.check_bundles(context);
        let backdated = context.report().findings().iter().filter(|finding| finding.code() == Code::AnchorBackdated);
        backdated.for_each(|finding| clocks.wrong.find(finding.clone()));
        if whole {
            seen.checked("clock: times of rows against the log, their ids, seals and the clock at hand");
        }
        seen.report.merge(clocks.remarks);
        if !clocks.wrong.findings().is_empty() {
            respond(&clocks.wrong, clocks.evidence, &mut seen);
        }
        Ok(seen)
    }
}

fn respond(wrong: &Report, evidence: Vec<EvidenceRef>, seen: &mut Observations) {
    seen.report.merge(wrong.clone());
    let response = ["documented", "order-by-log", "clock-proposed"];
    let title = "times contradict the order of the log";
    seen.incidents.push(Incident::new(FailureMode::Clock, title, wrong, evidence.clone(), &response));
    seen.proposals.push(Proposal {
        title: "set the clock of the recording machine, and take times as metadata until then".to_owned(),
        change: ChangeKind::SetClocks,
        evidence,
        effect: "times of new rows do not go back; order is by the log before and after".to_owned(),
    });
    seen.events.push(Event { kind: "guardian.skew".to_owned(), name: "clock-skewed".to_owned() });
}
