//! The gate: a fold over the log's rows of reserved kinds (`docs/adr/0016`).
//!
//! [`Gate::apply`] is the one transition. A writer runs it under the writers' lock before it appends, an audit runs it
//! again over what is there: what the one refuses, the other contradicts. It is a pure function of the state and the row.
//! A row that it refuses leaves the state as it was.
//!
//! Times decide nothing but expiry, which is compared with the time that the row itself claims.

mod count;
mod event;
mod fold;
mod open;
mod trail;

use std::collections::{BTreeMap, VecDeque};

use vm_core::digest::Sha256Digest;
use vm_core::epoch::Epoch;
use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{KeyHistory, PublicKey};
use vm_core::record::{Genesis, LogEntry, StoredRow, SystemKind};

use crate::content::Signed;
use crate::error::Violation;
use crate::outcome::{End, Outcome};
use crate::policy::{GatePolicy, IDENTITIES_MAX};
use crate::proposal::{Proposal, ProposalRef};
use crate::road::Approved;

pub use count::Requirement;
pub use event::Event;
use open::Open;

/// Most proposals open at once. Each takes at most 64 KiB with all its approvals, so all of them at most 64 MiB.
pub const OPEN_MAX: usize = 1_024;
/// Ended proposals whose end is kept for questions; older ones are forgotten. 4,096 take less than 1 MiB.
pub const ENDED_KEPT: usize = 4_096;
/// Most approvals of one proposal: four for each identity that a policy can enrol.
pub const APPROVALS_MAX: usize = IDENTITIES_MAX * APPROVALS_EACH_MAX;
/// Most approvals of one proposal by one identity under one policy: room to renew it three times.
pub const APPROVALS_EACH_MAX: usize = 4;

/// Place, id, time and trace of a row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RowPlace {
    /// Place in the log.
    pub seq: u64,
    /// Its id.
    pub row: RowId,
    /// The time that it claims.
    pub ts: Instant,
    /// Its chain of work.
    pub trace: TraceId,
    /// The row that it is about.
    pub subject: Option<RowId>,
}

/// How far a proposal has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Stage {
    /// It is in the log.
    Proposed,
    /// It was replayed.
    Replayed,
    /// As many approve as must, as of the time asked for.
    Approved,
    /// The epoch changed before it was authorised; it can only be withheld or expire.
    Voided,
    /// An intent authorised its execution, and no outcome is there yet.
    Authorised {
        /// The intent.
        intent: RowId,
    },
    /// It ended.
    Ended(End),
}

/// An execution that was authorised and has no outcome. It is recorded as unknown, never run again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unfinished {
    ledger: LedgerId,
    proposal: ProposalRef,
    intent: RowId,
}

impl Unfinished {
    /// The proposal.
    #[must_use]
    pub const fn proposal(&self) -> ProposalRef {
        self.proposal
    }

    /// The intent.
    #[must_use]
    pub const fn intent(&self) -> RowId {
        self.intent
    }

    /// Its outcome, which nobody knows.
    #[must_use]
    pub fn unknown(&self) -> Outcome {
        Outcome::unknown(self.ledger, self.proposal, self.intent)
    }
}

/// What is in force after the rows folded so far: epoch, policy, and the stage of each proposal.
///
/// Memory is bounded by [`OPEN_MAX`], [`ENDED_KEPT`], [`APPROVALS_MAX`] and the limits of a policy, but for a name each time that
/// the root key gives the key of an open proposal's proposer to another identity.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Gate {
    ledger: LedgerId,
    root_key: PublicKey,
    keys: KeyHistory,
    next: u64,
    epoch: Epoch,
    last_change: Option<RowPlace>,
    policy: Option<GatePolicy>,
    open: BTreeMap<RowId, Open>,
    ended: VecDeque<(ProposalRef, End)>,
}

impl Gate {
    /// The gate of a ledger with this genesis, before any row: in `nigredo`, with no policy, so nothing can be proposed.
    #[must_use]
    pub fn new(ledger: LedgerId, genesis: &Genesis) -> Self {
        Self {
            ledger,
            root_key: genesis.root_key(),
            keys: KeyHistory::new(ledger, genesis),
            next: 0,
            epoch: Epoch::Nigredo,
            last_change: None,
            policy: None,
            open: BTreeMap::new(),
            ended: VecDeque::new(),
        }
    }

