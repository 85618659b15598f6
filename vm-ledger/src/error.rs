//! Errors: one enum an operation, each variant with a stable code, each told apart as usage or machine.
//!
//! `is_machine` says whether the machine failed (exit 4: nothing acknowledged was lost, a retry may help) or whether
//! what was asked for, or found, is at fault (exit 2: nothing was written).

use std::error::Error;
use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;
use thiserror::Error;
use vm_core::digest::{CapabilityHash, LeafHash, Sha256Digest};
use vm_core::error::{CanonicalError, CapabilityError, NoteError, PathError, RecordError};
use vm_core::id::{LedgerId, RowId, SealId};
use vm_core::key::PublicKey;
use vm_core::record::{SchemaVersion, Table};
use vm_core::view::FileFault;
use vm_seal::error::CheckpointError;

use crate::lock::LockHolder;

/// What SQLite said, kept as a cause without its type.
pub type Cause = Box<dyn Error + Send + Sync>;

/// A failure of the store itself.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No space is left (SQLITE_FULL).
    #[error("the disk is full")]
    Full(#[source] Cause),
    /// The disk or the file system failed (SQLITE_IOERR, SQLITE_CANTOPEN).
    #[error("the store could not read or write its file")]
    Io(#[source] Cause),
    /// Another connection kept the file locked for too long (SQLITE_BUSY, SQLITE_LOCKED).
    #[error("the store is busy")]
    Busy(#[source] Cause),
    /// The file may not be written (SQLITE_READONLY, SQLITE_PERM).
    #[error("the store is read-only")]
    ReadOnly(#[source] Cause),
    /// The file's own structure is damaged (SQLITE_CORRUPT).
    #[error("the store's file is damaged")]
    Corrupt(#[source] Cause),
    /// The file is not an SQLite database (SQLITE_NOTADB).
    #[error("the file is not a database")]
    NotADatabase(#[source] Cause),
    /// Anything else.
    #[error("the store failed")]
    Other(#[source] Cause),
}
impl StoreError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Full(_) => "store-full",
            Self::Io(_) => "store-io",
            Self::Busy(_) => "store-busy",
            Self::ReadOnly(_) => "store-read-only",
            Self::Corrupt(_) => "store-corrupt",
            Self::NotADatabase(_) => "store-not-a-database",
            Self::Other(_) => "store-failed",
        }
    }

    /// Whether the machine failed, rather than what was asked for.
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        !matches!(self, Self::NotADatabase(_))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        let cause: Cause = Box::new(error);
        match code {
            Some(ErrorCode::DiskFull) => Self::Full(cause),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => Self::Io(cause),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(cause),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly(cause),
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt(cause),
            Some(ErrorCode::NotADatabase) => Self::NotADatabase(cause),
            _ => Self::Other(cause),
        }
    }
}

/// A file below a vault, or on its way into one, that could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The name is no path below a vault.
    #[error("not a path below the vault")]
    Path(#[source] PathError),
    /// Nothing is there.
    #[error("no such file: {path}")]
    Missing {
        /// What was asked for.
        path: String,
    },
    /// Something else than a regular file is there, or on the way to it.
    #[error("{path} is {found}, not a regular file")]
    NotRegular {
        /// What was asked for.
        path: String,
        /// What it is.
        found: &'static str,
    },
    /// More bytes than are ever read.
    #[error("{path} has {found} bytes, more than {limit}")]
    TooLarge {
        /// What was asked for.
        path: String,
        /// Bytes allowed.
        limit: u64,
        /// Bytes found.
        found: u64,
    },
    /// The file changed while it was hashed.
    #[error("{path} changed while it was read")]
    Changing {
        /// What was asked for.
        path: String,
    },
    /// A file that the ledger itself goes on writing.
    #[error("{path} belongs to the ledger itself")]
    Reserved {
        /// What was asked for.
        path: String,
    },
    /// Another file of that name is there, with other content.
    #[error("{path} exists with other content")]
    Exists {
        /// What was to be written.
        path: String,
    },
    /// No space is left.
    #[error("no space is left for {path}")]
    Full {
        /// What was to be written.
        path: String,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// The machine would not read or write it.
    #[error("cannot read or write {path}")]
    Io {
        /// What was asked for.
        path: String,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
}

impl FileError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Path(source) => source.code(),
            Self::Missing { .. } => "file-missing",
            Self::NotRegular { .. } => "file-not-regular",
            Self::TooLarge { .. } => "file-too-large",
            Self::Changing { .. } => "file-changing",
            Self::Reserved { .. } => "file-reserved",
            Self::Exists { .. } => "file-exists",
            Self::Full { .. } => "file-disk-full",
            Self::Io { .. } => "file-io",
        }
    }

    /// Whether the machine failed, rather than what was asked for.
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Io { .. })
    }

    pub(crate) fn io(path: &str, source: impl Into<io::Error>) -> Self {
        let (path, source) = (path.to_owned(), source.into());
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path, source },
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Io { path, source },
        }
    }
}

