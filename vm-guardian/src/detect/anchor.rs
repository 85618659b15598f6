//! Failure mode 2: an anchor from outside is missing, or cannot be verified.
//!
//! Detects: seals without any row of an anchor, and what the verification found of anchors and of rows that none covers. A
//! verification that judged no anchors is no pass. Responds: a block on promotions
//! that rest on such a seal, an incident, and a proposal to anchor again.

use std::collections::{BTreeMap, BTreeSet};

use vm_core::id::{RowId, SealId};
use vm_core::record::{LogEntry, StoredRow, SystemKind, Table};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{RowState, StoredEntry, Visit};

use super::evidence;
use crate::artifact::{FailureMode, Incident};
use crate::block::{BlockScope, PromotionBlock};
use crate::context::Context;
use crate::error::GuardError;
use crate::guardian::Guardian;
use crate::observation::{Event, Observations};
use crate::proposal::{ChangeKind, EVIDENCE_MAX, EvidenceRef, Proposal};

/// How the check begins by which a verification says that it judged the anchors of all seals. Rows of anchors alone say
/// nothing.
pub const ANCHORS_JUDGED: &str = "anchored evidence";

/// Findings about anchors, and whether one holds up what rests on the seal. A pending anchor beside one that counts does not;
/// where none counts, the seal is unanchored as well.
const TELLING: &[(Code, bool)] = &[
    (Code::SealMissing, true),
    (Code::SealUnanchored, true),
    (Code::QuorumUnmet, true),
    (Code::AnchorMissing, true),
    (Code::AnchorInvalid, true),
    (Code::AnchorBackdated, true),
    (Code::AnchorRevoked, true),
    (Code::AnchorPending, false),
    (Code::NoTrustRoot, false),
    (Code::AnchorNotIndependent, false),
    (Code::AnchorFailed, false),
];

/// Whether a finding of this code is answered here.
pub(super) fn is_of_anchors(code: Code) -> bool {
    TELLING.iter().any(|(telling, _)| *telling == code)
}

/// Looks for seals that nothing outside vouches for.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnchorGuardian;

impl Guardian for AnchorGuardian {
    fn name(&self) -> &str {
        "anchor"
    }

    fn observe(&self, context: &Context<'_>) -> Result<Observations, GuardError> {
        let mut seen = Observations::new();
        let mut wrong = Report::new();
        let verification = context.report();
        let judged = verification.checks().iter().any(|check| check.starts_with(ANCHORS_JUDGED));
        if !judged {
            seen.find(Code::NothingChecked, "anchors", "the verification judged no anchors");
            block(&mut seen, BlockScope::All, Code::NothingChecked, "no verification of anchors");
        }
        if verification.findings_dropped() > 0 {
            let found = format!("{} findings are counted and not told", verification.findings_dropped());
            seen.find(Code::EvidenceUnreadable, "verification", found);
            block(&mut seen, BlockScope::All, Code::EvidenceUnreadable, "the verification did not tell all it found");
        }
        for finding in verification.findings() {
            let Some((_, blocks)) = TELLING.iter().find(|(code, _)| *code == finding.code()) else { continue };
            seen.report.find(finding.clone());
            if *blocks {
                wrong.find(finding.clone());
            }
        }
        if verification.has(Code::RowsUnsealed) {
            // Once, and not how many: what guardians record of it is itself unsealed, and would be news at every run.
            seen.report.find(Finding::new(Code::RowsUnsealed, "vault"));
        }
        let (seals, whole) = Seals::read(context)?;
        if seals.unreadable > 0 {
            let found = format!("{} rows that may be seals or anchors are missing or malformed", seals.unreadable);
            seen.find(Code::EvidenceUnreadable, "log", found);
        }
        for (row, seal) in seals.bare() {
            let subject = seal.id.map_or_else(|| format!("seal of row {row}"), |id| format!("seal {id}"));
            let finding = Finding::new(Code::SealUnanchored, subject);
            let told = |finding: &Finding| [Code::SealUnanchored, Code::QuorumUnmet].contains(&finding.code());
            let told = wrong.findings().iter().any(|other| told(other) && other.subject() == finding.subject());
            if !told {
                let finding = finding.found("no row of an anchor names it");
                seen.report.find(finding.clone());
                wrong.find(finding);
            }
        }
        if whole && judged {
            seen.checked(format!("anchors: {} seals", seals.seals.len()));
        }
        if !wrong.findings().is_empty() {
            respond(context, &wrong, &seals, &mut seen);
        }
        Ok(seen)
    }
}

