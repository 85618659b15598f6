//! Hybrid envelopes: bytes encrypted to one or more recipients under X25519 and ML-KEM-768 together, so that they stay closed
//! as long as either of the two holds.
//!
//! [`seal`] encrypts to [public keys](PublicKey), [`Envelope`] reads what can be told without a key, and
//! opens with one [secret key](SecretKey) and the [context](Context) that the caller expects: the ledger and the purpose.
//! [`KeyFile`] is the text form of keys, secret ones also under a passphrase.
//!
//! In scope: formats, key encapsulation, encryption. Everything is a function of its arguments; seeds come from an
//! [`Entropy`](vm_core::source::Entropy).
//!
//! Out of scope: who sealed an envelope (nobody signs one; what is inside is checked by itself, as openings are against the
//! commitments of sealed rows), files and their modes (`vaultmesh`), how openings are stored at rest (`vm-ledger`).
//!
//! The suite `x25519-kyber768r3` is for envelopes written before FIPS 203, behind the feature `kyber`. Its code is C that nobody
//! maintains and takes randomness from the system itself: the one exception to the sentence above.

mod aead;
mod context;
mod envelope;
pub mod error;
mod kdf;
mod kem;
mod key;
mod keyfile;
#[cfg(feature = "kyber")]
mod kyber;
mod mlkem;
mod passphrase;
mod suite;
mod x25519;

pub use context::{Context, PURPOSE_MAX};
pub use envelope::{ENVELOPE_FORMAT, ENVELOPE_MAX, Envelope, PLAINTEXT_MAX, RECIPIENTS_MAX, seal};
pub use key::{KeyId, PublicKey, SecretKey};
pub use keyfile::{KEY_FILE_FORMAT, KEY_FILE_MAX, KeyFile};
pub use passphrase::{Cost, LANES_MAX, LockedKey, MEMORY_KIB_MAX, PASSES_MAX, PASSPHRASE_MAX};
pub use suite::Suite;

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
