//! BER to DER: indefinite and overlong lengths, and strings in pieces (ITU-T X.690, sections 8.1, 8.7 and 8.23).
//!
//! RFC 5652 lets the parts of a `SignedData` that nobody signs stand in BER, and some authorities write them so. What is
//! signed is DER in any case, or the content of an OCTET STRING, into which nobody looks here.
//!
//! Elements are walked with a stack of our own, so that depth costs no stack of the machine. Cost: two passes, and 64
//! bytes of memory for each element, of which two bytes of input make at most one.

use core::ops::Range;

/// Deepest nesting followed. Of 498 real tokens the deepest has 15 levels; a name constraint can add some ten.
pub(crate) const DEPTH_MAX: usize = 64;
/// Octets of a tag read. Two are the most that any structure here uses.
const TAG_BYTES_MAX: usize = 4;
/// Octets of a length read: as many as hold a `u64`, leading zeros included.
const LENGTH_BYTES_MAX: usize = 8;
const CONSTRUCTED: u8 = 0x20;

/// Where an element ends.
#[derive(Clone, Copy)]
enum End {
    At(usize),
    /// At two zero octets.
    Marked,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Primitive,
    Constructed,
    /// A string in pieces, which becomes one primitive string.
    Pieces,
}

struct Node {
    tag: Range<usize>,
    /// Content of a primitive element.
    content: Range<usize>,
    kind: Kind,
    parent: Option<usize>,
    /// A piece of a string: it leaves its content alone.
    is_piece: bool,
    /// Length of the content as it will be written.
    length: usize,
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    open: Vec<(usize, End)>,
}

/// The one element in `bytes` as DER, as far as lengths and strings go; `None` where that is what stands there already,
/// or where the bytes are not BER within the limits.
pub(crate) fn to_der(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut walk = Walk { bytes, at: 0, nodes: Vec::new(), open: Vec::new() };
    walk.run()?;
    let der = write(bytes, &mut walk.nodes)?;
    (der != bytes).then_some(der)
}

impl Walk<'_> {
    fn run(&mut self) -> Option<()> {
        loop {
            self.close()?;
            if self.open.is_empty() && !self.nodes.is_empty() {
                return (self.at == self.bytes.len()).then_some(());
            }
            self.element()?;
        }
    }

    /// Leaves every element that ends here.
    fn close(&mut self) -> Option<()> {
        while let Some((_, end)) = self.open.last() {
            match *end {
                End::At(end) if end == self.at => {}
                End::At(end) if end < self.at => return None,
                End::Marked if self.bytes.get(self.at..)?.starts_with(&[0, 0]) => self.at += 2,
                _ => return Some(()),
            }
            self.open.pop();
        }
        Some(())
    }

    fn element(&mut self) -> Option<()> {
        let start = self.at;
        let first = self.byte()?;
        if first & 0x1f == 0x1f {
            while self.byte()? & 0x80 != 0 {
                if self.at - start == TAG_BYTES_MAX {
                    return None;
                }
            }
        }
        let tag = start..self.at;
        let length = self.length()?;
        let parent = self.open.last().map(|(index, _)| *index);
        let in_string = parent.and_then(|index| self.nodes.get(index)).filter(|node| node.kind == Kind::Pieces);
        if let Some(string) = in_string {
            let wanted = self.bytes.get(string.tag.start)? & !CONSTRUCTED;
            if first & !CONSTRUCTED != wanted {
                return None;
            }
        }
        let is_piece = in_string.is_some();
        let kind = match first & CONSTRUCTED != 0 {
            false => Kind::Primitive,
            true if is_string(first & !CONSTRUCTED) => Kind::Pieces,
            true => Kind::Constructed,
        };
        let end = match length {
            Some(length) => End::At(self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?),
            None => End::Marked,
        };
        let mut node = Node { tag, content: 0..0, kind, parent, is_piece, length: 0 };
        match (kind, end) {
            (Kind::Primitive, End::Marked) => return None,
            (Kind::Primitive, End::At(end)) => {
                node.content = self.at..end;
                node.length = end - self.at;
                self.at = end;
            }
            (_, end) => {
                if self.open.len() == DEPTH_MAX {
                    return None;
                }
                self.open.push((self.nodes.len(), end));
            }
        }
        self.nodes.push(node);
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// The length; `Some(None)` where it is indefinite.
    fn length(&mut self) -> Option<Option<usize>> {
        let first = self.byte()?;
        match first {
            0..0x80 => Some(Some(usize::from(first))),
            0x80 => Some(None),
            _ => {
                let count = usize::from(first & 0x7f);
                if count > LENGTH_BYTES_MAX {
                    return None;
                }
                let mut length = 0_u64;
                for _ in 0..count {
                    length = length.checked_mul(256)? | u64::from(self.byte()?);
                }
                usize::try_from(length).ok().map(Some)
            }
        }
    }
}

