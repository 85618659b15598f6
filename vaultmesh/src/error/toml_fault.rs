//! What is wrong with a TOML text.

use thiserror::Error;

/// What is wrong with a TOML text, in one line: the parser's own report shows the text around it in several.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("line {line}: {reason}")]
pub struct TomlFault {
    line: usize,
    reason: String,
}

impl TomlFault {
    pub(crate) fn new(error: &toml::de::Error, text: &str) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        // serde quotes a value of the wrong type, which may be a secret in the wrong place.
        let reason = match message.rsplit_once(", expected ") {
            Some((found, wanted)) if found.starts_with("invalid ") => format!("expected {wanted}"),
            _ => message,
        };
        Self { line: before.matches('\n').count() + 1, reason }
    }
}
