//! Key files: secret keys of one ledger, kept outside its vault.
//!
//! One text file a key, readable by its owner alone:
//!
//! ```text
//! # VaultMesh secret key. Whoever reads it can sign as this ledger's log.
//! # public: 8a88...5c
//! vm-secret-key-v0 log 9d61...60
//! ```

mod ml_dsa;
mod rotation;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use vm_core::capability::{Chain, Holder};
use vm_core::digest::{from_hex, to_hex};
use vm_core::id::LedgerId;
use vm_core::key::{BlindKey, SigningIdentity};
use vm_core::source::Entropy;
use vm_ledger::files::make_private_folders;
use vm_ledger::openings::OpeningsKey;
use zeroize::Zeroizing;

use crate::error::{TokenError, VaultError};

/// Name of the file that holds the operator's chain of capabilities.
const CHAIN_FILE: &str = "operator.capability.json";
/// First word of a key line.
const FORMAT: &str = "vm-secret-key-v0";
/// Longest file read from a key folder, in bytes: a chain of the longest tokens.
const KEY_FILE_MAX: u64 = 1024 * 1024;

/// What the key of a holder other than the operator is for, in its file.
const HOLDER: &str = "holder";
/// What the key is for by which a vault writes to a mesh, and the name of its file without ending.
const MESH: &str = "mesh";
/// Longest name of a holder.
const HOLDER_NAME_MAX: usize = 64;

/// Name of somebody who holds a token: 1 to 64 characters from `a-z`, `0-9` and hyphen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HolderName(String);

impl HolderName {
    fn key_file(&self) -> String {
        format!("holder.{}.key", self.0)
    }

    fn chain_file(&self) -> String {
        format!("holder.{}.capability.json", self.0)
    }
}

impl std::str::FromStr for HolderName {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=HOLDER_NAME_MAX).contains(&text.len()) && text.bytes().all(allowed);
        if fits { Ok(Self(text.to_owned())) } else { Err(TokenError::HolderName) }
    }
}

impl std::fmt::Display for HolderName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key is for; also its file's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Root authority: issues capabilities. Needed rarely; can be moved elsewhere.
    Root,
    /// Signs checkpoints, seals and scroll roots.
    Log,
    /// Holds the operator's capability.
    Operator,
    /// Encrypts the openings of commitments.
    Openings,
    /// Blinds idempotency keys.
    Blind,
}

impl Role {
    const ALL: [Self; 5] = [Self::Root, Self::Log, Self::Operator, Self::Openings, Self::Blind];

    const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Log => "log",
            Self::Operator => "operator",
            Self::Openings => "openings",
            Self::Blind => "blind",
        }
    }

    const fn signs(self) -> bool {
        matches!(self, Self::Root | Self::Log | Self::Operator)
    }
}

/// The secret keys a new ledger begins with.
pub struct NewKeys {
    seeds: [(Role, Zeroizing<[u8; 32]>); 5],
}

impl std::fmt::Debug for NewKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewKeys(..)")
    }
}

impl NewKeys {
    /// Makes new keys.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self {
            seeds: Role::ALL.map(|role| {
                let mut seed = Zeroizing::new([0; 32]);
                entropy.fill(seed.as_mut_slice());
                (role, seed)
            }),
        }
    }

    /// The signing identity of a role.
    #[must_use]
    pub fn identity(&self, role: Role) -> SigningIdentity {
        let [first, ..] = &self.seeds;
        let seed = self.seeds.iter().find(|(of, _)| *of == role).unwrap_or(first);
        SigningIdentity::from_seed(&seed.1)
    }
}

/// The folder that holds the keys of one ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyStore {
    dir: PathBuf,
}

