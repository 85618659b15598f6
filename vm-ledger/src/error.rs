//! Errors: one enum an operation, each variant with a stable code, each told apart as usage or machine.
//!
//! `is_machine` says whether the machine failed (exit 4: nothing acknowledged was lost, a retry may help) or whether
//! what was asked for, or found, is at fault (exit 2: nothing was written).

mod backup;
mod decided;
mod file;
mod group;
mod openings;
mod proof;
mod scroll;
mod store;

use std::path::PathBuf;

use thiserror::Error;
use vm_core::digest::{CapabilityHash, LeafHash, Sha256Digest};
use vm_core::error::{
    CanonicalError, CapabilityError, KeyChangeError, KeyError, NoteError, RecordError, StatisticsError,
};
use vm_core::id::{LedgerId, RowId, SealId};
use vm_core::key::PublicKey;
use vm_core::record::SchemaVersion;
use vm_core::view::ViewError;
use vm_seal::error::{CheckpointError, IndexError, Refusal, SealError, WitnessRowError};

use crate::lock::LockHolder;

pub use backup::BackupError;
pub use decided::Decided;
pub use file::FileError;
pub use group::GroupFailure;
pub use openings::OpeningsError;
pub use proof::ProofFault;
pub use scroll::ScrollError;
pub use store::{Cause, StoreError};

pub(crate) use store::is_constraint;

