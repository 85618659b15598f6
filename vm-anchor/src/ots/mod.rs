//! OpenTimestamps proofs (see `docs/spec/anchor-opentimestamps.md`): read, written, completed, and judged without a node.
//!
//! A proof leads from a digest by operations to attestations. One of a Bitcoin block counts where the headers of a chain
//! that is believed have the root that the operations come to; every other kind is kept and does not.
//!
//! ```
//! use vm_anchor::bitcoin::{BitcoinTrust, HeaderArchive, Network};
//! use vm_anchor::ots::{Proof, verify_ots};
//! use vm_core::digest::{Sha256Digest, from_hex};
//! use vm_core::verdict::{Code, Verdict};
//!
//! // The calendar is sent a hash of digest and nonce. It answers with a promise ...
//! let (digest, nonce) = (Sha256Digest::of(b"bundle"), [0x5a; 16]); // from your random source
//! let promise = b"\x00\x83\xdf\xe3\x0d\x2e\xf9\x0c\x8e\x12\x11https://a.example";
//! let proof = Proof::answered(&digest, &nonce, promise)?;
//! let now = "2026-01-02T03:04:05.000006Z".parse()?;
//! let (report, _) = verify_ots(&proof.to_bytes(), &digest, &[], now);
//! assert!(report.has(Code::AnchorPending) && report.verdict() == Verdict::Undecided);
//!
//! // ... and hours later with the way from there to a block: prepend four bytes, hash twice, block 3.
//! let (uri, message) = proof.pending()?.remove(0);
//! let answer = b"\xf1\x04\x01\x02\x03\x04\x08\x08\x00\x05\x88\x96\x0d\x73\xd7\x19\x01\x01\x03";
//! let proof = proof.completed(&uri, &message, answer)?;
//!
//! // Block 3 of a chain for tests is believed by its hash, and its Merkle root is what the proof comes to.
//! let header = from_hex(
//!     "020000008c438fc294ec81c87b51ddfab07bd575cccc51d5faf023caf2de786284e6df7cf0037a8a\
//!      19880bbdfbe4b05123ffe1831ab836dd2a163cb59c09010886a26d7a087fe768ffff7f2002000000",
//! )?;
//! let archive = HeaderArchive::parse(Network::Regtest, 3, header)?;
//! let hash = "568d140722bd6c86510a8183fc79bcd9484f281d8bd4edcb8c4ab6a0ec9602ce".parse()?;
//! let chains = [BitcoinTrust::new("regtest", (3, hash), archive)?];
//! let (report, attested) = verify_ots(&proof.to_bytes(), &digest, &chains, now);
//! assert_eq!(report.verdict(), Verdict::Verified);
//! assert_eq!(attested.ok_or("no block")?.height(), 3);
//!
//! // Of another file it proves nothing.
//! let (report, attested) = verify_ots(&proof.to_bytes(), &Sha256Digest::of(b"other"), &chains, now);
//! assert_eq!((report.verdict(), attested), (Verdict::Contradicted, None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In scope: the file format of version 1, all its operations, and the attestations that are public. Out of scope: how to
//! come by headers ([`crate::bitcoin`]), and calendars ([`crate::client`], behind a feature).

mod attestation;
mod check;
pub mod error;
mod op;
mod proof;
mod timestamp;

pub use attestation::{ATTESTATION_BYTES_MAX, Attestation, URI_BYTES_MAX};
pub use check::{OtsDefect, verify_ots};
pub use op::{FileHash, MESSAGE_BYTES_MAX, Op, Strength};
pub use proof::{MAGIC, PROOF_BYTES_MAX, Proof};
pub use timestamp::{Attested, DEPTH_MAX, STEPS_MAX, Step, Timestamp};
