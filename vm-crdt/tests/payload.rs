//! Payloads of edits and of evidence: one form each, and the page that shows them.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use proptest::prelude::*;
use vm_core::digest::{LeafHash, to_hex};
use vm_core::id::LedgerId;
use vm_crdt::document::{Finite, Transaction, Value};
use vm_crdt::evidence::{self, EvidenceItem, EvidenceSet, ITEMS_MAX};
use vm_crdt::laws::{History, check};
use vm_crdt::payload::PAYLOAD_MAX;
use vm_crdt::{Document, OpId, Path, Payload, PayloadKind};

fn path(components: &[&str]) -> Path {
    Path::new(components).unwrap()
}

/// The sample of the page.
fn sample() -> Transaction {
    let mut edits = Transaction::new();
    edits.put(&path(&["pump 7", "mode"]), "auto").unwrap();
    edits.put(&path(&["pump 7", "limit"]), Finite::new(2.5).unwrap()).unwrap();
    edits.remove(&path(&["pump 7", "note"])).unwrap();
    edits.increment(&path(&["pump 7", "starts"]), 300).unwrap();
    edits.add(&path(&["pump 7", "tags"]), "hot").unwrap();
    edits.discard(&path(&["pump 7", "tags"]), "new").unwrap();
    edits
}

fn item(ledger: u8, seq: u64, leaf: u8) -> EvidenceItem {
    let hash = |byte| LeafHash::from_bytes([byte; 32]);
    EvidenceItem { ledger: LedgerId::from_genesis(hash(ledger)), seq, leaf: hash(leaf) }
}

/// The hexadecimal digits of a page, without what parts them.
fn digits(page: &str) -> String {
    page.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn the_page_shows_these_bytes() {
    let page = digits(include_str!("../../docs/spec/crdt-payload.md"));
    let payload = sample().to_payload().unwrap();
    let shown = to_hex(payload.as_bytes());
    assert!(page.contains(&shown), "{shown}");
    let ops = vec![(OpId::from_bytes([0x11; 32]), vec![], payload.clone())];
    let history = History::new(ops).unwrap();
    let mut document = Document::default();
    document.apply_all(&history.in_order(), history.updates());
    let shown = to_hex(&document.encode());
    assert!(page.contains(&shown), "{shown}");
    let shown = to_hex(evidence::to_payload([item(0xaa, 7, 0xbb)]).unwrap().as_bytes());
    assert!(page.contains(&shown), "{shown}");
}

#[test]
fn an_edit_costs_two_bytes() {
    let mut edits = Transaction::new();
    edits.put(&path(&["0123456789abcdef"]), "fedcba9876543210").unwrap();
    assert_eq!(edits.to_payload().unwrap().as_bytes().len(), 1 + 2 + 16 + 16);
}

#[test]
fn a_second_form_is_refused() {
    for (bytes, code) in [
        (&[][..], "crdt-payload-empty"),
        (&[1], "crdt-payload-nothing"),
        (&[2], "crdt-payload-nothing"),
        (&[3], "crdt-payload-kind"),
        (&[0, 0], "crdt-bytes-trailing"),
        (&[1, 0, 4], "crdt-path-root"),
        (&[1, 8, b'a'], "crdt-bytes-short"),
        (&[1, 4, 0x1f, 4], "crdt-path-empty"),
        (&[1, 4, 0xff, 4], "crdt-path-text"),
        (&[1, 0x84, 0, b'a', 4], "crdt-bytes-varint"),
        (&[1, 4, b'a'], "crdt-bytes-short"),
        (&[1, 4, b'a', 20], "crdt-value-kind"),
        (&[1, 4, b'a', 5, 0], "crdt-value-form"),
        (&[1, 4, b'b', 4, 4, b'a', 4], "crdt-edit-order"),
        (&[1, 4, b'a', 4, 4, b'a', 0], "crdt-edit-order"),
        (&[1, 5, b'a', 4], "crdt-value-kind"),
        (&[1, 5, b'a', 1, 4, b'a', 4], "crdt-edit-order"),
        (&[1, 6, b'a', 0], "crdt-value-kind"),
        (&[1, 7, b'a', 0], "crdt-value-kind"),
        (&[1, 6, b'a', 4, 7, b'a', 4], "crdt-edit-order"),
    ] {
        assert_eq!(Payload::decode(bytes).unwrap_err().code(), code, "{bytes:?}");
    }
    for bytes in [&[1, 4, b'a', 4, 5, b'a', 1, 6, b'a', 1, 7, b'a', 4][..], &[1, 5, b'a', 0], &[1, 4, b'a', 0]] {
        assert_eq!(Payload::decode(bytes).unwrap().kind(), PayloadKind::Edits);
    }
    let long = vec![2; PAYLOAD_MAX + 1];
    assert_eq!(Payload::decode(&long).unwrap_err().code(), "crdt-payload-long");
}

#[test]
fn edits_are_counted() {
    let edits = |count: u32| -> Vec<u8> {
        let key = |n: u32| [n >> 12, n >> 6, n].map(|part| 0x40 + u8::try_from(part & 0x3f).unwrap());
        let edit = |n| {
            let [a, b, c] = key(n);
            [12, a, b, c, 4]
        };
        [1].into_iter().chain((0..count).flat_map(edit)).collect()
    };
    assert!(Payload::decode(&edits(65_536)).is_ok());
    assert_eq!(Payload::decode(&edits(65_537)).unwrap_err().code(), "crdt-payload-edits");
}

/// Every byte of the samples, changed in every way: what is still read is written again as it is.
#[test]
fn no_changed_byte_is_read_in_two_ways() {
    let history = History::new(vec![(OpId::from_bytes([0x11; 32]), vec![], sample().to_payload().unwrap())]).unwrap();
    let mut document = Document::default();
    document.apply_all(&history.in_order(), history.updates());
    let whole = document.encode();
    for at in 0..whole.len() {
        assert!(Document::decode(&whole[..at]).is_err() || document_is(&whole[..at]), "cut at {at}");
        for byte in 0..=255 {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            assert!(Document::decode(&bytes).is_err() || document_is(&bytes));
        }
    }
}

fn document_is(bytes: &[u8]) -> bool {
    Document::decode(bytes).unwrap().encode() == bytes
}

#[test]
fn evidence_that_contradicts_itself_stays() {
    let payload =
        evidence::to_payload([item(1, 7, 9), item(1, 7, 8), item(1, 8, 8), item(2, 7, 8), item(1, 7, 9)]).unwrap();
    assert_eq!(payload.as_bytes().len(), 1 + 4 * 72);
    let mut set = EvidenceSet::default();
    set.apply(&Payload::vouch());
    assert!(set.is_empty());
    set.apply(&payload);
    set.apply(&evidence::to_payload([item(2, 7, 7), item(1, 7, 255), item(1, 7, 0)]).unwrap());
    assert_eq!(set.len(), 7);
    let conflicts: Vec<_> =
        set.conflicts().into_iter().map(|found| (found.ledger, found.seq, found.leaves.len())).collect();
    assert_eq!(conflicts, [(item(1, 7, 0).ledger, 7, 4), (item(2, 7, 0).ledger, 7, 2)]);
    assert_eq!(set.leaves(item(1, 0, 0).ledger, 7).count(), 4);
    assert_eq!(EvidenceSet::decode(&set.encode()).unwrap(), set);
}

#[test]
fn evidence_is_held_to_its_limits() {
    assert_eq!(evidence::to_payload([]).unwrap_err().code(), "crdt-evidence-empty");
    let many = |count: usize| (0_u64..).take(count).map(|seq| item(1, seq, 1));
    let most = evidence::to_payload(many(ITEMS_MAX)).unwrap();
    assert_eq!(Payload::decode(most.as_bytes()), Ok(most));
    assert_eq!(evidence::to_payload(many(ITEMS_MAX + 1)).unwrap_err().code(), "crdt-evidence-many");
    let twice = [&[2][..], &item(1, 1, 1).to_bytes(), &item(1, 1, 1).to_bytes()].concat();
    assert_eq!(Payload::decode(&twice).unwrap_err().code(), "crdt-payload-evidence-order");
    assert_eq!(Payload::decode(&twice[..100]).unwrap_err().code(), "crdt-bytes-short");
    let set = |items: &[u8]| EvidenceSet::decode(&[b"vm-evidence-v0", items].concat()).map_err(|error| error.code());
    assert_eq!(set(&twice[1..]), Err("crdt-evidence-order"));
    assert_eq!(set(&twice[1..50]), Err("crdt-bytes-short"));
    assert_eq!(EvidenceSet::decode(b"vm-evidence-v1").unwrap_err().code(), "crdt-evidence-format");
    assert_eq!(Document::decode(b"vm-document-v1\0").unwrap_err().code(), "crdt-document-format");
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let texts = ["", "a", "a text of more than thirty-one bytes"];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_filter_map("not finite", Finite::new).prop_map(Value::Float),
        prop::sample::select(texts.to_vec()).prop_map(Value::Text),
        prop::sample::select(vec![&b""[..], b"\xff", b"\0\x01"]).prop_map(Value::Bytes),
    ]
}

