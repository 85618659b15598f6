//! Errors of the facade: each with a stable code, a remedy, and the exit code it leads to.

mod chain;
mod config;
#[cfg(feature = "forecast")]
mod forecast;
mod gate;
mod guard;
mod horizon;
mod keys;
mod merge;
mod mesh;
mod privacy;
mod redaction;
mod statistics;
mod token;
mod toml_fault;
mod witness;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

pub use chain::ChainError;
pub use config::ConfigError;
#[cfg(feature = "forecast")]
pub use forecast::ForecastFault;
pub use gate::GateError;
pub use guard::GuardFault;
pub use horizon::HorizonFault;
pub use keys::KeysError;
pub use merge::MergeFault;
pub use mesh::MeshError;
pub use privacy::PrivacyFault;
pub use redaction::RedactionFault;
pub use statistics::StatisticsFault;
pub(crate) use statistics::remedy as statistics_remedy;
pub use token::TokenError;
pub use toml_fault::TomlFault;
use vm_core::error::{CanonicalError, IdError, InstantError, KeyError, RecordError};
pub use witness::WitnessFault;

/// Exit code of wrong usage or malformed input; nothing was written.
pub const EXIT_USAGE: u8 = 2;
/// Exit code of a machine that failed; nothing acknowledged was lost.
pub const EXIT_MACHINE: u8 = 4;

