//! A ledger to test with, its keys, permits of every kind, and rows.
#![allow(dead_code, clippy::missing_panics_doc)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use vm_core::capability::{Act, Action, Authority, Chain, Engines, Grant, Holder, Permit, act};
use vm_core::digest::Sha256Digest;
use vm_core::epoch::Epoch;
use vm_core::id::{LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::SigningIdentity;
use vm_core::record::{
    Direction, FrameProof, Genesis, McpCall, McpKind, Phase, ProofArtifact, RowDraft, RowHeader, ShadowReceipt, Status,
    Table, ToolInvocation,
};
use vm_core::redact::{KnownSecrets, Policy, Redactor};
use vm_core::source::hazmat::{CountingEntropy, SteppingClock};
use vm_ledger::{Access, Ledger, OpeningsKey, Patience};

/// Key that capabilities descend from.
pub(crate) fn root_key() -> SigningIdentity {
    SigningIdentity::from_seed(&[1; 32])
}

/// Key that checkpoints are signed with.
pub(crate) fn log_key() -> SigningIdentity {
    SigningIdentity::from_seed(&[2; 32])
}

/// Key of whoever holds the capability.
pub(crate) fn operator() -> SigningIdentity {
    SigningIdentity::from_seed(&[3; 32])
}

/// Key of the openings.
pub(crate) fn openings_key() -> OpeningsKey {
    OpeningsKey::from_bytes([4; 32])
}

/// The present.
pub(crate) fn now() -> Instant {
    "2026-01-02T03:04:05.000006Z".parse().unwrap()
}

/// What a writer brings along.
pub(crate) fn access(seed: u64) -> Access {
    Access {
        log_key: log_key(),
        openings: Some(openings_key()),
        entropy: Box::new(CountingEntropy::new(seed)),
        patience: Patience { command: "test".to_owned(), timeout: Duration::from_secs(20) },
    }
}

/// The genesis of every ledger here.
pub(crate) fn genesis() -> Genesis {
    Genesis::new(root_key().public(), log_key().public(), Sha256Digest::of(b"nonce"))
}

/// What a grant may be varied in.
pub(crate) struct Limits {
    pub(crate) actions: Vec<Action>,
    pub(crate) resource: &'static str,
    pub(crate) engines: Engines,
    pub(crate) expires: Instant,
    pub(crate) uses: Option<u64>,
    /// Least seconds between two uses.
    pub(crate) interval: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            actions: Action::ALL.to_vec(),
            resource: "/",
            engines: Engines::All,
            expires: "2027-01-01T00:00:00.000000Z".parse().unwrap(),
            uses: None,
            interval: None,
        }
    }
}

/// A chain of one token for the operator.
pub(crate) fn chain(ledger: LedgerId, limits: Limits) -> Chain {
    let grant = Grant {
        ledger,
        holder: operator().public(),
        actions: limits.actions.into_iter().collect(),
        engines: limits.engines,
        epochs: [Epoch::Nigredo].into(),
        resource: limits.resource.parse().unwrap(),
        not_before: "2025-01-01T00:00:00.000000Z".parse().unwrap(),
        expires: limits.expires,
        uses: limits.uses,
        min_interval_seconds: limits.interval,
        nonce: Sha256Digest::of(b"grant"),
    };
    Chain::root(&root_key(), grant).unwrap()
}

/// A permit under such a chain.
pub(crate) fn permit_with<A: Act>(ledger: LedgerId, limits: Limits, use_number: Option<u64>) -> Permit<A> {
    let holder = Holder::new(chain(ledger, limits), operator()).unwrap();
    let invocation = holder.invoke::<A>(Epoch::Nigredo, now(), use_number).unwrap();
    let revoked = |_: &_| false;
    let authority =
        Authority { ledger, root: root_key().public(), epoch: Epoch::Nigredo, now: now(), revoked: &revoked };
    authority.permit(holder.chain(), &invocation).unwrap()
}

