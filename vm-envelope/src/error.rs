//! Errors: one enum an operation, each variant with a stable code. None tells anything of a secret.

mod envelope;
mod key;

pub use envelope::{ContextError, EnvelopeError, OpenError, SealError};
pub use key::{CostError, KeyError, KeyFileError, SuiteError};
