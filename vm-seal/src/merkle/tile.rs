//! Tiles: rows of 256 subtree hashes, as C2SP tlog-tiles stores and serves them.
//!
//! ```text
//! tile/0/x001/x234/067        256 leaf hashes, those from leaf 1,234,067 * 256 on
//! tile/1/000.p/5              5 hashes, each the root of a full tile of level 0
//! ```
//!
//! A tile is its hashes one after the other, 32 bytes each. Hash i of tile n at level l is the subtree of height
//! `8 * l` with the index `256 * n + i`. A tile with all 256 hashes is full and never changes again.

use core::cell::RefCell;
use std::collections::BTreeMap;

use vm_core::digest::{DIGEST_LEN, LeafHash, RootHash};

use super::hashing::Rows;
use super::{HashReader, NodeAt, Tree, TreeSize};
use crate::error::TileError;

/// Levels of the tree in one tile.
pub const TILE_HEIGHT: u8 = 8;
/// Hashes in a full tile.
pub const TILE_WIDTH: u16 = 256;
/// Highest level of a tile: a tree of fewer than 2^64 leaves has no more than 64 levels.
const TILE_LEVEL_MAX: u8 = 7;

/// Name of a tile: level, number in the level, and how many hashes it has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TileAt {
    level: u8,
    index: u64,
    width: u16,
}

impl TileAt {
    /// The tile number `index` of `level`, with `width` hashes.
    ///
    /// # Errors
    /// [`TileError::Range`] unless `level` is at most 7 and `width` from 1 to 256.
    pub const fn new(level: u8, index: u64, width: u16) -> Result<Self, TileError> {
        if level > TILE_LEVEL_MAX || width == 0 || width > TILE_WIDTH {
            return Err(TileError::Range { level, width });
        }
        Ok(Self { level, index, width })
    }

    /// The tile that holds `node` in a tree of `size`, as wide as that tree makes it. None where the tree does not
    /// hold the whole subtree.
    #[must_use]
    pub fn holding(node: NodeAt, size: TreeSize) -> Option<Self> {
        if !node.is_within(size) {
            return None;
        }
        let level = node.level() / TILE_HEIGHT;
        let index = node.index() >> (TILE_HEIGHT - node.level() % TILE_HEIGHT);
        // Hashes of this tile's level in the tree; those in earlier tiles are no fewer than index * 256.
        let hashes = size.as_u64().checked_shr(u32::from(level) * u32::from(TILE_HEIGHT))?;
        let width = hashes.saturating_sub(index << TILE_HEIGHT);
        let width = u16::try_from(width).unwrap_or(TILE_WIDTH).min(TILE_WIDTH);
        Self::new(level, index, width).ok()
    }

    /// Level: 0 holds leaf hashes.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Number in its level, from zero.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes it has, 1 to 256.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it has all its hashes, and so will never change.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// All tiles of a tree of `size`: level by level from the leaves up, each from left to right, the last of a level
    /// partial unless it is just full.
    pub fn all(size: TreeSize) -> impl Iterator<Item = Self> {
        let hashes = move |level: u8| size.as_u64().checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
        let width = move |left: u64| u16::try_from(left).unwrap_or(TILE_WIDTH).min(TILE_WIDTH);
        (0..=TILE_LEVEL_MAX).map(move |level| (level, hashes(level))).flat_map(move |(level, hashes)| {
            let indices = 0..hashes.div_ceil(u64::from(TILE_WIDTH));
            indices.map(move |index| Self { level, index, width: width(hashes - (index << TILE_HEIGHT)) })
        })
    }

    /// The tile of the same place with another width.
    ///
    /// # Errors
    /// [`TileError::Range`] unless `width` is from 1 to 256.
    pub const fn with_width(self, width: u16) -> Result<Self, TileError> {
        Self::new(self.level, self.index, width)
    }

    /// The tile of a tree of `size` that holds the root of this one as a hash. None above the highest level, or where
    /// this tile is not full in that tree.
    #[must_use]
    pub fn parent(self, size: TreeSize) -> Option<Self> {
        let level = self.level.checked_add(1).filter(|level| *level <= TILE_LEVEL_MAX)?;
        Self::holding(NodeAt::new(level * TILE_HEIGHT, self.index), size)
    }

    /// Path below the log's directory or address (C2SP tlog-tiles, "Merkle tree").
    #[must_use]
    pub fn path(self) -> String {
        self.path_below(&self.level.to_string())
    }

    /// Path of the bundle of the entries whose leaf hashes this tile of level 0 has (C2SP tlog-tiles, "Log entries").
    #[must_use]
    pub fn entries_path(self) -> String {
        self.path_below("entries")
    }

    fn path_below(self, folder: &str) -> String {
        let mut number = format!("{:03}", self.index % 1_000);
        let mut rest = self.index / 1_000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1_000);
            rest /= 1_000;
        }
        let partial = if self.is_full() { String::new() } else { format!(".p/{}", self.width) };
        format!("tile/{folder}/{number}{partial}")
    }
}