impl From<FileError> for FileFault {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Missing { path } => Self::Missing { path },
            FileError::NotRegular { path, .. } => Self::NotRegular { path },
            other => Self::Unreadable { path: other.to_string(), source: Box::new(other) },
        }
    }
}

/// A ledger that could not be made, opened, read or written. Nothing was written.
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
        /// Key in the genesis.
        expected: PublicKey,
        /// Key given.
        found: PublicKey,
    },
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
    /// Openings could not be encrypted.
    #[error("openings of row {row} could not be encrypted")]
    Openings {
        /// The row.
        row: RowId,
    },
    /// A file.
    #[error("file")]
    File(#[source] FileError),
    /// The store.
    #[error("store")]
    Store(#[source] StoreError),
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
            Self::Genesis(_) => "ledger-genesis",
            Self::LogAltered { .. } => "ledger-log-altered",
            Self::Locked { .. } => "ledger-locked",
            Self::Permit(source) => source.code(),
            Self::CapabilityUnrecorded { .. } => "capability-unrecorded",
            Self::Reserved => "row-reserved-kind",
            Self::Reference { .. } => "row-reference",
            Self::CorrectionLeaf { .. } => "row-correction-leaf",
            Self::IdTaken { .. } => "row-id-taken",
            Self::IdempotencyConflict { .. } => "idempotency-conflict",
            Self::Record(source) => source.code(),
            Self::Canonical(source) => source.code(),
            Self::Checkpoint(source) => source.code(),
            Self::SealOfAnother { .. } => "seal-of-another-ledger",
            Self::SealUnsigned(_) => "seal-unsigned",
            Self::SealAbsent { .. } => "seal-absent",
            Self::SealRecorded { .. } => "seal-recorded",
            Self::Imprint { .. } => "anchor-imprint",
            Self::BundleAltered { .. } => "seal-bundle-altered",
            Self::Leaf { .. } => "import-leaf",
            Self::RootMismatch { .. } => "import-root",
            Self::Uncovered { .. } => "import-uncovered",
            Self::Source(_) => "import-source",
            Self::Openings { .. } => "openings-encrypt",
            Self::File(source) => source.code(),
            Self::Store(source) => source.code(),
        }
    }

    /// Whether the machine failed (exit 4), rather than what was asked for or found (exit 2).
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        match self {
            Self::Locked { .. } | Self::Source(_) => true,
            Self::File(source) => source.is_machine(),
            Self::Store(source) => source.is_machine(),
            _ => false,
        }
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(StoreError::from(error))
    }
}

impl From<FileError> for LedgerError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

