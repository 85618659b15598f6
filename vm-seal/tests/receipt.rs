//! COSE receipts: of every place in every small log, and every way to spoil one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic")]

mod trees;

use ciborium::Value;
use proptest::prelude::*;
use vm_core::digest::LeafHash;
use vm_core::key::{NoteKey, SigningIdentity};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::error::ReceiptError;
use vm_seal::merkle::Tree;
use vm_seal::receipt::{RECEIPT_FIRST_BYTE, RECEIPT_MAX, Receipt};
use vm_seal::tlog::TlogProof;

use trees::{index, leaves, size, tree};

const ORIGIN: &str = "example.com/log";

fn signer() -> SigningIdentity {
    SigningIdentity::from_seed(&[9; 32])
}

fn key() -> NoteKey {
    NoteKey::new(ORIGIN, signer().public()).unwrap()
}

fn leaf(place: usize) -> LeafHash {
    leaves(place + 1)[place]
}

fn proof(whole: &Tree, n: usize, place: usize) -> TlogProof {
    let root = whole.root_at(size(n)).unwrap();
    let note = Checkpoint::new(ORIGIN, size(n), root).unwrap().sign(&signer()).unwrap();
    TlogProof::new(index(place), whole.prove_inclusion(index(place), size(n)).unwrap(), note, None).unwrap()
}

fn receipt(n: usize, place: usize) -> Receipt {
    Receipt::sign(&proof(&tree(n), n, place), leaf(place), &signer()).unwrap()
}

#[test]
fn every_place_of_every_small_log_has_a_receipt_that_holds_for_it_alone() {
    let (whole, all) = (tree(40), leaves(40));
    for n in 2..=40 {
        for place in 0..n {
            let made = Receipt::sign(&proof(&whole, n, place), all[place], &signer()).unwrap();
            let bytes = made.to_bytes().unwrap();
            assert!(bytes[0] == RECEIPT_FIRST_BYTE && bytes.len() <= RECEIPT_MAX);
            let read = Receipt::parse(&bytes).unwrap();
            assert_eq!(read, made);
            let verified = read.verify(all[place], &key()).unwrap();
            assert!(verified.is_place_signed());
            let found = verified.inclusion();
            assert_eq!((found.index(), found.size(), found.leaf()), (index(place), size(n), all[place]));
            for other in (0..40).filter(|other| *other != place) {
                assert!(read.verify(all[other], &key()).is_err(), "{place} of {n} for {other}");
            }
        }
    }
}

#[test]
fn every_bit_flipped_and_every_cut_is_refused() {
    // Six and eight leaves: the path of leaf 2 leads to one root in trees of five to eight, so the size must be signed.
    for (n, place) in [(2, 0), (6, 2), (8, 5), (100, 99), (128, 77)] {
        let good = receipt(n, place).to_bytes().unwrap();
        let believed = |bytes: &[u8]| Receipt::parse(bytes).is_ok_and(|read| read.verify(leaf(place), &key()).is_ok());
        assert!(believed(&good));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!believed(&bad), "bit {bit} of {place} in {n}");
        }
        for cut in 0..good.len() {
            assert!(Receipt::parse(&good[..cut]).is_err(), "cut at {cut}");
        }
        let more = [&good[..], &[0xf6]].concat();
        assert_eq!(Receipt::parse(&more), Err(ReceiptError::NotCanonical));
    }
}

#[test]
fn nothing_is_signed_that_no_checkpoint_of_this_key_has() {
    let whole = tree(8);
    let good = proof(&whole, 8, 5);
    let stranger = SigningIdentity::from_seed(&[8; 32]);
    let code = |result: Result<Receipt, ReceiptError>| result.unwrap_err().code();
    assert_eq!(code(Receipt::sign(&good, leaf(5), &stranger)), "receipt-checkpoint");
    assert_eq!(code(Receipt::sign(&good, leaf(4), &signer())), "receipt-checkpoint");
    assert_eq!(code(Receipt::sign(&proof(&tree(1), 1, 0), leaf(0), &signer())), "receipt-single-entry");
}

#[test]
fn a_receipt_is_of_one_log_and_by_one_key() {
    let good = receipt(8, 5);
    let named = NoteKey::new("example.com/other", signer().public()).unwrap();
    assert_eq!(good.verify(leaf(5), &named).unwrap_err().code(), "receipt-other-log");
    let stranger = NoteKey::new(ORIGIN, SigningIdentity::from_seed(&[8; 32]).public()).unwrap();
    assert_eq!(good.verify(leaf(5), &stranger).unwrap_err().code(), "receipt-signature");
}

