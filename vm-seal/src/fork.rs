//! Proof that a log was forked: two checkpoints by one key, which no one history can both have had. It needs nothing else,
//! so whoever holds it can show it to anybody who knows the log's key.
//!
//! ```text
//! {"consistency":null,"format":"vm-checkpoint-fork-v0","notes":["vaultmesh/7d0c…\n42\n…","vaultmesh/7d0c…\n42\n…"],
//!  "prefix_root":null}
//! ```

use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::digest::RootHash;
use vm_core::key::{NOTE_MAX, Note, NoteKey};

use crate::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::error::ForkError;
use crate::merkle::{ConsistencyProof, PROOF_HASHES_MAX};
use crate::shape::Members;

/// Format of the proof.
pub const FORK_FORMAT: &str = "vm-checkpoint-fork-v0";
/// Longest proof, in bytes: two notes, each of whose characters may be escaped by six, 65 hashes of 67 bytes, and 1 KiB for
/// the rest.
pub const FORK_MAX: usize = 2 * NOTE_MAX * 6 + (PROOF_HASHES_MAX + 1) * 67 + 1024;

/// A proof that reads well. Whether it holds is for [`CheckpointFork::check`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckpointFork {
    notes: [Note; 2],
    claimed: [Checkpoint; 2],
    /// For sizes that differ: the root that the larger log itself has at the smaller size, and the proof of that.
    prefix: Option<(RootHash, ConsistencyProof)>,
}

/// Two checkpoints that one key signed, and that exclude each other. Made by [`CheckpointFork::check`] alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProvenFork {
    checkpoints: [VerifiedCheckpoint; 2],
}

impl ProvenFork {
    /// The checkpoints: the smaller one first, of one size the one with the smaller root.
    #[must_use]
    pub const fn checkpoints(&self) -> &[VerifiedCheckpoint; 2] {
        &self.checkpoints
    }
}

impl CheckpointFork {
    /// Two signed checkpoints of one log, in either order. Of different sizes they need the root that the larger log has at
    /// the smaller size, with a consistency proof from there.
    ///
    /// # Errors
    /// [`ForkError`]: not one signature line each, other logs, nothing that excludes the other, or a root where none belongs
    /// or none where one does.
    pub fn new(one: Note, other: Note, prefix: Option<(RootHash, ConsistencyProof)>) -> Result<Self, ForkError> {
        let [a, b] = [read(&one)?, read(&other)?];
        let rank = |checkpoint: &Checkpoint| (checkpoint.size(), *checkpoint.root().as_bytes());
        if rank(&a) <= rank(&b) {
            Self::in_order([one, other], [a, b], prefix)
        } else {
            Self::in_order([other, one], [b, a], prefix)
        }
    }

    fn in_order(
        notes: [Note; 2],
        claimed: [Checkpoint; 2],
        prefix: Option<(RootHash, ConsistencyProof)>,
    ) -> Result<Self, ForkError> {
        let [a, b] = &claimed;
        if a.origin() != b.origin() {
            return Err(ForkError::OtherOrigin { expected: a.origin().to_owned(), found: b.origin().to_owned() });
        }
        let rank = |checkpoint: &Checkpoint| (checkpoint.size(), *checkpoint.root().as_bytes());
        if rank(a) > rank(b) {
            return Err(ForkError::Order);
        }
        match &prefix {
            None if a.size() == b.size() && a.root() == b.root() => return Err(ForkError::SameRoot),
            None if a.size() == b.size() => {}
            Some((root, _)) if a.size() < b.size() && *root == a.root() => return Err(ForkError::SameRoot),
            Some(_) if a.size() < b.size() => {}
            _ => return Err(ForkError::Prefix),
        }
        Ok(Self { notes, claimed, prefix })
    }

