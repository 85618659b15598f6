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
//! entry an increment until [`Document::compact`], and to remove it looks at each. A payload, or a snapshot, is held while one of its entries
//! is. Entries lie in sorted runs, four of about one
//! length being joined to one: applying n edits one by one moves each a logarithmic number of times, applying many ops at once
//! ([`Document::apply_all`]) costs one sort that makes use of their order, reading a leaf one binary search a run.

mod edit;
mod level;
mod path;
mod read;
mod snapshot;
mod transaction;
mod value;

use edit::Edit;
pub(crate) use edit::check;
pub use edit::{EDITS_MAX, LeafKind};
use level::{Entry, Keyed, Origin, Origins, cancel};
pub use path::{COMPONENT_MAX, DEPTH_MAX, PATH_MAX, Path};
pub use read::{Leaf, LeafState, Write};
pub use snapshot::{ARENA_MAX, FORMAT};
pub use transaction::Transaction;
pub use value::{Finite, VALUE_MAX, Value};

use crate::id::{OpIndex, Past};
use crate::laws::Replicated;
use crate::payload::{Payload, PayloadKind};

/// How many runs of about one length are joined to one. With four, a document of 2^20 edits has at most 30 runs, and an entry is moved
/// ten times; with two, half as many runs and twice as many moves.
const FAN: usize = 4;

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
        let mut entries = Vec::new();
        for (op, payload) in ops {
            if payload.kind() == PayloadKind::Edits {
                self.take_up(
                    Origin { id: *past.id(op), index: Some(op), bytes: payload.shared(), held: 0 },
                    &mut entries,
                );
            }
        }
        let level = self.resolve(past, &self.origins.in_order(&entries));
        for entry in &level {
            self.origins.hold(*entry);
        }
        for origin in self.origins.0.iter_mut().skip(first).filter(|origin| origin.held == 0) {
            origin.release(0);
        }
        self.push(level);
    }

    /// Makes an entry of every edit of an op; one that only takes away is born dead, and goes once it did.
    fn take_up(&mut self, origin: Origin, entries: &mut Vec<Entry>) {
        let Ok(number) = u32::try_from(self.origins.0.len()) else { return };
        let whole = origin.bytes.len();
        // The first byte is the payload's kind.
        let mut at = 1;
        while let Some(edit) = Edit::at(&origin.bytes, at).filter(|_| at < whole) {
            let entry = Entry::new(number, u32::try_from(at).unwrap_or(u32::MAX));
            entries.push(if edit.is_removal() { entry.dead() } else { entry });
            at = edit.end(whole).unwrap_or(whole);
        }
        self.origins.0.push(origin);
    }

    /// The run that new entries come to: what is alive of them, and what they end.
    fn resolve<P: Past + ?Sized>(&self, past: &P, fresh: &[Keyed]) -> Vec<Entry> {
        let mut out = Vec::with_capacity(fresh.len());
        let mut cursors = vec![0; self.levels.len()];
        let mut old = Vec::new();
        let mut rest = fresh;
        while let Some((group, after)) = self.origins.next_key(rest) {
            rest = after;
            old.clear();
            // Increments end nothing, so what they are added to need not be looked at.
            if !self.levels.is_empty() && group.iter().any(|(_, entry)| !self.is_increment(*entry)) {
                self.collect(group, &mut cursors, &mut old);
            }
            match group {
                [(_, one)] if old.is_empty() => {
                    if !one.is_dead() {
                        out.push(*one);
                    }
                }
                _ => self.resolve_key(past, group, &mut old, &mut out),
            }
        }
        out
    }

    /// What is alive of the key of `group`. Keys are asked for in order, and found from where the one before was.
    fn collect(&self, group: &[Keyed], cursors: &mut [usize], old: &mut Vec<Entry>) {
        let Some((_, first)) = group.first() else { return };
        let key = self.origins.key(*first);
        for (level, cursor) in self.levels.iter().zip(cursors) {
            *cursor = self.origins.seek(level, *cursor, &key);
            let at = level.get(*cursor..).unwrap_or_default();
            old.extend(at.iter().take_while(|entry| self.origins.key(**entry) == key));
        }
        cancel(old);
    }

    /// One key: each write ends what it has in its past.
    fn resolve_key<P: Past + ?Sized>(&self, past: &P, group: &[Keyed], old: &mut Vec<Entry>, out: &mut Vec<Entry>) {
        let mut ended: Vec<Entry> = Vec::new();
        let mut new: Vec<Entry> = Vec::new();
        for (_, entry) in group {
            if !self.is_increment(*entry) {
                ended.extend(old.extract_if(.., |earlier| self.precedes(past, *earlier, *entry)));
                new.retain(|earlier| !self.precedes(past, *earlier, *entry));
            }
            if !entry.is_dead() {
                new.push(*entry);
            }
        }
        // Within a key a run is in the order of ops, and new ops come after all that were there.
        ended.sort_unstable_by_key(|entry| entry.origin);
        out.extend(ended.into_iter().map(Entry::dead));
        out.extend(new);
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

    /// Lays a run upon the others, and joins the youngest where [`FAN`] of them are not much longer than the last.
    fn push(&mut self, level: Vec<Entry>) {
        if level.is_empty() {
            return;
        }
        self.levels.push(level);
        while let Some(last) = self.levels.last() {
            let limit = FAN * last.len();
            let short = self.levels.iter().rev().take_while(|level| level.len() < limit).count();
            if short < FAN {
                return;
            }
            let short = self.levels.split_off(self.levels.len() - short);
            let merged = self.origins.merge(&short);
            // Nothing is left where each entry met the word that it is dead.
            if !merged.is_empty() {
                self.levels.push(merged);
            }
        }
    }
}
