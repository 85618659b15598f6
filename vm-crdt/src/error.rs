//! Errors: one enum an operation, each variant with a stable code.

mod document;
mod laws;
mod op;

pub use document::{DocumentError, EditError, EvidenceError, PathError, TransactionError, ValueError};
pub use laws::{HistoryError, LawError};
pub use op::{BytesError, OpError, PayloadError};
