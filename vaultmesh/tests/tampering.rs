//! Whatever is done to a vault behind its back is contradicted, or leaves it undecided, and is named.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod fixture;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant as Watch};

use fixture::{Copied, Scene, codes, copy_folder, files, flips, later, rows};
use vaultmesh::read::Reader;
use vaultmesh::vault::{Place, RecordInput, ToolInput, Vault};
use vaultmesh::verify::{Outside, verify_vault};
use vm_core::digest::{RootHash, to_hex};
use vm_core::id::LedgerId;
use vm_core::key::SigningIdentity;
use vm_core::record::{CellKind, CellRef, Column, SCHEMA, Table};
use vm_core::verdict::{Code, Verdict};
use vm_core::view::LoggedRow;
use vm_ledger::VaultDir;
use vm_seal::bundle::SealBundle;
use vm_seal::memory::MemoryFiles;
use vm_seal::scroll::verify_scroll;
use vm_seal::verify::{verify_bundle_alone, verify_seal};

fn blob(bytes: &[u8]) -> String {
    format!("x'{}'", to_hex(bytes))
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// SQL of another value that the column could as well hold.
fn other_value(column: &Column, cell: CellRef<'_>) -> String {
    let fresh_blob = |len: u8| blob(&vec![0xa7; usize::from(len)]);
    match cell {
        CellRef::Integer(integer) => (integer + 1).to_string(),
        CellRef::Real(real) => (real + 0.5).to_string(),
        CellRef::Blob(_) if column.name == "observer_key" => {
            blob(SigningIdentity::from_seed(&[3; 32]).public().as_bytes())
        }
        CellRef::Blob(bytes) => blob(&bytes.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()),
        CellRef::Text(was) => text(&other_text(column.name, was)),
        CellRef::Null => match column.kind {
            CellKind::Integer => "1".to_owned(),
            CellKind::Real => "1.5".to_owned(),
            CellKind::Text => text(&other_text(column.name, "")),
            CellKind::Blob => fresh_blob(if column.name.ends_with("_id") { 16 } else { 32 }),
        },
    }
}

fn other_text(column: &str, was: &str) -> String {
    let either = |one: &str, other: &str| if was == one { other.to_owned() } else { one.to_owned() };
    match column {
        "ts" => either("2025-01-01T00:00:00.123456Z", "2025-01-01T00:00:00.123457Z"),
        "phase" => either("complete", "intent"),
        "status" => either("ok", "error"),
        "direction" => either("c2s", "s2c"),
        "kind" => either("request", "report"),
        "path" => "artifacts/elsewhere".to_owned(),
        "sha256_hex" | "blake3_hex" => RootHash::empty().to_hex(),
        json if json.ends_with("_json") => r#"{"altered":1}"#.to_owned(),
        _ => format!("{was}x"),
    }
}

fn update(row: &LoggedRow, column: &Column) -> String {
    let value = other_value(column, row.row.cell(column.name).unwrap());
    let (table, id) = (row.entry.table, blob(row.entry.row_id.as_bytes()));
    format!("UPDATE {table} SET {} = {value} WHERE id = {id}", column.name)
}

/// Rows that between them hold every column of `table` both null and not, where the scene has such rows.
fn various(all: &[LoggedRow], table: Table) -> Vec<(&'static Column, &LoggedRow)> {
    let of_table = || all.iter().filter(|row| row.entry.table == table);
    let mut picked = Vec::new();
    for column in table.columns(SCHEMA).unwrap() {
        let null = |row: &&LoggedRow| row.row.cell(column.name) == Some(CellRef::Null);
        let (first, last) = (of_table().find(null), of_table().rfind(|row| !null(row)));
        assert!(first.is_some() || last.is_some(), "{table}.{} was not tried", column.name);
        picked.extend([first, last].into_iter().flatten().map(|row| (column, row)));
    }
    picked
}

#[test]
fn the_untouched_scene_is_verified() {
    let scene = Scene::shared();
    let answer = scene.copy().verify();
    assert_eq!(answer.verdict, Verdict::Verified, "{:?}", codes(&answer));
    assert_eq!(answer.seals.len(), 2);
    assert!(answer.seals.iter().all(|seal| seal.verified && seal.anchors.iter().all(|anchor| anchor.accepted)));
    let all = rows(&Reader::open(&scene.place).unwrap());
    for table in Table::ALL {
        assert!(all.iter().any(|row| row.entry.table == table), "{table} is empty");
    }
}

#[test]
fn every_row_has_a_trace_and_what_stayed_open_is_told() {
    let copy = Scene::shared().copy();
    let mut vault = fixture::reopen(&copy.place, 23);
    let intent = ToolInput { phase: Some("intent".to_owned()), ..fixture::tool("deploy") };
    let intent = fixture::record_one(&mut vault, RecordInput::Tool(intent));
    let all = rows(&copy.reader());
    assert!(all.iter().all(|row| row.row.trace_id().is_ok()));
    let gaps = || -> Vec<String> {
        let answer = copy.verify();
        let gaps = answer.report.findings().iter().filter(|finding| finding.code() == Code::TraceGap);
        gaps.map(|finding| finding.subject().to_owned()).collect()
    };
    let unanswered = all.iter().find(|row| row.row.text("kind") == Some("no_answer")).unwrap();
    let unanswered = format!("row mcp_calls/{}", unanswered.entry.row_id);
    assert_eq!(gaps(), [unanswered.clone(), format!("row tool_invocations/{intent}")]);
    // The outcome closes it, in the trace of its intent.
    let outcome = ToolInput { phase: Some("outcome".to_owned()), intent: Some(intent), ..fixture::tool("deploy") };
    let outcome = fixture::record_one(&mut vault, RecordInput::Tool(outcome));
    assert_eq!(gaps(), [unanswered]);
    let trace = |id| rows(&copy.reader()).iter().find(|row| row.entry.row_id == id).unwrap().row.trace_id().unwrap();
    assert_eq!(trace(outcome), trace(intent));
}

#[test]
fn every_changed_column_of_every_table_is_contradicted() {
    let scene = Scene::shared();
    let all = rows(&Reader::open(&scene.place).unwrap());
    for table in Table::ALL {
        for (column, row) in various(&all, table) {
            let copy = scene.copy();
            let sql = update(row, column);
            copy.sql_changes(1, &sql);
            if column.name == "id" {
                copy.contradicts(Code::RowMissing, &sql);
                copy.contradicts(Code::RowInserted, &sql);
            } else {
                copy.contradicts(Code::RowAltered, &sql);
            }
        }
    }
}

#[test]
fn a_column_is_contradicted_without_key_head_and_trust_too() {
    let scene = Scene::shared();
    let all = rows(&Reader::open(&scene.place).unwrap());
    for table in Table::ALL {
        let (column, row) = various(&all, table).pop().unwrap();
        let copy = scene.copy();
        copy.sql_changes(1, &update(row, column));
        let answer = copy.verify_with(&Outside::default());
        assert_eq!(answer.verdict, Verdict::Contradicted, "{table}.{}", column.name);
        assert!(answer.report.has(Code::RowAltered));
    }
}

#[test]
fn every_deleted_row_is_contradicted() {
    let scene = Scene::shared();
    let all = rows(&Reader::open(&scene.place).unwrap());
    for (at, row) in all.iter().enumerate() {
        let (table, id) = (row.entry.table, blob(row.entry.row_id.as_bytes()));
        let copy = scene.copy();
        copy.sql_changes(1, &format!("DELETE FROM {table} WHERE id = {id}"));
        copy.contradicts(Code::RowMissing, &format!("row {at} of {table}"));
        // Its entry too: a hole, or a shorter log under a longer checkpoint.
        copy.sql_changes(1, &format!("DELETE FROM log WHERE seq = {at}"));
        let code = match at {
            0 => Code::GenesisInvalid,
            last if last + 1 == all.len() => Code::TailCut,
            _ => Code::LogAltered,
        };
        copy.contradicts(code, &format!("row and entry {at} of {table}"));
    }
}

#[test]
fn a_log_that_closes_over_a_deleted_row_is_contradicted() {
    let scene = Scene::shared();
    let all = rows(&Reader::open(&scene.place).unwrap());
    for at in [1, all.len() / 2, all.len() - 2] {
        let (table, id) = (all[at].entry.table, blob(all[at].entry.row_id.as_bytes()));
        let copy = scene.copy();
        copy.sql(&format!(
            "DELETE FROM {table} WHERE id = {id}; DELETE FROM log WHERE seq = {at}; \
             CREATE TEMP TABLE later AS SELECT * FROM log WHERE seq > {at}; DELETE FROM log WHERE seq > {at}; \
             INSERT INTO log SELECT seq - 1, tbl, row_id, schema, leaf FROM later"
        ));
        copy.contradicts(Code::LogAltered, &format!("entry {at} left out"));
        copy.sql("DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints)");
        copy.contradicts(Code::LogAltered, &format!("entry {at} left out, last checkpoint gone"));
    }
}

#[test]
fn swapped_rows_are_contradicted() {
    let scene = Scene::shared();
    let all = rows(&Reader::open(&scene.place).unwrap());
    for table in Table::ALL {
        let two: Vec<_> = all.iter().filter(|row| row.entry.table == table).take(2).collect();
        let [one, other] = [0, 1].map(|at| blob(two[at].entry.row_id.as_bytes()));
        // All but the ids change places.
        let copy = scene.copy();
        copy.sql(&format!(
            "UPDATE {table} SET id = zeroblob(16) WHERE id = {one}; UPDATE {table} SET id = {one} WHERE id = {other}; \
             UPDATE {table} SET id = {other} WHERE id = zeroblob(16)"
        ));
        copy.contradicts(Code::RowAltered, &format!("contents of two rows of {table}"));
    }
    for pair in all.windows(2) {
        let [one, other] = [pair[0].entry.seq, pair[1].entry.seq];
        let copy = scene.copy();
        copy.sql_changes(
            3,
            &format!(
                "UPDATE log SET seq = 9999 WHERE seq = {one}; UPDATE log SET seq = {one} WHERE seq = {other}; \
                 UPDATE log SET seq = {other} WHERE seq = 9999"
            ),
        );
        copy.contradicts(Code::LogAltered, &format!("places {one} and {other} of the log"));
    }
}

#[test]
fn inserted_rows_are_contradicted() {
    let scene = Scene::shared();
    for table in Table::ALL {
        let names: Vec<&str> = table.columns(SCHEMA).unwrap().iter().map(|column| column.name).collect();
        let (all, rest) = (names.join(", "), names[1..].join(", "));
        let insert = format!(
            "INSERT INTO {table} ({all}) SELECT x'0190000000007000800000000000ffff', {rest} FROM {table} LIMIT 1"
        );
        let copy = scene.copy();
        copy.sql_changes(1, &insert);
        copy.contradicts(Code::RowInserted, &format!("a copy in {table}"));
        // With an entry of its own: after the end, which no checkpoint signs, and in place of another.
        let number = table.number();
        let entry = |seq: &str| {
            format!(
                "INSERT INTO log SELECT {seq}, {number}, x'0190000000007000800000000000ffff', {SCHEMA}, zeroblob(32)"
            )
        };
        copy.sql_changes(1, &entry("(SELECT max(seq) + 1 FROM log)"));
        copy.contradicts(Code::RowInserted, &format!("an entry after the end for {table}"));
        let copy = scene.copy();
        copy.sql(&format!("{insert}; DELETE FROM log WHERE seq = 5; {}", entry("5")));
        copy.contradicts(Code::RowInserted, &format!("an entry in the place of another for {table}"));
        copy.contradicts(Code::LogAltered, &format!("an entry in the place of another for {table}"));
    }
}

#[test]
fn every_changed_column_of_the_log_is_contradicted() {
    let columns = [
        ("seq", "seq + 1000", Code::LogAltered),
        ("tbl", "tbl % 4 + 1", Code::RowMissing),
        ("row_id", "zeroblob(16)", Code::RowMissing),
        ("schema", "2", Code::RowAltered),
        ("leaf", "zeroblob(32)", Code::LogAltered),
    ];
    let scene = Scene::shared();
    let names: Vec<String> = columns.iter().map(|(name, ..)| text(name)).collect();
    let foreign = format!("SELECT 1 FROM pragma_table_info('log') WHERE name NOT IN ({})", names.join(", "));
    assert_eq!(scene.copy().count(&foreign), 0, "a column of the log was not tried");
    let size = rows(&Reader::open(&scene.place).unwrap()).len();
    for (column, value, code) in columns {
        for seq in [1, size / 2, size - 1] {
            let copy = scene.copy();
            copy.sql_changes(1, &format!("UPDATE log SET {column} = {value} WHERE seq = {seq}"));
            copy.contradicts(code, &format!("log.{column} at {seq}"));
        }
    }
}

#[test]
fn the_genesis_entry_cannot_be_changed() {
    for (column, value, code) in [
        ("seq", "1000", Code::GenesisInvalid),
        ("tbl", "1", Code::GenesisInvalid),
        ("row_id", "zeroblob(16)", Code::GenesisInvalid),
        ("schema", "1", Code::RowAltered),
        ("leaf", "zeroblob(32)", Code::GenesisInvalid),
    ] {
        let copy = Scene::shared().copy();
        copy.sql_changes(1, &format!("UPDATE log SET {column} = {value} WHERE seq = 0"));
        copy.contradicts(code, column);
    }
}

#[test]
fn changed_and_missing_checkpoints_are_contradicted() {
    let last = "(SELECT max(size) FROM checkpoints)";
    for (sql, code) in [
        (format!("UPDATE checkpoints SET size = size + 1 WHERE size = {last}"), Code::CheckpointInvalid),
        (
            format!("UPDATE checkpoints SET note = replace(note, 'vaultmesh/', 'vaultmosh/') WHERE size = {last}"),
            Code::CheckpointInvalid,
        ),
        (
            format!("UPDATE checkpoints SET note = substr(note, 1, length(note) - 5) || char(10) WHERE size = {last}"),
            Code::CheckpointInvalid,
        ),
        (format!("UPDATE checkpoints SET note = note || '.' WHERE size = {last}"), Code::CheckpointInvalid),
        (
            format!("UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 1) WHERE size = {last}"),
            Code::CheckpointInvalid,
        ),
        ("UPDATE checkpoints SET note = '' WHERE size = 1".to_owned(), Code::CheckpointInvalid),
        (format!("DELETE FROM checkpoints WHERE size = {last}"), Code::RowInserted),
        ("DELETE FROM checkpoints".to_owned(), Code::CheckpointInvalid),
    ] {
        let copy = Scene::shared().copy();
        assert_ne!(copy.sql(&sql), 0, "{sql}");
        copy.contradicts(code, &sql);
    }
}

/// A scene with more than 256 rows, so that a tile is full.
fn tall() -> Scene {
    let mut scene = Scene::make(2);
    let mut vault = fixture::reopen(&scene.place, 9);
    vault.record((0..260).map(|_| RecordInput::Tool(fixture::tool("grep"))).collect()).unwrap();
    let seal = vault.seal(vm_seal::selection::Selection::everything()).unwrap();
    vault.anchor_local(seal.seal_id).unwrap();
    drop(vault);
    scene.head = Reader::open(&scene.place).unwrap().head().unwrap();
    scene
}

#[test]
fn changed_and_missing_tiles_are_contradicted() {
    let scene = tall();
    assert_eq!(scene.copy().verify().verdict, Verdict::Verified);
    for sql in [
        "UPDATE tiles SET level = 1",
        "UPDATE tiles SET idx = 1",
        "UPDATE tiles SET hashes = zeroblob(8192)",
        "UPDATE tiles SET hashes = CAST(substr(hashes, 33) || substr(hashes, 1, 32) AS BLOB)",
        "UPDATE tiles SET root = zeroblob(32)",
        "DELETE FROM tiles",
        "INSERT INTO tiles SELECT 0, 1, hashes, root FROM tiles",
    ] {
        let copy = scene.copy();
        copy.sql_changes(1, sql);
        copy.contradicts(Code::TileAltered, sql);
    }
    let columns = "SELECT 1 FROM pragma_table_info('tiles') WHERE name NOT IN ('level', 'idx', 'hashes', 'root')";
    assert_eq!(scene.copy().count(columns), 0, "a column of the tiles was not tried");
}

#[test]
fn a_cut_tail_is_contradicted_at_every_length() {
    let scene = Scene::shared();
    let size = rows(&Reader::open(&scene.place).unwrap()).len();
    for kept in 1..size {
        let copy = scene.copy();
        let mut sql = String::new();
        for table in Table::ALL {
            sql += &format!("DELETE FROM {table} WHERE id IN (SELECT row_id FROM log WHERE seq >= {kept});");
        }
        sql += &format!("DELETE FROM log WHERE seq >= {kept}");
        copy.sql(&sql);
        copy.contradicts(Code::TailCut, &format!("{kept} entries left"));
        // With the checkpoints as well only a memory from outside tells.
        copy.sql(&format!("DELETE FROM checkpoints WHERE size > {kept}"));
        copy.contradicts(Code::Rollback, &format!("{kept} entries left, with their checkpoints"));
    }
}

#[test]
fn foreign_schema_objects_are_contradicted() {
    for (sql, named) in [
        ("CREATE TRIGGER quiet AFTER INSERT ON log BEGIN DELETE FROM log WHERE seq = NEW.seq; END", "quiet"),
        ("CREATE VIEW peek AS SELECT * FROM log", "peek"),
        ("CREATE TABLE sneaky (x)", "sneaky"),
        ("CREATE INDEX extra ON log (leaf)", "extra"),
        ("DROP INDEX proof_artifacts_kind", "proof_artifacts_kind"),
        ("UPDATE schema_migrations SET file = 'x' WHERE version = 3", "migration 3"),
    ] {
        let copy = Scene::shared().copy();
        copy.sql(sql);
        let answer = copy.contradicts(Code::SchemaAltered, sql);
        let told = answer.report.findings().iter().any(|finding| finding.found_value().unwrap_or("").contains(named));
        assert!(told, "{sql}: {:?}", answer.report.findings());
    }
}

/// A scene, and a copy of its folder from before the last rows, seal and anchor.
fn rolled_back() -> (Scene, Scene) {
    let old = Scene::make(3);
    let mut new = Scene::make(3);
    fs::remove_dir_all(&new.place.vault).unwrap();
    copy_folder(&old.place.vault, &new.place.vault);
    new.place.keys.clone_from(&old.place.keys);
    let mut vault = fixture::reopen(&new.place, 11);
    fixture::record_one(&mut vault, RecordInput::Tool(fixture::tool("grep")));
    let seal = vault.seal(vm_seal::selection::Selection::everything()).unwrap();
    vault.anchor_local(seal.seal_id).unwrap();
    drop(vault);
    new.trust.clone_from(&old.trust);
    new.head = Reader::open(&new.place).unwrap().head().unwrap();
    (old, new)
}

#[test]
fn an_older_copy_of_all_is_a_rollback_to_whoever_remembers() {
    let (old, new) = rolled_back();
    assert_eq!(new.copy().verify().verdict, Verdict::Verified);
    let copy = old.copy();
    let remembering = copy.verify_with(&new.outside());
    assert_eq!(remembering.verdict, Verdict::Contradicted);
    assert_eq!(codes(&remembering), [Code::Rollback].into());
    let forgetful = Outside { head: None, ..new.outside() };
    copy.is_undecided(&forgetful, &[Code::RollbackNotExcluded], "an older copy, without a head");
    // The database alone: the newer seal's files stay behind, and nothing names them.
    let copy = new.copy();
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _gone = fs::remove_file(copy.path(file));
    }
    fs::copy(old.place.vault.join("ledger.db"), copy.path("ledger.db")).unwrap();
    copy.contradicts(Code::Rollback, "the older database alone");
}

