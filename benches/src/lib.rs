#![doc = include_str!("../README.md")]
//!
//! In scope: workloads, peers, the harness of the ratios. Out of scope: correctness, which each crate tests by itself.

pub mod append;
pub mod canonical;
pub mod circle;
pub mod draft;
pub mod error;
pub mod event;
pub mod group;
pub mod harness;
pub mod inclusion;
pub mod index;
pub mod merkle;
pub mod multiproof;
pub mod raw;
pub mod reconcile;
pub mod redact;
pub mod scale;
pub mod seal;
pub mod spread;
pub mod store;
pub mod token;
pub mod verify;

use error::BenchError;
use harness::{Effort, Row};

/// Makes one row of the table.
pub type MakeRow = fn(&Effort) -> Result<Row, BenchError>;

/// The rows, in the order they are printed: the name by which a row is asked for, and what makes it. Those of
/// [`scale`], [`index`], [`token`], [`circle`] and [`reconcile`] follow.
pub const ROWS: &[(&str, MakeRow)] = &[
    ("canonical", canonical::row),
    ("canonical-mcp", canonical::row_of_frames),
    ("canonical-values", canonical::row_of_values),
    ("merkle", merkle::row),
    ("merkle-ct", merkle::row_of_ct_merkle),
    ("merkle-ct-leaves", merkle::row_of_ct_merkle_leaves),
    ("merkle-bare", merkle::row_of_bare),
    ("merkle-tree", merkle::row_of_tree),
    ("merkle-memory", merkle::row_of_memory),
    ("proof-made", inclusion::row_of_made),
    ("proof-checked", inclusion::row_of_checked),
    ("proof-checked-many", inclusion::row_of_checked_many),
    ("redact", redact::row),
    ("multiproof", multiproof::row),
    ("append", append::row),
    ("append-mcp", append::row_of_traffic),
    ("append-one", append::row_of_one),
    ("append-group", group::row),
];
