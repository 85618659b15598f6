//! Rows: the four tables, their columns, and the leaf each row becomes.
//!
//! Leaf data is canonical JSON, one object a row:
//!
//! ```text
//! {"format":"vm-row-v0","row":{"id":"0190...","kind":"report",...},"schema":3,"table":"proof_artifacts"}
//! ```
//!
//! TEXT is a string, INTEGER a number within the rule of [`crate::canonical`], REAL a number, BLOB lower-case
//! hexadecimal, NULL null. Every column is covered.

mod cell;
mod cells;
mod disclosed;
mod draft;
mod entry;
mod erasure;
mod leaf;
mod system;
mod typed;

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::canonical;
use crate::digest::LeafHash;
use crate::error::RecordError;
use crate::id::{RowId, TraceId};
use crate::instant::Instant;

use cells::Cells;

pub use cell::{Cell, CellRef};
pub use disclosed::{Disclosed, DisclosureRecord};
pub use draft::{Appended, Correction, RowDraft, RowHeader};
pub use entry::LogEntry;
pub use erasure::{ErasureReason, ErasureReceipt};
pub(crate) use system::check_format;
pub use system::{ArtifactKind, FormatChange, Genesis, SystemKind};
pub use typed::{
    ArtifactFile, Direction, FrameProof, McpCall, McpKind, Phase, ProofArtifact, ShadowReceipt, Status, ToolInvocation,
};

/// Format string of leaf data.
pub const ROW_FORMAT: &str = "vm-row-v0";
/// Schema that this build writes.
pub const SCHEMA: SchemaVersion = SchemaVersion(3);
/// Longest leaf data read or written, in bytes: one redacted frame of the largest JSON accepted, its quotes escaped.
pub const LEAF_MAX: usize = 2 * canonical::BYTES_MAX + 64 * 1024;

/// Version of the table layout; stands in the log beside each row, so that later migrations leave old leaves alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SchemaVersion(u32);

impl SchemaVersion {
    /// Version `number`; 1 is the first.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One of the four evidence tables. The order of the variants is the order of a seal's kinds and leaves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// What local tools did.
    ToolInvocations,
    /// What crossed an MCP boundary.
    McpCalls,
    /// What proof objects exist.
    ProofArtifacts,
    /// What was considered and not done.
    ShadowReceipts,
}

impl Table {
    /// All tables in order.
    pub const ALL: [Self; 4] = [Self::ToolInvocations, Self::McpCalls, Self::ProofArtifacts, Self::ShadowReceipts];

    /// Name of the table in SQL, in leaf data and in seals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ToolInvocations => "tool_invocations",
            Self::McpCalls => "mcp_calls",
            Self::ProofArtifacts => "proof_artifacts",
            Self::ShadowReceipts => "shadow_receipts",
        }
    }

    /// Stable number of the table in the log: 1 to 4.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::ToolInvocations => 1,
            Self::McpCalls => 2,
            Self::ProofArtifacts => 3,
            Self::ShadowReceipts => 4,
        }
    }

    /// The table with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.number() == number)
    }

    /// Columns of the table under `schema`, in their order; `None` where that schema has no such table.
    #[must_use]
    pub fn columns(self, schema: SchemaVersion) -> Option<&'static [Column]> {
        let from = if self == Self::ShadowReceipts { 3 } else { 1 };
        (from..=SCHEMA.0).contains(&schema.0).then_some(match self {
            Self::ToolInvocations => TOOL_INVOCATIONS,
            Self::McpCalls => MCP_CALLS,
            Self::ProofArtifacts => PROOF_ARTIFACTS,
            Self::ShadowReceipts => SHADOW_RECEIPTS,
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Table {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, RecordError> {
        let table = Self::ALL.into_iter().find(|table| table.as_str() == text);
        table.ok_or_else(|| RecordError::UnknownTable { found: text.chars().take(64).collect() })
    }
}

/// Storage class of a column (SQLite's names).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CellKind {
    /// A signed integer of 64 bits, within the number rule.
    Integer,
    /// A finite double.
    Real,
    /// UTF-8 text.
    Text,
    /// Bytes.
    Blob,
}

/// Name and type of a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Name in SQL and in leaf data.
    pub name: &'static str,
    /// Storage class of its values.
    pub kind: CellKind,
    /// Whether it may be null.
    pub nullable: bool,
}