/// A permit for everything.
pub(crate) fn permit<A: Act>(ledger: LedgerId) -> Permit<A> {
    permit_with(ledger, Limits::default(), None)
}

/// Makes rows.
pub(crate) struct Maker {
    pub(crate) clock: SteppingClock,
    pub(crate) entropy: CountingEntropy,
    pub(crate) trace: TraceId,
    policy: Policy,
}

impl Maker {
    pub(crate) fn new(seed: u64) -> Self {
        let (clock, mut entropy) = (SteppingClock::new(now()), CountingEntropy::new(seed));
        let trace = TraceId::mint(&clock, &mut entropy);
        Self { clock, entropy, trace, policy: Policy::builtin() }
    }

    pub(crate) fn header(&mut self) -> RowHeader {
        RowHeader::mint(&self.clock, &mut self.entropy, self.trace)
    }

    /// That of a row, and before it that of the row which announces its format, should it be the first.
    pub(crate) fn headers(&mut self) -> [RowHeader; 2] {
        [self.header(), self.header()]
    }

    pub(crate) fn tool_at(&mut self, header: RowHeader, name: &str, input: &Value) -> RowDraft {
        let Self { policy, entropy, .. } = self;
        let mut redactor = Redactor::new(policy, &KnownSecrets, entropy, Table::ToolInvocations, name, header.id);
        let row = ToolInvocation {
            header,
            tool: redactor.text("tool", name).unwrap(),
            phase: Phase::Complete,
            status: Some(Status::Ok),
            input: Some(redactor.json("input_json", input).unwrap()),
            output: None,
            intent: None,
            duration_us: Some(1_500),
            meta: None,
        };
        row.into_draft(redactor.finish()).unwrap()
    }

    fn phase(&mut self, phase: Phase, status: Option<Status>, intent: Option<RowId>) -> RowDraft {
        let header = self.header();
        let Self { policy, entropy, .. } = self;
        let mut redactor = Redactor::new(policy, &KnownSecrets, entropy, Table::ToolInvocations, "t", header.id);
        let tool = redactor.text("tool", "t").unwrap();
        let row = ToolInvocation {
            header,
            tool,
            phase,
            status,
            input: None,
            output: None,
            intent,
            duration_us: None,
            meta: None,
        };
        row.into_draft(redactor.finish()).unwrap()
    }

    pub(crate) fn intent(&mut self) -> RowDraft {
        self.phase(Phase::Intent, None, None)
    }

    pub(crate) fn outcome(&mut self, intent: RowId) -> RowDraft {
        self.phase(Phase::Outcome, Some(Status::Ok), Some(intent))
    }

    pub(crate) fn tool(&mut self, name: &str) -> RowDraft {
        let header = self.header();
        self.tool_at(header, name, &json!({"path": "/etc/hosts", "n": 3}))
    }

    pub(crate) fn call(&mut self, kind: McpKind, answers: Option<RowId>) -> RowDraft {
        self.frame(self.trace, Direction::ClientToServer, kind, answers)
    }

    pub(crate) fn answer(&mut self, connection: TraceId, request: RowId) -> RowDraft {
        self.frame(connection, Direction::ServerToClient, McpKind::Response, Some(request))
    }

