//! Redaction policies in the log: each once, before the first row that names it.

use rusqlite::{OptionalExtension as _, params};
use vm_core::capability::{Permit, act};
use vm_core::digest::PolicyHash;
use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_core::record::{Appended, RowHeader, SystemKind};
use vm_core::redact::Policy;

use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::system::draft;

impl Ledger {
    /// Records a redaction policy, so that whoever verifies sees what the rows behind it that name its hash kept. The row's
    /// JSON is the policy's canonical form, so that the row's `sha256_hex` is the policy's hash. One that the ledger
    /// holds already is answered with the row that stands. The first one is announced by a row with the header `announcement`.
    ///
    /// # Errors
    /// [`LedgerError::Permit`], [`LedgerError::Store`].
    pub fn record_redaction(
        &mut self,
        permit: &Permit<act::Record>,
        [announcement, header]: [RowHeader; 2],
        policy: &Policy,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_record(permit, now)?;
        let _lock = self.lock(now)?;
        if let Some(id) = self.redaction_row(policy.hash())? {
            return self.standing(id);
        }
        let draft = draft(header, SystemKind::RedactionPolicy, None, None, &policy.to_value())?;
        self.record(permit, Some((announcement, Policy::NAMED_FORMAT)), draft, now)
    }

    /// The row that holds the redaction policy of this hash.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn redaction_row(&self, hash: PolicyHash) -> Result<Option<RowId>, LedgerError> {
        let sql = "SELECT id FROM proof_artifacts WHERE kind = ?1 AND sha256_hex = ?2 ORDER BY id LIMIT 1";
        let mut statement = self.conn.prepare_cached(sql)?;
        let kind = SystemKind::RedactionPolicy.as_str();
        let found = statement.query_row(params![kind, hash.to_hex()], |row| row.get::<_, Vec<u8>>(0)).optional()?;
        Ok(found.and_then(|id| RowId::from_slice(&id).ok()))
    }
}
