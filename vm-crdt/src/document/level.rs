//! Sorted runs of entries: what a document is held in.
//!
//! An entry is eight bytes: which op wrote it, and where its edit stands in that op's payload, whose bytes are held once. A level is a
//! run of entries in the order of keys, of ops within a key. A younger level says of an entry of an older one that it is dead; where the two
//! levels meet in a merge, both go. So nothing is rewritten when a key is written again, and nothing stays of what was removed.

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

impl Origin {
    /// Counts entries less; without any, the bytes are let go.
    pub(super) fn release(&mut self, entries: u32) {
        self.held = self.held.saturating_sub(entries);
        if self.held == 0 {
            self.bytes = Arc::default();
        }
    }
}

/// An entry with [`WIDTH`] bytes of its path, where sorted ones differ or all of the path is equal.
pub(super) type Keyed = (u128, Entry);

/// Bytes of paths that are compared at a time: what an integer holds.
const WIDTH: usize = 16;

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

    /// Joins levels that lie one upon the other, the oldest first. Cost: one sort that makes use of their order; where each ends before
    /// the next begins, that of copying.
    pub(super) fn merge(&mut self, levels: &[Vec<Entry>]) -> Vec<Entry> {
        let ends = |a: &Vec<Entry>, b: &Vec<Entry>| match (a.last(), b.first()) {
            (Some(a), Some(b)) => self.key(*a) < self.key(*b),
            _ => true,
        };
        let all = levels.concat();
        if levels.is_sorted_by(ends) {
            return all;
        }
        let mut out = Vec::with_capacity(all.len());
        let mut group = Vec::new();
        let mut gone = Vec::new();
        let sorted = self.in_order(&all);
        let mut rest = &sorted[..];
        while let Some((one, after)) = self.next_key(rest) {
            rest = after;
            if let [(_, entry)] = one {
                out.push(*entry);
                continue;
            }
            group.clear();
            group.extend(one.iter().map(|(_, entry)| *entry));
            gone.append(&mut cancel(&mut group));
            out.extend_from_slice(&group);
        }
        for entry in gone {
            if let Some(origin) = self.0.get_mut(index(entry.origin)) {
                // The entry and the word that it is dead.
                origin.release(2);
            }
        }
        out
    }

    /// Splits off the entries of the first key.
    #[inline]
    pub(super) fn next_key<'a>(&self, entries: &'a [Keyed]) -> Option<(&'a [Keyed], &'a [Keyed])> {
        let ((behind, first), tail) = entries.split_first()?;
        let mut more = 0;
        if tail.first().is_some_and(|(other, _)| other == behind) {
            let key = self.key(*first);
            more = tail.iter().take_while(|(other, entry)| other == behind && self.key(*entry) == key).count();
        }
        entries.split_at_checked(1 + more)
    }

    /// Entries by key; those of one key stay in the order in which they are given. [`WIDTH`] bytes of the path at a time: the
    /// sort compares integers, and makes use of runs that are in order.
    pub(super) fn in_order(&self, entries: &[Entry]) -> Vec<Keyed> {
        let mut keyed: Vec<Keyed> = entries.iter().map(|entry| (0, *entry)).collect();
        let mut open = vec![(0..keyed.len(), 0)];
        while let Some((range, from)) = open.pop() {
            let start = range.start;
            let Some(group) = keyed.get_mut(range) else { continue };
            let from = self.fill(group, from);
            group.sort_by_key(|(behind, _)| *behind);
            let mut at = start;
            for same in group.chunk_by_mut(|(a, _), (b, _)| a == b) {
                let range = at..at + same.len();
                at = range.end;
                match same {
                    [] | [_] => {}
                    // The path ends within these bytes, so that all have one path.
                    [(behind, _), ..] if *behind & 0xff == 0 => {
                        same.sort_by(|(_, a), (_, b)| self.key(*a).cmp(&self.key(*b)));
                    }
                    _ => open.push((range, from + WIDTH)),
                }
            }
        }
        keyed
    }

    /// Notes [`WIDTH`] bytes of each path: those from `from` on, or from where not all paths are alike. Gives the place.
    fn fill(&self, group: &mut [Keyed], from: usize) -> usize {
        let behind = |entry: Entry, from: usize| {
            let rest = self.key(entry).path.get(from..).unwrap_or_default();
            match rest.first_chunk() {
                Some(bytes) => u128::from_be_bytes(*bytes),
                // The end of a path is below every byte of another.
                None => {
                    let mut bytes = [0; WIDTH];
                    bytes.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
                    u128::from_be_bytes(bytes)
                }
            }
        };
        let mut alike = u128::MAX;
        let first = group.first().map_or(0, |(_, entry)| behind(*entry, from));
        for (noted, entry) in group.iter_mut() {
            *noted = behind(*entry, from);
            alike &= !(*noted ^ first);
        }
        if alike != u128::MAX || first & 0xff == 0 {
            return from;
        }
        let from = self.common(group);
        for (noted, entry) in group.iter_mut() {
            *noted = behind(*entry, from);
        }
        from
    }

    /// How many bytes all paths begin with.
    fn common(&self, group: &[Keyed]) -> usize {
        let first = group.first().map_or(&[][..], |(_, entry)| self.key(*entry).path);
        group.iter().fold(first.len(), |common, (_, entry)| {
            let path = self.key(*entry).path;
            match (path.get(..common), first.get(..common)) {
                (Some(a), Some(b)) if a == b => common,
                _ => path.iter().zip(first).take_while(|(a, b)| a == b).count(),
            }
        })
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

/// Takes out entries together with the word that they are dead, and gives them; what is left of one key is in the order of ops.
pub(super) fn cancel(entries: &mut Vec<Entry>) -> Vec<Entry> {
    let mut gone = Vec::new();
    if !entries.iter().any(|entry| entry.is_dead()) {
        return gone;
    }
    entries.sort_unstable_by_key(|entry| (entry.place(), entry.is_dead()));
    let mut left: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries.iter() {
        match left.pop_if(|last| last.dead() == *entry) {
            Some(ended) => gone.push(ended),
            None => left.push(*entry),
        }
    }
    *entries = left;
    gone
}

/// A place in memory. Lossless: no platform that this runs on has addresses of 16 bits.
#[inline]
pub(super) fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}
