//! The canonical bytes of a state, and documents that begin with them.
//!
//! ```text
//! document = "vm-document-v0" | varint(ops) | ops (32 each, ascending) | entries
//! entry    = varint(bytes that the path begins with as the one before it does) | varint(other bytes * 4 + leaf) | other bytes
//!            | content | varint(number of its op)
//! ```

use std::sync::Arc;

use super::Document;
use super::edit::{self, Edit, Key, LeafKind, put_raw, read_content};
use super::level::{Entry, Origin, Origins, index};
use super::path::{self, Path};
use super::value::{self, Content, FOLDED_MAX, INTEGER_MAX};
use crate::bytes::{Bytes, put_varint, wide};
use crate::error::{DocumentError, EditError, ValueError};
use crate::id::{OpId, OpIndex};

/// Format of a document's canonical bytes, and their beginning.
pub const FORMAT: &[u8; 14] = b"vm-document-v0";
/// Most bytes that the paths and values of a snapshot come to once paths are written out: 1 GiB, what places of 31 bits reach in half. Paths
/// that begin alike take little in a snapshot, so that its length alone bounds nothing.
pub const ARENA_MAX: usize = 1 << 30;

impl Document {
    /// The canonical bytes: a function of the set of ops alone. Cost: linear in the state.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let alive = self.all_alive();
        let (order, ranks) = self.ranks(&alive);
        let mut out = FORMAT.to_vec();
        put_varint(&mut out, wide(order.len()));
        for origin in &order {
            out.extend_from_slice(origin.id.as_bytes());
        }
        let mut last: &[u8] = &[];
        for entry in alive {
            let rank = ranks.get(index(entry.origin)).copied().unwrap_or(u32::MAX);
            let Some(edit) = self.origins.edit(entry) else { continue };
            let common = common(last, edit.path);
            let rest = edit.path.get(common..).unwrap_or_default();
            put_varint(&mut out, wide(common));
            put_raw(rest, edit.key().kind, false, edit.raw_content(), &mut out);
            put_varint(&mut out, u64::from(rank));
            last = edit.path;
        }
        out
    }

    /// A document that begins with a snapshot: its ops precede every op that is applied later, unless [`Self::rebase`] says which
    /// of them are held. Cost: linear.
    ///
    /// # Errors
    /// [`DocumentError`] for bytes that [`Self::encode`] does not write. Whether the state is that of any set of ops cannot be seen from it:
    /// a snapshot counts by the hash that somebody signed.
    pub fn decode(bytes: &[u8]) -> Result<Self, DocumentError> {
        let mut rest = Bytes::new(bytes);
        if &rest.array::<14>()? != FORMAT {
            return Err(DocumentError::Format);
        }
        let ops = read_ops(&mut rest)?;
        let mut arena = Arena::default();
        let mut held = vec![0; ops.len()];
        let mut entries = Vec::new();
        while rest.left() > 0 {
            let at = entries.len();
            let entry = arena.read(&mut rest, &mut held).map_err(|source| DocumentError::Entry { at, source })?;
            if arena.bytes.len() > ARENA_MAX {
                return Err(DocumentError::TooLong { limit: ARENA_MAX });
            }
            entries.push(entry);
        }
        if let Some(at) = held.iter().position(|held| *held == 0) {
            return Err(DocumentError::Unused { at });
        }
        let bytes: Arc<[u8]> = arena.bytes.into();
        let origin = |(id, held)| Origin { id, index: None, bytes: Arc::clone(&bytes), held };
        let origins = Origins(ops.into_iter().zip(held).map(origin).collect());
        Ok(Self { origins, levels: if entries.is_empty() { Vec::new() } else { vec![entries] } })
    }

    /// Says anew at which place each op with entries was delivered; one without a place precedes every op that is applied later.
    pub fn rebase(&mut self, place: impl Fn(&OpId) -> Option<OpIndex>) {
        for origin in &mut self.origins.0 {
            origin.index = place(&origin.id);
        }
    }

    /// Gives up telling the ops apart that `covered` says precede every op that is applied from now on: the increments of a counter that they
    /// made become one, of the greatest of them. Payloads are let go, and what is there is written together. The state is read as
    /// before, and depends on what is covered beside the ops: replicas compare equal once both covered the same. Covering
    /// more later comes to the same as covering all of it at once. Cost: linear in the state.
    pub fn compact(&mut self, covered: impl Fn(&OpId) -> bool) {
        let (folded, held) = self.folded(&covered);
        let mut bytes = Vec::new();
        let mut entries = Vec::with_capacity(folded.len());
        for (entry, amount) in folded {
            let Some(edit) = self.origins.edit(entry) else { continue };
            let at = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            entries.push(Entry::new(entry.origin, at));
            match amount {
                Some(amount) => {
                    let amount = value::one_form(Content::Integer(amount));
                    put_raw(edit.path, LeafKind::Counter, false, &amount, &mut bytes);
                }
                None => put_raw(edit.path, edit.key().kind, false, edit.raw_content(), &mut bytes),
            }
        }
        let bytes: Arc<[u8]> = bytes.into();
        // Ops keep their order; those without entries go.
        let mut places = Vec::with_capacity(held.len());
        let mut origins = Vec::new();
        for (origin, held) in core::mem::take(&mut self.origins).0.into_iter().zip(held) {
            places.push(u32::try_from(origins.len()).unwrap_or(u32::MAX));
            if held > 0 {
                let index = origin.index.filter(|_| !covered(&origin.id));
                origins.push(Origin { id: origin.id, index, bytes: Arc::clone(&bytes), held });
            }
        }
        for entry in &mut entries {
            entry.origin = places.get(index(entry.origin)).copied().unwrap_or(u32::MAX);
        }
        self.origins = Origins(origins);
        self.levels = if entries.is_empty() { Vec::new() } else { vec![entries] };
    }

    /// All that is alive, with the sum where an entry stands for several; and how many entries each op then has.
    fn folded(&self, covered: &impl Fn(&OpId) -> bool) -> (Vec<(Entry, Option<i128>)>, Vec<u32>) {
        let mut out = Vec::new();
        let mut groups = self.groups(&Path::root());
        while let Some(key) = groups.next() {
            let id = |entry: &Entry| self.origins.get(*entry).map(|origin| origin.id);
            let folds = |entry: &Entry| key.kind == LeafKind::Counter && id(entry).is_some_and(|id| covered(&id));
            let (fold, keep): (Vec<Entry>, Vec<Entry>) = groups.alive.iter().copied().partition(folds);
            let start = out.len();
            out.extend(keep.into_iter().map(|entry| (entry, None)));
            if let Some(greatest) = fold.iter().max_by_key(|entry| id(entry)) {
                out.push((*greatest, Some(self.sum(&fold))));
            }
            if let Some(run) = out.get_mut(start..) {
                run.sort_unstable_by_key(|(entry, _)| entry.origin);
            }
        }
        let mut held = vec![0; self.origins.0.len()];
        for (entry, _) in &out {
            if let Some(held) = held.get_mut(index(entry.origin)) {
                *held += 1;
            }
        }
        (out, held)
    }

    /// All that is alive, by key, and of one key by name of the op.
    fn all_alive(&self) -> Vec<Entry> {
        let mut out = Vec::new();
        let mut groups = self.groups(&Path::root());
        while groups.next().is_some() {
            groups.alive.sort_unstable_by_key(|entry| self.origins.get(*entry).map(|origin| origin.id));
            out.extend_from_slice(&groups.alive);
        }
        out
    }

    /// Ops with entries by name, and the number of each among them, by place.
    fn ranks(&self, alive: &[Entry]) -> (Vec<&Origin>, Vec<u32>) {
        let mut used = vec![false; self.origins.0.len()];
        for entry in alive {
            if let Some(used) = used.get_mut(index(entry.origin)) {
                *used = true;
            }
        }
        let of = self.origins.0.iter().enumerate().zip(used);
        let mut order: Vec<(usize, &Origin)> = of.filter(|(_, used)| *used).map(|(origin, _)| origin).collect();
        order.sort_unstable_by_key(|(_, origin)| origin.id);
        let mut ranks = vec![u32::MAX; self.origins.0.len()];
        for (rank, (place, _)) in (0..).zip(&order) {
            if let Some(of) = ranks.get_mut(*place) {
                *of = rank;
            }
        }
        (order.into_iter().map(|(_, origin)| origin).collect(), ranks)
    }
}

