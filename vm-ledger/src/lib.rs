#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod anchor;
mod append;
mod backup;
mod connection;
pub mod error;
mod feed;
pub mod files;
mod force;
mod group;
pub mod hazmat;
mod journal;
mod ledger;
mod lock;
mod lookup;
mod matching;
mod merge;
mod migration;
pub mod openings;
mod proof;
mod ready;
mod redaction;
mod restore;
mod rows;
mod schema;
pub mod scroll;
mod snapshot;
mod still;
mod system;
mod tiles;
mod unlogged;
mod witness;

pub use anchor::{ANCHOR_FORMAT, ATTEMPT_FORMAT, AnchorEvidence, POLICY_BYTES_MAX, POLICY_FORMAT};
pub use backup::{BackedUp, Plan, backup};
pub use error::{BackupError, Decided, FileError, LedgerError, OpeningsError, ProofFault, ScrollError, StoreError};
pub use files::VaultDir;
pub use group::{GROUP_ROWS, LINE_MAX, SharedLedger};
pub use journal::ClockedJournal;
pub use ledger::{Access, Ledger};
pub use lock::{LOCK_FILE, LockHolder, Patience};
pub use openings::OpeningsKey;
pub use restore::{Restored, restore};
pub use scroll::{KnownScroll, ScrollEvent, ScrollState, ScrollWriter, TornTail};
pub use snapshot::Snapshot;
pub use still::StillFiles;
pub use system::RECOVERY_FORMAT;
