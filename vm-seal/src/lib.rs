//! vm-seal

pub mod checkpoint;
pub mod error;
pub mod merkle;
