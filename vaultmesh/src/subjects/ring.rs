//! Every key of openings in a ledger's folder of keys, for whoever reads.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use vm_core::id::LedgerId;
use vm_core::key::{OpeningsKey, OpeningsKeyId};
use vm_ledger::{OpeningsError, OpeningsKeys};

use super::{SubjectId, SubjectKeys};
use crate::error::{PrivacyFault, VaultError};
use crate::keys::KeyStore;

/// All keys of openings that a ledger's key folder holds: the vault's own, and those of subjects, each opened when it is first
/// needed. Cost: a subject's key takes one key exchange; the first of them, a look into the file of each.
#[derive(Debug)]
pub struct Ring {
    own: OpeningsKey,
    subjects: SubjectKeys,
    known: OnceLock<BTreeMap<OpeningsKeyId, SubjectId>>,
    opened: Mutex<BTreeMap<OpeningsKeyId, OpeningsKey>>,
}

impl Ring {
    /// The keys in `keys`.
    ///
    /// # Errors
    /// As [`KeyStore::openings`].
    pub fn open(keys: &KeyStore, ledger: LedgerId) -> Result<Self, VaultError> {
        Ok(Self {
            own: keys.openings()?,
            subjects: SubjectKeys::new(keys, ledger),
            known: OnceLock::new(),
            opened: Mutex::default(),
        })
    }

    fn of_subject(&self, id: OpeningsKeyId) -> Result<Option<OpeningsKey>, VaultError> {
        let known = match self.known.get() {
            Some(known) => known,
            None => {
                let all = self.subjects.all()?;
                self.known.get_or_init(|| all)
            }
        };
        let Some(subject) = known.get(&id) else { return Ok(None) };
        Ok(self.subjects.open_present(*subject)?.filter(|key| key.id() == id))
    }
}

impl OpeningsKeys for Ring {
    fn key(&self, id: OpeningsKeyId) -> Result<OpeningsKey, OpeningsError> {
        if id == self.own.id() {
            return Ok(self.own.clone());
        }
        let fault = |error: VaultError| OpeningsError::Key(Box::new(error));
        if let Some(tombstone) = self.subjects.tombstone(id).map_err(fault)? {
            return Err(OpeningsError::Erased { receipt: tombstone.receipt });
        }
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = opened.get(&id) {
            return Ok(key.clone());
        }
        if self.subjects.is_lost(id) {
            return Err(fault(PrivacyFault::SubjectKeyLost { key: id.to_string() }.into()));
        }
        let absent = || OpeningsError::OtherKey { expected: id.to_string(), found: self.own.id().to_string() };
        let key = self.of_subject(id).map_err(fault)?.ok_or_else(absent)?;
        opened.insert(id, key.clone());
        Ok(key)
    }
}
