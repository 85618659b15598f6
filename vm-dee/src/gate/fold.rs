//! The transition: what each row does to the state, or why it is refused. Each step checks everything before it changes
//! anything.

use vm_core::epoch::EpochChange;
use vm_core::id::RowId;

use super::open::{Given, Open, Replayed};
use super::{APPROVALS_EACH_MAX, APPROVALS_MAX, ENDED_KEPT, Event, Gate, OPEN_MAX, RowPlace};
use crate::approval::Approval;
use crate::change::ChangeKind;
use crate::epoch::epoch_rule;
use crate::error::Violation;
use crate::intent::{ENGINE, Intent, scroll_leaf};
use crate::outcome::{End, Outcome};
use crate::policy::GatePolicy;
use crate::proposal::{Proposal, ProposalHash, ProposalRef};
use crate::replay::Replay;

impl Gate {
    pub(super) fn step(&mut self, at: RowPlace, event: &Event) -> Result<(), Violation> {
        if at.seq < self.next {
            return Err(Violation::Place { least: self.next, found: at.seq });
        }
        match event {
            Event::Policy(policy) => self.take_policy(policy),
            Event::Proposal(content, hash) => self.take_proposal(at, content, *hash),
            Event::Replay(replay) => self.take_replay(at, replay),
            Event::Approval(approval) => self.take_approval(at, approval),
            Event::Intent(intent) => self.take_intent(at, intent),
            Event::Outcome(outcome) => self.take_outcome(at, outcome),
            Event::EpochChange(change) => self.take_epoch_change(at, *change),
        }?;
        self.next = at.seq.saturating_add(1);
        Ok(())
    }

    /// The open proposal that a row is about.
    pub(super) fn open_for(&self, proposal: ProposalRef) -> Result<&Open, Violation> {
        let open = self.open.get(&proposal.row).ok_or(Violation::Unknown { row: proposal.row })?;
        if open.proposal.hash == proposal.hash { Ok(open) } else { Err(Violation::OtherProposal) }
    }

    fn open_mut(&mut self, row: RowId) -> Result<&mut Open, Violation> {
        self.open.get_mut(&row).ok_or(Violation::Unknown { row })
    }

    fn take_policy(&mut self, policy: &GatePolicy) -> Result<(), Violation> {
        let in_force = self.policy.as_ref().map_or(0, |policy| policy.number);
        if policy.number <= in_force {
            return Err(Violation::PolicyNumber { in_force, found: policy.number });
        }
        for open in self.open.values_mut() {
            // What a key said that is enrolled no more, or for another, counts no more, also when it comes back.
            let is_still = |given: &Given| policy.identity(&given.approver).is_some_and(|now| now.name == given.name);
            open.approvals.retain(is_still);
            open.proposer_names.extend(policy.identity(&open.proposer).map(|identity| identity.name.clone()));
        }
        self.policy = Some(policy.clone());
        Ok(())
    }

    fn take_proposal(&mut self, at: RowPlace, content: &Proposal, hash: ProposalHash) -> Result<(), Violation> {
        if self.open.contains_key(&at.row) || self.ended.iter().any(|(ended, _)| ended.row == at.row) {
            return Err(Violation::Known);
        }
        let mut open = Open::new(at, ProposalRef { row: at.row, hash }, content);
        if content.epoch != self.epoch || open.epoch_change.is_some_and(|change| change.from != self.epoch) {
            return Err(Violation::WrongEpoch { present: self.epoch });
        }
        if !epoch_rule(self.epoch).allows.contains(&open.kind) {
            return Err(Violation::NotAllowed { kind: open.kind, epoch: self.epoch });
        }
        let floor = content.risk_floor();
        if open.risk < floor {
            return Err(Violation::RiskTooLow { floor });
        }
        if self.requirement_of(open.kind, open.risk)?.replay && open.plan.is_none() {
            return Err(Violation::NoReplayPlan);
        }
        if at.ts >= open.expires {
            return Err(Violation::ProposalExpired);
        }
        if self.open.len() >= OPEN_MAX {
            return Err(Violation::Full { limit: OPEN_MAX });
        }
        let identity = self.policy.as_ref().and_then(|policy| policy.identity(&open.proposer));
        open.proposer_names.extend(identity.map(|identity| identity.name.clone()));
        self.open.insert(at.row, open);
        Ok(())
    }

    fn take_replay(&mut self, at: RowPlace, replay: &Replay) -> Result<(), Violation> {
        let open = self.open_for(replay.proposal())?;
        if let Some(intent) = open.intent {
            return Err(Violation::Taken { intent });
        }
        if open.replay.is_some() {
            return Err(Violation::Replayed);
        }
        let is_planned = open.plan == Some(replay.plan()) && open.policy.is_none_or(|policy| policy == replay.after());
        if replay.ledger() != self.ledger || !is_planned || replay.plan().to > at.seq {
            return Err(Violation::OtherReplay);
        }
        if replay.before() == replay.after() {
            return Err(Violation::ReplayUnchanged);
        }
        if replay.considered() == 0 {
            return Err(Violation::ReplayEmpty);
        }
        self.open_mut(replay.proposal().row)?.replay = Some(Replayed { at, benign_blocked: replay.benign_blocked() });
        Ok(())
    }

