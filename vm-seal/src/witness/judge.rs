//! The witness: what it recorded of each log, and what it says to a request.

use core::fmt;
use std::collections::BTreeMap;

use vm_core::error::KeyError;
use vm_core::key::{CosignerKey, Note, NoteKey, NoteSignature, SigningIdentity};

use super::{AddCheckpoint, Cosignature, UnixSeconds, cosignature};
use crate::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::error::{CosignatureError, Refusal, WitnessError};
use crate::fork::CheckpointFork;
use crate::merkle::TreeSize;

/// The latest checkpoint of a log that a witness cosigned: a note with the log's signature and the witness's own, both
/// checked. It is all that a witness must never lose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Latest {
    note: Note,
    checkpoint: VerifiedCheckpoint,
    at: UnixSeconds,
}

impl Latest {
    /// Reads what was stored: `log` signed the checkpoint in `note`, and `cosigner` cosigned it.
    ///
    /// # Errors
    /// [`CosignatureError`] where one of them did not.
    pub fn read(note: &Note, log: &NoteKey, cosigner: &CosignerKey) -> Result<Self, CosignatureError> {
        let checkpoint = Checkpoint::verify(note, log).map_err(CosignatureError::Checkpoint)?;
        let at = Cosignature::verify(note, cosigner)?.at();
        Ok(Self { note: note.clone(), checkpoint, at })
    }

    /// The note, to be stored.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The checkpoint, signed by its log.
    #[must_use]
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// When it was cosigned.
    #[must_use]
    pub const fn at(&self) -> UnixSeconds {
        self.at
    }
}

/// A log that is witnessed.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Log {
    key: NoteKey,
    latest: Option<Latest>,
}

/// What a witness knows of each log: its key, and the latest checkpoint that was cosigned.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WitnessState {
    logs: BTreeMap<String, Log>,
}

impl WitnessState {
    /// Witnesses a log from here on, by its key, whose name is the origin. What was cosigned of the log stays: another key
    /// for the same origin does not set it back.
    pub fn trust(&mut self, key: NoteKey) {
        let origin = key.name().to_owned();
        match self.logs.get_mut(&origin) {
            Some(log) => log.key = key,
            None => drop(self.logs.insert(origin, Log { key, latest: None })),
        }
    }

    /// Takes in what was cosigned last.
    pub fn restore(&mut self, latest: Latest) {
        let key = latest.checkpoint.key().clone();
        self.logs.insert(key.name().to_owned(), Log { key, latest: Some(latest) });
    }

    /// The latest checkpoint of a log that was cosigned.
    #[must_use]
    pub fn latest(&self, origin: &str) -> Option<&Latest> {
        self.logs.get(origin)?.latest.as_ref()
    }

    /// The key of a log that is witnessed.
    #[must_use]
    pub fn key(&self, origin: &str) -> Option<&NoteKey> {
        self.logs.get(origin).map(|log| &log.key)
    }

    /// Judges a request by the rules of C2SP tlog-witness; changes nothing.
    ///
    /// # Errors
    /// [`Refusal`] says why the checkpoint is not to be cosigned.
    pub fn judge(&self, request: &AddCheckpoint) -> Result<VerifiedCheckpoint, Refusal> {
        let claimed = request.claimed();
        let unknown = || Refusal::UnknownLog { origin: claimed.origin().to_owned() };
        let log = self.logs.get(claimed.origin()).ok_or_else(unknown)?;
        let checkpoint = Checkpoint::verify(request.note(), &log.key).map_err(Refusal::NotSigned)?;
        if request.old() > checkpoint.size() {
            return Err(Refusal::OldBeyond { old: request.old(), size: checkpoint.size() });
        }
        let Some(latest) = &log.latest else {
            // Nothing to compare with: the first checkpoint of a log is believed as it comes.
            return match request.old() {
                TreeSize::ZERO => check_growth(request, None).map(|()| checkpoint),
                old => Err(Refusal::Conflict { recorded: TreeSize::ZERO, old }),
            };
        };
        let (recorded, recorded_root) = (latest.checkpoint.size(), latest.checkpoint.root());
        if checkpoint.size() == recorded && checkpoint.root() != recorded_root {
            // Proof of a fork, whatever the old size.
            return Err(
                forked(latest, request, &log.key, None).unwrap_or(Refusal::Conflict { recorded, old: request.old() })
            );
        }
        if request.old() != recorded {
            return Err(Refusal::Conflict { recorded, old: request.old() });
        }
        check_growth(request, Some((latest, &log.key))).map(|()| checkpoint)
    }
}

