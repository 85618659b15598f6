//! The gate on the command line: what is refused before it, what is run once behind it, and what an audit says of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod common;
mod gated;

use gated::{POLICY, THRESHOLD, World, past_the_gate};
use serde_json::{Value, json};
use vaultmesh::vault::{ExecutionLock, LOCK_TIMEOUT, Place, Sources, Vault};
use vaultmesh::verify::Outside;
use vm_core::capability::act;
use vm_core::epoch::Epoch;
use vm_core::id::RowId;
use vm_core::view::EvidenceView as _;
use vm_dee::{Approval, Change, Proposal, Signed};

#[test]
fn rows_hidden_from_the_gate_do_not_let_a_second_execution_through() {
    for hidden in ["kind IN ('vm-dee-intent', 'vm-dee-outcome')", "kind = 'vm-dee-outcome'"] {
        let world = World::new();
        let script = world.marking("true");
        let proposal = world.approved(&script);
        let execute = World::execute(&proposal, &script);
        world.ran(0, &execute);
        let sql = format!("UPDATE proof_artifacts SET kind = 'x' WHERE {hidden}");
        vm_ledger::hazmat::execute(&world.path("vault"), &sql).unwrap();
        let refused = world.ran(1, &execute);
        assert_eq!((refused["error"]["code"].as_str(), world.marks()), (Some("gate-unsound"), 1), "{hidden}");
    }
}

#[test]
fn what_is_approved_runs_once_and_no_more() {
    let world = World::new();
    let script = world.marking("true");
    let proposal = world.threshold(&script);
    let execute = World::execute(&proposal, &script);
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
    let script = world.marking("echo noise; exit 3");
    let proposal = world.approved(&script);
    let failed = world.ran(4, &["--holder", "chief", "execute", &proposal, "--", "sh", "-c", &script]);
    assert_eq!((failed["result"]["end"].as_str(), failed["result"]["cause"].as_str()), (Some("failed"), Some("error")));
    assert_eq!((world.marks(), world.stage(&proposal)), (2, "failed".to_owned()));
    world.is_sound();
}

#[test]
fn a_killed_execution_is_unknown_and_never_runs_again() {
    let world = World::new();
    let script = world.marking("kill -9 $PPID");
    let proposal = world.approved(&script);
    let execute = World::execute(&proposal, &script);
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
    let other = world.approved("true");
    let us = format!(
        "'{}' --format json --vault '{}' --keys '{}'",
        env!("CARGO_BIN_EXE_vaultmesh"),
        world.path("vault").display(),
        world.path("keys").display()
    );
    // From within the execution: others record, and neither recover nor execute.
    let script = format!(
        "{us} gate recover > recover.json; test $? = 4 || exit 1; {us} record tool grep > tool.json || exit 2; \
         {us} --holder chief execute {other} -- sh -c true > second.json; test $? = 4 || exit 3"
    );
    let script = format!("cd '{}'; {script}", world.0.path("").display());
    let proposal = world.approved(&script);
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
    let script = world.marking("true");
    let proposal = world.approved(&script);
    let withheld = world.ran(0, &["withhold", &proposal, "--reason", "blocks the nightly backup"]);
    let receipt = withheld["result"]["receipt"]["id"].as_str().unwrap();
    let shown = world.ran(0, &["show", receipt]);
    assert_eq!(shown["result"]["table"], "shadow_receipts");
    let outcome = world.ran(0, &["show", withheld["result"]["outcome"]["id"].as_str().unwrap()]);
    assert!(outcome.to_string().contains(receipt), "the outcome names its receipt: {outcome}");
    assert_eq!(world.refused(&World::execute(&proposal, &script)), "gate-proposal-unknown");
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
    assert_eq!(propose(&[&THRESHOLD[..], &["--risk", "low"]].concat()), "gate-risk");
    assert_eq!(propose(&[&THRESHOLD[..], &["--risk", "high"]].concat()), "gate-no-rule");
    assert_eq!(propose(&["--kind", "threshold", "--name", "risk.max"]), "usage");
    let absent = "01900000-0000-7000-8000-0000000000aa";
    assert_eq!(propose(&[&THRESHOLD[..], &["--evidence", absent]].concat()), "not-found");
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
    let before = world.approved("true");
    let trust = world.trust();
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
    assert_eq!(world.refused(&["--holder", "chief", "execute", &before, "--", "sh", "-c", "true"]), "gate-voided");
    let recovered = world.ran(0, &["gate", "recover"]);
    assert_eq!(recovered["result"]["ended"][0]["end"], "expired");

    // All is sealed and anchored, and verifies.
    world.ran(0, &["anchor", "add", seal, "--local"]);
    let head = world.path("head.txt").to_str().unwrap().to_owned();
    world.ran(0, &["head", "--output", &head]);
    let answer = world.ran(0, &["verify", "--trust", &trust, "--head", &head]);
    assert_eq!(answer["verdict"], "verified");
    // To whoever trusts none of the anchors, the intent rests on nothing.
    let answer = world.ran(3, &["verify", "--head", &head]).to_string();
    assert!(answer.contains("the anchor that it rests on does not count"), "{answer}");
}

