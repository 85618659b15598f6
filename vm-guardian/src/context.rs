//! What a guardian is given: a view that only reads and counts what is read.

use core::fmt;

use vm_core::id::{EngineName, LedgerId, RowId};
use vm_core::instant::Instant;
use vm_core::path::VaultPath;
use vm_core::record::{LogEntry, SchemaVersion, Table};
use vm_core::verdict::Report;
use vm_core::view::{
    EvidenceView, FileFault, LoggedRow, RowFilter, RowState, StoredEntry, StoredTile, VaultFiles, ViewError, Visit,
};

use crate::budget::Meter;
use crate::enrolment::Enrolments;
use crate::error::Spent;
use crate::threshold::Thresholds;

/// What the caller of a guardian hands in.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// The ledger.
    pub view: &'a dyn EvidenceView,
    /// Files below its vault.
    pub files: &'a dyn VaultFiles,
    /// The verification that the caller made of it, states of seals and anchors included.
    pub report: &'a Report,
    /// Who is enrolled.
    pub enrolments: &'a Enrolments,
    /// Where detection begins.
    pub thresholds: &'a Thresholds,
    /// The present time.
    pub now: Instant,
}

impl fmt::Debug for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("now", &self.now).finish_non_exhaustive()
    }
}

/// What a guardian sees. Only [`run`](crate::run) makes one, so what is read through it is always counted.
///
/// It holds no handle that could write: no journal, no ledger, no permit. When the budget is spent, every further look is
/// an error, so that nothing is taken for absent that was not looked for.
pub struct Context<'a> {
    given: Given<'a>,
    metered: Metered<'a>,
}

impl<'a> Context<'a> {
    pub(crate) const fn new(given: Given<'a>, meter: &'a Meter<'a>) -> Self {
        Self { given, metered: Metered { view: given.view, files: given.files, meter } }
    }

    /// The ledger, read-only and counted.
    #[must_use]
    pub fn view(&self) -> &dyn EvidenceView {
        &self.metered
    }

    /// Files below its vault, read-only and counted.
    #[must_use]
    pub fn files(&self) -> &dyn VaultFiles {
        &self.metered
    }

    /// The verification that the caller made.
    #[must_use]
    pub const fn report(&self) -> &'a Report {
        self.given.report
    }

    /// Who is enrolled.
    #[must_use]
    pub const fn enrolments(&self) -> &'a Enrolments {
        self.given.enrolments
    }

    /// Where detection begins.
    #[must_use]
    pub const fn thresholds(&self) -> &'a Thresholds {
        self.given.thresholds
    }

    /// The present time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.given.now
    }

    /// What of the budget is spent, if anything is.
    #[must_use]
    pub fn spent(&self) -> Option<Spent> {
        self.metered.meter.spent()
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("given", &self.given).field("spent", &self.spent()).finish_non_exhaustive()
    }
}

struct Metered<'a> {
    view: &'a dyn EvidenceView,
    files: &'a dyn VaultFiles,
    meter: &'a Meter<'a>,
}

impl Metered<'_> {
    fn begin(&self) -> Result<(), ViewError> {
        self.meter.begin().map_err(ViewError::store)
    }
}

impl EvidenceView for Metered<'_> {
    fn ledger(&self) -> Result<LedgerId, ViewError> {
        self.view.ledger()
    }

    fn schema(&self) -> Result<(SchemaVersion, String), ViewError> {
        self.view.schema()
    }

    fn size(&self) -> Result<u64, ViewError> {
        self.view.size()
    }

    fn visit_log(
        &self,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(StoredEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.begin()?;
        self.view.visit_log(from, to, &mut |entry, state| {
            self.meter.row()?;
            visit(entry, state)
        })
    }

    fn visit_unlogged(
        &self,
        visit: &mut dyn FnMut(Table, Vec<u8>) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.begin()?;
        self.view.visit_unlogged(&mut |table, id| {
            self.meter.row()?;
            visit(table, id)
        })
    }

    fn visit_matching(
        &self,
        filter: &RowFilter,
        visit: &mut dyn FnMut(LogEntry, RowState) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.begin()?;
        self.view.visit_matching(filter, &mut |entry, state| {
            self.meter.row()?;
            visit(entry, state)
        })
    }

    fn row(&self, id: RowId) -> Result<Option<LoggedRow>, ViewError> {
        self.meter.row()?;
        self.view.row(id)
    }

    fn visit_checkpoints(
        &self,
        visit: &mut dyn FnMut(u64, String) -> Result<Visit, ViewError>,
    ) -> Result<(), ViewError> {
        self.begin()?;
        self.view.visit_checkpoints(&mut |size, note| {
            self.meter.row()?;
            visit(size, note)
        })
    }

    fn visit_tiles(&self, visit: &mut dyn FnMut(StoredTile) -> Result<Visit, ViewError>) -> Result<(), ViewError> {
        self.begin()?;
        self.view.visit_tiles(&mut |tile| {
            self.meter.row()?;
            visit(tile)
        })
    }
}

impl VaultFiles for Metered<'_> {
    fn read(&self, path: &VaultPath, visit: &mut dyn FnMut(&[u8])) -> Result<(), FileFault> {
        let unreadable = |source| FileFault::Unreadable { path: path.to_string(), source };
        self.meter.begin().map_err(|spent| unreadable(Box::new(spent)))?;
        self.meter.row().map_err(|spent| unreadable(Box::new(spent)))?;
        self.files.read(path, visit)
    }

    fn engines(&self) -> Result<Vec<EngineName>, FileFault> {
        self.files.engines()
    }
}
