//! vm-anchor
