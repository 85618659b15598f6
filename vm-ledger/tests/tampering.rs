//! What the file itself refuses, and what is told of a file that was changed anyway.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use common::{Fixture, access, now, permit};
use rusqlite::types::Value as SqlValue;
use vm_core::capability::act;
use vm_core::record::{SCHEMA, Table};
use vm_core::view::{EvidenceView, RowFilter, RowScope, RowState, StoredEntry, Visit};
use vm_ledger::{Ledger, Snapshot};

const BOOKS: [&str; 6] = ["log", "tiles", "checkpoints", "idempotency", "permit_uses", "schema_migrations"];

/// A ledger with something in every table.
fn full() -> Fixture {
    use vm_core::key::BlindKey;
    let mut fixture = Fixture::new();
    let blind = BlindKey::from_bytes([5; 32]);
    let limits = || common::Limits { uses: Some(9), ..common::Limits::default() };
    fixture.issue(limits());
    let permit = common::permit_with::<act::Record>(fixture.id(), limits(), Some(1));
    let mut drafts = fixture.maker.each();
    let keyed = fixture.maker.tool("x").with_idempotency(blind.blind("k", b"1"), blind.blind("f", b"1"));
    drafts.push(keyed);
    drafts.extend((0..298).map(|_| fixture.maker.artifact("report", None)));
    fixture.ledger.append(&permit, drafts, now()).unwrap();
    fixture
}

fn tables() -> Vec<String> {
    Table::ALL.iter().map(ToString::to_string).chain(BOOKS.map(str::to_owned)).chain(["openings".to_owned()]).collect()
}

/// Columns of a table, by the file.
fn columns(conn: &rusqlite::Connection, table: &str) -> Vec<String> {
    let mut statement = conn.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
    statement.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn triggers_hold_through_any_connection() {
    let fixture = full();
    let conn = fixture.raw();
    for table in tables() {
        let count =
            || -> i64 { conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap() };
        let before = count();
        assert!(before > 0, "{table} is empty, so nothing was tried");
        for column in columns(&conn, &table) {
            let error = conn.execute(&format!("UPDATE {table} SET {column} = {column}"), []).unwrap_err();
            assert!(error.to_string().contains("append-only"), "{table}.{column}: {error}");
        }
        if table != "openings" {
            let error = conn.execute(&format!("DELETE FROM {table}"), []).unwrap_err();
            assert!(error.to_string().contains("append-only"), "{table}: {error}");
        }
        for verb in ["INSERT", "INSERT OR REPLACE", "REPLACE"] {
            let error = conn.execute(&format!("{verb} INTO {table} SELECT * FROM {table} LIMIT 1"), []).unwrap_err();
            assert!(error.to_string().contains("key exists"), "{verb} {table}: {error}");
        }
        // Nor by the hidden row number, under another key.
        let sql: String =
            conn.query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [&table], |row| row.get(0)).unwrap();
        let integer_key = ["log", "checkpoints", "schema_migrations"].contains(&table.as_str());
        if !sql.contains("WITHOUT ROWID") && !integer_key {
            let names = columns(&conn, &table);
            let values: Vec<String> = names
                .iter()
                .map(|name| match name.as_str() {
                    "id" | "row_id" => "randomblob(16)".to_owned(),
                    "idx" => "77".to_owned(),
                    other => other.to_owned(),
                })
                .collect();
            let sql = format!(
                "INSERT OR REPLACE INTO {table} (rowid, {}) SELECT rowid, {} FROM {table} LIMIT 1",
                names.join(", "),
                values.join(", ")
            );
            let error = conn.execute(&sql, []).unwrap_err();
            assert!(error.to_string().contains("key exists"), "rowid of {table}: {error}");
        }
        assert_eq!(count(), before, "{table}");
    }
    assert!(conn.execute("INSERT INTO tool_invocations (id) VALUES ('text')", []).is_err());
}

