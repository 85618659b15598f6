//! Making proofs of restraint.

use std::collections::{BTreeMap, BTreeSet};

use vm_core::canonical;
use vm_core::capability::InForce;
use vm_core::digest::CapabilityHash;
use vm_core::error::{CapabilityError, RecordError};
use vm_core::id::RowId;
use vm_core::key::Note;
use vm_core::record::{Genesis, StoredRow, SystemKind, Table};
use vm_core::view::{EvidenceView, RowState, StoredEntry, ViewError, Visit};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::complete::{Indexed, prove_complete};
use vm_seal::index::Query;
use vm_seal::merkle::{HashReader, LeafIndex, prove_multi};
use vm_seal::selection::Selection;

use super::execution::{self, Watched};
use super::judge::subject;
use super::power;
use super::proof::{Answers, OpenedOption, RestraintProof, ShownRow};
use crate::closing::VerifiedClosing;
use crate::error::ProveRestraintError;
use crate::opening::VerifiedOpening;

/// Rows to be shown, as the pass over the log comes across them.
struct Gathered<'a> {
    opening: &'a VerifiedOpening,
    opening_seq: u64,
    rows: BTreeMap<u64, String>,
    /// Rows that issue tokens, and shadow receipts of the horizon: which of them are needed is known at the end.
    tokens: Vec<(u64, StoredRow)>,
    receipts: Vec<(u64, StoredRow)>,
    /// Tokens that calls in the trace were recorded under, and that of the opening.
    needed: BTreeSet<CapabilityHash>,
    named: BTreeSet<RowId>,
    /// Tokens and epoch at the place that the pass has come to.
    in_force: Option<InForce>,
    /// The token that the opening was recorded under, while the use that was spent on it has not been passed.
    spending: Option<CapabilityHash>,
    /// Why the token was of no use at the opening.
    powerless: Option<CapabilityError>,
    /// Whether acts of the decision leave rows that a verifier looks at.
    is_watched: bool,
}

/// Proves what stands in the log of `view`, up to the size of `checkpoint`, about the horizon that the row `opening` opens. The
/// log's hashes come from `log`; `opened` is what options were, by rising place. Whether it comes to restraint,
/// [`RestraintProof::verify`] says: a decision that was acted on gives a proof that does not hold. Of a decision whose acts
/// nobody could find no proof is made. Cost: two passes over all rows, and what sorting them takes.
///
/// # Errors
/// [`ProveRestraintError`].
pub fn prove_restraint<R: HashReader + ?Sized>(
    view: &dyn EvidenceView,
    log: &R,
    checkpoint: &Note,
    opening: RowId,
    opened: Vec<OpenedOption>,
) -> Result<RestraintProof, ProveRestraintError<R::Error>> {
    let (proof, reluctance) = gather(view, log, checkpoint, opening, opened)?;
    match reluctance {
        Some(Reluctance::Unwatched) => Err(ProveRestraintError::Unwatched),
        Some(Reluctance::Powerless(error)) => Err(ProveRestraintError::Power(error)),
        None => Ok(proof),
    }
}

/// Why whoever sees the whole log makes no proof.
enum Reluctance {
    /// A verifier would refuse it: acts of the decision leave no rows that it looks at.
    Unwatched,
    /// A verifier could not know: the observer could not have acted.
    Powerless(CapabilityError),
}

/// Makes proofs that [`prove_restraint`] makes not: what a verifier must find, somebody must be able to forge.
pub mod hazmat {
    use super::{EvidenceView, HashReader, Note, OpenedOption, ProveRestraintError, RestraintProof, RowId, gather};

    /// As [`super::prove_restraint`], also of a decision whose acts nobody looks for, and of one that its observer had no
    /// power over.
    ///
    /// # Errors
    /// [`ProveRestraintError`].
    pub fn prove_anyway<R: HashReader + ?Sized>(
        view: &dyn EvidenceView,
        log: &R,
        checkpoint: &Note,
        opening: RowId,
        opened: Vec<OpenedOption>,
    ) -> Result<RestraintProof, ProveRestraintError<R::Error>> {
        gather(view, log, checkpoint, opening, opened).map(|(proof, _)| proof)
    }
}

