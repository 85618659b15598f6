//! The seal digest depends on selection, rows and scrolls alone.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixture::{Scene, digest, place, record_everything, sources};
use vaultmesh::export::{export_vault, import};
use vaultmesh::read::Reader;
use vaultmesh::vault::{Place, SealOptions, Sealed, Vault};
use vm_core::id::TraceId;
use vm_core::record::Table;
use vm_seal::selection::Selection;

/// Folder of the golden files: one folder for each schema that a release wrote, named after its last migration. With
/// `VAULTMESH_WRITE_GOLDEN=1` those of the newest are written, which is a change of format or policy; earlier ones stay
/// for ever (`releases.rs`).
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
/// Names the folder that a child of this test works in, and what it is to do there.
const CHILD_DIR: &str = "VAULTMESH_TEST_CHILD_DIR";

/// Vaults that are made again: sealed as in every release, and with indexes since there are some.
const VAULTS: [(&str, bool); 2] = [("", true), ("_indexed", false)];

/// The golden vault: fixed keys, ids, salts and times.
fn golden(dir: &Path, without_index: bool) -> (Vec<Sealed>, TraceId, Place) {
    let place = place(dir);
    let mut vault = Vault::init(&place, sources(42)).unwrap().vault;
    let trace = record_everything(&mut vault, dir);
    let options = SealOptions { without_index, ..SealOptions::default() };
    let some = vault.seal_with(Selection::traces([trace], &Table::ALL).unwrap(), options).unwrap();
    let all = vault.seal_with(Selection::everything(), options).unwrap();
    (vec![some, all], trace, place)
}

fn check_golden(folder: &Path, name: &str, found: &[u8]) {
    let path = folder.join(name);
    if std::env::var_os("VAULTMESH_WRITE_GOLDEN").is_some() {
        fs::create_dir_all(folder).unwrap();
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read(&path).unwrap();
    let (expected, found) = (String::from_utf8(expected).unwrap(), String::from_utf8(found.to_vec()).unwrap());
    assert_eq!(expected, found, "{}", path.display());
}

fn check_golden_vaults(dir: &Path) {
    for (ending, without_index) in VAULTS {
        let dir = dir.join(format!("golden{ending}"));
        fs::create_dir(&dir).unwrap();
        check_golden_vault(&dir, ending, without_index);
    }
}

fn check_golden_vault(dir: &Path, ending: &str, without_index: bool) {
    let (seals, _, place) = golden(dir, without_index);
    let reader = Reader::open(&place).unwrap();
    let (_, migration) = vm_core::view::EvidenceView::schema(reader.view()).unwrap();
    let folder = Path::new(GOLDEN).join(migration.trim_end_matches(".sql").to_owned() + ending);
    let check_golden = |name: &str, found: &[u8]| check_golden(&folder, name, found);
    let digests: String = seals.iter().map(|seal| format!("{}  {}\n", seal.digest, seal.leaves)).collect();
    check_golden("digests.txt", digests.as_bytes());
    for (seal, name) in seals.iter().zip(["trace-set.json", "everything.json"]) {
        check_golden(name, &fs::read(place.vault.join(seal.path.as_str())).unwrap());
    }
    for (engine, name) in [("console", "ROOT.console.txt"), ("guard-1", "ROOT.guard-1.txt")] {
        check_golden(name, &fs::read(place.vault.join(format!("receipts/{engine}/{name}"))).unwrap());
    }
    check_golden("head.txt", reader.head().unwrap().to_string().as_bytes());
    // An export is believed only byte for byte, so a packer that writes other bytes would refuse all earlier ones.
    let exported = export_vault(&reader, &dir.join("golden.vmb")).unwrap();
    check_golden("export.sha256", format!("{}  {}\n", exported.sha256, exported.size).as_bytes());
}

/// The same constants in debug and release builds.
#[test]
fn fixed_sources_make_the_golden_bytes() {
    check_golden_vaults(fixture::folder().path());
}

/// What a child in another environment does: the golden vault again, and an import.
#[test]
fn in_another_environment() {
    let Some(dir) = std::env::var_os(CHILD_DIR).map(PathBuf::from) else { return };
    check_golden_vaults(&dir);
    let place = Place { vault: dir.join("a deeper/føl der/vault"), keys: dir.join("none") };
    import(&place, &dir.join("vault.vmb")).unwrap();
    fs::write(dir.join("digests"), digests_of(&Reader::open(&place).unwrap())).unwrap();
}

fn selections(reader: &Reader) -> Vec<Selection> {
    let trace = fixture::rows(reader)[2].row.trace_id().unwrap();
    vec![
        Selection::everything(),
        Selection::traces([trace], &Table::ALL).unwrap(),
        Selection::window(Some(fixture::start()), Some(fixture::later()), &[Table::McpCalls]).unwrap(),
    ]
}

/// Digests of several selections at several sizes of the log.
fn digests_of(reader: &Reader) -> String {
    let size = vm_core::view::EvidenceView::size(reader.view()).unwrap();
    let mut text = String::new();
    for selection in selections(reader) {
        for as_of in [size / 2, size - 1, size] {
            let digest = digest(reader, &selection, as_of);
            text += &format!("{} {} {as_of}\n", digest.hash(), digest.leaves());
        }
    }
    text
}

#[test]
fn locale_time_zone_umask_and_folder_change_nothing() {
    let scene = Scene::shared();
    let reader = Reader::open(&scene.place).unwrap();
    let expected = digests_of(&reader);
    for (locale, zone, umask) in [("C", "UTC", "022"), ("tr_TR.UTF-8", "Pacific/Chatham", "077")] {
        let dir = fixture::folder();
        export_vault(&reader, &dir.path().join("vault.vmb")).unwrap();
        let output = Command::new("sh")
            .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "in_another_environment", "--nocapture"])
            .env(CHILD_DIR, dir.path())
            .env("LC_ALL", locale)
            .env("LANG", locale)
            .env("TZ", zone)
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::read_to_string(dir.path().join("digests")).unwrap(), expected, "{locale} {zone} {umask}");
    }
}

