//! The gate on the command line: what is refused before it, what is run once behind it, and what an audit says of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod common;

use std::path::PathBuf;

use common::Home;
use serde_json::{Value, json};
use vaultmesh::keys::{KeyStore, Role};
use vaultmesh::read::Reader;
use vaultmesh::system::{SystemClock, SystemEntropy};
use vaultmesh::vault::{LOCK_TIMEOUT, Place, Sources, Vault};
use vaultmesh::verify::Outside;
use vm_core::capability::{Authority, act};
use vm_core::epoch::Epoch;
use vm_core::id::{RowId, TraceId};
use vm_core::record::RowHeader;
use vm_core::source::Clock as _;
use vm_core::view::EvidenceView as _;
use vm_dee::{Approval, Change, Proposal, Signed};
use vm_ledger::{Access, Ledger, Patience};

/// A vault of its own with a policy, and the command on it.
struct World(Home);

const POLICY: &str = r#"
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
    fn new() -> Self {
        let world = Self(Home::with_vault());
        for name in ["ada", "bea", "watch"] {
            world.ran(0, &["grant", name, "--profile", "guardian"]);
        }
        world.ran(0, &["grant", "chief", "--profile", "sovereign", "--from-root"]);
        world.ran(0, &["gate", "policy", &world.file("policy.toml", POLICY)]);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn place(&self) -> Place {
        Place { vault: self.path("vault"), keys: self.path("keys") }
    }

    fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    #[track_caller]
    fn ran(&self, code: i32, words: &[&str]) -> Value {
        self.0.told(code, words)
    }

    #[track_caller]
    fn refused(&self, words: &[&str]) -> String {
        self.0.refused(words)
    }

    #[track_caller]
    fn proposed(&self, words: &[&str]) -> String {
        let proposed = self.ran(0, &[&["--holder", "watch", "propose"], words].concat());
        proposed["result"]["proposal"].as_str().unwrap().to_owned()
    }

    fn threshold(&self) -> String {
        self.proposed(&["--kind", "threshold", "--name", "risk.max", "--from", "0.5", "--to", "0.4"])
    }

    #[track_caller]
    fn approved(&self) -> String {
        let proposal = self.threshold();
        self.ran(0, &["approve", &proposal, "--by", "ada"]);
        proposal
    }

    /// A command that leaves a mark each time it is run, and then does `more`.
    fn marking(&self, more: &str) -> String {
        format!("echo ran >> '{}'; {more}", self.path("mark").display())
    }

    fn marks(&self) -> usize {
        std::fs::read_to_string(self.path("mark")).unwrap_or_default().lines().count()
    }

    fn stage(&self, proposal: &str) -> String {
        let listed = self.ran(0, &["proposals"]);
        let list = listed["result"]["proposals"].as_array().unwrap();
        let found = list.iter().find(|state| state["proposal"] == proposal).unwrap();
        found["stage"].as_str().unwrap().to_owned()
    }

    /// Findings of an audit; no trust was given, so nothing can be verified.
    fn findings(&self, code: i32) -> Vec<(String, String)> {
        let answer = self.ran(code, &["verify"]);
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
        let findings = answer["findings"].as_array().unwrap();
        findings.iter().map(|finding| (text(finding, "code"), text(finding, "severity"))).collect()
    }

    #[track_caller]
    fn is_sound(&self) {
        let findings = self.findings(3);
        assert!(findings.iter().all(|(_, severity)| severity != "contradicted"), "{findings:?}");
        assert!(findings.iter().all(|(code, _)| code != "outcome-unknown"), "{findings:?}");
    }
}

#[test]
fn what_is_approved_runs_once_and_no_more() {
    let world = World::new();
    let proposal = world.threshold();
    let script = world.marking("true");
    let execute = ["--holder", "chief", "execute", &proposal, "--", "sh", "-c", &script];
    assert_eq!(world.refused(&execute), "gate-quorum", "nobody approved");
    assert_eq!(world.refused(&["approve", &proposal, "--by", "watch"]), "gate-by-proposer");
    assert_eq!(world.refused(&["approve", &proposal, "--by", "chief"]), "gate-not-enrolled");
    world.ran(0, &["approve", &proposal, "--by", "bea"]);
    assert_eq!(world.refused(&execute), "gate-human", "one who is no person");
    assert_eq!((world.marks(), world.stage(&proposal)), (0, "proposed".to_owned()));
    world.ran(0, &["approve", &proposal, "--by", "ada"]);
    assert_eq!(world.stage(&proposal), "approved");
    // Whoever may record may not execute.
    assert_eq!(world.refused(&["execute", &proposal, "--", "sh", "-c", &script]), "capability-action");
    let done = world.ran(0, &execute);
    assert_eq!((done["result"]["end"].as_str(), world.marks()), (Some("succeeded"), 1));
    assert_eq!(world.refused(&execute), "gate-proposal-unknown");
    assert_eq!((world.marks(), world.stage(&proposal)), (1, "succeeded".to_owned()));
    world.is_sound();

    // A command that fails is an outcome, and what it writes is not mixed with the result.
    let proposal = world.approved();
    let script = world.marking("echo noise; exit 3");
    let failed = world.ran(4, &["--holder", "chief", "execute", &proposal, "--", "sh", "-c", &script]);
    assert_eq!((failed["result"]["end"].as_str(), failed["result"]["cause"].as_str()), (Some("failed"), Some("error")));
    assert_eq!((world.marks(), world.stage(&proposal)), (2, "failed".to_owned()));
    world.is_sound();
}