/// A tile's hashes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tile {
    at: TileAt,
    hashes: Vec<RootHash>,
}

impl Tile {
    /// A tile of these hashes.
    ///
    /// # Errors
    /// [`TileError::Length`] unless there are as many as the name says.
    pub fn from_hashes(at: TileAt, hashes: Vec<RootHash>) -> Result<Self, TileError> {
        if hashes.len() != usize::from(at.width) {
            return Err(TileError::Length {
                expected: usize::from(at.width) * DIGEST_LEN,
                found: hashes.len() * DIGEST_LEN,
            });
        }
        Ok(Self { at, hashes })
    }

    /// Reads a tile's bytes.
    ///
    /// # Errors
    /// [`TileError::Length`] unless there are exactly 32 bytes for each hash.
    pub fn parse(at: TileAt, bytes: &[u8]) -> Result<Self, TileError> {
        let expected = usize::from(at.width) * DIGEST_LEN;
        if bytes.len() != expected {
            return Err(TileError::Length { expected, found: bytes.len() });
        }
        let hashes = bytes.as_chunks::<DIGEST_LEN>().0;
        let hashes = hashes.iter().copied().map(RootHash::from_bytes).collect();
        Ok(Self { at, hashes })
    }

    /// The tile's bytes: its hashes one after the other.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = self.hashes.iter().flat_map(|hash| *hash.as_bytes());
        bytes.collect()
    }

    /// Which tile this is.
    #[must_use]
    pub const fn at(&self) -> TileAt {
        self.at
    }

    /// The hashes.
    #[must_use]
    pub fn hashes(&self) -> &[RootHash] {
        &self.hashes
    }

    /// Hash of a subtree that lies in this tile. Cost: at most 127 hashes.
    ///
    /// # Errors
    /// [`TileError::Outside`] where it does not lie here, or not whole.
    pub fn subtree(&self, node: NodeAt) -> Result<RootHash, TileError> {
        let height = node.level() % TILE_HEIGHT;
        if node.level() / TILE_HEIGHT != self.at.level || node.index() >> (TILE_HEIGHT - height) != self.at.index {
            return Err(TileError::Outside);
        }
        let first = (node.index() << height) % u64::from(TILE_WIDTH);
        let first = usize::try_from(first).map_err(|_| TileError::Outside)?;
        let hashes = self.hashes.get(first..first + (1 << height)).ok_or(TileError::Outside)?;
        Ok(Rows::default().complete(hashes, |_, _| {}))
    }

    /// Root of a full tile, which is one hash of the tile above it. None where the tile is not full.
    #[must_use]
    pub fn root(&self) -> Option<RootHash> {
        self.at.is_full().then(|| Rows::default().complete(&self.hashes, |_, _| {}))
    }
}

/// Gives out tiles of one log.
pub trait TileReader {
    /// Why a tile could not be read.
    type Error: From<TileError>;

    /// The tile named.
    ///
    /// # Errors
    /// Whatever keeps the store from answering.
    fn tile(&self, at: TileAt) -> Result<Tile, Self::Error>;
}

/// Answers with subtree hashes out of tiles, for a tree of one size. The tiles are believed: compare the root that
/// [`super::root_at`] gives with a signed one.
#[derive(Clone, Copy, Debug)]
pub struct TileHashes<T> {
    tiles: T,
    size: TreeSize,
}

impl<T> TileHashes<T> {
    /// Reads the tiles of a tree of `size`.
    pub const fn new(tiles: T, size: TreeSize) -> Self {
        Self { tiles, size }
    }
}

impl<T: TileReader> HashReader for TileHashes<T> {
    type Error = T::Error;

    fn read(&self, nodes: &[NodeAt]) -> Result<Vec<RootHash>, T::Error> {
        // Neighbours on paths lie in one tile, and several paths in one tile a level.
        let mut last: BTreeMap<u8, Tile> = BTreeMap::new();
        let mut hashes = Vec::with_capacity(nodes.len());
        for node in nodes {
            let at = TileAt::holding(*node, self.size).ok_or(TileError::Outside)?;
            let tile = match last.remove(&at.level).filter(|tile| tile.at == at) {
                Some(tile) => tile,
                None => self.tiles.tile(at)?,
            };
            hashes.push(tile.subtree(*node)?);
            last.insert(at.level, tile);
        }
        Ok(hashes)
    }
}

/// Answers as [`TileHashes`] does, and keeps the last full tile of each level and the one at its end, with all hashes of their
/// subtrees: for many proofs of leaves that stand near each other. Memory: 32 kB a level.
#[derive(Debug)]
pub struct TileTrees<T> {
    tiles: T,
    size: TreeSize,
    /// By level, and whether they are full: every path ends in those that are not.
    last: RefCell<BTreeMap<(u8, bool), (TileAt, Tree)>>,
}

