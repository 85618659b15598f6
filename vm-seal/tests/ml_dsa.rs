//! Cosignatures by ML-DSA-44: what holds, and that nothing else does.
#![cfg(feature = "ml-dsa")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

use vm_core::digest::{RootHash, Sha256Digest, to_hex};
use vm_core::key::{
    CosignerKey, MlDsaCosignerKey, MlDsaIdentity, MlDsaKey, Note, NoteKey, NoteSignature, SigningIdentity,
};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::error::CosignatureError;
use vm_seal::merkle::TreeSize;
use vm_seal::witness::{
    COSIGNATURE_LEN, ML_DSA_COSIGNATURE_LEN, UnixSeconds, WitnessKey, WitnessPolicy, cosign_ml_dsa,
};

const ORIGIN: &str = "vaultmesh/0101010101010101010101010101010101010101010101010101010101010101";

fn signer(byte: u8) -> MlDsaIdentity {
    MlDsaIdentity::from_seed(&[byte; 32]).unwrap()
}

fn key(name: &str, byte: u8) -> MlDsaCosignerKey {
    MlDsaCosignerKey::new(name, signer(byte).public().clone()).unwrap()
}

fn checkpoint(origin: &str, size: u64) -> Checkpoint {
    Checkpoint::new(origin, TreeSize::new(size), RootHash::from_bytes([9; 32])).unwrap()
}

fn log() -> SigningIdentity {
    SigningIdentity::from_seed(&[1; 32])
}

fn at(seconds: u64) -> UnixSeconds {
    UnixSeconds::from_seconds(seconds).unwrap()
}

/// A note of the log's checkpoint at size 777, cosigned by key 7 under the log's name.
fn sample() -> (Note, NoteSignature) {
    let checkpoint = checkpoint(ORIGIN, 777);
    let line = cosign_ml_dsa(&checkpoint, at(0), &key(ORIGIN, 7), &signer(7)).unwrap();
    (checkpoint.sign(&log()).unwrap(), line)
}

fn code(note: &Note, key: MlDsaCosignerKey) -> Result<u64, &'static str> {
    WitnessKey::from(key).verify(note).map(|found| found.at().as_seconds()).map_err(|error| error.code())
}

#[test]
fn a_line_holds_for_its_checkpoint_key_and_name_alone() {
    let (note, line) = sample();
    let signed = note.clone().with_signature(line.clone()).unwrap();
    assert_eq!(Note::parse(signed.to_string().as_bytes()).unwrap(), signed);
    assert_eq!(code(&signed, key(ORIGIN, 7)), Ok(0));
    assert_eq!(line.bytes().len(), ML_DSA_COSIGNATURE_LEN);
    // Who does not know the key passes over its line.
    let log_key = NoteKey::new(ORIGIN, log().public()).unwrap();
    assert_eq!(Checkpoint::verify(&signed, &log_key).unwrap().size().as_u64(), 777);
    assert_eq!(code(&note, key(ORIGIN, 7)), Err("cosignature-absent"));
    assert_eq!(code(&signed, key(ORIGIN, 8)), Err("cosignature-absent"));
    // The line under another log, another size, another root, and another name, whose hash is made to fit.
    let moved = |checkpoint: Checkpoint| checkpoint.sign(&log()).unwrap().with_signature(line.clone()).unwrap();
    let other_root = Checkpoint::new(ORIGIN, TreeSize::new(777), RootHash::from_bytes([8; 32])).unwrap();
    for note in [moved(checkpoint("other/log", 777)), moved(checkpoint(ORIGIN, 778)), moved(other_root)] {
        assert_eq!(code(&note, key(ORIGIN, 7)), Err("cosignature-signature"));
    }
    let renamed = NoteSignature::new("a/b", key("a/b", 7).hash(), line.bytes().to_vec()).unwrap();
    assert_eq!(code(&note.clone().with_signature(renamed).unwrap(), key("a/b", 7)), Err("cosignature-signature"));
    // A time that was not signed, and one that nobody may sign.
    let dated = |time: u64| {
        let bytes = [&time.to_be_bytes(), &line.bytes()[8..]].concat();
        note.clone().with_signature(NoteSignature::new(ORIGIN, line.key_hash(), bytes).unwrap()).unwrap()
    };
    assert_eq!(code(&dated(1), key(ORIGIN, 7)), Err("cosignature-signature"));
    assert_eq!(code(&dated(1 << 63), key(ORIGIN, 7)), Err("cosignature-time"));
    // The right line twice.
    let twice = format!("{signed}{line}\n");
    assert_eq!(code(&Note::parse(twice.as_bytes()).unwrap(), key(ORIGIN, 7)), Err("cosignature-twice"));
    assert!(cosign_ml_dsa(&checkpoint(ORIGIN, 1), at(0), &key(ORIGIN, 7), &signer(8)).is_err(), "another's key");
}

