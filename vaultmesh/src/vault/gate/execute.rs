//! Executing what was approved, once, and changing the epoch.

use std::fs::File;
use std::io;
use std::process::Stdio;

use serde::Serialize;
use vm_core::capability::{Permit, act};
use vm_core::digest::{CapabilityHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::id::{RowId, SealId, TraceId};
use vm_core::record::Appended;
use vm_core::view::EvidenceView as _;
use vm_dee::outcome::Cause;
use vm_dee::road::Executing;
use vm_dee::{Authorized, Change, ChangeKind, End, Order, Outcome, Prepared, ProposalHash, Ran, Stage};
use vm_seal::audit::{Trust, audit_log};
use vm_seal::merkle::LeafIndex;
use vm_seal::tlog::{TlogProof, VerifiedTlogProof};

use crate::error::{GateError, ProofFileError, VaultError};
use crate::vault::gate::policy::fold_now;
use crate::vault::{Recorded, Vault};
use crate::verify::Outside;

/// How a proposal ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Executed {
    /// Row of the proposal.
    pub proposal: RowId,
    /// What it hashes to.
    pub hash: ProposalHash,
    /// The intent, where it was authorised.
    pub intent: Option<RowId>,
    /// How it ended.
    pub end: End,
    /// Why it failed.
    pub cause: Option<Cause>,
    /// Hash of the executor's result or error.
    pub result: Option<Sha256Digest>,
    /// The seal that a change of epoch is followed by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal: Option<SealId>,
    /// The outcome's row.
    pub outcome: Recorded,
}

impl Executed {
    pub(super) fn of(outcome: &Outcome, recorded: Recorded) -> Self {
        Self {
            proposal: outcome.proposal().row,
            hash: outcome.proposal().hash,
            intent: outcome.intent(),
            end: outcome.end(),
            cause: outcome.cause(),
            result: outcome.result(),
            seal: None,
            outcome: recorded,
        }
    }
}

/// The lock of whoever executes. Held, nobody else does, and what has no outcome has none for good. It lasts as long as a
/// copy of it is open in any process.
#[derive(Debug)]
pub struct ExecutionLock(File);

impl ExecutionLock {
    /// The lock as the standard input of a command that does what was approved: an empty file. While the command has it open the lock is
    /// held, also where this process is gone, so that nobody calls an outcome unknown while it is still being made.
    ///
    /// # Errors
    /// What the machine says.
    pub fn to_stdin(&self) -> io::Result<Stdio> {
        self.0.try_clone().map(Stdio::from)
    }
}

