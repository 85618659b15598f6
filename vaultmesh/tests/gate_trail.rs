//! What an execution rests on, and what stands in its way: the command named, the seal, the replay, the receipt, guardians,
//! the token, the lock. Each is attacked through the command, or past the gate.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod common;
mod gated;

use std::process::Stdio;
use std::time::{Duration, Instant};

use gated::{Past, THRESHOLD, World, past_the_gate};
use serde_json::{Value, json};
use vaultmesh::read::Reader;
use vaultmesh::vault::Place;
use vm_core::capability::act;
use vm_core::digest::Sha256Digest;
use vm_core::epoch::Epoch;
use vm_core::id::RowId;
use vm_core::record::{RowDraft, SystemKind};
use vm_core::view::EvidenceView as _;
use vm_dee::intent::scroll_line;
use vm_dee::{Proposal, ProposalRef, Signed};
use vm_seal::scroll::{events_path, line_leaf};

fn reference(reader: &Reader, proposal: &str) -> ProposalRef {
    let row = reader.view().row(proposal.parse().unwrap()).unwrap().unwrap().row;
    Signed::<Proposal>::of_row(&row).unwrap().reference().unwrap()
}

/// What the audit contradicts, in its own words.
fn contradicted(world: &World) -> String {
    let answer = world.ran(1, &["verify"]);
    let findings = answer["findings"].as_array().unwrap();
    let wrong = findings.iter().filter(|finding| finding["severity"] == "contradicted");
    wrong.map(|finding| format!("{} {};", finding["code"], finding["found"])).collect()
}

#[test]
fn no_command_runs_that_the_proposal_does_not_name() {
    let world = World::new();
    let script = world.marking("true");
    // None is named: then none is run, whatever it is.
    let bare = world.proposed(&THRESHOLD);
    world.ran(0, &["approve", &bare, "--by", "ada"]);
    assert_eq!(world.refused(&World::execute(&bare, &script)), "gate-other-command");
    let named = world.approved(&script);
    assert_eq!(world.refused(&World::execute(&named, "true")), "gate-other-command");
    assert_eq!((world.marks(), world.stage(&named)), (0, "approved".to_owned()));
    world.ran(0, &World::execute(&named, &script));
    assert_eq!(world.marks(), 1);
    // A file may leave the command to the line, and names one at most.
    let change = json!({ "type": "threshold", "name": "risk.max", "from": 0.5, "to": 0.4 });
    let file = world.file("change.json", &json!({ "change": change }).to_string());
    let proposal = world.proposed(&[&file, "--", "sh", "-c", &script]);
    world.ran(0, &["approve", &proposal, "--by", "ada"]);
    world.ran(0, &World::execute(&proposal, &script));
    let twice = json!({ "change": change, "command": Sha256Digest::of(b"x") }).to_string();
    let propose = ["propose", &world.file("twice.json", &twice), "--", "true"];
    assert_eq!(world.refused(&propose), "usage");
    let beside = ["propose", "--kind", "epoch", "--epoch", "albedo", "--", "true"];
    assert_eq!(world.refused(&beside), "dee-command");
    world.is_sound();
}

/// Records an intent by chief past the gate, resting on this seal.
fn intend(world: &World, proposal: &str, approvals: &[RowId], seal: impl FnOnce(&Past) -> Value) {
    past_the_gate::<act::Execute>(world, Some("chief"), |past| {
        let (reference, ledger) = (reference(&past.reader, proposal), past.reader.ledger());
        let leaf = line_leaf(&scroll_line(ledger, Epoch::Nigredo, reference).unwrap());
        let value = json!({
            "format": "vm-dee-intent-v0", "ledger": ledger, "proposal": reference, "epoch": "nigredo",
            "approvals": approvals, "scroll": { "engine": "dee", "line": 0, "leaf": leaf }, "seal": seal(past),
            "anchor": null,
        });
        past.raw(SystemKind::Intent, reference.row, &value)
    });
}

