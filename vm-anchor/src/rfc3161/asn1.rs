//! A thin cursor over DER elements, for the parts that must be kept as the bytes stand or may not be decoded whole.
//!
//! Lengths must be definite and minimal. The cursor never recurses.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Reader, SliceReader, Tag, TagNumber};

/// One element: its tag, its content, and its whole bytes.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: Tag,
    pub(crate) value: &'a [u8],
    pub(crate) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// A cursor over the elements inside this one.
    pub(crate) fn inner(&self) -> der::Result<Cursor<'a>> {
        Cursor::new(self.value)
    }

    /// This element as a typed value.
    pub(crate) fn decode<T: Decode<'a, Error = der::Error>>(&self) -> der::Result<T> {
        T::from_der(self.whole)
    }
}

/// Reads elements one after the other.
pub(crate) struct Cursor<'a>(SliceReader<'a>);

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> der::Result<Self> {
        SliceReader::new(bytes).map(Self)
    }

    /// The only element in `bytes`, which must have this tag.
    pub(crate) fn only(bytes: &'a [u8], tag: Tag) -> der::Result<Element<'a>> {
        let mut cursor = Self::new(bytes)?;
        let element = cursor.expect(tag)?;
        cursor.finish()?;
        Ok(element)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Refuses bytes that were not read.
    pub(crate) fn finish(self) -> der::Result<()> {
        self.0.finish()
    }

    pub(crate) fn next(&mut self) -> der::Result<Element<'a>> {
        let whole = self.0.tlv_bytes()?;
        let any = AnyRef::from_der(whole)?;
        Ok(Element { tag: der::Tagged::tag(&any), value: any.value(), whole })
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: Tag) -> der::Result<Element<'a>> {
        let element = self.next()?;
        element.tag.assert_eq(tag)?;
        Ok(element)
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: Tag) -> der::Result<Option<Element<'a>>> {
        if !self.is_finished() && Tag::peek(&self.0)? == tag {
            return self.next().map(Some);
        }
        Ok(None)
    }

    pub(crate) fn oid(&mut self) -> der::Result<ObjectIdentifier> {
        self.expect(Tag::ObjectIdentifier)?.decode()
    }
}

/// The tag `[number]`, constructed.
pub(crate) const fn context(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: true, number: TagNumber(number) }
}

/// The magnitude of an INTEGER's content: no leading zeros, so that two ways to write a nonce compare equal.
/// `None` where the INTEGER is negative.
pub(crate) fn magnitude(content: &[u8]) -> Option<&[u8]> {
    match content.first() {
        Some(first) if first & 0x80 != 0 => None,
        _ => Some(strip_zeros(content)),
    }
}

/// `bytes` without its leading zeros.
pub(crate) fn strip_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magnitudes_have_no_leading_zeros() {
        assert_eq!(magnitude(&[0x80]), None);
        assert_eq!(magnitude(&[0, 0x80]), Some(&[0x80][..]));
    }

    #[test]
    fn indefinite_and_overlong_lengths_are_refused() {
        assert!(Cursor::only(&[0x30, 0x80, 0, 0], Tag::Sequence).is_err());
        assert!(Cursor::only(&[0x30, 0x81, 0], Tag::Sequence).is_err());
        assert!(Cursor::only(&[0x30, 0, 0], Tag::Sequence).is_err());
    }
}
