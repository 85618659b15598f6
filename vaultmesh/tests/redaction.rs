//! Policies on real vaults: what is in force is in the log before its first row, and a verifier sees what was not.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod common;

use common::Home;
use proptest::prelude::*;
use serde_json::{Value, json};
use vaultmesh::redaction::{PolicyFile, shipped, shipped_names};
use vm_core::canonical;
use vm_core::id::RowId;
use vm_core::record::Table;
use vm_core::redact::{Handling, Pattern, Policy, Redactor, Rule, SecretDetector, columns};
use vm_core::source::hazmat::CountingEntropy;

const POLICY: &str = "format = \"vm-redaction-v0\"\nname = \"greps\"\nversion = 1\nextends = \"builtin\"\n\n\
    [[rule]]\ntable = \"tool_invocations\"\nname = \"grep\"\nkeep = [\"/tool\", \"/input_json/pattern\"]\nshape = [\"/input_json\"]\n";

fn rows(home: &Home, table: &str) -> Vec<Value> {
    let listed = home.told(0, &["list", "--table", table, "--limit", "1000"]);
    listed["result"]["rows"].as_array().unwrap().clone()
}

/// Policy rows in the order of the log, each with its place.
fn recorded(home: &Home) -> Vec<(u64, String)> {
    let listed = home.told(0, &["redact", "list"]);
    let recorded = listed["result"]["recorded"].as_array().unwrap().clone();
    recorded.iter().map(|row| (row["seq"].as_u64().unwrap(), row["name"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn a_policy_is_in_the_log_once_before_its_first_row() {
    let home = Home::with_vault();
    let file = home.write("greps.toml", POLICY);
    let before = home.log_size();
    let used = home.told(0, &["redact", "use", file.to_str().unwrap()]);
    assert!(used["result"]["row"].is_string() && used["result"]["name"] == "greps");
    // The announcement, and the policy.
    assert_eq!((home.log_size(), recorded(&home)), (before + 2, vec![(before + 1, "greps".to_owned())]));
    home.run(&["record", "tool", "grep", "--input", "{\"pattern\":\"x+\",\"path\":\"hidden\"}"]).expect(0);
    home.run(&["record", "tool", "cat", "--input", "{\"pattern\":\"x+\"}"]).expect(0);
    let stored: Vec<String> = rows(&home, "tool_invocations").iter().map(Value::to_string).collect();
    let all = stored.join("\n");
    assert!(all.contains("x+") && !all.contains("hidden"), "{all}");
    assert_eq!(all.matches("x+").count(), 1, "the rule for grep held for cat: {all}");
    assert!(home.run(&["redact", "show"]).expect(0).out.contains("name = \"greps\""));

    // To another and back: each is recorded once, and each row names its own.
    home.run(&["redact", "use", "strict"]).expect(0);
    home.run(&["record", "tool", "grep"]).expect(0);
    home.run(&["redact", "use", file.to_str().unwrap()]).expect(0);
    home.run(&["record", "tool", "grep"]).expect(0);
    home.run(&["redact", "use", "builtin"]).expect(0);
    home.run(&["record", "tool", "grep"]).expect(0);
    let names: Vec<String> = recorded(&home).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["greps", "strict"]);
    let verified = home.json(&["verify", "--key", &home.key()]);
    assert!(!verified.findings().iter().any(|code| code.contains("policy")), "{:?}", verified.findings());
    assert!(verified.out.contains("redaction: 3 policies that rows name"), "{}", verified.out);
}

#[test]
fn a_verifier_that_lists_policies_believes_no_other() {
    let home = Home::with_vault();
    home.run(&["record", "tool", "grep"]).expect(0);
    let policy = PolicyFile::parse(POLICY).unwrap().into_policy();
    std::fs::write(home.vault().join("redaction.toml"), POLICY).unwrap();
    // A file that was put there by hand is recorded by whoever records next.
    home.run(&["record", "tool", "grep"]).expect(0);
    assert_eq!(recorded(&home).len(), 1);
    let trust = home.run(&["trust", "show"]).expect(0).out;
    let listing = |hashes: &[String]| {
        let list = hashes.iter().map(|hash| format!("\"{hash}\"")).collect::<Vec<_>>().join(", ");
        let with = trust.replacen("\n\n[[", &format!("\nredaction = [{list}]\n\n[["), 1);
        assert_ne!(with, trust);
        home.write(&format!("trust-{}.toml", hashes.len()), with)
    };
    let builtin = Policy::builtin().hash().to_hex();
    let (one, both) = (listing(std::slice::from_ref(&builtin)), listing(&[builtin, policy.hash().to_hex()]));
    let found = |trust: &std::path::Path| home.json(&["verify", "--trust", trust.to_str().unwrap()]).findings();
    assert!(found(&one).contains(&"policy-not-listed".to_owned()), "{:?}", found(&one));
    assert!(!found(&both).contains(&"policy-not-listed".to_owned()), "{:?}", found(&both));

    // Whatever is verified by itself is held to the list as well, and where its rows are not read that is said.
    let seal = home.told(0, &["seal", "create"])["result"]["seal_id"].as_str().unwrap().to_owned();
    let row = rows(&home, "tool_invocations").pop().unwrap()["id"].as_str().unwrap().to_owned();
    home.run(&["export", &seal, "-o", "seal.vmb"]).expect(0);
    home.run(&["export", &seal, "--blind", "-o", "blind.vmb"]).expect(0);
    home.run(&["prove", &row, "-o", "row.json"]).expect(0);
    home.run(&["prove", "complete", "--kind", "tool_invocations", "-o", "complete.json"]).expect(0);
    let none = listing(&[]);
    let bundle = format!("vault/seals/{seal}.json");
    for (args, reads_rows) in [
        (vec!["verify"], true),
        (vec!["seal", "verify", &seal], true),
        (vec!["seal", "verify", &bundle], false),
        (vec!["verify-bundle", "seal.vmb"], true),
        (vec!["verify-bundle", "blind.vmb"], false),
        (vec!["verify-proof", "row.json"], true),
        (vec!["verify-proof", "complete.json"], false),
    ] {
        for (trust, is_told) in [(&one, true), (&none, true), (&both, !reads_rows)] {
            let ran = home.json(&[&args[..], &["--trust", trust.to_str().unwrap()]].concat());
            let told = ran.findings().contains(&"policy-not-listed".to_owned());
            assert_eq!(told, is_told, "{args:?} {}: {:?}", trust.display(), ran.findings());
            assert!(!told || ran.code == 3, "{args:?}: {}", ran.code);
        }
    }
}

#[test]
fn a_policy_that_does_not_read_lets_nothing_be_recorded() {
    let home = Home::with_vault();
    home.run(&["record", "tool", "grep"]).expect(0);
    let size = home.log_size();
    std::fs::write(home.vault().join("redaction.toml"), POLICY.replace("shape", "shapes")).unwrap();
    assert_eq!(home.refused(&["record", "tool", "grep"]), "redaction-malformed");
    assert_eq!(home.log_size(), size);
    // What only reads goes on, and another policy can be put in its place.
    home.run(&["list"]).expect(0);
    home.run(&["redact", "use", "strict"]).expect(0);
    home.run(&["record", "tool", "grep"]).expect(0);
    let bad = home.write("bad.toml", POLICY.replace("/tool\"", "tool\""));
    assert_eq!(home.refused(&["redact", "use", bad.to_str().unwrap()]), "policy-pointer");
    assert_eq!(home.refused(&["redact", "use", "nobody"]), "redaction-unknown");
    assert!(home.run(&["redact", "show"]).expect(0).out.contains("name = \"strict\""));
}

#[test]
fn a_preview_is_what_is_stored_then() {
    let home = Home::with_vault();
    home.run(&["redact", "use", home.write("greps.toml", POLICY).to_str().unwrap()]).expect(0);
    let record = json!({"tool": "grep", "input": {"pattern": "x", "token": "hidden", "list": [1, {"a": 2}]}, "output": ["hidden"]});
    let file = home.write("records.jsonl", format!("{record}\n"));
    let size = home.log_size();
    let told = home.told(0, &["redact", "test", file.to_str().unwrap()]);
    assert_eq!(home.log_size(), size, "a preview recorded something");
    let row = told["result"]["rows"][0].clone();
    home.run(&["record", "tool", "--jsonl", file.to_str().unwrap()]).expect(0);
    let stored = rows(&home, "tool_invocations").remove(0);
    for column in ["input_json", "output_json"] {
        // Salts differ, and with them digests; all else is the same.
        let plain = |value: &Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let mut value: Value = serde_json::from_str(&text).unwrap();
            blank(&mut value);
            value
        };
        let in_row = &stored["columns"];
        assert_eq!(plain(&row["stored"][column]), plain(&in_row[column]), "{column}: {stored}");
    }
    let places = |what: &str| -> Vec<String> { serde_json::from_value(row[what].clone()).unwrap() };
    assert_eq!(places("kept"), ["/tool", "/input_json/pattern"]);
    assert_eq!(places("committed"), ["/input_json/list", "/input_json/token", "/output_json"]);
    assert_eq!(places("shaped"), ["/input_json"]);
    assert!(!told.to_string().contains("hidden"));
    // Everywhere, also where there is no vault, and every kind of input.
    let outside = Home::new();
    let frames = [
        json!({"d": "c2s", "m": "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"x\",\"arguments\":{\"a\":\"hidden\"}}}\n"}),
        json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "hidden"}]}}),
        json!({"kind": "report", "meta": {"name": "n", "x": "hidden"}}),
        json!({"horizon": "h", "counterfactual": "hidden", "entropy_delta": 0.5, "reason": "told"}),
    ];
    let text = frames.iter().map(|frame| frame.to_string() + "\n").collect::<String>();
    let file = outside.write("mixed.jsonl", text);
    let told = outside.told(0, &["redact", "test", file.to_str().unwrap()]);
    let tables: Vec<&str> =
        told["result"]["rows"].as_array().unwrap().iter().map(|row| row["table"].as_str().unwrap()).collect();
    assert_eq!(tables, ["mcp_calls", "mcp_calls", "proof_artifacts", "shadow_receipts"]);
    assert!(!told.to_string().contains("hidden") && told.to_string().contains("told"), "{told}");
    assert!(!outside.vault().exists() && !outside.path("keys").exists());
    for (bad, code) in
        [("{\"tool\":\n", "json-syntax"), ("{\"x\":1}\n", "input"), ("{\"tool\":\"x\",\"y\":1}\n", "input")]
    {
        let file = outside.write("bad.jsonl", bad);
        let refused = outside.json(&["redact", "test", file.to_str().unwrap()]).expect(2);
        let _ = (refused, code);
    }
    let pin = outside
        .run_with(
            &["redact", "test", "-", "--table", "tool_invocations", "--name", "unlock", "--format", "json"],
            b"{\"input\":{\"pin\":\"1234\"}}",
        )
        .expect(0);
    assert!(pin.out.contains("/input_json/pin") && !pin.out.contains("1234\""));
}

