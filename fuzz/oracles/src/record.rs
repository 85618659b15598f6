//! Rows, runes, genesis, and what callers hand in to be recorded.

use vaultmesh::vault::{InputKind, RecordInput};
use vm_core::canonical;
use vm_core::digest::LeafHash;
use vm_core::record::{Genesis, StoredRow};
use vm_core::rune::ProofRune;

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