#[test]
fn a_killed_execution_is_unknown_and_never_runs_again() {
    let world = World::new();
    let proposal = world.approved();
    let script = world.marking("kill -9 $PPID");
    let execute = ["--holder", "chief", "execute", &proposal, "--", "sh", "-c", &script];
    assert_eq!(world.0.json(&execute).code, -1, "it was killed");
    assert_eq!((world.marks(), world.stage(&proposal)), (1, "authorised".to_owned()));
    let findings = world.findings(3);
    assert!(findings.contains(&("outcome-unknown".to_owned(), "undecided".to_owned())), "{findings:?}");
    assert_eq!(world.refused(&["withhold", &proposal, "--reason", "too late"]), "gate-intent-taken");
    let recovered = world.ran(0, &["gate", "recover"]);
    assert_eq!(recovered["result"]["ended"][0]["end"], "unknown");
    assert_eq!(world.refused(&execute), "gate-proposal-unknown");
    assert_eq!((world.marks(), world.stage(&proposal)), (1, "unknown".to_owned()));
    world.is_sound();
    assert_eq!(world.ran(0, &["gate", "recover"])["result"]["ended"], json!([]));
}

#[test]
fn nobody_calls_a_running_execution_unknown() {
    let world = World::new();
    let (proposal, other) = (world.approved(), world.approved());
    let us = format!(
        "'{}' --format json --vault '{}' --keys '{}'",
        env!("CARGO_BIN_EXE_vaultmesh"),
        world.path("vault").display(),
        world.path("keys").display()
    );
    // From within the execution: others record, and neither recover nor execute.
    let script = format!(
        "{us} gate recover > recover.json; test $? = 4 || exit 1; {us} record tool grep > tool.json || exit 2; \
         {us} --holder chief execute {other} -- true > second.json; test $? = 4 || exit 3"
    );
    let script = format!("cd '{}'; {script}", world.0.path("").display());
    world.ran(0, &["--holder", "chief", "execute", &proposal, "--", "sh", "-c", &script]);
    for name in ["recover.json", "second.json"] {
        let refused: Value = serde_json::from_slice(&std::fs::read(world.path(name)).unwrap()).unwrap();
        assert_eq!(refused["error"]["code"], "gate-running", "{name}");
    }
    assert_eq!((world.stage(&proposal), world.stage(&other)), ("succeeded".to_owned(), "approved".to_owned()));
    world.is_sound();
}

#[test]
fn what_is_withheld_leaves_a_receipt_and_never_runs() {
    let world = World::new();
    let proposal = world.approved();
    let withheld = world.ran(0, &["withhold", &proposal, "--reason", "blocks the nightly backup"]);
    let receipt = withheld["result"]["receipt"]["id"].as_str().unwrap();
    let shown = world.ran(0, &["show", receipt]);
    assert_eq!(shown["result"]["table"], "shadow_receipts");
    let outcome = world.ran(0, &["show", withheld["result"]["outcome"]["id"].as_str().unwrap()]);
    assert!(outcome.to_string().contains(receipt), "the outcome names its receipt: {outcome}");
    let script = world.marking("true");
    let execute = ["--holder", "chief", "execute", &proposal, "--", "sh", "-c", &script];
    assert_eq!(world.refused(&execute), "gate-proposal-unknown");
    assert_eq!(world.refused(&["approve", &proposal, "--by", "bea"]), "gate-proposal-unknown");
    assert_eq!((world.marks(), world.stage(&proposal)), (0, "withheld".to_owned()));
    world.is_sound();
}

