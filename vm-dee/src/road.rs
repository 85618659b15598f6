//! The road from approval to execution, as types: [`Approved`], [`Prepared`], [`Authorized`], [`Ran`].
//!
//! Each is made by the one before it, is not `Clone`, and is consumed by the next. A proposal itself has no way to be
//! executed. Between [`Prepared`] and [`Authorized`] stands the durable intent row, whose id was minted for this one value:
//! after a crash nothing can make it again, so what was authorised and has no outcome is [unknown](crate::gate::Unfinished).

use std::panic::{AssertUnwindSafe, catch_unwind};

use vm_anchor::VerifiedAnchor;
use vm_core::capability::{Act, Permit, Resource, act};
use vm_core::digest::{CapabilityHash, LeafHash, Sha256Digest};
use vm_core::epoch::{Epoch, EpochChange};
use vm_core::id::{EngineName, LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::record::{RowDraft, RowHeader, SystemKind};
use vm_core::source::{Clock, Entropy};
use vm_seal::merkle::{InclusionProof, LeafIndex};
use vm_seal::tlog::VerifiedTlogProof;
use vm_seal::verify::VerifiedSeal;

use crate::change::{Change, ChangeKind, CommandLine};
use crate::content::{Signed, draft, draft_of};
use crate::error::{ContentError, RoadError, Violation};
use crate::gate::{Gate, Stage};
use crate::intent::{Intent, ScrollLine, SealRef, scroll_leaf};
use crate::outcome::{Cause, Outcome};
use crate::proposal::{Proposal, ProposalRef};
use crate::trail::{Trail, sealed_scroll};

/// What a permit must cover to execute, as the ledger asks it of the intent's row.
const GATE: &str = "/gate";

mod sealed {
    pub trait Sealed {}
}

/// An act that executes a proposal: [`act::Execute`], or [`act::ChangeEpoch`] for a change of epoch.
pub trait Executing: Act + sealed::Sealed {
    /// Whether its permit is for a change of this kind.
    fn fits(kind: ChangeKind) -> bool;
}

impl sealed::Sealed for act::Execute {}
impl Executing for act::Execute {
    fn fits(kind: ChangeKind) -> bool {
        kind != ChangeKind::Epoch
    }
}

impl sealed::Sealed for act::ChangeEpoch {}
impl Executing for act::ChangeEpoch {
    fn fits(kind: ChangeKind) -> bool {
        kind == ChangeKind::Epoch
    }
}

/// A proposal that as many approve as must. Made by [`Gate::approved`] alone.
#[derive(Debug)]
pub struct Approved {
    pub(crate) proposal: Signed<Proposal>,
    pub(crate) reference: ProposalRef,
    pub(crate) epoch: Epoch,
    pub(crate) approvals: Vec<RowId>,
    /// The proposal, its replay and the approvals.
    pub(crate) trail: Trail,
    /// From then on it is approved no longer: the first to expire of the proposal and those approvals.
    pub(crate) until: Instant,
    pub(crate) needs_anchor: bool,
}

/// The line of an engine's scroll that tells of the execution, and its path to the root that the seal records.
#[derive(Clone, Copy, Debug)]
pub struct LineProof<'a> {
    /// Number of the line, from 0.
    pub line: LeafIndex,
    /// Path to the scroll's root at the size that the seal records.
    pub path: &'a InclusionProof,
}

impl Approved {
    /// The proposal.
    #[must_use]
    pub const fn proposal(&self) -> &Signed<Proposal> {
        &self.proposal
    }

    /// Rows of the approvals that count, one for each identity, rising.
    #[must_use]
    pub fn approvals(&self) -> &[RowId] {
        &self.approvals
    }

    /// Whether the seal must have a verified anchor.
    #[must_use]
    pub const fn needs_anchor(&self) -> bool {
        self.needs_anchor
    }

    /// From then on it is approved no longer.
    #[must_use]
    pub const fn until(&self) -> Instant {
        self.until
    }

    /// The line to append to the scroll of engine `dee` before sealing, without its newline.
    ///
    /// # Errors
    /// As [`crate::intent::scroll_line`].
    pub fn scroll_line(&self) -> Result<Vec<u8>, ContentError> {
        crate::intent::scroll_line(self.trail.ledger, self.epoch, self.reference)
    }

