//! Sealing: from a view of the evidence to a signed bundle.

use vm_core::capability::{Permit, act};
use vm_core::error::NoteError;
use vm_core::id::SealId;
use vm_core::key::{Note, NoteKey, SigningIdentity};
use vm_core::source::{Clock, Entropy};
use vm_core::view::EvidenceView;

use crate::bundle::{BundleBody, SealBundle, SealInputs, SignError};
use crate::checkpoint::Checkpoint;
use crate::digest::{ScrollRoot, SealDigest};
use crate::error::SealError;
use crate::merkle::TreeSize;
use crate::selection::Selection;

/// Resource that a permit must cover to seal.
const SEALS: &str = "/seals";

/// What is to be sealed.
#[derive(Clone, Debug)]
pub struct SealRequest<'a> {
    /// Which rows.
    pub selection: Selection,
    /// Scrolls as they stand, in any order.
    pub scrolls: Vec<ScrollRoot>,
    /// Signed checkpoint of the log at the size to be sealed.
    pub checkpoint: &'a Note,
    /// Where the evidence lies.
    pub inputs: SealInputs,
}

impl<'a> SealRequest<'a> {
    /// A request for rows alone: no scrolls, no database.
    #[must_use]
    pub fn over(selection: Selection, checkpoint: &'a Note) -> Self {
        Self { selection, scrolls: Vec::new(), checkpoint, inputs: SealInputs::default() }
    }
}

/// How a digest is made of a selection.
type Compute = fn(&dyn EvidenceView, &Selection, Vec<ScrollRoot>, TreeSize) -> Result<SealDigest, SealError>;

/// Seals `request` out of `view` under `permit`, signed by the ledger's log key. Nothing is stored: recording the
/// bundle is for whoever keeps the ledger. Cost: as [`SealDigest::compute`], and one signature.
///
/// # Errors
/// [`SealError`]: the permit is not for this ledger now, the checkpoint is not this log's by this signer, the evidence
/// is not as it was logged, or nobody could read the bundle.
pub fn seal(
    view: &dyn EvidenceView,
    request: SealRequest<'_>,
    signer: &SigningIdentity,
    permit: &Permit<act::Seal>,
    clock: &dyn Clock,
    entropy: &mut dyn Entropy,
) -> Result<SealBundle, SealError> {
    seal_by(SealDigest::compute, view, request, signer, permit, clock, entropy)
}

/// As [`seal`], but rows are not hashed again: see [`SealDigest::compute_trusting_leaves`]. The bundle is the same where no
/// row was altered.
///
/// # Errors
/// As [`seal`], but that altered rows are not noticed.
pub fn seal_trusting_leaves(
    view: &dyn EvidenceView,
    request: SealRequest<'_>,
    signer: &SigningIdentity,
    permit: &Permit<act::Seal>,
    clock: &dyn Clock,
    entropy: &mut dyn Entropy,
) -> Result<SealBundle, SealError> {
    seal_by(SealDigest::compute_trusting_leaves, view, request, signer, permit, clock, entropy)
}

fn seal_by(
    compute: Compute,
    view: &dyn EvidenceView,
    request: SealRequest<'_>,
    signer: &SigningIdentity,
    permit: &Permit<act::Seal>,
    clock: &dyn Clock,
    entropy: &mut dyn Entropy,
) -> Result<SealBundle, SealError> {
    let now = clock.now();
    let ledger = view.ledger().map_err(SealError::View)?;
    permit.recheck(ledger, permit.epoch(), now).map_err(SealError::Permit)?;
    let resource = SEALS.parse().map_err(SealError::Permit)?;
    permit.covers(&resource).map_err(SealError::Permit)?;
    let key = NoteKey::new(ledger.origin(), signer.public()).map_err(|error| SealError::Note(NoteError::Key(error)))?;
    let checkpoint = Checkpoint::verify(request.checkpoint, &key).map_err(SealError::Checkpoint)?;
    let as_of = checkpoint.size();
    let digest = compute(view, &request.selection, request.scrolls, as_of)?;
    let (schema_version, schema_last_migration) = view.schema().map_err(SealError::View)?;
    let body = BundleBody {
        schema_version,
        schema_last_migration,
        seal_id: SealId::mint(clock, entropy),
        sealed_at: now,
        claimed: digest.hash(),
        digest,
        inputs: request.inputs,
        as_of,
        checkpoint: request.checkpoint.clone(),
        signer: key,
        ledger,
    };
    finish(body, signer)
}

/// Signs the body. A bundle that breaks a limit of those who read it is not made.
fn finish(body: BundleBody, signer: &SigningIdentity) -> Result<SealBundle, SealError> {
    let bundle = SealBundle::sign(body, signer).map_err(|error| match error {
        SignError::Canonical(error) => SealError::Canonical(error),
        SignError::Note(error) => SealError::Note(error),
    })?;
    SealBundle::parse(bundle.as_bytes()).map_err(SealError::Unreadable)
}

/// The name of a bundle's file below the vault: `seals/<seal id>.json`.
#[must_use]
pub fn bundle_path(seal_id: SealId) -> String {
    format!("seals/{seal_id}.json")
}
