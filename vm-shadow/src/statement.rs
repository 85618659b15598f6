//! What an observer signs. `docs/spec/shadow-receipt.md` is the format.
//!
//! ```text
//! {"corrects":null,"counterfactual_hash":"<64 hex>","entropy_delta":0.25,"format":"vm-shadow-receipt-v0",
//!  "horizon_id":"deploy/api","ledger":"<64 hex>","meta":null,"observer":"<64 hex>","policy":"<64 hex>",
//!  "reason":"error budget spent","row":"0190...","trace_id":"0190...","ts":"2026-01-02T03:04:05.000006Z"}
//! ```

use serde_json::json;
use vm_core::canonical;
use vm_core::digest::{Commitment, LeafHash, PolicyHash};
use vm_core::error::{CanonicalError, RecordError};
use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::PublicKey;
use vm_core::record::{CellRef, Correction, StoredRow, Table};

use crate::error::ShadowError;

/// Format string of what an observer signs.
pub(crate) const FORMAT: &str = "vm-shadow-receipt-v0";

/// Every column of a receipt but the signature, and the capability it is recorded under, which the observer need not
/// know. Texts are as stored, so that a committed one is signed as its commitment.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Statement {
    pub(crate) ledger: LedgerId,
    pub(crate) row: RowId,
    pub(crate) ts: Instant,
    pub(crate) trace_id: TraceId,
    pub(crate) corrects: Option<Correction>,
    pub(crate) horizon_id: String,
    pub(crate) counterfactual_hash: Commitment,
    pub(crate) entropy_delta: f64,
    pub(crate) reason: String,
    pub(crate) meta: Option<String>,
    pub(crate) policy: PolicyHash,
    pub(crate) observer: PublicKey,
}

impl Statement {
    /// The canonical bytes that are signed.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        let corrects = self.corrects.map(|row| json!({ "id": row.id, "leaf": row.leaf }));
        canonical::to_bytes(&json!({
            "format": FORMAT, "ledger": self.ledger, "row": self.row, "ts": self.ts, "trace_id": self.trace_id,
            "corrects": corrects, "horizon_id": self.horizon_id, "counterfactual_hash": self.counterfactual_hash,
            "entropy_delta": self.entropy_delta, "reason": self.reason, "meta": self.meta, "policy": self.policy,
            "observer": self.observer,
        }))
    }

    /// What `row` says that its observer signed for `ledger`.
    pub(crate) fn of(row: &StoredRow, ledger: LedgerId) -> Result<Self, ShadowError> {
        let Some(CellRef::Real(entropy_delta)) = row.cell("entropy_delta") else {
            return Err(fault("entropy_delta"));
        };
        let key = <[u8; 32]>::try_from(blob(row, "observer_key")?).map_err(|_| fault("observer_key"))?;
        Ok(Self {
            ledger,
            row: row.id().map_err(ShadowError::Record)?,
            ts: row.ts().map_err(ShadowError::Record)?,
            trace_id: row.trace_id().map_err(ShadowError::Record)?,
            corrects: corrects(row)?,
            horizon_id: text(row, "horizon_id")?,
            counterfactual_hash: Commitment::from_slice(blob(row, "counterfactual_hash")?)
                .map_err(|_| fault("counterfactual_hash"))?,
            entropy_delta,
            reason: text(row, "reason")?,
            meta: row.text("meta_json").map(str::to_owned),
            policy: PolicyHash::from_slice(blob(row, "policy_hash")?).map_err(|_| fault("policy_hash"))?,
            observer: PublicKey::from_bytes(key).map_err(ShadowError::Key)?,
        })
    }
}

/// The fault of a column that does not hold what a receipt has there.
pub(crate) const fn fault(column: &'static str) -> ShadowError {
    ShadowError::Record(RecordError::Cell { table: Table::ShadowReceipts, column })
}

/// Bytes of a column that may not be null.
pub(crate) fn blob<'a>(row: &'a StoredRow, column: &'static str) -> Result<&'a [u8], ShadowError> {
    row.blob(column).ok_or(fault(column))
}

fn text(row: &StoredRow, column: &'static str) -> Result<String, ShadowError> {
    row.text(column).map(str::to_owned).ok_or(fault(column))
}

fn corrects(row: &StoredRow) -> Result<Option<Correction>, ShadowError> {
    let id = row.row_ref("corrects_id").map_err(ShadowError::Record)?;
    match (id, row.blob("corrects_leaf")) {
        (None, None) => Ok(None),
        (Some(id), Some(leaf)) => match LeafHash::from_slice(leaf) {
            Ok(leaf) => Ok(Some(Correction { id, leaf })),
            Err(_) => Err(fault("corrects_leaf")),
        },
        (None, Some(_)) => Err(fault("corrects_id")),
        (Some(_), None) => Err(fault("corrects_leaf")),
    }
}
