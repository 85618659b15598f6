//! Records of disclosures: rows that say which commitments were opened to whom, without value or salt.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical;
use crate::digest::{Commitment, Sha256Digest};
use crate::error::RecordError;
use crate::id::RowId;
use crate::record::{StoredRow, SystemKind, check_format};

/// A commitment that was opened, and its place in the row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosed {
    /// The commitment.
    pub commitment: Commitment,
    /// Its place: column, then JSON pointer inside it.
    pub pointer: String,
}

/// Says that openings of one row were given out in a file.
///
/// ```text
/// {"commitments":[{"commitment":"<64 hex>","pointer":"/body_json/params/token"}],"file_sha256":"<64 hex>",
///  "format":"vm-disclosure-record-v0","recipients":["<64 hex>"],"row":"01900000-0000-7000-8000-0000000000ff"}
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisclosureRecord {
    format: String,
    row: RowId,
    commitments: Vec<Disclosed>,
    recipients: Vec<Sha256Digest>,
    file_sha256: Sha256Digest,
}

impl DisclosureRecord {
    /// Format string of a record.
    pub const FORMAT: &'static str = "vm-disclosure-record-v0";

    /// The record of a file with hash `file_sha256` that opens `commitments` of `row` to the keys with the ids `recipients`.
    #[must_use]
    pub fn new(
        row: RowId,
        commitments: Vec<Disclosed>,
        mut recipients: Vec<Sha256Digest>,
        file_sha256: Sha256Digest,
    ) -> Self {
        recipients.sort_unstable();
        Self { format: Self::FORMAT.to_owned(), row, commitments, recipients, file_sha256 }
    }

    /// The row.
    #[must_use]
    pub const fn row(&self) -> RowId {
        self.row
    }

    /// What was opened.
    #[must_use]
    pub fn commitments(&self) -> &[Disclosed] {
        &self.commitments
    }

    /// Ids of the keys that open the file, ascending.
    #[must_use]
    pub fn recipients(&self) -> &[Sha256Digest] {
        &self.recipients
    }

    /// SHA-256 of the file.
    #[must_use]
    pub const fn file_sha256(&self) -> Sha256Digest {
        self.file_sha256
    }

    /// The content as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!(self)
    }

    /// Reads the content of a record's row.
    ///
    /// # Errors
    /// [`RecordError::UnknownFormat`], or [`RecordError::Shape`] where members are missing, foreign, malformed or out of order.
    pub fn from_value(value: &Value) -> Result<Self, RecordError> {
        check_format(value, Self::FORMAT)?;
        let record = Self::deserialize(value).map_err(|_| RecordError::Shape)?;
        let ascending = record.recipients.windows(2).all(|pair| pair.first() < pair.last());
        if record.commitments.is_empty() || record.recipients.is_empty() || !ascending {
            return Err(RecordError::Shape);
        }
        Ok(record)
    }

    /// What a row says was disclosed; none where it is a row of another kind.
    ///
    /// # Errors
    /// As [`DisclosureRecord::from_value`].
    pub fn of_row(row: &StoredRow) -> Result<Option<Self>, RecordError> {
        if SystemKind::of_row(row) != Some(SystemKind::Disclosure) {
            return Ok(None);
        }
        let json = row.text("meta_json").ok_or(RecordError::Shape)?;
        let value = canonical::parse(json.as_bytes(), canonical::BYTES_MAX).map_err(RecordError::Canonical)?;
        Self::from_value(&value).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_a_bad_one_does_not() {
        let commitment = Commitment::from_bytes([1; 32]);
        let opened = vec![Disclosed { commitment, pointer: "/body_json/params/token".to_owned() }];
        let recipients = vec![Sha256Digest::of(b"b"), Sha256Digest::of(b"a")];
        let record = DisclosureRecord::new(RowId::from_bytes([2; 16]), opened, recipients, Sha256Digest::of(b"file"));
        let value = record.to_value();
        let text = canonical::to_text(&value).unwrap();
        let page = include_str!("../../../docs/spec/disclosure.md");
        assert!(page.contains(&format!("{text}\n")), "disclosure.md does not show:\n{text}");
        assert_eq!(DisclosureRecord::from_value(&value), Ok(record));
        for (name, bad) in [
            ("commitments", json!([])),
            ("commitments", json!([{"commitment": commitment, "pointer": "/a", "value": 1}])),
            ("recipients", json!([])),
            ("recipients", json!([Sha256Digest::of(b"a"), Sha256Digest::of(b"a")])),
            ("file_sha256", json!("00")),
            ("value", json!("hunter2")),
        ] {
            let mut changed = value.clone();
            changed[name] = bad;
            assert_eq!(DisclosureRecord::from_value(&changed), Err(RecordError::Shape), "{name}");
        }
    }
}