impl KeyStore {
    /// Keys of `ledger` below `root`, the folder of all ledgers' keys.
    #[must_use]
    pub fn new(root: &Path, ledger: LedgerId) -> Self {
        Self { dir: root.join(ledger.to_string()) }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A folder of keys below this one.
    pub(crate) fn below(&self, name: &str) -> Self {
        Self { dir: self.dir.join(name) }
    }

    /// Makes the folder, closed to others, where it is missing.
    pub(crate) fn make(&self) -> Result<(), VaultError> {
        make_private_dir(&self.dir)
    }

    /// Writes new keys, durably, before anything depends on them.
    ///
    /// # Errors
    /// [`VaultError::KeyFile`].
    pub fn save(&self, keys: &NewKeys) -> Result<(), VaultError> {
        make_private_dir(&self.dir)?;
        for (role, seed) in &keys.seeds {
            let public = if role.signs() {
                format!("# public: {}\n", SigningIdentity::from_seed(seed).public())
            } else {
                String::new()
            };
            let text = Zeroizing::new(format!(
                "# VaultMesh secret key ({}). Keep it private; without it this ledger cannot go on.\n{public}{FORMAT} {} {}\n",
                role.name(),
                role.name(),
                Zeroizing::new(to_hex(seed.as_slice())).as_str(),
            ));
            self.write(&format!("{}.key", role.name()), text.as_bytes())?;
        }
        Ok(())
    }

    /// Writes a file that its owner alone may read: temporary file, sync, rename, sync of the folder.
    ///
    /// # Errors
    /// [`VaultError::KeyFile`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        make_private_dir(&self.dir)?;
        let (path, temporary) = (self.dir.join(name), self.dir.join(format!(".{name}.tmp")));
        let write = || -> io::Result<()> {
            match fs::remove_file(&temporary) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            fs::File::open(&self.dir)?.sync_all()
        };
        write().map_err(|source| VaultError::KeyFile { path: path.clone(), source })
    }

    /// Removes the files that a new ledger begins with, and the folder where nothing else is in it. What cannot be removed
    /// stays: keys of no ledger open nothing.
    pub(crate) fn remove(&self) {
        for role in Role::ALL {
            let _stays = fs::remove_file(self.dir.join(format!("{}.key", role.name())));
        }
        let _stays = fs::remove_file(self.dir.join(CHAIN_FILE));
        let _stays = fs::remove_dir(&self.dir);
    }

