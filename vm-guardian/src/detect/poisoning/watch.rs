//! The same look, again and again: what was taken in is kept, and the next look goes on from there.

use std::cell::RefCell;

use vm_core::id::{LedgerId, RowId};
use vm_core::record::{LogEntry, Table};
use vm_core::verdict::Code;
use vm_core::view::{RowState, StoredEntry, Visit};

use super::{Ingest, respond};
use crate::context::Context;
use crate::enrolment::{Enrolments, Holders};
use crate::error::{FormatError, GuardError};
use crate::guardian::Guardian;
use crate::observation::Observations;
use crate::signal::Signal;
use crate::threshold::Thresholds;
use crate::walk::row_subject;

/// [`PoisoningGuardian`](super::PoisoningGuardian) for one who looks often: it says the same, and reads only the rows that were
/// recorded since it looked last. Where the log is another, or was taken back, or other actors are enrolled, or detection begins
/// elsewhere, it begins anew. Memory: as [`Ingest`].
#[derive(Debug, Default)]
pub struct PoisoningWatch {
    seen: RefCell<Option<Seen>>,
}

impl PoisoningWatch {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// What was taken in, and by which rules.
#[derive(Debug)]
pub(super) struct Seen {
    ledger: LedgerId,
    enrolments: Enrolments,
    thresholds: Thresholds,
    ingest: Ingest,
    /// Who recorded what, by the tokens seen so far.
    holders: Holders,
    /// The place behind the last that was taken in.
    next: u64,
    last: Option<LogEntry>,
    signals: u64,
    /// Rows that are missing or malformed.
    missing: u64,
    /// Signals that are no such thing, and what they are found to be.
    unread: Vec<(RowId, Code, &'static str)>,
}

impl Seen {
    /// Nothing yet.
    pub(super) fn nothing(context: &Context<'_>) -> Result<Self, GuardError> {
        let ledger = context.view().ledger()?;
        let (enrolments, thresholds) = (context.enrolments().clone(), context.thresholds().clone());
        Ok(Self {
            ledger,
            holders: Holders::new(ledger),
            ingest: Ingest::new(&thresholds),
            enrolments,
            thresholds,
            next: 0,
            last: None,
            signals: 0,
            missing: 0,
            unread: Vec::new(),
        })
    }

    /// Whether the log goes on from what was taken in, and the rules are the same.
    fn goes_on(&self, context: &Context<'_>) -> Result<bool, GuardError> {
        let is_same = context.view().ledger()? == self.ledger && context.view().size()? >= self.next;
        if !is_same || *context.enrolments() != self.enrolments || *context.thresholds() != self.thresholds {
            return Ok(false);
        }
        let Some(last) = self.last else { return Ok(self.next == 0) };
        Ok(context.view().row(last.row_id)?.is_some_and(|logged| logged.entry == last))
    }

    /// Takes in the rest of the log, and says whether it came to its end: where the budget was spent before, it did not.
    fn take(&mut self, context: &Context<'_>) -> Result<bool, GuardError> {
        let size = context.view().size()?;
        let walked = context.view().visit_log(self.next, size, &mut |stored, state| {
            match (&stored, &state) {
                (StoredEntry::Entry(entry), RowState::Present(row)) => {
                    self.last = Some(*entry);
                    self.holders.take(row);
                    match Signal::of_row(entry, row) {
                        None => {}
                        Some(Ok(signal)) => {
                            self.signals += 1;
                            self.ingest.take(&signal.identified(&self.enrolments, self.holders.of(row)));
                        }
                        Some(Err(error)) => {
                            let code = match error {
                                FormatError::UnknownFormat { .. } => Code::FormatUnknown,
                                _ => Code::EvidenceUnreadable,
                            };
                            self.unread.push((entry.row_id, code, error.code()));
                        }
                    }
                }
                _ => self.missing += 1,
            }
            let (StoredEntry::Entry(LogEntry { seq, .. }) | StoredEntry::Malformed { seq }) = stored;
            self.next = seq.saturating_add(1);
            Ok(Visit::Continue)
        });
        match walked {
            Ok(()) => Ok(true),
            Err(_) if context.spent().is_some() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes in the rest of the log, and says what all of it comes to.
    pub(super) fn observe(&mut self, context: &Context<'_>) -> Result<Observations, GuardError> {
        let mut seen = Observations::new();
        let whole = self.take(context)?;
        if self.missing > 0 {
            seen.find(Code::EvidenceUnreadable, "log", format!("{} rows are missing or malformed", self.missing));
        }
        for (row, code, found) in &self.unread {
            seen.find(*code, row_subject(Table::ProofArtifacts, *row), found);
        }
        if whole {
            seen.checked(format!("poisoning: {} signals", self.signals));
        }
        for judgement in self.ingest.judge(&self.thresholds) {
            respond(&judgement, &self.thresholds, &mut seen)?;
        }
        Ok(seen)
    }
}

impl Guardian for PoisoningWatch {
    fn name(&self) -> &str {
        "poisoning"
    }

    fn observe(&self, context: &Context<'_>) -> Result<Observations, GuardError> {
        // Taken out while it is worked on: what an error leaves half taken in is not gone on from.
        let seen = match self.seen.take() {
            Some(seen) if seen.goes_on(context)? => Some(seen),
            _ => None,
        };
        let mut seen = seen.map_or_else(|| Seen::nothing(context), Ok)?;
        let observed = seen.observe(context)?;
        self.seen.replace(Some(seen));
        Ok(observed)
    }
}
