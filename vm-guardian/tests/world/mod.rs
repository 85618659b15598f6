//! A small ledger in memory, with a clock that tests set.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "shared by several tests")]

use std::cell::Cell;

use vm_core::capability::{Chain, Grant, Holder, act};
use vm_core::digest::{CapabilityHash, Sha256Digest};
use vm_core::id::{RowId, SealId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{PublicKey, SigningIdentity};
use vm_core::record::{
    Appended, ArtifactFile, ArtifactKind, Phase, ProofArtifact, RowDraft, RowHeader, Status, SystemKind, Table,
    ToolInvocation,
};
use vm_core::redact::{KnownSecrets, Policy, Redacted, Redactor};
use vm_core::source::Clock;
use vm_core::source::hazmat::CountingEntropy;
use vm_core::verdict::Report;
use vm_core::view::{EvidenceView as _, Journal as _};
use vm_guardian::detect::ANCHORS_JUDGED;
use vm_guardian::{Budget, Enrolments, Given, Guardian, Observed, Signal, Thresholds, run};
use vm_seal::audit::{Trust, audit};
use vm_seal::bundle::SealBundle;
use vm_seal::memory::{MemoryFiles, MemoryLedger, hazmat};
use vm_seal::seal::{SealRequest, bundle_path, seal};
use vm_seal::selection::Selection;

pub const START: i64 = 1_790_000_000_000_000;

/// A clock that moves a millisecond at each look, and can be set.
pub struct Ticking(pub Cell<i64>);

impl Clock for Ticking {
    fn now(&self) -> Instant {
        let micros = self.0.get();
        self.0.set(micros + 1_000);
        Instant::from_micros(micros).unwrap()
    }
}

/// The key of the operator, who records what actors say.
pub fn collector() -> PublicKey {
    SigningIdentity::from_seed(&[3; 32]).public()
}

/// Nobody but the collector.
pub fn collected() -> Enrolments {
    let mut enrolments = Enrolments::new();
    enrolments.enrol_collector(collector());
    enrolments
}

pub struct World {
    pub ledger: MemoryLedger,
    pub files: MemoryFiles,
    pub clock: Ticking,
    pub entropy: CountingEntropy,
    pub enrolments: Enrolments,
    pub thresholds: Thresholds,
    /// Where the guardians' clock stands, if elsewhere than the recording one.
    pub now: Option<Instant>,
    holder: Holder,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let (clock, mut entropy) = (Ticking(Cell::new(START)), CountingEntropy::new(seed));
        let [root, log, operator] = [1, 2, 3].map(|byte| SigningIdentity::from_seed(&[byte; 32]));
        let (ledger, holder) = MemoryLedger::found(&root, log, operator, &clock, &mut entropy).unwrap();
        Self {
            ledger,
            files: MemoryFiles::new(),
            clock,
            entropy,
            enrolments: collected(),
            thresholds: Thresholds::default(),
            now: None,
            holder,
        }
    }

    pub fn advance(&self, micros: i64) {
        self.clock.0.set(self.clock.0.get() + micros);
    }

    pub fn trace(&mut self) -> TraceId {
        TraceId::mint(&self.clock, &mut self.entropy)
    }

    pub fn header(&mut self, trace: TraceId) -> RowHeader {
        RowHeader::mint(&self.clock, &mut self.entropy, trace)
    }

    pub fn append(&mut self, draft: RowDraft) -> Appended {
        // The clock of the permit stands apart, so that a recording clock that jumps does not void it.
        let permit = self.ledger.permit::<act::Record>(&self.holder, &FarClock).unwrap();
        self.ledger.append(&permit, vec![draft]).unwrap().remove(0)
    }

    pub fn tool(&mut self, trace: TraceId, phase: Phase, status: Option<Status>, intent: Option<RowId>) -> Appended {
        let header = self.header(trace);
        self.tool_at(header, phase, status, intent)
    }

    pub fn tool_at(
        &mut self,
        header: RowHeader,
        phase: Phase,
        status: Option<Status>,
        intent: Option<RowId>,
    ) -> Appended {
        let policy = Policy::builtin();
        let mut redactor =
            Redactor::new(&policy, &KnownSecrets, &mut self.entropy, Table::ToolInvocations, "shell", header.id);
        let tool = redactor.text("tool", "shell").unwrap();
        let (input, output, duration_us, meta) = (None, None, None, None);
        let record = ToolInvocation { header, tool, phase, status, input, output, intent, duration_us, meta };
        let draft = record.into_draft(redactor.finish()).unwrap();
        self.append(draft)
    }

    pub fn signal(&mut self, signal: &Signal) -> Appended {
        let header = self.header(signal.trace());
        let draft = signal.draft(header, &KnownSecrets, &mut self.entropy).unwrap();
        self.append(draft)
    }

    /// A token for the holder whose key has this seed, of the root's and issued. It can record.
    pub fn token(&mut self, seed: u8) -> CapabilityHash {
        let (chain, hash) = self.unissued(seed);
        self.issue(&chain);
        hash
    }

    pub fn unissued(&mut self, seed: u8) -> (Chain, CapabilityHash) {
        let own = self.holder.chain().last().unwrap().grant().clone();
        let holder = SigningIdentity::from_seed(&[seed; 32]).public();
        let chain = Chain::root(&SigningIdentity::from_seed(&[1; 32]), Grant { holder, ..own }).unwrap();
        let hash = chain.last().unwrap().hash().unwrap();
        (chain, hash)
    }

    pub fn issue(&mut self, chain: &Chain) {
        let hash = chain.last().unwrap().hash().unwrap();
        let tokens: Vec<_> = chain.tokens().iter().map(|token| token.to_value().unwrap()).collect();
        let (trace, kind) = (self.trace(), ArtifactKind::system(SystemKind::Capability));
        let (header, meta) = (self.header(trace), Some(Redacted::system(&tokens.into()).unwrap()));
        let artifact = ProofArtifact { header, kind, file: None, subject: None, meta };
        let row = artifact.into_draft(None).unwrap().complete(Some(hash)).unwrap();
        hazmat::append_unsigned(&mut self.ledger, row);
    }

    /// Records a signal under a token, whoever holds it.
    pub fn signal_under(&mut self, capability: CapabilityHash, signal: &Signal) {
        let header = self.header(signal.trace());
        let draft = signal.draft(header, &KnownSecrets, &mut self.entropy).unwrap();
        hazmat::append_unsigned(&mut self.ledger, draft.complete(Some(capability)).unwrap());
    }

    /// Support by `actor` for `subject`, at the present time.
    pub fn support(&mut self, actor: &str, subject: &str, value: f64) -> Appended {
        let (at, trace) = (self.clock.now(), self.trace());
        self.signal(&Signal::new(actor, "support", subject, value, at, trace).unwrap())
    }

    pub fn seal(&mut self) -> (SealBundle, Appended) {
        let bundle = self.bundle();
        let row = self.record_seal(&bundle);
        (bundle, row)
    }

    /// A seal over everything that is not recorded yet.
    pub fn bundle(&mut self) -> SealBundle {
        let permit = self.ledger.permit::<act::Seal>(&self.holder, &FarClock).unwrap();
        let checkpoint = self.ledger.checkpoint().unwrap();
        let selection = Selection::everything();
        let request = SealRequest::over(selection, &checkpoint);
        let signer = self.ledger.signer().clone();
        seal(&self.ledger, request, &signer, &permit, &self.clock, &mut self.entropy).unwrap()
    }

    fn record_seal(&mut self, bundle: &SealBundle) -> Appended {
        let file = self.put(bundle);
        self.system(SystemKind::Seal, Some(file), None)
    }

    /// Puts a bundle among the files.
    pub fn put(&mut self, bundle: &SealBundle) -> ArtifactFile {
        let at = bundle_path(bundle.seal_id());
        self.files.put(at.parse().unwrap(), bundle.as_bytes().to_vec());
        ArtifactFile {
            path: at.parse().unwrap(),
            size: bundle.as_bytes().len().try_into().unwrap(),
            sha256: Sha256Digest::of(bundle.as_bytes()),
            blake3: None,
        }
    }

    /// A row that says that an anchor of `seal` is recorded; what it holds is not looked at here.
    pub fn anchor(&mut self, seal: &Appended) -> Appended {
        self.system(SystemKind::Anchor, None, Some(seal.row_id))
    }

    pub fn system(&mut self, kind: SystemKind, file: Option<ArtifactFile>, subject: Option<RowId>) -> Appended {
        let trace = self.trace();
        let header = self.header(trace);
        self.system_at(header, kind, file, subject)
    }

    pub fn system_at(
        &mut self,
        header: RowHeader,
        kind: SystemKind,
        file: Option<ArtifactFile>,
        subject: Option<RowId>,
    ) -> Appended {
        let meta = file.is_none().then(|| Redacted::system(&serde_json::json!({})).unwrap());
        let artifact = ProofArtifact { header, kind: ArtifactKind::system(kind), file, subject, meta };
        let permit = self.ledger.permit::<act::Seal>(&self.holder, &FarClock).unwrap();
        self.ledger.record_sealed(&permit, artifact.into_draft(None).unwrap()).unwrap()
    }

    /// The verification, with the key pinned and the present head from outside, by somebody who judged anchors as well.
    pub fn report(&self) -> Report {
        let mut report = self.audited();
        report.checked(format!("{ANCHORS_JUDGED}: all rows"));
        report
    }

    /// The verification of the ledger alone.
    pub fn audited(&self) -> Report {
        let (key, head) = (self.ledger.key().unwrap(), self.ledger.checkpoint().unwrap());
        audit(&self.ledger, Some(&self.files), &Trust { key: Some(&key), head: Some(&head) }).report
    }

    pub fn observe(&self, guardian: &dyn Guardian) -> Observed {
        self.observe_with(guardian, &self.report(), Budget::default())
    }

    pub fn observe_with(&self, guardian: &dyn Guardian, report: &Report, budget: Budget) -> Observed {
        let now = self.now.unwrap_or_else(|| self.clock.now());
        let given = Given {
            view: &self.ledger,
            files: &self.files,
            report,
            enrolments: &self.enrolments,
            thresholds: &self.thresholds,
            now,
        };
        let stands = Ticking(Cell::new(START));
        run(guardian, &given, budget, &stands).unwrap()
    }

    pub fn size(&self) -> u64 {
        self.ledger.size().unwrap()
    }
}

struct FarClock;

impl Clock for FarClock {
    fn now(&self) -> Instant {
        Instant::from_micros(START + 365 * 86_400 * 1_000_000).unwrap()
    }
}

pub fn seal_id(bundle: &SealBundle) -> SealId {
    bundle.seal_id()
}