#[test]
fn another_ledgers_database_is_contradicted() {
    let scene = Scene::shared();
    let other = Scene::make(4);
    let copy = scene.copy();
    fs::copy(other.place.vault.join("ledger.db"), copy.path("ledger.db")).unwrap();
    copy.contradicts(Code::GenesisInvalid, "the database of another ledger");
    let whole = other.copy();
    let answer = whole.verify_with(&scene.outside());
    assert_eq!(answer.verdict, Verdict::Contradicted);
    assert!(answer.report.has(Code::GenesisInvalid));
}

#[test]
fn a_deleted_write_ahead_log_is_never_a_silently_shorter_ledger() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let mut vault = fixture::reopen(&copy.place, 13);
    for _ in 0..20 {
        fixture::record_one(&mut vault, RecordInput::Tool(fixture::tool("grep")));
    }
    // As it lies on the disk while it is open.
    let dir = fixture::folder();
    let place = Place { vault: dir.path().join("vault"), keys: copy.place.keys.clone() };
    copy_folder(&copy.place.vault, &place.vault);
    let head = Reader::open(&copy.place).unwrap().head().unwrap();
    drop(vault);
    let wal = place.vault.join("ledger.db-wal");
    assert!(fs::metadata(&wal).unwrap().len() > 0, "nothing was in the write-ahead log, so nothing was tried");
    let outside = Outside { head: Some(head), ..scene.outside() };
    let verify = |place: &Place| verify_vault(&Reader::open(place).unwrap(), &outside, later()).unwrap();
    let whole = verify(&place);
    assert_eq!(codes(&whole), [Code::RowsUnsealed].into());
    for cut in [fs::metadata(&wal).unwrap().len() / 2, 0] {
        fs::OpenOptions::new().write(true).open(&wal).unwrap().set_len(cut).unwrap();
        let _gone = fs::remove_file(place.vault.join("ledger.db-shm"));
        let answer = verify(&place);
        assert_eq!(answer.verdict, Verdict::Contradicted, "{cut}");
        assert!(answer.report.has(Code::Rollback), "{cut}: {:?}", codes(&answer));
    }
    fs::remove_file(&wal).unwrap();
    assert!(verify(&place).report.has(Code::Rollback));
}