#[test]
fn a_command_is_run_word_by_word() {
    let world = World::new();
    let trust = world.trust();
    world.approve_by_two(&world.epoch_change("rubedo"));
    world.anchored(&["--holder", "chief", "epoch", "change", "rubedo", "--trust", &trust]);
    let script = world.marking("true");
    let proposal = world.proposed(&["--kind", "command", "--", "sh", "-c", &script]);
    world.approve_by_two(&proposal);
    let execute = ["--holder", "chief", "execute", &proposal, "--trust", &trust, "--", "sh", "-c"];
    assert_eq!(world.refused(&[&execute[..], &["true"]].concat()), "gate-other-command");
    assert_eq!(world.marks(), 0);
    let done = world.anchored(&[&execute[..], &[&script]].concat());
    assert_eq!((done["result"]["end"].as_str(), world.marks()), (Some("succeeded"), 1));
    world.is_sound();
}

#[test]
fn a_vault_that_stays_open_sees_what_other_processes_record() {
    let world = World::new();
    let chief = "chief".parse().unwrap();
    let sources = Sources::system().unwrap();
    let place = Place { vault: world.path("vault"), keys: world.path("keys") };
    let mut held = Vault::open_as(&place, sources, LOCK_TIMEOUT, Some(&chief)).unwrap();
    let mut execute = |proposal: &str| {
        let done =
            |_: &vm_dee::Order<'_, act::Execute>, _: &ExecutionLock| Ok(vm_core::digest::Sha256Digest::of(b"done"));
        let executed = held.execute(proposal.parse().unwrap(), &Outside::default(), done);
        executed.map(|executed| executed.end.as_str()).map_err(|error| error.code())
    };
    let first = world.threshold("true");
    assert_eq!(execute(&first), Err("gate-quorum"));
    world.ran(0, &["approve", &first, "--by", "ada"]);
    let second = world.approved("true");
    assert_eq!(execute(&first), Ok("succeeded"));
    world.ran(0, &["withhold", &second, "--reason", "another is enough"]);
    assert_eq!(execute(&second), Err("gate-proposal-unknown"));
    let third = world.approved("true");
    world.ran(0, &["gate", "policy", &world.file("policy.toml", &POLICY.replace("quorum = 1", "quorum = 2"))]);
    assert_eq!(execute(&third), Err("gate-quorum"), "the policy of another process counts");
    world.is_sound();
}

/// Records an approval by ada of a proposal that was changed after it was recorded, by a writer that asks no gate.
fn approve_another_past_the_gate(world: &World, proposal: RowId) {
    past_the_gate::<act::Record>(world, None, |past| {
        let [ada, watch] = ["ada", "watch"].map(|name| past.keys.holder(&name.parse().unwrap()).unwrap());
        let row = past.reader.view().row(proposal).unwrap().unwrap().row;
        let change = Change::Threshold { name: "risk.max".parse().unwrap(), from: 0.5, to: 0.9 };
        let content = Proposal { change, ..Signed::<Proposal>::of_row(&row).unwrap().content().clone() };
        let changed = Signed::sign(content, watch.identity()).unwrap();
        let approval = Approval {
            ledger: past.reader.ledger(),
            row: past.header.id,
            proposal: changed.reference().unwrap(),
            epoch: Epoch::Nigredo,
            approver: ada.identity().public(),
            given: past.header.ts,
            expires: past.header.ts.saturating_add_micros(1_000_000),
        };
        Signed::sign(approval, ada.identity()).unwrap().draft(past.header).unwrap()
    });
}

#[test]
fn what_was_recorded_past_the_gate_is_contradicted_and_shuts_it() {
    let world = World::new();
    let script = world.marking("true");
    let proposal = world.threshold(&script);
    world.is_sound();
    approve_another_past_the_gate(&world, proposal.parse().unwrap());
    let findings = world.findings(1);
    assert!(findings.contains(&("gate-violated".to_owned(), "contradicted".to_owned())), "{findings:?}");
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
