//! Capability tokens on the command line: granted, narrowed, used up, revoked, and what an audit says of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod common;

use common::Home;
use serde_json::Value;

/// A vault of its own, and the command on it.
struct World(Home);

impl World {
    fn new() -> Self {
        Self(Home::with_vault())
    }

    #[track_caller]
    fn ran(&self, code: i32, words: &[&str]) -> Value {
        self.0.told(code, words)
    }

    fn granted(&self, words: &[&str]) -> String {
        let granted = self.ran(0, &[&["grant"], words].concat());
        granted["result"]["capability"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn refused(&self, words: &[&str]) -> String {
        self.0.refused(words)
    }

    fn state(&self, capability: &str) -> String {
        let tokens = self.ran(0, &["tokens"]);
        let list = tokens["result"]["tokens"].as_array().unwrap();
        let token = list.iter().find(|token| token["capability"] == capability).unwrap();
        token["state"].as_str().unwrap().to_owned()
    }

    /// Nothing is contradicted; no trust was given, so nothing can be verified either.
    fn is_sound(&self) {
        let answer = self.ran(3, &["verify"]);
        let findings = answer["findings"].as_array().unwrap();
        assert!(findings.iter().all(|finding| finding["severity"] != "contradicted"), "{findings:?}");
    }
}

#[test]
fn a_holder_does_what_the_token_allows_and_no_more() {
    let world = World::new();
    let night = world.granted(&["night", "--action", "record", "--resource", "/tool_invocations", "--days", "1"]);
    let by_night = world.ran(0, &["--holder", "night", "record", "tool", "grep"]);
    let row = by_night["result"]["id"].as_str().unwrap();
    let shown = world.ran(0, &["show", row]);
    assert!(shown.to_string().contains(&night), "the row names the token: {shown}");
    let refused = |words: &[&str]| world.refused(&[&["--holder", "night"], words].concat());
    assert_eq!(refused(&["record", "artifact", "note", "--meta", "{}"]), "capability-resource-not-granted");
    assert_eq!(refused(&["seal", "create"]), "capability-action");
    assert_eq!(refused(&["grant", "more", "--profile", "operator"]), "capability-escapes");
    assert_eq!(world.refused(&["grant", "night", "--profile", "guardian"]), "holder-exists");
    assert_eq!(world.refused(&["--holder", "nobody", "record", "tool", "grep"]), "key-missing");
    // The operator may not give what the operator has not; the root may.
    assert_eq!(world.refused(&["grant", "chief", "--profile", "sovereign"]), "capability-escapes");
    world.granted(&["chief", "--profile", "sovereign", "--from-root"]);
    world.ran(0, &["--holder", "chief", "record", "tool", "grep"]);
    world.is_sound();
}

#[test]
fn uses_are_counted_across_processes() {
    let world = World::new();
    let twice = world.granted(&["twice", "--action", "record", "--uses", "2"]);
    world.ran(0, &["--holder", "twice", "record", "tool", "one"]);
    assert_eq!(world.state(&twice), "good");
    world.ran(0, &["--holder", "twice", "record", "tool", "two"]);
    assert_eq!(world.state(&twice), "used up");
    assert_eq!(world.refused(&["--holder", "twice", "record", "tool", "three"]), "capability-use-number");
    let slow = world.granted(&["slow", "--action", "record", "--uses", "9", "--every", "3600"]);
    world.ran(0, &["--holder", "slow", "record", "tool", "one"]);
    assert_eq!(world.refused(&["--holder", "slow", "record", "tool", "two"]), "capability-too-soon");
    assert_eq!(world.state(&slow), "good");
    world.is_sound();
}

#[test]
fn what_is_revoked_stays_revoked_with_all_below_it() {
    let world = World::new();
    let parent = world.granted(&["parent", "--action", "record"]);
    let child =
        world.ran(0, &["--holder", "parent", "grant", "child", "--action", "record", "--resource", "/mcp_calls"]);
    let child = child["result"]["capability"].as_str().unwrap();
    // Whoever holds a token may not revoke the one it comes from.
    assert_eq!(world.refused(&["revoke", &"0".repeat(64)]), "capability-unissued");
    world.ran(0, &["--holder", "parent", "record", "tool", "before"]);
    world.ran(0, &["revoke", &parent, "--reason", "privilege_withdrawn"]);
    assert_eq!((world.state(&parent), world.state(child)), ("revoked".into(), "revoked".into()));
    for name in ["parent", "child"] {
        assert_eq!(world.refused(&["--holder", name, "record", "tool", "after"]), "capability-revoked");
    }
    assert_eq!(world.refused(&["revoke", &parent]), "capability-revoked");
    world.is_sound();
    // An export and what is imported from it say the same.
    let file = world.0.path("all.vmb");
    world.ran(0, &["export", "-o", file.to_str().unwrap()]);
}

#[test]
fn whoever_holds_back_signs_for_it() {
    let world = World::new();
    let watcher = world.ran(0, &["grant", "watcher", "--action", "record"])["result"]["holder"].clone();
    let mut observers = Vec::new();
    for holder in [&["--holder", "watcher"][..], &[]] {
        let record = ["record", "shadow", "--horizon", "h", "--counterfactual", "{}", "--reason", "no"];
        let row = world.ran(0, &[holder, &record].concat())["result"]["id"].clone();
        let shown = world.ran(0, &["show", row.as_str().unwrap()]);
        observers.push(shown["result"]["columns"]["observer_key"].clone());
    }
    assert!(watcher.is_string() && observers[0] == watcher && observers[1] != watcher, "{watcher} {observers:?}");
    world.is_sound();
}

#[test]
fn profiles_of_the_configuration_are_profiles() {
    let world = World::new();
    let text =
        "format = \"vm-config-v0\"\n[profiles.deployer]\nactions = [\"record\"]\nresource = \"/proof_artifacts\"\n";
    std::fs::write(world.0.path("vault/config.toml"), text).unwrap();
    world.granted(&["robot", "--profile", "deployer"]);
    let refused = world.refused(&["--holder", "robot", "record", "tool", "grep"]);
    assert_eq!(refused, "capability-resource-not-granted");
    let unknown = world.ran(2, &["grant", "x", "--profile", "wizard"]);
    assert!(unknown["error"]["message"].as_str().unwrap().contains("deployer"), "{unknown}");
}
