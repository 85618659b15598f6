//! Changing the key of envelopes: what was recorded for a subject opens before and after, and what a lost key took with it is said to
//! be gone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail a test by a panic")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use common::Home;
use serde_json::{Value, json};

struct Scene {
    home: Home,
    keys: PathBuf,
    row: String,
}

impl Scene {
    fn new() -> Self {
        let home = Home::with_vault();
        home.run(&["grant", "dpo", "--action", "disclose", "--action", "erase", "--from-root"]).expect(0);
        home.run(&["recipient", "new", "auditor.key"]).expect(0);
        let ledger = home.told(0, &["keys", "show"])["result"]["ledger"].as_str().unwrap().to_owned();
        let keys = home.path("keys").join(ledger);
        let mut scene = Self { home, keys, row: String::new() };
        scene.row = scene.record("alice");
        scene.record("bob");
        scene
    }

    fn record(&self, subject: &str) -> String {
        let args = ["record", "tool", "login", "--input", "{\"token\":\"hunter2\"}", "--data-subject", subject];
        self.home.told(0, &args)["result"]["id"].as_str().unwrap().to_owned()
    }

    /// Opens the token of a row and gives it to the auditor: exit code and code of the error.
    fn disclose(&self, row: &str, out: &str) -> (i32, Value) {
        let to = ["--to", "auditor.key.pub", "--out", out];
        let args = [&["--holder", "dpo", "disclose", "--row", row, "--path", "/token"], &to[..]].concat();
        let ran = self.home.json(&args);
        (ran.code, ran.json()["error"]["code"].clone())
    }

    fn change(&self, how: &str) -> Value {
        self.home.told(0, &["keys", how, "envelope"])["result"].clone()
    }

    fn shown(&self) -> Vec<(String, Value)> {
        let shown = self.home.told(0, &["keys", "show"]);
        let keys = shown["result"]["envelope"].as_array().unwrap().iter();
        keys.map(|key| (key["key"].as_str().unwrap().to_owned(), key["ended"].clone())).collect()
    }

    /// Nothing is open but what nobody did: no seal, no head.
    #[track_caller]
    fn verified(&self) {
        let ran = self.home.json(&["verify", "--key", &self.home.key()]).expect(3);
        assert_eq!(ran.findings(), ["rollback-not-excluded", "seal-missing", "rows-unsealed"]);
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.keys.join(name), bytes).unwrap();
        fs::set_permissions(self.keys.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Files below `subjects/`, with their content.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let listed = fs::read_dir(self.keys.join("subjects")).unwrap().map(|file| file.unwrap().path());
        let named = listed.filter(|path| path.extension().is_some_and(|ending| ending == "key"));
        let name = |path: &PathBuf| format!("subjects/{}", path.file_name().unwrap().to_str().unwrap());
        named.map(|path| (name(&path), fs::read(&path).unwrap())).collect()
    }
}

#[test]
fn a_rotation_wraps_every_key_anew_and_each_is_on_record() {
    let scene = Scene::new();
    let [(first, _)] = scene.shown().try_into().unwrap();
    let (old, before) = (fs::read(scene.keys.join("envelope.key")).unwrap(), scene.files());
    let changed = scene.change("rotate");
    assert_eq!((&changed["old"], &changed["subjects"], &changed["lost"]), (&json!(first), &json!(2), &json!(0)));
    let second = changed["key"].as_str().unwrap().to_owned();
    assert_eq!(scene.shown(), [(first.clone(), json!("rotation")), (second.clone(), Value::Null)]);
    assert_ne!(fs::read(scene.keys.join("envelope.key")).unwrap(), old);
    assert!(!scene.keys.join("envelope.next.key").exists() && !scene.keys.join("envelope.past.key").exists());
    assert!(scene.files().iter().zip(&before).all(|(now, then)| now.0 == then.0 && now.1 != then.1));
    assert_eq!(scene.disclose(&scene.row, "first"), (0, Value::Null));
    let row = scene.record("alice");
    assert_eq!(scene.disclose(&row, "second"), (0, Value::Null));
    // A process that died behind the row: the key that is in force stands beside the old one, the files are as they were.
    fs::rename(scene.keys.join("envelope.key"), scene.keys.join("envelope.next.key")).unwrap();
    scene.put("envelope.key", &old);
    before.iter().for_each(|(name, bytes)| scene.put(name, bytes));
    assert_eq!(scene.disclose(&row, "third"), (0, Value::Null));
    assert!(!scene.keys.join("envelope.next.key").exists() && !scene.keys.join("envelope.past.key").exists());
    assert!(scene.files().iter().zip(&before).all(|(now, then)| now.1 != then.1));
    scene.change("stolen");
    assert_eq!(
        scene.shown().iter().map(|(_, ended)| ended.clone()).collect::<Vec<_>>(),
        [json!("rotation"), json!("stolen"), Value::Null]
    );
    assert_eq!(scene.disclose(&row, "fourth"), (0, Value::Null));
    scene.verified();
}

#[test]
fn a_lost_key_takes_openings_along_and_nothing_else() {
    let scene = Scene::new();
    fs::remove_file(scene.keys.join("envelope.key")).unwrap();
    for how in ["rotate", "stolen"] {
        assert_eq!(scene.home.refused(&["keys", how, "envelope"]), "key-missing");
    }
    let changed = scene.change("lost");
    assert_eq!((&changed["subjects"], &changed["lost"]), (&json!(0), &json!(2)));
    assert_eq!(changed["unreached"].as_array().unwrap().len(), 1);
    assert_ne!(scene.disclose(&scene.row, "gone").0, 0);
    let row = scene.record("alice");
    assert_eq!(scene.disclose(&row, "new"), (0, Value::Null));
    // Alice is erased under both keys.
    let erased = scene.home.told(0, &["--holder", "dpo", "erase", "--subject", "alice", "--yes"]);
    assert_eq!((&erased["result"]["rows"], &erased["result"]["rows_of_key"]), (&json!(2), &json!(2)));
    for row in [&row, &scene.row] {
        assert_eq!(scene.disclose(row, "erased"), (3, json!("openings-erased")));
    }
    let listed = fs::read_dir(scene.keys.join("subjects")).unwrap().map(|file| file.unwrap().path());
    let lost = listed.filter(|path| path.extension().is_some_and(|ending| ending == "lost")).count();
    assert_eq!(lost, 1, "bob's");
    let found = scene.home.json(&["verify", "--key", &scene.home.key()]).expect(3).findings();
    assert!(found.iter().all(|code| !code.starts_with("key-")), "{found:?}");
}

#[test]
fn what_cannot_be_changed_is_refused_by_name() {
    let home = Home::with_vault();
    assert_eq!(home.refused(&["keys", "rotate", "envelope"]), "envelope-key-absent");
    home.run(&["record", "tool", "x", "--input", "{\"a\":1}", "--data-subject", "alice"]).expect(0);
    assert_eq!(home.refused(&["keys", "stolen", "envelope", "--trusted-size", "2"]), "trusted-size-of-envelope");
    home.run(&["keys", "rotate", "envelope"]).expect(0);
}