#[test]
fn a_writer_refuses_a_changed_schema_by_name_and_a_reader_reports_it() {
    for (sql, name) in [
        ("DROP TRIGGER mcp_calls_no_update", "mcp_calls_no_update"),
        ("DROP INDEX proof_artifacts_ts", "proof_artifacts_ts"),
        ("CREATE TABLE sneaky (x)", "sneaky"),
        ("CREATE VIEW peek AS SELECT * FROM log", "peek"),
        ("CREATE TRIGGER quiet AFTER INSERT ON log BEGIN SELECT 1; END", "quiet"),
        ("CREATE INDEX extra ON log (leaf)", "extra"),
        ("ALTER TABLE shadow_receipts ADD COLUMN note TEXT", "shadow_receipts"),
        ("DROP TABLE shadow_receipts", "shadow_receipts"),
        (
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, ' STRICT', '') WHERE name = 'log'",
            "log",
        ),
    ] {
        let fixture = full();
        let vault = fixture.path();
        fixture.raw().execute_batch(sql).unwrap();
        let error = Ledger::open(&vault, access(1)).unwrap_err();
        assert_eq!((error.code(), error.is_machine()), ("ledger-schema-altered", false), "{sql}");
        assert!(error.to_string().contains(name), "{error}");
        let snapshot = Ledger::open_read(&vault).unwrap();
        assert!(snapshot.schema_faults().iter().any(|fault| fault.contains(name)), "{sql}");
        assert_eq!(snapshot.size().unwrap(), 308);
        // Also a writer that was open all along; but one that SQLite was not told of changes nothing for it.
        if sql.contains("writable_schema") {
            continue;
        }
        let Fixture { mut ledger, mut maker, dir } = fixture;
        let permit = permit::<act::Record>(ledger.id());
        let error = ledger.append(&permit, vec![maker.tool("x")], now()).unwrap_err();
        assert_eq!(error.code(), "ledger-schema-altered", "{sql}");
        drop(dir);
    }
}

#[test]
fn newer_foreign_and_broken_files_are_told_apart() {
    let open = |fixture: &Fixture| {
        let path = fixture.path();
        let codes = [
            Ledger::open(&path, access(1)).map(drop).unwrap_err().code(),
            Ledger::open_read(&path).map(drop).unwrap_err().code(),
        ];
        assert_eq!(codes[0], codes[1]);
        codes[0]
    };
    let fixture = full();
    fixture.raw().pragma_update(None, "user_version", 4).unwrap();
    assert_eq!(open(&fixture), "ledger-newer-schema");
    assert!(Ledger::open_read(&fixture.path()).unwrap_err().to_string().contains("schema 4"));
    let fixture = full();
    fixture.raw().pragma_update(None, "application_id", 7).unwrap();
    assert_eq!(open(&fixture), "ledger-not-a-ledger");
    let fixture = full();
    let path = fixture.path();
    for side in ["ledger.db-wal", "ledger.db-shm"] {
        let _gone = std::fs::remove_file(path.join(side));
    }
    std::fs::write(path.join("ledger.db"), b"this is no database, whatever its name says").unwrap();
    assert_eq!(open(&fixture), "store-not-a-database");
    std::fs::remove_file(path.join("ledger.db")).unwrap();
    std::os::unix::fs::symlink("/dev/null", path.join("ledger.db")).unwrap();
    assert!(Ledger::open_read(&path).is_err());
}

