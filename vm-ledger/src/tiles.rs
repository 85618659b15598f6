//! The Merkle side of the store: full tiles as they fill, the right edge that appends go on from, and hashes for proofs.

use rusqlite::{Connection, OptionalExtension as _, params};
use vm_core::digest::{LeafHash, RootHash};
use vm_seal::merkle::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, TileAt, TileHashes, TileReader};
use vm_seal::merkle::{Frontier, NodeAt, TreeSize};

use crate::error::{LedgerError, ProofFault};

/// Number of entries in the log: one more than the last place.
pub(crate) fn log_size(conn: &Connection) -> rusqlite::Result<u64> {
    let last: Option<i64> = conn.prepare_cached("SELECT max(seq) FROM log")?.query_row([], |row| row.get(0))?;
    Ok(last.map_or(0, |last| u64::try_from(last).map_or(0, |last| last + 1)))
}

/// The right edge of the stored tree: its frontier, and the hashes of the tile that is not yet full on each level.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edge {
    frontier: Frontier,
    /// `open[l]` holds the hashes of the last tile of level `l`; fewer than 256.
    open: Vec<Vec<RootHash>>,
    /// Tiles that filled since they were last taken.
    full: Vec<FullTile>,
}

/// A tile that filled.
#[derive(Clone, Debug)]
pub(crate) struct FullTile {
    level: u8,
    index: u64,
    hashes: Vec<RootHash>,
    root: RootHash,
}

impl Edge {
    /// Reads the edge of the first `size` entries. Cost: at most 255 hashes a level, and so many reads.
    pub(crate) fn read(conn: &Connection, size: u64) -> Result<Self, ProofFault> {
        let tiles = DbTiles { conn };
        let size = TreeSize::new(size);
        let frontier = Frontier::read(&TileHashes::new(tiles, size), size).map_err(prove_fault)?;
        let mut open = Vec::new();
        let mut hashes = size.as_u64();
        for level in 0.. {
            if hashes == 0 {
                break;
            }
            let width = u16::try_from(hashes % u64::from(TILE_WIDTH)).unwrap_or(0);
            open.push(if width == 0 {
                Vec::new()
            } else {
                let at = TileAt::new(level, hashes >> TILE_HEIGHT, width)?;
                tiles.tile(at)?.hashes().to_vec()
            });
            hashes >>= TILE_HEIGHT;
        }
        Ok(Self { frontier, open, full: Vec::new() })
    }

    /// Adds the next leaf.
    pub(crate) fn append(&mut self, leaf: LeafHash) {
        let Self { frontier, open, full } = self;
        frontier.append_each(leaf, |node, hash| {
            if node.level() % TILE_HEIGHT == 0 {
                take_node(open, full, node, hash);
            }
        });
    }

    pub(crate) const fn size(&self) -> u64 {
        self.frontier.size().as_u64()
    }

    pub(crate) fn root(&self) -> RootHash {
        self.frontier.root()
    }

    /// Writes the tiles that filled.
    pub(crate) fn write_full(&mut self, conn: &Connection) -> Result<(), LedgerError> {
        let mut insert = conn.prepare_cached("INSERT INTO tiles (level, idx, hashes, root) VALUES (?1, ?2, ?3, ?4)")?;
        for tile in self.full.drain(..) {
            let bytes: Vec<u8> = tile.hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
            let index = i64::try_from(tile.index).unwrap_or(i64::MAX);
            insert.execute(params![tile.level, index, bytes, tile.root.as_bytes()])?;
        }
        Ok(())
    }
}

/// Takes a subtree hash that is one hash of a tile. Where its level is above the leaves, it is also the root of the
/// tile below, which has just filled.
fn take_node(open: &mut Vec<Vec<RootHash>>, full: &mut Vec<FullTile>, node: NodeAt, hash: RootHash) {
    let level = node.level() / TILE_HEIGHT;
    let at = usize::from(level);
    if let Some(below) = level.checked_sub(1) {
        let hashes = open.get_mut(usize::from(below)).map(core::mem::take).unwrap_or_default();
        full.push(FullTile { level: below, index: node.index(), hashes, root: hash });
    }
    while open.len() <= at {
        open.push(Vec::new());
    }
    if let Some(hashes) = open.get_mut(at) {
        hashes.push(hash);
    }
}

/// Tiles out of the store. Full ones are stored; others are read from what stands below them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DbTiles<'a> {
    pub(crate) conn: &'a Connection,
}

impl TileReader for DbTiles<'_> {
    type Error = ProofFault;

    fn tile(&self, at: TileAt) -> Result<Tile, ProofFault> {
        let missing = || ProofFault::Tile { path: at.path() };
        let bytes = if at.is_full() { self.full(at)?.ok_or_else(missing)? } else { self.partial(at)? };
        Tile::parse(at, &bytes).map_err(|_| missing())
    }
}

