#![doc = include_str!("../README.md")]
//!
//! In scope: workloads, peers, the harness of the ratios. Out of scope: correctness, which each crate tests by itself.

pub mod append;
pub mod canonical;
pub mod draft;
pub mod error;
pub mod event;
pub mod group;
pub mod harness;
pub mod merkle;
pub mod multiproof;
pub mod raw;
pub mod redact;
pub mod seal;
pub mod store;
pub mod verify;

use error::BenchError;
use harness::{Effort, Row};

/// Makes one row of the table.
pub type MakeRow = fn(&Effort) -> Result<Row, BenchError>;

/// The rows, in the order they are printed: the name by which a row is asked for, and what makes it.
pub const ROWS: &[(&str, MakeRow)] = &[
    ("canonical", canonical::row),
    ("merkle", merkle::row),
    ("redact", redact::row),
    ("multiproof", multiproof::row),
    ("append", append::row),
    ("append-mcp", append::row_of_traffic),
    ("append-one", append::row_of_one),
    ("append-group", group::row),
    ("seal", seal::row),
    ("verify", verify::row),
];
