//! Subjects, disclosures and erasures, end to end: an auditor verifies one value and learns no other; what was erased is gone for
//! good, proofs hold, and everything says under which receipt.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail a test by a panic"
)]

mod common;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{Home, copy};
use serde_json::{Value, json};
use vaultmesh::disclosure::{DISCLOSURE_PURPOSE, verify_disclosure};
use vaultmesh::keys::KeyStore;
use vaultmesh::read::Reader;
use vaultmesh::recipient::read_secret;
use vaultmesh::subjects::{Ring, SubjectKeys, SubjectName};
use vaultmesh::system::SystemEntropy;
use vaultmesh::vault::{Place, Sources, Vault};
use vaultmesh::verify::Outside;
use vm_core::canonical;
use vm_core::digest::LeafHash;
use vm_core::id::{LedgerId, RowId};
use vm_core::record::DisclosureRecord;
use vm_core::verdict::{Code, Verdict};
use vm_envelope::{Context, Envelope, SecretKey, seal};

const TOKEN: &str = "hunter2-of-alice";
const OTHER: &str = "opensesame-of-alice";
const BOBS: &str = "correct-horse-of-bob";

/// A vault with somebody who may disclose and erase, one row of Alice's and one of Bob's, sealed; and an auditor's keys.
struct World {
    home: Home,
    alice: String,
    bob: String,
    seal: String,
    key: String,
}

impl World {
    fn new() -> Self {
        let home = Home::with_vault();
        home.run(&["grant", "dpo", "--action", "disclose", "--action", "erase", "--from-root"]).expect(0);
        let record = |subject: &str, input: Value| {
            let input = input.to_string();
            let args = ["record", "tool", "login", "--input", &input, "--data-subject", subject];
            home.told(0, &args)["result"]["id"].as_str().unwrap().to_owned()
        };
        let alice = record("alice@example.com", json!({"token": TOKEN, "other": OTHER}));
        let bob = record("bob", json!({"token": BOBS}));
        home.tool("unnamed");
        let seal = home.told(0, &["seal", "create"])["result"]["seal_id"].as_str().unwrap().to_owned();
        home.run(&["recipient", "new", "auditor.key"]).expect(0);
        let key = home.key();
        Self { home, alice, bob, seal, key }
    }

    fn disclose(&self, row: &str, path: &str, out: &str) -> Value {
        let args =
            ["--holder", "dpo", "disclose", "--row", row, "--path", path, "--to", "auditor.key.pub", "--out", out];
        self.home.json(&args).json()
    }

    fn erase(&self, subject: &str, code: i32) -> Value {
        self.home.told(code, &["--holder", "dpo", "erase", "--subject", subject, "--reason", "objection", "--yes"])
    }

    fn place(&self) -> Place {
        Place { vault: self.home.vault(), keys: self.home.path("keys") }
    }

    fn vault(&self) -> Vault {
        let holder = "dpo".parse().unwrap();
        Vault::open_as(&self.place(), Sources::system().unwrap(), Duration::from_secs(5), Some(&holder)).unwrap()
    }

    fn verify(&self) -> Value {
        self.home.json(&["verify", "--key", &self.key]).json()
    }
}

fn codes(told: &Value) -> Vec<String> {
    told["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

/// Whether any file below a folder holds these bytes.
fn holds(folder: &Path, needle: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle)
    })
}

