//! Checkpoints: a signed size and root of one log (<https://c2sp.org/tlog-checkpoint>).
//!
//! ```text
//! vaultmesh/7d0c...e1
//! 42
//! rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=
//!
//! — vaultmesh/7d0c...e1 M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+...
//! ```

use base64ct::{Base64, Encoding as _};
use vm_core::digest::RootHash;
use vm_core::id::{EngineName, LedgerId};
use vm_core::key::{Note, NoteKey, SigningIdentity};

use crate::error::CheckpointError;
use crate::merkle::TreeSize;

/// Lines of a checkpoint: origin, size, root. Extension lines are not written and not read.
const LINES: usize = 3;

/// Origin, size and root of a log, by whomever claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    origin: String,
    size: TreeSize,
    root: RootHash,
}

/// A checkpoint whose signature was checked against a key. Made by [`Checkpoint::verify`] alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    key: NoteKey,
}

impl Checkpoint {
    /// A checkpoint of the log named `origin`.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`] where the origin is empty or holds a line break or white space;
    /// [`CheckpointError::EmptyRoot`] where an empty tree is given another root than its own.
    pub fn new(origin: impl Into<String>, size: TreeSize, root: RootHash) -> Result<Self, CheckpointError> {
        let origin = origin.into();
        if origin.is_empty() || origin.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(CheckpointError::Origin);
        }
        if size == TreeSize::ZERO && root != RootHash::empty() {
            return Err(CheckpointError::EmptyRoot);
        }
        Ok(Self { origin, size, root })
    }

    /// A checkpoint of a ledger's log.
    ///
    /// # Errors
    /// As [`Checkpoint::new`].
    pub fn of_ledger(ledger: &LedgerId, size: TreeSize, root: RootHash) -> Result<Self, CheckpointError> {
        Self::new(ledger.origin(), size, root)
    }

    /// A checkpoint of the lines of one engine's scroll.
    ///
    /// # Errors
    /// As [`Checkpoint::new`].
    pub fn of_scroll(
        ledger: &LedgerId,
        engine: &EngineName,
        size: TreeSize,
        root: RootHash,
    ) -> Result<Self, CheckpointError> {
        Self::new(ledger.scroll_origin(engine), size, root)
    }

    /// Name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// Root over them.
    #[must_use]
    pub const fn root(&self) -> RootHash {
        self.root
    }

    /// The text that is signed: three lines.
    #[must_use]
    pub fn to_text(&self) -> String {
        let root = Base64::encode_string(self.root.as_bytes());
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// Reads the text of a checkpoint: exactly three lines, the size without leading zeros.
    ///
    /// # Errors
    /// [`CheckpointError`] says what is malformed.
    pub fn parse_text(text: &str) -> Result<Self, CheckpointError> {
        let body = text.strip_suffix('\n');
        let lines: Vec<&str> = body.unwrap_or(text).split('\n').take(LINES + 1).collect();
        let ([origin, size, root], Some(_)) = (lines.as_slice(), body) else {
            return Err(CheckpointError::Lines { found: lines.len() });
        };
        let size = parse_size(size).ok_or(CheckpointError::Size)?;
        let root = Base64::decode_vec(root).map_err(|_| CheckpointError::Root)?;
        let root = RootHash::from_slice(&root).map_err(|_| CheckpointError::Root)?;
        Self::new(*origin, size, root)
    }

    /// Signs this checkpoint, with the origin as the name of the key.
    ///
    /// # Errors
    /// [`CheckpointError::Note`] where the origin cannot be the name of a key.
    pub fn sign(&self, signer: &SigningIdentity) -> Result<Note, CheckpointError> {
        Note::sign(&self.to_text(), &self.origin, signer).map_err(CheckpointError::Note)
    }

    /// The checkpoint in `note`, if `key` signed it and it is of the log that the key is named after.
    ///
    /// # Errors
    /// [`CheckpointError::Note`] where the key did not sign, [`CheckpointError::OtherOrigin`] where the log is another,
    /// or what is malformed.
    pub fn verify(note: &Note, key: &NoteKey) -> Result<VerifiedCheckpoint, CheckpointError> {
        let text = note.verify(key).map_err(CheckpointError::Note)?;
        let checkpoint = Self::parse_text(text)?;
        if checkpoint.origin != key.name() {
            return Err(CheckpointError::OtherOrigin { expected: key.name().to_owned(), found: checkpoint.origin });
        }
        Ok(VerifiedCheckpoint { checkpoint, key: key.clone() })
    }
}

