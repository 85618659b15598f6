//! Scrolls: an engine's own events, signed line by line.

use serde_json::Value;
use vm_core::capability::act;
use vm_core::id::{EngineName, RowId};
use vm_core::record::{RowHeader, Table};
use vm_ledger::{ScrollEvent, ScrollState, ScrollWriter};

use crate::error::VaultError;
use crate::keys::Role;
use crate::vault::{Common, Vault};

impl Vault {
    /// Appends `events` to the scroll of `engine` and signs its new root. Events pass the redaction policy like any
    /// payload. What a crash had left torn is set aside first, and that is recorded.
    ///
    /// # Errors
    /// [`VaultError`]: a scroll that is shorter than its root, or holds lines nobody signed, is not written to.
    pub fn scroll(
        &mut self,
        engine: &EngineName,
        events: &[Value],
        common: &Common,
    ) -> Result<ScrollState, VaultError> {
        let permit = self.permit::<act::Record>()?;
        let (trace, now) = (self.header(common)?.trace_id, self.now());
        let mut lines = Vec::with_capacity(events.len());
        for event in events {
            let id = RowId::mint(&*self.sources.clock, &mut *self.sources.entropy);
            let mut redactor = self.redactor(Table::ProofArtifacts, engine.as_str(), id);
            let event = redactor.json("event", event).map_err(VaultError::Canonical)?;
            // Openings first: a line that stands without its opening could never be opened again.
            let redaction = redactor.finish();
            self.ledger.keep_openings(id, redaction.openings(), now)?;
            lines.push(ScrollEvent { id, event });
        }
        let signer = self.keys.identity(Role::Log)?;
        let patience = self.sources.patience.clone();
        let (ledger, epoch) = (self.ledger.id(), self.ledger.epoch());
        let mut writer = ScrollWriter::new(self.ledger.files(), ledger, engine.clone(), &signer, patience)
            .map_err(VaultError::Scroll)?;
        let state = writer.append(&permit, &lines, trace, epoch, now).map_err(VaultError::Scroll)?;
        if let Some(torn) = &state.torn {
            let header = RowHeader::mint(&*self.sources.clock, &mut *self.sources.entropy, trace);
            self.ledger.record_recovery(&permit, header, torn, now)?;
        }
        Ok(state)
    }
}