impl Vault {
    /// Has `executor` do what the proposal in `row` says, once, and records what became of it. Nothing is called without a
    /// durable intent that the gate let through. The anchor, where one is needed, must count by the trust of `outside`. Others
    /// can record meanwhile; nobody else can execute. An executor that runs a command hands it [`ExecutionLock::to_stdin`], and
    /// runs none that the order [is not for](Order::is_for).
    ///
    /// # Errors
    /// [`VaultError::Gate`]: among others [`GateError::AnchorNeeded`] with a seal to anchor first. But for
    /// [`GateError::OutcomeLost`] nothing was run.
    pub fn execute(
        &mut self,
        row: RowId,
        outside: &Outside,
        executor: impl FnOnce(&Order<'_, act::Execute>, &ExecutionLock) -> Result<Sha256Digest, Sha256Digest>,
    ) -> Result<Executed, VaultError> {
        let lock = self.execution_lock()?;
        self.permit::<act::Execute>()?;
        let (prepared, trace) = self.prepared(row, outside, false)?;
        self.check_can_finish(None)?;
        let permit = self.permit::<act::Execute>()?;
        let intent = self.decide_one(&permit, trace, prepared.draft().clone())?;
        let under = permit.capability();
        let authorized = self.authorize(prepared, permit, under, &intent)?;
        let ran = authorized.run(|order| executor(order, &lock));
        self.finish(&ran)
    }

    /// Changes the epoch as the proposal in `row` says, and seals that it did.
    ///
    /// # Errors
    /// As [`Vault::execute`].
    pub fn change_epoch(&mut self, row: RowId, outside: &Outside) -> Result<Executed, VaultError> {
        let _lock = self.execution_lock()?;
        self.permit::<act::ChangeEpoch>()?;
        let (prepared, trace) = self.prepared(row, outside, true)?;
        let to = self.target_epoch(row)?;
        self.check_can_finish(to)?;
        let permit = self.permit::<act::Execute>()?;
        let intent = self.decide_one(&permit, trace, prepared.draft().clone())?;
        let under = permit.capability();
        let permit = self.permit::<act::ChangeEpoch>()?;
        let authorized = self.authorize(prepared, permit, under, &intent)?;
        let mut refused = None;
        let ran = authorized.run(|order| match self.record_change(order, trace) {
            Ok(appended) => Ok(Sha256Digest::from_bytes(*appended.leaf.as_bytes())),
            Err(error) => {
                let told = Sha256Digest::of(error.code().as_bytes());
                refused = Some(error);
                Err(told)
            }
        });
        let mut executed = self.finish(&ran)?;
        if let Some(error) = refused {
            return Err(error);
        }
        executed.seal = self.seal_change()?;
        Ok(executed)
    }

    /// The epoch that the proposal in `row` changes to, where it does.
    fn target_epoch(&self, row: RowId) -> Result<Option<Epoch>, VaultError> {
        match self.proposal(row)?.0.content().change {
            Change::Epoch { to, .. } => Ok(Some(to)),
            _ => Ok(None),
        }
    }

    pub(super) fn execution_lock(&self) -> Result<ExecutionLock, VaultError> {
        let lock = self.ledger.files().try_execution_lock().map_err(VaultError::VaultFile)?;
        lock.map(ExecutionLock).ok_or_else(|| GateError::Running.into())
    }

    /// The gate is folded from rows that are found by their kind, and whoever writes into the database could hide one: an
    /// intent, a revocation. So log and rows are audited first: nothing may be contradicted, and nothing left unlooked at. Files
    /// may be lost or altered, since what was approved may be what restores them. Cost: one pass over the ledger.
    fn check_sound(&self, outside: &Outside) -> Result<(), VaultError> {
        let trust = Trust { key: Some(&self.note_key), head: outside.head.as_ref() };
        let (report, ledger) = audit_log(&self.ledger.snapshot()?, &trust);
        match ledger {
            Some(_) => Ok(()),
            None => Err(GateError::Unsound { report: Box::new(report) }.into()),
        }
    }

    fn prepared(&mut self, row: RowId, outside: &Outside, epoch: bool) -> Result<(Prepared, TraceId), VaultError> {
        self.check_sound(outside)?;
        self.record_unknown()?;
        let permit = self.permit::<act::Record>()?;
        let (proposal, trace) = self.proposal(row)?;
        let is_epoch = proposal.content().change.kind() == ChangeKind::Epoch;
        match (is_epoch, epoch) {
            (true, false) => Err(GateError::EpochChange.into()),
            (false, true) => Err(VaultError::NotFound { what: "change of epoch", name: row.to_string() }),
            _ => Ok((self.prepare(&proposal, trace, &permit, outside)?, trace)),
        }
    }

    fn authorize<A: Executing>(
        &mut self,
        prepared: Prepared,
        permit: Permit<A>,
        under: CapabilityHash,
        intent: &Appended,
    ) -> Result<Authorized<A>, VaultError> {
        let proof = self.durable(intent)?;
        let gate = fold_now(self)?;
        prepared.authorize(permit, under, &proof, &gate, self.now()).or_else(|refused| {
            if let Some(outcome) = refused.outcome() {
                self.record_outcome(outcome)?;
            }
            Err(GateError::Road(refused.error().clone()).into())
        })
    }

    /// Shows a row under the latest checkpoint, which the ledger's own key signed.
    fn durable(&self, row: &Appended) -> Result<VerifiedTlogProof, VaultError> {
        let snapshot = self.ledger.snapshot()?;
        let size = snapshot.size().map_err(VaultError::View)?;
        let path = snapshot.inclusion_proof(row.seq, size).map_err(VaultError::Proof)?;
        let absent = || VaultError::NotFound { what: "checkpoint", name: self.ledger.id().to_string() };
        let checkpoint = snapshot.checkpoint()?.ok_or_else(absent)?;
        let proof = TlogProof::new(LeafIndex::new(row.seq), path, checkpoint, None);
        let proof = proof.and_then(|proof| proof.verify(row.leaf, &self.note_key));
        Ok(proof.map_err(ProofFileError::Tlog)?)
    }

    fn record_change(&mut self, order: &Order<'_, act::ChangeEpoch>, trace: TraceId) -> Result<Appended, VaultError> {
        let header = self.header_of(trace);
        let draft = order.epoch_change(header).map_err(GateError::Content)?;
        self.decide_one(order.permit(), trace, draft.ok_or(GateError::EpochChange)?)
    }

    /// Records the outcome of what ran.
    fn finish<A: Executing>(&mut self, ran: &Ran<A>) -> Result<Executed, VaultError> {
        let intent = ran.outcome().intent();
        self.record_outcome(ran.outcome()).map_err(|source| match intent {
            Some(intent) => GateError::OutcomeLost { intent, source: Box::new(source) }.into(),
            None => source,
        })
    }

    /// The open proposal to change to `epoch` from the present one: the latest that is approved, else the latest that neither
    /// expired nor was voided.
    ///
    /// # Errors
    /// [`VaultError::Gate`] where the log's gate cannot be folded.
    pub fn epoch_proposal(&self, epoch: Epoch) -> Result<Option<RowId>, VaultError> {
        let (gate, now) = (fold_now(self)?, self.now());
        let wanted = Change::Epoch { from: gate.epoch(), to: epoch };
        let mut found: Option<(bool, RowId)> = None;
        for open in gate.open() {
            let (proposal, _) = self.proposal(open.row)?;
            let stage = gate.stage(open.row, now);
            let is_over = stage == Some(Stage::Voided) || now >= proposal.content().expires;
            if proposal.content().change == wanted && !is_over {
                found = found.max(Some((stage == Some(Stage::Approved), open.row)));
            }
        }
        Ok(found.map(|(_, row)| row))
    }
}
