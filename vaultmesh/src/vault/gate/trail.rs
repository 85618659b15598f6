//! The trail of an execution: scroll line, seal and anchor, checked, and the intent made of them.

use vm_core::capability::{Permit, act};
use vm_core::id::{RowId, SealId, TraceId};
use vm_core::record::{SystemKind, Table};
use vm_core::view::EvidenceView as _;
use vm_dee::error::{RoadError, Violation};
use vm_dee::{Approved, LineProof, Prepared, Proposal, Signed};
use vm_ledger::Snapshot;
use vm_seal::merkle::{LeafIndex, TreeSize};
use vm_seal::scroll::line_leaf;
use vm_seal::selection::Selection;
use vm_seal::verify::verify_seal;

use crate::error::{GateError, VaultError};
use crate::read::Reader;
use crate::vault::Vault;
use crate::vault::gate::anchored::{Candidate, candidates};
use crate::vault::gate::line::{Leaves, engine};
use crate::vault::gate::policy::fold_now;
use crate::vault::guard::standing;
use crate::verify::Outside;

/// What looking through the seals came to.
enum Found {
    /// One of them will do.
    Prepared(Box<Prepared>),
    /// This one would do if it were anchored.
    Unanchored(SealId),
    /// One would do if no guardian held up what rests on it.
    Blocked(GateError),
    Nothing,
}

impl Vault {
    /// Makes the intent of an approved proposal. A seal that will do is looked for first; else the line is told to the scroll
    /// and a seal is made.
    pub(super) fn prepare(
        &mut self,
        proposal: &Signed<Proposal>,
        trace: TraceId,
        permit: &Permit<act::Record>,
        outside: &Outside,
    ) -> Result<Prepared, VaultError> {
        let approved = self.approved(proposal)?;
        // Before anything is written: what holds up everything holds up whatever seal is made.
        if approved.needs_anchor() {
            let snapshot = self.ledger.snapshot()?;
            check_blocks(&snapshot, None)?;
        }
        if let Some(prepared) = settled(self.find_trail(proposal, trace, outside)?)? {
            return Ok(prepared);
        }
        self.tell(&approved.scroll_line().map_err(GateError::Content)?, permit, trace)?;
        let traces = self.traces(&approved, trace)?;
        self.seal(Selection::traces(traces, &[Table::ProofArtifacts])?)?;
        match settled(self.find_trail(proposal, trace, outside)?)? {
            Some(prepared) => Ok(prepared),
            None => Err(GateError::Road(RoadError::SealDoesNotCover).into()),
        }
    }

    fn approved(&self, proposal: &Signed<Proposal>) -> Result<Approved, VaultError> {
        Ok(fold_now(self)?.approved(proposal, self.now()).map_err(GateError::Refused)?)
    }

    fn find_trail(
        &mut self,
        proposal: &Signed<Proposal>,
        trace: TraceId,
        outside: &Outside,
    ) -> Result<Found, VaultError> {
        let reader = Reader::open(&self.place)?;
        let leaves = Leaves::read(reader.files())?;
        let mut approved = self.approved(proposal)?;
        let leaf = line_leaf(&approved.scroll_line().map_err(GateError::Content)?);
        let Some(line) = leaves.find(leaf) else { return Ok(Found::Nothing) };
        let (mut unanchored, mut blocked) = (None, None);
        let is_promotion = approved.needs_anchor();
        for Candidate { bundle, anchor } in candidates(&reader, outside, self.now())? {
            let Some(size) = sealed_size(&bundle, line)? else { continue };
            let Some(path) = leaves.tree_at(size).and_then(|tree| tree.prove_inclusion(line, size).ok()) else {
                continue;
            };
            let (_, verified) = verify_seal(&bundle, reader.view(), Some(reader.files()), Some(&self.note_key));
            let Some(seal) = verified else { continue };
            let line = LineProof { line, path: &path };
            let (clock, entropy) = (&*self.sources.clock, &mut *self.sources.entropy);
            match approved.prepare(line, &seal, anchor.as_ref(), trace, clock, entropy) {
                Ok(prepared) if is_promotion => match check_blocks(reader.view(), Some(bundle.seal_id())) {
                    Ok(()) => return Ok(Found::Prepared(Box::new(prepared))),
                    Err(VaultError::Gate(error @ GateError::Blocked { .. })) => blocked = blocked.or(Some(error)),
                    Err(error) => return Err(error),
                },
                Ok(prepared) => return Ok(Found::Prepared(Box::new(prepared))),
                Err(RoadError::Gate(Violation::Unanchored)) => unanchored = unanchored.or(Some(bundle.seal_id())),
                Err(_) => {}
            }
            approved = self.approved(proposal)?;
        }
        let blocked = blocked.map_or(Found::Nothing, Found::Blocked);
        Ok(unanchored.map_or(blocked, Found::Unanchored))
    }

    /// Chains of work of all rows that the seal must cover.
    fn traces(&self, approved: &Approved, own: TraceId) -> Result<Vec<TraceId>, VaultError> {
        let (snapshot, row) = (self.ledger.snapshot()?, approved.proposal().content().row);
        let mut traces = vec![own];
        for approval in approved.approvals() {
            let found = snapshot.row(*approval).map_err(VaultError::View)?;
            traces.extend(found.and_then(|logged| logged.row.trace_id().ok()));
        }
        let visit = &mut |_, state| {
            if let vm_core::view::RowState::Present(replay) = state
                && replay.row_ref("subject_id").ok().flatten() == Some::<RowId>(row)
            {
                traces.extend(replay.trace_id().ok());
            }
            Ok(vm_core::view::Visit::Continue)
        };
        snapshot.visit_kind(SystemKind::Replay.as_str(), visit).map_err(VaultError::View)?;
        Ok(traces)
    }
}

fn settled(found: Found) -> Result<Option<Prepared>, VaultError> {
    match found {
        Found::Prepared(prepared) => Ok(Some(*prepared)),
        Found::Unanchored(seal) => Err(GateError::AnchorNeeded { seal }.into()),
        Found::Blocked(error) => Err(error.into()),
        Found::Nothing => Ok(None),
    }
}

/// Checks that no guardian holds up promotions that rest on `seal`, or, without one, all of them. A report that cannot be read
/// may be a block.
fn check_blocks(snapshot: &Snapshot, seal: Option<SealId>) -> Result<(), VaultError> {
    let (standing, unreadable) = standing(snapshot)?;
    if let Some(row) = unreadable {
        return Err(GateError::Unreadable { row }.into());
    }
    match standing.holding_up(seal) {
        Some((guardian, block)) => {
            let (guardian, block) = (guardian.clone(), Box::new(block.clone()));
            Err(GateError::Blocked { guardian, block }.into())
        }
        None => Ok(()),
    }
}

/// Size at which a seal records the scroll, where that holds the line.
fn sealed_size(bundle: &vm_seal::bundle::SealBundle, line: LeafIndex) -> Result<Option<TreeSize>, VaultError> {
    let engine = engine()?;
    let scroll = bundle.digest().scrolls().iter().find(|scroll| scroll.engine == engine);
    Ok(scroll.map(|scroll| scroll.size).filter(|size| size.holds(line)))
}