/// A ledger that could not be made, opened, read or written. Nothing was written, but for the one variant that says that
/// this is not known.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// There is no vault.
    #[error("no vault at {}", path.display())]
    NoVault {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A vault was to be made where something already is.
    #[error("{} is not empty: it holds {found}", path.display())]
    NotEmpty {
        /// Where it was to be made.
        path: PathBuf,
        /// The first thing found.
        found: String,
    },
    /// The database is not one of ours, or holds no genesis.
    #[error("ledger.db is not a ledger: {reason}")]
    NotALedger {
        /// Why not.
        reason: &'static str,
    },
    /// Written by a later release.
    #[error("ledger has schema {found}, this build knows up to {supported}")]
    NewerSchema {
        /// Schema found.
        found: i64,
        /// Last schema known.
        supported: SchemaVersion,
    },
    /// Tables, triggers or indexes are not those of the migrations.
    #[error("schema was changed: {}", faults.join("; "))]
    SchemaAltered {
        /// Each difference by name.
        faults: Vec<String>,
    },
    /// The signing key is not the ledger's.
    #[error("ledger's log key is {expected}, the key given is {found}")]
    WrongKey {
        /// Log key in force.
        expected: PublicKey,
        /// Key given.
        found: PublicKey,
    },
    /// A change of a key that does not hold.
    #[error("the ledger's key cannot be changed so")]
    KeyChange(#[source] KeyChangeError),
    /// The genesis row is missing or malformed.
    #[error("genesis row is missing or malformed")]
    Genesis(#[source] Option<RecordError>),
    /// The log is not the one that was last signed: nothing more is signed over it.
    #[error("log is not what its last checkpoint says: {reason}")]
    LogAltered {
        /// What differs.
        reason: &'static str,
    },
    /// Another process writes.
    #[error("the vault is locked by {holder}")]
    Locked {
        /// Who holds it.
        holder: LockHolder,
    },
    /// The permit does not allow this here and now.
    #[error("not permitted")]
    Permit(#[source] CapabilityError),
    /// No row of the ledger issues the capability, so rows under it would prove nothing.
    #[error("capability {capability} is not recorded in the ledger")]
    CapabilityUnrecorded {
        /// The capability behind the permit.
        capability: CapabilityHash,
    },
    /// A row of a reserved kind outside its own operation.
    #[error("rows of a reserved kind have their own operation")]
    Reserved,
    /// A row names one that is not there, or is of another kind.
    #[error("{column} names row {id}, which is not recorded or of another kind")]
    Reference {
        /// Column that names it.
        column: &'static str,
        /// Row named.
        id: RowId,
    },
    /// A correction names another leaf hash than the row has.
    #[error("corrected row {id} has leaf {found}, not {expected}")]
    CorrectionLeaf {
        /// Row to be corrected.
        id: RowId,
        /// Leaf hash given.
        expected: LeafHash,
        /// Leaf hash in the log.
        found: LeafHash,
    },
    /// A row with this id exists.
    #[error("a row with id {id} exists")]
    IdTaken {
        /// The id.
        id: RowId,
    },
    /// The idempotency key was used for another input.
    #[error("idempotency key was used before, for other input (row {row_id})")]
    IdempotencyConflict {
        /// Row that the first use made.
        row_id: RowId,
    },
    /// A row could not be built.
    #[error("row")]
    Record(#[source] RecordError),
    /// Something has no canonical form.
    #[error("no canonical form")]
    Canonical(#[source] CanonicalError),
    /// Statistics that may not be given away, or rows about them that do not read.
    #[error("statistics")]
    Statistics(#[source] StatisticsError),
    /// A checkpoint could not be made or believed.
    #[error("checkpoint")]
    Checkpoint(#[source] CheckpointError),
    /// A seal bundle of another ledger.
    #[error("seal is of ledger {found}, this one is {expected}")]
    SealOfAnother {
        /// This ledger.
        expected: LedgerId,
        /// Ledger of the bundle.
        found: LedgerId,
    },
    /// A seal bundle whose statement the ledger's key did not sign.
    #[error("seal is not signed by the ledger's log key")]
    SealUnsigned(#[source] Option<NoteError>),
    /// An anchor for a seal that is not recorded.
    #[error("no seal {seal} is recorded")]
    SealAbsent {
        /// The seal.
        seal: SealId,
    },
    /// The seal is recorded already.
    #[error("seal {seal} is recorded already")]
    SealRecorded {
        /// The seal.
        seal: SealId,
    },
    /// A row about a cosigned checkpoint is malformed, or not signed as it must be.
    #[error("cosigned checkpoint")]
    Witness(#[source] WitnessRowError),
    /// A checkpoint that must not be cosigned.
    #[error("checkpoint is not cosigned")]
    WitnessRefused(#[source] Refusal),
    /// A key that cannot be named.
    #[error("key of a witness")]
    Key(#[source] KeyError),
    /// A trust policy that is longer than a trust file may be.
    #[error("expected at most {limit} bytes of policy, found {found}")]
    PolicyTooLong {
        /// Most bytes recorded.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// An anchor over something else than the stored bundle.
    #[error("anchor is over {found}, the bundle's SHA-256 is {expected}")]
    Imprint {
        /// SHA-256 of the bundle.
        expected: Sha256Digest,
        /// What the anchor is over.
        found: Sha256Digest,
    },
    /// The stored bundle is not the one its row tells of.
    #[error("bundle file hashes to {found}, its row says {expected}")]
    BundleAltered {
        /// SHA-256 in the row.
        expected: String,
        /// SHA-256 of the file.
        found: Sha256Digest,
    },
    /// Exported leaf data that cannot be taken over.
    #[error("leaf {seq}")]
    Leaf {
        /// Its place, from 0.
        seq: u64,
        /// What is wrong with it.
        #[source]
        source: RecordError,
    },
    /// Exported leaf data that does not give the root that was signed.
    #[error("leaves do not give the root signed at size {size}")]
    RootMismatch {
        /// Size of the checkpoint.
        size: u64,
    },
    /// No checkpoint covers exactly the leaves that were given.
    #[error("no checkpoint covers the {leaves} leaves given; the last covers {last}")]
    Uncovered {
        /// Leaves given.
        leaves: u64,
        /// Size of the last checkpoint given.
        last: u64,
    },
    /// Whatever handed over the leaf data failed.
    #[error("leaf data could not be read")]
    Source(#[source] Cause),
    /// The transaction that a call shared with others failed; nothing of any of them was written.
    #[error(transparent)]
    Group(GroupFailure),
    /// A token that was revoked before.
    #[error("capability {capability} was revoked before")]
    Revoked {
        /// The token.
        capability: CapabilityHash,
    },
    /// The thread that committed for this call panicked. Whether the rows stand is not known: ask again with the same
    /// idempotency keys.
    #[error("the thread that wrote for this call panicked, so whether its rows stand is not known")]
    OutcomeUnknown,
    /// Openings could not be encrypted.
    #[error("openings of row {row} could not be encrypted")]
    Openings {
        /// The row.
        row: RowId,
    },
    /// Openings under a key that was erased on record.
    #[error("the key of these openings was erased under receipt {receipt}")]
    KeyErased {
        /// Row of the receipt.
        receipt: RowId,
    },
    /// Another connection still reads an older state, which keeps old pages from being written over.
    #[error("another process still reads an older state of the ledger")]
    Readers,
    /// A file.
    #[error("file")]
    File(#[source] FileError),
    /// The store.
    #[error("store")]
    Store(#[source] StoreError),
    /// The last index cannot be built on: it is not as it was logged, or states nothing that can be read.
    #[error("the last index, row {row}, cannot be built on")]
    LastIndex {
        /// Its row.
        row: RowId,
        /// What it states wrongly; none where it is not as it was logged.
        #[source]
        source: Option<IndexError>,
    },
    /// The rows to be indexed are not as they were logged, or cannot be read.
    #[error("index")]
    Index(#[source] SealError),
    /// Rows that were recorded could not be read again.
    #[error("recorded rows could not be read")]
    View(#[source] ViewError),
}

impl LedgerError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoVault { .. } => "vault-absent",
            Self::NotEmpty { .. } => "vault-not-empty",
            Self::NotALedger { .. } => "ledger-not-a-ledger",
            Self::NewerSchema { .. } => "ledger-newer-schema",
            Self::SchemaAltered { .. } => "ledger-schema-altered",
            Self::WrongKey { .. } => "ledger-wrong-key",
            Self::KeyChange(error) => error.code(),
            Self::Genesis(_) => "ledger-genesis",
            Self::LogAltered { .. } => "ledger-log-altered",
            Self::Locked { .. } => "ledger-locked",
            Self::Permit(source) => source.code(),
            Self::CapabilityUnrecorded { .. } => "capability-unrecorded",
            Self::Revoked { .. } => "capability-revoked",
            Self::Reserved => "row-reserved-kind",
            Self::Reference { .. } => "row-reference",
            Self::CorrectionLeaf { .. } => "row-correction-leaf",
            Self::IdTaken { .. } => "row-id-taken",
            Self::IdempotencyConflict { .. } => "idempotency-conflict",
            Self::Record(source) => source.code(),
            Self::Canonical(source) => source.code(),
            Self::Statistics(source) => source.code(),
            Self::Checkpoint(source) => source.code(),
            Self::SealOfAnother { .. } => "seal-of-another-ledger",
            Self::SealUnsigned(_) => "seal-unsigned",
            Self::SealAbsent { .. } => "seal-absent",
            Self::SealRecorded { .. } => "seal-recorded",
            Self::PolicyTooLong { .. } => "policy-too-long",
            Self::Witness(error) => error.code(),
            Self::WitnessRefused(refusal) => refusal.code(),
            Self::Key(_) => "witness-key",
            Self::Imprint { .. } => "anchor-imprint",
            Self::BundleAltered { .. } => "seal-bundle-altered",
            Self::Leaf { .. } => "import-leaf",
            Self::RootMismatch { .. } => "import-root",
            Self::Uncovered { .. } => "import-uncovered",
            Self::Source(_) => "import-source",
            Self::Group(failure) => failure.code(),
            Self::OutcomeUnknown => "append-outcome-unknown",
            Self::KeyErased { .. } => "openings-erased",
            Self::Readers => "ledger-readers",
            Self::Openings { .. } => "openings-encrypt",
            Self::File(source) => source.code(),
            Self::Store(source) => source.code(),
            Self::LastIndex { .. } => "ledger-last-index",
            Self::Index(source) => source.code(),
            Self::View(_) => "ledger-view",
        }
    }

    /// Whether the machine failed (exit 4), rather than what was asked for or found (exit 2).
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        match self {
            Self::Locked { .. }
            | Self::Readers
            | Self::Source(_)
            | Self::OutcomeUnknown
            | Self::View(_)
            | Self::Index(SealError::View(_)) => true,
            Self::Group(failure) => failure.is_machine(),
            Self::File(source) => source.is_machine(),
            Self::Store(source) => source.is_machine(),
            _ => false,
        }
    }
}

impl LedgerError {
    /// Whether what one caller asked for is at fault, so that the calls which share its transaction can go on.
    pub(crate) const fn is_of_request(&self) -> bool {
        matches!(
            self,
            Self::Permit(_)
                | Self::CapabilityUnrecorded { .. }
                | Self::Reserved
                | Self::Reference { .. }
                | Self::CorrectionLeaf { .. }
                | Self::IdTaken { .. }
                | Self::IdempotencyConflict { .. }
                | Self::Record(_)
                | Self::Canonical(_)
                | Self::Openings { .. }
                | Self::KeyErased { .. }
        )
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(StoreError::from(error))
    }
}

impl From<ViewError> for LedgerError {
    fn from(error: ViewError) -> Self {
        Self::View(error)
    }
}

impl From<FileError> for LedgerError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}