/// Files of a vault that rows point to: all but the database and the scrolls.
fn artifacts(copy: &Copied<'_>) -> Vec<String> {
    let vault = &copy.place.vault;
    let names = files(vault).into_iter().map(|path| path.strip_prefix(vault).unwrap().to_str().unwrap().to_owned());
    let names: Vec<_> = names.filter(|name| !name.starts_with("ledger.") && !name.starts_with("receipts/")).collect();
    for folder in ["artifacts/", "anchors/", "seals/", "runes/", "reports/"] {
        assert!(names.iter().any(|name| name.starts_with(folder)), "no {folder}");
    }
    names
}

#[test]
fn an_altered_file_is_contradicted() {
    let scene = Scene::shared();
    for name in artifacts(&scene.copy()) {
        let copy = scene.copy();
        let bytes = fs::read(copy.path(&name)).unwrap();
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        for (what, changed) in [
            ("one bit", flipped),
            ("longer", [bytes.as_slice(), b"\n"].concat()),
            ("shorter", bytes[..bytes.len() - 1].to_vec()),
            ("empty", Vec::new()),
        ] {
            fs::write(copy.path(&name), changed).unwrap();
            copy.contradicts(Code::ArtifactAltered, &format!("{name}: {what}"));
        }
    }
}

#[test]
fn a_file_that_is_gone_or_no_file_is_named_and_never_waited_for() {
    let scene = Scene::shared();
    let fifos = fixture::has_tool("mkfifo", "--version", "the part with FIFOs");
    for name in artifacts(&scene.copy()) {
        let copy = scene.copy();
        let (path, aside) = (copy.path(&name), copy.dir().join("aside"));
        let check = |what: &str| {
            let watch = Watch::now();
            let what = format!("{name}: {what}");
            if name.starts_with("anchors/") {
                let answer = copy.verify();
                assert_eq!(answer.verdict, Verdict::Undecided, "{what}");
                assert!(answer.report.has(Code::AnchorMissing) && answer.report.has(Code::SealUnanchored), "{what}");
            } else {
                copy.contradicts(Code::ArtifactMissing, &what);
            }
            assert!(watch.elapsed() < Duration::from_secs(20), "{what} took {:?}", watch.elapsed());
        };
        fs::rename(&path, &aside).unwrap();
        check("gone");
        symlink(&aside, &path).unwrap();
        check("a link to the very content");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        check("a folder");
        fs::remove_dir(&path).unwrap();
        if fifos {
            assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            check("a FIFO");
            fs::remove_file(&path).unwrap();
        }
        let folder = path.parent().unwrap().to_owned();
        let moved = copy.dir().join("folder");
        fs::rename(&aside, &path).unwrap();
        fs::rename(&folder, &moved).unwrap();
        symlink(&moved, &folder).unwrap();
        check("behind a link");
    }
}

