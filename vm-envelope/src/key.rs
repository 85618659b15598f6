//! Keys of recipients.

use core::fmt;

use sha2::{Digest as _, Sha256};
use vm_core::digest::to_hex;
use vm_core::source::Entropy;
use zeroize::Zeroizing;

use crate::error::KeyError;
use crate::suite::Suite;
use crate::{mlkem, x25519};

/// Length in bytes of a public key: that of ML-KEM-768 or Kyber-768, then that of X25519.
pub(crate) const PUBLIC_LEN: usize = mlkem::PUBLIC_LEN + x25519::LEN;
/// Length in bytes of a key id.
pub(crate) const KEY_ID_LEN: usize = 32;
/// What the hash of a key id begins with.
const KEY_ID_DOMAIN: &[u8] = b"vm-envelope-v0 key\0";

/// Name of a public key: a SHA-256 over suite and key. Envelopes tell it to everybody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KEY_ID_LEN]);

impl KeyId {
    pub(crate) const fn from_bytes(bytes: [u8; KEY_ID_LEN]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_ID_LEN] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A key that envelopes are sealed to.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    suite: Suite,
    bytes: Box<[u8; PUBLIC_LEN]>,
}

impl PublicKey {
    /// Reads 1,216 bytes: the key of ML-KEM-768 or Kyber-768, then that of X25519.
    ///
    /// # Errors
    /// [`KeyError`] on another length, a suite that is not built, coefficients that ML-KEM's modulus check refuses, and an X25519
    /// key that is of small order or not the one encoding of its point.
    pub fn from_bytes(suite: Suite, bytes: &[u8]) -> Result<Self, KeyError> {
        if !suite.is_built() {
            return Err(KeyError::NotBuilt { suite });
        }
        let wrong = KeyError::Length { expected: PUBLIC_LEN, found: bytes.len() };
        let key = Self { suite, bytes: Box::new(bytes.try_into().map_err(|_| wrong)?) };
        if suite == Suite::X25519MlKem768 && !mlkem::is_public(key.lattice()) {
            return Err(KeyError::Lattice);
        }
        if x25519::is_public(key.curve()) { Ok(key) } else { Err(KeyError::Curve) }
    }

    fn join(suite: Suite, lattice: &[u8; mlkem::PUBLIC_LEN], curve: &[u8; x25519::LEN]) -> Self {
        let mut bytes = Box::new([0; PUBLIC_LEN]);
        bytes[..mlkem::PUBLIC_LEN].copy_from_slice(lattice);
        bytes[mlkem::PUBLIC_LEN..].copy_from_slice(curve);
        Self { suite, bytes }
    }

    /// Its suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Its 1,216 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; PUBLIC_LEN] {
        &self.bytes
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut hash = Sha256::new();
        hash.update(KEY_ID_DOMAIN);
        hash.update([self.suite.number()]);
        hash.update(self.bytes.as_slice());
        KeyId(hash.finalize().into())
    }

    pub(crate) fn lattice(&self) -> &[u8; mlkem::PUBLIC_LEN] {
        split(&self.bytes).0
    }

    pub(crate) fn curve(&self) -> &[u8; x25519::LEN] {
        split(&self.bytes).1
    }
}

#[expect(
    clippy::expect_used,
    reason = "the lengths of the two parts add up to the whole, as the constants are defined"
)]
fn split(bytes: &[u8; PUBLIC_LEN]) -> (&[u8; mlkem::PUBLIC_LEN], &[u8; x25519::LEN]) {
    let first = bytes.first_chunk().expect("the first part is shorter than the whole");
    (first, bytes.last_chunk().expect("the last part is shorter than the whole"))
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("suite", &self.suite).field("id", &self.id()).finish()
    }
}

/// A key that opens envelopes. Its bytes are wiped when it is dropped and never printed.
#[derive(Clone)]
pub struct SecretKey {
    bytes: Zeroizing<Vec<u8>>,
    public: PublicKey,
}

impl SecretKey {
    /// Makes a new key of suite [`Suite::X25519MlKem768`] from 96 bytes of entropy.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; mlkem::SEED_LEN + x25519::LEN]);
        entropy.fill(bytes.as_mut_slice());
        Self::from_seed(&bytes)
    }

    /// The key of suite [`Suite::X25519MlKem768`] with this seed: d and z of FIPS 203, section 7.1, then the scalar of X25519.
    #[must_use]
    pub fn from_seed(seed: &[u8; mlkem::SEED_LEN + x25519::LEN]) -> Self {
        #[expect(clippy::expect_used, reason = "the seed is 64 bytes and 32 more")]
        let (lattice, curve) =
            (seed.first_chunk().expect("64 of 96 bytes"), seed.last_chunk().expect("32 of 96 bytes"));
        let public = PublicKey::join(Suite::X25519MlKem768, &mlkem::public(lattice), &x25519::public(curve));
        Self { bytes: Zeroizing::new(seed.to_vec()), public }
    }

    /// Makes a new key of suite [`Suite::X25519Kyber768r3`]: 32 bytes are of `entropy`, those of Kyber come from the system.
    ///
    /// # Errors
    /// None that the bytes of a new key could bring about; those of [`SecretKey::from_bytes`].
    #[cfg(feature = "kyber")]
    pub fn generate_kyber(entropy: &mut dyn Entropy) -> Result<Self, KeyError> {
        let mut curve = Zeroizing::new([0; x25519::LEN]);
        entropy.fill(curve.as_mut_slice());
        let mut bytes = Zeroizing::new(Vec::with_capacity(Suite::X25519Kyber768r3.secret_len()));
        bytes.extend_from_slice(&crate::kyber::generate());
        bytes.extend_from_slice(curve.as_slice());
        Self::from_bytes(Suite::X25519Kyber768r3, &bytes)
    }

    /// Reads a secret key: the seed of [`SecretKey::from_seed`], or 2,400 bytes of Kyber and the scalar of X25519.
    ///
    /// # Errors
    /// [`KeyError`] on another length, a suite that is not built, and bytes that hold no public key that could be used.
    pub fn from_bytes(suite: Suite, bytes: &[u8]) -> Result<Self, KeyError> {
        let wrong = KeyError::Length { expected: suite.secret_len(), found: bytes.len() };
        match suite {
            Suite::X25519MlKem768 => {
                let seed = Zeroizing::new(<[u8; mlkem::SEED_LEN + x25519::LEN]>::try_from(bytes).map_err(|_| wrong)?);
                Ok(Self::from_seed(&seed))
            }
            #[cfg(not(feature = "kyber"))]
            Suite::X25519Kyber768r3 => Err(KeyError::NotBuilt { suite }),
            #[cfg(feature = "kyber")]
            Suite::X25519Kyber768r3 => {
                let (lattice, curve) = bytes.split_last_chunk().ok_or_else(|| wrong.clone())?;
                let public =
                    PublicKey::join(suite, &crate::kyber::public(lattice).ok_or(wrong)?, &x25519::public(curve));
                Ok(Self { bytes: Zeroizing::new(bytes.to_vec()), public })
            }
        }
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Its suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.public.suite
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All but the scalar of X25519.
    pub(crate) fn lattice(&self) -> &[u8] {
        self.bytes.split_last_chunk::<{ x25519::LEN }>().map_or(&[], |(first, _)| first)
    }

    pub(crate) fn curve(&self) -> Option<&[u8; x25519::LEN]> {
        self.bytes.last_chunk()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecretKey").field(&self.public).finish()
    }
}
