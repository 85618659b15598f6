//! Cosignatures: that somebody else saw this checkpoint grow out of those before it, and when.
//!
//! ```text
//! vaultmesh/7d0c...e1
//! 42
//! rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=
//!
//! — vaultmesh/7d0c...e1 M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+...
//! — witness.example/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWX...
//! ```

use core::fmt;

use vm_core::error::KeyError;
use vm_core::instant::Instant;
use vm_core::key::{CosignerKey, Note, NoteSignature, Signature, SigningIdentity};

use super::WitnessKey;
use crate::checkpoint::Checkpoint;
use crate::error::CosignatureError;

/// Length of a cosignature in its line, in bytes: a time and an Ed25519 signature (C2SP tlog-cosignature).
pub const COSIGNATURE_LEN: usize = 8 + 64;

/// A time in whole seconds since 1970-01-01T00:00:00Z, at most 2^63 - 1 (C2SP tlog-cosignature).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UnixSeconds(u64);

impl UnixSeconds {
    /// The latest time that a cosignature may bear.
    const MAX: u64 = i64::MAX.unsigned_abs();

    /// A time of so many seconds.
    ///
    /// # Errors
    /// [`CosignatureError::Time`] from 2^63 on.
    pub const fn from_seconds(seconds: u64) -> Result<Self, CosignatureError> {
        if seconds <= Self::MAX { Ok(Self(seconds)) } else { Err(CosignatureError::Time) }
    }

    /// The second in which `instant` lies.
    ///
    /// # Errors
    /// [`CosignatureError::Time`] before 1970.
    pub fn of(instant: Instant) -> Result<Self, CosignatureError> {
        u64::try_from(instant.as_seconds()).map(Self).map_err(|_| CosignatureError::Time)
    }

    /// The number of seconds.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A cosignature of a checkpoint that was checked against its cosigner's key. Made by [`Cosignature::verify`]
/// and [`WitnessKey::verify`] alone. Who signed the checkpoint as its log, it does not say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cosignature {
    key: WitnessKey,
    at: UnixSeconds,
    checkpoint: Checkpoint,
}

impl Cosignature {
    /// The cosignature in `note` by `key`. Lines of other keys are ignored, also those of this name with another key hash.
    /// Cost: one signature.
    ///
    /// # Errors
    /// [`CosignatureError::NotCosigned`] where no line is by `key`; else what is wrong with the line or the checkpoint.
    pub fn verify(note: &Note, key: &CosignerKey) -> Result<Self, CosignatureError> {
        let by_key = |line: &&NoteSignature| line.name() == key.name() && line.key_hash() == key.hash();
        let mut lines = note.signatures().iter().filter(by_key);
        let name = || key.name().to_owned();
        let line = lines.next().ok_or_else(|| CosignatureError::NotCosigned { name: name() })?;
        if lines.next().is_some() {
            return Err(CosignatureError::Twice { name: name() });
        }
        let (time, signature) =
            parts(line).ok_or_else(|| CosignatureError::Length { name: name(), expected: COSIGNATURE_LEN })?;
        let at = UnixSeconds::from_seconds(time)?;
        let text = note.unverified_text();
        let fault = |source: KeyError| CosignatureError::Signature { name: name(), source };
        key.public().verify(message(text, at).as_bytes(), &signature).map_err(fault)?;
        let checkpoint = Checkpoint::parse_text(text).map_err(CosignatureError::Checkpoint)?;
        Ok(Self { key: key.clone().into(), at, checkpoint })
    }

    /// One that was checked.
    pub(super) const fn of_parts(key: WitnessKey, at: UnixSeconds, checkpoint: Checkpoint) -> Self {
        Self { key, at, checkpoint }
    }

    /// The key that cosigned. Whether it is to be trusted is for whoever handed it in.
    #[must_use]
    pub const fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// When, by the clock of the cosigner.
    #[must_use]
    pub const fn at(&self) -> UnixSeconds {
        self.at
    }

    /// What was cosigned.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

/// Cosigns the text of a checkpoint. For whoever checked it: a cosignature says that its signer did.
pub(super) fn cosign(
    text: &str,
    at: UnixSeconds,
    key: &CosignerKey,
    signer: &SigningIdentity,
) -> Result<NoteSignature, CosignatureError> {
    let signature = signer.sign(message(text, at).as_bytes());
    let bytes = [at.0.to_be_bytes().as_slice(), signature.as_bytes()].concat();
    NoteSignature::new(key.name(), key.hash(), bytes).map_err(CosignatureError::Note)
}

/// What is signed: a line that no checkpoint begins with, the time, and the whole text.
fn message(text: &str, at: UnixSeconds) -> String {
    format!("cosignature/v1\ntime {at}\n{text}")
}

fn parts(line: &NoteSignature) -> Option<(u64, Signature)> {
    let bytes: [u8; COSIGNATURE_LEN] = line.bytes().try_into().ok()?;
    let (time, signature) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*time), Signature::from_bytes(signature.try_into().ok()?)))
}
