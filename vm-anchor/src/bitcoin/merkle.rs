//! Partial Merkle trees, as `gettxoutproof` writes them: a header, and the hashes that lead to one transaction.
//!
//! ```text
//! header (80) | transactions (4, little-endian) | n (CompactSize) | n hashes (32 each) | m (CompactSize) | m bytes of flags
//! ```

use super::carried::reads_as_transaction;
use super::double_sha256;
use super::header::{HEADER_LEN, MerkleRoot};
use super::reader::{Reader, array};

/// Most transactions of a block: its weight over the least that one weighs (Bitcoin Core, `CPartialMerkleTree`).
pub const TRANSACTIONS_MAX: u32 = 4_000_000 / 240;

/// What the proof of one transaction comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Proven<'a> {
    pub(super) header: &'a [u8],
    pub(super) root: MerkleRoot,
    /// The one transaction that is marked.
    pub(super) transaction: [u8; 32],
}

/// Reads a proof of exactly one transaction; none where it breaks a rule of Core's, or proves none or several.
pub(super) fn read(bytes: &[u8]) -> Option<Proven<'_>> {
    let mut reader = Reader::new(bytes);
    let header = reader.take(HEADER_LEN)?;
    let total = reader.u32()?;
    let count = reader.size()?;
    let hashes = reader.take(count.checked_mul(32)?)?;
    let flags = reader.sized()?;
    let fits = total > 0 && total <= TRANSACTIONS_MAX && u32::try_from(count).ok()? <= total;
    if !reader.is_finished() || !fits || flags.len().checked_mul(8)? < count {
        return None;
    }
    let mut walk = Walk { total, hashes: hashes.chunks_exact(32), flags, used: 0, marked: None, is_sound: true };
    let mut height = 0;
    while walk.width(height) > 1 {
        height += 1;
    }
    let root = walk.root(height, 0)?;
    let is_spent = walk.hashes.len() == 0 && walk.used.div_ceil(8) == flags.len() && walk.rest_is_zero();
    let transaction = walk.marked.filter(|_| walk.is_sound && is_spent)?;
    Some(Proven { header, root: MerkleRoot::from_bytes(root), transaction })
}

struct Walk<'a> {
    total: u32,
    hashes: core::slice::ChunksExact<'a, u8>,
    flags: &'a [u8],
    used: usize,
    marked: Option<[u8; 32]>,
    is_sound: bool,
}

impl Walk<'_> {
    /// Nodes at a height above the leaves.
    const fn width(&self, height: u32) -> u32 {
        (self.total + (1 << height) - 1) >> height
    }

    fn flag(&mut self) -> Option<bool> {
        let byte = self.flags.get(self.used / 8)?;
        let flag = (byte >> (self.used % 8)) & 1 == 1;
        self.used += 1;
        Some(flag)
    }

    fn rest_is_zero(&self) -> bool {
        let last = self.flags.last().copied().unwrap_or(0);
        self.used.is_multiple_of(8) || last >> (self.used % 8) == 0
    }

    /// The hash of a node. It calls itself at most 15 deep, by [`TRANSACTIONS_MAX`].
    fn root(&mut self, height: u32, at: u32) -> Option<[u8; 32]> {
        let leads = self.flag()?;
        if height == 0 || !leads {
            let hash = array(self.hashes.next()?)?;
            if height == 0 && leads {
                self.is_sound &= self.marked.is_none();
                self.marked = Some(hash);
            }
            return Some(hash);
        }
        let left = self.root(height - 1, at * 2)?;
        let right = if at * 2 + 1 < self.width(height - 1) {
            let right = self.root(height - 1, at * 2 + 1)?;
            // CVE-2012-2459: a subtree that stands twice would prove a transaction at two places.
            self.is_sound &= left != right;
            right
        } else {
            left
        };
        let node = [left, right].concat();
        // CVE-2017-12842: what hashes to this node may be a transaction, with nothing of the tree below it.
        self.is_sound &= !reads_as_transaction(&node);
        Some(double_sha256(&node))
    }
}
