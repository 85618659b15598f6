//! Errors of chains of blocks, of evidence in them, and of their nodes.

use std::path::PathBuf;

use thiserror::Error;

/// What can be wrong with a chain of blocks.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// A proof of OpenTimestamps that cannot be read, made or completed.
    #[error("opentimestamps proof")]
    Ots(#[from] vm_anchor::ots::error::OtsError),
    /// A transaction of Bitcoin that cannot be evidence.
    #[error("evidence of a transaction")]
    Evidence(#[from] vm_anchor::bitcoin::error::BitcoinEvidenceError),
    /// Headers that break a rule.
    #[error("headers in {}", path.display())]
    Headers {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: vm_anchor::bitcoin::error::HeaderError,
    },
    /// Headers that are not those of the pinned block.
    #[error("pinned block")]
    Bitcoin(#[from] vm_anchor::bitcoin::error::BitcoinTrustError),
    /// A chain that cannot be believed as it stands.
    #[cfg(feature = "ethereum")]
    #[error("pinned blocks")]
    Ethereum(#[from] vm_anchor::ethereum::error::EthereumTrustError),
    /// A node that was not reached, or did not do what it was asked.
    #[cfg(feature = "ethereum-client")]
    #[error("node")]
    Node(#[from] vm_anchor::ethereum::client::NodeError),
}

impl ChainError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Ots(error) => error.code(),
            Self::Evidence(error) => error.code(),
            Self::Headers { source, .. } => source.code(),
            Self::Bitcoin(error) => error.code(),
            #[cfg(feature = "ethereum")]
            Self::Ethereum(error) => error.code(),
            #[cfg(feature = "ethereum-client")]
            Self::Node(error) => error.code(),
        }
    }

    /// Whether the same may work later.
    pub(crate) const fn is_machine(&self) -> bool {
        match self {
            #[cfg(feature = "ethereum-client")]
            Self::Node(error) => !matches!(error, vm_anchor::ethereum::client::NodeError::Url),
            _ => false,
        }
    }

    /// What to do about it.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::Ots(_) | Self::Evidence(_) => {
                "Check that this is the evidence you meant, and whole; no anchor was recorded."
            }
            #[cfg(feature = "ethereum-client")]
            Self::Node(_) => {
                "Look at the node and its account; if the attempt names a transaction, complete it with --eth-tx."
            }
            _ => "Correct the trust file, or the headers that it names.",
        }
    }
}
