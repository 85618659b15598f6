//! The past: a ledger as it stood when its log held fewer entries. It is what a forecaster is shown, so that it knows no more than
//! the forecast says.

use vm_core::id::{LedgerId, RowId};
use vm_core::instant::Instant;
use vm_core::record::{LogEntry, SchemaVersion, Table};
use vm_core::view::{EvidenceView, LoggedRow, RowFilter, RowState, StoredEntry, StoredTile, ViewError, Visit};

/// Leaves below a hash of level 0 of a tile, and hashes of a tile.
const TILE_WIDTH: u64 = 256;

/// A view without the rows from place `as_of` on, without checkpoints and tiles that tell of them, and without rows that no entry
/// names, since nobody can say since when those have been there.
pub(crate) struct Past<'a> {
    view: &'a dyn EvidenceView,
    as_of: u64,
}

impl<'a> Past<'a> {
    pub(crate) const fn new(view: &'a dyn EvidenceView, as_of: u64) -> Self {
        Self { view, as_of }
    }

    fn narrowed(&self, filter: &RowFilter) -> RowFilter {
        RowFilter { as_of: filter.as_of.min(self.as_of), ..filter.clone() }
    }

    /// Whether all leaves below a full tile are of the past.
    fn holds(&self, tile: &StoredTile) -> bool {
        let below = TILE_WIDTH.checked_pow(u32::from(tile.level) + 1);
        let end = below.zip(tile.index.checked_add(1)).and_then(|(below, tiles)| below.checked_mul(tiles));
        end.is_some_and(|end| end <= self.as_of)
    }
}

impl EvidenceView for Past<'_> {
    fn ledger(&self) -> Result<LedgerId, ViewError> {
        self.view.ledger()
    }

    fn schema(&self) -> Result<(SchemaVersion, String), ViewError> {
        self.view.schema()
    }

    fn size(&self) -> Result<u64, ViewError> {
        Ok(self.view.size()?.min(self.as_of))
    }

    fn visit_log(
        &self,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(StoredEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        let to = to.min(self.as_of);
        if from >= to { Ok(()) } else { self.view.visit_log(from, to, visit) }
    }

    fn visit_unlogged(&self, _: &mut dyn FnMut(Table, Vec<u8>) -> Result<Visit, ViewError>) -> Result<(), ViewError> {
        Ok(())
    }

    fn visit_matching(
        &self,
        filter: &RowFilter,
        visit: &mut dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.view.visit_matching(&self.narrowed(filter), visit)
    }

    fn visit_leaves(
        &self,
        filter: &RowFilter,
        visit: &mut dyn FnMut(LogEntry) -> Result<Visit, ViewError>,
    ) -> Result<Option<(Instant, Instant)>, ViewError> {
        self.view.visit_leaves(&self.narrowed(filter), visit)
    }

    fn row(&self, id: RowId) -> Result<Option<LoggedRow>, ViewError> {
        Ok(self.view.row(id)?.filter(|row| row.entry.seq < self.as_of))
    }

    fn visit_checkpoints(
        &self,
        visit: &mut dyn FnMut(u64, String) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.view.visit_checkpoints(&mut |size, note| {
            if size > self.as_of { Ok(Visit::Continue) } else { visit(size, note) }
        })
    }

    fn visit_tiles(&self, visit: &mut dyn FnMut(StoredTile) -> Result<Visit, ViewError>) -> Result<(), ViewError> {
        self.view.visit_tiles(&mut |tile| if self.holds(&tile) { visit(tile) } else { Ok(Visit::Continue) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hazmat::Rows;

    #[test]
    fn tiles_are_shown_once_all_below_them_is_past() {
        let rows = Rows::default();
        let holds = |as_of, level, index| {
            Past::new(&rows, as_of).holds(&StoredTile { level, index, hashes: Vec::new(), root: Vec::new() })
        };
        assert!(holds(256, 0, 0) && !holds(255, 0, 0));
        assert!(holds(512, 0, 1) && !holds(511, 0, 1));
        assert!(holds(65_536, 1, 0) && !holds(65_535, 1, 0));
        assert!(!holds(u64::MAX, 7, 0) && !holds(u64::MAX, 0, u64::MAX) && !holds(u64::MAX, 255, 0));
    }
}
