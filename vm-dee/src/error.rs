//! Errors: one enum an operation, each variant with a stable code.

mod violation;

use thiserror::Error;
use vm_core::error::{CanonicalError, CapabilityError, KeyError, RecordError};
use vm_core::instant::Instant;
use vm_core::record::SystemKind;
use vm_core::view::ViewError;
use vm_seal::error::ProofError;

use crate::change::{ChangeKind, Risk};

pub use violation::Violation;

/// A content that cannot be made or read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ContentError {
    /// A row of another kind.
    #[error("not a row of kind {}", expected.as_str())]
    OtherKind {
        /// The kind wanted.
        expected: SystemKind,
    },
    /// A row whose columns cannot be read, or that cannot be made.
    #[error("row")]
    Record(#[source] RecordError),
    /// Not canonical JSON, or too long.
    #[error("content is not canonical")]
    Canonical(#[source] CanonicalError),
    /// A content longer than the limit.
    #[error("content of {found} bytes is longer than {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// An unknown format.
    #[error("unknown format {found:?}")]
    UnknownFormat {
        /// What was given.
        found: String,
    },
    /// Members are missing, foreign, of another type, or do not belong together.
    #[error("not of its format's shape")]
    Shape,
    /// The row's subject is not the row that the content is about.
    #[error("subject of the row is not that of its content")]
    Subject,
    /// A content for another row.
    #[error("content is signed for another row")]
    OtherRow,
    /// A content for another ledger.
    #[error("content is for another ledger")]
    OtherLedger,
    /// A key that cannot be used, or a signature that does not hold.
    #[error("signature")]
    Key(#[source] KeyError),
    /// A list longer than its limit.
    #[error("{found} {name} are more than {limit}")]
    TooMany {
        /// The list.
        name: &'static str,
        /// Members allowed.
        limit: usize,
        /// Members given.
        found: usize,
    },
    /// A list out of order, or with two alike.
    #[error("{name} do not rise")]
    Order {
        /// The list.
        name: &'static str,
    },
    /// A key of two identities.
    #[error("two identities share a key")]
    SharedKey,
    /// A rule without a quorum, or whose approvals last no time or too long.
    #[error("rule has no quorum, or approvals that last no time or too long")]
    Rule,
    /// Not a name.
    #[error(
        "not a name of 1 to 64 characters from a-z, 0-9, dot, hyphen and underscore, or one that looks like a secret"
    )]
    Name,
    /// A threshold that is no number.
    #[error("threshold is not finite")]
    NotFinite,
    /// An epoch change to the same epoch.
    #[error("epoch changes to itself")]
    SameEpoch,
    /// A command beside a change that is one, or of the epoch.
    #[error("a change that is a command, or of the epoch, names no command beside it")]
    Command,
    /// A replay over nothing, or over too much.
    #[error("replay goes over no place of the log, or over more than {limit}")]
    ReplayPlan {
        /// Places allowed.
        limit: u64,
    },
    /// An approval that ends before it begins.
    #[error("approval ends before it is given")]
    Window,
}

impl ContentError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherKind { .. } => "dee-other-kind",
            Self::Record(_) => "dee-record",
            Self::Canonical(_) => "dee-canonical",
            Self::TooLong { .. } => "dee-too-long",
            Self::UnknownFormat { .. } => "format-unknown",
            Self::Shape => "dee-shape",
            Self::Subject => "dee-subject",
            Self::OtherRow => "dee-other-row",
            Self::OtherLedger => "dee-other-ledger",
            Self::Key(_) => "dee-signature",
            Self::TooMany { .. } => "dee-too-many",
            Self::Order { .. } => "dee-order",
            Self::SharedKey => "dee-shared-key",
            Self::Rule => "dee-rule",
            Self::Name => "dee-name",
            Self::NotFinite => "dee-not-finite",
            Self::SameEpoch => "dee-same-epoch",
            Self::Command => "dee-command",
            Self::ReplayPlan { .. } => "dee-replay-plan",
            Self::Window => "dee-window",
        }
    }
}

