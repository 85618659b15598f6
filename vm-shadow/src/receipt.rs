//! Making receipts.

use serde_json::Value;
use vm_core::id::LedgerId;
use vm_core::key::SigningIdentity;
use vm_core::record::{RowDraft, RowHeader, ShadowReceipt, Table};
use vm_core::redact::{Policy, Redacted, Redactor, SecretDetector};
use vm_core::source::Entropy;

use crate::counterfactual::Counterfactual;
use crate::error::ObserveError;
use crate::horizon::HorizonId;
use crate::statement::Statement;

/// Longest reason in bytes: a paragraph. The column is for a short one; more belongs in the metadata.
pub const REASON_MAX: usize = 4 * 1024;

/// What an observer saw held back.
#[derive(Clone, Debug)]
pub struct Observation<'a> {
    /// Id, time and trace of the row.
    pub header: RowHeader,
    /// The ledger that the receipt is for, and no other.
    pub ledger: LedgerId,
    /// The decision it belongs to.
    pub horizon_id: &'a HorizonId,
    /// The path that was not taken.
    pub counterfactual: &'a Counterfactual,
    /// Drift or uncertainty signal; policy gives it unit and meaning. Finite.
    pub entropy_delta: f64,
    /// Why the path was not taken: 1 to [`REASON_MAX`] bytes.
    pub reason: &'a str,
    /// Anything else.
    pub meta: Option<&'a Value>,
}

/// Redacts an observation and signs what will be stored of it. What the policy does not keep, and what `detector`
/// takes for a secret, is committed, and the observer signs the commitment. The draft carries the openings, that of
/// the counterfactual among them. Recording it is for whoever keeps the ledger, under a permit.
///
/// # Errors
/// [`ObserveError`]; nothing was signed.
pub fn observe(
    observation: &Observation<'_>,
    observer: &SigningIdentity,
    policy: &Policy,
    detector: &dyn SecretDetector,
    entropy: &mut dyn Entropy,
) -> Result<RowDraft, ObserveError> {
    check(observation)?;
    let header = observation.header;
    let mut redactor = Redactor::new(policy, detector, entropy, Table::ShadowReceipts, "", header.id);
    let mut text = |column, text| redactor.text(column, text).map_err(ObserveError::Canonical);
    let horizon_id = text("horizon_id", observation.horizon_id.as_str())?;
    let reason = text("reason", observation.reason)?;
    let counterfactual_hash = observation.counterfactual.commit(&mut redactor).map_err(ObserveError::Canonical)?;
    let meta = observation.meta.map(|meta| redactor.json("meta_json", meta)).transpose();
    let meta = meta.map_err(ObserveError::Canonical)?;
    let redaction = redactor.finish();
    // Adding zero turns -0 into 0: the canonical form and the database know but one zero.
    let entropy_delta = observation.entropy_delta + 0.0;
    let statement = Statement {
        ledger: observation.ledger,
        row: header.id,
        ts: header.ts,
        trace_id: header.trace_id,
        corrects: header.corrects,
        horizon_id: horizon_id.as_str().to_owned(),
        counterfactual_hash,
        entropy_delta,
        reason: reason.as_str().to_owned(),
        meta: meta.as_ref().map(Redacted::as_json).map(str::to_owned),
        policy: redaction.policy(),
        observer: observer.public(),
    };
    let observer_signature = observer.sign(&statement.to_bytes().map_err(ObserveError::Canonical)?);
    let receipt = ShadowReceipt {
        header,
        horizon_id,
        counterfactual_hash,
        entropy_delta,
        reason,
        observer_key: observer.public(),
        observer_signature,
        meta,
    };
    receipt.into_draft(redaction).map_err(ObserveError::Record)
}

fn check(observation: &Observation<'_>) -> Result<(), ObserveError> {
    if !observation.entropy_delta.is_finite() {
        return Err(ObserveError::NotFinite);
    }
    if observation.reason.trim().is_empty() {
        return Err(ObserveError::NoReason);
    }
    if observation.reason.len() > REASON_MAX {
        return Err(ObserveError::ReasonTooLong { limit: REASON_MAX, found: observation.reason.len() });
    }
    Ok(())
}
