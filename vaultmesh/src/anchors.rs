//! What the anchors of a seal come to: each judged by its rail under the policy in force, all of them counted together.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use vm_anchor::ots::Proof;
use vm_anchor::{Rail, Tally, TrustPolicy, VerifiedAnchor, Weight, verify_evidence};
use vm_core::instant::Instant;
use vm_core::verdict::{Code, Finding, Report, Verdict};
use vm_seal::bundle::SealBundle;

/// How far the clock of a sealing machine, or of another authority, may run ahead of an authority's before the anchor is
/// called back-dated.
const CLOCK_AHEAD_MICROS: i64 = 5 * 60 * 1_000_000;

/// How an anchor stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    /// It holds, down to what the policy pins.
    Verified,
    /// It was asked for and is not complete.
    Pending,
    /// It could not be checked, or not to the end.
    #[default]
    Undecided,
    /// It is proven wrong.
    Contradicted,
}

impl Standing {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Pending => "pending",
            Self::Undecided => "undecided",
            Self::Contradicted => "contradicted",
        }
    }

    fn of(report: &Report, anchor: Option<&VerifiedAnchor>) -> Self {
        match report.verdict() {
            Verdict::Contradicted => Self::Contradicted,
            _ if anchor.is_some() => Self::Verified,
            _ if report.has(Code::AnchorPending) => Self::Pending,
            _ => Self::Undecided,
        }
    }
}

impl Serialize for Standing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// State of one anchor.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct AnchorState {
    /// Row that recorded it, or the file it stands in.
    pub source: String,
    /// Road by which it proves time, where that is known.
    pub rail: Option<Rail>,
    /// How it stands.
    pub state: Standing,
    /// Authority, where its evidence holds.
    pub authority: Option<String>,
    /// Time it attests, where its evidence holds.
    pub gen_time: Option<Instant>,
    /// What it stamps existed at this time at the latest, where its evidence holds.
    pub not_after: Option<Instant>,
    /// Whether someone other than the ledger's owner vouches.
    pub independent: bool,
    /// Whether the trust policy counts it.
    pub accepted: bool,
    /// Why it does not count, where its evidence holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncounted: Option<&'static str>,
}

/// Evidence of one anchor.
pub(crate) struct Evidence<'a> {
    /// Row or file, as it is shown.
    pub(crate) source: &'a str,
    /// What findings call it.
    pub(crate) subject: &'a str,
    /// Its rail, by the name of its file.
    pub(crate) rail: Option<Rail>,
    pub(crate) bytes: &'a [u8],
}

/// When the anchors of a seal place it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Interval {
    /// Not before this: the anchors that it covers were made then.
    pub not_before: Option<Instant>,
    /// Not after this: as many authorities as the policy asks for say so.
    pub not_after: Option<Instant>,
}

/// The anchors of one seal, as they are judged one after the other.
pub(crate) struct Weighing<'a> {
    bundle: &'a SealBundle,
    /// No anchor of the seal may lie before this.
    floor: Option<Instant>,
    now: Instant,
    states: Vec<AnchorState>,
    tally: Tally,
    counted: Vec<VerifiedAnchor>,
    report: Report,
    /// What only matters where the policy is not satisfied without it.
    open: Vec<Finding>,
    /// Proofs of OpenTimestamps, each by what findings call it.
    proofs: Vec<(String, Proof)>,
}

/// What came of it.
pub(crate) struct Weighed {
    pub(crate) states: Vec<AnchorState>,
    pub(crate) report: Report,
    pub(crate) interval: Interval,
    /// The anchors that count.
    pub(crate) counted: Vec<VerifiedAnchor>,
}

impl<'a> Weighing<'a> {
    pub(crate) fn new(bundle: &'a SealBundle, floor: Option<Instant>, now: Instant) -> Self {
        let (states, report) = (Vec::new(), Report::new());
        let (open, proofs, counted) = (Vec::new(), Vec::new(), Vec::new());
        Self { bundle, floor, now, states, tally: Tally::new(), counted, report, open, proofs }
    }

    /// Notes an anchor whose evidence cannot be had.
    pub(crate) fn lacks(&mut self, source: &str, subject: &str, code: Code) {
        self.report.find(Finding::new(code, subject));
        self.states.push(AnchorState { source: source.to_owned(), ..AnchorState::default() });
    }

    /// Judges one anchor under a policy; gives it back where it counts.
    pub(crate) fn judge(&mut self, evidence: &Evidence<'_>, policy: &TrustPolicy) -> Option<VerifiedAnchor> {
        let Evidence { source, subject, rail, bytes } = *evidence;
        let Some(rail) = rail else {
            self.report.find(Finding::new(Code::FormatUnknown, subject).found("a file of no rail that is known"));
            self.states.push(AnchorState { source: source.to_owned(), ..AnchorState::default() });
            return None;
        };
        if rail == Rail::OpenTimestamps {
            self.proofs.extend(Proof::parse(bytes).ok().map(|proof| (subject.to_owned(), proof)));
        }
        let (judged, verified) = verify_evidence(rail, bytes, &self.bundle.file_hash(), policy, self.now);
        let mut judged = judged.within(subject);
        if let Some(expected) = verified.as_ref().and_then(|anchor| self.backdated(anchor)) {
            let found = verified.as_ref().map_or_else(String::new, |anchor| anchor.gen_time().to_string());
            judged.find(Finding::new(Code::AnchorBackdated, subject).expected_found(expected, found));
        }
        let weight = verified.as_ref().map(|anchor| policy.weigh(anchor));
        let state = Standing::of(&judged, verified.as_ref());
        let counts = state == Standing::Verified && weight == Some(Weight::Counts);
        self.states.push(AnchorState {
            source: source.to_owned(),
            rail: Some(rail),
            state,
            authority: verified.as_ref().map(|anchor| anchor.authority().to_owned()),
            gen_time: verified.as_ref().map(VerifiedAnchor::gen_time),
            not_after: verified.as_ref().map(VerifiedAnchor::not_after),
            independent: verified.as_ref().is_some_and(VerifiedAnchor::is_independent),
            accepted: counts,
            uncounted: weight.filter(|_| state == Standing::Verified).and_then(reason),
        });
        self.take(judged);
        let counted = verified.filter(|_| counts);
        if let Some(anchor) = &counted {
            self.tally.count(anchor);
            self.counted.push(anchor.clone());
        }
        counted
    }

