//! Recording what guardians saw, and the signals they learn from.

use vm_core::record::{RowDraft, RowHeader};
use vm_core::redact::KnownSecrets;
use vm_core::verdict::Verdict;
use vm_guardian::{GuardError, Observed, Signal};
use vm_shadow::observe;

use crate::error::{GuardFault, VaultError};
use crate::vault::{Common, Recorded, Vault};

/// Most rows appended in one transaction, as when lines are recorded: a sync of the disk is shared by a thousand.
const BATCH: usize = 1_000;

impl Vault {
    /// Records what a guardian saw: its artifacts, shadow receipts and signals as rows, in one transaction, then its events in
    /// its scroll. What was found before is recorded once: the fingerprint is the idempotency key. Where nothing was found,
    /// nothing is recorded.
    ///
    /// # Errors
    /// [`VaultError`]; nothing was recorded, or the rows were and the scroll was not.
    pub fn record_observed(&mut self, observed: &Observed) -> Result<Vec<Recorded>, VaultError> {
        let seen = observed.observations();
        let quiet = observed.verdict() == Verdict::Verified && seen.report.findings().is_empty();
        if quiet && seen.signals.is_empty() && seen.withheld.is_empty() && seen.events.is_empty() {
            return Ok(Vec::new());
        }
        let trace_id = self.mint_trace();
        let mut drafts = Vec::new();
        for artifact in observed.artifacts() {
            let header = self.guard_header(trace_id);
            let draft =
                artifact.draft(header, &KnownSecrets, &mut *self.sources.entropy).map_err(GuardFault::Guardian)?;
            drafts.push(self.once(draft, artifact.kind(), &artifact.fingerprint().to_hex()));
        }
        let observer = self.holder.identity().clone();
        for (at, withheld) in seen.withheld.iter().enumerate() {
            let header = self.guard_header(trace_id);
            let observation = withheld.observation(header, self.ledger.id());
            let draft = observe(&observation, &observer, &self.policy, &KnownSecrets, &mut *self.sources.entropy);
            let draft = draft.map_err(VaultError::Shadow)?;
            let key = format!("{}/{at}/{}", observed.fingerprint().to_hex(), withheld.horizon());
            drafts.push(self.once(draft, "withheld", &key));
        }
        for signal in &seen.signals {
            drafts.push(self.draft_signal(signal)?);
        }
        let recorded = self.append(drafts)?;
        if recorded.iter().any(|row| !row.replayed) {
            let events: Vec<_> = observed.events().iter().map(vm_guardian::Event::to_value).collect();
            let common = Common { trace_id: Some(trace_id), ..Common::default() };
            self.scroll(observed.engine(), &events, &common)?;
        }
        Ok(recorded)
    }

    /// Records signals, each in its own trace. One whose key is recorded already is not recorded again.
    ///
    /// # Errors
    /// [`VaultError`]; the signals before the thousand that failed are recorded.
    pub fn record_signals(&mut self, signals: &[Signal]) -> Result<Vec<Recorded>, VaultError> {
        let mut recorded = Vec::with_capacity(signals.len());
        for batch in signals.chunks(BATCH) {
            let drafts = batch.iter().map(|signal| self.draft_signal(signal)).collect::<Result<_, _>>()?;
            recorded.extend(self.append(drafts)?);
        }
        Ok(recorded)
    }

    fn draft_signal(&mut self, signal: &Signal) -> Result<RowDraft, VaultError> {
        let header = self.guard_header(signal.trace());
        let draft: Result<RowDraft, GuardError> = signal.draft(header, &KnownSecrets, &mut *self.sources.entropy);
        let draft = draft.map_err(GuardFault::Guardian)?;
        Ok(self.once(draft, vm_guardian::signal::SIGNAL_KIND, &signal.key().digest().to_hex()))
    }

    fn guard_header(&mut self, trace: vm_core::id::TraceId) -> RowHeader {
        RowHeader::mint(&*self.sources.clock, &mut *self.sources.entropy, trace)
    }

    /// The draft under a key of what it is and what it says.
    fn once(&mut self, draft: RowDraft, what: &str, says: &str) -> RowDraft {
        let key = format!("vm-guardian/{what}/{says}");
        let common = Common { idempotency_key: Some(key.clone()), ..Common::default() };
        self.split().0.keyed(draft, &common, key.as_bytes())
    }
}
