//! Counting approvals: identities, not keys, and never the proposer.

use std::collections::{BTreeMap, BTreeSet};

use vm_core::id::RowId;
use vm_core::instant::Instant;

use super::Gate;
use super::open::{Given, Open};
use crate::change::{ChangeKind, Risk};
use crate::epoch::{EPOCH_RULES, epoch_rule};
use crate::error::Violation;
use crate::name::Name;
use crate::policy::{GatePolicy, Identity, Rule};

/// What a proposal needs: the policy's rule and the epoch's floors together. A change of epoch needs the strictest of all
/// rules of the policy and all epochs at once, replays aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// How many identities must approve, the proposer not counted.
    pub quorum: u32,
    /// Roles that must be among them.
    pub roles: BTreeSet<Name>,
    /// Whether a person must be among them.
    pub human: bool,
    /// Whether a replay must come before the approvals.
    pub replay: bool,
    /// How long an approval lasts, in seconds.
    pub lasts_seconds: u64,
    /// Whether the seal must have a verified anchor.
    pub anchor: bool,
}

impl Requirement {
    fn of(rule: &Rule) -> Self {
        Self {
            quorum: rule.quorum,
            roles: rule.roles.clone(),
            human: rule.human,
            replay: rule.replay,
            lasts_seconds: rule.lasts_seconds,
            anchor: false,
        }
    }

    fn strictest(policy: &GatePolicy) -> Option<Self> {
        let all = policy.rules.iter().map(Self::of).reduce(|mut all, rule| {
            all.quorum = all.quorum.max(rule.quorum);
            all.roles.extend(rule.roles);
            all.lasts_seconds = all.lasts_seconds.min(rule.lasts_seconds);
            all
        })?;
        let quorum_min = EPOCH_RULES.iter().map(|rule| rule.quorum_min).max().unwrap_or(u32::MAX);
        Some(Self { quorum: all.quorum.max(quorum_min), human: true, replay: false, anchor: true, ..all })
    }

    fn check(&self, identities: &BTreeMap<&Name, &Identity>) -> Result<(), Violation> {
        let found = u32::try_from(identities.len()).unwrap_or(u32::MAX);
        if found < self.quorum {
            return Err(Violation::Quorum { needed: self.quorum, found });
        }
        let missing = self.roles.iter().find(|role| !identities.values().any(|one| one.roles.contains(*role)));
        if let Some(role) = missing {
            return Err(Violation::RoleMissing { role: role.clone() });
        }
        if self.human && !identities.values().any(|one| one.human) {
            return Err(Violation::HumanMissing);
        }
        Ok(())
    }
}

impl Gate {
    /// What a change of this kind and risk needs in the present epoch.
    pub(super) fn requirement_of(&self, kind: ChangeKind, risk: Risk) -> Result<Requirement, Violation> {
        let policy = self.policy.as_ref().ok_or(Violation::NoPolicy)?;
        let no_rule = Violation::NoRule { epoch: self.epoch, risk };
        if kind == ChangeKind::Epoch {
            return Requirement::strictest(policy).ok_or(no_rule);
        }
        let rule = policy.rule(self.epoch, risk).ok_or(no_rule)?;
        let floor = epoch_rule(self.epoch);
        let asked = Requirement::of(rule);
        Ok(Requirement {
            quorum: asked.quorum.max(floor.quorum_min),
            human: asked.human || risk >= floor.human_from,
            anchor: risk >= floor.anchor_from,
            ..asked
        })
    }

    /// What must hold before approvals are counted: neither taken, nor voided, nor expired, and replayed where it must be.
    pub(super) fn check_executable(&self, open: &Open, now: Instant) -> Result<(), Violation> {
        if let Some(intent) = open.intent {
            return Err(Violation::Taken { intent });
        }
        if open.voided {
            return Err(Violation::Voided);
        }
        if now >= open.expires {
            return Err(Violation::ProposalExpired);
        }
        let requirement = self.requirement_of(open.kind, open.risk)?;
        match (open.replay, open.plan) {
            (None, _) if requirement.replay => Err(Violation::NotReplayed),
            (Some(replay), Some(plan)) if replay.benign_blocked > plan.benign_blocked_max => {
                Err(Violation::Regressed { found: replay.benign_blocked, limit: plan.benign_blocked_max })
            }
            _ => Ok(()),
        }
    }

    /// The identity that `approval` counts for at `now`.
    fn counts_for(&self, open: &Open, requirement: &Requirement, approval: &Given, now: Instant) -> Option<&Identity> {
        let identity = self.policy.as_ref()?.identity(&approval.approver)?;
        let expires = approval.until(requirement)?;
        let is_late_enough = !requirement.replay || open.replay.is_some_and(|replay| replay.at.seq < approval.at.seq);
        let counts = !open.is_proposer(identity) && (approval.given..expires).contains(&now) && is_late_enough;
        counts.then_some(identity)
    }

    /// Every approval that counts at `now`, one for each identity and the longest lasting, by rising row id; enough of them.
    pub(super) fn count_all<'a>(
        &self,
        open: &'a Open,
        now: Instant,
    ) -> Result<(Requirement, Vec<&'a Given>), Violation> {
        let requirement = self.requirement_of(open.kind, open.risk)?;
        let mut identities = BTreeMap::new();
        let mut chosen: BTreeMap<&Name, &Given> = BTreeMap::new();
        for approval in &open.approvals {
            if let Some(identity) = self.counts_for(open, &requirement, approval, now) {
                identities.insert(&identity.name, identity);
                let best = chosen.entry(&identity.name).or_insert(approval);
                if best.expires < approval.expires {
                    *best = approval;
                }
            }
        }
        requirement.check(&identities)?;
        let mut chosen: Vec<&Given> = chosen.into_values().collect();
        chosen.sort_unstable_by_key(|approval| approval.at.row);
        Ok((requirement, chosen))
    }

    /// Checks that each row named is an approval that counts at `now`, and that together they are enough. Answers with what
    /// was asked for, and the last place among them.
    pub(super) fn count_named(
        &self,
        open: &Open,
        rows: &[RowId],
        now: Instant,
    ) -> Result<(Requirement, u64), Violation> {
        let requirement = self.requirement_of(open.kind, open.risk)?;
        let mut identities = BTreeMap::new();
        let mut last = open.at.seq;
        for row in rows {
            let approval = open.approvals.iter().find(|approval| approval.at.row == *row);
            let counted = approval.and_then(|one| Some((one, self.counts_for(open, &requirement, one, now)?)));
            let (approval, identity) = counted.ok_or(Violation::NotCounted { row: *row })?;
            identities.insert(&identity.name, identity);
            last = last.max(approval.at.seq);
        }
        requirement.check(&identities)?;
        Ok((requirement, last))
    }
}
