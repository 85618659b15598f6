//! Errors: one enum an operation, each variant with a stable code.

mod op;

pub use op::{BytesError, OpError, PayloadError};
