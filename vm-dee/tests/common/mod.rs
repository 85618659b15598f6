//! A gate with real signed rows, the same at every run.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests may panic")]

pub(crate) mod trace;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde_json::{Value, json};
use vm_core::digest::{CapabilityHash, LeafHash, Sha256Digest};
use vm_core::epoch::{Epoch, EpochChange};
use vm_core::id::{LedgerId, RowId, SealId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::SigningIdentity;
use vm_core::record::{
    ArtifactKind, Genesis, LogEntry, ProofArtifact, RowDraft, RowHeader, SCHEMA, StoredRow, SystemKind, Table,
};
use vm_core::redact::Redacted;
use vm_dee::content::Signed;
use vm_dee::error::Violation;
use vm_dee::intent::{Intent, ScrollLine, SealRef, scroll_line};
use vm_dee::proposal::{Effect, ReplayPlan};
use vm_dee::{Approval, Change, Gate, GatePolicy, Identity, Name, Proposal, ProposalRef, Risk, Rule};
use vm_seal::scroll::line_leaf;

/// Seed of the ledger's root key.
pub(crate) const ROOT: u8 = 1;
/// Seed of the key that signs checkpoints.
pub(crate) const LOG: u8 = 2;
/// Seed of the proposer's key, which belongs to nobody who is enrolled.
pub(crate) const PROPOSER: u8 = 50;
/// Longest life of an approval, in seconds.
pub(crate) const LASTS: i64 = 1_000;

/// The key of a seed; all are made once.
pub(crate) fn key(seed: u8) -> SigningIdentity {
    static KEYS: OnceLock<Vec<SigningIdentity>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| (0..=u8::MAX).map(|seed| SigningIdentity::from_seed(&[seed; 32])).collect());
    keys[usize::from(seed)].clone()
}

pub(crate) fn ledger() -> LedgerId {
    LedgerId::from_genesis(LeafHash::from_bytes([1; 32]))
}

pub(crate) fn at(seconds: i64) -> Instant {
    Instant::from_micros((1_790_000_000 + seconds) * 1_000_000).unwrap()
}

pub(crate) fn row_id(number: u64) -> RowId {
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    RowId::from_bytes(bytes)
}

pub(crate) fn trace() -> TraceId {
    TraceId::from_bytes([8; 16])
}

pub(crate) fn header(row: RowId, ts: Instant) -> RowHeader {
    RowHeader { id: row, ts, trace_id: trace(), corrects: None }
}

