//! Why a change of a ledger's key does not hold.

use thiserror::Error;

use crate::error::{CanonicalError, KeyError};

/// A change of a key that does not hold.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum KeyChangeError {
    /// Not of a change's shape, or members that do not go together.
    #[error("not a change of a key")]
    Shape,
    /// An unknown format.
    #[error("unknown format {found:?}")]
    UnknownFormat {
        /// What was given.
        found: String,
    },
    /// No canonical form.
    #[error("change has no canonical form")]
    Canonical(#[source] CanonicalError),
    /// A change for another ledger.
    #[error("change is for another ledger")]
    WrongLedger,
    /// A change that was signed for another place of the log.
    #[error("change is for place {expected}, not {found}")]
    WrongPlace {
        /// Place that was signed.
        expected: u64,
        /// Place it stands at.
        found: u64,
    },
    /// It does not take the place of the key in force.
    #[error("change is of a key that is not in force")]
    WrongOld,
    /// The new key was a key of this ledger before.
    #[error("new key was a key of this ledger before")]
    KeyAgain,
    /// The ledger's root did not sign it, or the holder of the new key did not.
    #[error("signature of a change of a key")]
    Signature(#[source] KeyError),
    /// The root key is not known, so no change can be believed.
    #[error("no root key is known")]
    NoRoot,
    /// More changes than a ledger may have.
    #[error("more than {limit} changes of keys")]
    TooMany {
        /// Changes allowed.
        limit: usize,
    },
}
stable_codes!(KeyChangeError {
    Self::Shape => "key-change-shape",
    Self::UnknownFormat { .. } => "format-unknown",
    Self::Canonical(_) => "key-change-canonical",
    Self::WrongLedger => "key-change-other-ledger",
    Self::WrongPlace { .. } => "key-change-other-place",
    Self::WrongOld => "key-change-old-key",
    Self::KeyAgain => "key-change-key-again",
    Self::Signature(_) => "key-change-signature",
    Self::NoRoot => "key-change-no-root",
    Self::TooMany { .. } => "key-change-too-many",
});
