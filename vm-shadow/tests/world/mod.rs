//! A small ledger in memory with decisions in it, the same at every run.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

pub(crate) mod proofs;

use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::capability::{Action, Chain, Grant, Holder, Permit, PermitUse, act};
use vm_core::digest::{CapabilityHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{Note, NoteKey, SigningIdentity};
use vm_core::record::{
    Appended, ArtifactKind, Direction, FrameProof, McpCall, McpKind, Phase, ProofArtifact, RowDraft, RowHeader, Status,
    StoredRow, SystemKind, Table, ToolInvocation,
};
use vm_core::redact::{KnownSecrets, Opening, Policy, Redacted, Redactor};
use vm_core::source::Clock as _;
use vm_core::source::hazmat::{CountingEntropy, SteppingClock};
use vm_core::view::Journal as _;
use vm_seal::memory::{MemoryLedger, hazmat};
use vm_shadow::{
    Conclusion, Counterfactual, Decision, HorizonId, Observation, OpenedOption, OptionReceipt, Outcome, Power,
    RestraintProof, VerifiedOpening, close, observe, open, restraint,
};

/// An hour in microseconds.
pub(crate) const HOUR: i64 = 3_600_000_000;

pub(crate) struct World {
    pub(crate) ledger: MemoryLedger,
    pub(crate) holder: Holder,
    pub(crate) clock: SteppingClock,
    pub(crate) entropy: CountingEntropy,
    pub(crate) trace: TraceId,
}

/// A decision to be opened.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) name: &'static str,
    pub(crate) options: Vec<Value>,
    pub(crate) power: Power,
    pub(crate) proposal: Option<RowId>,
    pub(crate) observer: u8,
}

/// A decision that was opened.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) row: StoredRow,
    pub(crate) opening: VerifiedOpening,
    pub(crate) openings: Vec<Opening>,
    pub(crate) options: Vec<Value>,
}

/// A receipt that was recorded.
#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) id: RowId,
    pub(crate) openings: Vec<Opening>,
}

pub(crate) fn key(seed: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[seed; 32])
}

/// Root, log and operator have the keys 1, 2 and 3; the operator observes.
impl World {
    pub(crate) fn new() -> Self {
        let clock = SteppingClock::new(Instant::parse_lenient("2026-01-02T03:04:05Z").unwrap());
        let mut entropy = CountingEntropy::new(7);
        let (ledger, holder) = MemoryLedger::found(&key(1), key(2), key(3), &clock, &mut entropy).unwrap();
        let trace = TraceId::mint(&clock, &mut entropy);
        Self { ledger, holder, clock, entropy, trace }
    }

    pub(crate) fn id(&self) -> LedgerId {
        self.ledger.id()
    }

    pub(crate) fn key(&self) -> NoteKey {
        self.ledger.key().unwrap()
    }

    pub(crate) fn head(&self) -> Note {
        self.ledger.checkpoint().unwrap()
    }

    pub(crate) fn header(&mut self) -> RowHeader {
        RowHeader::mint(&self.clock, &mut self.entropy, self.trace)
    }

    /// A header of a row as late as the deadline of its decision.
    pub(crate) fn late(&mut self) -> RowHeader {
        let header = self.header();
        RowHeader { ts: header.ts.saturating_add_micros(2 * HOUR), ..header }
    }

    pub(crate) fn capability(&self) -> CapabilityHash {
        self.holder.chain().last().unwrap().hash().unwrap()
    }

    fn permit(&self) -> Permit<act::Record> {
        self.ledger.permit(&self.holder, &self.clock).unwrap()
    }

    /// Records a row, reserved or not, without a look at what it says.
    pub(crate) fn append(&mut self, draft: RowDraft) -> Appended {
        if draft.is_reserved() {
            let permit = self.ledger.permit::<act::Seal>(&self.holder, &self.clock).unwrap();
            return self.ledger.record_sealed(&permit, draft).unwrap();
        }
        let permit = self.permit();
        self.ledger.append(&permit, vec![draft]).unwrap()[0]
    }

    pub(crate) fn stored(&self, draft: &RowDraft) -> StoredRow {
        draft.complete(Some(self.capability())).unwrap()
    }

    pub(crate) fn asked(&self) -> Asked {
        Asked {
            name: "deploy/api",
            options: vec![json!({"would": "deploy"}), json!("roll back")],
            power: Power {
                capability: self.capability(),
                action: Action::Record,
                resource: "/tool_invocations".parse().unwrap(),
                epoch: Epoch::Nigredo,
            },
            proposal: None,
            observer: 3,
        }
    }

