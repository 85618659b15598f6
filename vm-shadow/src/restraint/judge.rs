//! Judging proofs of restraint, offline, from the ledger's key alone.

use serde_json::Value;
use vm_core::canonical;
use vm_core::capability::Chain;
use vm_core::digest::{CapabilityHash, LeafHash, to_hex};
use vm_core::error::RecordError;
use vm_core::id::{LedgerId, RowId};
use vm_core::key::{NoteKey, PublicKey};
use vm_core::record::{Genesis, LogEntry, StoredRow, SystemKind, Table};
use vm_core::redact::commit;
use vm_core::verdict::{Code, Finding, Report};
use vm_seal::checkpoint::{Checkpoint, VerifiedCheckpoint};
use vm_seal::complete::CompletenessProof;
use vm_seal::error::CheckpointError;
use vm_seal::index::{Card, Query, TermColumn};
use vm_seal::merkle::LeafIndex;
use vm_seal::selection::Selection;

use super::execution::{self, Watched};
use super::power;
use super::proof::{OpenedOption, RestraintProof};
use crate::closing::{Outcome, VerifiedClosing};
use crate::counterfactual::{COUNTERFACTUAL_POINTER, Counterfactual};
use crate::error::RestraintFault;
use crate::horizons::Horizons;
use crate::opening::VerifiedOpening;
use crate::verify::verify;

/// What a proof of restraint does not show, in words for whoever reads the answer.
pub const NOT_SHOWN: [&str; 9] = [
    "acts outside the gate: what was done and never passed through this ledger",
    "acts in other traces, under other tokens of the same observer, or recorded behind the checkpoint",
    "that the token had not been revoked before the opening, and that uses of it were left: the index does not sort rows by kind",
    "that the epoch which the opening names was in force",
    "that the proposal was one that the gate takes, and that it had been approved",
    "that the opening was valid at its place: that no horizon of its name was open then, and not too many were",
    "options that were not opened, and that the options were all there were",
    "times: the order is that of the log, but a deadline and a token's expiry are compared with the times that rows claim",
    "that the index is true: it is the ledger's word, and an audit of the whole ledger checks it",
];

/// An option that was not taken, shown.
#[derive(Clone, PartialEq, Debug)]
pub struct ShownOption {
    /// Its place among the options, from 0.
    pub option: u8,
    /// Its description.
    pub value: Value,
    /// The shadow receipt for it, which is about the same description.
    pub receipt: Option<RowId>,
}

/// A decision that its observer could have acted on and did not, up to a signed size of the log, but for what [`NOT_SHOWN`]
/// says. Made by [`RestraintProof::verify`] alone.
#[derive(Clone, PartialEq, Debug)]
pub struct Restraint {
    checkpoint: VerifiedCheckpoint,
    opening: (u64, VerifiedOpening),
    closing: (u64, VerifiedClosing),
    options: Vec<ShownOption>,
}

impl Restraint {
    /// The checkpoint up to which no act of the decision stands in the log.
    #[must_use]
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// The opening.
    #[must_use]
    pub const fn opening(&self) -> &VerifiedOpening {
        &self.opening.1
    }

    /// Place of the opening in the log.
    #[must_use]
    pub const fn opening_seq(&self) -> u64 {
        self.opening.0
    }

    /// The outcome: withheld or expired.
    #[must_use]
    pub const fn closing(&self) -> &VerifiedClosing {
        &self.closing.1
    }

    /// Place of the outcome in the log.
    #[must_use]
    pub const fn closing_seq(&self) -> u64 {
        self.closing.0
    }

    /// The options that were opened, at least one.
    #[must_use]
    pub fn options(&self) -> &[ShownOption] {
        &self.options
    }
}

/// A row that was shown to stand in the log.
struct Placed {
    entry: LogEntry,
    row: StoredRow,
}

impl Placed {
    fn is_of(&self, kind: SystemKind) -> bool {
        SystemKind::of_row(&self.row) == Some(kind)
    }
}