const fn col(name: &'static str, kind: CellKind) -> Column {
    Column { name, kind, nullable: false }
}

const fn opt(name: &'static str, kind: CellKind) -> Column {
    Column { name, kind, nullable: true }
}

const TOOL_INVOCATIONS: &[Column] = &[
    col("id", CellKind::Blob),
    col("ts", CellKind::Text),
    col("trace_id", CellKind::Blob),
    col("tool", CellKind::Text),
    col("phase", CellKind::Text),
    opt("status", CellKind::Text),
    opt("input_json", CellKind::Text),
    opt("output_json", CellKind::Text),
    opt("intent_id", CellKind::Blob),
    opt("duration_us", CellKind::Integer),
    opt("meta_json", CellKind::Text),
    opt("corrects_id", CellKind::Blob),
    opt("corrects_leaf", CellKind::Blob),
    opt("capability_hash", CellKind::Blob),
    opt("policy_hash", CellKind::Blob),
];

const MCP_CALLS: &[Column] = &[
    col("id", CellKind::Blob),
    col("ts", CellKind::Text),
    col("trace_id", CellKind::Blob),
    col("connection", CellKind::Blob),
    opt("ordinal", CellKind::Integer),
    col("direction", CellKind::Text),
    col("kind", CellKind::Text),
    opt("rpc_id", CellKind::Text),
    opt("method", CellKind::Text),
    opt("answers_id", CellKind::Blob),
    opt("frame_len", CellKind::Integer),
    opt("frame_sha256", CellKind::Blob),
    opt("frame_commitment", CellKind::Blob),
    opt("body_json", CellKind::Text),
    opt("meta_json", CellKind::Text),
    opt("corrects_id", CellKind::Blob),
    opt("corrects_leaf", CellKind::Blob),
    opt("capability_hash", CellKind::Blob),
    opt("policy_hash", CellKind::Blob),
];

const PROOF_ARTIFACTS: &[Column] = &[
    col("id", CellKind::Blob),
    col("ts", CellKind::Text),
    col("trace_id", CellKind::Blob),
    col("kind", CellKind::Text),
    opt("path", CellKind::Text),
    col("size", CellKind::Integer),
    col("sha256_hex", CellKind::Text),
    opt("blake3_hex", CellKind::Text),
    opt("subject_id", CellKind::Blob),
    opt("meta_json", CellKind::Text),
    opt("corrects_id", CellKind::Blob),
    opt("corrects_leaf", CellKind::Blob),
    opt("capability_hash", CellKind::Blob),
    opt("policy_hash", CellKind::Blob),
];

const SHADOW_RECEIPTS: &[Column] = &[
    col("id", CellKind::Blob),
    col("ts", CellKind::Text),
    col("trace_id", CellKind::Blob),
    col("horizon_id", CellKind::Text),
    col("counterfactual_hash", CellKind::Blob),
    col("entropy_delta", CellKind::Real),
    col("reason", CellKind::Text),
    col("observer_key", CellKind::Blob),
    col("observer_signature", CellKind::Blob),
    opt("meta_json", CellKind::Text),
    opt("corrects_id", CellKind::Blob),
    opt("corrects_leaf", CellKind::Blob),
    opt("capability_hash", CellKind::Blob),
    opt("policy_hash", CellKind::Blob),
];

/// A row as it is stored: exactly the columns of its table under its schema, each of its column's type.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredRow {
    table: Table,
    schema: SchemaVersion,
    cells: Cells,
}

