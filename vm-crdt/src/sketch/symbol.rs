//! Symbols: sums over ids, and runs of them as bytes of the wire.

use super::key::{Marks, ShortId};
use crate::bytes::{Bytes, put_varint, wide};
use crate::error::SketchError;

/// Most symbols that a sketch can have: 2^20. They take 16 MiB to keep and 13 MiB to send, and decode 770,000 differences, whose
/// ops are at least 200 MB; two sets that differ in more have better ways to say so.
pub const SYMBOLS_MAX: usize = 1 << 20;

/// Bytes of a symbol: 8 of its key sum, 4 of its check sum, 1 of its count.
pub const SYMBOL_LEN: usize = 13;

const FORMAT: &[u8; 12] = b"vm-sketch-v0";

/// Sums over some ids of a set: of their short ids modulo 2^64, of their checks modulo 2^32, of ones modulo 2^8.
///
/// Sums, not exclusive ors: two ids that share a short id must not cancel. A count modulo 256 is enough, since it only has to
/// tell one from many, and a sum that passes for one of many still has to pass its check; it takes a byte for sets of any size.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Symbol {
    pub(super) key: u64,
    pub(super) check: u32,
    pub(super) count: u8,
}

impl Symbol {
    /// The symbol of one id.
    pub(super) const fn of(short: ShortId, marks: &Marks) -> Self {
        Self { key: short.as_u64(), check: marks.check, count: 1 }
    }

    pub(super) const fn add(&mut self, other: &Self) {
        self.key = self.key.wrapping_add(other.key);
        self.check = self.check.wrapping_add(other.check);
        self.count = self.count.wrapping_add(other.count);
    }

    /// The same sums taken off rather than added.
    pub(super) const fn negated(&self) -> Self {
        Self { key: self.key.wrapping_neg(), check: self.check.wrapping_neg(), count: self.count.wrapping_neg() }
    }

    pub(super) fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    fn decode(bytes: &mut Bytes<'_>) -> Result<Self, SketchError> {
        Ok(Self { key: bytes.u64()?, check: bytes.u32()?, count: bytes.byte()? })
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.to_be_bytes());
        out.extend_from_slice(&self.check.to_be_bytes());
        out.push(self.count);
    }
}

/// Consecutive symbols of one set, as they travel (`docs/spec/crdt-sketch.md`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    pub(super) size: u64,
    pub(super) first: usize,
    pub(super) symbols: Vec<Symbol>,
}

impl Run {
    /// Reads a run whole. It has one encoding.
    ///
    /// # Errors
    /// [`SketchError::Format`], [`SketchError::Bytes`], [`SketchError::Empty`], [`SketchError::Ragged`], [`SketchError::TooMany`].
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        let mut rest = Bytes::new(bytes);
        if rest.array().map(|format| &format != FORMAT).unwrap_or(true) {
            return Err(SketchError::Format);
        }
        let size = rest.varint()?;
        let first = rest.varint()?;
        let count = rest.left() / SYMBOL_LEN;
        let ragged = rest.left() % SYMBOL_LEN;
        if ragged != 0 {
            return Err(SketchError::Ragged { left: ragged });
        }
        if count == 0 {
            return Err(SketchError::Empty);
        }
        let end = first.saturating_add(wide(count));
        let too_many = SketchError::TooMany { limit: SYMBOLS_MAX, found: end };
        if end > wide(SYMBOLS_MAX) {
            return Err(too_many);
        }
        let symbols = (0..count).map(|_| Symbol::decode(&mut rest)).collect::<Result<_, _>>()?;
        Ok(Self { size, first: usize::try_from(first).map_err(|_| too_many)?, symbols })
    }

    /// The bytes that [`decode`](Self::decode) reads.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self.size, self.first, &self.symbols)
    }

    /// Number of the first symbol.
    #[must_use]
    pub const fn first(&self) -> usize {
        self.first
    }

    /// How many symbols there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.symbols.len()
    }

    /// Size of the set, as its holder claims.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }
}

/// A run as bytes.
pub(super) fn encode(size: u64, first: usize, symbols: &[Symbol]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FORMAT.len() + 20 + symbols.len() * SYMBOL_LEN);
    out.extend_from_slice(FORMAT);
    put_varint(&mut out, size);
    put_varint(&mut out, wide(first));
    for symbol in symbols {
        symbol.put(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::BytesError;

    fn run() -> Run {
        let symbol = Symbol { key: 0x0102_0304_0506_0708, check: 0x090a_0b0c, count: 13 };
        Run { size: 300, first: 5, symbols: vec![symbol, Symbol::default()] }
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = run().to_bytes();
        assert_eq!(Run::decode(&bytes), Ok(run()));
        for end in 0..bytes.len() {
            // Cut between symbols it is a shorter run.
            if end == bytes.len() - SYMBOL_LEN {
                assert_eq!(Run::decode(&bytes[..end]).map(|run| run.count()), Ok(1));
            } else {
                assert!(Run::decode(&bytes[..end]).is_err(), "{end}");
            }
        }
    }

    #[test]
    fn faults_have_names() {
        let whole = run().to_bytes();
        let header = |tail: &[u8]| [&FORMAT[..], tail].concat();
        assert_eq!(Run::decode(b"vm-sketch-v1\x00\x00"), Err(SketchError::Format));
        assert_eq!(Run::decode(b"vm-sketch"), Err(SketchError::Format));
        assert_eq!(Run::decode(&header(&[1, 0])), Err(SketchError::Empty));
        assert_eq!(Run::decode(&whole[..whole.len() - 1]), Err(SketchError::Ragged { left: 12 }));
        let second_form = header(&[&[0x81, 0x00, 0][..], &[0; SYMBOL_LEN]].concat());
        assert_eq!(Run::decode(&second_form), Err(SketchError::Bytes(BytesError::Varint { at: 12 })));
        let last = header(&[&[1, 0xff, 0xff, 0x3f][..], &[0; SYMBOL_LEN]].concat());
        assert_eq!(Run::decode(&last).map(|run| run.first()), Ok(SYMBOLS_MAX - 1));
        let beyond = header(&[&[1, 0x80, 0x80, 0x40][..], &[0; SYMBOL_LEN]].concat());
        let limit = SYMBOLS_MAX;
        assert_eq!(Run::decode(&beyond), Err(SketchError::TooMany { limit, found: wide(SYMBOLS_MAX) + 1 }));
    }

    proptest! {
        #[test]
        fn what_is_read_writes_back(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let bytes = [&FORMAT[..], &bytes].concat();
            if let Ok(run) = Run::decode(&bytes) {
                prop_assert_eq!(run.to_bytes(), bytes);
            }
        }

        #[test]
        fn what_is_written_reads_back(
            size: u64, first in 0..SYMBOLS_MAX - 8, sums in proptest::collection::vec(any::<(u64, u32, u8)>(), 1..8),
        ) {
            let symbols = sums.into_iter().map(|(key, check, count)| Symbol { key, check, count }).collect();
            let run = Run { size, first, symbols };
            prop_assert_eq!(Run::decode(&run.to_bytes()), Ok(run));
        }
    }
}
