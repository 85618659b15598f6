//! Which redaction policies the rows name, and which of them the ledger holds.

use std::collections::BTreeMap;

use vm_core::digest::PolicyHash;
use vm_core::error::PolicyError;
use vm_core::record::{LogEntry, StoredRow, SystemKind};
use vm_core::redact::Policy;
use vm_core::verdict::{Code, Finding, Report};

use crate::verify::row_subject;

/// Redaction policies that the rows of a ledger name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Redactions {
    used: BTreeMap<PolicyHash, PolicyUse>,
    recorded: BTreeMap<PolicyHash, u64>,
}

/// Use of one policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyUse {
    /// Place in the log of the first row that names it.
    pub first: u64,
    /// That row, as findings name it.
    pub subject: String,
    /// Rows that name it.
    pub rows: u64,
}

impl Redactions {
    /// The policies that rows name, by hash.
    pub fn used(&self) -> impl Iterator<Item = (PolicyHash, &PolicyUse)> {
        self.used.iter().map(|(hash, used)| (*hash, used))
    }

    /// Whether a row before place `seq` of the log holds the policy of this hash.
    #[must_use]
    pub fn is_recorded_before(&self, hash: PolicyHash, seq: u64) -> bool {
        self.recorded.get(&hash).is_some_and(|place| *place < seq)
    }
}

/// What the rows so far named and held.
#[derive(Default)]
pub(super) struct RedactionRules(Redactions);

impl RedactionRules {
    /// Takes in the next row of the log.
    pub(super) fn check(&mut self, entry: &LogEntry, row: &StoredRow, report: &mut Report) {
        if SystemKind::of_row(row) == Some(SystemKind::RedactionPolicy) {
            let json = row.text("meta_json").unwrap_or_default();
            match Policy::parse(json.as_bytes()) {
                Ok(policy) => {
                    self.0.recorded.entry(policy.hash()).or_insert(entry.seq);
                }
                Err(error) => {
                    let found = match &error {
                        PolicyError::UnknownFormat { found } => found.as_str(),
                        other => other.code(),
                    };
                    let subject = row_subject(entry.table, entry.row_id);
                    report.find(Finding::new(Code::FormatUnknown, subject).found(found));
                }
            }
        }
        let Some(hash) = row.blob("policy_hash").and_then(|bytes| PolicyHash::from_slice(bytes).ok()) else { return };
        let used = self.0.used.entry(hash).or_insert_with(|| PolicyUse {
            first: entry.seq,
            subject: row_subject(entry.table, entry.row_id),
            rows: 0,
        });
        used.rows = used.rows.saturating_add(1);
    }

    pub(super) fn finish(self) -> Redactions {
        self.0
    }
}