    /// Checks the trail and makes the intent, whose row id is minted here: the seal is of this ledger, by its key, covers
    /// the proposal, its replay and the approvals, and records a scroll that holds the line; the anchor, where one is given
    /// or needed, stamps this seal.
    ///
    /// # Errors
    /// [`RoadError`] names the first fault. The approvals are still there: ask the gate again.
    pub fn prepare(
        self,
        line: LineProof<'_>,
        seal: &VerifiedSeal,
        anchor: Option<&VerifiedAnchor>,
        trace: TraceId,
        clock: &dyn Clock,
        entropy: &mut dyn Entropy,
    ) -> Result<Prepared, RoadError> {
        self.trail.check_seal(seal.bundle())?;
        let scroll = self.check_line(line, seal)?;
        if anchor.is_some_and(|anchor| anchor.stamped() != seal.file_hash()) {
            return Err(RoadError::OtherAnchor);
        }
        if self.needs_anchor && anchor.is_none() {
            return Err(Violation::Unanchored.into());
        }
        let bundle = seal.bundle();
        let intent = Intent {
            ledger: self.trail.ledger,
            proposal: self.reference,
            epoch: self.epoch,
            approvals: self.approvals.clone(),
            scroll,
            seal: SealRef { id: bundle.seal_id(), file: seal.file_hash(), as_of: bundle.as_of().as_u64() },
            anchor: anchor.map(VerifiedAnchor::identity),
        };
        let header = RowHeader::mint(clock, entropy, trace);
        Ok(Prepared { draft: draft(&intent, header)?, row: header.id, intent, approved: self })
    }

    fn check_line(&self, line: LineProof<'_>, seal: &VerifiedSeal) -> Result<ScrollLine, RoadError> {
        let scroll = sealed_scroll(seal.bundle(), line.line)?;
        let leaf = scroll_leaf(self.trail.ledger, self.epoch, self.reference)?;
        line.path.verify(leaf, line.line, scroll.size, scroll.root).map_err(RoadError::ScrollProof)?;
        let engine: EngineName = scroll.engine.clone();
        Ok(ScrollLine { engine, line: line.line.as_u64(), leaf })
    }
}

/// An approved proposal with its trail checked, and the intent that is to be recorded.
#[derive(Debug)]
pub struct Prepared {
    approved: Approved,
    intent: Intent,
    row: RowId,
    draft: RowDraft,
}

impl Prepared {
    /// The intent.
    #[must_use]
    pub const fn intent(&self) -> &Intent {
        &self.intent
    }

    /// The intent's row, for the ledger to append after the gate took it.
    #[must_use]
    pub const fn draft(&self) -> &RowDraft {
        &self.draft
    }

    /// Consumes the permit, once the intent is durable: `gate` has folded it, and `proof` shows it under a checkpoint that
    /// the ledger's own key signed. `under` is the capability that the intent's row was recorded under: that of the permit
    /// itself, but for a change of epoch, whose permit is for the change and not for the intent.
    ///
    /// # Errors
    /// [`Refused`]; where the intent is durable, with the outcome that is to be recorded.
    pub fn authorize<A: Executing>(
        self,
        permit: Permit<A>,
        under: CapabilityHash,
        proof: &VerifiedTlogProof,
        gate: &Gate,
        now: Instant,
    ) -> Result<Authorized<A>, Box<Refused<A>>> {
        let (ledger, proposal, intent) = (self.approved.trail.ledger, self.approved.reference, self.row);
        if let Err(error) = self.check_durable(proof, under) {
            return Err(Box::new(Refused { error, outcome: None, permit }));
        }
        match self.check_last(&permit, gate, now) {
            Ok(()) => Ok(Authorized { proposal: self.approved.proposal, reference: proposal, ledger, intent, permit }),
            Err(error) => {
                let outcome = Outcome::failed(ledger, proposal, intent, Cause::Refused, None);
                Err(Box::new(Refused { error, outcome: Some(outcome), permit }))
            }
        }
    }

    fn check_durable(&self, proof: &VerifiedTlogProof, under: CapabilityHash) -> Result<(), RoadError> {
        let (key, size) = (proof.checkpoint().key(), proof.checkpoint().size().as_u64());
        if !self.approved.trail.is_key(key.name(), key.public(), size) {
            return Err(RoadError::OtherCheckpoint);
        }
        let record = |error| RoadError::Content(ContentError::Record(error));
        let row = self.draft.complete(Some(under)).map_err(record)?;
        let leaf: LeafHash = row.leaf_hash().map_err(record)?;
        if proof.inclusion().leaf() == leaf { Ok(()) } else { Err(RoadError::NotDurable) }
    }

    fn check_last<A: Executing>(&self, permit: &Permit<A>, gate: &Gate, now: Instant) -> Result<(), RoadError> {
        let (ledger, until) = (self.approved.trail.ledger, self.approved.until);
        let stage = gate.stage(self.approved.reference.row, now);
        if gate.ledger() != ledger || stage != Some(Stage::Authorised { intent: self.row }) {
            return Err(RoadError::NotDurable);
        }
        if gate.epoch() != self.approved.epoch {
            return Err(Violation::WrongEpoch { present: gate.epoch() }.into());
        }
        if !A::fits(self.approved.proposal.content().change.kind()) {
            return Err(RoadError::OtherAct);
        }
        if now >= until {
            return Err(RoadError::Expired { at: until });
        }
        permit.recheck(ledger, gate.epoch(), now).map_err(RoadError::Permit)?;
        let resource: Result<Resource, _> = GATE.parse();
        resource.and_then(|resource| permit.covers(&resource)).map_err(RoadError::Permit)
    }
}