impl<T> TileTrees<T> {
    /// Reads the tiles of a tree of `size`.
    pub const fn new(tiles: T, size: TreeSize) -> Self {
        Self { tiles, size, last: RefCell::new(BTreeMap::new()) }
    }
}

impl<T: TileReader> HashReader for TileTrees<T> {
    type Error = T::Error;

    fn read(&self, nodes: &[NodeAt]) -> Result<Vec<RootHash>, T::Error> {
        let mut last = self.last.borrow_mut();
        let hash = |node: &NodeAt| {
            let at = TileAt::holding(*node, self.size).ok_or(TileError::Outside)?;
            let slot = (at.level, at.is_full());
            if last.get(&slot).is_none_or(|(kept, _)| *kept != at) {
                let tile = self.tiles.tile(at)?;
                let leaves = tile.hashes.iter().map(|hash| LeafHash::from_bytes(*hash.as_bytes())).collect();
                last.insert(slot, (at, Tree::from_leaves(leaves)));
            }
            let height = node.level() % TILE_HEIGHT;
            let first = at.index << (TILE_HEIGHT - height);
            let within = NodeAt::new(height, node.index().checked_sub(first).ok_or(TileError::Outside)?);
            let read = last.get(&slot).and_then(|(_, tree)| tree.read(&[within]).ok());
            Ok(read.and_then(|hashes| hashes.first().copied()).ok_or(TileError::Outside)?)
        };
        nodes.iter().map(hash).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{LeafIndex, prove_inclusion, root_at};

    struct FromTree<'a>(&'a Tree);

    impl TileReader for FromTree<'_> {
        type Error = TileError;

        fn tile(&self, at: TileAt) -> Result<Tile, TileError> {
            let level = at.level() * TILE_HEIGHT;
            let first = at.index() * u64::from(TILE_WIDTH);
            let nodes: Vec<NodeAt> = (0..u64::from(at.width())).map(|i| NodeAt::new(level, first + i)).collect();
            let hashes = self.0.read(&nodes).unwrap();
            let tile = Tile::from_hashes(at, hashes)?;
            Tile::parse(at, &tile.to_bytes())
        }
    }

    #[test]
    fn paths_of_the_specification() {
        let full = TileAt::new(0, 1_234_067, 256).unwrap();
        assert_eq!(full.path(), "tile/0/x001/x234/067");
        assert_eq!(TileAt::new(1, 0, 5).unwrap().path(), "tile/1/000.p/5");
        assert_eq!(TileAt::new(2, 1_000, 1).unwrap().path(), "tile/2/x001/000.p/1");
    }

    #[test]
    fn out_of_range_is_refused() {
        assert!(TileAt::new(8, 0, 1).is_err());
        assert!(TileAt::new(0, 0, 0).is_err());
        assert!(TileAt::new(0, 0, 257).is_err());
        let at = TileAt::new(0, 0, 2).unwrap();
        assert_eq!(Tile::parse(at, &[0; 63]), Err(TileError::Length { expected: 64, found: 63 }));
        let tile = Tile::parse(at, &[0; 64]).unwrap();
        assert_eq!(tile.subtree(NodeAt::new(0, 2)), Err(TileError::Outside));
        assert_eq!(tile.subtree(NodeAt::new(2, 0)), Err(TileError::Outside));
        assert_eq!(tile.subtree(NodeAt::new(8, 0)), Err(TileError::Outside));
        assert_eq!(tile.root(), None);
    }

    #[test]
    fn tiles_answer_as_the_tree_does() {
        let mut tree = Tree::new();
        tree.extend((0..1_000_u32).map(|n| LeafHash::of(&n.to_be_bytes())));
        for size in [1, 2, 255, 256, 257, 511, 512, 513, 768, 1_000] {
            let size = TreeSize::new(size);
            let tiles = TileHashes::new(FromTree(&tree), size);
            let trees = TileTrees::new(FromTree(&tree), size);
            for index in (0..size.as_u64()).map(LeafIndex::new) {
                let proof = prove_inclusion(&trees, index, size).unwrap();
                assert_eq!(proof, tree.prove_inclusion(index, size).unwrap());
            }
            let root = tree.root_at(size).unwrap();
            assert_eq!(root_at(&tiles, size).unwrap(), root);
            for index in [0, size.as_u64() / 2, size.as_u64() - 1].map(LeafIndex::new) {
                let proof = prove_inclusion(&tiles, index, size).unwrap();
                assert_eq!(proof, tree.prove_inclusion(index, size).unwrap());
            }
        }
    }

    #[test]
    fn a_full_tile_is_one_hash_above() {
        let mut tree = Tree::new();
        tree.extend((0..512_u32).map(|n| LeafHash::of(&n.to_be_bytes())));
        let tile = FromTree(&tree).tile(TileAt::new(0, 1, 256).unwrap()).unwrap();
        let above = tree.read(&[NodeAt::new(8, 1)]).unwrap();
        assert_eq!(tile.root(), Some(above[0]));
    }
}
