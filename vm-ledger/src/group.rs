//! Group commit: threads that append at once share one transaction, one fsync and one signature.
//!
//! Calls stand in line. The first of them leads: it takes those behind it, writes the rows of all in the order of the
//! line, commits once, and tells each its own result. Meanwhile new calls gather behind, and the first of these leads
//! next. A call whose rows are refused is taken back alone; a commit that fails fails all who shared it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use vm_core::capability::{Chain, Permit, Revocation, Standing, act};
use vm_core::epoch::Epoch;
use vm_core::id::{LedgerId, RowId};
use vm_core::instant::Instant;
use vm_core::record::{Appended, Genesis, RowDraft, RowHeader};
use vm_core::redact::Opening;
use vm_seal::bundle::SealBundle;

use crate::anchor::AnchorEvidence;
use crate::append::{Batch, check_drafts};
use crate::error::{GroupFailure, LedgerError};
use crate::files::VaultDir;
use crate::force::Claim;
use crate::ledger::Ledger;
use crate::scroll::TornTail;
use crate::snapshot::Snapshot;

/// Most calls that stand in line; the next waits before it is let in. A thousand threads are more than any machine runs
/// well, and a thousand batches of 500 rows of two kilobytes are a gigabyte.
pub const LINE_MAX: usize = 1_024;
/// Rows from which on a group takes in no further call: some twenty milliseconds of work, against which the cost of a
/// commit is small already.
pub const GROUP_ROWS: usize = 4_000;
type Outcome = Result<Vec<Appended>, LedgerError>;

/// A ledger that many threads append to at once. Clones are the same ledger.
#[derive(Clone)]
pub struct SharedLedger {
    inner: Arc<Inner>,
}

impl fmt::Debug for SharedLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLedger").field("id", &self.inner.id).finish_non_exhaustive()
    }
}

struct Inner {
    line: Mutex<Line>,
    /// Told when the line gets shorter.
    moved: Condvar,
    /// Only who leads takes it.
    ledger: Mutex<Ledger>,
    id: LedgerId,
    genesis: Genesis,
    dir: VaultDir,
}

/// Who waits, and whether anybody leads.
#[derive(Default)]
struct Line {
    calls: VecDeque<Call>,
    led: bool,
}

struct Call {
    ticket: Arc<Ticket>,
    /// What is to be appended; none where the caller works on the ledger itself.
    request: Option<Request>,
}

/// An append, checked as far as it can be without the ledger.
struct Request {
    standing: Standing,
    drafts: Vec<RowDraft>,
    now: Instant,
}

/// Where a call waits for its turn or its result.
#[derive(Default)]
struct Ticket {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
enum State {
    #[default]
    Waits,
    Leads,
    Done(Outcome),
}

impl Ticket {
    fn tell(&self, state: State) {
        *own(&self.state) = state;
        self.changed.notify_one();
    }

