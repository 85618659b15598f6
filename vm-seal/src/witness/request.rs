//! The request for a cosignature: what a log sends to a witness.
//!
//! ```text
//! old 20852014
//! PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
//! jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
//!
//! example.com/behind-the-sofa
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URY...
//! ```

use core::fmt;

use base64ct::{Base64, Encoding as _};
use vm_core::digest::RootHash;
use vm_core::key::{NOTE_MAX, Note};

use crate::checkpoint::{Checkpoint, parse_size};
use crate::error::AddCheckpointError;
use crate::merkle::{ConsistencyProof, TreeSize};

/// Most hashes of a request (C2SP tlog-witness).
pub const ADD_CHECKPOINT_HASHES_MAX: usize = 63;
/// Longest request, in bytes: the longest note, 63 hashes of 45 bytes, a line with a number of 20 digits, and an empty line.
pub const ADD_CHECKPOINT_MAX: usize = NOTE_MAX + ADD_CHECKPOINT_HASHES_MAX * 45 + 26;

/// A request that reads well. Nothing of it is believed; that is for [`super::Witness`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddCheckpoint {
    old: TreeSize,
    consistency: ConsistencyProof,
    note: Note,
    claimed: Checkpoint,
}

impl AddCheckpoint {
    /// A request to cosign the checkpoint in `note`, by a proof that its log begins with that of `old` entries.
    ///
    /// # Errors
    /// [`AddCheckpointError::TooManyHashes`]; [`AddCheckpointError::Checkpoint`] where the note holds no checkpoint.
    pub fn new(old: TreeSize, consistency: ConsistencyProof, note: Note) -> Result<Self, AddCheckpointError> {
        if consistency.hashes().len() > ADD_CHECKPOINT_HASHES_MAX {
            return Err(AddCheckpointError::TooManyHashes { limit: ADD_CHECKPOINT_HASHES_MAX });
        }
        let claimed = Checkpoint::parse_text(note.unverified_text()).map_err(AddCheckpointError::Checkpoint)?;
        Ok(Self { old, consistency, note, claimed })
    }

    /// Reads a request of at most [`ADD_CHECKPOINT_MAX`] bytes.
    ///
    /// # Errors
    /// [`AddCheckpointError`] says what is malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, AddCheckpointError> {
        if bytes.len() > ADD_CHECKPOINT_MAX {
            return Err(AddCheckpointError::TooLong { limit: ADD_CHECKPOINT_MAX, found: bytes.len() });
        }
        let text = core::str::from_utf8(bytes).map_err(|_| AddCheckpointError::NotText)?;
        let (head, note) = text.split_once("\n\n").ok_or(AddCheckpointError::NoCheckpoint)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(parse_size);
        let old = old.ok_or(AddCheckpointError::Old)?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() == ADD_CHECKPOINT_HASHES_MAX {
                return Err(AddCheckpointError::TooManyHashes { limit: ADD_CHECKPOINT_HASHES_MAX });
            }
            let hash = Base64::decode_vec(line).ok().and_then(|bytes| RootHash::from_slice(&bytes).ok());
            hashes.push(hash.ok_or(AddCheckpointError::Hash { at: hashes.len() })?);
        }
        let consistency = ConsistencyProof::from_hashes(hashes)
            .map_err(|_| AddCheckpointError::TooManyHashes { limit: ADD_CHECKPOINT_HASHES_MAX })?;
        Self::new(old, consistency, Note::parse(note.as_bytes()).map_err(AddCheckpointError::Note)?)
    }

    /// Size of the log that the proof begins at: what the witness cosigned last, by the word of whoever asks.
    #[must_use]
    pub const fn old(&self) -> TreeSize {
        self.old
    }

    /// Proof from there to the checkpoint.
    #[must_use]
    pub const fn consistency(&self) -> &ConsistencyProof {
        &self.consistency
    }

    /// The signed checkpoint.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The checkpoint as it claims to be.
    #[must_use]
    pub const fn claimed(&self) -> &Checkpoint {
        &self.claimed
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in self.consistency.hashes() {
            writeln!(f, "{}", Base64::encode_string(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.note)
    }
}
