//! Bitcoin without a node: headers that are checked against each other and a pinned block, and transactions that carry a
//! digest (see `docs/spec/anchor-bitcoin.md`).
//!
//! A [`HeaderArchive`] is checked when it is read: links, proof of work, targets, times. A [`BitcoinTrust`] pins one of its
//! blocks. Blocks before the pinned one are proven by hashes alone; those after it by work, and only with enough blocks on
//! top.
//!
//! In scope: headers, their rules, partial Merkle trees, and the one output that carries a digest. Out of scope: scripts,
//! signatures, amounts, and which chain is the longest: the pinned block says so.

mod archive;
mod block_hash;
mod carried;
mod check;
mod defect;
pub mod error;
mod evidence;
mod header;
mod merkle;
mod reader;
mod target;
mod trust;

pub use archive::{HEADERS_MAX, HeaderArchive};
pub use block_hash::BlockHash;
pub use carried::{DATA_LEN, TAG, TRANSACTION_BYTES_MAX, op_return};
pub(crate) use check::MARGIN_MICROS;
pub use check::{BitcoinAttested, judge_root, verify_bitcoin};
pub use defect::BitcoinDefect;
pub use evidence::{BitcoinEvidence, EVIDENCE_BYTES_MAX, FORMAT};
pub use header::{HEADER_LEN, Header, MerkleRoot};
pub use merkle::TRANSACTIONS_MAX;
pub use target::{Network, Work};
pub use trust::{BitcoinTrust, CONFIRMATIONS_DEFAULT};

use ring::digest;

/// SHA-256 of the SHA-256, as Bitcoin hashes everything.
pub(crate) fn double_sha256(bytes: &[u8]) -> [u8; 32] {
    let twice = digest::digest(&digest::SHA256, digest::digest(&digest::SHA256, bytes).as_ref());
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(twice.as_ref()) {
        *to = *from;
    }
    out
}
