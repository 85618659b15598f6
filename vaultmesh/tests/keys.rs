//! Changing the log key: what was signed before goes on being verified by whichever pin, what a stolen key signs does not pass, and
//! whoever has only the old key changes nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod common;

use std::fs;
use std::path::Path;

use common::{Home, copy};
use serde_json::Value;
use vm_core::digest::from_hex;
use vm_core::id::LedgerId;
use vm_core::key::{KeyChange, KeyChangeReason, Note, NoteKey, SigningIdentity};
use vm_seal::checkpoint::Checkpoint;

/// The secret key in a key file.
fn secret(path: &Path) -> SigningIdentity {
    let text = fs::read_to_string(path).unwrap();
    let hex = text.lines().last().unwrap().rsplit(' ').next().unwrap().to_owned();
    SigningIdentity::from_seed(&from_hex(&hex).unwrap().try_into().unwrap())
}

/// A vault with a sealed and anchored row.
struct Scene {
    home: Home,
    ledger: String,
    /// The first key.
    old: String,
}

impl Scene {
    fn new() -> Self {
        let home = Home::with_vault();
        let old = home.told(0, &["keys", "show"])["result"]["log"][0]["key"].as_str().unwrap().to_owned();
        let ledger = home.told(0, &["keys", "show"])["result"]["ledger"].as_str().unwrap().to_owned();
        let scene = Self { home, ledger, old };
        scene.work("first");
        scene
    }

    /// Records, seals and anchors; gives the seal.
    fn work(&self, tool: &str) -> String {
        self.home.run(&["record", "tool", tool, "--output", "{\"ok\":true}"]).expect(0);
        self.seal()
    }

    fn seal(&self) -> String {
        let sealed = self.home.told(0, &["seal", "create"]);
        let seal = sealed["result"]["seal_id"].as_str().unwrap().to_owned();
        self.home.run(&["anchor", "add", &seal, "--local"]).expect(0);
        seal
    }

    fn key_file(&self, name: &str) -> std::path::PathBuf {
        self.home.path("keys").join(&self.ledger).join(name)
    }

    fn head(&self, name: &str) {
        self.home.run(&["head", "--output", name]).expect(0);
    }

    /// Verifies the whole vault under this pin; gives exit code and findings.
    fn verify(&self, key: &str, head: &str) -> (i32, Vec<String>) {
        let trust = self.home.path("local.toml");
        if !trust.exists() {
            self.home.run(&["trust", "show", "--output", "own.toml"]).expect(0);
            let text = fs::read_to_string(self.home.path("own.toml")).unwrap();
            let without_key: Vec<&str> = text.lines().filter(|line| !line.starts_with("key = ")).collect();
            fs::write(&trust, without_key.join("\n") + "\n").unwrap();
        }
        let ran = self.home.json(&["verify", "--key", key, "--trust", "local.toml", "--head", head]);
        (ran.code, ran.findings().into_iter().filter(|code| code != "anchor-not-independent").collect())
    }

    fn rotate(&self) -> String {
        self.home.told(0, &["keys", "rotate", "log"])["result"]["key"].as_str().unwrap().to_owned()
    }
}

fn good() -> (i32, Vec<String>) {
    (0, Vec::new())
}

