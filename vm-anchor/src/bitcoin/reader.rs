//! Reads Bitcoin's serialised numbers and bytes, never past the end and never more than is there.

/// A cursor over bytes.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_finished(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(array(self.take(4)?)?))
    }

    /// A CompactSize, which must be in its shortest form.
    pub(crate) fn size(&mut self) -> Option<usize> {
        let first = *self.take(1)?.first()?;
        let (length, least) = match first {
            0xfd => (2, 0xfd),
            0xfe => (4, 0x1_0000),
            0xff => (8, 0x1_0000_0000),
            small => return Some(usize::from(small)),
        };
        let number = self.take(length)?.iter().rev().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        if number < least {
            return None;
        }
        usize::try_from(number).ok()
    }

    /// Bytes behind their CompactSize.
    pub(crate) fn sized(&mut self) -> Option<&'a [u8]> {
        let length = self.size()?;
        self.take(length)
    }
}

/// Bytes as an array of exactly their length.
pub(crate) fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_their_shortest_form_alone() {
        for (bytes, size) in [
            (&[0xfc][..], Some(0xfc)),
            (&[0xfd, 0xfd, 0], Some(0xfd)),
            (&[0xfd, 0xfc, 0], None),
            (&[0xfe, 0, 0, 1, 0], Some(0x1_0000)),
            (&[0xfe, 0xff, 0xff, 0, 0], None),
            (&[0xff, 0, 0, 0, 0, 1, 0, 0, 0], Some(0x1_0000_0000)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], None),
            (&[0xfd, 1], None),
            (&[], None),
        ] {
            assert_eq!(Reader::new(bytes).size(), size, "{bytes:?}");
        }
        assert_eq!(Reader::new(&[2, 7]).sized(), None);
    }
}
