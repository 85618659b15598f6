//! Stored tiles against the leaves they were made of.

use vm_core::digest::RootHash;
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{EvidenceView, StoredTile, ViewError, Visit};

use super::log::LogWalk;
use crate::merkle::NodeAt;
use crate::merkle::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, TileAt};

/// Checks that every full tile is stored once and is what the log's leaves, or the rows, come to.
pub(super) fn check(view: &dyn EvidenceView, log: &LogWalk, report: &mut Report) -> Result<(), ViewError> {
    let mut wanted = log.tiles().iter();
    let missing = |node: &NodeAt, roots: &[RootHash], report: &mut Report| {
        let finding = Finding::new(Code::TileAltered, subject(node.level() / TILE_HEIGHT - 1, node.index()));
        report.find(finding.expected_found(roots.first().copied().unwrap_or_else(RootHash::empty), "no tile"));
    };
    let mut count = 0_u64;
    view.visit_tiles(&mut |stored| {
        count += 1;
        let node = NodeAt::new((stored.level.min(7) + 1) * TILE_HEIGHT, stored.index);
        // Both come in order of level and index, so what is passed over is missing.
        let mut next = wanted.clone();
        while let Some((at, roots)) = next.next() {
            if *at > node {
                break;
            }
            wanted = next.clone();
            if *at == node {
                if let Some((expected, found)) = fault(&stored, roots) {
                    let finding = Finding::new(Code::TileAltered, subject(stored.level, stored.index));
                    report.find(finding.expected_found(expected, found));
                }
                return Ok(Visit::Continue);
            }
            missing(at, roots, report);
        }
        report.find(Finding::new(Code::TileAltered, subject(stored.level, stored.index)).found("no such tile is full"));
        Ok(Visit::Continue)
    })?;
    for (at, roots) in wanted {
        missing(at, roots, report);
    }
    report.checked(format!("tiles: {count} against the log"));
    Ok(())
}

fn subject(level: u8, index: u64) -> String {
    format!("tile {level}/{index}")
}

fn fault(stored: &StoredTile, roots: &[RootHash]) -> Option<(String, String)> {
    let expected = roots.first().map(RootHash::to_hex).unwrap_or_default();
    let tile = TileAt::new(stored.level, stored.index, TILE_WIDTH).and_then(|at| Tile::parse(at, &stored.hashes));
    let root = match tile.map(|tile| tile.root()) {
        Ok(Some(root)) => root,
        _ => return Some((expected, format!("{} bytes", stored.hashes.len()))),
    };
    if !roots.contains(&root) {
        return Some((expected, root.to_hex()));
    }
    (stored.root != root.as_bytes()).then(|| (root.to_hex(), "another root beside it".to_owned()))
}
