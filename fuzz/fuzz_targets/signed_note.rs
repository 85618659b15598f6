//! Signed notes and checkpoints: no input panics, what is read writes back to the same bytes, and no note that this key
//! did not sign is believed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vm_core::key::{Note, NoteKey, SigningIdentity};
use vm_seal::checkpoint::Checkpoint;

const ORIGIN: &str = "vaultmesh/0101010101010101010101010101010101010101010101010101010101010101";
/// What the key signed, once.
const SIGNED: &str = include_str!("../corpus/signed_note/checkpoint");

fuzz_target!(|data: &[u8]| {
    check_vkey(data);
    let Ok(note) = Note::parse(data) else {
        return;
    };
    assert_eq!(note.to_string().as_bytes(), data, "a note has one form");
    let key = NoteKey::new(ORIGIN, SigningIdentity::from_seed(&[7; 32]).public()).expect("an origin is a name");
    if let Ok(text) = note.verify(&key) {
        assert!(SIGNED.starts_with(text), "believed a note that was never signed");
    }
    if let Ok(checkpoint) = Checkpoint::parse_text(note.unverified_text()) {
        assert_eq!(checkpoint.to_text(), note.unverified_text(), "a checkpoint has one form");
    }
    if let Ok(verified) = Checkpoint::verify(&note, &key) {
        assert_eq!(verified.checkpoint().origin(), ORIGIN);
    }
});

fn check_vkey(data: &[u8]) {
    if let Some(key) = core::str::from_utf8(data).ok().and_then(|text| text.parse::<NoteKey>().ok()) {
        assert_eq!(key.to_string().as_bytes(), data, "a key has one form");
    }
}
