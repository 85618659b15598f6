//! The file of the ledger's ML-DSA key, by which heads and the checkpoints of seals are signed a second time.

use vm_core::digest::to_hex;
use vm_core::key::{MlDsaIdentity, MlDsaKey};
use vm_core::source::Entropy;
use zeroize::Zeroizing;

use super::rotation::Changing;
use super::{FORMAT, KeyStore};
use crate::error::VaultError;

/// What the key is for, in its file.
const ML_DSA: &str = "ml-dsa";
/// File of the key in force.
const FILE: &str = "mldsa.key";
/// File of the key that is being changed to. It is not in force before the ledger says so.
const NEXT_FILE: &str = "mldsa.next.key";

impl KeyStore {
    /// The ML-DSA key that the ledger says is in force. Where a crash came between the row and the file, the file is put in its
    /// place now.
    ///
    /// # Errors
    /// [`VaultError::KeyMissing`] where no file holds that key; as [`KeyStore::identity`]; [`VaultError::Key`] in a build without
    /// ML-DSA.
    pub fn ml_dsa(&self, in_force: &MlDsaKey) -> Result<MlDsaIdentity, VaultError> {
        for (name, is_next) in [(FILE, false), (NEXT_FILE, true)] {
            if !self.has(name) {
                continue;
            }
            let found = MlDsaIdentity::from_seed(&*self.seed_in(name, ML_DSA)?).map_err(VaultError::Key)?;
            if found.public() == in_force {
                if is_next {
                    self.promote_ml_dsa()?;
                }
                return Ok(found);
            }
        }
        Err(VaultError::KeyMissing { path: self.dir.join(FILE) })
    }

    /// Makes an ML-DSA key to change to, durably. One that an earlier attempt left was never in force and is not used.
    pub(crate) fn make_next_ml_dsa(
        &self,
        entropy: &mut dyn Entropy,
        _: &Changing,
    ) -> Result<MlDsaIdentity, VaultError> {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(seed.as_mut_slice());
        let next = MlDsaIdentity::from_seed(&seed).map_err(VaultError::Key)?;
        self.write(NEXT_FILE, ml_dsa_text(&next, &seed).as_bytes())?;
        Ok(next)
    }

    /// Puts the key that came into force in the place of the one before, which is gone then.
    pub(crate) fn promote_ml_dsa(&self) -> Result<(), VaultError> {
        self.put_in_place(NEXT_FILE, FILE)
    }
}

/// A key's file. Of the public half, which is long, the SHA-256.
fn ml_dsa_text(key: &MlDsaIdentity, seed: &Zeroizing<[u8; 32]>) -> Zeroizing<String> {
    let public = vm_core::digest::Sha256Digest::of(key.public().as_bytes());
    Zeroizing::new(format!(
        "# VaultMesh secret key ({ML_DSA}). Keep it private; without it heads and seals lack the second signature.\n\
         # SHA-256 of the public key: {public}\n{FORMAT} {ML_DSA} {}\n",
        Zeroizing::new(to_hex(seed.as_slice())).as_str(),
    ))
}
