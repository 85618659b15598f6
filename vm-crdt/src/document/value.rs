//! Values: what a register holds and what a set is made of.
//!
//! ```text
//! head = varint(n * 4 + kind)
//! kind 0: n = 0 nothing (a removal), 1 null, 2 false, 3 true, 4 a double: 8 bytes follow
//! kind 1: an integer of n bytes     kind 2: text of n bytes     kind 3: n bytes
//! ```
//!
//! A value of up to 31 bytes costs one byte beside itself.

use core::cmp::Ordering;

use crate::bytes::{Bytes, put_varint, wide};
use crate::error::{EditError, ValueError};

/// Longest text or bytes: 64 KiB. A document says what is; what is larger is an artifact, and a value is its digest.
pub const VALUE_MAX: usize = 1 << 16;
/// Longest integer of a value: 64 bits.
pub(crate) const INTEGER_MAX: usize = 8;
/// Longest integer of a counter whose increments were folded: 2^31 ops of 64 bits add up to 95.
pub(crate) const FOLDED_MAX: usize = 12;

const SIMPLE: u64 = 0;
const INTEGER: u64 = 1;
const TEXT: u64 = 2;
const BYTES: u64 = 3;

/// A double that has a decimal form: neither infinite nor a NaN, and zero has no sign.
#[derive(Clone, Copy, Debug)]
pub struct Finite(f64);

impl Finite {
    /// Takes a double; a negative zero becomes zero.
    #[must_use]
    pub fn new(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(number + 0.0))
    }

    /// The double.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Ord for Finite {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Finite {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Finite {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Finite {}

/// One value, borrowed from where it stands. Two values are equal where their bytes are: the integer 1 is not the double 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Nothing that is known.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A measured number.
    Float(Finite),
    /// Text of at most [`VALUE_MAX`] bytes.
    Text(&'a str),
    /// At most [`VALUE_MAX`] bytes.
    Bytes(&'a [u8]),
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<Finite> for Value<'_> {
    fn from(value: Finite) -> Self {
        Self::Float(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

/// What stands behind a key: a value, an amount of a counter, or that there is nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content<'a> {
    Removal,
    /// An integer, with more bits than a value has where it is a counter's.
    Integer(i128),
    /// Any other value.
    Value(Value<'a>),
}

impl<'a> Content<'a> {
    /// Reads what is at hand in its one form. `integer_max` is the most bytes of an integer.
    pub(crate) fn read(bytes: &mut Bytes<'a>, integer_max: usize) -> Result<Self, EditError> {
        let head = bytes.varint()?;
        let length = usize::try_from(head >> 2).unwrap_or(usize::MAX);
        let limit = if head & 3 == INTEGER { integer_max } else { VALUE_MAX };
        if length > limit {
            return Err(ValueError::TooLong { limit, found: head >> 2 }.into());
        }
        Ok(match head & 3 {
            SIMPLE => simple(length, bytes)?,
            INTEGER => Self::Integer(integer(bytes.take(length)?)?),
            TEXT => {
                let text = str::from_utf8(bytes.take(length)?).map_err(|_| ValueError::Text)?;
                Self::Value(Value::Text(text))
            }
            _ => Self::Value(Value::Bytes(bytes.take(length)?)),
        })
    }

    /// Passes over what [`Self::read`] took before.
    pub(crate) fn skip(bytes: &mut Bytes<'a>) -> Option<()> {
        let head = bytes.varint().ok()?;
        let length = match (head & 3, head >> 2) {
            (SIMPLE, 4) => 8,
            (SIMPLE, _) => 0,
            (_, length) => usize::try_from(length).ok()?,
        };
        bytes.take(length).ok().map(|_| ())
    }

    /// The value, unless it is a removal. Integers of values have 64 bits.
    pub(crate) fn value(self) -> Option<Value<'a>> {
        match self {
            Self::Removal => None,
            Self::Integer(number) => i64::try_from(number).ok().map(Value::Integer),
            Self::Value(value) => Some(value),
        }
    }

    /// Appends the one form of this.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        let simple = |out: &mut Vec<u8>, number: u64| put_varint(out, number << 2 | SIMPLE);
        match self {
            Self::Removal => simple(out, 0),
            Self::Value(Value::Null) => simple(out, 1),
            Self::Value(Value::Bool(value)) => simple(out, if value { 3 } else { 2 }),
            Self::Value(Value::Float(value)) => {
                simple(out, 4);
                out.extend_from_slice(&value.get().to_bits().to_be_bytes());
            }
            Self::Value(Value::Integer(number)) => put_integer(i128::from(number), out),
            Self::Integer(number) => put_integer(number, out),
            Self::Value(Value::Text(text)) => put_slice(TEXT, text.as_bytes(), out),
            Self::Value(Value::Bytes(value)) => put_slice(BYTES, value, out),
        }
    }
}

impl<'a> From<Value<'a>> for Content<'a> {
    fn from(value: Value<'a>) -> Self {
        Self::Value(value)
    }
}

/// Whether a head of at most 14 bits says that a text follows; it is within the limit then.
pub(crate) fn is_text(head: u16) -> bool {
    u64::from(head & 3) == TEXT
}

/// The bytes of a content.
pub(crate) fn one_form(content: Content<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    content.put(&mut out);
    out
}

/// Whether a value is within its limit.
pub(crate) fn check(value: Value<'_>) -> Result<(), ValueError> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    };
    if length > VALUE_MAX { Err(ValueError::TooLong { limit: VALUE_MAX, found: wide(length) }) } else { Ok(()) }
}

fn simple<'a>(number: usize, bytes: &mut Bytes<'_>) -> Result<Content<'a>, EditError> {
    Ok(match number {
        0 => Content::Removal,
        1 => Content::Value(Value::Null),
        2 => Content::Value(Value::Bool(false)),
        3 => Content::Value(Value::Bool(true)),
        4 => {
            let bits = bytes.u64()?;
            let number = Finite::new(f64::from_bits(bits)).ok_or(ValueError::NotFinite)?;
            if number.get().to_bits() != bits {
                return Err(ValueError::Form.into());
            }
            Content::Value(Value::Float(number))
        }
        _ => return Err(ValueError::Kind.into()),
    })
}