fn row_of(home: &Home) -> String {
    let rows = home.told(0, &["query", "first", "--limit", "1"]);
    rows["result"]["rows"][0]["columns"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_rotation_leaves_everything_verified_under_either_pin() {
    let scene = Scene::new();
    let home = &scene.home;
    home.run(&["scroll", "append", "console", "--event", "{\"a\":1}"]).expect(0);
    scene.seal();
    scene.head("before.txt");
    let old_secret = secret(&scene.key_file("log.key"));
    let new = scene.rotate();
    assert_ne!(new, scene.old);
    let fresh = secret(&scene.key_file("log.key"));
    assert!(new.parse::<NoteKey>().unwrap().public() == fresh.public() && fresh.public() != old_secret.public());
    assert!(!scene.key_file("log.next.key").exists(), "the new key took the place of the old one");
    scene.work("second");
    home.run(&["scroll", "append", "console", "--event", "{\"b\":2}"]).expect(0);
    scene.seal();
    scene.head("after.txt");
    for key in [&scene.old, &new] {
        for head in ["before.txt", "after.txt"] {
            assert_eq!(scene.verify(key, head), good(), "{key} {head}");
        }
    }
    // Another key than the ledger ever had.
    let other = NoteKey::new(format!("vaultmesh/{}", scene.ledger), SigningIdentity::from_seed(&[9; 32]).public());
    assert_eq!(scene.verify(&other.unwrap().to_string(), "after.txt").0, 1);
    let shown = home.told(0, &["keys", "show"]);
    let log = shown["result"]["log"].as_array().unwrap();
    assert_eq!(log.len(), 2);
    assert_eq!((log[0]["ended"].as_str(), log[1]["ended"].as_str()), (Some("rotation"), None));
    assert_eq!(log[0]["until_size"], log[1]["from_size"]);
    // A second rotation, and the whole vault out and in again.
    let third = scene.rotate();
    scene.work("third");
    scene.head("third.txt");
    home.run(&["backup", "copy"]).expect(0);
    for key in [&scene.old, &new, &third] {
        assert_eq!(scene.verify(key, "third.txt"), good());
        let ran =
            home.json(&["--vault", "copy", "verify", "--key", key, "--trust", "local.toml", "--head", "third.txt"]);
        assert_eq!(ran.code, 0, "{}", ran.out);
    }
    home.run(&["--vault", "copy", "record", "tool", "restored"]).expect(0);
}

#[test]
fn exports_carry_the_history_and_files_follow_one_that_is_given() {
    let scene = Scene::new();
    let home = &scene.home;
    let row = row_of(home);
    let new = scene.rotate();
    let seal = scene.work("second");
    scene.head("head.txt");
    scene.verify(&new, "head.txt");
    home.run(&["keys", "history", "-o", "keys.json"]).expect(0);
    home.run(&["export", &seal, "-o", "seal.vmb"]).expect(0);
    home.run(&["export", "-o", "whole.vmb"]).expect(0);
    for key in [&scene.old, &new] {
        let ran = home.json(&["verify-bundle", "seal.vmb", "--key", key, "--trust", "local.toml"]);
        assert_eq!(ran.code, 0, "{}", ran.out);
        let ran =
            home.json(&["verify-bundle", "whole.vmb", "--key", key, "--trust", "local.toml", "--head", "head.txt"]);
        assert_eq!(ran.code, 0, "{}", ran.out);
    }
    home.run(&["--vault", "again", "import", "whole.vmb"]).expect(0);
    home.run(&["--vault", "again", "record", "tool", "imported"]).expect(0);
    home.run(&["prove", &row, "-o", "row.tlog-proof"]).expect(0);
    let judge = |args: &[&str]| {
        let ran = home.json(&[&["verify-proof", "row.tlog-proof", "--key"], args].concat());
        (ran.code, ran.findings())
    };
    let unproven = (3, vec!["key-change-unproven".to_owned()]);
    assert_eq!(judge(&[&new]), good());
    assert_eq!(judge(&[&scene.old]), unproven);
    assert_eq!(judge(&[&scene.old, "--history", "keys.json"]), good());
    assert_eq!(judge(&[&new, "--history", "keys.json"]), good());
    // A history that is cut knows the old key alone, and one that is changed is refused.
    let whole: Value = serde_json::from_slice(&fs::read(home.path("keys.json")).unwrap()).unwrap();
    let mut cut = whole.clone();
    cut["changes"] = Value::Array(Vec::new());
    home.write("cut.json", vm_core::canonical::to_bytes(&cut).unwrap());
    assert_eq!(judge(&[&scene.old, "--history", "cut.json"]), unproven);
    assert_eq!(
        home.refused(&["verify-proof", "row.tlog-proof", "--key", &new, "--history", "cut.json"]),
        "key-history-no-such-key"
    );
    let mut moved = whole.clone();
    moved["changes"][0]["at"] = 1.into();
    home.write("moved.json", vm_core::canonical::to_bytes(&moved).unwrap());
    assert_eq!(
        home.refused(&["verify-proof", "row.tlog-proof", "--key", &scene.old, "--history", "moved.json"]),
        "key-change-signature"
    );
    let other = Home::with_vault();
    other.run(&["keys", "history", "-o", "keys.json"]).expect(0);
    fs::copy(other.path("keys.json"), home.path("other.json")).unwrap();
    assert_eq!(
        home.refused(&["verify-proof", "row.tlog-proof", "--key", &scene.old, "--history", "other.json"]),
        "key-history-other-ledger"
    );
    assert_eq!(home.refused(&["verify-proof", "row.tlog-proof", "--history", "keys.json"]), "key-history-no-pin");
}

#[test]
fn what_a_stolen_key_signed_behind_the_trusted_size_is_undecided() {
    let scene = Scene::new();
    let home = &scene.home;
    let trusted = home.told(0, &["keys", "show"]);
    assert!(trusted["result"]["log"][0]["until_size"].is_null());
    scene.head("trusted.txt");
    let size = fs::read_to_string(home.path("trusted.txt")).unwrap().lines().nth(1).unwrap().to_owned();
    scene.work("window");
    let thief = secret(&scene.key_file("log.key"));
    let changed = home.told(0, &["keys", "stolen", "log", "--trusted-size", &size]);
    let (new, from) = (changed["result"]["key"].as_str().unwrap(), changed["result"]["from_size"].as_u64().unwrap());
    scene.work("after");
    scene.head("head.txt");
    for key in [&scene.old, new] {
        assert_eq!(scene.verify(key, "head.txt"), (3, vec!["key-stolen".to_owned()]), "the seal in the window");
        assert_eq!(scene.verify(key, "trusted.txt"), (3, vec!["key-stolen".to_owned()]));
    }
    // Heads by the thief: of a size after the change, of a size before it with another root.
    let ledger = LedgerId::parse(&scene.ledger).unwrap();
    for (size, code, exit) in
        [(from, "key-not-in-force", 1), (from + 50, "key-not-in-force", 1), (from - 1, "key-stolen", 3)]
    {
        let root = vm_core::digest::RootHash::from_bytes([7; 32]);
        let forged = Checkpoint::of_ledger(&ledger, vm_seal::merkle::TreeSize::new(size), root).unwrap();
        home.write("forged.txt", forged.sign(&thief).unwrap().to_string());
        let (found, codes) = scene.verify(new, "forged.txt");
        assert!(found == exit && codes.iter().any(|found| found == code), "{size}: {codes:?}");
    }
    // Of files by the stolen key nothing shows who made them.
    home.run(&["keys", "history", "-o", "keys.json"]).expect(0);
    let sealed = fs::read_dir(home.vault().join("seals")).unwrap().map(|file| file.unwrap().path());
    let mut codes: Vec<(i32, Vec<String>)> = Vec::new();
    for path in sealed.filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
        let id = path.file_stem().unwrap().to_str().unwrap().to_owned();
        home.run(&["export", &id, "-o", &format!("{id}.vmb")]).expect(0);
        let ran = home.json(&["verify-bundle", &format!("{id}.vmb"), "--key", &scene.old, "--trust", "local.toml"]);
        codes.push((ran.code, ran.findings().into_iter().filter(|code| code != "anchor-not-independent").collect()));
    }
    codes.sort();
    let stolen = || (3, vec!["key-stolen".to_owned()]);
    assert_eq!(codes, [good(), stolen(), stolen()]);
    // Sealed again, all is well but for what the window's seal claims.
    assert_eq!(home.refused(&["keys", "stolen", "log", "--trusted-size", "100000"]), "trusted-size-beyond");
}

#[test]
fn a_stolen_key_with_nothing_behind_the_trusted_size_spoils_nothing_in_the_vault() {
    let scene = Scene::new();
    let new = scene.home.told(0, &["keys", "stolen", "log"])["result"]["key"].as_str().unwrap().to_owned();
    scene.work("after");
    scene.head("head.txt");
    assert_eq!(scene.verify(&scene.old, "head.txt"), good());
    assert_eq!(scene.verify(&new, "head.txt"), good());
}

#[test]
fn a_lost_key_is_not_needed_and_what_it_signed_stands() {
    let scene = Scene::new();
    let home = &scene.home;
    scene.head("before.txt");
    fs::remove_file(scene.key_file("log.key")).unwrap();
    let refused = home.json(&["record", "tool", "x"]);
    assert_ne!(refused.code, 0);
    home.run(&["keys", "lost", "log"]).expect(0);
    scene.work("after");
    scene.head("after.txt");
    for head in ["before.txt", "after.txt"] {
        assert_eq!(scene.verify(&scene.old, head), good());
    }
    // A backup from before the change has the old key in force, which is gone: it is declared lost there.
    let moved = home.path("safe.key");
    fs::rename(scene.key_file("root.key"), &moved).unwrap();
    assert_eq!(home.refused(&["keys", "rotate", "log"]), "root-key-missing");
    fs::copy(scene.key_file("operator.key"), home.path("wrong.key")).unwrap();
    let wrong = fs::read_to_string(home.path("wrong.key")).unwrap().replace("operator", "root");
    fs::write(home.path("wrong.key"), wrong).unwrap();
    assert_eq!(home.refused(&["keys", "rotate", "log", "--root-key", "wrong.key"]), "root-key-other");
    home.run(&["keys", "rotate", "log", "--root-key", "safe.key"]).expect(0);
    scene.work("with the root elsewhere");
    scene.head("last.txt");
    assert_eq!(scene.verify(&scene.old, "last.txt"), good());
}

#[test]
fn a_crash_between_row_and_file_is_repaired_and_one_before_the_row_changes_nothing() {
    let scene = Scene::new();
    let home = &scene.home;
    let old = fs::read(scene.key_file("log.key")).unwrap();
    // A key file without a row: not in force.
    let next = fs::read_to_string(scene.key_file("log.key")).unwrap();
    let line = next.lines().last().unwrap();
    let (before, hex) = line.rsplit_once(' ').unwrap();
    let other = format!("{before} {}\n", hex.chars().rev().collect::<String>());
    fs::write(scene.key_file("log.next.key"), other).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(scene.key_file("log.next.key"), mode).unwrap();
    home.run(&["record", "tool", "still the old key"]).expect(0);
    let new = scene.rotate();
    let fresh = fs::read(scene.key_file("log.key")).unwrap();
    // The row and not the file: as if the process had died before the rename.
    fs::rename(scene.key_file("log.key"), scene.key_file("log.next.key")).unwrap();
    fs::write(scene.key_file("log.key"), &old).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(scene.key_file("log.key"), mode).unwrap();
    scene.work("after the crash");
    assert_eq!(fs::read(scene.key_file("log.key")).unwrap(), fresh);
    assert!(!scene.key_file("log.next.key").exists());
    scene.head("head.txt");
    assert_eq!(scene.verify(&new, "head.txt"), good());
    assert_eq!(scene.verify(&scene.old, "head.txt"), good());
}

/// Whoever has the old log key, the operator's token and the database, and not the root key.
#[test]
fn no_key_changes_without_the_root() {
    let scene = Scene::new();
    let home = &scene.home;
    let thief = secret(&scene.key_file("log.key"));
    let ledger = LedgerId::parse(&scene.ledger).unwrap();
    // A rotation signed by the log key instead of the root's: the ledger takes it from nobody.
    let root =
        fs::read_to_string(scene.key_file("log.key")).unwrap().replace("vm-secret-key-v0 log", "vm-secret-key-v0 root");
    home.write("forged.key", root);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(home.path("forged.key"), mode).unwrap();
    assert_eq!(home.refused(&["keys", "rotate", "log", "--root-key", "forged.key"]), "root-key-other");
    // And a history that holds such a change is refused by name.
    home.run(&["keys", "history", "-o", "keys.json"]).expect(0);
    let mut history: Value = serde_json::from_slice(&fs::read(home.path("keys.json")).unwrap()).unwrap();
    let keys = (thief.public(), &SigningIdentity::from_seed(&[5; 32]));
    let change = KeyChange::of_log(&thief, ledger, 4, keys, KeyChangeReason::Rotation, None).unwrap();
    history["changes"] = Value::Array(vec![change.to_value()]);
    home.write("forged.json", vm_core::canonical::to_bytes(&history).unwrap());
    let row = row_of(home);
    home.run(&["prove", &row, "-o", "row.tlog-proof"]).expect(0);
    let refused = home.refused(&["verify-proof", "row.tlog-proof", "--key", &scene.old, "--history", "forged.json"]);
    assert_eq!(refused, "key-change-signature");
    // The head says what the ledger says, whoever asks.
    let head = Note::parse(home.run(&["head"]).expect(0).out.as_bytes()).unwrap();
    assert!(Checkpoint::verify(&head, &scene.old.parse().unwrap()).is_ok());
}

/// Somebody has the log key, the operator's token and a copy of the vault, and goes on signing after the theft was declared.
#[test]
fn what_a_thief_exports_does_not_pass_with_the_history_or_a_head() {
    let scene = Scene::new();
    let home = &scene.home;
    let thief = Home::new();
    copy(&home.vault(), &thief.vault());
    copy(&home.path("keys"), &thief.path("keys"));
    let new = home.told(0, &["keys", "stolen", "log"])["result"]["key"].as_str().unwrap().to_owned();
    scene.work("after");
    scene.head("head.txt");
    scene.verify(&new, "head.txt");
    home.run(&["keys", "history", "-o", "keys.json"]).expect(0);
    // One seal over as much as the ledger had then, one over more.
    for name in ["short.vmb", "long.vmb"] {
        let seal = thief.told(0, &["seal", "create"])["result"]["seal_id"].as_str().unwrap().to_owned();
        thief.run(&["anchor", "add", &seal, "--local"]).expect(0);
        thief.run(&["export", &seal, "-o", name]).expect(0);
        for tool in ["never-ran", "nor-did-this"] {
            thief.run(&["record", "tool", tool, "--output", "{\"ok\":true}"]).expect(0);
        }
    }
    thief.run(&["export", "-o", "whole.vmb"]).expect(0);
    for name in ["short.vmb", "long.vmb", "whole.vmb"] {
        fs::copy(thief.path(name), home.path(name)).unwrap();
    }
    let judge = |name: &str, args: &[&str]| {
        let ran = home.json(&[&["verify-bundle", name, "--trust", "local.toml"], args].concat());
        (ran.code, ran.findings())
    };
    for key in [&scene.old, &new] {
        for (name, exit, code) in [("short.vmb", 3, "key-stolen"), ("long.vmb", 1, "key-not-in-force")] {
            let (found, codes) = judge(name, &["--key", key, "--history", "keys.json"]);
            assert!(found == exit && codes.iter().any(|it| it == code), "{name}: {found} {codes:?}");
        }
        let (code, found) = judge("whole.vmb", &["--key", key, "--head", "head.txt"]);
        assert!(code == 1, "{code} {found:?}");
    }
    let (found, codes) = judge("short.vmb", &["--key", &new]);
    assert!(found != 0, "a key that the bundle does not lead to: {codes:?}");
}

#[test]
fn a_scroll_after_a_theft_says_how_it_goes_on() {
    let scene = Scene::new();
    let home = &scene.home;
    let append = ["scroll", "append", "console", "--event", "{\"a\":1}"];
    home.run(&append).expect(0);
    home.run(&["keys", "stolen", "log"]).expect(0);
    let refused = home.json(&append).json();
    assert!(refused["error"]["remedy"].as_str().unwrap().contains("vaultmesh scroll adopt"), "{refused}");
    home.run(&["scroll", "adopt", "console"]).expect(0);
    home.run(&append).expect(0);
}
