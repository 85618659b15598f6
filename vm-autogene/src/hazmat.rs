//! A view over rows in memory, for tests and examples: it signs nothing and keeps nothing.

use vm_core::digest::LeafHash;
use vm_core::error::RecordError;
use vm_core::id::{LedgerId, RowId};
use vm_core::record::{LogEntry, RowDraft, SCHEMA, SchemaVersion, StoredRow, Table};
use vm_core::view::{EvidenceView, LoggedRow, RowFilter, RowState, StoredEntry, StoredTile, ViewError, Visit};

/// Rows in the order of a log.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Rows {
    log: Vec<(LogEntry, RowState)>,
}

impl Rows {
    /// Adds the row of a draft at the end.
    ///
    /// # Errors
    /// [`RecordError`] where it cannot be a row.
    pub fn push(&mut self, draft: RowDraft) -> Result<(), RecordError> {
        self.push_row(draft.into_row(None)?)
    }

    /// Adds a row at the end.
    ///
    /// # Errors
    /// [`RecordError`] where it has no leaf.
    pub fn push_row(&mut self, row: StoredRow) -> Result<(), RecordError> {
        let seq = u64::try_from(self.log.len()).unwrap_or(u64::MAX);
        let (table, row_id, schema) = (row.table(), row.id()?, row.schema());
        let entry = LogEntry { seq, table, row_id, schema, leaf: row.leaf_hash()? };
        self.log.push((entry, RowState::Present(row)));
        Ok(())
    }

    /// Puts another state in the place of a row, and leaves the log as it is: what tampering does.
    pub fn tamper(&mut self, place: usize, state: RowState) {
        if let Some((_, held)) = self.log.get_mut(place) {
            *held = state;
        }
    }

    /// Entries and states, in order.
    pub fn entries(&self) -> impl Iterator<Item = &(LogEntry, RowState)> {
        self.log.iter()
    }
}

impl EvidenceView for Rows {
    fn ledger(&self) -> Result<LedgerId, ViewError> {
        self.log.first().map(|_| LedgerId::from_genesis(LeafHash::of(b"rows in memory"))).ok_or(ViewError::Empty)
    }

    fn schema(&self) -> Result<(SchemaVersion, String), ViewError> {
        Ok((SCHEMA, String::new()))
    }

    fn size(&self) -> Result<u64, ViewError> {
        Ok(u64::try_from(self.log.len()).unwrap_or(u64::MAX))
    }

    fn visit_log(
        &self,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(StoredEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        for (entry, state) in self.log.iter().filter(|(entry, _)| (from..to).contains(&entry.seq)) {
            if visit(StoredEntry::Entry(*entry), state.clone())? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }

    fn visit_unlogged(&self, _: &mut dyn FnMut(Table, Vec<u8>) -> Result<Visit, ViewError>) -> Result<(), ViewError> {
        Ok(())
    }

    fn visit_matching(
        &self,
        filter: &RowFilter,
        visit: &mut dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        let mut matching: Vec<&(LogEntry, RowState)> = self
            .log
            .iter()
            .filter(|(entry, _)| entry.seq < filter.as_of)
            .filter(|(_, state)| matches!(state, RowState::Present(row) if filter.matches(row).unwrap_or(false)))
            .collect();
        matching.sort_unstable_by_key(|(entry, _)| (entry.table, entry.row_id));
        for (entry, state) in matching {
            if visit(*entry, state.clone())? == Visit::Stop {
                break;
            }
        }
        Ok(())
    }

    fn row(&self, id: RowId) -> Result<Option<LoggedRow>, ViewError> {
        let found = self.log.iter().find(|(entry, _)| entry.row_id == id);
        Ok(found.and_then(|(entry, state)| match state {
            RowState::Present(row) => Some(LoggedRow { entry: *entry, row: row.clone() }),
            _ => None,
        }))
    }

    fn visit_checkpoints(&self, _: &mut dyn FnMut(u64, String) -> Result<Visit, ViewError>) -> Result<(), ViewError> {
        Ok(())
    }

    fn visit_tiles(&self, _: &mut dyn FnMut(StoredTile) -> Result<Visit, ViewError>) -> Result<(), ViewError> {
        Ok(())
    }
}
