//! What an error means to whoever runs a command: its stable code, its exit code, and what to do about it.

use std::io;

use vm_core::verdict::{Code, Verdict};
use vm_core::view::FileFault;
use vm_ledger::error::{BackupError, LedgerError, OpeningsError, ProofFault, ScrollError, StoreError};
use vm_seal::error::{SealError, TlogError};

use crate::error::{ConfigError, EXIT_MACHINE, EXIT_USAGE, VaultError};

const LOCK_REMEDY: &str = "Wait for the other writer, or raise --lock-timeout.";
const BACKUP_REMEDY: &str = "Check that this is the vault you meant; if it is, restore it from a backup.";
const DISK_REMEDY: &str = "Look at the disk, its space and the right to write there; what was acknowledged stands.";
const ADOPT_REMEDY: &str =
    "Look at the last lines, which a crash may have left unsigned, and sign them with `vaultmesh scroll adopt`.";
const SCROLL_REMEDY: &str = "See `vaultmesh scroll verify`: sign what a crash left unsigned with `vaultmesh scroll adopt`, else restore a backup.";
const SCROLL_ROOT_REMEDY: &str = "Its root is by a key that was declared stolen, or by none of this ledger: look at the scroll, then sign it anew with `vaultmesh scroll adopt`.";
const PROOF_REMEDY: &str = "Get the proof again from where it was made, and verify the vault there.";
const SEAL_REMEDY: &str = "Verify the vault with `vaultmesh verify`; what does not hold is not sealed.";
const FILE_REMEDY: &str = "Give a regular file, below the vault where its path says so; nothing was recorded.";

const LINE_REMEDY: &str = "Split the record, or keep the large part in a file and record it as an artifact.";
const KEYS_REMEDY: &str = "Check that the folder of keys can be read and written, or name another with --keys.";
const WRONG_KEY_REMEDY: &str =
    "Name the folder that holds this ledger's keys with --keys; where the key is lost, `vaultmesh keys lost log`.";
const KEY_REMEDY: &str = "Name the folder that holds this ledger's keys with --keys, or restore them from a backup.";
const TRUST_REMEDY: &str = "Give a trust file of format vm-trust-v0.";
const ERASED_REMEDY: &str = "Nothing can bring it back; the row with its commitment stands, and `vaultmesh show` of the receipt says when it was erased.";
const REFUSED_REMEDY: &str = "Ask another authority; no anchor was recorded.";

#[cfg(feature = "client")]
const CLIENT_REMEDY: &str =
    "Check the URL and the network, or ask later or elsewhere; the attempt was recorded, no anchor was.";

/// Stable name of what is wrong with a file.
const fn fault_code(fault: &FileFault) -> &'static str {
    match fault {
        FileFault::Missing { .. } => "file-missing",
        FileFault::NotRegular { .. } => "file-not-regular",
        _ => "file-io",
    }
}