const EVENTS: &str = "receipts/console/ENGINE_EVENTS.jsonl";
const ROOT: &str = "receipts/console/ROOT.console.txt";

/// Verdict over a scroll by itself: no database, no other file.
fn scroll_verdict(files: &MemoryFiles) -> Verdict {
    let key = &Scene::shared().key;
    let ledger = LedgerId::parse(key.name().trim_start_matches("vaultmesh/")).unwrap();
    verify_scroll(files, &ledger, key.public(), &"console".parse().unwrap(), &[]).0.verdict()
}

/// Only the scroll, as the scene has it.
fn scroll_alone() -> MemoryFiles {
    let mut files = MemoryFiles::new();
    for name in [EVENTS, ROOT] {
        files.put(name.parse().unwrap(), fs::read(Scene::shared().place.vault.join(name)).unwrap());
    }
    assert_eq!(scroll_verdict(&files), Verdict::Verified);
    files
}

#[test]
fn a_scroll_verifies_with_the_database_deleted() {
    let copy = Scene::shared().copy();
    fs::remove_file(copy.path("ledger.db")).unwrap();
    let ledger = LedgerId::parse(copy.scene.key.name().trim_start_matches("vaultmesh/")).unwrap();
    let files = VaultDir::open(&copy.place.vault).unwrap();
    let public = copy.scene.key.public();
    let (report, verified) = verify_scroll(&files, &ledger, public, &"console".parse().unwrap(), &[]);
    assert_eq!((report.verdict(), verified.is_some()), (Verdict::Verified, true));
}

