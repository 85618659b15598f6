//! Indexes and completeness proofs.

use std::sync::LazyLock;

use serde_json::Value;
use vm_core::canonical;
use vm_core::digest::LeafHash;
use vm_core::key::NoteKey;
use vm_core::record::{LogEntry, StoredRow};
use vm_seal::complete::CompletenessProof;
use vm_seal::index::{CARD_LEN, Card, Query, Statement};

/// A log and proofs over it that another program made.
pub const VECTORS: &str = include_str!("../../../vm-seal/tests/vectors/completeness.json");

/// Rows of the log with their cards, and the one key that ever signed it.
static KNOWN: LazyLock<(Vec<(StoredRow, Card)>, NoteKey)> = LazyLock::new(|| {
    let vectors: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let rows = vectors["rows"].as_array().expect("a list").iter().map(|row| row.as_str().expect("a text"));
    let carded = |(seq, data): (u64, &str)| {
        let row = StoredRow::parse_leaf_data(data.as_bytes()).expect("leaf data");
        let (table, row_id, schema) = (row.table(), row.id().expect("an id"), row.schema());
        let entry = LogEntry { seq, table, row_id, schema, leaf: LeafHash::of(data.as_bytes()) };
        let card = Card::of(&entry, &row).expect("a card");
        (row, card)
    };
    let key = vectors["key"].as_str().expect("a text").parse().expect("a key");
    ((0..).zip(rows).map(carded).collect(), key)
});

/// A proof has one form, and one that holds under the key gives what looking at every row gives.
pub fn completeness_proof(data: &[u8]) {
    let Ok(proof) = CompletenessProof::parse(data) else { return };
    assert_eq!(proof.to_bytes().ok().as_deref(), Some(data));
    let (rows, key) = &*KNOWN;
    let selected = |query: &Query| {
        let matches = |(row, card): &&(StoredRow, Card)| query.matches(row) == Ok(true) && query.selects(card);
        let mut cards: Vec<Card> = rows.iter().filter(matches).map(|(_, card)| *card).collect();
        cards.sort_unstable_by_key(|card| (card.table, card.id));
        cards
    };
    let asked = selected(proof.query());
    if let Ok(complete) = proof.verify(key, None) {
        assert_eq!(complete.cards(), asked);
    }
    // Whoever has the rows gets no other answer.
    let all = rows
        .iter()
        .filter(|(row, _)| proof.query().matches(row) == Ok(true))
        .map(|(_, card)| *card)
        .collect::<Vec<_>>();
    if let Ok(complete) = proof.verify(key, Some(&all)) {
        assert_eq!(complete.cards(), asked);
    }
}

/// Statements, questions and cards have one form.
pub fn index(data: &[u8]) {
    if let Ok(bytes) = <&[u8; CARD_LEN]>::try_from(data)
        && let Ok(card) = Card::from_bytes(bytes)
    {
        assert_eq!(card.to_bytes(), *bytes);
    }
    let Ok(value) = canonical::parse(data, canonical::BYTES_MAX) else { return };
    if let Ok(statement) = Statement::from_value(&value) {
        assert_eq!(statement.to_value(), value);
    }
    if let Ok(query) = Query::from_value(&value) {
        assert_eq!(query.to_value(), value);
        let intervals = query.intervals();
        assert!(intervals.is_sorted_by(|one, next| one.to.is_some_and(|to| to <= next.from)), "{value}");
    }
}