#[test]
fn no_byte_of_a_line_may_change_and_none_may_lack() {
    let (note, line) = sample();
    let with = |bytes: Vec<u8>| {
        let line = NoteSignature::new(ORIGIN, line.key_hash(), bytes).unwrap();
        code(&note.clone().with_signature(line).unwrap(), key(ORIGIN, 7))
    };
    assert_eq!(with(line.bytes().to_vec()), Ok(0));
    for place in 0..line.bytes().len() {
        let mut bytes = line.bytes().to_vec();
        bytes[place] ^= 1 << (place % 8);
        assert!(with(bytes).is_err(), "byte {place}");
    }
    for length in [1, 8, COSIGNATURE_LEN, ML_DSA_COSIGNATURE_LEN - 1] {
        assert_eq!(with(line.bytes()[..length].to_vec()), Err("cosignature-length"), "{length}");
    }
    assert_eq!(with([line.bytes(), &[0]].concat()), Err("cosignature-length"));
    // What a witness by Ed25519 would make, under the hash of this key.
    assert_eq!(with(vec![0; COSIGNATURE_LEN]), Err("cosignature-length"));
}

#[test]
fn both_types_count_as_witnesses_and_the_log_itself_does_not() {
    let note = checkpoint(ORIGIN, 777).sign(&log()).unwrap();
    let line =
        |name: &str, byte| cosign_ml_dsa(&checkpoint(ORIGIN, 777), at(5), &key(name, byte), &signer(byte)).unwrap();
    let note = note.with_signature(line("w/1", 7)).unwrap().with_signature(line(ORIGIN, 8)).unwrap();
    let ed25519 = CosignerKey::new("w/2", SigningIdentity::from_seed(&[2; 32]).public()).unwrap();
    let keys: Vec<WitnessKey> = vec![key("w/1", 7).into(), ed25519.into(), key(ORIGIN, 8).into()];
    for key in &keys {
        assert_eq!(key.to_string().parse::<WitnessKey>().as_ref(), Ok(key));
    }
    let policy = WitnessPolicy::new(1, keys).unwrap();
    let log_key = NoteKey::new(ORIGIN, log().public()).unwrap();
    let count = policy.count(&note, Some(&log_key));
    assert_eq!((count.cosignatures.len(), count.absent.len(), count.is_met()), (1, 2, true));
    assert_eq!(policy.count(&note, None).cosignatures.len(), 2);
    let twice = WitnessPolicy::new(1, vec![key("w/1", 7), key("w/3", 7)]);
    assert!(twice.is_err(), "one key under two names");
    let forged =
        note.with_signature(NoteSignature::new("w/1", key("w/1", 7).hash(), vec![0; ML_DSA_COSIGNATURE_LEN]).unwrap());
    assert!(matches!(policy.count(&forged.unwrap(), None).faults[..], [CosignatureError::Signature { .. }]));
}

/// The page shows the beginning and the end of the line and the key, and the SHA-256 of both.
#[test]
fn the_page_shows_a_second_signature() {
    let page = include_str!("../../docs/spec/tlog-cosignature.md");
    let (_, line) = sample();
    let first = "\u{2014} vaultmesh/0101010101010101010101010101010101010101010101010101010101010101 D4WjZ/ly";
    assert!(page.contains(first), "the sample of Ed25519 is by the same log");
    for text in [line.to_string(), key(ORIGIN, 7).to_string()] {
        let (head, tail) = (text.chars().take(140).collect::<String>(), &text[text.len() - 40..]);
        let short = format!("{head}...{tail}\n");
        let digest = to_hex(Sha256Digest::of(text.as_bytes()).as_bytes());
        assert!(page.contains(&short) && page.contains(&digest), "{short}{digest}");
    }
    assert_eq!(MlDsaKey::parse_hex(&signer(7).public().to_string()).as_ref(), Ok(signer(7).public()));
}
