//! Errors: one enum an operation, each variant with a stable code.

mod op;
mod sketch;

pub use op::{BytesError, OpError, PayloadError};
pub use sketch::SketchError;