/// Checks that the log grew out of what was recorded; where it shows itself that it did not, the proof of that is told.
fn check_growth(request: &AddCheckpoint, recorded: Option<(&Latest, &NoteKey)>) -> Result<(), Refusal> {
    let (old, claimed, proof) = (request.old(), request.claimed(), request.consistency());
    let Some((latest, key)) = recorded else {
        let root = vm_core::digest::RootHash::empty();
        return proof.verify(old, root, claimed.size(), claimed.root()).map_err(Refusal::Inconsistent);
    };
    let Err(fault) = proof.verify(old, latest.checkpoint.root(), claimed.size(), claimed.root()) else { return Ok(()) };
    let prefix = proof.prefix_root(old, claimed.size(), claimed.root()).ok().flatten();
    let shown = prefix.and_then(|root| forked(latest, request, key, Some(root)));
    Err(shown.unwrap_or(Refusal::Inconsistent(fault)))
}

/// The refusal with the proof of a fork, if it holds.
fn forked(
    latest: &Latest,
    request: &AddCheckpoint,
    key: &NoteKey,
    prefix: Option<vm_core::digest::RootHash>,
) -> Option<Refusal> {
    let recorded = latest.note.signed_by(latest.checkpoint.key()).ok()?;
    let refused = request.note().signed_by(key).ok()?;
    let prefix = prefix.map(|root| (root, request.consistency().clone()));
    let fork = CheckpointFork::new(recorded, refused, prefix).ok()?;
    fork.check(key).is_ok().then(|| Refusal::Forked(Box::new(fork)))
}

/// A witness: its key, and what it knows of the logs.
#[derive(Clone)]
pub struct Witness {
    key: CosignerKey,
    signer: SigningIdentity,
    state: WitnessState,
}

impl Witness {
    /// A witness of this name and with what it recorded before.
    ///
    /// # Errors
    /// [`KeyError::Name`] where the name cannot stand in a note.
    pub fn new(name: impl Into<String>, signer: SigningIdentity, state: WitnessState) -> Result<Self, KeyError> {
        Ok(Self { key: CosignerKey::new(name, signer.public())?, signer, state })
    }

    /// The key that verifies its cosignatures.
    #[must_use]
    pub const fn key(&self) -> &CosignerKey {
        &self.key
    }

    /// What it knows of the logs.
    #[must_use]
    pub const fn state(&self) -> &WitnessState {
        &self.state
    }

    /// Witnesses a log from here on.
    pub fn trust(&mut self, key: NoteKey) {
        self.state.trust(key);
    }

    /// Answers a request at the time `now`: the line with the cosignature, which is given out only after `store` kept what was
    /// cosigned where no crash loses it. `store` MUST refuse where another process cosigned of the same log meanwhile.
    ///
    /// # Errors
    /// [`WitnessError::Refused`], and [`WitnessError::Store`] with what `store` said; nothing was cosigned then.
    pub fn add_checkpoint<E>(
        &mut self,
        request: &AddCheckpoint,
        now: UnixSeconds,
        store: impl FnOnce(&Latest) -> Result<(), E>,
    ) -> Result<NoteSignature, WitnessError<E>> {
        let checkpoint = self.state.judge(request).map_err(WitnessError::Refused)?;
        let last = self.state.latest(request.claimed().origin()).map(Latest::at);
        if let Some(last) = last.filter(|last| now < *last) {
            // A later size with an earlier time would say of the log what was not so.
            return Err(WitnessError::Refused(Refusal::ClockBehind { last, now }));
        }
        let unsignable = |error| WitnessError::Refused(Refusal::Unsignable(error));
        let text = request.note().unverified_text();
        let line = cosignature::cosign(text, now, &self.key, &self.signer).map_err(unsignable)?;
        let note = request.note().signed_by(checkpoint.key()).and_then(|note| note.with_signature(line.clone()));
        let note = note.map_err(|error| unsignable(CosignatureError::Note(error)))?;
        let latest = Latest { note, checkpoint, at: now };
        store(&latest).map_err(WitnessError::Store)?;
        self.state.restore(latest);
        Ok(line)
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").field("key", &self.key).field("state", &self.state).finish_non_exhaustive()
    }
}
