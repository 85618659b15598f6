//! Errors of changing a ledger's keys.

use std::path::PathBuf;

use thiserror::Error;
use vm_core::error::KeyChangeError;

/// A key that is not changed, or a history of keys that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The root key is not where it was looked for.
    #[error("the root key, which alone may change keys, is not at {}", path.display())]
    RootMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The key given is not the ledger's root key.
    #[error("the key given is not the root key of this ledger")]
    NotRoot,
    /// More entries were to be vouched for than the log has.
    #[error("the log has {size} entries, so {trusted} cannot be vouched for")]
    TrustedBeyond {
        /// Entries of the log.
        size: u64,
        /// Entries to be vouched for.
        trusted: u64,
    },
    /// There is no key of envelopes yet.
    #[error("this ledger has no key of envelopes yet")]
    NoEnvelope,
    /// A trusted size was given for a key that signs nothing.
    #[error("a key of envelopes signs nothing, so no size of the log is to be trusted under it")]
    TrustedEnvelope,
    /// There is an ML-DSA key already.
    #[error("the ledger has an ML-DSA key already")]
    SecondThere,
    /// There is no ML-DSA key that could be changed.
    #[error("the ledger has no ML-DSA key")]
    SecondAbsent,
    /// Not of the shape of a key history.
    #[error("not a key history")]
    Shape,
    /// A change in it does not hold.
    #[error("key history does not hold")]
    Change(#[source] KeyChangeError),
    /// A history of another ledger than the pinned key's.
    #[error("the key history is of another ledger than the pinned key")]
    OtherLedger,
    /// No key was pinned, so nothing says whose history it is.
    #[error("a key history proves nothing without a pinned key")]
    NoPin,
    /// The pinned key is none that the history names.
    #[error("the pinned key is not in the key history")]
    PinAbsent,
}

impl KeysError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RootMissing { .. } => "root-key-missing",
            Self::NotRoot => "root-key-other",
            Self::TrustedBeyond { .. } => "trusted-size-beyond",
            Self::NoEnvelope => "envelope-key-absent",
            Self::TrustedEnvelope => "trusted-size-of-envelope",
            Self::SecondThere => "ml-dsa-key-there",
            Self::SecondAbsent => "ml-dsa-key-absent",
            Self::Shape => "key-history-shape",
            Self::Change(error) => error.code(),
            Self::OtherLedger => "key-history-other-ledger",
            Self::NoPin => "key-history-no-pin",
            Self::PinAbsent => "key-history-no-such-key",
        }
    }

    /// What to do about it.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::RootMissing { .. } => "Name the file that holds it with --root-key.",
            Self::NotRoot => {
                "Give the root key that this ledger was made with; its public half stands in the genesis row."
            }
            Self::TrustedBeyond { .. } => "Name a size that the log had while the key was yours alone.",
            Self::NoEnvelope => "It is made with the first `--data-subject`; until then there is nothing to change.",
            Self::TrustedEnvelope => "Leave --trusted-size out.",
            Self::SecondThere => "Change it with `vaultmesh keys rotate ml-dsa`.",
            Self::SecondAbsent => "Add one with `vaultmesh keys add ml-dsa`.",
            Self::Shape | Self::Change(_) => "Get the history again with `vaultmesh keys history`.",
            Self::OtherLedger => "Give the history of the ledger whose key you pinned.",
            Self::NoPin => "Give the key that you pinned with --key or --trust.",
            Self::PinAbsent => {
                "Get a newer history with `vaultmesh keys history`; if that does not name the key, it is not the ledger's."
            }
        }
    }
}
