//! The line of engine `dee`'s scroll that tells of an execution.

use std::collections::{BTreeMap, BTreeSet};

use vm_core::canonical;
use vm_core::capability::{Permit, act};
use vm_core::digest::{LeafHash, RootHash};
use vm_core::id::{EngineName, TraceId};
use vm_core::redact::Redacted;
use vm_core::view::{FileFault, VaultFiles};
use vm_dee::intent::ENGINE;
use vm_ledger::{ScrollError, ScrollWriter};
use vm_seal::merkle::{Frontier, LeafIndex, Tree, TreeSize};
use vm_seal::scroll::{LINE_MAX, events_path, line_leaf};

use crate::error::VaultError;
use crate::vault::Vault;

/// The leaves of the scroll, as its file holds them now.
pub(super) struct Leaves(Vec<LeafHash>);

impl Leaves {
    /// Reads the scroll; one that is not there yet has none. What a line says is not looked at: only a seal that verifies says
    /// which lines count. Memory: 32 bytes a line and the longest line.
    pub(super) fn read(files: &dyn VaultFiles) -> Result<Self, VaultError> {
        let path = events_path(&engine()?).map_err(VaultError::Path)?;
        let (mut leaves, mut partial, mut is_long) = (Vec::new(), Vec::new(), false);
        let read = files.read(&path, &mut |mut bytes| {
            while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
                let (line, rest) = bytes.split_at(end);
                partial.extend_from_slice(line);
                leaves.push(line_leaf(&partial));
                partial.clear();
                bytes = rest.get(1..).unwrap_or_default();
            }
            is_long |= partial.len() + bytes.len() > LINE_MAX;
            if !is_long {
                partial.extend_from_slice(bytes);
            }
        });
        match read {
            Err(FileFault::Missing { .. }) => Ok(Self(Vec::new())),
            Err(fault) => Err(VaultError::Files(fault)),
            Ok(_) if is_long => {
                Err(VaultError::Input { reason: format!("{path} has a line longer than {LINE_MAX} bytes") })
            }
            Ok(_) => Ok(Self(leaves)),
        }
    }

    /// Leaf of a line.
    pub(super) fn at(&self, line: LeafIndex) -> Option<LeafHash> {
        self.0.get(usize::try_from(line.as_u64()).ok()?).copied()
    }

    /// Roots of the scroll at these sizes, as far as it has so many lines.
    pub(super) fn roots(&self, sizes: BTreeSet<TreeSize>) -> BTreeMap<TreeSize, RootHash> {
        let (mut frontier, mut roots, mut leaves) = (Frontier::new(), BTreeMap::new(), self.0.iter());
        for size in sizes {
            while frontier.size() < size {
                let Some(leaf) = leaves.next() else { return roots };
                frontier.append(*leaf);
            }
            roots.insert(size, frontier.root());
        }
        roots
    }

    /// Number of the first line with this leaf.
    pub(super) fn find(&self, leaf: LeafHash) -> Option<LeafIndex> {
        let at = self.0.iter().position(|found| *found == leaf)?;
        u64::try_from(at).ok().map(LeafIndex::new)
    }

    /// The tree over the first `size` lines; none where there are fewer.
    pub(super) fn tree_at(&self, size: TreeSize) -> Option<Tree> {
        let size = usize::try_from(size.as_u64()).ok()?;
        self.0.get(..size).map(|leaves| Tree::from_leaves(leaves.to_vec()))
    }
}

pub(super) fn engine() -> Result<EngineName, VaultError> {
    ENGINE.parse().map_err(VaultError::Id)
}

impl Vault {
    /// Appends the line to the scroll, unless it stands there. Where a crash came between this very line and its root, the root
    /// is made up for; other lines that nobody signed are for whoever [vouches](Vault::adopt_scroll) for them.
    pub(super) fn tell(&mut self, line: &[u8], permit: &Permit<act::Record>, trace: TraceId) -> Result<(), VaultError> {
        let engine = engine()?;
        let leaves = Leaves::read(self.ledger.snapshot()?.files())?;
        let known = leaves.find(line_leaf(line));
        let value = canonical::parse_exact(line, LINE_MAX).map_err(VaultError::Canonical)?;
        let mut lines = vec![Redacted::system(&value).map_err(VaultError::Canonical)?];
        if known.is_some() {
            lines.clear();
        }
        let (epoch, now) = (self.ledger.epoch(), self.now());
        let append = |writer: &mut ScrollWriter<'_>| writer.append_lines(permit, &lines, epoch, now);
        match self.write_scroll(&engine, permit, false, trace, now, append) {
            Err(VaultError::Scroll(ScrollError::UnsignedTail { signed, found, .. }))
                if known == Some(LeafIndex::new(signed)) && found == signed.saturating_add(1) =>
            {
                self.adopt_scroll(&engine).map(drop)
            }
            written => written.map(drop),
        }
    }
}
