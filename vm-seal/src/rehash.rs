//! Rows on their way to a rule that needs their leaf hashes: held back a little, so that several are hashed side by side.

use vm_core::digest::LeafHash;
use vm_core::error::RecordError;
use vm_core::record::StoredRow;
use vm_core::view::RowState;

/// Most rows held back: what the lanes of the hash and a cache of a few hundred kilobytes have use for.
const ROWS_MAX: usize = 64;
/// Bytes of rows held back, unless one row alone has more: bounds the memory for long rows.
const BYTES_MAX: usize = 1024 * 1024;

/// What is known of the row that an entry names: its state, and the hash of its leaf data where it has some.
pub(crate) struct Hashed {
    pub(crate) state: RowState,
    pub(crate) leaf: Option<Result<LeafHash, RecordError>>,
}

impl Hashed {
    /// One row alone.
    pub(crate) fn of(state: RowState) -> Self {
        let leaf = row_of(&state).map(StoredRow::leaf_hash);
        Self { state, leaf }
    }
}

/// Rows held back, each with what stands beside it.
pub(crate) struct Held<T> {
    rows: Vec<(T, RowState)>,
    bytes: usize,
}

impl<T> Held<T> {
    pub(crate) const fn new() -> Self {
        Self { rows: Vec::new(), bytes: 0 }
    }

    /// Takes a row; answers whether it is time to go on with those held.
    pub(crate) fn push(&mut self, beside: T, state: RowState) -> bool {
        self.bytes += row_of(&state).map_or(0, |row| row.cells().map(|(_, cell)| cell.byte_len()).sum());
        self.rows.push((beside, state));
        self.rows.len() >= ROWS_MAX || self.bytes >= BYTES_MAX
    }

    /// The rows held, in the order they came, hashed. None are held afterwards.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = (T, Hashed)> + use<'_, T> {
        self.bytes = 0;
        let rows = self.rows.iter().filter_map(|(_, state)| row_of(state));
        let mut leaves = StoredRow::leaf_hashes(rows).into_iter();
        self.rows.drain(..).map(move |(beside, state)| {
            let leaf = row_of(&state).and_then(|_| leaves.next());
            (beside, Hashed { state, leaf })
        })
    }
}

const fn row_of(state: &RowState) -> Option<&StoredRow> {
    match state {
        RowState::Present(row) => Some(row),
        _ => None,
    }
}
