//! Bitcoin without a node: headers that are checked against each other and a pinned block, and transactions that carry a
//! digest (see `docs/spec/anchor-bitcoin.md`).
//!
//! A [`HeaderArchive`] is checked when it is read: links, proof of work, targets, times. A [`BitcoinTrust`] pins one of its
//! blocks. Blocks before the pinned one are proven by hashes alone; those after it by work, and only with enough blocks on
//! top.
//!
//! ```
//! use vm_anchor::bitcoin::{BitcoinEvidence, BitcoinTrust, HeaderArchive, Network, op_return, verify_bitcoin};
//! use vm_core::digest::{Sha256Digest, from_hex};
//! use vm_core::verdict::Verdict;
//!
//! // What a wallet puts into an output, and what the node says once the transaction is in block 5.
//! let digest = Sha256Digest::of(b"bundle");
//! let script = op_return(&digest);
//! let transaction = from_hex(
//!     "0200000000010109090909090909090909090909090909090909090909090909090909090909090909090900ffffffff0200\
//!      0000000000000001510000000000000000266a24564d41301e6ed65d77d6364eeaed5a745ba5c4985ae2b700dd85d7cf7f02\
//!      7bdf294a33fc010301020300000000",
//! )?;
//! assert!(transaction.windows(script.len()).any(|part| part == script));
//! let proof = from_hex(
//!     "02000000aee0eabe808e5b58dba5895615caca2e549e511beecfd1d879760782b859772cd5a4251ce3afcfdddc16bcc815f9\
//!      03b6492a329ef7c8915799b5b21a3e4ca21cb883e768ffff7f20010000000300000003010101010101010101010101010101\
//!      010101010101010101010101010101010172c779f9ce0077c29bdb1944d550b5ac0b1a156adf55a8c2eacddfd99bb5d30b64\
//!      3d4b7e3699d2b3d8c9374b3600bdf1f573b799d2a56886236551a016b42ddf010b",
//! )?;
//! let header = proof.get(..80).ok_or("no header")?.to_vec();
//! let evidence = BitcoinEvidence::new(5, proof, transaction)?.to_bytes()?;
//!
//! // The verifier has headers of the chain, here the one of that block, and pins one of them.
//! let archive = HeaderArchive::parse(Network::Regtest, 5, header)?;
//! let hash = "3406ff64d14a37d3214bd4e467bd959137668f28d707797b0c879a51c645d235".parse()?;
//! let chains = [BitcoinTrust::new("regtest", (5, hash), archive)?];
//! let now = "2026-01-02T03:04:05.000006Z".parse()?;
//! let (report, attested) = verify_bitcoin(&evidence, &digest, &chains, now);
//! assert_eq!(report.verdict(), Verdict::Verified);
//! assert_eq!(attested.ok_or("no block")?.time().to_string(), "2025-10-09T09:43:20.000000Z");
//!
//! // Without headers nothing is decided.
//! let (report, attested) = verify_bitcoin(&evidence, &digest, &[], now);
//! assert_eq!((report.verdict(), attested), (Verdict::Undecided, None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
