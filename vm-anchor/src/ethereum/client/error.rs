//! What can go wrong with a node.

use thiserror::Error;

use crate::error::stable_codes;
use crate::ethereum::error::BlockError;

/// A node that did not do what it was asked. No variant repeats its URL, which may hold a key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// Not a URL that this build can reach.
    #[error("not an http or https URL that this build can reach")]
    Url,
    /// No answer: name, connection, TLS or time-out. It may be tried again.
    #[error("node is unreachable")]
    Unreachable {
        /// What the HTTP library met.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An answer that is not 200. It may be tried again after the seconds given, if any, where the status is 429 or 5xx.
    #[error("node answered with HTTP status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Seconds of a `Retry-After` header.
        retry_after: Option<u32>,
    },
    /// An answer longer than is read.
    #[error("expected at most {limit} bytes of answer to {method}, found more")]
    TooLong {
        /// What was asked.
        method: &'static str,
        /// Most bytes read.
        limit: usize,
    },
    /// An answer that is not what JSON-RPC promises.
    #[error("answer to {method} cannot be read")]
    Malformed {
        /// What was asked.
        method: &'static str,
        /// What the reader found.
        #[source]
        source: serde_json::Error,
    },
    /// The node says no.
    #[error("node refused {method} with code {code}: {message}")]
    Fault {
        /// What was asked.
        method: &'static str,
        /// The code of JSON-RPC.
        code: i64,
        /// Its words, cut short.
        message: String,
    },
    /// What was asked for is not there.
    #[error("node knows nothing to answer {method}")]
    Absent {
        /// What was asked.
        method: &'static str,
    },
    /// The node manages no account that could send.
    #[error("node manages no account; give one to send from, or unlock one")]
    NoAccount,
    /// The transaction is in no block yet, or not known. It may be asked for again.
    #[error("transaction is in no block yet")]
    Pending,
    /// A header of a form that this release cannot write again.
    #[error("header does not hash to the block's hash; it may be of a later fork or of another kind of chain")]
    HeaderForm,
    /// The block does not hold the transaction where the node says, or is not the one of the number asked for.
    #[error("transaction or block is not where the node says")]
    Misplaced,
    /// The parts do not give the roots of the header, or cannot be kept.
    #[error("block does not hold together")]
    Block {
        /// What is wrong.
        #[source]
        source: BlockError,
    },
}
stable_codes!(NodeError {
    Self::Url => "node-url",
    Self::Unreachable { .. } => "node-unreachable",
    Self::Refused { .. } => "node-refused",
    Self::TooLong { .. } => "node-too-long",
    Self::Malformed { .. } => "node-malformed",
    Self::Fault { .. } => "node-fault",
    Self::Absent { .. } => "node-absent",
    Self::NoAccount => "node-no-account",
    Self::Pending => "node-pending",
    Self::HeaderForm => "node-header-form",
    Self::Misplaced => "node-misplaced",
    Self::Block { .. } => "node-block",
});
