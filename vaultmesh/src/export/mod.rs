//! Exports: a vault, or one seal with its rows, as one deterministic zip file that needs nothing else to be checked.
//!
//! ```text
//! manifest.json        {"format":"vm-export-v0","key":...,"ledger":...,"scope":"vault"|"seal","seal_id":...,"size":...}
//! VERIFY.txt           how to check it with stock tools
//! verify.py            seal alone: a second verifier, for Python and openssl
//! trust.toml           seal alone: what its exporter believes, which is no reason to
//! rows.jsonl           leaf data, one row a line: all in log order, or those of the seal by table and id
//! proofs.jsonl         seal alone: {"index":...,"path":[...]} of each row, in the same order
//! coverage.json        seal alone: what it covers, and what not
//! keys.json            seal alone, where keys of the ledger were changed: how
//! seals/ID.complete.json    seal alone: that no other row belongs to it; in a blind export with the rows' cards, and no rows
//! checkpoints.jsonl    vault alone: {"note":...,"size":...}
//! receipts/ seals/ anchors/ artifacts/ runes/    files as they stand below the vault
//! SHA256SUMS           of all the others
//! ```

mod archive;
mod check;
mod exact;
mod history;
mod import;
mod lines;
mod write;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vm_core::canonical;
use vm_core::id::{LedgerId, SealId};
use vm_core::key::NoteKey;

use crate::error::VaultError;

pub use check::verify_bundle;
pub use import::{Imported, import};
pub use write::{Exported, SealExport, export_seal, export_vault};

/// Name of the manifest.
const MANIFEST: &str = "manifest.json";
/// Name of the rows.
const ROWS: &str = "rows.jsonl";
/// Name of the proofs.
const PROOFS: &str = "proofs.jsonl";
/// Name of the coverage statement.
const COVERAGE: &str = "coverage.json";
/// Name of the key history, in exports of ledgers whose keys were changed.
const KEYS: &str = "keys.json";
/// Name of the second verifier.
const SCRIPT: &str = "verify.py";
/// Name of the trust file.
const TRUST: &str = "trust.toml";
/// Name of the checkpoints.
const CHECKPOINTS: &str = "checkpoints.jsonl";
/// Name of the sums.
const SUMS: &str = "SHA256SUMS";
/// Name of the page that says how to check.
const VERIFY: &str = "VERIFY.txt";

/// What an export holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// A whole vault, from which it can be rebuilt.
    Vault,
    /// One seal, its rows and anchors.
    Seal,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    key: NoteKey,
    ledger: LedgerId,
    scope: Scope,
    seal_id: Option<SealId>,
    size: u64,
}

impl Manifest {
    const FORMAT: &'static str = "vm-export-v0";

    fn to_bytes(&self) -> Result<Vec<u8>, VaultError> {
        let value = serde_json::to_value(self).map_err(|_| VaultError::Input { reason: "manifest".to_owned() })?;
        canonical::to_bytes(&value).map_err(VaultError::Canonical)
    }

    fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        let value = canonical::parse_exact(bytes, canonical::BYTES_MAX).map_err(VaultError::Canonical)?;
        match value.get("format").and_then(Value::as_str) {
            Some(Self::FORMAT) => {}
            Some(other) => {
                let found = other.chars().take(64).collect();
                return Err(VaultError::FormatUnknown { what: "export", found });
            }
            None => return Err(VaultError::Archive { reason: "the manifest names no format".to_owned() }),
        }
        Self::deserialize(value)
            .map_err(|_| VaultError::Archive { reason: "the manifest is not of its format's shape".to_owned() })
    }
}

/// Name of the proof that a seal's rows are all that match.
fn completeness_name(seal_id: SealId) -> String {
    format!("seals/{seal_id}.complete.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_a_manifest() {
        let page = include_str!("../../../docs/spec/export.md");
        let sample = page.lines().find(|line| line.contains(Manifest::FORMAT)).unwrap();
        let manifest = Manifest::parse(sample.as_bytes()).unwrap();
        assert_eq!(manifest.to_bytes().unwrap(), sample.as_bytes());
        assert_eq!(manifest.scope, Scope::Seal);
        assert!(page.contains(&format!("  {MANIFEST}\n")) && page.contains(&format!("`{CHECKPOINTS}`")));
    }
}
