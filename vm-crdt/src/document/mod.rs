//! Documents: nested maps of registers, counters and sets, whose state is a function of the set of ops.
//!
//! ```
//! use vm_crdt::document::{Document, Path, Transaction};
//! use vm_crdt::laws::History;
//! use vm_crdt::{OpId, OpIndex};
//!
//! let mode = Path::new(["pump 7", "mode"])?;
//! let mut set = Transaction::new();
//! set.put(&mode, "auto")?.increment(&Path::new(["pump 7", "starts"])?, 2)?;
//!
//! // Two authors who did not see each other, and a third op that has both in its past.
//! let mut other = Transaction::new();
//! other.put(&mode, "manual")?;
//! let mut after = Transaction::new();
//! after.put(&mode, "off")?;
//! let [a, b, c] = [1, 2, 3].map(|n| OpId::from_bytes([n; 32]));
//! let history = History::new(vec![
//!     (a, vec![], set.to_payload()?),
//!     (b, vec![], other.to_payload()?),
//!     (c, vec![0, 1], after.to_payload()?),
//! ])?;
//!
//! let mut document = Document::default();
//! let past = history.in_order();
//! for (place, payload) in history.updates().take(2) {
//!     document.apply(&past, place, payload);
//! }
//! assert_eq!(document.writes(&mode).len(), 2, "both are there");
//! assert_eq!(document.get(&mode), Some("manual".into()), "the one of the greatest op is shown");
//! for (place, payload) in history.updates().skip(2) {
//!     document.apply(&past, place, payload);
//! }
//! assert_eq!(document.writes(&mode).len(), 1, "who saw both decides");
//! assert_eq!(document.leaves(&Path::new(["pump 7"])?).count(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds
//!
//! - A write of a register takes away what was written there in its op's past. What was written at the same time stays beside it:
//!   [`Document::writes`] shows all, [`Document::get`] the one whose op has the greatest id. No clock decides.
//! - An element is in a set while an adding op is there that no removing op has in its past: who adds at the same time wins. The same holds
//!   of every leaf, so that a map that is removed keeps what others put into it meanwhile ([`Transaction::remove_tree`]).
//! - A counter is the exact sum of the increments that no removal has in its past.
//! - A removal leaves nothing behind: ops come after their past, so what comes later is never taken away by it.
//! - State depends on the ops alone, not on the order in which they came nor on how they were grouped: equal sets of ops give equal
//!   bytes ([`Document::encode`], `docs/spec/crdt-payload.md`).
//!
//! # Cost
//!
//! Eight bytes an entry beside the bytes of the payload, which are shared with the op that holds them, and 64 an op. An entry
//! is a write that nothing took away; at any time about as many again may wait for a merge that takes them away. A counter has an
//! entry an increment until [`Document::compact`]. A payload is held while one of its entries is. Entries lie in sorted runs, each at least
//! twice as long as the next: applying n edits costs n logarithmic merges, applying many ops at once ([`Document::apply_all`]) one sort
//! by runs and one merge, reading a leaf one binary search a run.

mod edit;
mod level;
mod path;
mod read;
mod snapshot;
mod transaction;
mod value;

use std::sync::Arc;

use edit::Edit;
pub(crate) use edit::check;
pub use edit::{EDITS_MAX, LeafKind};
use level::{Entry, Origin, Origins, cancel, index};
pub use path::{COMPONENT_MAX, DEPTH_MAX, PATH_MAX, Path};
pub use read::{Leaf, LeafState, Write};
pub use snapshot::{ARENA_MAX, FORMAT};
pub use transaction::Transaction;
pub use value::{Finite, VALUE_MAX, Value};

use crate::id::{OpIndex, Past};
use crate::laws::Replicated;
use crate::payload::{Payload, PayloadKind};

/// How many times as long as the next a run is at least. Two keeps reads to the fewest runs for one more merge of each entry.
const RATIO: usize = 2;

/// State of nested maps of registers, counters and sets. See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct Document {
    origins: Origins,
    /// The oldest and longest first.
    levels: Vec<Vec<Entry>>,
}

/// Equal where the canonical bytes are.
impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.encode() == other.encode()
    }
}

