//! Reading a vault: listing, showing, searching, proving. Nothing here needs a key or a permit, and nothing writes.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};
use vm_core::canonical;
use vm_core::capability::InForce;
use vm_core::digest::LeafHash;
use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{KeyHistory, Note, NoteKey};
use vm_core::path::VaultPath;
use vm_core::record::{CellRef, Genesis, StoredRow, Table};
use vm_core::view::{
    EvidenceView, LoggedRow, RowFilter, RowScope, RowState, StoredEntry, VaultFiles as _, ViewError, Visit,
};
use vm_ledger::{Ledger, Snapshot, StillFiles};
use vm_seal::merkle::LeafIndex;
use vm_seal::tlog::TlogProof;

use crate::error::{ProofFileError, VaultError};
use crate::proof::ROW_PROOF_FORMAT;
use crate::vault::Place;

/// Longest file read whole below a vault, in bytes: the longest seal bundle and any anchor are far below.
const SMALL_FILE_MAX: usize = 64 * 1024 * 1024;
/// Columns that hold ids, shown as hyphenated UUIDs.
const ID_COLUMNS: [&str; 7] = ["id", "trace_id", "connection", "intent_id", "answers_id", "subject_id", "corrects_id"];

/// A vault as it stood at one moment, read-only.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    snapshot: Snapshot,
    ledger: LedgerId,
}

/// A row as it is shown: its place, and its columns with ids and JSON written out.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownRow {
    /// Its place in the log.
    pub seq: u64,
    /// Its table.
    pub table: Table,
    /// Its id.
    pub id: RowId,
    /// Leaf hash that the log holds for it.
    pub leaf: LeafHash,
    /// Schema it was written under.
    pub schema: u32,
    /// Its columns.
    pub columns: Map<String, Value>,
    /// Receipt under which its openings were erased, where that was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased_under: Option<RowId>,
}

/// Proof that a row stands in the log.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RowProof {
    /// `vm-row-proof-v0`.
    pub format: &'static str,
    /// Leaf data of the row, whose hash with prefix 0x00 is the leaf.
    pub leaf_data: String,
    /// Its place.
    pub index: u64,
    /// Size of the tree.
    pub size: u64,
    /// Hashes from leaf to root (RFC 6962, section 2.1.1).
    pub path: Vec<String>,
    /// Signed checkpoint of that tree.
    pub checkpoint: String,
}

impl Reader {
    /// Opens the vault at `place` as it stands now. One whose log has lost its first entry is opened too, under a name of
    /// zeros, so that verification can say so.
    ///
    /// # Errors
    /// [`VaultError`]: no vault there, or one of a newer schema.
    pub fn open(place: &Place) -> Result<Self, VaultError> {
        let snapshot = Ledger::open_read(&place.vault)?;
        let ledger = match snapshot.ledger() {
            Err(ViewError::Empty) => LedgerId::from_genesis(LeafHash::from_bytes([0; 32])),
            found => found.map_err(VaultError::View)?,
        };
        Ok(Self { folder: place.vault.clone(), snapshot, ledger })
    }

