//! Why a task failed.

use std::path::PathBuf;

/// Why a task failed. The text is all a person gets, so it says what to run or where to look.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("cannot read or write {}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} is not valid TOML: {source}", path.display())]
    Manifest {
        path: PathBuf,
        #[source]
        source: toml::de::Error,
    },
    #[error("{} does not parse as Rust: {source}", path.display())]
    Source {
        path: PathBuf,
        #[source]
        source: syn::Error,
    },
    #[error("cannot start `{command}`: {source}")]
    Start {
        command: String,
        #[source]
        source: std::io::Error,
    },
    #[error("failed ({status}): {command}")]
    Command { command: String, status: String },
    #[error("{count} complaint(s) of tidy, listed above")]
    Untidy { count: usize },
    #[error("deny.toml does not hold: {0}")]
    Deny(String),
    #[error("{0}")]
    Found(String),
    #[error("{0}")]
    Undecided(String),
    #[error("{0}")]
    Missing(String),
    #[error("{0}")]
    Crash(String),
}

impl Failure {
    /// Names the path in an I/O error.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
