//! The ledger in memory as a read-only view.

use vm_core::id::{LedgerId, RowId};
use vm_core::record::{LogEntry, SCHEMA, SchemaVersion, Table};
use vm_core::view::{EvidenceView, LoggedRow, RowFilter, RowState, StoredEntry, StoredTile, ViewError, Visit};

use super::{LAST_MIGRATION, MemoryLedger};

impl EvidenceView for MemoryLedger {
    fn ledger(&self) -> Result<LedgerId, ViewError> {
        self.log.first().map(|entry| LedgerId::from_genesis(entry.leaf)).ok_or(ViewError::Empty)
    }

    fn schema(&self) -> Result<(SchemaVersion, String), ViewError> {
        Ok((SCHEMA, LAST_MIGRATION.to_owned()))
    }

    fn size(&self) -> Result<u64, ViewError> {
        Ok(self.log.last().map_or(0, |entry| entry.seq + 1))
    }

    fn visit_log(
        &self,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(StoredEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        for entry in self.log.iter().filter(|entry| (from..to).contains(&entry.seq)) {
            if visit(StoredEntry::Entry(*entry), self.state(entry))? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }

    fn visit_unlogged(
        &self,
        visit: &mut dyn FnMut(Table, Vec<u8>) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        for (table, id) in &self.unlogged {
            if visit(*table, id.as_bytes().to_vec())? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }

    fn visit_matching(
        &self,
        filter: &RowFilter,
        visit: &mut dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        let mut matching: Vec<&LogEntry> = self.log.iter().filter(|entry| entry.seq < filter.as_of).collect();
        matching.sort_unstable_by_key(|entry| (entry.table, entry.row_id));
        for entry in matching {
            let RowState::Present(row) = self.state(entry) else {
                continue;
            };
            if filter.matches(&row).unwrap_or(false) && visit(*entry, RowState::Present(row))? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }

    fn row(&self, id: RowId) -> Result<Option<LoggedRow>, ViewError> {
        let Some((seq, row)) = self.rows.get(&id) else {
            return Ok(None);
        };
        let place = self.log.binary_search_by_key(seq, |entry| entry.seq).ok();
        let entry = place.and_then(|place| self.log.get(place)).filter(|entry| entry.row_id == id);
        Ok(entry.map(|entry| LoggedRow { entry: *entry, row: row.clone() }))
    }

    fn visit_checkpoints(
        &self,
        visit: &mut dyn FnMut(u64, String) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        for (size, note) in &self.checkpoints {
            if visit(*size, note.clone())? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }

    fn visit_tiles(&self, visit: &mut dyn FnMut(StoredTile) -> Result<Visit, ViewError>) -> Result<(), ViewError> {
        for tile in &self.tiles {
            if visit(tile.clone())? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }
}