/// What an operation on a vault can fail with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VaultError {
    /// A redaction policy that is not used.
    #[error(transparent)]
    Redaction(Box<RedactionFault>),
    /// A backup could not be made.
    #[error("backup")]
    Backup(#[source] vm_ledger::BackupError),
    /// A seal over no row is most often a selection that was mistyped.
    #[error("no row is selected")]
    SealEmpty,
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    Entropy(#[source] getrandom::Error),
    /// A key file cannot be read or written.
    #[error("cannot use key file {}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// A key file is not there.
    #[error("no key at {}", path.display())]
    KeyMissing {
        /// The file.
        path: PathBuf,
    },
    /// A key file can be read by others.
    #[error("key file {} can be read by others", path.display())]
    KeyOpen {
        /// The file.
        path: PathBuf,
    },
    /// A key file is malformed.
    #[error("key file {} is malformed", path.display())]
    KeyMalformed {
        /// The file.
        path: PathBuf,
    },
    /// A trust file cannot be read.
    #[error("cannot read trust file {}", path.display())]
    TrustFile {
        /// The file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// A trust file is too long.
    #[error("trust file {} is longer than {limit} bytes", path.display())]
    TrustTooLong {
        /// The file.
        path: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
    /// A trust file is malformed, or has unknown keys.
    #[error("trust file {} is malformed", path.display())]
    TrustMalformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        #[source]
        source: TomlFault,
    },
    /// A trust file cannot be written.
    #[error("trust file cannot be written")]
    TrustWrite(#[source] Box<toml::ser::Error>),
    /// An object of an unknown format.
    #[error("{what} of unknown format {found:?}")]
    FormatUnknown {
        /// What it is.
        what: &'static str,
        /// The format it claims.
        found: String,
    },
    /// Input of the wrong shape.
    #[error("input: {reason}")]
    Input {
        /// What is wrong with it, without its values.
        reason: String,
    },
    /// A line of many is wrong.
    #[error("line {line}")]
    Line {
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong.
        #[source]
        source: Box<VaultError>,
    },
    /// A line is too long.
    #[error("line {line} is longer than {limit} bytes")]
    LineTooLong {
        /// Number of the line, from 1.
        line: u64,
        /// Bytes allowed.
        limit: usize,
    },
    /// A file given by the caller cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// Evidence has another hash than was given.
    #[error("evidence hashes to {found}, not to the given {expected}")]
    EvidenceDiffers {
        /// The hash given.
        expected: String,
        /// The hash it has.
        found: String,
    },
    /// Nothing has this name.
    #[error("no {what} {name}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// JSON that is refused.
    #[error("JSON is refused")]
    Canonical(#[source] CanonicalError),
    /// An identifier that is malformed.
    #[error("malformed identifier")]
    Id(#[source] IdError),
    /// A time that is malformed.
    #[error("malformed time")]
    Time(#[source] InstantError),
    /// A key that cannot be used.
    #[error("key cannot be used")]
    Key(#[source] KeyError),
    /// A record that cannot be made.
    #[error("record cannot be made")]
    Record(#[source] RecordError),
    /// A token that is not granted, not revoked, or does not permit it.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A key that is not changed, or a history of keys that cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The gate refuses, or cannot be asked.
    #[error("gate")]
    Gate(#[from] GateError),
    /// A shadow receipt that cannot be made.
    #[error("shadow receipt cannot be made")]
    Shadow(#[source] vm_shadow::error::ObserveError),
    /// A horizon, or a proof of restraint.
    #[error(transparent)]
    Horizon(#[from] HorizonFault),
    /// What a guardian answered, or was to be told.
    #[error(transparent)]
    Guard(#[from] GuardFault),
    /// `config.toml` is refused.
    #[error("configuration is refused")]
    Config(#[from] ConfigError),
    /// A path that cannot lie below a vault.
    #[error("path")]
    Path(#[source] vm_core::error::PathError),
    /// A file that cannot be taken into the vault.
    #[error("file")]
    VaultFile(#[source] vm_ledger::FileError),
    /// A scroll that cannot be written.
    #[error("scroll")]
    Scroll(#[source] vm_ledger::ScrollError),
    /// Openings that cannot be read.
    #[error("openings")]
    Openings(#[source] vm_ledger::OpeningsError),
    /// A proof that cannot be made.
    #[error("proof")]
    Proof(#[source] vm_ledger::ProofFault),
    /// A file that is no proof of a row.
    #[error("proof file")]
    ProofFile(#[from] ProofFileError),
    /// A directory of tiles that cannot be written.
    #[error("directory of tiles")]
    Tiles(#[from] crate::tiles::TilesError),
    /// A directory of tiles that cannot be read.
    #[error("directory of tiles")]
    Tlog(#[source] vm_seal::error::TlogError),
    /// A selection that cannot be made.
    #[error("selection")]
    Selection(#[from] vm_seal::error::SelectionError),
    /// A capture that cannot be read.
    #[error("capture")]
    Capture(#[source] crate::mcp::CaptureError),
    /// A frame that cannot be recorded.
    #[error("session")]
    Session(#[source] crate::mcp::SessionError),
    /// The evidence could not be read.
    #[error("the evidence could not be read")]
    View(#[source] vm_core::view::ViewError),
    /// A file below the vault could not be read.
    #[error("a file of the vault could not be read")]
    Files(#[source] vm_core::view::FileFault),
    /// A scroll is not sound, so it is neither sealed nor written to.
    #[error("scroll {engine} is not sound: {}", report.findings().first().map_or("unchecked", |f| f.code().as_str()))]
    ScrollUnsound {
        /// The engine.
        engine: vm_core::id::EngineName,
        /// What was found.
        report: Box<vm_core::verdict::Report>,
    },
    /// The ledger refused or failed.
    #[error("ledger")]
    Ledger(#[from] vm_ledger::error::LedgerError),
    /// A seal bundle cannot be read.
    #[error("seal bundle")]
    Bundle(#[source] vm_seal::error::BundleError),
    /// A question that cannot be asked.
    #[error("question")]
    Query(#[from] vm_seal::error::QueryError),
    /// A completeness proof that cannot be made or read.
    #[error("completeness proof")]
    Completeness(#[source] vm_seal::error::CompletenessError),
    /// No index close enough before the size that an answer is to be complete at.
    #[error("no index stands close enough before entry {size} of the log")]
    NotIndexed {
        /// The size.
        size: u64,
    },
    /// A file that is no export, or is damaged past reading.
    #[error("not a sound export: {reason}")]
    Archive {
        /// What is wrong with it.
        reason: String,
    },
    /// A folder that must be absent or empty and is not.
    #[error("{} is not empty", path.display())]
    NotVacant {
        /// The folder.
        path: PathBuf,
    },
    /// A signed note that cannot be read.
    #[error("signed note")]
    Note(#[source] vm_core::error::NoteError),
    /// An export whose sums do not hold.
    #[error("the export's sums do not hold")]
    ArchiveAltered,
    /// An export is longer than a report may hold.
    #[error("export of {found} bytes is longer than the {limit} of a report")]
    ReportTooLong {
        /// Bytes allowed.
        limit: u64,
        /// Bytes of the export.
        found: u64,
    },
    /// A seal cannot be made or read.
    #[error("seal")]
    Seal(#[from] vm_seal::error::SealError),
    /// A seal that cannot be attested.
    #[error("attestation of the seal")]
    Attest(#[from] vm_seal::error::AttestError),
    /// A trust policy that contradicts itself.
    #[error("trust policy")]
    Policy(#[source] vm_anchor::error::PolicyError),
    /// The local authority cannot stamp.
    #[error("local timestamp authority")]
    Authority(#[from] vm_anchor::error::AuthorityError),
    /// A request that cannot be made.
    #[error("timestamp request")]
    Request(#[from] vm_anchor::error::RequestError),
    /// An authority that was not reached, or refused.
    #[cfg(feature = "client")]
    #[error("timestamp authority")]
    Client(#[from] vm_anchor::error::ClientError),
    /// A chain of blocks, evidence in it, or a node of it.
    #[error("chain")]
    Chain(#[from] ChainError),
    /// An authority that was asked too short a while ago.
    #[error("the authority wants to be left alone: {reason}")]
    RateLimited {
        /// When it may be asked again.
        reason: String,
    },
    /// An anchor's record that cannot be made.
    #[error("anchor record")]
    Evidence(#[source] vm_anchor::error::EvidenceError),
    /// Federation.
    #[error(transparent)]
    Mesh(#[from] MeshError),
    /// A subject, a disclosure or an erasure.
    #[error(transparent)]
    Privacy(#[from] PrivacyFault),
    /// A checkpoint that is not cosigned, or what is said of that.
    #[error(transparent)]
    Witness(#[from] WitnessFault),
    /// Statistics that are not given away.
    #[error(transparent)]
    Statistics(#[from] StatisticsFault),
    /// A forecast that is not made.
    #[cfg(feature = "forecast")]
    #[error(transparent)]
    Forecast(#[from] ForecastFault),
    /// Evidence of an anchor that does not hold.
    #[error("the token does not hold: {}", report.findings().first().and_then(|f| f.found_value()).unwrap_or("unchecked"))]
    AnchorRefused {
        /// What was found.
        report: Box<vm_core::verdict::Report>,
    },
}

/// A file that is no proof.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ProofFileError {
    /// JSON that is refused.
    #[error("row proof is no sound JSON")]
    Json(#[source] CanonicalError),
    /// Of a format that this build does not know.
    #[error("unknown proof format {found:?}")]
    FormatUnknown {
        /// What was given.
        found: String,
    },
    /// Members missing, foreign or malformed.
    #[error("row proof has members that are missing, foreign or malformed")]
    Shape,
    /// More hashes than any tree demands.
    #[error("path of the row proof")]
    Path(#[source] vm_seal::error::ProofError),
    /// The signed note of its checkpoint is malformed.
    #[error("signed note around the checkpoint")]
    Note(#[source] vm_core::error::NoteError),
    /// The size it names is not that of its checkpoint.
    #[error("row proof is for {expected} entries, its checkpoint of {found}")]
    Size {
        /// Size named.
        expected: u64,
        /// Size signed.
        found: u64,
    },
    /// No sound `.tlog-proof`.
    #[error("tlog-proof")]
    Tlog(#[from] vm_seal::error::TlogProofError),
    /// No sound COSE receipt.
    #[error("COSE receipt")]
    Receipt(#[from] vm_seal::error::ReceiptError),
}

impl ProofFileError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Json(_) => "row-proof-json",
            Self::FormatUnknown { .. } => "format-unknown",
            Self::Shape => "row-proof-shape",
            Self::Path(_) => "row-proof-path",
            Self::Note(_) => "row-proof-note",
            Self::Size { .. } => "row-proof-size",
            Self::Tlog(error) => error.code(),
            Self::Receipt(error) => error.code(),
        }
    }
}
