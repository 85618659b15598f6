//! Backups: made beside writers, whole or not there, older than what others remember, and never with keys.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use fixture::{Scene, codes, copy_folder, digest, files, later, meta_artifact, record_one, reopen, tool};
use serde_json::json;
use vaultmesh::backup::backup_vault;
use vaultmesh::error::VaultError;
use vaultmesh::read::Reader;
use vaultmesh::vault::{ArtifactInput, Common, Place, RecordInput, Vault};
use vaultmesh::verify::{Outside, Verification, verify_vault};
use vm_core::verdict::{Code, Verdict};
use vm_core::view::EvidenceView as _;
use vm_ledger::BackedUp;
use vm_seal::selection::Selection;

fn back_up(place: &Place, to: &Path) -> Result<BackedUp, VaultError> {
    backup_vault(&Reader::open(place).unwrap(), place, to, &mut |_| {})
}

fn verify(vault: &Path, outside: &Outside) -> Verification {
    let place = Place { vault: vault.to_owned(), keys: PathBuf::from("/nowhere") };
    verify_vault(&Reader::open(&place).unwrap(), outside, later()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.collect()
}

#[test]
fn a_backup_is_the_vault_file_by_file() {
    let copy = Scene::shared().copy();
    fs::write(copy.path("config.toml"), "format = \"vm-config-v0\"\n").unwrap();
    fs::write(copy.path("stray.txt"), "nothing names it").unwrap();
    let to = copy.dir().join("backup");
    let mut told = 0;
    let done = backup_vault(&copy.reader(), &copy.place, &to, &mut |bytes| told += bytes).unwrap();
    assert_eq!((&done.missing, &done.altered, &done.withheld), (&vec![], &vec![], &vec![]));
    assert_eq!(told, done.bytes);
    assert_eq!(verify(&to, &copy.scene.outside()).verdict, Verdict::Verified);
    let original = files(&copy.place.vault);
    let mut compared = 0;
    for file in original {
        let name = file.strip_prefix(&copy.place.vault).unwrap();
        if name.to_str().unwrap().starts_with("ledger.") || name == Path::new("stray.txt") {
            continue;
        }
        assert_eq!(fs::read(&file).unwrap(), fs::read(to.join(name)).unwrap(), "{}", name.display());
        compared += 1;
    }
    assert_eq!(compared, done.files);
    assert!(!to.join("stray.txt").exists());
    let everything = Selection::everything();
    let again = Place { vault: to.clone(), keys: copy.place.keys.clone() };
    let size = done.size;
    assert_eq!(
        digest(&Reader::open(&again).unwrap(), &everything, size).hash(),
        digest(&copy.reader(), &everything, size).hash()
    );
    // Restored, it goes on.
    record_one(&mut reopen(&again, 21), RecordInput::Tool(tool("restored")));
}

#[test]
fn nothing_is_overwritten_and_nothing_half_stays() {
    let scene = Scene::shared();
    let dir = fixture::folder();
    fs::create_dir(dir.path().join("there")).unwrap();
    fs::write(dir.path().join("file"), "kept").unwrap();
    std::os::unix::fs::symlink("nowhere", dir.path().join("link")).unwrap();
    for name in ["there", "file", "link"] {
        let error = back_up(&scene.place, &dir.path().join(name)).unwrap_err();
        assert_eq!((error.code(), error.exit_code()), ("file-exists", 2), "{name}");
    }
    assert_eq!(back_up(&scene.place, &dir.path().join("file/below")).unwrap_err().code(), "file-io");
    let error = back_up(&scene.place, &dir.path().join("absent/below")).unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("file-missing", 2));
    // A reader whose database is gone under it cannot be copied.
    let copy = scene.copy();
    copy.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let reader = copy.reader();
    fs::write(copy.path("ledger.db"), [0; 4_096]).unwrap();
    assert!(backup_vault(&reader, &copy.place, &dir.path().join("broken"), &mut |_| {}).is_err());
    let mut left = names(dir.path());
    left.sort();
    assert_eq!(left, ["file", "link", "there"]);
    assert_eq!(fs::read_to_string(dir.path().join("file")).unwrap(), "kept");
}

/// Findings that a vault at work may have: what was recorded last is not sealed yet.
fn unalarmed(answer: &Verification) -> bool {
    codes(answer).is_subset(&BTreeSet::from([Code::RowsUnsealed]))
}