    pub(crate) fn draft_open(&mut self, asked: &Asked) -> (RowDraft, Opened) {
        let header = self.header();
        let options: Vec<Counterfactual> =
            asked.options.iter().map(|value| Counterfactual::new(value.clone()).unwrap()).collect();
        let decision = Decision {
            header,
            ledger: self.id(),
            horizon_id: &asked.name.parse().unwrap(),
            options: &options,
            power: &asked.power,
            proposal: asked.proposal,
            deadline: header.ts.saturating_add_micros(HOUR),
        };
        let (observer, policy) = (key(asked.observer), Policy::builtin());
        let draft = open(&decision, &observer, &policy, &KnownSecrets, &mut self.entropy).unwrap();
        let row = self.stored(&draft);
        let opening = VerifiedOpening::of(&row, self.id()).unwrap();
        let openings = draft.openings().to_vec();
        (draft, Opened { row, opening, openings, options: asked.options.clone() })
    }

    pub(crate) fn open(&mut self, asked: &Asked) -> Opened {
        let (draft, opened) = self.draft_open(asked);
        self.append(draft);
        opened
    }

    pub(crate) fn draft_receipt(&mut self, horizon: &HorizonId, value: &Value, observer: u8) -> (RowDraft, Received) {
        let seen = Observation {
            header: self.header(),
            ledger: self.id(),
            horizon_id: horizon,
            counterfactual: &Counterfactual::new(value.clone()).unwrap(),
            entropy_delta: 0.0,
            reason: "error budget spent",
            meta: None,
        };
        let policy = Policy::builtin();
        let draft = observe(&seen, &key(observer), &policy, &KnownSecrets, &mut self.entropy).unwrap();
        let received = Received { id: draft.header().id, openings: draft.openings().to_vec() };
        (draft, received)
    }

    pub(crate) fn receipt(&mut self, horizon: &HorizonId, value: &Value, observer: u8) -> Received {
        let (draft, received) = self.draft_receipt(horizon, value, observer);
        self.append(draft);
        received
    }

    /// Receipts for every option.
    pub(crate) fn receipts(&mut self, opened: &Opened) -> Vec<Received> {
        let values = opened.options.clone();
        values.iter().map(|value| self.receipt(opened.opening.horizon_id(), value, 3)).collect()
    }

    pub(crate) fn draft_close(
        &mut self,
        header: RowHeader,
        opened: &Opened,
        outcome: Outcome,
        receipts: &[Received],
    ) -> RowDraft {
        let receipts = named(receipts);
        close(&Conclusion { header, opening: &opened.opening, outcome, receipts: &receipts }, &key(3)).unwrap()
    }

    pub(crate) fn close(&mut self, opened: &Opened, outcome: Outcome, receipts: &[Received]) -> Appended {
        let header = if outcome == Outcome::Expired { self.late() } else { self.header() };
        let draft = self.draft_close(header, opened, outcome, receipts);
        self.append(draft)
    }

    /// A decision that is opened, and withheld with a receipt for each option.
    pub(crate) fn withhold(&mut self, asked: &Asked) -> (Opened, Vec<Received>) {
        let opened = self.open(asked);
        let receipts = self.receipts(&opened);
        self.close(&opened, Outcome::Withheld, &receipts);
        (opened, receipts)
    }

    /// A row that closes a horizon, signed by a key, whatever it says.
    pub(crate) fn forge_close(&mut self, header: RowHeader, subject: RowId, content: &Value, observer: u8) -> RowDraft {
        let mut content = content.clone();
        content["format"] = json!("vm-horizon-closed-v0");
        content["observer"] = json!(key(observer).public());
        let mut message = content.clone();
        let frame = json!({"ledger": self.id(), "row": header.id, "subject": subject, "trace_id": header.trace_id, "ts": header.ts});
        message.as_object_mut().unwrap().extend(frame.as_object().unwrap().clone());
        content["signature"] = json!(key(observer).sign(&canonical::to_bytes(&message).unwrap()));
        system(header, SystemKind::HorizonClosed, Some(subject), &content)
    }

    /// A row that the gate of proposals writes.
    pub(crate) fn gate(&mut self, kind: SystemKind, subject: Option<RowId>, content: &Value) -> Appended {
        let draft = system(self.header(), kind, subject, content);
        self.append(draft)
    }

    pub(crate) fn draft_tool(&mut self) -> RowDraft {
        let (header, policy) = (self.header(), Policy::builtin());
        let mut redactor =
            Redactor::new(&policy, &KnownSecrets, &mut self.entropy, Table::ToolInvocations, "cargo", header.id);
        let call = ToolInvocation {
            header,
            tool: redactor.text("tool", "cargo").unwrap(),
            phase: Phase::Complete,
            status: Some(Status::Ok),
            input: None,
            output: None,
            intent: None,
            duration_us: None,
            meta: None,
        };
        let redaction = redactor.finish();
        call.into_draft(redaction).unwrap()
    }

    pub(crate) fn tool(&mut self) -> Appended {
        let draft = self.draft_tool();
        self.append(draft)
    }

    /// A tool's invocation recorded under a token, whatever that allows.
    pub(crate) fn tool_under(&mut self, capability: CapabilityHash) {
        let draft = self.draft_tool();
        self.append_under(draft, capability);
    }

