//! Errors of the gate: what it refuses, and what keeps an execution from being prepared or recorded.

use thiserror::Error;
use vm_core::id::{EngineName, RowId, SealId};
use vm_core::verdict::{Code, Finding, Report, Severity, Verdict};
use vm_dee::error::{ContentError, ReplayError, RoadError, SuggestionError, Violation};
use vm_guardian::StandingBlock;

use crate::error::{EXIT_MACHINE, EXIT_USAGE, VaultError};

/// What a step through the gate can fail with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GateError {
    /// The gate refuses the row. Nothing was recorded.
    #[error("refused by the gate")]
    Refused(#[from] Violation),
    /// A row that the gate refuses is in the log already, so nothing can be said of what is in force.
    #[error("row {row} stands in the log and the gate refuses it")]
    Violated {
        /// The row.
        row: RowId,
        /// Why.
        #[source]
        source: Violation,
    },
    /// A row of the gate cannot be read.
    #[error("row {row} of the gate cannot be read")]
    Unreadable {
        /// The row.
        row: RowId,
    },
    /// A content that cannot be made.
    #[error("content")]
    Content(#[from] ContentError),
    /// The road to the execution ends here. Nothing was run.
    #[error("nothing was run")]
    Road(#[from] RoadError),
    /// A replay that cannot be made.
    #[error("replay")]
    Replay(#[from] ReplayError),
    /// Thresholds that cannot be read.
    #[error("thresholds: {reason}")]
    Thresholds {
        /// What is wrong with them.
        reason: String,
    },
    /// A policy file that cannot be read.
    #[error("policy file")]
    PolicyFile(#[source] crate::error::TomlFault),
    /// Evidence that the proposal names is not there, or not as it says.
    #[error("evidence of the proposal: {}", report.findings().first().map_or("unchecked", |found| found.code().as_str()))]
    Evidence {
        /// What was found.
        report: Box<Report>,
    },
    /// The ledger is not what its checkpoints sign, or could not be looked at whole, so what the gate would say of it is worth
    /// nothing.
    #[error("the ledger: {}", worst(report))]
    Unsound {
        /// What was found.
        report: Box<Report>,
    },
    /// A row that suggests nothing.
    #[error("row {row} is neither a guardian's report that proposes something nor a recommendation")]
    NoSuggestion {
        /// The row.
        row: RowId,
    },
    /// A report that proposes several things, of which none was named that is there.
    #[error("report in row {row} proposes {count} things, numbered from 1")]
    WhichSuggestion {
        /// The row.
        row: RowId,
        /// How many there are.
        count: usize,
    },
    /// A suggestion that more than one change would follow.
    #[error("what row {row} suggests leaves open which change would do it")]
    NoOnlyChange {
        /// The row.
        row: RowId,
    },
    /// A guardian's report that cannot be read.
    #[error("guardian's report")]
    Report(#[source] vm_guardian::error::FormatError),
    /// A proposal that is not what was suggested.
    #[error("not what was suggested")]
    Suggestion(#[source] SuggestionError),
    /// The seal that was made for the execution must be anchored first. Nothing was run.
    #[error("seal {seal} covers the proposal and has no anchor that counts")]
    AnchorNeeded {
        /// The seal.
        seal: SealId,
    },
    /// A guardian has found what promotions must wait for. Nothing was run.
    #[error("{guardian} holds up promotion by row {}: {}", block.row, block.reason)]
    Blocked {
        /// The guardian.
        guardian: EngineName,
        /// What it recorded.
        block: Box<StandingBlock>,
    },
    /// A withheld outcome names what is no receipt of it.
    #[error("outcome is not withheld: {fault}")]
    Receipt {
        /// What is wrong with it.
        fault: &'static str,
    },
    /// What an execution comes to could not be recorded afterwards. Nothing was run.
    #[error("outcome could not be recorded: {reason}")]
    NoOutcome {
        /// Why not.
        reason: &'static str,
    },
    /// Another process executes.
    #[error("another execution is running")]
    Running,
    /// What is to be run is not what was approved.
    #[error("proposal does not name this command")]
    OtherCommand,
    /// A change of epoch is not run as a command.
    #[error("proposal is a change of epoch")]
    EpochChange,
    /// It was executed, and its outcome could not be recorded.
    #[error("intent {intent} was executed, and its outcome could not be recorded")]
    OutcomeLost {
        /// The intent.
        intent: RowId,
        /// Why not.
        #[source]
        source: Box<VaultError>,
    },
    /// The view could not answer.
    #[error("the evidence could not be read")]
    View(#[from] vm_core::view::ViewError),
    /// The ledger could not answer.
    #[error("ledger")]
    Ledger(#[from] vm_ledger::LedgerError),
}

impl GateError {
    /// Stable, machine-readable name of this error; that of its cause where the cause has one.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(violation) => violation.code(),
            Self::Violated { .. } => "gate-violated",
            Self::Unreadable { .. } | Self::View(_) => "evidence-unreadable",
            Self::Content(error) => error.code(),
            Self::Road(error) => error.code(),
            Self::Replay(error) => error.code(),
            Self::Thresholds { .. } => "gate-thresholds",
            Self::PolicyFile(_) => "gate-policy-file",
            Self::Evidence { .. } => "gate-evidence",
            Self::Unsound { .. } => "gate-unsound",
            Self::NoSuggestion { .. } => "suggestion-none",
            Self::WhichSuggestion { .. } => "suggestion-which",
            Self::NoOnlyChange { .. } => "suggestion-no-change",
            Self::Report(error) => error.code(),
            Self::Suggestion(error) => error.code(),
            Self::AnchorNeeded { .. } => "gate-unanchored",
            Self::Blocked { .. } => "gate-blocked",
            Self::Receipt { .. } => "gate-receipt",
            Self::NoOutcome { .. } => "gate-no-outcome",
            Self::Running => "gate-running",
            Self::OtherCommand => "gate-other-command",
            Self::EpochChange => "gate-is-epoch-change",
            Self::OutcomeLost { .. } => "gate-outcome-lost",
            Self::Ledger(error) => error.code(),
        }
    }

    /// Exit code that it leads to.
    pub(crate) fn exit_code(&self) -> u8 {
        let machine = match self {
            // A seal stands and lacks its anchor, or a guardian's word; a row that should not be there is proven wrong.
            Self::AnchorNeeded { .. } | Self::Blocked { .. } | Self::Unreadable { .. } => {
                return Verdict::Undecided.exit_code();
            }
            Self::Unsound { report } if report.verdict() != Verdict::Contradicted => {
                return Verdict::Undecided.exit_code();
            }
            Self::Violated { .. } | Self::Unsound { .. } => return Verdict::Contradicted.exit_code(),
            Self::View(_) | Self::Running | Self::OutcomeLost { .. } => true,
            Self::Replay(error) => matches!(error, ReplayError::View(_)),
            Self::Ledger(error) => error.is_machine(),
            _ => false,
        };
        if machine { EXIT_MACHINE } else { EXIT_USAGE }
    }

    /// What to do about it.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Refused(violation) => violation.remedy(),
            Self::Violated { .. } | Self::Unreadable { .. } => {
                "Run `vaultmesh verify`; the gate stays shut until the vault is restored from a backup."
            }
            Self::Content(_) => "Correct what was given; nothing of it was recorded.",
            Self::Road(error) => error.remedy(),
            Self::Replay(_) => "Propose it with a plan for places that the log has, and run `vaultmesh verify`.",
            Self::Thresholds { .. } => "Give JSON of format vm-thresholds-v0.",
            Self::PolicyFile(_) => "Correct the file; see `vaultmesh gate policy --help` for its form.",
            Self::Evidence { .. } => "Propose anew with the rows as they stand in the log.",
            Self::Unsound { .. } => {
                "Run `vaultmesh verify`, which says all that is wrong or could not be read; nothing was run."
            }
            Self::NoSuggestion { .. } => {
                "Name the row that `vaultmesh guard` says holds the report, or that of a recommendation."
            }
            Self::WhichSuggestion { .. } => {
                "Look at the report with `vaultmesh show`, and name one of them with --number."
            }
            Self::NoOnlyChange { .. } => "Name the change too, with --kind or a file.",
            Self::Report(_) => "Have the guardian look again; its new report is a row of its own.",
            Self::Suggestion(error) => error.remedy(),
            Self::AnchorNeeded { .. } => {
                "Anchor it with `vaultmesh anchor add SEAL`, and try again with a trust file that accepts the authority."
            }
            Self::Blocked { .. } => {
                "See to what it found, then run `vaultmesh guard` again: a report without the block lifts it."
            }
            Self::Receipt { .. } => "Record the shadow receipt of this proposal with its outcome, or before it.",
            Self::NoOutcome { .. } => {
                "Execute under a token that may record in the epoch it ends in, and whose uses are not counted or suffice."
            }
            Self::Running => {
                "Wait until it and the command it runs are over; what has no outcome is recorded as unknown."
            }
            Self::OtherCommand => {
                "Run the very command that was proposed, argument by argument; for another, or for one where none was, propose anew."
            }
            Self::EpochChange => "Use `vaultmesh epoch change`.",
            Self::OutcomeLost { .. } => {
                "Look at what it did; `vaultmesh gate recover` records that its outcome is unknown, and it is never run again."
            }
            Self::View(_) | Self::Ledger(_) => "Check that the vault can be read, and its disk.",
        }
    }
}

/// What is contradicted, else what could not be read.
fn worst(report: &Report) -> &'static str {
    let find = |of: &dyn Fn(Code) -> bool| report.findings().iter().map(Finding::code).find(|code| of(*code));
    let contradicted = find(&|code| code.severity() == Severity::Contradicted);
    contradicted.or_else(|| find(&|code| code == Code::EvidenceUnreadable)).map_or("unchecked", Code::as_str)
}
