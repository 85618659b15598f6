//! Leaf data written straight from the cells: the bytes that [`StoredRow::to_value`] would give in canonical form, without
//! building the value. A row is appended once and verified often, so this is the path that is worth its own writer; the
//! tests hold it to the readable one.

use std::sync::LazyLock;

use serde_json::Value;

use crate::canonical::{self, write_integer, write_string};
use crate::error::RecordError;
use crate::record::{CellRef, Column, ROW_FORMAT, SCHEMA, StoredRow, Table};

/// Every integer nearer to zero is a double by itself.
const EXACT_BELOW: u64 = 1 << 53;

/// Columns of the tables in the order in which canonical form has them, by table: the place of each, and its name as it
/// stands before the value.
static SORTED: LazyLock<[Vec<(usize, String)>; 4]> = LazyLock::new(|| {
    Table::ALL.map(|table| {
        let columns = table.columns(SCHEMA).unwrap_or_default();
        let mut sorted: Vec<(usize, &Column)> = columns.iter().enumerate().collect();
        // Column names are ASCII, for which RFC 8785's order by UTF-16 units is the order of bytes.
        sorted.sort_unstable_by_key(|(_, column)| column.name);
        sorted.into_iter().map(|(at, column)| (at, format!("\"{}\":", column.name))).collect()
    })
});

/// Appends the canonical leaf data of a row to `out`, which on failure holds a part of it.
pub(super) fn write(row: &StoredRow, out: &mut Vec<u8>) -> Result<(), RecordError> {
    // The columns of a table are the same in every schema that has it.
    let sorted = SORTED.get(usize::from(row.table.number()).saturating_sub(1)).map_or(&[][..], Vec::as_slice);
    out.reserve(capacity(row));
    out.extend_from_slice(b"{\"format\":\"");
    out.extend_from_slice(ROW_FORMAT.as_bytes());
    out.extend_from_slice(b"\",\"row\":{");
    for (index, (at, name)) in sorted.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name.as_bytes());
        write_cell(row.cells.get(*at).unwrap_or(CellRef::Null), out)?;
    }
    out.extend_from_slice(b"},\"schema\":");
    write_integer(i64::from(row.schema.0), out);
    out.extend_from_slice(b",\"table\":\"");
    out.extend_from_slice(row.table.as_str().as_bytes());
    out.extend_from_slice(b"\"}");
    Ok(())
}

/// Room for most rows: names, quotes, hexadecimal digits, and texts with an eighth of their bytes escaped.
pub(super) const fn capacity(row: &StoredRow) -> usize {
    1_024 + row.byte_len() + row.byte_len() / 8
}

fn write_cell(cell: CellRef<'_>, out: &mut Vec<u8>) -> Result<(), RecordError> {
    match cell {
        CellRef::Null => out.extend_from_slice(b"null"),
        // Numbers of which there is doubt keep to the one place that knows their rule.
        CellRef::Integer(integer) => {
            if integer.unsigned_abs() < EXACT_BELOW {
                write_integer(integer, out);
            } else {
                out.extend_from_slice(&canonical::to_bytes(&Value::from(integer)).map_err(RecordError::Canonical)?);
            }
        }
        CellRef::Real(real) => out.extend_from_slice(ryu_js::Buffer::new().format(real).as_bytes()),
        CellRef::Text(text) => write_string(text, out),
        CellRef::Blob(bytes) => {
            out.push(b'"');
            let mut digits = [[0; 2]; 32];
            for part in bytes.chunks(digits.len()) {
                digits.iter_mut().zip(part).for_each(|(pair, byte)| *pair = [byte >> 4, byte & 15].map(digit));
                out.extend_from_slice(digits.as_flattened().get(..2 * part.len()).unwrap_or_default());
            }
            out.push(b'"');
        }
    }
    Ok(())
}

/// Computed and not looked up, so that the compiler does many at once.
const fn digit(half: u8) -> u8 {
    if half < 10 { b'0' + half } else { b'a' - 10 + half }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Cell, CellKind, SchemaVersion};

    fn cell(column: Column) -> BoxedStrategy<Cell> {
        let value = match column.kind {
            CellKind::Integer => any::<i64>().prop_map(Cell::Integer).boxed(),
            CellKind::Real => prop::num::f64::NORMAL.prop_map(Cell::Real).boxed(),
            CellKind::Text => any::<String>().prop_map(Cell::Text).boxed(),
            CellKind::Blob => any::<Vec<u8>>().prop_map(Cell::Blob).boxed(),
        };
        if column.nullable { prop_oneof![Just(Cell::Null), value].boxed() } else { value }
    }

    fn row() -> impl Strategy<Value = StoredRow> {
        prop::sample::select(Table::ALL.to_vec()).prop_flat_map(|table| {
            let columns = table.columns(SCHEMA).unwrap();
            let cells: Vec<_> = columns.iter().map(|column| cell(*column)).collect();
            cells.prop_map(move |cells| StoredRow::new(table, SCHEMA, cells).unwrap())
        })
    }

    proptest! {
        #[test]
        fn the_fast_writer_is_the_readable_one(row in row()) {
            let readable = canonical::to_bytes(&row.to_value());
            match (row.leaf_data(), readable) {
                (Ok(fast), Ok(readable)) => prop_assert_eq!(fast, readable),
                (Err(RecordError::Canonical(_)), Err(_)) => {}
                (fast, readable) => prop_assert!(false, "{fast:?} and {readable:?}"),
            }
        }
    }

    #[test]
    fn every_character_that_may_need_an_escape() {
        let text: String =
            (0..=0x300).filter_map(char::from_u32).chain(['\u{2028}', '\u{ffff}', '\u{1f600}']).collect();
        let mut out = Vec::new();
        write_string(&text, &mut out);
        assert_eq!(out, canonical::to_bytes(&Value::from(text)).unwrap());
    }

    #[test]
    fn escapes_at_every_place_of_texts_of_every_length() {
        for length in 0..50 {
            for place in 0..length {
                for stop in ['"', '\\', '\n', '\u{1}', '\u{7f}', 'é'] {
                    let text: String = (0..length).map(|at| if at == place { stop } else { 'x' }).collect();
                    let mut out = b"before".to_vec();
                    write_string(&text, &mut out);
                    assert_eq!(out[6..], canonical::to_bytes(&Value::from(text)).unwrap());
                }
            }
        }
    }

    #[test]
    fn the_columns_of_a_table_are_the_same_in_every_schema_that_has_it() {
        for table in Table::ALL {
            for columns in (0..=SCHEMA.number()).filter_map(|schema| table.columns(SchemaVersion::new(schema))) {
                assert_eq!(columns, table.columns(SCHEMA).unwrap());
            }
        }
    }

    #[test]
    fn reals_are_written_as_ecmascript_does() {
        for real in [0.0, -0.0, 1.0, -1.5, 1e21, 1e-7, 5e-324, f64::MAX, 0.1 + 0.2, 9_007_199_254_740_994.0] {
            let mut out = Vec::new();
            write_cell(CellRef::Real(real), &mut out).unwrap();
            assert_eq!(out, canonical::to_bytes(&CellRef::Real(real).to_value()).unwrap(), "{real}");
        }
    }
}
