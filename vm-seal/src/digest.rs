//! Seal digests: one hash that stands for a selection of rows, the same on every machine.
//!
//! ```text
//! digest = SHA-256 over canonical
//! {"bounds":{"max_ts":...,"min_ts":...},"format":"vm-seal-digest-v0","leaves":42,"scrolls":[...],
//!  "selection":{...},"set_root":"<64 hex>"}
//! ```
//!
//! `set_root` is the RFC 6962 root over the leaf hashes of the selected rows, ordered by table and row id. The digest
//! asserts a set, not the ledger it came from, nor its order, nor that nothing else was recorded.

use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::digest::{LeafHash, RootHash, Sha256Digest};
use vm_core::error::CanonicalError;
use vm_core::id::{EngineName, RowId};
use vm_core::instant::Instant;
use vm_core::record::{LogEntry, Table};
use vm_core::view::{EvidenceView, RowState, ViewError, Visit};

use crate::error::{BundleError, SealError, ShapeError};
use crate::merkle::{Frontier, TreeSize};
use crate::rehash::{self, Hashed, Take};
use crate::selection::Selection;
use crate::shape::Members;

/// Format string of what the digest hashes.
pub const DIGEST_FORMAT: &str = "vm-seal-digest-v0";
/// Most scrolls in one seal. An engine a scroll; a thousand is far beyond any vault seen.
pub const SCROLLS_MAX: usize = 1_024;

/// Leaf hashes gathered before they are hashed into the tree: what is hashed side by side there.
const LEAVES_AT_ONCE: usize = 1_024;

/// Times of the first and last selected row, by time; none where no row was selected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bounds {
    min_ts: Option<Instant>,
    max_ts: Option<Instant>,
}

impl Bounds {
    /// Earliest time.
    #[must_use]
    pub const fn min_ts(&self) -> Option<Instant> {
        self.min_ts
    }

    /// Latest time.
    #[must_use]
    pub const fn max_ts(&self) -> Option<Instant> {
        self.max_ts
    }

    fn include(&mut self, ts: Instant) {
        self.min_ts = Some(self.min_ts.map_or(ts, |min| min.min(ts)));
        self.max_ts = Some(self.max_ts.map_or(ts, |max| max.max(ts)));
    }

    pub(crate) fn to_value(self) -> Value {
        json!({ "min_ts": self.min_ts, "max_ts": self.max_ts })
    }

    pub(crate) fn from_value(value: &Value) -> Result<Self, ShapeError> {
        let members = Members::of(value, "/bounds", &["min_ts", "max_ts"])?;
        Ok(Self { min_ts: members.nullable("min_ts")?, max_ts: members.nullable("max_ts")? })
    }
}

/// Size and root of one engine's scroll.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScrollRoot {
    /// The engine.
    pub engine: EngineName,
    /// Number of lines.
    pub size: TreeSize,
    /// RFC 6962 root over them.
    pub root: RootHash,
}

impl ScrollRoot {
    pub(crate) fn to_value(&self) -> Value {
        json!({ "engine": self.engine, "size": self.size, "root": self.root })
    }

    pub(crate) fn from_value(value: &Value) -> Result<Self, ShapeError> {
        let members = Members::of(value, "/scrolls/*", &["engine", "size", "root"])?;
        Ok(Self {
            engine: members.parse("engine")?,
            size: TreeSize::new(members.number("size")?),
            root: members.digest("root", RootHash::parse_hex)?,
        })
    }
}

/// Refuses more scrolls than the limit, and scrolls not sorted by engine or not unique.
pub(crate) fn check_scrolls(scrolls: &[ScrollRoot]) -> Result<(), BundleError> {
    if scrolls.len() > SCROLLS_MAX {
        return Err(BundleError::TooManyScrolls { limit: SCROLLS_MAX, found: scrolls.len() });
    }
    if scrolls.is_sorted_by(|one, next| one.engine < next.engine) { Ok(()) } else { Err(BundleError::ScrollOrder) }
}

/// A selection, what it came to, and the digest over both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealDigest {
    selection: Selection,
    leaves: TreeSize,
    set_root: RootHash,
    bounds: Bounds,
    scrolls: Vec<ScrollRoot>,
    hash: Sha256Digest,
}

