//! Replay: what a proposed policy would have done to recorded traces. `docs/spec/dee-replay.md` is the format.
//!
//! It reads the log through the read-only view and changes nothing. Whoever doubts a recorded replay makes it again: same
//! log, same plan, same deciders, same content. Without the deciders, [`inputs`] shows what it went over and no more.

use serde::{Deserialize, Serialize};
use vm_core::digest::{RootHash, Sha256Digest};
use vm_core::id::{LedgerId, RowId};
use vm_core::record::{LogEntry, RowDraft, RowHeader, StoredRow, SystemKind, Table};
use vm_core::view::{EvidenceView, RowState, StoredEntry, Visit};
use vm_seal::merkle::Frontier;

use crate::content::{Content, Signed, at_most, draft, read};
use crate::error::{ContentError, ReplayError};
use crate::proposal::{Proposal, ProposalRef, ReplayPlan};

/// Most benign calls that would be newly blocked whose rows a replay names; all are counted.
pub const EXAMPLES_MAX: usize = 64;

/// What a policy says of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Let it through.
    Allow,
    /// Hold it back.
    Block,
}

/// A policy that can be asked again: a pure function of the row.
pub trait Decider {
    /// Identity of the policy: SHA-256 of its canonical form, the same that a proposal names.
    fn digest(&self) -> Sha256Digest;

    /// What it says of a recorded call.
    fn decide(&self, row: &StoredRow) -> Decision;
}

/// Content of a row that says what a replay came to. Nobody signs it, since anybody can make it again.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    ledger: LedgerId,
    proposal: ProposalRef,
    plan: ReplayPlan,
    before: Sha256Digest,
    after: Sha256Digest,
    inputs: RootHash,
    considered: u64,
    benign: u64,
    newly_blocked: u64,
    newly_allowed: u64,
    benign_blocked: u64,
    examples: Vec<RowId>,
}

impl Content for Replay {
    const KIND: SystemKind = SystemKind::Replay;

    fn subject(&self) -> Option<RowId> {
        Some(self.proposal.row)
    }

    fn check(&self) -> Result<(), ContentError> {
        at_most("examples", EXAMPLES_MAX, self.examples.len())?;
        let examples = u64::try_from(self.examples.len()).unwrap_or(u64::MAX);
        let changed = self.newly_blocked.saturating_add(self.newly_allowed);
        let shown = self.benign_blocked.min(u64::try_from(EXAMPLES_MAX).unwrap_or(u64::MAX));
        let adds_up = changed <= self.considered
            && self.benign <= self.considered
            && self.benign_blocked <= self.newly_blocked.min(self.benign)
            && examples == shown;
        if adds_up { Ok(()) } else { Err(ContentError::Shape) }
    }
}

impl Replay {
    /// Reads a row.
    ///
    /// # Errors
    /// [`ContentError`] names the first fault.
    pub fn of_row(row: &StoredRow) -> Result<Self, ContentError> {
        read(row)
    }

    /// The row, for the ledger to append.
    ///
    /// # Errors
    /// [`ContentError`] never in practice: a replay is made whole.
    pub fn draft(&self, header: RowHeader) -> Result<RowDraft, ContentError> {
        draft(self, header)
    }

    /// The ledger it is of.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// The proposal that was replayed.
    #[must_use]
    pub const fn proposal(&self) -> ProposalRef {
        self.proposal
    }

    /// What it went over.
    #[must_use]
    pub const fn plan(&self) -> ReplayPlan {
        self.plan
    }

    /// The policy that was in force.
    #[must_use]
    pub const fn before(&self) -> Sha256Digest {
        self.before
    }

    /// The policy that is proposed.
    #[must_use]
    pub const fn after(&self) -> Sha256Digest {
        self.after
    }

    /// Root (RFC 6962) over the leaf hashes of the calls considered, in order of place: the inputs.
    #[must_use]
    pub const fn inputs(&self) -> RootHash {
        self.inputs
    }

    /// Calls considered.
    #[must_use]
    pub const fn considered(&self) -> u64 {
        self.considered
    }

    /// How many of them are benign.
    #[must_use]
    pub const fn benign(&self) -> u64 {
        self.benign
    }

    /// Calls that are let through now and would be blocked.
    #[must_use]
    pub const fn newly_blocked(&self) -> u64 {
        self.newly_blocked
    }

    /// Calls that are blocked now and would be let through.
    #[must_use]
    pub const fn newly_allowed(&self) -> u64 {
        self.newly_allowed
    }

