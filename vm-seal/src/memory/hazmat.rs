//! Tampering, to show that it is found: what an attacker with a database shell would do.

use vm_core::digest::LeafHash;
use vm_core::id::RowId;
use vm_core::record::{Cell, LogEntry, SchemaVersion, StoredRow};
use vm_core::view::StoredTile;

use super::MemoryLedger;

/// Puts another row in the place of the one with its id.
pub fn replace_row(ledger: &mut MemoryLedger, id: RowId, row: StoredRow) {
    if let Some((_, stored)) = ledger.rows.get_mut(&id) {
        *stored = row;
    }
}

/// Changes one cell of a row. Nothing happens where there is no such row or column, or the cell does not fit.
pub fn change_cell(ledger: &mut MemoryLedger, id: RowId, column: &str, cell: &Cell) {
    let Some((_, row)) = ledger.rows.get_mut(&id) else {
        return;
    };
    let cells = row.cells().map(|(name, old)| if name == column { cell.clone() } else { old.into() });
    if let Ok(changed) = StoredRow::new(row.table(), row.schema(), cells.collect()) {
        *row = changed;
    }
}

/// Takes a row out of its table; the log still names it.
pub fn remove_row(ledger: &mut MemoryLedger, id: RowId) {
    ledger.rows.remove(&id);
}

/// Puts a row into its table that the log does not name.
pub fn insert_unlogged(ledger: &mut MemoryLedger, row: &StoredRow) {
    if let Ok(id) = row.id() {
        ledger.unlogged.push((row.table(), id));
    }
}

/// Changes the leaf hash that the log holds.
pub fn change_leaf(ledger: &mut MemoryLedger, seq: u64, leaf: LeafHash) {
    if let Some(entry) = entry(ledger, seq) {
        entry.leaf = leaf;
    }
}

/// Changes the schema under which the log says that a row was written.
pub fn change_schema(ledger: &mut MemoryLedger, seq: u64, schema: SchemaVersion) {
    if let Some(entry) = entry(ledger, seq) {
        entry.schema = schema;
    }
}

/// Swaps what two entries of the log name.
pub fn swap_entries(ledger: &mut MemoryLedger, one: u64, other: u64) {
    let (Some(first), Some(second)) = (entry(ledger, one).copied(), entry(ledger, other).copied()) else {
        return;
    };
    for (seq, new) in [(one, second), (other, first)] {
        if let Some(entry) = entry(ledger, seq) {
            *entry = LogEntry { seq, ..new };
        }
    }
}

/// Takes an entry out of the log, and its row out of its table.
pub fn remove_entry(ledger: &mut MemoryLedger, seq: u64) {
    if let Some(id) = entry(ledger, seq).map(|entry| entry.row_id) {
        ledger.rows.remove(&id);
    }
    ledger.log.retain(|entry| entry.seq != seq);
}

/// Cuts the log, and the rows with it, to `size` entries. The checkpoints stay.
pub fn cut_log(ledger: &mut MemoryLedger, size: u64) {
    ledger.log.retain(|entry| entry.seq < size);
    ledger.rows.retain(|_, (seq, _)| *seq < size);
}

/// Cuts the checkpoints to those of at most `size` entries.
pub fn cut_checkpoints(ledger: &mut MemoryLedger, size: u64) {
    ledger.checkpoints.retain(|(of, _)| *of <= size);
}

/// The checkpoints as stored: size they are filed under, and note text.
pub fn checkpoints(ledger: &mut MemoryLedger) -> &mut Vec<(u64, String)> {
    &mut ledger.checkpoints
}

/// The tiles as stored.
pub fn tiles(ledger: &mut MemoryLedger) -> &mut Vec<StoredTile> {
    &mut ledger.tiles
}

/// Appends a row to table and log as the system does, but signs nothing.
pub fn append_unsigned(ledger: &mut MemoryLedger, row: StoredRow) {
    let _ = ledger.push(row);
}

fn entry(ledger: &mut MemoryLedger, seq: u64) -> Option<&mut LogEntry> {
    ledger.log.iter_mut().find(|entry| entry.seq == seq)
}