    /// The result; none where the call is to lead.
    fn wait(&self) -> Option<Outcome> {
        let waits = |state: &mut State| matches!(state, State::Waits);
        let state = self.changed.wait_while(own(&self.state), waits);
        match std::mem::take(&mut *state.unwrap_or_else(PoisonError::into_inner)) {
            State::Done(outcome) => Some(outcome),
            State::Waits | State::Leads => None,
        }
    }
}

/// Nothing here is left half done by a panic: what the mutexes of this file guard is whole between two statements, and
/// the ledger's transaction ends with the panic.
fn own<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SharedLedger {
    /// Shares `ledger`.
    ///
    /// # Errors
    /// [`LedgerError::File`] where the vault's folder cannot be opened again.
    pub fn new(ledger: Ledger) -> Result<Self, LedgerError> {
        let dir = VaultDir::open(ledger.files().path())?;
        let (id, genesis) = (ledger.id(), ledger.genesis().clone());
        let (line, moved, ledger) = (Mutex::default(), Condvar::new(), Mutex::new(ledger));
        Ok(Self { inner: Arc::new(Inner { line, moved, ledger, id, genesis, dir }) })
    }

    /// As [`Ledger::append`]: all of `drafts` or none, on disk when this returns. Calls of several threads share a
    /// commit; each has its own result, and their order in the log is that in which they came.
    ///
    /// # Errors
    /// [`LedgerError`]; nothing of this call was written, but for [`LedgerError::OutcomeUnknown`].
    pub fn append(&self, permit: &Permit<act::Record>, drafts: Vec<RowDraft>, now: Instant) -> Outcome {
        permit.recheck(self.inner.id, permit.epoch(), now).map_err(LedgerError::Permit)?;
        check_drafts(permit, &drafts)?;
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let request = Request { standing: permit.standing(), drafts, now };
        let ticket = self.inner.join(Some(request));
        match ticket.wait() {
            Some(outcome) => outcome,
            None => {
                Turn::new(&self.inner).lead();
                // The leader's call was the first of its group, so it has its result.
                ticket.wait().unwrap_or(Err(LedgerError::OutcomeUnknown))
            }
        }
    }

    /// As [`Ledger::record_seal`].
    ///
    /// # Errors
    /// As [`Ledger::record_seal`].
    pub fn record_seal(
        &self,
        permit: &Permit<act::Seal>,
        header: RowHeader,
        bundle: &SealBundle,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.alone(|ledger| ledger.record_seal(permit, header, bundle, now))
    }

    /// As [`Ledger::record_anchor`].
    ///
    /// # Errors
    /// As [`Ledger::record_anchor`].
    pub fn record_anchor(
        &self,
        permit: &Permit<act::Anchor>,
        header: RowHeader,
        anchor: &AnchorEvidence<'_>,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.alone(|ledger| ledger.record_anchor(permit, header, anchor, now))
    }

    /// As [`Ledger::record_capability`].
    ///
    /// # Errors
    /// As [`Ledger::record_capability`].
    pub fn record_capability(
        &self,
        permit: &Permit<act::Record>,
        headers: [RowHeader; 2],
        chain: &Chain,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.alone(|ledger| ledger.record_capability(permit, headers, chain, now))
    }

    /// As [`Ledger::record_recovery`].
    ///
    /// # Errors
    /// As [`Ledger::record_recovery`].
    pub fn record_recovery(
        &self,
        permit: &Permit<act::Record>,
        header: RowHeader,
        torn: &TornTail,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.alone(|ledger| ledger.record_recovery(permit, header, torn, now))
    }

    /// As [`Ledger::keep_openings`].
    ///
    /// # Errors
    /// As [`Ledger::keep_openings`].
    pub fn keep_openings(&self, id: RowId, kept: &[Opening], now: Instant) -> Result<(), LedgerError> {
        self.alone(|ledger| ledger.keep_openings(id, kept, now))
    }

    /// Runs `work` on the ledger itself, in its turn and alone. A panic in it ends this call only.
    pub fn alone<T>(&self, work: impl FnOnce(&mut Ledger) -> T) -> T {
        let ticket = self.inner.join(None);
        ticket.wait();
        let turn = Turn::new(&self.inner);
        own(&self.inner.line).calls.pop_front();
        self.inner.moved.notify_all();
        let done = work(&mut own(&self.inner.ledger));
        drop(turn);
        done
    }

    /// A consistent state of this ledger as it is now.
    ///
    /// # Errors
    /// As [`Snapshot::open`].
    pub fn snapshot(&self) -> Result<Snapshot, LedgerError> {
        Snapshot::open(self.inner.dir.path())
    }

    /// The ledger's name.
    #[must_use]
    pub fn id(&self) -> LedgerId {
        self.inner.id
    }

    /// The keys that the ledger began with.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.inner.genesis
    }

    /// As [`Ledger::record_revocation`].
    ///
    /// # Errors
    /// As [`Ledger::record_revocation`].
    pub fn record_revocation(
        &self,
        permit: &Permit<act::Record>,
        headers: [RowHeader; 2],
        revocation: &Revocation,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.alone(|ledger| ledger.record_revocation(permit, headers, revocation, now))
    }

