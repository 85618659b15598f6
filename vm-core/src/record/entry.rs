//! The log's own account of a row.

use crate::digest::LeafHash;
use crate::id::RowId;
use crate::record::{SchemaVersion, Table};

/// One entry of the log: the place of a row and what it hashed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogEntry {
    /// Position in the log, from 0; the genesis row has 0.
    pub seq: u64,
    /// Table of the row.
    pub table: Table,
    /// Id of the row.
    pub row_id: RowId,
    /// Schema the row was written under.
    pub schema: SchemaVersion,
    /// Leaf hash as it was recorded.
    pub leaf: LeafHash,
}