    fn take_approval(&mut self, at: RowPlace, approval: &Approval) -> Result<(), Violation> {
        let policy = self.policy.as_ref().ok_or(Violation::NoPolicy)?;
        let identity = policy.identity(&approval.approver).ok_or(Violation::NotEnrolled)?;
        let open = self.open_for(approval.proposal)?;
        if open.is_proposer(identity) {
            return Err(Violation::ByProposer);
        }
        if approval.epoch != self.epoch {
            return Err(Violation::WrongEpoch { present: self.epoch });
        }
        self.check_executable(open, at.ts)?;
        let limit_seconds = self.requirement_of(open.kind, open.risk)?.lasts_seconds;
        let lasts = approval.expires.as_micros().saturating_sub(approval.given.as_micros());
        if i128::from(lasts) > i128::from(limit_seconds) * 1_000_000 {
            return Err(Violation::LastsTooLong { limit_seconds });
        }
        let of_identity = open.approvals.iter().filter(|given| identity.keys.contains(&given.approver));
        if of_identity.count() >= APPROVALS_EACH_MAX || open.approvals.len() >= APPROVALS_MAX {
            return Err(Violation::TooManyApprovals { limit: APPROVALS_EACH_MAX });
        }
        let name = identity.name.clone();
        let Approval { approver, given, expires, .. } = *approval;
        self.open_mut(approval.proposal.row)?.approvals.push(Given { at, approver, name, given, expires });
        Ok(())
    }

    fn take_intent(&mut self, at: RowPlace, intent: &Intent) -> Result<(), Violation> {
        let open = self.open_for(intent.proposal)?;
        self.check_executable(open, at.ts)?;
        if intent.ledger != self.ledger || intent.epoch != self.epoch {
            return Err(Violation::WrongEpoch { present: self.epoch });
        }
        let (requirement, last_approval) = self.count_named(open, &intent.approvals, at.ts)?;
        let line = scroll_leaf(self.ledger, self.epoch, intent.proposal)?;
        if intent.scroll.engine.as_str() != ENGINE || intent.scroll.leaf != line {
            return Err(Violation::OtherLine);
        }
        let last = last_approval.max(open.replay.map_or(0, |replay| replay.at.seq));
        let needed = last.saturating_add(1);
        if !(needed..=at.seq).contains(&intent.seal.as_of) {
            return Err(Violation::SealTooOld { needed, found: intent.seal.as_of });
        }
        if requirement.anchor && intent.anchor.is_none() {
            return Err(Violation::Unanchored);
        }
        self.open_mut(intent.proposal.row)?.intent = Some(at.row);
        Ok(())
    }

    fn take_outcome(&mut self, at: RowPlace, outcome: &Outcome) -> Result<(), Violation> {
        let proposal = outcome.proposal();
        let open = self.open_for(proposal)?;
        match (outcome.intent(), open.intent) {
            (None, Some(intent)) => return Err(Violation::Taken { intent }),
            (Some(row), found) if found != Some(row) => return Err(Violation::NoIntent { row }),
            _ => {}
        }
        if outcome.ledger() != self.ledger {
            return Err(Violation::OtherProposal);
        }
        if outcome.end() == End::Expired && !open.voided && at.ts < open.expires {
            return Err(Violation::NotExpired);
        }
        if outcome.end() == End::Succeeded && open.kind == ChangeKind::Epoch && !open.changed {
            return Err(Violation::EpochUnchanged);
        }
        if outcome.end() == End::Failed && open.changed {
            return Err(Violation::EpochChanged);
        }
        self.open.remove(&proposal.row);
        self.ended.push_back((proposal, outcome.end()));
        if self.ended.len() > ENDED_KEPT {
            self.ended.pop_front();
        }
        Ok(())
    }

    fn take_epoch_change(&mut self, at: RowPlace, change: EpochChange) -> Result<(), Violation> {
        let of_intent = |open: &&Open| open.intent.is_some() && open.intent == at.subject;
        let open = self.open.values().find(of_intent).ok_or(Violation::EpochChange)?;
        let row = open.proposal.row;
        if open.changed || open.epoch_change != Some(change) || change.from != self.epoch {
            return Err(Violation::EpochChange);
        }
        let other = self.open.values().find(|other| other.proposal.row != row && other.intent.is_some());
        if let Some(intent) = other.and_then(|other| other.intent) {
            return Err(Violation::Unfinished { intent });
        }
        for (other, open) in &mut self.open {
            open.changed |= *other == row;
            open.voided |= *other != row;
        }
        self.epoch = change.to;
        self.last_change = Some(at);
        Ok(())
    }
}