#[test]
fn a_backup_beside_writers_verifies() {
    let scene = Scene::make(31);
    let place = &scene.place;
    let (stop, rows) = (AtomicBool::new(false), AtomicU64::new(0));
    let outside = scene.dir().join("outside.log");
    fs::write(&outside, vec![b'y'; 300_000]).unwrap();
    thread::scope(|scope| {
        let write = |seed: u64, act: fn(&mut Vault, &Path, u64)| {
            let (stop, rows, outside) = (&stop, &rows, &outside);
            scope.spawn(move || {
                let mut vault = reopen(place, seed);
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    act(&mut vault, outside, n);
                    rows.fetch_add(1, Ordering::Relaxed);
                }
            });
        };
        write(100, |vault, _, _| {
            record_one(vault, RecordInput::Tool(tool("beside")));
        });
        write(200, |vault, _, n| {
            let engine = if n % 2 == 0 { "console" } else { "new-engine" };
            vault.scroll(&engine.parse().unwrap(), &[json!({"n": n})], &Common::default()).unwrap();
        });
        write(300, |vault, outside, n| {
            fs::write(vault.dir().join(format!("own-{n}.txt")), format!("{n}")).unwrap();
            let path = Some(format!("own-{n}.txt"));
            record_one(
                vault,
                RecordInput::Artifact(ArtifactInput { path, meta: None, ..meta_artifact("own", json!(0)) }),
            );
            let file = Some(outside.to_owned());
            record_one(
                vault,
                RecordInput::Artifact(ArtifactInput { file, meta: None, ..meta_artifact("log", json!(0)) }),
            );
            if n % 5 == 0 {
                vault.seal(Selection::everything()).unwrap();
            }
        });
        let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for n in 0..6 {
                let before = Reader::open(place).unwrap();
                let head = before.head().unwrap();
                let to = scene.dir().join(format!("backup-{n}"));
                let done = back_up(place, &to).unwrap();
                assert!(done.missing.is_empty() && done.altered.is_empty(), "{done:?}");
                assert!(done.size >= before.view().size().unwrap());
                let outside = Outside { head: Some(head), ..scene.outside() };
                let answer = verify(&to, &outside);
                assert!(
                    codes(&answer).is_subset(&[Code::RowsUnsealed, Code::SealUnanchored].into()),
                    "{:?}",
                    codes(&answer)
                );
                // And the vault itself, while it is written to.
                let live = verify(&place.vault, &outside);
                assert!(
                    codes(&live).is_subset(&[Code::RowsUnsealed, Code::SealUnanchored].into()),
                    "{:?}",
                    codes(&live)
                );
            }
        }));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = judged {
            std::panic::resume_unwind(panic);
        }
    });
    assert!(rows.load(Ordering::Relaxed) > 20, "the writers did next to nothing");
}

#[test]
fn a_restored_backup_is_a_rollback_to_whoever_remembers_more() {
    let scene = Scene::make(41);
    let backup = scene.dir().join("backup");
    back_up(&scene.place, &backup).unwrap();
    let mut vault = reopen(&scene.place, 42);
    record_one(&mut vault, RecordInput::Tool(tool("after the backup")));
    let sealed = vault.seal(Selection::everything()).unwrap();
    drop(vault);
    let head = Reader::open(&scene.place).unwrap().head().unwrap();

    // Restored in place of the vault.
    let restored = Place { vault: scene.dir().join("restored"), keys: scene.place.keys.clone() };
    copy_folder(&backup, &restored.vault);
    assert_eq!(verify(&restored.vault, &scene.outside()).verdict, Verdict::Verified, "the head of then");
    let remembering = Outside { head: Some(head), ..scene.outside() };
    let answer = verify(&restored.vault, &remembering);
    assert_eq!((answer.verdict, codes(&answer)), (Verdict::Contradicted, [Code::Rollback].into()));
    let forgetful = Outside { head: None, ..scene.outside() };
    assert_eq!(codes(&verify(&restored.vault, &forgetful)), [Code::RollbackNotExcluded].into());

    // A seal bundle that was kept elsewhere, as an anchor's holder keeps it, remembers as well.
    let bundle = fs::read(scene.place.vault.join(sealed.path.as_str())).unwrap();
    let bundle = vm_seal::bundle::SealBundle::parse(&bundle).unwrap();
    let reader = Reader::open(&restored).unwrap();
    let (report, _) = vm_seal::verify::verify_seal(&bundle, reader.view(), Some(reader.files()), Some(&scene.key));
    assert_eq!(report.verdict(), Verdict::Contradicted);
    assert!(report.has(Code::Rollback) || report.has(Code::TailCut), "{:?}", report.findings());

    // Gone on with, it is another history: to the head from before, forked.
    let mut vault = reopen(&restored, 43);
    for _ in 0..4 {
        record_one(&mut vault, RecordInput::Tool(tool("another history")));
    }
    drop(vault);
    let answer = verify(&restored.vault, &remembering);
    assert_eq!(answer.verdict, Verdict::Contradicted);
    assert!(answer.report.has(Code::Forked), "{:?}", codes(&answer));
}

