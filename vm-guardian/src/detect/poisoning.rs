//! Failure mode 3: signals to learn from are poisoned.
//!
//! Detects, for each subject that signals of support speak of: the same signal more than once, identities that speak more
//! than their share, identities far from the bulk, a bulk at odds with itself, a slow drift, too few identities. Responds:
//! quarantine, a shadow receipt for the promotion that was held back, an incident, and a proposal that asks for quorum, replay
//! and a person.
//!
//! Weight goes by enrolled identity: a thousand keys of one enrolment weigh one, keys of none weigh nothing, and neither does
//! what a key says in the name of an actor that it is not enrolled for. The support of a subject is the median over identities
//! of the median of each. A promotion is supported only where at most [`Thresholds::dissent`] of the identities lie on the other
//! side. So as long as honest identities agree, nobody flips the answer to a promotion but a share above 1 - dissent, two thirds
//! unless told; a third can hold one up, which is said.

mod watch;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use vm_core::digest::Sha256Digest;
use vm_core::verdict::{Code, Finding, Report};

use crate::artifact::{FailureMode, Incident};
use crate::context::Context;
use crate::error::GuardError;
use crate::guardian::Guardian;
use crate::observation::{Event, Observations, Withheld};
use crate::proposal::{ChangeKind, EVIDENCE_MAX, EvidenceRef, Proposal};
use crate::signal::{SUPPORT, Signal, SignalKey};
use crate::stats;
use crate::threshold::Thresholds;

pub use watch::PoisoningWatch;
use watch::Seen;

/// Looks for poisoned signals.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoisoningGuardian;

/// What signals come to for one subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// They speak for the promotion.
    Supported,
    /// They speak against it.
    Opposed,
    /// Too few identities take part.
    NoQuorum,
    /// They settle nothing and are set aside whole.
    Quarantined,
}

/// What the test for a slow drift of support says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Drift {
    /// There is none.
    Still,
    /// Identities move upwards together.
    Found,
    /// Identities moved far enough, and there are too few signals to test whether together.
    Untested {
        /// Signals that count.
        found: usize,
        /// Signals that the test takes.
        needed: usize,
    },
}

/// The signals of one subject, judged.
#[derive(Clone, PartialEq, Debug)]
pub struct Judgement {
    /// The subject.
    pub subject: String,
    /// What they come to.
    pub outcome: Outcome,
    /// Identities that take part.
    pub identities: usize,
    /// Median over identities that are no outliers, from 0 to 1; none where there is nobody.
    pub support: Option<f64>,
    /// Mean over all signals, enrolled or not, repeated or not: what one would learn who trusts them all.
    pub naive: f64,
    /// Identities far from the bulk, set aside.
    pub outliers: Vec<String>,
    /// Identities that said more than counts.
    pub loud: Vec<String>,
    /// Signals that were there before.
    pub replays: u64,
    /// Signals of actors that are not enrolled.
    pub unenrolled: u64,
    /// Share of identities on the other side.
    pub dissent: f64,
    /// Whether support drifts.
    pub drift: Drift,
    /// A row of each identity that was set aside.
    pub evidence: Vec<EvidenceRef>,
}

impl Judgement {
    /// Whether one who trusts every signal would promote, and this does not.
    #[must_use]
    pub fn is_held_back(&self, thresholds: &Thresholds) -> bool {
        self.naive >= thresholds.support && self.outcome != Outcome::Supported
    }

    /// What is wrong with the signals, in words; nothing where nothing is.
    #[must_use]
    pub fn faults(&self, thresholds: &Thresholds) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.outliers.is_empty() {
            faults.push(format!("{} of {} identities are outliers", self.outliers.len(), self.identities));
        }
        if !self.loud.is_empty() {
            faults.push(format!(
                "{} identities said more than {} signals",
                self.loud.len(),
                thresholds.per_identity_cap
            ));
        }
        if self.replays > 0 {
            faults.push(format!("{} signals are repeated", self.replays));
        }
        if self.dissent > thresholds.dissent {
            faults.push(format!("{:.2} of the identities are on the other side", self.dissent));
        }
        if self.drift == Drift::Found {
            faults.push("support drifts".to_owned());
        }
        if self.is_held_back(thresholds) {
            faults.push(format!(
                "all signals together would promote ({:.2}); {} of them are by actors not enrolled",
                self.naive, self.unenrolled
            ));
        }
        faults
    }

    /// What could not be judged, in words; nothing where all was. It speaks against nobody, and is no pass.
    #[must_use]
    pub fn gaps(&self, thresholds: &Thresholds) -> Vec<String> {
        let mut gaps = Vec::new();
        if self.outcome == Outcome::NoQuorum {
            gaps.push(format!(
                "{} identities take part and {} are outliers, {} must agree; {} signals are by actors not enrolled",
                self.identities,
                self.outliers.len(),
                thresholds.quorum,
                self.unenrolled
            ));
        }
        if let Drift::Untested { found, needed } = self.drift {
            gaps.push(format!("{found} signals count, and a test for drift takes {needed}"));
        }
        gaps
    }
}

