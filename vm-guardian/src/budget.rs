//! Budgets: how far a guardian may look. One that is spent is named, never passed over.

use core::cell::Cell;
use core::fmt;

use serde::{Deserialize, Serialize};
use vm_core::instant::Instant;
use vm_core::source::Clock;
use vm_core::verdict::FINDINGS_MAX;
use vm_core::view::ViewError;

use crate::error::Spent;

/// Rows between two looks at the clock: at a million rows a second that is every 64 microseconds.
const ROWS_A_LOOK: u64 = 64;

/// What one run of a guardian may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Rows handed over by the view, counted once for each time that one is; a file that is read counts as one.
    pub rows: u64,
    /// Time by the caller's clock, in microseconds, checked whenever the guardian looks at the ledger.
    pub micros: i64,
    /// Findings kept, and entries kept of each other list of observations.
    pub findings: usize,
}

impl Default for Budget {
    /// Four million rows: four passes over the million rows that the benches measure. A minute: somebody waits for the
    /// answer. As many findings as a report keeps.
    fn default() -> Self {
        Self { rows: 4_000_000, micros: 60_000_000, findings: FINDINGS_MAX }
    }
}

/// What a budget is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Rows.
    Rows,
    /// Time, in microseconds.
    Time,
    /// Findings.
    Findings,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rows => "rows",
            Self::Time => "microseconds",
            Self::Findings => "findings",
        })
    }
}

/// Counts what a run uses.
pub(crate) struct Meter<'a> {
    budget: Budget,
    clock: &'a dyn Clock,
    begun: Instant,
    rows: Cell<u64>,
    spent: Cell<Option<Spent>>,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(budget: Budget, clock: &'a dyn Clock) -> Self {
        Self { budget, clock, begun: clock.now(), rows: Cell::new(0), spent: Cell::new(None) }
    }

    pub(crate) fn spent(&self) -> Option<Spent> {
        self.spent.get()
    }

    /// Counts a row, before it is handed over.
    pub(crate) fn row(&self) -> Result<(), ViewError> {
        if self.spent.get().is_none() {
            let rows = self.rows.get().saturating_add(1);
            self.rows.set(rows);
            if rows > self.budget.rows {
                self.spent.set(Some(Spent { resource: Resource::Rows, limit: self.budget.rows }));
            } else if rows % ROWS_A_LOOK == 1 {
                self.look();
            }
        }
        self.spent.get().map_or(Ok(()), |spent| Err(ViewError::store(spent)))
    }

    /// Looks at the clock, before a file is read or a visit begins.
    pub(crate) fn begin(&self) -> Result<(), Spent> {
        if self.spent.get().is_none() {
            self.look();
        }
        self.spent.get().map_or(Ok(()), Err)
    }

    fn look(&self) {
        let used = self.clock.now().as_micros().saturating_sub(self.begun.as_micros());
        if used > self.budget.micros {
            let limit = u64::try_from(self.budget.micros).unwrap_or(0);
            self.spent.set(Some(Spent { resource: Resource::Time, limit }));
        }
    }
}