#[test]
fn an_intent_rests_on_the_seal_that_it_names() {
    let sealed = |world: &World| world.ran(0, &["seal", "create"])["result"].clone();
    let named =
        |seal: &Value, as_of: Value| json!({ "id": seal["seal_id"], "file": seal["file_sha256"], "as_of": as_of });
    let proposed = || {
        let world = World::new();
        let proposal = world.threshold("true");
        let older = sealed(&world);
        let approved = world.ran(0, &["approve", &proposal, "--by", "ada"]);
        let approval = approved["result"]["id"].as_str().unwrap().parse::<RowId>().unwrap();
        (world, proposal, approval, older)
    };
    // An older seal, said to be made just now.
    let (world, proposal, approval, older) = proposed();
    intend(&world, &proposal, &[approval], |past| named(&older, json!(past.reader.view().size().unwrap())));
    assert!(contradicted(&world).contains("made at another size"), "{}", contradicted(&world));
    // A seal over all that holds no line.
    let (world, proposal, approval, _) = proposed();
    let seal = sealed(&world);
    intend(&world, &proposal, &[approval], |_| named(&seal, seal["as_of"].clone()));
    assert!(contradicted(&world).contains("road-scroll-not-sealed"), "{}", contradicted(&world));
    // One of other rows.
    let (world, proposal, approval, _) = proposed();
    let seal = world.ran(0, &["seal", "create", "--kind", "mcp_calls", "--allow-empty"])["result"].clone();
    intend(&world, &proposal, &[approval], |_| named(&seal, seal["as_of"].clone()));
    assert!(contradicted(&world).contains("road-seal-does-not-cover"), "{}", contradicted(&world));
    // One whose scroll holds another line in that place.
    let (world, proposal, approval, _) = proposed();
    world.ran(0, &["scroll", "append", "dee", "--event", "{\"format\":\"x\"}"]);
    let seal = sealed(&world);
    intend(&world, &proposal, &[approval], |_| named(&seal, seal["as_of"].clone()));
    assert!(contradicted(&world).contains("its line does not stand"), "{}", contradicted(&world));
    // One that is there no more.
    let (world, proposal, _, _) = proposed();
    world.ran(0, &World::execute(&proposal, "true"));
    world.is_sound();
    let is_bundle = |path: &std::path::PathBuf| path.parent().unwrap().ends_with("seals");
    common::files(&world.path("vault"))
        .into_iter()
        .filter(is_bundle)
        .for_each(|path| std::fs::remove_file(path).unwrap());
    let answer = world.0.json(&["verify"]).json().to_string();
    assert!(answer.contains("the seal that it rests on") && !answer.contains("gate-violated"), "{answer}");
}

