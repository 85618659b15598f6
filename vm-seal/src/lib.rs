//! vm-seal
