//! Errors: one enum an operation, each variant with a stable code.

mod graph;
mod op;
mod pack;
mod seal;
mod sketch;
mod state;
mod sync;

pub use graph::{AuthorError, Refusal};
pub use op::{BytesError, OpError, PayloadError};
pub use pack::PackError;
pub use seal::{CharterError, EquivocationError, EventError};
pub use sketch::SketchError;
pub use state::StateError;
pub use sync::{MessageError, SyncError};
