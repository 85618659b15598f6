//! The fold over horizons: which decisions are open at a place of the log, and which row may come next.
//!
//! A writer applies a row before it appends it, an audit applies it again; neither has a rule the other lacks
//! (docs/adr/0016-the-gate-is-a-function-of-the-log.md).

use std::collections::BTreeMap;

use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::PublicKey;
use vm_core::record::{LogEntry, StoredRow, SystemKind, Table};

use crate::closing::{Outcome, VerifiedClosing};
use crate::error::Violation;
use crate::horizon::HorizonId;
use crate::opening::VerifiedOpening;
use crate::verify::verify;

/// Most horizons open at once: whoever leaves thousands of decisions open decides none, and each takes up to 5 KiB here.
pub const OPEN_MAX: usize = 4_096;
/// Receipts of an open horizon that its closing may name: the first behind the opening, four for each option there may be.
pub const RECEIPTS_MAX: usize = 256;

/// Which horizons are open at a place of the log. Memory: about 400 bytes an open horizon and 16 for each of its receipts, at
/// most [`OPEN_MAX`] and [`RECEIPTS_MAX`] of them; what is closed takes none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Horizons {
    ledger: LedgerId,
    /// Place behind the last row applied.
    next: u64,
    open: BTreeMap<RowId, OpenHorizon>,
    names: BTreeMap<HorizonId, RowId>,
}

/// A horizon that was opened and not closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenHorizon {
    seq: u64,
    horizon_id: HorizonId,
    observer: PublicKey,
    trace_id: TraceId,
    options: u8,
    deadline: Instant,
    receipts: Vec<RowId>,
}

impl OpenHorizon {
    pub(crate) fn of(opening: &VerifiedOpening, seq: u64) -> Self {
        Self {
            seq,
            horizon_id: opening.horizon_id().clone(),
            observer: opening.observer(),
            trace_id: opening.trace_id(),
            options: opening.option_count(),
            deadline: opening.deadline(),
            receipts: Vec::new(),
        }
    }

    /// Place of the opening in the log.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Name of the decision.
    #[must_use]
    pub const fn horizon_id(&self) -> &HorizonId {
        &self.horizon_id
    }

    /// Key of the observer, who alone can close it.
    #[must_use]
    pub const fn observer(&self) -> PublicKey {
        self.observer
    }

    /// Trace of the decision.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Number of options.
    #[must_use]
    pub const fn options(&self) -> u8 {
        self.options
    }

    /// First instant at which it can only expire.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether `closing` fits, whatever receipts there are.
    pub(crate) fn check(&self, closing: &VerifiedClosing) -> Result<(), Violation> {
        if *closing.horizon_id() != self.horizon_id {
            return Err(Violation::OtherName);
        }
        if closing.observer() != self.observer {
            return Err(Violation::OtherObserver);
        }
        if closing.trace_id() != self.trace_id {
            return Err(Violation::OtherTrace);
        }
        let (options, deadline) = (self.options, self.deadline);
        let is_over = closing.ts() >= deadline;
        let taken = match closing.outcome() {
            Outcome::Taken { .. } | Outcome::Withheld if is_over => return Err(Violation::Late { deadline }),
            Outcome::Expired if !is_over => return Err(Violation::Early { deadline }),
            Outcome::Taken { option } => Some(option),
            Outcome::Withheld | Outcome::Expired => None,
        };
        let named = closing.receipts().iter().map(|receipt| receipt.option);
        if let Some(option) = taken.into_iter().chain(named.clone()).find(|option| *option >= options) {
            return Err(Violation::NoSuchOption { option, options });
        }
        if let Some(option) = taken.filter(|taken| named.clone().any(|option| option == *taken)) {
            return Err(Violation::ReceiptOfTaken { option });
        }
        let found = closing.receipts().len();
        if closing.outcome() == Outcome::Withheld && found != usize::from(options) {
            return Err(Violation::ReceiptsMissing { expected: options, found });
        }
        Ok(())
    }
}

impl Horizons {
    /// No horizon yet, at the beginning of the log of `ledger`.
    #[must_use]
    pub const fn new(ledger: LedgerId) -> Self {
        Self { ledger, next: 0, open: BTreeMap::new(), names: BTreeMap::new() }
    }

    /// Applies the row at its place in the log. Rows come in order of place; those of other kinds than openings, closings and
    /// shadow receipts change nothing and may be left out. A receipt that does not verify, or that is of no open horizon and
    /// its observer, changes nothing either. Cost: a strict signature check for an opening, a closing and a receipt of an open
    /// horizon.
    ///
    /// # Errors
    /// [`Violation`]; nothing was changed.
    pub fn apply(&mut self, entry: &LogEntry, row: &StoredRow) -> Result<(), Violation> {
        if entry.seq < self.next {
            return Err(Violation::OutOfOrder { seq: entry.seq });
        }
        let kind = row.text("kind").filter(|_| row.table() == Table::ProofArtifacts);
        if kind == Some(SystemKind::HorizonOpened.as_str()) {
            self.open(entry, row)?;
        } else if kind == Some(SystemKind::HorizonClosed.as_str()) {
            self.close(row)?;
        } else if row.table() == Table::ShadowReceipts {
            self.receive(row);
        }
        self.next = entry.seq.saturating_add(1);
        Ok(())
    }

    /// Horizons that are open, by the row of their opening.
    pub fn unclosed(&self) -> impl Iterator<Item = (RowId, &OpenHorizon)> {
        self.open.iter().map(|(row, open)| (*row, open))
    }

    /// The horizon of this name that is open, with the row of its opening.
    #[must_use]
    pub fn open_one(&self, name: &HorizonId) -> Option<(RowId, &OpenHorizon)> {
        let row = self.names.get(name)?;
        Some((*row, self.open.get(row)?))
    }

    /// Place behind the last row applied.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    fn open(&mut self, entry: &LogEntry, row: &StoredRow) -> Result<(), Violation> {
        let opening = VerifiedOpening::of(row, self.ledger).map_err(Violation::Invalid)?;
        if self.names.contains_key(opening.horizon_id()) || self.open.contains_key(&opening.id()) {
            return Err(Violation::OpenAlready);
        }
        if self.open.len() >= OPEN_MAX {
            return Err(Violation::TooMany);
        }
        self.names.insert(opening.horizon_id().clone(), opening.id());
        self.open.insert(opening.id(), OpenHorizon::of(&opening, entry.seq));
        Ok(())
    }

    fn close(&mut self, row: &StoredRow) -> Result<(), Violation> {
        let closing = VerifiedClosing::of(row, self.ledger).map_err(Violation::Invalid)?;
        let open = self.open.get(&closing.opening()).ok_or(Violation::NotOpen)?;
        open.check(&closing)?;
        if let Some(foreign) = closing.receipts().iter().find(|receipt| !open.receipts.contains(&receipt.row)) {
            return Err(Violation::ForeignReceipt { option: foreign.option });
        }
        self.names.remove(closing.horizon_id());
        self.open.remove(&closing.opening());
        Ok(())
    }

    fn receive(&mut self, row: &StoredRow) {
        let name = row.text("horizon_id").and_then(|name| name.parse::<HorizonId>().ok());
        let Some(open) = name.and_then(|name| self.open.get_mut(self.names.get(&name)?)) else { return };
        if open.receipts.len() >= RECEIPTS_MAX || row.blob("observer_key") != Some(open.observer.as_bytes()) {
            return;
        }
        if let Ok(receipt) = verify(row, self.ledger) {
            open.receipts.push(receipt.id());
        }
    }
}
