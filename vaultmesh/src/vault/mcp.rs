//! Recording MCP traffic into the vault: a capture from a file, or frames as they cross a proxy.

use std::io::BufRead;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use vm_core::id::TraceId;
use vm_core::record::{Direction, RowDraft};
use vm_core::verdict::Finding;

use crate::error::VaultError;
use crate::mcp::{Capture, CapturedFrame, FrameSink, Session};
use crate::redaction::Detector;
use crate::vault::drafter::Drafter;
use crate::vault::jsonl::{BATCH, BATCH_BYTES, Batch};
use crate::vault::pipeline::{self, Piece};
use crate::vault::record::Recorded;
use crate::vault::{Own, Vault};

/// How a capture is recorded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CaptureOptions {
    /// Key under which a retry makes no second row.
    pub idempotency_key: Option<String>,
    /// Trace of frames that carry none of their own.
    pub trace_id: Option<TraceId>,
}

/// A connection that was recorded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CaptureRecorded {
    /// Id of the connection.
    pub connection: TraceId,
    /// Trace of its frames, but for those that carry their own.
    pub trace: TraceId,
    /// Frames recorded, or found recorded by an earlier try.
    pub frames: u64,
    /// Rows, those of calls without answer included.
    pub rows: u64,
    /// Calls that got no answer.
    pub unanswered: u64,
    /// Rows that an earlier try had made.
    pub replayed: u64,
    /// Values that looked like secrets and were committed.
    pub findings: Vec<Finding>,
}

impl Vault {
    /// Records every frame of a capture, then a row for each call without answer.
    ///
    /// # Errors
    /// [`VaultError::Capture`] with the number of a bad line; the batches before it stand.
    pub fn record_capture(
        &mut self,
        lines: &mut dyn BufRead,
        options: &CaptureOptions,
    ) -> Result<CaptureRecorded, VaultError> {
        let mut session = self.session(options);
        let mut outcome = CaptureRecorded::begin(&session, options);
        let mut frames = Capture::new(lines);
        // While rows of an earlier try may stand, each frame must know the row that its request really has.
        let mut settling = options.idempotency_key.is_some();
        while settling && let Some(frame) = frames.next().transpose().map_err(VaultError::Capture)? {
            let draft = self.draft_frame(&mut session, frame.direction(), frame.as_bytes())?;
            settling = self.flush(&mut session, &mut vec![draft], &mut outcome)?;
        }
        self.record_frames(&mut frames, &mut session, &mut outcome)?;
        outcome.frames = session.frames();
        self.finish_session(&mut session, &mut outcome)?;
        Ok(outcome)
    }

    /// Records frames of which none was recorded before: while some are appended, the next are parsed and redacted on a
    /// thread of their own.
    fn record_frames(
        &mut self,
        frames: &mut Capture<&mut dyn BufRead>,
        session: &mut Session,
        outcome: &mut CaptureRecorded,
    ) -> Result<(), VaultError> {
        let (mut drafter, mut appender) = self.split();
        let read = || Frames::read(frames).map(|input| Piece { input, flush: false });
        let write = |(drafts, moments)| {
            outcome.add(appender.append(drafts, moments)?);
            Ok(())
        };
        pipeline::run(read, vec![|frames| drafter.frames(session, frames)], write)
    }

    fn session(&mut self, options: &CaptureOptions) -> Session {
        let (policy, detector) = (self.policy.clone(), Box::new(Detector));
        let session = match &options.idempotency_key {
            Some(key) => Session::repeatable(self.blind.clone(), key, policy, detector),
            None => Session::new(self.mint_trace(), policy, detector),
        };
        match options.trace_id {
            Some(trace) => session.with_trace(trace),
            None => session,
        }
    }

    fn draft_frame(
        &mut self,
        session: &mut Session,
        direction: Direction,
        frame: &[u8],
    ) -> Result<RowDraft, VaultError> {
        self.split().0.frame(session, direction, frame)
    }

    /// Appends what is pending; whether any of it had been there before.
    fn flush(
        &mut self,
        session: &mut Session,
        batch: &mut Vec<RowDraft>,
        outcome: &mut CaptureRecorded,
    ) -> Result<bool, VaultError> {
        let minted: Vec<_> = batch.iter().map(|draft| draft.header().id).collect();
        let recorded = self.append(std::mem::take(batch))?;
        let before = outcome.replayed;
        for (minted, row) in minted.into_iter().zip(&recorded).filter(|(_, row)| row.replayed) {
            session.settle(minted, row.id);
        }
        outcome.add(recorded);
        outcome.frames = session.frames();
        Ok(outcome.replayed > before)
    }

