//! Attempts at anchors that came to nothing, as the vault recorded them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use vm_core::id::{RowId, SealId};
use vm_core::record::SystemKind;
use vm_core::verdict::{Code, Finding, Report};
use vm_ledger::ATTEMPT_FORMAT;

use crate::error::VaultError;
use crate::read::Reader;

/// The last that an authority was asked about a seal, where nothing came of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptState {
    /// The road.
    pub rail: String,
    /// What the authority is called.
    pub authority: String,
    /// What came of it: `pending`, `unreachable`, `refused`, `rate-limited`, `expired` or `invalid`.
    pub state: String,
    /// Code of the error.
    pub reason: String,
    /// How often it was asked.
    pub tries: u32,
    /// How long it wanted to be left alone.
    pub retry_after_seconds: Option<u64>,
    /// What is asked for again to complete it, such as a transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    attempt: AttemptState,
    format: String,
    #[serde(rename = "seal_id")]
    _seal_id: SealId,
}

/// The last attempt at each authority, by the row of the seal.
pub(crate) fn attempts(reader: &Reader, report: &mut Report) -> Result<HashMap<RowId, Vec<AttemptState>>, VaultError> {
    let mut found: HashMap<RowId, Vec<AttemptState>> = HashMap::new();
    reader.visit_kind(SystemKind::AnchorAttempt.as_str(), &mut |logged| {
        let subject = || format!("attempt {}", logged.entry.row_id);
        let stored = logged.row.text("meta_json").and_then(|json| serde_json::from_str::<Stored>(json).ok());
        let stored = stored.filter(|stored| stored.format == ATTEMPT_FORMAT);
        let (Some(stored), Ok(Some(seal))) = (stored, logged.row.row_ref("subject_id")) else {
            return report.find(Finding::new(Code::FormatUnknown, subject()));
        };
        let attempts = found.entry(seal).or_default();
        attempts.retain(|earlier| earlier.authority != stored.attempt.authority);
        attempts.push(stored.attempt);
    })?;
    Ok(found)
}

impl AttemptState {
    /// The remark that it makes about `seal`.
    pub(crate) fn finding(&self, seal: &str) -> Finding {
        let Self { rail, authority, state, reason, reference, .. } = self;
        let reference = reference.as_ref().map_or_else(String::new, |reference| format!(" ({reference})"));
        Finding::new(Code::AnchorFailed, seal).found(format!("{rail} {authority}: {state}: {reason}{reference}"))
    }
}
