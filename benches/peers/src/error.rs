//! What can go wrong in a row.

use thiserror::Error;

/// What a library says when it fails.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Why a row has no figures.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum PeerError {
    /// A side failed.
    #[error("a side of `{path}` failed")]
    Side {
        /// The row.
        path: &'static str,
        /// What it says.
        source: Fault,
    },
}

impl PeerError {
    /// Says in which row a side failed.
    pub(crate) fn side(path: &'static str) -> impl Fn(Fault) -> Self {
        move |source| Self::Side { path, source }
    }
}
