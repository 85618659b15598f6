//! Leaf data written straight from the cells: the bytes that [`StoredRow::to_value`] would give in canonical form, without
//! building the value. A row is appended once and verified often, so this is the path that is worth its own writer; the
//! tests hold it to the readable one.

use serde_json::Value;

use crate::canonical;
use crate::error::RecordError;
use crate::record::{Cell, Column, ROW_FORMAT, StoredRow};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Canonical leaf data of a row.
pub(super) fn write(row: &StoredRow, columns: &[Column]) -> Result<Vec<u8>, RecordError> {
    let mut cells: Vec<(&str, &Cell)> = columns.iter().map(|column| column.name).zip(&row.cells).collect();
    // Column names are ASCII, for which RFC 8785's order by UTF-16 units is the order of bytes.
    cells.sort_unstable_by_key(|(name, _)| *name);
    let mut out = Vec::with_capacity(capacity(&row.cells));
    out.extend_from_slice(b"{\"format\":\"");
    out.extend_from_slice(ROW_FORMAT.as_bytes());
    out.extend_from_slice(b"\",\"row\":{");
    for (at, (name, cell)) in cells.into_iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        write_cell(cell, &mut out)?;
    }
    out.extend_from_slice(b"},\"schema\":");
    out.extend_from_slice(row.schema.to_string().as_bytes());
    out.extend_from_slice(b",\"table\":\"");
    out.extend_from_slice(row.table.as_str().as_bytes());
    out.extend_from_slice(b"\"}");
    Ok(out)
}

/// Room for most rows: names and quotes, hexadecimal blobs, texts with a tenth of their bytes escaped.
fn capacity(cells: &[Cell]) -> usize {
    let cell = |cell: &Cell| match cell {
        Cell::Null | Cell::Integer(_) | Cell::Real(_) => 32,
        Cell::Text(text) => text.len() + text.len() / 10 + 32,
        Cell::Blob(bytes) => 2 * bytes.len() + 32,
    };
    64 + cells.iter().map(cell).sum::<usize>()
}

fn write_cell(cell: &Cell, out: &mut Vec<u8>) -> Result<(), RecordError> {
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        // Numbers keep to the one place that knows their rule.
        Cell::Integer(integer) => {
            out.extend_from_slice(&canonical::to_bytes(&Value::from(*integer)).map_err(RecordError::Canonical)?);
        }
        Cell::Real(real) => out.extend_from_slice(ryu_js::Buffer::new().format(*real).as_bytes()),
        Cell::Text(text) => write_text(text, out),
        Cell::Blob(bytes) => {
            out.push(b'"');
            for byte in bytes {
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            out.push(b'"');
        }
    }
    Ok(())
}

/// A JSON string by RFC 8785, section 3.2.2.2: short escapes where JSON has them, `\u00xx` for the other controls, the
/// rest as it is.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut done = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let control;
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            0x08 => b"\\b",
            0x09 => b"\\t",
            0x0a => b"\\n",
            0x0c => b"\\f",
            0x0d => b"\\r",
            0x00..=0x1f => {
                control = [b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                &control
            }
            _ => continue,
        };
        out.extend_from_slice(&bytes[done..at]);
        out.extend_from_slice(escape);
        done = at + 1;
    }
    out.extend_from_slice(&bytes[done..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{CellKind, SCHEMA, Table};

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
        write_text(&text, &mut out);
        assert_eq!(out, canonical::to_bytes(&Value::from(text)).unwrap());
    }

    #[test]
    fn reals_are_written_as_ecmascript_does() {
        for real in [0.0, -0.0, 1.0, -1.5, 1e21, 1e-7, 5e-324, f64::MAX, 0.1 + 0.2, 9_007_199_254_740_994.0] {
            let mut out = Vec::new();
            write_cell(&Cell::Real(real), &mut out).unwrap();
            assert_eq!(out, canonical::to_bytes(&Cell::Real(real).to_value()).unwrap(), "{real}");
        }
    }
}
