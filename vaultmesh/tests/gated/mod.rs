//! A vault with a policy of the gate, the command on it, and a writer that asks no gate.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

use std::path::PathBuf;

use serde_json::Value;
use vaultmesh::keys::{KeyStore, Role};
use vaultmesh::read::Reader;
use vaultmesh::system::{SystemClock, SystemEntropy};
use vaultmesh::vault::Place;
use vm_core::capability::{Act, Authority, Holder};
use vm_core::epoch::Epoch;
use vm_core::id::{RowId, TraceId};
use vm_core::record::{ArtifactKind, ProofArtifact, RowDraft, RowHeader, SystemKind};
use vm_core::redact::Redacted;
use vm_core::source::Clock as _;
use vm_core::view::EvidenceView as _;
use vm_ledger::{Access, Ledger, Patience};

use crate::common::Home;

/// A vault of its own with a policy, and the command on it.
pub(crate) struct World(pub(crate) Home);

pub(crate) const THRESHOLD: [&str; 8] = ["--kind", "threshold", "--name", "risk.max", "--from", "0.5", "--to", "0.4"];

pub(crate) const POLICY: &str = r#"
format = "vm-gate-policy-file-v0"

[[identity]]
name = "ada"
holders = ["ada"]
human = true

[[identity]]
name = "bea"
holders = ["bea"]

[[identity]]
name = "watch"
holders = ["watch"]

[[rule]]
epoch = "nigredo"
risk = "medium"
quorum = 1
roles = []
human = true
replay = false
lasts_seconds = 3600

[[rule]]
epoch = "rubedo"
risk = "medium"
quorum = 1
roles = []
human = false
replay = false
lasts_seconds = 3600
"#;

impl World {
    pub(crate) fn new() -> Self {
        let world = Self(Home::with_vault());
        for name in ["ada", "bea", "watch"] {
            world.ran(0, &["grant", name, "--profile", "guardian"]);
        }
        world.ran(0, &["grant", "chief", "--profile", "sovereign", "--from-root"]);
        world.ran(0, &["gate", "policy", &world.file("policy.toml", POLICY)]);
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn ran(&self, code: i32, words: &[&str]) -> Value {
        self.0.told(code, words)
    }

    #[track_caller]
    pub(crate) fn refused(&self, words: &[&str]) -> String {
        self.0.refused(words)
    }

    #[track_caller]
    pub(crate) fn proposed(&self, words: &[&str]) -> String {
        let proposed = self.ran(0, &[&["--holder", "watch", "propose"], words].concat());
        proposed["result"]["proposal"].as_str().unwrap().to_owned()
    }

    /// A threshold that this script would move.
    pub(crate) fn threshold(&self, script: &str) -> String {
        self.proposed(&[&THRESHOLD[..], &["--", "sh", "-c", script]].concat())
    }

    #[track_caller]
    pub(crate) fn approved(&self, script: &str) -> String {
        let proposal = self.threshold(script);
        self.ran(0, &["approve", &proposal, "--by", "ada"]);
        proposal
    }

    /// The words to run this script for a proposal.
    pub(crate) fn execute<'a>(proposal: &'a str, script: &'a str) -> [&'a str; 8] {
        ["--holder", "chief", "execute", proposal, "--", "sh", "-c", script]
    }

    /// Runs what needs an anchored seal: the seal that it asks for first is anchored.
    #[track_caller]
    pub(crate) fn anchored(&self, words: &[&str]) -> Value {
        self.anchor_for(words);
        self.ran(0, words)
    }

    /// Anchors the seal that a command asks for.
    #[track_caller]
    pub(crate) fn anchor_for(&self, words: &[&str]) {
        let lacks = self.ran(3, words);
        assert_eq!(lacks["error"]["code"], "gate-unanchored");
        let message = lacks["error"]["message"].as_str().unwrap();
        let seal = message.split_whitespace().skip_while(|word| *word != "seal").nth(1).unwrap();
        self.ran(0, &["anchor", "add", seal, "--local"]);
    }

    /// A file of the trust that the vault itself would have.
    pub(crate) fn trust(&self) -> String {
        let trust = self.path("trust.toml").to_str().unwrap().to_owned();
        self.ran(0, &["trust", "show", "--output", &trust]);
        trust
    }

    #[track_caller]
    pub(crate) fn approve_by_two(&self, proposal: &str) {
        self.ran(0, &["approve", proposal, "--by", "ada"]);
        self.ran(0, &["approve", proposal, "--by", "bea"]);
    }