    /// Folder of the vault.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The evidence.
    #[must_use]
    pub const fn view(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The files.
    #[must_use]
    pub const fn files(&self) -> &StillFiles {
        self.snapshot.files()
    }

    /// Name of the ledger, by its own genesis row.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// What is in force: tokens, revocations, uses and epoch.
    ///
    /// # Errors
    /// [`VaultError::Ledger`] where rows about them are missing or malformed.
    pub fn in_force(&self) -> Result<InForce, VaultError> {
        Ok(self.snapshot.in_force()?)
    }

    /// The genesis: the keys that the ledger says it began with.
    ///
    /// # Errors
    /// [`VaultError::Ledger`] where it is missing or malformed.
    pub fn genesis(&self) -> Result<Genesis, VaultError> {
        Ok(self.snapshot.genesis()?)
    }

    /// The key that the ledger claims to sign with now. A verifier pins it from elsewhere.
    ///
    /// # Errors
    /// As [`Reader::keys`].
    pub fn claimed_key(&self) -> Result<NoteKey, VaultError> {
        let keys = self.keys()?;
        keys.note_key(keys.current()).map_err(VaultError::Key)
    }

    /// The keys that the ledger had, by its own word.
    ///
    /// # Errors
    /// [`VaultError::Ledger`] where the genesis is missing or malformed.
    pub fn keys(&self) -> Result<KeyHistory, VaultError> {
        Ok(self.snapshot.keys()?)
    }

    /// The latest signed checkpoint: what to keep outside the vault.
    ///
    /// # Errors
    /// [`VaultError::Ledger`].
    pub fn head(&self) -> Result<Note, VaultError> {
        let absent = || VaultError::NotFound { what: "checkpoint", name: self.ledger.to_string() };
        self.snapshot.checkpoint()?.ok_or_else(absent)
    }

    /// The row with this id.
    ///
    /// # Errors
    /// [`VaultError::NotFound`].
    pub fn show(&self, id: RowId) -> Result<ShownRow, VaultError> {
        Ok(ShownRow { erased_under: self.snapshot.erased_under(id)?, ..shown(&self.logged(id)?) })
    }

    /// Rows in scope, by table and id; at most `limit`.
    ///
    /// # Errors
    /// [`VaultError::View`].
    pub fn list(&self, tables: &[Table], scope: RowScope, limit: usize) -> Result<Vec<ShownRow>, VaultError> {
        let as_of = self.snapshot.size().map_err(VaultError::View)?;
        let filter = RowFilter { tables: tables.to_vec(), scope, as_of };
        let mut rows = Vec::new();
        self.snapshot
            .visit_matching(&filter, &mut |entry, state| {
                if rows.len() == limit {
                    return Ok(Visit::Stop);
                }
                if let RowState::Present(row) = state {
                    rows.push(shown(&LoggedRow { entry, row }));
                }
                Ok(Visit::Continue)
            })
            .map_err(VaultError::View)?;
        Ok(rows)
    }

    /// Rows that hold `pattern` in any text that is stored, in the order of the log; at most `limit`. Committed values
    /// cannot be found. Cost: one pass over the rows.
    ///
    /// # Errors
    /// [`VaultError::View`].
    pub fn query(&self, pattern: &str, limit: usize) -> Result<Vec<ShownRow>, VaultError> {
        let size = self.snapshot.size().map_err(VaultError::View)?;
        let mut rows = Vec::new();
        self.snapshot
            .visit_log(0, size, &mut |entry, state| {
                if rows.len() == limit {
                    return Ok(Visit::Stop);
                }
                if let (StoredEntry::Entry(entry), RowState::Present(row)) = (entry, state)
                    && row.cells().any(|(_, cell)| matches!(cell, CellRef::Text(text) if text.contains(pattern)))
                {
                    rows.push(shown(&LoggedRow { entry, row }));
                }
                Ok(Visit::Continue)
            })
            .map_err(VaultError::View)?;
        Ok(rows)
    }

    /// Proof that the row with this id stands in the log that the latest checkpoint signs.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] or [`VaultError::Ledger`].
    pub fn prove(&self, id: RowId) -> Result<RowProof, VaultError> {
        let logged = self.logged(id)?;
        let checkpoint = self.head()?;
        let size = self.snapshot.size().map_err(VaultError::View)?;
        self.prove_under(&logged, size, &checkpoint)
    }

    /// The proof that a row stands in the log of `size` entries, which `checkpoint` signs.
    pub(crate) fn prove_under(&self, logged: &LoggedRow, size: u64, checkpoint: &Note) -> Result<RowProof, VaultError> {
        let proof = self.snapshot.inclusion_proof(logged.entry.seq, size).map_err(VaultError::Proof)?;
        let leaf_data = logged.row.leaf_data().map_err(VaultError::Record)?;
        Ok(RowProof {
            format: ROW_PROOF_FORMAT,
            leaf_data: String::from_utf8_lossy(&leaf_data).into_owned(),
            index: logged.entry.seq,
            size,
            path: proof.hashes().iter().map(|hash| hash.to_hex()).collect(),
            checkpoint: checkpoint.to_string(),
        })
    }

    /// The same proof as C2SP has it, with the row as its extra data unless it is to stay here.
    ///
    /// # Errors
    /// As [`Reader::prove`].
    pub fn prove_tlog(&self, id: RowId, with_row: bool) -> Result<TlogProof, VaultError> {
        let logged = self.logged(id)?;
        let checkpoint = self.head()?;
        let size = self.snapshot.size().map_err(VaultError::View)?;
        let path = self.snapshot.inclusion_proof(logged.entry.seq, size).map_err(VaultError::Proof)?;
        let row = with_row.then(|| logged.row.leaf_data()).transpose().map_err(VaultError::Record)?;
        let proof = TlogProof::new(LeafIndex::new(logged.entry.seq), path, checkpoint, row);
        Ok(proof.map_err(ProofFileError::Tlog)?)
    }

    /// Content of a small file below the vault; none where it is not there or no regular file.
    ///
    /// # Errors
    /// [`VaultError::Files`] where the machine would not read it, [`VaultError::Input`] where it is too long.
    pub fn read_small(&self, path: &VaultPath) -> Result<Vec<u8>, VaultError> {
        let mut bytes = Vec::new();
        let mut long = false;
        self.files()
            .read(path, &mut |piece| {
                if bytes.len() + piece.len() <= SMALL_FILE_MAX {
                    bytes.extend_from_slice(piece);
                } else {
                    long = true;
                }
            })
            .map_err(VaultError::Files)?;
        if long {
            return Err(VaultError::Input { reason: format!("{path} is longer than {SMALL_FILE_MAX} bytes") });
        }
        Ok(bytes)
    }

    /// Rows of `proof_artifacts` of one kind, in the order of the log, each handed to `visit`.
    ///
    /// # Errors
    /// [`VaultError::View`].
    pub fn visit_kind(&self, kind: &str, visit: &mut dyn FnMut(LoggedRow)) -> Result<(), VaultError> {
        let visit = &mut |entry, state| {
            if let RowState::Present(row) = state {
                visit(LoggedRow { entry, row });
            }
            Ok(Visit::Continue)
        };
        self.snapshot.visit_kind(kind, visit).map_err(VaultError::View)
    }

    fn logged(&self, id: RowId) -> Result<LoggedRow, VaultError> {
        let found = self.snapshot.row(id).map_err(VaultError::View)?;
        found.ok_or_else(|| VaultError::NotFound { what: "row", name: id.to_string() })
    }
}

/// Bounds of time for a list.
#[must_use]
pub const fn window(since: Option<Instant>, until: Option<Instant>) -> RowScope {
    RowScope::Window { since, until }
}

/// JSON of a column where the text is JSON, else the text.
fn column(name: &str, cell: CellRef<'_>) -> Value {
    match cell {
        CellRef::Null => Value::Null,
        CellRef::Integer(integer) => json!(integer),
        CellRef::Real(real) => json!(real),
        CellRef::Text(text) if name.ends_with("_json") => {
            canonical::parse(text.as_bytes(), canonical::BYTES_MAX).unwrap_or_else(|_| json!(text))
        }
        CellRef::Text(text) => json!(text),
        CellRef::Blob(bytes) if ID_COLUMNS.contains(&name) => {
            TraceId::from_slice(bytes).map_or_else(|_| json!(vm_core::digest::to_hex(bytes)), |id| json!(id))
        }
        CellRef::Blob(bytes) => json!(vm_core::digest::to_hex(bytes)),
    }
}

fn shown(logged: &LoggedRow) -> ShownRow {
    let row: &StoredRow = &logged.row;
    ShownRow {
        seq: logged.entry.seq,
        table: logged.entry.table,
        id: logged.entry.row_id,
        leaf: logged.entry.leaf,
        schema: logged.entry.schema.number(),
        columns: row.cells().map(|(name, cell)| (name.to_owned(), column(name, cell))).collect(),
        erased_under: None,
    }
}

#[cfg(test)]
mod tests {
    use vm_core::digest::RootHash;
    use vm_seal::checkpoint::Checkpoint;
    use vm_seal::merkle::InclusionProof;

    use super::*;

    #[test]
    fn the_page_shows_a_proof_that_holds() {
        let page = include_str!("../../docs/spec/row-proof.md");
        let (_, rest) = page.split_once("```json\n").unwrap();
        let (sample, _) = rest.split_once("```").unwrap();
        let proof: Value = serde_json::from_str(sample).unwrap();
        let text = |name: &str| proof[name].as_str().unwrap();
        let note = Note::parse(text("checkpoint").as_bytes()).unwrap();
        let checkpoint = Checkpoint::parse_text(note.unverified_text()).unwrap();
        assert_eq!(checkpoint.size().as_u64(), proof["size"]);
        let leaf = LeafHash::of(text("leaf_data").as_bytes());
        assert!(page.contains(&format!("`{leaf}`")));
        let path: Vec<RootHash> = serde_json::from_value(proof["path"].clone()).unwrap();
        let index = LeafIndex::new(proof["index"].as_u64().unwrap());
        let path = InclusionProof::from_hashes(path).unwrap();
        path.verify(leaf, index, checkpoint.size(), checkpoint.root()).unwrap();
    }
}
