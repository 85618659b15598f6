//! Signed notes (<https://c2sp.org/signed-note>).
//!
//! ```text
//! vaultmesh/3f...9c
//! 42
//! mB5R...=
//!
//! — vaultmesh/3f...9c Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! ```

use core::fmt;
use core::str::FromStr;

use base64ct::{Base64, Encoding as _};

use super::{NoteKey, Signature, SigningIdentity, is_name};
use crate::error::NoteError;

/// Longest note read, in bytes. A checkpoint takes about 300; the rest is room for cosignatures.
pub const NOTE_MAX: usize = 64 * 1024;
/// Most signature lines read from one note, as C2SP signed-note recommends.
pub const NOTE_SIGNATURES_MAX: usize = 100;
/// Length of a key hash, in bytes.
const KEY_HASH_LEN: usize = 4;

/// One signature line of a note: key name, key hash, and bytes of whatever type of signature. Nothing of it is checked but
/// its shape.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoteSignature {
    name: String,
    hash: [u8; KEY_HASH_LEN],
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// A line of these parts.
    ///
    /// # Errors
    /// [`NoteError::SignatureLine`] where the name cannot stand in a note, or there are no bytes.
    pub fn new(name: impl Into<String>, hash: [u8; 4], bytes: Vec<u8>) -> Result<Self, NoteError> {
        let name = name.into();
        if !is_name(&name) || bytes.is_empty() {
            return Err(NoteError::SignatureLine);
        }
        Ok(Self { name, hash, bytes })
    }

    /// Reads lines, each ended by a newline: what C2SP tlog-witness answers with. At most [`NOTE_MAX`] bytes and
    /// [`NOTE_SIGNATURES_MAX`] lines, and at least one.
    ///
    /// # Errors
    /// [`NoteError`] says what is malformed.
    pub fn parse_lines(bytes: &[u8]) -> Result<Vec<Self>, NoteError> {
        if bytes.len() > NOTE_MAX {
            return Err(NoteError::TooLong { limit: NOTE_MAX, found: bytes.len() });
        }
        let text = core::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
        lines(text)
    }

    /// Name of the key that is said to have signed.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hash of the key that is said to have signed.
    #[must_use]
    pub const fn key_hash(&self) -> [u8; 4] {
        self.hash
    }

    /// The signature, as its type lays it out.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it is said to be by the same key as `other`.
    #[must_use]
    pub fn is_by_key_of(&self, other: &Self) -> bool {
        self.name == other.name && self.hash == other.hash
    }
}

impl FromStr for NoteSignature {
    type Err = NoteError;

    /// Reads one line, without its newline.
    fn from_str(line: &str) -> Result<Self, NoteError> {
        let parts = line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' '));
        let (name, data) = parts.ok_or(NoteError::SignatureLine)?;
        let data = Base64::decode_vec(data).map_err(|_| NoteError::SignatureLine)?;
        let (hash, bytes) = data.split_first_chunk::<KEY_HASH_LEN>().ok_or(NoteError::SignatureLine)?;
        Self::new(name, *hash, bytes.to_vec())
    }
}

impl fmt::Display for NoteSignature {
    /// The line, without a newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = [self.hash.as_slice(), &self.bytes].concat();
        write!(f, "\u{2014} {} {}", self.name, Base64::encode_string(&data))
    }
}

