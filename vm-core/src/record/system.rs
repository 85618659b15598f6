//! System events: rows of `proof_artifacts` with reserved kinds, and the genesis that names a ledger.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical;
use crate::capability::Action;
use crate::digest::Sha256Digest;
use crate::error::RecordError;
use crate::key::PublicKey;
use crate::record::{DisclosureRecord, ErasureReceipt, StoredRow, Table};

/// Longest artifact kind, in bytes.
const KIND_MAX: usize = 64;

macro_rules! system_kinds {
    ($($(#[$doc:meta])* $variant:ident $text:literal)*) => {
        /// A kind of `proof_artifacts` row that only its own operation may write.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum SystemKind { $($(#[$doc])* $variant,)* }

        impl SystemKind {
            /// All reserved kinds.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stored word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

system_kinds! {
    /// First row of a ledger.
    Genesis "vm-genesis"
    /// A capability token that was issued.
    Capability "vm-capability"
    /// A seal bundle.
    Seal "vm-ouroboros-seal"
    /// Evidence of an anchor over a seal bundle.
    Anchor "vm-anchor"
    /// Bytes cut from a scroll after a crash, and where they are kept.
    ScrollRecovery "vm-scroll-recovery"
    /// A stored format that changed.
    FormatChange "vm-format-change"
    /// Roots of the indexes over all rows before it.
    Index "vm-index"
    /// An authority that was asked for an anchor and gave none.
    AnchorAttempt "vm-anchor-attempt"
    /// A trust policy that came into force.
    TrustPolicy "vm-trust-policy"
    /// A checkpoint of another log that was cosigned.
    WitnessCheckpoint "vm-witness-checkpoint"
    /// A capability token that no longer holds, and with it all that descend from it.
    Revocation "vm-revocation"
    /// A numbered use of a capability token that was spent.
    PermitUse "vm-permit-use"
    /// Who may approve proposals, and how many must.
    GatePolicy "vm-gate-policy"
    /// A decision, opened before it is made.
    HorizonOpened "vm-horizon-opened"
    /// The one outcome of a decision.
    HorizonClosed "vm-horizon-closed"
    /// A change that is proposed.
    Proposal "vm-dee-proposal"
    /// What a proposed change would have done to recorded traces.
    Replay "vm-dee-replay"
    /// An enrolled identity's word for a proposal.
    Approval "vm-dee-approval"
    /// The execution of an approved proposal, before it begins.
    Intent "vm-dee-intent"
    /// What became of an execution, or that a proposal was withheld.
    Outcome "vm-dee-outcome"
    /// The epoch from here on.
    EpochChange "vm-epoch-change"
    /// The receipt of a merge with a peer.
    Merge "vm-merge"
    /// How much statistics may give away in all.
    PrivacyBudget "vm-privacy-budget"
    /// Statistics that were given away.
    StatisticsRelease "vm-statistics-release"
    /// A redaction policy that rows behind it may name.
    RedactionPolicy "vm-redaction-policy"
    /// Openings that were given out to auditors.
    Disclosure "vm-disclosure"
    /// The receipt of an erasure of openings, or a part of it.
    Erasure "vm-erasure"
    /// Another key in the place of one of the ledger's.
    KeyChange "vm-key-change"
}

impl SystemKind {
    /// The kind with this stored word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }

    /// The kind of a row; none where it is a row of another table, or an artifact of a caller's own kind.
    #[must_use]
    pub fn of_row(row: &StoredRow) -> Option<Self> {
        let kind = row.text("kind").filter(|_| row.table() == Table::ProofArtifacts)?;
        Self::of_word(kind)
    }

    /// The act whose permit a row of the gate needs; none for kinds of other operations.
    #[must_use]
    pub const fn gate_action(self) -> Option<Action> {
        match self {
            Self::GatePolicy
            | Self::HorizonOpened
            | Self::HorizonClosed
            | Self::Proposal
            | Self::Replay
            | Self::Approval
            // An outcome is recorded also where leave to execute has ended meanwhile.
            | Self::Outcome => Some(Action::Record),
            Self::Intent => Some(Action::Execute),
            Self::EpochChange => Some(Action::ChangeEpoch),
            _ => None,
        }
    }

    /// Format of a row of the gate, which stands in its JSON: the kind and the version.
    #[must_use]
    pub fn gate_format(self) -> Option<String> {
        self.gate_action().map(|_| format!("{self}-v0"))
    }

    /// The format that a row announces before the first of this kind, for kinds that the ledger announces by itself.
    #[must_use]
    pub fn later_format(self) -> Option<String> {
        match self {
            Self::Revocation | Self::PermitUse | Self::KeyChange | Self::PrivacyBudget | Self::StatisticsRelease => {
                Some(format!("{self}-v0"))
            }
            // The receipt has a name of its own: it is also read where there is no ledger.
            Self::Merge => Some("vm-merge-receipt-v0".to_owned()),
            Self::Disclosure => Some(DisclosureRecord::FORMAT.to_owned()),
            Self::Erasure => Some(ErasureReceipt::FORMAT.to_owned()),
            _ => self.gate_format(),
        }
    }
}

impl fmt::Display for SystemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Kind of a proof artifact: `[a-z0-9_.-]{1,64}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ArtifactKind {
    text: String,
    reserved: bool,
}

impl ArtifactKind {
    /// A reserved kind; the ledger takes it only from the operation it belongs to.
    #[must_use]
    pub fn system(kind: SystemKind) -> Self {
        Self { text: kind.as_str().to_owned(), reserved: true }
    }

    /// The stored word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is a reserved kind.
    #[must_use]
    pub const fn is_reserved(&self) -> bool {
        self.reserved
    }
}

impl FromStr for ArtifactKind {
    type Err = RecordError;

    /// Reads a kind that callers may use; reserved ones are refused.
    fn from_str(text: &str) -> Result<Self, RecordError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-');
        if text.is_empty() || text.len() > KIND_MAX || !text.bytes().all(allowed) {
            return Err(RecordError::Kind);
        }
        // The whole prefix, so that a kind which a later release reserves was never anybody else's.
        if text.starts_with("vm-") {
            return Err(RecordError::ReservedKind { found: text.to_owned() });
        }
        Ok(Self { text: text.to_owned(), reserved: false })
    }
}

impl fmt::Display for ArtifactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Tells another version of a format apart from something else.
pub(crate) fn check_format(value: &Value, format: &str) -> Result<(), RecordError> {
    match value.get("format").and_then(Value::as_str) {
        Some(found) if found == format => Ok(()),
        Some(other) => Err(RecordError::UnknownFormat { found: other.chars().take(64).collect() }),
        None => Err(RecordError::Shape),
    }
}

/// Content of the genesis row: the keys a ledger begins with, and a nonce that makes its name its own.
///
/// ```text
/// {"format":"vm-genesis-v0","log_key":"<64 hex>","nonce":"<64 hex>","root_key":"<64 hex>"}
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    format: String,
    log_key: PublicKey,
    nonce: Sha256Digest,
    root_key: PublicKey,
}

impl Genesis {
    /// Format string of the genesis content.
    pub const FORMAT: &'static str = "vm-genesis-v0";

    /// A genesis for a ledger whose authority is `root_key` and whose checkpoints `log_key` signs.
    #[must_use]
    pub fn new(root_key: PublicKey, log_key: PublicKey, nonce: Sha256Digest) -> Self {
        Self { format: Self::FORMAT.to_owned(), log_key, nonce, root_key }
    }

    /// Key that every capability of the ledger descends from.
    #[must_use]
    pub const fn root_key(&self) -> PublicKey {
        self.root_key
    }

    /// Key that signs checkpoints, seals and scroll roots.
    #[must_use]
    pub const fn log_key(&self) -> PublicKey {
        self.log_key
    }

    /// The content as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::json!({
            "format": self.format, "log_key": self.log_key, "nonce": self.nonce, "root_key": self.root_key,
        })
    }

    /// Reads the content of a genesis row.
    ///
    /// # Errors
    /// [`RecordError::UnknownFormat`] or [`RecordError::Shape`].
    pub fn from_value(value: &Value) -> Result<Self, RecordError> {
        check_format(value, Self::FORMAT)?;
        Self::deserialize(value).map_err(|_| RecordError::Shape)
    }
}

/// Content of a row that announces formats: rows behind it may be of them, which no release before knew.
///
/// ```text
/// {"added":["vm-index-v0"],"format":"vm-format-change-v0"}
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormatChange {
    added: Vec<String>,
    format: String,
}

impl FormatChange {
    /// Format string of an announcement.
    pub const FORMAT: &'static str = "vm-format-change-v0";

    /// Announces one format.
    #[must_use]
    pub fn adding(format: &str) -> Self {
        Self { added: vec![format.to_owned()], format: Self::FORMAT.to_owned() }
    }

    /// Announces several formats.
    #[must_use]
    pub fn adding_all(added: Vec<String>) -> Self {
        Self { added, format: Self::FORMAT.to_owned() }
    }

    /// The formats it announces.
    #[must_use]
    pub fn added(&self) -> &[String] {
        &self.added
    }

    /// Whether it announces `format`.
    #[must_use]
    pub fn announces(&self, format: &str) -> bool {
        self.added.iter().any(|added| added == format)
    }

    /// The content as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::json!({ "added": self.added, "format": self.format })
    }

    /// What a row announces; none where it is a row of another kind.
    ///
    /// # Errors
    /// [`RecordError::UnknownFormat`] or [`RecordError::Shape`].
    pub fn of_row(row: &StoredRow) -> Result<Option<Self>, RecordError> {
        if row.table() != Table::ProofArtifacts || row.text("kind") != Some(SystemKind::FormatChange.as_str()) {
            return Ok(None);
        }
        let json = row.text("meta_json").ok_or(RecordError::Shape)?;
        let value = canonical::parse(json.as_bytes(), canonical::BYTES_MAX).map_err(RecordError::Canonical)?;
        check_format(&value, Self::FORMAT)?;
        Self::deserialize(value).map(Some).map_err(|_| RecordError::Shape)
    }
}