    /// Folds the row at `entry`, which stands behind all folded before. Rows of other kinds change nothing and may be left
    /// out. Cost: one hash of the row and one strict signature check, for rows of the gate alone.
    ///
    /// # Errors
    /// [`Violation`]; the state is as it was.
    pub fn apply(&mut self, entry: &LogEntry, row: &StoredRow) -> Result<(), Violation> {
        if SystemKind::of_row(row) == Some(SystemKind::KeyChange) {
            // One that does not hold changes nothing, as everywhere; the audit of the ledger finds it.
            if row.leaf_hash().ok() == Some(entry.leaf) {
                let _is_change = self.keys.step(entry.seq, row);
            }
            return Ok(());
        }
        let Some((at, event)) = event::read(self, entry, row)? else {
            return Ok(());
        };
        self.step(at, &event)
    }

    /// The ledger.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// The key that signs the ledger's checkpoints now.
    #[must_use]
    pub const fn log_key(&self) -> PublicKey {
        self.keys.current()
    }

    /// The least place that the next row may have.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The present epoch.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The policy in force.
    #[must_use]
    pub const fn policy(&self) -> Option<&GatePolicy> {
        self.policy.as_ref()
    }

    /// How far the proposal in `row` has come at `now`; none where it is not known, or ended long ago.
    #[must_use]
    pub fn stage(&self, row: RowId, now: Instant) -> Option<Stage> {
        let Some(open) = self.open.get(&row) else {
            let ended = self.ended.iter().find(|(proposal, _)| proposal.row == row);
            return ended.map(|(_, end)| Stage::Ended(*end));
        };
        Some(match open.intent {
            Some(intent) => Stage::Authorised { intent },
            None if open.voided => Stage::Voided,
            None if self.is_approved(open, now) => Stage::Approved,
            None if open.replay.is_some() => Stage::Replayed,
            None => Stage::Proposed,
        })
    }

    fn is_approved(&self, open: &Open, now: Instant) -> bool {
        self.check_executable(open, now).is_ok() && self.count_all(open, now).is_ok()
    }

    /// Proposals that are open, by row id.
    pub fn open(&self) -> impl Iterator<Item = ProposalRef> {
        self.open.values().map(|open| open.proposal)
    }

    /// What the policy in force and the epoch ask of the open proposal in `row`.
    ///
    /// # Errors
    /// [`Violation::Unknown`], [`Violation::NoPolicy`] or [`Violation::NoRule`].
    pub fn requirement(&self, row: RowId) -> Result<Requirement, Violation> {
        let open = self.open.get(&row).ok_or(Violation::Unknown { row })?;
        self.requirement_of(open.kind, open.risk)
    }

    /// Executions that were authorised and have no outcome, by row id of their proposals. Whoever opens the gate records
    /// them as unknown; a process that is running one sees its own here too.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Unfinished> {
        let unfinished =
            |open: &Open| open.intent.map(|intent| Unfinished { ledger: self.ledger, proposal: open.proposal, intent });
        self.open.values().filter_map(unfinished).collect()
    }

    /// The proposal as approved at `now`, where as many approve as must: the one way onto the road to its execution.
    ///
    /// # Errors
    /// [`Violation`] says what is missing.
    pub fn approved(&self, proposal: &Signed<Proposal>, now: Instant) -> Result<Approved, Violation> {
        let reference = proposal.reference()?;
        let open = self.open_for(reference)?;
        self.check_executable(open, now)?;
        let (requirement, approvals) = self.count_all(open, now)?;
        let until = approvals.iter().filter_map(|approval| approval.until(&requirement)).fold(open.expires, Ord::min);
        let mut rows = vec![open.at];
        rows.extend(open.replay.map(|replay| replay.at));
        rows.extend(approvals.iter().map(|approval| approval.at));
        Ok(Approved {
            proposal: proposal.clone(),
            reference,
            epoch: self.epoch,
            approvals: approvals.iter().map(|approval| approval.at.row).collect(),
            trail: self.trail_of(rows),
            until,
            needs_anchor: requirement.anchor,
        })
    }

    /// SHA-256 over the whole state, by which two folds are compared. Not stable between releases.
    #[must_use]
    pub fn fingerprint(&self) -> Sha256Digest {
        Sha256Digest::of(format!("{self:?}").as_bytes())
    }
}

/// The transition without its signatures, for tests and models that make more events than can be signed.
pub mod hazmat {
    use super::{Event, Gate, RowPlace};
    use crate::error::Violation;

    /// Folds an event that nobody signed. What it lets through proves nothing about a ledger.
    ///
    /// # Errors
    /// [`Violation`]; the state is as it was.
    pub fn step(gate: &mut Gate, at: RowPlace, event: &Event) -> Result<(), Violation> {
        gate.step(at, event)
    }
}
