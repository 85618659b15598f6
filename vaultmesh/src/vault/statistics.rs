//! Statistics given away: budgets and releases are recorded.

use vm_core::capability::act;
use vm_core::statistics::{Epsilon, PrivacyBudget, Question, Release, VALUE_MAX};

use crate::error::{StatisticsFault, VaultError};
use crate::statistics::noise::discrete_laplace;
use crate::statistics::{Released, count, scale};
use crate::vault::{Recorded, Vault};

impl Vault {
    /// Sets how much statistics may give away in all, what was given away before included. A later budget takes its place.
    ///
    /// # Errors
    /// [`VaultError::Token`] where the holder may not record; [`VaultError::Ledger`].
    pub fn set_privacy_budget(&mut self, budget: Epsilon) -> Result<Recorded, VaultError> {
        let headers = self.headers();
        let (permit, now) = (self.permit::<act::Record>()?, self.now());
        let appended = self.ledger.record_privacy_budget(&permit, headers, PrivacyBudget(budget), now)?;
        Ok(Recorded::of_system(appended))
    }

    /// Counts, adds noise, records what is given away, and gives it. `seen` hears how many rows were looked at. Nothing is given
    /// before it is durable: a crash in between has spent the price, and the release can be read back.
    ///
    /// Cost: reads and hashes each row of the tables asked about. Memory: 40 bytes a trace that counts.
    ///
    /// # Errors
    /// [`StatisticsFault`] where the budget does not let it; [`VaultError::Token`] where the holder may not disclose;
    /// [`VaultError::Ledger`], [`VaultError::View`].
    pub fn release(
        &mut self,
        question: Question,
        epsilon: Epsilon,
        seen: &mut dyn FnMut(u64),
    ) -> Result<Released, VaultError> {
        let permit = self.permit::<act::Disclose>()?;
        let snapshot = self.ledger.snapshot()?;
        // Asked before the work and before any noise is drawn, and again under the writers' lock.
        snapshot.privacy_account()?.admit(epsilon).map_err(StatisticsFault::Refused)?;
        let counted = count(&snapshot, &question, seen)?;
        let (scale, inverse) = scale(&question, epsilon);
        let values = counted.into_iter().map(|count| {
            let noise = discrete_laplace(scale, inverse, &mut *self.sources.entropy);
            count.saturating_add(noise).clamp(-VALUE_MAX, VALUE_MAX)
        });
        let release = Release::new(question, epsilon, values.collect()).map_err(StatisticsFault::Refused)?;
        let (headers, now) = (self.headers(), self.now());
        let appended = self.ledger.record_release(&permit, headers, &release, now)?;
        let left = self.ledger.snapshot()?.privacy_account()?.left();
        Ok(Released { row: appended.row_id, release, left })
    }
}
