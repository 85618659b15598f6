//! Completeness proofs as stored objects.
//!
//! ```text
//! {"checkpoint":"<note>","entries":null,"format":"vm-completeness-v0","query":{"selection":{...}},
//!  "ranges":[{"after":"<hex>","before":null,"begin":0,"count":2,"left":[],"right":["<64 hex>"]}],
//!  "tail":{"left":["<64 hex>"],"rows":["{\"format\":\"vm-row-v0\",...}"]}}
//! ```

use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::digest::{RootHash, from_hex, to_hex};
use vm_core::key::Note;

use crate::error::{CompletenessError, ShapeError};
use crate::index::Query;
use crate::shape::Members;

/// Format string of a completeness proof.
pub const COMPLETENESS_FORMAT: &str = "vm-completeness-v0";
/// Longest proof read or written, in bytes: the limit of canonical JSON.
pub const COMPLETENESS_MAX: usize = canonical::BYTES_MAX;
/// Most rows behind the index that a proof shows one by one: as many as an index sorts in some milliseconds, so whoever needs
/// more records a new index first.
pub const TAIL_MAX: u64 = 1_024;

/// A proof that all rows are known that match a question. What it shows, [`CompletenessProof::verify`] says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompletenessProof {
    pub(super) checkpoint: Note,
    pub(super) query: Query,
    pub(super) tail: Tail,
    pub(super) ranges: Vec<ProvenRange>,
    /// Leaf data of the matches; none where whoever verifies has the rows.
    pub(super) entries: Option<Vec<Vec<u8>>>,
}

/// The index row and the rows behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tail {
    pub(super) left: Vec<RootHash>,
    pub(super) rows: Vec<String>,
}

/// The matches of one interval in one run, between their neighbours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ProvenRange {
    pub(super) begin: u64,
    pub(super) count: u64,
    pub(super) before: Option<Vec<u8>>,
    pub(super) after: Option<Vec<u8>>,
    pub(super) left: Vec<RootHash>,
    pub(super) right: Vec<RootHash>,
}

impl CompletenessProof {
    /// The same proof with the checkpoint as `note` has it, where that is the same text: a seal's may bear more signatures than the
    /// log's own, and the proof of a seal holds the very checkpoint of the seal.
    #[must_use]
    pub fn under(mut self, note: &Note) -> Self {
        if note.unverified_text() == self.checkpoint.unverified_text() {
            self.checkpoint = note.clone();
        }
        self
    }

    /// The question.
    #[must_use]
    pub const fn query(&self) -> &Query {
        &self.query
    }

    /// The signed checkpoint of the log at the size that it is for.
    #[must_use]
    pub const fn checkpoint(&self) -> &Note {
        &self.checkpoint
    }

    /// Whether the matches are in it; else whoever verifies must have the rows.
    #[must_use]
    pub const fn has_entries(&self) -> bool {
        self.entries.is_some()
    }

    /// Reads a proof, which must be canonical and at most [`COMPLETENESS_MAX`] bytes long.
    ///
    /// # Errors
    /// [`CompletenessError`]; an unknown format is told apart from a malformed proof.
    pub fn parse(bytes: &[u8]) -> Result<Self, CompletenessError> {
        let value = canonical::parse_exact(bytes, COMPLETENESS_MAX).map_err(CompletenessError::Json)?;
        match value.get("format").and_then(Value::as_str) {
            Some(COMPLETENESS_FORMAT) => {}
            Some(other) => return Err(CompletenessError::FormatUnknown { found: other.chars().take(64).collect() }),
            None => return Err(ShapeError::Member { pointer: "/format".to_owned() }.into()),
        }
        let members = Members::of(&value, "", &["checkpoint", "entries", "format", "query", "ranges", "tail"])?;
        let entries = match members.value("entries")? {
            Value::Null => None,
            _ => Some(members.list("entries")?.iter().map(hex).collect::<Option<_>>().ok_or(members.fault("entries"))?),
        };
        let checkpoint = members.text("checkpoint")?;
        let checkpoint = Note::parse(checkpoint.as_bytes()).map_err(CompletenessError::Note)?;
        let ranges = members.list("ranges")?.iter().map(ProvenRange::from_value).collect::<Result<_, _>>()?;
        let query = Query::from_value(members.value("query")?)?;
        Ok(Self { checkpoint, query, tail: Tail::from_value(members.value("tail")?)?, ranges, entries })
    }

    /// The stored bytes, without a newline at the end.
    ///
    /// # Errors
    /// [`CompletenessError::Json`] where it would be longer than can be read again.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CompletenessError> {
        let entries = self.entries.as_ref().map(|entries| entries.iter().map(|data| to_hex(data)).collect::<Vec<_>>());
        let value = json!({
            "checkpoint": self.checkpoint.to_string(),
            "entries": entries,
            "format": COMPLETENESS_FORMAT,
            "query": self.query.to_value(),
            "ranges": self.ranges.iter().map(ProvenRange::to_value).collect::<Vec<_>>(),
            "tail": { "left": self.tail.left, "rows": self.tail.rows },
        });
        let bytes = canonical::to_bytes(&value).map_err(CompletenessError::Json)?;
        // As long as it is, it must be readable.
        canonical::parse_exact(&bytes, COMPLETENESS_MAX).map_err(CompletenessError::Json)?;
        Ok(bytes)
    }
}

impl Tail {
    fn from_value(value: &Value) -> Result<Self, ShapeError> {
        let members = Members::of(value, "/tail", &["left", "rows"])?;
        Ok(Self { left: members.digests("left", RootHash::parse_hex)?, rows: members.parse_list("rows")? })
    }
}

impl ProvenRange {
    fn to_value(&self) -> Value {
        let hex = |data: &Option<Vec<u8>>| data.as_deref().map(to_hex);
        json!({
            "after": hex(&self.after), "before": hex(&self.before), "begin": self.begin, "count": self.count,
            "left": self.left, "right": self.right,
        })
    }

    fn from_value(value: &Value) -> Result<Self, ShapeError> {
        let members = Members::of(value, "/ranges/*", &["after", "before", "begin", "count", "left", "right"])?;
        let neighbour = |name| match members.value(name)? {
            Value::Null => Ok(None),
            value => hex(value).map(Some).ok_or(members.fault(name)),
        };
        Ok(Self {
            begin: members.number("begin")?,
            count: members.number("count")?,
            before: neighbour("before")?,
            after: neighbour("after")?,
            left: members.digests("left", RootHash::parse_hex)?,
            right: members.digests("right", RootHash::parse_hex)?,
        })
    }
}

fn hex(value: &Value) -> Option<Vec<u8>> {
    from_hex(value.as_str()?).ok()
}