/// Two's complement, the highest byte first, without leading bytes that say nothing; zero has none.
fn integer(bytes: &[u8]) -> Result<i128, ValueError> {
    let negative = match bytes {
        [] => return Ok(0),
        [0] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => return Err(ValueError::Form),
        [first, ..] => *first >= 0x80,
    };
    Ok(bytes.iter().fold(if negative { -1 } else { 0 }, |number, byte| number << 8 | i128::from(*byte)))
}

fn put_integer(number: i128, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    let fill = if number < 0 { 0xff } else { 0 };
    let mut rest = &bytes[..];
    // A byte can go while the next one still says the sign; of zero all go.
    while let [first, tail @ ..] = rest {
        let says = tail.first().map_or(number != 0, |next| (next ^ fill) >= 0x80);
        if *first != fill || says {
            break;
        }
        rest = tail;
    }
    put_slice(INTEGER, rest, out);
}

fn put_slice(kind: u64, value: &[u8], out: &mut Vec<u8>) {
    put_varint(out, wide(value.len()) << 2 | kind);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Content<'_>, EditError> {
        let mut rest = Bytes::new(bytes);
        let content = Content::read(&mut rest, INTEGER_MAX)?;
        rest.end()?;
        Ok(content)
    }

    #[test]
    fn small_values_cost_one_byte() {
        for (content, bytes) in [
            (Content::Removal, &[0][..]),
            (Content::Value(Value::Null), &[4]),
            (Content::Value(Value::Bool(true)), &[12]),
            (Content::Integer(0), &[1]),
            (Content::Integer(-1), &[5, 0xff]),
            (Content::Integer(127), &[5, 0x7f]),
            (Content::Integer(128), &[9, 0, 0x80]),
            (Content::Integer(-129), &[9, 0xff, 0x7f]),
            (Content::Value(Value::Text("é")), &[10, 0xc3, 0xa9]),
            (Content::Value(Value::Bytes(&[7])), &[7, 7]),
        ] {
            let mut out = Vec::new();
            content.put(&mut out);
            assert_eq!(out, bytes);
            assert_eq!(read(bytes), Ok(content));
        }
    }

    #[test]
    fn a_second_form_is_refused() {
        let double = |number: f64| [&[16][..], &number.to_bits().to_be_bytes()].concat();
        for (bytes, error) in [
            (vec![5, 0], ValueError::Form),
            (vec![9, 0, 0x7f], ValueError::Form),
            (vec![9, 0xff, 0x80], ValueError::Form),
            (vec![20], ValueError::Kind),
            (vec![6, 0xff], ValueError::Text),
            (double(-0.0), ValueError::Form),
            (double(f64::NAN), ValueError::NotFinite),
            (double(f64::INFINITY), ValueError::NotFinite),
            ([&[37][..], &[1; 9]].concat(), ValueError::TooLong { limit: 8, found: 9 }),
        ] {
            assert_eq!(read(&bytes), Err(EditError::Value(error)), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_again(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            if let Ok(content) = read(&bytes) {
                let mut out = Vec::new();
                content.put(&mut out);
                prop_assert_eq!(&out, &bytes);
                let mut rest = Bytes::new(&bytes);
                prop_assert!(Content::skip(&mut rest).is_some() && rest.left() == 0);
            }
        }

        #[test]
        fn numbers_come_back(number: i64, float: f64) {
            let mut out = Vec::new();
            Content::from(Value::Integer(number)).put(&mut out);
            prop_assert_eq!(read(&out).unwrap().value(), Some(Value::Integer(number)));
            if let Some(float) = Finite::new(float) {
                out.clear();
                Content::from(Value::Float(float)).put(&mut out);
                prop_assert_eq!(read(&out), Ok(Content::Value(Value::Float(float))));
            }
        }
    }
}