impl Eq for Document {}

impl Replicated for Document {
    type Update = Payload;

    fn apply<P: Past + ?Sized>(&mut self, past: &P, op: OpIndex, update: &Payload) {
        self.apply(past, op, update);
    }

    fn apply_all<P: Past + ?Sized>(&mut self, past: &P, ops: &[(OpIndex, &Payload)]) {
        self.apply_all(past, ops.iter().copied());
    }

    fn encode(&self) -> Vec<u8> {
        self.encode()
    }
}

impl Document {
    /// Takes up one op. It comes after all ops in its past, and once.
    pub fn apply<P: Past + ?Sized>(&mut self, past: &P, op: OpIndex, payload: &Payload) {
        self.apply_all(past, [(op, payload)]);
    }

    /// Takes up many ops, each after its past: the same as [`Self::apply`] one after the other, and cheaper. Payloads that are no
    /// edits say nothing here. Cost: linear in the edits where they are many, beside one sort that makes use of their order.
    pub fn apply_all<'a, P: Past + ?Sized>(&mut self, past: &P, ops: impl IntoIterator<Item = (OpIndex, &'a Payload)>) {
        let first = self.origins.0.len();
        let mut fresh = Vec::new();
        let mut plain = Vec::new();
        for (op, payload) in ops {
            if payload.kind() == PayloadKind::Edits {
                let origin = Origin { id: *past.id(op), index: Some(op), bytes: payload.shared(), held: 0 };
                plain.push(self.take_up(origin, &mut fresh));
            }
        }
        self.put_in_order(&mut fresh);
        let is_plain =
            |entry: Entry| index(entry.origin).checked_sub(first).and_then(|at| plain.get(at)) == Some(&true);
        let level = self.resolve(past, &fresh, is_plain);
        for entry in &level {
            self.origins.hold(*entry);
        }
        for origin in self.origins.0.iter_mut().skip(first).filter(|origin| origin.held == 0) {
            origin.bytes = Arc::default();
        }
        self.push(level);
    }

    /// Makes an entry of every edit of an op. Whether all of them only put something there.
    fn take_up(&mut self, origin: Origin, fresh: &mut Vec<(u64, Entry)>) -> bool {
        let Ok(number) = u32::try_from(self.origins.0.len()) else { return true };
        let whole = origin.bytes.len();
        let mut is_plain = true;
        // The first byte is the payload's kind.
        let mut at = 1;
        while let Some(edit) = Edit::at(&origin.bytes, at).filter(|_| at < whole) {
            is_plain &= !edit.is_removal();
            fresh.push((0, Entry::new(number, u32::try_from(at).unwrap_or(u32::MAX))));
            at = edit.end(whole).unwrap_or(whole);
        }
        self.origins.0.push(origin);
        is_plain
    }

    /// Sorts entries by key; those of one key stay as they came. The bytes behind what all paths have in common go along, as most keys
    /// differ there.
    fn put_in_order(&self, fresh: &mut [(u64, Entry)]) {
        let common = self.common(fresh);
        for (behind, entry) in fresh.iter_mut() {
            *behind = self.behind(*entry, common);
        }
        // Ops bring their edits in order, so that this joins runs.
        fresh.sort_by_key(|(behind, _)| *behind);
        for alike in fresh.chunk_by_mut(|(a, _), (b, _)| a == b).filter(|alike| alike.len() > 1) {
            alike.sort_by(|(_, a), (_, b)| self.origins.key(*a).cmp(&self.origins.key(*b)));
        }
    }

    /// How many bytes all paths of these entries begin with. Those of one op are in order, so that its first and last say it.
    fn common(&self, fresh: &[(u64, Entry)]) -> usize {
        let Some(first) = fresh.first().map(|(_, entry)| self.origins.key(*entry).path) else { return 0 };
        let ops = fresh.chunk_by(|(_, a), (_, b)| a.origin == b.origin);
        let ends = ops.flat_map(|op| [op.first(), op.last()]).flatten();
        ends.fold(first.len(), |common, (_, entry)| {
            let path = self.origins.key(*entry).path;
            path.iter().zip(first).take(common).take_while(|(a, b)| a == b).count()
        })
    }

    /// Eight bytes of the path from `from` on, in the order of paths: the end of one is below every byte of another.
    fn behind(&self, entry: Entry, from: usize) -> u64 {
        let rest = self.origins.key(entry).path.get(from..).unwrap_or_default();
        match rest.first_chunk() {
            Some(bytes) => u64::from_be_bytes(*bytes),
            None => rest.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) << (64 - 8 * rest.len()).min(63),
        }
    }

    /// The run that new entries come to: what is alive of them, and what they end. `is_plain` says of an entry that its op takes nothing away by itself.
    fn resolve<P: Past + ?Sized>(
        &self,
        past: &P,
        fresh: &[(u64, Entry)],
        is_plain: impl Fn(Entry) -> bool,
    ) -> Vec<Entry> {
        let mut out = Vec::with_capacity(fresh.len());
        let mut cursors = vec![0; self.levels.len()];
        let mut old = Vec::new();
        let mut rest = fresh;
        while let Some(((behind, first), tail)) = rest.split_first() {
            let is_alone = tail.first().is_none_or(|(other, _)| other != behind);
            if is_alone && self.levels.is_empty() && is_plain(*first) {
                out.push(*first);
                rest = tail;
                continue;
            }
            let key = self.origins.key(*first);
            let more =
                tail.iter().take_while(|(other, entry)| other == behind && self.origins.key(*entry) == key).count();
            let (group, after) = rest.split_at(1 + more);
            rest = after;
            old.clear();
            // Increments end nothing, so what they are added to need not be looked at.
            if group.iter().any(|(_, entry)| !self.is_increment(*entry)) {
                for (level, cursor) in self.levels.iter().zip(&mut cursors) {
                    *cursor = self.origins.seek(level, *cursor, &key);
                    let at = level.get(*cursor..).unwrap_or_default();
                    old.extend(at.iter().take_while(|entry| self.origins.key(**entry) == key));
                }
                cancel(&mut old);
            }
            if old.is_empty() && group.len() == 1 && is_plain(*first) {
                out.push(*first);
            } else {
                self.resolve_key(past, group, &mut old, &mut out);
            }
        }
        out
    }

    /// One key: each write ends what it has in its past.
    fn resolve_key<P: Past + ?Sized>(
        &self,
        past: &P,
        group: &[(u64, Entry)],
        old: &mut Vec<Entry>,
        out: &mut Vec<Entry>,
    ) {
        let mut ended: Vec<Entry> = Vec::new();
        let start = out.len();
        let mut new: Vec<Entry> = Vec::new();
        for (_, entry) in group {
            if !self.is_increment(*entry) {
                ended.extend(old.extract_if(.., |earlier| self.precedes(past, *earlier, *entry)));
                new.retain(|earlier| !self.precedes(past, *earlier, *entry));
            }
            if !self.origins.edit(*entry).is_some_and(|edit| edit.is_removal()) {
                new.push(*entry);
            }
        }
        out.extend(ended.into_iter().map(Entry::dead));
        out.extend(new);
        // Within a key a run is in the order of ops.
        if let Some(run) = out.get_mut(start..) {
            run.sort_unstable_by_key(|entry| entry.origin);
        }
    }

    fn is_increment(&self, entry: Entry) -> bool {
        self.origins.edit(entry).is_some_and(|edit| edit.is_increment())
    }

    fn precedes<P: Past + ?Sized>(&self, past: &P, earlier: Entry, later: Entry) -> bool {
        let place = |entry| self.origins.get(entry).and_then(|origin| origin.index);
        match (place(earlier), place(later)) {
            (Some(earlier), Some(later)) => past.is_or_precedes(earlier, later),
            (earlier, _) => earlier.is_none(),
        }
    }

    /// Lays a run upon the others, and joins those that have become too short.
    fn push(&mut self, level: Vec<Entry>) {
        if level.is_empty() {
            return;
        }
        let mut last = level;
        while let Some(older) = self.levels.pop_if(|older| older.len() < RATIO * last.len()) {
            last = self.origins.merge(older, last);
        }
        if !last.is_empty() {
            self.levels.push(last);
        }
    }
}
