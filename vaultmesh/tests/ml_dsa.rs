//! The second signature by ML-DSA-44: heads and seals bear it once its key was added, whoever pinned that demands it, and everybody
//! else passes over it.
#![cfg(feature = "ml-dsa")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::Home;
use serde_json::Value;
use vm_core::key::{MlDsaCosignerKey, Note, NoteSignature};

const MISSING: &str = "pq-signature-missing";
const INVALID: &str = "pq-signature-invalid";

struct Scene {
    home: Home,
    key: String,
    pq: String,
    /// A seal from before the key was added.
    earlier: String,
    seal: String,
}

fn seal(home: &Home, tool: &str) -> String {
    home.run(&["record", "tool", tool, "--output", "{\"ok\":true}"]).expect(0);
    let seal = home.told(0, &["seal", "create"])["result"]["seal_id"].as_str().unwrap().to_owned();
    home.run(&["anchor", "add", &seal, "--local"]).expect(0);
    seal
}

impl Scene {
    fn new() -> Self {
        let home = Home::with_vault();
        let earlier = seal(&home, "first");
        home.run(&["head", "--output", "earlier.txt"]).expect(0);
        let added = home.told(0, &["keys", "add", "ml-dsa"]);
        let pq = added["result"]["key"].as_str().unwrap().to_owned();
        let seal = seal(&home, "second");
        home.run(&["head", "--output", "head.txt"]).expect(0);
        home.run(&["trust", "show", "--output", "trust.toml"]).expect(0);
        Self { key: home.key(), home, pq, earlier, seal }
    }

    fn judged(&self, args: &[&str]) -> (i32, Vec<String>) {
        let ran = self.home.json(&[args, &["--trust", "trust.toml"]].concat());
        (ran.code, ran.findings().into_iter().filter(|code| code != "anchor-not-independent").collect())
    }

    fn head(&self, head: &str) -> (i32, Vec<String>) {
        self.judged(&["verify", "--head", head, "--pq-key", &self.pq])
    }

    fn note(&self, head: &str) -> Note {
        Note::parse(&fs::read(self.home.path(head)).unwrap()).unwrap()
    }
}

fn good() -> (i32, Vec<String>) {
    (0, Vec::new())
}

fn undecided() -> (i32, Vec<String>) {
    (3, vec![MISSING.to_owned()])
}

fn contradicted() -> (i32, Vec<String>) {
    (1, vec![INVALID.to_owned()])
}

/// `note` with its second signature's byte at `place` changed.
fn forged(note: &Note, place: usize) -> Note {
    let line = &note.signatures()[1];
    let mut bytes = line.bytes().to_vec();
    bytes[place] ^= 1;
    note.clone().with_signature(NoteSignature::new(line.name(), line.key_hash(), bytes).unwrap()).unwrap()
}

