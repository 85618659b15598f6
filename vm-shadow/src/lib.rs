//! Decision horizons, shadow receipts, and proofs of restraint: signed records of paths that were considered and not taken.
//!
//! A [horizon](opening) is opened before a decision is made: its observer commits to the options and names the capability that
//! would allow them. It is [closed](closing) by exactly one outcome. A receipt commits to the description of a path that was
//! not taken ([`counterfactual`]), names the decision it belongs to ([`horizon`]), and is signed by whoever observed it
//! ([`receipt`]). Which horizons are open is a fold over the log ([`horizons`]), and a proof of [`restraint`] shows offline that
//! a decision could have been acted on and was not.
//!
//! In scope: making openings, closings and receipts, checking them, the rules between them, and proofs made of them. Everything
//! is a pure function of its arguments.
//!
//! Out of scope: storing them (`vm-ledger`), sealing them and proving what the log holds (`vm-seal`), and that a row is in the
//! log unaltered and recorded under a capability (the audit of `vm-seal`). A receipt says that somebody held back; alone it
//! does not say that they could have acted, and nothing here says that nobody acted elsewhere.

pub mod audit;
pub mod closing;
mod content;
pub mod counterfactual;
pub mod error;
pub mod horizon;
pub mod horizons;
pub mod opening;
pub mod receipt;
pub mod restraint;
mod statement;
pub mod verify;

pub use audit::{check_horizons, check_sealed_horizons};
pub use closing::{Conclusion, OptionReceipt, Outcome, VerifiedClosing, close};
pub use counterfactual::Counterfactual;
pub use horizon::HorizonId;
pub use horizons::{Horizons, OpenHorizon};
pub use opening::{Decision, Power, VerifiedOpening, open};
pub use receipt::{Observation, observe};
pub use restraint::{OpenedOption, Restraint, RestraintProof, prove_restraint};
pub use verify::{VerifiedReceipt, check, check_all, verify};

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
