//! Replays by thresholds: what a policy of numbers and names would have said of recorded calls.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use vm_core::canonical;
use vm_core::capability::act;
use vm_core::digest::Sha256Digest;
use vm_core::id::RowId;
use vm_core::record::{CellRef, SCHEMA, StoredRow, Table};
use vm_dee::{Decider, Decision};

use crate::error::{GateError, VaultError};
use crate::vault::{Recorded, Vault};

/// A policy that can be asked again of recorded calls: it holds back what is above a limit, or is named.
///
/// ```text
/// {"block":{"tool":["rm"]},"format":"vm-thresholds-v0","max":{"duration_us":5000000}}
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Thresholds {
    limits: Limits,
    digest: Sha256Digest,
}

/// The text as it is written.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    format: String,
    /// By column, texts that are held back.
    #[serde(default)]
    block: BTreeMap<String, BTreeSet<String>>,
    /// By column, the most that a number may be.
    #[serde(default)]
    max: BTreeMap<String, f64>,
}

impl Thresholds {
    /// Format string.
    pub const FORMAT: &'static str = "vm-thresholds-v0";

    /// Reads thresholds; their identity is the hash of the text's canonical form. A column that no recorded call has would hold
    /// nothing back, so it is refused.
    ///
    /// # Errors
    /// [`VaultError::Canonical`], [`VaultError::FormatUnknown`], [`GateError::Thresholds`].
    pub fn parse(text: &[u8]) -> Result<Self, VaultError> {
        let value = canonical::parse(text, canonical::BYTES_MAX).map_err(VaultError::Canonical)?;
        let bytes = canonical::to_bytes(&value).map_err(VaultError::Canonical)?;
        let read = serde_json::from_value::<Limits>(value);
        let limits = read.map_err(|error| GateError::Thresholds { reason: error.to_string() })?;
        if limits.format != Self::FORMAT {
            return Err(VaultError::FormatUnknown { what: "thresholds", found: limits.format });
        }
        let columns = |table: Table| table.columns(SCHEMA).unwrap_or_default().iter().map(|column| column.name);
        let known: BTreeSet<&str> = [Table::ToolInvocations, Table::McpCalls].into_iter().flat_map(columns).collect();
        let unknown = limits.block.keys().chain(limits.max.keys()).find(|name| !known.contains(name.as_str()));
        if unknown.is_some() {
            let reason = format!("no call has such a column; there are {}", Vec::from_iter(known).join(", "));
            return Err(GateError::Thresholds { reason }.into());
        }
        Ok(Self { limits, digest: Sha256Digest::of(&bytes) })
    }
}

impl Decider for Thresholds {
    fn digest(&self) -> Sha256Digest {
        self.digest
    }

    fn decide(&self, row: &StoredRow) -> Decision {
        let is_named = |name: &str, text: &str| self.limits.block.get(name).is_some_and(|texts| texts.contains(text));
        let is_above = |name: &str, number: f64| self.limits.max.get(name).is_some_and(|max| number > *max);
        let holds_back = row.cells().any(|(name, cell)| match cell {
            CellRef::Text(text) => is_named(name, text),
            CellRef::Integer(number) => is_above(name, to_float(number)),
            CellRef::Real(number) => is_above(name, number),
            CellRef::Null | CellRef::Blob(_) => false,
        });
        if holds_back { Decision::Block } else { Decision::Allow }
    }
}

#[expect(
    clippy::as_conversions,
    reason = "a limit is a double itself; a difference beyond 2^53 is none that it could state"
)]
const fn to_float(number: i64) -> f64 {
    number as f64
}

/// Whether recorded work is benign: it is not said to have failed or been refused.
fn is_benign(row: &StoredRow) -> bool {
    row.text("status").is_none_or(|status| status == "ok")
}

impl Vault {
    /// Replays the plan of the proposal in `row`: what `after` would have said of recorded calls that `before` let through, and
    /// the other way. Calls without a status, or with status ok, are taken for benign.
    ///
    /// # Errors
    /// [`GateError::Replay`] where there is no plan, or the log cannot be read whole; [`VaultError::Gate`] where the gate
    /// refuses it.
    pub fn replay(&mut self, row: RowId, before: &Thresholds, after: &Thresholds) -> Result<Recorded, VaultError> {
        let permit = self.permit::<act::Record>()?;
        let (proposal, trace) = self.proposal(row)?;
        let snapshot = self.ledger.snapshot()?;
        let replayed = vm_dee::replay(&proposal, &snapshot, before, after, &is_benign).map_err(GateError::Replay)?;
        drop(snapshot);
        let header = self.header_of(trace);
        self.record_one(&permit, trace, replayed.draft(header).map_err(GateError::Content)?)
    }
}