    fn finish_session(&mut self, session: &mut Session, outcome: &mut CaptureRecorded) -> Result<(), VaultError> {
        let finished = session.finish(&*self.sources.clock, &mut *self.sources.entropy);
        let mut batch = finished.map_err(VaultError::Session)?;
        outcome.unanswered = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        self.flush(session, &mut batch, outcome)?;
        Ok(())
    }
}

/// Frames that are recorded in one transaction.
#[derive(Default)]
struct Frames {
    frames: Vec<CapturedFrame>,
    /// What kept the next from being read.
    fault: Option<VaultError>,
}

impl Frames {
    /// Reads the next batch; none at the end.
    fn read(from: &mut Capture<&mut dyn BufRead>) -> Option<Self> {
        let (mut batch, mut bytes) = (Self::default(), 0);
        while batch.frames.len() < BATCH && bytes < BATCH_BYTES && batch.fault.is_none() {
            match from.next() {
                Some(Ok(frame)) => {
                    bytes += frame.as_bytes().len();
                    batch.frames.push(frame);
                }
                Some(Err(fault)) => batch.fault = Some(VaultError::Capture(fault)),
                None => break,
            }
        }
        (!batch.frames.is_empty() || batch.fault.is_some()).then_some(batch)
    }
}

impl Drafter<'_> {
    fn frame(&mut self, session: &mut Session, direction: Direction, frame: &[u8]) -> Result<RowDraft, VaultError> {
        let Own { clock, entropy, .. } = &mut *self.sources;
        let draft = session.frame(direction, frame, &**clock, &mut **entropy).map_err(VaultError::Session)?;
        Ok(draft.with_subject_key(self.subject_key(None)?))
    }

    fn frames(&mut self, session: &mut Session, frames: Frames) -> Result<Batch, VaultError> {
        let draft = |frame: &CapturedFrame| self.frame(session, frame.direction(), frame.as_bytes());
        let drafts = frames.frames.iter().map(draft).collect::<Result<Vec<_>, _>>()?;
        frames.fault.map_or(Ok(()), Err)?;
        Ok((drafts, self.moments()))
    }
}

impl CaptureRecorded {
    fn begin(session: &Session, options: &CaptureOptions) -> Self {
        Self {
            connection: session.connection(),
            trace: options.trace_id.unwrap_or_else(|| session.connection()),
            frames: 0,
            rows: 0,
            unanswered: 0,
            replayed: 0,
            findings: Vec::new(),
        }
    }

    fn add(&mut self, rows: Vec<Recorded>) {
        for row in rows {
            self.rows += 1;
            self.replayed += u64::from(row.replayed);
            self.findings.extend(row.findings);
        }
    }
}

/// Records the frames of a live connection, each durable before it is forwarded.
#[derive(Debug)]
pub struct McpRecorder {
    vault: Vault,
    session: Session,
    outcome: CaptureRecorded,
    shared: Arc<Mutex<CaptureRecorded>>,
}

impl McpRecorder {
    /// A recorder that owns its vault, and the place where its outcome can be read while and after it runs.
    #[must_use]
    pub fn new(mut vault: Vault, options: &CaptureOptions) -> (Self, Arc<Mutex<CaptureRecorded>>) {
        let session = vault.session(options);
        let outcome = CaptureRecorded::begin(&session, options);
        let shared = Arc::new(Mutex::new(outcome.clone()));
        (Self { vault, session, outcome, shared: Arc::clone(&shared) }, shared)
    }

    fn publish(&self) {
        // A reader that panicked has taken nothing away from what stands here.
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = self.outcome.clone();
    }
}

impl FrameSink for McpRecorder {
    type Error = VaultError;

    fn record(&mut self, direction: Direction, frame: &[u8]) -> Result<(), VaultError> {
        let draft = self.vault.draft_frame(&mut self.session, direction, frame)?;
        self.vault.flush(&mut self.session, &mut vec![draft], &mut self.outcome)?;
        self.publish();
        Ok(())
    }

    fn finish(&mut self) -> Result<(), VaultError> {
        self.vault.finish_session(&mut self.session, &mut self.outcome)?;
        self.publish();
        Ok(())
    }
}