#[test]
fn nothing_more_is_signed_over_a_log_that_was_changed() {
    for sql in [
        "DROP TRIGGER log_no_update; UPDATE log SET leaf = randomblob(32) WHERE seq = 302",
        "DROP TRIGGER log_no_delete; DELETE FROM log WHERE seq = 307",
        "DROP TRIGGER log_no_delete; DELETE FROM log WHERE seq = 301",
        "DROP TRIGGER checkpoints_no_delete; DELETE FROM checkpoints WHERE size > 1",
        "DROP TRIGGER checkpoints_no_delete; DELETE FROM checkpoints",
        "DROP TRIGGER checkpoints_no_update; UPDATE checkpoints SET note = replace(note, '308', '309')",
        "DROP TRIGGER tiles_no_update; UPDATE tiles SET root = randomblob(32)",
        "INSERT INTO log VALUES (308, 1, randomblob(16), 3, randomblob(32))",
        "DROP TRIGGER tool_invocations_no_update; SELECT 1",
    ] {
        let fixture = full();
        let vault = fixture.path();
        {
            let conn = fixture.raw();
            let triggers: Vec<String> = {
                let mut statement = conn.prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger'").unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            };
            conn.execute_batch(sql).unwrap();
            // A careful attacker puts the triggers back.
            for trigger in triggers {
                let _exists = conn.execute_batch(&trigger);
            }
        }
        let harmless = sql.contains("tool_invocations");
        let Fixture { ledger, mut maker, dir } = fixture;
        let permit = permit::<act::Record>(ledger.id());
        for writer in [Ok(ledger), Ledger::open(&vault, access(1))] {
            match writer.and_then(|mut writer| writer.append(&permit, vec![maker.tool("x")], now())) {
                Ok(_) => assert!(harmless, "{sql}"),
                Err(error) => {
                    assert!(!harmless, "{sql}: {error}");
                    assert!(
                        ["ledger-log-altered", "checkpoint-note"].contains(&error.code()),
                        "{sql}: {}",
                        error.code()
                    );
                }
            }
        }
        drop(dir);
    }
}

#[test]
fn an_altered_genesis_row_opens_nothing() {
    let fixture = full();
    let sql = "DROP TRIGGER proof_artifacts_no_update; \
               UPDATE proof_artifacts SET meta_json = replace(meta_json, 'vm-genesis-v0', 'vm-genesis-v1') WHERE kind = 'vm-genesis'";
    let trigger: String = fixture
        .raw()
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'proof_artifacts_no_update'", [], |row| row.get(0))
        .unwrap();
    fixture.raw().execute_batch(&format!("{sql}; {trigger}")).unwrap();
    assert_eq!(Ledger::open(&fixture.path(), access(1)).unwrap_err().code(), "ledger-genesis");
    assert_eq!(Ledger::open_read(&fixture.path()).unwrap().genesis().unwrap_err().code(), "ledger-genesis");
}

/// What a pass over the log says of a row.
fn state_of(snapshot: &Snapshot, id: &[u8]) -> RowState {
    let mut found = None;
    snapshot
        .visit_log(0, u64::MAX, &mut |entry, state| {
            if matches!(&entry, StoredEntry::Entry(entry) if entry.row_id.as_bytes() == id) {
                found = Some(state);
            }
            Ok(Visit::Continue)
        })
        .unwrap();
    found.unwrap()
}

#[test]
fn every_changed_cell_of_every_table_is_seen() {
    for table in Table::ALL {
        for column in table.columns(SCHEMA).unwrap() {
            for value in [
                SqlValue::Null,
                SqlValue::Integer(42),
                SqlValue::Real(0.125),
                SqlValue::Text("changed".into()),
                SqlValue::Text("\u{0}".into()),
                SqlValue::Blob(vec![0xff; 16]),
                SqlValue::Blob(vec![1]),
            ] {
                let mut fixture = Fixture::new();
                let drafts = fixture.maker.each();
                let appended = fixture.append(drafts);
                let row = appended.iter().find(|row| row.table == table).unwrap();
                let id = row.row_id.as_bytes().as_slice();
                let conn = fixture.raw();
                // The table again without rules, under its own name.
                conn.execute_batch(&format!(
                    "CREATE TABLE loose AS SELECT * FROM {table}; DROP TABLE {table}; ALTER TABLE loose RENAME TO {table}"
                ))
                .unwrap();
                let name = column.name;
                let same: bool = conn
                    .query_row(&format!("SELECT {name} IS ?1 FROM {table} WHERE id = ?2"), (&value, id), |row| {
                        row.get(0)
                    })
                    .unwrap();
                if same {
                    continue;
                }
                conn.execute(&format!("UPDATE {table} SET {name} = ?1 WHERE id = ?2"), (&value, id)).unwrap();
                let snapshot = Ledger::open_read(&fixture.path()).unwrap();
                assert!(!snapshot.schema_faults().is_empty());
                match state_of(&snapshot, id) {
                    RowState::Present(found) => {
                        assert_ne!(found.leaf_hash().ok(), Some(row.leaf), "{table}.{name} {value:?}");
                    }
                    RowState::Malformed { column } => assert_eq!(column, name, "{value:?}"),
                    _ => assert_eq!(name, "id", "{table} {value:?}"),
                }
                if name == "id" {
                    let mut unlogged = 0;
                    snapshot
                        .visit_unlogged(&mut |found, _| {
                            assert_eq!(found, table);
                            unlogged += 1;
                            Ok(Visit::Continue)
                        })
                        .unwrap();
                    assert_eq!(unlogged, 1, "{table} {value:?}");
                }
            }
        }
    }
}

#[test]
fn deleted_inserted_and_doubled_rows_are_seen() {
    for table in Table::ALL {
        let mut fixture = Fixture::new();
        let drafts = fixture.maker.each();
        let appended = fixture.append(drafts);
        let row = appended.iter().find(|row| row.table == table).unwrap();
        let id = row.row_id.as_bytes().as_slice();
        let conn = fixture.raw();
        let unlogged = || {
            let mut found = Vec::new();
            let snapshot = Ledger::open_read(&fixture.path()).unwrap();
            snapshot
                .visit_unlogged(&mut |table, id| {
                    found.push((table, id));
                    Ok(Visit::Continue)
                })
                .unwrap();
            found
        };
        conn.execute_batch(&format!(
            "CREATE TABLE loose AS SELECT * FROM {table}; DROP TABLE {table}; ALTER TABLE loose RENAME TO {table}"
        ))
        .unwrap();
        assert_eq!(unlogged(), []);
        conn.execute(&format!("INSERT INTO {table} SELECT * FROM {table} WHERE id = ?1"), [id]).unwrap();
        assert_eq!(unlogged(), [(table, id.to_vec())], "doubled");
        conn.execute(&format!("DELETE FROM {table}"), []).unwrap();
        assert_eq!(state_of(&Ledger::open_read(&fixture.path()).unwrap(), id), RowState::Missing);
        conn.execute(&format!("INSERT INTO {table} (id) VALUES (x'00')"), []).unwrap();
        assert_eq!(unlogged(), [(table, vec![0])], "inserted");
        conn.execute_batch(&format!("DROP TABLE {table}")).unwrap();
        let snapshot = Ledger::open_read(&fixture.path()).unwrap();
        assert_eq!(state_of(&snapshot, id), RowState::Missing);
        let filter = RowFilter { tables: vec![table], scope: RowScope::Window { since: None, until: None }, as_of: 99 };
        assert!(snapshot.visit_matching(&filter, &mut |_, _| Ok(Visit::Continue)).is_err());
        assert!(Ledger::open_read(&fixture.path()).unwrap().size().is_ok());
        conn.execute_batch("DROP TABLE log").unwrap();
        assert_eq!(Ledger::open_read(&fixture.path()).unwrap_err().code(), "ledger-schema-altered");
    }
}

#[test]
fn log_entries_out_of_shape_are_named_by_place() {
    let fixture = full();
    let conn = fixture.raw();
    conn.execute_batch(
        "CREATE TABLE loose (seq INTEGER PRIMARY KEY, tbl, row_id, schema, leaf); INSERT INTO loose SELECT * FROM log; \
         DROP TABLE log; ALTER TABLE loose RENAME TO log; UPDATE log SET tbl = 9 WHERE seq = 3; \
         UPDATE log SET row_id = x'01' WHERE seq = 5; UPDATE log SET leaf = 'text' WHERE seq = 7; \
         UPDATE log SET schema = -1 WHERE seq = 9; UPDATE log SET schema = 77 WHERE seq = 11",
    )
    .unwrap();
    let snapshot = Ledger::open_read(&fixture.path()).unwrap();
    let mut malformed = Vec::new();
    snapshot
        .visit_log(0, u64::MAX, &mut |entry, state| {
            match entry {
                StoredEntry::Malformed { seq } => malformed.push(seq),
                StoredEntry::Entry(entry) if entry.seq == 11 => {
                    assert_eq!(state, RowState::Malformed { column: "schema".to_owned() });
                }
                StoredEntry::Entry(_) => assert!(matches!(state, RowState::Present(_))),
            }
            Ok(Visit::Continue)
        })
        .unwrap();
    assert_eq!(malformed, [3, 5, 7, 9]);
}

#[test]
fn a_vault_on_a_medium_without_side_files_is_read() {
    let fixture = full();
    let Fixture { ledger, dir, .. } = fixture;
    drop(ledger);
    let copy = dir.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(dir.path().join("vault/ledger.db"), copy.join("ledger.db")).unwrap();
    let snapshot = Ledger::open_read(&copy).unwrap();
    assert_eq!(snapshot.size().unwrap(), 308);
}
