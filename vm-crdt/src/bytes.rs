//! Reading bytes from outside: every step says what is missing, none panics, none allocates by a length that was only claimed.

use crate::error::BytesError;

/// Longest variable-length integer: 64 bits, seven a byte.
const VARINT_MAX: usize = 10;

/// What is left to be read of a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a> {
    rest: &'a [u8],
    whole: usize,
}

impl<'a> Bytes<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, whole: bytes.len() }
    }

    /// Place of the next byte, counted from the start.
    pub(crate) const fn at(&self) -> usize {
        self.whole - self.rest.len()
    }

    /// Bytes that are left.
    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// What is left.
    pub(crate) const fn as_slice(&self) -> &'a [u8] {
        self.rest
    }

    /// The same with less left: the end of it.
    pub(crate) const fn behind(self, rest: &'a [u8]) -> Self {
        Self { rest, ..self }
    }

    /// The next `length` bytes.
    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], BytesError> {
        match self.rest.split_at_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(BytesError::Short { at: self.at(), wanted: length, left: self.rest.len() }),
        }
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], BytesError> {
        let at = self.at();
        let left = self.left();
        self.take(N)?.try_into().map_err(|_| BytesError::Short { at, wanted: N, left })
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> Result<u8, BytesError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Four bytes, the highest first.
    pub(crate) fn u32(&mut self) -> Result<u32, BytesError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes, the highest first.
    pub(crate) fn u64(&mut self) -> Result<u64, BytesError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A LEB128 integer in its shortest form: an integer has one encoding.
    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, BytesError> {
        match short_varint(self.rest) {
            Some((value, rest)) => {
                self.rest = rest;
                Ok(u64::from(value))
            }
            None => self.long_varint(),
        }
    }

    #[cold]
    fn long_varint(&mut self) -> Result<u64, BytesError> {
        let at = self.at();
        let mut value = 0_u64;
        for place in 0..VARINT_MAX {
            let byte = self.byte()?;
            let low = u64::from(byte & 0x7f);
            let shift = 7 * u32::try_from(place).unwrap_or(u32::MAX);
            let shifted = low.checked_shl(shift).filter(|shifted| shifted >> shift == low);
            value |= shifted.ok_or(BytesError::Varint { at })?;
            if byte & 0x80 == 0 {
                return if byte == 0 && place > 0 { Err(BytesError::Varint { at }) } else { Ok(value) };
            }
        }
        Err(BytesError::Varint { at })
    }

    /// A length, which must not be above what is left: nothing is made ready for bytes that are not there.
    pub(crate) fn length(&mut self) -> Result<usize, BytesError> {
        let at = self.at();
        let wanted = self.varint()?;
        match usize::try_from(wanted) {
            Ok(length) if length <= self.rest.len() => Ok(length),
            _ => Err(BytesError::Length { at, wanted, left: self.rest.len() }),
        }
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<(), BytesError> {
        if self.rest.is_empty() { Ok(()) } else { Err(BytesError::Trailing { at: self.at(), left: self.rest.len() }) }
    }
}

/// An integer of one byte or two in its shortest form, which nearly all are, and what comes after it.
#[inline]
pub(crate) fn short_varint(bytes: &[u8]) -> Option<(u16, &[u8])> {
    match bytes {
        [byte @ 0..=0x7f, rest @ ..] => Some((u16::from(*byte), rest)),
        [low, high @ 1..=0x7f, rest @ ..] => Some((u16::from(*low & 0x7f) | u16::from(*high) << 7, rest)),
        _ => None,
    }
}

/// Appends a LEB128 integer in its shortest form.
pub(crate) fn put_varint(out: &mut Vec<u8>, value: u64) {
    let mut rest = value;
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// A length as an integer of the wire. Lossless: no platform of Rust has lengths above 64 bits.
pub(crate) fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_integer_has_one_encoding() {
        for (bytes, what) in [
            (&[0x80, 0x00][..], "a zero more"),
            (&[0xff; 10], "above 64 bits"),
            (&[0x80; 11], "without an end"),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02], "bit 64"),
        ] {
            assert!(matches!(Bytes::new(bytes).varint(), Err(BytesError::Varint { at: 0 })), "{what}");
        }
        assert!(matches!(Bytes::new(&[0x80]).varint(), Err(BytesError::Short { .. })));
    }

    #[test]
    fn a_claimed_length_is_held_to_what_is_there() {
        let mut bytes = Bytes::new(&[0x05, 1, 2, 3, 4]);
        assert_eq!(bytes.length(), Err(BytesError::Length { at: 0, wanted: 5, left: 4 }));
    }

    proptest! {
        #[test]
        fn integers_come_back(value: u64) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut bytes = Bytes::new(&out);
            prop_assert_eq!(bytes.varint(), Ok(value));
            prop_assert_eq!(bytes.end(), Ok(()));
        }
    }
}