/// A signed note: text that ends in a newline, an empty line, then one line a signature. Parsing checks the shape
/// only; [`Note::verify`] gives the text of a note that a given key signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Signs `text` under `name`.
    ///
    /// # Errors
    /// [`NoteError::Text`] unless the text ends in a newline and holds no other control character;
    /// [`NoteError::Key`] where the name cannot stand in a note.
    pub fn sign(text: &str, name: &str, signer: &SigningIdentity) -> Result<Self, NoteError> {
        check_text(text)?;
        let key = NoteKey::new(name, signer.public()).map_err(NoteError::Key)?;
        let bytes = signer.sign(text.as_bytes()).as_bytes().to_vec();
        Ok(Self { text: text.to_owned(), signatures: vec![NoteSignature::new(name, key.hash(), bytes)?] })
    }

    /// Reads a note of at most [`NOTE_MAX`] bytes and [`NOTE_SIGNATURES_MAX`] signatures.
    ///
    /// # Errors
    /// [`NoteError`] says what is malformed. No signature is checked.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_MAX {
            return Err(NoteError::TooLong { limit: NOTE_MAX, found: bytes.len() });
        }
        let note = core::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
        // The last empty line divides: the text itself may hold others.
        let split = note.rfind("\n\n").ok_or(NoteError::Unsigned)?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        check_text(text)?;
        Ok(Self { text: text.to_owned(), signatures: self::lines(lines)? })
    }

    /// The signed text, if `key` signed it. Lines of unknown keys are ignored, as the specification demands; a line
    /// that bears this key's name and hash and does not verify spoils the note.
    ///
    /// # Errors
    /// [`NoteError::NotSignedBy`] or [`NoteError::Key`] with a bad signature.
    pub fn verify(&self, key: &NoteKey) -> Result<&str, NoteError> {
        let mut signed = false;
        for line in &self.signatures {
            if line.name != key.name() || line.hash != key.hash() {
                continue;
            }
            let signature = <[u8; 64]>::try_from(line.bytes()).map_err(|_| NoteError::SignatureLine)?;
            key.public().verify(self.text.as_bytes(), &Signature(signature)).map_err(NoteError::Key)?;
            signed = true;
        }
        if signed { Ok(&self.text) } else { Err(NoteError::NotSignedBy { name: key.name().to_owned() }) }
    }

    /// The text, checked for shape only. Whoever believes it must know why.
    #[must_use]
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// Names on the signature lines, in order.
    pub fn signers(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|line| line.name.as_str())
    }

    /// The signature lines, in order.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The same note with this line, in the place of one by the same key where there is one.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`] and [`NoteError::TooLong`] where the note could not be read then.
    pub fn with_signature(mut self, signature: NoteSignature) -> Result<Self, NoteError> {
        let held = self.signatures.len();
        match self.signatures.iter_mut().find(|line| line.is_by_key_of(&signature)) {
            Some(line) => *line = signature,
            None if held == NOTE_SIGNATURES_MAX => {
                return Err(NoteError::TooManySignatures { limit: NOTE_SIGNATURES_MAX });
            }
            None => self.signatures.push(signature),
        }
        match self.to_string().len() {
            found if found > NOTE_MAX => Err(NoteError::TooLong { limit: NOTE_MAX, found }),
            _ => Ok(self),
        }
    }

    /// The same note with the lines of one key alone.
    ///
    /// # Errors
    /// As [`Note::verify`]: `key` must have signed.
    pub fn signed_by(&self, key: &NoteKey) -> Result<Self, NoteError> {
        self.verify(key)?;
        let signatures = self.signatures.iter().filter(|line| line.name == key.name() && line.hash == key.hash());
        // Ed25519 signs one text in one way, so what verifies twice is the same line twice.
        Ok(Self { text: self.text.clone(), signatures: signatures.take(1).cloned().collect() })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.signatures {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let clean = text.chars().all(|c| c == '\n' || !(c < ' ' || c == '\u{7f}'));
    if clean && text.len() > 1 && text.ends_with('\n') && !text.ends_with("\n\n") {
        Ok(())
    } else {
        Err(NoteError::Text)
    }
}

/// Signature lines: at least one, each ended by a newline.
fn lines(text: &str) -> Result<Vec<NoteSignature>, NoteError> {
    let lines = text.strip_suffix('\n').ok_or(NoteError::SignatureLine)?;
    let mut signatures = Vec::new();
    for line in lines.split('\n') {
        if signatures.len() == NOTE_SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures { limit: NOTE_SIGNATURES_MAX });
        }
        signatures.push(line.parse()?);
    }
    Ok(signatures)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> SigningIdentity {
        SigningIdentity::from_seed(&[7; 32])
    }

    /// The key and note printed in the documentation of Go's `sumdb/note`.
    #[test]
    fn note_of_the_go_implementation() {
        let key: NoteKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        let text = "If you think cryptography is the answer to your problem,\n\
            then you don't know what your problem is.\n\n\
            \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let note = Note::parse(text.as_bytes()).unwrap();
        assert!(note.verify(&key).unwrap().starts_with("If you think"));
        assert_eq!(note.to_string(), text);
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn every_flipped_bit_of_a_note_is_refused_or_changes_no_text() {
        let note = Note::sign("a\n5\nb\n", "log.example", &signer()).unwrap();
        let key = NoteKey::new("log.example", signer().public()).unwrap();
        let bytes = note.to_string().into_bytes();
        assert!(Note::parse(&bytes).unwrap().verify(&key).is_ok());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                let accepted = Note::parse(&bad).is_ok_and(|note| note.verify(&key).is_ok());
                assert!(!accepted, "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn malformed_notes() {
        let good = Note::sign("a\n", "n", &signer()).unwrap().to_string();
        for bad in ["", "a\n", "a\n\n", "\n\n\u{2014} n AAAAAAA=\n", "a\r\n\n\u{2014} n AAAAAAA=\n"] {
            assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(matches!(Note::parse(&vec![b'a'; NOTE_MAX + 1]), Err(NoteError::TooLong { .. })));
        let many = format!("{good}{}\n", good.lines().last().unwrap());
        assert_eq!(Note::parse(many.as_bytes()).unwrap().signers().count(), 2);
        let flood = good.clone() + &format!("{}\n", good.lines().last().unwrap()).repeat(NOTE_SIGNATURES_MAX);
        assert!(matches!(Note::parse(flood.as_bytes()), Err(NoteError::TooManySignatures { .. })));
    }

    #[test]
    fn a_line_takes_the_place_of_one_by_the_same_key() {
        let note = Note::sign("a\n", "n", &signer()).unwrap();
        let line = |hash, byte: u8| NoteSignature::new("w", [hash; 4], vec![byte]).unwrap();
        let more = note.clone().with_signature(line(1, 1)).unwrap().with_signature(line(2, 2)).unwrap();
        let more = more.with_signature(line(1, 3)).unwrap();
        assert_eq!(more.signatures()[1..], [line(1, 3), line(2, 2)]);
        assert_eq!(Note::parse(more.to_string().as_bytes()).unwrap(), more);
        let lines: String = more.signatures().iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(NoteSignature::parse_lines(lines.as_bytes()).unwrap(), more.signatures());
        let key = NoteKey::new("n", signer().public()).unwrap();
        assert_eq!(more.signed_by(&key).unwrap(), note);
        let full = (2..=255).try_fold(note.clone(), |note, hash| note.with_signature(line(hash, 1)));
        assert_eq!(full, Err(NoteError::TooManySignatures { limit: NOTE_SIGNATURES_MAX }));
        let long = NoteSignature::new("w", [1; 4], vec![0; NOTE_MAX]).unwrap();
        assert!(matches!(note.with_signature(long), Err(NoteError::TooLong { .. })));
        for bad in ["", "\n", "\u{2014} w AQEBAQE=", "\u{2014} w AQEBAQ==\n", "\u{2014} w AQEBAQE=\n\n"] {
            assert!(NoteSignature::parse_lines(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
