//! Proposing and approving.

use serde::{Deserialize, Serialize};
use vm_core::capability::{Permit, act};
use vm_core::digest::Sha256Digest;
use vm_core::id::{LedgerId, RowId};
use vm_core::instant::Instant;
use vm_core::key::PublicKey;
use vm_core::view::EvidenceView as _;
use vm_dee::error::Violation;
use vm_dee::proposal::{Effect, Evidence, ReplayPlan, risk_floor};
use vm_dee::{Approval, Change, Proposal, ProposalHash, Risk, Signed};

use crate::error::{GateError, VaultError};
use crate::keys::HolderName;
use crate::vault::gate::policy::fold_now;
use crate::vault::{Recorded, Vault};

/// How long a proposal stands of which nothing else is said, in microseconds: seven days, so that nobody approves what all
/// have forgotten.
pub const PROPOSAL_LASTS_MICROS: i64 = 7 * 24 * 60 * 60 * 1_000_000;

/// A proposal as a person writes it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposalInput {
    /// What should change.
    pub change: Change,
    /// [`CommandLine::digest`](vm_dee::CommandLine::digest) of the command that does it, where one does.
    #[serde(default)]
    pub command: Option<Sha256Digest>,
    /// Rows that it rests on; their leaf hashes are looked up.
    #[serde(default)]
    pub evidence: Vec<RowId>,
    /// What is expected of it.
    #[serde(default)]
    pub expected: Vec<Effect>,
    /// How much is at stake; else the least that a change of its kind has, and a command where it names one.
    #[serde(default)]
    pub risk: Option<Risk>,
    /// The change that would undo it.
    #[serde(default)]
    pub rollback: Option<Change>,
    /// What it is to be replayed against.
    #[serde(default)]
    pub replay: Option<ReplayPlan>,
    /// From then on it may no longer be authorised; else [`PROPOSAL_LASTS_MICROS`] from now.
    #[serde(default)]
    pub expires: Option<Instant>,
}

impl ProposalInput {
    /// A proposal of `change` and nothing more.
    #[must_use]
    pub const fn of(change: Change) -> Self {
        Self {
            change,
            command: None,
            evidence: Vec::new(),
            expected: Vec::new(),
            risk: None,
            rollback: None,
            replay: None,
            expires: None,
        }
    }
}

/// A proposal that was recorded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Proposed {
    /// What it hashes to.
    pub hash: ProposalHash,
    /// Its row.
    pub recorded: Recorded,
}

impl Vault {
    /// Proposes a change, signed by the key that the vault was opened with.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] where evidence is not in the ledger; [`VaultError::Gate`] where the gate refuses it.
    pub fn propose(&mut self, input: ProposalInput) -> Result<Proposed, VaultError> {
        let permit = self.permit::<act::Record>()?;
        let epoch = fold_now(self)?.epoch();
        let mut evidence = self.evidence(&input.evidence)?;
        evidence.sort_unstable();
        evidence.dedup();
        let mut expected = input.expected;
        expected.sort();
        let ProposalInput { change, command, risk, rollback, replay, expires, .. } = input;
        let risk = risk.unwrap_or_else(|| risk_floor(change.kind(), command.is_some()));
        self.sign_and_record(&permit, expires, |ledger, row, proposer, expires| {
            Ok(Proposal {
                ledger,
                row,
                epoch,
                proposer,
                change,
                command,
                evidence,
                expected,
                risk,
                rollback,
                replay,
                expires,
            })
        })
    }

    /// Signs what `make` makes of ledger, row, proposer and end, and records it if the gate lets it through.
    pub(super) fn sign_and_record(
        &mut self,
        permit: &Permit<act::Record>,
        expires: Option<Instant>,
        make: impl FnOnce(LedgerId, RowId, PublicKey, Instant) -> Result<Proposal, GateError>,
    ) -> Result<Proposed, VaultError> {
        let trace = self.mint_trace();
        let header = self.header_of(trace);
        let signer = self.holder.identity().clone();
        let expires = expires.unwrap_or_else(|| header.ts.saturating_add_micros(PROPOSAL_LASTS_MICROS));
        let proposal = make(self.ledger.id(), header.id, signer.public(), expires)?;
        let signed = Signed::sign(proposal, &signer).map_err(GateError::Content)?;
        let (hash, draft) = (signed.hash().map_err(GateError::Content)?, signed.draft(header));
        let recorded = self.record_one(permit, trace, draft.map_err(GateError::Content)?)?;
        Ok(Proposed { hash, recorded })
    }

    pub(super) fn evidence(&self, rows: &[RowId]) -> Result<Vec<Evidence>, VaultError> {
        let snapshot = self.ledger.snapshot()?;
        let leaf = |row: &RowId| {
            let found = snapshot.row(*row).map_err(VaultError::View)?;
            let logged = found.ok_or_else(|| VaultError::NotFound { what: "row", name: row.to_string() })?;
            Ok(Evidence { row: *row, leaf: logged.entry.leaf })
        };
        rows.iter().map(leaf).collect()
    }

    /// Approves the proposal in `row`, signed by the key of the holder `by`, for as long as the policy lets an approval last,
    /// or for `lasts_seconds` where that is less. The evidence that it names is looked up first.
    ///
    /// # Errors
    /// [`VaultError::KeyMissing`] where there is no such holder; [`GateError::Evidence`]; [`VaultError::Gate`] where the gate
    /// refuses it.
    pub fn approve(&mut self, row: RowId, by: &HolderName, lasts_seconds: Option<u64>) -> Result<Recorded, VaultError> {
        let permit = self.permit::<act::Record>()?;
        let approver = self.keys.holder(by)?;
        let (proposal, trace) = self.proposal(row)?;
        let snapshot = self.ledger.snapshot()?;
        let report = proposal.check_evidence(&snapshot).map_err(VaultError::View)?;
        if !report.findings().is_empty() {
            return Err(GateError::Evidence { report: Box::new(report) }.into());
        }
        let gate = self.folds.fold(&snapshot)?;
        drop(snapshot);
        let longest = gate.requirement(row).map_err(GateError::Refused)?.lasts_seconds;
        let seconds = i64::try_from(longest.min(lasts_seconds.unwrap_or(longest))).unwrap_or(i64::MAX);
        let header = self.header_of(trace);
        let approval = Approval {
            ledger: self.ledger.id(),
            row: header.id,
            proposal: proposal.reference().map_err(Violation::from).map_err(GateError::Refused)?,
            epoch: gate.epoch(),
            approver: approver.identity().public(),
            given: header.ts,
            expires: header.ts.saturating_add_micros(seconds.saturating_mul(1_000_000)),
        };
        let signed = Signed::sign(approval, approver.identity()).map_err(GateError::Content)?;
        self.record_one(&permit, trace, signed.draft(header).map_err(GateError::Content)?)
    }
}