/// The proof, and what speaks against handing it out.
fn gather<R: HashReader + ?Sized>(
    view: &dyn EvidenceView,
    log: &R,
    checkpoint: &Note,
    opening: RowId,
    opened: Vec<OpenedOption>,
) -> Result<(RestraintProof, Option<Reluctance>), ProveRestraintError<R::Error>> {
    let signed = Checkpoint::parse_text(checkpoint.unverified_text()).map_err(ProveRestraintError::Checkpoint)?;
    let size = signed.size();
    let ledger = view.ledger().map_err(ProveRestraintError::View)?;
    let row = view.row(opening).map_err(ProveRestraintError::View)?.filter(|row| row.entry.seq < size.as_u64());
    let row = row.ok_or(ProveRestraintError::NoSuchRow { row: opening })?;
    let opened_by = VerifiedOpening::of(&row.row, ledger).map_err(ProveRestraintError::Opening)?;
    let indexed = Indexed::read(view, size).map_err(ProveRestraintError::Index)?;
    let indexed = indexed.ok_or(ProveRestraintError::NotIndexed)?;
    let answer = |query| prove_complete(&indexed, query, checkpoint, log, true).map_err(ProveRestraintError::Answer);
    let traced = Selection::traces([opened_by.trace_id()], &Table::ALL);
    let traced = traced.map_err(|error| ProveRestraintError::View(ViewError::store(error)))?;
    let complete = Answers {
        opening: answer(subject(opening))?,
        proposal: opened_by.proposal().map(|row| answer(subject(row))).transpose()?,
        trace: answer(Query::Selection(traced))?,
    };
    let mut gathered = Gathered::new(&opened_by, row.entry.seq);
    view.visit_log(0, size.as_u64(), &mut |entry, state| {
        let (StoredEntry::Entry(entry), RowState::Present(row)) = (&entry, &state) else {
            return Err(ViewError::store(RecordError::Shape));
        };
        gathered.take(entry.seq, entry.row_id, row).map_err(ViewError::store)?;
        Ok(Visit::Continue)
    })
    .map_err(ProveRestraintError::View)?;
    let reluctance = gathered.reluctance();
    let rows = gathered.finish().map_err(ProveRestraintError::Record)?;
    let places: Vec<LeafIndex> = rows.iter().map(|row| LeafIndex::new(row.seq)).collect();
    let hashes = prove_multi(log, &places, size).map_err(ProveRestraintError::Log)?;
    let proof = RestraintProof { checkpoint: checkpoint.clone(), opening, rows, hashes, opened, complete };
    Ok((proof, reluctance))
}

impl<'a> Gathered<'a> {
    fn new(opening: &'a VerifiedOpening, opening_seq: u64) -> Self {
        let needed = BTreeSet::from([opening.power().capability]);
        Self {
            opening,
            opening_seq,
            rows: BTreeMap::new(),
            tokens: Vec::new(),
            receipts: Vec::new(),
            needed,
            named: BTreeSet::new(),
            in_force: None,
            spending: None,
            powerless: None,
            is_watched: execution::watched(opening) == Some(Watched::Calls),
        }
    }