    pub(crate) fn mcp(&mut self, kind: McpKind, method: Option<&str>) -> Appended {
        let (header, policy) = (self.header(), Policy::builtin());
        let mut redactor = Redactor::new(&policy, &KnownSecrets, &mut self.entropy, Table::McpCalls, "", header.id);
        let method = method.map(|method| redactor.text("method", method).unwrap());
        let is_frame = kind != McpKind::NoAnswer;
        let call = McpCall {
            header,
            connection: TraceId::from_bytes([9; 16]),
            ordinal: is_frame.then_some(0),
            direction: Direction::ClientToServer,
            kind,
            rpc_id: None,
            method,
            answers: (!is_frame).then_some(RowId::from_bytes([8; 16])),
            frame_len: is_frame.then_some(2),
            frame: if is_frame { FrameProof::Sha256(Sha256Digest::of(b"{}")) } else { FrameProof::None },
            body: None,
            meta: None,
        };
        let redaction = redactor.finish();
        self.append(call.into_draft(redaction).unwrap())
    }

    /// A grant like the operator's.
    pub(crate) fn grant(&self) -> Grant {
        self.holder.chain().last().unwrap().grant().clone()
    }

    /// Records a chain of tokens; gives the hash of the last.
    pub(crate) fn issue(&mut self, chain: &Chain) -> CapabilityHash {
        let hash = chain.last().unwrap().hash().unwrap();
        let tokens: Vec<Value> = chain.tokens().iter().map(|token| token.to_value().unwrap()).collect();
        let draft = system(self.header(), SystemKind::Capability, None, &Value::from(tokens));
        self.append_under(draft, hash);
        hash
    }

    /// The row of a use of a token, behind `rows` rows under it.
    pub(crate) fn spend(&mut self, capability: CapabilityHash, number: u64, rows: u64) {
        let content = PermitUse { capability, number, rows }.to_value();
        let draft = system(self.header(), SystemKind::PermitUse, None, &content);
        self.append_under(draft, capability);
    }

    /// Records a row under a token, whatever that allows.
    pub(crate) fn append_under(&mut self, draft: RowDraft, capability: CapabilityHash) {
        hazmat::append_unsigned(&mut self.ledger, draft.complete(Some(capability)).unwrap());
    }

    pub(crate) fn index(&mut self) {
        let permit = self.ledger.permit::<act::Seal>(&self.holder, &self.clock).unwrap();
        let trace = TraceId::from_bytes([0xee; 16]);
        self.ledger.record_index(&permit, trace, &self.clock, &mut self.entropy).unwrap();
    }

    /// A proof about the decision at the present size, every option opened.
    pub(crate) fn prove(&mut self, opened: &Opened, receipts: &[Received]) -> RestraintProof {
        let shown = shown(opened, receipts);
        self.prove_with(opened.opening.id(), shown)
    }

    /// As somebody makes it who hands out what a verifier refuses.
    pub(crate) fn prove_with(&mut self, opening: RowId, shown: Vec<OpenedOption>) -> RestraintProof {
        self.index();
        let (head, log) = (self.head(), self.ledger.tree());
        restraint::hazmat::prove_anyway(&self.ledger, log, &head, opening, shown).unwrap()
    }

    /// The code of what an honest maker answers, at the present size.
    pub(crate) fn made(&mut self, opened: &Opened, receipts: &[Received]) -> &'static str {
        self.index();
        let (head, log) = (self.head(), self.ledger.tree());
        let shown = shown(opened, receipts);
        let made = restraint::prove_restraint(&self.ledger, log, &head, opened.opening.id(), shown);
        made.map_or_else(|error| error.code(), |_| "made")
    }
}

pub(crate) fn system(header: RowHeader, kind: SystemKind, subject: Option<RowId>, content: &Value) -> RowDraft {
    let meta = Some(Redacted::system(content).unwrap());
    let artifact = ProofArtifact { header, kind: ArtifactKind::system(kind), file: None, subject, meta };
    artifact.into_draft(None).unwrap()
}

pub(crate) fn named(receipts: &[Received]) -> Vec<OptionReceipt> {
    (0..).zip(receipts).map(|(option, receipt)| OptionReceipt { option, row: receipt.id }).collect()
}

pub(crate) fn shown(opened: &Opened, receipts: &[Received]) -> Vec<OpenedOption> {
    let shown = |(option, opening): (u8, &Opening)| {
        let receipt = receipts.get(usize::from(option)).map(counterfactual);
        OpenedOption::new(option, opening, receipt).unwrap()
    };
    (0..).zip(&opened.openings).map(shown).collect()
}

pub(crate) fn counterfactual(receipt: &Received) -> &Opening {
    receipt.openings.iter().find(|opening| opening.pointer() == "/counterfactual_hash").unwrap()
}

/// The instant a row bears.
pub(crate) fn now(world: &World) -> Instant {
    world.clock.now()
}
