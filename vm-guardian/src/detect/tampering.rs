//! Failure mode 1: the ledger was tampered with, or put back to an older copy.
//!
//! Detects: whatever the verification found contradicted but for anchors: rows, log, checkpoints, tiles, files, scrolls, seals, the
//! gate, horizons; and what leaves it open. Responds: an incident that
//! documents the divergence, proposals to restore and to seal again, a block on every promotion, and a word that the anchors
//! are to be verified. Memory of a rollback lies outside the ledger: without a head there, the answer stays undecided.

use vm_core::verdict::{Code, Report, Severity, Verdict};

use super::anchor::is_of_anchors;
use super::evidence;
use crate::artifact::{FailureMode, Incident};
use crate::block::{BlockScope, PromotionBlock};
use crate::context::Context;
use crate::error::GuardError;
use crate::guardian::Guardian;
use crate::observation::{Event, Observations};
use crate::proposal::{ChangeKind, Proposal};

/// Findings that leave it open whether something was tampered with. Whatever is contradicted tells of it, but for what the
/// guardian of anchors answers for its seal.
const OPEN: &[Code] = &[
    Code::FormatUnannounced,
    Code::PolicyUnrecorded,
    Code::PolicyNotListed,
    Code::FormatUnknown,
    Code::EvidenceUnreadable,
    Code::NoTrustKey,
    Code::KeyStolen,
    Code::KeyChangeUnproven,
    Code::RollbackNotExcluded,
    Code::ScrollUnsignedTail,
    Code::HorizonUnclosed,
    Code::OutcomeUnknown,
    Code::WitnessesUnmet,
    Code::PqSignatureMissing,
    Code::ErasureUnfinished,
];

/// Looks for tampering and rollback.
#[derive(Clone, Copy, Debug, Default)]
pub struct TamperingGuardian;

impl Guardian for TamperingGuardian {
    fn name(&self) -> &str {
        "tampering"
    }

    fn observe(&self, context: &Context<'_>) -> Result<Observations, GuardError> {
        let mut seen = Observations::new();
        if context.report().checks().is_empty() {
            seen.find(Code::NothingChecked, "ledger", "the verification made no check");
            return Ok(seen);
        }
        seen.checked(format!("tampering: {} checks of the verification", context.report().checks().len()));
        let verification = context.report();
        let dropped = verification.findings_dropped();
        // What the findings that are not told are about, nobody knows.
        let any = dropped > 0 && verification.verdict() == Verdict::Contradicted;
        let mut proven = Report::new();
        for finding in verification.findings() {
            let code = finding.code();
            if code.severity() == Severity::Contradicted && (any || !is_of_anchors(code)) {
                proven.find(finding.clone());
                seen.report.find(finding.clone());
            } else if OPEN.contains(&code) {
                seen.report.find(finding.clone());
            }
        }
        if dropped > 0 {
            let found = format!("{dropped} findings of the verification are counted and not told");
            seen.find(Code::EvidenceUnreadable, "verification", found);
        }
        if !proven.findings().is_empty() {
            respond(context, &proven, &mut seen);
        }
        Ok(seen)
    }
}

fn respond(context: &Context<'_>, proven: &Report, seen: &mut Observations) {
    let evidence = evidence(context, proven);
    let code = proven.findings().first().map_or(Code::RowAltered, |finding| finding.code());
    let reason = format!("the ledger is contradicted in {} places", proven.findings().len());
    let block = PromotionBlock { scope: BlockScope::All, code, reason };
    let response = ["documented", "restore-proposed", "reseal-proposed", "promotion-blocked", "verify-anchors"];
    let incident = Incident::new(
        FailureMode::Tampering,
        "the ledger diverges from what was recorded",
        proven,
        evidence.clone(),
        &response,
    );
    seen.incidents.push(incident.blocking(core::slice::from_ref(&block)));
    seen.blocks.push(block);
    seen.proposals.push(Proposal {
        title: "restore what diverges from a backup or a peer".to_owned(),
        change: ChangeKind::Restore,
        evidence: evidence.clone(),
        effect: "the audit finds every row as the log holds it".to_owned(),
    });
    seen.proposals.push(Proposal {
        title: "seal again what verifies, and compare the anchored copies".to_owned(),
        change: ChangeKind::Reseal,
        evidence,
        effect: "a seal whose digest the ledger gives; earlier anchors say which copy is the old one".to_owned(),
    });
    seen.events.push(Event { kind: "guardian.incident".to_owned(), name: code.as_str().to_owned() });
}