#[test]
fn what_the_epoch_or_the_policy_does_not_allow_is_not_proposed() {
    let world = World::new();
    assert_eq!(world.ran(0, &["epoch", "show"])["result"]["epoch"], "nigredo");
    let propose = |words: &[&str]| world.refused(&[&["propose"], words].concat());
    assert_eq!(propose(&["--kind", "command", "--", "true"]), "gate-not-allowed");
    let threshold = ["--kind", "threshold", "--name", "risk.max", "--from", "0.5", "--to", "0.4"];
    assert_eq!(propose(&[&threshold[..], &["--risk", "low"]].concat()), "gate-risk");
    assert_eq!(propose(&[&threshold[..], &["--risk", "high"]].concat()), "gate-no-rule");
    assert_eq!(propose(&["--kind", "threshold", "--name", "risk.max"]), "usage");
    let absent = "01900000-0000-7000-8000-0000000000aa";
    assert_eq!(propose(&[&threshold[..], &["--evidence", absent]].concat()), "not-found");
    assert_eq!(world.refused(&["approve", absent, "--by", "ada"]), "not-found");
    // An older policy cannot be recorded in the place of a newer one; a later one is the newer.
    let shown = world.ran(0, &["gate", "policy", "show"]);
    assert_eq!(shown["result"]["policy"]["number"], 1);
    world.ran(0, &["gate", "policy", &world.file("policy.toml", POLICY)]);
    assert_eq!(world.ran(0, &["gate", "policy", "show"])["result"]["policy"]["number"], 2);
    let unknown = POLICY.replace("file-v0", "file-v9");
    assert_eq!(world.refused(&["gate", "policy", &world.file("policy.toml", &unknown)]), "format-unknown");
    world.is_sound();
}

