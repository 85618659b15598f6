//! Errors of MCP recording: one enum an operation, each variant with a stable code. None holds a frame's content.

use std::error::Error;
use std::io;

use thiserror::Error;
use vm_core::error::{CanonicalError, RecordError};
use vm_core::record::Direction;

/// A capture that could not be read. Line numbers count from 1.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The source failed.
    #[error("cannot read line {line} of the capture")]
    Read {
        /// The line.
        line: u64,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// A line is longer than can hold a frame.
    #[error("line {line} of the capture is longer than {limit} bytes")]
    LineTooLong {
        /// The line.
        line: u64,
        /// Bytes allowed.
        limit: usize,
    },
    /// A frame is longer than can be recorded.
    #[error("frame in line {line} of the capture has {found} bytes, more than {limit}")]
    FrameTooLong {
        /// The line.
        line: u64,
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not one JSON value.
    #[error("line {line} of the capture is not valid JSON, byte {column}")]
    Json {
        /// The line.
        line: u64,
        /// Place in the line, in bytes from 1.
        column: usize,
    },
    /// JSON, but not an object with exactly the text members `d` and `m`.
    #[error("line {line} of the capture is not an object with exactly the text members d and m, byte {column}")]
    Shape {
        /// The line.
        line: u64,
        /// Place in the line, in bytes from 1.
        column: usize,
    },
    /// A direction other than `c2s` and `s2c`.
    #[error("line {line} of the capture names a direction other than c2s and s2c")]
    Direction {
        /// The line.
        line: u64,
    },
}

impl CaptureError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "capture-read",
            Self::LineTooLong { .. } => "capture-line-too-long",
            Self::FrameTooLong { .. } => "frame-too-long",
            Self::Json { .. } => "capture-json",
            Self::Shape { .. } => "capture-shape",
            Self::Direction { .. } => "capture-direction",
        }
    }

    /// Whether the machine failed, as opposed to the capture being malformed.
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        matches!(self, Self::Read { .. })
    }
}

/// A frame that could not be turned into a row. The session is as it was before.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A frame is longer than can be recorded.
    #[error("frame of {found} bytes is longer than {limit}")]
    FrameTooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        found: usize,
    },
    /// More requests wait for an answer than are kept in mind.
    #[error("more than {limit} requests wait for an answer")]
    TooManyOpen {
        /// Requests allowed.
        limit: usize,
    },
    /// Something of the row has no canonical form.
    #[error("frame has no canonical form")]
    Canonical(#[from] CanonicalError),
    /// The parts of the row do not belong together.
    #[error("frame makes no row")]
    Record(#[from] RecordError),
}

impl SessionError {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FrameTooLong { .. } => "frame-too-long",
            Self::TooManyOpen { .. } => "too-many-open-requests",
            Self::Canonical(error) => error.code(),
            Self::Record(error) => error.code(),
        }
    }
}

/// A proxy that ended otherwise than by its two sides closing. The server was killed; `E` is the sink's error.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProxyError<E: Error + 'static> {
    /// The server could not be started; nothing was recorded.
    #[error("cannot start the server")]
    Spawn(#[source] io::Error),
    /// A frame could not be recorded, so it was not forwarded.
    #[error("a {direction} frame could not be recorded, so it was not forwarded")]
    Record {
        /// Which way it went.
        direction: Direction,
        /// What the sink said.
        #[source]
        source: E,
    },
    /// The end of the traffic could not be recorded.
    #[error("the end of the connection could not be recorded")]
    Finish(#[source] E),
    /// The recorder panicked; nothing more was forwarded.
    #[error("the recorder panicked, so nothing more was forwarded")]
    Panicked,
    /// A frame is longer than can be recorded, so it was not forwarded.
    #[error("a {direction} frame is longer than {limit} bytes, so it was not forwarded")]
    FrameTooLong {
        /// Which way it went.
        direction: Direction,
        /// Bytes allowed.
        limit: usize,
    },
    /// The sender's pipe failed.
    #[error("cannot read {direction} frames")]
    Read {
        /// Which way they go.
        direction: Direction,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// The receiver's pipe failed otherwise than by being closed.
    #[error("cannot forward {direction} frames")]
    Write {
        /// Which way they go.
        direction: Direction,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// The end of the server could not be awaited.
    #[error("cannot learn how the server ended")]
    Wait(#[source] io::Error),
}

impl<E: Error + 'static> ProxyError<E> {
    /// Stable, machine-readable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Spawn(_) => "proxy-spawn",
            Self::Record { .. } => "proxy-record",
            Self::Finish(_) => "proxy-finish",
            Self::Panicked => "proxy-recorder-panicked",
            Self::FrameTooLong { .. } => "frame-too-long",
            Self::Read { .. } => "proxy-read",
            Self::Write { .. } => "proxy-write",
            Self::Wait(_) => "proxy-wait",
        }
    }
}