    /// A proposal to change to this epoch.
    #[track_caller]
    pub(crate) fn epoch_change(&self, epoch: &str) -> String {
        let proposed = self.ran(0, &["--holder", "watch", "propose", "--kind", "epoch", "--epoch", epoch]);
        proposed["result"]["proposal"].as_str().unwrap().to_owned()
    }

    /// A command that leaves a mark each time it is run, and then does `more`.
    pub(crate) fn marking(&self, more: &str) -> String {
        format!("echo ran >> '{}'; {more}", self.path("mark").display())
    }

    pub(crate) fn marks(&self) -> usize {
        std::fs::read_to_string(self.path("mark")).unwrap_or_default().lines().count()
    }

    pub(crate) fn stage(&self, proposal: &str) -> String {
        let listed = self.ran(0, &["proposals"]);
        let list = listed["result"]["proposals"].as_array().unwrap();
        let found = list.iter().find(|state| state["proposal"] == proposal).unwrap();
        found["stage"].as_str().unwrap().to_owned()
    }

    /// Findings of an audit; no trust was given, so nothing can be verified.
    pub(crate) fn findings(&self, code: i32) -> Vec<(String, String)> {
        let answer = self.ran(code, &["verify"]);
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
        let findings = answer["findings"].as_array().unwrap();
        findings.iter().map(|finding| (text(finding, "code"), text(finding, "severity"))).collect()
    }

    #[track_caller]
    pub(crate) fn is_sound(&self) {
        let findings = self.findings(3);
        assert!(findings.iter().all(|(_, severity)| severity != "contradicted"), "{findings:?}");
        assert!(findings.iter().all(|(code, _)| code != "outcome-unknown"), "{findings:?}");
    }
}

/// What a writer that asks no gate has at hand.
pub(crate) struct Past {
    pub(crate) reader: Reader,
    pub(crate) keys: KeyStore,
    pub(crate) header: RowHeader,
}

impl Past {
    /// A row of a reserved kind with this content.
    pub(crate) fn raw(&self, kind: SystemKind, subject: RowId, value: &Value) -> RowDraft {
        let (meta, header) = (Some(Redacted::system(value).unwrap()), self.header);
        let artifact =
            ProofArtifact { header, kind: ArtifactKind::system(kind), file: None, subject: Some(subject), meta };
        artifact.into_draft(None).unwrap()
    }

    /// The leaf hash of a row.
    pub(crate) fn leaf(&self, row: RowId) -> vm_core::digest::LeafHash {
        self.reader.view().row(row).unwrap().unwrap().entry.leaf
    }
}

/// Records a row under the token of `holder`, the operator's where none is named, without asking the gate.
pub(crate) fn past_the_gate<A: Act>(world: &World, holder: Option<&str>, make: impl FnOnce(&Past) -> RowDraft) {
    let place = Place { vault: world.path("vault"), keys: world.path("keys") };
    let reader = Reader::open(&place).unwrap();
    let keys = KeyStore::new(&place.keys, reader.ledger());
    let (mut entropy, now) = (SystemEntropy::open().unwrap(), SystemClock.now());
    let access = Access {
        log_key: keys.identity(Role::Log).unwrap(),
        openings: Some(keys.openings().unwrap()),
        entropy: Box::new(SystemEntropy::open().unwrap()),
        patience: Patience::default(),
    };
    let mut ledger = Ledger::open(&place.vault, access).unwrap();
    let (id, root, epoch) = (ledger.id(), ledger.genesis().root_key(), Epoch::Nigredo);
    ledger.refresh().unwrap();
    let holder: Holder = holder.map_or_else(|| keys.operator(), |name| keys.holder(&name.parse().unwrap())).unwrap();
    let invocation = holder.invoke::<A>(epoch, now, None).unwrap();
    let authority = Authority { ledger: id, root, epoch, now, revoked: &|_| false };
    let permit = authority.permit::<A>(holder.chain(), &invocation).unwrap();
    let trace = TraceId::mint(&SystemClock, &mut entropy);
    let [announcement, header] = [trace; 2].map(|trace| RowHeader::mint(&SystemClock, &mut entropy, trace));
    let draft = make(&Past { reader, keys, header });
    ledger.decide(&permit, announcement, now, |_| Ok::<_, std::convert::Infallible>(vec![draft])).unwrap();
}