/// What the checks share.
struct Judge<'a> {
    proof: &'a RestraintProof,
    key: &'a NoteKey,
    ledger: LedgerId,
    root: PublicKey,
    rows: Vec<Placed>,
    /// Chains that the rows issue, believed or not, with the places of the rows.
    tokens: Vec<(u64, Chain)>,
}

impl RestraintProof {
    /// Verifies the proof under the ledger's key. Cost: a leaf hash a row shown, what the completeness proofs take, and a
    /// strict signature check for each token, receipt, opening and closing.
    ///
    /// # Errors
    /// [`RestraintFault`], the first found; [`RestraintFault::finding`] says what each of them means.
    pub fn verify(&self, key: &NoteKey) -> Result<Restraint, RestraintFault> {
        let checkpoint = Checkpoint::verify(&self.checkpoint, key).map_err(RestraintFault::Checkpoint)?;
        let ledger = ledger_of(key).ok_or(RestraintFault::Checkpoint(CheckpointError::Origin))?;
        let rows = self.place_rows(&checkpoint)?;
        let root = root_key(&rows, ledger)?;
        let token = |placed: &Placed| Some((placed.entry.seq, power::issued(&placed.row)?));
        let tokens = rows.iter().filter_map(token).collect();
        let judge = Judge { proof: self, key, ledger, root, rows, tokens };
        let (seq, opening) = judge.opening()?;
        judge.check_watched(seq, &opening)?;
        judge.check_power(seq, &opening)?;
        let about = judge.check_gate(&opening)?;
        let closing = judge.closing(seq, &opening, &about)?;
        judge.check_trace(seq, &opening)?;
        if let Outcome::Taken { option } = closing.1.outcome() {
            return Err(RestraintFault::Taken { option });
        }
        let options = judge.options(&opening, &closing.1)?;
        Ok(Restraint { checkpoint, opening: (seq, opening), closing, options })
    }

    /// Verifies the proof as [`RestraintProof::verify`] does and answers with a report. Without a key nothing is shown.
    #[must_use]
    pub fn check(&self, key: Option<&NoteKey>) -> (Report, Option<Restraint>) {
        let (mut report, subject) = (Report::new(), format!("horizon opened by row {}", self.opening));
        let Some(key) = key else {
            report.find(Finding::new(Code::NoTrustKey, format!("checkpoint of the {subject}")));
            return (report, None);
        };
        match self.verify(key) {
            Ok(shown) => {
                let (size, power) = (shown.checkpoint.size(), shown.opening().power());
                report
                    .checked(format!("log: {} rows stand in it, under a signed checkpoint of {size}", self.rows.len()));
                report.checked(format!(
                    "{subject}: opened at {}, {} at {}",
                    shown.opening_seq(),
                    shown.closing().outcome(),
                    shown.closing_seq()
                ));
                report.checked(format!(
                    "power: the observer held {}, which granted {} on {}",
                    power.capability, power.action, power.resource
                ));
                report.checked(format!(
                    "options: {} of {} opened",
                    shown.options.len(),
                    shown.opening().option_count()
                ));
                report.checked(format!("no other outcome, and no act of the decision, up to {size}"));
                (report, Some(shown))
            }
            Err(fault) => {
                report.find(fault.finding(subject));
                (report, None)
            }
        }
    }