impl VaultError {
    /// Stable, machine-readable name of this error; that of its cause where the cause has one.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyFile { .. } | Self::KeyMissing { .. } | Self::KeyOpen { .. } | Self::KeyMalformed { .. } => {
                self.key_code()
            }
            Self::TrustFile { .. } | Self::TrustTooLong { .. } | Self::TrustMalformed { .. } | Self::TrustWrite(_) => {
                self.trust_code()
            }
            Self::Line { source, .. } => source.code(),
            Self::Canonical(error) => error.code(),
            Self::Id(error) => error.code(),
            Self::Time(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Record(error) => error.code(),
            Self::Token(error) => error.code(),
            Self::Keys(error) => error.code(),
            Self::Gate(error) => error.code(),
            Self::Shadow(error) => error.code(),
            Self::Horizon(error) => error.code(),
            Self::Witness(error) => error.code(),
            Self::Mesh(error) => error.code(),
            Self::Statistics(error) => error.code(),
            Self::Privacy(error) => error.code(),
            Self::Guard(error) => error.code(),
            Self::Config(error) => error.code(),
            Self::View(_) => "evidence-unreadable",
            Self::Files(fault) => fault_code(fault),
            Self::ScrollUnsound { .. } => "scroll-unsound",
            Self::Path(error) => error.code(),
            Self::VaultFile(error) => error.code(),
            Self::Scroll(error) => error.code(),
            Self::Openings(error) => error.code(),
            Self::Backup(error) => error.code(),
            Self::Redaction(error) => error.code(),
            Self::Proof(error) => error.code(),
            Self::ProofFile(error) => error.code(),
            Self::Tiles(error) => error.code(),
            Self::Tlog(error) => error.code(),
            Self::Selection(error) => error.code(),
            Self::Capture(error) => error.code(),
            Self::Session(error) => error.code(),
            Self::Ledger(error) => error.code(),
            Self::Bundle(error) => error.code(),
            Self::Query(error) => error.code(),
            Self::Completeness(error) => error.code(),
            Self::Note(error) => error.code(),
            Self::Seal(error) => error.code(),
            Self::Attest(error) => error.code(),
            Self::Policy(error) => error.code(),
            Self::Authority(error) => error.code(),
            Self::Request(error) => error.code(),
            #[cfg(feature = "client")]
            Self::Client(error) => error.code(),
            Self::Chain(error) => error.code(),
            Self::Evidence(error) => error.code(),
            #[cfg(feature = "forecast")]
            Self::Forecast(error) => error.code(),
            _ => self.own_code(),
        }
    }

    /// The code of an error that has no cause.
    const fn own_code(&self) -> &'static str {
        match self {
            Self::Input { .. } => "input",
            Self::LineTooLong { .. } => "line-too-long",
            Self::File { .. } => "file",
            Self::EvidenceDiffers { .. } => "evidence-differs",
            Self::NotFound { .. } => "not-found",
            Self::Entropy(_) => "no-entropy",
            Self::SealEmpty => "seal-empty",
            Self::NotIndexed { .. } => "not-indexed",
            Self::Archive { .. } => "export-malformed",
            Self::NotVacant { .. } => "folder-not-empty",
            Self::ArchiveAltered => "export-altered",
            Self::ReportTooLong { .. } => "report-too-long",
            Self::RateLimited { .. } => "rate-limited",
            Self::FormatUnknown { .. } => "format-unknown",
            Self::AnchorRefused { .. } => "anchor-refused",
            _ => "vault",
        }
    }

    /// The code of an error about a key file.
    const fn key_code(&self) -> &'static str {
        match self {
            Self::KeyFile { .. } => "key-file",
            Self::KeyMissing { .. } => "key-missing",
            Self::KeyOpen { .. } => "key-open",
            _ => "key-file-malformed",
        }
    }

    /// The code of an error about a trust file.
    const fn trust_code(&self) -> &'static str {
        match self {
            Self::TrustFile { .. } => "trust-file",
            Self::TrustTooLong { .. } => "trust-too-long",
            Self::TrustMalformed { .. } => "trust-malformed",
            _ => "trust-write",
        }
    }

    /// Exit code of a command that ends with this error: [`EXIT_USAGE`] where something else must be asked or given,
    /// [`EXIT_MACHINE`] where the machine failed and the same may work later; that of a verdict where the gate's own log is at
    /// fault, or its seal lacks an anchor. Networks and authorities fail like machines do: the same may work later.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Gate(error) => error.exit_code(),
            Self::Line { source, .. } => source.exit_code(),
            // What was erased is missing, as the receipt says: nothing is wrong, and nothing can be shown.
            Self::Openings(OpeningsError::Erased { .. }) => Verdict::Undecided.exit_code(),
            #[cfg(feature = "forecast")]
            Self::Forecast(error) => error.exit_code(),
            _ if self.is_machine() => EXIT_MACHINE,
            _ => EXIT_USAGE,
        }
    }

    /// Whether the machine failed, of errors that say that themselves.
    fn is_machine(&self) -> bool {
        match self {
            Self::Entropy(_) | Self::TrustWrite(_) | Self::View(_) | Self::RateLimited { .. } => true,
            #[cfg(feature = "client")]
            Self::Client(error) => !matches!(error, vm_anchor::error::ClientError::Url),
            Self::KeyFile { source, .. } | Self::TrustFile { source, .. } | Self::File { source, .. } => {
                is_machine(source)
            }
            Self::Config(error) => error.is_machine(),
            Self::Chain(error) => error.is_machine(),
            Self::Files(fault) => !matches!(fault, FileFault::Missing { .. } | FileFault::NotRegular { .. }),
            Self::Ledger(error) | Self::Openings(OpeningsError::Ledger(error)) => error.is_machine(),
            Self::VaultFile(error) => error.is_machine(),
            Self::Backup(error) => error.is_machine(),
            Self::Scroll(error) => error.is_machine(),
            Self::Proof(error) => matches!(error, ProofFault::Store(_)),
            Self::Tiles(error) => error.is_machine(),
            Self::Tlog(error) => matches!(error, TlogError::File(FileFault::Unreadable { .. })),
            Self::Capture(error) => error.is_machine(),
            Self::Mesh(error) => error.is_machine(),
            Self::Redaction(error) => error.is_machine(),
            Self::ScrollUnsound { report, .. } => report.has(Code::EvidenceUnreadable),
            Self::Seal(error) => matches!(error, vm_seal::error::SealError::View(_)),
            // What else there is, the caller can set right.
            _ => false,
        }
    }

    /// What to do about it, in one sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Entropy(_) => "Give the process access to the operating system's random numbers.",
            Self::KeyFile { .. } => KEYS_REMEDY,
            Self::KeyMissing { .. } => KEY_REMEDY,
            Self::KeyOpen { .. } => "Take the rights of others away with chmod 600.",
            Self::KeyMalformed { .. } => "Restore the key file from a backup.",
            Self::TrustFile { .. } | Self::TrustTooLong { .. } | Self::TrustMalformed { .. } => TRUST_REMEDY,
            Self::TrustWrite(_) => "Write the trust file by hand.",
            Self::FormatUnknown { .. } => "Use a release that knows the format, or correct it.",
            Self::Input { .. } => "Correct the input; nothing of it was recorded.",
            Self::Line { source, .. } => source.remedy(),
            #[cfg(feature = "forecast")]
            Self::Forecast(error) => error.remedy(),
            Self::LineTooLong { .. } => LINE_REMEDY,
            Self::File { .. } => "Check the name of the file, the right to use it, and the space on its disk.",
            Self::EvidenceDiffers { .. } => "Find out which is right, the file or the hash, before recording it.",
            Self::NotFound { .. } => "Look it up with `vaultmesh list`.",
            Self::Canonical(_) => "Correct the JSON; numbers that a double cannot hold can be written as text.",
            Self::Id(_) => "Copy the id as `vaultmesh list` shows it.",
            Self::Time(_) => "Write the time as 2026-01-02T03:04:05Z.",
            Self::Key(_) => "Copy the key as `vaultmesh init` or `vaultmesh doctor` shows it.",
            Self::Record(_) | Self::Shadow(_) => "Correct the record; nothing of it was stored.",
            Self::Token(error) => error.remedy(),
            Self::Redaction(error) => error.remedy(),
            Self::Keys(error) => error.remedy(),
            Self::Guard(error) => error.remedy(),
            Self::Config(_) => "Correct config.toml in the vault, or move it away for the defaults.",
            Self::View(_) | Self::Files(_) => "Check that the vault can be read, and its disk.",
            Self::ScrollUnsound { .. } => SCROLL_REMEDY,
            Self::VaultFile(error) if error.is_machine() => DISK_REMEDY,
            Self::Path(_) | Self::VaultFile(_) => FILE_REMEDY,
            Self::Scroll(error) => scroll_remedy(error),
            Self::Backup(error) => backup_remedy(error),
            Self::SealEmpty => "Widen the selection, or seal that there was none with --allow-empty.",
            Self::Openings(error) => openings_remedy(error),
            Self::Proof(_) => "Verify the vault with `vaultmesh verify`.",
            Self::Tiles(error) => error.remedy(),
            Self::Tlog(_) => "Name a directory that holds a log's checkpoint and tiles, whole.",
            Self::Selection(_) => "Correct what is to be sealed; nothing was.",
            Self::Capture(_) | Self::Session(_) => {
                "Correct the capture; see `vaultmesh record mcp --help` for its form."
            }
            Self::Ledger(error) => ledger_remedy(error),
            Self::Query(_) => "Ask for what rows can hold: `vaultmesh prove complete --help` says how.",
            Self::NotIndexed { .. } => "Seal the vault, which records an index, and ask again.",
            Self::ProofFile(_) | Self::Completeness(_) => PROOF_REMEDY,
            Self::Horizon(error) => error.remedy(),
            Self::Witness(error) => error.remedy(),
            Self::Mesh(error) => error.remedy(),
            Self::Statistics(error) => error.remedy(),
            Self::Privacy(error) => error.remedy(),
            Self::Bundle(_) | Self::Note(_) => "Check that this is the file you meant, and whole.",
            Self::Archive { .. } | Self::ArchiveAltered => "Get the export again from where it was made.",
            Self::ReportTooLong { .. } => "Write it with --blind, or seal fewer rows at once.",
            Self::NotVacant { .. } => "Choose an absent or empty folder.",
            Self::Policy(_) => "Correct the trust file.",
            Self::Chain(error) => error.remedy(),
            Self::Gate(error) => error.remedy(),
            Self::Authority(_) => "Look at the clock and the local authority's files beside the keys.",
            #[cfg(feature = "client")]
            Self::Client(_) => CLIENT_REMEDY,
            Self::RateLimited { .. } => "Wait, or give --wait more seconds; other authorities were asked all the same.",
            Self::Request(_) | Self::Evidence(_) | Self::AnchorRefused { .. } => REFUSED_REMEDY,
            Self::Seal(_) | Self::Attest(_) => SEAL_REMEDY,
        }
    }
}

