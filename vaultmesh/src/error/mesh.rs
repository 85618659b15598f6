//! Errors of federation.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;
use vm_core::id::LedgerId;

use super::MergeFault;
use vm_crdt::GraphId;
use vm_crdt::error::{AuthorError, CharterError, EventError, EvidenceError, SyncError};

/// What federation can fail with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MeshError {
    /// No mesh there.
    #[error("no mesh at {}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// A mesh is there already.
    #[error("another mesh is there already: {graph}")]
    Exists {
        /// Its graph.
        graph: GraphId,
    },
    /// Somebody else writes it.
    #[error("{} is held by another process", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// A file of it is not what was written.
    #[error("{} is damaged: {found}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: &'static str,
    },
    /// The machine failed.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// A file that cannot be written.
    #[error("file of the mesh")]
    Folder(#[from] vm_ledger::FileError),
    /// A name that no file has.
    #[error("path")]
    Path(#[source] vm_core::error::PathError),
    /// No peer.
    #[error("peer: {reason}")]
    Peer {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file of an unknown format.
    #[error("{what} of unknown format {found:?}")]
    FormatUnknown {
        /// What it is.
        what: &'static str,
        /// What was given.
        found: String,
    },
    /// Another key of that ledger is pinned.
    #[error("another key of ledger {ledger} is pinned")]
    Repinned {
        /// The ledger.
        ledger: LedgerId,
    },
    /// An acknowledgement that cannot be used.
    #[error("acknowledgement: {reason}")]
    Ack {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Payloads of ops are missing.
    #[error("payloads of ops that count are missing here")]
    NotWhole,
    /// A charter that cannot be made or read.
    #[error("charter")]
    Charter(#[from] CharterError),
    /// The charter does not name this vault.
    #[error("neither the charter nor a sealed event names this vault's mesh key")]
    NotEnrolled,
    /// The replica is older than what this vault said before.
    #[error("{missing} ops that this vault had at its last merge are not here")]
    Behind {
        /// How many.
        missing: usize,
    },
    /// A member that never met another.
    #[error("this vault joined and has not synced yet")]
    Unmet,
    /// The log is shorter than what was shown of it.
    #[error("{shown} entries of this log were shown before, and it has {size}")]
    LogBehind {
        /// Entries that were shown.
        shown: u64,
        /// Entries.
        size: u64,
    },
    /// An op that is not made.
    #[error("op is not written")]
    Author(#[from] AuthorError),
    /// An event that is not taken.
    #[error("sealed event")]
    Event(#[from] EventError),
    /// Evidence that is not said.
    #[error("evidence")]
    Evidence(#[source] EvidenceError),
    /// An edit of the twin state that cannot be made.
    #[error("edit of the twin state")]
    Edit(#[from] vm_crdt::error::TransactionError),
    /// A receipt of a merge, or a proof of equivocation.
    #[error(transparent)]
    Merge(#[from] MergeFault),
    /// More than is allowed.
    #[error("{found} {what} are more than {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// An address of another machine.
    #[error("{address} is not this machine")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The connection failed.
    #[error("connection to the peer")]
    Link(#[source] io::Error),
    /// The peer does not speak this format.
    #[error("peer does not keep to the format: {what}")]
    Frame {
        /// Where.
        what: &'static str,
    },
    /// The peer ended it.
    #[error("peer ended the exchange: {code}")]
    Gone {
        /// What it said.
        code: String,
    },
    /// The peer has another graph.
    #[error("peer has another mesh")]
    OtherGraph,
    /// The peer did not show that it is another member.
    #[error("peer did not show that it is another member")]
    NotMember,
    /// The peer broke the rules of a session.
    #[error("peer broke the rules of a session")]
    Sync(#[from] SyncError),
}

impl MeshError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "mesh-missing",
            Self::Exists { .. } => "mesh-exists",
            Self::Busy { .. } => "mesh-busy",
            Self::Damaged { .. } => "mesh-damaged",
            Self::Io { .. } => "mesh-io",
            Self::Folder(error) => error.code(),
            Self::Path(_) => "mesh-path",
            Self::Peer { .. } => "mesh-peer",
            Self::FormatUnknown { .. } => "format-unknown",
            Self::Repinned { .. } => "mesh-repinned",
            Self::Charter(error) => error.code(),
            Self::Ack { .. } => "mesh-ack",
            Self::NotWhole => "mesh-not-whole",
            Self::NotEnrolled => "mesh-not-enrolled",
            Self::Behind { .. } => "mesh-behind",
            Self::Unmet => "mesh-unmet",
            Self::LogBehind { .. } => "mesh-log-behind",
            Self::Author(error) => error.code(),
            Self::Event(error) => error.code(),
            Self::Evidence(error) => error.code(),
            Self::Edit(error) => error.code(),
            Self::Merge(fault) => fault.code(),
            Self::TooMany { .. } => "mesh-too-many",
            Self::NotLoopback { .. } => "mesh-not-loopback",
            Self::Link(_) => "mesh-link",
            Self::Frame { .. } => "mesh-frame",
            Self::Gone { .. } => "mesh-gone",
            Self::OtherGraph => "mesh-other-graph",
            Self::NotMember => "mesh-not-member",
            Self::Sync(error) => error.code(),
        }
    }

    /// Whether the machine failed, and not what was given.
    pub(crate) const fn is_machine(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Io { .. } | Self::Folder(_) | Self::Link(_) | Self::Gone { .. })
    }

    /// What to do about it.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "Make one with `vaultmesh mesh create`, or take part in one with `vaultmesh mesh join`."
            }
            Self::Exists { .. } => {
                "A vault takes part in one mesh. Name another vault, or leave that one by removing its folder mesh/."
            }
            Self::Busy { .. } => "Wait until the other process is done, or give --lock-timeout.",
            Self::Damaged { .. } => {
                "Keep the folder, move it aside, join again and sync: whatever was synced comes back from peers."
            }
            Self::Io { .. } | Self::Folder(_) => "Check disk and permissions; what was acknowledged is on disk.",
            Self::FormatUnknown { .. } => "Use a release that knows the format, on this side or on the other.",
            Self::Path(_) | Self::Peer { .. } => "Ask the peer for the file that `vaultmesh mesh key` writes.",
            Self::Repinned { .. } => {
                "Ask the peer, by another way than this file, which key is its own; both cannot be."
            }
            Self::Charter(_) => "Take the charter.json that `vaultmesh mesh create` wrote, unaltered.",
            Self::Ack { .. } => "Have all members sync, and nobody write, before each runs `vaultmesh mesh ack` again.",
            Self::NotWhole => "Sync with a peer that has them.",
            Self::NotEnrolled => {
                "Give the file of `vaultmesh mesh key` to whoever makes or seals the mesh, to be enrolled."
            }
            Self::Behind { .. } => {
                "Sync with a peer first: an author that goes on from less than it had said would fork."
            }
            Self::Unmet => "Sync once with a peer, with --with, --to or --listen; then write.",
            Self::LogBehind { .. } => {
                "This vault is older than what its peers have seen; restore the newer one, and do not share from this one."
            }
            Self::Author(_) => "See `vaultmesh mesh show` for who may write.",
            Self::Event(_) => "Sync first; the event must follow the last one that was sealed.",
            Self::Evidence(_) | Self::TooMany { .. } => "Take fewer at once.",
            Self::Edit(_) => "Check path and value.",
            Self::Merge(fault) => fault.remedy(),
            Self::NotLoopback { .. } => {
                "Use 127.0.0.1 or [::1], and a tunnel to reach another machine: what travels is not encrypted."
            }
            Self::Link(_) | Self::Gone { .. } => "See what the peer says; what came before is kept.",
            Self::Frame { .. } | Self::Sync(_) => {
                "Do not sync with this peer until its owner says why; what came before is kept."
            }
            Self::OtherGraph => "Check that both vaults have the same charter.json.",
            Self::NotMember => "Check that the peer is enrolled, and that both vaults are not copies of one.",
        }
    }
}
