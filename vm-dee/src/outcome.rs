//! Outcomes: what became of an execution, or that there was none. `docs/spec/dee-outcome.md` is the format.

use core::fmt;

use serde::{Deserialize, Serialize};
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::id::{LedgerId, RowId};
use vm_core::record::{RowDraft, RowHeader, StoredRow, SystemKind};
use vm_shadow::VerifiedReceipt;

use crate::content::{Content, draft, read};
use crate::error::ContentError;
use crate::proposal::{Evidence, ProposalRef};

/// How a proposal ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The executor says that it did it.
    Succeeded,
    /// The executor says that it did not, or panicked, or was refused after the intent.
    Failed,
    /// Nobody knows: the process ended between intent and outcome.
    Unknown,
    /// It was held back, and a shadow receipt says why.
    Withheld,
    /// Its time, or its epoch, went by.
    Expired,
}

impl End {
    /// Whether it ends an execution that an intent had authorised.
    #[must_use]
    pub const fn is_of_intent(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Unknown)
    }

    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Withheld => "withheld",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an execution failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The executor answered with an error.
    Error,
    /// The executor panicked.
    Panic,
    /// The executor was never called: the last check before it refused.
    Refused,
}

/// Content of a row that ends a proposal.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    ledger: LedgerId,
    proposal: ProposalRef,
    intent: Option<RowId>,
    end: End,
    cause: Option<Cause>,
    result: Option<Sha256Digest>,
    receipt: Option<Evidence>,
}

impl Content for Outcome {
    const KIND: SystemKind = SystemKind::Outcome;

    fn subject(&self) -> Option<RowId> {
        Some(self.intent.unwrap_or(self.proposal.row))
    }

    fn check(&self) -> Result<(), ContentError> {
        let result = match (self.end, self.cause) {
            (End::Succeeded, None) | (End::Failed, Some(Cause::Error)) => true,
            (End::Failed, Some(_)) | (End::Unknown | End::Withheld | End::Expired, None) => false,
            _ => return Err(ContentError::Shape),
        };
        let fits = self.intent.is_some() == self.end.is_of_intent()
            && self.result.is_some() == result
            && self.receipt.is_some() == (self.end == End::Withheld);
        if fits { Ok(()) } else { Err(ContentError::Shape) }
    }
}

impl Outcome {
    fn without_intent(ledger: LedgerId, proposal: ProposalRef, end: End) -> Self {
        Self { ledger, proposal, intent: None, end, cause: None, result: None, receipt: None }
    }

    fn of_intent(ledger: LedgerId, proposal: ProposalRef, intent: RowId, end: End) -> Self {
        Self { intent: Some(intent), ..Self::without_intent(ledger, proposal, end) }
    }

    /// The proposal was held back. `receipt` says why and `leaf` is the leaf hash of its row, which stands in the same
    /// ledger.
    ///
    /// # Errors
    /// [`ContentError::OtherLedger`] where the receipt is of another ledger than `ledger`.
    pub fn withheld(
        ledger: LedgerId,
        proposal: ProposalRef,
        receipt: &VerifiedReceipt,
        leaf: LeafHash,
    ) -> Result<Self, ContentError> {
        if receipt.ledger() != ledger {
            return Err(ContentError::OtherLedger);
        }
        let receipt = Some(Evidence { row: receipt.id(), leaf });
        Ok(Self { receipt, ..Self::without_intent(ledger, proposal, End::Withheld) })
    }

    /// The proposal's time went by, or its epoch did.
    #[must_use]
    pub fn expired(ledger: LedgerId, proposal: ProposalRef) -> Self {
        Self::without_intent(ledger, proposal, End::Expired)
    }

    pub(crate) fn unknown(ledger: LedgerId, proposal: ProposalRef, intent: RowId) -> Self {
        Self::of_intent(ledger, proposal, intent, End::Unknown)
    }

    pub(crate) fn succeeded(ledger: LedgerId, proposal: ProposalRef, intent: RowId, result: Sha256Digest) -> Self {
        Self { result: Some(result), ..Self::of_intent(ledger, proposal, intent, End::Succeeded) }
    }

    pub(crate) fn failed(
        ledger: LedgerId,
        proposal: ProposalRef,
        intent: RowId,
        cause: Cause,
        result: Option<Sha256Digest>,
    ) -> Self {
        Self { cause: Some(cause), result, ..Self::of_intent(ledger, proposal, intent, End::Failed) }
    }

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
    /// [`ContentError`] never in practice: outcomes are made whole.
    pub fn draft(&self, header: RowHeader) -> Result<RowDraft, ContentError> {
        draft(self, header)
    }

    /// The ledger it is for.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// The proposal that ended.
    #[must_use]
    pub const fn proposal(&self) -> ProposalRef {
        self.proposal
    }

    /// The intent that had authorised it.
    #[must_use]
    pub const fn intent(&self) -> Option<RowId> {
        self.intent
    }

    /// How it ended.
    #[must_use]
    pub const fn end(&self) -> End {
        self.end
    }

    /// Why it failed.
    #[must_use]
    pub const fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// Hash of the executor's result or error, as it gave it.
    #[must_use]
    pub const fn result(&self) -> Option<Sha256Digest> {
        self.result
    }

    /// The shadow receipt that says why it was withheld. That its row is there is for the audit.
    #[must_use]
    pub const fn receipt(&self) -> Option<Evidence> {
        self.receipt
    }
}