#[test]
fn a_scroll_truncated_at_any_byte_is_never_verified() {
    let scene = Scene::shared();
    let mut alone = scroll_alone();
    for name in [EVENTS, ROOT] {
        let path = name.parse().unwrap();
        let whole = alone.content(&path).unwrap().to_vec();
        let copy = scene.copy();
        for len in 0..whole.len() {
            alone.put(name.parse().unwrap(), whole[..len].to_vec());
            assert_ne!(scroll_verdict(&alone), Verdict::Verified, "{name} {len}");
            if len % 37 == 0 || len + 1 == whole.len() {
                fs::write(copy.path(name), &whole[..len]).unwrap();
                assert_ne!(copy.verify().verdict, Verdict::Verified, "{name} {len}");
            }
        }
        alone.put(path, whole);
    }
}

#[test]
fn every_flipped_bit_of_a_scroll_and_its_root_is_found() {
    let scene = Scene::shared();
    let mut alone = scroll_alone();
    for name in [EVENTS, ROOT] {
        let path = name.parse().unwrap();
        let whole = alone.content(&path).unwrap().to_vec();
        let copy = scene.copy();
        for (bit, flipped) in flips(&whole) {
            alone.put(name.parse().unwrap(), flipped.clone());
            assert_eq!(scroll_verdict(&alone), Verdict::Contradicted, "{name} {bit}");
            if bit % 211 == 0 {
                fs::write(copy.path(name), &flipped).unwrap();
                assert_eq!(copy.verify().verdict, Verdict::Contradicted, "{name} {bit}");
            }
        }
        alone.put(path, whole);
    }
}

