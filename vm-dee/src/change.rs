//! Changes: what a proposal would do, as data. Nothing here can be done by itself.

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;
use vm_core::canonical;
use vm_core::digest::{CapabilityHash, PolicyHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::error::CanonicalError;
use vm_core::id::{RowId, SealId};

use crate::error::ContentError;
use crate::name::Name;

/// How much is at stake, as the proposer says it; never below the floor of the kind of change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Undone without a trace.
    Low,
    /// Undone with effort.
    Medium,
    /// Promotion: what it does may not be undone, so it also needs an anchored seal.
    High,
}

impl Risk {
    /// All risks, rising.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A change that can be proposed: a closed set. What is larger than a number is named by its hash and kept elsewhere.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Change {
    /// Another redaction policy comes into force.
    RedactionPolicy {
        /// Its hash.
        policy: PolicyHash,
    },
    /// Another policy of a guardian comes into force.
    GuardPolicy {
        /// SHA-256 of its canonical form.
        policy: Sha256Digest,
    },
    /// A threshold moves.
    Threshold {
        /// Which one.
        name: Name,
        /// Where it stands; finite.
        from: f64,
        /// Where it would stand; finite.
        to: f64,
    },
    /// A capability is granted.
    Grant {
        /// Hash of the token.
        capability: CapabilityHash,
    },
    /// A capability is revoked.
    Revoke {
        /// Hash of the token.
        capability: CapabilityHash,
    },
    /// A seal is anchored again.
    Reanchor {
        /// The seal.
        seal: SealId,
    },
    /// An earlier policy comes back into force.
    Rollback {
        /// SHA-256 of its canonical form.
        policy: Sha256Digest,
        /// The row that recorded it.
        row: RowId,
    },
    /// The epoch changes.
    Epoch {
        /// The present one.
        from: Epoch,
        /// The next one; another.
        to: Epoch,
    },
    /// A command of the caller's own.
    Command {
        /// [`CommandLine::digest`].
        command: Sha256Digest,
    },
}

macro_rules! change_kinds {
    ($($(#[$doc:meta])* $variant:ident $text:literal $floor:ident)*) => {
        /// Kind of a change.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum ChangeKind { $($(#[$doc])* $variant,)* }

        impl ChangeKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stored word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The least risk that a change of this kind has, whatever its proposer says.
            #[must_use]
            pub const fn risk_floor(self) -> Risk {
                match self { $(Self::$variant => Risk::$floor,)* }
            }
        }

        impl Change {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> ChangeKind {
                match self { $(Self::$variant { .. } => ChangeKind::$variant,)* }
            }
        }
    };
}

change_kinds! {
    /// What may be stored changes, so a mistake leaks.
    RedactionPolicy "redaction_policy" High
    /// What guardians let through changes.
    GuardPolicy "guard_policy" Medium
    /// One number of theirs changes.
    Threshold "threshold" Medium
    /// Somebody may do more.
    Grant "grant" High
    /// Somebody may do less.
    Revoke "revoke" Low
    /// Evidence gains an anchor and loses nothing.
    Reanchor "reanchor" Low
    /// Back to what was known.
    Rollback "rollback" Medium
    /// The rules of the gate itself change.
    Epoch "epoch" High
    /// Whatever the command does.
    Command "command" Medium
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Change {
    pub(crate) fn check(&self) -> Result<(), ContentError> {
        match self {
            Self::Threshold { from, to, .. } if !from.is_finite() || !to.is_finite() => Err(ContentError::NotFinite),
            Self::Epoch { from, to } if from == to => Err(ContentError::SameEpoch),
            _ => Ok(()),
        }
    }

    /// The policy whose replay the change needs to have, where it is about one.
    #[must_use]
    pub fn policy(&self) -> Option<Sha256Digest> {
        match self {
            Self::RedactionPolicy { policy } => Some(Sha256Digest::from_bytes(*policy.as_bytes())),
            Self::GuardPolicy { policy } | Self::Rollback { policy, .. } => Some(*policy),
            _ => None,
        }
    }
}

/// A command described as data, for a caller's executor to run. This crate never runs anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandLine {
    /// The program.
    pub program: String,
    /// Its arguments, in order.
    pub args: Vec<String>,
}

impl CommandLine {
    /// Format string of what is hashed.
    pub const FORMAT: &'static str = "vm-dee-command-v0";

    /// Its identity: SHA-256 over canonical `{"args":[...],"format":"vm-dee-command-v0","program":...}`. A short command
    /// can be guessed from it.
    ///
    /// # Errors
    /// [`CanonicalError`] where it is too long.
    pub fn digest(&self) -> Result<Sha256Digest, CanonicalError> {
        let value = json!({ "format": Self::FORMAT, "program": self.program, "args": self.args });
        Ok(Sha256Digest::of(&canonical::to_bytes(&value)?))
    }
}
