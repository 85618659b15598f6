//! Errors: one enum an operation, each variant with a stable code.

mod document;
mod graph;
mod laws;
mod op;
mod pack;
mod seal;
mod sketch;
mod state;
mod sync;

pub use document::{DocumentError, EditError, EvidenceError, PathError, TransactionError, ValueError};
pub use graph::{AuthorError, Refusal};
pub use laws::{HistoryError, LawError};
pub use op::{BytesError, OpError, PayloadError};
pub use pack::PackError;
pub use seal::{CharterError, EquivocationError, EventError};
pub use sketch::SketchError;
pub use state::{MergeError, StateError};
pub use sync::{MessageError, SyncError};