fn bytes_of(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn value_of(bytes: &[u8]) -> Value {
    ciborium::from_reader(bytes).unwrap()
}

fn int(number: i64) -> Value {
    Value::from(number)
}

/// The parts of a receipt of leaf 5 of 8: protected header, unprotected header, payload.
struct Parts {
    protected: Vec<(Value, Value)>,
    unprotected: Value,
    payload: Value,
    place: usize,
}

impl Parts {
    fn new() -> Self {
        let Value::Tag(18, sign1) = value_of(&receipt(8, 5).to_bytes().unwrap()) else { panic!("no COSE_Sign1") };
        let parts = sign1.into_array().unwrap();
        let protected = value_of(parts[0].as_bytes().unwrap()).into_map().unwrap();
        Self { protected, unprotected: parts[1].clone(), payload: parts[2].clone(), place: 5 }
    }

    fn set(mut self, label: i64, value: Value) -> Self {
        self.protected.retain(|(key, _)| *key != int(label));
        self.protected.push((int(label), value));
        self
    }

    fn without(mut self, label: i64) -> Self {
        self.protected.retain(|(key, _)| *key != int(label));
        self
    }

    /// With another list of proofs, each of size, index and path.
    fn proofs(mut self, proofs: &[Value]) -> Self {
        let proofs = proofs.iter().map(|proof| Value::Bytes(bytes_of(proof))).collect();
        let proofs = Value::Map(vec![(int(-1), Value::Array(proofs))]);
        self.unprotected = Value::Map(vec![(int(396), proofs)]);
        self
    }

    /// Signed by the key of the log over the true root.
    fn to_bytes(&self) -> Vec<u8> {
        let protected = bytes_of(&Value::Map(self.protected.clone()));
        let root = tree(8).root();
        let signed = bytes_of(&Value::Array(vec![
            Value::Text("Signature1".to_owned()),
            Value::Bytes(protected.clone()),
            Value::Bytes(Vec::new()),
            Value::Bytes(root.as_bytes().to_vec()),
        ]));
        let signature = signer().sign(&signed).as_bytes().to_vec();
        let parts = [Value::Bytes(protected), self.unprotected.clone(), self.payload.clone(), Value::Bytes(signature)];
        bytes_of(&Value::Tag(18, Box::new(Value::Array(parts.into()))))
    }

    fn code(&self) -> &'static str {
        match Receipt::parse(&self.to_bytes()).and_then(|read| read.verify(leaf(self.place), &key())) {
            Ok(verified) if verified.is_place_signed() => "verified",
            Ok(_) => "place-unsigned",
            Err(error) => error.code(),
        }
    }
}

fn path_of(n: usize, place: usize) -> Value {
    let path = tree(n).prove_inclusion(index(place), size(n)).unwrap();
    Value::Array(path.hashes().iter().map(|hash| Value::Bytes(hash.as_bytes().to_vec())).collect())
}

#[test]
fn what_is_signed_but_not_understood_is_told_apart() {
    const TREE_SIZE: i64 = -1_986_884_724;
    let new = Parts::new;
    let proof = |size: i64, index: i64, path: Value| Value::Array(vec![int(size), int(index), path]);
    let good = proof(8, 5, path_of(8, 5));
    assert_eq!(new().code(), "verified");
    for (parts, code) in [
        // Receipts of others: no size, no key id, parameters of their own.
        (new().without(TREE_SIZE), "place-unsigned"),
        (new().without(4), "verified"),
        (new().set(-70_001, Value::Text("grade".to_owned())), "verified"),
        (new().set(1, int(-7)), "format-unknown"),
        (new().set(395, int(2)), "format-unknown"),
        (new().set(2, Value::Array(vec![int(-70_001)])), "format-unknown"),
        (new().without(1), "receipt-shape"),
        (new().without(395), "receipt-shape"),
        (new().without(15), "receipt-shape"),
        (new().set(15, Value::Map(Vec::new())), "receipt-shape"),
        (new().set(TREE_SIZE, Value::Text("8".to_owned())), "receipt-shape"),
        (new().set(TREE_SIZE, int(-8)), "receipt-shape"),
        (new().set(TREE_SIZE, int(7)), "receipt-size"),
        (new().without(TREE_SIZE).proofs(&[proof(9, 5, path_of(8, 5))]), "receipt-inclusion"),
        (new().proofs(&[]), "receipt-shape"),
        (new().proofs(&[good.clone(), good.clone()]), "receipt-shape"),
        (new().proofs(&[proof(8, 5, Value::Array(Vec::new()))]), "receipt-single-entry"),
        (new().proofs(&[proof(8, 8, path_of(8, 5))]), "receipt-inclusion"),
        (new().proofs(&[proof(8, -5, path_of(8, 5))]), "receipt-shape"),
        (new().proofs(&[proof(8, 4, path_of(8, 5))]), "receipt-signature"),
        (new().proofs(&[proof(8, 5, Value::Array(vec![Value::Bytes(vec![0; 31]); 3]))]), "receipt-shape"),
        (new().proofs(&[proof(8, 5, Value::Array(vec![Value::Bytes(vec![0; 32]); 65]))]), "receipt-inclusion"),
        (Parts { payload: Value::Bytes(tree(8).root().as_bytes().to_vec()), ..new() }, "receipt-shape"),
        (Parts { unprotected: Value::Map(Vec::new()), ..new() }, "receipt-shape"),
        (Parts { place: 4, ..new() }, "receipt-signature"),
    ] {
        assert_eq!(parts.code(), code, "{:?} {:?}", parts.protected, parts.unprotected);
    }
    let mut twice = new();
    twice.protected.push((int(1), int(-8)));
    assert_eq!(twice.code(), "receipt-shape");
    let mut more = new();
    let Value::Map(members) = &mut more.unprotected else { panic!("no map") };
    members.push((int(4), Value::Bytes(vec![1])));
    assert_eq!(more.code(), "receipt-shape");
    // A size that is not signed may be another, as one path serves several; the entry stands in the log all the same.
    let unsigned = Parts { place: 2, ..new() }.without(TREE_SIZE).proofs(&[proof(7, 2, path_of(8, 2))]);
    assert_eq!(unsigned.code(), "place-unsigned");
}