/// A row that a trigger or constraint refused, where a caller can be at fault.
pub(crate) fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// A scroll that could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScrollError {
    /// The permit does not allow this here and now.
    #[error("not permitted")]
    Permit(#[source] CapabilityError),
    /// The permit's uses are numbered, and only the database can tell whether one was spent.
    #[error("a permit with numbered uses cannot write scrolls")]
    NumberedPermit,
    /// Another process writes.
    #[error("the vault is locked by {holder}")]
    Locked {
        /// Who holds it.
        holder: LockHolder,
    },
    /// Fewer lines than were signed: nothing is written to such a scroll.
    #[error("scroll of {engine} has {found} lines, {signed} were signed")]
    TailCut {
        /// The engine.
        engine: String,
        /// Lines that were signed.
        signed: u64,
        /// Lines found.
        found: u64,
    },
    /// The lines are not those that were signed.
    #[error("scroll of {engine} does not hash to its signed root")]
    Altered {
        /// The engine.
        engine: String,
    },
    /// A line is not one canonical JSON object.
    #[error("line {line} of the scroll of {engine} is no canonical JSON object")]
    Line {
        /// The engine.
        engine: String,
        /// The line, from 0.
        line: u64,
    },
    /// Lines beyond the root, which are signed only by an explicit adoption.
    #[error("scroll of {engine} has {found} lines, of which {signed} are signed")]
    UnsignedTail {
        /// The engine.
        engine: String,
        /// Lines that were signed.
        signed: u64,
        /// Lines found.
        found: u64,
    },
    /// The signed root could not be believed.
    #[error("root of the scroll of {engine}")]
    Root {
        /// The engine.
        engine: String,
        /// Why not.
        #[source]
        source: CheckpointError,
    },
    /// An event longer than a line may be.
    #[error("line of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes found.
        found: usize,
    },
    /// An event has no canonical form.
    #[error("event has no canonical form")]
    Canonical(#[source] CanonicalError),
    /// A file.
    #[error("file")]
    File(#[source] FileError),
}

impl ScrollError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Permit(source) => source.code(),
            Self::NumberedPermit => "scroll-numbered-permit",
            Self::Locked { .. } => "ledger-locked",
            Self::TailCut { .. } => "scroll-tail-cut",
            Self::Altered { .. } => "scroll-altered",
            Self::Line { .. } => "scroll-line",
            Self::UnsignedTail { .. } => "scroll-unsigned-tail",
            Self::Root { source, .. } => source.code(),
            Self::TooLong { .. } => "scroll-too-long",
            Self::Canonical(source) => source.code(),
            Self::File(source) => source.code(),
        }
    }

    /// Whether the machine failed (exit 4), rather than what was asked for or found (exit 2).
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        match self {
            Self::Locked { .. } => true,
            Self::File(source) => source.is_machine(),
            _ => false,
        }
    }
}

impl From<FileError> for ScrollError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

/// Openings that could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpeningsError {
    /// A format or suite that this build does not know.
    #[error("unknown format {found:?}")]
    FormatUnknown {
        /// What was found.
        found: String,
    },
    /// They are encrypted under another key.
    #[error("openings are encrypted under key {expected}, the key given is {found}")]
    OtherKey {
        /// Key id stored.
        expected: String,
        /// Key id given.
        found: String,
    },
    /// They do not decrypt: changed, or moved from another row or ledger.
    #[error("openings do not decrypt")]
    Unauthentic,
    /// They decrypt to something else than openings.
    #[error("openings are malformed")]
    Malformed,
    /// The ledger could not be read.
    #[error("ledger")]
    Ledger(#[source] LedgerError),
}

impl OpeningsError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FormatUnknown { .. } => "format-unknown",
            Self::OtherKey { .. } => "openings-other-key",
            Self::Unauthentic => "openings-unauthentic",
            Self::Malformed => "openings-malformed",
            Self::Ledger(source) => source.code(),
        }
    }
}

/// A proof that could not be made from the stored log.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProofFault {
    /// The log has no such place or size.
    #[error("the log holds {held} entries, {wanted} were asked for")]
    Outside {
        /// Entries held.
        held: u64,
        /// Place or size asked for.
        wanted: u64,
    },
    /// The proof would run from a larger size to a smaller.
    #[error("no proof runs from size {from} to the smaller {to}")]
    Shrunk {
        /// Older size.
        from: u64,
        /// Newer size.
        to: u64,
    },
    /// A tile or leaf that the proof needs is missing or malformed.
    #[error("tile {path} is missing or malformed")]
    Tile {
        /// Name of the tile.
        path: String,
    },
    /// The store.
    #[error("store")]
    Store(#[source] StoreError),
}

impl ProofFault {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Outside { .. } => "proof-outside",
            Self::Shrunk { .. } => "proof-shrunk",
            Self::Tile { .. } => "proof-tile",
            Self::Store(source) => source.code(),
        }
    }
}

impl From<rusqlite::Error> for ProofFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(StoreError::from(error))
    }
}

impl From<vm_seal::error::TileError> for ProofFault {
    fn from(error: vm_seal::error::TileError) -> Self {
        Self::Tile { path: error.to_string() }
    }
}

/// The place of a table in an error that names one.
pub(crate) fn table_subject(table: Table, id: &RowId) -> String {
    format!("{table}/{id}")
}
