//! What an op carries: nothing, edits of a document, or evidence. The first byte is the kind.

use std::sync::Arc;

use crate::bytes::Bytes;
use crate::error::PayloadError;
use crate::{document, evidence};

/// Longest payload, in bytes. An op travels whole in one message of at most 2 MiB ([`crate::sync`]); 1 MiB leaves room for its
/// head with all predecessors, and is 30,000 short edits.
pub const PAYLOAD_MAX: usize = 1 << 20;

/// What a payload is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PayloadKind {
    /// Nothing: the op says what its author had seen, and so vouches for it.
    Vouch,
    /// Edits of a document ([`document::Transaction`]).
    Edits,
    /// Items of evidence ([`evidence::EvidenceItem`]).
    Evidence,
}

impl PayloadKind {
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Vouch => 0,
            Self::Edits => 1,
            Self::Evidence => 2,
        }
    }
}

/// Bytes of a payload that decode, in their one form. A copy shares the bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payload {
    kind: PayloadKind,
    bytes: Arc<[u8]>,
}

impl Payload {
    /// A payload that says nothing.
    #[must_use]
    pub fn vouch() -> Self {
        Self { kind: PayloadKind::Vouch, bytes: Arc::new([PayloadKind::Vouch.byte()]) }
    }

    /// A payload that differs by its mark and decodes nowhere: tests tell ops apart by it.
    #[cfg(test)]
    pub(crate) fn mark(mark: u8) -> Self {
        Self { kind: PayloadKind::Vouch, bytes: Arc::new([PayloadKind::Vouch.byte(), mark]) }
    }

    /// Reads a payload whole: one that does not decode never becomes part of an op. Cost: linear.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        if bytes.len() > PAYLOAD_MAX {
            return Err(PayloadError::TooLong { limit: PAYLOAD_MAX, found: bytes.len() });
        }
        let mut rest = Bytes::new(bytes);
        let kind = match rest.byte().map_err(|_| PayloadError::Empty)? {
            0 => PayloadKind::Vouch,
            1 => PayloadKind::Edits,
            2 => PayloadKind::Evidence,
            found => return Err(PayloadError::Kind { found }),
        };
        match kind {
            PayloadKind::Vouch => rest.end()?,
            PayloadKind::Edits => document::check(&mut rest)?,
            PayloadKind::Evidence => evidence::check(&mut rest)?,
        }
        Ok(Self { kind, bytes: bytes.into() })
    }

    /// Bytes that whoever made them knows to be in their one form.
    pub(crate) fn of_checked(kind: PayloadKind, bytes: Vec<u8>) -> Self {
        Self { kind, bytes: bytes.into() }
    }

    /// What this is.
    #[must_use]
    pub const fn kind(&self) -> PayloadKind {
        self.kind
    }

    /// The bytes, the kind first.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, held together with this.
    pub(crate) fn shared(&self) -> Arc<[u8]> {
        Arc::clone(&self.bytes)
    }
}