impl ConfigError {
    fn is_machine(&self) -> bool {
        matches!(self, Self::Read { source, .. } if is_machine(source))
    }
}

/// Whether the machine failed, and not the name that was given.
pub(crate) fn is_machine(error: &io::Error) -> bool {
    use io::ErrorKind::{
        AlreadyExists, InvalidData, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound,
    };
    let given = [NotFound, IsADirectory, NotADirectory, InvalidFilename, InvalidInput, InvalidData, AlreadyExists];
    !given.contains(&error.kind())
}

const fn openings_remedy(error: &OpeningsError) -> &'static str {
    match error {
        OpeningsError::Erased { .. } => ERASED_REMEDY,
        _ => "Name the folder that holds this ledger's keys with --keys.",
    }
}

const fn scroll_remedy(error: &ScrollError) -> &'static str {
    match error {
        ScrollError::Locked { .. } => LOCK_REMEDY,
        ScrollError::UnsignedTail { .. } => ADOPT_REMEDY,
        ScrollError::Root { .. } => SCROLL_ROOT_REMEDY,
        _ if error.is_machine() => DISK_REMEDY,
        _ => "Verify the scroll with `vaultmesh scroll verify`; nothing was appended.",
    }
}

fn backup_remedy(error: &BackupError) -> &'static str {
    match error {
        BackupError::Exists { .. } => "Choose another name, or move what is there away.",
        BackupError::Ledger(error) => ledger_remedy(error),
        BackupError::File(error) if !error.is_machine() => FILE_REMEDY,
        _ => DISK_REMEDY,
    }
}

