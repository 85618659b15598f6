//! Proofs of restraint: that a decision was opened, could have been acted on, and was not (docs/spec/restraint-proof.md).
//!
//! A proof shows rows of the log under one signed checkpoint, and by the index of the log that no other row matters: one
//! outcome, and no act. It is made out of a [view](vm_core::view::EvidenceView) and checked with nothing but the ledger's key.

mod execution;
mod judge;
mod power;
mod proof;
mod prove;

pub use execution::can_be_shown;
pub use judge::{NOT_SHOWN, Restraint, ShownOption};
pub use proof::{OpenedOption, RESTRAINT_FORMAT, RESTRAINT_MAX, RestraintProof, ShownRow};
pub use prove::{hazmat, prove_restraint};
