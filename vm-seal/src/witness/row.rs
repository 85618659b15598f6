//! What a vault records of a checkpoint that it cosigned, and the check of its conduct as a witness.
//!
//! ```text
//! {"cosignature":"— vaultmesh/… …","format":"vm-witness-checkpoint-v0","log_key":"example.com/log+33d7b496+AeHT…",
//!  "request":"old 0\n\nexample.com/log\n42\n…"}
//! ```

use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::key::{CosignerKey, NoteKey, NoteSignature};
use vm_core::record::{StoredRow, SystemKind};
use vm_core::verdict::{Code, Finding, Report};

use super::{ADD_CHECKPOINT_MAX, AddCheckpoint, Latest, WitnessState};
use crate::error::WitnessRowError;
use crate::shape::Members;

/// Format of the row.
pub const WITNESS_ROW_FORMAT: &str = "vm-witness-checkpoint-v0";
/// Longest row read, in bytes: a request, each of whose characters may be escaped by six, and 4 KiB for the rest.
const ROW_MAX: usize = ADD_CHECKPOINT_MAX * 6 + 4096;

/// A request that was granted, with the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WitnessRow {
    log: NoteKey,
    request: AddCheckpoint,
    cosignature: NoteSignature,
}

impl WitnessRow {
    /// The row of a request, by the log's key, with its answer. Of the request's signatures that of the log is kept alone.
    ///
    /// # Errors
    /// [`WitnessRowError`] where the log did not sign.
    pub fn new(log: NoteKey, request: &AddCheckpoint, cosignature: NoteSignature) -> Result<Self, WitnessRowError> {
        let note = request.note().signed_by(&log).map_err(WitnessRowError::Note)?;
        let request = AddCheckpoint::new(request.old(), request.consistency().clone(), note);
        Ok(Self { log, request: request.map_err(WitnessRowError::Request)?, cosignature })
    }

    /// The row's JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({
            "cosignature": self.cosignature.to_string(),
            "format": WITNESS_ROW_FORMAT,
            "log_key": self.log,
            "request": self.request.to_string(),
        })
    }

    /// Reads a row's JSON.
    ///
    /// # Errors
    /// [`WitnessRowError`]; an unknown format is told apart.
    pub fn from_value(value: &Value) -> Result<Self, WitnessRowError> {
        if let Some(found) = value.get("format").and_then(Value::as_str).filter(|found| *found != WITNESS_ROW_FORMAT) {
            return Err(WitnessRowError::FormatUnknown { found: found.chars().take(64).collect() });
        }
        let members = Members::of(value, "", &["cosignature", "format", "log_key", "request"])?;
        members.word("format", WITNESS_ROW_FORMAT)?;
        let request = AddCheckpoint::parse(members.text("request")?.as_bytes()).map_err(WitnessRowError::Request)?;
        Ok(Self { log: members.parse("log_key")?, request, cosignature: members.parse("cosignature")? })
    }

    /// The content of a row; none where it is a row of another kind.
    ///
    /// # Errors
    /// As [`WitnessRow::from_value`]; [`WitnessRowError::Json`].
    pub fn of_row(row: &StoredRow) -> Result<Option<Self>, WitnessRowError> {
        if SystemKind::of_row(row) != Some(SystemKind::WitnessCheckpoint) {
            return Ok(None);
        }
        let json = row.text("meta_json").unwrap_or_default();
        let value = canonical::parse(json.as_bytes(), ROW_MAX).map_err(WitnessRowError::Json)?;
        Self::from_value(&value).map(Some)
    }

    /// The key of the log.
    #[must_use]
    pub const fn log(&self) -> &NoteKey {
        &self.log
    }

    /// What was asked.
    #[must_use]
    pub const fn request(&self) -> &AddCheckpoint {
        &self.request
    }

    /// What was answered.
    #[must_use]
    pub const fn cosignature(&self) -> &NoteSignature {
        &self.cosignature
    }

    /// What a witness knows of the log from this row on.
    ///
    /// # Errors
    /// [`WitnessRowError`] where the log did not sign, or `cosigner` did not cosign.
    pub fn latest(&self, cosigner: &CosignerKey) -> Result<Latest, WitnessRowError> {
        let note = self.request.note().clone().with_signature(self.cosignature.clone());
        Latest::read(&note.map_err(WitnessRowError::Note)?, &self.log, cosigner).map_err(WitnessRowError::Cosignature)
    }
}

/// Judges a row again as its request was judged, behind the rows before it, and takes it in. `subject` is how findings name
/// the row.
pub fn check_conduct(
    state: &mut WitnessState,
    row: &WitnessRow,
    cosigner: &CosignerKey,
    subject: &str,
    report: &mut Report,
) {
    let mut broken = |found: &str| report.find(Finding::new(Code::WitnessBroken, subject).found(found));
    let latest = match row.latest(cosigner) {
        Ok(latest) => latest,
        Err(error) => return broken(error.code()),
    };
    state.trust(row.log().clone());
    if let Err(refusal) = state.judge(row.request()) {
        broken(refusal.code());
    }
    let before = state.latest(row.log().name());
    if before.is_some_and(|before| latest.at() < before.at()) {
        broken("clock-behind");
    }
    if before.is_none_or(|before| before.checkpoint().size() <= latest.checkpoint().size()) {
        state.restore(latest);
    }
}
