//! Errors: one enum an operation, each variant with a stable code.

mod graph;
mod op;
mod pack;
mod seal;

pub use graph::{AuthorError, Refusal};
pub use op::{BytesError, OpError, PayloadError};
pub use pack::PackError;
pub use seal::{CharterError, EquivocationError, EventError};
