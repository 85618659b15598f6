//! Statistics that leave the ledger: budgets, releases, and what is left.

use vm_core::capability::{Permit, act};
use vm_core::instant::Instant;
use vm_core::record::{Appended, RowHeader, SystemKind};
use vm_core::statistics::{PrivacyAccount, PrivacyBudget, Release};
use vm_core::view::Visit;

use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::lookup::as_logged;
use crate::snapshot::Snapshot;
use crate::system::draft;

/// What a permit to disclose must cover to give statistics away.
const STATISTICS: &str = "/statistics";

impl Ledger {
    /// Records how much may be given away in all. The first budget of a ledger is announced by a row with the header `announcement`.
    ///
    /// # Errors
    /// [`LedgerError::Permit`], [`LedgerError::Store`].
    pub fn record_privacy_budget(
        &mut self,
        permit: &Permit<act::Record>,
        [announcement, header]: [RowHeader; 2],
        budget: PrivacyBudget,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_record(permit, now)?;
        let row = draft(header, SystemKind::PrivacyBudget, None, None, &budget.to_value())?;
        let _lock = self.lock(now)?;
        let rows = self.record_all(permit, announcement, now, vec![row])?;
        rows.into_iter().next().ok_or(LedgerError::OutcomeUnknown)
    }

    /// Records statistics that are about to be given away, if the budget lets them. What is left is asked under the writers' lock, so
    /// that two processes never spend the same. The first release of a ledger is announced by a row with the header
    /// `announcement`. Cost: reads and hashes each budget and release of the ledger once.
    ///
    /// # Errors
    /// [`LedgerError::Statistics`] where no budget is set or too little is left; as [`Snapshot::privacy_account`];
    /// [`LedgerError::Permit`], [`LedgerError::Store`]. Nothing was recorded, so nothing may be given away.
    pub fn record_release(
        &mut self,
        permit: &Permit<act::Disclose>,
        [announcement, header]: [RowHeader; 2],
        release: &Release,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_act(permit, STATISTICS, now)?;
        let content = release.to_value().map_err(LedgerError::Statistics)?;
        let row = draft(header, SystemKind::StatisticsRelease, None, None, &content)?;
        let _lock = self.lock(now)?;
        self.snapshot()?.privacy_account()?.admit(release.epsilon()).map_err(LedgerError::Statistics)?;
        let rows = self.record_all(permit, announcement, now, vec![row])?;
        rows.into_iter().next().ok_or(LedgerError::OutcomeUnknown)
    }
}

impl Snapshot {
    /// What may be given away, and what was. Cost: reads and hashes each budget and release of the ledger once.
    ///
    /// # Errors
    /// [`LedgerError::LogAltered`] where one of them is not what the log has of it; [`LedgerError::Statistics`] where one does
    /// not read or went beyond its budget; [`LedgerError::View`].
    pub fn privacy_account(&self) -> Result<PrivacyAccount, LedgerError> {
        let (mut account, mut fault) = (PrivacyAccount::default(), None);
        let kinds = [SystemKind::PrivacyBudget, SystemKind::StatisticsRelease];
        self.visit_kinds(&kinds, 0, &mut |entry, state| {
            let row = as_logged(&entry, state, "a row about statistics is not in it");
            let applied = row.and_then(|row| account.apply(&row).map_err(LedgerError::Statistics));
            fault = applied.err();
            Ok(if fault.is_none() { Visit::Continue } else { Visit::Stop })
        })?;
        fault.map_or(Ok(account), Err)
    }
}
