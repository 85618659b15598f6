//! The schema gate: what stands in the file must be what the migrations make, object by object.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use vm_core::record::{SCHEMA, SchemaVersion};

use crate::error::LedgerError;
use crate::migration::{self, APPLICATION_ID, MIGRATIONS};

/// Most faults named one by one; a file made to exhaust memory gets no further.
const FAULTS_MAX: usize = 100;
/// Most schema objects read: a sane file has about fifty; many more are a foreign file, and the first of them are named.
const OBJECTS_MAX: u32 = 1_000;

/// Type and name of a schema object, with the table it belongs to and the text that made it.
type Objects = BTreeMap<(String, String), (String, Option<String>)>;

/// The file's schema version.
///
/// # Errors
/// [`LedgerError::NotALedger`] where the file is another application's or empty, [`LedgerError::NewerSchema`] where a
/// later release wrote it.
pub(crate) fn version(conn: &Connection) -> Result<SchemaVersion, LedgerError> {
    let application: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found = migration::user_version(conn)?;
    if found == 0 {
        return Err(LedgerError::NotALedger { reason: "it holds no schema" });
    }
    if application != APPLICATION_ID {
        return Err(LedgerError::NotALedger { reason: "it belongs to another application" });
    }
    match u32::try_from(found) {
        Ok(number) if (1..=SCHEMA.number()).contains(&number) => Ok(SchemaVersion::new(number)),
        _ => Err(LedgerError::NewerSchema { found, supported: SCHEMA }),
    }
}

/// Differences between the file's schema and that of the migrations up to `version`, each by name.
pub(crate) fn faults(conn: &Connection, version: SchemaVersion) -> Result<Vec<String>, LedgerError> {
    let expected = expected(version)?;
    let found = objects(conn)?;
    let mut faults = Vec::new();
    for ((kind, name), object) in &found {
        match expected.get(&(kind.clone(), name.clone())) {
            None => faults.push(format!("foreign {kind} {name:?}")),
            Some(wanted) if wanted != object => faults.push(format!("{kind} {name:?} was changed")),
            Some(_) => {}
        }
    }
    for (kind, name) in expected.keys() {
        if !found.contains_key(&(kind.clone(), name.clone())) {
            faults.push(format!("{kind} {name:?} is missing"));
        }
    }
    if faults.is_empty() {
        migration_faults(conn, version, &mut faults)?;
    }
    faults.truncate(FAULTS_MAX);
    Ok(faults)
}

/// The schema objects of a database in memory, made by the same migrations; made once a process for each version, since a
/// ledger is opened anew for every look at it, and this was the most of what that cost.
fn expected(version: SchemaVersion) -> Result<Arc<Objects>, LedgerError> {
    static MADE: Mutex<BTreeMap<u32, Arc<Objects>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = made.get(&version.number()) {
        return Ok(Arc::clone(known));
    }
    let conn = Connection::open_in_memory()?;
    migration::apply(&conn, 0, version.number())?;
    let new = Arc::new(objects(&conn)?);
    made.insert(version.number(), Arc::clone(&new));
    Ok(new)
}

