//! Closings: the one outcome of a decision, signed by who opened it.
//!
//! ```text
//! {"format":"vm-horizon-closed-v0","horizon_id":"deploy/api","observer":"<64 hex>","option":null,"outcome":"withheld",
//!  "receipts":[{"option":0,"row":"0190..."},{"option":1,"row":"0190..."}],"signature":"<128 hex>"}
//! ```

use core::fmt;

use serde::{Deserialize, Serialize};
use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{PublicKey, Signature, SigningIdentity};
use vm_core::record::{ArtifactKind, ProofArtifact, RowDraft, RowHeader, StoredRow, SystemKind};
use vm_core::redact::Redacted;

use crate::content::{Frame, check_signature, message, read};
use crate::error::{DecideError, HorizonError, Violation};
use crate::horizon::HorizonId;
use crate::horizons::OpenHorizon;
use crate::opening::{OPTIONS_MAX, VerifiedOpening};

/// Format string of a closing.
pub const CLOSING_FORMAT: &str = "vm-horizon-closed-v0";

/// What a decision came to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// One option was taken.
    Taken {
        /// Its place among the options, from 0.
        option: u8,
    },
    /// None was taken, by choice; each has a shadow receipt.
    Withheld,
    /// Nothing was decided until the deadline.
    Expired,
}

impl Outcome {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken { .. } => "taken",
            Self::Withheld => "withheld",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The shadow receipt of one option that was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionReceipt {
    /// Place of the option, from 0.
    pub option: u8,
    /// Row of the receipt.
    pub row: RowId,
}

/// An outcome that is to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct Conclusion<'a> {
    /// Id and time of the row; its trace is that of the opening.
    pub header: RowHeader,
    /// What was opened.
    pub opening: &'a VerifiedOpening,
    /// What it came to.
    pub outcome: Outcome,
    /// Receipts of options not taken, by rising option. A withheld decision has one for each, any other may have some.
    pub receipts: &'a [OptionReceipt],
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: String,
    horizon_id: String,
    observer: PublicKey,
    option: Option<u8>,
    outcome: String,
    receipts: Vec<OptionReceipt>,
    signature: Signature,
}

/// A closing that its observer signed, as it stands, for its ledger. Made by [`VerifiedClosing::of`] alone. Whether it fits
/// its opening, the [fold](crate::Horizons) says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedClosing {
    frame: Frame,
    opening: RowId,
    horizon_id: HorizonId,
    outcome: Outcome,
    receipts: Vec<OptionReceipt>,
    observer: PublicKey,
}

/// Signs the outcome of a decision. Recording it, behind its receipts, is for whoever keeps the ledger, under a permit.
///
/// # Errors
/// [`DecideError`]; nothing was signed. Whether the receipts are there is for the [fold](crate::Horizons).
pub fn close(conclusion: &Conclusion<'_>, observer: &SigningIdentity) -> Result<RowDraft, DecideError> {
    let opening = conclusion.opening;
    if observer.public() != opening.observer() {
        return Err(DecideError::NotObserver);
    }
    let header = RowHeader { trace_id: opening.trace_id(), corrects: None, ..conclusion.header };
    let outcome = conclusion.outcome;
    let mut content = Content {
        format: CLOSING_FORMAT.to_owned(),
        horizon_id: opening.horizon_id().as_str().to_owned(),
        observer: observer.public(),
        option: if let Outcome::Taken { option } = outcome { Some(option) } else { None },
        outcome: outcome.as_str().to_owned(),
        receipts: conclusion.receipts.to_vec(),
        signature: Signature::from_bytes([0; 64]),
    };
    let (ledger, subject) = (opening.ledger(), Some(opening.id()));
    let frame = Frame { ledger, row: header.id, ts: header.ts, trace_id: header.trace_id, subject };
    let closing = VerifiedClosing::from_content(&content, frame);
    let closing = closing.map_err(|error| DecideError::Unfit(Violation::Invalid(error)))?;
    OpenHorizon::of(opening, 0).check(&closing).map_err(DecideError::Unfit)?;
    content.signature = observer.sign(&message(&content, &frame).map_err(DecideError::Canonical)?);
    let value = serde_json::to_value(&content).unwrap_or_default();
    let meta = Some(Redacted::system(&value).map_err(DecideError::Canonical)?);
    let kind = ArtifactKind::system(SystemKind::HorizonClosed);
    let artifact = ProofArtifact { header, kind, file: None, subject, meta };
    artifact.into_draft(None).map_err(DecideError::Record)
}

impl VerifiedClosing {
    /// Checks that `row` closes a horizon and that the observer it names signed it, as it stands, for `ledger`. Cost: one
    /// strict signature check.
    ///
    /// # Errors
    /// [`HorizonError`] names the first fault.
    pub fn of(row: &StoredRow, ledger: LedgerId) -> Result<Self, HorizonError> {
        let (content, frame): (Content, Frame) = read(row, ledger, SystemKind::HorizonClosed, CLOSING_FORMAT)?;
        let closing = Self::from_content(&content, frame)?;
        check_signature(&content, &frame, content.observer, &content.signature)?;
        Ok(closing)
    }

    fn from_content(content: &Content, frame: Frame) -> Result<Self, HorizonError> {
        let shape = |member| HorizonError::Shape { member };
        let opening = frame.subject.ok_or(HorizonError::Column { column: "subject_id" })?;
        let outcome = match (content.outcome.as_str(), content.option) {
            ("taken", Some(option)) => Outcome::Taken { option },
            ("withheld", None) => Outcome::Withheld,
            ("expired", None) => Outcome::Expired,
            ("taken" | "withheld" | "expired", _) => return Err(shape("option")),
            _ => return Err(shape("outcome")),
        };
        let receipts = content.receipts.clone();
        let twice = |at: usize, receipt: &OptionReceipt| receipts.iter().skip(at + 1).any(|one| one.row == receipt.row);
        let rising = receipts.array_windows().all(|[one, next]| one.option < next.option);
        if receipts.len() > OPTIONS_MAX || !rising || receipts.iter().enumerate().any(|(at, one)| twice(at, one)) {
            return Err(shape("receipts"));
        }
        let horizon_id = content.horizon_id.parse().map_err(|_| shape("horizon_id"))?;
        Ok(Self { frame, opening, horizon_id, outcome, receipts, observer: content.observer })
    }

    /// Id of its row.
    #[must_use]
    pub const fn id(&self) -> RowId {
        self.frame.row
    }

    /// Time that the observer gave it.
    #[must_use]
    pub const fn ts(&self) -> Instant {
        self.frame.ts
    }

    /// Trace of the decision.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.frame.trace_id
    }

    /// Row of the opening that it closes.
    #[must_use]
    pub const fn opening(&self) -> RowId {
        self.opening
    }

    /// Name of the decision.
    #[must_use]
    pub const fn horizon_id(&self) -> &HorizonId {
        &self.horizon_id
    }

    /// What the decision came to.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Receipts of options not taken, by rising option.
    #[must_use]
    pub fn receipts(&self) -> &[OptionReceipt] {
        &self.receipts
    }

    /// Key that signed.
    #[must_use]
    pub const fn observer(&self) -> PublicKey {
        self.observer
    }

    /// The ledger it was signed for.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.frame.ledger
    }
}
