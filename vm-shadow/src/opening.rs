//! Openings: what a decision may come to, and the power behind it, signed before the decision is made.
//!
//! ```text
//! {"action":"record","capability":"<64 hex>","deadline":"2026-01-02T04:04:05.000000Z","epoch":"nigredo",
//!  "format":"vm-horizon-opened-v0","horizon_id":"deploy/api","observer":"<64 hex>","options":["<64 hex>","<64 hex>"],
//!  "proposal":null,"resource":"/tool_invocations","signature":"<128 hex>"}
//! ```

use serde::{Deserialize, Serialize};
use vm_core::capability::{Action, Resource};
use vm_core::digest::{CapabilityHash, Commitment};
use vm_core::epoch::Epoch;
use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{PublicKey, Signature, SigningIdentity};
use vm_core::record::{ArtifactKind, ProofArtifact, RowDraft, RowHeader, StoredRow, SystemKind, Table};
use vm_core::redact::{Policy, Redacted, Redactor, Salt, SecretDetector, commit};
use vm_core::source::Entropy;

use crate::content::{Frame, check_signature, message, read};
use crate::counterfactual::Counterfactual;
use crate::error::{DecideError, HorizonError};
use crate::horizon::HorizonId;

/// Format string of an opening.
pub const OPENING_FORMAT: &str = "vm-horizon-opened-v0";
/// Most options of a horizon: far more than anybody weighs, and their commitments still fit in a few kilobytes.
pub const OPTIONS_MAX: usize = 64;

/// The power to act on a decision: what would have allowed it, and what it takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Power {
    /// The token that would have allowed the options; the observer holds it.
    pub capability: CapabilityHash,
    /// The action they need.
    pub action: Action,
    /// The resource they need.
    pub resource: Resource,
    /// The epoch they would have been done in: the present one.
    pub epoch: Epoch,
}

/// A decision that is to be opened.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// Id, time and trace of the row. All that belongs to the decision goes into this trace.
    pub header: RowHeader,
    /// The ledger that it is for, and no other.
    pub ledger: LedgerId,
    /// Its name.
    pub horizon_id: &'a HorizonId,
    /// What may be done: 1 to [`OPTIONS_MAX`], each told apart by its place.
    pub options: &'a [Counterfactual],
    /// What would allow it.
    pub power: &'a Power,
    /// Row of the proposal that it is about, if it is about one.
    pub proposal: Option<RowId>,
    /// First instant at which nothing can be decided any more.
    pub deadline: Instant,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    action: Action,
    capability: CapabilityHash,
    deadline: Instant,
    epoch: Epoch,
    format: String,
    horizon_id: String,
    observer: PublicKey,
    options: Vec<Commitment>,
    proposal: Option<RowId>,
    resource: Resource,
    signature: Signature,
}

/// An opening that its observer signed, as it stands, for its ledger. Made by [`VerifiedOpening::of`] alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedOpening {
    frame: Frame,
    horizon_id: HorizonId,
    options: Vec<Commitment>,
    power: Power,
    proposal: Option<RowId>,
    deadline: Instant,
    observer: PublicKey,
}

/// Pointer of the commitment to an option.
#[must_use]
pub fn option_pointer(option: u8) -> String {
    format!("/options/{option}")
}

