//! vm-shadow
