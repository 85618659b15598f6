//! The redaction policy of a vault: in the log before the first row under it.

use vm_core::capability::act;
use vm_core::redact::Policy;

use crate::error::VaultError;
use crate::vault::Vault;
use crate::vault::record::Recorded;

impl Vault {
    /// The policy that this vault, as it is open here, redacts by.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Records the policy in force where it is the vault's own and was not recorded yet; `None` where there is nothing to
    /// record. The policy that ships has no row: its hash stands in the specification.
    ///
    /// # Errors
    /// [`VaultError`]: the ledger cannot be written.
    pub fn ensure_policy(&mut self) -> Result<Option<Recorded>, VaultError> {
        if self.policy.name().is_none() || self.ledger.redaction_row(self.policy.hash())?.is_some() {
            return Ok(None);
        }
        let headers = self.headers();
        let (permit, now) = (self.permit::<act::Record>()?, self.now());
        let appended = self.ledger.record_redaction(&permit, headers, &self.policy, now)?;
        Ok(Some(Recorded::of_system(appended)))
    }
}
