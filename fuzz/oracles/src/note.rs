//! Signed notes, checkpoints and verifying keys.

use vm_core::key::{Note, NoteKey, SigningIdentity};
use vm_seal::checkpoint::Checkpoint;

/// Name of the key that signed the seeds.
pub const ORIGIN: &str = "vaultmesh/0101010101010101010101010101010101010101010101010101010101010101";
/// What the key signed, once.
const SIGNED: &str = include_str!("../../seeds/signed_note/checkpoint");

/// A note that is read writes back to the same bytes, and no text is believed that this key did not sign.
pub fn signed_note(data: &[u8]) {
    let Ok(note) = Note::parse(data) else { return };
    assert_eq!(note.to_string().as_bytes(), data, "a note has one form");
    let key = NoteKey::new(ORIGIN, SigningIdentity::from_seed(&[7; 32]).public()).expect("an origin is a name");
    if let Ok(text) = note.verify(&key) {
        assert!(SIGNED.starts_with(text), "believed a note that was never signed");
    }
    if let Ok(verified) = Checkpoint::verify(&note, &key) {
        assert_eq!(verified.checkpoint().origin(), ORIGIN);
        assert_eq!(verified.checkpoint().to_text(), note.unverified_text());
    }
}

/// The text of a checkpoint has one form.
pub fn checkpoint(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(checkpoint) = Checkpoint::parse_text(text) {
        assert_eq!(checkpoint.to_text(), text);
        let parts = Checkpoint::new(checkpoint.origin(), checkpoint.size(), checkpoint.root());
        assert_eq!(parts, Ok(checkpoint));
    }
}

/// A verifying key has one form.
pub fn vkey(data: &[u8]) {
    let Some(key) = core::str::from_utf8(data).ok().and_then(|text| text.parse::<NoteKey>().ok()) else { return };
    assert_eq!(key.to_string().as_bytes(), data);
    assert_eq!(NoteKey::new(key.name(), key.public()), Ok(key));
}
