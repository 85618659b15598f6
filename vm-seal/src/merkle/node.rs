//! Places of complete subtrees, and where their hashes come from.

use vm_core::digest::RootHash;

use super::hashing::parent;
use super::{TreeSize, split};
use crate::error::ProveError;

/// Place of a complete subtree: the one over the leaves from `index * 2^level` up to `(index + 1) * 2^level`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeAt {
    level: u8,
    index: u64,
}

impl NodeAt {
    /// The subtree number `index` among those of height `level`; level 0 are the leaves.
    #[must_use]
    pub const fn new(level: u8, index: u64) -> Self {
        Self { level, index }
    }

    /// Height above the leaves.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Number among the subtrees of this height, from zero.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Whether all leaves of this subtree are in a tree of `size`.
    #[must_use]
    pub fn is_within(self, size: TreeSize) -> bool {
        size.as_u64().checked_shr(u32::from(self.level)).is_some_and(|complete| self.index < complete)
    }
}

/// Answers with hashes of complete subtrees.
pub trait HashReader {
    /// Why hashes could not be read.
    type Error;

    /// Hashes of `nodes`, in their order and as many. All are asked for at once, so that a store can group them.
    ///
    /// # Errors
    /// Whatever keeps the store from answering.
    fn read(&self, nodes: &[NodeAt]) -> Result<Vec<RootHash>, Self::Error>;
}

/// Root of the first `size` leaves behind `reader`. Cost: at most 64 hashes read and combined.
///
/// # Errors
/// [`ProveError::Read`] where the reader fails, [`ProveError::Answer`] where it answers with another number of hashes.
pub fn root_at<R: HashReader + ?Sized>(reader: &R, size: TreeSize) -> Result<RootHash, ProveError<R::Error>> {
    if size == TreeSize::ZERO {
        return Ok(RootHash::empty());
    }
    let range = Range::new(0, size.as_u64());
    let roots = read_ranges(reader, &[range])?;
    roots.into_iter().next().ok_or(ProveError::Answer { expected: 1, found: 0 })
}

/// Leaves from `begin` up to `end`, which form one subtree of some tree.
#[derive(Clone, Copy)]
pub(super) struct Range {
    begin: u64,
    end: u64,
}

impl Range {
    pub(super) const fn new(begin: u64, end: u64) -> Self {
        Self { begin, end }
    }

    /// The leaves below one complete subtree of a tree.
    pub(super) const fn of(node: NodeAt) -> Self {
        Self { begin: node.index << node.level, end: (node.index + 1) << node.level }
    }

    pub(super) const fn begin(self) -> u64 {
        self.begin
    }

    pub(super) const fn end(self) -> u64 {
        self.end
    }

    /// The two subtrees below this one; none of a leaf.
    pub(super) const fn split(self) -> Option<(Self, Self)> {
        if self.end - self.begin < 2 {
            return None;
        }
        let middle = self.begin + split(self.end - self.begin);
        Some((Self::new(self.begin, middle), Self::new(middle, self.end)))
    }

    /// The complete subtrees this range consists of, left to right. `begin` is a multiple of the largest of them,
    /// as in every subtree of an RFC 6962 tree.
    pub(super) fn nodes(self) -> impl Iterator<Item = NodeAt> {
        let mut begin = self.begin;
        let count = self.end - self.begin;
        (0..64_u8).rev().filter_map(move |level| {
            if count >> level & 1 == 0 {
                return None;
            }
            let node = NodeAt::new(level, begin >> level);
            begin += 1 << level;
            Some(node)
        })
    }
}

/// Hashes of `ranges`, each combined from its complete subtrees, read in one go.
pub(super) fn read_ranges<R: HashReader + ?Sized>(
    reader: &R,
    ranges: &[Range],
) -> Result<Vec<RootHash>, ProveError<R::Error>> {
    let nodes: Vec<NodeAt> = ranges.iter().flat_map(|range| range.nodes()).collect();
    let hashes = reader.read(&nodes).map_err(ProveError::Read)?;
    if hashes.len() != nodes.len() {
        return Err(ProveError::Answer { expected: nodes.len(), found: hashes.len() });
    }
    let mut rest = hashes.as_slice();
    let mut roots = Vec::with_capacity(ranges.len());
    for range in ranges {
        let (own, others) = rest.split_at(range.nodes().count());
        rest = others;
        roots.push(fold_right(own));
    }
    Ok(roots)
}

/// Root over complete subtrees of falling size, left to right.
pub(super) fn fold_right(subtrees: &[RootHash]) -> RootHash {
    subtrees.iter().rev().copied().reduce(|right, left| parent(&left, &right)).unwrap_or_else(RootHash::empty)
}