#[test]
fn who_pinned_the_key_demands_its_line_under_heads_and_seals() {
    let scene = Scene::new();
    let home = &scene.home;
    let key: MlDsaCosignerKey = scene.pq.parse().unwrap();
    // The file is its owner's, and the row names the key.
    let file = home.path("keys").join(&key.name()["vaultmesh/".len()..]).join("mldsa.key");
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap()) & 0o777, 0o600);
    let shown = home.told(0, &["keys", "show"]);
    assert_eq!(shown["result"]["ml_dsa"][0]["key"], scene.pq.as_str());
    assert_eq!(home.run(&["trust", "key", "--as", "ml-dsa"]).expect(0).out.trim(), scene.pq);
    assert_eq!(home.refused(&["keys", "add", "ml-dsa"]), "ml-dsa-key-there");

    let note = scene.note("head.txt");
    assert_eq!((note.signatures().len(), note.signatures()[1].key_hash()), (2, key.hash()));
    assert_eq!(home.run(&["head"]).expect(0).out, note.to_string(), "the same checkpoint has the same line");
    assert_eq!(scene.head("head.txt"), good());
    assert_eq!(scene.judged(&["verify", "--head", "head.txt"]), good(), "nothing is demanded without a pin");
    // A head from before the key, one without the line, and none.
    let earlier = (3, vec![MISSING.to_owned(); 2]);
    assert_eq!(scene.head("earlier.txt"), earlier, "it binds the earlier seal no more than itself");
    let bare: String = note.to_string().lines().take(5).map(|line| format!("{line}\n")).collect();
    home.write("bare.txt", bare);
    assert_eq!(scene.head("bare.txt"), earlier);
    let (code, found) = scene.judged(&["verify", "--pq-key", &scene.pq]);
    assert!(code == 3 && found.contains(&MISSING.to_owned()), "{found:?}");
    // A forged line; the one of another size is.
    for place in [0, 7, 8, 39, 40, 2427] {
        home.write("forged.txt", forged(&note, place).to_string());
        let (code, found) = scene.head("forged.txt");
        assert!(code == 1 && found.contains(&INVALID.to_owned()), "{place} {found:?}");
    }
    // In the trust file.
    let trust = fs::read_to_string(home.path("trust.toml")).unwrap();
    let named = trust.replacen("\n\n", &format!("\npq_key = \"{}\"\n\n", scene.pq), 1);
    home.write("pq.toml", named);
    let judge = |head| home.json(&["verify", "--trust", "pq.toml", "--head", head]);
    assert_eq!((judge("head.txt").code, judge("bare.txt").code), (0, 3));

    // Seals by themselves.
    let alone = |seal: &str| scene.judged(&["seal", "verify", seal, "--pq-key", &scene.pq]);
    assert_eq!(alone(&scene.seal), good());
    assert_eq!(alone(&scene.earlier), undecided(), "no head binds it here");
    let path = format!("seals/{}.json", scene.seal);
    let text = fs::read_to_string(home.vault().join(&path)).unwrap();
    let line = text.split("\\n").nth(5).unwrap();
    let (without, wrong) =
        (text.replace(&format!("{line}\\n"), ""), text.replace(&line[line.len() - 40..], "A".repeat(40).as_str()));
    assert!(without != text && wrong != text);
    for (changed, code) in [(without, MISSING), (wrong, INVALID)] {
        home.write("changed.json", changed);
        let (_, found) = scene.judged(&["seal", "verify", "changed.json", "--pq-key", &scene.pq]);
        assert!(found.contains(&code.to_owned()), "{code}: {found:?}");
    }
    // Keys of two ledgers, and a log key where an ML-DSA key is due.
    let other = MlDsaCosignerKey::new("vaultmesh/other", key.public().clone()).unwrap().to_string();
    home.run(&["verify", "--key", &scene.key, "--pq-key", &other]).expect(2);
    home.run(&["verify", "--pq-key", &scene.key]).expect(2);
}

#[test]
fn exports_tiles_and_proofs_are_held_to_the_pin_too() {
    let scene = Scene::new();
    let home = &scene.home;
    home.run(&["export", &scene.seal, "-o", "seal.vmb"]).expect(0);
    home.run(&["export", &scene.earlier, "-o", "earlier.vmb"]).expect(0);
    home.run(&["export", "-o", "whole.vmb"]).expect(0);
    let bundle = |file: &str| scene.judged(&["verify-bundle", file, "--pq-key", &scene.pq]);
    assert_eq!((bundle("seal.vmb"), bundle("earlier.vmb")), (good(), undecided()));
    let whole = ["verify-bundle", "whole.vmb", "--pq-key", &scene.pq, "--head", "head.txt"];
    assert_eq!(scene.judged(&whole), good());
    home.run(&["head", "--tiles", "log"]).expect(0);
    let tiles = ["verify-tiles", "log", "--pq-key", &scene.pq];
    assert!(!scene.judged(&tiles).1.contains(&MISSING.to_owned()));
    let published = home.path("log").join("checkpoint");
    let note = Note::parse(&fs::read(&published).unwrap()).unwrap();
    fs::write(&published, forged(&note, 100).to_string()).unwrap();
    let (code, found) = scene.judged(&tiles);
    assert!(code == 1 && found.contains(&INVALID.to_owned()), "{found:?}");
    // A proof of a row bears no such line, and is not taken for one that does.
    let rows = home.told(0, &["query", "second", "--limit", "1"]);
    let row = rows["result"]["rows"][0]["columns"]["id"].as_str().unwrap().to_owned();
    home.run(&["prove", &row, "-o", "row.tlog-proof"]).expect(0);
    assert_eq!(scene.judged(&["verify-proof", "row.tlog-proof", "--pq-key", &scene.pq]), undecided());
    assert_eq!(scene.judged(&["verify-proof", "row.tlog-proof"]), good());
    let forged = home.path("forged.txt");
    fs::write(&forged, crate::forged(&scene.note("head.txt"), 9).to_string()).unwrap();
    assert_eq!(contradicted().0, scene.head("forged.txt").0);
    // A restored copy goes on with the same key.
    home.run(&["--vault", "again", "import", "whole.vmb"]).expect(0);
    home.run(&["--vault", "again", "record", "tool", "imported"]).expect(0);
    home.run(&["--vault", "again", "seal", "create"]).expect(0);
}

