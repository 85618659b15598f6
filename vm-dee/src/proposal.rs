//! Proposals: what should change and why, as data. A proposal has no way to be executed. `docs/spec/dee-proposal.md` is the
//! format.

use core::fmt;

use serde::{Deserialize, Serialize};
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::id::{LedgerId, RowId};
use vm_core::instant::Instant;
use vm_core::key::PublicKey;
use vm_core::record::SystemKind;
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{EvidenceView, ViewError};

use crate::change::{Change, ChangeKind, Risk};
use crate::content::{Content, Signable, Signed, at_most, rises};
use crate::error::ContentError;
use crate::name::Name;

/// Most rows of evidence that one proposal names; more are summed up in an artifact that it names.
pub const EVIDENCE_MAX: usize = 256;
/// Most expected effects of one proposal.
pub const EFFECTS_MAX: usize = 16;
/// Most places of the log that one replay goes over: what one machine rereads in about a second.
pub const REPLAY_PLACES_MAX: u64 = 1_000_000;

/// Identity of a proposal: SHA-256 over its canonical content, the signature left out. A changed proposal has another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProposalHash(Sha256Digest);

impl ProposalHash {
    /// The digest.
    #[must_use]
    pub const fn digest(self) -> Sha256Digest {
        self.0
    }
}

impl fmt::Display for ProposalHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The proposal that another row is about: its row and its hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposalRef {
    /// The row.
    pub row: RowId,
    /// What it hashes to.
    pub hash: ProposalHash,
}

/// A row that a proposal rests on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The row.
    pub row: RowId,
    /// Its leaf hash.
    pub leaf: LeafHash,
}

/// Which way a measure goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// It gets less.
    Falls,
    /// It stays.
    Holds,
    /// It gets more.
    Rises,
}

/// What a proposer expects to come of the change.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// What is measured.
    pub measure: Name,
    /// Which way it goes.
    pub direction: Direction,
}

/// What a replay goes over, and what it may find without standing in the way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayPlan {
    /// First place of the log.
    pub from: u64,
    /// Place after the last.
    pub to: u64,
    /// Most benign calls that the change may block and that were not blocked before.
    pub benign_blocked_max: u64,
}

/// Content of a row that proposes a change, signed by its proposer. Texts are left out on purpose: what needs words is an
/// artifact among the evidence.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The ledger it is for.
    pub ledger: LedgerId,
    /// The row it is for.
    pub row: RowId,
    /// The epoch it is for: the present one.
    pub epoch: Epoch,
    /// Who proposes; need not be enrolled, and never counts as approving.
    pub proposer: PublicKey,
    /// What should change.
    pub change: Change,
    /// [`CommandLine::digest`](crate::CommandLine::digest) of the command that does it, where one does; null where a program's own
    /// executor does it, and in a change that is a command, or of the epoch.
    pub command: Option<Sha256Digest>,
    /// What it rests on, by rising row id.
    pub evidence: Vec<Evidence>,
    /// What is expected of it, rising.
    pub expected: Vec<Effect>,
    /// How much is at stake.
    pub risk: Risk,
    /// The change that would undo it, where there is one.
    pub rollback: Option<Change>,
    /// What it is to be replayed against, where it can be.
    pub replay: Option<ReplayPlan>,
    /// From then on it may no longer be authorised.
    pub expires: Instant,
}

impl Content for Proposal {
    const KIND: SystemKind = SystemKind::Proposal;

    fn subject(&self) -> Option<RowId> {
        None
    }

    fn check(&self) -> Result<(), ContentError> {
        at_most("evidence", EVIDENCE_MAX, self.evidence.len())?;
        at_most("expected", EFFECTS_MAX, self.expected.len())?;
        let rows: Vec<RowId> = self.evidence.iter().map(|evidence| evidence.row).collect();
        if !rises(&rows) {
            return Err(ContentError::Order { name: "evidence" });
        }
        if !rises(&self.expected) {
            return Err(ContentError::Order { name: "expected" });
        }
        self.change.check()?;
        if self.command.is_some() && matches!(self.change, Change::Command { .. } | Change::Epoch { .. }) {
            return Err(ContentError::Command);
        }
        self.rollback.iter().try_for_each(Change::check)?;
        match self.replay {
            Some(plan) if plan.from >= plan.to || plan.to - plan.from > REPLAY_PLACES_MAX => {
                Err(ContentError::ReplayPlan { limit: REPLAY_PLACES_MAX })
            }
            _ => Ok(()),
        }
    }
}

impl Proposal {
    /// Digest of the one command that may do it; none where no command may.
    #[must_use]
    pub const fn named_command(&self) -> Option<Sha256Digest> {
        match self.change {
            Change::Command { command } => Some(command),
            _ => self.command,
        }
    }

    /// The least risk that it has, whatever its proposer says: that of the change, and of a command where it names one.
    #[must_use]
    pub fn risk_floor(&self) -> Risk {
        risk_floor(self.change.kind(), self.command.is_some())
    }
}

/// The least risk of a change of this kind, with or without a command that does it.
#[must_use]
pub fn risk_floor(kind: ChangeKind, names_command: bool) -> Risk {
    let of_command = names_command.then(|| ChangeKind::Command.risk_floor());
    of_command.map_or(kind.risk_floor(), |floor| floor.max(kind.risk_floor()))
}

impl Signable for Proposal {
    fn ledger(&self) -> LedgerId {
        self.ledger
    }

    fn row(&self) -> RowId {
        self.row
    }
}

impl Signed<Proposal> {
    /// Identity of the proposal.
    ///
    /// # Errors
    /// As [`Signed::digest`].
    pub fn hash(&self) -> Result<ProposalHash, ContentError> {
        self.digest().map(ProposalHash)
    }

    /// Row and hash, for whatever is about it.
    ///
    /// # Errors
    /// As [`Signed::digest`].
    pub fn reference(&self) -> Result<ProposalRef, ContentError> {
        Ok(ProposalRef { row: self.content().row, hash: self.hash()? })
    }

    /// Checks that every row of evidence is in the ledger and hashes to what the proposal says. The gate does not see those
    /// rows; whoever approves should ask. Cost: one row read and hashed each.
    ///
    /// # Errors
    /// [`ViewError`] where the view could not answer.
    pub fn check_evidence(&self, view: &dyn EvidenceView) -> Result<Report, ViewError> {
        check_evidence(&self.content().evidence, view)
    }
}

/// Checks that every row is in the ledger and hashes to what is said of it. Cost: one row read and hashed each.
///
/// # Errors
/// [`ViewError`] where the view could not answer.
pub fn check_evidence(rows: &[Evidence], view: &dyn EvidenceView) -> Result<Report, ViewError> {
    let mut report = Report::new();
    for evidence in rows {
        let subject = format!("evidence {}", evidence.row);
        match view.row(evidence.row)? {
            None => report.find(Finding::new(Code::RowMissing, subject)),
            Some(logged) => match logged.row.leaf_hash() {
                Ok(leaf) if leaf == evidence.leaf => {}
                Ok(leaf) => report.find(Finding::new(Code::RowAltered, subject).expected_found(evidence.leaf, leaf)),
                Err(error) => report.find(Finding::new(Code::EvidenceUnreadable, subject).found(error.code())),
            },
        }
    }
    if !rows.is_empty() {
        report.checked(format!("{} rows of evidence", rows.len()));
    }
    Ok(report)
}
