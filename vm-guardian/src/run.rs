//! Running a guardian under a budget.

use core::fmt;

use serde_json::json;
use vm_core::digest::Sha256Digest;
use vm_core::id::{ENGINE_NAME_MAX, EngineName};
use vm_core::instant::Instant;
use vm_core::source::Clock;
use vm_core::verdict::{Code, Finding, Report, Severity, Verdict};

use crate::artifact::{Artifact, Found, Note};
use crate::block::{BlockScope, PromotionBlock};
use crate::budget::{Budget, Meter, Resource};
use crate::context::{Context, Given};
use crate::error::{GuardError, Spent};
use crate::guardian::Guardian;
use crate::observation::{Event, Observations};

/// What stands before a guardian's name in that of its engine.
const ENGINE_PREFIX: &str = "guardian-";

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Observed {
    guardian: EngineName,
    at: Instant,
    size: Option<u64>,
    observations: Observations,
    spent: Option<Spent>,
}

/// Runs `guardian` under `budget`, by `clock`. A budget that is spent, and a ledger that cannot be read, are findings and
/// leave the answer undecided; what was found before then stands.
///
/// The budget holds at every look at the ledger. A guardian that computes without looking is not interrupted.
///
/// # Errors
/// [`GuardError::Name`] alone.
pub fn run(
    guardian: &dyn Guardian,
    given: &Given<'_>,
    budget: Budget,
    clock: &dyn Clock,
) -> Result<Observed, GuardError> {
    let engine = format!("{ENGINE_PREFIX}{}", guardian.name());
    let limit = ENGINE_NAME_MAX - ENGINE_PREFIX.len();
    let fault = guardian.name().is_empty();
    let engine = engine.parse().ok().filter(|_| !fault).ok_or(GuardError::Name { limit })?;
    let meter = Meter::new(budget, clock);
    let context = Context::new(*given, &meter);
    let mut seen = match guardian.observe(&context) {
        Ok(seen) => seen,
        Err(error) => {
            let mut seen = Observations::new();
            if meter.spent().is_none() {
                seen.find(Code::EvidenceUnreadable, "ledger", Sourced(&error));
            }
            seen
        }
    };
    let spent = meter.spent().or_else(|| cut(&mut seen, budget.findings));
    if let Some(spent) = spent {
        let subject = format!("guardian {}", guardian.name());
        seen.report.find(Finding::new(Code::BudgetSpent, subject).found(spent));
    }
    Ok(Observed { guardian: engine, at: given.now, size: given.view.size().ok(), observations: seen, spent })
}

impl Observed {
    /// The guardian's engine, which its scroll is named after.
    #[must_use]
    pub const fn engine(&self) -> &EngineName {
        &self.guardian
    }

    /// What it saw.
    #[must_use]
    pub const fn observations(&self) -> &Observations {
        &self.observations
    }

    /// The part of the budget that was spent, if one was.
    #[must_use]
    pub const fn spent(&self) -> Option<Spent> {
        self.spent
    }

    /// The answer.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.observations.report.verdict()
    }

    /// What is to be recorded: a report where the answer is not a plain pass, then the incidents.
    #[must_use]
    pub fn artifacts(&self) -> Vec<Artifact> {
        let mut artifacts = Vec::new();
        if self.verdict() != Verdict::Verified || !self.observations.report.findings().is_empty() {
            artifacts.push(self.report_artifact());
        }
        artifacts.extend(self.observations.incidents.iter().map(|incident| {
            let value = incident.to_value(&self.guardian, self.at, self.size);
            Artifact::incident(value, incident.fingerprint(&self.guardian))
        }));
        artifacts
    }

    /// The report as an artifact, whatever it says.
    #[must_use]
    pub fn report_artifact(&self) -> Artifact {
        let seen = &self.observations;
        let notes = Note::first(&seen.report);
        let value = json!({
            "format": Artifact::REPORT_FORMAT, "guardian": self.guardian.as_str(), "at": self.at, "size": self.size,
            "verdict": self.verdict(), "checks": seen.report.checks(), "notes": notes,
            "notes_dropped": Note::dropped(&seen.report), "spent": self.spent,
            "blocks": seen.blocks.iter().map(PromotionBlock::to_value).collect::<Vec<_>>(),
            "proposals": seen.proposals.iter().map(|proposal| proposal.to_value()).collect::<Vec<_>>(),
        });
        Artifact::report(value, self.fingerprint())
    }

    /// The entries for the guardian's scroll: that it ran and with what answer, then its own.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let ran = Event { kind: "guardian.ran".to_owned(), name: self.verdict().to_string() };
        core::iter::once(ran).chain(self.observations.events.iter().cloned()).collect()
    }

    /// What was found, and not when: a run that finds the same again has the same.
    #[must_use]
    pub fn fingerprint(&self) -> Sha256Digest {
        Found::of(&self.observations.report).fingerprint(&self.guardian, "report")
    }
}

/// An error with what caused it, on one line.
struct Sourced<'a>(&'a GuardError);

impl fmt::Display for Sourced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.code())?;
        let mut source = core::error::Error::source(self.0);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// Holds every list to `limit`, the gravest findings first; says whether anything was cut. A block that is cut becomes one on
/// everything: forgetting one would let through what it held up.
fn cut(seen: &mut Observations, limit: usize) -> Option<Spent> {
    let spent = Spent { resource: Resource::Findings, limit: u64::try_from(limit).unwrap_or(u64::MAX) };
    let before = sizes(seen);
    if seen.report.findings().len() > limit {
        let mut findings: Vec<&Finding> = seen.report.findings().iter().collect();
        findings.sort_by_key(|finding| core::cmp::Reverse(finding.code().severity()));
        let mut kept = Report::new();
        seen.report.checks().iter().for_each(|check| kept.checked(check.clone()));
        findings.iter().take(limit).for_each(|finding| kept.find((*finding).clone()));
        if seen.report.verdict() == Verdict::Contradicted && kept.verdict() != Verdict::Contradicted {
            // The limit is zero: the gravest is kept all the same, for it decides the answer.
            let gravest = findings.iter().find(|finding| finding.code().severity() == Severity::Contradicted);
            gravest.into_iter().for_each(|finding| kept.find((*finding).clone()));
        }
        seen.report = kept;
    }
    if seen.blocks.len() > limit {
        seen.blocks.truncate(limit);
        let reason = "more blocks than the budget of findings".to_owned();
        seen.blocks.push(PromotionBlock { scope: BlockScope::All, code: Code::BudgetSpent, reason });
    }
    seen.signals.truncate(limit);
    seen.incidents.truncate(limit);
    seen.withheld.truncate(limit);
    seen.events.truncate(limit);
    seen.proposals.truncate(limit);
    (before != sizes(seen) || seen.report.findings_dropped() > 0).then_some(spent)
}

fn sizes(seen: &Observations) -> [usize; 7] {
    [
        seen.report.findings().len(),
        seen.signals.len(),
        seen.incidents.len(),
        seen.withheld.len(),
        seen.events.len(),
        seen.proposals.len(),
        seen.blocks.iter().filter(|block| block.code != Code::BudgetSpent).count(),
    ]
}
