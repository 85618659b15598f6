//! Changing the log key, by the root's word.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use vm_core::capability::act;
use vm_core::key::{KeyChangeReason, NoteKey, PublicKey, SigningIdentity};
use vm_ledger::{Keyring, Ledger, LogKeyChange};

use crate::error::{KeysError, VaultError};
use crate::keys::{HolderName, KeyStore};
use crate::vault::{Place, Recorded, Sources, Vault, divide};

/// A change of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRotation {
    /// Why.
    pub reason: KeyChangeReason,
    /// Of a stolen key: how many entries of the log are vouched for; without it, all that it has.
    pub trusted_size: Option<u64>,
    /// File of the root key, where it is not among the ledger's keys.
    pub root_key: Option<PathBuf>,
}

/// A log key that was changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct KeyChanged {
    /// Why.
    pub reason: &'static str,
    /// The key until now.
    pub old: PublicKey,
    /// The key from here on, as verifiers pin it.
    pub key: NoteKey,
    /// First size of the log that it signs.
    pub from_size: u64,
    /// Its row.
    pub recorded: Recorded,
}

impl Vault {
    /// Opens a vault of which the log key may be lost: it can then do nothing but change it ([`Vault::change_log_key`]).
    ///
    /// # Errors
    /// As [`Vault::open`], but for the log key.
    pub fn open_to_change_keys(
        place: &Place,
        mut sources: Sources,
        timeout: Duration,
        holder: Option<&HolderName>,
    ) -> Result<Self, VaultError> {
        let known = Ledger::open_read(&place.vault)?.keys()?;
        let keys = KeyStore::new(&place.keys, known.ledger());
        let log_key = match keys.log(known.current()) {
            Ok(key) => key,
            Err(VaultError::KeyMissing { .. } | VaultError::KeyMalformed { .. }) => {
                // It signs nothing: the ledger takes the key that is changed to.
                let mut seed = zeroize::Zeroizing::new([0; 32]);
                sources.entropy.fill(seed.as_mut_slice());
                SigningIdentity::from_seed(&seed)
            }
            Err(error) => return Err(error),
        };
        let (own, access) = divide(sources, &keys, log_key, timeout)?;
        let mut ledger = Ledger::open_without_log_key(&place.vault, access)?;
        let ring = keys.clone();
        ledger.set_keyring(Keyring::new(move |key| ring.log(key).ok()));
        let mut vault = Self::assemble(place.clone(), ledger, keys, own)?;
        if let Some(name) = holder {
            vault.holder = vault.keys.holder(name)?;
        }
        Ok(vault)
    }

    /// Puts a new log key in the place of the one in force: file first, then the row, then the file in the place of the old one.
    ///
    /// # Errors
    /// [`KeysError::RootMissing`], [`KeysError::NotRoot`], [`KeysError::TrustedBeyond`]; whatever keeps files or row from being
    /// written.
    pub fn change_log_key(&mut self, rotation: &KeyRotation) -> Result<KeyChanged, VaultError> {
        let root = self.root_identity(rotation)?;
        let changing = self.keys.changing()?;
        self.ledger.refresh()?;
        let old = self.ledger.keys().current();
        // Whoever changed it before may have died between row and file. A file of another key does not matter here.
        match self.keys.log(old) {
            Ok(_) | Err(VaultError::KeyMissing { .. } | VaultError::KeyMalformed { .. }) => {}
            Err(error) => return Err(error),
        }
        if let Some(trusted) = rotation.trusted_size {
            let size = vm_core::view::EvidenceView::size(&self.ledger.snapshot()?).map_err(VaultError::View)?;
            if trusted > size {
                return Err(KeysError::TrustedBeyond { size, trusted }.into());
            }
        }
        let new = self.keys.make_next(&mut *self.sources.entropy, &changing)?;
        let headers = self.headers();
        let (permit, now) = (self.permit::<act::Record>()?, self.now());
        let KeyRotation { reason, trusted_size, .. } = *rotation;
        let change = LogKeyChange { root: &root, new: &new, reason, trusted_size };
        let appended = self.ledger.record_key_change(&permit, headers, change, now)?;
        self.keys.promote()?;
        self.note_key = self.ledger.keys().note_key(new.public()).map_err(VaultError::Key)?;
        Ok(KeyChanged {
            reason: reason.as_str(),
            old,
            key: self.note_key.clone(),
            from_size: appended.seq.saturating_add(1),
            recorded: Recorded::of_system(appended),
        })
    }

    /// The root key, which a change is signed by.
    pub(super) fn root_identity(&self, rotation: &KeyRotation) -> Result<SigningIdentity, VaultError> {
        let root = self.keys.root(rotation.root_key.as_deref())?;
        if root.public() == self.ledger.genesis().root_key() { Ok(root) } else { Err(KeysError::NotRoot.into()) }
    }

    /// The log key in force, which another process may have changed.
    pub(super) fn log_identity(&mut self) -> Result<SigningIdentity, VaultError> {
        self.ledger.refresh()?;
        let expected = self.ledger.keys().current();
        let key = self.keys.log(expected)?;
        let found = key.public();
        if found == expected { Ok(key) } else { Err(vm_ledger::LedgerError::WrongKey { expected, found }.into()) }
    }
}
