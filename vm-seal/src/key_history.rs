//! Key histories: the genesis row and the changes of keys behind it, in one file that proves itself to whoever has the ledger's name.
//!
//! ```text
//! {"changes":[{"at":7,"format":"vm-key-change-v0",...}],"format":"vm-key-history-v0","genesis":"{\"format\":\"vm-row-v0\",...}"}
//! ```

use serde::Deserialize;
use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::digest::LeafHash;
use vm_core::error::KeyChangeError;
use vm_core::id::LedgerId;
use vm_core::key::{KEY_CHANGES_MAX, KeyChange, KeyHistory};
use vm_core::record::{StoredRow, SystemKind};
use vm_core::view::{EvidenceView, RowState, StoredEntry, ViewError, Visit};

use crate::verify::genesis;

/// Format string of a key history.
pub const KEY_HISTORY_FORMAT: &str = "vm-key-history-v0";
/// Longest key history read, in bytes: one of as many changes of the log key as there may be takes 4 MB.
pub const KEY_HISTORY_MAX: usize = canonical::BYTES_MAX;

/// A key history as it was read. What it proves, [`KeyHistoryFile::verify`] says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyHistoryFile {
    genesis: String,
    changes: Vec<KeyChange>,
}

impl KeyHistoryFile {
    /// The history of a ledger: its genesis row, and every change that is as it was logged. One that does not hold changes nothing
    /// and is left out.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn of_view(view: &dyn EvidenceView) -> Result<Self, ViewError> {
        let mut first = None;
        view.visit_log(0, 1, &mut |entry, state| {
            if let (StoredEntry::Entry(entry), RowState::Present(row)) = (entry, state) {
                first = Some((entry, row));
            }
            Ok(Visit::Stop)
        })?;
        let (entry, row) = first.ok_or(ViewError::Empty)?;
        let data = row.leaf_data().map_err(ViewError::store)?;
        let ledger = LedgerId::from_genesis(entry.leaf);
        let mut keys = genesis(&row).map(|genesis| KeyHistory::new(ledger, &genesis)).map_err(|_| ViewError::Empty)?;
        let mut changes = Vec::new();
        view.visit_system(SystemKind::KeyChange, &mut |entry, state| {
            if let RowState::Present(row) = state
                && row.leaf_hash().ok() == Some(entry.leaf)
                && keys.step(entry.seq, &row) == Ok(true)
            {
                changes.extend(KeyChange::of_row(&row).ok().flatten());
            }
            Ok(Visit::Continue)
        })?;
        Ok(Self { genesis: String::from_utf8_lossy(&data).into_owned(), changes })
    }

    /// Reads a file of at most [`KEY_HISTORY_MAX`] bytes, in its one canonical form.
    ///
    /// # Errors
    /// [`KeyChangeError`]; no signature is checked.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyChangeError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Content {
            #[serde(rename = "format")]
            _format: String,
            changes: Vec<Value>,
            genesis: String,
        }
        let value = canonical::parse_exact(bytes, KEY_HISTORY_MAX).map_err(KeyChangeError::Canonical)?;
        match value.get("format").and_then(Value::as_str) {
            Some(KEY_HISTORY_FORMAT) => {}
            Some(other) => return Err(KeyChangeError::UnknownFormat { found: other.chars().take(64).collect() }),
            None => return Err(KeyChangeError::Shape),
        }
        let content = Content::deserialize(value).map_err(|_| KeyChangeError::Shape)?;
        if content.changes.len() > KEY_CHANGES_MAX {
            return Err(KeyChangeError::TooMany { limit: KEY_CHANGES_MAX });
        }
        let changes = content.changes.iter().map(KeyChange::from_value).collect::<Result<_, _>>()?;
        Ok(Self { genesis: content.genesis, changes })
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`KeyChangeError::Canonical`] where it is longer than may be read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, KeyChangeError> {
        let changes: Vec<Value> = self.changes.iter().map(KeyChange::to_value).collect();
        let value = json!({ "changes": changes, "format": KEY_HISTORY_FORMAT, "genesis": self.genesis });
        canonical::to_bytes(&value).map_err(KeyChangeError::Canonical)
    }

    /// The keys that it proves, of the ledger whose name its genesis row hashes to: whether that is the one that is asked about, the
    /// caller compares. Changes behind the last that it holds, nobody can see from it. Cost: two signature checks a change.
    ///
    /// # Errors
    /// [`KeyChangeError::Shape`] where the first row is no genesis, or whatever a change does not hold by.
    pub fn verify(&self) -> Result<KeyHistory, KeyChangeError> {
        let row = StoredRow::parse_leaf_data(self.genesis.as_bytes()).map_err(|_| KeyChangeError::Shape)?;
        let genesis = genesis(&row).map_err(|_| KeyChangeError::Shape)?;
        let ledger = LedgerId::from_genesis(LeafHash::of(self.genesis.as_bytes()));
        let mut keys = KeyHistory::new(ledger, &genesis);
        self.changes.iter().try_for_each(|change| keys.apply(change))?;
        Ok(keys)
    }

    /// The changes, in order.
    #[must_use]
    pub fn changes(&self) -> &[KeyChange] {
        &self.changes
    }
}