    /// Benign ones among those newly blocked.
    #[must_use]
    pub const fn benign_blocked(&self) -> u64 {
        self.benign_blocked
    }

    /// The first [`EXAMPLES_MAX`] of them, in order of place.
    #[must_use]
    pub fn examples(&self) -> &[RowId] {
        &self.examples
    }
}

/// Replays a proposal's plan: asks both policies about every recorded call of it. `is_benign` is the caller's judgement of
/// recorded work, and must be a pure function too. Cost: one pass over the planned part of the log; memory does not grow
/// with it.
///
/// # Errors
/// [`ReplayError`]: a row that is not there or malformed ends the replay, since a part is no replay.
pub fn replay(
    proposal: &Signed<Proposal>,
    view: &dyn EvidenceView,
    before: &dyn Decider,
    after: &dyn Decider,
    is_benign: &dyn Fn(&StoredRow) -> bool,
) -> Result<Replay, ReplayError> {
    let plan = proposal.content().replay.ok_or(ReplayError::NoPlan)?;
    let mut replay = Replay {
        ledger: proposal.content().ledger,
        proposal: proposal.reference()?,
        plan,
        before: before.digest(),
        after: after.digest(),
        inputs: RootHash::empty(),
        considered: 0,
        benign: 0,
        newly_blocked: 0,
        newly_allowed: 0,
        benign_blocked: 0,
        examples: Vec::new(),
    };
    let inputs = visit_calls(view, plan.from, plan.to, &mut |entry, row| {
        replay.count(entry.row_id, is_benign(row), before.decide(row), after.decide(row));
    })?;
    Ok(Replay { inputs: inputs.root(), ..replay })
}

/// Inputs of a replay over places `from` up to and without `to`, and how many they are: what anybody can check of a
/// replay without the two policies. Cost: one pass over these places.
///
/// # Errors
/// [`ReplayError`], as [`replay`].
pub fn inputs(view: &dyn EvidenceView, from: u64, to: u64) -> Result<(RootHash, u64), ReplayError> {
    let calls = visit_calls(view, from, to, &mut |_, _| {})?;
    Ok((calls.root(), calls.size().as_u64()))
}

/// Visits the calls in these places, in order; answers with the tree over their leaf hashes.
fn visit_calls(
    view: &dyn EvidenceView,
    from: u64,
    to: u64,
    visit: &mut dyn FnMut(&LogEntry, &StoredRow),
) -> Result<Frontier, ReplayError> {
    let size = view.size().map_err(ReplayError::View)?;
    if to > size {
        return Err(ReplayError::LogEnds { size, to });
    }
    let (mut calls, mut next, mut fault) = (Frontier::new(), from, None);
    let visited = view.visit_log(from, to, &mut |entry, state| {
        let Some((entry, row)) = sound(entry, state, next) else {
            fault = Some(next);
            return Ok(Visit::Stop);
        };
        next += 1;
        if matches!(entry.table, Table::ToolInvocations | Table::McpCalls) {
            calls.append(entry.leaf);
            visit(&entry, &row);
        }
        Ok(Visit::Continue)
    });
    visited.map_err(ReplayError::View)?;
    match fault {
        Some(seq) => Err(ReplayError::Unreadable { seq }),
        None if next != to => Err(ReplayError::Unreadable { seq: next }),
        None => Ok(calls),
    }
}

/// The entry at place `seq` with its row, where both are as they must be.
fn sound(entry: StoredEntry, state: RowState, seq: u64) -> Option<(LogEntry, StoredRow)> {
    match (entry, state) {
        (StoredEntry::Entry(entry), RowState::Present(row))
            if entry.seq == seq && row.leaf_hash().ok() == Some(entry.leaf) =>
        {
            Some((entry, row))
        }
        _ => None,
    }
}

impl Replay {
    fn count(&mut self, row: RowId, is_benign: bool, before: Decision, after: Decision) {
        self.considered += 1;
        self.benign += u64::from(is_benign);
        match (before, after) {
            (Decision::Allow, Decision::Block) => {
                self.newly_blocked += 1;
                if is_benign {
                    self.benign_blocked += 1;
                    if self.examples.len() < EXAMPLES_MAX {
                        self.examples.push(row);
                    }
                }
            }
            (Decision::Block, Decision::Allow) => self.newly_allowed += 1,
            _ => {}
        }
    }
}
