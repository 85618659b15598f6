//! `forecast` reads a vault that nobody may write to, and changes nothing but its outbox.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Home, files};
use vaultmesh::read::Reader;
use vaultmesh::vault::Place;
use vm_autogene::{Artifact as _, Forecast, Naive, Question, Recommendation, SeriesQuery};
use vm_core::digest::Sha256Digest;

/// Tool calls of two days, some more each hour, and one more hour begun.
fn home() -> Home {
    let home = Home::with_vault();
    let mut lines = String::new();
    for hour in 0..49 {
        for n in 0..3 + hour / 6 + hour % 2 {
            let (day, clock) = (1 + hour / 24, hour % 24);
            lines += &format!("{{\"tool\":\"grep\",\"ts\":\"2026-03-0{day}T{clock:02}:00:{n:02}Z\"}}\n");
        }
    }
    home.run_with(&["record", "tool", "--jsonl", "-"], lines.as_bytes()).expect(0);
    home
}

/// Every file below a folder with the hash of its content, and every folder.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Sha256Digest> {
    files(dir).into_iter().map(|path| (path.clone(), Sha256Digest::of(&fs::read(path).unwrap()))).collect()
}

/// Whoever runs the tests as root may write into a vault that nobody may write to, and SQLite then makes its side files.
fn is_side(path: &Path) -> bool {
    path.to_string_lossy().ends_with("-wal") || path.to_string_lossy().ends_with("-shm")
}

fn permit_writing(dir: &Path, may: bool) {
    let status = std::process::Command::new("chmod").args(["-R", if may { "u+w" } else { "a-w" }]).arg(dir).status();
    assert!(status.unwrap().success());
}

#[test]
fn a_vault_that_is_read_only_is_forecast_and_nothing_else_changes() {
    let home = home();
    let before = tree(&home.path(""));
    permit_writing(&home.vault(), false);
    let (svg, outbox) = (home.path("calls.svg"), home.path("outbox"));
    let args = ["forecast", "tool-calls", "--horizon", "12", "--above", "12"];
    let out = ["--svg", svg.to_str().unwrap(), "--outbox", outbox.to_str().unwrap()];
    let ran = home.json(&[&args[..], &out].concat());
    permit_writing(&home.vault(), true);
    let result = &ran.expect(0).json()["result"];
    assert_eq!(result["forecast"]["points"].as_array().unwrap().len(), 12);
    assert_eq!(result["forecast"]["series"], "tool-calls");

    let mut after = tree(&home.path(""));
    after.retain(|path, hash| before.get(path) != Some(hash) && !is_side(path));
    let new: Vec<&PathBuf> = after.keys().collect();
    assert!(before.keys().all(|path| path.exists()));
    assert_eq!(new.len(), 3, "{new:?}");
    assert!(new.iter().all(|path| path.starts_with(&outbox) || **path == svg), "{new:?}");
    let read = |kind: &str| {
        let path = new.iter().find(|path| path.to_string_lossy().contains(kind)).unwrap();
        (fs::read(path).unwrap(), path.to_string_lossy().into_owned())
    };
    let (bytes, name) = read("autogene_forecast-");
    let forecast = Forecast::parse(&bytes).unwrap();
    assert!(name.contains(&Sha256Digest::of(&bytes).to_hex()));
    assert_eq!(Recommendation::parse(&read("autogene_recommendation-").0).unwrap().forecast, forecast.hash().unwrap());
    assert!(fs::read_to_string(&svg).unwrap().starts_with("<svg"));

    // The same again is the same, and its files are there already; a picture is never written over.
    let again = home.json(&[&args[..], &out[2..]].concat()).expect(0).json();
    assert_eq!(&again["result"]["forecast"], &result["forecast"]);
    assert_eq!(home.json(&[&args[..], &out].concat()).expect(2).json()["error"]["code"], "file-exists");

    // What was left can be recorded, and the vault still holds.
    home.run(&["record", "artifact", "autogene_forecast", "--file", &name]).expect(0);
    // No head is kept, so a rollback is not excluded; nothing is contradicted.
    home.run(&["verify", "--key", &home.key()]).expect(3);
}

