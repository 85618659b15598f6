//! vm-seal

pub mod bundle;
pub mod checkpoint;
pub mod digest;
pub mod error;
pub mod merkle;
pub mod scroll;
pub mod seal;
pub mod selection;
mod shape;
pub mod verify;
