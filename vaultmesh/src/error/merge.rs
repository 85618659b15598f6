//! Errors of receipts of merges, and of proofs of equivocation.

use super::VaultError;
use thiserror::Error;
use vm_core::key::PublicKey;
use vm_crdt::error::{EquivocationError, MergeError};

/// A receipt of a merge, or a proof of equivocation, that cannot be made or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MergeFault {
    /// A receipt that does not read, or whose signature does not hold.
    #[error("receipt of a merge")]
    Receipt(#[from] MergeError),
    /// The operator's key holds no token of this ledger, so that nobody would take its word for the ledger's.
    #[error("the operator's key {operator} holds no token of this ledger")]
    NotHolder {
        /// The key.
        operator: PublicKey,
    },
    /// A proof of equivocation that does not read.
    #[error("proof of equivocation")]
    Equivocation(#[from] EquivocationError),
}

impl From<MergeFault> for VaultError {
    fn from(fault: MergeFault) -> Self {
        Self::Mesh(fault.into())
    }
}

impl MergeFault {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Receipt(error) => error.code(),
            Self::NotHolder { .. } => "merge-not-holder",
            Self::Equivocation(error) => error.code(),
        }
    }

    /// What to do about it.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::Receipt(_) => "Run `vaultmesh verify` to see which row it is; a later release may know its format.",
            Self::NotHolder { .. } => {
                "Name the folder that holds this ledger's keys with --keys; nothing was recorded."
            }
            Self::Equivocation(_) => "Check that this is the file you meant, and whole.",
        }
    }
}