#[test]
fn a_replay_is_of_the_calls_of_its_places() {
    let world = World::new();
    world.ran(0, &["record", "tool", "grep"]);
    let change = json!({ "type": "threshold", "name": "risk.max", "from": 0.5, "to": 0.4 });
    let plan = json!({ "from": 0, "to": 10, "benign_blocked_max": 0 });
    let proposal = json!({ "change": change, "replay": plan });
    let proposal = world.proposed(&[&world.file("proposal.json", &proposal.to_string())]);
    // A policy that holds nothing back, silently, is none.
    let one = world.file("one.json", r#"{"format":"vm-thresholds-v0"}"#);
    let replay =
        |before: &str, after: &str| world.refused(&["replay", &proposal, "--before", before, "--after", after]);
    let misspelt = world.file("misspelt.json", r#"{"format":"vm-thresholds-v0","max":{"duration":5}}"#);
    assert_eq!(replay(&one, &misspelt), "gate-thresholds");
    assert_eq!(replay(&one, &one), "gate-replay-unchanged");
    past_the_gate::<act::Record>(&world, None, |past| {
        let reference = reference(&past.reader, &proposal);
        let value = json!({
            "format": "vm-dee-replay-v0", "ledger": past.reader.ledger(), "proposal": reference, "plan": plan,
            "before": Sha256Digest::of(b"1"), "after": Sha256Digest::of(b"2"), "inputs": Sha256Digest::of(b"3"),
            "considered": 1, "benign": 1, "newly_blocked": 0, "newly_allowed": 0, "benign_blocked": 0, "examples": [],
        });
        past.raw(SystemKind::Replay, reference.row, &value)
    });
    assert!(contradicted(&world).contains("not over the calls"), "{}", contradicted(&world));
}

#[test]
fn what_is_withheld_rests_on_its_own_receipt() {
    let withhold = |world: &World, proposal: &str, receipt: RowId| {
        past_the_gate::<act::Record>(world, None, |past: &Past| -> RowDraft {
            let reference = reference(&past.reader, proposal);
            let value = json!({
                "format": "vm-dee-outcome-v0", "ledger": past.reader.ledger(), "proposal": reference, "intent": null,
                "end": "withheld", "cause": null, "result": null,
                "receipt": { "row": receipt, "leaf": past.leaf(receipt) },
            });
            past.raw(SystemKind::Outcome, reference.row, &value)
        });
    };
    let id = |answer: &Value| answer["result"]["id"].as_str().unwrap().parse::<RowId>().unwrap();
    let world = World::new();
    let call = id(&world.ran(0, &["record", "tool", "grep"]));
    withhold(&world, &world.threshold("true"), call);
    assert!(contradicted(&world).contains("is none"), "{}", contradicted(&world));
    // The receipt of another decision is not its own.
    let world = World::new();
    let other = ["record", "shadow", "--horizon", "h", "--counterfactual", "{}", "--reason", "no"];
    let other = id(&world.ran(0, &other));
    withhold(&world, &world.threshold("true"), other);
    assert!(contradicted(&world).contains("another decision"), "{}", contradicted(&world));
    // One that was recorded for it and before it is.
    let world = World::new();
    let proposal = world.threshold("true");
    let horizon = format!("dee/{proposal}");
    let own = ["record", "shadow", "--horizon", &horizon, "--counterfactual", "{}", "--reason", "no"];
    let own = id(&world.ran(0, &own));
    withhold(&world, &proposal, own);
    world.is_sound();
}

#[test]
fn a_guardians_block_holds_up_what_needs_an_anchor_until_it_is_lifted() {
    let world = World::new();
    let trust = world.trust();
    world.ran(0, &["record", "artifact", "note", "--file", &world.file("note.txt", "as it was")]);
    world.approve_by_two(&world.epoch_change("rubedo"));
    let change = ["--holder", "chief", "epoch", "change", "rubedo", "--trust", &trust];
    world.anchor_for(&change);
    // The stored copy is altered, a guardian sees it, and says so once.
    let is_copy = |path: &std::path::PathBuf| path.components().any(|part| part.as_os_str() == "artifacts");
    let copy = common::files(&world.path("vault")).into_iter().find(is_copy).unwrap();
    std::fs::write(&copy, "as it is").unwrap();
    let guard = ["guard", "--guardian", "tampering"];
    assert_eq!(world.ran(1, &guard)["result"]["recorded"].as_u64().map(|rows| rows > 0), Some(true));
    assert_eq!(world.ran(1, &guard)["result"]["recorded"], 0);
    let blocked = world.ran(3, &change);
    assert_eq!(blocked["error"]["code"], "gate-blocked");
    assert!(blocked["error"]["message"].as_str().unwrap().contains("guardian-tampering"), "{blocked}");
    // What needs no anchor goes on.
    let script = world.marking("true");
    let proposal = world.approved(&script);
    world.ran(0, &World::execute(&proposal, &script));
    // Restored, and not looked at again: the block stands. A report without it lifts it.
    std::fs::write(&copy, "as it was").unwrap();
    assert_eq!(world.ran(3, &change)["error"]["code"], "gate-blocked");
    world.ran(3, &guard);
    world.ran(0, &change);
    // Found again it blocks again, though the same was found before.
    std::fs::write(&copy, "as it is").unwrap();
    assert_eq!(world.ran(1, &guard)["result"]["recorded"].as_u64().map(|rows| rows > 0), Some(true));
    std::fs::write(&copy, "as it was").unwrap();
    world.approve_by_two(&world.epoch_change("albedo"));
    let back = ["--holder", "chief", "epoch", "change", "albedo", "--trust", &trust];
    assert_eq!(world.ran(3, &back)["error"]["code"], "gate-blocked");
}

#[test]
fn an_anchor_guardians_block_on_a_seal_holds_up_what_rests_on_it() {
    let world = World::new();
    let trust = world.trust();
    world.approve_by_two(&world.epoch_change("albedo"));
    let change = ["--holder", "chief", "epoch", "change", "albedo", "--trust", &trust];
    world.ran(3, &change);
    let guard = ["guard", "--guardian", "anchor", "--trust", &trust];
    world.ran(3, &guard);
    world.anchor_for(&change);
    let blocked = world.ran(3, &change);
    assert_eq!(blocked["error"]["code"], "gate-blocked", "{blocked}");
    // Rows behind the seal leave it undecided, and block nothing.
    world.ran(3, &guard);
    world.ran(0, &change);
}

#[test]
fn an_epoch_change_without_its_seal_is_found_and_made_up_for() {
    let world = World::new();
    let trust = world.trust();
    world.approve_by_two(&world.epoch_change("rubedo"));
    let change = ["--holder", "chief", "epoch", "change", "rubedo", "--trust", &trust];
    world.anchor_for(&change);
    // A scroll that cannot be sealed, begun after the seal that the change rests on.
    world.ran(0, &["scroll", "append", "late", "--event", "{\"format\":\"x\"}"]);
    let events = world.path("vault").join(events_path(&"late".parse().unwrap()).unwrap().as_str());
    let signed = std::fs::read(&events).unwrap();
    std::fs::write(&events, [&signed[..], b"{\"a\":1}\n"].concat()).unwrap();
    assert_ne!(world.0.json(&change).code, 0);
    std::fs::write(&events, signed).unwrap();
    assert_eq!(world.ran(0, &["epoch", "show"])["result"]["epoch"], "rubedo");
    let lacks = || world.ran(3, &["verify"]).to_string().contains("no seal covers it");
    assert!(lacks());
    let recovered = world.ran(0, &["gate", "recover"]);
    assert!(recovered["result"]["seal"].is_string(), "{recovered}");
    assert!(!lacks());
    assert_eq!(world.ran(0, &["gate", "recover"])["result"]["seal"], Value::Null);
    world.is_sound();
}

#[test]
fn nothing_is_begun_whose_outcome_the_token_cannot_record() {
    let world = World::new();
    let trust = world.trust();
    let actions = ["execute", "record", "seal", "change_epoch"];
    let all: Vec<&str> = actions.iter().flat_map(|action| ["--action", action]).collect();
    let grant = |name: &str, more: &[&str]| world.ran(0, &[&["grant", name, "--from-root"], &all[..], more].concat());
    grant("here", &["--epoch", "nigredo"]);
    grant("four", &["--uses", "4"]);
    grant("slow", &["--uses", "9", "--every", "60"]);
    grant("five", &["--uses", "5"]);
    world.approve_by_two(&world.epoch_change("rubedo"));
    let change = |holder: &'static str| ["--holder", holder, "epoch", "change", "rubedo", "--trust", &trust];
    world.anchor_for(&change("chief"));
    for holder in ["here", "four", "slow"] {
        assert_eq!(world.refused(&change(holder)), "gate-no-outcome", "{holder}");
    }
    let stage = |world: &World| world.ran(0, &["epoch", "show"])["result"]["epoch"].clone();
    assert_eq!(stage(&world), "nigredo");
    let changed = world.ran(0, &change("five"));
    assert_eq!((&changed["result"]["end"], stage(&world)), (&json!("succeeded"), json!("rubedo")));
    assert!(changed["result"]["seal"].is_string());
    world.is_sound();
}

#[test]
fn a_numbered_token_recovers_each_with_a_use_of_its_own() {
    let world = World::new();
    let soon = (time_from_now(2), world.0.path(""));
    for _ in 0..2 {
        world.proposed(&[&THRESHOLD[..], &["--expires", &soon.0]].concat());
    }
    world.ran(0, &["grant", "keeper", "--action", "record", "--uses", "9"]);
    std::thread::sleep(Duration::from_secs(3));
    let recovered = world.ran(0, &["--holder", "keeper", "gate", "recover"]);
    assert_eq!(recovered["result"]["ended"].as_array().map(Vec::len), Some(2), "{recovered}");
    world.is_sound();
}

/// RFC 3339, so many seconds from now.
fn time_from_now(seconds: i64) -> String {
    use vm_core::source::Clock as _;
    vaultmesh::system::SystemClock.now().saturating_add_micros(seconds * 1_000_000).to_string()
}

#[test]
fn what_expired_does_not_run() {
    let world = World::new();
    let script = world.marking("true");
    let proposal = world.threshold(&script);
    world.ran(0, &["approve", &proposal, "--by", "ada", "--seconds", "1"]);
    let named = ["--expires", &time_from_now(4), "--", "sh", "-c", &script];
    let short = world.proposed(&[&THRESHOLD[..], &named].concat());
    world.ran(0, &["approve", &short, "--by", "ada"]);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(world.refused(&World::execute(&proposal, &script)), "gate-quorum");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(world.refused(&World::execute(&short, &script)), "gate-proposal-expired");
    assert_eq!(world.refused(&["approve", &short, "--by", "bea"]), "gate-proposal-expired");
    let recovered = world.ran(0, &["gate", "recover"]);
    assert_eq!(
        (&recovered["result"]["ended"][0]["end"], world.stage(&short)),
        (&json!("expired"), "expired".to_owned())
    );
    assert_eq!(world.marks(), 0);
    world.is_sound();
}

#[test]
fn a_command_that_outlives_its_process_still_executes() {
    let world = World::new();
    let go = world.path("go");
    let wait = format!("exec >&- 2>&-; kill -9 $PPID; until [ -e '{}' ]; do sleep 0.05; done", go.display());
    let script = world.marking(&wait);
    let proposal = world.approved(&script);
    let other = world.approved("true");
    assert_eq!(world.0.json(&World::execute(&proposal, &script)).code, -1, "it was killed");
    assert_eq!(world.ran(4, &["gate", "recover"])["error"]["code"], "gate-running");
    assert_eq!(world.ran(4, &World::execute(&other, "true"))["error"]["code"], "gate-running");
    assert_eq!(world.stage(&proposal), "authorised");
    std::fs::write(&go, "").unwrap();
    let begun = Instant::now();
    while world.0.json(&["gate", "recover"]).code == 4 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the lock was not let go");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!((world.marks(), world.stage(&proposal)), (1, "unknown".to_owned()));
    world.is_sound();
}

#[test]
fn two_processes_run_one_proposal_once() {
    let world = World::new();
    for _ in 0..3 {
        let script = world.marking("sleep 0.2");
        let (before, proposal) = (world.marks(), world.approved(&script));
        let run = || {
            let mut command = world.0.command();
            command.args(World::execute(&proposal, &script)).stdin(Stdio::null());
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let codes = [run(), run()].map(|mut child| child.wait().unwrap().code().unwrap());
        assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
        assert_eq!((world.marks(), world.stage(&proposal)), (before + 1, "succeeded".to_owned()));
    }
    world.is_sound();
}

#[test]
fn a_crash_between_the_line_and_its_root_is_made_up_for() {
    let world = World::new();
    let script = world.marking("true");
    let proposal = world.approved(&script);
    let reader = Reader::open(&Place { vault: world.path("vault"), keys: world.path("keys") }).unwrap();
    let line = scroll_line(reader.ledger(), Epoch::Nigredo, reference(&reader, &proposal)).unwrap();
    let events = world.path("vault").join(events_path(&"dee".parse().unwrap()).unwrap().as_str());
    std::fs::create_dir_all(events.parent().unwrap()).unwrap();
    std::fs::write(&events, [&line[..], b"\n"].concat()).unwrap();
    world.ran(0, &World::execute(&proposal, &script));
    world.is_sound();
    // What somebody else wrote there is not signed in passing.
    let proposal = world.approved(&script);
    let whole = std::fs::read(&events).unwrap();
    std::fs::write(&events, [&whole[..], b"{\"a\":1}\n"].concat()).unwrap();
    assert_ne!(world.0.json(&World::execute(&proposal, &script)).code, 0);
    assert_eq!(world.marks(), 1);
}

#[test]
fn the_approved_change_of_epoch_is_carried_out_and_not_the_latest() {
    let world = World::new();
    let approved = world.epoch_change("albedo");
    world.approve_by_two(&approved);
    world.epoch_change("albedo");
    let trust = world.trust();
    let change = ["--holder", "chief", "epoch", "change", "albedo", "--trust", &trust];
    let changed = world.anchored(&change);
    assert_eq!(changed["result"]["proposal"], json!(approved));
    // One that was voided is none to go on with: a new one is proposed.
    world.approve_by_two(&world.epoch_change("nigredo"));
    world.anchored(&["--holder", "chief", "epoch", "change", "nigredo", "--trust", &trust]);
    let proposed = world.ran(0, &["--holder", "watch", "epoch", "change", "albedo"]);
    assert!(proposed["result"]["hash"].is_string(), "{proposed}");
}
