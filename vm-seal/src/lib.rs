#![doc = include_str!("../README.md")]
//!
//! # In scope
//!
//! Merkle trees and their proofs ([`merkle`]), stored proofs ([`proof`]), foreign logs and
//! `.tlog-proof` files ([`tlog`]), COSE receipts ([`receipt`]), attestations of seals for foreign clients ([`attest`]), signed checkpoints ([`checkpoint`]), which keys a ledger had ([`keys`],
//! [`key_history`]), witnesses that cosign them
//! ([`witness`]) and proofs that a log was forked ([`mod@fork`]), selections ([`selection`]), seal
//! digests ([`mod@digest`]), bundles ([`bundle`]), sealing ([`mod@seal`]), verification of seals ([`verify`]) and scrolls
//! ([`scroll`]), indexes ([`mod@index`]) and proofs that an answer is complete ([`complete`]), statements of what an export
//! covers ([`mod@coverage`]), the audit of a whole ledger
//! ([`mod@audit`]), and a ledger in memory ([`memory`]).
//!
//! # Out of scope
//!
//! Types, canonical JSON, keys, capabilities and verdicts (`vm-core`); storage and files on disk (`vm-ledger`); time
//! stamps from outside (`vm-anchor`); what shadow receipts mean (`vm-shadow`); which of all this makes a vault good
//! (`vaultmesh`). Nothing here touches the disk, the network, the clock or randomness.

pub mod attest;
pub mod audit;
pub mod bundle;
pub mod checkpoint;
pub mod complete;
pub mod coverage;
pub mod digest;
pub mod error;
pub mod fork;
pub mod index;
pub mod key_history;
pub mod keys;
pub mod memory;
pub mod merkle;
pub mod proof;
pub mod receipt;
mod rehash;
pub mod scroll;
pub mod seal;
pub mod selection;
mod shape;
pub mod tlog;
pub mod verify;
pub mod witness;
