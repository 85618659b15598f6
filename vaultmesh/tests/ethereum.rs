//! Seals anchored by a real node of Ethereum on loopback, beside the other rails in one command.
#![cfg(feature = "ethereum-client")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

#[path = "../../vm-anchor/tests/evm/mod.rs"]
mod evm;
mod fixture;

use std::fs;

use evm::{Chain, has_node};
use fixture::{Copied, Scene, told};
use serde_json::{Value, json};

/// As [`Copied::ran`]; nothing may repeat the node's address.
#[track_caller]
fn ran(copy: &Copied<'_>, code: i32, words: &[&str]) -> Value {
    let answer = copy.ran(code, words);
    assert!(!answer.to_string().contains("secret-key"), "the node's address was repeated: {answer}");
    answer
}

/// A trust file that pins the block of this number, as the node tells it, and nothing else.
fn trust(copy: &Copied<'_>, url: &str, number: u64) -> String {
    let shown = ran(copy, 0, &["trust", "block", "--eth", url, "--number", &number.to_string(), "--name", "local"]);
    let entry = shown["result"]["trust"].as_str().unwrap();
    let text = format!("format = \"vm-trust-v0\"\nkey = \"{}\"\nquorum = 1\n\n{entry}", copy.scene.key);
    let path = copy.dir().join("trust.toml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_seal_is_anchored_by_a_transaction_and_judged_without_the_node() {
    if !has_node("a_seal_is_anchored_by_a_transaction_and_judged_without_the_node") {
        return;
    }
    let scene = Scene::shared();
    let copy = scene.copy();
    let seal = scene.seals[1].seal_id.to_string();
    let chain = Chain::start(&[]);
    // Addresses of nodes often end in a key.
    let url = format!("{}?secret-key", chain.url);
    let added = ran(&copy, 0, &["anchor", "add", &seal, "--eth", &url, "--local"]);
    let [first, second] = added["result"]["anchors"].as_array().unwrap().as_slice() else { panic!("{added}") };
    let mut rails = [first["rail"].as_str().unwrap(), second["rail"].as_str().unwrap()];
    rails.sort_unstable();
    assert_eq!(rails, ["ethereum", "rfc3161"]);
    let evidence = [first, second].into_iter().find(|one| one["rail"] == "ethereum").unwrap();
    let file = copy.path(evidence["path"].as_str().unwrap());
    let number = serde_json::from_slice::<Value>(&fs::read(&file).unwrap()).unwrap()["block"]["number"].as_u64();
    let number = number.unwrap_or(1);
    let path = trust(&copy, &url, number);
    drop(chain);
    let answer = ran(&copy, 0, &["anchor", "verify", &seal, "--trust", &path]);
    let anchors = answer["result"]["seals"][0]["anchors"].as_array().unwrap();
    let anchor = anchors.iter().find(|anchor| anchor["rail"] == "ethereum").unwrap();
    assert_eq!(
        (&anchor["authority"], &anchor["state"], &anchor["accepted"]),
        (&json!("local"), &json!("verified"), &json!(true))
    );
    // Whose policy names no chain has a sound proof of an unknown block.
    let key = scene.key.to_string();
    let answer = ran(&copy, 3, &["anchor", "verify", &seal, "--key", &key]);
    assert!(told(&answer).contains(&"no-trust-root".to_owned()), "{answer}");
    let bundle = copy.path(scene.seals[1].path.as_str());
    let (file, bundle) = (file.to_str().unwrap(), bundle.to_str().unwrap());
    let answer = ran(&copy, 0, &["anchor", "inspect", file, "--data", bundle, "--trust", &path]);
    assert_eq!(answer["result"]["rail"], "ethereum");
    assert_eq!(
        told(&ran(&copy, 1, &["anchor", "inspect", file, "--data", file, "--trust", &path])),
        ["anchor-invalid"]
    );
}

#[test]
fn a_transaction_under_way_is_completed_later_and_not_sent_again() {
    if !has_node("a_transaction_under_way_is_completed_later_and_not_sent_again") {
        return;
    }
    let scene = Scene::shared();
    let copy = scene.copy();
    let seal = scene.seals[1].seal_id.to_string();
    let chain = Chain::start(&[]);
    chain.mine_alone(false);
    let failed = ran(&copy, 4, &["anchor", "add", &seal, "--eth", &chain.url, "--wait", "0"]);
    assert_eq!(failed["error"]["code"], "node-pending", "{failed}");
    // What was sent stands in the attempt, and verify tells it.
    let answer = ran(&copy, 3, &["anchor", "verify", &seal, "--key", &scene.key.to_string()]);
    let attempt = &answer["result"]["seals"][0]["attempts"][0];
    assert_eq!((&attempt["rail"], &attempt["state"]), (&json!("ethereum"), &json!("pending")));
    let sent = attempt["reference"].as_str().unwrap().to_owned();
    chain.mine(1);
    let added = ran(&copy, 0, &["anchor", "add", &seal, "--eth", &chain.url, "--eth-tx", &sent]);
    assert_eq!(added["result"]["anchors"][0]["outcome"], "anchored");
    let count = chain.ask("eth_getTransactionCount", json!([chain.account, "latest"]));
    assert_eq!(count, "0x1", "it was sent once");
}

#[test]
fn a_block_that_was_reorganised_away_is_refused_by_name() {
    if !has_node("a_block_that_was_reorganised_away_is_refused_by_name") {
        return;
    }
    let scene = Scene::shared();
    let copy = scene.copy();
    let seal = scene.seals[1].seal_id.to_string();
    let chain = Chain::start(&[]);
    let before = chain.ask("evm_snapshot", json!([]));
    let added = ran(&copy, 0, &["anchor", "add", &seal, "--eth", &chain.url]);
    assert_eq!(added["result"]["anchors"][0]["outcome"], "anchored");
    chain.ask("evm_revert", json!([before]));
    chain.mine(2);
    let path = trust(&copy, &chain.url, 1);
    let answer = ran(&copy, 1, &["anchor", "verify", &seal, "--trust", &path]);
    let reasons = answer["findings"].to_string();
    assert!(told(&answer).contains(&"anchor-invalid".to_owned()) && reasons.contains("reorg"), "{reasons}");
}
