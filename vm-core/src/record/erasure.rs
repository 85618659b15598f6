//! Receipts of erasures: rows that say whose openings were destroyed, without the name of anybody.

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical;
use crate::error::RecordError;
use crate::id::RowId;
use crate::key::OpeningsKeyId;
use crate::record::{StoredRow, SystemKind, check_format};

/// Why openings were erased: the grounds of Article 17(1) of the GDPR in a word each. A closed set, so that nothing personal
/// stands in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasureReason {
    /// They are no longer necessary.
    NoLongerNecessary,
    /// Consent was withdrawn.
    ConsentWithdrawn,
    /// The subject objects.
    Objection,
    /// They were processed unlawfully.
    Unlawful,
    /// The law demands it.
    LegalObligation,
}

impl ErasureReason {
    /// All reasons.
    pub const ALL: [Self; 5] =
        [Self::NoLongerNecessary, Self::ConsentWithdrawn, Self::Objection, Self::Unlawful, Self::LegalObligation];

    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoLongerNecessary => "no_longer_necessary",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::Objection => "objection",
            Self::Unlawful => "unlawful",
            Self::LegalObligation => "legal_obligation",
        }
    }
}

impl fmt::Display for ErasureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A part of the receipt of one erasure.
///
/// ```text
/// {"count":1,"format":"vm-erasure-receipt-v0","key":"<32 hex>","part":1,"parts":1,"reason":"objection",
///  "rows":["01900000-0000-7000-8000-0000000000ff"]}
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasureReceipt {
    format: String,
    key: OpeningsKeyId,
    count: u64,
    part: u64,
    parts: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<RowId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<ErasureReason>,
    rows: Vec<RowId>,
}

impl ErasureReceipt {
    /// Format string of a receipt.
    pub const FORMAT: &'static str = "vm-erasure-receipt-v0";
    /// Most rows that one part names: 0.4 MB of JSON, so that a part is read in a millisecond, and a subject of a million rows has a
    /// hundred parts.
    pub const ROWS_MAX: usize = 10_000;

    /// The parts of the receipt of an erasure of `rows`, whose openings were under `key`, each with the id that its row is to
    /// have. `ids` gives those; it is called once a part.
    pub fn parts(
        key: OpeningsKeyId,
        reason: Option<ErasureReason>,
        rows: &[RowId],
        mut ids: impl FnMut() -> RowId,
    ) -> Vec<(RowId, Self)> {
        let mut sorted = rows.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let chunks: Vec<&[RowId]> = if sorted.is_empty() { vec![&[]] } else { sorted.chunks(Self::ROWS_MAX).collect() };
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let (count, parts) = (number(sorted.len()), number(chunks.len()));
        let mut made: Vec<(RowId, Self)> = Vec::with_capacity(chunks.len());
        for (part, rows) in (1..).zip(chunks) {
            let first = made.first().map(|(id, _)| *id);
            let format = Self::FORMAT.to_owned();
            made.push((ids(), Self { format, key, count, part, parts, first, reason, rows: rows.to_vec() }));
        }
        made
    }

    /// Name of the key that was destroyed.
    #[must_use]
    pub const fn key(&self) -> OpeningsKeyId {
        self.key
    }

    /// Rows whose openings were erased, of all parts.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Number of this part, from 1.
    #[must_use]
    pub const fn part(&self) -> u64 {
        self.part
    }

    /// How many parts there are.
    #[must_use]
    pub const fn part_count(&self) -> u64 {
        self.parts
    }

    /// Row of the first part; none in the first itself. The erasure goes by the id of that row.
    #[must_use]
    pub const fn first(&self) -> Option<RowId> {
        self.first
    }

    /// Why, where that was said.
    #[must_use]
    pub const fn reason(&self) -> Option<ErasureReason> {
        self.reason
    }

    /// Rows that this part names, ascending.
    #[must_use]
    pub fn rows(&self) -> &[RowId] {
        &self.rows
    }