#[test]
fn a_recommendation_becomes_the_evidence_of_a_proposal() {
    let home = home();
    let outbox = home.path("outbox");
    let out = ["--above", "12", "--outbox", outbox.to_str().unwrap()];
    let left = home.told(0, &[&["forecast", "tool-calls", "--horizon", "12"], &out[..]].concat());
    let record = |at: usize| {
        let left = &left["result"]["left"][at];
        let (kind, file) = (left["kind"].as_str().unwrap(), left["file"].as_str().unwrap());
        let recorded = home.told(0, &["record", "artifact", kind, "--file", file]);
        recorded["result"]["id"].as_str().unwrap().to_owned()
    };
    let (forecast, recommendation) = (record(0), record(1));
    home.run(&["grant", "ada", "--profile", "guardian"]).expect(0);
    let policy = "format = \"vm-gate-policy-file-v0\"\n[[identity]]\nname = \"ada\"\nholders = [\"ada\"]\nhuman = true\n\
        [[rule]]\nepoch = \"nigredo\"\nrisk = \"medium\"\nquorum = 1\nroles = []\nhuman = true\nreplay = false\nlasts_seconds = 60\n";
    home.run(&["gate", "policy", home.write("policy.toml", policy).to_str().unwrap()]).expect(0);

    let propose = |row: &str, words: &[&str]| [&["propose", "--suggestion", row], words].concat().join(" ");
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let run = |line: String| home.json(&words(&line).iter().map(String::as_str).collect::<Vec<_>>());
    let threshold = ["--kind", "threshold", "--name", "calls.max", "--from", "20", "--to", "12"];
    // It says where to look, and never what to do.
    let refused = run(propose(&recommendation, &[])).expect(2).json();
    assert_eq!(refused["error"]["code"], "suggestion-no-change");
    let refused = run(propose(&forecast, &threshold)).expect(2).json();
    assert_eq!(refused["error"]["code"], "suggestion-none", "a forecast asks for nothing");
    let proposed = run(propose(&recommendation, &threshold)).expect(0).json();
    let shown = home.told(0, &["show", proposed["result"]["proposal"].as_str().unwrap()]);
    let content = &shown["result"]["columns"]["meta_json"];
    let rows: Vec<&str> =
        content["evidence"].as_array().unwrap().iter().map(|one| one["row"].as_str().unwrap()).collect();
    assert_eq!(rows, [&forecast, &recommendation]);
    assert_eq!(content["expected"], serde_json::json!([{ "direction": "falls", "measure": "tool-calls" }]));

    // A file that is not what was recorded suggests nothing.
    let row = home.told(0, &["show", &recommendation]);
    let file = home.vault().join(row["result"]["columns"]["path"].as_str().unwrap());
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("12", "13")).unwrap();
    let refused = run(propose(&recommendation, &threshold)).expect(2).json();
    assert_eq!(refused["error"]["code"], "gate-evidence");
}

#[test]
fn people_get_a_picture() {
    let home = home();
    let out = home
        .run(&["forecast", "ledger-rows", "--horizon", "8", "--season", "4", "--until", "2026-03-03T00:00:00Z"])
        .expect(0)
        .out;
    assert!(out.contains("ledger-rows (rows), step 1h; mstl-ets for 8 bins"), "{out}");
    assert!(out.contains('*') && out.contains('o') && out.contains("sha256"), "{out}");
}