fn read_ops(rest: &mut Bytes<'_>) -> Result<Vec<OpId>, DocumentError> {
    let count = rest.varint()?;
    let mut ops: Vec<OpId> = Vec::new();
    for at in 0..count {
        let id = OpId::from_bytes(rest.array()?);
        if ops.last().is_some_and(|last| *last >= id) {
            return Err(DocumentError::OpOrder { at: ops.len() });
        }
        // Fewer than there are bytes, and places have 32 bits.
        if at >= u64::from(u32::MAX) {
            return Err(DocumentError::TooLong { limit: ARENA_MAX });
        }
        ops.push(id);
    }
    Ok(ops)
}

/// Entries with their paths written out, one behind the other.
#[derive(Default)]
struct Arena {
    bytes: Vec<u8>,
    /// Where the last entry begins, and its op.
    last: Option<(usize, u32)>,
}

impl Arena {
    /// Reads one entry, and counts it for its op.
    fn read(&mut self, rest: &mut Bytes<'_>, held: &mut [u32]) -> Result<Entry, EditError> {
        let (path, leaf) = self.path(rest)?;
        let kind = edit::kind(leaf).ok_or(ValueError::Kind)?;
        let mut tail = *rest;
        // Only the sum of a counter can have more bits than a value.
        let integer_max = if kind == LeafKind::Counter { FOLDED_MAX } else { INTEGER_MAX };
        if read_content(kind, integer_max, rest)? == Content::Removal {
            return Err(ValueError::Kind.into());
        }
        let content = tail.take(tail.left() - rest.left())?;
        let op = u32::try_from(rest.varint()?).map_err(|_| EditError::Op)?;
        *held.get_mut(index(op)).ok_or(EditError::Op)? += 1;
        let element = if kind == LeafKind::Element { content } else { &[] };
        if let Some((at, last)) = self.last {
            let before = Edit::at(&self.bytes, at).map(|edit| edit.key());
            if before.map(|key| (key, last)) >= Some((Key { path: &path, kind, element }, op)) {
                return Err(EditError::Order);
            }
        }
        let at = self.bytes.len();
        put_raw(&path, kind, false, content, &mut self.bytes);
        self.last = Some((at, op));
        Ok(Entry::new(op, u32::try_from(at).unwrap_or(u32::MAX)))
    }

    /// A path whose beginning is that of the one before it, as far as they are alike.
    fn path(&self, rest: &mut Bytes<'_>) -> Result<(Vec<u8>, u64), EditError> {
        let before = self.last.and_then(|(at, _)| Edit::at(&self.bytes, at)).map_or(&[][..], |edit| edit.path);
        let alike = usize::try_from(rest.varint()?).unwrap_or(usize::MAX);
        let head = rest.varint()?;
        let other = rest.take(usize::try_from(head >> 2).unwrap_or(usize::MAX))?;
        let mut path = before.get(..alike).ok_or(EditError::Prefix)?.to_vec();
        path.extend_from_slice(other);
        if common(before, &path) != alike {
            return Err(EditError::Prefix);
        }
        path::check(&path)?;
        Ok((path, head & 3))
    }
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