fn ledger_remedy(error: &LedgerError) -> &'static str {
    match error {
        LedgerError::Group(failure) => ledger_remedy(failure.cause()),
        LedgerError::OutcomeUnknown => "Ask again with the same idempotency keys: what stands is not recorded twice.",
        LedgerError::NoVault { .. } => "Make a vault with `vaultmesh init`, or name another with --vault.",
        LedgerError::NotEmpty { .. } => "Choose an empty folder; a vault is never made over something else.",
        LedgerError::NewerSchema { .. } => {
            "Use a release that knows this schema; an older one could lose what it means."
        }
        LedgerError::NotALedger { .. } | LedgerError::SchemaAltered { .. } | LedgerError::Genesis(_) => BACKUP_REMEDY,
        LedgerError::LastIndex { .. } | LedgerError::Index(SealError::RowAltered { .. }) => {
            "Run `vaultmesh verify` to see what was changed, and restore the vault from a backup; --without-index seals what is as it was logged."
        }
        LedgerError::LogAltered { .. } => {
            "Run `vaultmesh verify` to see what was changed, and restore the vault from a backup."
        }
        LedgerError::WrongKey { .. } => WRONG_KEY_REMEDY,
        LedgerError::KeyChange(_) => "Change the key with this ledger's root key, to one that it never had.",
        LedgerError::Locked { .. } => LOCK_REMEDY,
        LedgerError::KeyErased { .. } => {
            "Finish the erasure with `vaultmesh erase`, and record it again: the subject gets a new key."
        }
        LedgerError::Readers => {
            "Wait for other commands on this vault to end, and erase again; what was erased stays erased."
        }
        LedgerError::IdempotencyConflict { .. } => "Use another key for other input.",
        LedgerError::Reserved => "Use the command that makes such rows.",
        LedgerError::Statistics(error) => crate::error::statistics_remedy(error),
        LedgerError::Permit(_) => "Use a capability that grants it.",
        LedgerError::Store(StoreError::NotADatabase(_) | StoreError::Corrupt(_)) => BACKUP_REMEDY,
        LedgerError::File(error) if !error.is_machine() => FILE_REMEDY,
        LedgerError::File(_) | LedgerError::Store(_) => DISK_REMEDY,
        _ => "Correct what was given; nothing of it was recorded.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn what_the_caller_got_wrong_is_told_from_what_the_machine_did() {
        let file = |kind: io::ErrorKind| VaultError::File { path: PathBuf::from("x"), source: kind.into() };
        assert_eq!(file(io::ErrorKind::NotFound).exit_code(), EXIT_USAGE);
        assert_eq!(file(io::ErrorKind::PermissionDenied).exit_code(), EXIT_MACHINE);
        assert_eq!(file(io::ErrorKind::StorageFull).exit_code(), EXIT_MACHINE);
        let line = VaultError::Line { line: 3, source: Box::new(file(io::ErrorKind::StorageFull)) };
        assert_eq!((line.exit_code(), line.code()), (EXIT_MACHINE, "file"));
    }

    #[test]
    fn remedies_are_sentences() {
        for error in [
            VaultError::Input { reason: String::new() },
            VaultError::Config(ConfigError::TsaName),
            VaultError::Ledger(LedgerError::NoVault { path: PathBuf::new() }),
        ] {
            assert!(error.remedy().ends_with('.'), "{}", error.code());
        }
    }
}
