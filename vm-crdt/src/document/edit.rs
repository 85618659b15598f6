//! Edits as they stand in a payload, one behind the other.
//!
//! ```text
//! edit = varint(length of the path * 4 + leaf) | path | content
//! leaf = 0 a register, 1 a counter, 2 an element of a set, 3 an element that is removed
//! ```
//!
//! A register's content is a value or nothing, a counter's an integer or nothing, an element's the element. The key of an edit is path, kind of
//! leaf, element; keys ascend, so that edits that are said twice cannot be said at all. Beside path and value an edit of 31 bytes
//! each costs two bytes.

use super::path;
use super::value::{self, Content, FOLDED_MAX, INTEGER_MAX};
use crate::bytes::{Bytes, put_varint, short_varint, wide};
use crate::error::{EditError, PayloadError, ValueError};

/// Most edits of an op: 2^16, half of what a payload of 16-byte edits would hold. Whoever has more makes more ops; a payload of shortest edits
/// would else cost five times as much time as one of honest ones.
pub const EDITS_MAX: usize = 1 << 16;

/// What a leaf is. Leaves of several kinds can have one path; they do not touch each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LeafKind {
    /// One value, or several that were written at the same time.
    Register,
    /// A sum.
    Counter,
    /// An element of the set at the path.
    Element,
}

const REGISTER: u64 = 0;
const COUNTER: u64 = 1;
const ELEMENT: u64 = 2;
const ELEMENT_REMOVED: u64 = 3;

/// What an edit is about: the order of keys is that of paths, then of kinds, then of elements as bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) kind: LeafKind,
    /// The element's value in its one form; empty for what is no element.
    pub(crate) element: &'a [u8],
}

/// An edit within bytes that were read strictly before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edit<'a> {
    pub(crate) path: &'a [u8],
    leaf: u64,
    /// From the content on, to whatever comes after.
    rest: Bytes<'a>,
}

impl<'a> Edit<'a> {
    /// The edit that begins at `at`. `None` means that none was ever read there.
    #[inline]
    pub(crate) fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        let mut rest = Bytes::new(bytes.get(at..)?);
        let head = rest.varint().ok()?;
        let path = rest.take(usize::try_from(head >> 2).ok()?).ok()?;
        Some(Self { path, leaf: head & 3, rest })
    }

    /// Place of what comes after it, counted from where the edit's bytes were counted from.
    #[inline]
    pub(crate) fn end(&self, whole: usize) -> Option<usize> {
        let mut rest = self.rest;
        Content::skip(&mut rest)?;
        Some(whole - rest.left())
    }

    #[inline]
    pub(crate) fn key(&self) -> Key<'a> {
        let kind = match self.leaf {
            REGISTER => LeafKind::Register,
            COUNTER => LeafKind::Counter,
            _ => return self.element_key(),
        };
        Key { path: self.path, kind, element: &[] }
    }

    fn element_key(&self) -> Key<'a> {
        Key { path: self.path, kind: LeafKind::Element, element: self.raw_content() }
    }

    /// The bytes of the content.
    pub(crate) fn raw_content(&self) -> &'a [u8] {
        let (mut from, mut behind) = (self.rest, self.rest);
        let length = Content::skip(&mut behind).map_or(0, |()| from.left() - behind.left());
        from.take(length).unwrap_or_default()
    }

    /// What stands behind the key; of an element that is removed, the element.
    pub(crate) fn content(&self) -> Content<'a> {
        Content::read(&mut { self.rest }, FOLDED_MAX).unwrap_or(Content::Removal)
    }

    /// Whether it only takes away.
    pub(crate) fn is_removal(&self) -> bool {
        self.leaf == ELEMENT_REMOVED || (self.leaf != ELEMENT && { self.rest }.byte() == Ok(0))
    }

    /// Whether it leaves all that was there before: an increment.
    pub(crate) fn is_increment(&self) -> bool {
        self.leaf == COUNTER && !self.is_removal()
    }
}

/// Appends an edit whose content is in its one form. `removed` says of an element that it is removed; of other leaves the content
/// says it.
pub(crate) fn put_raw(path: &[u8], kind: LeafKind, removed: bool, content: &[u8], out: &mut Vec<u8>) {
    put_varint(out, wide(path.len()) << 2 | leaf(kind, removed));
    out.extend_from_slice(path);
    out.extend_from_slice(content);
}

