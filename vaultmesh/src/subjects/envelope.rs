//! The key of envelopes that subjects' keys are wrapped in, and putting another in its place. At no moment is a subject's key readable
//! by neither: each file is wrapped for both keys before the row that changes them, and for the new one alone behind it.
//!
//! ```text
//! envelope.key        in force
//! envelope.next.key   being changed to
//! envelope.past.key   was in force, and is about to be destroyed
//! ```

use std::fs;
use std::io;

use vm_core::key::{KeyChangeReason, OpeningsKeyId};
use vm_core::source::Entropy;
use vm_envelope::error::OpenError;
use vm_envelope::{Envelope, KeyFile, PublicKey, SecretKey};

use super::{Locked, SubjectId, SubjectKeys, key_file, lost_file, overwrite};
use crate::error::{PrivacyFault, VaultError};

/// File of the key of envelopes.
pub(super) const ENVELOPE_FILE: &str = "envelope.key";
/// File of the one that is being changed to. It is not in force before the ledger says so.
pub(super) const NEXT_FILE: &str = "envelope.next.key";
/// File of the one that was in force, until it is destroyed.
pub(super) const PAST_FILE: &str = "envelope.past.key";

/// What became of subjects' keys when the key of envelopes was changed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Rewrapped {
    /// Keys that are wrapped anew.
    pub(crate) wrapped: u64,
    /// Keys that no key at hand opens, and that were put aside.
    pub(crate) lost: u64,
}

/// Keys of envelopes while they are changed, by their ids.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Prepared {
    /// The key at hand until now; none where it is gone.
    pub(crate) old: Option<String>,
    /// The key that is changed to.
    pub(crate) new: String,
}

impl SubjectKeys {
    /// Whether there is, or ever was, anything to change: a key of envelopes, or a key in one.
    pub(crate) fn has_envelope(&self) -> Result<bool, VaultError> {
        Ok(self.keys.has(ENVELOPE_FILE) || !self.subjects()?.is_empty())
    }

