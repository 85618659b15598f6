//! Errors of suites, keys and their files.

use thiserror::Error;

use crate::suite::Suite;

/// A suite that cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SuiteError {
    /// No suite has this number.
    #[error("unknown suite {found}")]
    UnknownNumber {
        /// The number.
        found: u8,
    },
    /// No suite has the name that was given. It is not repeated, since it may be something else.
    #[error("unknown suite")]
    UnknownName,
    /// A suite that this build leaves out.
    #[error("suite {suite} is not part of this build")]
    NotBuilt {
        /// The suite.
        suite: Suite,
    },
}

impl SuiteError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownNumber { .. } | Self::UnknownName => "envelope-suite-unknown",
            Self::NotBuilt { .. } => "envelope-suite-not-built",
        }
    }
}

/// Bytes that are no key.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A suite that this build leaves out.
    #[error("suite {suite} is not part of this build")]
    NotBuilt {
        /// The suite.
        suite: Suite,
    },
    /// Too few or too many bytes.
    #[error("key of {found} bytes, expected {expected}")]
    Length {
        /// Bytes of such a key.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// A key of ML-KEM-768 with a coefficient out of range.
    #[error("key fails the modulus check of ML-KEM")]
    Lattice,
    /// A key of X25519 of small order, or not the one encoding of its point.
    #[error("key is not a usable X25519 point")]
    Curve,
}

impl KeyError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotBuilt { .. } => "envelope-suite-not-built",
            Self::Length { .. } => "envelope-key-length",
            Self::Lattice => "envelope-key-lattice",
            Self::Curve => "envelope-key-curve",
        }
    }
}

/// Parameters of a passphrase that are not allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CostError {
    /// Too little or too much memory.
    #[error("memory of {found} KiB, allowed are {least} to {limit}")]
    Memory {
        /// Least that Argon2 works with, in KiB.
        least: u32,
        /// Most that is allowed, in KiB.
        limit: u32,
        /// What was given, in KiB.
        found: u32,
    },
    /// No pass, or too many.
    #[error("{found} passes, allowed are 1 to {limit}")]
    Passes {
        /// Passes allowed.
        limit: u32,
        /// Passes given.
        found: u32,
    },
    /// No lane, or too many.
    #[error("{found} lanes, allowed are 1 to {limit}")]
    Lanes {
        /// Lanes allowed.
        limit: u32,
        /// Lanes given.
        found: u32,
    },
}

impl CostError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Memory { .. } => "envelope-cost-memory",
            Self::Passes { .. } => "envelope-cost-passes",
            Self::Lanes { .. } => "envelope-cost-lanes",
        }
    }
}

/// A key file that cannot be read, locked or unlocked.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// More bytes than any key file has.
    #[error("key file of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not a text that begins as a key file does.
    #[error("not an envelope key file")]
    NotKeyFile,
    /// A version of the format that this build does not know.
    #[error("unknown version of the key file format")]
    UnknownVersion,
    /// The suite.
    #[error("suite")]
    Suite(#[source] SuiteError),
    /// Words missing or too many, an unknown kind of key, digits that are none, or not the one way to write them.
    #[error("malformed key file")]
    Malformed,
    /// The bytes are no key of the suite.
    #[error("key")]
    Key(#[source] KeyError),
    /// Parameters of the passphrase beyond the limits; nothing was computed.
    #[error("cost of the passphrase")]
    Cost(#[source] CostError),
    /// No passphrase, or one too long.
    #[error("passphrase of {found} bytes, allowed are 1 to {limit}")]
    Passphrase {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Another passphrase, or a file that was altered: the two cannot be told apart.
    #[error("passphrase does not open this key file")]
    Unlock,
}

impl KeyFileError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "envelope-key-file-too-long",
            Self::NotKeyFile => "envelope-key-file-not",
            Self::UnknownVersion => "envelope-key-file-version",
            Self::Suite(cause) => cause.code(),
            Self::Malformed => "envelope-key-file-malformed",
            Self::Key(cause) => cause.code(),
            Self::Cost(cause) => cause.code(),
            Self::Passphrase { .. } => "envelope-passphrase-length",
            Self::Unlock => "envelope-unlock",
        }
    }
}