    /// Takes over a report. What a policy that is satisfied otherwise does not ask for is put by.
    fn take(&mut self, judged: Report) {
        let needless = |finding: &Finding| matches!(finding.code(), Code::AnchorPending | Code::NoTrustRoot);
        if judged.findings_dropped() > 0 {
            return self.report.merge(judged);
        }
        let mut kept = Report::new();
        for check in judged.checks() {
            kept.checked(check.clone());
        }
        for finding in judged.findings() {
            if needless(finding) {
                self.open.push(finding.clone());
            } else {
                kept.find(finding.clone());
            }
        }
        self.report.merge(kept);
    }

    /// Promises that another proof of the seal has kept are not open any more.
    fn settle_promises(&mut self) {
        let is_kept = |one: &Proof| self.proofs.iter().any(|(_, other)| one.is_completed_by(other));
        let kept: Vec<&str> =
            self.proofs.iter().filter(|(_, proof)| is_kept(proof)).map(|(subject, _)| subject.as_str()).collect();
        let settled = |finding: &Finding| {
            finding.code() == Code::AnchorPending && kept.iter().any(|subject| finding.subject().starts_with(subject))
        };
        self.open.retain(|finding| !settled(finding));
    }

    /// What the anchor's time should have been, where it lies before what it covers.
    fn backdated(&self, anchor: &VerifiedAnchor) -> Option<String> {
        // Of what a block states, the true time may lie hours away.
        let time = anchor.not_after();
        if is_before(time, self.bundle.sealed_at()) {
            return Some(format!("not before {}", self.bundle.sealed_at()));
        }
        let floor = self.floor.filter(|floor| is_before(time, *floor))?;
        Some(format!("not before the anchors of {floor} that it covers"))
    }

    /// Counts who vouches, under the policy that settles how many must. `subject` is the seal.
    pub(crate) fn finish(mut self, policy: &TrustPolicy, subject: &str) -> Weighed {
        self.settle_promises();
        let not_after = self.tally.not_after(policy);
        let vouching: Vec<&str> = self.tally.authorities().collect();
        if not_after.is_some() {
            let who = if vouching.is_empty() { "an authority of the owner".to_owned() } else { vouching.join(", ") };
            self.report.checked(format!("{subject}: anchored to the policy's satisfaction by {who}"));
            for finding in self.open {
                let what = format!("{}: {}, which the policy does not ask for", finding.subject(), finding.code());
                self.report.checked(what);
            }
        } else {
            for finding in self.open {
                self.report.find(finding);
            }
            match policy.quorum().filter(|_| self.states.iter().any(|anchor| anchor.accepted)) {
                Some(quorum) => {
                    let asked = format!("{quorum} independent authorities");
                    let found = match vouching.as_slice() {
                        [] => "none".to_owned(),
                        some => format!("{}: {}", some.len(), some.join(", ")),
                    };
                    self.report.find(Finding::new(Code::QuorumUnmet, subject).expected_found(asked, found));
                }
                None => self.report.find(Finding::new(Code::SealUnanchored, subject)),
            }
        }
        let interval = Interval { not_before: self.floor, not_after };
        Weighed { states: self.states, report: self.report, interval, counted: self.counted }
    }
}

fn reason(weight: Weight) -> Option<&'static str> {
    match weight {
        Weight::Counts => None,
        Weight::NotAccepted => Some("the policy does not accept its authority"),
        Weight::OutOfWindow => Some("the policy believes its authority about other times"),
        Weight::NotIndependent => Some("the policy asks for independent authorities"),
        _ => Some("the policy does not name its authority"),
    }
}

fn is_before(anchored: Instant, earlier: Instant) -> bool {
    anchored.saturating_add_micros(CLOCK_AHEAD_MICROS) < earlier
}

/// Anchors that count, by their place in the log: no later anchor over them may claim an earlier time.
#[derive(Default)]
pub(crate) struct Floors(Vec<(u64, String, Instant)>);

impl Floors {
    pub(crate) fn add(&mut self, seq: u64, anchor: &VerifiedAnchor) {
        self.0.push((seq, anchor.authority().to_owned(), anchor.not_before()));
    }

    /// The earliest time of what covers the first `as_of` entries of the log. Where a quorum of k is asked for, it is the k-th
    /// latest of distinct authorities, so that fewer than k that lie cannot make honest anchors look back-dated.
    pub(crate) fn below(&self, as_of: u64, quorum: Option<u32>) -> Option<Instant> {
        let mut latest: BTreeMap<&str, Instant> = BTreeMap::new();
        for (_, authority, time) in self.0.iter().filter(|(seq, _, _)| *seq < as_of) {
            let known = latest.entry(authority).or_insert(*time);
            *known = (*known).max(*time);
        }
        let mut times: Vec<Instant> = latest.into_values().collect();
        times.sort_unstable_by(|one, other| other.cmp(one));
        let at = usize::try_from(quorum.unwrap_or(1)).ok()?.checked_sub(1)?;
        times.get(at).copied()
    }
}
