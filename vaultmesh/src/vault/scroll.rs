//! Scrolls: an engine's own events, signed line by line.

use serde_json::Value;
use vm_core::capability::{Permit, act};
use vm_core::id::{EngineName, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::SigningIdentity;
use vm_core::record::{RowHeader, Table};
use vm_ledger::{ScrollError, ScrollEvent, ScrollState, ScrollWriter, TornTail};

use crate::error::{PrivacyFault, VaultError};
use crate::vault::{Common, Vault};

impl Vault {
    /// Appends `events` to the scroll of `engine` and signs its new root. Events pass the redaction policy like any
    /// payload. What a crash had left torn is recorded and set aside first.
    ///
    /// # Errors
    /// [`VaultError`]: a scroll that is shorter than its root, or holds lines nobody signed, is not written to.
    pub fn scroll(
        &mut self,
        engine: &EngineName,
        events: &[Value],
        common: &Common,
    ) -> Result<ScrollState, VaultError> {
        if common.data_subject.is_some() {
            return Err(PrivacyFault::SubjectRefused { what: "a scroll" }.into());
        }
        let permit = self.permit::<act::Record>()?;
        let (trace, now) = (self.header(common)?.trace_id, self.now());
        let mut lines = Vec::with_capacity(events.len());
        for event in events {
            let id = RowId::mint(&*self.sources.clock, &mut *self.sources.entropy);
            let (mut drafter, _) = self.split();
            let mut redactor = drafter.redactor(Table::ProofArtifacts, engine.as_str(), id);
            let event = redactor.json("event", event).map_err(VaultError::Canonical)?;
            // Openings first: a line that stands without its opening could never be opened again.
            let redaction = redactor.finish();
            self.ledger.keep_openings(id, redaction.openings(), now)?;
            lines.push(ScrollEvent { id, event });
        }
        let epoch = self.ledger.epoch();
        let append = |writer: &mut ScrollWriter<'_>| writer.append(&permit, &lines, trace, epoch, now);
        self.write_scroll(engine, &permit, false, trace, now, append)
    }

    /// Signs lines of a scroll that nobody signed, as a crash between lines and root leaves them: whoever calls this
    /// vouches for them. Where there are none, nothing is written.
    ///
    /// # Errors
    /// As [`Vault::scroll`], but for unsigned lines.
    pub fn adopt_scroll(&mut self, engine: &EngineName) -> Result<ScrollState, VaultError> {
        let permit = self.permit::<act::Record>()?;
        let (trace, now, epoch) = (self.mint_trace(), self.now(), self.ledger.epoch());
        self.write_scroll(engine, &permit, true, trace, now, |writer| writer.adopt(&permit, epoch, now))
    }

    /// Writes to a scroll. What a crash had left torn is kept apart and on record before it is cut off.
    pub(super) fn write_scroll(
        &mut self,
        engine: &EngineName,
        permit: &Permit<act::Record>,
        to_adopt: bool,
        trace: TraceId,
        now: Instant,
        write: impl FnOnce(&mut ScrollWriter<'_>) -> Result<ScrollState, ScrollError>,
    ) -> Result<ScrollState, VaultError> {
        let signer = self.log_identity()?;
        let known = self.scrolls.remove(engine);
        let mut writer = self.scroll_writer(engine, &signer, to_adopt)?.knowing(known);
        let torn = writer.keep_torn(permit, to_adopt, self.ledger.epoch(), now);
        let known = writer.into_known();
        if let Some(torn) = torn.map_err(VaultError::Scroll)? {
            self.record_torn(permit, &torn, trace, now)?;
        }
        let mut writer = self.scroll_writer(engine, &signer, to_adopt)?.knowing(known);
        let state = write(&mut writer);
        if let Some(known) = writer.into_known() {
            self.scrolls.insert(engine.clone(), known);
        }
        let state = state.map_err(VaultError::Scroll)?;
        if let Some(torn) = &state.torn {
            // Another writer may have died since.
            self.record_torn(permit, torn, trace, now)?;
        }
        Ok(state)
    }

    fn scroll_writer<'a>(
        &'a self,
        engine: &EngineName,
        signer: &'a SigningIdentity,
        to_adopt: bool,
    ) -> Result<ScrollWriter<'a>, VaultError> {
        let (files, ledger, patience) = (self.ledger.files(), self.ledger.id(), self.sources.patience.clone());
        let writer = ScrollWriter::new(files, ledger, engine.clone(), signer, patience);
        writer.and_then(|writer| writer.following(self.ledger.keys(), to_adopt)).map_err(VaultError::Scroll)
    }

    fn record_torn(
        &mut self,
        permit: &Permit<act::Record>,
        torn: &TornTail,
        trace: TraceId,
        now: Instant,
    ) -> Result<(), VaultError> {
        let header = RowHeader::mint(&*self.sources.clock, &mut *self.sources.entropy, trace);
        self.ledger.record_recovery(permit, header, torn, now)?;
        Ok(())
    }
}
