//! Which algorithms an envelope and its keys are of.

use core::fmt;

use crate::error::SuiteError;
use crate::{mlkem, x25519};

/// Length in bytes of a Kyber-768 secret key (Kyber round 3, table 2). There is no seed to keep instead.
pub(crate) const KYBER_SECRET_LEN: usize = 2400;

/// A set of algorithms that are used together and never mixed. The set is closed: nothing is negotiated inside a suite.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Suite {
    /// ML-KEM-768 (FIPS 203) and X25519 (RFC 7748), HKDF-SHA256, ChaCha20-Poly1305 (RFC 8439).
    X25519MlKem768,
    /// The same with Kyber-768 of round 3 in the place of ML-KEM-768. For old envelopes; needs the feature `kyber`.
    X25519Kyber768r3,
}

impl Suite {
    /// Every suite, by number.
    pub const ALL: [Self; 2] = [Self::X25519MlKem768, Self::X25519Kyber768r3];

    /// Number in an envelope.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::X25519MlKem768 => 1,
            Self::X25519Kyber768r3 => 2,
        }
    }

    /// Name in key files and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X25519MlKem768 => "x25519-mlkem768",
            Self::X25519Kyber768r3 => "x25519-kyber768r3",
        }
    }

    /// Whether this build can use the suite.
    #[must_use]
    pub const fn is_built(self) -> bool {
        match self {
            Self::X25519MlKem768 => true,
            Self::X25519Kyber768r3 => cfg!(feature = "kyber"),
        }
    }

    /// The suite of this number.
    ///
    /// # Errors
    /// [`SuiteError`] where there is none, or none in this build.
    pub fn from_number(number: u8) -> Result<Self, SuiteError> {
        let suite = Self::ALL.into_iter().find(|suite| suite.number() == number);
        suite.ok_or(SuiteError::UnknownNumber { found: number })?.built()
    }

    /// The suite of this name.
    ///
    /// # Errors
    /// [`SuiteError`] where there is none, or none in this build.
    pub fn parse(name: &str) -> Result<Self, SuiteError> {
        let suite = Self::ALL.into_iter().find(|suite| suite.name() == name);
        suite.ok_or(SuiteError::UnknownName)?.built()
    }

    const fn built(self) -> Result<Self, SuiteError> {
        if self.is_built() { Ok(self) } else { Err(SuiteError::NotBuilt { suite: self }) }
    }

    /// Length in bytes of a secret key: that of the first part, then 32 for X25519.
    pub(crate) const fn secret_len(self) -> usize {
        match self {
            Self::X25519MlKem768 => mlkem::SEED_LEN + x25519::LEN,
            Self::X25519Kyber768r3 => KYBER_SECRET_LEN + x25519::LEN,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
