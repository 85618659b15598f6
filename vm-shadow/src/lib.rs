//! Shadow receipts: signed records of paths that were considered and not taken.
//!
//! A receipt commits to the description of the path without giving it away ([`counterfactual`]), names the decision
//! it belongs to ([`horizon`]), and is signed by whoever observed it ([`receipt`]). Later anyone who holds the row
//! checks the signature ([`mod@verify`]), and whoever holds the opening shows what the path was.
//!
//! In scope: making receipts and checking them. Everything is a pure function of its arguments.
//!
//! Out of scope: storing them (`vm-ledger`), sealing them (`vm-seal`), and that a row is in the log unaltered and
//! recorded under a capability (the audit of `vm-seal`). A receipt says that somebody held back; it does not say
//! that they could have acted, nor that nobody acted elsewhere.

pub mod counterfactual;
pub mod error;
pub mod horizon;
pub mod receipt;
mod statement;
pub mod verify;

pub use counterfactual::Counterfactual;
pub use horizon::HorizonId;
pub use receipt::{Observation, observe};
pub use verify::{VerifiedReceipt, check, check_all, verify};

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
