//! Why a row could not be made.

/// What a side failed with: as many types as there are crates at work, and all that is done with it is to print it.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

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
        source: Fault,
    },
}

impl BenchError {
    /// Two answers that ought to be one.
    pub fn differ(path: &'static str, ours: impl ToString, theirs: impl ToString) -> Self {
        Self::Differ { path, ours: ours.to_string(), theirs: theirs.to_string() }
    }

    /// Names the row in an error of one side.
    pub fn side<E>(path: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Fault>,
    {
        move |source| Self::Side { path, source: source.into() }
    }
}
