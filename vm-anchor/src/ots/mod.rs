//! OpenTimestamps proofs (see `docs/spec/anchor-opentimestamps.md`): read, written, completed, and judged without a node.
//!
//! A proof leads from a digest by operations to attestations. One of a Bitcoin block counts where the headers of a chain
//! that is believed have the root that the operations come to; every other kind is kept and does not.
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
pub use timestamp::{Attested, DEPTH_MAX, Step, Timestamp};