impl StoredRow {
    /// Builds a row from its cells, in column order.
    ///
    /// # Errors
    /// As [`StoredRow::from_cells`].
    pub fn new(table: Table, schema: SchemaVersion, cells: Vec<Cell>) -> Result<Self, RecordError> {
        let cells: Vec<CellRef<'_>> = cells.iter().map(Cell::as_ref).collect();
        Self::from_cells(table, schema, &cells)
    }

    /// Builds a row from cells that stand elsewhere, in column order. Cost: one copy of them, and three allocations however
    /// many they are.
    ///
    /// # Errors
    /// [`RecordError::UnknownSchema`], [`RecordError::CellCount`], or [`RecordError::Cell`] naming the first column
    /// whose value is of another type, null where it may not be, or not finite.
    pub fn from_cells(table: Table, schema: SchemaVersion, cells: &[CellRef<'_>]) -> Result<Self, RecordError> {
        let columns = table.columns(schema).ok_or(RecordError::UnknownSchema { table, found: schema.0 })?;
        if columns.len() != cells.len() {
            return Err(RecordError::CellCount { table, expected: columns.len(), found: cells.len() });
        }
        match columns.iter().zip(cells).find(|(column, cell)| !cell.fits(column)) {
            Some((column, _)) => Err(RecordError::Cell { table, column: column.name }),
            None => Ok(Self { table, schema, cells: Cells::new(cells) }),
        }
    }

    /// The table it belongs to.
    #[must_use]
    pub const fn table(&self) -> Table {
        self.table
    }

    /// The schema it was written under.
    #[must_use]
    pub const fn schema(&self) -> SchemaVersion {
        self.schema
    }

    /// Names and values, in column order.
    pub fn cells(&self) -> impl Iterator<Item = (&'static str, CellRef<'_>)> {
        let columns = self.table.columns(self.schema).unwrap_or_default();
        columns.iter().map(|column| column.name).zip(self.cells.iter())
    }

    /// Bytes of its texts and blobs together.
    #[must_use]
    pub const fn byte_len(&self) -> usize {
        self.cells.byte_len()
    }

    /// Value of the column called `name`.
    #[must_use]
    pub fn cell(&self, name: &str) -> Option<CellRef<'_>> {
        let columns = self.table.columns(self.schema)?;
        self.cells.get(columns.iter().position(|column| column.name == name)?)
    }

    /// Text of a column; `None` where it is null or of another type.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.cell(name)? {
            CellRef::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Bytes of a column; `None` where it is null or of another type.
    #[must_use]
    pub fn blob(&self, name: &str) -> Option<&[u8]> {
        match self.cell(name)? {
            CellRef::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Integer of a column; `None` where it is null or of another type.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.cell(name)? {
            CellRef::Integer(integer) => Some(integer),
            _ => None,
        }
    }

    /// The row's id.
    ///
    /// # Errors
    /// [`RecordError::Cell`] where the column does not hold sixteen bytes.
    pub fn id(&self) -> Result<RowId, RecordError> {
        self.row_ref("id")?.ok_or(RecordError::Cell { table: self.table, column: "id" })
    }

    /// The row's trace.
    ///
    /// # Errors
    /// [`RecordError::Cell`] where the column does not hold sixteen bytes.
    pub fn trace_id(&self) -> Result<TraceId, RecordError> {
        let fault = RecordError::Cell { table: self.table, column: "trace_id" };
        self.blob("trace_id").and_then(|bytes| TraceId::from_slice(bytes).ok()).ok_or(fault)
    }

    /// The row's time.
    ///
    /// # Errors
    /// [`RecordError::Cell`] where the column does not hold the stored form of an instant.
    pub fn ts(&self) -> Result<Instant, RecordError> {
        let fault = RecordError::Cell { table: self.table, column: "ts" };
        self.text("ts").and_then(|text| text.parse().ok()).ok_or(fault)
    }

    /// The row id that a column names, if it names one.
    ///
    /// # Errors
    /// [`RecordError::Cell`] where the column holds something that is no id.
    pub fn row_ref(&self, column: &'static str) -> Result<Option<RowId>, RecordError> {
        match self.blob(column) {
            None => Ok(None),
            Some(bytes) => match RowId::from_slice(bytes) {
                Ok(id) => Ok(Some(id)),
                Err(_) => Err(RecordError::Cell { table: self.table, column }),
            },
        }
    }

    /// The row as a JSON object `{"format", "row", "schema", "table"}`.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let row: Map<String, Value> = self.cells().map(|(name, cell)| (name.to_owned(), cell.to_value())).collect();
        serde_json::json!({
            "format": ROW_FORMAT, "row": row, "schema": self.schema.0, "table": self.table.as_str(),
        })
    }

