//! The embedded local authority: real tokens without a network, which prove nothing to others.

use vm_anchor::authority::LocalAuthority;

use crate::error::VaultError;
use crate::trust::TrustFile;
use crate::vault::Vault;

/// Files of the local authority in the folder of keys: its key, its certificate, its root (DER, and PEM for others).
const TSA_FILES: [&str; 4] = ["tsa.pkcs8", "tsa.der", "tsa-root.der", "tsa-root.pem"];

impl Vault {
    /// What a verifier of this vault may believe to begin with: its key, and the local authority.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn trust_file(&self) -> Result<TrustFile, VaultError> {
        let local = self.local_authority()?.trusted().map_err(VaultError::Policy)?;
        Ok(TrustFile::new(Some(self.note_key().clone()), vec![local]))
    }

    /// The local authority, from its files beside the signing keys; made where there is none.
    pub(super) fn local_authority(&self) -> Result<LocalAuthority, VaultError> {
        let [key, certificate, root, pem] = TSA_FILES;
        if self.keys.has(key) {
            let (key, certificate) = (self.keys.read(key)?, self.keys.read(certificate)?);
            return Ok(LocalAuthority::from_pkcs8(&key, &certificate, &self.keys.read(root)?)?);
        }
        let made = LocalAuthority::generate("VaultMesh local authority", self.now())?;
        self.keys.write(certificate, made.certificate_der())?;
        self.keys.write(root, made.root_der())?;
        self.keys.write(pem, made.root().to_pem().as_bytes())?;
        // The key last: where it stands, the others do.
        self.keys.write(key, made.key_pkcs8())?;
        Ok(made)
    }
}
