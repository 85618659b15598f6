//! `.tlog-proof`: that one entry stands in a log, as a text file that needs nothing else but the log's key.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra aGVsbG8=
//! index 2
//! gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
//! B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
//!
//! example.com/log
//! 4
//! sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=
//!
//! — example.com/log hI2DJw...1roloI=
//! ```

use core::fmt;

use base64ct::{Base64, Encoding as _};
use vm_core::digest::{LeafHash, RootHash};
use vm_core::key::{NOTE_MAX, Note, NoteKey};
use vm_core::record::LEAF_MAX;

use crate::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::error::TlogProofError;
use crate::merkle::{InclusionProof, LeafIndex, PROOF_HASHES_MAX, VerifiedInclusion};

/// First line of a proof.
pub const TLOG_PROOF_FORMAT: &str = "c2sp.org/tlog-proof@v1";
/// Longest extra data, in bytes: the longest leaf data of a row.
const EXTRA_MAX: usize = LEAF_MAX;
/// Longest proof, in bytes: the longest extra data as base64, the longest checkpoint, 64 hashes of 45 bytes, and 1 KiB
/// for the lines around them.
pub const TLOG_PROOF_MAX: usize = EXTRA_MAX.div_ceil(3) * 4 + NOTE_MAX + PROOF_HASHES_MAX * 45 + 1024;

/// A proof that reads well. Whether it holds is for [`TlogProof::verify`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlogProof {
    extra: Option<Vec<u8>>,
    index: LeafIndex,
    path: InclusionProof,
    note: Note,
    claimed: Checkpoint,
}

/// An entry that stands in a log, by a signed checkpoint. Made by [`TlogProof::verify`] alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedTlogProof {
    inclusion: VerifiedInclusion,
    checkpoint: VerifiedCheckpoint,
}

impl VerifiedTlogProof {
    /// The leaf, its place, and the tree.
    #[must_use]
    pub const fn inclusion(&self) -> &VerifiedInclusion {
        &self.inclusion
    }

    /// The checkpoint, and the key that signed it.
    #[must_use]
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }
}

impl TlogProof {
    /// A proof for the leaf at `index` of the tree that the checkpoint in `note` signs. Extra data are whatever helps to
    /// find the leaf data; nobody signs them.
    ///
    /// # Errors
    /// [`TlogProofError::Extra`] where they are empty or longer than leaf data can be; [`TlogProofError::Checkpoint`]
    /// where the note holds no checkpoint.
    pub fn new(
        index: LeafIndex,
        path: InclusionProof,
        note: Note,
        extra: Option<Vec<u8>>,
    ) -> Result<Self, TlogProofError> {
        if extra.as_ref().is_some_and(|extra| extra.is_empty() || extra.len() > EXTRA_MAX) {
            return Err(TlogProofError::Extra);
        }
        let claimed = Checkpoint::parse_text(note.unverified_text()).map_err(TlogProofError::Checkpoint)?;
        Ok(Self { extra, index, path, note, claimed })
    }

    /// Reads a proof of at most [`TLOG_PROOF_MAX`] bytes. Nothing of it is believed yet.
    ///
    /// # Errors
    /// [`TlogProofError`] says what is malformed; an unknown format is told apart.
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        if bytes.len() > TLOG_PROOF_MAX {
            return Err(TlogProofError::TooLong { limit: TLOG_PROOF_MAX, found: bytes.len() });
        }
        let text = core::str::from_utf8(bytes).map_err(|_| TlogProofError::NotText)?;
        let (format, rest) = text.split_once('\n').unwrap_or((text, ""));
        if format != TLOG_PROOF_FORMAT {
            return Err(TlogProofError::FormatUnknown { found: format.chars().take(64).collect() });
        }
        let (proof, note) = rest.split_once("\n\n").ok_or(TlogProofError::NoCheckpoint)?;
        let mut lines = proof.split('\n').peekable();
        let extra = lines.next_if(|line| line.starts_with("extra ")).map(parse_extra).transpose()?;
        let index = lines.next().and_then(parse_index).ok_or(TlogProofError::Index)?;
        let mut hashes = Vec::new();
        // One more than there may be is refused as too many; the rest is not looked at.
        for line in lines.take(PROOF_HASHES_MAX + 1) {
            let hash = Base64::decode_vec(line).ok().and_then(|bytes| RootHash::from_slice(&bytes).ok());
            hashes.push(hash.ok_or(TlogProofError::Hash { at: hashes.len() })?);
        }
        let path = InclusionProof::from_hashes(hashes)?;
        let note = Note::parse(note.as_bytes()).map_err(TlogProofError::Note)?;
        Self::new(index, path, note, extra)
    }

    /// The extra data, if there are any. Nobody signs them.
    #[must_use]
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// Where the leaf is said to stand.
    #[must_use]
    pub const fn index(&self) -> LeafIndex {
        self.index
    }

    /// The path from leaf to root.
    #[must_use]
    pub const fn path(&self) -> &InclusionProof {
        &self.path
    }

    /// The signed note of the checkpoint.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The checkpoint as it claims to be.
    #[must_use]
    pub const fn claimed(&self) -> &Checkpoint {
        &self.claimed
    }

    /// Checks that `leaf` stands in the tree that the checkpoint claims. Who signed it is not looked at.
    ///
    /// # Errors
    /// [`TlogProofError::Proof`] where the path does not lead to the checkpoint's root.
    pub fn verify_path(&self, leaf: LeafHash) -> Result<VerifiedInclusion, TlogProofError> {
        Ok(self.path.verify(leaf, self.index, self.claimed.size(), self.claimed.root())?)
    }

    /// Checks that `leaf`, computed from leaf data by whoever asks, stands in the log named after `key`, and that this
    /// key signed the checkpoint.
    ///
    /// # Errors
    /// [`TlogProofError::Checkpoint`] where it did not, [`TlogProofError::Proof`] where the path does not lead to the
    /// checkpoint's root.
    pub fn verify(&self, leaf: LeafHash, key: &NoteKey) -> Result<VerifiedTlogProof, TlogProofError> {
        let checkpoint = Checkpoint::verify(&self.note, key).map_err(TlogProofError::Checkpoint)?;
        Ok(VerifiedTlogProof { inclusion: self.verify_path(leaf)?, checkpoint })
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TLOG_PROOF_FORMAT}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", Base64::encode_string(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in self.path.hashes() {
            writeln!(f, "{}", Base64::encode_string(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.note)
    }
}

fn parse_extra(line: &str) -> Result<Vec<u8>, TlogProofError> {
    let text = line.strip_prefix("extra ").ok_or(TlogProofError::Extra)?;
    Base64::decode_vec(text).map_err(|_| TlogProofError::Extra)
}

/// A decimal number written the one shortest way.
fn parse_index(line: &str) -> Option<LeafIndex> {
    let text = line.strip_prefix("index ")?;
    let index: u64 = text.parse().ok()?;
    (index.to_string() == text).then(|| LeafIndex::new(index))
}