#[test]
fn roots_and_scrolls_of_different_times_do_not_go_together() {
    let copy = Scene::shared().copy();
    let mut vault = fixture::reopen(&copy.place, 17);
    let console = "console".parse().unwrap();
    let mut times = Vec::new();
    let read = |name: &str| fs::read(copy.path(name)).unwrap();
    for n in 0..4 {
        times.push((read(EVENTS), read(ROOT)));
        let event = serde_json::json!({"kind": "more", "n": n});
        vault.scroll(&console, &[event], &vaultmesh::vault::Common::default()).unwrap();
    }
    let mut alone = scroll_alone();
    for (at, (_, root)) in times.iter().enumerate() {
        for (of, (events, _)) in times.iter().enumerate() {
            alone.put(EVENTS.parse().unwrap(), events.clone());
            alone.put(ROOT.parse().unwrap(), root.clone());
            let expected = match of.cmp(&at) {
                std::cmp::Ordering::Equal => Verdict::Verified,
                std::cmp::Ordering::Less => Verdict::Contradicted,
                std::cmp::Ordering::Greater => Verdict::Undecided,
            };
            assert_eq!(scroll_verdict(&alone), expected, "root {at}, lines {of}");
        }
    }
}

#[test]
fn lines_that_nobody_signed_are_undecided_and_what_seals_recorded_is_not_cut() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let mut events = fs::read(copy.path(EVENTS)).unwrap();
    let whole = events.clone();
    events.extend_from_slice(b"{\"kind\":\"forged\"}\n");
    fs::write(copy.path(EVENTS), &events).unwrap();
    copy.is_undecided(&scene.outside(), &[Code::ScrollUnsignedTail], "a whole line more");
    fs::write(copy.path(EVENTS), [whole.as_slice(), b"{\"kind\""].concat()).unwrap();
    copy.is_undecided(&scene.outside(), &[Code::ScrollUnsignedTail], "a torn line more");
    fs::write(copy.path(EVENTS), [whole.as_slice(), b"{ \"kind\":1}\n"].concat()).unwrap();
    // Nobody signed it, and a power loss leaves such lines too: a hole between whole ones.
    copy.is_undecided(&scene.outside(), &[Code::ScrollUnsignedTail], "a line more that is not canonical");
    // The whole scroll goes back to nothing: the seals remember it.
    fs::remove_dir_all(copy.path("receipts/console")).unwrap();
    copy.contradicts(Code::TailCut, "a scroll that is gone");
    // The scroll of another engine in its place.
    copy_folder(&copy.path("receipts/guard-1"), &copy.path("receipts/console"));
    fs::rename(copy.path("receipts/console/ROOT.guard-1.txt"), copy.path(ROOT)).unwrap();
    copy.contradicts(Code::CheckpointInvalid, "the scroll of another engine");
}

