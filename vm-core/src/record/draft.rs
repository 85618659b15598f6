//! Drafts: rows on their way in, complete but for the capability they are recorded under.

use crate::canonical;
use crate::digest::{Blinded, CapabilityHash, LeafHash, PolicyHash};
use crate::error::{CanonicalError, RecordError};
use crate::id::{RowId, TraceId};
use crate::instant::Instant;
use crate::key::OpeningsKey;
use crate::record::{Cell, SCHEMA, StoredRow, SystemKind, Table};
use crate::redact::{Opening, Redaction};
use crate::source::{Clock, Entropy};

/// What every row carries: its own id, its time, its chain of work, and the row it corrects, if any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowHeader {
    /// Id of the row. Commitments bind it, so it is minted before the row is redacted.
    pub id: RowId,
    /// Time of the event.
    pub ts: Instant,
    /// Chain of work.
    pub trace_id: TraceId,
    /// The row that this one corrects.
    pub corrects: Option<Correction>,
}

/// A reference to the row that a new row corrects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Correction {
    /// Id of the corrected row.
    pub id: RowId,
    /// Leaf hash of the corrected row.
    pub leaf: LeafHash,
}

impl RowHeader {
    /// A new header with a new id, at the present time of `clock`.
    pub fn mint(clock: &dyn Clock, entropy: &mut dyn Entropy, trace_id: TraceId) -> Self {
        Self { id: RowId::mint(clock, entropy), ts: clock.now(), trace_id, corrects: None }
    }

    /// This header, correcting another row.
    #[must_use]
    pub const fn correcting(mut self, corrects: Correction) -> Self {
        self.corrects = Some(corrects);
        self
    }
}

/// A row ready to be appended. Made only from the typed records, whose payloads are redacted.
#[derive(Clone, Debug)]
pub struct RowDraft {
    table: Table,
    header: RowHeader,
    /// The table's own columns, in order, without header and trailer.
    own: Vec<Cell>,
    meta: Option<String>,
    redaction: Option<Redaction>,
    reserved: bool,
    idempotency: Option<(Blinded, Blinded)>,
    /// Key of the subject whose openings these are.
    subject_key: Option<OpeningsKey>,
}

impl RowDraft {
    pub(super) const fn new(
        table: Table,
        header: RowHeader,
        own: Vec<Cell>,
        meta: Option<String>,
        redaction: Option<Redaction>,
        reserved: bool,
    ) -> Self {
        Self { table, header, own, meta, redaction, reserved, idempotency: None, subject_key: None }
    }

    /// Sets the idempotency key, under which a retry finds the row that the first try made, and the fingerprint of
    /// the caller's input, which tells a retry from another use of the same key. Both are keyed hashes.
    #[must_use]
    pub const fn with_idempotency(mut self, key: Blinded, fingerprint: Blinded) -> Self {
        self.idempotency = Some((key, fingerprint));
        self
    }

    /// Says that its openings are kept under the key of a subject, and not under the vault's own.
    #[must_use]
    pub fn with_subject_key(mut self, key: Option<OpeningsKey>) -> Self {
        self.subject_key = key;
        self
    }

    /// The key of the subject whose openings these are; none where they are kept under the vault's own.
    #[must_use]
    pub const fn subject_key(&self) -> Option<&OpeningsKey> {
        self.subject_key.as_ref()
    }

    /// The table it goes to.
    #[must_use]
    pub const fn table(&self) -> Table {
        self.table
    }

    /// Its header.
    #[must_use]
    pub const fn header(&self) -> &RowHeader {
        &self.header
    }

    /// Whether it is a system event, which has its own road into the ledger.
    #[must_use]
    pub const fn is_reserved(&self) -> bool {
        self.reserved
    }

    /// Which system event it is, if it is one.
    #[must_use]
    pub fn system_kind(&self) -> Option<SystemKind> {
        match self.own.first() {
            Some(Cell::Text(kind)) if self.reserved => SystemKind::of_word(kind),
            _ => None,
        }
    }

