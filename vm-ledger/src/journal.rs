//! The ledger as a journal, for crates that record without knowing where.

use vm_core::capability::{Permit, act};
use vm_core::record::{Appended, RowDraft};
use vm_core::source::Clock;
use vm_core::view::{Journal, JournalError};

use crate::ledger::Ledger;

/// A ledger together with the clock that its appends are judged by.
#[derive(Debug)]
pub struct ClockedJournal<'a, C> {
    ledger: &'a mut Ledger,
    clock: &'a C,
}

impl<'a, C: Clock> ClockedJournal<'a, C> {
    /// Joins the two.
    pub const fn new(ledger: &'a mut Ledger, clock: &'a C) -> Self {
        Self { ledger, clock }
    }
}

impl<C: Clock> Journal for ClockedJournal<'_, C> {
    fn append(&mut self, permit: &Permit<act::Record>, drafts: Vec<RowDraft>) -> Result<Vec<Appended>, JournalError> {
        let now = self.clock.now();
        self.ledger.append(permit, drafts, now).map_err(|error| JournalError::new(error.code(), error))
    }
}