#[test]
fn half_a_backup_is_never_called_good() {
    let scene = Scene::shared();
    let dir = fixture::folder();
    let whole = dir.path().join("whole");
    back_up(&scene.place, &whole).unwrap();
    let judged = |vault: &Path| {
        let place = Place { vault: vault.to_owned(), keys: PathBuf::from("/nowhere") };
        match Reader::open(&place).and_then(|reader| verify_vault(&reader, &scene.outside(), later())) {
            Ok(answer) => answer.verdict,
            Err(_) => Verdict::Undecided,
        }
    };
    assert_eq!(judged(&whole), Verdict::Verified);
    for (n, file) in files(&whole).into_iter().enumerate() {
        let name = file.strip_prefix(&whole).unwrap().to_owned();
        if name.to_str().unwrap().starts_with("ledger.db-") {
            // Made by the reader above; a backup has none.
            continue;
        }
        let length = fs::metadata(&file).unwrap().len();
        for cut in [None, Some(0), Some(length / 2), Some(length - 1)] {
            let copy = dir.path().join(format!("copy-{n}"));
            copy_folder(&whole, &copy);
            match cut {
                None => fs::remove_file(copy.join(&name)).unwrap(),
                Some(cut) => fs::OpenOptions::new().write(true).open(copy.join(&name)).unwrap().set_len(cut).unwrap(),
            }
            assert_ne!(judged(&copy), Verdict::Verified, "{} cut to {cut:?} of {length}", name.display());
            fs::remove_dir_all(copy).unwrap();
        }
    }
}

#[test]
fn a_backup_that_was_killed_stands_whole_or_not_at_all() {
    let scene = Scene::make(51);
    let mut vault = reopen(&scene.place, 52);
    let large = scene.dir().join("larger.log");
    fs::write(&large, vec![b'z'; 8 << 20]).unwrap();
    let input = ArtifactInput { file: Some(large), meta: None, ..meta_artifact("log", json!(0)) };
    record_one(&mut vault, RecordInput::Artifact(input));
    drop(vault);
    let (mut whole, mut half) = (0, 0);
    for n in 0..14_u64 {
        let dir = fixture::folder();
        let to = dir.path().join("backup");
        let mut child = Command::new(env!("CARGO_BIN_EXE_vaultmesh"))
            .args(["--vault".as_ref(), scene.place.vault.as_os_str(), "backup".as_ref(), to.as_os_str()])
            .env("VAULTMESH_KEYS", &scene.place.keys)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The last ones get all the time they want.
        thread::sleep(Duration::from_millis(if n < 11 { n * 4 } else { 3_000 }));
        child.kill().unwrap();
        child.wait().unwrap();
        if to.exists() {
            let answer = verify(&to, &scene.outside());
            assert!(unalarmed(&answer), "{:?}", codes(&answer));
            assert_eq!(names(dir.path()), ["backup"]);
            whole += 1;
        } else {
            for partial in names(dir.path()) {
                assert!(partial.starts_with(".backup.partial-"), "{partial}");
                let place = Place { vault: dir.path().join(&partial), keys: PathBuf::from("/nowhere") };
                if let Ok(reader) = Reader::open(&place) {
                    let answer = verify_vault(&reader, &scene.outside(), later()).unwrap();
                    assert!(unalarmed(&answer), "{:?}", codes(&answer));
                }
                half += 1;
            }
        }
    }
    assert!(whole >= 3, "{whole} whole, {half} half");
    eprintln!("{whole} whole, {half} half of 14");
}

#[test]
fn keys_stay_behind_also_where_they_lie_in_the_vault() {
    let dir = fixture::folder();
    let place = Place { vault: dir.path().join("vault"), keys: dir.path().join("vault/keys") };
    let elsewhere = Place { keys: dir.path().join("keys"), ..place.clone() };
    drop(Vault::init(&elsewhere, fixture::sources(61)).unwrap());
    fs::rename(&elsewhere.keys, &place.keys).unwrap();
    let mut vault = reopen(&place, 62);
    let log_key = vault.keys().dir().join("log.key");
    let path = log_key.strip_prefix(&place.vault).unwrap().to_str().unwrap().to_owned();
    let input = ArtifactInput { path: Some(path.clone()), meta: None, ..meta_artifact("oops", json!(0)) };
    record_one(&mut vault, RecordInput::Artifact(input));
    drop(vault);
    let to = dir.path().join("backup");
    let done = back_up(&place, &to).unwrap();
    assert_eq!(done.withheld.iter().map(ToString::to_string).collect::<Vec<_>>(), [path]);
    assert!(!to.join("keys").exists());
    let secrets: Vec<String> = files(&place.keys)
        .iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "key"))
        .map(|file| fs::read_to_string(file).unwrap().trim().rsplit(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(secrets.len(), 5);
    for file in files(&to) {
        let bytes = fs::read(&file).unwrap();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{}", file.display());
        }
    }
}