impl SealDigest {
    /// Computes the digest of `selection` as the rows stood when the log held `as_of` entries. Each row is hashed
    /// anew. `scrolls` come in any order. Cost: one scan of the matching rows; memory does not grow with them.
    ///
    /// # Errors
    /// [`SealError`]: the view fails, the log is shorter than `as_of`, or a row is not as it was logged.
    pub fn compute(
        view: &dyn EvidenceView,
        selection: &Selection,
        mut scrolls: Vec<ScrollRoot>,
        as_of: TreeSize,
    ) -> Result<Self, SealError> {
        prepare(view, &mut scrolls, as_of)?;
        let mut fault = None;
        let set = walk_selected(view, selection, as_of, |entry, fate| match fate {
            RowFate::Intact => Visit::Continue,
            other => {
                fault = Some((entry, other));
                Visit::Stop
            }
        })
        .map_err(SealError::View)?;
        if let Some((LogEntry { table, row_id: row, .. }, fate)) = fault {
            return Err(match fate {
                RowFate::OutOfPlace => SealError::ViewOrder { table, row },
                _ => SealError::RowAltered { table, row },
            });
        }
        Self::of(selection.clone(), &set, scrolls).map_err(SealError::Canonical)
    }

    /// As [`SealDigest::compute`], but over the leaf hashes that the log holds: no row is read beyond its time, so a row that
    /// was altered since it was logged is not noticed here. Whoever verifies the seal hashes every row. Cost: one scan of
    /// the index and of the log.
    ///
    /// # Errors
    /// [`SealError`]: the view fails, or the log is shorter than `as_of`.
    pub fn compute_trusting_leaves(
        view: &dyn EvidenceView,
        selection: &Selection,
        mut scrolls: Vec<ScrollRoot>,
        as_of: TreeSize,
    ) -> Result<Self, SealError> {
        prepare(view, &mut scrolls, as_of)?;
        let (mut leaves, mut set) = (Vec::with_capacity(LEAVES_AT_ONCE), RowSet::default());
        let mut last: Option<(Table, RowId)> = None;
        let mut misplaced = None;
        let visited = view.visit_leaves(&selection.filter(as_of), &mut |entry| {
            let place = (entry.table, entry.row_id);
            if last.is_some_and(|last| last >= place) || entry.seq >= as_of.as_u64() {
                misplaced = Some(place);
                return Ok(Visit::Stop);
            }
            last = Some(place);
            leaves.push(entry.leaf);
            if leaves.len() == LEAVES_AT_ONCE {
                set.frontier.extend(leaves.drain(..));
            }
            Ok(Visit::Continue)
        });
        let times = visited.map_err(SealError::View)?;
        if let Some((table, row)) = misplaced {
            return Err(SealError::ViewOrder { table, row });
        }
        set.frontier.extend(leaves);
        set.bounds = Bounds { min_ts: times.map(|(min, _)| min), max_ts: times.map(|(_, max)| max) };
        Self::of(selection.clone(), &set, scrolls).map_err(SealError::Canonical)
    }

    pub(crate) fn of(selection: Selection, set: &RowSet, scrolls: Vec<ScrollRoot>) -> Result<Self, CanonicalError> {
        Self::of_parts(selection, set.frontier.size(), set.frontier.root(), set.bounds, scrolls)
    }

    pub(crate) fn of_parts(
        selection: Selection,
        leaves: TreeSize,
        set_root: RootHash,
        bounds: Bounds,
        scrolls: Vec<ScrollRoot>,
    ) -> Result<Self, CanonicalError> {
        let bytes = canonical::to_bytes(&json!({
            "format": DIGEST_FORMAT,
            "selection": selection.to_value(),
            "leaves": leaves,
            "set_root": set_root,
            "bounds": bounds.to_value(),
            "scrolls": scrolls.iter().map(ScrollRoot::to_value).collect::<Vec<_>>(),
        }))?;
        Ok(Self { selection, leaves, set_root, bounds, scrolls, hash: Sha256Digest::of(&bytes) })
    }

    /// What was selected.
    #[must_use]
    pub const fn selection(&self) -> &Selection {
        &self.selection
    }

