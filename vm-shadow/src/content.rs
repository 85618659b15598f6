//! Content of rows that open and close horizons: JSON in the row itself, signed by the observer.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::error::{CanonicalError, RecordError};
use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{PublicKey, Signature};
use vm_core::record::{StoredRow, SystemKind, Table};

use crate::error::HorizonError;

/// Longest content in bytes: options or receipts at their limit take a fifth of it, the longest resource and name as much.
const CONTENT_MAX: usize = 32 * 1024;

/// The row that holds a content: what of its header the observer signs, and the row it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) ledger: LedgerId,
    pub(crate) row: RowId,
    pub(crate) ts: Instant,
    pub(crate) trace_id: TraceId,
    pub(crate) subject: Option<RowId>,
}

/// What an observer signs: the content without its signature, with the ledger and the row's own `id`, `ts`, `trace_id` and
/// `subject_id`.
///
/// # Errors
/// [`CanonicalError`] where it has no canonical form.
pub(crate) fn message(content: &impl Serialize, frame: &Frame) -> Result<Vec<u8>, CanonicalError> {
    let mut value = serde_json::to_value(content).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.remove("signature");
        let header = serde_json::json!({
            "ledger": frame.ledger, "row": frame.row, "subject": frame.subject, "trace_id": frame.trace_id,
            "ts": frame.ts,
        });
        members.extend(header.as_object().cloned().unwrap_or_default());
    }
    canonical::to_bytes(&value)
}

/// The content of a row of `kind`, and its frame. The row must be as the ledger writes one: no file, nothing corrected, size
/// and SHA-256 those of the content.
///
/// # Errors
/// [`HorizonError`]; the signature was not checked.
pub(crate) fn read<T: DeserializeOwned + Serialize>(
    row: &StoredRow,
    ledger: LedgerId,
    kind: SystemKind,
    format: &str,
) -> Result<(T, Frame), HorizonError> {
    if row.table() != Table::ProofArtifacts || row.text("kind") != Some(kind.as_str()) {
        return Err(HorizonError::WrongKind { expected: kind.as_str() });
    }
    let column = |column| HorizonError::Column { column };
    let json = row.text("meta_json").ok_or(column("meta_json"))?;
    if row.text("path").is_some() {
        return Err(column("path"));
    }
    if row.text("blake3_hex").is_some() {
        return Err(column("blake3_hex"));
    }
    if row.blob("corrects_id").is_some() || row.blob("corrects_leaf").is_some() {
        return Err(column("corrects_id"));
    }
    if row.integer("size") != i64::try_from(json.len()).ok() {
        return Err(column("size"));
    }
    if row.text("sha256_hex") != Some(&Sha256Digest::of(json.as_bytes()).to_hex()) {
        return Err(column("sha256_hex"));
    }
    let shape = HorizonError::Shape { member: "content" };
    let value = canonical::parse_exact(json.as_bytes(), CONTENT_MAX).map_err(|_| shape.clone())?;
    match value.get("format").and_then(Value::as_str) {
        Some(found) if found == format => {}
        Some(other) => return Err(HorizonError::FormatUnknown { found: other.chars().take(64).collect() }),
        None => return Err(HorizonError::Shape { member: "format" }),
    }
    let content = T::deserialize(&value).map_err(|_| shape.clone())?;
    // A member left out where null is meant would read as the same content under another text.
    if serde_json::to_value(&content).ok().as_ref() != Some(&value) {
        return Err(shape);
    }
    let record = |error: RecordError| HorizonError::Record(error);
    let frame = Frame {
        ledger,
        row: row.id().map_err(record)?,
        ts: row.ts().map_err(record)?,
        trace_id: row.trace_id().map_err(record)?,
        subject: row.row_ref("subject_id").map_err(record)?,
    };
    Ok((content, frame))
}

/// Checks the observer's signature over a content in its frame.
///
/// # Errors
/// [`HorizonError::Key`].
pub(crate) fn check_signature(
    content: &impl Serialize,
    frame: &Frame,
    observer: PublicKey,
    signature: &Signature,
) -> Result<(), HorizonError> {
    let message = message(content, frame).map_err(|_| HorizonError::Shape { member: "content" })?;
    observer.verify(&message, signature).map_err(HorizonError::Key)
}
