//! What a vault shows of its own rows: the rows with their paths, the head they stand under, and an op that says so.

use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::id::RowId;
use vm_core::key::SigningIdentity;
use vm_core::view::{EvidenceView as _, Visit};
use vm_crdt::evidence::{ITEMS_MAX, to_payload};
use vm_crdt::{EvidenceItem, MergeReceipt, OpId};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::key_history::KeyHistoryFile;
use vm_seal::merkle::TreeSize;
use vm_seal::selection::Selection;

use super::Mesh;
use super::folder::Name;
use crate::error::{KeysError, MeshError, VaultError, WitnessFault};
use crate::read::Reader;

/// Most rows shared at once. A row's proof takes some 2 kB, and whoever takes them up holds their leaf hashes.
pub const SHARE_ROWS_MAX: usize = 1_000_000;
/// Length at which a file of rows is full, in bytes.
pub(super) const SHARE_BYTES: usize = 8 << 20;

/// What was shared.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Shared {
    /// Rows that were not shared before.
    pub rows: usize,
    /// Size of the log that they are shown in.
    pub size: u64,
    /// Ops that say so.
    pub ops: Vec<String>,
}

impl Mesh {
    /// Shows peers the rows of a selection that they were not shown yet. The op that says so is written last: whoever has it can be given
    /// the rest. Cost: a proof a row.
    ///
    /// # Errors
    /// [`MeshError::LogBehind`] where a larger log was shown before, [`MeshError::TooMany`], those of [`Mesh::write`] and of the reader.
    pub fn share(
        &mut self,
        reader: &Reader,
        selection: &Selection,
        author: &SigningIdentity,
        last: Option<&MergeReceipt>,
    ) -> Result<Shared, VaultError> {
        self.check_current(author, last)?;
        let ledger = reader.view().ledger().map_err(VaultError::View)?;
        let head = reader.head()?;
        let checkpoint = Checkpoint::parse_text(head.unverified_text()).map_err(WitnessFault::Head)?;
        let (size, known) = (checkpoint.size().as_u64(), self.replica.evidence());
        let mut found: Vec<(EvidenceItem, RowId)> = Vec::new();
        let mut limit = Ok(());
        reader
            .view()
            .visit_leaves(&selection.filter(checkpoint.size()), &mut |entry| {
                let item = EvidenceItem { ledger, seq: entry.seq, leaf: entry.leaf };
                if entry.seq < size && !known.contains(&item) {
                    found.push((item, entry.row_id));
                }
                if found.len() > SHARE_ROWS_MAX {
                    limit = Err(MeshError::TooMany { what: "rows", limit: SHARE_ROWS_MAX, found: found.len() });
                    return Ok(Visit::Stop);
                }
                Ok(Visit::Continue)
            })
            .map_err(VaultError::View)?;
        limit?;
        found.sort_unstable_by_key(|(item, _)| item.seq);
        if found.is_empty() {
            return Ok(Shared { rows: 0, size, ops: Vec::new() });
        }
        self.show_keys(reader)?;
        self.show_head(reader, &checkpoint)?;
        self.show_rows(reader, &found)?;
        let mut ops: Vec<OpId> = Vec::new();
        for some in found.chunks(ITEMS_MAX) {
            let payload = to_payload(some.iter().map(|(item, _)| *item)).map_err(MeshError::Evidence)?;
            ops.push(self.write(payload, author, last)?);
        }
        Ok(Shared { rows: found.len(), size, ops: ops.iter().map(ToString::to_string).collect() })
    }

    /// Writes how the keys of this vault's log changed, where they did: whoever pinned an earlier one follows by it.
    fn show_keys(&self, reader: &Reader) -> Result<(), VaultError> {
        let history = KeyHistoryFile::of_view(reader.view()).map_err(VaultError::View)?;
        if history.changes().is_empty() {
            return Ok(());
        }
        let bytes = history.to_bytes().map_err(KeysError::Change)?;
        let name = Name::Keys(reader.view().ledger().map_err(VaultError::View)?, Sha256Digest::of(&bytes));
        Ok(self.folder.write(&name.to_string(), &bytes)?)
    }

    /// Writes the head of this vault's log, with the proof that it grew out of the one that was shown last.
    fn show_head(&self, reader: &Reader, checkpoint: &Checkpoint) -> Result<(), VaultError> {
        let ledger = reader.view().ledger().map_err(VaultError::View)?;
        let size = checkpoint.size().as_u64();
        let shown = self.folder.names()?.into_iter().filter_map(|name| match name {
            Name::Head(of, size, _) if of == ledger => Some(size),
            _ => None,
        });
        let last = shown.max().unwrap_or(0);
        if last > size {
            return Err(MeshError::LogBehind { shown: last, size }.into());
        }
        if last < size {
            let request = reader.witness_request(TreeSize::new(last))?;
            let name = Name::Head(ledger, size, checkpoint.root());
            self.folder.write(&name.to_string(), request.to_string().as_bytes())?;
        }
        Ok(())
    }

    fn show_rows(&self, reader: &Reader, found: &[(EvidenceItem, RowId)]) -> Result<(), VaultError> {
        let mut lines = Vec::new();
        let mut rest = found.iter().peekable();
        while let Some((item, id)) = rest.next() {
            let proof = serde_json::to_value(reader.prove(*id)?).unwrap_or_default();
            lines.extend(canonical::to_bytes(&proof).map_err(VaultError::Canonical)?);
            lines.push(b'\n');
            if lines.len() >= SHARE_BYTES || rest.peek().is_none() {
                let name = Name::Rows(item.ledger, Sha256Digest::of(&lines));
                self.folder.write(&name.to_string(), &lines)?;
                lines.clear();
            }
        }
        Ok(())
    }
}
