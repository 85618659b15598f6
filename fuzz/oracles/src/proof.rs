//! Proofs of many leaves, stored proofs, `.tlog-proof` files, COSE receipts and entry bundles.

use std::sync::LazyLock;

use vm_core::digest::LeafHash;
use vm_core::key::{NoteKey, SigningIdentity};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::merkle::{LeafIndex, LeafRun, MultiProof, RangeProof, TreeSize, prove_multi, prove_range};
use vm_seal::proof::{StoredMultiProof, StoredRangeProof};
use vm_seal::receipt::Receipt;
use vm_seal::tlog::{EntryBundle, TlogProof};

use crate::input::Input;
use crate::merkle::{LEAVES, TREE, claimed_root, edit, leaf, root};
use crate::note::ORIGIN;

/// An edited proof of up to eight leaves is believed only where it is the one true proof of the true leaves.
pub fn merkle_multi(data: &[u8]) {
    let mut input = Input::new(data);
    let size = TreeSize::new(1 + input.below(LEAVES));
    let mut indices: Vec<LeafIndex> = (0..=input.byte() % 8).map(|_| LeafIndex::new(input.below(LEAVES))).collect();
    // Rising as they must be, unless the input wants to see them refused.
    if input.byte() != 255 {
        indices.sort_unstable();
        indices.dedup();
    }
    let hashes = prove_multi(&*TREE, &indices, size).map_or_else(|_| Vec::new(), |proof| proof.hashes().to_vec());
    let proof = MultiProof::from_hashes(edit(&mut input, hashes));
    let claimed_size = if input.byte() & 1 == 0 { size } else { TreeSize::new(input.below(LEAVES + 1)) };
    let claimed_root = claimed_root(&mut input, claimed_size);
    let mut leaves: Vec<(LeafIndex, LeafHash)> = indices.iter().map(|index| (*index, leaf(index.as_u64()))).collect();
    let swapped = usize::from(input.byte());
    if let Some((_, wrong)) = leaves.get_mut(swapped) {
        *wrong = leaf(input.below(LEAVES));
    }
    let believed = proof.verify(&leaves, claimed_size, claimed_root).is_ok();
    let holds = leaves.iter().all(|(index, found)| *found == leaf(index.as_u64()))
        && claimed_root == root(claimed_size)
        && prove_multi(&*TREE, &indices, claimed_size).as_ref() == Ok(&proof);
    assert_eq!(believed, holds, "{indices:?} of {claimed_size:?}");
    let stored = StoredMultiProof::new(indices, claimed_size, proof);
    if let Ok(stored) = stored {
        let bytes = stored.to_bytes().expect("a small proof can be stored");
        assert_eq!(StoredMultiProof::parse(&bytes).ok(), Some(stored));
    }
}

/// An edited proof of a run is believed only where it is the one true proof, and the leaves are all of the run in order.
pub fn merkle_range(data: &[u8]) {
    let mut input = Input::new(data);
    let size = TreeSize::new(input.below(LEAVES + 1));
    let (one, other) = (input.below(LEAVES + 1), input.below(LEAVES + 1));
    let run = LeafRun::new(LeafIndex::new(one.min(other)), LeafIndex::new(one.max(other))).expect("in order");
    let parts = prove_range(&*TREE, run, size).map(|proof| (proof.left().to_vec(), proof.right().to_vec()));
    let (left, right) = parts.unwrap_or_default();
    let (left, right) = (edit(&mut input, left), edit(&mut input, right));
    let proof = RangeProof::from_hashes(left, right).expect("no edit makes it that long");
    let claimed_size = if input.byte() & 1 == 0 { size } else { TreeSize::new(input.below(LEAVES + 1)) };
    let claimed_root = claimed_root(&mut input, claimed_size);
    let mut leaves: Vec<LeafHash> = (run.begin().as_u64()..run.end().as_u64()).map(leaf).collect();
    match input.byte() {
        1 => drop(leaves.pop()),
        2 => leaves.push(leaf(run.end().as_u64())),
        3 => leaves.reverse(),
        4 if !leaves.is_empty() => leaves[0] = leaf(LEAVES),
        _ => {}
    }
    let believed = proof.verify(run, leaves.iter().copied(), claimed_size, claimed_root).is_ok();
    let holds = leaves.iter().copied().eq((run.begin().as_u64()..run.end().as_u64()).map(leaf))
        && claimed_root == root(claimed_size)
        && prove_range(&*TREE, run, claimed_size).as_ref() == Ok(&proof);
    assert_eq!(believed, holds, "{run:?} of {claimed_size:?}");
    if let Ok(stored) = StoredRangeProof::new(run, claimed_size, proof) {
        let bytes = stored.to_bytes().expect("a small proof can be stored");
        assert_eq!(StoredRangeProof::parse(&bytes).ok(), Some(stored));
    }
}