/// An execution refused at the last check. Nothing was run.
#[derive(Debug)]
pub struct Refused<A: Executing> {
    error: RoadError,
    outcome: Option<Outcome>,
    permit: Permit<A>,
}

impl<A: Executing> Refused<A> {
    /// Why.
    #[must_use]
    pub const fn error(&self) -> &RoadError {
        &self.error
    }

    /// The outcome to record, where the intent is durable; else nothing was authorised.
    #[must_use]
    pub const fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// The permit, under which the outcome may be recorded. It cannot be consumed again.
    #[must_use]
    pub const fn permit(&self) -> &Permit<A> {
        &self.permit
    }
}

/// Leave to execute one proposal, once. Dropped without [`Authorized::run`] it comes to nothing: its intent has no
/// outcome, so whoever opens the gate next records that it is unknown.
#[derive(Debug)]
pub struct Authorized<A: Executing> {
    proposal: Signed<Proposal>,
    reference: ProposalRef,
    ledger: LedgerId,
    intent: RowId,
    permit: Permit<A>,
}

/// What an executor is handed.
#[derive(Debug)]
pub struct Order<'a, A: Executing> {
    authorized: &'a Authorized<A>,
}

impl<A: Executing> Order<'_, A> {
    /// What is to be done.
    #[must_use]
    pub const fn change(&self) -> &Change {
        &self.authorized.proposal.content().change
    }

    /// The whole proposal.
    #[must_use]
    pub const fn proposal(&self) -> &Signed<Proposal> {
        &self.authorized.proposal
    }

    /// The intent that authorised it.
    #[must_use]
    pub const fn intent(&self) -> RowId {
        self.authorized.intent
    }

    /// The permit, for rows that the executor records.
    #[must_use]
    pub const fn permit(&self) -> &Permit<A> {
        &self.authorized.permit
    }

    /// Whether `command` is the one that the proposal names, as its change or beside it. Where it names none, no command may
    /// be run for it.
    #[must_use]
    pub fn is_for(&self, command: &CommandLine) -> bool {
        let named = self.proposal().content().named_command();
        named.is_some_and(|digest| command.digest() == Ok(digest))
    }
}

impl Order<'_, act::ChangeEpoch> {
    /// The row that changes the epoch, for the executor to append. None in practice where the change is another: then no
    /// permit to change the epoch was consumed.
    ///
    /// # Errors
    /// [`ContentError`] never in practice.
    pub fn epoch_change(&self, header: RowHeader) -> Result<Option<RowDraft>, ContentError> {
        let Change::Epoch { from, to } = *self.change() else {
            return Ok(None);
        };
        let value = EpochChange { from, to }.to_value();
        draft_of(SystemKind::EpochChange, Some(self.intent()), &value, header).map(Some)
    }
}

impl<A: Executing> Authorized<A> {
    /// The intent.
    #[must_use]
    pub const fn intent(&self) -> RowId {
        self.intent
    }

    /// Has `executor` do it, and gives the outcome to record, whatever happens. The executor answers with a hash of its
    /// result, or of its error; what a short result was can be guessed from its hash. A panic is caught, its message is
    /// thrown away, and the outcome is that it failed. Where panics abort the process there is no outcome to record, and
    /// the next one records that it is unknown.
    pub fn run(self, executor: impl FnOnce(&Order<'_, A>) -> Result<Sha256Digest, Sha256Digest>) -> Ran<A> {
        let order = Order { authorized: &self };
        let answer = catch_unwind(AssertUnwindSafe(|| executor(&order)));
        let (ledger, proposal, intent) = (self.ledger, self.reference, self.intent);
        let outcome = match answer {
            Ok(Ok(result)) => Outcome::succeeded(ledger, proposal, intent, result),
            Ok(Err(error)) => Outcome::failed(ledger, proposal, intent, Cause::Error, Some(error)),
            Err(panic) => {
                // Dropping a payload may panic in turn.
                core::mem::forget(panic);
                Outcome::failed(ledger, proposal, intent, Cause::Panic, None)
            }
        };
        Ran { outcome, permit: self.permit }
    }
}

/// An execution that is over, with the outcome that must be recorded.
#[must_use = "an outcome that is not recorded is unknown to whoever comes next"]
#[derive(Debug)]
pub struct Ran<A: Executing> {
    outcome: Outcome,
    permit: Permit<A>,
}

impl<A: Executing> Ran<A> {
    /// What became of it.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The outcome's row, for the ledger to append.
    ///
    /// # Errors
    /// As [`Outcome::draft`].
    pub fn draft(&self, header: RowHeader) -> Result<RowDraft, ContentError> {
        self.outcome.draft(header)
    }

    /// The permit, under which the outcome may be recorded. It cannot be consumed again.
    #[must_use]
    pub const fn permit(&self) -> &Permit<A> {
        &self.permit
    }
}
