//! Sorted runs of entries: what a document is held in.
//!
//! An entry is eight bytes: which op wrote it, and where its edit stands in that op's payload, whose bytes are held once. A level is a
//! run of entries in the order of keys, of ops within a key. A younger level says of an entry of an older one that it is dead; where the two
//! levels meet in a merge, both go. So nothing is rewritten when a key is written again, and nothing stays of what was removed.

use core::cmp::Ordering;
use std::sync::Arc;

use super::edit::{Edit, Key, LeafKind};
use crate::id::{OpId, OpIndex};

/// An entry, or the word of a younger level that this entry is dead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// Place of its op in [`Origins`].
    pub(super) origin: u32,
    /// Place of its edit in the bytes of the op, and [`DEAD`].
    at: u32,
}

/// The highest bit of a place. No bytes are so long: [`super::snapshot::ARENA_MAX`].
const DEAD: u32 = 1 << 31;

impl Entry {
    pub(super) const fn new(origin: u32, at: u32) -> Self {
        Self { origin, at }
    }

    pub(super) const fn is_dead(self) -> bool {
        self.at & DEAD != 0
    }

    pub(super) const fn dead(self) -> Self {
        Self { origin: self.origin, at: self.at | DEAD }
    }

    const fn place(self) -> (u32, u32) {
        (self.origin, self.at & !DEAD)
    }
}

/// An op that has entries.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) id: OpId,
    /// Place of delivery; `None` for an op of a snapshot, which precedes every op that is applied later.
    pub(super) index: Option<OpIndex>,
    pub(super) bytes: Arc<[u8]>,
    /// Entries in the levels, dead and alive; with the last one the bytes go.
    pub(super) held: u32,
}

/// All ops that entries point to, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins(pub(super) Vec<Origin>);

impl Origins {
    pub(super) fn get(&self, entry: Entry) -> Option<&Origin> {
        self.0.get(index(entry.origin))
    }

    /// The edit of an entry. There is one: only edits that were read become entries.
    #[inline]
    pub(super) fn edit(&self, entry: Entry) -> Option<Edit<'_>> {
        Edit::at(&self.get(entry)?.bytes, index(entry.place().1))
    }

    #[inline]
    pub(super) fn key(&self, entry: Entry) -> Key<'_> {
        const NONE: Key<'static> = Key { path: &[], kind: LeafKind::Register, element: &[] };
        self.edit(entry).map_or(NONE, |edit| edit.key())
    }

    pub(super) fn hold(&mut self, entry: Entry) {
        if let Some(origin) = self.0.get_mut(index(entry.origin)) {
            origin.held += 1;
        }
    }

    fn release(&mut self, entry: Entry) {
        if let Some(origin) = self.0.get_mut(index(entry.origin)) {
            origin.held = origin.held.saturating_sub(1);
            if origin.held == 0 {
                origin.bytes = Arc::default();
            }
        }
    }

    /// Joins two levels that lie one upon the other. Cost: linear; where one ends before the other begins, that of copying.
    pub(super) fn merge(&mut self, older: Vec<Entry>, younger: Vec<Entry>) -> Vec<Entry> {
        let mut out = older;
        let apart = match (out.last(), younger.first()) {
            (Some(last), Some(first)) => self.key(*last) < self.key(*first),
            _ => true,
        };
        if apart {
            out.extend_from_slice(&younger);
            return out;
        }
        let older = core::mem::take(&mut out);
        out.reserve_exact(older.len() + younger.len());
        for entry in self.merge_into(&older, &younger, &mut out) {
            self.release(entry);
            self.release(entry);
        }
        out
    }

    /// Gives the entries that met their end.
    fn merge_into(&self, older: &[Entry], younger: &[Entry], out: &mut Vec<Entry>) -> Vec<Entry> {
        let mut ended = Vec::new();
        let (mut left, mut right) = (older.iter(), younger.iter());
        let keyed = |entry: Option<&Entry>| entry.map(|entry| (self.key(*entry), *entry));
        let (mut a, mut b) = (keyed(left.next()), keyed(right.next()));
        while let (Some((a_key, a_entry)), Some((b_key, b_entry))) = (a, b) {
            match a_key.cmp(&b_key).then_with(|| a_entry.origin.cmp(&b_entry.origin)) {
                Ordering::Less => {
                    out.push(a_entry);
                    a = keyed(left.next());
                }
                Ordering::Greater => {
                    out.push(b_entry);
                    b = keyed(right.next());
                }
                Ordering::Equal => {
                    ended.push(a_entry);
                    a = keyed(left.next());
                    b = keyed(right.next());
                }
            }
        }
        out.extend(a.map(|(_, entry)| entry));
        out.extend_from_slice(left.as_slice());
        out.extend(b.map(|(_, entry)| entry));
        out.extend_from_slice(right.as_slice());
        ended
    }

    /// Place of the first entry of `level`, from `from` on, that is not below `key`. Cost: logarithmic in how far that is.
    pub(super) fn seek(&self, level: &[Entry], from: usize, key: &Key<'_>) -> usize {
        let rest = level.get(from..).unwrap_or_default();
        let below = |entry: &Entry| self.key(*entry) < *key;
        let mut reach = 1;
        while rest.get(reach - 1).is_some_and(below) {
            reach *= 2;
        }
        // What lies before half the reach is below the key.
        let half = reach / 2;
        let within = rest.get(half..reach.min(rest.len())).unwrap_or_default();
        from + half + within.partition_point(below)
    }
}

/// Takes out the entries that a younger level calls dead, with its word. `entries` are those of one key, of all levels.
pub(super) fn cancel(entries: &mut Vec<Entry>) {
    if !entries.iter().any(|entry| entry.is_dead()) {
        return;
    }
    entries.sort_unstable_by_key(|entry| (entry.place(), entry.is_dead()));
    let mut alive: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries.iter() {
        if entry.is_dead() {
            alive.pop();
        } else {
            alive.push(*entry);
        }
    }
    *entries = alive;
}

/// A place in memory. Lossless: no platform that this runs on has addresses of 16 bits.
#[inline]
pub(in crate::document) fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}