pub(crate) const fn leaf(kind: LeafKind, removed: bool) -> u64 {
    match (kind, removed) {
        (LeafKind::Register, _) => REGISTER,
        (LeafKind::Counter, _) => COUNTER,
        (LeafKind::Element, false) => ELEMENT,
        (LeafKind::Element, true) => ELEMENT_REMOVED,
    }
}

/// The kind that a number says, where it says that something is there.
pub(crate) const fn kind(leaf: u64) -> Option<LeafKind> {
    match leaf {
        REGISTER => Some(LeafKind::Register),
        COUNTER => Some(LeafKind::Counter),
        ELEMENT => Some(LeafKind::Element),
        _ => None,
    }
}

/// Reads the content of a leaf: whether the leaf can hold it is looked at.
pub(crate) fn read_content<'a>(
    kind: LeafKind,
    integer_max: usize,
    bytes: &mut Bytes<'a>,
) -> Result<Content<'a>, EditError> {
    let content = Content::read(bytes, integer_max)?;
    match (kind, content) {
        (LeafKind::Counter, Content::Value(_)) | (LeafKind::Element, Content::Removal) => Err(ValueError::Kind.into()),
        _ => Ok(content),
    }
}

/// Reads all edits of a payload, behind its kind. Cost: linear; nothing is kept.
pub(crate) fn check(bytes: &mut Bytes<'_>) -> Result<(), PayloadError> {
    let mut last: Option<Key<'_>> = None;
    let mut edit = 0;
    let mut rest = *bytes;
    while rest.left() > 0 {
        if edit == EDITS_MAX {
            return Err(PayloadError::TooManyEdits { limit: EDITS_MAX });
        }
        let key = match plain(rest.as_slice()) {
            Some((path, behind)) => {
                rest = rest.behind(behind);
                Key { path, kind: LeafKind::Register, element: &[] }
            }
            None => read(&mut rest).map_err(|source| PayloadError::Edit { edit, source })?,
        };
        if last.is_some_and(|last| last >= key) {
            return Err(PayloadError::Edit { edit, source: EditError::Order });
        }
        last = Some(key);
        edit += 1;
    }
    *bytes = rest;
    if edit == 0 { Err(PayloadError::Nothing) } else { Ok(()) }
}

/// The edit that most are, and what comes after it: a register, and a text in ASCII, both short. The same as [`read`] says, in less time, as
/// nothing goes through memory.
#[inline]
fn plain(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = short_varint(bytes)?;
    let (path, rest) = rest.split_at_checked(usize::from(head >> 2))?;
    let (content, rest) = short_varint(rest)?;
    let (text, rest) = rest.split_at_checked(usize::from(content >> 2))?;
    let is_plain = u64::from(head & 3) == REGISTER && value::is_text(content);
    (is_plain && text.is_ascii() && path::check(path).is_ok()).then_some((path, rest))
}

/// Reads one edit strictly, and gives its key.
fn read<'a>(bytes: &mut Bytes<'a>) -> Result<Key<'a>, EditError> {
    let head = bytes.varint()?;
    let path = bytes.take(usize::try_from(head >> 2).unwrap_or(usize::MAX))?;
    path::check(path)?;
    let kind = kind(head & 3).unwrap_or(LeafKind::Element);
    let before = *bytes;
    read_content(kind, INTEGER_MAX, bytes)?;
    let element = match kind {
        LeafKind::Element => { before }.take(before.left() - bytes.left())?,
        _ => &[],
    };
    Ok(Key { path, kind, element })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Printable ASCII, or with a few other bytes.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let other = prop::collection::vec(prop_oneof![20 => 0x20..0x80_u8, 1 => Just(1), 1 => any::<u8>()], 0..40);
        prop_oneof![prop::collection::vec(0x20..0x80_u8, 0..150), other]
    }

    proptest! {
        /// What is said of plain edits in one go is what [`read`] says.
        #[test]
        fn plain_edits_are_read_alike(
            path in bytes(), text in bytes(),
            leaf in 0..4_u64, content in prop_oneof![0..4_u64, Just(2)], cut in 0..3_usize,
        ) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, wide(path.len()) << 2 | leaf);
            bytes.extend_from_slice(&path);
            put_varint(&mut bytes, wide(text.len()) << 2 | content);
            bytes.extend_from_slice(&text);
            bytes.truncate(bytes.len().saturating_sub(cut));
            if let Some((path, behind)) = plain(&bytes) {
                let mut rest = Bytes::new(&bytes);
                let key = read(&mut rest);
                prop_assert_eq!(key, Ok(Key { path, kind: LeafKind::Register, element: &[] }));
                prop_assert_eq!(rest.as_slice(), behind);
            }
        }
    }
}
