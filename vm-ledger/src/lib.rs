//! vm-ledger
