//! A refusal on its way out.
//!
//! The place of a fault is named by a JSON pointer (RFC 6901). No pointer is kept while all goes well: as the calls
//! return with a fault, each adds the token it stands for, and the text is put together once, at the end.

use super::DEPTH_MAX;
use crate::error::CanonicalError;
use crate::redact::{KnownSecrets, SecretDetector as _};

/// An error whose pointer is still being gathered. Always boxed, so that results stay as small as the values.
pub(super) struct Fault {
    error: CanonicalError,
    /// Tokens of the pointer, innermost first.
    tokens: Vec<String>,
}

impl Fault {
    /// A fault at the value being looked at. The pointer inside `error` is left empty by the caller.
    pub(super) fn new(error: CanonicalError) -> Box<Self> {
        let tokens = Vec::new();
        Box::new(Self { error, tokens })
    }

    /// The same fault, seen from the array or object that holds the value as `token`.
    pub(super) fn below(mut self: Box<Self>, token: impl Into<String>) -> Box<Self> {
        self.tokens.push(token.into());
        self
    }

    /// The error with its pointer.
    pub(super) fn into_error(self) -> CanonicalError {
        let Self { mut error, tokens } = self;
        match &mut error {
            CanonicalError::Syntax { pointer, .. }
            | CanonicalError::DuplicateKey { pointer }
            | CanonicalError::LoneSurrogate { pointer }
            | CanonicalError::NotFinite { pointer }
            | CanonicalError::UnsafeInteger { pointer }
            | CanonicalError::TooDeep { pointer, .. } => {
                tokens.iter().rev().for_each(|token| push_token(pointer, public(token)));
            }
            CanonicalError::TooLong { .. }
            | CanonicalError::NotUtf8 { .. }
            | CanonicalError::TrailingData { .. }
            | CanonicalError::NotCanonical => {}
        }
        error
    }
}

/// A member's name as an error may tell it.
fn public(token: &str) -> &str {
    if KnownSecrets.is_secret(None, token) { "(secret)" } else { token }
}

/// Refuses to enter one more array or object where `depth` of them are open already and no more may be.
pub(super) fn check_depth(depth: usize) -> Result<(), Box<Fault>> {
    if depth < DEPTH_MAX {
        return Ok(());
    }
    Err(Fault::new(CanonicalError::TooDeep { limit: DEPTH_MAX, pointer: String::new() }))
}

/// Appends one reference token (RFC 6901, section 3: `~` becomes `~0`, `/` becomes `~1`).
pub(super) fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for character in token.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}
