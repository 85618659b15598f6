//! VaultMesh: record what tools and agents did and held back from doing, seal it, anchor it, and let anyone verify it.
//!
//! In scope: the [`Vault`](vault::Vault), which composes ledger, seals, anchors and shadow receipts, the verification
//! of a whole vault, and the command line on top of both.
//!
//! Out of scope: everything that has a crate of its own (`vm-core`, `vm-seal`, `vm-ledger`, `vm-anchor`, `vm-shadow`,
//! `vm-guardian`, `vm-autogene`, `vm-crdt`).

pub mod anchors;
pub mod ask;
pub mod attempts;
pub mod backup;
pub mod chain;
pub mod complete;
pub mod config;
pub mod demo;
pub mod disclosure;
pub mod equivocation;
pub mod erasure;
pub mod error;
pub mod exit;
pub mod export;
#[cfg(feature = "forecast")]
pub mod forecast;
pub mod guard;
pub mod inspect;
pub mod keys;
mod line;
pub mod mcp;
pub mod merge;
pub mod mesh;
pub mod outside;
pub mod pin;
mod policies;
pub mod proof;
pub mod read;
pub mod recipient;
pub mod redaction;
pub mod report;
pub mod restraint;
mod second;
pub mod statistics;
pub mod subjects;
pub mod system;
mod temporary;
pub mod tiles;
pub mod trust;
pub mod vault;
pub mod verify;
pub mod witness;

/// The example of the crate's page, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