    /// The rows shown, each of which stands at its place.
    fn place_rows(&self, checkpoint: &VerifiedCheckpoint) -> Result<Vec<Placed>, RestraintFault> {
        let leaf = |data: &String| LeafHash::of(data.as_bytes());
        let leaves: Vec<_> = self.rows.iter().map(|row| (LeafIndex::new(row.seq), leaf(&row.data))).collect();
        let proven = self.hashes.verify(&leaves, checkpoint.size(), checkpoint.root()).map_err(RestraintFault::Rows)?;
        let place = |(shown, (_, leaf)): (&super::ShownRow, &(LeafIndex, LeafHash))| {
            let seq = shown.seq;
            let fault = |source| RestraintFault::Row { seq, source };
            let row = StoredRow::parse_leaf_data(shown.data.as_bytes()).map_err(fault)?;
            let (table, row_id, schema) = (row.table(), row.id().map_err(fault)?, row.schema());
            Ok(Placed { entry: LogEntry { seq, table, row_id, schema, leaf: *leaf }, row })
        };
        self.rows.iter().zip(proven.leaves()).map(place).collect()
    }
}

impl Judge<'_> {
    fn opening(&self) -> Result<(u64, VerifiedOpening), RestraintFault> {
        let row = self.rows.iter().find(|placed| placed.entry.row_id == self.proof.opening);
        let row = row.ok_or(RestraintFault::NotShown { what: "the opening" })?;
        let opening = VerifiedOpening::of(&row.row, self.ledger).map_err(RestraintFault::Horizon)?;
        Ok((row.entry.seq, opening))
    }

    /// That acts of the decision would stand where this looks for them.
    fn check_watched(&self, seq: u64, opening: &VerifiedOpening) -> Result<(), RestraintFault> {
        match execution::watched(opening).ok_or(RestraintFault::Unwatched)? {
            Watched::Calls => Ok(()),
            Watched::Gate { proposal } => {
                let row = self.rows.iter().find(|placed| placed.entry.row_id == proposal);
                let row = row.ok_or(RestraintFault::NotShown { what: "the proposal" })?;
                let is_before = execution::is_proposal(&row.row) && row.entry.seq < seq;
                if is_before { Ok(()) } else { Err(RestraintFault::Unwatched) }
            }
        }
    }

    /// That the observer held a token, issued before the opening, that would have allowed the options.
    fn check_power(&self, seq: u64, opening: &VerifiedOpening) -> Result<(), RestraintFault> {
        let mut fault = RestraintFault::NotShown { what: "the token that the opening names" };
        let named = self.tokens.iter().filter(|(_, chain)| power::names(chain, &opening.power().capability));
        for (issued_at, chain) in named {
            if *issued_at > seq {
                return Err(match fault {
                    RestraintFault::NotShown { .. } => RestraintFault::IssuedLater,
                    earlier => earlier,
                });
            }
            match power::check(chain, opening, self.root, self.ledger) {
                Ok(()) => return Ok(()),
                Err(error) => fault = RestraintFault::Power(error),
            }
        }
        Err(fault)
    }

    /// That no row about the opening or its proposal is an act; gives the rows about the opening.
    fn check_gate(&self, opening: &VerifiedOpening) -> Result<Vec<&Placed>, RestraintFault> {
        let answers = &self.proof.complete;
        let about = self.answer("opening", &answers.opening, subject(opening.id()))?;
        let about = self.shown("opening", &about, |_| true)?;
        let proposal = match (opening.proposal(), &answers.proposal) {
            (None, None) => Vec::new(),
            (Some(row), Some(proof)) => {
                let about = self.answer("proposal", proof, subject(row))?;
                self.shown("proposal", &about, |_| true)?
            }
            _ => return Err(RestraintFault::OtherAnswer { of: "proposal", what: "presence" }),
        };
        let act = about.iter().chain(&proposal).find(|placed| execution::is_of_the_gate(&placed.row));
        match act {
            Some(act) => Err(RestraintFault::Executed { seq: act.entry.seq }),
            None => Ok(about),
        }
    }

    /// The one outcome, which fits the opening and its receipts.
    fn closing(
        &self,
        seq: u64,
        opening: &VerifiedOpening,
        about: &[&Placed],
    ) -> Result<(u64, VerifiedClosing), RestraintFault> {
        let closings: Vec<&&Placed> = about.iter().filter(|placed| placed.is_of(SystemKind::HorizonClosed)).collect();
        let placed = match closings.as_slice() {
            [] => return Err(RestraintFault::Unclosed),
            [one] => **one,
            more => return Err(RestraintFault::ClosedTwice { found: more.len() }),
        };
        if placed.entry.seq < seq {
            return Err(RestraintFault::OutcomeFirst);
        }
        let closing = VerifiedClosing::of(&placed.row, self.ledger).map_err(RestraintFault::Horizon)?;
        let mut decision = vec![placed];
        decision.extend(self.rows.iter().find(|placed| placed.entry.row_id == opening.id()));
        for receipt in closing.receipts() {
            let named =
                |placed: &&Placed| placed.entry.table == Table::ShadowReceipts && placed.entry.row_id == receipt.row;
            let row = self.rows.iter().find(named);
            decision.push(row.ok_or(RestraintFault::NotShown { what: "a receipt that the outcome names" })?);
        }
        decision.sort_unstable_by_key(|placed| placed.entry.seq);
        // The rules are those of the fold, and of nobody else.
        let mut horizons = Horizons::new(self.ledger);
        for placed in decision {
            horizons.apply(&placed.entry, &placed.row).map_err(RestraintFault::Violation)?;
        }
        Ok((placed.entry.seq, closing))
    }

    /// That no row of the trace behind the opening is an act under the token, or under one narrowed from it.
    fn check_trace(&self, seq: u64, opening: &VerifiedOpening) -> Result<(), RestraintFault> {
        let not_shown = |what| RestraintFault::NotShown { what };
        let traced = Selection::traces([opening.trace_id()], &Table::ALL);
        let traced = traced.map_err(|_| not_shown("the trace of the opening"))?;
        let cards = self.answer("trace", &self.proof.complete.trace, Query::Selection(traced))?;
        let may_call = |card: &Card| card.seq > seq && matches!(card.table, Table::ToolInvocations | Table::McpCalls);
        let shown = self.shown("trace", &cards, may_call)?;
        let mut calls = shown.into_iter().filter(|placed| execution::is_call(&placed.row)).peekable();
        if calls.peek().is_none() {
            return Ok(());
        }
        // Once for all calls: a proof may hold thousands of them, and of tokens.
        let lineages = power::lineages(self.tokens.iter().map(|(_, chain)| chain), self.root, self.ledger);
        let capability = opening.power().capability;
        for placed in calls {
            let under = placed.row.blob("capability_hash").and_then(|hash| CapabilityHash::from_slice(hash).ok());
            let unknown = not_shown("the token of a call in the trace");
            let is_act = match under {
                Some(under) if under == capability => true,
                under => under.and_then(|under| lineages.get(&under)).ok_or(unknown)?.contains(&capability),
            };
            if is_act {
                return Err(RestraintFault::Executed { seq: placed.entry.seq });
            }
        }
        Ok(())
    }

    /// The options that were opened, and that the receipts for them are about the same.
    fn options(
        &self,
        opening: &VerifiedOpening,
        closing: &VerifiedClosing,
    ) -> Result<Vec<ShownOption>, RestraintFault> {
        let opened = &self.proof.opened;
        if opened.is_empty() {
            return Err(RestraintFault::NotShown { what: "an option" });
        }
        if let Some([_, next]) = opened.array_windows().find(|[one, next]| one.option() >= next.option()) {
            return Err(RestraintFault::OptionNotOpened { option: next.option() });
        }
        opened.iter().map(|opened| self.option(opening, closing, opened)).collect()
    }

    fn option(
        &self,
        opening: &VerifiedOpening,
        closing: &VerifiedClosing,
        opened: &OpenedOption,
    ) -> Result<ShownOption, RestraintFault> {
        let option = opened.option();
        let wrong = RestraintFault::OptionNotOpened { option };
        let described = Counterfactual::new(opened.value().clone()).map_err(|_| wrong.clone())?;
        if !opening.opens(option, &described, opened.salt()) {
            return Err(wrong);
        }
        let wrong = RestraintFault::ReceiptNotOpened { option };
        let named = closing.receipts().iter().find(|receipt| receipt.option == option).map(|receipt| receipt.row);
        match (named, opened.receipt_salt()) {
            (None, None) => {}
            (None, Some(_)) => return Err(wrong),
            (Some(_), None) => return Err(RestraintFault::NotShown { what: "the salt of a receipt" }),
            (Some(row), Some(salt)) => {
                let placed = self.rows.iter().find(|placed| placed.entry.row_id == row).ok_or(wrong.clone())?;
                let receipt = verify(&placed.row, self.ledger).map_err(|_| wrong.clone())?;
                let found = commit(row, COUNTERFACTUAL_POINTER, salt, described.value());
                if found.as_ref() != Ok(&receipt.counterfactual_hash()) {
                    return Err(wrong);
                }
            }
        }
        Ok(ShownOption { option, value: opened.value().clone(), receipt: named })
    }

    /// Cards of all rows that match, up to the checkpoint.
    fn answer(&self, of: &'static str, proof: &CompletenessProof, asked: Query) -> Result<Vec<Card>, RestraintFault> {
        if *proof.query() != asked {
            return Err(RestraintFault::OtherAnswer { of, what: "query" });
        }
        if *proof.checkpoint() != self.proof.checkpoint {
            return Err(RestraintFault::OtherAnswer { of, what: "checkpoint" });
        }
        let complete = proof.verify(self.key, None).map_err(|source| RestraintFault::Answer { of, source })?;
        Ok(complete.cards().to_vec())
    }

    /// The rows of those cards that `wanted` picks, each of which must be shown, by place.
    fn shown(
        &self,
        of: &'static str,
        cards: &[Card],
        wanted: impl Fn(&Card) -> bool,
    ) -> Result<Vec<&Placed>, RestraintFault> {
        let mut rows = Vec::new();
        for card in cards.iter().filter(|card| wanted(card)) {
            let at = self.rows.binary_search_by_key(&card.seq, |placed| placed.entry.seq);
            let placed = at.ok().and_then(|at| self.rows.get(at));
            let placed = placed.ok_or(RestraintFault::NotShown { what: "a row that may be an act or an outcome" })?;
            if (placed.entry.leaf, placed.entry.row_id, placed.entry.table) != (card.leaf, card.id, card.table) {
                return Err(RestraintFault::OtherAnswer { of, what: "row" });
            }
            rows.push(placed);
        }
        rows.sort_unstable_by_key(|placed| placed.entry.seq);
        Ok(rows)
    }
}

/// The question for rows about a row.
pub(super) fn subject(row: RowId) -> Query {
    Query::Term { column: TermColumn::Subject, value: to_hex(row.as_bytes()) }
}

/// The ledger that a key signs for.
fn ledger_of(key: &NoteKey) -> Option<LedgerId> {
    let ledger = LedgerId::parse(key.name().strip_prefix("vaultmesh/")?).ok()?;
    (ledger.origin() == key.name()).then_some(ledger)
}

/// The root key, from the genesis row that the ledger is named after.
fn root_key(rows: &[Placed], ledger: LedgerId) -> Result<PublicKey, RestraintFault> {
    let genesis = rows.first().filter(|placed| placed.entry.seq == 0 && placed.entry.leaf == ledger.genesis());
    let genesis = genesis.ok_or(RestraintFault::NotShown { what: "the genesis row" })?;
    let fault = |source| RestraintFault::Row { seq: 0, source };
    let json = genesis.row.text("meta_json").ok_or(fault(RecordError::Shape))?;
    let value = canonical::parse_exact(json.as_bytes(), canonical::BYTES_MAX);
    let value = value.map_err(|error| fault(RecordError::Canonical(error)))?;
    Ok(Genesis::from_value(&value).map_err(fault)?.root_key())
}
