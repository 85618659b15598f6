//! Adding and changing the ledger's ML-DSA key, by the root's word.

use std::path::PathBuf;

use serde::Serialize;
use vm_core::capability::act;
use vm_core::key::{KeyChangeReason, MlDsaCosignerKey, Note};
use vm_ledger::MlDsaKeyChange;

use crate::error::{KeysError, VaultError};
use crate::second::second_signed;
use crate::vault::{Recorded, Vault};

/// A change of the ML-DSA key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MlDsaRotation {
    /// Why; of the first key [`KeyChangeReason::Rotation`].
    pub reason: KeyChangeReason,
    /// Whether it is the first, or the first after there was none.
    pub is_first: bool,
    /// File of the root key, where it is not among the ledger's keys.
    pub root_key: Option<PathBuf>,
}

/// An ML-DSA key that was added or changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MlDsaChanged {
    /// Why; none where there was no key before.
    pub reason: Option<&'static str>,
    /// The key from here on, as verifiers pin it.
    pub key: MlDsaCosignerKey,
    /// First size of the log that it signs.
    pub from_size: u64,
    /// Its row.
    pub recorded: Recorded,
}

impl Vault {
    /// Puts an ML-DSA key in force: file first, then the row, then the file under its own name.
    ///
    /// # Errors
    /// [`KeysError::SecondThere`], [`KeysError::SecondAbsent`]; [`VaultError::Key`] in a build without ML-DSA; as
    /// [`Vault::change_log_key`].
    pub fn change_ml_dsa_key(&mut self, rotation: &MlDsaRotation) -> Result<MlDsaChanged, VaultError> {
        let root = self.keys.root(rotation.root_key.as_deref())?;
        if root.public() != self.ledger.genesis().root_key() {
            return Err(KeysError::NotRoot.into());
        }
        let changing = self.keys.changing()?;
        self.ledger.refresh()?;
        match self.ledger.keys().ml_dsa().cloned() {
            Some(_) if rotation.is_first => return Err(KeysError::SecondThere.into()),
            None if !rotation.is_first => return Err(KeysError::SecondAbsent.into()),
            // Whoever changed it before may have died between row and file.
            Some(old) => match self.keys.ml_dsa(&old) {
                Ok(_) | Err(VaultError::KeyMissing { .. } | VaultError::KeyMalformed { .. }) => {}
                Err(error) => return Err(error),
            },
            None => {}
        }
        let new = self.keys.make_next_ml_dsa(&mut *self.sources.entropy, &changing)?;
        let headers = self.headers();
        let (permit, now) = (self.permit::<act::Record>()?, self.now());
        let change = MlDsaKeyChange { root: &root, new: Some(&new), reason: rotation.reason };
        let appended = self.ledger.record_ml_dsa_change(&permit, headers, change, now)?;
        self.keys.promote_ml_dsa()?;
        Ok(MlDsaChanged {
            reason: (!rotation.is_first).then(|| rotation.reason.as_str()),
            key: self.ledger.keys().ml_dsa_note_key(new.public()).map_err(VaultError::Key)?,
            from_size: appended.seq.saturating_add(1),
            recorded: Recorded::of_system(appended),
        })
    }

    /// A checkpoint of this ledger with the line of the ML-DSA key, where one is in force.
    pub(super) fn second_signed(&self, note: Note) -> Result<Note, VaultError> {
        second_signed(note, self.ledger.keys(), &self.keys)
    }
}