    /// How many rows that came to.
    #[must_use]
    pub const fn leaves(&self) -> TreeSize {
        self.leaves
    }

    /// Root over their leaf hashes.
    #[must_use]
    pub const fn set_root(&self) -> RootHash {
        self.set_root
    }

    /// Earliest and latest time among them.
    #[must_use]
    pub const fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The scrolls, by engine.
    #[must_use]
    pub fn scrolls(&self) -> &[ScrollRoot] {
        &self.scrolls
    }

    /// The digest itself.
    #[must_use]
    pub const fn hash(&self) -> Sha256Digest {
        self.hash
    }
}

/// Sorts and checks the scrolls, and refuses a size that the log does not have.
fn prepare(view: &dyn EvidenceView, scrolls: &mut [ScrollRoot], as_of: TreeSize) -> Result<(), SealError> {
    scrolls.sort_unstable_by(|one, next| one.engine.cmp(&next.engine));
    check_scrolls(scrolls).map_err(SealError::Scrolls)?;
    let held = TreeSize::new(view.size().map_err(SealError::View)?);
    if as_of > held { Err(SealError::AsOf { as_of, held }) } else { Ok(()) }
}

/// Selected rows on their way into a digest.
#[derive(Default)]
pub(crate) struct RowSet {
    pub(crate) frontier: Frontier,
    pub(crate) bounds: Bounds,
}

impl RowSet {
    pub(crate) fn add(&mut self, leaf: LeafHash, ts: Instant) {
        self.frontier.append(leaf);
        self.bounds.include(ts);
    }
}

/// What became of a row that the log names.
pub(crate) enum RowFate {
    /// It hashes to what the log holds.
    Intact,
    /// It hashes to something else.
    Altered { found: LeafHash },
    /// It is not there.
    Missing,
    /// It is no row of its schema.
    Malformed { column: String },
    /// It was not asked for, or comes out of order.
    OutOfPlace,
}

impl RowFate {
    /// What became of the row that an entry names, wherever it was found.
    pub(crate) fn of(entry: &LogEntry, hashed: &Hashed) -> Self {
        match (&hashed.state, &hashed.leaf) {
            (RowState::Present(row), Some(Ok(leaf))) => {
                let same = row.table() == entry.table && row.schema() == entry.schema && row.id() == Ok(entry.row_id);
                if *leaf == entry.leaf && same { Self::Intact } else { Self::Altered { found: *leaf } }
            }
            (RowState::Present(_), Some(Err(error))) => Self::Malformed { column: error.code().to_owned() },
            (RowState::Malformed { column }, _) => Self::Malformed { column: column.clone() },
            _ => Self::Missing,
        }
    }
}

/// Walks the rows that `selection` matches at `as_of`, hashing each, and tells `each` what became of it. Rows that
/// can be hashed enter the set as they are now.
pub(crate) fn walk_selected(
    view: &dyn EvidenceView,
    selection: &Selection,
    as_of: TreeSize,
    mut each: impl FnMut(LogEntry, RowFate) -> Visit,
) -> Result<RowSet, ViewError> {
    let mut set = RowSet::default();
    let mut last: Option<(Table, RowId)> = None;
    let mut judge = |entry: LogEntry, hashed: Hashed| {
        let place = (entry.table, entry.row_id);
        let in_order = last.is_none_or(|last| last < place);
        last = Some(place);
        let fate = RowFate::of(&entry, &hashed);
        let (RowState::Present(row), Some(Ok(leaf))) = (&hashed.state, &hashed.leaf) else {
            return each(entry, fate);
        };
        let (Ok(ts), Ok(selected)) = (row.ts(), selection.selects(row)) else {
            return each(entry, RowFate::Malformed { column: "ts or trace_id".to_owned() });
        };
        if !in_order || !selected || entry.seq >= as_of.as_u64() {
            return each(entry, RowFate::OutOfPlace);
        }
        set.add(*leaf, ts);
        each(entry, fate)
    };
    let filter = selection.filter(as_of);
    rehash::pass(
        |take: &mut Take<'_, LogEntry>| view.visit_matching(&filter, take),
        |entry, hashed| Ok(judge(entry, hashed)),
    )?;
    Ok(set)
}
