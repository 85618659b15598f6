//! Which witnesses count, and how many of them must have cosigned a checkpoint.
//!
//! ```toml
//! [witnesses]
//! quorum = 1
//! keys = ["witness.example/w1+8d66cf3f+BOBp7yWdyrbtIVUvF0nvzYfJMZhrFkzc5OmJIzvDZ1Kz"]
//! ```

use serde::{Deserialize, Serialize};
use vm_core::error::KeyError;
use vm_core::key::{NOTE_SIGNATURES_MAX, Note, NoteKey};

use super::{Cosignature, WitnessKey};
use crate::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::error::{CosignatureError, WitnessPolicyError};

/// Most witnesses of a policy: a note holds no more lines.
pub const WITNESSES_MAX: usize = NOTE_SIGNATURES_MAX;

/// Named witnesses, of which so many must have cosigned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Shape", into = "Shape")]
pub struct WitnessPolicy {
    quorum: u32,
    keys: Vec<WitnessKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    quorum: u32,
    keys: Vec<WitnessKey>,
}

impl TryFrom<Shape> for WitnessPolicy {
    type Error = WitnessPolicyError;

    fn try_from(shape: Shape) -> Result<Self, WitnessPolicyError> {
        Self::new(shape.quorum, shape.keys)
    }
}

impl From<WitnessPolicy> for Shape {
    fn from(policy: WitnessPolicy) -> Self {
        Self { quorum: policy.quorum, keys: policy.keys }
    }
}

/// What the lines of a note come to under a policy.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WitnessCount {
    /// How many there must be.
    pub quorum: u32,
    /// Cosignatures that hold, in the order of the policy.
    pub cosignatures: Vec<Cosignature>,
    /// Witnesses that did not cosign.
    pub absent: Vec<String>,
    /// What is wrong with lines by keys of the policy: any of them spoils the note.
    pub faults: Vec<CosignatureError>,
}

impl WitnessCount {
    /// Whether enough of them cosigned, and no line is wrong.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.faults.is_empty() && u32::try_from(self.cosignatures.len()).is_ok_and(|found| found >= self.quorum)
    }
}

/// A checkpoint that its log signed and enough witnesses cosigned. Made by [`WitnessPolicy::check`] alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WitnessedCheckpoint {
    checkpoint: VerifiedCheckpoint,
    cosignatures: Vec<Cosignature>,
}

impl WitnessedCheckpoint {
    /// The checkpoint, and the key that signed it.
    #[must_use]
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// Those who cosigned it.
    #[must_use]
    pub fn cosignatures(&self) -> &[Cosignature] {
        &self.cosignatures
    }
}

impl WitnessPolicy {
    /// Of these witnesses so many must have cosigned.
    ///
    /// # Errors
    /// [`WitnessPolicyError`]: a quorum of nought or of more than there are, more than [`WITNESSES_MAX`], or a name or a
    /// key that stands twice. A cosignature by Ed25519 does not bear its cosigner's name, so that one key under two names
    /// would count twice.
    pub fn new(quorum: u32, keys: Vec<impl Into<WitnessKey>>) -> Result<Self, WitnessPolicyError> {
        let keys: Vec<WitnessKey> = keys.into_iter().map(Into::into).collect();
        if keys.len() > WITNESSES_MAX {
            return Err(WitnessPolicyError::TooMany { limit: WITNESSES_MAX, found: keys.len() });
        }
        if quorum == 0 || u32::try_from(keys.len()).is_ok_and(|found| found < quorum) {
            return Err(WitnessPolicyError::Quorum { quorum, witnesses: keys.len() });
        }
        for (at, key) in keys.iter().enumerate() {
            let before = keys.iter().take(at);
            let mut same = before.filter(|other| other.name() == key.name() || other.is_same_key(key));
            if same.next().is_some() {
                return Err(WitnessPolicyError::Twice { name: key.name().to_owned() });
            }
        }
        Ok(Self { quorum, keys })
    }

    /// How many must have cosigned.
    #[must_use]
    pub const fn quorum(&self) -> u32 {
        self.quorum
    }

    /// The witnesses.
    #[must_use]
    pub fn keys(&self) -> &[WitnessKey] {
        &self.keys
    }

    /// Counts the witnesses that cosigned the checkpoint in `note`. A log is no witness of itself: the line of a witness that
    /// has the key of `log`, or is an ML-DSA key by the log's name, does not count. Nor does a line that this build cannot check. Cost: one signature a witness.
    #[must_use]
    pub fn count(&self, note: &Note, log: Option<&NoteKey>) -> WitnessCount {
        let mut count = WitnessCount { quorum: self.quorum, ..WitnessCount::default() };
        for key in &self.keys {
            if log.is_some_and(|log| is_of_log(key, log)) {
                count.absent.push(key.name().to_owned());
                continue;
            }
            match key.verify(note) {
                Ok(cosignature) => count.cosignatures.push(cosignature),
                Err(
                    CosignatureError::NotCosigned { name }
                    | CosignatureError::Signature { name, source: KeyError::NoMlDsa },
                ) => count.absent.push(name),
                Err(fault) => count.faults.push(fault),
            }
        }
        count
    }

    /// The checkpoint in `note`, if `log` signed it and enough witnesses cosigned it.
    ///
    /// # Errors
    /// [`WitnessPolicyError::Checkpoint`] where the log did not sign, [`WitnessPolicyError::Cosignature`] where a line by a
    /// witness is wrong, [`WitnessPolicyError::Unmet`] where too few cosigned.
    pub fn check(&self, note: &Note, log: &NoteKey) -> Result<WitnessedCheckpoint, WitnessPolicyError> {
        let checkpoint = Checkpoint::verify(note, log).map_err(WitnessPolicyError::Checkpoint)?;
        let count = self.count(note, Some(log));
        let is_met = count.is_met();
        if let Some(fault) = count.faults.into_iter().next() {
            return Err(WitnessPolicyError::Cosignature(fault));
        }
        if !is_met {
            return Err(WitnessPolicyError::Unmet { quorum: self.quorum, found: count.cosignatures.len() });
        }
        Ok(WitnessedCheckpoint { checkpoint, cosignatures: count.cosignatures })
    }
}

/// Whether a witness is the log itself. Its second key is known by its name alone, and nobody else signs by that.
fn is_of_log(key: &WitnessKey, log: &NoteKey) -> bool {
    match key {
        WitnessKey::Ed25519(key) => key.public() == log.public(),
        WitnessKey::MlDsa(key) => key.name() == log.name(),
    }
}
