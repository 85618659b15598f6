//! What an op carries: nothing, edits of a document, or evidence. The first byte is the kind.

use crate::bytes::Bytes;
use crate::error::PayloadError;

/// Longest payload, in bytes. An op travels whole in one message of at most 2 MiB ([`crate::sync`]); 1 MiB leaves room for its
/// head with all predecessors, and is 30,000 short edits.
pub const PAYLOAD_MAX: usize = 1 << 20;

/// What a payload is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PayloadKind {
    /// Nothing: the op says what its author had seen, and so vouches for it.
    Vouch,
}

const VOUCH: u8 = 0;

/// Bytes of a payload that decode, in their one form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payload {
    kind: PayloadKind,
    bytes: Box<[u8]>,
}

impl Payload {
    /// A payload that says nothing.
    #[must_use]
    pub fn vouch() -> Self {
        Self { kind: PayloadKind::Vouch, bytes: Box::new([VOUCH]) }
    }

    /// A payload that differs by its mark and decodes nowhere: tests tell ops apart by it.
    #[cfg(test)]
    pub(crate) fn mark(mark: u8) -> Self {
        Self { kind: PayloadKind::Vouch, bytes: Box::new([VOUCH, mark]) }
    }

    /// Reads a payload whole: one that does not decode never becomes part of an op.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut rest = Bytes::new(bytes);
        let kind = match rest.byte().map_err(|_| PayloadError::Empty)? {
            VOUCH => {
                rest.end()?;
                PayloadKind::Vouch
            }
            found => return Err(PayloadError::Kind { found }),
        };
        Ok(Self { kind, bytes: bytes.into() })
    }

    /// What this is.
    #[must_use]
    pub const fn kind(&self) -> PayloadKind {
        self.kind
    }

    /// The bytes, the kind first.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}
