//! The words of the VaultMesh evidence ledger: types, one canonical byte form, keys, capabilities, redaction, verdicts.
//!
//! In scope: what a record is, how it becomes bytes, who may make it, what a check answers. Everything is a pure
//! function of its arguments; clock and entropy are handed in through [`source`].
//!
//! Out of scope: Merkle trees, seals and their verification (`vm-seal`), storage (`vm-ledger`), outside time stamps
//! (`vm-anchor`), restraint (`vm-shadow`), and the composition of all of them (`vaultmesh`).

pub mod canonical;
pub mod capability;
pub mod digest;
pub mod epoch;
pub mod error;
pub mod id;
pub mod instant;
pub mod key;
pub mod number;
pub mod path;
pub mod record;
pub mod redact;
pub mod rune;
pub mod source;
pub mod statistics;
pub mod verdict;
pub mod view;

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
