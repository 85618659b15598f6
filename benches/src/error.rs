//! Why a row could not be made.

/// Why a row could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// Both sides must do the same work, or their times cannot be compared.
    #[error("the two sides of `{path}` give different answers: ours {ours}, theirs {theirs}")]
    Differ {
        /// The row.
        path: &'static str,
        /// Our answer.
        ours: String,
        /// The peer's answer.
        theirs: String,
    },
    /// One side failed on its workload.
    #[error("a side of `{path}` failed")]
    Side {
        /// The row.
        path: &'static str,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl BenchError {
    /// Names the row in an error of one side.
    pub fn side<E>(path: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self::Side { path, source: source.into() }
    }
}
