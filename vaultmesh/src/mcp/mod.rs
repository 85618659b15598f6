//! MCP traffic: frames become rows, from a capture or live, and captures are matched with their rows later.
//!
//! In scope: reading captures ([`Capture`]), turning frames into row drafts ([`Session`]), matching a capture with the
//! rows of a vault ([`Against`]), and the proxy that records live traffic ([`proxy`]). Everything but the proxy is
//! free of I/O of its own.
//!
//! Out of scope: what a row holds (`vm-core`), where rows go and under which permit (the vault).

pub mod against;
pub mod capture;
mod ending;
mod error;
mod message;
pub mod proxy;
pub mod session;

pub use against::{Against, Matched};
pub use capture::{Capture, CapturedFrame};
pub use ending::{STOP_GRACE, Stop, Stopper, Stops, stops};
pub use error::{CaptureError, ProxyError, SessionError};
pub use proxy::{FrameSink, Outcome};
pub use session::Session;

/// Longest frame recorded, in bytes, its newline included. It is the longest JSON text read at all (16 MiB), four
/// times the largest frame that common tool servers send; a proxy keeps one frame a direction in memory.
pub const FRAME_MAX: usize = vm_core::canonical::BYTES_MAX;
