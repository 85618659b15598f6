//! What a crash leaves half done, put there by hand: the next command goes on, or says what to do first.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod common;

use std::fs;

use common::{Home, Ran};

const EVENTS: &str = "vault/receipts/planner/ENGINE_EVENTS.jsonl";
const ROOT: &str = "vault/receipts/planner/ROOT.planner.txt";

fn scroll(home: &Home, event: &str) -> Ran {
    home.json(&["scroll", "append", "planner", "--event", event])
}

fn recoveries(home: &Home) -> usize {
    home.run(&["list", "--format", "jsonl"]).expect(0).out.matches("vm-scroll-recovery-v0").count()
}

#[test]
fn a_token_without_its_row_does_not_keep_later_anchors_out() {
    let home = Home::with_vault();
    home.tool("grep");
    let seal = home.json(&["seal", "create"]).expect(0).json()["result"]["seal_id"].as_str().unwrap().to_owned();
    home.write(&format!("vault/anchors/{seal}/0.tst"), "left by a writer that died before the row");
    for number in 1..3 {
        let added = home.json(&["anchor", "add", &seal, "--local"]).expect(0).json();
        assert_eq!(added["result"]["anchors"][0]["path"].as_str().unwrap(), format!("anchors/{seal}/{number}.tst"));
    }
    let token = format!("vault/anchors/{seal}/1.tst");
    let again = home.json(&["anchor", "add", &seal, "--token", &token]).expect(0).json();
    assert_eq!(
        again["result"]["anchors"][0]["path"].as_str().unwrap(),
        format!("anchors/{seal}/3.tst"),
        "a third row, a third file"
    );
}

#[test]
fn lines_that_nobody_signed_are_adopted_by_a_command_that_the_error_names() {
    let home = Home::with_vault();
    scroll(&home, "{\"n\":1}").expect(0);
    let root = fs::read(home.path(ROOT)).unwrap();
    scroll(&home, "{\"n\":2}").expect(0);
    // The writer died between the lines and the root over them.
    fs::write(home.path(ROOT), root).unwrap();
    let refused = scroll(&home, "{\"n\":3}").expect(2);
    assert_eq!(refused.json()["error"]["code"], "scroll-unsigned-tail");
    assert!(refused.json()["error"]["remedy"].as_str().unwrap().contains("vaultmesh scroll adopt"), "{}", refused.out);
    assert!(home.run(&["seal", "create"]).expect(2).err.contains("vaultmesh scroll adopt"));
    let adopted = home.json(&["scroll", "adopt", "planner"]).expect(0).json();
    assert_eq!((&adopted["result"]["events"], &adopted["result"]["lines"]), (&1.into(), &2.into()));
    let next = scroll(&home, "{\"n\":3}").expect(0).json();
    assert_eq!(next["result"]["lines"], 3);
    home.run(&["scroll", "verify", "--key", &home.key()]).expect(0);
    home.run(&["seal", "create"]).expect(0);
    home.run(&["scroll", "adopt", "nobody"]).expect(0);
    assert!(!home.path("vault/receipts/nobody").exists(), "nothing to adopt makes nothing");
}

#[test]
fn what_is_cut_from_a_scroll_is_on_record_before_it_is_cut() {
    let home = Home::with_vault();
    scroll(&home, "{\"n\":1}").expect(0);
    let whole = fs::read(home.path(EVENTS)).unwrap();
    home.write(EVENTS, [&whole[..], b"{\"torn"].concat());
    // The disk fails where the bytes would be set aside.
    fs::create_dir(home.path(&format!("{EVENTS}.torn-0"))).unwrap();
    scroll(&home, "{\"n\":2}").expect(2);
    assert_eq!(recoveries(&home), 0);
    assert!(fs::read(home.path(EVENTS)).unwrap().ends_with(b"{\"torn"));
    fs::remove_dir(home.path(&format!("{EVENTS}.torn-0"))).unwrap();
    // The writer died after the row and before the cut: the next one cuts, and makes no second row.
    let appended = scroll(&home, "{\"n\":2}").expect(0).json();
    assert_eq!(recoveries(&home), 1);
    let cut = fs::read(home.path(EVENTS)).unwrap();
    assert!(cut.starts_with(&whole) && !cut.windows(5).any(|part| part == b"{\"tor"));
    let path = appended["result"]["torn"].as_str().unwrap().to_owned();
    assert_eq!(fs::read(home.vault().join(path)).unwrap(), b"{\"torn");
    home.write(EVENTS, [&cut[..], b"{\"torn"].concat());
    scroll(&home, "{\"n\":3}").expect(0);
    assert_eq!(recoveries(&home), 2, "the same bytes at another place are another recovery");
}

#[test]
fn an_import_without_its_files_is_no_vault() {
    let home = Home::with_vault();
    let file = home.write("report", "ran");
    home.run(&["record", "artifact", "report", "--file", file.to_str().unwrap()]).expect(0);
    home.run(&["export", "-o", "whole.vmb"]).expect(0);
    fs::rename(home.vault(), home.path("old")).unwrap();
    // Files come before rows: where the files cannot be written, no rows are.
    let database = home.path("vault/ledger.db");
    let mut import = home.command();
    import.args(["import", "whole.vmb"]);
    let traced = home.path("calls");
    let strace = std::process::Command::new("strace")
        .args([
            "-f",
            "-o",
            traced.to_str().unwrap(),
            "-e",
            "trace=rename,renameat",
            "-e",
            "inject=rename,renameat:signal=KILL",
        ])
        .arg(import.get_program())
        .args(import.get_args())
        .envs(import.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(home.path(""))
        .output();
    if strace.is_err() {
        eprintln!("an_import_without_its_files_is_no_vault did not run: no strace");
        return;
    }
    let left = home.run(&["verify", "--key", "none"]);
    assert_ne!(left.code, 0, "{}", left.out);
    assert_ne!(left.code, 1, "{}", left.out);
    assert!(home.run(&["list"]).expect(2).err.contains("error"), "{}", database.display());
}
