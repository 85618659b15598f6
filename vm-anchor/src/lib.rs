#![doc = include_str!("../README.md")]
//!
//! # Scope
//!
//! In scope: RFC 3161 requests, responses and tokens, and their whole verification; the trust policy; the stored record
//! of an anchor; behind features, an embedded local authority, an HTTP client, and anchors on Ethereum with a client.
//!
//! Out of scope: what is sealed and its bundle (`vm-seal`); where records are kept (`vm-ledger`); when to anchor, and
//! where keys and policies lie on disk (`vaultmesh`).
//!
//! Without features nothing here touches network, disk, clock or randomness.

#[cfg(feature = "authority")]
pub mod authority;
pub mod bitcoin;
#[cfg(feature = "client")]
pub mod client;
mod defect;
pub mod error;
#[cfg(feature = "ethereum")]
pub mod ethereum;
pub mod evidence;
pub mod ots;
pub mod policy;
pub mod quorum;
pub mod rfc3161;
mod stored;
pub mod verify;

pub use evidence::AnchorRecord;
pub use policy::{RootCertificate, TokenRules, TrustPolicy, TrustedAuthority, Weight};
pub use quorum::Tally;
pub use verify::{Detail, Rail, VerifiedAnchor, verify_evidence, verify_response, verify_token};
