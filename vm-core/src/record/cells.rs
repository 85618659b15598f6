//! The cells of one row in few pieces of memory: rows are read by the million, and a piece a cell cost more than to read it.

use core::ops::Range;

use crate::record::CellRef;

/// Cells in column order.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Cells {
    slots: Vec<Slot>,
    /// Every text, one after the other.
    texts: String,
    /// Every blob, one after the other.
    blobs: Vec<u8>,
}

/// A cell, or where its bytes stand.
#[derive(Clone, PartialEq, Debug)]
enum Slot {
    Null,
    Integer(i64),
    Real(f64),
    Text(Range<usize>),
    Blob(Range<usize>),
}

impl Cells {
    pub(super) fn new(cells: &[CellRef<'_>]) -> Self {
        let (mut texts_len, mut blobs_len) = (0, 0);
        for cell in cells {
            match cell {
                CellRef::Text(text) => texts_len += text.len(),
                CellRef::Blob(bytes) => blobs_len += bytes.len(),
                CellRef::Null | CellRef::Integer(_) | CellRef::Real(_) => {}
            }
        }
        let (mut texts, mut blobs) = (String::with_capacity(texts_len), Vec::with_capacity(blobs_len));
        let slot = |cell: &CellRef<'_>| match *cell {
            CellRef::Null => Slot::Null,
            CellRef::Integer(integer) => Slot::Integer(integer),
            CellRef::Real(real) => Slot::Real(real),
            CellRef::Text(text) => {
                let begin = texts.len();
                texts.push_str(text);
                Slot::Text(begin..texts.len())
            }
            CellRef::Blob(bytes) => {
                let begin = blobs.len();
                blobs.extend_from_slice(bytes);
                Slot::Blob(begin..blobs.len())
            }
        };
        let slots = cells.iter().map(slot).collect();
        Self { slots, texts, blobs }
    }

    /// The cell at a place; none beyond the last.
    pub(super) fn get(&self, at: usize) -> Option<CellRef<'_>> {
        self.slots.get(at).map(|slot| self.read(slot))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = CellRef<'_>> {
        self.slots.iter().map(|slot| self.read(slot))
    }

    /// Bytes of texts and blobs together.
    pub(super) const fn byte_len(&self) -> usize {
        self.texts.len() + self.blobs.len()
    }

    fn read(&self, slot: &Slot) -> CellRef<'_> {
        // The ranges are those that were pushed, so the fallbacks are never taken.
        match slot {
            Slot::Null => CellRef::Null,
            Slot::Integer(integer) => CellRef::Integer(*integer),
            Slot::Real(real) => CellRef::Real(*real),
            Slot::Text(range) => CellRef::Text(self.texts.get(range.clone()).unwrap_or_default()),
            Slot::Blob(range) => CellRef::Blob(self.blobs.get(range.clone()).unwrap_or_default()),
        }
    }
}
