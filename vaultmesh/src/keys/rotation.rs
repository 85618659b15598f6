//! Key files while the log key changes: the new one is on disk before the row that brings it into force, and takes the place of the
//! old one, which is gone then, behind it.

use std::fs;
use std::path::Path;

use vm_core::key::{PublicKey, SigningIdentity};
use vm_core::source::Entropy;
use zeroize::Zeroizing;

use super::{FORMAT, KeyStore, Role, make_private_dir};
use crate::error::{KeysError, VaultError};

/// File of the log key that is being changed to. It is not in force before the ledger says so.
const NEXT_FILE: &str = "log.next.key";
/// File of the log key.
const LOG_FILE: &str = "log.key";
/// Held by whoever changes the log key, so that two of them do not write one file.
const LOCK_FILE: &str = "log.next.lock";

/// The right to change the log key, until it is dropped.
#[derive(Debug)]
pub(crate) struct Changing {
    _lock: fs::File,
}

impl KeyStore {
    /// The log key that the ledger says is in force. Where a crash came between the row and the file, the file is put in its place
    /// now. Where no file holds that key, the one at hand, which the ledger refuses by name.
    ///
    /// # Errors
    /// As [`KeyStore::identity`].
    pub fn log(&self, in_force: PublicKey) -> Result<SigningIdentity, VaultError> {
        let own = self.identity(Role::Log);
        if own.as_ref().is_ok_and(|own| own.public() == in_force) || !self.has(NEXT_FILE) {
            return own;
        }
        let next = SigningIdentity::from_seed(&*self.seed_in(NEXT_FILE, Role::Log.name())?);
        if next.public() != in_force {
            return own;
        }
        self.promote()?;
        Ok(next)
    }

    /// Waits for its turn to change the log key.
    pub(crate) fn changing(&self) -> Result<Changing, VaultError> {
        make_private_dir(&self.dir)?;
        let path = self.dir.join(LOCK_FILE);
        let open = || {
            let file = fs::File::options().create(true).truncate(false).write(true).open(&path)?;
            file.lock().map(|()| file)
        };
        let lock = open().map_err(|source| VaultError::KeyFile { path: path.clone(), source })?;
        Ok(Changing { _lock: lock })
    }

    /// Makes a log key to change to, durably. One that an earlier attempt left was never in force and is not used: whoever stole
    /// the others may have read it too.
    pub(crate) fn make_next(&self, entropy: &mut dyn Entropy, _: &Changing) -> Result<SigningIdentity, VaultError> {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(seed.as_mut_slice());
        let next = SigningIdentity::from_seed(&seed);
        let text = Zeroizing::new(format!(
            "# VaultMesh secret key (log). Keep it private; without it this ledger cannot go on.\n# public: {}\n{FORMAT} log {}\n",
            next.public(),
            Zeroizing::new(vm_core::digest::to_hex(seed.as_slice())).as_str(),
        ));
        self.write(NEXT_FILE, text.as_bytes())?;
        Ok(next)
    }

    /// Puts the key that came into force in the place of the one before, which is gone then: nothing needs it any more, and nobody
    /// can steal what is not there. Another process that has seen the row may have done it already.
    pub(crate) fn promote(&self) -> Result<(), VaultError> {
        self.put_in_place(NEXT_FILE, LOG_FILE)
    }

    /// Renames `next` to `name`, durably; where another process has done so already, nothing is left to do.
    pub(super) fn put_in_place(&self, next: &str, name: &str) -> Result<(), VaultError> {
        let path = self.dir.join(name);
        let put = || {
            match fs::rename(self.dir.join(next), &path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            fs::File::open(&self.dir)?.sync_all()
        };
        put().map_err(|source| VaultError::KeyFile { path: path.clone(), source })
    }

    /// The root key: in this folder, or in the file where its owner keeps it.
    ///
    /// # Errors
    /// [`KeysError::RootMissing`]; as [`KeyStore::identity`].
    pub fn root(&self, file: Option<&Path>) -> Result<SigningIdentity, VaultError> {
        let (dir, name) = match file {
            None => (self.dir.clone(), "root.key".to_owned()),
            Some(file) => {
                let malformed = || VaultError::KeyMalformed { path: file.to_owned() };
                let path = std::path::absolute(file).map_err(|_| malformed())?;
                let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(malformed)?.to_owned();
                (path.parent().ok_or_else(malformed)?.to_owned(), name)
            }
        };
        let store = Self { dir };
        match store.seed_in(&name, Role::Root.name()) {
            Ok(seed) => Ok(SigningIdentity::from_seed(&seed)),
            Err(VaultError::KeyMissing { path }) => Err(KeysError::RootMissing { path }.into()),
            Err(error) => Err(error),
        }
    }
}
