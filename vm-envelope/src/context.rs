//! What an envelope is for.

use vm_core::id::LedgerId;

use crate::error::ContextError;

/// Longest purpose in bytes: as long as the name of an engine in `vm-core`, and its length fits a byte.
pub const PURPOSE_MAX: usize = 64;

/// The ledger that the content of an envelope belongs to, and what it is meant for. It stands in the envelope in clear and is
/// bound to every key, and whoever opens has to name the same: an envelope for one ledger or use is refused at another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Context {
    ledger: LedgerId,
    purpose: String,
}

impl Context {
    /// A context of `ledger` for `purpose`: `[a-z0-9-]{1,64}`, as `disclosure`.
    ///
    /// # Errors
    /// [`ContextError`] on any other purpose.
    pub fn new(ledger: LedgerId, purpose: &str) -> Result<Self, ContextError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if purpose.is_empty() || purpose.len() > PURPOSE_MAX || !purpose.bytes().all(allowed) {
            return Err(ContextError::Purpose { limit: PURPOSE_MAX });
        }
        Ok(Self { ledger, purpose: purpose.to_owned() })
    }

    /// The ledger.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// The purpose.
    #[must_use]
    pub fn purpose(&self) -> &str {
        &self.purpose
    }
}