    fn frame(&mut self, connection: TraceId, direction: Direction, kind: McpKind, answers: Option<RowId>) -> RowDraft {
        let header = self.header();
        let Self { policy, entropy, .. } = self;
        let mut redactor = Redactor::new(policy, &KnownSecrets, entropy, Table::McpCalls, "tools/call", header.id);
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"token": "x"}});
        let row = McpCall {
            header,
            connection,
            ordinal: Some(0),
            direction,
            kind,
            rpc_id: None,
            method: Some(redactor.text("method", "tools/call").unwrap()),
            answers,
            frame_len: Some(80),
            frame: FrameProof::Committed(redactor.commit_only("/frame", &json!("frame")).unwrap()),
            body: Some(redactor.json("body_json", &body).unwrap()),
            meta: None,
        };
        row.into_draft(redactor.finish()).unwrap()
    }

    pub(crate) fn artifact(&mut self, kind: &str, subject: Option<RowId>) -> RowDraft {
        let header = self.header();
        let Self { policy, entropy, .. } = self;
        let mut redactor = Redactor::new(policy, &KnownSecrets, entropy, Table::ProofArtifacts, kind, header.id);
        let meta = Some(redactor.json("meta_json", &json!({"a": [1, 2.5, null]})).unwrap());
        let row = ProofArtifact { header, kind: kind.parse().unwrap(), file: None, subject, meta };
        row.into_draft(Some(redactor.finish())).unwrap()
    }

    pub(crate) fn shadow(&mut self) -> RowDraft {
        let header = self.header();
        let Self { policy, entropy, .. } = self;
        let mut redactor = Redactor::new(policy, &KnownSecrets, entropy, Table::ShadowReceipts, "", header.id);
        let row = ShadowReceipt {
            header,
            horizon_id: redactor.text("horizon_id", "h1").unwrap(),
            counterfactual_hash: redactor.commit("/counterfactual", &json!("rm -rf /")).unwrap(),
            entropy_delta: 0.25,
            reason: redactor.text("reason", "too risky").unwrap(),
            observer_key: operator().public(),
            observer_signature: operator().sign(b"receipt"),
            meta: None,
        };
        row.into_draft(redactor.finish()).unwrap()
    }

    /// One row of each table.
    pub(crate) fn each(&mut self) -> Vec<RowDraft> {
        vec![self.tool("shell"), self.call(McpKind::Request, None), self.artifact("report", None), self.shadow()]
    }
}

/// A ledger in a folder of its own.
pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    pub(crate) ledger: Ledger,
    pub(crate) maker: Maker,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut maker = Maker::new(7);
        let header = maker.header();
        let ledger = Ledger::init(&dir.path().join("vault"), genesis(), header, access(11)).unwrap();
        let mut fixture = Self { dir, ledger, maker };
        fixture.issue(Limits::default());
        fixture
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("vault")
    }

    pub(crate) fn id(&self) -> LedgerId {
        self.ledger.id()
    }

    /// Records the chain of these limits.
    pub(crate) fn issue(&mut self, limits: Limits) {
        let chain = chain(self.id(), limits);
        let headers = self.maker.headers();
        self.ledger.record_capability(&permit(self.id()), headers, &chain, now()).unwrap();
    }

    pub(crate) fn append(&mut self, drafts: Vec<RowDraft>) -> Vec<vm_core::record::Appended> {
        let permit = permit::<act::Record>(self.id());
        self.ledger.append(&permit, drafts, now()).unwrap()
    }

    /// The database as anybody with the file may open it.
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        raw(&self.path())
    }
}

pub(crate) fn raw(vault: &Path) -> rusqlite::Connection {
    let conn = rusqlite::Connection::open(vault.join("ledger.db")).unwrap();
    conn.busy_timeout(Duration::from_secs(10)).unwrap();
    conn
}

/// Runs one of a file's tests in a mount namespace of its own, after `mounting`. Tells whether it could.
pub(crate) fn run_mounted(mounting: &str, variable: &str, place: &Path, test: &str) {
    let script = format!("{mounting} || exit 77; exec \"$2\" --exact {test} --nocapture");
    let ran = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"])
        .arg(place)
        .arg(std::env::current_exe().unwrap())
        .env(variable, place)
        .output();
    match ran {
        Ok(output) if output.status.success() => {
            assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
        }
        Ok(output) if output.status.code() == Some(101) => {
            panic!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        }
        other => eprintln!("{test} did not run: no file system could be mounted ({other:?})"),
    }
}