proptest! {
    #[test]
    fn transactions_are_read_as_they_were_meant(
        edits in prop::collection::vec((prop::collection::vec("[a-c]{1,3}", 1..4), value(), 0..3_u8), 1..30),
    ) {
        let mut transaction = Transaction::new();
        let mut last = std::collections::BTreeMap::new();
        for (components, value, does) in &edits {
            let at = Path::new(components).unwrap();
            match does {
                0 => transaction.put(&at, *value).unwrap(),
                1 => transaction.add(&at, *value).unwrap(),
                _ => transaction.increment(&at, 1).unwrap(),
            };
            if *does == 0 {
                last.insert(at, *value);
            }
        }
        let payload = transaction.to_payload().unwrap();
        let payload = Payload::decode(payload.as_bytes()).unwrap();
        let history = History::new(vec![(OpId::from_bytes([1; 32]), vec![], payload)]).unwrap();
        let mut document = Document::default();
        document.apply_all(&history.in_order(), history.updates());
        for (components, value, does) in &edits {
            let at = Path::new(components).unwrap();
            match does {
                0 => prop_assert_eq!(document.get(&at), last.get(&at).copied()),
                1 => prop_assert!(document.contains(&at, *value)),
                _ => prop_assert!(document.counter(&at) > Some(0)),
            }
        }
        prop_assert_eq!(&Document::decode(&document.encode()).unwrap(), &document);
    }

    #[test]
    fn evidence_keeps_the_laws(
        sets in prop::collection::vec(prop::collection::vec((0..2_u8, 0..3_u64, 0..3_u8), 1..4), 1..7), seed: u64,
    ) {
        let ops = sets.iter().enumerate().map(|(op, items)| {
            let id = OpId::from_bytes([u8::try_from(op).unwrap(); 32]);
            let items = items.iter().map(|(ledger, seq, leaf)| item(*ledger, *seq, *leaf));
            (id, op.checked_sub(2).into_iter().collect(), evidence::to_payload(items).unwrap())
        });
        let history = History::new(ops.collect()).unwrap();
        prop_assert_eq!(check::<EvidenceSet>(&history, seed), Ok(()));
    }
}