/// Commits to the options of a decision and signs its opening. The draft carries the openings of the commitments, as any row
/// does. Recording it is for whoever keeps the ledger, under a permit, before the decision is made.
///
/// # Errors
/// [`DecideError`]; nothing was signed.
pub fn open(
    decision: &Decision<'_>,
    observer: &SigningIdentity,
    policy: &Policy,
    detector: &dyn SecretDetector,
    entropy: &mut dyn Entropy,
) -> Result<RowDraft, DecideError> {
    let header = decision.header;
    if decision.options.is_empty() || decision.options.len() > OPTIONS_MAX {
        return Err(DecideError::Options { found: decision.options.len() });
    }
    if detector.is_secret(None, decision.horizon_id.as_str()) {
        return Err(DecideError::SecretName);
    }
    if decision.deadline <= header.ts {
        return Err(DecideError::DeadlinePast { deadline: decision.deadline, ts: header.ts });
    }
    let kind = SystemKind::HorizonOpened;
    let mut redactor = Redactor::new(policy, detector, entropy, Table::ProofArtifacts, kind.as_str(), header.id);
    let commit = |(at, option): (u8, &Counterfactual)| redactor.commit(&option_pointer(at), option.value());
    let options = (0..).zip(decision.options).map(commit).collect::<Result<_, _>>().map_err(DecideError::Canonical)?;
    let redaction = redactor.finish();
    let power = decision.power;
    let mut content = Content {
        action: power.action,
        capability: power.capability,
        deadline: decision.deadline,
        epoch: power.epoch,
        format: OPENING_FORMAT.to_owned(),
        horizon_id: decision.horizon_id.as_str().to_owned(),
        observer: observer.public(),
        options,
        proposal: decision.proposal,
        resource: power.resource.clone(),
        signature: Signature::from_bytes([0; 64]),
    };
    let frame =
        Frame { ledger: decision.ledger, row: header.id, ts: header.ts, trace_id: header.trace_id, subject: None };
    content.signature = observer.sign(&message(&content, &frame).map_err(DecideError::Canonical)?);
    let value = serde_json::to_value(&content).unwrap_or_default();
    let meta = Some(Redacted::system(&value).map_err(DecideError::Canonical)?);
    let artifact = ProofArtifact { header, kind: ArtifactKind::system(kind), file: None, subject: None, meta };
    artifact.into_draft(Some(redaction)).map_err(DecideError::Record)
}

impl VerifiedOpening {
    /// Checks that `row` opens a horizon and that its observer signed it, as it stands, for `ledger`. The capability it was
    /// recorded under and the hash of the redaction policy are not signed; the row's leaf covers them. Cost: one strict
    /// signature check.
    ///
    /// # Errors
    /// [`HorizonError`] names the first fault.
    pub fn of(row: &StoredRow, ledger: LedgerId) -> Result<Self, HorizonError> {
        let (content, frame): (Content, Frame) = read(row, ledger, SystemKind::HorizonOpened, OPENING_FORMAT)?;
        let shape = |member| HorizonError::Shape { member };
        if frame.subject.is_some() {
            return Err(HorizonError::Column { column: "subject_id" });
        }
        if content.options.is_empty() || content.options.len() > OPTIONS_MAX {
            return Err(shape("options"));
        }
        if content.deadline <= frame.ts {
            return Err(shape("deadline"));
        }
        let horizon_id = content.horizon_id.parse().map_err(|_| shape("horizon_id"))?;
        check_signature(&content, &frame, content.observer, &content.signature)?;
        let Content { action, capability, deadline, epoch, observer, options, proposal, resource, .. } = content;
        let power = Power { capability, action, resource, epoch };
        Ok(Self { frame, horizon_id, options, power, proposal, deadline, observer })
    }

    /// The ledger it was signed for.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.frame.ledger
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

    /// Name of the decision.
    #[must_use]
    pub const fn horizon_id(&self) -> &HorizonId {
        &self.horizon_id
    }

    /// Commitments to the options, by their place.
    #[must_use]
    pub fn options(&self) -> &[Commitment] {
        &self.options
    }

    /// Number of options.
    #[must_use]
    pub fn option_count(&self) -> u8 {
        // No more than OPTIONS_MAX were let in.
        u8::try_from(self.options.len()).unwrap_or(u8::MAX)
    }

    /// What would have allowed the options.
    #[must_use]
    pub const fn power(&self) -> &Power {
        &self.power
    }

    /// The proposal that it is about, if it is about one.
    #[must_use]
    pub const fn proposal(&self) -> Option<RowId> {
        self.proposal
    }

    /// First instant at which nothing can be decided any more.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Key that signed. Whose it is, is for whoever relies on it.
    #[must_use]
    pub const fn observer(&self) -> PublicKey {
        self.observer
    }

    /// Whether `salt` shows that `described` is the option at this place.
    #[must_use]
    pub fn opens(&self, option: u8, described: &Counterfactual, salt: &Salt) -> bool {
        let Some(commitment) = self.options.get(usize::from(option)) else { return false };
        commit(self.id(), &option_pointer(option), salt, described.value()).as_ref() == Ok(commitment)
    }
}
