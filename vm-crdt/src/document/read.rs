//! Reading a document.

use core::cmp::Reverse;

use super::edit::{Edit, Key, LeafKind};
use super::level::{Entry, cancel};
use super::path::{self, Path};
use super::value::{Content, Value};
use super::{Document, value};
use crate::id::OpId;

/// A value in a register, and the op that wrote it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Write<'a> {
    /// Name of the op.
    pub op: OpId,
    /// What it wrote.
    pub value: Value<'a>,
}

/// A leaf, with what is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaf<'a> {
    /// Where it is.
    pub path: Path,
    /// What is there.
    pub state: LeafState<'a>,
}

/// What is at a leaf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LeafState<'a> {
    /// What was written at the same time, the greatest op first; never empty.
    Register(Vec<Write<'a>>),
    /// The sum.
    Counter(i128),
    /// An element of the set at the path.
    Element(Value<'a>),
}

impl Document {
    /// The register at `path`: of values written at the same time the one whose op has the greatest id. Cost: one binary search a run.
    #[must_use]
    pub fn get(&self, path: &Path) -> Option<Value<'_>> {
        self.writes(path).first().map(|write| write.value)
    }

    /// All that was written to the register at `path` and nothing took away, the greatest op first.
    #[must_use]
    pub fn writes(&self, path: &Path) -> Vec<Write<'_>> {
        self.written(&self.alive(&Key { path: path.as_bytes(), kind: LeafKind::Register, element: &[] }))
    }

    /// The counter at `path`, if there is one. Cost: linear in its increments.
    #[must_use]
    pub fn counter(&self, path: &Path) -> Option<i128> {
        let entries = self.alive(&Key { path: path.as_bytes(), kind: LeafKind::Counter, element: &[] });
        if entries.is_empty() { None } else { Some(self.sum(&entries)) }
    }

    /// Whether the set at `path` has this element.
    #[must_use]
    pub fn contains<'a>(&self, path: &Path, element: impl Into<Value<'a>>) -> bool {
        let element = value::one_form(element.into().into());
        !self.alive(&Key { path: path.as_bytes(), kind: LeafKind::Element, element: &element }).is_empty()
    }

    /// The elements of the set at `path`, in the order of their bytes.
    pub fn elements<'a>(&'a self, path: &Path) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let (leaves, path) = (self.leaves(path), path.clone());
        leaves.take_while(move |leaf| leaf.path == path).filter_map(|leaf| match leaf.state {
            LeafState::Element(value) => Some(value),
            _ => None,
        })
    }

    /// All leaves at `path` and below it, in the order of paths. Cost: a binary search a run, then linear in what is there.
    pub fn leaves<'a>(&'a self, path: &Path) -> impl Iterator<Item = Leaf<'a>> + use<'a> {
        let mut groups = self.groups(path);
        core::iter::from_fn(move || {
            let key = groups.next()?;
            let state = match key.kind {
                LeafKind::Register => LeafState::Register(self.written(&groups.alive)),
                LeafKind::Counter => LeafState::Counter(self.sum(&groups.alive)),
                LeafKind::Element => LeafState::Element(self.first_content(&groups.alive)?.value()?),
            };
            Some(Leaf { path: Path::from_checked(key.path), state })
        })
    }

    /// Whether nothing is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups(&Path::root()).next().is_none()
    }

    /// Bytes of payloads that are held: those of ops of which an entry is there, or waits for the merge that takes it away.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let mut payloads: Vec<_> =
            self.origins.0.iter().map(|origin| (origin.bytes.as_ptr(), origin.bytes.len())).collect();
        // All ops of a snapshot share one.
        payloads.dedup();
        payloads.into_iter().map(|(_, length)| length).sum()
    }

    /// An edit of each leaf at `path` and below it.
    pub(super) fn edits_below(&self, path: &Path) -> impl Iterator<Item = Edit<'_>> {
        let mut groups = self.groups(path);
        core::iter::from_fn(move || {
            groups.next()?;
            self.origins.edit(*groups.alive.first()?)
        })
    }

    /// Keys at `path` and below it, with their entries.
    pub(super) fn groups(&self, path: &Path) -> Groups<'_> {
        let start = Key { path: path.as_bytes(), kind: LeafKind::Register, element: &[] };
        let runs = self.levels.iter().map(|level| level.get(self.lowest(level, &start)..).unwrap_or_default());
        Groups { document: self, runs: runs.collect(), above: path.as_bytes().to_vec(), alive: Vec::new() }
    }

    fn lowest(&self, level: &[Entry], key: &Key<'_>) -> usize {
        level.partition_point(|entry| self.origins.key(*entry) < *key)
    }

    /// Entries of one key that nothing took away.
    fn alive(&self, key: &Key<'_>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for level in &self.levels {
            let rest = level.get(self.lowest(level, key)..).unwrap_or_default();
            entries.extend(rest.iter().take_while(|entry| self.origins.key(**entry) == *key));
        }
        cancel(&mut entries);
        entries
    }

    fn written(&self, entries: &[Entry]) -> Vec<Write<'_>> {
        let write = |entry: &Entry| {
            let value = self.origins.edit(*entry)?.content().value()?;
            Some(Write { op: self.origins.get(*entry)?.id, value })
        };
        let mut writes: Vec<Write<'_>> = entries.iter().filter_map(write).collect();
        writes.sort_unstable_by_key(|write| Reverse(write.op));
        writes
    }

    /// Exact: fewer than 2^32 entries of at most 96 bits each.
    pub(super) fn sum(&self, entries: &[Entry]) -> i128 {
        let amount = |entry: &Entry| match self.origins.edit(*entry).map(|edit| edit.content()) {
            Some(Content::Integer(amount)) => amount,
            _ => 0,
        };
        entries.iter().map(amount).sum()
    }

    fn first_content(&self, entries: &[Entry]) -> Option<Content<'_>> {
        Some(self.origins.edit(*entries.first()?)?.content())
    }
}

/// Walks all runs at once, key by key.
pub(super) struct Groups<'a> {
    document: &'a Document,
    runs: Vec<&'a [Entry]>,
    above: Vec<u8>,
    /// Entries of the key that was given last, never empty.
    pub(super) alive: Vec<Entry>,
}

impl<'a> Groups<'a> {
    /// The next key of which something is alive.
    pub(super) fn next(&mut self) -> Option<Key<'a>> {
        let origins = &self.document.origins;
        loop {
            let heads = self.runs.iter().filter_map(|run| run.first());
            let key = heads.map(|entry| origins.key(*entry)).min()?;
            if !path::is_at_or_below(key.path, &self.above) {
                return None;
            }
            self.alive.clear();
            for run in &mut self.runs {
                let count = run.iter().take_while(|entry| origins.key(**entry) == key).count();
                let (these, rest) = run.split_at(count);
                self.alive.extend_from_slice(these);
                *run = rest;
            }
            cancel(&mut self.alive);
            if !self.alive.is_empty() {
                return Some(key);
            }
        }
    }
}
