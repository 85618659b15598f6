//! Keys of those whom something is disclosed to, and the vault's own key of envelopes.

use std::fs;
use std::io;
use std::path::Path;

use vm_core::source::Entropy;
use vm_envelope::{Cost, KEY_FILE_MAX, KeyFile, LockedKey, PASSPHRASE_MAX, PublicKey, SecretKey};
use zeroize::Zeroizing;

use crate::error::{PrivacyFault, VaultError};

/// The two files of a new key pair.
pub struct RecipientFiles {
    /// To be kept by its owner alone.
    pub secret: Zeroizing<String>,
    /// To be given to whoever discloses.
    pub public: String,
    /// The key.
    pub key: PublicKey,
}

impl std::fmt::Debug for RecipientFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecipientFiles").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Makes a key pair, the secret half under `passphrase` where one is given. Cost: that of Argon2id then, a third of a second.
///
/// # Errors
/// [`PrivacyFault::KeyFile`] where the passphrase cannot be used.
pub fn new_recipient(passphrase: Option<&[u8]>, entropy: &mut dyn Entropy) -> Result<RecipientFiles, VaultError> {
    let secret = SecretKey::generate(entropy);
    let key = secret.public().clone();
    let file = match passphrase {
        None => KeyFile::Secret(secret),
        Some(passphrase) => {
            let locked = LockedKey::lock(&secret, passphrase, Cost::RECOMMENDED, entropy);
            KeyFile::Locked(locked.map_err(PrivacyFault::KeyFile)?)
        }
    };
    Ok(RecipientFiles { secret: file.format(), public: KeyFile::Public(key.clone()).format().to_string(), key })
}

/// A public key from its file.
///
/// # Errors
/// [`PrivacyFault::KeyKind`] where it is a secret one, which nobody should hand around; [`PrivacyFault::KeyFile`],
/// [`VaultError::File`].
pub fn read_public(path: &Path) -> Result<PublicKey, VaultError> {
    match read(path)? {
        KeyFile::Public(key) => Ok(key),
        _ => Err(PrivacyFault::KeyKind { expected: "public" }.into()),
    }
}

/// A secret key from its file, which must be closed to others.
///
/// # Errors
/// [`PrivacyFault::PassphraseMissing`] where one is needed; [`PrivacyFault::KeyKind`], [`PrivacyFault::KeyFile`],
/// [`VaultError::KeyOpen`], [`VaultError::File`].
pub fn read_secret(path: &Path, passphrase: Option<&[u8]>) -> Result<SecretKey, VaultError> {
    #[cfg(unix)]
    {
        let meta = fs::metadata(path).map_err(|source| fault(path, source))?;
        if std::os::unix::fs::MetadataExt::mode(&meta) & 0o077 != 0 {
            return Err(VaultError::KeyOpen { path: path.to_owned() });
        }
    }
    match read(path)? {
        KeyFile::Secret(key) => Ok(key),
        KeyFile::Locked(key) => {
            let passphrase = passphrase.ok_or(PrivacyFault::PassphraseMissing)?;
            Ok(key.unlock(passphrase).map_err(PrivacyFault::KeyFile)?)
        }
        _ => Err(PrivacyFault::KeyKind { expected: "secret" }.into()),
    }
}

/// The public half of a key file of any kind; of one under a passphrase there is none to be seen.
///
/// # Errors
/// As [`read_secret`].
pub fn read_any(path: &Path, passphrase: Option<&[u8]>) -> Result<PublicKey, VaultError> {
    match read(path)? {
        KeyFile::Public(key) => Ok(key),
        _ => Ok(read_secret(path, passphrase)?.public().clone()),
    }
}

/// The passphrase in a file: its content without the line feed at the end.
///
/// # Errors
/// [`PrivacyFault::PassphraseTooLong`], [`VaultError::File`].
pub fn read_passphrase(path: &Path) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut bytes = read_limited(path, PASSPHRASE_MAX + 1)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.len() > PASSPHRASE_MAX {
        return Err(PrivacyFault::PassphraseTooLong { limit: PASSPHRASE_MAX }.into());
    }
    Ok(bytes)
}

fn read(path: &Path) -> Result<KeyFile, VaultError> {
    let bytes = read_limited(path, KEY_FILE_MAX)?;
    Ok(KeyFile::parse(&bytes).map_err(PrivacyFault::KeyFile)?)
}

/// Content of a file, at most one byte more than `limit`, so that more is seen as too much.
fn read_limited(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    use io::Read as _;
    let file = fs::File::open(path).map_err(|source| fault(path, source))?;
    // All at once: a buffer that grows would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit.saturating_add(1)));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(|source| fault(path, source))?;
    Ok(bytes)
}

fn fault(path: &Path, source: io::Error) -> VaultError {
    VaultError::File { path: path.to_owned(), source }
}