/// A step on the road from approval to execution that is refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RoadError {
    /// The gate refuses.
    #[error("gate")]
    Gate(#[from] Violation),
    /// A content cannot be made.
    #[error("content")]
    Content(#[from] ContentError),
    /// A seal of another ledger, or signed by another key.
    #[error("seal is not of this ledger, or not signed by its key")]
    OtherSeal,
    /// A seal that leaves the proposal, its replay or an approval out.
    #[error("seal does not cover the proposal, its replay and its approvals")]
    SealDoesNotCover,
    /// A seal that records no scroll of engine `dee`, or too short a one.
    #[error("seal records no line {line} of the scroll of engine dee")]
    ScrollNotSealed {
        /// The line wanted.
        line: u64,
    },
    /// The line is not in the scroll that the seal records.
    #[error("line is not in the sealed scroll")]
    ScrollProof(#[source] ProofError),
    /// An anchor over something else than the seal.
    #[error("anchor stamps something else than the seal")]
    OtherAnchor,
    /// The row shown to be durable is not the intent.
    #[error("what is shown to be durable is not this intent")]
    NotDurable,
    /// The checkpoint is not of this ledger, or not signed by its key.
    #[error("checkpoint is not of this ledger, or not signed by its key")]
    OtherCheckpoint,
    /// An approval, or the proposal, expired between the intent and its execution.
    #[error("what it rests on expired at {at}")]
    Expired {
        /// When.
        at: Instant,
    },
    /// The permit is for another kind of change.
    #[error("permit is not for a change of this kind")]
    OtherAct,
    /// The permit does not hold any more.
    #[error("permit")]
    Permit(#[source] CapabilityError),
}

impl RoadError {
    /// Stable, machine-readable name of this error; that of the violation where the gate refuses.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Gate(violation) => violation.code(),
            Self::Content(error) => error.code(),
            Self::OtherSeal => "road-other-seal",
            Self::SealDoesNotCover => "road-seal-does-not-cover",
            Self::ScrollNotSealed { .. } => "road-scroll-not-sealed",
            Self::ScrollProof(_) => "road-scroll-proof",
            Self::OtherAnchor => "road-other-anchor",
            Self::NotDurable => "road-not-durable",
            Self::OtherCheckpoint => "road-other-checkpoint",
            Self::Expired { .. } => "road-expired",
            Self::OtherAct => "road-other-act",
            Self::Permit(_) => "road-permit",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Gate(violation) => violation.remedy(),
            Self::Content(_) => "Make the content within the limits of its format.",
            Self::OtherSeal => "Give a seal of this ledger that was verified with its pinned key.",
            Self::SealDoesNotCover => "Seal again, after the last approval, over all that the proposal rests on.",
            Self::ScrollNotSealed { .. } | Self::ScrollProof(_) => {
                "Append the proposal's line to the scroll of engine dee, then seal again with its root."
            }
            Self::OtherAnchor => "Give the anchor of this very seal.",
            Self::NotDurable | Self::OtherCheckpoint => {
                "Append the intent, and show its inclusion under a checkpoint of the ledger's own key."
            }
            Self::Expired { .. } => "Propose anew, and execute it before its approvals expire.",
            Self::OtherAct => {
                "Take a permit to change the epoch for a change of epoch, and one to execute for all others."
            }
            Self::Permit(_) => "Take a permit that is good now, in this epoch, for this ledger.",
        }
    }
}

/// A suggestion that no draft of a proposal can be made of.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SuggestionError {
    /// The change is of a kind that was not asked for.
    #[error("a change of kind {found} is not what {asked} asks for")]
    OtherChange {
        /// What was asked for.
        asked: String,
        /// Kind of the change given.
        found: ChangeKind,
    },
    /// The risk is below that of what was asked for.
    #[error("what is asked for is of risk {least} at least")]
    RiskTooLow {
        /// The least risk.
        least: Risk,
    },
    /// The draft would break a rule of proposals.
    #[error("content")]
    Content(#[from] ContentError),
}

impl SuggestionError {
    /// Stable, machine-readable name of this error; that of the content where it is at fault.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherChange { .. } => "suggestion-other-change",
            Self::RiskTooLow { .. } => "suggestion-risk",
            Self::Content(error) => error.code(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::OtherChange { .. } => {
                "Name a change of a kind that is asked for, or propose yours without the suggestion."
            }
            Self::RiskTooLow { .. } => "Propose it with the risk it has.",
            Self::Content(_) => "Name fewer rows of evidence, and numbers that are finite.",
        }
    }
}

/// A replay that could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The proposal has no replay plan.
    #[error("proposal has no replay plan")]
    NoPlan,
    /// The log ends before the plan does.
    #[error("log has {size} entries, the plan goes up to {to}")]
    LogEnds {
        /// Entries there are.
        size: u64,
        /// Place after the last of the plan.
        to: u64,
    },
    /// An entry or its row is not there or malformed, so the replay would not be over what was recorded.
    #[error("entry {seq} of the log cannot be replayed")]
    Unreadable {
        /// Its place.
        seq: u64,
    },
    /// The proposal's hash could not be made.
    #[error("content")]
    Content(#[from] ContentError),
    /// The view could not answer.
    #[error("view")]
    View(#[source] ViewError),
}

impl ReplayError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoPlan => "replay-no-plan",
            Self::LogEnds { .. } => "replay-log-ends",
            Self::Unreadable { .. } => "replay-unreadable",
            Self::Content(error) => error.code(),
            Self::View(_) => "replay-view",
        }
    }
}