impl DbTiles<'_> {
    fn full(&self, at: TileAt) -> rusqlite::Result<Option<Vec<u8>>> {
        let index = i64::try_from(at.index()).unwrap_or(i64::MAX);
        self.conn
            .prepare_cached("SELECT hashes FROM tiles WHERE level = ?1 AND idx = ?2")?
            .query_row(params![at.level(), index], |row| row.get(0))
            .optional()
    }

    fn partial(&self, at: TileAt) -> rusqlite::Result<Vec<u8>> {
        let first = i64::try_from(at.index() << TILE_HEIGHT).unwrap_or(i64::MAX);
        let last = first.saturating_add(i64::from(at.width()));
        let collect = |mut rows: rusqlite::Rows<'_>| {
            let mut bytes = Vec::new();
            while let Some(row) = rows.next()? {
                bytes.extend_from_slice(row.get_ref(0)?.as_blob().unwrap_or_default());
            }
            Ok(bytes)
        };
        match at.level().checked_sub(1) {
            None => {
                let sql = "SELECT leaf FROM log WHERE seq >= ?1 AND seq < ?2 ORDER BY seq";
                collect(self.conn.prepare_cached(sql)?.query(params![first, last])?)
            }
            Some(below) => {
                let sql = "SELECT root FROM tiles WHERE level = ?1 AND idx >= ?2 AND idx < ?3 ORDER BY idx";
                collect(self.conn.prepare_cached(sql)?.query(params![below, first, last])?)
            }
        }
    }
}

/// What kept a proof from being made.
pub(crate) fn prove_fault(error: vm_seal::error::ProveError<ProofFault>) -> ProofFault {
    use vm_seal::error::ProveError as E;
    match error {
        E::Read(fault) => fault,
        E::Index { index, size } => ProofFault::Outside { held: size.as_u64(), wanted: index.as_u64() },
        E::Size { wanted, held } => ProofFault::Outside { held: held.as_u64(), wanted: wanted.as_u64() },
        E::Leaves(source) => ProofFault::Leaves(source),
        E::Shrunk { old, new } => ProofFault::Shrunk { from: old.as_u64(), to: new.as_u64() },
        _ => ProofFault::Tile { path: "tile".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration;

    fn leaf(n: u64) -> LeafHash {
        LeafHash::of(&n.to_be_bytes())
    }

    /// A store with `size` entries of no rows.
    fn store(size: u64) -> (Connection, Edge) {
        let conn = Connection::open_in_memory().unwrap();
        migration::apply(&conn, 0, 3).unwrap();
        let mut edge = Edge::default();
        let mut insert = conn.prepare("INSERT INTO log VALUES (?1, 1, ?2, 3, ?3)").unwrap();
        for n in 0..size {
            let id: [u8; 16] = u128::from(n).to_be_bytes();
            insert.execute(params![i64::try_from(n).unwrap(), id, leaf(n).as_bytes()]).unwrap();
            edge.append(leaf(n));
        }
        edge.write_full(&conn).unwrap();
        drop(insert);
        (conn, edge)
    }

    #[test]
    fn the_edge_read_back_is_the_edge_that_grew() {
        for size in [0, 1, 2, 255, 256, 257, 511, 512, 513, 1_000] {
            let (conn, edge) = store(size);
            assert_eq!(log_size(&conn).unwrap(), size);
            let read = Edge::read(&conn, size).unwrap();
            assert_eq!(read.frontier, edge.frontier, "{size}");
            assert_eq!(read.root(), vm_seal::merkle::root_of((0..size).map(leaf)), "{size}");
            for (at, hashes) in read.open.iter().enumerate() {
                assert_eq!(edge.open.get(at), Some(hashes), "{size} level {at}");
            }
        }
    }

    #[test]
    fn two_levels_of_tiles_fill() {
        let size = 65_536 + 300;
        let (conn, mut grown) = store(size);
        let mut read = Edge::read(&conn, size).unwrap();
        assert_eq!(read.frontier, grown.frontier);
        assert_eq!(read.open, grown.open);
        for n in size..size + 300 {
            read.append(leaf(n));
            grown.append(leaf(n));
        }
        assert_eq!(read.root(), grown.root());
        let count = |level: u8| -> i64 {
            conn.query_row("SELECT count(*) FROM tiles WHERE level = ?1", [level], |row| row.get(0)).unwrap()
        };
        assert_eq!((count(0), count(1), count(2)), (257, 1, 0));
    }

    #[test]
    fn a_missing_leaf_or_tile_is_a_fault_and_no_other_root() {
        let (conn, _) = store(600);
        conn.execute_batch("DROP TRIGGER tiles_no_delete; DROP TRIGGER log_no_delete").unwrap();
        conn.execute("DELETE FROM log WHERE seq = 590", []).unwrap();
        assert_eq!(Edge::read(&conn, 600).unwrap_err().code(), "proof-tile");
        let (conn, _) = store(600);
        conn.execute_batch("DROP TRIGGER tiles_no_delete; DELETE FROM tiles WHERE idx = 1").unwrap();
        assert_eq!(Edge::read(&conn, 600).unwrap_err().code(), "proof-tile");
    }
}