    /// Leaf data: canonical bytes of [`StoredRow::to_value`]. Cost: one pass over the row.
    ///
    /// # Errors
    /// [`RecordError::Canonical`] where an integer breaks the number rule.
    pub fn leaf_data(&self) -> Result<Vec<u8>, RecordError> {
        let mut out = Vec::new();
        leaf::write(self, &mut out)?;
        Ok(out)
    }

    /// Hash of the leaf data.
    ///
    /// # Errors
    /// As [`StoredRow::leaf_data`].
    pub fn leaf_hash(&self) -> Result<LeafHash, RecordError> {
        Ok(LeafHash::of(&self.leaf_data()?))
    }

    /// [`StoredRow::leaf_hash`] of each of `rows`, in their order. Cost: less than one after the other, since several are
    /// hashed side by side. Memory: the leaf data of all of them.
    pub fn leaf_hashes<'a>(rows: impl IntoIterator<Item = &'a Self>) -> Vec<Result<LeafHash, RecordError>> {
        let rows: Vec<&Self> = rows.into_iter().collect();
        let mut data = Vec::with_capacity(rows.iter().map(|row| leaf::capacity(row)).sum());
        let mut written = Vec::with_capacity(rows.len());
        for row in rows {
            let begin = data.len();
            written.push((leaf::write(row, &mut data), begin..data.len()));
        }
        let leaves: Vec<&[u8]> = written.iter().map(|(_, span)| data.get(span.clone()).unwrap_or_default()).collect();
        let hashes = LeafHash::of_each(&leaves);
        written.into_iter().zip(hashes).map(|((written, _), hash)| written.map(|()| hash)).collect()
    }

    /// Reads leaf data back into a row.
    ///
    /// # Errors
    /// [`RecordError`]; leaf data that is not canonical, or of an unknown format, table, schema or column, is refused.
    pub fn parse_leaf_data(bytes: &[u8]) -> Result<Self, RecordError> {
        let value = canonical::parse_exact(bytes, LEAF_MAX).map_err(RecordError::Canonical)?;
        let object = value.as_object().ok_or(RecordError::Shape)?;
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let format = text("format").ok_or(RecordError::Shape)?;
        if format != ROW_FORMAT {
            return Err(RecordError::UnknownFormat { found: format.chars().take(64).collect() });
        }
        let table: Table = text("table").ok_or(RecordError::Shape)?.parse()?;
        let schema = object.get("schema").and_then(Value::as_u64).ok_or(RecordError::Shape)?;
        let schema = SchemaVersion(u32::try_from(schema).map_err(|_| RecordError::Shape)?);
        let columns = table.columns(schema).ok_or(RecordError::UnknownSchema { table, found: schema.0 })?;
        let row = object.get("row").and_then(Value::as_object).ok_or(RecordError::Shape)?;
        if object.len() != 4 || row.len() != columns.len() {
            return Err(RecordError::Shape);
        }
        let cell = |column: &Column| {
            let fault = RecordError::Cell { table, column: column.name };
            row.get(column.name).and_then(|value| Cell::from_value(value, column.kind)).ok_or(fault)
        };
        Self::new(table, schema, columns.iter().map(cell).collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(table: Table) -> StoredRow {
        let columns = table.columns(SCHEMA).unwrap();
        let cells = columns.iter().map(|column| match column.kind {
            _ if column.nullable => Cell::Null,
            CellKind::Integer => Cell::Integer(7),
            CellKind::Real => Cell::Real(0.5),
            CellKind::Text if column.name == "ts" => Cell::Text("2026-01-02T03:04:05.000006Z".into()),
            CellKind::Text => Cell::Text("x".into()),
            CellKind::Blob => Cell::Blob(vec![9; 16]),
        });
        StoredRow::new(table, SCHEMA, cells.collect()).unwrap()
    }

    fn owned(row: &StoredRow) -> Vec<Cell> {
        row.cells().map(|(_, cell)| cell.into()).collect()
    }

    #[test]
    fn leaf_data_round_trips_for_every_table() {
        for table in Table::ALL {
            let row = sample(table);
            let bytes = row.leaf_data().unwrap();
            assert_eq!(StoredRow::parse_leaf_data(&bytes), Ok(row.clone()), "{table}");
            assert_eq!(row.leaf_hash().unwrap(), LeafHash::of(&bytes));
        }
    }

    #[test]
    fn every_column_changes_the_leaf() {
        for table in Table::ALL {
            let row = sample(table);
            let leaf = row.leaf_hash().unwrap();
            for (at, column) in table.columns(SCHEMA).unwrap().iter().enumerate() {
                let mut cells = owned(&row);
                cells[at] = match column.kind {
                    CellKind::Integer => Cell::Integer(8),
                    CellKind::Real => Cell::Real(0.25),
                    CellKind::Text => Cell::Text("y".into()),
                    CellKind::Blob => Cell::Blob(vec![8; 16]),
                };
                let changed = StoredRow::new(table, SCHEMA, cells).unwrap();
                assert_ne!(changed.leaf_hash().unwrap(), leaf, "{table}.{}", column.name);
            }
        }
    }

    #[test]
    fn cells_of_the_wrong_type_are_refused() {
        for table in Table::ALL {
            let row = sample(table);
            for at in 0..row.cells().count() {
                for wrong in
                    [Cell::Null, Cell::Integer(1), Cell::Real(f64::NAN), Cell::Text("t".into()), Cell::Blob(vec![])]
                {
                    let column = &table.columns(SCHEMA).unwrap()[at];
                    let mut cells = owned(&row);
                    let fits = wrong.as_ref().fits(column);
                    cells[at] = wrong;
                    assert_eq!(StoredRow::new(table, SCHEMA, cells).is_ok(), fits, "{table}.{}", column.name);
                }
            }
        }
    }

    #[test]
    fn foreign_leaf_data_is_refused() {
        let good = String::from_utf8(sample(Table::ProofArtifacts).leaf_data().unwrap()).unwrap();
        for (from, to) in [
            ("vm-row-v0", "vm-row-v1"),
            ("\"schema\":3", "\"schema\":4"),
            ("proof_artifacts", "proof_artefacts"),
            ("\"kind\"", "\"kine\""),
            ("\"size\":7", "\"size\":7.5"),
            (",\"table\"", ",\"surplus\":1,\"table\""),
            ("{\"format\"", "{ \"format\""),
        ] {
            assert!(good.contains(from), "{from}");
            assert!(StoredRow::parse_leaf_data(good.replacen(from, to, 1).as_bytes()).is_err(), "{from}");
        }
    }

    #[test]
    fn shadow_receipts_begin_with_schema_3() {
        assert!(Table::ShadowReceipts.columns(SchemaVersion(2)).is_none());
        assert!(Table::McpCalls.columns(SchemaVersion(1)).is_some());
        assert!(Table::McpCalls.columns(SchemaVersion(0)).is_none());
        assert!(Table::McpCalls.columns(SchemaVersion(4)).is_none());
    }
}
