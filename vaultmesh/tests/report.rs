//! The report on a seal: what stands in it, and what a browser makes of it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64ct::{Base64, Encoding as _};
use fixture::{Scene, has_tool, later, record_one, tool};
use serde_json::Value;
use vaultmesh::export::{SealExport, export_seal};
use vaultmesh::read::Reader;
use vaultmesh::report::{Reported, write_report};
use vaultmesh::vault::{CaptureOptions, RecordInput, ToolInput, Vault};
use vaultmesh::verify::Outside;
use vm_core::digest::Sha256Digest;
use vm_core::verdict::Verdict;
use vm_seal::selection::Selection;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

fn report(scene: &Scene, is_blind: bool, outside: &Outside, out: &Path) -> Reported {
    let reader = Reader::open(&scene.place).unwrap();
    let options = SealExport { is_blind, trust: None };
    write_report(&reader, scene.seals[1].seal_id, &options, outside, out, later()).unwrap()
}

/// What the program put into a page.
fn data(page: &Path) -> Value {
    let text = fs::read_to_string(page).unwrap();
    let (_, rest) = text.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_page_holds_the_export_and_the_answer_on_it() {
    let (dir, scene) = (fixture::folder(), Scene::small(71));
    let page = dir.path().join("report.html");
    let written = report(&scene, false, &scene.outside(), &page);
    assert_eq!(written.size, fs::metadata(&page).unwrap().len());
    let data = data(&page);
    let export = Base64::decode_vec(data["bundle"].as_str().unwrap()).unwrap();
    assert_eq!(Sha256Digest::of(&export), written.export_sha256);
    let again = dir.path().join("again.vmb");
    let reader = Reader::open(&scene.place).unwrap();
    export_seal(&reader, scene.seals[1].seal_id, &SealExport::default(), &again).unwrap();
    assert_eq!(fs::read(again).unwrap(), export, "the export in it is what `export` writes");
    // Its scrolls are not in an export.
    assert_eq!(written.verdict, Verdict::Undecided);
    assert_eq!(data["answer"]["verdict"], "undecided");
    assert_eq!(data["key"].as_str().unwrap(), scene.outside().pinned().unwrap().to_string());
    assert!(!data["answer"]["checks"].as_array().unwrap().is_empty());
    // The same evidence at the same time gives the same page.
    let twin = dir.path().join("twin.html");
    report(&scene, false, &scene.outside(), &twin);
    assert_eq!(fs::read(&twin).unwrap(), fs::read(&page).unwrap());
}

#[test]
fn a_page_that_is_there_stays() {
    let (dir, scene) = (fixture::folder(), Scene::small(72));
    let page = dir.path().join("report.html");
    fs::write(&page, "mine").unwrap();
    let reader = Reader::open(&scene.place).unwrap();
    let (seal, options) = (scene.seals[1].seal_id, SealExport::default());
    let refused = write_report(&reader, seal, &options, &scene.outside(), &page, later()).unwrap_err();
    assert_eq!((refused.code(), refused.exit_code()), ("file", 2));
    assert_eq!(fs::read_to_string(&page).unwrap(), "mine");
    let absent = "01900000-0000-7000-8000-0000000000aa".parse().unwrap();
    let page = dir.path().join("absent.html");
    let refused = write_report(&reader, absent, &options, &scene.outside(), &page, later()).unwrap_err();
    assert_eq!((refused.code(), refused.exit_code()), ("not-found", 2));
    // A seal that is on record and whose file is gone is another matter.
    let (gone, seal) = (scene.copy(), scene.seals[1].path.as_str());
    fs::remove_file(gone.path(seal)).unwrap();
    let refused =
        write_report(&gone.reader(), scene.seals[1].seal_id, &options, &scene.outside(), &page, later()).unwrap_err();
    assert_eq!((refused.code(), refused.exit_code()), ("file-missing", 2));
    let left: Vec<PathBuf> = fixture::files(dir.path());
    assert_eq!(left.len(), 1, "nothing of it is left: {left:?}");
}

/// Two pages on a seal that is verified: with its rows, and without.
fn write_pages(dir: &Path, whole: &Path, blind: &Path) {
    let place = fixture::place(dir);
    let mut vault = Vault::init(&place, fixture::sources(73)).unwrap().vault;
    let options = CaptureOptions { idempotency_key: None, trace_id: None };
    vault.record_capture(&mut fs::read(fixture::capture("log1")).unwrap().as_slice(), &options).unwrap();
    record_one(&mut vault, RecordInput::Tool(tool("grep")));
    let intent = ToolInput { phase: Some("intent".to_owned()), ..tool("deploy") };
    record_one(&mut vault, RecordInput::Tool(intent));
    record_one(&mut vault, RecordInput::Shadow(fixture::shadow("outside the task")));
    let seal = vault.seal(Selection::everything()).unwrap().seal_id;
    vault.anchor_local(seal).unwrap();
    let outside = Outside { key: None, head: None, trust: Some(vault.trust_file().unwrap()), ..Outside::default() };
    drop(vault);
    let reader = Reader::open(&place).unwrap();
    for (page, is_blind) in [(whole, false), (blind, true)] {
        let options = SealExport { is_blind, trust: None };
        let written = write_report(&reader, seal, &options, &outside, page, later()).unwrap();
        assert_eq!(written.verdict, Verdict::Verified);
    }
}

/// The tests of the page itself, and the kept bundles once more, by its own check.
#[test]
fn a_browser_finds_what_it_should() {
    let tools = [("python3", "--version"), ("chromedriver", "--version")];
    if !tools.iter().all(|(tool, arg)| has_tool(tool, arg, "the report in a browser")) {
        // The gate installs them: there, what did not run has not passed.
        assert!(std::env::var_os("CI").is_none(), "the report was looked at in no browser: install chromium-driver");
        return;
    }
    let dir = fixture::folder();
    let [whole, blind] = ["whole.html", "blind.html"].map(|name| dir.path().join(name));
    write_pages(dir.path(), &whole, &blind);
    let ran = Command::new("python3")
        .args(["-B", &format!("{TESTS}/browser/test_report.py")])
        .env("VAULTMESH_REPORT", &whole)
        .env("VAULTMESH_REPORT_BLIND", &blind)
        .env("VAULTMESH_BUNDLES", format!("{TESTS}/vectors/bundles"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    assert!(said.contains("\nRan ") && said.trim_end().ends_with("OK"), "{said}");
}