    /// Reads a proof, which must be canonical and at most [`FORK_MAX`] bytes long.
    ///
    /// # Errors
    /// [`ForkError`]; an unknown format is told apart from a malformed proof.
    pub fn parse(bytes: &[u8]) -> Result<Self, ForkError> {
        let value = canonical::parse_exact(bytes, FORK_MAX).map_err(ForkError::Json)?;
        if let Some(found) = value.get("format").and_then(Value::as_str).filter(|found| *found != FORK_FORMAT) {
            return Err(ForkError::FormatUnknown { found: found.chars().take(64).collect() });
        }
        let members = Members::of(&value, "", &["consistency", "format", "notes", "prefix_root"])?;
        members.word("format", FORK_FORMAT)?;
        let note = |value: &Value| {
            let text = value.as_str().ok_or_else(|| members.fault("notes"))?;
            Note::parse(text.as_bytes()).map_err(ForkError::Note)
        };
        let [one, other] = members.list("notes")? else { return Err(members.fault("notes").into()) };
        let (one, other) = (note(one)?, note(other)?);
        let prefix = prefix(&members)?;
        let claimed = [read(&one)?, read(&other)?];
        Self::in_order([one, other], claimed, prefix)
    }

    /// The bytes of the proof, without a newline at the end.
    ///
    /// # Errors
    /// [`ForkError::Json`] never in practice: all members are text.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ForkError> {
        let [one, other] = &self.notes;
        let value = json!({
            "consistency": self.prefix.as_ref().map(|(_, proof)| proof.hashes()),
            "format": FORK_FORMAT,
            "notes": [one.to_string(), other.to_string()],
            "prefix_root": self.prefix.as_ref().map(|(root, _)| root),
        });
        canonical::to_bytes(&value).map_err(ForkError::Json)
    }

    /// The checkpoints as they claim to be.
    #[must_use]
    pub const fn claimed(&self) -> &[Checkpoint; 2] {
        &self.claimed
    }

    /// Whether both are of one size, so that their roots alone show it.
    #[must_use]
    pub const fn is_of_one_size(&self) -> bool {
        self.prefix.is_none()
    }

    /// Checks that `key` signed both checkpoints and that they exclude each other: of one size they have different roots, or
    /// the larger log has another root at the smaller size than the smaller one. Cost: two signatures and a proof.
    ///
    /// # Errors
    /// [`ForkError::Checkpoint`] where it did not sign one, [`ForkError::Proof`] where the larger log is not shown to have
    /// that root.
    pub fn check(&self, key: &NoteKey) -> Result<ProvenFork, ForkError> {
        let verify = |note: &Note| Checkpoint::verify(note, key).map_err(ForkError::Checkpoint);
        let [one, other] = &self.notes;
        let [a, b] = [verify(one)?, verify(other)?];
        if let Some((root, proof)) = &self.prefix {
            proof.verify(a.size(), *root, b.size(), b.root()).map_err(ForkError::Proof)?;
        }
        Ok(ProvenFork { checkpoints: [a, b] })
    }
}

/// The checkpoint in a note that has one signature line: what others signed proves nothing, and could be altered unseen.
fn read(note: &Note) -> Result<Checkpoint, ForkError> {
    if note.signatures().len() != 1 {
        return Err(ForkError::Signatures { found: note.signatures().len() });
    }
    Checkpoint::parse_text(note.unverified_text()).map_err(ForkError::Checkpoint)
}

fn prefix(members: &Members<'_>) -> Result<Option<(RootHash, ConsistencyProof)>, ForkError> {
    match (members.value("prefix_root")?, members.value("consistency")?) {
        (Value::Null, Value::Null) => Ok(None),
        (Value::Null, _) | (_, Value::Null) => Err(ForkError::Prefix),
        _ => {
            let root = members.digest("prefix_root", RootHash::parse_hex)?;
            let hashes = members.digests("consistency", RootHash::parse_hex)?;
            let proof = ConsistencyProof::from_hashes(hashes);
            Ok(Some((root, proof.map_err(ForkError::Proof)?)))
        }
    }
}