    fn take(&mut self, seq: u64, id: RowId, row: &StoredRow) -> Result<(), RecordError> {
        self.follow(seq, row)?;
        let about = row.row_ref("subject_id").ok().flatten();
        let is_about = about == Some(self.opening.id()) || (about.is_some() && about == self.opening.proposal());
        let may_call = matches!(row.table(), Table::ToolInvocations | Table::McpCalls)
            && row.trace_id() == Ok(self.opening.trace_id())
            && seq > self.opening_seq;
        if execution::is_call(row) && may_call {
            let under = row.blob("capability_hash").and_then(|hash| CapabilityHash::from_slice(hash).ok());
            self.needed.extend(under);
        }
        let proposed = execution::watched(self.opening) == Some(Watched::Gate { proposal: id });
        if proposed {
            self.is_watched = execution::is_proposal(row) && seq < self.opening_seq;
        }
        if seq == 0 || id == self.opening.id() || is_about || may_call || proposed {
            self.show(seq, row)?;
        }
        if let Ok(closing) = VerifiedClosing::of(row, self.opening.ledger())
            && closing.opening() == self.opening.id()
        {
            self.named.extend(closing.receipts().iter().map(|receipt| receipt.row));
        }
        if SystemKind::of_row(row) == Some(SystemKind::Capability) {
            self.tokens.push((seq, row.clone()));
        }
        if row.text("horizon_id") == Some(self.opening.horizon_id().as_str()) {
            self.receipts.push((seq, row.clone()));
        }
        Ok(())
    }

    /// Follows what is in force up to the opening: that a token had not been revoked, that uses of it were left and that the
    /// epoch was the one named, no proof shows, so a prover who knows better makes none.
    fn follow(&mut self, seq: u64, row: &StoredRow) -> Result<(), RecordError> {
        if seq == 0 {
            let json = row.text("meta_json").ok_or(RecordError::Shape)?;
            let value =
                canonical::parse_exact(json.as_bytes(), canonical::BYTES_MAX).map_err(RecordError::Canonical)?;
            self.in_force = Some(InForce::new(self.opening.ledger(), Genesis::from_value(&value)?.root_key()));
        }
        let Some(in_force) = &mut self.in_force else { return Ok(()) };
        let under = row.blob("capability_hash").and_then(|hash| CapabilityHash::from_slice(hash).ok());
        if seq < self.opening_seq {
            // What is at fault in it changes nothing; an audit finds it.
            let _ = in_force.apply(row);
        } else if seq == self.opening_seq {
            self.powerless = power::powerless(in_force, self.opening);
            self.spending = under;
        } else if let Some(spending) = self.spending {
            // The opening may be a use itself, whose row stands behind those recorded with it.
            let is_use = SystemKind::of_row(row) == Some(SystemKind::PermitUse);
            if under != Some(spending) {
                self.spending = None;
            } else if is_use {
                let _ = in_force.apply(row);
                self.spending = None;
            }
        }
        Ok(())
    }

    /// What speaks against the proof, by what the whole log says.
    fn reluctance(&mut self) -> Option<Reluctance> {
        if !self.is_watched {
            return Some(Reluctance::Unwatched);
        }
        let used_up = |in_force: &InForce| power::used_up(in_force, &self.opening.power().capability);
        let powerless = self.powerless.take().or_else(|| self.in_force.as_ref().and_then(used_up));
        powerless.map(Reluctance::Powerless)
    }

    fn show(&mut self, seq: u64, row: &StoredRow) -> Result<(), RecordError> {
        let data = String::from_utf8(row.leaf_data()?).map_err(|_| RecordError::Shape)?;
        self.rows.insert(seq, data);
        Ok(())
    }

    /// The rows by place: with the receipts that the outcome names, and for each token that is needed the first row that issues
    /// it.
    fn finish(mut self) -> Result<Vec<ShownRow>, RecordError> {
        for (seq, row) in std::mem::take(&mut self.receipts) {
            if self.named.contains(&row.id()?) {
                self.show(seq, &row)?;
            }
        }
        for (seq, row) in std::mem::take(&mut self.tokens) {
            let Some(chain) = power::issued(&row) else { continue };
            let issued: Vec<_> = self.needed.iter().filter(|hash| power::names(&chain, hash)).copied().collect();
            if !issued.is_empty() {
                self.show(seq, &row)?;
                issued.iter().for_each(|hash| _ = self.needed.remove(hash));
            }
        }
        Ok(self.rows.into_iter().map(|(seq, data)| ShownRow { data, seq }).collect())
    }
}