#[test]
fn what_cannot_be_said_has_a_name_and_an_exit_code() {
    let home = home();
    let vault = home.vault();
    let inside = vault.join("outbox");
    let code = |args: &[&str], exit: i32| {
        let json = home.json(&[&["forecast"], args].concat()).expect(exit).json();
        json["error"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(code(&["tool-calls", "--step", "12h"], 3), "forecast-too-few-bins");
    // A wider window makes no evidence.
    let wide = ["--since", "2026-02-01T00:00:00Z", "--until", "2026-04-01T00:00:00Z"];
    assert_eq!(code(&[&["tool-calls", "--step", "12h"][..], &wide].concat(), 3), "forecast-too-few-bins");
    let svg = home.path("far.svg");
    let far = ["tool-calls", "--above", "1.79e308", "--svg", svg.to_str().unwrap()];
    assert_eq!(code(&far, 2), "plot-range");
    assert!(!svg.exists());
    assert_eq!(code(&["anchoring-lag"], 3), "series-empty");
    assert_eq!(code(&["error-share"], 3), "forecast-constant");
    assert_eq!(code(&["tool-calls", "--horizon", "0"], 2), "forecast-horizon");
    assert_eq!(code(&["tool-calls", "--levels", "0.9", "0.8"], 2), "forecast-levels");
    assert_eq!(code(&["tool-calls", "--step", "1s"], 2), "series-too-many-bins");
    assert_eq!(code(&["tool-calls", "--outbox", inside.to_str().unwrap()], 2), "outbox-in-vault");
    assert!(!inside.exists());
    home.run(&["forecast", "weather"]).expect(2);
}

#[test]
fn no_way_of_naming_the_outbox_leads_into_the_vault() {
    let home = home();
    let before = tree(&home.vault());
    let code = |option: &str, path: &str| home.refused(&["forecast", "tool-calls", option, path]);
    std::os::unix::fs::symlink(home.vault(), home.path("link")).unwrap();
    fs::create_dir(home.path("there")).unwrap();
    for inside in ["vault", "vault/x", "there/../vault/x", "link/x", "link/../vault/x/y", "./vault/x"] {
        assert_eq!(code("--outbox", inside), "outbox-in-vault", "{inside}");
        assert_eq!(code("--svg", inside), "outbox-in-vault", "{inside}");
    }
    // The process stands above the vault.
    for upward in ["nope/../vault/x", "nope/..", "nope/../vault", "there/nope/../../vault/x", "nope/../elsewhere"] {
        assert_eq!(code("--outbox", upward), "outbox-upward", "{upward}");
        assert_eq!(code("--svg", upward), "outbox-upward", "{upward}");
    }
    assert!(!home.path("nope").exists() && !home.path("there/nope").exists());
    let mut after = tree(&home.vault());
    after.retain(|path, _| !is_side(path));
    assert!(after.iter().all(|(path, hash)| before.get(path) == Some(hash)), "{:?}", after.keys());
    home.run(&["forecast", "tool-calls", "--outbox", "there/../new/outbox"]).expect(0);
    assert!(!files(&home.path("new/outbox")).is_empty());
}

/// Who calls the library instead of the command meets the same check.
#[test]
fn what_is_foreseen_is_not_left_in_its_vault() {
    let home = home();
    let reader = Reader::open(&Place { vault: home.vault(), keys: home.path("keys") }).unwrap();
    let query = SeriesQuery::new("tool-calls".parse().unwrap(), "1h".parse().unwrap());
    let foreseen = reader.forecast(&query, &Question::new(4), &Naive).unwrap();
    let inside = home.vault().join("outbox");
    assert_eq!(foreseen.leave(&inside).unwrap_err().code(), "outbox-in-vault");
    assert!(!inside.exists());
    assert!(!foreseen.leave(&home.path("outbox")).unwrap().is_empty());
}

#[test]
fn a_file_that_is_there_is_read_before_it_is_called_left() {
    let home = home();
    let args = ["forecast", "tool-calls", "--outbox", "outbox"];
    let left = home.json(&args).expect(0).json();
    let file = home.path(left["result"]["left"][0]["file"].as_str().unwrap());
    let bytes = fs::read(&file).unwrap();
    assert_eq!(home.json(&args).expect(0).json()["result"]["left"], left["result"]["left"]);
    let mut turned = bytes.clone();
    turned[10] ^= 1;
    for other in [&b"junk"[..], b"", &turned, &[&bytes[..], b"\n"].concat()] {
        fs::write(&file, other).unwrap();
        assert_eq!(home.refused(&args), "outbox-taken");
        assert_eq!(fs::read(&file).unwrap(), other);
    }
    for target in ["nowhere", "copy"] {
        fs::write(home.path("copy"), &bytes).unwrap();
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(home.path(target), &file).unwrap();
        assert_eq!(home.refused(&args), "outbox-taken", "{target}");
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(home.refused(&args), "outbox-taken");
}