#[test]
fn longer_forms_of_the_same_are_refused() {
    let good = receipt(8, 5).to_bytes().unwrap();
    let code = |bytes: &[u8]| Receipt::parse(bytes).unwrap_err().code();
    // Tag 18 in two bytes; an array of indefinite length; no tag.
    assert_eq!(code(&[&[0xd8, 18], &good[1..]].concat()), "receipt-not-canonical");
    assert_eq!(code(&[&[0xd2, 0x9f], &good[2..], &[0xff]].concat()), "receipt-not-canonical");
    assert_eq!(code(&good[1..]), "receipt-shape");
    assert_eq!(code(&vec![0xd2; RECEIPT_MAX + 1]), "receipt-too-long");
    // Deeper than anything that is followed.
    assert_eq!(code(&vec![0x81; 2000]), "receipt-cbor");
    // Lengths that the bytes do not have.
    assert_eq!(code(&[0xd2, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), "receipt-cbor");
    assert_eq!(code(&[0xd2, 0x84, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), "receipt-cbor");
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_write_back_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(read) = Receipt::parse(&bytes) {
            prop_assert_eq!(read.to_bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn a_spoiled_receipt_is_believed_by_nobody(
        n in 2_usize..300,
        place in any::<prop::sample::Index>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let place = place.index(n);
        let good = receipt(n, place).to_bytes().unwrap();
        let mut bad = good.clone();
        for (at, byte) in edits {
            let at = at.index(bad.len());
            bad[at] = byte;
        }
        let believed = Receipt::parse(&bad).is_ok_and(|read| read.verify(leaf(place), &key()).is_ok());
        prop_assert_eq!(believed, bad == good);
    }
}

/// The blocks of a page in this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|block| block.split_once("\n```").unwrap().0).collect()
}

/// CBOR as RFC 8949, section 8 writes it; byte strings that hold CBOR as `<< >>`.
fn diagnostic(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::Integer(number) => i128::from(*number).to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Null => "null".to_owned(),
        Value::Array(items) => format!("[{}]", list(items.iter().map(diagnostic).collect())),
        Value::Map(members) => {
            let member = |(key, value): &(Value, Value)| format!("{}: {}", diagnostic(key), diagnostic(value));
            format!("{{{}}}", list(members.iter().map(member).collect()))
        }
        Value::Tag(tag, inner) => format!("{tag}({})", diagnostic(inner)),
        Value::Bytes(bytes) => match ciborium::from_reader::<Value, _>(&bytes[..]) {
            Ok(inner @ (Value::Array(_) | Value::Map(_))) if bytes_of(&inner) == *bytes => {
                format!("<< {} >>", diagnostic(&inner))
            }
            _ => format!("h'{}'", vm_core::digest::to_hex(bytes)),
        },
        other => panic!("no part of a receipt: {other:?}"),
    }
}

#[test]
fn the_page_shows_a_receipt_that_holds() {
    let page = include_str!("../../docs/spec/cose-receipt.md");
    let good = receipt(8, 5).to_bytes().unwrap();
    let said = diagnostic(&value_of(&good));
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(squeezed(blocks(page, "cbor-diag")[0]), squeezed(&said), "{said}");
    let texts = blocks(page, "text");
    assert_eq!(squeezed(texts[0]), vm_core::digest::to_hex(&good));
    assert_eq!(
        texts[1],
        format!("entry  {}\nleaf   {}\nroot   {}\nkey    {}", "0000000000000005", leaf(5), tree(8).root(), key())
    );
    assert_eq!(LeafHash::of(&5_u64.to_be_bytes()), leaf(5));
    assert!(page.contains(&RECEIPT_MAX.to_string()));
}