#[test]
fn a_replay_decides_where_the_plan_says_so() {
    let world = World::new();
    world.ran(0, &["record", "tool", "grep"]);
    let now = world.file("now.json", r#"{"format":"vm-thresholds-v0"}"#);
    let after = world.file("after.json", r#"{"block":{"tool":["grep"]},"format":"vm-thresholds-v0"}"#);
    let change = json!({ "type": "threshold", "name": "risk.max", "from": 0.5, "to": 0.4 });
    let plan = json!({ "from": 0, "to": 10, "benign_blocked_max": 0 });
    let proposal = json!({ "change": change, "replay": plan });
    let proposal = world.proposed(&[&world.file("proposal.json", &proposal.to_string())]);
    let replay = ["replay", &proposal, "--before", &now, "--after", &after];
    world.ran(0, &replay);
    assert_eq!(world.refused(&replay), "gate-replayed");
    assert_eq!(world.refused(&["approve", &proposal, "--by", "ada"]), "gate-regressed");
    world.is_sound();
}

#[test]
fn an_epoch_changes_by_the_strictest_gate_and_voids_what_was_approved() {
    let world = World::new();
    let before = world.approved();
    let trust = world.path("trust.toml").to_str().unwrap().to_owned();
    world.ran(0, &["trust", "show", "--output", &trust]);
    let propose = world.ran(0, &["--holder", "watch", "epoch", "change", "rubedo"]);
    let proposal = propose["result"]["proposal"].as_str().unwrap();
    let change = ["--holder", "chief", "epoch", "change", "rubedo", "--trust", &trust];
    assert_eq!(world.refused(&change), "gate-quorum");
    world.ran(0, &["approve", proposal, "--by", "ada"]);
    assert_eq!(world.refused(&change), "gate-quorum", "one is not enough for the strictest gate");
    world.ran(0, &["approve", proposal, "--by", "bea"]);
    assert_eq!(world.refused(&["--holder", "chief", "execute", proposal, "--", "true"]), "gate-is-epoch-change");
    let lacks = world.ran(3, &change);
    assert_eq!(lacks["error"]["code"], "gate-unanchored");
    let message = lacks["error"]["message"].as_str().unwrap();
    let seal = message.split_whitespace().skip_while(|word| *word != "seal").nth(1).unwrap();
    // Asked again it makes no second seal, and an anchor that nobody trusts does not count.
    assert!(world.ran(3, &change)["error"]["message"].as_str().unwrap().contains(seal));
    world.ran(0, &["anchor", "add", seal, "--local"]);
    let untrusting = world.ran(3, &["--holder", "chief", "epoch", "change", "rubedo"]);
    assert_eq!(untrusting["error"]["code"], "gate-unanchored");
    let changed = world.ran(0, &change);
    assert_eq!(changed["result"]["end"], "succeeded");
    let seal = changed["result"]["seal"].as_str().unwrap();
    assert_eq!(world.ran(0, &["epoch", "show"])["result"]["epoch"], "rubedo");

    // What was approved in the old epoch does not run in the new one.
    assert_eq!(world.stage(&before), "voided");
    assert_eq!(world.refused(&["--holder", "chief", "execute", &before, "--", "true"]), "gate-voided");
    let recovered = world.ran(0, &["gate", "recover"]);
    assert_eq!(recovered["result"]["ended"][0]["end"], "expired");

    // All is sealed and anchored, and verifies.
    world.ran(0, &["anchor", "add", seal, "--local"]);
    let head = world.path("head.txt").to_str().unwrap().to_owned();
    world.ran(0, &["head", "--output", &head]);
    let answer = world.ran(0, &["verify", "--trust", &trust, "--head", &head]);
    assert_eq!(answer["verdict"], "verified");
}

#[test]
fn a_command_is_run_word_by_word() {
    let world = World::new();
    let trust = world.path("trust.toml").to_str().unwrap().to_owned();
    world.ran(0, &["trust", "show", "--output", &trust]);
    let propose = world.ran(0, &["--holder", "watch", "epoch", "change", "rubedo"]);
    let anchored = |words: &[&str]| {
        let lacks = world.ran(3, words);
        let message = lacks["error"]["message"].as_str().unwrap();
        let seal = message.split_whitespace().skip_while(|word| *word != "seal").nth(1).unwrap();
        world.ran(0, &["anchor", "add", seal, "--local"]);
        world.ran(0, words)
    };
    let approve = |proposal: &str| {
        world.ran(0, &["approve", proposal, "--by", "ada"]);
        world.ran(0, &["approve", proposal, "--by", "bea"]);
    };
    approve(propose["result"]["proposal"].as_str().unwrap());
    anchored(&["--holder", "chief", "epoch", "change", "rubedo", "--trust", &trust]);
    let script = world.marking("true");
    let proposal = world.proposed(&["--kind", "command", "--", "sh", "-c", &script]);
    approve(&proposal);
    let execute = ["--holder", "chief", "execute", &proposal, "--trust", &trust, "--", "sh", "-c"];
    assert_eq!(world.refused(&[&execute[..], &["true"]].concat()), "gate-other-command");
    assert_eq!(world.marks(), 0);
    let done = anchored(&[&execute[..], &[&script]].concat());
    assert_eq!((done["result"]["end"].as_str(), world.marks()), (Some("succeeded"), 1));
    world.is_sound();
}

#[test]
fn a_vault_that_stays_open_sees_what_other_processes_record() {
    let world = World::new();
    let chief = "chief".parse().unwrap();
    let sources = Sources::system().unwrap();
    let mut held = Vault::open_as(&world.place(), sources, LOCK_TIMEOUT, Some(&chief)).unwrap();
    let mut execute = |proposal: &str| {
        let done = |_: &vm_dee::Order<'_, act::Execute>| Ok(vm_core::digest::Sha256Digest::of(b"done"));
        let executed = held.execute(proposal.parse().unwrap(), &Outside::default(), done);
        executed.map(|executed| executed.end.as_str()).map_err(|error| error.code())
    };
    let first = world.threshold();
    assert_eq!(execute(&first), Err("gate-quorum"));
    world.ran(0, &["approve", &first, "--by", "ada"]);
    let second = world.approved();
    assert_eq!(execute(&first), Ok("succeeded"));
    world.ran(0, &["withhold", &second, "--reason", "another is enough"]);
    assert_eq!(execute(&second), Err("gate-proposal-unknown"));
    let third = world.approved();
    world.ran(0, &["gate", "policy", &world.file("policy.toml", &POLICY.replace("quorum = 1", "quorum = 2"))]);
    assert_eq!(execute(&third), Err("gate-quorum"), "the policy of another process counts");
    world.is_sound();
}

#[test]
fn a_report_becomes_a_proposal_of_whoever_signs_it() {
    let world = World::new();
    let tool = world.0.tool("grep");
    let seal = world.ran(0, &["seal", "create"])["result"]["seal_id"].as_str().unwrap().to_owned();
    let guarded = world.ran(3, &["guard", "--guardian", "anchor"]);
    let answer = &guarded["result"]["guardians"][0];
    assert_eq!(answer["proposals"][0], "anchor the seals again with an authority that answers");
    let report = answer["report"].as_str().unwrap();
    // Nothing was proposed by it.
    assert_eq!(world.ran(0, &["proposals"])["result"]["proposals"], json!([]));

    let suggested = ["propose", "--suggestion", report];
    let refused = |words: &[&str]| world.refused(&[&suggested[..], words].concat());
    assert_eq!(refused(&[]), "gate-no-rule", "the policy has no rule for risk low");
    let threshold = ["--kind", "threshold", "--name", "risk.max", "--from", "0.5", "--to", "0.4"];
    assert_eq!(refused(&threshold), "suggestion-other-change");
    assert_eq!(refused(&["--number", "2"]), "suggestion-which");
    assert_eq!(world.refused(&["propose", "--suggestion", &tool]), "suggestion-none");
    let proposal = world.proposed(&["--suggestion", report, "--risk", "medium", "--evidence", &tool]);

    let shown = world.ran(0, &["show", &proposal]);
    let content = &shown["result"]["columns"]["meta_json"];
    let listed = world.ran(0, &["proposals"]);
    let state = &listed["result"]["proposals"][0];
    assert_eq!(state["change"], json!({ "type": "reanchor", "seal": seal }));
    let watch = KeyStore::new(&world.path("keys"), Reader::open(&world.place()).unwrap().ledger());
    let watch = watch.holder(&"watch".parse().unwrap()).unwrap().identity().public();
    assert_eq!(state["proposer"], serde_json::to_value(watch).unwrap());
    let rows: Vec<&str> =
        content["evidence"].as_array().unwrap().iter().map(|one| one["row"].as_str().unwrap()).collect();
    assert!(rows.len() == 3 && rows.contains(&report) && rows.contains(&tool.as_str()), "{content}");
    assert_eq!(content["expected"], json!([{ "direction": "falls", "measure": "seals.unanchored" }]));

    // From here on it is a proposal as any other, and its proposer never counts.
    assert_eq!(world.refused(&["approve", &proposal, "--by", "watch"]), "gate-by-proposer");
    world.ran(0, &["approve", &proposal, "--by", "ada"]);
    let script = world.marking("true");
    let execute = ["--holder", "chief", "execute", &proposal, "--", "sh", "-c", &script];
    world.ran(0, &execute);
    assert_eq!(world.refused(&execute), "gate-proposal-unknown");
    assert_eq!(world.marks(), 1);
    world.is_sound();
}

/// Records an approval by ada of a proposal that was changed after it was recorded, by a writer that asks no gate.
fn approve_another_past_the_gate(world: &World, proposal: RowId) {
    let place = world.place();
    let reader = Reader::open(&place).unwrap();
    let keys = KeyStore::new(&place.keys, reader.ledger());
    let [ada, watch] = ["ada", "watch"].map(|name| keys.holder(&name.parse().unwrap()).unwrap());
    let row = reader.view().row(proposal).unwrap().unwrap().row;
    let change = Change::Threshold { name: "risk.max".parse().unwrap(), from: 0.5, to: 0.9 };
    let content = Proposal { change, ..Signed::<Proposal>::of_row(&row).unwrap().content().clone() };
    let changed = Signed::sign(content, watch.identity()).unwrap();

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
    let operator = keys.operator().unwrap();
    let invocation = operator.invoke::<act::Record>(epoch, now, None).unwrap();
    let authority = Authority { ledger: id, root, epoch, now, revoked: &|_| false };
    let permit = authority.permit::<act::Record>(operator.chain(), &invocation).unwrap();
    let trace = TraceId::mint(&SystemClock, &mut entropy);
    let mut header = || RowHeader::mint(&SystemClock, &mut entropy, trace);
    let (announcement, head) = (header(), header());
    let approval = Approval {
        ledger: id,
        row: head.id,
        proposal: changed.reference().unwrap(),
        epoch,
        approver: ada.identity().public(),
        given: head.ts,
        expires: head.ts.saturating_add_micros(1_000_000),
    };
    let draft = Signed::sign(approval, ada.identity()).unwrap().draft(head).unwrap();
    ledger.decide(&permit, announcement, now, |_| Ok::<_, std::convert::Infallible>(vec![draft])).unwrap();
}

#[test]
fn what_was_recorded_past_the_gate_is_contradicted_and_shuts_it() {
    let world = World::new();
    let proposal = world.threshold();
    world.is_sound();
    approve_another_past_the_gate(&world, proposal.parse().unwrap());
    let findings = world.findings(1);
    assert!(findings.contains(&("gate-violated".to_owned(), "contradicted".to_owned())), "{findings:?}");
    let script = world.marking("true");
    for words in [
        &["approve", &proposal, "--by", "ada"][..],
        &["--holder", "chief", "execute", &proposal, "--", "sh", "-c", &script],
        &["gate", "policy", world.path("policy.toml").to_str().unwrap()],
        &["proposals"],
    ] {
        assert_eq!(world.ran(1, words)["error"]["code"], "gate-violated", "{words:?}");
    }
    assert_eq!(world.marks(), 0);
}