#[derive(Default)]
struct Voice {
    values: Vec<f64>,
    beyond: u64,
    first: Option<EvidenceRef>,
}

#[derive(Default)]
struct Subject {
    sum: f64,
    count: usize,
    unenrolled: u64,
    replays: u64,
    voices: BTreeMap<String, Voice>,
    /// What counts and whose it is, in the order it came.
    counted: Vec<(String, f64)>,
}

/// Signals as they come in. Memory: a hash a signal, and at most the cap of values for each identity and subject.
#[derive(Default)]
pub struct Ingest {
    seen: BTreeSet<SignalKey>,
    subjects: BTreeMap<String, Subject>,
    cap: usize,
}

impl Ingest {
    /// Nothing yet.
    #[must_use]
    pub fn new(thresholds: &Thresholds) -> Self {
        Self { cap: thresholds.per_identity_cap, ..Self::default() }
    }

    /// Takes in the next signal; only those of support are weighed.
    pub fn take(&mut self, signal: &Signal) {
        if signal.kind() != SUPPORT {
            return;
        }
        let subject = self.subjects.entry(signal.subject().to_owned()).or_default();
        subject.sum += signal.value();
        subject.count += 1;
        let Some(identity) = signal.identity() else {
            subject.unenrolled += 1;
            return;
        };
        // What counts for nobody takes no key: else whoever speaks first in another's name would make that one a copy.
        if !self.seen.insert(signal.key()) {
            subject.replays += 1;
            return;
        }
        let voice = subject.voices.entry(identity.to_owned()).or_default();
        voice.first = voice.first.or(signal.source());
        if voice.values.len() < self.cap {
            voice.values.push(signal.value());
            subject.counted.push((identity.to_owned(), signal.value()));
        } else {
            voice.beyond += 1;
        }
    }

    /// Judges every subject.
    #[must_use]
    pub fn judge(&self, thresholds: &Thresholds) -> Vec<Judgement> {
        self.subjects.iter().map(|(name, subject)| subject.judge(name, thresholds)).collect()
    }
}

impl core::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ingest").field("signals", &self.seen.len()).finish_non_exhaustive()
    }
}

impl Subject {
    fn judge(&self, name: &str, thresholds: &Thresholds) -> Judgement {
        let voices: Vec<(&String, &Voice, f64)> = self
            .voices
            .iter()
            .filter_map(|(identity, voice)| Some((identity, voice, stats::median(&voice.values)?)))
            .collect();
        let medians: Vec<f64> = voices.iter().map(|(_, _, median)| *median).collect();
        let scores = stats::robust_scores(&medians, thresholds.scale_floor);
        let bound = stats::outlier_bound(voices.len(), thresholds.outlier_rate, thresholds.outlier);
        let far: Vec<bool> = scores.iter().map(|score| *score > bound).collect();
        let aside = || voices.iter().zip(&far).filter(|(_, far)| **far).map(|(voice, _)| voice);
        let kept: Vec<f64> = medians.iter().zip(&far).filter(|(_, far)| !**far).map(|(median, _)| *median).collect();
        let support = stats::median(&kept);
        let promotes = support.is_some_and(|support| support >= thresholds.support);
        // Of all identities, outliers too: setting somebody aside must not make the rest agree.
        let against = medians.iter().filter(|median| (**median >= thresholds.support) != promotes).count();
        let dissent = if medians.is_empty() { 0.0 } else { stats::count(against) / stats::count(medians.len()) };
        let drift = self.drift(thresholds);
        let outcome = if kept.len() < thresholds.quorum {
            Outcome::NoQuorum
        } else if dissent > thresholds.dissent || drift == Drift::Found {
            Outcome::Quarantined
        } else if promotes {
            Outcome::Supported
        } else {
            Outcome::Opposed
        };
        let loud = self.voices.iter().filter(|(_, voice)| voice.beyond > 0).map(|(identity, _)| identity.clone());
        Judgement {
            subject: name.to_owned(),
            outcome,
            identities: voices.len(),
            support,
            naive: self.sum / stats::count(self.count.max(1)),
            outliers: aside().map(|(identity, _, _)| (*identity).clone()).collect(),
            loud: loud.collect(),
            replays: self.replays,
            unenrolled: self.unenrolled,
            dissent,
            drift,
            evidence: aside().filter_map(|(_, voice, _)| voice.first).take(EVIDENCE_MAX).collect(),
        }
    }

