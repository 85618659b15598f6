//! Errors of attestations.

use thiserror::Error;
use vm_core::error::{CanonicalError, NoteError};

/// A seal that could not be attested.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum AttestError {
    /// The bundle's own statement does not hold.
    #[error("statement of the seal")]
    Statement(#[source] NoteError),
    /// Another key than the one that sealed.
    #[error("the seal was signed by another key")]
    OtherKey,
    /// The statement cannot be written as JSON.
    #[error("statement about the seal")]
    Json(#[source] CanonicalError),
}
stable_codes!(AttestError {
    Self::Statement(_) => "attest-statement",
    Self::OtherKey => "attest-other-key",
    Self::Json(_) => "attest-json",
});
