//! Proofs that an answer is complete: made out of a vault, and checked with nothing else at hand.

use serde::Serialize;
use vm_core::digest::LeafHash;
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::record::Table;
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{EvidenceView as _, Visit};
use vm_seal::complete::{CompletenessProof, Indexed, prove_complete};
use vm_seal::error::ProveCompleteError;
use vm_seal::index::{Card, Query};
use vm_seal::merkle::TreeSize;

use crate::error::VaultError;
use crate::pin::Pin;
use crate::read::Reader;
use crate::verify::Outside;

/// What a proof answers.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Answer {
    /// The question.
    pub query: serde_json::Value,
    /// Name of the log, by its checkpoint.
    pub origin: String,
    /// Size of the log up to which it is complete.
    pub complete_at: u64,
    /// All rows that match, by table and id; null where the proof does not hold or could not be checked, which is no empty
    /// answer.
    pub rows: Option<Vec<AnsweredRow>>,
}

/// A row that matches.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AnsweredRow {
    /// Its place in the log.
    pub seq: u64,
    /// Its table.
    pub table: Table,
    /// Its id.
    pub id: RowId,
    /// The time it claims.
    pub ts: Instant,
    /// Its trace.
    pub trace_id: TraceId,
    /// Its leaf hash.
    pub leaf: LeafHash,
}

impl From<&Card> for AnsweredRow {
    fn from(card: &Card) -> Self {
        let Card { table, ts, id, trace, seq, leaf } = *card;
        Self { seq, table, id, ts, trace_id: trace, leaf }
    }
}

impl Reader {
    /// Proves which rows match `query` up to the last checkpoint right behind an index, or where `as_of` names one up to that.
    /// Cost: one pass over all rows.
    ///
    /// # Errors
    /// [`VaultError::NotIndexed`] where no index stands close enough before it; [`VaultError::Completeness`].
    pub fn prove_complete(
        &self,
        query: Query,
        as_of: Option<u64>,
        with_entries: bool,
    ) -> Result<CompletenessProof, VaultError> {
        let size = match as_of {
            Some(size) => size,
            None => match self.view().last_index()? {
                Some(last) => last.size().as_u64() + 1,
                None => self.view().size().map_err(VaultError::View)?,
            },
        };
        let indexed = Indexed::read(self.view(), TreeSize::new(size)).map_err(complete_fault)?;
        let indexed = indexed.ok_or(VaultError::NotIndexed { size })?;
        let checkpoint = self.checkpoint_at(size)?;
        let log = self.view().log_hashes(size).map_err(VaultError::Proof)?;
        prove_complete(&indexed, query, &checkpoint, &log, with_entries).map_err(complete_fault)
    }

    fn checkpoint_at(&self, wanted: u64) -> Result<vm_core::key::Note, VaultError> {
        let mut found = None;
        self.view()
            .visit_checkpoints(&mut |size, note| {
                if size == wanted {
                    found = Some(note);
                }
                Ok(if size >= wanted { Visit::Stop } else { Visit::Continue })
            })
            .map_err(VaultError::View)?;
        let note = found.ok_or_else(|| VaultError::NotFound { what: "checkpoint", name: wanted.to_string() })?;
        vm_core::key::Note::parse(note.as_bytes()).map_err(VaultError::Note)
    }
}

fn complete_fault<E: std::error::Error + Send + Sync + 'static>(error: ProveCompleteError<E>) -> VaultError {
    match error {
        ProveCompleteError::Read(source) => VaultError::View(vm_core::view::ViewError::store(source)),
        ProveCompleteError::Proof(source) => VaultError::Completeness(source),
        other => VaultError::View(vm_core::view::ViewError::store(other)),
    }
}

/// Checks a proof under the key that `outside` pins, and gives the rows that match.
#[must_use]
pub fn verify_complete(proof: &CompletenessProof, outside: &Outside) -> (Answer, Report) {
    let mut report = Report::new();
    let claimed = vm_seal::checkpoint::Checkpoint::parse_text(proof.checkpoint().unverified_text());
    let mut answer = Answer {
        query: proof.query().to_value(),
        origin: claimed.as_ref().map_or_else(|_| String::new(), |claimed| claimed.origin().to_owned()),
        complete_at: claimed.map_or(0, |claimed| claimed.size().as_u64()),
        rows: None,
    };
    let subject = format!("checkpoint of {}", answer.origin);
    let pin = outside.pin_for(proof.checkpoint(), &subject, &mut report);
    outside.find_policies_unread("answer", &mut report);
    let Some(key) = pin.key() else {
        if pin == Pin::Absent {
            report.find(Finding::new(Code::NoTrustKey, subject));
        }
        return (answer, report);
    };
    match proof.verify(key, None) {
        Ok(complete) => {
            let rows: Vec<AnsweredRow> = complete.cards().iter().map(AnsweredRow::from).collect();
            report.checked(format!("complete at {}: {} rows match", answer.complete_at, rows.len()));
            answer.rows = Some(rows);
        }
        Err(error) => report.find(error.finding("answer")),
    }
    (answer, report)
}
