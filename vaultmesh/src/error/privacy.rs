//! Errors of subjects, disclosures and erasures.

use thiserror::Error;
use vm_core::digest::Commitment;
use vm_core::error::CanonicalError;
use vm_core::id::{LedgerId, RowId, SealId};
use vm_envelope::error::{ContextError, EnvelopeError, KeyFileError, OpenError, SealError};

use super::ProofFileError;

/// A subject, a disclosure or an erasure that cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PrivacyFault {
    /// Not a name that a subject may have.
    #[error("not a subject's name")]
    SubjectName,
    /// A subject whose openings nothing was recorded under.
    #[error("no key of this subject")]
    SubjectUnknown,
    /// A subject where none can be taken.
    #[error("{what} takes no subject")]
    SubjectRefused {
        /// What was to be recorded.
        what: &'static str,
    },
    /// A file of a subject's key that is malformed, or of another subject.
    #[error("key file of subject {subject} is malformed")]
    SubjectKey {
        /// Id of the subject.
        subject: String,
    },
    /// A subject's key inside a key of envelopes that was declared lost.
    #[error("key {key} of a subject was lost with the key of envelopes around it")]
    SubjectKeyLost {
        /// Id of the subject's key.
        key: String,
    },
    /// A purpose that is none.
    #[error("context of an envelope")]
    Context(#[from] ContextError),
    /// Nothing can be sealed to these recipients.
    #[error("envelope cannot be sealed")]
    Seal(#[from] SealError),
    /// A file that is no envelope.
    #[error("envelope")]
    Envelope(#[from] EnvelopeError),
    /// An envelope that does not open.
    #[error("envelope does not open")]
    Open(#[from] OpenError),
    /// A file that is no key of envelopes.
    #[error("key of a recipient")]
    KeyFile(#[from] KeyFileError),
    /// A secret key where a public one is wanted, or the other way round.
    #[error("expected a {expected} key")]
    KeyKind {
        /// What is wanted.
        expected: &'static str,
    },
    /// A key under a passphrase, and none is given.
    #[error("the key is under a passphrase, and none is given")]
    PassphraseMissing,
    /// A passphrase that is too long to be one.
    #[error("passphrase is longer than {limit} bytes")]
    PassphraseTooLong {
        /// Bytes allowed.
        limit: usize,
    },
    /// No opening was kept of what stands at a place.
    #[error("no value at {pointer} of row {row} was committed and kept")]
    NoOpening {
        /// The row.
        row: RowId,
        /// The place.
        pointer: String,
    },
    /// A short pointer that several columns could mean.
    #[error("{pointer} stands in more than one column of row {row}")]
    Ambiguous {
        /// The row.
        row: RowId,
        /// The place.
        pointer: String,
    },
    /// A salt was kept without the value, which whoever checks brings along.
    #[error("the value at {pointer} of row {row} was not kept")]
    ValueAbsent {
        /// The row.
        row: RowId,
        /// The place.
        pointer: String,
    },
    /// An opening that does not open what stands in its row.
    #[error("the opening kept for {pointer} of row {row} opens no commitment in it")]
    NotCommitted {
        /// The row.
        row: RowId,
        /// The place.
        pointer: String,
    },
    /// A seal that does not cover the row.
    #[error("seal {seal} does not cover row {row}")]
    NotSealed {
        /// The seal.
        seal: SealId,
        /// The row.
        row: RowId,
    },
    /// What is to be given out does not verify.
    #[error("the proof of row {row} does not hold")]
    Unproven {
        /// The row.
        row: RowId,
    },
    /// A disclosure that is no sound JSON.
    #[error("content of the disclosure")]
    Json(#[source] CanonicalError),
    /// A disclosure of a format that this build does not know.
    #[error("unknown disclosure format {found:?}")]
    FormatUnknown {
        /// What was found.
        found: String,
    },
    /// A disclosure with members missing, foreign or malformed.
    #[error("disclosure has members that are missing, foreign or malformed")]
    Shape,
    /// The proof in a disclosure.
    #[error("proof in the disclosure")]
    Proof(#[source] ProofFileError),
    /// A disclosure of another ledger.
    #[error("disclosure is of ledger {found}, not {expected}")]
    OtherLedger {
        /// Ledger that was expected.
        expected: LedgerId,
        /// Ledger found.
        found: LedgerId,
    },
    /// Key and seal bundle are of different ledgers.
    #[error("key and seal bundle are of different ledgers")]
    Outside,
    /// A commitment that stands twice.
    #[error("commitment {commitment} is disclosed twice")]
    Twice {
        /// The commitment.
        commitment: Commitment,
    },
}

impl PrivacyFault {
    /// Stable, machine-readable name of this error; that of its cause where the cause has one.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SubjectName => "subject-name",
            Self::SubjectUnknown => "subject-unknown",
            Self::SubjectRefused { .. } => "subject-refused",
            Self::SubjectKey { .. } => "subject-key-malformed",
            Self::SubjectKeyLost { .. } => "subject-key-lost",
            Self::Context(error) => error.code(),
            Self::Seal(error) => error.code(),
            Self::Envelope(error) => error.code(),
            Self::Open(error) => error.code(),
            Self::KeyFile(error) => error.code(),
            Self::KeyKind { .. } => "recipient-key-kind",
            Self::PassphraseMissing => "passphrase-missing",
            Self::PassphraseTooLong { .. } => "passphrase-too-long",
            Self::NoOpening { .. } => "opening-absent",
            Self::Ambiguous { .. } => "pointer-ambiguous",
            Self::ValueAbsent { .. } => "opening-without-value",
            Self::NotCommitted { .. } => "opening-foreign",
            Self::NotSealed { .. } => "seal-other-rows",
            Self::Unproven { .. } => "disclosure-unproven",
            Self::Json(_) => "disclosure-json",
            Self::FormatUnknown { .. } => "format-unknown",
            Self::Shape => "disclosure-shape",
            Self::Proof(error) => error.code(),
            Self::OtherLedger { .. } => "disclosure-other-ledger",
            Self::Outside => "disclosure-outside",
            Self::Twice { .. } => "disclosure-twice",
        }
    }

    /// What to do about it.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::SubjectName => "Name a subject by 1 to 256 bytes of text without control characters.",
            Self::SubjectUnknown => {
                "Name the subject as it was recorded, to the letter, and the folder of keys with --keys."
            }
            Self::SubjectRefused { .. } => {
                "Record it without a subject; its openings are kept under the vault's own key."
            }
            Self::SubjectKey { .. } => "Restore the key file from a backup of the folder of keys.",
            Self::SubjectKeyLost { .. } => {
                "What it opened is gone; the rows stand. Erase the subject if its openings should go as well."
            }
            Self::Context(_) | Self::Seal(_) => "Name each recipient once, by public keys of one suite.",
            Self::Open(OpenError::NotRecipient { .. } | OpenError::Suite { .. }) => {
                "Open it with the key that it was sealed to."
            }
            Self::Open(OpenError::Context { .. }) | Self::OtherLedger { .. } => {
                "Check that this is a disclosure, and of the ledger whose key you pinned."
            }
            Self::Envelope(_) | Self::Open(_) | Self::Json(_) | Self::Shape | Self::Proof(_) | Self::Twice { .. } => {
                "Get the disclosure again from where it was made; nothing of it can be believed."
            }
            Self::KeyFile(_) | Self::KeyKind { .. } => {
                "Make keys with `vaultmesh recipient new`: disclose to FILE.pub, open with FILE."
            }
            Self::PassphraseMissing | Self::PassphraseTooLong { .. } => {
                "Give the file that holds the passphrase with --passphrase-file."
            }
            Self::NoOpening { .. } | Self::Ambiguous { .. } | Self::ValueAbsent { .. } => {
                "See with `vaultmesh show` which values were committed; name one from its column on."
            }
            Self::NotCommitted { .. } | Self::Unproven { .. } => "Verify the vault with `vaultmesh verify`.",
            Self::NotSealed { .. } => "Name a seal that covers the row, or leave --seal out.",
            Self::FormatUnknown { .. } => "Use a release that knows the format.",
            Self::Outside => "Give the key and the seal bundle of the same ledger.",
        }
    }
}
