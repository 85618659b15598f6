//! Executing what was approved, once; changing the epoch; and recording what nobody knows.

use std::fs::File;

use serde::Serialize;
use vm_core::capability::{Permit, act};
use vm_core::digest::Sha256Digest;
use vm_core::id::{RowId, SealId, TraceId};
use vm_core::record::{Appended, Table};
use vm_core::view::EvidenceView as _;
use vm_dee::error::Violation;
use vm_dee::outcome::Cause;
use vm_dee::road::Executing;
use vm_dee::{Authorized, Change, ChangeKind, End, Order, Outcome, Prepared, ProposalHash, Ran};
use vm_seal::merkle::LeafIndex;
use vm_seal::selection::Selection;
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
    fn of(outcome: &Outcome, recorded: Recorded) -> Self {
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

impl Vault {
    /// Has `executor` do what the proposal in `row` says, once, and records what became of it. Nothing is called without a
    /// durable intent that the gate let through. The anchor, where one is needed, must count by the trust of `outside`. Others
    /// can record meanwhile; nobody else can execute.
    ///
    /// # Errors
    /// [`VaultError::Gate`]: among others [`GateError::AnchorNeeded`] with a seal to anchor first. But for
    /// [`GateError::OutcomeLost`] nothing was run.
    pub fn execute(
        &mut self,
        row: RowId,
        outside: &Outside,
        executor: impl FnOnce(&Order<'_, act::Execute>) -> Result<Sha256Digest, Sha256Digest>,
    ) -> Result<Executed, VaultError> {
        let _lock = self.execution_lock()?;
        self.permit::<act::Execute>()?;
        let (prepared, trace) = self.prepared(row, outside, false)?;
        let permit = self.permit::<act::Execute>()?;
        let intent = self.decide_one(&permit, trace, prepared.draft().clone())?;
        let under = permit.capability();
        let authorized = self.authorize(prepared, permit, under, &intent, trace)?;
        let ran = authorized.run(executor);
        self.finish(&ran, trace)
    }

    /// Changes the epoch as the proposal in `row` says, and seals that it did.
    ///
    /// # Errors
    /// As [`Vault::execute`].
    pub fn change_epoch(&mut self, row: RowId, outside: &Outside) -> Result<Executed, VaultError> {
        let _lock = self.execution_lock()?;
        self.permit::<act::ChangeEpoch>()?;
        let (prepared, trace) = self.prepared(row, outside, true)?;
        let permit = self.permit::<act::Execute>()?;
        let intent = self.decide_one(&permit, trace, prepared.draft().clone())?;
        let under = permit.capability();
        let permit = self.permit::<act::ChangeEpoch>()?;
        let authorized = self.authorize(prepared, permit, under, &intent, trace)?;
        let mut refused = None;
        let ran = authorized.run(|order| match self.record_change(order, trace) {
            Ok(appended) => Ok(Sha256Digest::from_bytes(*appended.leaf.as_bytes())),
            Err(error) => {
                let told = Sha256Digest::of(error.code().as_bytes());
                refused = Some(error);
                Err(told)
            }
        });
        let mut executed = self.finish(&ran, trace)?;
        if let Some(error) = refused {
            return Err(error);
        }
        executed.seal = Some(self.seal(Selection::traces([trace], &[Table::ProofArtifacts])?)?.seal_id);
        Ok(executed)
    }

    /// Records of executions whose process is gone that nobody knows what became of them, and of proposals whose time or epoch
    /// went by that they expired. Nothing is run.
    ///
    /// # Errors
    /// [`GateError::Running`] where an execution is running.
    pub fn gate_recover(&mut self) -> Result<Vec<Executed>, VaultError> {
        let _lock = self.execution_lock()?;
        let permit = self.permit::<act::Record>()?;
        let mut ended = self.record_unknown(&permit)?;
        let gate = fold_now(self)?;
        for reference in gate.open() {
            let outcome = Outcome::expired(gate.ledger(), reference);
            match self.record_outcome(&permit, &outcome) {
                Ok(executed) => ended.push(executed),
                Err(VaultError::Gate(GateError::Refused(Violation::NotExpired | Violation::Taken { .. }))) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ended)
    }

    /// The lock of whoever executes; held, nobody else does, and what has no outcome has none for good.
    fn execution_lock(&self) -> Result<File, VaultError> {
        let lock = self.ledger.files().try_execution_lock().map_err(VaultError::VaultFile)?;
        lock.ok_or_else(|| GateError::Running.into())
    }

    /// The caller holds the execution lock, so that whoever was authorised is gone.
    fn record_unknown(&mut self, permit: &Permit<act::Record>) -> Result<Vec<Executed>, VaultError> {
        let unfinished = fold_now(self)?.unfinished();
        unfinished.iter().map(|unfinished| self.record_outcome(permit, &unfinished.unknown())).collect()
    }

    fn record_outcome(&mut self, permit: &Permit<act::Record>, outcome: &Outcome) -> Result<Executed, VaultError> {
        let (_, trace) = self.proposal(outcome.proposal().row)?;
        let header = self.header_of(trace);
        let draft = outcome.draft(header).map_err(GateError::Content)?;
        Ok(Executed::of(outcome, self.record_one(permit, trace, draft)?))
    }

    fn prepared(&mut self, row: RowId, outside: &Outside, epoch: bool) -> Result<(Prepared, TraceId), VaultError> {
        let permit = self.permit::<act::Record>()?;
        self.record_unknown(&permit)?;
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
        under: vm_core::digest::CapabilityHash,
        intent: &Appended,
        trace: TraceId,
    ) -> Result<Authorized<A>, VaultError> {
        let proof = self.durable(intent)?;
        let gate = fold_now(self)?;
        prepared.authorize(permit, under, &proof, &gate, self.now()).or_else(|refused| {
            if let Some(outcome) = refused.outcome() {
                let permit = self.permit::<act::Record>()?;
                let header = self.header_of(trace);
                let draft = outcome.draft(header).map_err(GateError::Content)?;
                self.record_one(&permit, trace, draft)?;
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

    /// Records the outcome, under leave to record in whatever epoch it is now.
    fn finish<A: Executing>(&mut self, ran: &Ran<A>, trace: TraceId) -> Result<Executed, VaultError> {
        let mut record = || {
            let permit = self.permit::<act::Record>()?;
            let header = self.header_of(trace);
            let recorded = self.record_one(&permit, trace, ran.draft(header).map_err(GateError::Content)?)?;
            Ok(Executed::of(ran.outcome(), recorded))
        };
        let intent = ran.outcome().intent();
        record().map_err(|source: VaultError| match intent {
            Some(intent) => GateError::OutcomeLost { intent, source: Box::new(source) }.into(),
            None => source,
        })
    }

    /// The open proposal to change to `epoch` from the present one, the latest.
    ///
    /// # Errors
    /// [`VaultError::Gate`] where the log's gate cannot be folded.
    pub fn epoch_proposal(&self, epoch: vm_core::epoch::Epoch) -> Result<Option<RowId>, VaultError> {
        let gate = fold_now(self)?;
        let mut found = None;
        for open in gate.open() {
            let (proposal, _) = self.proposal(open.row)?;
            let wanted = Change::Epoch { from: gate.epoch(), to: epoch };
            let expired = self.now() >= proposal.content().expires;
            if proposal.content().change == wanted && !expired {
                found = Some(open.row);
            }
        }
        Ok(found)
    }
}