/// Takes digests out.
fn blank(value: &mut Value) {
    match value {
        Value::Object(members) if members.contains_key("$sealed") => *value = json!("committed"),
        Value::Object(members) => members.values_mut().for_each(blank),
        Value::Array(items) => items.iter_mut().for_each(blank),
        _ => {}
    }
}

#[test]
fn shipped_policies_are_listed_shown_and_read_again() {
    let home = Home::new();
    for name in shipped_names() {
        let text = home.run(&["redact", "show", name]).expect(0).out;
        let read = PolicyFile::parse(&text).unwrap();
        assert_eq!(read.policy().rules(), shipped(name).unwrap().rules(), "{name}");
    }
    let hash = Policy::builtin().hash().to_hex();
    assert!(home.run(&["redact", "show", &hash]).expect(0).out.contains(&hash));
    assert_eq!(home.told(0, &["redact", "list"])["result"]["ships"].as_array().unwrap().len(), shipped_names().count());
}

struct Nothing;

impl SecretDetector for Nothing {
    fn is_secret(&self, _: Option<&str>, _: &str) -> bool {
        false
    }
}

fn pattern(table: Table) -> impl Strategy<Value = Pattern> {
    let column = prop::sample::select(
        columns(table).iter().filter(|column| column.is_json).map(|column| column.name).collect::<Vec<_>>(),
    );
    let token = prop::sample::select(vec!["a", "b", "c", "*", "0", "1", "a~1b", "é"]);
    (column, prop::collection::vec(token, 0..4)).prop_map(|(column, tokens)| {
        let rest: String = tokens.iter().map(|token| format!("/{token}")).collect();
        Pattern::new(format!("/{column}{rest}"))
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let table = prop::sample::select(Table::ALL.to_vec());
    table.prop_flat_map(|table| {
        let name = prop::option::of(prop::sample::select(vec!["x".to_owned(), "y".to_owned()]));
        let lists = prop::collection::vec((pattern(table), any::<bool>()), 0..6);
        (name, lists).prop_map(move |(name, mut lists)| {
            lists.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
            lists.dedup_by(|a, b| a.0 == b.0);
            let (keep, shape): (Vec<_>, Vec<_>) = lists.into_iter().partition(|(_, keep)| *keep);
            let plain = |list: Vec<(Pattern, bool)>| list.into_iter().map(|(pattern, _)| pattern).collect();
            Rule { table, name, keep: plain(keep), shape: plain(shape) }
        })
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    (prop::collection::vec(rule(), 0..5), 1_u32..9)
        .prop_filter_map("a rule is never reached", |(rules, version)| Policy::named("p", version, rules).ok())
}

/// JSON whose every leaf is a text that stands nowhere else.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = Just(Value::Null);
    let shape = leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop::sample::select(vec!["a", "b", "c", "0", "a/b", "é", "z"]).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    shape.prop_map(|mut value| {
        let mut count = 0;
        number(&mut value, &mut count);
        value
    })
}

fn number(value: &mut Value, count: &mut u32) {
    match value {
        Value::Object(members) => members.values_mut().for_each(|value| number(value, count)),
        Value::Array(items) => items.iter_mut().for_each(|value| number(value, count)),
        _ => {
            *count += 1;
            *value = json!(format!("leaf-{count}-"));
        }
    }
}

/// Every leaf with its pointer.
fn leaves(pointer: String, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                leaves(canonical::pointer_child(&pointer, name), value, found);
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                leaves(format!("{pointer}/{at}"), value, found);
            }
        }
        _ => found.push((pointer, value.as_str().unwrap().to_owned())),
    }
}

