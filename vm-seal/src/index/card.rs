//! Cards: what an index knows of one row.

use vm_core::digest::{DIGEST_LEN, LeafHash};
use vm_core::error::RecordError;
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::record::{LogEntry, StoredRow, Table};

use crate::error::CardError;

/// Length in bytes of a card: 1 + 8 + 16 + 16 + 8 + 32.
pub const CARD_LEN: usize = 81;

/// Added to microseconds, so that the order of the bytes is the order of time before 1970, too.
const TS_BIAS: u64 = 1 << 63;

/// What an index knows of one row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Card {
    /// Its table.
    pub table: Table,
    /// The time it claims.
    pub ts: Instant,
    /// Its id.
    pub id: RowId,
    /// Its trace.
    pub trace: TraceId,
    /// Its place in the log.
    pub seq: u64,
    /// Its leaf hash.
    pub leaf: LeafHash,
}

impl Card {
    /// The card of a row at its place in the log. Whether the row hashes to the entry's leaf is another check.
    ///
    /// # Errors
    /// [`RecordError::Cell`] where time or trace of the row cannot be read.
    pub fn of(entry: &LogEntry, row: &StoredRow) -> Result<Self, RecordError> {
        let LogEntry { seq, table, row_id, leaf, .. } = *entry;
        Ok(Self { table, ts: row.ts()?, id: row_id, trace: row.trace_id()?, seq, leaf })
    }

    /// The card as bytes (docs/spec/index.md).
    #[must_use]
    pub fn to_bytes(&self) -> [u8; CARD_LEN] {
        let ts = self.ts.as_micros().cast_unsigned() ^ TS_BIAS;
        let mut bytes = [0; CARD_LEN];
        let (table, rest) = bytes.split_at_mut(1);
        table.copy_from_slice(&[self.table.number()]);
        let parts: [&[u8]; 5] = [
            &ts.to_be_bytes(),
            self.id.as_bytes(),
            self.trace.as_bytes(),
            &self.seq.to_be_bytes(),
            self.leaf.as_bytes(),
        ];
        rest.iter_mut().zip(parts.into_iter().flatten()).for_each(|(place, byte)| *place = *byte);
        bytes
    }

    /// Reads a card.
    ///
    /// # Errors
    /// [`CardError`] where no row has such a card.
    pub fn from_bytes(bytes: &[u8; CARD_LEN]) -> Result<Self, CardError> {
        let [table, rest @ ..] = bytes;
        let (ts, rest) = take::<8>(rest)?;
        let (id, rest) = take::<16>(rest)?;
        let (trace, rest) = take::<16>(rest)?;
        let (seq, leaf) = take::<8>(rest)?;
        let leaf: [u8; DIGEST_LEN] = leaf.try_into().map_err(|_| CardError::Length { found: bytes.len() })?;
        let micros = (u64::from_be_bytes(ts) ^ TS_BIAS).cast_signed();
        Ok(Self {
            table: Table::from_number(*table).ok_or(CardError::Table { found: *table })?,
            ts: Instant::from_micros(micros).map_err(|_| CardError::Time { micros })?,
            id: RowId::from_bytes(id),
            trace: TraceId::from_bytes(trace),
            seq: u64::from_be_bytes(seq),
            leaf: LeafHash::from_bytes(leaf),
        })
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), CardError> {
    let (first, rest) = bytes.split_first_chunk().ok_or(CardError::Length { found: bytes.len() })?;
    Ok((*first, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn card(table: u8, micros: i64, byte: u8, seq: u64) -> Card {
        Card {
            table: Table::from_number(table).unwrap(),
            ts: Instant::from_micros(micros).unwrap(),
            id: RowId::from_bytes([byte; 16]),
            trace: TraceId::from_bytes([byte ^ 0xff; 16]),
            seq,
            leaf: LeafHash::of(&[byte]),
        }
    }

    #[test]
    fn bytes_are_laid_out_as_specified() {
        let bytes = card(3, 1, 0xaa, 258).to_bytes();
        assert_eq!(bytes[..9], [3, 0x80, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((bytes[9], bytes[24], bytes[25], bytes[40]), (0xaa, 0xaa, 0x55, 0x55));
        assert_eq!(bytes[41..49], [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(bytes[49..], *LeafHash::of(&[0xaa]).as_bytes());
    }

    #[test]
    fn what_no_row_can_have_is_refused() {
        let good = card(1, 0, 1, 1).to_bytes();
        for (at, byte, code) in
            [(0, 0, "card-table"), (0, 5, "card-table"), (1, 0x00, "card-time"), (1, 0xff, "card-time")]
        {
            let mut bad = good;
            bad[at] = byte;
            assert_eq!(Card::from_bytes(&bad).unwrap_err().code(), code, "{at} {byte}");
        }
    }

    proptest! {
        #[test]
        fn cards_read_back_and_sort_as_their_bytes(
            one in (1_u8..=4, -60_000_000_000_000_000_i64..250_000_000_000_000_000, any::<u8>(), any::<u64>()),
            other in (1_u8..=4, -2_i64..2, any::<u8>(), any::<u64>()),
        ) {
            let [one, other] = [one, other].map(|(table, micros, byte, seq)| card(table, micros, byte, seq));
            prop_assert_eq!(Card::from_bytes(&one.to_bytes()), Ok(one));
            let by_time = |card: &Card| (card.table, card.ts, card.id);
            prop_assert_eq!(one.to_bytes()[..25].cmp(&other.to_bytes()[..25]), by_time(&one).cmp(&by_time(&other)));
        }
    }
}
