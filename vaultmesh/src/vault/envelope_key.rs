//! Changing the key of envelopes, by the root's word.

use serde::Serialize;
use vm_core::capability::act;
use vm_ledger::EnvelopeKeyChange;

use crate::error::{KeysError, VaultError};
use crate::vault::{KeyRotation, Recorded, Vault};

/// A key of envelopes that was changed. Keys go by their ids.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EnvelopeKeyChanged {
    /// Why.
    pub reason: &'static str,
    /// The key until now; none where nobody knows it any more.
    pub old: Option<String>,
    /// The key from here on.
    pub key: String,
    /// Subjects whose keys are under the new one.
    pub subjects: u64,
    /// Subjects whose keys nothing opens any more.
    pub lost: u64,
    /// Its row.
    pub recorded: Recorded,
}

impl Vault {
    /// Puts a new key of envelopes in the place of the one in force. Each subject's key is wrapped for both, then the row is
    /// recorded, then each is wrapped for the new one alone and the old one is destroyed. What a crash leaves in between opens, and
    /// is finished by whoever opens the vault next, or by this again. Keys that the lost key alone opens are put aside.
    ///
    /// # Errors
    /// [`KeysError::RootMissing`], [`KeysError::NotRoot`], [`KeysError::NoEnvelope`], [`KeysError::TrustedEnvelope`];
    /// [`VaultError::KeyMissing`] where the key is gone and not declared lost; whatever keeps files or row from being written.
    pub fn change_envelope_key(&mut self, rotation: &KeyRotation) -> Result<EnvelopeKeyChanged, VaultError> {
        if rotation.trusted_size.is_some() {
            return Err(KeysError::TrustedEnvelope.into());
        }
        let (root, subjects) = (self.root_identity(rotation)?, self.subject_keys());
        let _changing = self.keys.changing()?;
        let lock = subjects.lock()?;
        self.ledger.refresh()?;
        let in_force = self.ledger.keys().envelope().map(str::to_owned);
        let _earlier = subjects.settle_locked(in_force.as_deref(), &mut *self.sources.entropy, &lock)?;
        if in_force.is_none() && !subjects.has_envelope()? {
            return Err(KeysError::NoEnvelope.into());
        }
        let reason = rotation.reason;
        let prepared = subjects.prepare(reason, &mut *self.sources.entropy, &lock)?;
        let (old, new) = (in_force.or(prepared.old), prepared.new);
        let headers = self.headers();
        let (permit, now) = (self.permit::<act::Record>()?, self.now());
        let change = EnvelopeKeyChange { root: &root, old: old.as_deref(), new: &new, reason };
        let appended = self.ledger.record_envelope_change(&permit, headers, change, now)?;
        let done = subjects.settle_locked(Some(&new), &mut *self.sources.entropy, &lock)?;
        Ok(EnvelopeKeyChanged {
            reason: reason.as_str(),
            old,
            key: new,
            subjects: done.wrapped,
            lost: done.lost,
            recorded: Recorded::of_system(appended),
        })
    }

    /// Finishes a change of the key of envelopes that a crash left behind its row.
    pub(super) fn settle_envelope(&mut self) -> Result<(), VaultError> {
        let in_force = self.ledger.keys().envelope().map(str::to_owned);
        self.subject_keys().settle(in_force.as_deref(), &mut *self.sources.entropy).map(|_| ())
    }
}