#[test]
fn lines_after_the_anchored_seal_are_unsealed() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let mut vault = fixture::reopen(&copy.place, 19);
    let event = serde_json::json!({"kind": "late"});
    vault.scroll(&"console".parse().unwrap(), &[event], &vaultmesh::vault::Common::default()).unwrap();
    drop(vault);
    copy.is_undecided(&scene.outside(), &[Code::RowsUnsealed], "a signed line that no seal covers");
}

#[test]
fn every_flipped_bit_of_a_seal_bundle_is_contradicted() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let reader = Reader::open(&scene.place).unwrap();
    let name = scene.seals[1].path.to_string();
    let whole = fs::read(copy.path(&name)).unwrap();
    let mut parsed = 0;
    for (bit, flipped) in flips(&whole) {
        if let Ok(bundle) = SealBundle::parse(&flipped) {
            parsed += 1;
            let alone = verify_bundle_alone(&bundle, Some(&scene.key)).verdict();
            assert_eq!(alone, Verdict::Contradicted, "bit {bit}");
            if bit % 23 == 0 {
                let unpinned = verify_seal(&bundle, reader.view(), Some(reader.files()), None).0.verdict();
                assert_eq!(unpinned, Verdict::Contradicted, "bit {bit}, without a pinned key");
            }
        }
        if bit % 499 == 0 {
            fs::write(copy.path(&name), &flipped).unwrap();
            copy.contradicts(Code::ArtifactAltered, &format!("bit {bit}"));
        }
    }
    assert!(parsed > 1_000, "only {parsed} flips still read as bundles");
}