#[test]
fn a_key_that_is_changed_or_gone() {
    let scene = Scene::new();
    let home = &scene.home;
    let file = home.path("keys").join(&scene.key["vaultmesh/".len()..][..64]).join("mldsa.key");
    // Without the file no seal is made, and a head says that it lacks the line.
    let kept = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    home.run(&["record", "tool", "third"]).expect(0);
    assert_eq!(home.refused(&["seal", "create"]), "key-missing");
    assert_eq!(home.told(0, &["head"])["result"]["second_signature_missing"], true);
    // A crash between the row and the file is repaired.
    let next = file.with_file_name("mldsa.next.key");
    home.write("mldsa.next.key", &kept);
    fs::rename(home.path("mldsa.next.key"), &next).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&next, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let third = home.told(0, &["seal", "create"])["result"]["seal_id"].as_str().unwrap().to_owned();
    home.run(&["anchor", "add", &third, "--local"]).expect(0);
    assert!(file.exists() && !next.exists());
    // Another key takes its place: what the old one signed is the old pin's, and the new head binds all before it.
    let new = home.told(0, &["keys", "stolen", "ml-dsa"])["result"]["key"].as_str().unwrap().to_owned();
    assert_ne!(new, scene.pq);
    assert_ne!(fs::read(&file).unwrap(), kept);
    seal(home, "fourth");
    home.run(&["head", "--output", "new.txt"]).expect(0);
    assert_eq!(scene.judged(&["verify", "--head", "new.txt", "--pq-key", &new]), good());
    let (code, found) = scene.judged(&["verify", "--head", "head.txt", "--pq-key", &scene.pq]);
    assert!(code == 3 && found.contains(&"key-stolen".to_owned()), "{found:?}");
    home.run(&["keys", "rotate", "log"]).expect(0);
    home.run(&["keys", "history", "-o", "keys.json"]).expect(0);
    home.run(&["export", &scene.seal, "-o", "seal.vmb"]).expect(0);
    let (_, found) = scene.judged(&["verify-bundle", "seal.vmb", "--pq-key", &scene.pq]);
    assert_eq!(found, ["key-stolen"], "the export carries the history");
}

#[test]
fn a_second_key_needs_the_root_and_a_first() {
    let home = Home::with_vault();
    assert_eq!(home.refused(&["keys", "rotate", "ml-dsa"]), "ml-dsa-key-absent");
    assert_eq!(home.refused(&["trust", "key", "--as", "ml-dsa"]), "ml-dsa-key-absent");
    let key = home.key();
    let root = home.path("keys").join(&key["vaultmesh/".len()..][..64]).join("root.key");
    fs::rename(&root, home.path("root.key")).unwrap();
    assert_eq!(home.refused(&["keys", "add", "ml-dsa"]), "root-key-missing");
    home.run(&["keys", "add", "ml-dsa", "--root-key", "root.key"]).expect(0);
}

/// The verifiers that know nothing of the line pass over it, as the note format says.
#[test]
fn verifiers_without_ml_dsa_pass_over_the_line() {
    let scene = Scene::new();
    let home = &scene.home;
    home.run(&["export", &scene.seal, "-o", "seal.vmb"]).expect(0);
    home.run(&["export", &scene.earlier, "-o", "earlier.vmb"]).expect(0);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify.py");
    let judge = |file: &str| {
        let arguments = [file, "--key", &scene.key, "--json"];
        let ran = Command::new("python3").arg(&script).args(arguments).current_dir(home.path("")).output().ok()?;
        let json: Value = serde_json::from_slice(&ran.stdout).unwrap();
        let codes = json["findings"].as_array().unwrap().iter().map(|found| found["code"].to_string());
        Some((ran.status.code(), codes.collect::<BTreeSet<_>>()))
    };
    let Some(bearing) = judge("seal.vmb") else { return eprintln!("docs/verify.py did not run: there is no python3") };
    // Without roots that it trusts it leaves the anchors open, as it does of a seal without the line.
    assert_eq!(bearing.0, Some(3));
    assert_eq!(Some(bearing), judge("earlier.vmb"));
}