#[test]
fn an_auditor_verifies_one_value_offline_and_learns_no_other() {
    let world = World::new();
    let made = world.disclose(&world.alice, "/token", "token.disclosure");
    assert_eq!(made["result"]["pointers"], json!(["/input_json/token"]), "{made}");
    assert_eq!(made["result"]["seal"], world.seal);
    let id = made["result"]["recorded"]["id"].as_str().unwrap();
    let shown = world.home.told(0, &["show", id]);
    assert_eq!(shown["result"]["columns"]["meta_json"]["row"], world.alice);
    assert!(!shown.to_string().contains(TOKEN));
    // The auditor has three files and the key, and no vault.
    let away = Home::new();
    let bundle = format!("seals/{}.json", world.seal);
    for (from, to) in [("token.disclosure", "t"), ("auditor.key", "k"), (&*format!("vault/{bundle}"), "seal.json")] {
        fs::copy(world.home.path(from), away.path(to)).unwrap();
    }
    let with = ["verify-disclosure", "t", "--with", "k"];
    let told = away.told(0, &[&with[..], &["--key", &world.key, "--seal", "seal.json"]].concat());
    assert_eq!(told["result"]["values"], json!([{"pointer": "/input_json/token", "value": TOKEN}]));
    assert_eq!((&told["result"]["row"], &told["result"]["seal"]), (&json!(world.alice), &json!(world.seal)));
    let bare = away.json(&with).expect(3);
    assert_eq!(bare.findings(), ["no-trust-key"]);
    let human = away.run(&[&with[..], &["--key", &world.key]].concat()).expect(0);
    assert!(human.out.contains(TOKEN) && !human.err.contains(TOKEN));
    // What the envelope holds is one opening and the row, which holds commitments.
    let file = fs::read(away.path("t")).unwrap();
    let secret = read_secret(&away.path("k"), None).unwrap();
    let envelope = Envelope::parse(&file).unwrap();
    let content = envelope.open(&secret, envelope.context()).unwrap();
    let content = canonical::parse_exact(&content, content.len()).unwrap();
    assert_eq!(content["openings"].as_array().unwrap().len(), 1);
    let place = world.place();
    let reader = Reader::open(&place).unwrap();
    let ring = Ring::open(&KeyStore::new(&place.keys, reader.ledger()), reader.ledger()).unwrap();
    let kept = reader.openings(&ring, world.alice.parse().unwrap()).unwrap();
    assert!(kept.len() > 1);
    for opening in kept.iter().map(|opening| json!(opening)) {
        let is_it = opening["pointer"] == "/input_json/token";
        assert_eq!(content.to_string().contains(opening["salt"].as_str().unwrap()), is_it, "{}", opening["pointer"]);
    }
    assert!(!content.to_string().contains(OTHER));
    for secret in [TOKEN, OTHER, BOBS, "alice@example.com"] {
        assert!(!holds(&world.home.vault(), secret.as_bytes()), "{secret} in the vault");
        assert!(!holds(&world.home.path("keys"), secret.as_bytes()), "{secret} in the keys");
    }
    assert!(codes(&world.verify()).iter().all(|code| !code.starts_with("disclosure") && code != "format-unannounced"));
}

#[test]
fn a_disclosure_behind_a_change_of_the_log_key_needs_the_history() {
    let world = World::new();
    let home = &world.home;
    home.run(&["keys", "rotate", "log"]).expect(0);
    let seal = home.told(0, &["seal", "create"])["result"]["seal_id"].as_str().unwrap().to_owned();
    world.disclose(&world.alice, "/token", "t");
    home.run(&["keys", "history", "-o", "keys.json"]).expect(0);
    let bundle = format!("vault/seals/{seal}.json");
    let args = ["verify-disclosure", "t", "--with", "auditor.key", "--seal", &bundle, "--key", &world.key];
    let bare = home.json(&args).expect(3);
    assert!(bare.findings().iter().all(|code| code == "key-change-unproven"), "{:?}", bare.findings());
    home.json(&[&args[..], &["--history", "keys.json"]].concat()).expect(0);
    let file = ["seal", "verify", &bundle, "--key", &world.key, "--history", "keys.json", "--vault", "nowhere"];
    assert!(!home.json(&file).findings().contains(&"key-change-unproven".to_owned()));
}