    /// Id of the key of envelopes at hand; none where there is none.
    ///
    /// # Errors
    /// [`PrivacyFault::KeyFile`], and as [`KeyStore::read`](crate::keys::KeyStore::read).
    pub fn envelope_id(&self) -> Result<Option<String>, VaultError> {
        match self.secret_in(ENVELOPE_FILE) {
            Ok(key) => Ok(Some(key.public().id().to_string())),
            Err(VaultError::KeyMissing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn secret_in(&self, name: &str) -> Result<SecretKey, VaultError> {
        match KeyFile::parse(&self.keys.read(name)?).map_err(PrivacyFault::KeyFile)? {
            KeyFile::Secret(key) => Ok(key),
            _ => Err(PrivacyFault::KeyKind { expected: "secret" }.into()),
        }
    }

    /// The secret key that an envelope is for; where none here is, the one in force, which it then refuses by name.
    pub(super) fn secret_for(&self, envelope: &Envelope<'_>) -> Result<SecretKey, VaultError> {
        let own = self.secret_in(ENVELOPE_FILE);
        let fits = |key: &SecretKey| envelope.recipients().any(|id| id == key.public().id());
        if own.as_ref().is_ok_and(fits) {
            return own;
        }
        [NEXT_FILE, PAST_FILE].iter().find_map(|name| self.secret_in(name).ok().filter(fits)).map_or(own, Ok)
    }

    /// The key that new keys are wrapped for, made with the first. Where keys are here and theirs is gone, none is made: its owner
    /// has to say that it is lost.
    pub(super) fn own_envelope(&self, entropy: &mut dyn Entropy) -> Result<PublicKey, VaultError> {
        if !self.keys.has(ENVELOPE_FILE) && !self.keys.has(NEXT_FILE) && self.subjects()?.is_empty() {
            self.write_key(ENVELOPE_FILE, SecretKey::generate(entropy))?;
        }
        Ok(self.secret_in(ENVELOPE_FILE)?.public().clone())
    }

    fn write_key(&self, name: &str, key: SecretKey) -> Result<(), VaultError> {
        self.keys.write(name, KeyFile::Secret(key).format().as_bytes())
    }

    /// Before the row: makes the key to change to, and wraps every subject's key for both, so that whatever the ledger comes to say
    /// they open. A key that an earlier attempt left is not used, since whoever stole the other may have it too, but where nothing
    /// else may open what is wrapped for it.
    ///
    /// # Errors
    /// [`VaultError::KeyFile`]; unless the key is declared lost, [`VaultError::KeyMissing`] and whatever keeps a subject's key from
    /// being opened. Nothing that opened before does not now.
    pub(crate) fn prepare(
        &self,
        reason: KeyChangeReason,
        entropy: &mut dyn Entropy,
        _: &Locked,
    ) -> Result<Prepared, VaultError> {
        let is_lost = reason == KeyChangeReason::Lost;
        let old = match self.secret_in(ENVELOPE_FILE) {
            Ok(old) => Some(old),
            Err(VaultError::KeyMissing { .. } | VaultError::Privacy(_)) if is_lost => None,
            Err(error) => return Err(error),
        };
        if !is_lost {
            for subject in self.subjects()? {
                let _opens = self.open_present(subject)?;
            }
        }
        let next = self.make_next(old.is_none(), entropy)?;
        let both: Vec<PublicKey> = old.iter().chain([&next]).map(|key| key.public().clone()).collect();
        for subject in self.subjects()? {
            let _done = self.rewrap(subject, &both, entropy)?;
        }
        let id = |key: &SecretKey| key.public().id().to_string();
        Ok(Prepared { old: old.as_ref().map(id), new: id(&next) })
    }

    pub(super) fn make_next(&self, to_keep: bool, entropy: &mut dyn Entropy) -> Result<SecretKey, VaultError> {
        if to_keep && let Ok(left) = self.secret_in(NEXT_FILE) {
            return Ok(left);
        }
        self.bury(NEXT_FILE)?;
        let next = SecretKey::generate(entropy);
        self.write_key(NEXT_FILE, next.clone())?;
        Ok(next)
    }

    /// Wraps the key of a subject for these keys alone. False where no key at hand opens it: it stays as it is.
    pub(super) fn rewrap(
        &self,
        subject: SubjectId,
        recipients: &[PublicKey],
        entropy: &mut dyn Entropy,
    ) -> Result<bool, VaultError> {
        let key = match self.open_present(subject) {
            Ok(Some(key)) => key,
            Ok(None) => return Ok(true),
            Err(error) if is_lost(&error) => return Ok(false),
            // Damaged, and so it stays: whoever needs it is told.
            Err(VaultError::Privacy(_)) => return Ok(true),
            Err(error) => return Err(error),
        };
        let text = self.wrap(subject, &key, recipients, entropy)?;
        self.folder.write(&key_file(subject), text.as_bytes())?;
        Ok(true)
    }

    /// Behind the row: finishes a change to the key of envelopes that the ledger says is in force. Can be repeated, by whoever opens
    /// the vault next. Cost: two looks for a file where there is nothing to do.
    ///
    /// # Errors
    /// [`VaultError::KeyFile`].
    pub(crate) fn settle(&self, in_force: Option<&str>, entropy: &mut dyn Entropy) -> Result<Rewrapped, VaultError> {
        if !self.keys.has(NEXT_FILE) && !self.keys.has(PAST_FILE) {
            return Ok(Rewrapped::default());
        }
        let lock = self.lock()?;
        self.settle_locked(in_force, entropy, &lock)
    }

    /// As [`SubjectKeys::settle`], for whoever holds the lock.
    pub(crate) fn settle_locked(
        &self,
        in_force: Option<&str>,
        entropy: &mut dyn Entropy,
        _: &Locked,
    ) -> Result<Rewrapped, VaultError> {
        let mut done = Rewrapped::default();
        if self.keys.has(NEXT_FILE) {
            let next = self.secret_in(NEXT_FILE)?.public().clone();
            if Some(next.id().to_string().as_str()) != in_force {
                return Ok(done);
            }
            for subject in self.subjects()? {
                if self.rewrap(subject, std::slice::from_ref(&next), entropy)? {
                    done.wrapped = done.wrapped.saturating_add(1);
                } else {
                    self.put_aside(subject)?;
                    done.lost = done.lost.saturating_add(1);
                }
            }
            self.retire()?;
            self.promote()?;
        }
        self.bury(PAST_FILE)?;
        Ok(done)
    }

    /// Moves the key that was in force out of the way. From here on readers take the next one.
    pub(super) fn retire(&self) -> Result<(), VaultError> {
        if self.keys.has(ENVELOPE_FILE) {
            self.bury(PAST_FILE)?;
            self.rename(ENVELOPE_FILE, PAST_FILE)?;
        }
        Ok(())
    }

    pub(super) fn promote(&self) -> Result<(), VaultError> {
        self.rename(NEXT_FILE, ENVELOPE_FILE)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), VaultError> {
        let dir = self.keys.dir();
        let moved = fs::rename(dir.join(from), dir.join(to)).and_then(|()| fs::File::open(dir)?.sync_all());
        moved.map_err(|source| VaultError::KeyFile { path: dir.join(to), source })
    }

    /// Destroys a key of envelopes; nothing where it is not there.
    pub(super) fn bury(&self, name: &str) -> Result<(), VaultError> {
        let dir = self.keys.dir();
        let gone = overwrite(&dir.join(name)).and_then(|()| fs::File::open(dir)?.sync_all());
        gone.map_err(|source| VaultError::KeyFile { path: dir.join(name), source })
    }

    /// Gives the file of a key that nothing here opens another name, so that its subject can have a new key, and be erased.
    fn put_aside(&self, subject: SubjectId) -> Result<(), VaultError> {
        let Some(key) = self.key_id(subject)? else { return Ok(()) };
        let dir = self.folder.dir();
        let to = dir.join(lost_file(key));
        let moved = fs::rename(dir.join(key_file(subject)), &to).and_then(|()| fs::File::open(dir)?.sync_all());
        moved.map_err(|source: io::Error| VaultError::KeyFile { path: to, source })
    }

    /// Whether a key was put aside because the key of envelopes around it was lost.
    pub(super) fn is_lost(&self, key: OpeningsKeyId) -> bool {
        self.folder.has(&lost_file(key))
    }

    /// Keys of a subject that were put aside.
    ///
    /// # Errors
    /// [`PrivacyFault::SubjectKey`], and as [`KeyStore::read`](crate::keys::KeyStore::read).
    pub fn lost(&self, subject: SubjectId) -> Result<Vec<OpeningsKeyId>, VaultError> {
        let mut found = Vec::new();
        for name in self.names(".lost")? {
            let key = OpeningsKeyId::parse_hex(&name).map_err(VaultError::Key)?;
            let bytes = self.folder.read(&lost_file(key))?;
            let text = std::str::from_utf8(&bytes).unwrap_or_default();
            let is_of = |of: &str| of == subject.to_string();
            if text.split(' ').nth(1).is_some_and(is_of) && self.line(subject, text)?.0 == key {
                found.push(key);
            }
        }
        Ok(found)
    }
}

/// Whether a subject's key does not open because no key of envelopes at hand is the one that it is wrapped for.
fn is_lost(error: &VaultError) -> bool {
    matches!(
        error,
        VaultError::KeyMissing { .. }
            | VaultError::Privacy(
                PrivacyFault::Open(OpenError::NotRecipient { .. })
                    | PrivacyFault::KeyFile(_)
                    | PrivacyFault::KeyKind { .. }
            )
    )
}

#[cfg(test)]
mod tests;