    /// Reads a file of the folder; secret ones must be closed to others.
    ///
    /// # Errors
    /// [`VaultError::KeyMissing`], [`VaultError::KeyOpen`] or [`VaultError::KeyFile`].
    pub fn read(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let path = self.dir.join(name);
        let fault = |source| VaultError::KeyFile { path: path.clone(), source };
        let meta = match fs::metadata(&path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(VaultError::KeyMissing { path: path.clone() });
            }
            Err(error) => return Err(fault(error)),
        };
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::mode(&meta) & 0o077 != 0 {
            return Err(VaultError::KeyOpen { path: path.clone() });
        }
        if meta.len() > KEY_FILE_MAX {
            return Err(VaultError::KeyMalformed { path: path.clone() });
        }
        fs::read(&path).map(Zeroizing::new).map_err(fault)
    }

    /// Whether a file of the folder is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.dir.join(name).exists()
    }

    fn seed(&self, role: Role) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        self.seed_in(&format!("{}.key", role.name()), role.name())
    }

    /// The seed in a key file, which must be for `purpose`.
    fn seed_in(&self, name: &str, purpose: &str) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let bytes = self.read(name)?;
        let fault = || VaultError::KeyMalformed { path: self.dir.join(name) };
        let text = std::str::from_utf8(&bytes).map_err(|_| fault())?;
        let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        let (Some(line), None) = (lines.next(), lines.next()) else { return Err(fault()) };
        let mut words = line.split(' ');
        let (format, of, hex) = (words.next(), words.next(), words.next());
        if format != Some(FORMAT) || of != Some(purpose) || words.next().is_some() {
            return Err(fault());
        }
        let bytes = Zeroizing::new(from_hex(hex.unwrap_or_default()).map_err(|_| fault())?);
        Ok(Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| fault())?))
    }

    /// The signing key of a role.
    ///
    /// # Errors
    /// As [`KeyStore::read`], or [`VaultError::KeyMalformed`].
    pub fn identity(&self, role: Role) -> Result<SigningIdentity, VaultError> {
        Ok(SigningIdentity::from_seed(&*self.seed(role)?))
    }

    /// The key that encrypts openings.
    ///
    /// # Errors
    /// As [`KeyStore::identity`].
    pub fn openings(&self) -> Result<OpeningsKey, VaultError> {
        Ok(OpeningsKey::from_bytes(*self.seed(Role::Openings)?))
    }

    /// The key that blinds idempotency keys.
    ///
    /// # Errors
    /// As [`KeyStore::identity`].
    pub fn blind(&self) -> Result<BlindKey, VaultError> {
        Ok(BlindKey::from_bytes(*self.seed(Role::Blind)?))
    }

    /// The key by which the vault writes to a mesh, made where there is none yet.
    ///
    /// # Errors
    /// As [`KeyStore::identity`]; [`VaultError::KeyFile`].
    pub fn mesh(&self, entropy: &mut dyn Entropy) -> Result<SigningIdentity, VaultError> {
        let name = format!("{MESH}.key");
        if !self.has(&name) {
            let mut seed = Zeroizing::new([0; 32]);
            entropy.fill(seed.as_mut_slice());
            let public = SigningIdentity::from_seed(&seed).public();
            let text = Zeroizing::new(format!(
                "# VaultMesh secret key ({MESH}). Keep it private; a second vault that writes by it would be proven to lie.\n\
                 # public: {public}\n{FORMAT} {MESH} {}\n",
                Zeroizing::new(to_hex(seed.as_slice())).as_str(),
            ));
            self.write(&name, text.as_bytes())?;
        }
        Ok(SigningIdentity::from_seed(&*self.seed_in(&name, MESH)?))
    }

    /// Writes the operator's chain of capabilities.
    ///
    /// # Errors
    /// [`VaultError::KeyFile`] or [`TokenError`].
    pub fn save_chain(&self, chain: &Chain) -> Result<(), VaultError> {
        self.write(CHAIN_FILE, &chain.to_bytes().map_err(TokenError::Refused)?)
    }

    /// Whether a holder of this name is kept.
    #[must_use]
    pub fn has_holder(&self, name: &HolderName) -> bool {
        self.has(&name.chain_file()) || self.has(&name.key_file())
    }

    /// Keeps a holder: key, where it is ours to keep, then chain. Gives the file of the chain.
    ///
    /// # Errors
    /// [`VaultError::KeyFile`].
    pub fn save_holder(
        &self,
        name: &HolderName,
        seed: Option<&[u8; 32]>,
        chain: &Chain,
    ) -> Result<PathBuf, VaultError> {
        if let Some(seed) = seed {
            let text = Zeroizing::new(format!(
                "# VaultMesh secret key of {name}, who holds a token of this ledger. Keep it private.\n# public: {}\n\
                 {FORMAT} {HOLDER} {}\n",
                SigningIdentity::from_seed(seed).public(),
                Zeroizing::new(to_hex(seed)).as_str(),
            ));
            self.write(&name.key_file(), text.as_bytes())?;
        }
        self.write(&name.chain_file(), &chain.to_bytes().map_err(TokenError::Refused)?)?;
        Ok(self.dir.join(name.chain_file()))
    }

    /// The holder of this name: its chain and its key.
    ///
    /// # Errors
    /// [`VaultError::KeyMissing`], [`VaultError::KeyMalformed`] or [`TokenError`].
    pub fn holder(&self, name: &HolderName) -> Result<Holder, VaultError> {
        let chain = Chain::parse(&self.read(&name.chain_file())?).map_err(TokenError::Refused)?;
        let identity = SigningIdentity::from_seed(&*self.seed_in(&name.key_file(), HOLDER)?);
        Ok(Holder::new(chain, identity).map_err(TokenError::Refused)?)
    }

    /// The operator: its chain and its key.
    ///
    /// # Errors
    /// As [`KeyStore::identity`], or [`TokenError`].
    pub fn operator(&self) -> Result<Holder, VaultError> {
        let chain = Chain::parse(&self.read(CHAIN_FILE)?).map_err(TokenError::Refused)?;
        Ok(Holder::new(chain, self.identity(Role::Operator)?).map_err(TokenError::Refused)?)
    }
}

fn make_private_dir(dir: &Path) -> Result<(), VaultError> {
    make_private_folders(dir).map_err(|source| VaultError::KeyFile { path: dir.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use vm_core::digest::LeafHash;
    use vm_core::source::hazmat::CountingEntropy;

    use super::*;

    #[test]
    fn the_page_shows_a_key_file() {
        let dir = tempfile::tempdir().unwrap();
        let keys = NewKeys::generate(&mut CountingEntropy::new(1));
        let store = KeyStore::new(dir.path(), LedgerId::from_genesis(LeafHash::of(b"genesis")));
        store.save(&keys).unwrap();
        assert_eq!(store.identity(Role::Log).unwrap().public(), keys.identity(Role::Log).public());
        let file = fs::read_to_string(store.dir().join("log.key")).unwrap();
        assert!(include_str!("../../docs/spec/secret-key.md").contains(&file), "{file}");
    }
}