#[test]
fn bundles_and_tokens_in_the_place_of_others_are_contradicted() {
    let scene = Scene::shared();
    let [one, other] = scene.seals.each_ref().map(|seal| seal.path.to_string());
    let swap = |copy: &Copied<'_>, one: &str, other: &str| {
        let aside = copy.dir().join("aside");
        fs::rename(copy.path(one), &aside).unwrap();
        fs::rename(copy.path(other), copy.path(one)).unwrap();
        fs::rename(aside, copy.path(other)).unwrap();
    };
    let copy = scene.copy();
    fs::copy(copy.path(&other), copy.path(&one)).unwrap();
    copy.contradicts(Code::ArtifactAltered, "one bundle twice");
    copy.contradicts(Code::SealAltered, "one bundle twice");
    let copy = scene.copy();
    swap(&copy, &one, &other);
    copy.contradicts(Code::ArtifactAltered, "two bundles swapped");
    let copy = scene.copy();
    let [one, other] = scene.seals.each_ref().map(|seal| format!("anchors/{}/0.tst", seal.seal_id));
    swap(&copy, &one, &other);
    copy.contradicts(Code::ArtifactAltered, "two tokens swapped");
    copy.contradicts(Code::AnchorInvalid, "two tokens swapped");
}

#[test]
fn a_vault_without_seals_or_anchors_is_undecided() {
    let dir = fixture::folder();
    let place = fixture::place(dir.path());
    let mut vault = Vault::init(&place, fixture::sources(21)).unwrap().vault;
    let verify = |vault: &Vault| {
        let reader = Reader::open(&place).unwrap();
        let (key, head) = (Some(vault.note_key().clone()), Some(reader.head().unwrap()));
        let answer = verify_vault(
            &reader,
            &Outside { key, head, trust: Some(vault.trust_file().unwrap()), ..Outside::default() },
            later(),
        )
        .unwrap();
        (answer.verdict, codes(&answer))
    };
    let undecided = |codes: &[Code]| (Verdict::Undecided, codes.iter().copied().collect());
    assert_eq!(verify(&vault), undecided(&[Code::SealMissing]), "a new vault");
    fixture::record_everything(&mut vault, dir.path());
    assert_eq!(verify(&vault), undecided(&[Code::SealMissing, Code::RowsUnsealed]), "no seal");
    let seal = vault.seal(vm_seal::selection::Selection::everything()).unwrap();
    assert_eq!(verify(&vault), undecided(&[Code::SealUnanchored, Code::RowsUnsealed]), "no anchor");
    vault.anchor_local(seal.seal_id).unwrap();
    assert_eq!(verify(&vault).0, Verdict::Verified);
    fixture::record_one(&mut vault, RecordInput::Tool(fixture::tool("late")));
    assert_eq!(verify(&vault), undecided(&[Code::RowsUnsealed]), "a row after the anchored seal");
    vault.seal(vm_seal::selection::Selection::everything()).unwrap();
    assert_eq!(verify(&vault), undecided(&[Code::SealUnanchored, Code::RowsUnsealed]), "a second seal, no anchor");
}

#[test]
fn what_the_verifier_does_not_bring_is_named() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let all = scene.outside();
    let keyless = vaultmesh::trust::TrustFile::new(None, scene.trust.authorities.clone());
    let outside = Outside { key: None, trust: Some(keyless), ..all.clone() };
    copy.is_undecided(&outside, &[Code::NoTrustKey], "no key");
    copy.is_undecided(&Outside { head: None, ..all.clone() }, &[Code::RollbackNotExcluded], "no head");
    let expected = [Code::NoTrustRoot, Code::SealUnanchored, Code::RowsUnsealed];
    copy.is_undecided(&Outside { trust: None, ..all.clone() }, &expected, "no trust file");
    // The key may come with the trust file.
    assert_eq!(copy.verify_with(&Outside { key: None, ..all.clone() }).verdict, Verdict::Verified);
    let distrusted = scene.trust.authorities.iter().map(|authority| authority.clone().accept(false)).collect();
    let trust = Some(vaultmesh::trust::TrustFile::new(None, distrusted));
    let expected = [Code::SealUnanchored, Code::RowsUnsealed];
    copy.is_undecided(&Outside { trust, ..all }, &expected, "an authority that is known and does not count");
}

#[test]
fn another_key_and_another_head_are_contradicted() {
    let scene = Scene::shared();
    let other = Scene::make(4);
    let copy = scene.copy();
    let outside = Outside { key: Some(other.key.clone()), ..scene.outside() };
    assert_eq!(copy.verify_with(&outside).verdict, Verdict::Contradicted);
    let same_name = vm_core::key::NoteKey::new(scene.key.name(), other.key.public()).unwrap();
    let outside = Outside { key: Some(same_name), ..scene.outside() };
    assert_eq!(copy.verify_with(&outside).verdict, Verdict::Contradicted);
    let outside = Outside { head: Some(other.head), ..scene.outside() };
    assert_eq!(copy.verify_with(&outside).verdict, Verdict::Contradicted);
}