#[test]
fn what_is_not_for_this_key_this_ledger_or_this_purpose_is_refused_by_name() {
    let world = World::new();
    world.disclose(&world.alice, "/input_json/token", "t");
    let home = &world.home;
    home.run(&["recipient", "new", "other.key"]).expect(0);
    let check = |file: &str, with: &str, key: &str| {
        let told = home.told(2, &["verify-disclosure", file, "--with", with, "--key", key]);
        told["error"]["code"].as_str().unwrap().to_owned()
    };
    let stranger = Home::with_vault();
    let secret = read_secret(&home.path("auditor.key"), None).unwrap();
    let file = fs::read(home.path("t")).unwrap();
    let envelope = Envelope::parse(&file).unwrap();
    let content = envelope.open(&secret, envelope.context()).unwrap();
    let mut entropy = SystemEntropy::open().unwrap();
    let mut sealed = |content: &[u8], ledger: LedgerId, purpose: &str| {
        seal(content, &Context::new(ledger, purpose).unwrap(), &[secret.public().clone()], &mut entropy).unwrap()
    };
    let ledger = envelope.context().ledger();
    home.write("purpose", sealed(&content, ledger, "subject-key"));
    let elsewhere = LedgerId::from_genesis(LeafHash::of(b"elsewhere"));
    home.write("ledger", sealed(&content, elsewhere, DISCLOSURE_PURPOSE));
    home.write("format", sealed(br#"{"format":"vm-disclosure-v1"}"#, ledger, DISCLOSURE_PURPOSE));
    home.write("shape", sealed(br#"{"format":"vm-disclosure-v0","openings":[]}"#, ledger, DISCLOSURE_PURPOSE));
    home.write("cut", &file[..file.len() - 1]);
    for (file, with, key, code) in [
        ("t", "other.key", &world.key, "envelope-not-recipient"),
        ("t", "auditor.key", &stranger.key(), "envelope-other-context"),
        ("purpose", "auditor.key", &world.key, "envelope-other-context"),
        ("ledger", "auditor.key", &world.key, "envelope-other-context"),
        ("format", "auditor.key", &world.key, "format-unknown"),
        ("shape", "auditor.key", &world.key, "disclosure-shape"),
        ("cut", "auditor.key", &world.key, "envelope-truncated"),
        ("t", "auditor.key.pub", &world.key, "key-open"),
        ("auditor.key", "auditor.key", &world.key, "envelope-not"),
    ] {
        let found = check(file, with, key);
        assert!(
            found == code || code == "envelope-not" && found.starts_with(code),
            "{file} {with}: {found}, not {code}"
        );
    }
    // Without a pinned key, an envelope that names another ledger than its proof is refused by what is inside.
    let bare = home.told(2, &["verify-disclosure", "ledger", "--with", "auditor.key"]);
    assert_eq!(bare["error"]["code"], "disclosure-other-ledger");
    // A passphrase.
    home.write("pass", "correct horse\n");
    home.run(&["recipient", "new", "locked.key", "--passphrase-file", "pass"]).expect(0);
    assert_eq!(home.refused(&["recipient", "show", "locked.key"]), "passphrase-missing");
    let one = home.told(0, &["recipient", "show", "locked.key", "--passphrase-file", "pass"]);
    assert_eq!(one["result"]["id"], home.told(0, &["recipient", "show", "locked.key.pub"])["result"]["id"]);
}

#[test]
fn every_change_and_every_cut_of_a_disclosure_is_refused() {
    let world = World::new();
    world.disclose(&world.alice, "/input_json/token", "t");
    let (file, secret) =
        (fs::read(world.home.path("t")).unwrap(), read_secret(&world.home.path("auditor.key"), None).unwrap());
    let outside = Outside { key: Some(world.key.parse().unwrap()), ..Outside::default() };
    let check = |bytes: &[u8]| verify_disclosure(bytes, &secret, None, &outside);
    assert_eq!(check(&file).unwrap().1.verdict(), Verdict::Verified);
    // Each byte of the head and of the binding, and a sample of the rest; which bit changes with the place.
    for at in (0..80).chain((80..file.len()).step_by(29)) {
        let mut bad = file.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(check(&bad).is_err(), "byte {at}");
    }
    for length in (0..80).chain((80..file.len()).step_by(29)) {
        assert!(check(&file[..length]).is_err(), "cut to {length}");
    }
    assert!(check(&[&file[..], b"x"].concat()).is_err());
}

#[test]
fn a_recipient_cannot_be_told_a_value_that_was_not_committed() {
    let world = World::new();
    world.disclose(&world.alice, "/input_json/token", "t");
    let (file, secret) =
        (fs::read(world.home.path("t")).unwrap(), read_secret(&world.home.path("auditor.key"), None).unwrap());
    let envelope = Envelope::parse(&file).unwrap();
    let content = envelope.open(&secret, envelope.context()).unwrap();
    let good = canonical::parse_exact(&content, content.len()).unwrap();
    let outside = Outside { key: Some(world.key.parse().unwrap()), ..Outside::default() };
    let mut entropy = SystemEntropy::open().unwrap();
    let mut check = |content: &Value| {
        let bytes = canonical::to_bytes(content).unwrap();
        let file = seal(&bytes, envelope.context(), &[secret.public().clone()], &mut entropy).unwrap();
        verify_disclosure(&file, &secret, None, &outside)
    };
    assert_eq!(check(&good).unwrap().1.verdict(), Verdict::Verified);
    for (pointer, value) in [
        ("/openings/0/value", json!("another")),
        ("/openings/0/pointer", json!("/input_json/other")),
        ("/openings/0/salt", json!("0".repeat(64))),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        let (answer, report) = check(&bad).unwrap();
        assert!(report.has(Code::DisclosureInvalid) && report.verdict() == Verdict::Contradicted, "{pointer}");
        assert!(answer.values.is_empty(), "{pointer}");
    }
    let mut twice = good.clone();
    twice["openings"] = json!([good["openings"][0], good["openings"][0]]);
    assert_eq!(check(&twice).unwrap_err().code(), "disclosure-twice");
    // A row that the log does not hold.
    let mut forged = good.clone();
    let data = good["proof"]["leaf_data"].as_str().unwrap().replace("login", "logon");
    forged["proof"]["leaf_data"] = json!(data);
    let (answer, report) = check(&forged).unwrap();
    assert!(report.has(Code::RootMismatch) && answer.values.is_empty());
}

#[test]
fn a_disclosure_needs_leave_a_place_and_a_seal_that_covers_the_row() {
    let world = World::new();
    let home = &world.home;
    let size = home.log_size();
    let base = ["disclose", "--row", &world.alice, "--to", "auditor.key.pub", "--out", "x"];
    assert_eq!(home.refused(&[&base[..], &["--path", "/token"]].concat()), "capability-action");
    let dpo = |more: &[&str]| home.refused(&[&["--holder", "dpo"], &base[..], more].concat());
    assert_eq!(dpo(&["--path", "/nothing"]), "opening-absent");
    assert_eq!(dpo(&["--path", "/token", "--seal", "01900000-0000-7000-8000-0000000000ff"]), "not-found");
    let late = home.tool("late");
    let args = ["--holder", "dpo", "disclose", "--row", &late, "--path", "/a", "--to", "auditor.key.pub", "--out", "x"];
    assert_eq!(home.refused(&[&args[..], &["--seal", &world.seal]].concat()), "seal-other-rows");
    assert_eq!(home.log_size(), size + 1, "nothing was recorded");
    assert!(!home.path("x").exists());
    // Against the head, and then held against a seal that it is not proven by.
    let made = home.told(0, &args);
    assert_eq!(made["result"]["seal"], Value::Null);
    let bundle = home.vault().join(format!("seals/{}.json", world.seal));
    let against =
        ["verify-disclosure", "x", "--with", "auditor.key", "--key", &world.key, "--seal", bundle.to_str().unwrap()];
    assert_eq!(home.json(&against).expect(3).findings(), ["disclosure-unsealed"]);
    assert_eq!(home.refused(&args), "file-exists");
}

#[test]
fn erased_is_gone_for_good_and_everything_else_holds() {
    let world = World::new();
    let (home, place) = (&world.home, world.place());
    world.disclose(&world.alice, "/input_json/token", "given.disclosure");
    home.run(&["backup", "old"]).expect(0);
    let before = world.verify();
    let digest = |told: &Value| told["result"]["seals"][0]["digest"].clone();
    let reader = Reader::open(&place).unwrap();
    let keys = KeyStore::new(&place.keys, reader.ledger());
    let subjects = SubjectKeys::new(&keys, reader.ledger());
    let ring = Ring::open(&keys, reader.ledger()).unwrap();
    let salts: Vec<String> = reader
        .openings(&ring, world.alice.parse().unwrap())
        .unwrap()
        .iter()
        .map(|opening| json!(opening)["salt"].as_str().unwrap().to_owned())
        .collect();
    let id = subjects.id(&"alice@example.com".parse().unwrap()).unwrap();
    let key_id = subjects.key_id(id).unwrap().unwrap();
    let key_file = fs::read(keys.dir().join(format!("subjects/{id}.key"))).unwrap();
    drop(reader);

    // Without --yes nothing happens.
    let size = home.log_size();
    let plan = home.told(2, &["--holder", "dpo", "erase", "--subject", "alice@example.com"]);
    assert_eq!((&plan["result"]["erased"], &plan["result"]["rows"]), (&json!(false), &json!(1)));
    assert_eq!(home.log_size(), size);
    assert_eq!(home.refused(&["--holder", "dpo", "erase", "--subject", "nobody", "--yes"]), "subject-unknown");
    assert_eq!(home.refused(&["erase", "--subject", "alice@example.com", "--yes"]), "capability-action");

    let told = world.erase("alice@example.com", 0);
    let receipt = told["result"]["receipt"].as_str().unwrap().to_owned();
    assert_eq!(told["result"]["rows"], 1);
    let given = &told["result"]["unreached"]["disclosures"];
    assert_eq!((given.as_array().unwrap().len(), &given[0]["row"]), (1, &json!(world.alice)));
    assert!(told["result"]["unreached"]["always"].as_array().unwrap().len() > 5);

    let after = world.verify();
    assert_eq!((&after["exit_code"], &after["verdict"]), (&before["exit_code"], &before["verdict"]));
    assert_eq!(digest(&after), digest(&before));
    let mut found = codes(&after);
    let told_of = |finding: &&Value| finding["code"] == "erased";
    let finding = after["findings"].as_array().unwrap().iter().find(told_of).unwrap().clone();
    assert_eq!(finding["found"], format!("1 rows erased under receipt {receipt}"));
    found.retain(|code| code != "erased");
    assert_eq!(found, codes(&before));
    home.run(&["prove", &world.alice, "-o", "row.json"]).expect(0);
    home.run(&["verify-proof", "row.json", "--key", &world.key]).expect(0);
    assert_eq!(home.told(0, &["show", &world.alice])["result"]["erased_under"], receipt);
    assert!(home.run(&["show", &world.alice]).out.contains(&format!("erased under receipt {receipt}")));
    let refused = world.disclose(&world.alice, "/input_json/token", "again");
    assert_eq!((&refused["error"]["code"], &refused["exit_code"]), (&json!("openings-erased"), &json!(3)));
    assert!(refused["error"]["message"].as_str().unwrap().contains(&receipt));

    // Neither key, salt nor value is left, and what was given out still verifies.
    for salt in &salts {
        assert!(!holds(&home.vault(), salt.as_bytes()) && !holds(&place.keys, salt.as_bytes()));
    }
    assert!(!holds(&place.keys, &key_file[100..400]), "the key's envelope is still in a file");
    assert!(!holds(&home.vault(), key_id.as_bytes()), "an entry under the key is still in a file");
    let given = ["verify-disclosure", "given.disclosure", "--with", "auditor.key", "--key", &world.key];
    assert!(home.run(&given).expect(0).out.contains(TOKEN));

    // An export shows the receipt; a backup from before, with the key folder of today, opens nothing and says why.
    home.run(&["export", "-o", "out.zip"]).expect(0);
    assert!(!fs::read(home.path("out.zip")).unwrap().windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()));
    let bundle = home.json(&["verify-bundle", "out.zip", "--key", &world.key]).json();
    assert_eq!((&bundle["exit_code"], &bundle["verdict"]), (&after["exit_code"], &after["verdict"]), "{bundle}");
    assert!(codes(&bundle).iter().all(|code| codes(&after).contains(code)), "{bundle}");
    let old = home.path("old");
    let args =
        ["--vault", old.to_str().unwrap(), "--holder", "dpo", "disclose", "--row", &world.alice, "--path", "/token"];
    let refused = home.told(3, &[&args[..], &["--to", "auditor.key.pub", "--out", "again"]].concat());
    assert_eq!(refused["error"]["code"], "openings-erased");
    assert!(refused["error"]["message"].as_str().unwrap().contains(&receipt));

    // Bob's is as it was, and Alice can be recorded anew, under another key.
    assert_eq!(world.disclose(&world.bob, "/token", "bob")["exit_code"], 0);
    let again = ["record", "tool", "login", "--input", r#"{"token":"new"}"#, "--data-subject", "alice@example.com"];
    let again = home.told(0, &again)["result"]["id"].as_str().unwrap().to_owned();
    assert_eq!(world.disclose(&again, "/token", "new")["exit_code"], 0);
    let second = world.erase("alice@example.com", 0);
    assert_ne!(second["result"]["receipt"], receipt);
    assert_eq!(codes(&world.verify()).iter().filter(|code| *code == "erased").count(), 2);
}

#[test]
fn a_crash_between_any_two_steps_is_finished_by_the_same_command() {
    let alice: SubjectName = "alice@example.com".parse().unwrap();
    for steps in 0..3 {
        let world = World::new();
        let mut vault = world.vault();
        let erased = vault.erase_openings(&alice, None).unwrap();
        let receipt = erased.on_record.receipt.to_string();
        if steps > 0 {
            vault.destroy_key(&alice, &erased.on_record).unwrap();
        }
        if steps > 1 {
            vault.scrub().unwrap();
        }
        drop(vault);
        // Whatever is unfinished, nothing says otherwise than the receipt.
        let refused = world.disclose(&world.alice, "/token", "again");
        assert_eq!(
            (&refused["error"]["code"], &refused["exit_code"]),
            (&json!("openings-erased"), &json!(3)),
            "{steps}"
        );
        if steps == 0 {
            let doctor = world.home.json(&["doctor"]).json();
            assert!(doctor.to_string().contains("erase it again"), "{doctor}");
        }
        let size = world.home.log_size();
        let told = world.erase("alice@example.com", 0);
        assert_eq!((&told["result"]["receipt"], &told["result"]["rows"]), (&json!(receipt), &json!(0)), "{steps}");
        assert_eq!(world.home.log_size(), size, "no second receipt");
        assert!(!world.home.json(&["doctor"]).json().to_string().contains("erase it again"));
        let place = world.place();
        let keys = KeyStore::new(&place.keys, world.vault().ledger_id());
        let subjects = SubjectKeys::new(&keys, world.vault().ledger_id());
        let id = subjects.id(&alice).unwrap();
        assert_eq!((subjects.key_id(id).unwrap(), subjects.tombstones(id).unwrap().len()), (None, 1));
    }
}

#[test]
fn openings_that_came_back_are_told_until_they_are_erased_again() {
    let world = World::new();
    let told = world.erase("alice@example.com", 0);
    let key = told["result"]["key"].as_str().unwrap();
    let row = world.alice.replace('-', "");
    let sql = format!(
        "INSERT INTO openings VALUES (x'{row}', 'vm-openings-v0', 'xchacha20poly1305', x'{key}', x'00', x'00')"
    );
    vm_ledger::hazmat::execute(&world.home.vault(), &sql).unwrap();
    assert!(codes(&world.verify()).contains(&"erasure-unfinished".to_owned()));
    assert_eq!(world.erase("alice@example.com", 0)["result"]["rows"], 1);
    assert!(!codes(&world.verify()).contains(&"erasure-unfinished".to_owned()));
}

#[test]
fn every_road_in_takes_a_subject_and_scrolls_take_none() {
    let world = World::new();
    let (home, place) = (&world.home, world.place());
    let line = r#"{"tool":"t","input":{"a":1},"data_subject":"carol"}"#;
    home.run_with(&["record", "tool", "--jsonl", "-"], line.as_bytes()).expect(0);
    let frame = r#"{"d":"c2s","m":"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"x\",\"arguments\":{\"pin\":\"1234\"}}}\n"}"#;
    home.run_with(&["record", "mcp", "--jsonl", "-", "--data-subject", "carol"], frame.as_bytes()).expect(0);
    let evidence = home.write("evidence", "bytes");
    home.run(&["record", "artifact", "note", "--meta", "{\"a\":1}", "--data-subject", "carol"]).expect(0);
    let deploy = ["record", "deploy", "--component", "api", "--version", "1", "--evidence", evidence.to_str().unwrap()];
    home.run(&[&deploy[..], &["--data-subject", "carol"]].concat()).expect(0);
    home.write("rune.json", "{\"a\":1}");
    home.run(&["rune", "put", "rune.json", "--data-subject", "carol"]).expect(0);
    let reader = Reader::open(&place).unwrap();
    let keys = KeyStore::new(&place.keys, reader.ledger());
    let subjects = SubjectKeys::new(&keys, reader.ledger());
    let key = subjects.key_id(subjects.id(&"carol".parse().unwrap()).unwrap()).unwrap().unwrap();
    let rows = reader.view().rows_under(key).unwrap();
    // A call, a frame, an artifact and a rune; of the deployment everything is kept in clear, so nothing opens it.
    assert_eq!(rows.len(), 4);
    let ring = Ring::open(&keys, reader.ledger()).unwrap();
    for row in &rows {
        assert!(!reader.openings(&ring, *row).unwrap().is_empty());
    }
    assert_eq!(reader.given_out(&rows.iter().copied().collect()).unwrap(), []);
    // A rune's payload is disclosed by its own places.
    let rune = rows.last().unwrap().to_string();
    assert_eq!(world.disclose(&rune, "/payload/a", "rune.disclosure")["exit_code"], 0);
    let bad = r#"{"tool":"t","data_subject":""}"#;
    home.run_with(&["record", "tool", "--jsonl", "-"], bad.as_bytes()).expect(2);
}

#[test]
fn a_retry_for_another_subject_is_another_use_of_the_key() {
    let world = World::new();
    let record = |subject: &str| {
        let args =
            ["record", "tool", "t", "--input", "{\"a\":1}", "--idempotency-key", "once", "--data-subject", subject];
        world.home.json(&args)
    };
    record("alice@example.com").expect(0);
    assert_eq!(record("alice@example.com").expect(0).json()["result"]["replayed"], true);
    assert_eq!(record("bob").expect(2).json()["error"]["code"], "idempotency-conflict");
}

#[test]
fn a_record_of_a_disclosure_names_no_value_and_a_copy_of_the_vault_no_key() {
    let world = World::new();
    world.disclose(&world.alice, "/input_json/token", "t");
    let reader = Reader::open(&world.place()).unwrap();
    let mut records = Vec::new();
    reader.visit_kind("vm-disclosure", &mut |row| records.extend(DisclosureRecord::of_row(&row.row).unwrap())).unwrap();
    let [record] = records.as_slice() else { panic!("one record") };
    assert_eq!(record.row(), world.alice.parse::<RowId>().unwrap());
    let file = fs::read(world.home.path("t")).unwrap();
    assert_eq!(record.file_sha256(), vm_core::digest::Sha256Digest::of(&file));
    let elsewhere = world.home.path("copy");
    copy(&world.home.vault(), &elsewhere);
    let args = ["--vault", elsewhere.to_str().unwrap(), "--keys", "nothing", "verify", "--key", &world.key];
    assert!(!codes(&world.home.json(&args).json()).is_empty());
    let _: SecretKey = read_secret(&world.home.path("auditor.key"), None).unwrap();
}