/// A stored proof has one form.
pub fn stored_proof(data: &[u8]) {
    if let Ok(proof) = StoredMultiProof::parse(data) {
        assert_eq!(proof.to_bytes().ok().as_deref(), Some(data));
        assert_eq!(
            StoredMultiProof::new(proof.indices().to_vec(), proof.size(), proof.proof().clone()).as_ref(),
            Ok(&proof)
        );
    }
    if let Ok(proof) = StoredRangeProof::parse(data) {
        assert_eq!(proof.to_bytes().ok().as_deref(), Some(data));
        assert_eq!(StoredRangeProof::new(proof.run(), proof.size(), proof.proof().clone()).as_ref(), Ok(&proof));
    }
}

/// The entry that [`tlog_proof`] knows to be in the log.
const ENTRY: u64 = 300;

/// The one proof that holds: of entry 300 under the only checkpoint that the key ever signed.
static KNOWN: LazyLock<(TlogProof, NoteKey)> = LazyLock::new(|| {
    let signer = SigningIdentity::from_seed(&[7; 32]);
    let size = TreeSize::new(LEAVES);
    let checkpoint = Checkpoint::new(ORIGIN, size, root(size)).expect("an origin");
    let note = checkpoint.sign(&signer).expect("an origin is the name of a key");
    let path = TREE.prove_inclusion(LeafIndex::new(ENTRY), size).expect("the tree holds it");
    let proof = TlogProof::new(LeafIndex::new(ENTRY), path, note, Some(b"extra".to_vec())).expect("a proof");
    (proof, NoteKey::new(ORIGIN, signer.public()).expect("a name"))
});

/// The proof that [`tlog_proof`] knows, for the seeds.
#[must_use]
pub fn known_tlog_proof() -> TlogProof {
    KNOWN.0.clone()
}

/// A proof file has one form; it is believed only for the entry, the path and the checkpoint that are true.
pub fn tlog_proof(data: &[u8]) {
    let Ok(proof) = TlogProof::parse(data) else { return };
    assert_eq!(proof.to_string().as_bytes(), data);
    let (known, key) = &*KNOWN;
    if proof.verify(leaf(ENTRY), key).is_ok() {
        let said = |proof: &TlogProof| (proof.index(), proof.path().clone(), proof.claimed().clone());
        assert_eq!(said(&proof), said(known), "believed what was never signed");
    }
    assert!(proof.verify(leaf(ENTRY + 1), key).is_err(), "believed for an entry that stands elsewhere");
}

/// The one receipt that the key ever signed: of entry 300, as the proof that [`tlog_proof`] knows.
static RECEIPT: LazyLock<Receipt> = LazyLock::new(|| {
    Receipt::sign(&KNOWN.0, leaf(ENTRY), &SigningIdentity::from_seed(&[7; 32])).expect("the proof holds")
});

/// The receipt that [`cose_receipt`] knows, for the seeds.
#[must_use]
pub fn known_receipt() -> Receipt {
    RECEIPT.clone()
}

/// A receipt has one form; it is believed only where it is the one that was signed, for its entry.
pub fn cose_receipt(data: &[u8]) {
    let Ok(receipt) = Receipt::parse(data) else { return };
    assert_eq!(receipt.to_bytes().ok().as_deref(), Some(data));
    let key = &KNOWN.1;
    if receipt.verify(leaf(ENTRY), key).is_ok() {
        assert_eq!(receipt, *RECEIPT, "believed what was never signed");
    }
    assert!(receipt.verify(leaf(ENTRY + 1), key).is_err(), "believed for an entry that stands elsewhere");
}

/// A bundle of entries has one form, and reads only as the number of entries that it holds. The first byte is the number.
pub fn entry_bundle(data: &[u8]) {
    let Some((count, bytes)) = data.split_first() else { return };
    let width = u16::from(*count) + 1;
    let Ok(bundle) = EntryBundle::parse(bytes, width) else { return };
    assert_eq!(bundle.to_bytes(), bytes);
    assert_eq!(bundle.entries().len(), usize::from(width));
    assert!(EntryBundle::parse(bytes, width + 1).is_err() && EntryBundle::parse(bytes, width - 1).is_err());
    let mut again = EntryBundle::new();
    bundle.entries().iter().for_each(|entry| again.push(entry.clone()).expect("as many as were read"));
    assert!(again == bundle && bundle.leaves().eq(bundle.entries().iter().map(|entry| LeafHash::of(entry))));
}
