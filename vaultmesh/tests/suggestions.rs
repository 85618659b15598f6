//! What guardians and forecasts suggest, and the proposals that somebody makes of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod common;
mod gated;

use gated::World;
use serde_json::json;
use vaultmesh::keys::KeyStore;
use vaultmesh::read::Reader;
use vaultmesh::vault::Place;

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
    let script = world.marking("true");
    let mut words = vec!["--suggestion", report, "--risk", "medium", "--evidence", &tool];
    words.extend(["--", "sh", "-c", &script]);
    let proposal = world.proposed(&words);

    let shown = world.ran(0, &["show", &proposal]);
    let content = &shown["result"]["columns"]["meta_json"];
    let listed = world.ran(0, &["proposals"]);
    let state = &listed["result"]["proposals"][0];
    assert_eq!(state["change"], json!({ "type": "reanchor", "seal": seal }));
    let place = Place { vault: world.path("vault"), keys: world.path("keys") };
    let watch = KeyStore::new(&place.keys, Reader::open(&place).unwrap().ledger());
    let watch = watch.holder(&"watch".parse().unwrap()).unwrap().identity().public();
    assert_eq!(state["proposer"], serde_json::to_value(watch).unwrap());
    let rows: Vec<&str> =
        content["evidence"].as_array().unwrap().iter().map(|one| one["row"].as_str().unwrap()).collect();
    assert!(rows.len() == 3 && rows.contains(&report) && rows.contains(&tool.as_str()), "{content}");
    assert_eq!(content["expected"], json!([{ "direction": "falls", "measure": "seals.unanchored" }]));

    // From here on it is a proposal as any other, and its proposer never counts.
    assert_eq!(world.refused(&["approve", &proposal, "--by", "watch"]), "gate-by-proposer");
    world.ran(0, &["approve", &proposal, "--by", "ada"]);
    let execute = ["--holder", "chief", "execute", &proposal, "--", "sh", "-c", &script];
    world.ran(0, &execute);
    assert_eq!(world.refused(&execute), "gate-proposal-unknown");
    assert_eq!(world.marks(), 1);
    world.is_sound();
}
