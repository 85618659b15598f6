//! Anchors in transactions of Ethereum and of chains built like it (see `docs/spec/anchor-ethereum.md`).
//!
//! A transaction carries a digest, in its calldata or in an event that it made a contract emit. Evidence is the header of
//! its block, and Merkle-Patricia proofs of the transaction and of its receipt against that header. Whoever trusts the
//! block's hash needs no node to judge it: [`verify_ethereum`] is a pure function of bytes, digest, trust and clock.
//!
//! ```
//! use vm_anchor::ethereum::{EthereumTrust, verify_ethereum};
//! use vm_core::{digest::Sha256Digest, instant::Instant, verdict::Verdict};
//!
//! // Recorded from a node of a chain that lived for it alone: a transaction whose calldata carries the digest.
//! let evidence = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/ethereum/calldata.json"));
//! let digest = Sha256Digest::of(b"bundle");
//! let now: Instant = "2026-12-01T00:00:00.000000Z".parse()?;
//!
//! // Whoever believes a block believes all before it; this trust pins the second block after the transaction.
//! let trust: EthereumTrust =
//!     serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/ethereum/trust.json")))?;
//! let (report, attested) = verify_ethereum(evidence, &digest, Some(&trust), now);
//! assert_eq!(report.verdict(), Verdict::Verified);
//! let attested = attested.ok_or("no attestation")?;
//! println!("{} existed at {}, says block {}", attested.stamped(), attested.time(), attested.number());
//!
//! // Who pins nothing has a sound proof of an unknown block.
//! let (report, attested) = verify_ethereum(evidence, &digest, None, now);
//! assert_eq!((report.verdict(), attested), (Verdict::Undecided, None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In scope: the evidence's format, its making from a whole block, its judgement; with the feature `ethereum-client`, a
//! client of a node's JSON-RPC. Out of scope: who signed the transaction, consensus (which block is of the chain is said
//! by a pinned hash), and state.

mod attested;
pub mod block;
mod carried;
mod check;
#[cfg(feature = "ethereum-client")]
pub mod client;
mod defect;
pub mod error;
mod evidence;
mod hash;
mod header;
mod trie;
mod trust;

use vm_core::digest::Sha256Digest;

pub use attested::EthereumAttested;
pub use check::{FUTURE_SKEW_MICROS_MAX, verify_ethereum, verify_evidence};
pub use defect::EthereumDefect;
pub use evidence::{
    Carrier, DESCENDANTS_MAX, EVIDENCE_BYTES_MAX, EthereumEvidence, FORMAT, HEADER_BYTES_MAX, NODE_BYTES_MAX, NODES_MAX,
};
pub use hash::{Address, BlockHash, TransactionHash};
pub use trust::{EthereumTrust, PINNED_BLOCKS_MAX, PinnedBlock};

/// What stands before the digest in calldata. Four bytes, so that a contract sees the selector of a function with one
/// `bytes32` argument.
pub const TAG: [u8; 4] = *b"VMA0";
/// Length of calldata that carries a digest, in bytes.
pub const CALLDATA_LEN: usize = 36;

/// The calldata that carries `digest`: the tag, then the digest.
#[must_use]
pub fn calldata(digest: &Sha256Digest) -> [u8; CALLDATA_LEN] {
    let mut calldata = [0; CALLDATA_LEN];
    let (tag, rest) = calldata.split_at_mut(TAG.len());
    tag.copy_from_slice(&TAG);
    rest.copy_from_slice(digest.as_bytes());
    calldata
}