    /// The present epoch, which permits must be for. Cost: it waits for its turn.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.alone(|ledger| ledger.epoch())
    }

    /// Files of the vault.
    #[must_use]
    pub fn files(&self) -> &VaultDir {
        &self.inner.dir
    }

    /// Calls that stand in line, that of whoever leads not counted once it writes.
    #[must_use]
    pub fn waiting(&self) -> usize {
        own(&self.inner.line).calls.len()
    }

    /// The ledger again, once no clone of this is left.
    ///
    /// # Errors
    /// This, where one is.
    pub fn try_into_ledger(self) -> Result<Ledger, Self> {
        let inner = Arc::try_unwrap(self.inner).map_err(|inner| Self { inner })?;
        Ok(inner.ledger.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    /// Gets in line, once there is room. Where nobody leads, the call is the first and leads itself.
    fn join(&self, request: Option<Request>) -> Arc<Ticket> {
        let full = |line: &mut Line| line.calls.len() >= LINE_MAX;
        let mut line = self.moved.wait_while(own(&self.line), full).unwrap_or_else(PoisonError::into_inner);
        let ticket = Arc::new(Ticket::default());
        if !line.led {
            line.led = true;
            *own(&ticket.state) = State::Leads;
        }
        line.calls.push_back(Call { ticket: Arc::clone(&ticket), request });
        ticket
    }

    /// Takes the calls of the next group from the head of the line, the leader's own first.
    fn gather(&self) -> Vec<(Arc<Ticket>, Request)> {
        let mut line = own(&self.line);
        let (mut group, mut rows) = (Vec::new(), 0);
        while rows < GROUP_ROWS
            && let Some(call) = line.calls.pop_front_if(|call| call.request.is_some())
            && let Call { ticket, request: Some(request) } = call
        {
            rows += request.drafts.len();
            group.push((ticket, request));
        }
        drop(line);
        self.moved.notify_all();
        group
    }
}

/// The lead. Whoever drops it, by a panic too, hands it on, and leaves nobody without an answer.
struct Turn<'a> {
    inner: &'a Inner,
    /// Calls that were taken from the line and not told their result.
    unanswered: Vec<Arc<Ticket>>,
}

impl<'a> Turn<'a> {
    const fn new(inner: &'a Inner) -> Self {
        Self { inner, unanswered: Vec::new() }
    }

    fn lead(mut self) {
        let (tickets, requests): (Vec<_>, Vec<_>) = self.inner.gather().into_iter().unzip();
        self.unanswered = tickets;
        let outcomes = own(&self.inner.ledger).append_group(requests);
        for (ticket, outcome) in self.unanswered.drain(..).zip(outcomes) {
            ticket.tell(State::Done(outcome));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        for ticket in self.unanswered.drain(..) {
            ticket.tell(State::Done(Err(LedgerError::OutcomeUnknown)));
        }
        let mut line = own(&self.inner.line);
        match line.calls.front() {
            Some(next) => next.ticket.tell(State::Leads),
            None => line.led = false,
        }
    }
}

impl Ledger {
    /// Appends what several calls ask for, in their order and in one transaction. One result each, in the same order.
    fn append_group(&mut self, group: Vec<Request>) -> Vec<Outcome> {
        let Some(now) = group.first().map(|first| first.now) else { return Vec::new() };
        let alone = group.len() == 1;
        let claimed = |request: Request| {
            let trace = request.drafts.first().map(|row| row.header().trace_id)?;
            let claim = Claim::new(request.standing, trace, request.now, self.access.entropy.as_mut());
            Some((request.drafts, claim))
        };
        let group: Vec<_> = group.into_iter().map(claimed).collect();
        let write = |batch: &mut Batch<'_>, request: Option<(Vec<RowDraft>, Claim)>| match request {
            // Nothing is to be appended.
            None => Ok(Ok(Vec::new())),
            // With nobody beside it, it need not be taken back alone.
            Some((drafts, claim)) if alone => batch.append_under(drafts, &claim).map(Ok),
            Some((drafts, claim)) => batch.attempt(|batch| batch.append_under(drafts, &claim)),
        };
        let count = group.len();
        let written = self
            .write(now, |batch| group.into_iter().map(|request| write(batch, request)).collect::<Result<Vec<_>, _>>());
        match written {
            Ok(outcomes) => outcomes,
            Err(error) if alone => vec![Err(error)],
            Err(error) => {
                let failure = GroupFailure::new(error);
                (0..count).map(|_| Err(LedgerError::Group(failure.clone()))).collect()
            }
        }
    }
}
