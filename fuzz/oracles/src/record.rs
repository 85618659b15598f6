//! Rows, runes, genesis, and what callers hand in to be recorded.

use vaultmesh::vault::{InputKind, RecordInput};
use vm_core::canonical::{self, Value};
use vm_core::digest::{CapabilityHash, LeafHash};
use vm_core::id::{RowId, TraceId};
use vm_core::record::{ArtifactKind, Genesis, LogEntry, ProofArtifact, RowHeader, StoredRow, SystemKind};
use vm_core::redact::Redacted;
use vm_core::rune::ProofRune;

use crate::anchor::at;
use crate::text::assert_silent;

/// Leaf data has one form.
pub fn row_leaf(data: &[u8]) {
    let Ok(row) = StoredRow::parse_leaf_data(data) else { return };
    assert_eq!(row.leaf_data().as_deref(), Ok(data));
    assert_eq!(row.leaf_hash(), Ok(LeafHash::of(data)));
    assert_eq!(canonical::to_bytes(&row.to_value()).as_deref(), Ok(data), "the fast writer and the readable one agree");
    let cells = row.cells().map(|(_, cell)| cell.into()).collect();
    assert_eq!(StoredRow::new(row.table(), row.schema(), cells), Ok(row));
}

/// A rune has one form.
pub fn proof_rune(data: &[u8]) {
    if let Ok(rune) = ProofRune::parse(data) {
        assert_eq!(rune.to_bytes().as_deref(), Ok(data));
    }
}

/// The content of a genesis row has one form.
pub fn genesis(data: &[u8]) {
    let Ok(value) = canonical::parse(data, canonical::BYTES_MAX) else { return };
    if let Ok(genesis) = Genesis::from_value(&value) {
        assert_eq!(genesis.to_value(), value);
    }
}

/// The first byte says what is to be recorded. Spelling makes no difference, and an error quotes no value.
pub fn record_input(data: &[u8]) {
    let Some((kind, json)) = data.split_first() else { return };
    let kind = match kind % 4 {
        0 => InputKind::Tool,
        1 => InputKind::Artifact,
        2 => InputKind::Deploy,
        _ => InputKind::Shadow,
    };
    let read = RecordInput::parse(kind, json);
    let canonical = canonical::parse(json, canonical::BYTES_MAX).and_then(|value| canonical::to_bytes(&value));
    match (&read, canonical) {
        (Ok(input), Ok(canonical)) => {
            let again = RecordInput::parse(kind, &canonical).expect("the canonical spelling reads too");
            assert_eq!(*input, again);
        }
        (Ok(_), Err(error)) => panic!("read what has no canonical form: {error}"),
        (Err(error), _) => assert_silent(error, json),
    }
}

/// Rows with the places that they would have in a log behind its genesis: one in each line, as leaf data, or as `other`
/// reads a line that is none.
pub(crate) fn logged(data: &[u8], other: impl Fn(&[u8]) -> Option<StoredRow>) -> Vec<(LogEntry, StoredRow)> {
    let lines = data.split(|byte| *byte == b'\n');
    let rows = lines.filter_map(|line| StoredRow::parse_leaf_data(line).ok().or_else(|| other(line)));
    let entry = |(seq, row): (u64, StoredRow)| {
        let row_id = row.id().unwrap_or(RowId::from_bytes([0; 16]));
        let leaf = row.leaf_hash().expect("what was read has leaf data");
        (LogEntry { seq, table: row.table(), row_id, schema: row.schema(), leaf }, row)
    };
    (1..).zip(rows).map(entry).collect()
}

/// A row of a reserved kind as the ledger would write it; none where there can be none.
pub(crate) fn system_row(
    kind: SystemKind,
    subject: Option<RowId>,
    content: &Value,
    header: RowHeader,
) -> Option<StoredRow> {
    let meta = Some(Redacted::system(content).ok()?);
    let artifact = ProofArtifact { header, kind: ArtifactKind::system(kind), file: None, subject, meta };
    artifact.into_draft(None).ok()?.complete(Some(CapabilityHash::from_bytes([3; 32]))).ok()
}

/// Head of a row as it stands, or as any row's where it cannot be read.
pub(crate) fn header_of(row: &StoredRow) -> RowHeader {
    RowHeader {
        id: row.id().unwrap_or(RowId::from_bytes([7; 16])),
        ts: row.ts().unwrap_or(at()),
        trace_id: row.trace_id().unwrap_or(TraceId::from_bytes([8; 16])),
        corrects: None,
    }
}
