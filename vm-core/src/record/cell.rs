//! Values of a row: owned on their way in, borrowed from the row once they stand in one.

use serde_json::{Number, Value};

use crate::canonical;
use crate::digest::{from_hex, to_hex};
use crate::record::{CellKind, Column};

/// One value of a row, in one of SQLite's storage classes.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL; finite once it stands in a [`StoredRow`](super::StoredRow).
    Real(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Blob(Vec<u8>),
}

/// A [`Cell`] that stands elsewhere.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum CellRef<'a> {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL; finite where it stands in a [`StoredRow`](super::StoredRow).
    Real(f64),
    /// TEXT.
    Text(&'a str),
    /// BLOB.
    Blob(&'a [u8]),
}

impl Cell {
    /// The same, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> CellRef<'_> {
        match self {
            Self::Null => CellRef::Null,
            Self::Integer(integer) => CellRef::Integer(*integer),
            Self::Real(real) => CellRef::Real(*real),
            Self::Text(text) => CellRef::Text(text),
            Self::Blob(bytes) => CellRef::Blob(bytes),
        }
    }

    pub(super) fn from_value(value: &Value, kind: CellKind) -> Option<Self> {
        match (value, kind) {
            (Value::Null, _) => Some(Self::Null),
            (Value::Number(_), CellKind::Integer) => canonical::integer(value).map(Self::Integer),
            (Value::Number(number), CellKind::Real) => number.as_f64().map(Self::Real),
            (Value::String(text), CellKind::Text) => Some(Self::Text(text.clone())),
            (Value::String(text), CellKind::Blob) => from_hex(text).ok().map(Self::Blob),
            _ => None,
        }
    }
}

impl From<CellRef<'_>> for Cell {
    fn from(cell: CellRef<'_>) -> Self {
        match cell {
            CellRef::Null => Self::Null,
            CellRef::Integer(integer) => Self::Integer(integer),
            CellRef::Real(real) => Self::Real(real),
            CellRef::Text(text) => Self::Text(text.to_owned()),
            CellRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

impl CellRef<'_> {
    pub(super) fn fits(self, column: &Column) -> bool {
        match self {
            Self::Null => column.nullable,
            Self::Integer(_) => column.kind == CellKind::Integer,
            Self::Real(real) => column.kind == CellKind::Real && real.is_finite(),
            Self::Text(_) => column.kind == CellKind::Text,
            Self::Blob(_) => column.kind == CellKind::Blob,
        }
    }

    pub(super) fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Integer(integer) => Value::from(integer),
            // A row is built only of finite reals, so the fallback is never taken.
            Self::Real(real) => Number::from_f64(real).map_or(Value::Null, Value::Number),
            Self::Text(text) => Value::from(text),
            Self::Blob(bytes) => Value::from(to_hex(bytes)),
        }
    }
}