#[test]
fn the_seal_digest_is_that_of_the_rows() {
    let scene = Scene::shared();
    let reader = Reader::open(&scene.place).unwrap();
    let mut matched = 0;
    for seal in &scene.seals {
        for selection in selections(&reader) {
            matched += u32::from(digest(&reader, &selection, seal.as_of).hash() == seal.digest);
        }
    }
    assert_eq!(matched, 2);
}

#[test]
fn vacuum_and_page_size_change_nothing() {
    let copy = Scene::shared().copy();
    let expected = digests_of(&copy.reader());
    copy.sql("VACUUM");
    assert_eq!(digests_of(&copy.reader()), expected);
    for page_size in [512, 8192, 65_536] {
        copy.sql(&format!(
            "PRAGMA journal_mode = DELETE; PRAGMA page_size = {page_size}; VACUUM; PRAGMA journal_mode = WAL"
        ));
        let page_sizes = format!("SELECT 1 FROM pragma_page_size WHERE page_size = {page_size}");
        assert_eq!(copy.count(&page_sizes), 1, "the page size did not change, so nothing was tried");
        assert_eq!(digests_of(&copy.reader()), expected, "{page_size}");
    }
    assert_eq!(copy.verify().verdict, vm_core::verdict::Verdict::Verified);
}

#[test]
fn an_import_of_an_import_is_the_same_vault() {
    let scene = Scene::shared();
    let dir = fixture::folder();
    let first = Reader::open(&scene.place).unwrap();
    let expected = digests_of(&first);
    let exported = export_vault(&first, &dir.path().join("one.vmb")).unwrap();
    let place = Place { vault: dir.path().join("two"), keys: scene.place.keys.clone() };
    import(&place, &dir.path().join("one.vmb")).unwrap();
    let second = Reader::open(&place).unwrap();
    assert_eq!(digests_of(&second), expected);
    assert_eq!(export_vault(&second, &dir.path().join("two.vmb")).unwrap().sha256, exported.sha256);
    drop(second);
    // It goes on, under the same keys, and seals the past as before.
    let mut vault = fixture::reopen(&place, 7);
    fixture::record_one(&mut vault, vaultmesh::vault::RecordInput::Tool(fixture::tool("more")));
    drop(vault);
    let went_on = Reader::open(&place).unwrap();
    for selection in selections(&first) {
        let as_of = scene.seals[1].as_of;
        assert_eq!(digest(&went_on, &selection, as_of).hash(), digest(&first, &selection, as_of).hash());
    }
}

#[test]
fn another_seed_makes_another_vault() {
    let (one, two) = (fixture::folder(), fixture::folder());
    let made = |dir: &Path, seed| {
        let mut vault = Vault::init(&place(dir), sources(seed)).unwrap().vault;
        record_everything(&mut vault, dir);
        vault.seal(Selection::everything()).unwrap().digest
    };
    assert_ne!(made(one.path(), 1), made(two.path(), 2), "the golden digest could not have failed");
}