#[derive(Default)]
struct Seals {
    seals: BTreeMap<RowId, Seal>,
    anchored: BTreeSet<RowId>,
    /// Rows that are not there or not whole: what they are, nobody knows.
    unreadable: u64,
}

struct Seal {
    id: Option<SealId>,
    evidence: EvidenceRef,
}

impl Seals {
    /// Reads the rows of seals and anchors; says whether all were seen.
    fn read(context: &Context<'_>) -> Result<(Self, bool), GuardError> {
        let mut seals = Self::default();
        let size = context.view().size()?;
        // Over the log and not over the table: what is missing matches no question.
        let read = context.view().visit_log(0, size, &mut |stored, state| {
            match (&stored, &state) {
                (StoredEntry::Entry(entry), _) if entry.table != Table::ProofArtifacts => {}
                (StoredEntry::Entry(entry), RowState::Present(row)) => seals.take(entry, row),
                _ => seals.unreadable += 1,
            }
            Ok(Visit::Continue)
        });
        match read {
            Ok(()) => Ok((seals, true)),
            Err(_) if context.spent().is_some() => Ok((Self::default(), false)),
            Err(error) => Err(error.into()),
        }
    }

    fn take(&mut self, entry: &LogEntry, row: &StoredRow) {
        let kind = row.text("kind");
        if kind == Some(SystemKind::Seal.as_str()) {
            let name = row.text("path").and_then(|path| path.strip_prefix("seals/")?.strip_suffix(".json"));
            let id = name.and_then(|name| name.parse().ok());
            self.seals.insert(entry.row_id, Seal { id, evidence: entry.into() });
        } else if kind == Some(SystemKind::Anchor.as_str())
            && let Ok(Some(seal)) = row.row_ref("subject_id")
        {
            self.anchored.insert(seal);
        }
    }

    /// Seals that no anchor names.
    fn bare(&self) -> impl Iterator<Item = (&RowId, &Seal)> {
        self.seals.iter().filter(|(row, _)| !self.anchored.contains(row))
    }
}

/// The seal that a subject names: `seal ID`, or `anchor ROW over seal ID`.
fn seal_of(subject: &str) -> Option<SealId> {
    let (_, id) = subject.rsplit_once("seal ")?;
    id.parse().ok()
}

fn block(seen: &mut Observations, scope: BlockScope, code: Code, reason: &str) {
    let known = seen.blocks.iter().any(|block| block.scope == scope);
    if !known {
        seen.blocks.push(PromotionBlock { scope, code, reason: reason.to_owned() });
    }
}

fn respond(context: &Context<'_>, wrong: &Report, seals: &Seals, seen: &mut Observations) {
    let mut named = Vec::new();
    for finding in wrong.findings() {
        let seal = seal_of(finding.subject());
        let scope = seal.map_or(BlockScope::All, BlockScope::Seal);
        block(seen, scope, finding.code(), finding.code().meaning());
        named.extend(seals.seals.values().find(|known| seal.is_some() && known.id == seal).map(|seal| seal.evidence));
    }
    named.extend(evidence(context, wrong));
    let mut unique: Vec<EvidenceRef> = Vec::new();
    for evidence in named {
        if unique.len() < EVIDENCE_MAX && !unique.contains(&evidence) {
            unique.push(evidence);
        }
    }
    let response = ["documented", "promotion-blocked", "reanchor-proposed"];
    let title = "a seal has no anchor that verifies";
    let incident = Incident::new(FailureMode::Anchor, title, wrong, unique.clone(), &response);
    seen.incidents.push(incident.blocking(&seen.blocks));
    seen.proposals.push(Proposal {
        title: "anchor the seals again with an authority that answers".to_owned(),
        change: ChangeKind::Reanchor,
        evidence: unique,
        effect: "each seal has an anchor that the trust policy accepts, and promotion is free again".to_owned(),
    });
    let code = wrong.findings().first().map_or("seal-unanchored", |finding| finding.code().as_str());
    seen.events.push(Event { kind: "guardian.blocked".to_owned(), name: code.to_owned() });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_name_their_seal() {
        let id = "01900000-0000-7000-8000-0000000000ff";
        assert_eq!(seal_of(&format!("seal {id}")), id.parse().ok());
        assert_eq!(seal_of(&format!("anchor 0190 over seal {id}")), id.parse().ok());
        assert_eq!(seal_of(&format!("seal of row {id}")), None);
        assert_eq!(seal_of("vault"), None);
    }
}