    /// Whether identities move upwards together: medians over groups, in the order of the log, of how far each signal lies from
    /// its own identity's median. So it makes no difference who speaks first.
    fn drift(&self, thresholds: &Thresholds) -> Drift {
        let own: BTreeMap<&str, f64> = self
            .voices
            .iter()
            .filter_map(|(identity, voice)| Some((identity.as_str(), stats::median(&voice.values)?)))
            .collect();
        let moved = |(identity, value): &(String, f64)| value - own.get(identity.as_str()).copied().unwrap_or(*value);
        let moves: Vec<f64> = self.counted.iter().map(moved).collect();
        let (groups, least) = (thresholds.trend_groups, thresholds.trend_group_min.max(1));
        let size = moves.len().checked_div(groups).unwrap_or(0);
        if size < least {
            let (low, high) = moves.iter().fold((0.0_f64, 0.0_f64), |(low, high), by| (low.min(*by), high.max(*by)));
            // A mean cannot rise by more than all moves span.
            let may_drift = high - low >= thresholds.support_drift;
            let needed = groups.saturating_mul(least);
            return if may_drift { Drift::Untested { found: moves.len(), needed } } else { Drift::Still };
        }
        let medians: Vec<f64> = moves.chunks_exact(size).filter_map(stats::median).collect();
        let rises = stats::trend(&medians)
            .is_some_and(|trend| trend.p_rising < thresholds.trend_level && trend.rise >= thresholds.support_drift);
        if rises { Drift::Found } else { Drift::Still }
    }
}

impl Guardian for PoisoningGuardian {
    fn name(&self) -> &str {
        "poisoning"
    }

    fn observe(&self, context: &Context<'_>) -> Result<Observations, GuardError> {
        Seen::nothing(context)?.observe(context)
    }
}

fn respond(judgement: &Judgement, thresholds: &Thresholds, seen: &mut Observations) -> Result<(), GuardError> {
    let finding =
        |found: &String| Finding::new(Code::SignalQuarantined, format!("support {}", judgement.subject)).found(found);
    judgement.gaps(thresholds).iter().for_each(|gap| seen.report.find(finding(gap)));
    let faults = judgement.faults(thresholds);
    if faults.is_empty() {
        return Ok(());
    }
    let mut wrong = Report::new();
    faults.iter().for_each(|fault| wrong.find(finding(fault)));
    seen.report.merge(wrong.clone());
    let evidence = judgement.evidence.clone();
    if judgement.is_held_back(thresholds) || judgement.outcome == Outcome::Quarantined {
        let name = Sha256Digest::of(judgement.subject.as_bytes()).to_hex();
        let horizon = format!("guardian/poisoning/{}", name.get(..32).unwrap_or_default());
        let path = json!({
            "would": "promote", "subject": judgement.subject, "naive_support": judgement.naive,
            "support": judgement.support, "identities": judgement.identities, "outliers": judgement.outliers.len(),
        });
        let delta = judgement.naive - judgement.support.unwrap_or(0.0);
        seen.withheld.push(Withheld::new(&horizon, path, delta, format!("quarantined: {}", faults.join("; ")))?);
    }
    let response = ["documented", "signals-quarantined", "quorum-required", "replay-required", "human-required"];
    let title = "signals of support are not to be trusted";
    seen.incidents.push(Incident::new(FailureMode::Poisoning, title, &wrong, evidence.clone(), &response));
    seen.proposals.push(Proposal {
        title: format!("set the outlying signals on {} aside", judgement.subject),
        change: ChangeKind::QuarantineSignals,
        evidence,
        effect: "support rests on a quorum that agrees; a promotion still needs a replay and a person".to_owned(),
    });
    seen.events.push(Event { kind: "guardian.quarantined".to_owned(), name: "signal-quarantined".to_owned() });
    Ok(())
}

/// How one and the same recorded work fared under a policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReplayCounts {
    /// Benign calls that were let through.
    pub benign_passed: u64,
    /// Benign calls that were blocked: false positives.
    pub benign_blocked: u64,
    /// Harmful calls that were blocked.
    pub harmful_blocked: u64,
    /// Harmful calls that were let through.
    pub harmful_passed: u64,
}

/// What a replay says of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReplayOutcome {
    /// Nothing speaks against it.
    Clean,
    /// More false positives than before, beyond chance.
    MoreFalsePositives,
    /// Harmful work passes that was blocked before, however little.
    BoundaryRegression,
    /// Nothing benign was replayed, so nothing is known.
    Unknown,
}

/// Judges the replay of a changed policy against that of the one in force, by Fisher's exact test for false positives and
/// without any tolerance for harmful work that passes.
#[must_use]
pub fn judge_replay(before: ReplayCounts, after: ReplayCounts, thresholds: &Thresholds) -> ReplayOutcome {
    if after.harmful_passed > before.harmful_passed {
        return ReplayOutcome::BoundaryRegression;
    }
    let benign = |counts: ReplayCounts| (counts.benign_blocked, counts.benign_passed);
    match stats::rate_rises(benign(before), benign(after)) {
        None => ReplayOutcome::Unknown,
        Some(p) if p < thresholds.replay_level => ReplayOutcome::MoreFalsePositives,
        Some(_) => ReplayOutcome::Clean,
    }
}
