//! Roads by which an answer could be better than the evidence: something the verifier brought that is not looked at,
//! a table that its own index hides, an anchor out of order.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::fs::File;
use std::io::BufReader;
use std::time::Duration;

use fixture::{Copied, Scene, capture, codes, folder, later, place, reopen, sources, sources_at, start, tool};
use vaultmesh::chain::{verify_against, verify_artifact};
use vaultmesh::read::Reader;
use vaultmesh::vault::{CaptureOptions, RecordInput, Vault};
use vaultmesh::verify::{Outside, verify_one_seal, verify_vault};
use vm_core::id::SealId;
use vm_core::verdict::{Code, Verdict};
use vm_seal::selection::Selection;

/// SQL that replaces the index over the ids of `tool_invocations` by one that lacks the rows of `hidden`.
fn hide(copy: &Copied<'_>, hidden: &str) {
    let root = "(SELECT rootpage FROM sqlite_schema WHERE name = 'hides')";
    copy.sql(&format!(
        "CREATE UNIQUE INDEX hides ON tool_invocations (id) WHERE {hidden}; PRAGMA writable_schema = ON; \
         UPDATE sqlite_schema SET rootpage = {root} WHERE name = 'sqlite_autoindex_tool_invocations_1'; \
         DELETE FROM sqlite_schema WHERE name = 'hides'; PRAGMA writable_schema = RESET;"
    ));
}

#[test]
fn a_row_that_its_own_index_hides_is_contradicted() {
    let copy = Scene::shared().copy();
    copy.sql_changes(
        1,
        "INSERT INTO tool_invocations SELECT x'00000000000000000000000000000abc', ts, trace_id, 'forged', phase, \
         status, input_json, output_json, intent_id, duration_us, meta_json, corrects_id, corrects_leaf, \
         capability_hash, policy_hash FROM tool_invocations ORDER BY rowid LIMIT 1",
    );
    copy.contradicts(Code::RowInserted, "a forged row in sight");
    hide(&copy, "tool <> 'forged'");
    copy.contradicts(Code::SchemaAltered, "a forged row that the index lacks");
}

#[test]
fn an_entry_before_the_first_is_contradicted() {
    let copy = Scene::shared().copy();
    copy.sql_changes(
        1,
        "PRAGMA ignore_check_constraints = ON; \
         INSERT INTO log SELECT -1, tbl, x'00000000000000000000000000000abc', schema, leaf FROM log WHERE seq = 2",
    );
    copy.contradicts(Code::SchemaAltered, "an entry at a place below 0");
}

#[test]
fn an_anchor_before_one_that_its_seal_covers_is_backdated() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let open = |seed, micros| {
        let at = sources_at(seed, start().saturating_add_micros(micros));
        Vault::open(&copy.place, at, Duration::from_secs(5)).unwrap()
    };
    let seal_at = |seed, micros| -> SealId {
        let mut vault = open(seed, micros);
        vault.record(vec![RecordInput::Tool(tool("work"))]).unwrap();
        let seal = vault.seal(Selection::everything()).unwrap().seal_id;
        vault.anchor_local(seal).unwrap();
        seal
    };
    let verify = || {
        let head = Some(copy.reader().head().unwrap());
        verify_vault(&copy.reader(), &Outside { head, ..scene.outside() }, later()).unwrap()
    };
    let day = 86_400 * 1_000_000;
    seal_at(81, day);
    assert_eq!(verify().verdict, Verdict::Verified);
    // Clock and authority are both set back: the seal covers a row whose token says that it is a day later.
    let seal = seal_at(82, day / 24);
    let answer = verify();
    assert_eq!(answer.verdict, Verdict::Contradicted, "{:?}", codes(&answer));
    assert!(answer.report.has(Code::AnchorBackdated) && answer.report.has(Code::SealUnanchored));
    let answer = verify_one_seal(&copy.reader(), seal, &scene.outside(), later()).unwrap();
    assert_eq!(codes(&answer), [Code::AnchorBackdated, Code::SealUnanchored].into());
    let bundle = format!("seals/{seal}.json");
    let answer = verify_artifact(&copy.reader(), &bundle, true, &Outside { head: None, ..scene.outside() }, later());
    assert_eq!(codes(&answer.unwrap()), [Code::AnchorBackdated, Code::SealUnanchored].into());
}

#[test]
fn the_head_counts_for_one_artifact_too() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let path = scene.seals[1].path.as_str();
    let check = |outside: &Outside| verify_artifact(&copy.reader(), path, true, outside, later()).unwrap();
    assert_eq!(check(&scene.outside()).verdict, Verdict::Verified);
    // An older head is a beginning of the log; one of another ledger, or of a longer log, is not.
    reopen(&copy.place, 83).record(vec![RecordInput::Tool(tool("more"))]).unwrap();
    assert_eq!(check(&scene.outside()).verdict, Verdict::Verified);
    let longer = Some(copy.reader().head().unwrap());
    let rolled_back =
        verify_artifact(&scene.copy().reader(), path, true, &Outside { head: longer, ..scene.outside() }, later());
    assert_eq!(codes(&rolled_back.unwrap()), [Code::Rollback].into());
    let foreign = Some(Reader::open(&Scene::small(7).place).unwrap().head().unwrap());
    assert_eq!(codes(&check(&Outside { head: foreign, ..scene.outside() })), [Code::CheckpointInvalid].into());
}

#[test]
fn every_row_of_an_artifact_must_be_sealed() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let path = scene.seals[1].path.as_str();
    let check = || verify_artifact(&copy.reader(), path, true, &scene.outside(), later()).unwrap();
    let mut vault = reopen(&copy.place, 84);
    let again = vaultmesh::vault::ArtifactInput {
        path: Some(path.parse().unwrap()),
        meta: None,
        ..fixture::meta_artifact("copy", serde_json::Value::Null)
    };
    vault.record(vec![RecordInput::Artifact(again)]).unwrap();
    drop(vault);
    assert_eq!(codes(&check()), [Code::RowsUnsealed].into());
}

#[test]
fn a_capture_is_matched_with_rows_that_are_the_recorded_ones() {
    let dir = folder();
    let place = place(dir.path());
    let mut vault = Vault::init(&place, sources(85)).unwrap().vault;
    let open = || BufReader::new(File::open(capture("log5")).unwrap());
    vault.record_capture(&mut open(), &CaptureOptions::default()).unwrap();
    let key = vault.note_key().clone();
    drop(vault);
    let check =
        |outside: &Outside| verify_against(&Reader::open(&place).unwrap(), &mut open(), None, None, outside).unwrap();
    let none = Outside::default();
    let before = codes(&check(&none));
    assert_eq!(codes(&check(&Outside { key: Some(key), ..none.clone() })), before);
    let other = Scene::shared().key.clone();
    assert!(codes(&check(&Outside { key: Some(other), ..none.clone() })).contains(&Code::GenesisInvalid));
    // A column that the comparison with frames does not look at.
    vm_ledger::hazmat::execute(&place.vault, "UPDATE mcp_calls SET meta_json = '{}' WHERE ordinal = 3").unwrap();
    assert!(codes(&check(&none)).contains(&Code::RowAltered));
}