impl VerifiedCheckpoint {
    /// The checkpoint.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.checkpoint.size
    }

    /// Root over them.
    #[must_use]
    pub const fn root(&self) -> RootHash {
        self.checkpoint.root
    }

    /// The key that signed. Whether it is to be trusted is for whoever handed it in.
    #[must_use]
    pub const fn key(&self) -> &NoteKey {
        &self.key
    }
}

/// Reads a decimal number written the one shortest way.
pub(crate) fn parse_size(text: &str) -> Option<TreeSize> {
    let size: u64 = text.parse().ok()?;
    (size.to_string() == text).then(|| TreeSize::new(size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vm_core::digest::LeafHash;

    fn ledger() -> LedgerId {
        LedgerId::from_genesis(LeafHash::of(b"genesis"))
    }

    fn signed() -> (Note, NoteKey) {
        let signer = SigningIdentity::from_seed(&[3; 32]);
        let root = LeafHash::of(b"a").to_root();
        let checkpoint = Checkpoint::of_ledger(&ledger(), TreeSize::new(1), root).unwrap();
        let key = NoteKey::new(ledger().origin(), signer.public()).unwrap();
        (checkpoint.sign(&signer).unwrap(), key)
    }

    #[test]
    fn signed_and_read_back() {
        let (note, key) = signed();
        let note = Note::parse(note.to_string().as_bytes()).unwrap();
        let verified = Checkpoint::verify(&note, &key).unwrap();
        assert_eq!(verified.size(), TreeSize::new(1));
        assert_eq!(verified.checkpoint().origin(), ledger().origin());
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let (note, key) = signed();
        let bytes = note.to_string().into_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let verdict = Note::parse(&forged).ok().and_then(|note| Checkpoint::verify(&note, &key).ok());
            assert_eq!(verdict, None, "bit {bit}");
        }
    }

    #[test]
    fn another_log_under_the_same_key_is_refused() {
        let signer = SigningIdentity::from_seed(&[3; 32]);
        let (_, key) = signed();
        let engine: EngineName = "console".parse().unwrap();
        let root = RootHash::empty();
        let scroll = Checkpoint::of_scroll(&ledger(), &engine, TreeSize::ZERO, root).unwrap();
        let note = Note::sign(&scroll.to_text(), key.name(), &signer).unwrap();
        assert_eq!(Checkpoint::verify(&note, &key).unwrap_err().code(), "checkpoint-other-origin");
    }

    #[test]
    fn malformed_texts_are_refused_by_name() {
        let root = Base64::encode_string(LeafHash::of(b"a").as_bytes());
        for (text, code) in [
            (format!("o\n1\n{root}"), "checkpoint-lines"),
            (format!("o\n1\n{root}\nmore\n"), "checkpoint-lines"),
            ("o\n1\n".to_owned(), "checkpoint-lines"),
            (format!("\n1\n{root}\n"), "checkpoint-origin"),
            (format!("o o\n1\n{root}\n"), "checkpoint-origin"),
            (format!("o\n01\n{root}\n"), "checkpoint-size"),
            (format!("o\n+1\n{root}\n"), "checkpoint-size"),
            (format!("o\n-1\n{root}\n"), "checkpoint-size"),
            (format!("o\n18446744073709551616\n{root}\n"), "checkpoint-size"),
            ("o\n1\nAAAA\n".to_owned(), "checkpoint-root"),
            (format!("o\n1\n {root}\n"), "checkpoint-root"),
            (format!("o\n0\n{root}\n"), "checkpoint-empty-root"),
        ] {
            assert_eq!(Checkpoint::parse_text(&text).unwrap_err().code(), code, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(size in 1_u64.., bytes: [u8; 32]) {
            let root = RootHash::from_bytes(bytes);
            let checkpoint = Checkpoint::new("a/b", TreeSize::new(size), root).unwrap();
            prop_assert_eq!(Checkpoint::parse_text(&checkpoint.to_text()).unwrap(), checkpoint);
        }
    }
}