    /// The content as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!(self)
    }

    /// Reads the content of a receipt's row.
    ///
    /// # Errors
    /// [`RecordError::UnknownFormat`], or [`RecordError::Shape`] where members are missing, foreign, malformed, or disagree.
    pub fn from_value(value: &Value) -> Result<Self, RecordError> {
        check_format(value, Self::FORMAT)?;
        let receipt = Self::deserialize(value).map_err(|_| RecordError::Shape)?;
        // A member that is null, or an id in another form, reads as well, and there is one form.
        if receipt.is_sound() && receipt.to_value() == *value { Ok(receipt) } else { Err(RecordError::Shape) }
    }

    fn is_sound(&self) -> bool {
        let rows = u64::try_from(self.rows.len()).unwrap_or(u64::MAX);
        let most = u64::try_from(Self::ROWS_MAX).unwrap_or(u64::MAX);
        let ascending = self.rows.windows(2).all(|pair| pair.first() < pair.last());
        // Every part but the last is full, so that count, parts and part give the length of each.
        let before = self.part.saturating_sub(1).saturating_mul(most);
        let length = self.count.saturating_sub(before).min(most);
        let parts = self.count.div_ceil(most).max(1);
        ascending
            && rows == length
            && self.parts == parts
            && (1..=parts).contains(&self.part)
            && self.first.is_some() == (self.part > 1)
    }

    /// What a row says was erased; none where it is a row of another kind.
    ///
    /// # Errors
    /// As [`ErasureReceipt::from_value`].
    pub fn of_row(row: &StoredRow) -> Result<Option<Self>, RecordError> {
        if SystemKind::of_row(row) != Some(SystemKind::Erasure) {
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

    fn id(number: u32) -> RowId {
        let mut bytes = [0; 16];
        bytes[12..].copy_from_slice(&number.to_be_bytes());
        RowId::from_bytes(bytes)
    }

    fn parts(count: u32) -> Vec<(RowId, ErasureReceipt)> {
        let rows: Vec<RowId> = (0..count).rev().map(id).collect();
        let mut next = 1_000_000;
        ErasureReceipt::parts(OpeningsKeyId::from_bytes([7; 16]), Some(ErasureReason::Objection), &rows, || {
            next += 1;
            id(next)
        })
    }

    #[test]
    fn the_page_shows_this_receipt() {
        let text = canonical::to_text(&parts(2)[0].1.to_value()).unwrap();
        let page = include_str!("../../../docs/spec/erasure-receipt.md");
        assert!(page.contains(&format!("{text}\n")), "erasure-receipt.md does not show:\n{text}");
    }

    #[test]
    fn parts_name_every_row_once_and_read_back() {
        for count in [0, 1, 9_999, 10_000, 10_001, 20_000, 20_001] {
            let made = parts(count);
            let mut rows = Vec::new();
            for (number, (_, receipt)) in (1..).zip(&made) {
                assert_eq!(ErasureReceipt::from_value(&receipt.to_value()).as_ref(), Ok(receipt));
                assert_eq!((receipt.part(), receipt.count()), (number, u64::from(count)));
                assert_eq!(receipt.first(), (number > 1).then(|| made[0].0));
                rows.extend_from_slice(receipt.rows());
            }
            assert_eq!(rows, (0..count).map(id).collect::<Vec<_>>(), "{count}");
        }
    }

    #[test]
    fn what_disagrees_with_itself_is_refused() {
        let good = parts(10_001)[1].1.to_value();
        let change = |name: &str, value: Value| {
            let mut bad = good.clone();
            bad[name] = value;
            ErasureReceipt::from_value(&bad).unwrap_err()
        };
        for (name, value) in [
            ("count", json!(10_002)),
            ("part", json!(1)),
            ("part", json!(0)),
            ("parts", json!(3)),
            ("first", Value::Null),
            ("rows", json!([])),
            ("reason", json!("because of Alice")),
            ("key", json!("00")),
            ("zz", json!(1)),
        ] {
            assert_eq!(change(name, value), RecordError::Shape, "{name}");
        }
        let unknown = change("format", json!("vm-erasure-receipt-v1"));
        assert_eq!(unknown, RecordError::UnknownFormat { found: "vm-erasure-receipt-v1".to_owned() });
        let twice = json!([id(1), id(1)]);
        let mut bad = parts(2)[0].1.to_value();
        bad["rows"] = twice;
        assert!(ErasureReceipt::from_value(&bad).is_err());
    }
}