pub(crate) fn gate() -> Gate {
    let genesis = Genesis::new(key(ROOT).public(), key(LOG).public(), Sha256Digest::of(b"nonce"));
    Gate::new(ledger(), &genesis)
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn identity(text: &str, seeds: &[u8], roles: &[&str], human: bool) -> Identity {
    let mut keys: Vec<_> = seeds.iter().map(|seed| key(*seed).public()).collect();
    keys.sort_unstable();
    Identity { name: name(text), keys, roles: roles.iter().map(|role| name(role)).collect(), human }
}

/// `ada` (keys 10 and 11, a person), `bob` (12), `cat` (13), `dan` (14), by name.
pub(crate) fn identities() -> Vec<Identity> {
    vec![
        identity("ada", &[10, 11], &["security"], true),
        identity("bob", &[12], &["operator"], false),
        identity("cat", &[13], &["operator"], true),
        identity("dan", &[14], &[], false),
    ]
}

/// Two must approve, whatever it is.
pub(crate) fn rules() -> Vec<Rule> {
    let rule = |epoch, risk| Rule {
        epoch,
        risk,
        quorum: 2,
        roles: BTreeSet::new(),
        human: false,
        replay: false,
        lasts_seconds: LASTS.unsigned_abs(),
    };
    Epoch::ALL.into_iter().flat_map(|epoch| Risk::ALL.map(|risk| rule(epoch, risk))).collect()
}

pub(crate) fn policy(row: RowId, number: u64, identities: Vec<Identity>, rules: Vec<Rule>) -> GatePolicy {
    GatePolicy { ledger: ledger(), row, number, identities, rules }
}

pub(crate) fn threshold() -> Change {
    Change::Threshold { name: name("risk.max"), from: 0.5, to: 0.75 }
}

pub(crate) fn proposal(row: RowId, epoch: Epoch, change: Change, expires: Instant) -> Proposal {
    let risk = change.kind().risk_floor();
    Proposal {
        ledger: ledger(),
        row,
        epoch,
        proposer: key(PROPOSER).public(),
        change,
        command: None,
        evidence: Vec::new(),
        expected: vec![Effect { measure: name("blocked_benign"), direction: vm_dee::proposal::Direction::Falls }],
        risk,
        rollback: None,
        replay: Some(ReplayPlan { from: 0, to: 1, benign_blocked_max: 0 }),
        expires,
    }
}

pub(crate) fn approval(row: RowId, proposal: ProposalRef, epoch: Epoch, approver: u8, given: i64) -> Approval {
    Approval {
        ledger: ledger(),
        row,
        proposal,
        epoch,
        approver: key(approver).public(),
        given: at(given),
        expires: at(given + LASTS),
    }
}

/// An intent whose trail is as it must be; tests change what they are about.
pub(crate) fn intent(proposal: ProposalRef, epoch: Epoch, mut approvals: Vec<RowId>, as_of: u64) -> Intent {
    approvals.sort_unstable();
    Intent {
        ledger: ledger(),
        proposal,
        epoch,
        approvals,
        scroll: ScrollLine {
            engine: "dee".parse().unwrap(),
            line: 0,
            leaf: line_leaf(&scroll_line(ledger(), epoch, proposal).unwrap()),
        },
        seal: SealRef { id: SealId::from_bytes([4; 16]), file: Sha256Digest::of(b"seal"), as_of },
        anchor: Some(Sha256Digest::of(b"anchor")),
    }
}

/// A row of a reserved kind with any JSON, as somebody who has a permit could write it.
pub(crate) fn raw(kind: SystemKind, subject: Option<RowId>, value: &Value, header: RowHeader) -> RowDraft {
    let meta = Some(Redacted::system(value).unwrap());
    let artifact = ProofArtifact { header, kind: ArtifactKind::system(kind), file: None, subject, meta };
    artifact.into_draft(None).unwrap()
}

pub(crate) fn intent_draft(intent: &Intent, header: RowHeader) -> RowDraft {
    let mut value = serde_json::to_value(intent).unwrap();
    value["format"] = json!("vm-dee-intent-v0");
    raw(SystemKind::Intent, Some(intent.proposal.row), &value, header)
}

/// An outcome as somebody could write it by hand.
pub(crate) fn outcome_draft(end: &str, proposal: ProposalRef, intent: Option<RowId>, header: RowHeader) -> RowDraft {
    let result = (end == "succeeded").then(|| Sha256Digest::of(b"result"));
    let receipt = (end == "withheld").then(|| json!({ "row": row_id(9), "leaf": LeafHash::of(b"receipt") }));
    let cause = (end == "failed").then_some("panic");
    let value = json!({
        "format": "vm-dee-outcome-v0", "ledger": ledger(), "proposal": proposal, "intent": intent, "end": end,
        "cause": cause, "result": result, "receipt": receipt,
    });
    raw(SystemKind::Outcome, Some(intent.unwrap_or(proposal.row)), &value, header)
}

pub(crate) fn epoch_change_draft(from: Epoch, to: Epoch, intent: RowId, header: RowHeader) -> RowDraft {
    raw(SystemKind::EpochChange, Some(intent), &EpochChange { from, to }.to_value(), header)
}

/// The row of a draft, and its entry at `seq`.
pub(crate) fn stored(draft: &RowDraft, seq: u64) -> (LogEntry, StoredRow) {
    let row = draft.complete(Some(CapabilityHash::from_bytes([3; 32]))).unwrap();
    let leaf = row.leaf_hash().unwrap();
    let entry = LogEntry { seq, table: Table::ProofArtifacts, row_id: row.id().unwrap(), schema: SCHEMA, leaf };
    (entry, row)
}

/// A gate that is fed rows one after the other, each with a new id and at the present time.
pub(crate) struct Feed {
    pub(crate) gate: Gate,
    pub(crate) accepted: Vec<(LogEntry, StoredRow)>,
    pub(crate) now: i64,
    ids: u64,
}

impl Feed {
    pub(crate) fn empty() -> Self {
        Self { gate: gate(), accepted: Vec::new(), now: 0, ids: 100 }
    }

    /// With the policy of [`identities`] and [`rules`].
    pub(crate) fn new() -> Self {
        let mut feed = Self::empty();
        feed.policy(identities(), rules()).unwrap();
        feed
    }

    pub(crate) fn id(&mut self) -> RowId {
        self.ids += 1;
        row_id(self.ids)
    }

    /// Head of a new row, now.
    pub(crate) fn header(&mut self) -> RowHeader {
        let id = self.id();
        header(id, at(self.now))
    }

    pub(crate) fn feed(&mut self, draft: &RowDraft) -> Result<RowId, Violation> {
        let seq = self.gate.next().max(1);
        let (entry, row) = stored(draft, seq);
        let before = self.gate.clone();
        match self.gate.apply(&entry, &row) {
            Ok(()) => {
                self.accepted.push((entry, row));
                Ok(entry.row_id)
            }
            Err(violation) => {
                assert!(self.gate == before, "a refused row changed the state: {violation:?}");
                Err(violation)
            }
        }
    }

    pub(crate) fn policy(&mut self, identities: Vec<Identity>, rules: Vec<Rule>) -> Result<RowId, Violation> {
        let head = self.header();
        let number = self.gate.policy().map_or(0, |policy| policy.number) + 1;
        let signed = Signed::sign(policy(head.id, number, identities, rules), &key(ROOT))?;
        self.feed(&signed.draft(head)?)
    }

    pub(crate) fn propose(&mut self, change: Change) -> Result<Signed<Proposal>, Violation> {
        self.propose_as(change, |_| {})
    }

    pub(crate) fn propose_as(
        &mut self,
        change: Change,
        edit: impl FnOnce(&mut Proposal),
    ) -> Result<Signed<Proposal>, Violation> {
        let head = self.header();
        let mut content = proposal(head.id, self.gate.epoch(), change, at(self.now + 10 * LASTS));
        edit(&mut content);
        let signed = Signed::sign(content, &key(PROPOSER))?;
        self.feed(&signed.draft(head)?)?;
        Ok(signed)
    }

    pub(crate) fn approve(&mut self, proposal: &Signed<Proposal>, approver: u8) -> Result<RowId, Violation> {
        self.approve_as(proposal, approver, |_| {})
    }

    pub(crate) fn approve_as(
        &mut self,
        proposal: &Signed<Proposal>,
        approver: u8,
        edit: impl FnOnce(&mut Approval),
    ) -> Result<RowId, Violation> {
        let head = self.header();
        let reference = proposal.reference()?;
        let mut content = approval(head.id, reference, self.gate.epoch(), approver, self.now);
        edit(&mut content);
        let signed = Signed::sign(content, &key(approver))?;
        self.feed(&signed.draft(head)?)
    }

    pub(crate) fn intend(&mut self, proposal: &Signed<Proposal>, approvals: &[RowId]) -> Result<RowId, Violation> {
        self.intend_as(proposal, approvals, |_| {})
    }

    pub(crate) fn intend_as(
        &mut self,
        proposal: &Signed<Proposal>,
        approvals: &[RowId],
        edit: impl FnOnce(&mut Intent),
    ) -> Result<RowId, Violation> {
        let head = self.header();
        let mut content = intent(proposal.reference()?, self.gate.epoch(), approvals.to_vec(), self.gate.next());
        edit(&mut content);
        self.feed(&intent_draft(&content, head))
    }

    pub(crate) fn end(
        &mut self,
        end: &str,
        proposal: &Signed<Proposal>,
        intent: Option<RowId>,
    ) -> Result<RowId, Violation> {
        let head = self.header();
        self.feed(&outcome_draft(end, proposal.reference()?, intent, head))
    }

    pub(crate) fn change_epoch(&mut self, from: Epoch, to: Epoch, intent: RowId) -> Result<RowId, Violation> {
        let head = self.header();
        self.feed(&epoch_change_draft(from, to, intent, head))
    }

    /// The whole road of a change of epoch.
    pub(crate) fn go_to_epoch(&mut self, to: Epoch) {
        let from = self.gate.epoch();
        let change = self.propose(Change::Epoch { from, to }).unwrap();
        let approvals = [self.approve(&change, 10).unwrap(), self.approve(&change, 12).unwrap()];
        let intent = self.intend(&change, &approvals).unwrap();
        self.change_epoch(from, to, intent).unwrap();
        self.end("succeeded", &change, Some(intent)).unwrap();
    }
}