fn objects(conn: &Connection) -> Result<Objects, LedgerError> {
    let mut statement = conn.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema LIMIT ?1")?;
    let rows = statement.query_map([OBJECTS_MAX], |row| {
        let text = |at| row.get_ref(at).map(|value| value.as_str().unwrap_or("?").to_owned());
        let sql = row.get_ref(3)?.as_str().ok().map(str::to_owned);
        Ok(((text(0)?, text(1)?), (text(2)?, sql)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The written record of the migrations against the files of this build.
fn migration_faults(conn: &Connection, version: SchemaVersion, faults: &mut Vec<String>) -> Result<(), LedgerError> {
    let mut statement = conn.prepare("SELECT version, file, sha256 FROM schema_migrations ORDER BY version")?;
    let mut rows = statement.query([])?;
    let mut seen: u32 = 0;
    while let Some(row) = rows.next()? {
        let (number, file): (i64, String) = (row.get(0)?, row.get(1)?);
        let known = MIGRATIONS.iter().find(|migration| i64::from(migration.version) == number);
        let sha256 = row.get_ref(2)?.as_blob().unwrap_or_default();
        if !known.is_some_and(|known| known.file == file && known.sha256().as_bytes() == sha256) {
            faults.push(format!("migration {number} is recorded as {file:?} with another text"));
        }
        seen += 1;
    }
    if seen != version.number() {
        faults.push(format!("{seen} migrations are recorded for schema {version}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vm_core::record::{CellKind, Table};

    fn fresh() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        migration::apply(&conn, 0, SCHEMA.number()).unwrap();
        conn
    }

    #[test]
    fn columns_are_those_of_the_record_types() {
        let conn = fresh();
        for table in Table::ALL {
            let mut statement =
                conn.prepare(&format!("SELECT name, type, \"notnull\" FROM pragma_table_info('{table}')")).unwrap();
            let found: Vec<(String, String, bool)> = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let kind = |kind| match kind {
                CellKind::Integer => "INTEGER",
                CellKind::Real => "REAL",
                CellKind::Text => "TEXT",
                CellKind::Blob => "BLOB",
            };
            let wanted: Vec<_> = table
                .columns(SCHEMA)
                .unwrap()
                .iter()
                .map(|column| (column.name.to_owned(), kind(column.kind).to_owned(), !column.nullable))
                .collect();
            assert_eq!(found, wanted, "{table}");
        }
    }

    #[test]
    fn evidence_tables_are_those_of_the_record_types_and_all_tables_are_strict() {
        let conn = fresh();
        let mut statement = conn
            .prepare(
                "SELECT name FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND strict = 1",
            )
            .unwrap();
        let found: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let books = ["schema_migrations", "log", "tiles", "checkpoints", "openings", "idempotency", "permit_uses"];
        let mut wanted: Vec<String> = books.map(str::to_owned).to_vec();
        wanted.extend(Table::ALL.map(|table| table.to_string()));
        wanted.sort();
        let mut found = found;
        found.sort();
        assert_eq!(found, wanted);
    }

    #[test]
    fn every_table_has_its_triggers() {
        let conn = fresh();
        let objects = objects(&conn).unwrap();
        for (kind, table) in objects.keys().filter(|(kind, _)| kind == "table") {
            let _ = kind;
            for guard in ["no_update", "no_delete", "no_replace"] {
                let name = format!("{table}_{guard}");
                let erasable = table == "openings" && guard == "no_delete";
                assert_eq!(objects.contains_key(&("trigger".to_owned(), name.clone())), !erasable, "{name}");
            }
        }
    }

    #[test]
    fn each_change_is_named() {
        for (sql, fault) in [
            ("DROP TRIGGER log_no_update", "trigger \"log_no_update\" is missing"),
            ("DROP INDEX mcp_calls_ts", "index \"mcp_calls_ts\" is missing"),
            ("CREATE VIEW v AS SELECT 1", "foreign view \"v\""),
            ("CREATE TABLE t (x)", "foreign table \"t\""),
            ("CREATE TRIGGER t AFTER INSERT ON log BEGIN SELECT 1; END", "foreign trigger \"t\""),
            ("ALTER TABLE mcp_calls ADD COLUMN extra TEXT", "table \"mcp_calls\" was changed"),
            (
                "INSERT INTO schema_migrations VALUES (4, 'x', x'')",
                "migration 4 is recorded as \"x\" with another text",
            ),
        ] {
            let conn = fresh();
            assert!(faults(&conn, SCHEMA).unwrap().is_empty());
            conn.execute_batch(sql).unwrap();
            let found = faults(&conn, SCHEMA).unwrap();
            assert!(found.contains(&fault.to_owned()), "{sql}: {found:?}");
        }
    }

    #[test]
    fn other_files_and_newer_schemas_are_refused() {
        let empty = Connection::open_in_memory().unwrap();
        assert_eq!(version(&empty).unwrap_err().code(), "ledger-not-a-ledger");
        let conn = fresh();
        assert_eq!(version(&conn).unwrap(), SCHEMA);
        conn.pragma_update(None, "user_version", 4).unwrap();
        assert_eq!(version(&conn).unwrap_err().code(), "ledger-newer-schema");
        conn.pragma_update(None, "application_id", 1).unwrap();
        assert_eq!(version(&conn).unwrap_err().code(), "ledger-not-a-ledger");
    }
}