/// Whether a rule keeps the value at `pointer`, or one above it, said in the plainest way.
fn is_kept(policy: &Policy, table: Table, name: &str, pointer: &str) -> bool {
    let ends = pointer.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| at).skip(1).chain([pointer.len()]);
    ends.into_iter().any(|end| policy.handling(table, name, &pointer[..end]) == Handling::Keep)
}

proptest! {
    #[test]
    fn a_policy_is_the_same_after_it_was_written_as_json_and_as_toml(policy in policy()) {
        let bytes = canonical::to_bytes(&policy.to_value()).unwrap();
        prop_assert_eq!(&Policy::parse(&bytes).unwrap(), &policy);
        let text = PolicyFile::text_of(&policy, "p").unwrap();
        let file = PolicyFile::parse(&text).unwrap();
        prop_assert_eq!(file.policy(), &policy);
        prop_assert_eq!(file.to_text().unwrap(), text);
    }

    #[test]
    fn what_is_not_kept_is_never_stored(policy in policy(), value in tree(), table in prop::sample::select(Table::ALL.to_vec()), name in prop::sample::select(vec!["x", "y", "z"])) {
        let column = columns(table).iter().rev().find(|column| column.is_json).unwrap().name;
        let mut entropy = CountingEntropy::new(1);
        let mut redactor = Redactor::new(&policy, &Nothing, &mut entropy, table, name, RowId::from_bytes([1; 16]));
        let stored = redactor.json(column, &value).unwrap();
        let mut found = Vec::new();
        leaves(format!("/{column}"), &value, &mut found);
        for (pointer, leaf) in found {
            let kept = is_kept(&policy, table, name, &pointer);
            prop_assert_eq!(stored.as_json().contains(&leaf), kept, "{} of {}", pointer, stored.as_json());
        }
    }
}
