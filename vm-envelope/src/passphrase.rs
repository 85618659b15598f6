//! Secret keys under a passphrase: Argon2id (RFC 9106) gives a key, and that encrypts the secret key.

use core::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use vm_core::source::Entropy;
use zeroize::{Zeroize as _, Zeroizing};

use crate::aead::{self, ONCE, TAG_LEN};
use crate::error::{CostError, KeyFileError};
use crate::kdf::KEY_LEN;
use crate::key::SecretKey;
use crate::suite::Suite;

/// Most memory in KiB that a file may ask for, 256 MiB: four times what is written, and what a small machine can spare.
pub const MEMORY_KIB_MAX: u32 = 256 * 1024;
/// Most passes that a file may ask for. At the most memory they take seconds, not minutes (ADR 18 has the times).
pub const PASSES_MAX: u32 = 8;
/// Most lanes that a file may ask for: the four that RFC 9106, section 4, recommends.
pub const LANES_MAX: u32 = 4;
/// Longest passphrase in bytes; longer ones are files that were given by mistake.
pub const PASSPHRASE_MAX: usize = 1024;
/// Length in bytes of the salt (RFC 9106, section 3.1).
pub(crate) const SALT_LEN: usize = 16;
/// Least memory in KiB for each lane (RFC 9106, section 3.1).
const MEMORY_KIB_A_LANE: u32 = 8;

/// How much work a guess at a passphrase takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// 64 MiB, three passes, four lanes: the second recommended option of RFC 9106, section 4.
    pub const RECOMMENDED: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 };

    /// A cost of `memory_kib` KiB, `passes` over them and `lanes` side by side.
    ///
    /// # Errors
    /// [`CostError`] on less memory than eight KiB a lane, and above [`MEMORY_KIB_MAX`], [`PASSES_MAX`] or [`LANES_MAX`].
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, CostError> {
        if lanes == 0 || lanes > LANES_MAX {
            return Err(CostError::Lanes { limit: LANES_MAX, found: lanes });
        }
        if passes == 0 || passes > PASSES_MAX {
            return Err(CostError::Passes { limit: PASSES_MAX, found: passes });
        }
        let least = MEMORY_KIB_A_LANE * lanes;
        if memory_kib < least || memory_kib > MEMORY_KIB_MAX {
            return Err(CostError::Memory { least, limit: MEMORY_KIB_MAX, found: memory_kib });
        }
        Ok(Self { memory_kib, passes, lanes })
    }

    /// Memory in KiB.
    #[must_use]
    pub const fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(&self) -> u32 {
        self.passes
    }

    /// Lanes.
    #[must_use]
    pub const fn lanes(&self) -> u32 {
        self.lanes
    }

    /// The key that `passphrase` gives. None where Argon2 refuses, which the limits of this type rule out.
    fn stretch(&self, passphrase: &[u8], salt: &[u8; SALT_LEN]) -> Option<Zeroizing<[u8; KEY_LEN]>> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(KEY_LEN)).ok()?;
        let mut memory = vec![Block::default(); params.block_count()];
        let mut key = Zeroizing::new([0; KEY_LEN]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let done = argon2.hash_password_into_with_memory(passphrase, salt, key.as_mut_slice(), &mut memory);
        memory.iter_mut().for_each(Block::zeroize);
        done.ok().map(|()| key)
    }
}

/// A secret key that takes a passphrase to use.
#[derive(Clone, PartialEq, Eq)]
pub struct LockedKey {
    suite: Suite,
    cost: Cost,
    salt: [u8; SALT_LEN],
    encrypted: Vec<u8>,
}

impl LockedKey {
    /// Locks `key`. Takes 16 bytes of entropy, and the time and memory that `cost` says.
    ///
    /// # Errors
    /// [`KeyFileError::Passphrase`] on none or a too long one.
    pub fn lock(
        key: &SecretKey,
        passphrase: &[u8],
        cost: Cost,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, KeyFileError> {
        let mut salt = [0; SALT_LEN];
        entropy.fill(&mut salt);
        let mut locked = Self { suite: key.suite(), cost, salt, encrypted: Vec::new() };
        let stretched = locked.stretch(passphrase)?;
        locked.encrypted = aead::encrypt(&stretched, &ONCE, locked.bound().as_bytes(), key.as_bytes());
        Ok(locked)
    }

    pub(crate) fn from_parts(
        suite: Suite,
        cost: Cost,
        salt: [u8; SALT_LEN],
        encrypted: Vec<u8>,
    ) -> Result<Self, KeyFileError> {
        if encrypted.len() == suite.secret_len() + TAG_LEN {
            Ok(Self { suite, cost, salt, encrypted })
        } else {
            Err(KeyFileError::Malformed)
        }
    }

    /// The key inside. Takes the time and memory of [`LockedKey::cost`].
    ///
    /// # Errors
    /// [`KeyFileError::Unlock`] on another passphrase or an altered file.
    pub fn unlock(&self, passphrase: &[u8]) -> Result<SecretKey, KeyFileError> {
        let stretched = self.stretch(passphrase)?;
        let bytes = aead::decrypt(&stretched, &ONCE, self.bound().as_bytes(), &self.encrypted);
        SecretKey::from_bytes(self.suite, &bytes.ok_or(KeyFileError::Unlock)?).map_err(KeyFileError::Key)
    }

    /// Its suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// What a guess costs.
    #[must_use]
    pub const fn cost(&self) -> Cost {
        self.cost
    }

    pub(crate) const fn salt(&self) -> &[u8; SALT_LEN] {
        &self.salt
    }

    pub(crate) fn encrypted(&self) -> &[u8] {
        &self.encrypted
    }

    /// What the encryption binds: the words of the file before the salt. Cost and salt are bound through the key as well.
    fn bound(&self) -> String {
        crate::keyfile::locked_head(self)
    }

    fn stretch(&self, passphrase: &[u8]) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyFileError> {
        if passphrase.is_empty() || passphrase.len() > PASSPHRASE_MAX {
            return Err(KeyFileError::Passphrase { limit: PASSPHRASE_MAX, found: passphrase.len() });
        }
        self.cost.stretch(passphrase, &self.salt).ok_or(KeyFileError::Unlock)
    }
}

impl fmt::Debug for LockedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedKey").field("suite", &self.suite).field("cost", &self.cost).finish_non_exhaustive()
    }
}