    /// Idempotency key and fingerprint, if set.
    #[must_use]
    pub const fn idempotency(&self) -> Option<(Blinded, Blinded)> {
        self.idempotency
    }

    /// Canonical JSON of [`RowDraft::openings`], to be kept apart under encryption, or dropped; empty where there are none.
    /// Cost: none.
    ///
    /// # Errors
    /// As [`Redaction::openings_json`].
    pub fn openings_json(&self) -> Result<&[u8], CanonicalError> {
        self.redaction.as_ref().map_or(Ok(&[]), Redaction::openings_json)
    }

    /// Openings of the commitments in it. Cost: the first call reads them back.
    #[must_use]
    pub fn openings(&self) -> &[Opening] {
        self.redaction.as_ref().map_or(&[], Redaction::openings)
    }

    /// Pointers of values that looked like secrets and were committed.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        self.redaction.as_ref().map_or(&[], Redaction::secrets)
    }

    /// The stored row, recorded under `capability` (none for the genesis row alone).
    ///
    /// # Errors
    /// [`RecordError`] where a cell does not fit its column, or the leaf would be longer than can be read again.
    pub fn complete(&self, capability: Option<CapabilityHash>) -> Result<StoredRow, RecordError> {
        let (own, meta) = (self.own.clone(), self.meta.clone());
        let policy = self.redaction.as_ref().map(Redaction::policy);
        stored(self.table, &self.header, own, meta, capability, policy)
    }

    /// As [`RowDraft::complete`], of a draft that is not needed any more. Cost: no text is copied.
    ///
    /// # Errors
    /// As [`RowDraft::complete`].
    pub fn into_row(self, capability: Option<CapabilityHash>) -> Result<StoredRow, RecordError> {
        let policy = self.redaction.as_ref().map(Redaction::policy);
        stored(self.table, &self.header, self.own, self.meta, capability, policy)
    }
}

fn stored(
    table: Table,
    header: &RowHeader,
    own: Vec<Cell>,
    meta: Option<String>,
    capability: Option<CapabilityHash>,
    policy: Option<PolicyHash>,
) -> Result<StoredRow, RecordError> {
    let blob = |bytes: Option<&[u8]>| bytes.map_or(Cell::Null, |bytes| Cell::Blob(bytes.to_vec()));
    let corrects = header.corrects.as_ref();
    let first = [
        Cell::Blob(header.id.as_bytes().to_vec()),
        Cell::Text(header.ts.to_string()),
        Cell::Blob(header.trace_id.as_bytes().to_vec()),
    ];
    let last = [
        meta.map_or(Cell::Null, Cell::Text),
        blob(corrects.map(|row| row.id.as_bytes().as_slice())),
        blob(corrects.map(|row| row.leaf.as_bytes().as_slice())),
        blob(capability.as_ref().map(|hash| hash.as_bytes().as_slice())),
        blob(policy.as_ref().map(|hash| hash.as_bytes().as_slice())),
    ];
    let mut cells = Vec::with_capacity(first.len() + own.len() + last.len());
    cells.extend(first);
    cells.extend(own);
    cells.extend(last);
    let text: usize = cells.iter().map(|cell| if let Cell::Text(text) = cell { text.len() } else { 0 }).sum();
    if text > canonical::BYTES_MAX {
        return Err(RecordError::TooLong { limit: canonical::BYTES_MAX, found: text });
    }
    StoredRow::new(table, SCHEMA, cells)
}

/// What an append answers for each draft.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// Place of the row in the log.
    pub seq: u64,
    /// Table of the row.
    pub table: Table,
    /// Id of the row that stands; on a replay, that of the first try.
    pub row_id: RowId,
    /// Its leaf hash.
    pub leaf: LeafHash,
    /// Whether an earlier append under the same idempotency key had made it.
    pub replayed: bool,
}
