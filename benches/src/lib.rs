#![doc = include_str!("../README.md")]
//!
//! In scope: workloads, peers, the harness of the ratios. Out of scope: correctness, which each crate tests by itself.

pub mod canonical;
pub mod error;
pub mod event;
pub mod harness;
pub mod merkle;

use error::BenchError;
use harness::{Effort, Row};

/// Makes one row of the table.
pub type MakeRow = fn(&Effort) -> Result<Row, BenchError>;

/// The rows, in the order they are printed: the name by which a row is asked for, and what makes it.
pub const ROWS: &[(&str, MakeRow)] = &[("canonical", canonical::row), ("merkle", merkle::row)];
