//! Proposals as data. `vm-dee` makes a `vm-dee-proposal-v0` of one; nothing here executes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vm_core::digest::LeafHash;
use vm_core::id::RowId;
use vm_core::record::LogEntry;

/// Most rows that a proposal or an incident names as evidence: what a person reads through. The findings name the rest.
pub const EVIDENCE_MAX: usize = 32;

/// A row of the ledger and what it hashed to, so that the evidence cannot be exchanged later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRef {
    /// The row.
    pub row: RowId,
    /// Its leaf hash.
    pub leaf: LeafHash,
}

impl From<&LogEntry> for EvidenceRef {
    fn from(entry: &LogEntry) -> Self {
        Self { row: entry.row_id, leaf: entry.leaf }
    }
}

/// What kind of change is proposed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ChangeKind {
    /// Restore what diverges from a backup or a peer.
    Restore,
    /// Seal again, over what verifies.
    Reseal,
    /// Anchor seals, or anchor them again.
    Reanchor,
    /// Set signals of some actors aside.
    QuarantineSignals,
    /// Put an earlier policy back in force by a new receipt.
    RollbackPolicy,
    /// Set clocks right.
    SetClocks,
    /// Hand trace ids on at call sites.
    PropagateTraces,
    /// Anything else, in a guardian's own word.
    Other(String),
}

impl ChangeKind {
    /// The stored word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Restore => "restore",
            Self::Reseal => "reseal",
            Self::Reanchor => "reanchor",
            Self::QuarantineSignals => "quarantine-signals",
            Self::RollbackPolicy => "rollback-policy",
            Self::SetClocks => "set-clocks",
            Self::PropagateTraces => "propagate-traces",
            Self::Other(word) => word,
        }
    }

    /// The kind that a stored word means.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        let known = [
            Self::Restore,
            Self::Reseal,
            Self::Reanchor,
            Self::QuarantineSignals,
            Self::RollbackPolicy,
            Self::SetClocks,
            Self::PropagateTraces,
        ];
        known.into_iter().find(|kind| kind.as_str() == word).unwrap_or_else(|| Self::Other(word.to_owned()))
    }
}

/// A change that a guardian proposes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// One line.
    pub title: String,
    /// What kind of change.
    pub change: ChangeKind,
    /// What it rests on.
    pub evidence: Vec<EvidenceRef>,
    /// What is expected of it.
    pub effect: String,
}

impl Proposal {
    /// The proposal as JSON, as it stands in a report.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({
            "title": self.title, "change": self.change.as_str(), "evidence": self.evidence, "effect": self.effect,
        })
    }
}