/// Whether a universal tag is that of a string that may stand in pieces. BIT STRINGs in pieces are not read: no
/// structure of a token is known to hold one.
const fn is_string(tag: u8) -> bool {
    matches!(tag, 0x04 | 0x0c | 0x12..=0x16 | 0x19..=0x1c | 0x1e)
}

/// Octets of the shortest length.
fn length_octets(length: usize) -> Vec<u8> {
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => vec![short],
        _ => {
            let bytes = length.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let digits = bytes.get(zeros..).unwrap_or_default();
            let count = u8::try_from(digits.len()).unwrap_or(0);
            [&[0x80 | count], digits].concat()
        }
    }
}

fn write(bytes: &[u8], nodes: &mut [Node]) -> Option<Vec<u8>> {
    // Children stand behind their parents, so backwards every length is known before it is needed.
    for index in (0..nodes.len()).rev() {
        let node = nodes.get(index)?;
        let header = if node.is_piece { 0 } else { node.tag.len() + length_octets(node.length).len() };
        let (whole, parent) = (header + node.length, node.parent);
        if let Some(parent) = parent.and_then(|parent| nodes.get_mut(parent)) {
            parent.length += whole;
        }
    }
    let mut out = Vec::with_capacity(bytes.len());
    for node in nodes {
        if !node.is_piece {
            let start = out.len();
            out.extend_from_slice(bytes.get(node.tag.clone())?);
            if node.kind == Kind::Pieces {
                *out.get_mut(start)? &= !CONSTRUCTED;
            }
            out.extend(length_octets(node.length));
        }
        out.extend_from_slice(bytes.get(node.content.clone())?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_encodings() {
        for (ber, der) in [
            (&[0x30, 0x80, 0, 0][..], &[0x30, 0][..]),
            (&[0x30, 0x81, 0x02, 0x05, 0], &[0x30, 2, 5, 0]),
            (&[0x30, 0x84, 0, 0, 0, 2, 5, 0x80], &[]),
            (&[0x30, 0x84, 0, 0, 0, 2, 5, 0], &[0x30, 2, 5, 0]),
            (&[0x24, 0x80, 4, 1, 7, 4, 2, 8, 9, 0, 0], &[4, 3, 7, 8, 9]),
            (&[0x24, 0x80, 0x24, 3, 4, 1, 7, 4, 1, 8, 0, 0], &[4, 2, 7, 8]),
            (&[0x24, 0x80, 12, 1, 7, 0, 0], &[]),
            (&[0x30, 0x80, 0xa0, 0x80, 4, 0x81, 1, 0, 0, 0, 0, 0], &[0x30, 5, 0xa0, 3, 4, 1, 0]),
            (&[0x30, 0x80, 0], &[]),
            (&[0x30, 0x80, 0, 0, 0], &[]),
            (&[4, 0x80, 0, 0], &[]),
            (&[0x30, 0xff], &[]),
            (&[0x30, 3, 0x30, 2, 5, 0], &[]),
            (&[0x3f, 0x81, 0x82, 0x83, 0x84, 1, 0], &[]),
            (&[], &[]),
        ] {
            assert_eq!(to_der(ber).as_deref().unwrap_or_default(), der, "{ber:x?}");
        }
    }

    #[test]
    fn der_is_left_alone() {
        for der in [&[0x30, 0][..], &[4, 3, 7, 8, 9], &[0x30, 5, 0xa0, 3, 4, 1, 0]] {
            assert_eq!(to_der(der), None);
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth: usize| [[0x30, 0x80].repeat(depth), vec![0; 2 * depth]].concat();
        assert!(to_der(&nested(DEPTH_MAX)).is_some());
        assert_eq!(to_der(&nested(DEPTH_MAX + 1)), None);
        assert_eq!(to_der(&nested(100_000)), None);
    }

    /// The same element written with indefinite lengths all over.
    fn loosened(der: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = der;
        while let [tag, length, tail @ ..] = rest {
            let (content, after) = tail.split_at(usize::from(*length));
            match tag & CONSTRUCTED {
                0 => out.extend([&[*tag, 0x81, *length], content].concat()),
                _ => out.extend([&[*tag, 0x80], &loosened(content)[..], &[0, 0]].concat()),
            }
            rest = after;
        }
        out
    }

    proptest::proptest! {
        #[test]
        fn what_was_loosened_comes_back(leaves in proptest::collection::vec(proptest::collection::vec(0_u8.., 0..5), 1..6)) {
            let mut der = Vec::new();
            for leaf in leaves {
                der.extend([4, u8::try_from(leaf.len()).unwrap()]);
                der.extend(leaf);
                der = [&[0x30, u8::try_from(der.len()).unwrap()], &der[..]].concat();
            }
            proptest::prop_assert_eq!(to_der(&loosened(&der)), Some(der));
        }

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(0_u8.., 0..80)) {
            if let Some(der) = to_der(&bytes) {
                proptest::prop_assert!(der.len() <= bytes.len());
                proptest::prop_assert_eq!(to_der(&der), None);
            }
        }
    }
}
