//! vm-seal

pub mod audit;
pub mod bundle;
pub mod checkpoint;
pub mod digest;
pub mod error;
pub mod memory;
pub mod merkle;
pub mod scroll;
pub mod seal;
pub mod selection;
mod shape;
pub mod verify;
