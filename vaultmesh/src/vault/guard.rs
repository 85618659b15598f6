//! Recording what guardians saw, and the signals they learn from.

use vm_core::digest::Blinded;
use vm_core::id::RowId;
use vm_core::key::Note;
use vm_core::record::{RowDraft, RowHeader};
use vm_core::verdict::Verdict;
use vm_core::view::{EvidenceView as _, RowState, Visit};
use vm_guardian::artifact::REPORT_KIND;
use vm_guardian::{GuardError, Observed, Signal, Standing};
use vm_ledger::Snapshot;
use vm_shadow::observe;

use crate::error::{GuardFault, VaultError};
use crate::redaction::Detector;
use crate::vault::{Common, Recorded, Vault};

/// Most rows appended in one transaction, as when lines are recorded: a sync of the disk is shared by a thousand.
const BATCH: usize = 1_000;

/// What idempotency keys of guardians' rows are blinded for; those of callers are for `idempotency-key`.
const KEY_LABEL: &str = "guardian-key";
/// What tells a retry of theirs from another use of the key is blinded for this.
const INPUT_LABEL: &str = "guardian-input";

/// Blocks that stand by what guardians recorded, and the last row of theirs that cannot be read, if any. Cost: one row read for
/// each report and incident.
pub(super) fn standing(snapshot: &Snapshot) -> Result<(Standing, Option<RowId>), VaultError> {
    let mut standing = Standing::default();
    let unreadable = take_in(&mut standing, snapshot, 0)?;
    Ok((standing, unreadable))
}

/// Takes in the rows from place `from` on; the last that cannot be read, if any.
fn take_in(standing: &mut Standing, snapshot: &Snapshot, from: u64) -> Result<Option<RowId>, VaultError> {
    let mut unreadable = None;
    snapshot
        .visit_words(&Standing::KINDS, from, &mut |entry, state| {
            match state {
                RowState::Present(row) => standing.take(&row),
                _ => unreadable = Some(entry.row_id),
            }
            Ok(Visit::Continue)
        })
        .map_err(VaultError::View)?;
    Ok(unreadable)
}

/// What an open vault has taken in of what guardians recorded, so that it goes on from there.
#[derive(Debug)]
pub(super) struct Heard {
    standing: Standing,
    /// Size of the log that was read.
    size: u64,
    /// The checkpoint that the log has of that size.
    head: Note,
}

/// As [`standing`]. Cost: as that, for the rows since `heard`; all are read anew where the log is no longer the one that was read,
/// or a row could not be.
fn go_on(heard: &mut Option<Heard>, snapshot: &Snapshot) -> Result<Standing, VaultError> {
    let size = snapshot.size().map_err(VaultError::View)?;
    let at = |size| snapshot.checkpoint_at(size).map_err(VaultError::from);
    let (mut standing, from) = match heard.take() {
        Some(heard) if at(heard.size)?.as_ref() == Some(&heard.head) => (heard.standing, heard.size),
        _ => (Standing::default(), 0),
    };
    let unreadable = take_in(&mut standing, snapshot, from)?;
    if let (None, Some(head)) = (unreadable, at(size)?) {
        *heard = Some(Heard { standing: standing.clone(), size, head });
    }
    Ok(standing)
}

impl Vault {
    /// Records what a guardian saw: its artifacts, shadow receipts and signals as rows, in one transaction, then its events in
    /// its scroll. What the same holder recorded before is not recorded again: the fingerprint is the idempotency key. Where
    /// nothing was found, nothing is recorded, unless the guardian had blocked something: then the report that lifts it is.
    ///
    /// # Errors
    /// [`VaultError`]; nothing was recorded, or the rows were and the scroll was not.
    pub fn record_observed(&mut self, observed: &Observed) -> Result<Vec<Recorded>, VaultError> {
        let seen = observed.observations();
        // What cannot be read is what a guardian may be about to say.
        let standing = go_on(&mut self.heard, &self.ledger.snapshot()?)?;
        let changes_blocks = standing.is_changed_by(observed);
        let quiet = observed.verdict() == Verdict::Verified && seen.report.findings().is_empty();
        if quiet && !changes_blocks && seen.signals.is_empty() && seen.withheld.is_empty() && seen.events.is_empty() {
            return Ok(Vec::new());
        }
        let trace_id = self.mint_trace();
        let mut drafts = Vec::new();
        let mut artifacts = observed.artifacts();
        if changes_blocks && !artifacts.iter().any(|artifact| artifact.kind() == REPORT_KIND) {
            artifacts.insert(0, observed.report_artifact());
        }
        // What was found before is news again where something else was said in between.
        let after = standing.report(observed.engine()).filter(|_| changes_blocks);
        for artifact in artifacts {
            let says = artifact.fingerprint().to_hex();
            let says = after.map_or(says.clone(), |row| format!("{says}/{row}"));
            let header = self.guard_header(trace_id);
            let draft = artifact.draft(header, &Detector, &mut *self.sources.entropy).map_err(GuardFault::Guardian)?;
            drafts.push(self.once(draft, artifact.kind(), &says));
        }
        for (at, withheld) in seen.withheld.iter().enumerate() {
            let header = self.guard_header(trace_id);
            let observation = withheld.observation(header, self.ledger.id());
            let (observer, entropy) = (self.holder.identity(), &mut *self.sources.entropy);
            let draft = observe(&observation, observer, &self.policy, &Detector, entropy);
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

    /// Records signals, each in its own trace. One whose key the same holder recorded already is not recorded again.
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
        let draft: Result<RowDraft, GuardError> = signal.draft(header, &Detector, &mut *self.sources.entropy);
        let draft = draft.map_err(GuardFault::Guardian)?;
        Ok(self.once(draft, vm_guardian::signal::SIGNAL_KIND, &signal.key().digest().to_hex()))
    }

    fn guard_header(&mut self, trace: vm_core::id::TraceId) -> RowHeader {
        RowHeader::mint(&*self.sources.clock, &mut *self.sources.entropy, trace)
    }

    /// The draft under a key of what it is, what it says, and who says so. Neither callers' keys nor another holder's rows
    /// stand in its way: what they record first keeps nothing out.
    fn once(&self, draft: RowDraft, what: &str, says: &str) -> RowDraft {
        let holder = self.holder.identity().public();
        let key = format!("{what}/{holder}/{says}");
        let blind = |label: &str| -> Blinded { self.blind.blind(label, key.as_bytes()) };
        draft.with_idempotency(blind(KEY_LABEL), blind(INPUT_LABEL))
    }
}
